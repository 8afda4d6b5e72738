"""What examples are worth under the weights of given donors: for any rule, one pair at a time.

An example's worth is 1 or 0, whether its truth is decided for (`worth` 0) or among the best k (`worth` k), or the
logarithm of the truth's part in the scores. Shapes are those of `fusing`.
"""

import numpy as np
from numpy.typing import NDArray
from sabotage.kernels.compiling import helper, inlined, kernel
from sabotage.kernels.fusing import covers_truth, decide, holds, score

Floats = NDArray[np.float64]
Labels = NDArray[np.int32]
Counts = NDArray[np.int64]

SHARE = -1  # the truth's share of the scores
SOFTMAX = -2  # the softmax of the scores, where they are sums of logarithms
LOG_CLIP = 1e-12


@helper
def log_of(worth: int, kind: int, evidence: Floats, spoken: Labels, weights: Floats, i: int, row: int, c: int) -> float:
    """Logarithm of the part that class c has in the scores of example i under weights[row], at least that of 1e-12.

    No scores, or scores of 0 for all classes, give it no part.
    """
    n_spoken = 0
    for m in range(spoken.shape[1]):
        n_spoken += spoken[i, m] >= 0
    own = score(kind, evidence, i, spoken, weights, row, c)
    total = 0.0
    largest = 0.0
    if worth == SOFTMAX:
        largest = -np.inf
        for k in range(evidence.shape[2]):
            largest = max(largest, score(kind, evidence, i, spoken, weights, row, k))
    for k in range(evidence.shape[2]):
        s = score(kind, evidence, i, spoken, weights, row, k)
        total += np.exp(s - largest) if worth == SOFTMAX else s
    part = np.exp(own - largest) if worth == SOFTMAX else own
    return np.log(max(part / total, LOG_CLIP)) if n_spoken > 0 and total > 0.0 else np.log(LOG_CLIP)


@kernel
def write_logs(
    worth: int, kind: int, evidence: Floats, spoken: Labels, weights: Floats, truth: Labels, out: Floats
) -> None:
    """Write the logarithm of every truth's part in the scores into `out` (n,)."""
    for i in range(len(spoken)):
        out[i] = log_of(worth, kind, evidence, spoken, weights, i, i, truth[i])


@kernel
def add_logs(
    worth: int,
    kind: int,
    evidence: Floats,
    spoken: Labels,
    weights: Floats,
    order: Counts,
    truth: Labels,
    donors: Labels,
    sums: Floats,
) -> None:
    """Add the logarithms of replicates in which position p takes the weights of donors[r, p] to `sums` (replicates,).

    One replicate after the other and position by position, so that a sum does not depend on how replicates are batched.
    """
    for r in range(len(donors)):
        total = 0.0
        for p in range(len(order)):
            total += log_of(worth, kind, evidence, spoken, weights, order[p], donors[r, p], truth[p])
        sums[r] += total


@inlined
def giver(p: int, step: int, start: int, size: int, n_donors: int) -> int:
    """Return who gives to position p of a block in a step: round the ring, at a distance of its own for each step."""
    return start + (p - start + 1 + step * (size - 1) // n_donors) % size


@kernel
def sum_worth(
    worth: int,
    kind: int,
    evidence: Floats,
    spoken: Labels,
    weights: Floats,
    listed: NDArray[np.bool_],
    order: Counts,
    truth: Labels,
    which: Counts,
    ring: Counts,
    rivals: tuple[Counts, Labels, Labels],
    moved: bool,
    first_step: int,
    last_step: int,
    class_weights: Floats,
    out: Floats,
) -> None:
    """Add up what the positions `which` are worth with the weights that others give them from first_step on.

    Positions stand in the order of a ring: `ring` (3, n) has each one's block's start and size, and how many give to
    it. `weights` (n, M) are theirs, or where `moved` those that each position has in this step. `rivals` are bounds,
    classes and slack as `fusing.holds` takes them, or empty for rules that know none. Adds to `out` (3, n): the sum and
    the sum of squares by position, and by giver the sum times the class weight.
    """
    bounds, classes, slack = rivals
    for p in which:
        i, c = order[p], truth[p]
        start, size, n_donors = ring[0, p], ring[1, p], ring[2, p]
        for step in range(first_step, min(last_step, n_donors)):
            donor = giver(p, step, start, size, n_donors)
            row = p if moved else donor
            if len(bounds) > 0:
                open_to = classes[bounds[i] : bounds[i + 1]]
                value = 1.0 if holds(kind, evidence, spoken, weights, i, row, c, open_to, slack[i]) else 0.0
            elif worth >= 0:
                value = 1.0 if covers_truth(kind, worth, evidence, spoken, weights, listed, i, row, c) else 0.0
            else:
                value = log_of(worth, kind, evidence, spoken, weights, i, row, c)
            out[0, p] += value
            out[1, p] += value * value
            out[2, donor] += class_weights[c] * value


@kernel
def write_givers(step: int, ring: Counts, out: Counts) -> None:
    """Write who gives to each position in a step into `out` (n,): itself where it has had enough."""
    for p in range(len(out)):
        out[p] = p
        if step < ring[2, p]:
            out[p] = giver(p, step, ring[0, p], ring[1, p], ring[2, p])


@kernel
def spread(values: Floats, which: Counts, ring: Counts, out: Floats) -> None:
    """Add the values (n,) of the positions `which` to all who give to them, `out` (n,)."""
    for p in which:
        for step in range(ring[2, p]):
            out[giver(p, step, ring[0, p], ring[1, p], ring[2, p])] += values[p]


@kernel
def finds_flip(
    kind: int,
    evidence: Floats,
    spoken: Labels,
    weights: Floats,
    order: Counts,
    clean: Labels,
    which: Counts,
    first: Counts,
    last: Counts,
    donors: Counts,
) -> bool:
    """Whether any position of `which` is decided otherwise with the weights of its donors[first[p]:last[p]].

    `first` and `last` (n,) are by position.
    """
    for p in which:
        for d in range(first[p], last[p]):
            if decide(kind, evidence, order[p], spoken, weights, donors[d]) != clean[p]:
                return True
    return False
