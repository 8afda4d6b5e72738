"""Sums over examples that are resampled whole: what smooth functions of several runs get their intervals from."""

from collections.abc import Callable, Iterator

import numpy as np

from sabotage.intervals import FEWEST_CLUSTERS
from sabotage.partition import MOST_UNITS, Partition
from sabotage.resampled_shares import N_RESAMPLES
from sabotage.resampling import LEVEL

FEWEST_DEFINED = 0.95  # share of the resamples in which a number must exist to have an interval


class Sums:
    """Units of examples, and how often each stands in every resample.

    A unit is a cluster, or an example where each is on its own, or a batch of these where they are more than 1000:
    sums over random batches spread as sums over what is in them. The first of the resamples is the sample itself.

    Parameters
    ----------
    parts : Partition
        All examples as one part.
    seed : int
        Of the draws, and of the batches of examples.
    """

    def __init__(self, parts: Partition, seed: int = 0) -> None:
        n = len(parts.part)
        if parts.cell is not None:
            self.unit: np.ndarray = parts.unit
            self.n_clusters = int(parts.count_clusters(np.arange(n))[0])
        else:
            self.n_clusters = n
            random = np.random.default_rng((seed, n))
            self.unit = np.arange(n) if n <= MOST_UNITS else random.permutation(n) % MOST_UNITS
        self.n_units = int(self.unit.max()) + 1
        random = np.random.default_rng((seed, n, self.n_units))
        drawn = random.multinomial(self.n_units, np.full(self.n_units, 1 / self.n_units), N_RESAMPLES)
        self._times = np.concatenate([np.ones((1, self.n_units)), drawn])
        self.sizes = self.of([np.ones(n, bool)])[:, 0]

    def of(self, columns: Iterator[np.ndarray] | list[np.ndarray]) -> np.ndarray:
        """Return the sums of columns (n,), bool or whole numbers, in the sample and its resamples: (1 + B, K)."""
        found = [
            np.bincount(self.unit[own], minlength=self.n_units)
            if own.dtype == bool
            else np.bincount(self.unit, own, minlength=self.n_units)
            for own in columns
        ]
        # Whole numbers in float64, whose sums are exact in any order.
        return self._times @ np.array(found, np.float64).reshape(len(found), self.n_units).T

    def interval(self, values: np.ndarray) -> tuple[float, float] | None:
        """Return the 95 % interval of a number from its values in sample and resamples (1 + B,), NaN where undefined.

        Percentiles, moved outwards as Student's distribution does (Hesterberg 2015, doi:10.1080/00031305.2015.1089789).
        None for fewer than 10 clusters, where it is undefined in the sample or often among the resamples, and where
        nothing varies.
        """
        resampled = values[1:]
        known = ~np.isnan(resampled)
        if self.n_clusters < FEWEST_CLUSTERS or np.isnan(values[0]) or known.mean() < FEWEST_DEFINED:
            return None
        low, high = np.quantile(resampled[known], _levels(self.n_clusters)).tolist()
        return None if low == high else (low, high)


def _levels(n: int) -> list[float]:
    from scipy.special import ndtr, stdtrit

    tail = float(ndtr(np.sqrt(n / (n - 1)) * stdtrit(n - 1, (1 - LEVEL) / 2)))
    return [tail, 1 - tail]


def quietly(compute: Callable[[], np.ndarray]) -> np.ndarray:
    """Compute with NaN, and no warning, where a denominator is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = compute()
    return np.where(np.isfinite(found), found, np.nan)
