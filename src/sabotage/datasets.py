"""Runs over different data: the profiles of their agents side by side, with differences."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from sabotage.decisions import score_decision
from sabotage.judging import Judged
from sabotage.notes import Notes
from sabotage.profiles import Profile, profile_agents
from sabotage.profiling import profile_in_full
from sabotage.roles import SABOTEUR
from sabotage.run_rates import Rate, RunDifference, RunProfile, rates_of
from sabotage.tallies import Tally

OF_AGENTS = (
    "accuracy", "balanced_accuracy", "mean_confidence", "ece", "auroc_confidence", "contributor_per_example",
    "saboteur_per_example", "pivotal_saboteur_per_example", "saboteur_lift",
)  # fmt: skip


def profile_datasets(
    judged: Mapping[str, Judged], agents: tuple[str, ...]
) -> tuple[tuple[RunProfile, ...], tuple[RunDifference, ...]]:
    """Return the profiles of the agents in common in every run, and the differences of all others to the first.

    Parameters
    ----------
    judged : mapping of str to Judged
        Runs whose samples are independent of each other.
    agents : tuple of str
    """
    profiles = tuple(_profile(name, run, agents) for name, run in judged.items())
    return profiles, tuple(_difference(profiles[0], other) for other in profiles[1:])


def _profile(name: str, run: Judged, agents: tuple[str, ...]) -> RunProfile:
    panel, quiet = run.panel, Notes()
    scores = score_decision(panel, run.roles.decision, run.replay.decision, (1,), quiet)
    full, scores, _ = profile_in_full(panel, run.roles, profile_agents(panel, run.roles, (1,), quiet), scores, quiet)
    right, with_one = run.roles.decision.labels == panel.truth, (run.roles.role == SABOTEUR).any(axis=1)
    accuracy, sabotaged = rates_of(Tally(panel), [right, with_one])
    decision = {
        "accuracy": accuracy,
        "balanced_accuracy": Rate(scores.balanced_accuracy, scores.intervals.get("balanced_accuracy")),
        "with_saboteur": sabotaged,
    }
    by_name = {own.agent: own for own in full}
    return RunProfile(name, decision, {agent: _numbers(by_name[agent], panel.n_examples) for agent in agents})


def _numbers(own: Profile, n: int) -> dict[str, Rate]:
    """Return the numbers of one agent."""
    counts: dict[str, Any] = {
        "contributor_per_example": own.roles["contributor"],
        "saboteur_per_example": own.roles["saboteur"],
        "pivotal_saboteur_per_example": own.pivotal_saboteur,
    }
    if own.n == 0:  # silent throughout
        return {name: Rate(None, None, n=0) for name in OF_AGENTS}
    found = {}
    for name in OF_AGENTS:
        if name in counts:
            found[name] = Rate(counts[name] / n, own.intervals.get(name), counts[name], n)
        elif name == "accuracy":
            found[name] = Rate(own.accuracy, own.intervals.get(name), round(own.accuracy * own.n), own.n)
        else:
            found[name] = Rate(getattr(own, name), own.intervals.get(name))
    return found


def _difference(first: RunProfile, other: RunProfile) -> RunDifference:
    def between(own: dict[str, Rate], base: dict[str, Rate]) -> dict[str, Rate]:
        return {name: difference(own[name], base[name]) for name in own}

    agents = {agent: between(own, first.agents[agent]) for agent, own in other.agents.items()}
    return RunDifference(other.run, first.run, between(other.decision, first.decision), agents)


def difference(own: Rate, base: Rate) -> Rate:
    """Return one number less another of an independent sample, with an interval from both of theirs.

    Each end lies as far from the difference as the root of the sum of the squared distances of the two ends that make
    it extreme: Newcombe's interval where those of the shares are Wilson's. None where either has none.

    References
    ----------
    Newcombe 1998 (doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I), method 10; Zou and Donner
    2008 (doi:10.1002/sim.3095).
    """
    if own.value is None or base.value is None:
        return Rate(None, None)
    ahead = own.value - base.value
    if own.interval is None or base.interval is None:
        return Rate(ahead, None)
    low = ahead - float(np.hypot(own.value - own.interval[0], base.interval[1] - base.value))
    high = ahead + float(np.hypot(own.interval[1] - own.value, base.value - base.interval[0]))
    return Rate(ahead, (low, high))
