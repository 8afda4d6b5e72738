"""Intervals of calibration errors, which are sums of absolute values and too large in every sample."""

import numpy as np

from sabotage.intervals import FEWEST_CLUSTERS
from sabotage.partition import Partition
from sabotage.spans import quantile

STEPS = 12  # of a bisection, before the last step along a line


def gaps(
    partition: Partition, rows: np.ndarray, difference: np.ndarray, bin_of: np.ndarray, bins: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the gap of every bin, as a share of its part's examples, and how gaps vary together over clusters.

    Parameters
    ----------
    partition : Partition
    rows : ndarray of shape (k,), int64
    difference : ndarray of shape (k,)
        Right (0 or 1) less confidence.
    bin_of : ndarray of shape (k,), int64

    Returns
    -------
    ndarray of shape (P + 1, bins)
        Their absolute values sum to the calibration error.
    ndarray of shape (P + 1, bins, bins)
        Covariances.
    """
    size = partition.n_parts + 1
    part = partition.part[rows]
    place = part * bins + bin_of
    n = np.maximum(np.bincount(part, minlength=size), 1)
    gap = np.bincount(place, difference, minlength=size * bins).reshape(size, bins) / n[:, None]
    covariance = np.zeros((size, bins, bins))
    if partition.cell is None:
        squares = np.bincount(place, difference**2, minlength=size * bins).reshape(size, bins)
        each = np.arange(bins)
        covariance[:, each, each] = squares / n[:, None]
        covariance -= gap[:, :, None] * gap[:, None, :]
        return gap, covariance / np.maximum(n - 1, 1)[:, None, None]
    unit, starts = partition.unit[rows], partition.unit_starts
    n_units = int(starts[-1])
    totals = np.bincount(unit * bins + bin_of, difference, minlength=n_units * bins).reshape(n_units, bins)
    counts = np.bincount(unit, minlength=n_units)
    for place in range(partition.n_parts):
        own = slice(starts[place], starts[place + 1])
        there = counts[own] > 0
        g = int(np.count_nonzero(there))
        off = (totals[own][there] - counts[own][there, None] * gap[place]) / n[place]
        # Not a matrix product, whose last digit depends on the threads.
        covariance[place] = np.einsum("ui,uj->ij", off, off) * g / max(g - 1, 1)
    return gap, covariance


def calibration_spans(gap: np.ndarray, covariance: np.ndarray, n_clusters: np.ndarray) -> np.ndarray:
    """Return intervals of sums of absolute gaps.

    A sum of absolute values lies above its true value wherever gaps are small beside their errors, more so in every
    resample. So the interval holds the sizes of miscalibration under which the observed sum is no surprise: the true
    gaps are taken to be the observed ones times one factor, the sum of the absolute values of normal gaps around them
    has a known mean and, to second order between bins, a known variance, and the ends are where the observed sum lies
    t(G - 1, .975) standard deviations from that mean. The lower end is 0 where the sum needs no miscalibration. The sum
    itself may lie above the interval.

    In simulated samples of 60, 300 and 2,000 examples, calibrated or not, such intervals held the calibration error in
    90 to 98 %, of 15 or 25 examples in 98 to 100 %, and over 20 clusters with an intraclass correlation of .15 in 83 to
    97 %.

    Parameters
    ----------
    gap : ndarray of shape (k, bins)
    covariance : ndarray of shape (k, bins, bins)
    n_clusters : ndarray of shape (k,)

    Returns
    -------
    ndarray of shape (k, 2)
        NaN for fewer than 10 clusters, and where nothing varies.
    """
    spread = np.sqrt(np.maximum(np.einsum("kii->ki", covariance), 0.0))
    observed = np.abs(gap).sum(axis=1)
    reach = quantile(n_clusters)
    most = np.sqrt(np.maximum(np.abs(covariance).sum(axis=(1, 2)), 0.0))
    known = (n_clusters >= FEWEST_CLUSTERS) & (most > 0) & (observed > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        above = np.where(known, 1 + reach * most / observed, 1.0)

    def surprise(factor: np.ndarray, sign: np.ndarray) -> np.ndarray:
        mean, deviation = _folded(gap * factor[:, None], spread, covariance)
        return mean + sign * reach * deviation - observed

    ends = []
    for sign, top in ((1.0, np.ones_like(above)), (-1.0, above)):
        low, high = np.zeros_like(top), top
        signs = np.full_like(top, sign)
        at_low, at_high = surprise(low, signs), surprise(high, signs)
        starts_above = at_low >= 0
        for _ in range(STEPS):
            middle = (low + high) / 2
            at = surprise(middle, signs)
            below = at < 0
            low, at_low = np.where(below, middle, low), np.where(below, at, at_low)
            high, at_high = np.where(below, high, middle), np.where(below, at_high, at)
        with np.errstate(divide="ignore", invalid="ignore"):
            root = low - at_low * (high - low) / (at_high - at_low)
        root = np.where(np.isfinite(root), np.clip(root, low, high), high)
        ends.append(np.where(starts_above, 0.0, root) * observed)
    return np.where(known[:, None], np.stack(ends, axis=1), np.nan)


def _folded(mean: np.ndarray, spread: np.ndarray, covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of the sum of absolute values of normal variables (k, bins)."""
    from scipy.special import ndtr

    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = mean / spread
        sign = np.where(spread > 0, 2 * ndtr(ratio) - 1, np.sign(mean))
        bell = np.where(spread > 0, spread * np.sqrt(2 / np.pi) * np.exp(-(ratio**2) / 2), 0.0)
        # Gaps that vary together do so in absolute value too: to first order by their signs, to second by the bells.
        height = np.where(spread > 0, bell / spread, 0.0) / 2
        both = spread[:, :, None] * spread[:, None, :]
        square = np.where(both > 0, covariance**2 / both, 0.0)
    each = bell + mean * sign
    own = np.maximum(mean**2 + spread**2 - each**2, 0.0)
    together = _form(sign, covariance) - (sign**2 * spread**2).sum(axis=1)
    together += 2 * (_form(height, square) - (height**2 * spread**2).sum(axis=1))
    return each.sum(axis=1), np.sqrt(np.maximum(own.sum(axis=1) + together, 0.0))


def _form(vector: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return (vector[:, None, :] @ matrix @ vector[:, :, None])[:, 0, 0]
