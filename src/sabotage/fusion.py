"""Replaying fusion: from a panel and a rule to evidence, weights and decisions."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from sabotage.errors import SabotageError
from sabotage.kernels import fusing
from sabotage.panel import Panel
from sabotage.rules import Rule, default_rule, find_rule, require

CLIP = 1e-6  # log scores are taken of max(p, CLIP)
TEMPERATURE = 1.0  # of softmax_gate
LARGEST_SUM = 2.0**1000

_WEIGHT_KINDS = {
    "equal": fusing.EQUAL,
    "reliability": fusing.RAW,
    "confidence": fusing.RAW,
    "softmax": fusing.SOFTMAX,
}


@dataclass(frozen=True, eq=False, repr=False)
class Decision:
    """One decision an example, and how sure its scores are of it.

    Attributes
    ----------
    source : {"replayed", "recorded"}
    rule : str or None
        None for a recorded decision.
    labels : ndarray of shape (n,), int32
        -1: an abstention, or a recorded decision that is missing.
    truth_rank : ndarray of shape (n,), int32, or None
        How many classes stand before the truth (equal scores in class order); C where the truth cannot count (an
        abstention, or no candidate). None where there are no scores.
    tied : ndarray of shape (n,), bool, or None
        Whether another class could have been decided for.
    winnable : ndarray of shape (n,), bool, or None
        Whether the truth is among the tied.
    scores : ndarray of shape (n, C), or None
        Fused scores, kept on request.
    """

    source: str
    rule: str | None
    labels: np.ndarray
    truth_rank: np.ndarray | None
    tied: np.ndarray | None
    winnable: np.ndarray | None
    scores: np.ndarray | None = None

    def hits(self, truth: np.ndarray, top: int = 0) -> np.ndarray:
        """Whether the truth (n,) was decided for, or with `top` > 0 covered by that many best classes: (n,) bool."""
        if top == 0:
            return self.labels == truth
        assert self.truth_rank is not None  # a replayed decision has ranks
        return self.truth_rank < top

    def count(self, n_classes: int) -> np.ndarray:
        """Count the decisions by class: ndarray of shape (C,), int64."""
        return np.bincount(self.labels[self.labels >= 0], minlength=n_classes)

    def __repr__(self) -> str:
        none = int(np.count_nonzero(self.labels < 0))
        return f"Decision({self.source}, rule={self.rule}, {len(self.labels):,} examples, {none:,} without one)"


@dataclass(frozen=True, eq=False)
class Replay:
    """A rule made ready for one panel: what the kernels take.

    `spoken` (n, M) int32 is the label of every agent that the rule can use, -1 of the others; `evidence` (n, M, C) is
    the panel's own array where the rule combines plain scores, or (1, 1, C) where the labels are the evidence.
    """

    panel: Panel
    rule: Rule
    clip: float
    temperature: float
    evidence: np.ndarray
    spoken: np.ndarray

    @property
    def kind(self) -> int:
        """How the kernels combine."""
        if self.rule.selects:
            return fusing.SELECT
        return fusing.VOTE if self.rule.evidence == "votes" else fusing.SUM

    @property
    def is_linear(self) -> bool:
        """Whether a score is a sum over agents of weight times evidence, however the weights come about."""
        return not self.rule.selects

    @cached_property
    def overflow(self) -> str | None:
        """Why score sums could leave float64, where they could: two that are both infinite would tie."""
        if not self.is_linear:
            return None
        weight = max(1.0, float(self.weights.max(initial=0.0)))
        evidence = 1.0
        if self.kind != fusing.VOTE:
            parts = (np.abs(self.evidence[rows]) for rows in self.panel.chunks())
            evidence = max(float(np.fmax.reduce(part, axis=None, initial=0.0)) for part in parts)
        if self.panel.n_agents * weight * evidence < LARGEST_SUM:
            return None
        return (
            f"the score sums of {self.rule.name} could overflow: weights are up to {weight:.3g}, evidence up to"
            f" {evidence:.3g}; dividing the {self.panel.weights} of all agents by one number changes no decision"
        )

    @cached_property
    def weights(self) -> np.ndarray:
        """Weights as observed: ndarray of shape (n, M)."""
        q = self.panel.confidence if self.rule.weight == "confidence" else self.panel.reliability
        return self.weigh(q)

    @cached_property
    def weightless(self) -> np.ndarray:
        """Weights with every reliability 1: ndarray of shape (n, M)."""
        if not self.rule.uses_reliability:
            return self.weights
        return self.weigh(np.ones_like(self.panel.reliability))

    @cached_property
    def weightless_decision(self) -> Decision:
        """The decisions with every reliability 1."""
        return self.decide(self.weightless)

    @cached_property
    def decision(self) -> Decision:
        """The decisions as observed."""
        return self.decide(self.weights)

    def weigh(self, q: np.ndarray, spoken: np.ndarray | None = None) -> np.ndarray:
        """Turn reliabilities (n, M) into weights (n, M) of the agents that speak, the replay's own unless given."""
        weights = np.empty(q.shape)
        spoken = self.spoken if spoken is None else spoken
        fusing.weigh(_WEIGHT_KINDS[self.rule.weight], self.temperature, np.ascontiguousarray(q), spoken, weights)
        return weights

    def decide(self, weights: np.ndarray, keep_scores: bool = False) -> Decision:
        """Decide every example under the weights (n, M)."""
        panel = self.panel
        labels = np.empty(panel.n_examples, np.int32)
        rank = np.empty(panel.n_examples, np.int32)
        tied, winnable = np.empty(panel.n_examples, bool), np.empty(panel.n_examples, bool)
        kept = np.empty((panel.n_examples, panel.n_classes)) if keep_scores else None
        for rows in panel.chunks():
            truth, spoken = panel.truth[rows], self.spoken[rows]
            scores = np.empty((len(truth), panel.n_classes))
            fusing.fuse(self.kind, self.evidence_of(rows), spoken, weights[rows], labels[rows], scores)
            counted = scores
            if self.rule.needs == "candidates":  # only listed classes count
                counted = np.where(self.is_listed(rows), scores, -np.inf)
            rank[rows] = rank_of(truth, counted)
            out = (labels[rows] < 0) | (counted[np.arange(len(truth)), truth] == -np.inf)
            rank[rows][out] = panel.n_classes
            best = self._chosen(rows, weights[rows]) if self.rule.selects else scores == scores.max(axis=1)[:, None]
            tied[rows] = (best.sum(axis=1) > 1) & (labels[rows] >= 0)
            winnable[rows] = tied[rows] & best[np.arange(len(truth)), truth]
            if kept is not None:
                kept[rows] = scores
        return Decision("replayed", self.rule.name, labels, rank, tied, winnable, kept)

    def without(self, agent: int) -> np.ndarray:
        """Decide every example without one agent: ndarray of shape (n,), int32.

        The weights are made anew from the reliabilities of those who remain; nobody left is an abstention.
        """
        spoken = self.spoken.copy()
        spoken[:, agent] = -1
        rest = replace(self, spoken=spoken)
        return rest.decide_labels(rest.weights)

    def decide_labels(self, weights: np.ndarray) -> np.ndarray:
        """Decide every example under the weights (n, M), labels alone: ndarray of shape (n,), int32."""
        labels = np.empty(self.panel.n_examples, np.int32)
        for rows in self.panel.chunks():
            scores = np.empty((len(labels[rows]), self.panel.n_classes))
            fusing.fuse(self.kind, self.evidence_of(rows), self.spoken[rows], weights[rows], labels[rows], scores)
        return labels

    def take(self, rows: np.ndarray) -> "Replay":
        """Return the replay of some examples (k,), by index."""
        return replace(self, panel=self.panel.take(rows), evidence=self.evidence_of(rows), spoken=self.spoken[rows])

    def with_reliability(self, q: np.ndarray) -> "Replay":
        """Return the replay of the same evidence weighed by other reliabilities (n, M)."""
        return replace(self, panel=self.panel.with_weights(q))

    def evidence_of(self, rows: slice | np.ndarray) -> np.ndarray:
        """Return the evidence of some examples, by slice or index, or (1, 1, C) where labels are the evidence."""
        return self.evidence if self.evidence.shape[0] == 1 < self.panel.n_examples else self.evidence[rows]

    def is_listed(self, rows: slice) -> np.ndarray:
        """Which classes some speaking agent lists: ndarray of shape (k, C), bool."""
        known = ~np.isnan(_candidates(self.panel, rows))
        return (known & (self.spoken[rows] >= 0)[:, :, None]).any(axis=1)

    def _chosen(self, rows: slice, weights: np.ndarray) -> np.ndarray:
        """Which classes hold the largest weight, for rules that select an agent: ndarray of shape (k, C), bool."""
        spoken = self.spoken[rows]
        weights = np.where(spoken >= 0, weights, -np.inf)
        best = np.zeros((len(spoken), self.panel.n_classes), bool)
        i, m = np.nonzero((weights == weights.max(axis=1)[:, None]) & (spoken >= 0))
        best[i, spoken[i, m]] = True
        return best


def replay(
    panel: Panel, rule: str | Rule | None = None, *, clip: float = CLIP, temperature: float = TEMPERATURE
) -> Replay:
    """Make a fusion rule ready for a panel.

    Parameters
    ----------
    panel : Panel
    rule : str, optional
        A name of `sabotage rules`; where None, `weighted_mean` if every agent has class scores, else
        `weighted_confidence_sum` for candidate lists, else `weighted_vote`.
    clip : float
        Below it class scores are clipped before the logarithm (`product`, `log_pool`).
    temperature : float
        Of the softmax over reliabilities (`softmax_gate`).

    Raises
    ------
    SabotageError
        If the rule is unknown, or needs what the panel does not have.
    """
    chosen = default_rule(panel) if rule is None else find_rule(rule) if isinstance(rule, str) else rule
    if not 0 < clip < 1:
        raise SabotageError(f"clip must lie in (0, 1): found {clip}")
    if not 0 < temperature < np.inf:
        raise SabotageError(f"temperature must be positive: found {temperature}")
    require(chosen, panel)
    evidence, usable = _evidence(panel, chosen, clip)
    spoken = panel.labels if usable is None else np.where(usable, panel.labels, np.int32(-1))
    return Replay(panel, chosen, float(clip), float(temperature), evidence, spoken)


def as_replay(what: "Replay | Panel") -> Replay:
    """Return a replay as it is, and of a panel that of its default rule.

    Raises
    ------
    SabotageError
        If it is neither.
    """
    if isinstance(what, Panel):
        return replay(what)
    if not isinstance(what, Replay):
        raise SabotageError(
            f"a panel or a replay is needed, sabotage.replay(panel, rule): found a {type(what).__name__}"
        )
    return what


def fuse(panel: Panel, rule: str | None = None, *, clip: float = CLIP, temperature: float = TEMPERATURE) -> Decision:
    """Replay a fusion rule over a panel and return its decisions with the fused scores.

    Parameters and errors are those of `replay`.
    """
    ready = replay(panel, rule, clip=clip, temperature=temperature)
    return ready.decide(ready.weights, keep_scores=True)


def recorded(panel: Panel) -> Decision:
    """Return the decisions that stand in the file; raises SabotageError where it has none."""
    if panel.fused_label is None:
        raise SabotageError(
            f"{panel.origin.name} holds no recorded decision: a column fused_label, or another one by --fused-label"
        )
    rank = None
    if panel.fused_scores is not None:
        rank = rank_of(panel.truth, np.where(np.isnan(panel.fused_scores), -np.inf, panel.fused_scores))
        rank[panel.fused_label < 0] = panel.n_classes
        rank[np.isnan(panel.fused_scores[np.arange(panel.n_examples), panel.truth])] = panel.n_classes
    return Decision("recorded", None, panel.fused_label, rank, None, None, panel.fused_scores)


def rank_of(truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Count the classes that stand before the truth, equal scores in class order.

    truth : (n,) int32; scores : (n, C) without NaN; returns (n,) int32 in 0 .. C - 1.
    """
    own = scores[np.arange(len(truth)), truth][:, None]
    before = np.arange(scores.shape[1]) < truth[:, None]
    return ((scores > own) | ((scores == own) & before)).sum(axis=1, dtype=np.int32)


def _evidence(panel: Panel, rule: Rule, clip: float) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the evidence and which agents the rule can use where they spoke, None for all of them: (n, M) bool."""
    if rule.evidence == "votes":
        return np.zeros((1, 1, panel.n_classes)), None
    if rule.evidence in ("scores", "log_scores"):
        assert panel.scores is not None  # require() saw to it
        usable = np.empty(panel.labels.shape, bool)
        evidence = panel.scores if rule.evidence == "scores" else np.empty(panel.scores.shape)
        for rows in panel.chunks():
            usable[rows] = ~np.isnan(panel.scores[rows, :, 0])
            if rule.evidence == "log_scores":
                np.log(np.maximum(panel.scores[rows], clip), out=evidence[rows])
        return evidence, usable
    evidence = np.empty((panel.n_examples, panel.n_agents, panel.n_classes))
    usable = np.empty(panel.labels.shape, bool)
    for rows in panel.chunks():
        candidates = _candidates(panel, rows)
        usable[rows] = ~np.isnan(candidates).all(axis=2)
        if rule.evidence == "borda":
            evidence[rows] = _borda(candidates)
        else:
            evidence[rows] = np.nan_to_num(candidates, nan=0.0)
    return evidence, usable


def _candidates(panel: Panel, rows: slice) -> np.ndarray:
    """Return confidences of the listed classes, NaN where not listed: a label alone is a list of one."""
    labels, confidence = panel.labels[rows], panel.confidence[rows]
    if panel.scores is not None:
        candidates = panel.scores[rows].copy()
    else:
        candidates = np.full((*labels.shape, panel.n_classes), np.nan)
    alone = (labels >= 0) & ~np.isnan(confidence) & np.isnan(candidates).all(axis=2)
    i, m = np.nonzero(alone)
    candidates[i, m, labels[i, m]] = confidence[i, m]
    return candidates


def _borda(candidates: np.ndarray) -> np.ndarray:
    """C - rank of each class, ranks of equals averaged; the unlisted share the last ranks."""
    from scipy.stats import rankdata

    return candidates.shape[2] - rankdata(-np.where(np.isnan(candidates), -np.inf, candidates), axis=2)
