"""Which agent is ahead of every other, by paired differences."""

import numpy as np

from sabotage.areas import subset
from sabotage.intervals import clusters, estimate
from sabotage.panel import Panel


def find_leader(panel: Panel) -> str | None:
    """Return the agent that is more often right than every other on the examples on which both speak.

    Each of the differences must have a 95 % interval, over examples or clusters, that lies above 0. As all of them
    must, several agents make it no more likely that one leads by chance.

    Parameters
    ----------
    panel : Panel

    Returns
    -------
    str or None
        None where no agent does, or there is one alone.
    """
    groups, right = clusters(panel), panel.labels == panel.truth[:, None]
    each = range(panel.n_agents)
    for m in each if panel.n_agents > 1 else ():
        if all(_is_ahead(right, panel.spoke, m, other, groups) for other in each if other != m):
            return panel.agents[m]
    return None


def _is_ahead(right: np.ndarray, spoke: np.ndarray, m: int, other: int, groups: np.ndarray | None) -> bool:
    rows = np.flatnonzero(spoke[:, m] & spoke[:, other])
    if not len(rows):
        return False
    lead = right[rows, m].astype(float) - right[rows, other]
    value = float(lead.mean())
    if value <= 0:
        return False
    interval = estimate(value, (lead - value) / len(rows), subset(groups, rows)).interval
    return interval is not None and interval[0] > 0
