"""Rank statistics of many parts at once, with influence values: the areas under ROC and risk-coverage curves."""

from dataclasses import dataclass

import numpy as np

from sabotage.partition import Partition


@dataclass(frozen=True, eq=False)
class Ranked:
    """Examples in the order of their parts and, inside each, of a value; equals are one level.

    Attributes
    ----------
    rows : ndarray of shape (k,), int64
        Examples, in that order.
    part : ndarray of shape (k,), int64
    level : ndarray of shape (k,), int64
        From 0 without gaps over all parts.
    starts : ndarray of shape (levels,), int64
        Where each level starts.
    begins, sizes : ndarray of shape (P + 1,), int64
        Where each part starts, and how many examples it has.
    """

    rows: np.ndarray
    part: np.ndarray
    level: np.ndarray
    starts: np.ndarray
    begins: np.ndarray
    sizes: np.ndarray

    @property
    def part_of_level(self) -> np.ndarray:
        """Part of each level: ndarray of shape (levels,), int64."""
        return self.part[self.starts]

    def mass_bins(self, bins: int) -> np.ndarray:
        """Number bins of equal counts as `sabotage.scoring.mass_bins` does, in each part: ndarray of shape (k,)."""
        below = (self.starts - self.begins[self.part_of_level])[self.level]
        return np.minimum(bins - 1, bins * below // self.sizes[self.part])


def order_by(value: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return `rows` (k,) in the order of their values, of `value` (n,) without NaN there."""
    return rows[np.argsort(value[rows], kind="stable")]


def rank(value: np.ndarray, ordered: np.ndarray, partition: Partition) -> Ranked:
    """Put examples in the order of their parts and values.

    Parameters
    ----------
    value : ndarray of shape (n,)
    ordered : ndarray of shape (k,), int64
        Examples in the order of their values, of `order_by`.
    partition : Partition
    """
    rows, part = ordered, partition.part[ordered]
    if partition.n_parts > 1 or partition.n_left_out:
        # Small integers are sorted by counting, in a pass or two.
        by_part = np.argsort(part.astype(np.uint16), kind="stable")
        rows, part = rows[by_part], part[by_part]
    ranked = value[rows]
    is_new = np.ones(len(rows), bool)
    is_new[1:] = (ranked[1:] != ranked[:-1]) | (part[1:] != part[:-1])
    sizes = np.bincount(part, minlength=partition.n_parts + 1)
    return Ranked(rows, part, np.cumsum(is_new) - 1, np.flatnonzero(is_new), np.cumsum(sizes) - sizes, sizes)


def areas(ranked: Ranked, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the AUROC of each part, influence values, and where the value parts both kinds without exception.

    Parameters
    ----------
    ranked : Ranked
    positive : ndarray of shape (k,), bool
        In the order of `ranked.rows`.

    Returns
    -------
    ndarray of shape (P + 1,)
        NaN where a part lacks one kind.
    ndarray of shape (k,)
        As `sabotage.areas.delong` has them.
    ndarray of shape (P + 1,), bool

    References
    ----------
    DeLong, DeLong and Clarke-Pearson 1988 (doi:10.2307/2531595).
    """
    n_parts = len(ranked.sizes)
    if not len(ranked.rows):
        return np.full(n_parts, np.nan), np.zeros(0), np.zeros(n_parts, bool)
    at, with_it, without = _count_levels(ranked, positive)
    n_with = np.bincount(at, with_it, minlength=n_parts)
    n_without = ranked.sizes - n_with
    # Twice the wins, so that all are whole numbers and an area of 0 or 1 is recognised as such.
    over = 2 * (np.cumsum(without) - (np.cumsum(n_without) - n_without)[at]) - without
    under = 2 * (np.cumsum(n_with)[at] - np.cumsum(with_it)) + with_it
    wins, pairs = np.bincount(at, with_it * over, minlength=n_parts), 2 * n_with * n_without
    with np.errstate(divide="ignore", invalid="ignore"):
        value = wins / pairs
        above = (over / (2 * n_without[at]) - value[at]) / n_with[at]
        below = (under / (2 * n_with[at]) - value[at]) / n_without[at]
    influence = np.where(positive, above[ranked.level], below[ranked.level])
    return value, np.nan_to_num(influence), (wins == 0) | (wins == pairs)


def risk_areas(ranked: Ranked, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the area under the risk-coverage curve of each part, as `sabotage.scoring.aurc`, and influence values.

    With r the place of an example among the n of its part, the most confident first, and H harmonic numbers, the area
    is the mean of wrong (H_n - H_{r - 1}). An example adds its own term and moves all that are less confident, of
    which each wrong one loses 1 / r; equals take all of their places with equal chances.

    Parameters
    ----------
    ranked : Ranked
        By confidence.
    right : ndarray of shape (k,), bool
        In the order of `ranked.rows`.

    Returns
    -------
    ndarray of shape (P + 1,)
        NaN for an empty part.
    ndarray of shape (k,)
        Sums to 0 over each part.
    """
    n_parts = len(ranked.sizes)
    if not len(ranked.rows):
        return np.full(n_parts, np.nan), np.zeros(0)
    at, wrong, _ = _count_levels(ranked, ~right)
    size = np.diff(np.append(ranked.starts, len(ranked.rows)))
    last = (ranked.begins + ranked.sizes)[at] - ranked.starts  # places that end with this level, the best first
    before = last - size
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, ranked.sizes.max() + 1))])
    rise = harmonic[last] - harmonic[before]
    # The mean of H_{r - 1} over the places of a level: these sum up to r H_r - r.
    usual = (last * harmonic[last] - before * harmonic[before]) / size - 1
    own = harmonic[ranked.sizes][at] - usual
    n = ranked.sizes
    with np.errstate(invalid="ignore", divide="ignore"):
        value = np.bincount(at, wrong * own, minlength=n_parts) / n
        error = np.bincount(at, wrong, minlength=n_parts) / n
    lost = wrong / size * rise
    total = np.cumsum(lost)
    before_part = np.cumsum(np.bincount(at, lost, minlength=n_parts)) - np.bincount(at, lost, minlength=n_parts)
    later = total - lost - before_part[at]  # of levels less confident, which stand before this one
    moved = later + wrong / size * (1 - before * rise / size)
    level = ranked.level
    influence = ~right * own[level] - (moved + value[at] - error[at])[level]
    return value, influence / n[ranked.part]


def _count_levels(ranked: Ranked, which: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the part of each level, and how many of its examples are `which` (k,), and are not."""
    found = np.bincount(ranked.level, which, minlength=len(ranked.starts))
    return ranked.part_of_level, found, np.diff(np.append(ranked.starts, len(ranked.rows))) - found
