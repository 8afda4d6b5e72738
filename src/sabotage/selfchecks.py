"""Whether an agent's self-assessment tells where it will sabotage a decision, and better than its confidence does."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sabotage.areas import ALIKE, PARTED, TOO_FEW, Areas, paired_areas, subset
from sabotage.errors import listed
from sabotage.intervals import FEWEST_CLUSTERS, Estimate, clusters
from sabotage.notes import Notes
from sabotage.roles import SABOTEUR, Roles

NOT_SELF = ("confidence", "uniform")  # weights that are no self-assessment


@dataclass(frozen=True)
class SabotageCheck:
    """One agent's reliability and confidence against its being a saboteur, among its confident emissions.

    Only who is confident can be a saboteur. Over all emissions the confidence would therefore be tied to sabotage by
    definition, whatever the agent knows; among those with a confidence of at least the threshold it is not. A replayed
    decision that weighs by the reliability follows whoever claims most, so that a saboteur's is high by selection; of
    being a potential saboteur, whatever was decided, that is not so.

    Attributes
    ----------
    agent : str
    n : int
        Emissions with a reliability, and a confidence of at least the threshold.
    n_saboteur, n_potential : int
        Of those, the ones where it was a saboteur, and where it was wrong, whatever was decided.
    auroc_reliability, auroc_confidence : Estimate or None
        How often a saboteur's reliability, or confidence, is lower than that of another of these emissions, ties
        counting one half. None where all or none of them are saboteurs, or the reliability is no self-assessment.
    difference : Estimate or None
        The one less the other, above 0 where the self-assessment tells more. The intervals are None where fewer than 10
        clusters (emissions, where no group is named) hold saboteurs, or hold others; where either parts them without
        exception; and that of the difference also where both put the emissions in one order.
    potential_auroc_reliability, potential_auroc_confidence, potential_difference : Estimate or None
        The same for being a potential saboteur: confident and wrong.
    """

    agent: str
    n: int
    n_saboteur: int
    auroc_reliability: Estimate | None
    auroc_confidence: Estimate | None
    difference: Estimate | None
    n_potential: int
    potential_auroc_reliability: Estimate | None
    potential_auroc_confidence: Estimate | None
    potential_difference: Estimate | None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields of audit.json, without the agent."""
        fields = asdict(self)
        del fields["agent"]
        return fields


def check_sabotage(roles: Roles, notes: Notes) -> tuple[SabotageCheck, ...]:
    """Compare self-assessment and confidence by how well a low one tells where an agent is a saboteur.

    The difference is of paired AUROCs, see `sabotage.areas.paired_areas`.

    Parameters
    ----------
    roles : Roles
        Of the decision that is audited.
    notes : Notes
        Takes the reason of every null.

    Returns
    -------
    tuple of SabotageCheck, length M
    """
    panel = roles.panel
    groups = clusters(panel)
    is_self = panel.weights not in NOT_SELF
    with np.errstate(invalid="ignore"):
        confident = panel.spoke & (panel.confidence >= roles.thresholds)
    known = confident & ~np.isnan(panel.reliability)
    checks = []
    found: list[tuple[str, Areas | None]] = []
    for m, agent in enumerate(panel.agents):
        rows = np.flatnonzero(known[:, m])
        own = subset(groups, rows)
        reliability, confidence = panel.reliability[rows, m], panel.confidence[rows, m]
        kinds = (roles.role[rows, m] == SABOTEUR, roles.potential[rows, m])
        pairs = [paired_areas(kind, -reliability, -confidence, own) if is_self else None for kind in kinds]
        found += [(agent, pair) for pair in pairs]
        checks.append(
            SabotageCheck(
                agent, len(rows),
                int(kinds[0].sum()), *_numbers(pairs[0]),
                int(kinds[1].sum()), *_numbers(pairs[1]),
            )
        )  # fmt: skip
    if is_self:
        _note(found, notes)
    else:
        notes.add(
            f"predicts_sabotage has counts alone: the weight is "
            f"{'1 throughout' if panel.weights == 'uniform' else 'the confidence itself'}, and no self-assessment"
        )
    return tuple(checks)


def _numbers(pair: Areas | None) -> tuple[Estimate | None, Estimate | None, Estimate | None]:
    return (None, None, None) if pair is None else (pair.first, pair.second, pair.difference)


def _note(found: list[tuple[str, Areas | None]], notes: Notes) -> None:
    """Say once of all agents why something is null."""

    def who(holds: Callable[[Areas | None], bool]) -> str:
        return listed(dict.fromkeys(agent for agent, pair in found if holds(pair)))

    for why, sentence in (
        (None, "all or none of the confident emissions are of saboteurs, or of potential ones: the AUROCs are null"),
        (TOO_FEW, f"fewer than {FEWEST_CLUSTERS} of either kind, or of their clusters: intervals are null"),
        (PARTED, "reliability or confidence parts the two kinds without exception: intervals are null"),
        (ALIKE, "reliability and confidence put the emissions in one order: the difference has no interval"),
    ):

        def holds(pair: Areas | None, why: int | None = why) -> bool:
            return pair is None if why is None else pair is not None and pair.missing == why

        if (agents := who(holds)) != "none":
            notes.add(f"predicts_sabotage of {agents}: {sentence}")
