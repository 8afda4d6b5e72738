"""Intervals of many numbers at once: Wilson's of shares, Student's of what is linear in clusters."""

import numpy as np

from sabotage.intervals import FEWEST_CLUSTERS

NORMAL = 1.959963984540054  # the normal quantile at .975


def wilson(hits: np.ndarray, n: np.ndarray, reaches: np.ndarray | float = NORMAL) -> np.ndarray:
    """Return Wilson's interval of shares, hits of n independent examples each.

    Parameters
    ----------
    hits, n : ndarray of any one shape
        0 <= hits <= n.
    reaches : ndarray of that shape, or float
        In standard errors; 95 % of a normal distribution unless given.

    Returns
    -------
    ndarray of that shape and (2,)
        NaN where n is 0.

    References
    ----------
    Wilson 1927 (doi:10.1080/01621459.1927.10502953).
    """
    hits, n = np.broadcast_arrays(np.asarray(hits, np.float64), np.asarray(n, np.float64))
    square = reaches**2
    with np.errstate(divide="ignore", invalid="ignore"):
        share = hits / n
        centre = (share + square / (2 * n)) / (1 + square / n)
        reach = reaches / (1 + square / n) * np.sqrt(share * (1 - share) / n + square / (4 * n**2))
        # Of none and of all the ends are 0 and 1, which rounding misses.
        low, high = np.where(hits == 0, 0.0, centre - reach), np.where(hits == n, 1.0, centre + reach)
    return np.where((n > 0)[..., None], np.stack([low, high], axis=-1), np.nan)


def student(
    value: np.ndarray, error: np.ndarray, n_clusters: np.ndarray, low: float = -np.inf, high: float = np.inf
) -> np.ndarray:
    """Return value +- t(G - 1, .975) standard errors, cut off at what is possible.

    Parameters
    ----------
    value, error, n_clusters : ndarray of any one shape
    low, high : float
        The least and the most that the value can be.

    Returns
    -------
    ndarray of that shape and (2,)
        NaN for fewer than 10 clusters, and where the error is 0: what has no spread in a sample is not certain.
    """
    reach = quantile(n_clusters) * error
    ends = np.clip(np.stack([value - reach, value + reach], axis=-1), low, high)
    known = (n_clusters >= FEWEST_CLUSTERS) & (error > 0) & np.isfinite(error)
    return np.where(known[..., None], ends, np.nan)


def quantile(n_clusters: np.ndarray) -> np.ndarray:
    """Return Student's quantile at .975 for G - 1 degrees of freedom, NaN for fewer than 10 clusters."""
    from scipy.special import stdtrit

    found: np.ndarray = stdtrit(np.where(n_clusters >= FEWEST_CLUSTERS, n_clusters - 1.0, np.nan), 0.975)
    return found


def plain(spans: np.ndarray) -> list[tuple[float, float] | None]:
    """Return intervals (k, 2) as tuples, None for NaN."""
    return [None if low != low or high != high else (low, high) for low, high in spans.tolist()]
