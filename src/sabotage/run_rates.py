"""How often each run is right and sabotaged, and how far each is from the mean of the others, on the same examples."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sabotage.aligning import Aligned
from sabotage.areas import subset
from sabotage.intervals import estimate, within
from sabotage.tallies import Tally


@dataclass(frozen=True)
class Rate:
    """A number with its 95 % interval; of a share also how many, `count`, of how many, `n`."""

    value: float | None
    interval: tuple[float, float] | None
    count: int | None = None
    n: int | None = None


@dataclass(frozen=True)
class RunProfile:
    """What one run reaches, by name of the number: its decisions, and every agent that all runs have."""

    run: str
    decision: dict[str, Rate]
    agents: dict[str, dict[str, Rate]]


@dataclass(frozen=True)
class RunDifference:
    """How far one run is from another, or from the mean of the others where `to` is None."""

    run: str
    to: str | None
    decision: dict[str, Rate]
    agents: dict[str, dict[str, Rate]]


def rates_of(tally: Tally, which: Sequence[np.ndarray], among: Sequence[np.ndarray] | None = None) -> list[Rate]:
    """Return shares of examples with the intervals of a tally.

    Parameters
    ----------
    tally : Tally
    which : sequence of ndarray of shape (n,), bool
    among : sequence of ndarray of shape (n,), bool, optional
        What each is a share of; all examples by default.
    """
    bases = [np.ones(tally.n_examples, bool)] if among is None else among
    base_of = np.zeros(len(which), np.int64) if among is None else np.arange(len(which))
    found = tally.rates(tally.count(*which), tally.count(*bases), base_of)
    return [Rate(one.share, one.interval, one.count, one.n) for one in found]


def profile_runs(aligned: Aligned) -> tuple[tuple[RunProfile, ...], tuple[RunDifference, ...]]:
    """Return what runs over the same examples reach, and each run's paired difference to the mean of the others.

    An agent's accuracy is over the examples on which it spoke in that run; its difference is over those on which it
    spoke in every run. Rates of sabotage are over all examples.
    """
    n_runs, n_agents, tally = len(aligned.names), len(aligned.agents), Tally(aligned.panel)
    right: np.ndarray = aligned.decided == aligned.truth[:, None]
    spoke = np.stack([_spoke(aligned, m) for m in range(n_agents)], axis=1)  # (n, M, R)
    agent_right = np.stack([_right(aligned, m) for m in range(n_agents)], axis=1)
    with_one = np.asarray(aligned.saboteur.any(axis=1))
    everywhere = np.ones(aligned.n_examples, bool)
    profiles, differences = [], []
    for r, name in enumerate(aligned.names):
        which = [right[:, r], with_one[:, r], *agent_right[:, :, r].T, *aligned.saboteur[:, :, r].T]
        among = [everywhere, everywhere, *spoke[:, :, r].T, *[everywhere] * n_agents]
        found = rates_of(tally, which, among)
        own = {
            agent: {"accuracy": found[2 + m], "saboteur_per_example": found[2 + n_agents + m]}
            for m, agent in enumerate(aligned.agents)
        }
        profiles.append(RunProfile(name, {"accuracy": found[0], "with_saboteur": found[1]}, own))
    for r, name in enumerate(aligned.names):
        others = [k for k in range(n_runs) if k != r]
        of_agents = {}
        for m, agent in enumerate(aligned.agents):
            always = np.flatnonzero(spoke[:, m].all(axis=1))
            of_agents[agent] = {
                "accuracy": _ahead(agent_right[always, m], r, others, subset(tally.groups, always)),
                "saboteur_per_example": _ahead(aligned.saboteur[:, m], r, others, tally.groups),
            }
        decision = {
            "accuracy": _ahead(right, r, others, tally.groups),
            "with_saboteur": _ahead(with_one, r, others, tally.groups),
        }
        differences.append(RunDifference(name, None, decision, of_agents))
    return tuple(profiles), tuple(differences)


def _spoke(aligned: Aligned, agent: int) -> np.ndarray:
    return np.column_stack([aligned.labels(r, agent) >= 0 for r in range(len(aligned.names))])


def _right(aligned: Aligned, agent: int) -> np.ndarray:
    return np.column_stack([aligned.labels(r, agent) == aligned.truth for r in range(len(aligned.names))])


def _ahead(flags: np.ndarray, run: int, others: list[int], groups: np.ndarray | None) -> Rate:
    """Return the mean of a run's flags (n, R) less that of the others', paired."""
    n = len(flags)
    if not n:
        return Rate(None, None, n=0)
    ahead = flags[:, run] - flags[:, others].mean(axis=1)
    found = within(estimate(ahead.mean(), (ahead - ahead.mean()) / n, groups), -1.0, 1.0)
    return Rate(found.value, found.interval, n=n)
