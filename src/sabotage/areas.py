"""Areas under ROC curves with their sampling error over clusters, and two of them on the same examples."""

from dataclasses import dataclass, replace

import numpy as np

from sabotage import scoring
from sabotage.intervals import FEWEST_CLUSTERS, Estimate, estimate

TOO_FEW, PARTED, ALIKE = range(3)  # why there is no interval


@dataclass(frozen=True)
class Areas:
    """How well two values of the same examples tell one kind of example from the other.

    Attributes
    ----------
    first, second : Estimate
        The AUROC of each.
    difference : Estimate
        The first less the second. Its interval is that of paired examples; None where an AUROC has none, and where both
        values put the examples in the same order.
    missing : int or None
        Why an interval is None: `TOO_FEW`, `PARTED` or `ALIKE`.
    """

    first: Estimate
    second: Estimate
    difference: Estimate
    missing: int | None


def area(
    positive: np.ndarray, value: np.ndarray, groups: np.ndarray | None, strata: np.ndarray | None = None
) -> tuple[Estimate, int | None] | None:
    """Return the AUROC of `value` for `positive`, and why it has no interval, if so.

    Parameters
    ----------
    positive : ndarray of shape (n,), bool
    value : ndarray of shape (n,)
        Without NaN; higher where an example is the more likely a positive one.
    groups : ndarray of shape (n,), int64, or None
        Cluster of each example, from 0 without gaps.
    strata : ndarray of shape (n,), int64, or None
        Where given, only examples of one stratum are compared: the mean over all such pairs.

    Returns
    -------
    tuple of Estimate and int or None, or None
        None where one kind is missing, of every stratum. The interval is None where fewer than 10 clusters hold either
        kind, and where the kinds are parted without exception: all influence values are 0 then, which is no certainty.
    """
    found = _influence(positive, value, strata)
    if found is None:
        return None
    at, influence, parted = found
    own = estimate(at, influence, groups)
    why = _why_none(positive, parted, groups)
    return (own if why is None else replace(own, interval=None)), why


def paired_areas(
    positive: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    groups: np.ndarray | None,
    strata: np.ndarray | None = None,
) -> Areas | None:
    """Compare the AUROCs of two values for `positive`, on the same examples.

    Parameters
    ----------
    positive, first, second, groups, strata
        As for `area`.

    Returns
    -------
    Areas or None
        None where one kind is missing.

    Notes
    -----
    The influence of an example on a difference is the difference of its influences, so that what both values have in
    common cancels: the covariance of DeLong, DeLong and Clarke-Pearson 1988 (doi:10.2307/2531595), over clusters that
    of Obuchowski 1997 (doi:10.2307/2533958), with one factor G / (G - 1).
    """
    one, other = _influence(positive, first, strata), _influence(positive, second, strata)
    if one is None or other is None:
        return None
    pair = [estimate(value, influence, groups) for value, influence, _ in (one, other)]
    reasons = [_why_none(positive, parted, groups) for *_, parted in (one, other)]
    pair = [own if why is None else replace(own, interval=None) for own, why in zip(pair, reasons, strict=True)]
    influence = one[1] - other[1]
    difference = estimate(one[0] - other[0], influence, groups)
    missing = min((why for why in reasons if why is not None), default=None)
    if missing is None and not influence.any():
        missing = ALIKE
    if missing is not None:
        difference = replace(difference, interval=None)
    return Areas(pair[0], pair[1], difference, missing)


def delong(positive: np.ndarray, level: np.ndarray, value: float) -> np.ndarray:
    """Return the influence values of an AUROC, from its structural components.

    positive : (n,) bool; level : (n,) int, from 0 without gaps, in the order of what is judged. The component of a
    positive example is its share of wins over the negative ones, that of a negative one the share of positive ones
    that win over it; ties count one half.
    """
    n_levels = int(level.max()) + 1
    with_it = np.bincount(level[positive], minlength=n_levels)
    without = np.bincount(level[~positive], minlength=n_levels)
    n_with, n_without = int(with_it.sum()), int(without.sum())
    over = (np.cumsum(without) - without / 2) / n_without
    under = (n_with - np.cumsum(with_it) + with_it / 2) / n_with
    return np.where(positive, (over[level] - value) / n_with, (under[level] - value) / n_without)


def subset(groups: np.ndarray | None, rows: np.ndarray) -> np.ndarray | None:
    """Return the clusters of some examples, numbered again without gaps."""
    if groups is None:
        return None
    own = groups[rows]
    return (np.cumsum(np.bincount(own) > 0) - 1)[own]


def count_clusters(groups: np.ndarray | None, which: np.ndarray) -> int:
    """Count the clusters that hold some of the examples `which` (n,) bool, or the examples."""
    return int(np.count_nonzero(which if groups is None else np.bincount(groups[which])))


def _influence(
    positive: np.ndarray, value: np.ndarray, strata: np.ndarray | None = None
) -> tuple[float, np.ndarray, bool] | None:
    """Return an AUROC, its influence values (n,) and whether it parts the kinds; None where one kind is missing."""
    if strata is not None:
        return _within(positive, value, strata)
    level = np.unique(value, return_inverse=True)[1]
    found = scoring.auroc(positive, level)
    if found is None:
        return None
    parted = level[positive].min() > level[~positive].max() or level[positive].max() < level[~positive].min()
    return found, delong(positive, level, found), bool(parted)


def _within(positive: np.ndarray, value: np.ndarray, strata: np.ndarray) -> tuple[float, np.ndarray, bool] | None:
    """Return the same over the pairs of one stratum: the strata's AUROCs, weighed by how many pairs they have."""
    parts = []
    for stratum in np.unique(strata):
        rows = np.flatnonzero(strata == stratum)
        found = _influence(positive[rows], value[rows])
        if found is not None:
            n = np.bincount(positive[rows])
            # Deviations from the mean of a stratum's few are too small, by kind, as DeLong's denominators have it.
            spread = np.sqrt(n / np.maximum(n - 1, 1))[positive[rows].astype(np.int64)]
            parts.append((rows, int(n.prod()), (found[0], found[1] * spread, found[2])))
    n_pairs = sum(pairs for _, pairs, _ in parts)
    if not n_pairs:
        return None
    total, influence = 0.0, np.zeros(len(positive))
    for rows, pairs, (at, own, _) in parts:
        total += pairs / n_pairs * at
        influence[rows] = pairs / n_pairs * own
    return total, influence, all(parted for _, _, (_, _, parted) in parts)


def _why_none(positive: np.ndarray, parted: bool, groups: np.ndarray | None) -> int | None:
    # The error of the rarer kind is estimated from that kind alone: with few of them intervals are far too short.
    if min(count_clusters(groups, positive), count_clusters(groups, ~positive)) < FEWEST_CLUSTERS:
        return TOO_FEW
    return PARTED if parted else None
