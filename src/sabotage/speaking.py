"""What one agent, or the decision, adds to every measure of a profile, example by example."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from sabotage.fusion import Decision, rank_of
from sabotage.panel import Panel, chunks
from sabotage.profiles import Profile
from sabotage.ranking import order_by
from sabotage.roles import CONTRIBUTOR, NULL, ROLES, SABOTEUR, Roles
from sabotage.scoring import LOG_CLIP

WRONG_ROLES = ("misleader", "saboteur", "suppressed", "bystander")  # in a wrong decision, who spoke


@dataclass(frozen=True, eq=False)
class Speaking:
    """One speaker: all arrays are of shape (n,).

    Attributes
    ----------
    labels : ndarray, int32
        -1 where it did not speak, and for a decision where it has none.
    right, counted : ndarray, bool
        Right, and whether the example counts: where an agent spoke, and everywhere for the decision.
    confidence, reliability : ndarray
        NaN where there is none; all of it for the decision.
    top : ndarray, int32, or None
        Classes that stand before the truth, -1 where there are no scores.
    brier, loss : ndarray or None
        NaN where there are no scores; None where scores make no distribution.
    flags : dict of str to ndarray, bool
        Roles and flags by name; empty for the decision. Pivotal ones are left out where none is known.
    """

    labels: np.ndarray
    right: np.ndarray
    counted: np.ndarray
    confidence: np.ndarray | None = None
    reliability: np.ndarray | None = None
    top: np.ndarray | None = None
    brier: np.ndarray | None = None
    loss: np.ndarray | None = None
    flags: dict[str, np.ndarray] = field(default_factory=dict)

    @cached_property
    def by_confidence(self) -> np.ndarray:
        """Examples with a confidence, in its order: ndarray of shape (k,), int64."""
        return self._order(self.confidence)

    @cached_property
    def by_reliability(self) -> np.ndarray:
        """Examples with a reliability, in its order: ndarray of shape (k,), int64."""
        return self._order(self.reliability)

    def _order(self, value: np.ndarray | None) -> np.ndarray:
        if value is None:
            return np.zeros(0, np.int64)
        return order_by(value, np.flatnonzero(self.counted & ~np.isnan(value)))


def agent_speaking(panel: Panel, roles: Roles, profile: Profile, m: int) -> Speaking:
    """Return what agent m adds to each measure; `profile` is its own, and says which measures it has."""
    labels, spoke = panel.labels[:, m], panel.spoke[:, m]
    role, pivotal = roles.role[:, m], roles.pivotal[:, m]
    flags = {name: role == number for number, name in enumerate(ROLES)}
    flags["potential_saboteur"] = roles.potential[:, m]
    flags["recoverable_saboteur"], flags["shared_saboteur"] = roles.recoverable[:, m], roles.shared[:, m]
    if (pivotal != NULL).any():
        flags["pivotal_saboteur"] = (role == SABOTEUR) & (pivotal == 1)
        flags["pivotal_contributor"] = (role == CONTRIBUTOR) & (pivotal == 1)
    top = truth_ranks(panel, m) if profile.n_scored else None
    brier, loss = _from_scores(panel, m) if profile.brier is not None else (None, None)
    return Speaking(
        labels=labels,
        right=labels == panel.truth,
        counted=spoke,
        confidence=panel.confidence[:, m],
        reliability=panel.reliability[:, m],
        top=top,
        brier=brier,
        loss=loss,
        flags=flags,
    )


def decision_speaking(panel: Panel, decision: Decision) -> Speaking:
    """Return what a decision adds to each measure, over all examples."""
    right = decision.labels == panel.truth
    return Speaking(decision.labels, right, np.ones(len(right), bool), top=decision.truth_rank)


def truth_ranks(panel: Panel, m: int) -> np.ndarray | None:
    """Count the classes that agent m puts before the truth: ndarray of shape (n,), int32, -1 where it has no scores.

    Of candidate lists a truth that is not listed has all classes before it. None for an agent without scores.
    """
    if panel.scores is None or not panel.has_scores[m]:
        return None
    top = np.full(panel.n_examples, -1, np.int32)
    for part in chunks(panel.n_examples, panel.n_classes):
        scores, truth = panel.scores[part, m], panel.truth[part]
        known = ~np.isnan(scores)
        rank = rank_of(truth, np.where(known, scores, -np.inf))
        rank[~known[np.arange(len(truth)), truth]] = panel.n_classes
        top[part] = np.where(known.any(axis=1) & panel.spoke[part, m], rank, -1)
    return top


def _from_scores(panel: Panel, m: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what each example adds to Brier score and log loss of agent m, NaN where it has no scores: both (n,)."""
    assert panel.scores is not None  # a Brier score takes some
    brier, loss = np.full(panel.n_examples, np.nan), np.full(panel.n_examples, np.nan)
    spoke = np.flatnonzero(panel.spoke[:, m] & ~np.isnan(panel.scores[:, m, 0]))
    for part in chunks(len(spoke), panel.n_classes):
        rows = spoke[part]
        scores = panel.scores[rows, m]
        probability = scores / scores.sum(axis=1)[:, None]
        of_truth = probability[np.arange(len(rows)), panel.truth[rows]]
        brier[rows] = np.square(probability).sum(axis=1) - 2 * of_truth + 1
        loss[rows] = -np.log(np.clip(of_truth, LOG_CLIP, 1.0))
    return brier, loss
