"""Spearman's rank correlation with its sampling error over clusters, ties included."""

import numpy as np

from sabotage.intervals import Estimate, estimate, within


def rank_correlation(first: np.ndarray, second: np.ndarray, groups: np.ndarray | None) -> Estimate | None:
    """Return Spearman's correlation of two values of the same examples, ties at their mean rank.

    It agrees with `scipy.stats.spearmanr`. The error counts that ranks move with the sample: the influence of an
    example on the covariance of ranks is its own product and what it adds to the ranks of the others.

    Parameters
    ----------
    first, second : ndarray of shape (n,)
        Without NaN.
    groups : ndarray of shape (n,), int64, or None
        Cluster of each example, from 0 without gaps.

    Returns
    -------
    Estimate or None
        None where one of them has no two different values.

    References
    ----------
    Spearman 1904 (doi:10.2307/1412159); the influence of Croux and Dehon 2010 (doi:10.1007/s10260-010-0142-z), with
    mean ranks for ties.
    """
    if len(first) < 2:
        return None
    one, other = _Ranked(first), _Ranked(second)
    spread_one, spread_other = one.rank.var(), other.rank.var()
    if not spread_one or not spread_other:
        return None
    covariance = float((one.rank * other.rank).mean() - 0.25)
    value = covariance / float(np.sqrt(spread_one * spread_other))
    joint = one.rank * other.rank + one.above(other.rank) + other.above(one.rank) - 3 * (covariance + 0.25)
    own = [ranked.rank**2 + 2 * ranked.above(ranked.rank) - 3 * (ranked.rank**2).mean() for ranked in (one, other)]
    influence = joint / np.sqrt(spread_one * spread_other)
    influence -= value / 2 * (own[0] / spread_one + own[1] / spread_other)
    return within(estimate(value, influence / len(first), groups), -1.0, 1.0)


class _Ranked:
    """Values as shares of those below them, equals counting one half: `rank` (n,), with mean one half."""

    def __init__(self, values: np.ndarray) -> None:
        self._level = np.unique(values, return_inverse=True)[1]
        count = np.bincount(self._level)
        self.rank = ((np.cumsum(count) - count / 2) / len(values))[self._level]

    def above(self, weights: np.ndarray) -> np.ndarray:
        """Return the mean over examples of the weights (n,) of those above each, equals counting one half: (n,)."""
        total = np.bincount(self._level, weights)
        over = total.sum() - np.cumsum(total) + total / 2
        found: np.ndarray = (over / len(weights))[self._level]
        return found
