"""How far apart the class scores of the agents of one example are: the generalised Jensen-Shannon divergence."""

import numpy as np

from sabotage.panel import Panel

DECIMALS = 12  # the order of the agents changes the last bits of a sum, and must neither make nor break a tie


def divergence(panel: Panel) -> np.ndarray:
    """Return the Jensen-Shannon divergence of the class scores of each example's speaking agents.

    The entropy of their mean distribution less the mean of their entropies, in bits, over the logarithm of how many
    they are, which is the most that it can be: 0 where all say the same, 1 where each is sure of a class of its own
    (with more agents than classes that is out of reach). Of two agents it is the divergence in bits, the square of the
    distance of that name. Scores are normalised to sum to 1; a class that a candidate list leaves out has none.

    Parameters
    ----------
    panel : Panel

    Returns
    -------
    ndarray of shape (n,)
        In [0, 1]; NaN where fewer than two speaking agents have scores. An agent with a negative score, or with scores
        that sum to 0, has none on that example.

    References
    ----------
    Lin 1991 (doi:10.1109/18.61115), equation 5.1, with equal weights.
    """
    found = np.full(panel.n_examples, np.nan)
    if panel.scores is None or panel.has_scores.sum() < 2:
        return found
    for rows in panel.chunks():
        found[rows] = apart(distributions(panel, rows))
    return found


def distributions(panel: Panel, rows: slice = slice(None)) -> np.ndarray:
    """Return class scores as distributions, NaN where an agent has none: ndarray of shape (k, M, C)."""
    if panel.scores is None:
        return np.full((len(panel.truth[rows]), panel.n_agents, panel.n_classes), np.nan)
    scores = panel.scores[rows]
    listed = ~np.isnan(scores)
    filled = np.where(listed, scores, 0.0)
    with np.errstate(over="ignore"):
        total = filled.sum(axis=2, keepdims=True)
    usable = panel.spoke[rows] & (filled >= 0).all(axis=2) & (total[..., 0] > 0) & np.isfinite(total[..., 0])
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = filled / total
    shares[~usable] = np.nan
    return shares


def apart(shares: np.ndarray) -> np.ndarray:
    """Return the divergence of distributions (k, M, C), those of NaN left out: ndarray of shape (k,).

    In [0, 1]; NaN for fewer than two. Any selection of agents may be given, two of them for a pair.
    """
    there = ~np.isnan(shares[..., 0])
    n = there.sum(axis=1)
    filled = np.where(there[..., None], shares, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        middle = entropy(filled.sum(axis=1) / n[:, None])
        gained = middle - entropy(filled).sum(axis=1) / n
        found = np.round(np.clip(gained / np.log2(n), 0.0, 1.0), DECIMALS)
    return np.where(n >= 2, found, np.nan)


def entropy(shares: np.ndarray) -> np.ndarray:
    """Return the entropy over the last axis in bits, 0 log 0 being 0."""
    logs = np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
    found: np.ndarray = -(shares * logs).sum(axis=-1)
    return found
