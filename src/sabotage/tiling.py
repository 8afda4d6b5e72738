"""A plan as the C core takes it: tiles of contested positions, and their half-spaces in 16 bits."""

from collections.abc import Callable

import numpy as np

from sabotage.kernels import fusing, pruning
from sabotage.planning import Plan

# As in kernels/core/core.h.
TILE, WIDTH = 512, 16
LOSS, NOTHING, GAIN, CHECK = range(4)
ALWAYS_WON = 1 << 30  # constant of a half-space that fills up a chunk
LAID_OUT_AT_ONCE = 1 << 18  # examples, some 0.2 s, so that Ctrl-C is soon heard
EVERY_CALL_IS_CLOSE = np.iinfo(np.int32).max


def core_buffers(
    plan: Plan, whole_rows: bool = True, pause: Callable[[], None] = lambda: None
) -> tuple[dict[str, np.ndarray], int, int, bool]:
    """Return the arguments of `_core.Plan`.

    `whole_rows` of weights move, or each weight on its own, which the filter knows nothing of: half-spaces are 0 then.
    `pause` is called every now and then, and may raise.
    """
    ready, n_agents = plan.replay, plan.spoken.shape[1]
    n_pairs = max(1, n_agents // 2)
    weights = plan.weights if whole_rows else plan.raw_weights
    packed, threshold = np.zeros((len(weights), n_pairs), np.int32), EVERY_CALL_IS_CLOSE
    if whole_rows:
        threshold = _pack(plan, weights, packed)

    swept = plan.swept
    n_half = np.diff(plan.rival_starts)[plan.order[swept]]
    tile, tile_starts = _tiles(n_half, plan.block_of[swept], plan.n_blocks)
    kind, klass = _kinds(plan, swept)
    n_check = np.where(kind == CHECK, np.diff(plan.check_starts)[plan.order[swept]], 0)
    lanes = np.lexsort((n_check, klass, kind, tile))  # tiles stay where they are
    first = np.flatnonzero(_is_new(tile))
    count = np.diff(np.r_[first, len(tile)])
    in_tile = np.arange(len(tile)) - np.repeat(first, count)
    lane = np.empty_like(in_tile)
    lane[lanes] = in_tile

    rows = n_half[first] * -(-count // WIDTH)
    row = np.cumsum(rows) - rows
    halves = np.zeros((int(rows.sum()), n_pairs + 1, WIDTH), np.int32)
    examples = plan.order[swept[lanes]]
    first_rows = row[tile] + in_tile // WIDTH * n_half
    if whole_rows:
        _lay_out(
            plan, examples, plan.clean[swept[lanes]], plan.rival_starts, plan.rivals, first_rows, in_tile, halves, pause
        )

    new_segment = np.flatnonzero(_is_new(tile, kind[lanes], klass[lanes]))
    ends = np.r_[new_segment[1:], len(tile)][: len(new_segment)]
    segments = np.stack([kind[lanes][new_segment], klass[lanes][new_segment], in_tile[ends - 1] + 1], axis=1)

    is_check = kind[lanes] == CHECK
    check_tile = tile[is_check]
    before = np.cumsum(_is_new(check_tile)) - 1
    in_check = np.arange(len(check_tile)) - np.flatnonzero(_is_new(check_tile))[before]
    new_chunk = np.flatnonzero(in_check % WIDTH == 0)
    own_check = n_check[lanes][is_check]
    chunks = np.maximum.reduceat(own_check, new_chunk) if len(new_chunk) else own_check
    chunk = np.repeat(np.arange(len(new_chunk)), np.diff(np.r_[new_chunk, len(check_tile)]))
    chunk_row = np.cumsum(chunks) - chunks
    chunk_halves = np.zeros((int(chunks.sum()), n_pairs + 1, WIDTH), np.int32)
    chunk_halves[:, -1] = ALWAYS_WON
    if whole_rows:
        _lay_out(
            plan, examples[is_check], klass[lanes][is_check], plan.check_starts, plan.check_rivals, chunk_row[chunk],
            in_check, chunk_halves, pause,
        )  # fmt: skip

    def begin(of_tile: np.ndarray, sizes: np.ndarray | None = None) -> np.ndarray:
        """Sum what belongs to the tiles before each, and at last all."""
        total = np.bincount(of_tile, sizes, len(first))
        return np.r_[0, np.cumsum(total)].astype(np.int64)

    numbers = np.arange(len(first))
    of_chunk = check_tile[new_chunk]
    tiles = np.stack(
        [
            np.r_[n_half[first], 0],
            np.r_[count, 0],
            begin(numbers, rows),
            begin(numbers, count),
            begin(tile[new_segment]),
            begin(of_chunk),
            begin(of_chunk, chunks),
        ],
        axis=1,
    )
    check_halves = np.zeros((len(plan.check_rivals), n_pairs + 1, 1), np.int32)
    if whole_rows:
        everyone = np.arange(len(plan.order))
        _lay_out(
            plan, everyone, ready.panel.truth, plan.check_starts, plan.check_rivals, plan.check_starts[:-1],
            np.zeros_like(everyone), check_halves, pause,
        )  # fmt: skip
    buffers = {
        "evidence": ready.evidence,
        "spoken": ready.spoken,
        "weights": weights,
        "order": plan.order,
        "starts": plan.starts,
        "contested": plan.contested,
        "drawn": plan.drawn,
        "clean": plan.clean,
        "truth": plan.truth,
        "slot": plan.slot,
        "packed": packed,
        "rival_starts": plan.rival_starts,
        "rivals": plan.rivals,
        "tile_starts": tile_starts,
        "tiles": tiles.astype(np.int64),
        "place": in_tile[lanes].astype(np.uint16),
        "lane": lane.astype(np.uint16),
        "halves": halves,
        "segments": segments.astype(np.int32),
        "chunks": chunks.astype(np.int32),
        "chunk_halves": chunk_halves,
        "check_bounds": np.searchsorted(plan.block_of[plan.checks], np.arange(plan.n_blocks + 1)).astype(np.int64),
        "check_position": plan.checks,
        "check_starts": plan.check_starts,
        "check_rivals": plan.check_rivals,
        "check_halves": check_halves[:, :, 0],
        "slack": plan.slack,
    }
    return buffers, n_pairs, threshold, ready.kind == fusing.VOTE


def _lay_out(
    plan: Plan,
    examples: np.ndarray,
    targets: np.ndarray,
    starts: np.ndarray,
    rivals: np.ndarray,
    first_rows: np.ndarray,
    lanes: np.ndarray,
    halves: np.ndarray,
    pause: Callable[[], None],
) -> None:
    """Write the half-spaces of `examples` from rows `first_rows` on, in the column of their lane of a chunk."""
    ready = plan.replay
    for first in range(0, len(examples), LAID_OUT_AT_ONCE):
        pause()
        part = slice(first, first + LAID_OUT_AT_ONCE)
        pruning.lay_out(
            ready.kind == fusing.VOTE, ready.evidence, ready.spoken, examples[part], targets[part], starts, rivals,
            first_rows[part], lanes[part] % halves.shape[2], halves,
        )  # fmt: skip


def _pack(plan: Plan, weights: np.ndarray, packed: np.ndarray) -> int:
    """Write the weights in 16 bits; return the margin up to which a call is close (see `pruning.quantise`)."""
    speaks = plan.spoken >= 0
    with np.errstate(over="ignore"):
        total = np.where(speaks, weights, 0.0).sum(axis=1)[speaks.any(axis=1)]
    if len(total) and not (total.min() >= pruning.LOW and total.max() <= pruning.HIGH):
        return EVERY_CALL_IS_CLOSE
    pruning.pack(weights, plan.spoken, packed)
    n_agents = plan.spoken.shape[1]
    return int(pruning.FULL) * n_agents // 2 + 2 * n_agents + 16


def _tiles(n_half: np.ndarray, block: np.ndarray, n_blocks: int) -> tuple[np.ndarray, np.ndarray]:
    """Cut contested positions with as many half-spaces into tiles: the tile of each, and where blocks' tiles begin."""
    is_new = _is_new(n_half, block)
    run_start = np.flatnonzero(is_new)[np.cumsum(is_new) - 1]
    is_new |= (np.arange(len(n_half)) - run_start) % TILE == 0
    starts = np.searchsorted(block[is_new], np.arange(n_blocks + 1))
    return np.cumsum(is_new) - 1, starts.astype(np.int64)


def _kinds(plan: Plan, swept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what another decision does to the hits of the positions, and of which class (0 where of none)."""
    slot = plan.slot[swept]
    kind = np.select([slot == -2, slot == -1, slot % 2 == 0], [CHECK, NOTHING, LOSS], GAIN)
    return kind, np.where(kind == NOTHING, 0, plan.truth[swept])


def _is_new(*keys: np.ndarray) -> np.ndarray:
    """Return where any of the keys differs from the entry before: (n,) bool."""
    changed = np.zeros(len(keys[0]), bool)
    changed[:1] = True
    for key in keys:
        changed[1:] |= key[1:] != key[:-1]
    return changed
