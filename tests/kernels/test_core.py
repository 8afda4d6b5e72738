"""The C core: streams against plain Python, draws against their distribution, buffers against abuse."""

from itertools import permutations

import numpy as np
import pytest
from sabotage.kernels import _core
from scipy.stats import chisquare

MASK = 2**64 - 1


def mix(x: int) -> int:
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def plain_permutations(seed: int, block: int, cohort: int, n: int, replicates: int) -> list[list[int]]:
    """SplitMix64 keys, xoshiro256++, Lemire's bounded draws and a forward Fisher-Yates, in slow Python."""
    key = mix(mix(mix(seed) ^ block) ^ cohort)
    state = []
    for _ in range(4):
        key = (key + 0x9E3779B97F4A7C15) & MASK
        state.append(mix(key))

    def rotate(x: int, by: int) -> int:
        return ((x << by) | (x >> (64 - by))) & MASK

    def word() -> int:
        a, b, c, d = state
        result = (rotate((a + d) & MASK, 23) + a) & MASK
        t = (b << 17) & MASK
        c ^= a
        d ^= b
        b ^= c
        a ^= d
        c ^= t
        state[:] = [a, b, c, rotate(d, 45)]
        return result

    index = list(range(n))
    out = []
    for _ in range(replicates):
        halves: list[int] = []

        def half(halves: list[int] = halves) -> int:
            if not halves:
                drawn = word()
                halves.extend([drawn >> 32, drawn & 0xFFFFFFFF])
            return halves.pop()

        def below(bound: int) -> int:
            threshold = (2**32 - bound) % bound
            while True:
                product = half() * bound
                if product & 0xFFFFFFFF >= threshold:
                    return product >> 32

        for k in range(n - 1):
            j = k + below(n - k)
            index[k], index[j] = index[j], index[k]
        out.append(list(index))
    return out


def draw(seed: int, cohort: int, starts: list[int], replicates: int, cuts: tuple[int, ...] = ()) -> np.ndarray:
    starts = np.array(starts, np.int64)
    states, index = np.empty((len(starts) - 1, 4), np.uint64), np.empty(starts[-1], np.int32)
    _core.start_cohort(seed, cohort, starts, states, index)
    out = np.empty((replicates, starts[-1]), np.int32)
    for first, last in zip((0, *cuts), (*cuts, replicates), strict=True):
        _core.draw(starts, states, index, out[first:last])
    return out


@pytest.mark.parametrize(("seed", "cohort", "n"), [(0, 0, 1), (0, 0, 2), (7, 3, 10), (2**64 - 1, 2**40, 101)])
def test_draws_are_those_of_plain_python(seed, cohort, n):
    assert draw(seed, cohort, [0, n], 5).tolist() == plain_permutations(seed, 0, cohort, n, 5)


def test_each_block_has_its_own_stream_and_stays_inside_itself():
    out = draw(3, 1, [0, 4, 4, 5, 12], 6)
    for block, (start, stop) in enumerate([(0, 4), (4, 4), (4, 5), (5, 12)]):
        expected = [
            [start + j for j in row] if stop > start else [] for row in plain_permutations(3, block, 1, stop - start, 6)
        ]
        # positions are of the whole order: the index is carried as the block's own entries
        assert out[:, start:stop].tolist() == expected


def test_cutting_a_cohort_changes_nothing():
    whole = draw(5, 2, [0, 30, 50], 20)
    np.testing.assert_array_equal(whole, draw(5, 2, [0, 30, 50], 20, cuts=(1, 2, 13)))


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_all_permutations_are_equally_likely(n):
    position = {row: i for i, row in enumerate(permutations(range(n)))}
    counts = np.zeros(len(position), int)
    for cohort in range(300):
        for row in draw(11, cohort, [0, n], 64):
            counts[position[tuple(row.tolist())]] += 1
    assert chisquare(counts).pvalue > 1e-4


def test_each_value_is_uniform_over_positions():
    n = 1000
    rows = np.concatenate([draw(13, cohort, [0, n], 64) for cohort in range(60)])
    for value in (0, 1, n // 2, n - 1):
        where = np.nonzero(rows == value)[1]
        assert chisquare(np.bincount(where * 20 // n, minlength=20)).pvalue > 1e-4


@pytest.mark.parametrize("step", ["replicate", "cohort", "seed"])
def test_neighbours_are_uncorrelated(step):
    n, pairs = 200, 400
    agree = 0
    for k in range(pairs):
        if step == "replicate":
            first, second = draw(17, k, [0, n], 2)
        elif step == "cohort":
            first, second = draw(17, k, [0, n], 1)[0], draw(17, k + 1, [0, n], 1)[0]
        else:
            first, second = draw(k, 0, [0, n], 1)[0], draw(k + 1, 0, [0, n], 1)[0]
        agree += int((first == second).sum())
    # Matches of two independent permutations have mean 1 and variance 1.
    assert abs(agree - pairs) < 4.5 * pairs**0.5


def arguments(**change):
    values = {
        "starts": np.array([0, 3, 5], np.int64),
        "states": np.zeros((2, 4), np.uint64),
        "index": np.zeros(5, np.int32),
        "out": np.zeros((2, 5), np.int32),
    }
    return list((values | change).values())


def frozen(array):
    array.setflags(write=False)
    return array


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"starts": np.array([0, 3, 5], np.int32)}, TypeError, "starts must hold int64"),
        ({"starts": np.array([0.0, 3, 5])}, TypeError, "starts must hold int64"),
        ({"starts": np.array([1, 3, 5], np.int64)}, ValueError, "begin with 0"),
        ({"starts": np.array([0, 3, 6], np.int64)}, ValueError, "length of index, 5"),
        ({"starts": np.array([0, 6, 5], np.int64)}, ValueError, "must not decrease"),
        ({"starts": np.array([], np.int64)}, ValueError, "begin with 0"),
        ({"states": np.zeros((3, 4), np.uint64)}, ValueError, r"shape \(2, 4\)"),
        ({"states": np.zeros((2, 4), np.int64)}, TypeError, "states must hold uint64"),
        ({"states": np.zeros((2, 8), np.uint64)[:, ::2]}, ValueError, "C-contiguous"),
        ({"index": np.zeros((5, 1), np.int32)}, ValueError, "1 dimensions"),
        ({"index": frozen(np.zeros(5, np.int32))}, TypeError, "writable"),
        ({"index": np.zeros(10, np.int32)[::2]}, ValueError, "C-contiguous"),
        ({"index": np.frombuffer(bytearray(21), np.int32, 5, 1)}, ValueError, "aligned"),
        ({"out": np.zeros((2, 4), np.int32)}, ValueError, r"shape \(replicates, 5\)"),
        ({"out": [[0] * 5]}, TypeError, "buffer"),
    ],
)
def test_wrong_buffers_are_refused(change, error, says):
    with pytest.raises(error, match=says):
        _core.draw(*arguments(**change))


def test_overlapping_buffers_are_refused():
    shared = np.zeros((3, 5), np.int32)
    with pytest.raises(ValueError, match="index and out must not overlap"):
        _core.draw(*arguments(index=shared[1], out=shared[1:]))
