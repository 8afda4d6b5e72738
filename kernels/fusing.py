"""Deciding one example, and the loops that do it for many: as observed, without one agent, with permuted weights.

Shapes: `evidence` (n, M, C) float64, or (1, 1, C) where the labels themselves are the evidence; `spoken` (n, M) int32,
the label of an agent that the rule can use, -1 for one that it cannot; `weights` (n, M) float64. A decision is a class
index, or -1 for an abstention.
"""

import numpy as np
from numpy.typing import NDArray
from sabotage.kernels.compiling import helper, inlined, kernel

Floats = NDArray[np.float64]
Labels = NDArray[np.int32]
Counts = NDArray[np.int64]

# How the scores of the classes come about.
SUM = 0  # weighted sum of the evidence of the speaking agents
VOTE = 1  # the same with one-hot labels as evidence, which are never materialised
SELECT = 2  # one-hot label of the agent with the largest weight, the first of equals
POOL = 3  # a function of one example, see `pooling`; of this kind and the next the loops here know nothing
CALL = 4  # a callable that knows all examples

# How reliability becomes a weight.
EQUAL = 0
RAW = 1
SOFTMAX = 2


@inlined
def weigh_row(
    kind: int, temperature: float, q: Floats, i: int, spoken: Labels, speaker: int, weights: Floats, row: int
) -> None:
    """Write into weights[row] what q[i] makes of those who speak in spoken[speaker], 1 each where it sums to 0."""
    largest = -np.inf
    for m in range(q.shape[1]):
        if spoken[speaker, m] >= 0 and q[i, m] > largest:
            largest = q[i, m]
    total = 0.0
    for m in range(q.shape[1]):
        weights[row, m] = 0.0
        if spoken[speaker, m] >= 0:
            if kind == EQUAL:
                weights[row, m] = 1.0
            elif q[i, m] >= 0.0:  # false for a null, which weighs 0
                weights[row, m] = q[i, m] if kind == RAW else np.exp((q[i, m] - largest) / temperature)
        total += weights[row, m]
    for m in range(q.shape[1]):
        if total == 0.0 and spoken[speaker, m] >= 0:
            weights[row, m] = 1.0
        elif kind == SOFTMAX and total > 0.0:
            weights[row, m] /= total


@kernel
def weigh(kind: int, temperature: float, q: Floats, spoken: Labels, weights: Floats) -> None:
    """Turn reliabilities into the weights of the speaking agents, 1 each where they sum to 0; all arrays (n, M)."""
    for i in range(len(q)):
        weigh_row(kind, temperature, q, i, spoken, i, weights, i)


@inlined
def score(kind: int, evidence: Floats, i: int, spoken: Labels, weights: Floats, row: int, c: int) -> float:
    """Score of class c for example i under weights[row]: a float64 sum in agent order, silent agents left out."""
    total = 0.0
    for m in range(spoken.shape[1]):
        if kind == SUM:
            if spoken[i, m] >= 0:
                total += weights[row, m] * evidence[i, m, c]
        elif spoken[i, m] == c:
            total += weights[row, m]
    return total


@inlined
def decide(kind: int, evidence: Floats, i: int, spoken: Labels, weights: Floats, row: int) -> int:
    """Decide example i under weights[row]: the lowest class of the highest score, -1 where nobody speaks.

    Rows go in as indices, and the best class is kept by selection, not by a branch: with slices and branches the
    same sums took 80 ns an example, so they take 18 (M = 3, C = 7).
    """
    n_spoken = 0
    chosen = 0
    strongest = -np.inf
    for m in range(spoken.shape[1]):
        if spoken[i, m] >= 0:
            n_spoken += 1
            if kind == SELECT and weights[row, m] > strongest:
                strongest = weights[row, m]
                chosen = m
    best = 0
    if kind == SELECT:
        best = spoken[i, chosen]
    else:
        top = -np.inf
        for c in range(evidence.shape[2]):
            s = score(kind, evidence, i, spoken, weights, row, c)
            better = s > top
            top = s if better else top
            best = c if better else best
    return best if n_spoken > 0 else -1


@kernel
def fuse(kind: int, evidence: Floats, spoken: Labels, weights: Floats, decision: Labels, scores: Floats) -> None:
    """Decide every example: writes `decision` (n,) int32 and `scores` (n, C)."""
    for i in range(len(spoken)):
        label = decide(kind, evidence, i, spoken, weights, i)
        decision[i] = label
        for c in range(evidence.shape[2]):
            if kind == SELECT:
                scores[i, c] = 1.0 if c == label else 0.0
            else:
                scores[i, c] = score(kind, evidence, i, spoken, weights, i, c)


@inlined
def replay_donors(
    kind: int,
    evidence: Floats,
    spoken: Labels,
    weights: Floats,
    order: Counts,
    truth: Labels,
    clean: Labels,
    which: Counts,
    donors: Labels,
    counts: Counts,
) -> None:
    """Do what `count_permuted` says; an example's evidence is read once for all replicates at hand."""
    n_classes = evidence.shape[2]
    for p in which:
        i = order[p]
        was_hit = clean[p] == truth[p]
        for r in range(len(donors)):
            label = decide(kind, evidence, i, spoken, weights, donors[r, p])
            counts[r, truth[p]] += (label == truth[p]) - was_hit
            counts[r, n_classes] += label != clean[p]
            if counts.shape[1] > n_classes + 1 and label >= 0:
                counts[r, n_classes + 1 + label] += 1
                counts[r, n_classes + 1 + clean[p]] -= 1


@kernel
def count_permuted(
    kind: int,
    evidence: Floats,
    spoken: Labels,
    weights: Floats,
    order: Counts,
    truth: Labels,
    clean: Labels,
    which: Counts,
    donors: Labels,
    counts: Counts,
) -> None:
    """Replay replicates in which position p of the blocks' order takes the weights of position donors[r, p].

    `order` (n,) maps positions to examples; `weights` (n, M), `truth` and `clean` (n,) are by position; only the
    positions `which` are replayed. Adds to `counts` (replicates, C + 1) what the right decisions by true class gain
    against the clean ones and, last, the decisions that differ from those; of (replicates, 2 C + 1), the rest is what
    the decisions by class gain. An example has a decision under any weights or under none. Weights move as finished
    rows: donor and receiver share their availability pattern, so the zero-sum rule and the softmax would make the same
    row anew.
    """
    # The loop is written out for each kind: with the kind as a variable in it, it took 47 ns an example instead of 18.
    if kind == SUM:
        replay_donors(SUM, evidence, spoken, weights, order, truth, clean, which, donors, counts)
    elif kind == VOTE:
        replay_donors(VOTE, evidence, spoken, weights, order, truth, clean, which, donors, counts)
    else:
        replay_donors(SELECT, evidence, spoken, weights, order, truth, clean, which, donors, counts)


@helper
def covers_truth(
    kind: int,
    top: int,
    evidence: Floats,
    spoken: Labels,
    weights: Floats,
    listed: NDArray[np.bool_],
    i: int,
    row: int,
    truth: int,
) -> bool:
    """Whether the truth of example i is decided for under weights[row], or with `top` > 0 among the best `top` listed.

    `listed` (n, C) says which classes count, or (1, C) that all do; equal scores stand in class order.
    """
    label = decide(kind, evidence, i, spoken, weights, row)
    if top == 0 or label < 0:
        return label == truth
    allowed = i if len(listed) > 1 else 0
    own = 0.0 if kind == SELECT else score(kind, evidence, i, spoken, weights, row, truth)
    own += 1.0 if kind == SELECT and truth == label else 0.0
    before = 0
    for c in range(evidence.shape[2]):
        if listed[allowed, c]:
            other = 0.0 if kind == SELECT else score(kind, evidence, i, spoken, weights, row, c)
            other += 1.0 if kind == SELECT and c == label else 0.0
            before += other > own or (other == own and c < truth)
    return listed[allowed, truth] and before < top


@kernel
def count_covered(
    kind: int,
    top: int,
    evidence: Floats,
    spoken: Labels,
    weights: Floats,
    listed: NDArray[np.bool_],
    order: Counts,
    truth: Labels,
    which: Counts,
    donors: Labels,
    counts: Counts,
) -> None:
    """Add to `counts` (replicates, C + 1) the positions of `which` that `covers_truth`, by true class."""
    for p in which:
        for r in range(len(donors)):
            donor = donors[r, p]
            hit = covers_truth(kind, top, evidence, spoken, weights, listed, order[p], donor, truth[p])
            counts[r, truth[p]] += hit


@helper
def holds(
    kind: int,
    evidence: Floats,
    spoken: Labels,
    weights: Floats,
    i: int,
    row: int,
    truth: int,
    rivals: Labels,
    slack: int,
) -> bool:
    """Whether at most `slack` of the rivals beat the truth of example i under weights[row]; linear rules only."""
    own = score(kind, evidence, i, spoken, weights, row, truth)
    for rival in rivals:
        other = score(kind, evidence, i, spoken, weights, row, rival)
        if other > own or (other == own and rival < truth):
            slack -= 1
            if slack < 0:
                return False
    return True


@kernel
def sum_pairs(
    kind: int,
    evidence: Floats,
    spoken: Labels,
    weights: Floats,
    order: Counts,
    starts: Counts,
    truth: Labels,
    checks: Counts,
    check_starts: Counts,
    check_rivals: Labels,
    slack: Labels,
    class_weights: Floats,
    first: int,
    last: int,
    rows: Counts,
    columns: Floats,
) -> None:
    """Decide the positions `checks`, ascending, with each donor of their block from first to last - 1.

    Adds the donors with which a check hits to `rows` (n_checks,), and the class weight of the checks that hit with a
    donor to `columns` (n,), class by class as the core does. `check_starts` (n_examples + 1,) bounds the rivals.
    """
    by_class = np.zeros(len(class_weights), np.int64)
    block = np.searchsorted(starts, first, side="right") - 1
    for donor in range(first, last):
        while starts[block + 1] <= donor:
            block += 1
        for c in range(len(by_class)):
            by_class[c] = 0
        for k in range(np.searchsorted(checks, starts[block]), np.searchsorted(checks, starts[block + 1])):
            i, c = order[checks[k]], truth[checks[k]]
            rivals = check_rivals[check_starts[i] : check_starts[i + 1]]
            hit = holds(kind, evidence, spoken, weights, i, donor, c, rivals, slack[i])
            rows[k] += hit
            by_class[c] += hit
        for c in range(len(class_weights)):
            columns[donor] += class_weights[c] * by_class[c]


@kernel
def assemble(q: Floats, donors: Labels, out: Floats) -> None:
    """Give position p, agent m the reliability of position donors[m, p]; q and out (n, M), donors (M, n)."""
    for m in range(q.shape[1]):
        for p in range(len(q)):
            out[p, m] = q[donors[m, p], m]
