"""What a permutation test has to replay: blocks, the order of the draws, and what permuted weights can change."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from sabotage.errors import SabotageError
from sabotage.fusion import Replay
from sabotage.kernels import fusing, pruning
from sabotage.panel import Panel

PRUNED_AT_ONCE = 1 << 17  # examples, some 0.2 s, so that Ctrl-C is soon heard


@dataclass(frozen=True, eq=False, repr=False)
class Plan:
    """The panel in blocks' order, and in each block first the examples that permuted weights can decide otherwise.

    Under a linear rule these come by the number of classes that the clean decision has to beat, then in file order:
    an order that depends on the rule alone, so that a seed means the same draws for every statistic of decisions and
    every engine. Under rules that select an agent those are contested whose agents differ, for a statistic of scores
    all that have a decision, in file order; plans in step have an order of their own. Arrays are by position unless
    said.

    Attributes
    ----------
    replay : Replay
    top : int
        A hit is the truth decided for (0), or among the `top` best.
    counts_said : bool
        Whether decisions by class are counted, beside hits by true class.
    log : int
        How a statistic of scores takes its logarithm (`pairs.SHARE`, `pairs.SOFTMAX`), 0 for those of decisions.
    order, starts : ndarray of shape (n,) and (n_blocks + 1,), int64
        The example at a position; where blocks start.
    contested, drawn : ndarray of shape (n_blocks,), int64
        Positions of a block whose decision can change, and those that need a donor.
    swept : ndarray of int64
        The contested positions, ascending.
    spoken, weights, truth, clean
        Of the replay.
    fixed_hits : ndarray of shape (C,), int64
        Hits that changes are counted against: the clean ones, or with `top` those that hit under any weights.
    checks : ndarray of shape (n_checks,), int64
        Positions that hit under some weights and not under others.
    slot : ndarray of shape (n,), int32
        What another decision than the clean one does to the hits: takes one from class c (2 c), gives it one
        (2 c + 1), nothing (-1), or what the check says (-2).
    listed : ndarray of shape (n, C) or (1, C), bool
        By example, the classes that count for `top`.
    always : ndarray of shape (n,), bool
        Hits under any weights of the block.
    rival_starts, check_starts : ndarray of shape (n + 1,), int64
        By example, the bounds of `rivals`, the classes that the clean decision must beat, and of `check_rivals`, of
        which at most `slack` (n,) may beat the truth.
    """

    replay: Replay
    top: int
    counts_said: bool
    log: int
    order: np.ndarray
    starts: np.ndarray
    contested: np.ndarray
    drawn: np.ndarray
    swept: np.ndarray
    spoken: np.ndarray
    weights: np.ndarray
    truth: np.ndarray
    clean: np.ndarray
    fixed_hits: np.ndarray
    checks: np.ndarray
    slot: np.ndarray
    listed: np.ndarray
    always: np.ndarray
    slack: np.ndarray
    rival_starts: np.ndarray
    rivals: np.ndarray
    check_starts: np.ndarray
    check_rivals: np.ndarray

    @property
    def n_blocks(self) -> int:
        """Blocks, those of one example included."""
        return len(self.starts) - 1

    @cached_property
    def touched(self) -> np.ndarray:
        """Positions whose decision can change, or whose hit: ndarray of int64, ascending."""
        return np.union1d(self.swept, self.checks)

    @property
    def width(self) -> int:
        """Counts of a replicate: hits by class, flips, and where they count, decisions by class or a sum's bits."""
        return (2 if self.counts_said else 1) * self.replay.panel.n_classes + 1 + (self.log != 0)

    @cached_property
    def block_of(self) -> np.ndarray:
        """The block of each position: ndarray of shape (n,), int64."""
        return np.repeat(np.arange(self.n_blocks), np.diff(self.starts))

    @cached_property
    def reliability(self) -> np.ndarray:
        """The panel's, by position: ndarray of shape (n, M)."""
        return self.replay.panel.reliability[self.order]

    @cached_property
    def raw_weights(self) -> np.ndarray:
        """Weights of which each may move on its own, before the zero-sum rule: ndarray of shape (n, M)."""
        return np.where((self.spoken >= 0) & (self.reliability >= 0), self.reliability, 0.0)


def make_plan(
    replay: Replay,
    within: Sequence[str] = (),
    top: int = 0,
    pause: Callable[[], None] = lambda: None,
    counts_said: bool = False,
    log: int = 0,
    block: np.ndarray | None = None,
) -> Plan:
    """Prune a replay and order its examples; `top` > 0 counts coverage by the best `top` classes as a hit.

    `block` (n,) numbers the blocks from 0, possibly with gaps; made of availability and `within` where None. `pause` is
    called every now and then, and may raise.
    """
    panel = replay.panel
    n, n_classes = panel.n_examples, panel.n_classes
    clean, truth = replay.decision.labels, panel.truth
    if block is None:
        block = block_codes(panel, replay.spoken, within)
    listed = np.ones((1, n_classes), bool)
    if top and replay.rule.needs == "candidates":
        listed = np.concatenate([replay.is_listed(rows) for rows in panel.chunks()])
    if replay.is_linear and replay.overflow is not None:
        raise SabotageError(replay.overflow)
    is_pruned = replay.is_linear and not log
    pruned = _prune(replay, top, listed, pause) if is_pruned else _unpruned(replay, top, log)
    rival_starts, rivals, check_starts, check_rivals, outcome, slack = pruned
    n_half = np.diff(rival_starts) if is_pruned else _can_change(replay, log).astype(np.int64)
    is_contested = n_half > 0
    rank = np.where(is_contested, n_half, n_classes)
    order = np.argsort(block * (n_classes + 1) + rank, kind="stable")
    sizes = np.bincount(block)
    starts = np.r_[0, np.cumsum(sizes)]
    alone = (sizes == 1) & replay.is_rowwise  # a block of one cannot change
    is_contested &= ~alone[block]
    is_check = (outcome >= pruning.OPEN) & ~alone[block]
    contested = np.bincount(block, is_contested).astype(np.int64)
    checks = np.flatnonzero(is_check[order])
    drawn = contested.copy()
    np.maximum.at(drawn, block[order[checks]], checks + 1 - starts[block[order[checks]]])
    clean_hit = replay.decision.hits(truth, top)
    always = np.where(alone[block], clean_hit, outcome == pruning.ALWAYS)
    slot = np.full(n, -1, np.int32)
    if not top:
        gain = np.where(outcome == pruning.OTHERWISE, 2 * truth + 1, -2)
        slot = np.where(is_check, np.where(clean_hit, 2 * truth, gain), -1).astype(np.int32)
    return Plan(
        replay=replay,
        top=top,
        counts_said=counts_said,
        log=log,
        order=order.astype(np.int64),
        starts=starts.astype(np.int64),
        contested=contested,
        drawn=drawn.astype(np.int64),
        swept=_ranges(starts[:-1], contested),
        spoken=replay.spoken[order],
        weights=replay.weights[order],
        truth=truth[order],
        clean=clean[order],
        fixed_hits=np.bincount(truth[always if top else clean_hit], minlength=n_classes),
        checks=checks.astype(np.int64),
        slot=slot[order],
        listed=listed,
        always=always[order],
        slack=slack,
        rival_starts=rival_starts,
        rivals=rivals,
        check_starts=check_starts,
        check_rivals=check_rivals,
    )


def in_step(plans: Sequence[Plan], units: Sequence[np.ndarray]) -> list[Plan]:
    """Return plans that draw the same permutation of units: one order of the units for all, as numba can take it.

    Parameters
    ----------
    plans : sequence of Plan
        Of blocks of units that are numbered alike in all; a block's units are in a plan all or not at all.
    units : sequence of ndarray of shape (n,), int64
        The unit of each example of each plan.
    """
    n_blocks = max(plan.n_blocks for plan in plans)
    stepped, drawn = [], np.zeros(n_blocks, np.int64)
    for plan, unit in zip(plans, units, strict=True):
        n = len(plan.order)
        by_example = np.empty(n, np.int64)
        by_example[plan.order] = np.arange(n)
        order = np.lexsort((unit, plan.block_of[by_example]))
        at = by_example[order]  # what stood where, for arrays by position
        new = np.empty(n, np.int64)
        new[at] = np.arange(n)
        starts = np.r_[plan.starts, np.full(n_blocks - plan.n_blocks, n)]
        stepped.append(
            replace(
                plan,
                order=order,
                starts=starts,
                contested=np.r_[plan.contested, np.zeros(n_blocks - plan.n_blocks, np.int64)],
                swept=np.sort(new[plan.swept]),
                spoken=plan.spoken[at],
                weights=plan.weights[at],
                truth=plan.truth[at],
                clean=plan.clean[at],
                checks=np.sort(new[plan.checks]),
                slot=plan.slot[at],
                always=plan.always[at],
            )
        )
        wanted = np.r_[stepped[-1].swept, stepped[-1].checks]
        own = stepped[-1].block_of[wanted]
        np.maximum.at(drawn, own, wanted + 1 - starts[own])
    return [replace(plan, drawn=np.minimum(drawn, np.diff(plan.starts))) for plan in stepped]  # 0 where nobody is


Pruned = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _prune(replay: Replay, top: int, listed: np.ndarray, pause: Callable[[], None]) -> Pruned:
    """Return rival_starts, rivals, check_starts, check_rivals, outcome and slack of a linear rule."""
    n = replay.panel.n_examples
    starts, check_starts = np.zeros(n + 1, np.int64), np.zeros(n + 1, np.int64)
    rivals, check_rivals = [np.empty(0, np.int32)], [np.empty(0, np.int32)]
    outcome, slack = np.empty(n, np.int8), np.empty(n, np.int32)
    smallest = float(replay.weights[replay.weights > 0].min(initial=1.0))
    for first in range(0, n, PRUNED_AT_ONCE):
        pause()
        rows = slice(first, min(first + PRUNED_AT_ONCE, n))
        own, own_check = np.empty(rows.stop - first + 1, np.int64), np.empty(rows.stop - first + 1, np.int64)
        found = pruning.prune(
            replay.kind == fusing.VOTE, replay.evidence_of(rows), replay.spoken[rows], replay.decision.labels[rows],
            replay.panel.truth[rows], top, listed[rows] if len(listed) > 1 else listed, smallest, own, own_check,
            outcome[rows], slack[rows],
        )  # fmt: skip
        rivals.append(found[0])
        check_rivals.append(found[1])
        starts[first + 1 : rows.stop + 1] = starts[first] + own[1:]
        check_starts[first + 1 : rows.stop + 1] = check_starts[first] + own_check[1:]
    return starts, np.concatenate(rivals), check_starts, np.concatenate(check_rivals), outcome, slack


def _unpruned(replay: Replay, top: int, log: int) -> Pruned:
    """Return the same where any decision may go either way: but for agents of one label, of which one is selected."""
    n = replay.panel.n_examples
    nobody = np.empty(0, np.int32)
    starts = np.zeros(n + 1, np.int64)
    outcome = np.full(n, pruning.OPEN, np.int8)
    if not log:
        hit, stays = replay.decision.hits(replay.panel.truth, top), ~_can_change(replay, log)
        outcome[stays] = np.where(hit[stays], pruning.ALWAYS, pruning.NEVER)
    return starts, nobody, starts, nobody, outcome, np.zeros(n, np.int32)


def _can_change(replay: Replay, log: int) -> np.ndarray:
    """Which examples a rule that nothing is known of may decide otherwise: bool (n,)."""
    if replay.kind == fusing.CALL:  # whoever wrote it may decide where nobody speaks
        return np.ones(replay.panel.n_examples, bool)
    if replay.rule.selects and not log:
        return _differs(replay.spoken)
    return np.asarray((replay.spoken >= 0).any(axis=1))


def _differs(spoken: np.ndarray) -> np.ndarray:
    """Whether the agents that speak, (n, M), say different labels: (n,) bool."""
    least = np.where(spoken < 0, np.iinfo(np.int32).max, spoken).min(axis=1)
    return spoken.max(axis=1) > least


def block_codes(panel: Panel, spoken: np.ndarray, within: Sequence[str]) -> np.ndarray:
    """Number the blocks, the examples that share availability pattern and the values of the columns: (n,) int64."""
    code = np.zeros(panel.n_examples, np.int64)
    for m in range(panel.n_agents):
        code = refined(code, spoken[:, m] >= 0)
    for name in within:
        code = refined(code, panel.codes(name))
    return code


def refined(code: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Number the pairs (code, value) from 0, so that many columns never overflow; values are integers from 0."""
    pairs = code * (int(values.max()) + 1) + values
    return np.unique(pairs, return_inverse=True)[1].astype(np.int64)


def _ranges(starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return starts[0] .. starts[0] + counts[0] - 1, starts[1] .. as one array of int64."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total) + np.repeat(np.asarray(starts, np.int64) - (ends - counts), counts)
