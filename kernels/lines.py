"""All pairs of checks and donors where one number orders the donors: two agents, or one agent whose weight moves.

A class beats another on one side of a threshold in that number. Binary search finds the donors that are surely on
either side, whatever the score sums lose to rounding; those between are decided by score sums.

"Surely" is a difference less a multiple of the size of its terms. Both are linear along a ray of weights, so what is
sure at both ends of a stretch is sure inside it, as long as no product gets lost among the denormals. Donors and rivals
with numbers that small or large are decided by score sums, and so is a donor that makes all weights 0.
"""

import numpy as np
from numpy.typing import NDArray
from sabotage.kernels.compiling import helper, kernel
from sabotage.kernels.fusing import SUM, holds
from sabotage.kernels.pruning import HIGH, LOW

Floats = NDArray[np.float64]
Integers = NDArray[np.int32]
Longs = NDArray[np.int64]

UNIT = 2.0**-53
LOST, UNSURE, WON = 0, 1, 2


@helper
def write_row(agent: int, own: Floats, donor: Floats, spoken: Integers, row: Floats) -> bool:
    """Write the weights of a check with a donor into `row` (1, M): the donor's, or its own with that of `agent`.

    Returns whether they are all 0, and 1 instead.
    """
    total = 0.0
    for m in range(len(spoken)):
        row[0, m] = donor[m] if agent < 0 or m == agent else own[m]
        total += row[0, m] if spoken[m] >= 0 else 0.0
    if total == 0.0:
        for m in range(len(spoken)):
            row[0, m] = 1.0
    return total == 0.0


@helper
def is_ordinary(kind: int, evidence: Floats, spoken: Integers, i: int, c: int) -> bool:
    """Whether the evidence of a class is 0 or of a size that weights from LOW to HIGH cannot make denormal."""
    if kind == SUM:
        for m in range(spoken.shape[1]):
            size = abs(evidence[i, m, c])
            if spoken[i, m] >= 0 and size != 0.0 and not LOW <= size <= HIGH:
                return False
    return True


@helper
def margin_sign(
    kind: int, evidence: Floats, spoken: Integers, i: int, target: int, rival: int, row: Floats, n_agents: int
) -> int:
    """Whether `target` surely beats `rival` under row (1, M), surely does not, or is too close to call."""
    difference = size = 0.0
    for m in range(n_agents):
        if spoken[i, m] >= 0:
            a = evidence[i, m, target] if kind == SUM else 1.0 if spoken[i, m] == target else 0.0
            b = evidence[i, m, rival] if kind == SUM else 1.0 if spoken[i, m] == rival else 0.0
            difference += row[0, m] * (a - b)
            size += row[0, m] * (abs(a) + abs(b))
    lost = 4 * (n_agents + 8) * (UNIT * size + 5e-324)
    return WON if difference - lost > 0.0 else LOST if -difference - lost > 0.0 else UNSURE


@kernel
def sum_lines(
    kind: int,
    agent: int,
    evidence: Floats,
    spoken: Integers,
    weights: Floats,
    order: Longs,
    truth: Integers,
    checks: Longs,
    check_starts: Longs,
    check_rivals: Integers,
    slack: Integers,
    donors: Longs,
    repeats: Longs,
    n_ordered: int,
    rows: Longs,
    changes: Longs,
) -> int:
    """Replay checks of one block and class with all donors of that block.

    `donors` (d,) are positions with different weights, the first `n_ordered` of them in such an order that each pair
    of classes has a threshold, and stand for `repeats` (d,) positions each. `agent` is the one whose weight moves, -1
    for whole rows. Adds the positions with which a check hits to `rows` (n_checks,), and to `changes` (d + 1,) by how
    much the number of hits rises from one donor to the next. Returns how many pairs were decided by score sums.
    """
    n_agents, n_donors = spoken.shape[1], len(donors)
    before = np.zeros(n_donors + 1, np.int64)
    for d in range(n_donors):
        before[d + 1] = before[d] + repeats[d]
    row = np.empty((1, n_agents))
    redone = 0
    for k in range(len(checks)):
        p = checks[k]
        i = order[p]
        rivals = check_rivals[check_starts[i] : check_starts[i + 1]]
        n_rivals = len(rivals)
        first = 1 if write_row(agent, weights[p], weights[donors[0]], spoken[i], row) else 0
        truth_ordinary = is_ordinary(kind, evidence, spoken, i, truth[p])
        edges = np.empty(2 * n_rivals + 4, np.int64)
        states = np.empty((n_rivals, 3), np.int64)
        bounds = np.empty((n_rivals, 2), np.int64)
        edges[0], edges[1] = 0, n_donors
        edges[2], edges[3] = min(first, n_ordered), n_ordered
        for h in range(n_rivals):
            rival = rivals[h]
            searched = first < n_ordered and truth_ordinary and is_ordinary(kind, evidence, spoken, i, rival)
            # The first donor's state holds up to bounds[0], the last one's from bounds[1] on.
            for side in range(2):
                state = UNSURE
                if searched:
                    end_donor = donors[first if side == 0 else n_ordered - 1]
                    write_row(agent, weights[p], weights[end_donor], spoken[i], row)
                    state = margin_sign(kind, evidence, spoken, i, truth[p], rival, row, n_agents)
                low, high = first, n_ordered
                while state != UNSURE and low < high:
                    middle = (low + high) // 2
                    write_row(agent, weights[p], weights[donors[middle]], spoken[i], row)
                    same = margin_sign(kind, evidence, spoken, i, truth[p], rival, row, n_agents) == state
                    if same == (side == 0):
                        low = middle + 1
                    else:
                        high = middle
                bounds[h, side] = low if state != UNSURE else first if side == 0 else n_ordered
                states[h, 2 * side] = state
                edges[4 + 2 * h + side] = bounds[h, side]
        edges.sort()
        for e in range(len(edges) - 1):
            begin, end = edges[e], edges[e + 1]
            if begin == end:
                continue
            lost = unsure = 0
            for h in range(n_rivals):
                if begin < first or begin >= n_ordered:
                    unsure += 1
                elif begin < bounds[h, 0]:
                    lost += states[h, 0] == LOST
                elif begin >= bounds[h, 1]:
                    lost += states[h, 2] == LOST
                else:
                    unsure += 1
            if lost > slack[i]:
                continue
            if lost + unsure <= slack[i]:
                rows[k] += before[end] - before[begin]
                changes[begin] += 1
                changes[end] -= 1
                continue
            redone += end - begin
            for d in range(begin, end):
                write_row(agent, weights[p], weights[donors[d]], spoken[i], row)
                if holds(kind, evidence, spoken, row, i, 0, truth[p], rivals, slack[i]):
                    rows[k] += repeats[d]
                    changes[d] += 1
                    changes[d + 1] -= 1
    return redone
