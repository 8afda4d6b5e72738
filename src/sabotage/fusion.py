"""Replaying fusion: from a panel and a rule to evidence, weights and decisions."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from sabotage.errors import SabotageError
from sabotage.evidence import candidates_of, make_evidence
from sabotage.kernels import fusing, pairs, pooling
from sabotage.learning import Fitted, is_learned, load_fitted, parse_learned
from sabotage.panel import Panel
from sabotage.rules import Rule, default_rule, find_rule, require
from sabotage.trying import explain

CLIP = 1e-6  # log scores are taken of max(p, CLIP)
TEMPERATURE = 1.0  # of softmax_gate
LARGEST_SUM = 2.0**1000

WEIGHT_KINDS = {
    "equal": fusing.EQUAL,
    "reliability": fusing.RAW,
    "confidence": fusing.RAW,
    "softmax": fusing.SOFTMAX,
    "gate": fusing.SOFTMAX,
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
    the panel's own array where the rule combines plain scores, or (1, 1, C) where the labels are the evidence; of
    learned rules it may be wider. `gates` (parts, M + 2, 2 M + 1) are the coefficients of a learned gate, and `part`
    (n,) int64 says which part of a cross-fitted rule decides an example, None where there is one only. `fitted` is the
    learned rule that all this was made of.
    """

    panel: Panel
    rule: Rule
    clip: float
    temperature: float
    evidence: np.ndarray
    spoken: np.ndarray
    gates: np.ndarray | None = None
    part: np.ndarray | None = None
    fitted: Fitted | None = None

    @property
    def kind(self) -> int:
        """How the kernels combine."""
        if self.rule.combine == "sum":
            return fusing.VOTE if self.rule.evidence == "votes" else fusing.SUM
        return {"select": fusing.SELECT, "pool": fusing.POOL, "call": fusing.CALL}[self.rule.combine]

    @property
    def is_linear(self) -> bool:
        """Whether a score is a sum over agents of weight times evidence, however the weights come about."""
        return self.rule.combine == "sum"

    @property
    def function(self) -> Any:
        """What a pool runs: compiled, or as it is."""
        own = self.rule.function
        own = getattr(pooling, own) if isinstance(own, str) else own
        return pooling.compiled(own, self.rule.is_ours) if self.rule.is_compiled else own

    @property
    def is_by_rows(self) -> bool:
        """Whether whole examples are decided by a function or a callable, of which the loops over sums know nothing."""
        return self.kind in (fusing.POOL, fusing.CALL)

    @property
    def is_slow(self) -> bool:
        """Whether decisions are made in Python, one after the other: then there are fewer of them, in one thread."""
        return self.kind == fusing.CALL or not self.rule.is_compiled

    @property
    def is_rowwise(self) -> bool:
        """Whether the decision on an example depends on its own reliabilities alone."""
        return True

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

    def weigh(self, q: np.ndarray, spoken: np.ndarray | None = None, rows: np.ndarray | None = None) -> np.ndarray:
        """Turn reliabilities (k, M) into weights (k, M) of the agents that speak.

        `spoken` (k, M) and `rows` (k,) int64 say who they are, and of which examples: the replay's own unless given.
        """
        weights, q = np.empty(q.shape), np.ascontiguousarray(q)
        spoken = self.spoken if spoken is None else spoken
        if self.gates is not None:
            part = np.zeros(len(q), np.int64) if self.part is None else self.part if rows is None else self.part[rows]
            q, given = np.empty(q.shape), q
            pooling.gate(given, spoken, self.gates, part, q)
        fusing.weigh(WEIGHT_KINDS[self.rule.weight], self.temperature, q, spoken, weights)
        return weights

    def decide(self, weights: np.ndarray, keep_scores: bool = False) -> Decision:
        """Decide every example under the weights (n, M)."""
        panel = self.panel
        labels = np.empty(panel.n_examples, np.int32)
        rank = np.empty(panel.n_examples, np.int32)
        tied, winnable = np.empty(panel.n_examples, bool), np.empty(panel.n_examples, bool)
        kept = np.empty((panel.n_examples, panel.n_classes)) if keep_scores else None
        for rows in panel.chunks():
            truth = panel.truth[rows]
            scores = np.empty((len(truth), panel.n_classes))
            self._fuse(rows, weights[rows], labels[rows], scores)
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

    def without(self, agent: int) -> np.ndarray | None:
        """Decide every example without one agent: ndarray of shape (n,), int32; None where that cannot be asked.

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
            self._fuse(rows, weights[rows], labels[rows], np.empty((len(labels[rows]), self.panel.n_classes)))
        return labels

    def labels_of(self, rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Decide some examples (k,), by index, under weights (k, M) of their own: ndarray of shape (k,), int32."""
        labels = np.empty(len(rows), np.int32)
        self._fuse(rows, weights, labels, np.empty((len(rows), self.panel.n_classes)))
        return labels

    def labels_given(self, weights: np.ndarray, order: np.ndarray, which: np.ndarray, givers: np.ndarray) -> np.ndarray:
        """Decide the positions `which` of an order of examples (n,), each under the weights of its giver.

        `weights` (n, M) and `givers` (n,) int64 are by position. Returns labels, ndarray of shape (len(which),), int32.
        """
        if self.kind != fusing.POOL or not self.rule.is_compiled:
            moved = np.empty_like(weights)
            moved[order] = weights[givers]
            return self.decide_labels(moved)[order[which]]
        labels, n_classes = np.empty(len(which), np.int32), self.panel.n_classes
        bad = pooling.pool_given(
            self.function, self.evidence, self.spoken, weights, order, which, givers, n_classes, labels
        )
        if bad >= 0:
            self.labels_of(order[which[[bad]]], weights[givers[which[[bad]]]])  # alone, so that it can say why
        return labels

    def worth_of(self, worth: int, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Decide every example under the weights (n, M), and say what that is worth: labels (n,) and values (n,).

        A hit (`worth` 0), the truth among the best k (k >= 1), or a logarithm (`pairs.SHARE`, `pairs.SOFTMAX`).
        """
        truth = self.panel.truth
        if worth == 0:
            labels = self.decide_labels(weights)
            return labels, (labels == truth).astype(float)
        decision = self.decide(weights, keep_scores=worth < 0)
        if worth > 0:
            return decision.labels, decision.hits(truth, worth).astype(float)
        assert decision.scores is not None  # asked for
        if worth == pairs.SHARE and decision.scores.min() < 0:
            raise SabotageError(f"log_likelihood needs scores that are not negative: {self.rule.name} gives others")
        parts = log_parts(worth, decision.scores, truth)
        parts[decision.labels < 0] = np.log(pairs.LOG_CLIP)
        return decision.labels, parts

    def take(self, rows: np.ndarray) -> "Replay":
        """Return the replay of some examples (k,), by index."""
        return replace(
            self,
            panel=self.panel.take(rows),
            evidence=self.evidence_of(rows),
            spoken=self.spoken[rows],
            part=None if self.part is None else self.part[rows],
        )

    def with_reliability(self, q: np.ndarray) -> "Replay":
        """Return the replay of the same evidence weighed by other reliabilities (n, M)."""
        return replace(self, panel=self.panel.with_weights(q))

    def evidence_of(self, rows: slice | np.ndarray) -> np.ndarray:
        """Return the evidence of some examples, by slice or index, or (1, 1, C) where labels are the evidence."""
        return self.evidence if self.evidence.shape[0] == 1 < self.panel.n_examples else self.evidence[rows]

    def is_listed(self, rows: slice) -> np.ndarray:
        """Which classes some speaking agent lists: ndarray of shape (k, C), bool."""
        known = ~np.isnan(candidates_of(self.panel, rows))
        return (known & (self.spoken[rows] >= 0)[:, :, None]).any(axis=1)

    def _fuse(self, rows: slice | np.ndarray, weights: np.ndarray, labels: np.ndarray, scores: np.ndarray) -> None:
        """Decide some examples under weights (k, M), into labels (k,) and scores (k, C)."""
        evidence, spoken = self.evidence_of(rows), self.spoken[rows]
        if self.kind != fusing.POOL:
            fusing.fuse(self.kind, evidence, spoken, weights, labels, scores)
            return
        run = pooling.pool if self.rule.is_compiled else pooling.interpret
        bad = run(self.function, evidence, spoken, weights, labels, scores)
        if bad >= 0:
            at = int(np.arange(self.panel.n_examples)[rows][bad])
            where = f"example {self.panel.ids[at]} (row {at} of those analysed)"
            available = spoken[bad] >= 0
            given = np.where(available[:, None], evidence[bad], np.nan)
            raise explain(self.rule, given, weights[bad], available, scores[bad], where)

    def _chosen(self, rows: slice, weights: np.ndarray) -> np.ndarray:
        """Which classes hold the largest weight, for rules that select an agent: ndarray of shape (k, C), bool."""
        spoken = self.spoken[rows]
        weights = np.where(spoken >= 0, weights, -np.inf)
        best = np.zeros((len(spoken), self.panel.n_classes), bool)
        i, m = np.nonzero((weights == weights.max(axis=1)[:, None]) & (spoken >= 0))
        best[i, spoken[i, m]] = True
        return best


def replay(
    panel: Panel,
    rule: "str | Rule | Fitted | Replay | None" = None,
    *,
    clip: float = CLIP,
    temperature: float = TEMPERATURE,
) -> Replay:
    """Make a fusion rule ready for a panel.

    Parameters
    ----------
    panel : Panel
    rule : str, Rule, Fitted or Replay, optional
        A name of `sabotage rules`, a rule of one's own ("file.py:function", or what `fusion_rule` returns), or a
        learned rule that was fitted (`fit`, `cross_fit`, or the JSON file of one). Where None, `weighted_mean` if every
        agent has class scores, else `weighted_confidence_sum` for candidate lists, else `weighted_vote`. A replay is
        returned as it is.
    clip : float
        Below it class scores are clipped before the logarithm (`product`, `log_pool`).
    temperature : float
        Of the softmax over reliabilities (`softmax_gate`).

    Raises
    ------
    SabotageError
        If the rule is unknown, or needs what the panel does not have.
    """
    from sabotage.fitted import replay_fitted

    chosen = default_rule(panel) if rule is None else resolve(rule)
    if isinstance(chosen, Replay):
        _check_replay(chosen, panel)
        return chosen
    if not 0 < clip < 1:
        raise SabotageError(f"clip must lie in (0, 1): found {clip}")
    if not 0 < temperature < np.inf:
        raise SabotageError(f"temperature must be positive: found {temperature}")
    if isinstance(chosen, Fitted):
        return replay_fitted(panel, chosen, float(clip), float(temperature))
    if chosen.learned:
        raise not_fitted(chosen.name)
    require(chosen, panel)
    evidence, usable = make_evidence(panel, chosen, clip)
    spoken = panel.labels if usable is None else np.where(usable, panel.labels, np.int32(-1))
    return Replay(panel, chosen, float(clip), float(temperature), evidence, spoken)


def resolve(rule: str | Rule | Fitted | Replay) -> Rule | Fitted | Replay:
    """Return what a name stands for; raises SabotageError for an unknown one, and for a learned rule without a fit."""
    if not isinstance(rule, str):
        if not isinstance(rule, Rule | Fitted | Replay):
            raise SabotageError(f"a rule, or the name of one, is needed: found a {type(rule).__name__}")
        return rule
    if rule.endswith(".json"):
        return load_fitted(rule)
    if is_learned(rule):
        parse_learned(rule)
        raise not_fitted(rule)
    return find_rule(rule)


def _check_replay(ready: Replay, panel: Panel) -> None:
    """Raise SabotageError where a replay is not of the examples, agents and classes that are compared."""
    own, name = ready.panel, ready.rule.name
    if own.n_examples != panel.n_examples:
        raise SabotageError(
            f"{name} was made ready for {own.n_examples:,} examples: the panel has {panel.n_examples:,}"
        )
    for what, same in (
        ("agents", own.agents == panel.agents),
        ("classes", own.classes == panel.classes),
        ("truth", np.array_equal(own.truth, panel.truth)),
    ):
        if not same:
            raise SabotageError(f"{name} was made ready for a panel with other {what} than this one")


def not_fitted(name: str) -> SabotageError:
    """Return the error for a learned rule that nothing has been fitted for."""
    return SabotageError(
        f"{name} is learned, and nothing to learn from was given: rows of another split than test (a column split), or"
        f" --cross-fit K, by group where there are any; in Python replay(panel, sabotage.fit(calibration, {name!r}))"
    )


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


def fuse(
    panel: Panel, rule: str | Rule | Fitted | None = None, *, clip: float = CLIP, temperature: float = TEMPERATURE
) -> Decision:
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


def log_parts(worth: int, scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the logarithm of the truth's part in scores (n, C), at least that of 1e-12: ndarray of shape (n,).

    Its share of their sum (`worth` is `pairs.SHARE`), 0 where that is not positive, or of their softmax.
    """
    own = scores[np.arange(len(truth)), truth]
    if worth == pairs.SOFTMAX:
        largest = scores.max(axis=1)
        own, total = np.exp(own - largest), np.exp(scores - largest[:, None]).sum(axis=1)
    else:
        total = scores.sum(axis=1)
    part = np.divide(own, total, out=np.zeros(len(own)), where=total > 0)
    return np.log(np.maximum(part, pairs.LOG_CLIP))


def rank_of(truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Count the classes that stand before the truth, equal scores in class order.

    truth : (n,) int32; scores : (n, C) without NaN; returns (n,) int32 in 0 .. C - 1.
    """
    own = scores[np.arange(len(truth)), truth][:, None]
    before = np.arange(scores.shape[1]) < truth[:, None]
    return ((scores > own) | ((scores == own) & before)).sum(axis=1, dtype=np.int32)
