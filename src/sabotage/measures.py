"""The statistics of a permutation test: what each counts, and what one example adds to it."""

import re
from dataclasses import dataclass

import numpy as np

from sabotage.errors import SabotageError, unknown
from sabotage.fusion import Decision, Replay
from sabotage.kernels import fusing, pairs

STATISTICS = ("accuracy", "balanced_accuracy", "log_likelihood", "macro_f1", "top_2", "top_3")


@dataclass(frozen=True, eq=False)
class Measure:
    """A statistic made ready for one panel.

    Attributes
    ----------
    name : str
    kind : int
        What an example is worth: k >= 1, whether the truth is among the k best; 0, whether it is decided for; the
        logarithm of the truth's share of the scores (`pairs.SHARE`) or of its softmax (`pairs.SOFTMAX`).
    n_true : ndarray of shape (C,), int64
        Examples of each class.
    class_weights : ndarray of shape (C,)
        What an example of each class adds to the statistic for each unit of worth; of no use to macro-F1.
    """

    name: str
    kind: int
    n_true: np.ndarray
    class_weights: np.ndarray

    @property
    def top(self) -> int:
        """K of top-k coverage, 0 for what counts decisions."""
        return max(self.kind, 0)

    @property
    def is_log(self) -> bool:
        """Whether an example's worth is a logarithm, not a hit."""
        return self.kind < 0

    @property
    def is_sum(self) -> bool:
        """Whether the statistic is a weighted sum over examples."""
        return self.name != "macro_f1"

    @property
    def counts_said(self) -> bool:
        """Whether it needs decisions by class, beside hits by true class."""
        return self.name == "macro_f1"

    @property
    def by_class(self) -> bool:
        """Whether classes weigh the same, and not examples."""
        return self.name in ("balanced_accuracy", "macro_f1")

    def of_counts(self, hits: np.ndarray, said: np.ndarray) -> np.ndarray:
        """Return the statistic of each row of hits by true class and of decisions by class, (replicates, C)."""
        present = self.n_true > 0
        if self.name == "balanced_accuracy":
            return (hits[:, present] / self.n_true[present]).sum(axis=1) / np.count_nonzero(present)
        if self.name == "macro_f1":
            return (2 * hits[:, present] / (self.n_true + said)[:, present]).sum(axis=1) / np.count_nonzero(present)
        return hits.sum(axis=1) / self.n_true.sum()

    def of_decision(self, ready: Replay, decision: Decision, weights: np.ndarray) -> float:
        """Return the statistic of what a rule decides under the weights (n, M)."""
        if self.is_log:
            return float(self.worth(ready, decision, weights).mean())
        truth, n_classes = ready.panel.truth, ready.panel.n_classes
        hits = np.bincount(truth[decision.hits(truth, self.top)], minlength=n_classes)
        return float(self.of_counts(hits[None], decision.count(n_classes)[None])[0])

    def worth(self, ready: Replay, decision: Decision, weights: np.ndarray) -> np.ndarray:
        """Return what each example is worth, (n,), float64: 0 or 1, or a logarithm."""
        panel = ready.panel
        if not self.is_log:
            return decision.hits(panel.truth, self.top).astype(float)
        if ready.is_by_rows:
            return ready.worth_of(self.kind, weights)[1]
        worth = np.empty(panel.n_examples)
        pairs.write_logs(self.kind, ready.kind, ready.evidence, ready.spoken, weights, panel.truth, worth)
        return worth


def make_measure(name: str, ready: Replay) -> Measure:
    """Make a statistic ready for a panel.

    Parameters
    ----------
    name : {"accuracy", "balanced_accuracy", "macro_f1", "log_likelihood", "top_2", "top_3", ...}

    Raises
    ------
    SabotageError
        If there is no such statistic, too few classes for top-k, or no distribution over classes for the likelihood.
    """
    panel = ready.panel
    n_true = np.bincount(panel.truth, minlength=panel.n_classes)
    kind, weights = 0, np.full(panel.n_classes, 1 / panel.n_examples)
    if name == "balanced_accuracy":
        weights = np.divide(1.0, np.count_nonzero(n_true) * n_true, out=np.zeros(len(n_true)), where=n_true > 0)
    elif found := re.fullmatch(r"top_([1-9]\d*)", name):
        kind = int(found[1])
        if kind > panel.n_classes:
            raise SabotageError(f"statistic {name} needs that many classes: there are {panel.n_classes}")
        if ready.decision.truth_rank is None:
            raise SabotageError(f"statistic {name} needs scores: {ready.rule.name} gives labels alone")
    elif name == "log_likelihood":
        kind = log_kind(ready)
    elif name not in STATISTICS:
        raise unknown("statistic", name, STATISTICS)
    return Measure(name, kind, n_true, weights)


def in_words(name: str) -> str:
    """Return a statistic's name in words."""
    if name.startswith("top_"):
        return f"top-{name[4:]} coverage"
    return {"macro_f1": "macro-F1", "log_likelihood": "log-likelihood"}.get(name, name.replace("_", " "))


def log_kind(ready: Replay) -> int:
    """Return how the fused scores become a distribution over classes."""
    rule = ready.rule
    if rule.distribution is None:
        raise SabotageError(f"log_likelihood needs scores that make a distribution: {rule.name} has none")
    if ready.decision.truth_rank is None:
        raise SabotageError(f"log_likelihood needs scores: {rule.name} gives labels alone")
    if rule.distribution == "softmax":
        return pairs.SOFTMAX
    if ready.is_by_rows:
        scores = ready.decide(ready.weights, keep_scores=True).scores
        assert scores is not None  # asked for
        if scores.min() < 0:
            raise SabotageError(f"log_likelihood needs scores that are not negative: {ready.rule.name} gives others")
        return pairs.SHARE
    lowest = (np.fmin.reduce(ready.evidence[rows], axis=None, initial=0.0) for rows in ready.panel.chunks())
    if ready.kind != fusing.VOTE and min(lowest) < 0:
        raise SabotageError("log_likelihood needs class scores that are not negative")
    return pairs.SHARE
