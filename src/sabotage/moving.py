"""How much sabotage a slice would have by chance: whole groups that change places, or marks that move inside groups."""

from dataclasses import dataclass

import numpy as np

from sabotage.halving import Sampling

LEAST = 1e-12  # exact p-values below are not told from it: probabilities are sums of cosines
CELLS = 1 << 22  # of a temporary
MOST_MOVES = 1 << 26  # of groups, over all replicates: for more groups there are fewer replicates
FEWEST = 999
ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class Chances:
    """How likely counts as high, and as low, are by chance: ndarrays of shape (S, T), and how they were found.

    `n_permutations` is None where p is exact, and `moves` is a sentence without its full stop.
    """

    upper: np.ndarray
    lower: np.ndarray
    n_permutations: int | None
    moves: str

    @property
    def two_sided(self) -> np.ndarray:
        """Twice the smaller one, at most 1."""
        found: np.ndarray = np.minimum(1.0, 2 * np.minimum(self.upper, self.lower))
        return found


def chances(
    code: np.ndarray, n_slices: int, marks: np.ndarray, sampling: Sampling, rows: np.ndarray, n_permutations: int,
    key: list[int],
) -> Chances:  # fmt: skip
    """Test whether slices have more marks than by chance, given which examples depend on each other.

    Without groups marks move over all examples. Where a column is constant inside groups, whole groups change their
    values, and the rate is compared; else marks move inside groups. Where ids repeat inside groups, ids move inside
    groups if the column is constant in each id, else marks move inside ids.

    Parameters
    ----------
    code : ndarray of shape (n,), int64
        0 to S - 1, S for examples of no slice.
    n_slices : int
    marks : ndarray of shape (n, T), bool
    sampling : Sampling
    rows : ndarray of shape (k,), int64
        The examples that there are.
    n_permutations : int
        At least 1; fewer where there are very many groups.
    key : list of int
        Of the random stream.
    """
    code, marks = code[rows], marks[rows]
    cluster = np.unique(sampling.cluster[rows], return_inverse=True)[1]
    if sampling.is_plain:
        return _inside(code, n_slices, marks, np.zeros(len(rows), np.int64), "marks of sabotage move over all examples")
    one = np.zeros(int(cluster.max()) + 1, np.int64)
    if _is_constant(code, cluster):
        moves = f"{sampling.word} change places whole"
        return _whole(code, n_slices, marks, cluster, one, n_permutations, key, moves)
    word = _one(sampling.word)
    if sampling.finer is None:
        return _inside(code, n_slices, marks, cluster, f"marks of sabotage move inside each {word}")
    finer = np.unique(sampling.finer[rows], return_inverse=True)[1]
    if not _is_constant(code, finer):
        return _inside(code, n_slices, marks, finer, f"marks of sabotage move inside each id of a {word}")
    stratum = np.empty(int(finer.max()) + 1, np.int64)
    stratum[finer] = cluster
    moves = f"ids change places whole, inside each {word}"
    return _whole(code, n_slices, marks, finer, stratum, n_permutations, key, moves)


def _one(word: str) -> str:
    return "id" if word == "ids" else word.replace("groups", "group", 1)


def _is_constant(code: np.ndarray, cluster: np.ndarray) -> bool:
    some = np.empty(int(cluster.max()) + 1, np.int64)
    some[cluster] = code
    return bool((some[cluster] == code).all())


def _whole(
    code: np.ndarray, n_slices: int, marks: np.ndarray, unit: np.ndarray, stratum: np.ndarray, n_permutations: int,
    key: list[int], moves: str,
) -> Chances:  # fmt: skip
    """Count how often the rate of each slice is as high, and as low, when units swap slices inside strata."""
    from scipy.sparse import csr_array

    n, t = len(stratum), marks.shape[1]
    own = np.empty(n, np.int64)
    own[unit] = code
    order = np.lexsort((own, stratum))  # units of a stratum stand next to each other
    values = np.empty((n, t + 1))  # whole numbers: their sums are exact in float64
    for k in range(t):
        values[:, k] = np.bincount(unit, marks[:, k], minlength=n)
    values[:, t] = np.bincount(unit, minlength=n)
    values, own, stratum = values[order], own[order], stratum[order]
    by_slice = np.argsort(own, kind="stable").astype(np.int32)
    starts = np.searchsorted(own[by_slice], np.arange(n_slices + 1))  # after the last: units of no slice

    def rates(drawn: np.ndarray) -> np.ndarray:
        """Return marks per example (k, S, T) when those units stand in the places of each slice, (k, n)."""
        rows = (np.arange(len(drawn))[:, None] * n + starts).ravel()
        picks = csr_array(
            (np.ones(drawn.size), drawn.ravel(), np.append(rows, drawn.size)), shape=(len(rows), n), copy=False
        )
        totals = (picks @ values).reshape(len(drawn), n_slices + 1, t + 1)[:, :n_slices]
        with np.errstate(invalid="ignore"):
            found: np.ndarray = totals[..., :t] / totals[..., t:]
        return found

    observed = rates(by_slice[None])[0]
    replicates = min(n_permutations, max(FEWEST, MOST_MOVES // n))
    width = max(1, CELLS // max(n, (n_slices + 1) * (t + 1)))
    upper, lower = np.zeros(observed.shape, np.int64), np.zeros(observed.shape, np.int64)
    random, places, has_strata = np.random.default_rng(key), np.arange(n, dtype=np.int32), stratum[0] != stratum[-1]
    for first in range(0, replicates, width):
        size = (min(width, replicates - first), n)
        if has_strata:
            moved = np.argsort(stratum + random.random(size), axis=1)[:, by_slice]
        else:
            moved = random.permuted(np.broadcast_to(places, size), axis=1)
        drawn = rates(moved)
        upper += np.count_nonzero(drawn >= observed - ROUNDING, axis=0)
        lower += np.count_nonzero(drawn <= observed + ROUNDING, axis=0)
    return Chances((upper + 1) / (replicates + 1), (lower + 1) / (replicates + 1), replicates, moves)


def _inside(code: np.ndarray, n_slices: int, marks: np.ndarray, stratum: np.ndarray, moves: str) -> Chances:
    """Return exact chances of counts when marks move inside strata: sums of hypergeometric numbers."""
    size = np.bincount(stratum)
    pair, inverse = np.unique(code * len(size) + stratum, return_inverse=True)
    drawn = np.bincount(inverse)
    slice_of, stratum_of = pair // len(size), pair % len(size)
    bounds = np.searchsorted(slice_of, np.arange(n_slices + 1))
    upper, lower = np.ones((n_slices, marks.shape[1])), np.ones((n_slices, marks.shape[1]))
    for t in range(marks.shape[1]):
        marked = np.bincount(stratum, marks[:, t], minlength=len(size)).astype(np.int64)
        hits = np.bincount(inverse, marks[:, t], minlength=len(pair)).astype(np.int64)
        for s in range(n_slices):
            own = slice(bounds[s], bounds[s + 1])
            at = stratum_of[own]
            upper[s, t], lower[s, t] = tails(int(hits[own].sum()), size[at], marked[at], drawn[own])
    return Chances(upper, lower, None, moves)


def tails(count: int, size: np.ndarray, marked: np.ndarray, drawn: np.ndarray) -> tuple[float, float]:
    """Return the chances of a sum of independent hypergeometric numbers of at least, and at most, `count`.

    The characteristic function of the sum is the product of those of its terms, and a discrete Fourier transform gives
    the probabilities back. They are wanted about the mean only: further than eight standard deviations and 40 away
    from it lies less than 1e-13, as a hypergeometric number is a sum of independent ones of 0 or 1.

    Parameters
    ----------
    count : int
    size, marked, drawn : ndarray of shape (k,), int64
        Of each stratum its examples, those with a mark, and how many of its examples are in the slice.

    Returns
    -------
    upper, lower : float
        At least 1e-12.

    References
    ----------
    Vatutin and Mikhailov 1983 (doi:10.1137/1127088), for hypergeometric numbers as sums; Bernstein's inequality.
    """
    low = np.maximum(0, drawn + marked - size)
    fixed = low == np.minimum(drawn, marked)
    offset, moving = int(low[fixed].sum()), ~fixed
    # Strata alike count once, with a power.
    if not moving.any():
        return float(count <= offset), float(count >= offset)
    size, marked, drawn = size[moving], marked[moving], drawn[moving]
    base = int(size.max()) + 1
    kind = np.unique(size * base + marked, return_inverse=True)[1]  # twice one number: rows are slow to sort
    first_of, times = np.unique(kind * base + drawn, return_index=True, return_counts=True)[1:]
    n, k, m = (own[first_of].astype(float) for own in (size, marked, drawn))
    mean = m * k / n
    spread = m * k * (n - k) * (n - m) / (n * n * (n - 1))
    reach = 8 * float((times * spread).sum()) ** 0.5 + 40
    centre = round(float((times * mean).sum()))
    length = 1 << int(2 * reach + 2).bit_length()
    product = np.ones(length // 2 + 1, complex)
    first = np.maximum(np.maximum(0, m + k - n), np.floor(mean - 8 * spread**0.5 - 40)).astype(np.int64)
    last = np.minimum(np.minimum(m, k), np.ceil(mean + 8 * spread**0.5 + 40)).astype(np.int64)
    step = max(1, CELLS // max(length, int((last - first).max()) + 1))
    for begin in range(0, len(times), step):
        rows = slice(begin, begin + step)
        terms = _probabilities(n[rows], k[rows], m[rows], first[rows], last[rows])
        folded = np.zeros((len(terms), -(-terms.shape[1] // length) * length))
        folded[:, : terms.shape[1]] = terms
        waves = np.fft.rfft(folded.reshape(len(terms), -1, length).sum(axis=1), axis=1)
        several = times[rows] > 1  # a complex power takes longer than the transform
        waves[several] **= times[rows][several, None]
        product *= np.prod(waves, axis=0)
    ring = np.fft.irfft(product, length)
    # What stands at place j of the ring is the chance of start + j, for the turn of it that is about the mean.
    start = int((times * first).sum())
    window = centre - length // 2 + np.arange(length)
    probability = np.maximum(ring[(window - start) % length], 0.0)
    at = count - offset
    upper, lower = float(probability[window >= at].sum()), float(probability[window <= at].sum())
    return min(1.0, max(LEAST, upper)), min(1.0, max(LEAST, lower))


def _probabilities(n: np.ndarray, k: np.ndarray, m: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Return the chances of first, first + 1 ... last marks among m examples of n with k marks: (strata, widest)."""
    from scipy.special import gammaln  # scipy.stats takes a second to import

    def choose(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        found: np.ndarray = gammaln(a + 1) - gammaln(b + 1) - gammaln(a - b + 1)
        return found

    n, k, m = n[:, None], k[:, None], m[:, None]
    count = first[:, None] + np.arange(int((last - first).max()) + 1)
    known = count <= last[:, None]
    x = np.where(known, count, first[:, None]).astype(float)
    found: np.ndarray = np.where(known, np.exp(choose(k, x) + choose(n - k, m - x) - choose(n, m)), 0.0)
    return found / found.sum(axis=1, keepdims=True)
