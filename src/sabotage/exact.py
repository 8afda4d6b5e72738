"""Exact mean and spread of a permutation test, and the gap with its sampling error, from sums over all pairs."""

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
FEWEST_CLUSTERS = 10


@dataclass(frozen=True)
class Moments:
    """What the sums give; `None` where too few clusters carry an interval.

    Attributes
    ----------
    exact_mean, exact_sd : float
        Of the broken statistic over all permutations (Hoeffding 1951, doi:10.1214/aoms/1177729391).
    gap_u : float
        The statistic as observed, less its mean when each example takes the reliability of another one of its block.
    gap_se : float or None
        Standard error of gap_u over samples of clusters, from influence values.
    gap_interval : tuple of float, or None
        gap_u +- t(G - 1, .975) gap_se; None for fewer than 10 clusters.
    n_clusters : int
    """

    exact_mean: float
    exact_sd: float
    gap_u: float
    gap_se: float | None
    gap_interval: tuple[float, float] | None
    n_clusters: int


@dataclass(frozen=True, eq=False)
class PairSums:
    """Sums over all pairs (example, donor of its block), by position.

    `moves` (n,) bool: examples that hit with some donors and not with others, as far as is known; `hits` (n,) int64:
    donors with which an example hits; `columns` (n,): class weights of the examples that move and hit with a donor.
    """

    moves: np.ndarray
    hits: np.ndarray
    columns: np.ndarray


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
        for own in pool.map(work, _parts(plan, ~is_line)):
            rows += own
    hits[plan.checks] += rows
    moves = np.zeros(len(hits), bool)
    moves[plan.checks] = True
    return PairSums(moves, hits, columns)


def unmoved(plan: Plan) -> PairSums:
    """Return the sums of a rule that takes no reliability: a donor changes nothing."""
    hits = np.where(_clean_hits(plan), np.diff(plan.starts)[plan.block_of], 0)
    return PairSums(np.zeros(len(hits), bool), hits, np.zeros(len(hits)))


def moments(plan: Plan, sums: PairSums, class_weights: np.ndarray, groups: np.ndarray | None, average: bool) -> Moments:
    """Turn the sums into moments.

    With a_ij the weight of example i's class where it hits with the reliability of row j of its block of n, 0 where
    not, the mean is the sum of all a_ij / n, and the variance that of Hoeffding (1951), sum of d_ij^2 / (n - 1) with d
    the doubly centred a. gap_u takes from each example's own hit its mean over the others' rows; its influence values
    hold what an example gains and what its row gives to the others.

    Parameters
    ----------
    class_weights : ndarray of shape (C,)
        What a hit of each class adds to the statistic.
    groups : ndarray of shape (n,), int64, or None
        Cluster of each example, in file order; each example its own where None.
    average : bool
        Influence is against the mean over all examples (accuracy), not over the true class (balanced accuracy).
    """
    block, sizes = plan.block_of, np.diff(plan.starts)
    n_here = sizes[block]
    weight = class_weights[plan.truth]
    share = sums.hits / n_here
    mean = float((weight * share).sum())
    others = np.maximum(n_here - 1, 1)
    column_mean = np.bincount(block, sums.columns, plan.n_blocks) / sizes
    spread = weight**2 * sums.hits * (1 - share) - (sums.columns - column_mean[block]) ** 2 / n_here
    variance = float((np.bincount(block, spread, plan.n_blocks) / np.maximum(sizes - 1, 1))[sizes > 1].sum())

    own = _clean_hits(plan).astype(float)
    rest = (sums.hits - own) / others  # r_i
    gain = np.where(n_here > 1, own - rest, 0.0)  # u_i
    gap = float((weight * gain).sum())
    if average:
        usual = np.full(len(gain), gain.mean())
    else:
        n_true = np.bincount(plan.truth, minlength=len(class_weights))
        usual = (np.bincount(plan.truth, gain, len(class_weights)) / np.maximum(n_true, 1))[plan.truth]
    moving = np.where(sums.moves, weight, 0.0)  # of the others h_ki = r_k
    given = sums.columns - moving * own  # sum over k != i of w_k h_ki
    expected = np.bincount(block, moving * rest, plan.n_blocks)[block] - moving * rest
    influence = weight * (gain - usual) - np.where(n_here > 1, (given - expected) / others, 0.0)
    totals = influence if groups is None else np.bincount(groups[plan.order], influence)
    n_clusters = len(totals)
    error = interval = None
    if n_clusters > 1:
        error = float((n_clusters / (n_clusters - 1) * (totals**2).sum()) ** 0.5)
    if error is not None and n_clusters >= FEWEST_CLUSTERS:
        from scipy.stats import t

        reach = float(t.ppf(0.975, n_clusters - 1)) * error
        interval = (gap - reach, gap + reach)
    return Moments(mean, max(variance, 0.0) ** 0.5, gap, error, interval, n_clusters)


def _clean_hits(plan: Plan) -> np.ndarray:
    return plan.replay.decision.hits(plan.replay.panel.truth, plan.top)[plan.order]


def _is_line(plan: Plan, scheme: str) -> np.ndarray:
    """Whether one number orders the donors of a block: one agent's weight, or two agents' ratio if it is worth it."""
    if scheme == "single":
        return np.ones(plan.n_blocks, bool)
    return ((plan.spoken[plan.starts[:-1]] >= 0).sum(axis=1) == 2) & (np.diff(plan.starts) >= SHORTEST_LINE)


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
