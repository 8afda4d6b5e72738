"""The core's Plan refuses what it could not work with: no index in a buffer goes unchecked."""

import numpy as np
import pytest
from builders import tie_heavy
from sabotage.kernels import _core

from sabotage import replay
from sabotage.planning import make_plan
from sabotage.tiling import core_buffers


def arguments(**change):
    """Return what a panel with every kind of segment makes of itself, with some buffers changed."""
    plan = make_plan(replay(tie_heavy("tenths", 700, 4, 5, 1, missing=0.1), "weighted_mean"))
    buffers, *numbers = core_buffers(plan)
    for name, changed in change.items():
        buffers[name] = changed(buffers[name]) if callable(changed) else changed
    return plan, buffers, numbers


def at(index, value):
    """Return a function that copies an array and sets one entry."""

    def change(array):
        array = array.copy()
        array[index] = value
        return array

    return change


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"evidence": lambda a: a.astype(np.float32)}, TypeError, "evidence must hold float64"),
        ({"evidence": lambda a: a[:, ::2]}, ValueError, "evidence must be C-contiguous"),
        ({"evidence": lambda a: a[:-1]}, ValueError, "examples and agents of spoken"),
        ({"evidence": [1.0]}, TypeError, "evidence must be a buffer"),
        ({"spoken": at((3, 1), 5)}, ValueError, r"spoken must lie in \[-1, 5\): found 5 at entry 13"),
        ({"weights": lambda a: a[:, :3].copy()}, ValueError, "weights must have length 4 along axis 1: found 3"),
        ({"order": at(9, 700)}, ValueError, r"order must lie in \[0, 700\): found 700 at entry 9"),
        ({"order": at(0, -1)}, ValueError, "found -1 at entry 0"),
        ({"starts": at(0, 1)}, ValueError, "starts must begin with 0"),
        ({"starts": at(1, 10**6)}, ValueError, "starts must not decrease"),
        ({"contested": at(0, 10**6)}, ValueError, "contested must lie in"),
        ({"contested": at(0, 0)}, ValueError, "contested positions of their block"),
        ({"drawn": at(0, 0)}, ValueError, "at most drawn"),
        ({"clean": at(0, -1)}, ValueError, "clean must be a class where positions are contested"),
        ({"truth": at(2, 5)}, ValueError, "truth must lie in"),
        ({"truth": at(2, -1)}, ValueError, "truth must lie in"),
        ({"slot": at(0, -3)}, ValueError, "slot must lie in"),
        ({"slot": at(0, 10)}, ValueError, "slot must lie in"),
        ({"packed": lambda a: a[:, :1].copy()}, ValueError, "packed must have length 2 along axis 1: found 1"),
        ({"rival_starts": at(-1, 10**9)}, ValueError, "rival_starts must begin with 0 and end with"),
        ({"rivals": at(0, 5)}, ValueError, "rivals must lie in"),
        ({"tile_starts": at(0, 1)}, ValueError, "tile_starts must begin with 0"),
        ({"tiles": at((0, 0), 0)}, ValueError, "half-spaces and contested positions"),
        ({"tiles": at((0, 0), 4)}, ValueError, "tiles must"),
        ({"tiles": at((0, 1), 513)}, ValueError, "half-spaces and contested positions"),
        ({"tiles": at((1, 2), 0)}, ValueError, "begin where the one before ends"),
        ({"tiles": at((1, 4), 10**9)}, ValueError, "stay inside halves, place and segments"),
        ({"place": at(0, 600)}, ValueError, "places and lanes of their own"),
        ({"lane": at(0, 600)}, ValueError, "places and lanes of their own"),
        ({"halves": lambda a: a[:-1]}, ValueError, "stay inside halves"),
        ({"halves": lambda a: a[:, :, :8].copy()}, ValueError, "length 16 along axis 2"),
        ({"segments": at((0, 0), 4)}, ValueError, "segments of a kind"),
        ({"segments": at((0, 1), 5)}, ValueError, "segments of a kind"),
        ({"segments": at((0, 2), 0)}, ValueError, "segments of a kind"),
        ({"segments": at((0, 2), 600)}, ValueError, "segments of a kind"),
        ({"segments": at((0, 0), 3)}, ValueError, "checks last"),
        ({"chunks": at(0, 0)}, ValueError, "a chunk of half-spaces"),
        ({"chunks": lambda a: a[:-1]}, ValueError, "a chunk of half-spaces"),
        ({"chunk_halves": lambda a: a[:-1]}, ValueError, "stay inside chunk_halves"),
        ({"check_bounds": at(-1, 0)}, ValueError, "check_bounds must"),
        ({"check_position": at(0, 699)}, ValueError, "check_position must be drawn in block 0"),
        ({"check_starts": at(5, 10**9)}, ValueError, "check_starts must not decrease"),
        ({"check_rivals": at(0, -1)}, ValueError, "check_rivals must lie in"),
        ({"check_halves": lambda a: a[:-1]}, ValueError, "check_halves must have length"),
        ({"slack": at(0, 2**31 - 1)}, ValueError, "slack must lie in"),
    ],
)
def test_wrong_plans_are_refused(change, error, says):
    _, buffers, numbers = arguments(**change)
    with pytest.raises(error, match=says):
        _core.Plan(buffers, *numbers)


def test_what_does_not_belong_together_is_refused():
    plan, buffers, (n_pairs, threshold, votes) = arguments()
    core = _core.Plan(buffers, n_pairs, threshold, votes)
    shuffle = _core.Shuffle(0, 0, plan.starts, plan.drawn, 1)
    counts = np.zeros((1, 2, 6), np.int64)
    short = _core.Shuffle(0, 0, plan.starts, np.minimum(plan.drawn, 1), 1)
    frozen = counts.copy()
    frozen.setflags(write=False)
    for call, says in (
        (lambda: _core.Plan(buffers, 1, threshold, votes), "n_pairs hold all but one"),
        (lambda: _core.Plan(buffers, n_pairs, -1, votes), "threshold must not be negative"),
        (
            lambda: _core.Plan({k: v for k, v in buffers.items() if k != "slack"}, n_pairs, threshold, votes),
            "hold slack",
        ),
        (lambda: core.run((7,), 0, 0, False, False, counts), "shuffle must be a Shuffle"),
        (lambda: core.run((shuffle,), 3, 0, False, False, counts), "scheme must be 0, 1 or 2"),
        (lambda: core.run((shuffle,), 2, 4, False, False, counts), "agent an agent's number: found 2 and 4"),
        (lambda: core.run((shuffle,), 1, 0, False, False, counts), "shuffles must have 4 streams: found 1"),
        (lambda: core.run((shuffle, shuffle), 0, 0, False, False, np.zeros((2, 2, 6), np.int64)), "stands there twice"),
        (lambda: core.run((), 0, 0, False, False, counts), "shuffles must be 1 or more"),
        (lambda: core.run((shuffle,) * 33, 0, 0, False, False, counts), "at most 32 streams in all: found 33"),
        (lambda: core.run((short,), 0, 0, False, False, counts), "the plan's starts and drawn"),
        (lambda: core.run((shuffle,), 0, 0, False, False, counts[:, :, :5].copy()), "\\(1, replicates, 6\\): found"),
        (lambda: core.run((shuffle,), 0, 0, False, False, counts.astype(float)), "counts must hold int64"),
        (lambda: core.run((shuffle,), 0, 0, False, False, frozen), "writable"),
        (
            lambda: core.run((shuffle,), 0, 0, False, False, buffers["order"][:6].reshape(1, 1, 6)),
            "order and counts must not",
        ),
    ):
        with pytest.raises((TypeError, ValueError), match=says):
            call()
    core.run((shuffle,), 0, 0, False, False, counts)
    other = _core.Plan(buffers, n_pairs, threshold, votes)
    with pytest.raises(ValueError, match="in use by another thread or plan"):
        other.run((shuffle,), 0, 0, False, False, counts)


def test_sums_of_pairs_refuse_wrong_buffers():
    plan, buffers, numbers = arguments()
    core = _core.Plan(buffers, *numbers)
    checks = len(plan.checks)
    good = {
        "first": 0,
        "last": 700,
        "by_class": np.arange(checks),
        "class_weights": np.ones(5),
        "rows": np.zeros(checks, np.int64),
        "columns": np.zeros(700),
    }
    shared = np.zeros(700)
    for change, says in (
        ({"first": -1}, "positions up to 700: found -1 and 700"),
        ({"last": 701}, "found 0 and 701"),
        ({"first": 5, "last": 4}, "found 5 and 4"),
        ({"by_class": np.full(checks, checks)}, "by_class must lie in"),
        ({"class_weights": np.ones(4)}, "class_weights must have length 5 along axis 0: found 4"),
        ({"rows": np.zeros(checks)}, "rows must hold int64"),
        ({"columns": np.zeros(699)}, "columns must have length 700"),
        ({"columns": buffers["weights"].reshape(-1)[:700]}, "weights and columns must not overlap"),
        ({"rows": shared.view(np.int64)[:checks], "columns": shared}, "rows and columns must not overlap"),
    ):
        with pytest.raises((TypeError, ValueError), match=says):
            core.sum_pairs(*(good | change).values())
    core.sum_pairs(*good.values())
    assert good["rows"].any()


def test_corrupted_plans_do_no_harm():
    # Run under sanitizers (make sanitize) this says more: whatever is let in stays inside its memory.
    plan, buffers, numbers = arguments()
    random = np.random.default_rng(0)
    names = [name for name, array in buffers.items() if array.dtype.kind in "iu" and array.size]
    taken = 0
    for _ in range(400):
        changed = dict(buffers)
        name = names[random.integers(len(names))]
        array = changed[name].copy()
        where = random.integers(array.size)
        near = int(array.reshape(-1)[where]) + int(random.integers(-2, 3))
        limits = np.iinfo(array.dtype)
        array.reshape(-1)[where] = random.choice([np.clip(near, limits.min, limits.max), limits.min, limits.max, 0])
        changed[name] = array
        try:
            core = _core.Plan(changed, *numbers)
        except ValueError:
            continue
        taken += 1
        shuffle = _core.Shuffle(1, 1, changed["starts"], changed["drawn"], 1)
        core.run((shuffle,), 0, 0, False, bool(taken % 2), np.zeros((1, 2, 6), np.int64))
        core.sum_pairs(
            0,
            700,
            random.integers(0, len(plan.checks), len(plan.checks)),
            np.ones(5),
            np.zeros(len(plan.checks), np.int64),
            np.zeros(700),
        )
    assert taken > 20
