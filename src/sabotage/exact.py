"""Sums over all pairs of an example and a donor of its block, of rules that are sums themselves."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from sabotage.engines import Engine
from sabotage.kernels import lines
from sabotage.kernels.pruning import HIGH, LOW
from sabotage.planning import Plan

# Pairs of an example and a donor up to which the sums are made without being asked for. The core looks at some 2e9 a
# second, numba at 2e7: about as long as 10,000 replicates take (M = 3, C = 7, n = 60,000).
MOST_PAIRS = 4e9
TASK = 1 << 26  # pairs of one call, so that Ctrl-C is soon heard
LINE_COST = 200_000  # pairs that take as long as one block in which a number orders the donors
SHORTEST_LINE = 1024  # positions of a block below which its pairs are the faster way


@dataclass(frozen=True, eq=False)
class PairSums:
    """Sums over pairs (example, another row of its block that gives it reliability), by position.

    Attributes
    ----------
    sums, squares : ndarray of shape (n,), float64
        Of what an example is worth with another's reliability, and of its square.
    moves : ndarray of shape (n,), bool
        Examples that are in the columns; the others are worth the same with any donor.
    columns : ndarray of shape (n,), float64
        Of what others are worth with a row's reliability, times their class weights.
    usual : ndarray of shape (n,), float64
        Of the means of the same others over their donors, times their class weights.
    n_donors : ndarray of shape (n,), int64
        Pairs behind each sum, the same for an example and for what its row gave.
    is_complete : bool
        Whether every pair is in.
    """

    sums: np.ndarray
    squares: np.ndarray
    moves: np.ndarray
    columns: np.ndarray
    usual: np.ndarray
    n_donors: np.ndarray
    is_complete: bool


def count_pairs(plan: Plan, scheme: str) -> int:
    """Return the work of the sums: pairs looked at one by one, and what a block costs where a number orders donors."""
    sizes = np.diff(plan.starts)
    open_checks = np.bincount(plan.block_of[plan.checks], minlength=plan.n_blocks)
    is_line = _is_line(plan, scheme)
    return int((sizes * open_checks)[~is_line].sum()) + LINE_COST * int(np.count_nonzero(open_checks[is_line]))


def sum_pairs(
    engine: Engine, class_weights: np.ndarray, threads: int = 1, pause: Callable[[], None] = lambda: None
) -> PairSums:
    """Sum over all pairs, for scheme joint or single. `pause` is called every now and then, and may raise."""
    plan = engine.plan
    sizes = np.diff(plan.starts)
    hits = np.where(plan.always, sizes[plan.block_of], 0)
    rows, columns = np.zeros(len(plan.checks), np.int64), np.zeros(len(plan.order))
    is_line = _is_line(plan, engine.scheme)
    for block in np.unique(plan.block_of[plan.checks]).tolist():
        if is_line[block]:
            pause()
            _sum_line(plan, engine.agent, block, class_weights, rows, columns)

    def work(part: tuple[int, int]) -> np.ndarray:
        pause()
        own = np.zeros_like(rows)
        engine.sum_pairs(*part, class_weights, own, columns)  # parts write different columns
        return own

    with ThreadPoolExecutor(threads) as pool:
        for part in pool.map(work, _parts(plan, ~is_line)):
            rows += part
    hits[plan.checks] += rows
    own = plan.replay.decision.hits(plan.replay.panel.truth, plan.top)[plan.order].astype(float)
    moves = np.zeros(len(hits), bool)
    moves[plan.checks] = True
    weight = np.where(moves, class_weights[plan.truth], 0.0)
    others = np.maximum(sizes - 1, 0)[plan.block_of]
    rest = np.divide(hits - own, others, out=np.zeros(len(hits)), where=others > 0)
    usual = np.bincount(plan.block_of, weight * rest, plan.n_blocks)[plan.block_of] - weight * rest
    return PairSums(hits - own, hits - own, moves, columns - weight * own, usual, others, True)


def unmoved(plan: Plan, worth: np.ndarray) -> PairSums:
    """Return the sums where a donor changes nothing: each example, by position, keeps its worth (n,)."""
    others = np.maximum(np.diff(plan.starts) - 1, 0)[plan.block_of]
    nothing = np.zeros(len(worth))
    return PairSums(worth * others, worth**2 * others, nothing > 0, nothing, nothing, others, True)


def _is_line(plan: Plan, scheme: str) -> np.ndarray:
    """Whether one number orders the donors of a block: one agent's weight, or two agents' ratio if it is worth it."""
    if scheme == "single":
        return np.ones(plan.n_blocks, bool)
    sizes = np.diff(plan.starts)
    first = np.minimum(plan.starts[:-1], len(plan.order) - 1)  # of a block without anybody it does not matter
    return ((plan.spoken[first] >= 0).sum(axis=1) == 2) & (sizes >= SHORTEST_LINE)


def _parts(plan: Plan, included: np.ndarray) -> Iterator[tuple[int, int]]:
    """Cut the positions of the blocks `included` into parts of some TASK pairs."""
    n_checks = np.bincount(plan.block_of[plan.checks], minlength=plan.n_blocks)
    begin = end = cost = 0
    for block in np.flatnonzero(included & (n_checks > 0)).tolist():
        start, stop = int(plan.starts[block]), int(plan.starts[block + 1])
        if start != end or cost >= TASK:
            if end > begin:
                yield begin, end
            begin, cost = start, 0
        step = max(1, TASK // int(n_checks[block]) // 512) * 512
        while stop - start > step:
            yield begin, start + step
            begin = start = start + step
        cost += (stop - start) * int(n_checks[block])
        end = stop
    if end > begin:
        yield begin, end


def _sum_line(
    plan: Plan, agent: int | None, block: int, class_weights: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> None:
    """Add the pairs of one block in which one number orders the donors."""
    ready, start, stop = plan.replay, int(plan.starts[block]), int(plan.starts[block + 1])
    speaks = np.flatnonzero(plan.spoken[start] >= 0)
    if agent is None:
        weights = plan.weights
        pair = weights[start:stop][:, speaks] + 0.0  # no -0.0
        odd = np.any((pair > 0) & ((pair < LOW) | (pair > HIGH)), axis=1)
        with np.errstate(divide="ignore", over="ignore"):
            ratio = pair[:, 1] / pair[:, 0]  # as exact near 0 as far from it
        keys = np.stack([odd, np.where(odd, 0.0, ratio), pair[:, 0], pair[:, 1]], axis=1)
    else:
        weights = plan.raw_weights
        keys = weights[start:stop, agent : agent + 1] * (agent in speaks)  # a silent agent's weight moves nothing
        odd = np.zeros(len(keys), bool)
    ranked = np.lexsort(keys.T[::-1])
    is_new = np.r_[True, (keys[ranked[1:]] != keys[ranked[:-1]]).any(axis=1)]
    first, repeats = ranked[is_new], np.diff(np.r_[np.flatnonzero(is_new), len(ranked)])
    inverse = np.empty(len(ranked), np.int64)
    inverse[ranked] = np.cumsum(is_new) - 1
    low, high = np.searchsorted(plan.checks, (start, stop))
    mine = np.arange(low, high)
    for c in np.unique(plan.truth[plan.checks[mine]]):
        some = mine[plan.truth[plan.checks[mine]] == c]
        part, changes = np.zeros(len(some), np.int64), np.zeros(len(first) + 1, np.int64)
        lines.sum_lines(
            ready.kind, -1 if agent is None else agent, ready.evidence, ready.spoken, weights, plan.order, plan.truth,
            plan.checks[some], plan.check_starts, plan.check_rivals, plan.slack, (first + start).astype(np.int64),
            repeats.astype(np.int64), int(np.count_nonzero(~odd[first])), part, changes,
        )  # fmt: skip
        rows[some] += part
        columns[start:stop] += class_weights[c] * np.cumsum(changes)[:-1][inverse]
