"""The role of every agent on every example, with its flags (arXiv:2511.02794)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from sabotage.errors import SabotageError
from sabotage.fusion import Decision, Replay
from sabotage.panel import Panel

if TYPE_CHECKING:
    import pandas as pd

ROLES = ("contributor", "overruled", "misleader", "saboteur", "suppressed", "bystander", "absent")
CONTRIBUTOR, OVERRULED, MISLEADER, SABOTEUR, SUPPRESSED, BYSTANDER, ABSENT = range(len(ROLES))
THRESHOLD = 0.70
NULL = -1  # in a flag: could not be had


@dataclass(frozen=True, eq=False, repr=False)
class Roles:
    """Roles and flags of a panel under one decision.

    Attributes
    ----------
    role : ndarray of shape (n, M), int8
        Index into ROLES.
    potential, recoverable, shared : ndarray of shape (n, M), bool
        Confident and wrong, whatever was decided; a saboteur where another agent is right; a saboteur that others
        agreed with.
    pivotal : ndarray of shape (n, M), int8
        1 where the decision turns without the agent: a contributor's to wrong, a saboteur's to right. -1 where a
        recorded decision is not the replayed one, or where the rule is a callable, which cannot do without an agent.
    thresholds : ndarray of shape (M,)
        The confidence from which an agent's misleading is sabotage.
    right_without : ndarray of shape (n, M), int8
        1 where the decision is right without the agent, 0 where it is wrong, -1 as in `pivotal`.
    """

    panel: Panel
    decision: Decision
    role: np.ndarray
    potential: np.ndarray
    recoverable: np.ndarray
    shared: np.ndarray
    pivotal: np.ndarray
    thresholds: np.ndarray
    right_without: np.ndarray

    def at(self, threshold: float) -> "Roles":
        """Return the roles at another threshold of confidence, without fusing anew."""
        return _with_roles(self.panel, self.decision, self.right_without, parse_threshold(threshold, self.panel))

    def count(self, agent: int, role: int) -> int:
        """Count the examples on which an agent has a role."""
        return int(np.count_nonzero(self.role[:, agent] == role))

    def to_table(self, rows: slice = slice(None)) -> pa.Table:
        """Return one row an example and agent as a pyarrow Table."""
        panel = self.panel
        n, m = self.role[rows].shape
        examples = np.repeat(np.arange(n), m)
        classes = pa.array([str(label) for label in panel.classes])

        def labels(codes: np.ndarray) -> pa.Array:
            return classes.take(pa.array(codes, mask=codes < 0))

        def floats(values: np.ndarray) -> pa.Array:
            return pa.array(values.ravel(), mask=np.isnan(values.ravel()))

        pivotal = self.pivotal[rows].ravel()
        names = pa.array(panel.agents)
        return pa.table(
            {
                "id": panel.ids[rows].take(pa.array(examples)),
                "agent": names.take(pa.array(np.tile(np.arange(m), n))),
                "label": labels(panel.labels[rows].ravel()),
                "confidence": floats(panel.confidence[rows]),
                "reliability": floats(panel.reliability[rows]),
                "truth": labels(panel.truth[rows][examples]),
                "decision": labels(self.decision.labels[rows][examples]),
                "role": pa.array(ROLES).take(pa.array(self.role[rows].ravel())),
                "potential_saboteur": pa.array(self.potential[rows].ravel()),
                "recoverable": pa.array(self.recoverable[rows].ravel()),
                "shared": pa.array(self.shared[rows].ravel()),
                "pivotal": pa.array(pivotal == 1, mask=pivotal == NULL),
            }
        )

    def tables(self) -> Iterator[pa.Table]:
        """Yield `to_table` of one chunk of examples after the other."""
        for rows in self.panel.chunks():
            yield self.to_table(rows)

    def to_frame(self) -> "pd.DataFrame":
        """Return one row an example and agent as a pandas DataFrame."""
        frame: pd.DataFrame = self.to_table().to_pandas()
        return frame

    def __repr__(self) -> str:
        lines = [f"Roles of {len(self.role):,} examples"]
        for m, agent in enumerate(self.panel.agents):
            counts = ", ".join(f"{name} {self.count(m, role):,}" for role, name in enumerate(ROLES))
            lines.append(f"  {agent}: {counts}")
        return "\n".join(lines)


def assign_roles(panel: Panel, decision: Decision, replay: Replay | None, threshold: float | str = THRESHOLD) -> Roles:
    """Give every agent its role and flags on every example.

    Parameters
    ----------
    panel : Panel
    decision : Decision
        Replayed or recorded.
    replay : Replay or None
        The rule that is fused anew without each agent, for the pivotal flag; None leaves the flag null.
    threshold : float in [0, 1], or str "q0.9"
        Confidence from which a misleader is a saboteur: absolute, or a quantile of each agent's own confidence.

    Raises
    ------
    SabotageError
        If the threshold is neither.
    """
    thresholds = parse_threshold(threshold, panel)
    right_without = np.full(panel.labels.shape, NULL, np.int8)
    if replay is not None:
        known = decision.labels == replay.decision.labels
        for m in range(panel.n_agents):
            without = replay.without(m)
            if without is not None:
                right_without[known, m] = (without == panel.truth)[known]
    return _with_roles(panel, decision, right_without, thresholds)


def _with_roles(panel: Panel, decision: Decision, right_without: np.ndarray, thresholds: np.ndarray) -> Roles:
    """Give roles and flags at thresholds (M,), knowing where decisions are right without each agent."""
    labels, truth, fused = panel.labels, panel.truth[:, None], decision.labels[:, None]
    spoke, right, right_decision = labels >= 0, labels == truth, fused == truth
    confident = panel.confidence >= thresholds  # NaN is never
    led = spoke & (labels == fused)

    role = np.full(labels.shape, BYSTANDER, np.int8)
    role[right & ~right_decision] = SUPPRESSED
    role[led & ~right_decision] = MISLEADER
    role[led & ~right_decision & confident] = SABOTEUR
    role[right_decision & right] = CONTRIBUTOR
    role[right_decision & ~right] = OVERRULED
    role[~spoke] = ABSENT

    saboteur = role == SABOTEUR
    turns = ((role == CONTRIBUTOR) & (right_without == 0)) | (saboteur & (right_without == 1))
    pivotal = np.where(right_without == NULL, np.int8(NULL), turns)
    return Roles(
        panel,
        decision,
        role,
        potential=confident & spoke & ~right,
        recoverable=saboteur & right.any(axis=1)[:, None],
        shared=saboteur & (led.sum(axis=1) > 1)[:, None],
        pivotal=pivotal,
        thresholds=thresholds,
        right_without=right_without,
    )


def parse_threshold(threshold: float | str, panel: Panel) -> np.ndarray:
    """Return the threshold of each agent, from a number or "q0.9": ndarray of shape (M,)."""
    text = str(threshold)
    try:
        value = float(text.removeprefix("q"))
    except ValueError:
        value = np.nan
    if not 0 <= value <= 1:
        raise SabotageError(
            f"threshold must be a confidence in [0, 1] or a quantile such as q0.9 of each agent's own: found {text!r}"
        )
    if not text.startswith("q"):
        return np.full(panel.n_agents, value)
    confidences = (column[~np.isnan(column)] for column in panel.confidence.T)
    return np.array([np.quantile(own, value) if len(own) else np.inf for own in confidences])
