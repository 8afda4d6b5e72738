"""The cluster bootstrap of shares: counts of clusters, drawn whole, over counts of the same clusters."""

import numpy as np

from sabotage.intervals import FEWEST_CLUSTERS
from sabotage.spans import quantile, wilson

N_RESAMPLES = 1000
SEED = 0


class Draws:
    """How often each of some units is drawn: the same for the same number of units."""

    def __init__(self) -> None:
        self._last: tuple[int, np.ndarray] | None = None

    def of(self, n_units: int) -> np.ndarray:
        """Return counts, ndarray of shape (1000, units), float64; made anew where the number of units changes."""
        if self._last is None or self._last[0] != n_units:
            random = np.random.default_rng((SEED, n_units))
            drawn = random.integers(0, n_units, (N_RESAMPLES, n_units))
            drawn += np.arange(N_RESAMPLES)[:, None] * n_units
            counts = np.bincount(drawn.ravel(), minlength=N_RESAMPLES * n_units)
            self._last = n_units, counts.reshape(N_RESAMPLES, n_units).astype(float)
        return self._last[1]


def resampled_spans(hits: np.ndarray, bases: np.ndarray, base_of: np.ndarray, draws: Draws) -> np.ndarray:
    """Return intervals of shares: Wilson's, of as many examples as would spread like resamples of clusters do.

    Percentiles of the resamples fail where a share is rare and in few clusters. Wilson's interval does not, given the
    effective number of examples, share (1 - share) over the bootstrap variance, and Student's quantile. That number is
    at most that of the examples, and that of the clusters for a share of 0 or 1, which no resample varies.

    Parameters
    ----------
    hits : ndarray of shape (units, K), int
    bases : ndarray of shape (units, D), int
        What shares are of.
    base_of : ndarray of shape (K,), int
        Which of `bases` each share has.
    draws : Draws

    Returns
    -------
    ndarray of shape (K, 2)
        NaN where fewer than 10 clusters have any of the base.

    Notes
    -----
    Simulated samples of 15, 40 and 200 clusters of 5 to 24 examples, intraclass correlation .05 and .2: shares of .3
    were held in 94 to 96 %, of .02 in 90 to 98 %. Expanded percentiles held the latter in 85 to 93 %. Over 12 clusters
    that are unlike in size, intraclass correlation .4, shares of .7 and .93 were held in 87 to 93 %.

    References
    ----------
    Dean and Pagano 2015 (doi:10.1093/jssam/smv024), for Wilson's interval of the effective sample size; Davison and
    Hinkley 1997 (doi:10.1017/CBO9780511802843), section 3.8, for resamples of whole clusters.
    """
    found = np.full((len(base_of), 2), np.nan)
    n_with = np.count_nonzero(bases, axis=0)[base_of]
    known = n_with >= FEWEST_CLUSTERS
    if not len(hits) or not known.any():
        return found
    drawn = draws.of(len(hits))
    total, of = hits.sum(axis=0), bases.sum(axis=0)[base_of]
    # Whole numbers in float64: the order of these sums, which the threads choose, is nothing to the last digit.
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = (drawn @ hits.astype(float)) / (drawn @ bases.astype(float))[:, base_of]
        share = total / of
        shares = np.where(np.isnan(shares), share, shares)  # one resample in thousands has none of the base
        variance = shares.var(axis=0) * n_with / (n_with - 1)
        effective = np.where(variance > 0, np.minimum(share * (1 - share) / variance, of), n_with)
    spans = wilson(share * effective, effective, quantile(n_with))
    # Rounding must not move the ends of 0 and of 1.
    spans[total == 0, 0], spans[total == of, 1] = 0.0, 1.0
    found[known] = spans[known]
    return found
