"""The same sums for any rule, scheme "joint" or "single": over all pairs where they are few, else over a sample.

A sample puts the rows of each block round a ring in random order and gives each example the reliability of those that
follow it at some distances: every example has as many donors, every row gives as often, and no pair comes twice. With
all distances the sums are complete.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from sabotage.exact import PairSums
from sabotage.kernels import fusing, pairs
from sabotage.planning import Plan

PAIRS = 1e8  # that are looked at: numba takes 50 to 90 ns for each
QUICK_PAIRS = 1e7  # a second
SLOW_PAIRS = 1e6  # of what Python decides, at some microseconds each
FEWEST_DONORS = 64  # of an example, however large the panel: the error of the gap grows by a hundredth at most
AT_ONCE = 16  # distances of one call, which read an example's evidence once


def ring_sums(
    plan: Plan,
    agent: int | None,
    class_weights: np.ndarray,
    worth: np.ndarray,
    seed: int = 0,
    everything: bool = False,
    threads: int = 1,
    pause: Callable[[], None] = lambda: None,
    most_donors: int | None = None,
) -> PairSums:
    """Sum over pairs of each contested position and donors of its block.

    Parameters
    ----------
    plan : Plan
    agent : int or None
        Whose reliability moves; whole rows where None.
    class_weights : ndarray of shape (C,)
    worth : ndarray of shape (n,)
        What each example is worth as observed, by example.
    seed : int
        Of the rings.
    everything : bool
        Take every pair, however many.
    threads : int
        The sums do not depend on it.
    pause : callable
        Called every now and then; may raise.
    most_donors : int, optional
        Of an example, if not everything; as many as `PAIRS` allow where None.
    """
    n, sizes, block = len(plan.order), np.diff(plan.starts), plan.block_of
    knows_rivals = plan.replay.is_linear and not plan.log
    moving = plan.checks if knows_rivals else plan.swept
    has_moving = np.bincount(block[moving], minlength=plan.n_blocks) > 0
    longest = int(sizes[has_moving].max(initial=1)) - 1
    budget = SLOW_PAIRS if plan.replay.is_slow else PAIRS
    n_steps = longest if everything else min(longest, max(FEWEST_DONORS, int(budget // max(1, len(moving)))))
    if most_donors is not None and not everything:
        n_steps = min(n_steps, max(1, most_donors))
    # From here on positions stand as on the ring: neighbours there are read one after the other.
    at = np.lexsort((np.random.default_rng(seed).random(n), block))
    n_donors = np.where(has_moving[block], np.minimum(sizes[block] - 1, n_steps), sizes[block] - 1)
    ring = np.stack([plan.starts[block], sizes[block], n_donors])
    moves = np.zeros(n, bool)
    moves[moving] = True
    which = np.flatnonzero(moves[at])
    order, truth, reliability = plan.order[at], plan.truth[at], plan.reliability[at]
    weights, spoken = plan.weights[at], plan.spoken[at]
    none = np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.int32)
    rivals = (plan.check_starts, plan.check_rivals, plan.slack) if knows_rivals else none
    ready = plan.replay

    def exchanged(step: int) -> tuple[np.ndarray, np.ndarray]:
        """Return who gives to each position in a step, and the weights that come of one agent's reliability alone."""
        givers = np.empty(n, np.int64)
        pairs.write_givers(step, ring, givers)
        if agent is None:
            return givers, weights
        moved = reliability.copy()
        moved[:, agent] = reliability[givers, agent]
        return givers, ready.weigh(moved, spoken, order)

    def work(first: int) -> np.ndarray:
        pause()
        out, last = np.zeros((3, n)), min(first + AT_ONCE, n_steps)
        if ready.is_by_rows:
            for step in range(first, last):
                pause()
                givers, given = exchanged(step)
                whose = givers if agent is None else np.arange(n)
                _add_rows(plan, order, given, which[step < n_donors[which]], whose, givers, class_weights, out)
            return out
        for begin, end in [(first, last)] if agent is None else [(step, step + 1) for step in range(first, last)]:
            given = weights if agent is None else exchanged(begin)[1]
            pairs.sum_worth(
                plan.log or plan.top, ready.kind, ready.evidence, ready.spoken, given, plan.listed, order, truth,
                which, ring, rivals, agent is not None, begin, end, class_weights, out,
            )  # fmt: skip
        return out

    total = np.zeros((3, n))
    with ThreadPoolExecutor(threads) as pool:
        for part in pool.map(work, range(0, n_steps, AT_ONCE)):
            total += part
    kept = worth[order]
    rest = class_weights[truth] * total[0] / np.maximum(n_donors, 1)
    usual = np.zeros(n)
    pairs.spread(rest, which, ring, usual)
    stays = ~moves[at]
    for power, own in ((1, total[0]), (2, total[1])):
        own[stays] = (n_donors * kept**power)[stays]

    def by_position(values: np.ndarray) -> np.ndarray:
        own = np.empty_like(values)
        own[at] = values
        return own

    sums, squares, columns, usual = (by_position(values) for values in (*total, usual))
    return PairSums(sums, squares, moves, columns, usual, n_donors, bool((n_donors == ring[1] - 1).all()))


def _add_rows(
    plan: Plan,
    order: np.ndarray,
    weights: np.ndarray,
    which: np.ndarray,
    whose: np.ndarray,
    givers: np.ndarray,
    class_weights: np.ndarray,
    out: np.ndarray,
) -> None:
    """Do what `pairs.sum_worth` does, for one step in which nobody gives twice; `whose` weights each position has."""
    rows, ready = order[which], plan.replay
    if plan.log or plan.top:
        moved = np.empty_like(weights)
        moved[order] = weights[whose]
        worth = ready.worth_of(plan.log or plan.top, moved)[1][rows]
    else:
        worth = (ready.labels_given(weights, order, which, whose) == ready.panel.truth[rows]).astype(float)
    out[0, which] += worth
    out[1, which] += worth**2
    out[2, givers[which]] += class_weights[plan.replay.panel.truth[rows]] * worth


def proves_still(
    plan: Plan, agent: int | None, most_pairs: float = PAIRS, pause: Callable[[], None] = lambda: None
) -> bool | None:
    """Whether no donor of its block changes any decision: True or False, None where the pairs are too many to try.

    Rows of equal weights are tried once a block.
    """
    ready = plan.replay
    if ready.is_slow:
        return None
    q = plan.weights if agent is None else np.nan_to_num(plan.reliability[:, [agent]], nan=-1.0)
    ranked = np.lexsort((*q.T[::-1], plan.block_of))
    block = plan.block_of[ranked]
    is_new = np.r_[True, (block[1:] != block[:-1]) | (q[ranked[1:]] != q[ranked[:-1]]).any(axis=1)]
    donors = ranked[is_new].astype(np.int64)
    bounds = np.searchsorted(plan.block_of[donors], np.arange(plan.n_blocks + 1))
    first, last = bounds[plan.block_of], bounds[plan.block_of + 1]
    if int((last - first)[plan.swept].sum()) > most_pairs:
        return None
    for at in range(0, len(plan.swept), 1 << 12):
        pause()
        which = plan.swept[at : at + (1 << 12)]
        if agent is None and ready.kind != fusing.POOL:
            if pairs.finds_flip(
                ready.kind, ready.evidence, ready.spoken, plan.weights, plan.order, plan.clean, which, first, last,
                donors,
            ):  # fmt: skip
                return False
            continue
        for k in range(int((last - first)[which].max())):
            some = which[first[which] + k < last[which]]
            weights = plan.weights[donors[first[some] + k]]
            if agent is not None:
                moved = plan.reliability[some]
                moved[:, agent] = plan.reliability[donors[first[some] + k], agent]
                weights = ready.weigh(moved, plan.spoken[some], plan.order[some])
            if (ready.labels_of(plan.order[some], weights) != plan.clean[some]).any():
                return False
    return True
