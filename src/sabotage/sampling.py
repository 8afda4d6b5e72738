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

PAIRS = 2e8  # that are looked at: numba takes 20 to 50 ns for each
FEWEST_DONORS = 64  # of an example, however large the panel: the error of the gap grows by a hundredth at most
AT_ONCE = 8  # distances of one call


def ring_sums(
    plan: Plan,
    agent: int | None,
    class_weights: np.ndarray,
    worth: np.ndarray,
    seed: int = 0,
    everything: bool = False,
    threads: int = 1,
    pause: Callable[[], None] = lambda: None,
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
    """
    n, sizes, block = len(plan.order), np.diff(plan.starts), plan.block_of
    longest = int(sizes[np.unique(block[plan.swept])].max(initial=1)) - 1
    n_steps = longest if everything else min(longest, max(FEWEST_DONORS, int(PAIRS // max(1, len(plan.swept)))))
    ring = np.lexsort((np.random.default_rng(seed).random(n), block))
    place = np.empty(n, np.int64)
    place[ring] = np.arange(n)
    n_here, start = sizes[block], plan.starts[block]
    n_donors = np.minimum(n_here - 1, n_steps)

    def donors_of(step: int) -> np.ndarray:
        """Return who gives in a step (n,), -1 where the block has had enough."""
        distance = 1 + step * (n_here - 1) // np.maximum(n_donors, 1)  # all different, from 1 to n_here - 1
        at = start + (place - start + distance) % n_here
        return np.where(step < n_donors, ring[at], -1)

    def work(first: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        pause()
        chosen = [donors_of(step) for step in range(first, min(first + AT_ONCE, n_steps))]
        parts = np.zeros(n), np.zeros(n), np.zeros(n)
        if agent is None:
            _add(plan, class_weights, plan.weights, np.stack(chosen), np.stack(chosen), parts)
        else:
            own = np.arange(n)[None]
            for donors in chosen:
                moved = plan.reliability.copy()
                moved[:, agent] = moved[np.where(donors >= 0, donors, own[0]), agent]
                _add(plan, class_weights, plan.replay.weigh(moved, plan.spoken), own, donors[None], parts)
        return parts

    sums, squares, columns = np.zeros(n), np.zeros(n), np.zeros(n)
    with ThreadPoolExecutor(threads) as pool:
        for part in pool.map(work, range(0, n_steps, AT_ONCE)):
            sums += part[0]
            squares += part[1]
            columns += part[2]
    moves = np.zeros(n, bool)
    moves[plan.swept] = True
    kept = worth[plan.order]
    sums, squares = (np.where(moves, own, n_donors * kept**k) for k, own in ((1, sums), (2, squares)))
    rest = np.where(moves, class_weights[plan.truth] * sums / np.maximum(n_donors, 1), 0.0)
    usual = np.zeros(n)
    for step in range(n_steps):
        donors = donors_of(step)
        there = donors >= 0
        usual[donors[there]] += rest[there]
    return PairSums(sums, squares, moves, columns, usual, n_donors, bool((n_donors == n_here - 1).all()))


def _add(
    plan: Plan,
    class_weights: np.ndarray,
    weights: np.ndarray,
    weight_rows: np.ndarray,
    donors: np.ndarray,
    parts: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    ready = plan.replay
    pairs.sum_worth(
        plan.log or plan.top, ready.kind, ready.evidence, ready.spoken, weights, plan.listed, plan.order, plan.truth,
        plan.swept, weight_rows.astype(np.int32), donors.astype(np.int32), class_weights, *parts,
    )  # fmt: skip


def proves_still(
    plan: Plan, agent: int | None, most_pairs: float = PAIRS, pause: Callable[[], None] = lambda: None
) -> bool | None:
    """Whether no donor of its block changes any decision: True or False, None where the pairs are too many to try.

    Rows of equal weights are tried once a block.
    """
    ready = plan.replay
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
        if agent is None:
            if pairs.finds_flip(
                ready.kind, ready.evidence, ready.spoken, plan.weights, plan.order, plan.clean, which, first, last,
                donors,
            ):  # fmt: skip
                return False
            continue
        for k in range(int((last - first)[which].max())):
            some = which[first[which] + k < last[which]]
            moved = plan.reliability[some]
            moved[:, agent] = plan.reliability[donors[first[some] + k], agent]
            if (_decide(plan, some, ready.weigh(moved, plan.spoken[some])) != plan.clean[some]).any():
                return False
    return True


def _decide(plan: Plan, positions: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Decide some positions under weights (k, M) of their own: (k,) int32."""
    ready, rows = plan.replay, plan.order[positions]
    evidence = ready.evidence if ready.evidence.shape[0] == 1 < ready.panel.n_examples else ready.evidence[rows]
    labels, scores = np.empty(len(rows), np.int32), np.empty((len(rows), ready.panel.n_classes))
    fusing.fuse(ready.kind, evidence, plan.spoken[positions], weights, labels, scores)
    return labels
