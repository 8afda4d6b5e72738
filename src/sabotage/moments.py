"""Exact mean and spread of a permutation test, and the gap with its sampling error, from sums over pairs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sabotage.exact import PairSums
from sabotage.intervals import centred, estimate
from sabotage.planning import Plan

# Multiples of the standard error: the gap that two-sided tests at 5 % see in 80 % of the samples.
VISIBLE = 2.80


@dataclass(frozen=True)
class Moments:
    """What the sums give.

    Attributes
    ----------
    exact_mean, exact_sd : float or None
        Of the broken statistic over all permutations (Hoeffding 1951, doi:10.1214/aoms/1177729391); None where not
        every pair is in the sums, and the spread also where several runs move in step or over derangements.
    gap_u : float
        The statistic as observed, less its mean when each example takes the reliability of another one of its block.
    gap_se : float or None
        Standard error of gap_u over samples of clusters, from influence values; None for one cluster.
    gap_interval : tuple of float, or None
        gap_u +- t(G - 1, .975) gap_se; None for fewer than 10 clusters.
    n_clusters : int
    n_changed : float
        Units of worth, hits for all statistics but the likelihood, that another's reliability changes, on average: an
        interval that rests on a few is too narrow.
    n_donors : int or None
        Donors of each example in sums over a sample of pairs; None where every pair is in.
    """

    exact_mean: float | None
    exact_sd: float | None
    gap_u: float
    gap_se: float | None
    gap_interval: tuple[float, float] | None
    n_clusters: int
    n_changed: float
    n_donors: int | None

    @property
    def smallest_visible_gap(self) -> float | None:
        """The gap that a sample like this one shows four times in five: 2.80 standard errors."""
        return None if self.gap_se is None else VISIBLE * self.gap_se

    def examples_needed(self, gap: float, n: int) -> int | None:
        """Return how many examples would show `gap` four times in five, n (2.80 se / gap)^2; None without an error."""
        if self.gap_se is None:
            return None
        return int(np.ceil(n * (VISIBLE * self.gap_se / gap) ** 2))


@dataclass(frozen=True, eq=False)
class Terms:
    """The same of one run, before runs and clusters come together; `influence` (n,) is by example."""

    mean: float
    variance: float
    gap: float
    influence: np.ndarray
    n_changed: float
    is_complete: bool
    n_donors: int


def terms(plan: Plan, sums: PairSums, worth: np.ndarray, class_weights: np.ndarray, by_class: bool) -> Terms:
    """Turn sums into moments.

    With a_ij the class weight of example i times its worth with the reliability of row j of its block of n, the mean is
    the sum of all a_ij / n, and the variance that of Hoeffding (1951), sum of d_ij^2 / (n - 1) with d the doubly
    centred a. The gap takes from each example's own worth its mean over the others' rows; its influence values hold
    what an example gains and what its row gives to the others.

    Parameters
    ----------
    worth : ndarray of shape (n,)
        By example, as observed.
    class_weights : ndarray of shape (C,)
        What a unit of worth of each class adds to the statistic.
    by_class : bool
        Influence is against the mean over the true class (balanced accuracy), not over all examples (accuracy), with
        the deviations of a class of k times the root of k / (k - 1): without it the interval of 972 classes in 1,500
        examples held the gap in half of the samples.
    """
    block, sizes = plan.block_of, np.diff(plan.starts)
    n_here, n_blocks = sizes[block], plan.n_blocks
    weight, own = class_weights[plan.truth], worth[plan.order]
    n_donors = np.maximum(sums.n_donors, 1)
    others = np.where(sums.n_donors > 0, sums.sums / n_donors, own)  # r_i
    share = (own + (n_here - 1) * others) / n_here
    mean = float((weight * share).sum())

    # Over all pairs: rows' spread around their means, less that of the columns' means.
    total, squares = own + sums.sums, own**2 + sums.squares
    column = sums.columns + np.where(sums.moves, weight * own, 0.0)
    column_mean = np.bincount(block, column, n_blocks) / np.maximum(sizes, 1)
    spread = weight**2 * (squares - total**2 / n_here) - (column - column_mean[block]) ** 2 / n_here
    variance = float((np.bincount(block, spread, n_blocks) / np.maximum(sizes - 1, 1))[sizes > 1].sum())

    gain = np.where(n_here > 1, own - others, 0.0)  # u_i
    around = centred(gain, plan.truth) if by_class else gain - gain.mean()
    given = sums.columns - sums.usual
    given[np.abs(given) <= 1e-12 * sums.usual] = 0.0  # what sums lose to rounding where nothing moves
    influence = np.empty(len(gain))
    influence[plan.order] = weight * around - given / n_donors
    return Terms(
        mean,
        max(variance, 0.0),
        float((weight * gain).sum()),
        influence,
        float(np.abs(gain).sum()),
        sums.is_complete,
        int(sums.n_donors[sums.moves].max(initial=0)),
    )


def combine(parts: Sequence[Terms], clusters: Sequence[np.ndarray | None], has_spread: bool) -> Moments:
    """Bring runs together: their mean, with the influence of all that one cluster adds.

    Parameters
    ----------
    parts : sequence of Terms
        One a run.
    clusters : sequence of ndarray of shape (n,), or None
        Cluster of each example of each run, from 0; each example its own where None.
    has_spread : bool
        Whether the variance is that of the permutations: not over derangements, and of one run only.
    """
    n_runs = len(parts)
    gap = sum(part.gap for part in parts) / n_runs
    influence = np.concatenate([part.influence for part in parts]) / n_runs
    given = [cluster for cluster in clusters if cluster is not None]
    groups = np.unique(np.concatenate(given), return_inverse=True)[1] if given else None
    found = estimate(gap, influence, groups)
    is_exact = all(part.is_complete for part in parts)
    return Moments(
        exact_mean=sum(part.mean for part in parts) / n_runs if is_exact else None,
        exact_sd=parts[0].variance ** 0.5 if is_exact and has_spread and n_runs == 1 else None,
        gap_u=gap,
        gap_se=found.se,
        gap_interval=found.interval,
        n_clusters=found.n_clusters,
        n_changed=sum(part.n_changed for part in parts) / n_runs,
        n_donors=None if is_exact else max(part.n_donors for part in parts),
    )
