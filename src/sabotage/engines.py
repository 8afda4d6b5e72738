"""Who runs the replicates of a permutation test: the C core, or numba. Same plan, same draws, same counts."""

import copy
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from sabotage.errors import SabotageError, SabotageWarning, unknown
from sabotage.kernels import drawing, fusing, pairs
from sabotage.planning import Plan
from sabotage.tiling import core_buffers

ENGINES = ("core", "numba")
SCHEMES = ("joint", "independent", "single")
MOST_AGENTS = 32  # of a half-space whose margin fits 32 bits
COHORT = 64  # replicates that share one random stream a block; part of what a seed means
BATCH = 1 << 24  # positions of one call of the core, some 30 ms, so that Ctrl-C is soon heard
DONORS = 1 << 21  # donors' numbers at a time where they are written out: few enough for the cache
SWEPT = ("halves", "chunk_halves", "place", "lane")  # what a replicate reads of a plan
SMALL = 1 << 15  # positions of shuffles that stay in the second cache together
LARGE = 1 << 24  # bytes of a plan that no cache holds
REDONE = 0.05  # share of close calls above which the core leaves out its filter


@cache
def _core_module() -> Any:
    """Return the C core, or None where it could not be built: said once."""
    try:
        from sabotage.kernels import _core
    except ImportError as error:
        warnings.warn(
            SabotageWarning(f"the C core is not there ({error}): numba does its work, with the same results, slower"),
            stacklevel=2,
        )
        return None
    return _core


class Engine(ABC):
    """Runs cohorts of one plan under one scheme; threads may share it."""

    name: str
    positions: int  # that one call may draw

    def __init__(self, plan: Plan, scheme: str, agent: int | None) -> None:
        self.plan, self.scheme, self.agent = plan, scheme, agent
        self.n_streams = plan.spoken.shape[1] if scheme == "independent" else 1
        self.swept = self.redone = 0

    def for_agent(self, agent: int) -> "Engine":
        """Return the engine of the same plan that moves another agent's reliability, for scheme single."""
        other = copy.copy(self)
        other.agent = agent
        return other

    def batches(self, replicates: int, together: int = 1) -> list[slice]:
        """Cut cohorts that run together into calls that return soon."""
        step = max(1, min(COHORT, self.positions // (together * self.n_streams * len(self.plan.order))))
        return [slice(at, min(at + step, replicates)) for at in range(0, replicates, step)]

    @property
    def together(self) -> int:
        """How many cohorts to run together."""
        return 1

    @abstractmethod
    def start(self, seed: int, cohort: int) -> Any:
        """Return the shuffle of a cohort."""

    @abstractmethod
    def run(self, shuffles: Sequence[Any], counts: np.ndarray) -> None:
        """Add the next replicates of each shuffle to `counts` (len(shuffles), replicates, plan.width).

        Changes in the hits by class, the flips, and where they are counted, changes in the decisions by class; of a
        statistic of scores, the bits of its float64 sum, last.
        """

    @abstractmethod
    def sum_pairs(
        self, first: int, last: int, class_weights: np.ndarray, rows: np.ndarray, columns: np.ndarray
    ) -> None:
        """Make every check with each donor of its block from first to last - 1; see `_core.Plan.sum_pairs`."""


class CoreEngine(Engine):
    """The C core: linear rules of which whole rows of weights move, or each weight on its own."""

    name, positions = "core", BATCH

    def __init__(self, plan: Plan, scheme: str, agent: int | None, pause: Callable[[], None]) -> None:
        super().__init__(plan, scheme, agent)
        buffers, n_pairs, threshold, votes = core_buffers(plan, scheme == "joint", pause)
        self._core_plan = _core_module().Plan(buffers, n_pairs, threshold, votes)
        self._size = sum(array.nbytes for name, array in buffers.items() if name in SWEPT)
        self._by_class = np.lexsort((plan.truth[plan.checks], plan.block_of[plan.checks])).astype(np.int64)

    @property
    def together(self) -> int:
        """How many cohorts to run together.

        Of a panel larger than the last cache, so that they share what is read of it: three take 4.2 ns an example where
        one takes 5.6 (n = 1,000,000), at a memory of the weights and an index. Of a small one, to share the cost of a
        call. In between one alone is fastest: its shuffle stays in the cache.
        """
        if self.scheme == "joint" and self._size > LARGE:
            return 3
        return max(1, min(8, SMALL // len(self.plan.order))) if self.n_streams == 1 else 1

    def start(self, seed: int, cohort: int) -> Any:
        """Return the shuffle of a cohort."""
        return _core_module().Shuffle(seed, cohort, self.plan.starts, self.plan.drawn, self.n_streams)

    def run(self, shuffles: Sequence[Any], counts: np.ndarray) -> None:
        """Add the next replicates of each shuffle to `counts`."""
        direct = self.redone > REDONE * self.swept
        swept, redone = self._core_plan.run(
            tuple(shuffles), SCHEMES.index(self.scheme), self.agent or 0, direct, self.plan.top > 0, counts
        )
        self.swept += swept  # threads may lose an update: it is a choice of speed alone
        self.redone += redone

    def sum_pairs(
        self, first: int, last: int, class_weights: np.ndarray, rows: np.ndarray, columns: np.ndarray
    ) -> None:
        """Make every check with each donor of its block from first to last - 1."""
        self._core_plan.sum_pairs(first, last, self._by_class, class_weights, rows, columns)


class _NumbaShuffle:
    """What `_core.Shuffle` is, in numba."""

    def __init__(self, seed: int, cohort: int, starts: np.ndarray, drawn: np.ndarray, n_streams: int) -> None:
        self._starts, self._drawn = starts, drawn
        self._states = np.empty((len(drawn), n_streams, 4 * drawing.LANES), np.uint64)
        self._entries = np.tile(np.arange(starts[-1], dtype=np.int32), (n_streams, 1))
        drawing.start_streams(np.uint64(seed), np.uint64(cohort), self._states)

    def draw(self, out: np.ndarray) -> None:
        """Write the donors of the next permutations into out (replicates, n_streams, n)."""
        drawing.draw(self._starts, self._drawn, self._states, self._entries, out)


class _Derangements(_NumbaShuffle):
    """Permutations that leave nobody of a block of two or more where it was."""

    def draw(self, out: np.ndarray) -> None:
        """Write the donors of the next derangements into out (replicates, n_streams, n)."""
        drawing.derange(self._starts, self._states, out)


class NumbaEngine(Engine):
    """Numba: any rule, scheme and statistic."""

    name, positions = "numba", DONORS

    def __init__(
        self, plan: Plan, scheme: str, agent: int | None, core_draws: bool = False, derangement: bool = False
    ) -> None:
        super().__init__(plan, scheme, agent)
        self._shuffle = _Derangements if derangement else _core_module().Shuffle if core_draws else _NumbaShuffle

    def start(self, seed: int, cohort: int) -> Any:
        """Return the shuffle of a cohort."""
        return self._shuffle(seed, cohort, self.plan.starts, self.plan.drawn, self.n_streams)

    def run(self, shuffles: Sequence[Any], counts: np.ndarray) -> None:
        """Add the next replicates of each shuffle to `counts`."""
        for shuffle, own in zip(shuffles, counts, strict=True):
            self._run(shuffle, own)

    def _run(self, shuffle: Any, counts: np.ndarray) -> None:
        plan = self.plan
        donors = np.empty((len(counts), self.n_streams, len(plan.order)), np.int32)
        shuffle.draw(donors)
        if self.scheme == "joint":
            self._count(plan.weights, donors[:, 0], counts)
            return
        q, n_agents = plan.reliability, plan.spoken.shape[1]
        moved = np.empty_like(q)
        own = np.arange(len(q), dtype=np.int32)
        for r in range(len(counts)):
            moves = donors[r]
            if self.scheme == "single":
                moves = np.tile(own, (n_agents, 1))
                moves[self.agent] = donors[r, 0]
            fusing.assemble(q, np.ascontiguousarray(moves), moved)
            self._count(plan.replay.weigh(moved, plan.spoken, plan.order), own[None], counts[r : r + 1])

    def _count(self, weights: np.ndarray, donors: np.ndarray, counts: np.ndarray) -> None:
        plan, ready = self.plan, self.plan.replay
        table = ready.kind, ready.evidence, ready.spoken, weights, plan.order
        donors = np.ascontiguousarray(donors)
        if plan.log:
            sums = np.zeros(len(counts))
            pairs.add_logs(plan.log, *table, plan.truth, donors, sums)
            counts[:, -1] = sums.view(np.int64)
            # What else there is to count goes into a view without the sums: the kernels tell them by their width.
            decided = np.zeros((len(counts), counts.shape[1] - 1), np.int64)
            fusing.count_permuted(*table, plan.truth, plan.clean, plan.swept, donors, decided)
            counts[:, :-1] += decided
            return
        if not plan.top:
            fusing.count_permuted(*table, plan.truth, plan.clean, plan.swept, donors, counts)
            return
        flips = np.zeros_like(counts)
        fusing.count_permuted(*table, plan.truth, plan.clean, plan.swept, donors, flips)
        n_classes = ready.panel.n_classes
        counts[:, n_classes] += flips[:, n_classes]
        fusing.count_covered(
            table[0], plan.top, *table[1:4], plan.listed, plan.order, plan.truth, plan.checks, donors, counts
        )

    def sum_pairs(
        self, first: int, last: int, class_weights: np.ndarray, rows: np.ndarray, columns: np.ndarray
    ) -> None:
        """Make every check with each donor of its block from first to last - 1."""
        plan, ready = self.plan, self.plan.replay
        fusing.sum_pairs(
            ready.kind, ready.evidence, ready.spoken, plan.weights, plan.order, plan.starts, plan.truth, plan.checks,
            plan.check_starts, plan.check_rivals, plan.slack, class_weights, first, last, rows, columns,
        )  # fmt: skip


class RowsEngine(NumbaEngine):
    """The same for rules that are functions or callables: all examples of one replicate after the other."""

    def batches(self, replicates: int, together: int = 1) -> list[slice]:
        """Cut cohorts into calls that return soon: of one replicate where Python decides."""
        if self.plan.replay.is_slow:
            return [slice(at, at + 1) for at in range(replicates)]
        return super().batches(replicates, together)

    def _count(self, weights: np.ndarray, donors: np.ndarray, counts: np.ndarray) -> None:
        plan = self.plan
        n_classes, which = plan.replay.panel.n_classes, plan.swept
        truth, clean = plan.truth[which], plan.clean[which]
        clean_hits = np.bincount(truth[clean == truth], minlength=n_classes)
        clean_said = np.bincount(clean + 1, minlength=n_classes + 1)[1:]
        for own, given in zip(counts, donors.astype(np.int64), strict=True):
            if plan.top or plan.log:
                labels = self._judge(weights, given, own)
            else:
                labels = plan.replay.labels_given(weights, plan.order, which, given)
            if not plan.top:
                own[:n_classes] += np.bincount(truth[labels == truth], minlength=n_classes) - clean_hits
            own[n_classes] += np.count_nonzero(labels != clean)
            if plan.counts_said:
                said = np.bincount(labels + 1, minlength=n_classes + 1)[1:]
                own[n_classes + 1 : 2 * n_classes + 1] += said - clean_said

    def _judge(self, weights: np.ndarray, given: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """Count coverage, or add up logarithms; return the labels of the swept positions."""
        plan = self.plan
        moved = np.empty_like(weights)
        moved[plan.order] = weights[given]
        labels, worth = plan.replay.worth_of(plan.log or plan.top, moved)
        if plan.log:
            counts[-1] = worth[plan.order].sum(keepdims=True).view(np.int64)[0]
        else:
            hits = plan.checks[worth[plan.order[plan.checks]] > 0]
            n_classes = plan.replay.panel.n_classes
            counts[:n_classes] += np.bincount(plan.truth[hits], minlength=n_classes)
        return labels[plan.order[plan.swept]]


def make_engine(
    plan: Plan,
    scheme: str = "joint",
    agent: int | None = None,
    engine: str | None = None,
    pause: Callable[[], None] = lambda: None,
    in_step: bool = False,
    derangement: bool = False,
) -> Engine:
    """Choose who runs a plan: the core where it can, unless `engine` is "numba".

    The core knows linear rules of at most 32 agents, not the softmax over reliabilities that move one by one, nor plans
    `in_step` with others or derangements, and counts hits, not decisions by class or logarithms; it still draws for
    what numba runs. `pause` is called every now and then, and may raise. Raises SabotageError for an unknown engine.
    """
    if engine is not None and engine not in ENGINES:
        raise unknown("engine", engine, ENGINES)
    runner = RowsEngine if plan.replay.is_by_rows else NumbaEngine
    if engine == "numba":
        return runner(plan, scheme, agent, derangement=derangement)
    if _core_module() is None:
        if engine == "core":
            raise SabotageError("the C core could not be built here: give engine numba, or none")
        return runner(plan, scheme, agent, derangement=derangement)
    n_agents = plan.spoken.shape[1]
    softmax_moves = plan.replay.rule.weighs_jointly and scheme != "joint"
    counts_hits = not (plan.counts_said or plan.log)
    is_plain = counts_hits and not (softmax_moves or in_step or derangement)
    if plan.replay.is_linear and n_agents <= MOST_AGENTS and is_plain:
        return CoreEngine(plan, scheme, agent, pause)
    return runner(plan, scheme, agent, core_draws=n_agents <= MOST_AGENTS, derangement=derangement)
