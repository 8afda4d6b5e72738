"""What examples are worth under the weights of given donors: for any rule, one pair at a time.

An example's worth is 1 or 0, whether its truth is decided for (`worth` 0) or among the best k (`worth` k), or the
logarithm of the truth's part in the scores. Shapes are those of `fusing`.
"""

import numpy as np
from numpy.typing import NDArray
from sabotage.kernels.compiling import helper, kernel
from sabotage.kernels.fusing import covers_truth, decide, score

Floats = NDArray[np.float64]
Labels = NDArray[np.int32]
Counts = NDArray[np.int64]

SHARE = -1  # the truth's share of the scores
SOFTMAX = -2  # the softmax of the scores, where they are sums of logarithms
LOG_CLIP = 1e-12


@helper
def log_of(worth: int, kind: int, evidence: Floats, spoken: Labels, weights: Floats, i: int, row: int, c: int) -> float:
    """Logarithm of the part that class c has in the scores of example i under weights[row], clipped at 1e-12."""
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
    return np.log(max(part / total, LOG_CLIP)) if total > 0.0 else np.log(LOG_CLIP)


@kernel
def write_logs(
    worth: int, kind: int, evidence: Floats, spoken: Labels, weights: Floats, truth: Labels, out: Floats
) -> None:
    """Write the logarithm of every truth's part in the scores into `out` (n,); -27.6 where nobody speaks."""
    for i in range(len(spoken)):
        n_spoken = 0
        for m in range(spoken.shape[1]):
            n_spoken += spoken[i, m] >= 0
        if n_spoken > 0:
            out[i] = log_of(worth, kind, evidence, spoken, weights, i, i, truth[i])
        else:
            out[i] = np.log(LOG_CLIP)


@kernel
def add_logs(
    worth: int,
    kind: int,
    evidence: Floats,
    spoken: Labels,
    weights: Floats,
    order: Counts,
    truth: Labels,
    clean: Labels,
    donors: Labels,
    sums: Floats,
) -> None:
    """Add the logarithms of replicates in which position p takes the weights of donors[r, p] to `sums` (replicates,).

    One replicate after the other and position by position, so that a sum does not depend on how replicates are batched.
    """
    for r in range(len(donors)):
        total = 0.0
        for p in range(len(order)):
            if clean[p] >= 0:
                total += log_of(worth, kind, evidence, spoken, weights, order[p], donors[r, p], truth[p])
            else:
                total += np.log(LOG_CLIP)
        sums[r] += total


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
    weight_rows: Labels,
    donors: Labels,
    class_weights: Floats,
    rows: Floats,
    squares: Floats,
    columns: Floats,
) -> None:
    """Add up what the positions `which` are worth under the weights of row weight_rows[k, p], for all k.

    `donors` (K, n) says who gave these weights, -1 where a pair does not count. Adds to `rows` and `squares` (n,) by
    position, and to `columns` (n,), times the class weight, by donor.
    """
    for p in which:
        i, c = order[p], truth[p]
        for k in range(len(donors)):
            donor = donors[k, p]
            if donor >= 0:
                row = weight_rows[k, p]
                if worth >= 0:
                    value = 1.0 if covers_truth(kind, worth, evidence, spoken, weights, listed, i, row, c) else 0.0
                else:
                    value = log_of(worth, kind, evidence, spoken, weights, i, row, c)
                rows[p] += value
                squares[p] += value * value
                columns[donor] += class_weights[c] * value


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
