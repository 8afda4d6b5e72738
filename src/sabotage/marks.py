"""A permutation test of marked against other examples: the marks move inside groups, the values stay."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

MOST_DRAWS = 50_000_000  # marks dealt in all replicates, most of a second; beyond, the exact moments and a normal tail
MOST_STRATA = 1_000
MOST_LOPSIDED = 0.05  # where few examples carry a sum its tail is no normal one: fewer replicates are made instead
FEWEST = 999
RARE = 100
AT_ONCE = 1 << 22  # marks in memory
DECIMALS = 9  # of what is put in order: more are rounding
CLOSE = 1e-10  # relative: sums that differ by less differ in rounding
PERMUTATION, NORMAL = "permutation", "normal"


@dataclass(frozen=True)
class MarkTest:
    """Whether values are higher where there is a mark.

    Attributes
    ----------
    p_two_sided, p_greater : float
    method : {"permutation", "normal"}
        Replicates, p = (b + 1) / (R + 1); or the exact mean and variance under all shuffles, and a normal tail, which
        is trusted no further than R replicates could show.
    n_permutations : int or None
        R, fewer than were asked for where these would be too many and the tail is not normal; None for normal tails.
    """

    p_two_sided: float
    p_greater: float
    method: str
    n_permutations: int | None = None


@dataclass(frozen=True, eq=False)
class Dealing:
    """What is shuffled: units, which are examples or ids, and the strata inside which their marks move.

    `unit` (n,) int64 numbers the unit of each example from 0, None where each is its own; `stratum` (n,) int64 its
    stratum, None for one alone.
    """

    unit: np.ndarray | None = None
    stratum: np.ndarray | None = None


def permute_marks(
    marked: np.ndarray, values: np.ndarray, dealing: Dealing, n_permutations: int, seed: int = 0
) -> list[MarkTest | None]:
    """Test several values of the same examples for being higher where there is a mark.

    The statistic is the sum over marked examples of what a value is above the mean of all. Where every unit has as many
    examples, that is the difference of the means of both kinds but for a constant factor. All values share their
    replicates, and the same seed gives the same p.

    Parameters
    ----------
    marked : ndarray of shape (n,), bool
        The same for all examples of a unit.
    values : ndarray of shape (n, K)
        Without NaN.
    dealing : Dealing
        Its arrays of shape (n,). A unit lies in the stratum of its first example.
    n_permutations : int
        0 gives None.
    seed : int

    Returns
    -------
    list of MarkTest or None, length K
        None where no shuffle can change the sum: no stratum has both kinds and different values.

    References
    ----------
    The p-value of Phipson and Smyth 2010 (doi:10.2202/1544-6115.1585); the moments of a sample drawn without
    replacement, as in Hoeffding 1951 (doi:10.1214/aoms/1177729545).
    """
    if not n_permutations or not len(marked):
        return [None] * values.shape[1]
    worth = values - values.mean(axis=0)
    mark, stratum = marked, dealing.stratum if dealing.stratum is not None else np.zeros(len(marked), np.int64)
    if dealing.unit is not None:
        _, first, place = np.unique(dealing.unit, return_index=True, return_inverse=True)
        worth = np.stack([np.bincount(place, own) for own in worth.T], axis=1)
        mark, stratum = marked[first], stratum[first]
    stratum = np.unique(stratum, return_inverse=True)[1]
    order = np.argsort(stratum, kind="stable")
    return _dealt(mark[order], worth[order], stratum[order], n_permutations, seed)


def _dealt(
    mark: np.ndarray, worth: np.ndarray, stratum: np.ndarray, n_permutations: int, seed: int
) -> list[MarkTest | None]:
    """Test units that stand in the order of their strata."""
    size = np.bincount(stratum)
    n_marked = np.bincount(stratum, mark)
    observed = mark @ worth
    mean, variance, third = np.zeros((3, worth.shape[1]))
    share = n_marked / size
    for k, own in enumerate(worth.T):
        usual = np.bincount(stratum, own) / size
        away = np.abs(own - usual[stratum])
        mean[k] = (n_marked * usual).sum()
        variance[k] = (
            n_marked * (size - n_marked) / (size * np.maximum(size - 1, 1)) * np.bincount(stratum, away**2)
        ).sum()
        third[k] = (share * (1 - share) * (share**2 + (1 - share) ** 2) * np.bincount(stratum, away**3)).sum()
    scale = np.abs(worth).sum(axis=0)
    still = variance <= (CLOSE * scale) ** 2
    mixed = (n_marked > 0) & (n_marked < size)
    movable = mixed[stratum]  # what cannot move adds the same to every replicate
    n_movable = int(movable.sum())
    drawn = ~still
    found: list[MarkTest | None] = [None] * len(still)
    if n_movable * n_permutations > MOST_DRAWS or int(mixed.sum()) > MOST_STRATA:
        drawn &= third > MOST_LOPSIDED * variance**1.5
        for k in np.flatnonzero(~still & ~drawn).tolist():
            found[k] = _normal(float((observed[k] - mean[k]) / variance[k] ** 0.5), 1 / (n_permutations + 1))
        n_permutations = min(n_permutations, max(FEWEST, MOST_DRAWS // max(n_movable, 1)))
    if not drawn.any():
        return found
    worth, observed, scale = worth[:, drawn], observed[drawn], scale[drawn]
    shift = mark[~movable] @ worth[~movable]
    counts = np.zeros((2, worth.shape[1]), np.int64)
    rows = np.flatnonzero(movable)  # and then by worth: in what order the examples stand must not change p
    rows = rows[np.lexsort((*np.round(worth[rows], DECIMALS).T, stratum[rows]))]
    marks = mark[rows][np.lexsort((~mark[rows], stratum[rows]))]
    for sums in _replicates(marks, worth[rows], size[mixed], n_permutations, seed):
        counts[0] += (sums + shift >= observed - CLOSE * scale).sum(axis=0)
        counts[1] += (sums + shift <= observed + CLOSE * scale).sum(axis=0)
    greater, less = (counts + 1) / (n_permutations + 1)
    for k, above, below in zip(np.flatnonzero(drawn).tolist(), greater.tolist(), less.tolist(), strict=True):
        found[k] = MarkTest(min(1.0, 2 * min(above, below)), above, PERMUTATION, n_permutations)
    return found


def _replicates(
    mark: np.ndarray, worth: np.ndarray, sizes: np.ndarray, n_permutations: int, seed: int
) -> Iterator[np.ndarray]:
    """Yield the sums of replicates (r, K), some at a time, a stream for each cohort of them."""
    ends = np.cumsum(sizes)
    if len(mark) > RARE * mark.sum():  # where the few marks fall is drawn in a hundredth of the time
        random, total = np.random.default_rng((seed, 0)), np.zeros((n_permutations, worth.shape[1]))
        for low, high in zip(ends - sizes, ends, strict=True):
            own, k = worth[low:high], int(mark[low:high].sum())
            for row in total:
                row += own[random.choice(len(own), k, replace=False, shuffle=False)].sum(axis=0)
        yield total
        return
    step = max(1, min(n_permutations, AT_ONCE // max(len(mark), 1)))
    for cohort, start in enumerate(range(0, n_permutations, step)):
        random = np.random.default_rng((seed, cohort))
        dealt = np.tile(mark.astype(np.float64), (min(step, n_permutations - start), 1))
        for low, high in zip(ends - sizes, ends, strict=True):
            part = dealt[:, low:high]
            random.permuted(part, axis=1, out=part)
        yield dealt @ worth


def _normal(z: float, least: float) -> MarkTest:
    """Return normal tails, none below `least`."""
    from scipy.special import ndtr  # scipy.stats takes a second to import

    two_sided, greater = 2 * max(float(ndtr(-abs(z))), least), max(float(ndtr(-z)), least)
    return MarkTest(min(1.0, two_sided), greater, NORMAL)
