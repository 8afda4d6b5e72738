"""What permuted weights cannot change, proven example by example, and what is left as half-spaces of 16-bit integers.

Weights are non-negative, and at least one of an example's is positive. Then most classes can never win, and most of
the rest need few comparisons. Class a *covers* b if its evidence is at least b's for every agent: its float64 score
sum is then at least b's, whatever the weights, for a sum that rounds is still monotone. It *surely* beats b if the
evidence differs everywhere by more than the sums can lose to rounding; covering with a strict difference everywhere
is not enough, as the sums may round to a tie, and then the lower index wins.
"""

import numpy as np
from numpy.typing import NDArray
from sabotage.kernels.compiling import helper, kernel

Floats = NDArray[np.float64]
Integers = NDArray[np.int32]
Longs = NDArray[np.int64]

UNIT = 2.0**-53
LEAST = 5e-324
FULL = 32767.0  # a packed weight of 1, and a packed coefficient of the largest size
# Where nothing that a score sum adds can come near overflow, or near what denormals lose.
LOW, HIGH = 2.0**-480, 2.0**480

# What becomes of an example's hit when weights are permuted.
NEVER = 0
ALWAYS = 1
OPEN = 2  # its check says
OTHERWISE = 3  # it hits if and only if the decision is not the clean one


@helper
def gather_columns(votes: bool, evidence: Floats, spoken: Integers, i: int, columns: Floats) -> int:
    """Write the evidence of example i for its speaking agents into `columns` (C, M); return how many they are."""
    n_spoken = 0
    for m in range(spoken.shape[1]):
        if spoken[i, m] >= 0:
            for c in range(columns.shape[0]):
                if votes:
                    columns[c, n_spoken] = 1.0 if spoken[i, m] == c else 0.0
                else:
                    columns[c, n_spoken] = evidence[i, m, c]
            n_spoken += 1
    return n_spoken


@helper
def covers(columns: Floats, n_spoken: int, a: int, b: int) -> bool:
    """Whether the score sum of a is at least that of b under any weights."""
    for m in range(n_spoken):  # noqa: SIM110 - numba has no all() over generators
        if not columns[a, m] >= columns[b, m]:
            return False
    return True


@helper
def surely(columns: Floats, n_spoken: int, a: int, b: int, smallest: float) -> bool:
    """Whether the score sum of a is above that of b under any weights; `smallest` is the least positive weight."""
    least = np.inf
    for m in range(n_spoken):
        difference = columns[a, m] - columns[b, m]
        if not difference > (2 * n_spoken + 6) * UNIT * (abs(columns[a, m]) + abs(columns[b, m])):
            return False
        least = min(least, difference)
    return n_spoken > 0 and smallest * least > 8 * n_spoken * LEAST


@helper
def find_candidates(columns: Floats, n_spoken: int, smallest: float, front: Integers) -> int:
    """Write the classes that can be decided for into `front` (C,), ascending; return how many they are."""
    size = 0
    for c in range(columns.shape[0]):
        dropped = False
        for k in range(size):
            if covers(columns, n_spoken, front[k], c):
                dropped = True
                break
        if not dropped:
            kept = 0
            for k in range(size):
                if not surely(columns, n_spoken, c, front[k], smallest):
                    front[kept] = front[k]
                    kept += 1
            front[kept] = c
            size = kept + 1
    return size


@helper
def find_rivals(
    columns: Floats, n_spoken: int, smallest: float, target: int, front: Integers, size: int, rivals: Integers
) -> int:
    """Write the candidates that `target` must beat to be decided for into `rivals`; return how many they are.

    A candidate is left out if the target always beats it, or if it is covered by another one that must be beaten
    anyway, where a tie with that one settles the tie with both.
    """
    n_open = 0
    for k in range(size):
        c = front[k]
        if c != target:
            beaten = (target < c and covers(columns, n_spoken, target, c)) or surely(
                columns, n_spoken, target, c, smallest
            )
            if not beaten:
                rivals[n_open] = c
                n_open += 1
    redundant = np.zeros(n_open, np.bool_)
    for k in range(n_open):
        c = rivals[k]
        for j in range(n_open):
            a = rivals[j]
            if a != c and not (c < target < a) and covers(columns, n_spoken, a, c):
                redundant[k] = a < c or not covers(columns, n_spoken, c, a)  # of equals the lowest stays
                if redundant[k]:
                    break
    kept = 0
    for k in range(n_open):
        if not redundant[k]:
            rivals[kept] = rivals[k]
            kept += 1
    return kept


@helper
def find_top_rivals(
    columns: Floats, n_spoken: int, smallest: float, target: int, listed: NDArray[np.bool_], rivals: Integers
) -> tuple[int, int]:
    """Write the listed classes that may or may not stand before `target`; return how many, and how many always do."""
    n_open = n_before = 0
    for c in range(columns.shape[0]):
        if c == target or not listed[c]:
            continue
        if (c < target and covers(columns, n_spoken, c, target)) or surely(columns, n_spoken, c, target, smallest):
            n_before += 1
        elif not (
            (target < c and covers(columns, n_spoken, target, c)) or surely(columns, n_spoken, target, c, smallest)
        ):
            rivals[n_open] = c
            n_open += 1
    return n_open, n_before


@helper
def extended(values: Integers, used: int, more: Integers, count: int) -> Integers:
    """Return `values` with `count` of `more` behind the first `used`, in a larger array if need be."""
    if used + count > len(values):
        larger = np.empty(2 * (used + count), np.int32)
        for k in range(used):  # a slice's assignment would take two seconds to compile
            larger[k] = values[k]
        values = larger
    for k in range(count):
        values[used + k] = more[k]
    return values


@kernel
def prune(
    votes: bool,
    evidence: Floats,
    spoken: Integers,
    clean: Integers,
    truth: Integers,
    top: int,
    listed: NDArray[np.bool_],
    smallest: float,
    starts: Longs,
    check_starts: Longs,
    outcome: NDArray[np.int8],
    slack: Integers,
) -> tuple[Integers, Integers]:
    """Find out what permuted weights can change for every example.

    A hit is the truth decided for (`top` = 0), or among the `top` best of the classes `listed` (n, C), for rules over
    candidate lists, or (1, C) for all. `starts` and `check_starts` (n + 1,) bound each example's rivals in the two
    arrays that are returned: those that the clean decision must beat to stand, and, where `outcome` (n,) is OPEN,
    those of which the truth must beat all but `slack` (n,).
    """
    n_classes = evidence.shape[2]
    columns = np.empty((n_classes, spoken.shape[1]))
    front, found = np.empty(n_classes, np.int32), np.empty(n_classes, np.int32)
    rivals, check_rivals = np.empty(1024, np.int32), np.empty(1024, np.int32)
    starts[0] = check_starts[0] = 0
    for i in range(len(spoken)):
        n_spoken = gather_columns(votes, evidence, spoken, i, columns)
        size = n_kept = n_check = 0
        slack[i] = 0
        if n_spoken > 0:
            size = find_candidates(columns, n_spoken, smallest, front)
            n_kept = find_rivals(columns, n_spoken, smallest, clean[i], front, size, found)
            rivals = extended(rivals, starts[i], found, n_kept)
        starts[i + 1] = starts[i] + n_kept
        outcome[i] = ALWAYS if clean[i] == truth[i] else NEVER
        if n_spoken > 0 and top > 0:
            row = i if len(listed) > 1 else 0
            outcome[i] = NEVER
            if listed[row, truth[i]]:
                n_check, n_before = find_top_rivals(columns, n_spoken, smallest, truth[i], listed[row], found)
                slack[i] = top - 1 - n_before
                outcome[i] = NEVER if slack[i] < 0 else ALWAYS if n_check <= slack[i] else OPEN
        elif n_kept > 0 and clean[i] == truth[i]:
            n_check = n_kept
            outcome[i] = OPEN
        elif n_kept > 0:
            possible = False
            for k in range(size):
                possible |= front[k] == truth[i]
            if possible:
                n_check = find_rivals(columns, n_spoken, smallest, truth[i], front, size, found)
                outcome[i] = OTHERWISE if size == 2 else OPEN
        if outcome[i] in (NEVER, ALWAYS):
            n_check = 0
        check_rivals = extended(check_rivals, check_starts[i], found, n_check)
        check_starts[i + 1] = check_starts[i] + n_check
    return rivals[: starts[-1]], check_rivals[: check_starts[-1]]


@helper
def quantise(columns: Floats, n_spoken: int, target: int, rival: int, half: Integers) -> None:
    """Write the half-space in which `target` beats `rival` into `half` (n_pairs + 1,): 16-bit pairs, then a constant.

    With v_m the weights over their sum, the difference of the scores over that sum is D_last + sum over the other m of
    v_m (D_m - D_last), D the difference of the evidence. Scaled by FULL / F, F = 2 max |D|, coefficients and weights
    are rounded to 16 bits and the constant to 30, so that the margin, an integer below 2^31, is off by at most
    FULL / 2 for each agent and one unit each for the small terms; what the float64 sums themselves may lose is below
    one unit, since rows where it is not are left at 0: always too close to call.
    """
    for p in range(len(half)):
        half[p] = 0
    largest = size = 0.0
    for m in range(n_spoken):
        largest = max(largest, abs(columns[target, m] - columns[rival, m]))
        size = max(size, abs(columns[target, m]) + abs(columns[rival, m]))
    scale = 2 * largest
    if scale >= LOW and size <= HIGH and size <= 2.0**15 * scale:
        last = columns[target, n_spoken - 1] - columns[rival, n_spoken - 1]
        for m in range(n_spoken - 1):
            coefficient = int(np.rint((columns[target, m] - columns[rival, m] - last) / scale * FULL))
            half[m // 2] |= np.int32((coefficient & 0xFFFF) << (16 * (m % 2)))
        half[-1] = int(np.rint(last / scale * (FULL * FULL)))


@kernel
def lay_out(
    votes: bool,
    evidence: Floats,
    spoken: Integers,
    examples: Longs,
    targets: Integers,
    starts: Longs,
    rivals: Integers,
    first_rows: Longs,
    columns_of: Longs,
    halves: Integers,
) -> None:
    """Write the half-spaces of `examples`, in which their targets beat their rivals, into `halves` (rows, pairs, k).

    Those of one example stand in rows from its first on, in its own column. `starts` (n + 1,) bounds the rivals of
    each example of the panel.
    """
    columns = np.empty((evidence.shape[2], spoken.shape[1]))
    half = np.empty(halves.shape[1], np.int32)
    for k in range(len(examples)):
        i = examples[k]
        n_spoken = gather_columns(votes, evidence, spoken, i, columns)
        for h in range(starts[i + 1] - starts[i]):
            quantise(columns, n_spoken, targets[k], rivals[starts[i] + h], half)
            for p in range(len(half)):
                halves[first_rows[k] + h, p, columns_of[k]] = half[p]


@kernel
def pack(weights: Floats, spoken: Integers, packed: Integers) -> None:
    """Write each row of weights, over its sum, as 16-bit pairs of all its speaking agents but the last."""
    for p in range(len(weights)):
        total = 0.0
        last = -1
        for m in range(weights.shape[1]):
            if spoken[p, m] >= 0:
                total += weights[p, m]
                last = m
        k = 0
        for m in range(last):
            if spoken[p, m] >= 0:
                packed[p, k // 2] |= np.int32(int(np.rint(weights[p, m] / total * FULL)) << (16 * (k % 2)))
                k += 1
