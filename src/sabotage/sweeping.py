"""How much sabotage there is at every threshold of confidence."""

import numpy as np

from sabotage.breakdowns import AgentSweep, Sweep
from sabotage.partition import Partition
from sabotage.resampled_shares import Draws, resampled_spans
from sabotage.roles import NULL, SABOTEUR, Roles
from sabotage.spans import plain, wilson

THRESHOLDS = tuple(step / 20 for step in range(21))


def sweep_thresholds(roles: Roles, everything: Partition) -> Sweep:
    """Count saboteurs for thresholds 0, .05, ... 1.

    Parameters
    ----------
    roles : Roles
        At any threshold.
    everything : Partition
        All examples in one part, with their clusters.
    """
    # At 0 whoever misleads with a confidence is a saboteur; at any other threshold those of them whose is as high.
    panel, roles = roles.panel, roles.at(0.0)
    wrong = roles.decision.labels != panel.truth
    saboteur = roles.role == SABOTEUR
    passed = np.searchsorted(THRESHOLDS, panel.confidence, side="right")  # thresholds that the confidence reaches
    passed[np.isnan(panel.confidence)] = 0
    most = np.where(saboteur, passed, 0).max(axis=1)
    columns = [most, *np.where(saboteur, passed, 0).T]
    spans = _spans(columns, wrong, everything)
    is_known = bool((roles.pivotal != NULL).any())
    unknown: tuple[int | None, ...] = (None,) * len(THRESHOLDS)
    agents = {}
    for m, agent in enumerate(panel.agents):
        own = passed[:, m]
        agents[agent] = AgentSweep(
            saboteur=_reached(own[saboteur[:, m]]),
            interval=tuple(spans[1 + m]),
            pivotal=_reached(own[saboteur[:, m] & (roles.pivotal[:, m] == 1)]) if is_known else unknown,
            recoverable=_reached(own[roles.recoverable[:, m]]),
            potential=_reached(own[roles.potential[:, m]]),
        )
    return Sweep(THRESHOLDS, int(np.count_nonzero(wrong)), _reached(most), tuple(spans[0]), agents)


def _reached(passed: np.ndarray) -> tuple[int, ...]:
    """Count, for each threshold, the examples that reach it, from how many thresholds each reaches."""
    counts = np.bincount(passed, minlength=len(THRESHOLDS) + 1)
    return tuple(np.cumsum(counts[:0:-1])[::-1].tolist())


def _spans(
    columns: list[np.ndarray], wrong: np.ndarray, everything: Partition
) -> list[list[tuple[float, float] | None]]:
    """Return the intervals of shares of wrong decisions, by column and threshold."""
    n = len(THRESHOLDS)
    if everything.cell is None:
        n_wrong = int(np.count_nonzero(wrong))
        return [plain(wilson(np.array(_reached(own)), np.array(n_wrong))) for own in columns]
    unit, n_units = everything.unit, int(everything.unit_starts[-1])
    hits = []
    for own in columns:
        counts = np.bincount(unit * (n + 1) + own, minlength=n_units * (n + 1)).reshape(n_units, n + 1)
        hits.append(np.cumsum(counts[:, :0:-1], axis=1)[:, ::-1])
    bases = np.bincount(unit[wrong], minlength=n_units)[:, None]
    found = resampled_spans(np.concatenate(hits, axis=1), bases, np.zeros(n * len(columns), np.int64), Draws())
    return [plain(own) for own in found.reshape(len(columns), n, 2)]
