"""A permutation test of marked against other examples: the marks move inside groups, the values stay."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

MOST_DRAWS = 50_000_000  # marks dealt in all replicates, most of a second; beyond, the exact moments and a normal tail
MOST_STRATA = 1_000
AT_ONCE = 1 << 22  # marks in memory
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
    """

    p_two_sided: float
    p_greater: float
    method: str


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
    mean, variance = np.zeros(worth.shape[1]), np.zeros(worth.shape[1])
    for k, own in enumerate(worth.T):
        usual = np.bincount(stratum, own) / size
        squares = np.bincount(stratum, (own - usual[stratum]) ** 2)
        mean[k] = (n_marked * usual).sum()
        variance[k] = (n_marked * (size - n_marked) / (size * np.maximum(size - 1, 1)) * squares).sum()
    scale = np.abs(worth).sum(axis=0)
    still = variance <= (CLOSE * scale) ** 2
    mixed = (n_marked > 0) & (n_marked < size)
    movable = mixed[stratum]  # what cannot move adds the same to every replicate
    n_movable = int(movable.sum())
    if n_movable * n_permutations > MOST_DRAWS or int(mixed.sum()) > MOST_STRATA:
        return _normal((observed - mean)[~still] / np.sqrt(variance[~still]), still, 1 / (n_permutations + 1))
    shift = mark[~movable] @ worth[~movable]
    counts = np.zeros((2, worth.shape[1]), np.int64)
    for sums in _replicates(mark[movable], worth[movable], size[mixed], n_permutations, seed):
        counts[0] += (sums + shift >= observed - CLOSE * scale).sum(axis=0)
        counts[1] += (sums + shift <= observed + CLOSE * scale).sum(axis=0)
    greater, less = (counts + 1) / (n_permutations + 1)
    return [
        None if none else MarkTest(float(min(1.0, 2 * min(above, below))), float(above), PERMUTATION)
        for none, above, below in zip(still, greater, less, strict=True)
    ]


def _replicates(
    mark: np.ndarray, worth: np.ndarray, sizes: np.ndarray, n_permutations: int, seed: int
) -> Iterator[np.ndarray]:
    """Yield the sums of replicates (r, K), some at a time, a stream for each cohort of them."""
    step = max(1, min(n_permutations, AT_ONCE // max(len(mark), 1)))
    ends = np.cumsum(sizes)
    for cohort, start in enumerate(range(0, n_permutations, step)):
        random = np.random.default_rng((seed, cohort))
        dealt = np.tile(mark.astype(np.float64), (min(step, n_permutations - start), 1))
        for low, high in zip(ends - sizes, ends, strict=True):
            part = dealt[:, low:high]
            random.permuted(part, axis=1, out=part)
        yield dealt @ worth


def _normal(z: np.ndarray, still: np.ndarray, least: float) -> list[MarkTest | None]:
    """Return normal tails, none below `least`; z is of those that are not `still`."""
    from scipy.special import ndtr  # scipy.stats takes a second to import

    scores = iter(z.tolist())
    out: list[MarkTest | None] = []
    for none in still:
        own = 0.0 if none else next(scores)
        two_sided, greater = 2 * max(float(ndtr(-abs(own))), least), max(float(ndtr(-own)), least)
        out.append(None if none else MarkTest(min(1.0, two_sided), greater, NORMAL))
    return out
