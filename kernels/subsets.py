"""What subsets of the agents are worth: all of them fused in turn for an example, while its evidence is at hand.

A subset is a whole number whose bit m says whether agent m may speak. Shapes are those of `fusing`.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sabotage.kernels.compiling import helper, inlined, kernel
from sabotage.kernels.fusing import SELECT, SOFTMAX, SUM, VOTE, weigh_row
from sabotage.kernels.pairs import LOG_CLIP
from sabotage.kernels.pairs import SOFTMAX as SOFTMAX_OF_SCORES
from sabotage.kernels.pooling import apply

Floats = NDArray[np.float64]
Labels = NDArray[np.int32]
Counts = NDArray[np.int64]

HIT = 0  # worth 1 where the truth is decided for; other worths are the logarithms of `pairs`


@helper
def link(masks: Counts, parents: Counts, last: Counts) -> None:
    """Write where each subset without its last agent stands among the ascending masks, -1 for nowhere, and that agent.

    The empty subset has neither.
    """
    for s in range(len(masks)):
        last[s] = -1
        parents[s] = -1
        while masks[s] >> (last[s] + 1) > 0:
            last[s] += 1
        if last[s] >= 0:
            rest = masks[s] ^ (np.int64(1) << last[s])
            found = np.searchsorted(masks[:s], rest)
            if found < s and masks[found] == rest:
                parents[s] = found


@helper
def log_part(worth: int, scores: Floats, s: int, c: int) -> float:
    """Logarithm of the part that class c has in scores[s]: the sums of `pairs.log_of`, one by one."""
    largest = 0.0
    if worth == SOFTMAX_OF_SCORES:
        largest = -np.inf
        for k in range(scores.shape[1]):
            largest = max(largest, scores[s, k])
    total = 0.0
    for k in range(scores.shape[1]):
        total += np.exp(scores[s, k] - largest) if worth == SOFTMAX_OF_SCORES else scores[s, k]
    part = np.exp(scores[s, c] - largest) if worth == SOFTMAX_OF_SCORES else scores[s, c]
    return np.log(max(part / total, LOG_CLIP)) if total > 0.0 else np.log(LOG_CLIP)


@helper
def weigh_members(
    weighing: tuple[int, float], q: Floats, i: int, spoken: Labels, members: int, said: Labels, weights: Floats
) -> None:
    """Write the weights of a subset, when the others are silent, into weights[1]; `said` (1, M) is room for it."""
    for m in range(spoken.shape[1]):
        said[0, m] = spoken[i, m] if members >> m & 1 else -1
    weigh_row(weighing[0], weighing[1], q, i, said, 0, weights, 1)


@helper
def who(spoken: Labels, i: int, weights: Floats) -> tuple[np.int64, np.int64]:
    """Return the subset of those who speak on example i, and of those who weigh anything in weights[0]."""
    speaking = np.int64(0)
    heavy = np.int64(0)
    for m in range(spoken.shape[1]):
        speaking |= np.int64(spoken[i, m] >= 0) << m
        heavy |= np.int64(weights[0, m] > 0.0) << m
    return speaking, heavy


@inlined
def add_agent(
    kind: int, evidence: Floats, i: int, spoken: Labels, m: int, weights: Floats, row: int, scores: Floats, s: int
) -> None:
    """Add to scores[s] what agent m, who speaks, says of example i."""
    if kind == SUM:
        for c in range(evidence.shape[2]):
            scores[s, c] += weights[row, m] * evidence[i, m, c]
    else:
        scores[s, spoken[i, m]] += weights[row, m]


@inlined
def first_best(
    kind: int, scores: Floats, s: int, spoken: Labels, i: int, members: int, weights: Floats, row: int
) -> int:
    """Return the class of the highest of scores[s], or the label of the member with the largest of weights[row]."""
    best = 0
    top = -np.inf
    if kind == SELECT:
        chosen = 0
        for m in range(spoken.shape[1]):
            if members >> m & 1 and weights[row, m] > top:
                top = weights[row, m]
                chosen = m
        best = spoken[i, chosen]
    else:
        for c in range(scores.shape[1]):
            better = scores[s, c] > top
            top = scores[s, c] if better else top
            best = c if better else best
    return best


@inlined
def write_worths(
    kind: int,
    weighing: tuple[int, float],
    evidence: Floats,
    spoken: Labels,
    q: Floats,
    truth: Labels,
    masks: Counts,
    worths: Counts,
    out: Floats,
) -> None:
    """Do what `subset_worth` says for one kind of rule."""
    parents, last = np.empty(len(masks), np.int64), np.empty(len(masks), np.int64)
    link(masks, parents, last)
    scores = np.empty((len(masks), evidence.shape[2]))
    weights = np.empty((2, spoken.shape[1]))  # of all who speak; of the subset alone
    said = np.empty((1, spoken.shape[1]), np.int32)
    for i in range(len(spoken)):
        weigh_row(weighing[0], weighing[1], q, i, spoken, i, weights, 0)
        speaking, heavy = who(spoken, i, weights)
        for s in range(len(masks)):
            members = masks[s] & speaking
            # Weights stay what they are among all, unless they sum to 0 now. Sums run in agent order, so that a
            # subset's go on from those without its last agent and are the same to the bit.
            row = 1 if weighing[0] == SOFTMAX or members & heavy == 0 else 0
            if row == 1:
                weigh_members(weighing, q, i, spoken, members, said, weights)
            if kind != SELECT and row == 0 and parents[s] >= 0 and masks[parents[s]] & heavy != 0:
                for c in range(evidence.shape[2]):
                    scores[s, c] = scores[parents[s], c]
                if members >> last[s] & 1:
                    add_agent(kind, evidence, i, spoken, last[s], weights, row, scores, s)
            elif kind != SELECT:
                for c in range(evidence.shape[2]):
                    scores[s, c] = 0.0
                for m in range(spoken.shape[1]):
                    if members >> m & 1:
                        add_agent(kind, evidence, i, spoken, m, weights, row, scores, s)
            hit = members != 0 and first_best(kind, scores, s, spoken, i, members, weights, row) == truth[i]
            for k in range(len(worths)):
                out[k, i, s] = hit
                if worths[k] != HIT and members != 0:
                    out[k, i, s] = log_part(worths[k], scores, s, truth[i])


@kernel
def subset_worth(
    kind: int,
    weighing: tuple[int, float],
    evidence: Floats,
    spoken: Labels,
    q: Floats,
    truth: Labels,
    masks: Counts,
    worths: Counts,
    out: Floats,
) -> None:
    """Write what each example is worth when only the agents of a subset speak: out[k, i, s] by worths[k] and masks[s].

    `weighing` is how reliabilities q (n, M) become weights, and the temperature; weights are made anew for each subset.
    `masks` (S,) ascends; `out` is (len(worths), n, S). Where nobody of a subset speaks it is 0, for the caller to say
    what nobody is worth.
    """
    # Written out for each kind: with the kind as a variable, a subset took four times as long.
    if kind == SUM:
        write_worths(SUM, weighing, evidence, spoken, q, truth, masks, worths, out)
    elif kind == VOTE:
        write_worths(VOTE, weighing, evidence, spoken, q, truth, masks, worths, out)
    else:
        write_worths(SELECT, weighing, evidence, spoken, q, truth, masks, worths, out)


@kernel
def pooled_worth(
    rule: Any,
    weighing: tuple[int, float],
    evidence: Floats,
    spoken: Labels,
    q: Floats,
    truth: Labels,
    masks: Counts,
    worths: Counts,
    scores: Floats,
    out: Floats,
) -> int:
    """Do what `subset_worth` does for a rule that is a function, see `pooling`; `scores` (1, C) is room.

    Returns the first example on which the rule left a score that is no number, having stopped there; -1 if none.
    """
    n_agents = spoken.shape[1]
    said, weights = np.empty((1, n_agents), np.int32), np.empty((2, n_agents))
    given, heard = np.empty(evidence.shape[1:]), np.empty(n_agents)
    available, found = np.empty(n_agents, np.bool_), np.empty(scores.shape[1])
    for i in range(len(spoken)):
        for s in range(len(masks)):
            weigh_members(weighing, q, i, spoken, masks[s], said, weights)
            label = apply(rule, evidence, i, said, 0, weights, 1, given, heard, available, found)
            if label == -2:
                return i
            for k in range(len(worths)):
                out[k, i, s] = label == truth[i]
                if worths[k] != HIT and available.any():
                    scores[0, :] = found
                    out[k, i, s] = log_part(worths[k], scores, 0, truth[i]) if label >= 0 else np.log(LOG_CLIP)
    return -1
