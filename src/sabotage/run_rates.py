"""How often each run is right and sabotaged, and how far each is from the mean of the others, on the same examples."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sabotage.aligning import Aligned
from sabotage.areas import subset
from sabotage.intervals import clusters, estimate, within
from sabotage.partition import Partition
from sabotage.resampled_shares import Draws, resampled_spans
from sabotage.spans import plain, wilson


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


def rates_of(which: Sequence[np.ndarray], parts: Partition, among: Sequence[np.ndarray] | None = None) -> list[Rate]:
    """Return shares of examples with intervals: Wilson's, over clusters from resamples of these.

    Parameters
    ----------
    which : sequence of ndarray of shape (n,), bool
    parts : Partition
        All examples as one part.
    among : sequence of ndarray of shape (n,), bool, optional
        What each is a share of; all examples by default.
    """
    n = len(parts.part)
    bases = [np.ones(n, bool)] if among is None else list(among)
    base_of = np.zeros(len(which), np.int64) if among is None else np.arange(len(which))
    hits = np.array([np.count_nonzero(own) for own in which])
    of = np.array([np.count_nonzero(own) for own in bases])[base_of]
    if parts.cell is None:
        spans = wilson(hits, of)
    else:
        n_units = int(parts.unit_starts[1])
        counts = [np.bincount(parts.unit[own], minlength=n_units) for own in (*which, *bases)]
        columns = np.array(counts).T
        spans = resampled_spans(columns[:, : len(which)], columns[:, len(which) :], base_of, Draws())
    values = [hit / base if base else None for hit, base in zip(hits.tolist(), of.tolist(), strict=True)]
    return [Rate(*one) for one in zip(values, plain(spans), hits.tolist(), of.tolist(), strict=True)]


def profile_runs(aligned: Aligned) -> tuple[tuple[RunProfile, ...], tuple[RunDifference, ...]]:
    """Return what runs over the same examples reach, and each run's paired difference to the mean of the others.

    An agent's accuracy is over the examples on which it spoke in that run; its difference is over those on which it
    spoke in every run. Rates of sabotage are over all examples.
    """
    n_runs, n_agents, parts = len(aligned.names), len(aligned.agents), aligned.parts
    right: np.ndarray = aligned.decided == aligned.truth[:, None]
    spoke = np.stack([_spoke(aligned, m) for m in range(n_agents)], axis=1)  # (n, M, R)
    agent_right = np.stack([_right(aligned, m) for m in range(n_agents)], axis=1)
    with_one = np.asarray(aligned.saboteur.any(axis=1))
    everywhere = np.ones(aligned.n_examples, bool)
    profiles, differences = [], []
    for r, name in enumerate(aligned.names):
        which = [right[:, r], with_one[:, r], *agent_right[:, :, r].T, *aligned.saboteur[:, :, r].T]
        among = [everywhere, everywhere, *spoke[:, :, r].T, *[everywhere] * n_agents]
        found = rates_of(which, parts, among)
        own = {
            agent: {"accuracy": found[2 + m], "saboteur_per_example": found[2 + n_agents + m]}
            for m, agent in enumerate(aligned.agents)
        }
        profiles.append(RunProfile(name, {"accuracy": found[0], "with_saboteur": found[1]}, own))
    groups = clusters(aligned.panel)
    for r, name in enumerate(aligned.names):
        others = [k for k in range(n_runs) if k != r]
        of_agents = {}
        for m, agent in enumerate(aligned.agents):
            always = np.flatnonzero(spoke[:, m].all(axis=1))
            of_agents[agent] = {
                "accuracy": _ahead(agent_right[always, m], r, others, subset(groups, always)),
                "saboteur_per_example": _ahead(aligned.saboteur[:, m], r, others, groups),
            }
        decision = {
            "accuracy": _ahead(right, r, others, groups),
            "with_saboteur": _ahead(with_one, r, others, groups),
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
