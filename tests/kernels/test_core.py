"""The shuffles, in C and in numba: streams against plain Python, draws against their distribution, abuse refused."""

from itertools import permutations

import numpy as np
import pytest
from sabotage.kernels import _core, drawing
from scipy.stats import chisquare

from sabotage.engines import _NumbaShuffle

MASK = 2**64 - 1
LANES = 8


@pytest.fixture(params=["numba", *_core.simd_names()])
def shuffles(request):
    """The maker of shuffles: numba's, and the core's on each instruction set of this CPU."""
    if request.param == "numba":
        yield _NumbaShuffle
        return
    _core.set_simd(request.param)
    yield _core.Shuffle
    _core.set_simd(_core.simd_names()[0])


def mix(x: int) -> int:
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def plain_permutations(
    seed, block, cohort, stream, n, replicates, drawn=None, rejections: list[int] | None = None
) -> list[list[int]]:
    """SplitMix64 keys, eight xoshiro256++, Lemire's bounded draws and a partial Fisher-Yates, in slow Python."""
    key = mix(mix(mix(seed) ^ block) ^ cohort)
    words = []
    for _ in range(4 * LANES * (stream + 1)):
        key = (key + 0x9E3779B97F4A7C15) & MASK
        words.append(mix(key))
    words = words[-4 * LANES :]
    states = [[words[w * LANES + lane] for w in range(4)] for lane in range(LANES)]

    def rotate(x: int, by: int) -> int:
        return ((x << by) | (x >> (64 - by))) & MASK

    def word(state: list[int]) -> int:
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
                for state in states:
                    drawn = word(state)
                    halves.extend([drawn & 0xFFFFFFFF, drawn >> 32])
            return halves.pop(0)

        def below(bound: int) -> int:
            threshold = (2**32 - bound) % bound
            while True:
                product = half() * bound
                if product & 0xFFFFFFFF >= threshold:
                    return product >> 32
                if rejections is not None:
                    rejections.append(product)

        for k in range(n if drawn is None else drawn):
            j = k + below(n - k)
            index[k], index[j] = index[j], index[k]
        out.append(list(index))
    return out


def draw(make, seed, cohort, starts, replicates, cuts=(), drawn=None, n_streams=1) -> np.ndarray:
    starts = np.array(starts, np.int64)
    drawn = np.diff(starts) if drawn is None else np.array(drawn, np.int64)
    shuffle = make(seed, cohort, starts, drawn, n_streams)
    out = np.empty((replicates, n_streams, starts[-1]), np.int32)
    for first, last in zip((0, *cuts), (*cuts, replicates), strict=True):
        shuffle.draw(out[first:last])
    return out if n_streams > 1 else out[:, 0]


@pytest.mark.parametrize(
    ("seed", "cohort", "n"), [(0, 0, 1), (0, 0, 2), (7, 3, 10), (1, 1, 40), (2**64 - 1, 2**40, 1201)]
)
def test_draws_are_those_of_plain_python(shuffles, seed, cohort, n):
    assert draw(shuffles, seed, cohort, [0, n], 4).tolist() == plain_permutations(seed, 0, cohort, 0, n, 4)


@pytest.mark.parametrize(("n", "drawn"), [(10, 0), (10, 1), (100, 37), (1300, 1100)])
def test_partial_draws_stop_early(shuffles, n, drawn):
    assert draw(shuffles, 5, 9, [0, n], 4, drawn=[drawn]).tolist() == plain_permutations(5, 0, 9, 0, n, 4, drawn)


def test_rejected_draws_are_drawn_again(shuffles):
    # A half is rejected with a probability below n / 2^32: a large block shows it, of which few positions are drawn.
    n, drawn = 4_300_000, 3000
    rejections: list[int] = []
    plain = plain_permutations(1, 0, 0, 0, n, 2, drawn, rejections)
    assert rejections
    out = draw(shuffles, 1, 0, [0, n], 2, drawn=[drawn])
    assert out[:, :drawn].tolist() == [row[:drawn] for row in plain]


def test_each_block_and_stream_is_on_its_own(shuffles):
    out = draw(shuffles, 3, 1, [0, 4, 4, 5, 12], 6, n_streams=3)
    for block, (start, stop) in enumerate([(0, 4), (4, 4), (4, 5), (5, 12)]):
        for stream in range(3):
            rows = plain_permutations(3, block, 1, stream, stop - start, 6)
            # positions are of the whole order: the index is carried as the block's own entries
            assert out[:, stream, start:stop].tolist() == [[start + j for j in row] for row in rows]


def test_cutting_a_cohort_changes_nothing(shuffles):
    whole = draw(shuffles, 5, 2, [0, 30, 50], 20)
    np.testing.assert_array_equal(whole, draw(shuffles, 5, 2, [0, 30, 50], 20, cuts=(1, 2, 13)))


@pytest.mark.parametrize("drawn", [None, 2])
@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_all_permutations_are_equally_likely(n, drawn):
    length = drawn or n
    position = {row: i for i, row in enumerate(permutations(range(n), length))}
    counts = np.zeros(len(position), int)
    for cohort in range(300):
        for row in draw(_core.Shuffle, 11, cohort, [0, n], 64, drawn=[length])[:, :length]:
            counts[position[tuple(row.tolist())]] += 1
    assert chisquare(counts).pvalue > 1e-4


def test_each_value_is_uniform_over_positions():
    n = 1000
    rows = np.concatenate([draw(_core.Shuffle, 13, cohort, [0, n], 64) for cohort in range(60)])
    for value in (0, 1, n // 2, n - 1):
        where = np.nonzero(rows == value)[1]
        assert chisquare(np.bincount(where * 20 // n, minlength=20)).pvalue > 1e-4
    for position in (0, 1, n // 2, n - 1):
        assert chisquare(np.bincount(rows[:, position] * 20 // n, minlength=20)).pvalue > 1e-4


@pytest.mark.parametrize("step", ["replicate", "cohort", "seed", "block", "stream"])
def test_neighbours_are_uncorrelated(step):
    n, pairs = 200, 400
    agree = 0
    for k in range(pairs):
        if step == "replicate":
            first, second = draw(_core.Shuffle, 17, k, [0, n], 2)
        elif step == "cohort":
            first, second = (draw(_core.Shuffle, 17, k + j, [0, n], 1)[0] for j in range(2))
        elif step == "seed":
            first, second = (draw(_core.Shuffle, k + j, 0, [0, n], 1)[0] for j in range(2))
        elif step == "block":
            both = draw(_core.Shuffle, 17, k, [0, n, 2 * n], 1)[0]
            first, second = both[:n], both[n:] - n
        else:
            first, second = draw(_core.Shuffle, 17, k, [0, n], 1, n_streams=2)[0]
        agree += int((first == second).sum())
    # Matches of two independent permutations have mean 1 and variance 1.
    assert abs(agree - pairs) < 4.5 * pairs**0.5


def test_lanes_are_as_in_the_core():
    assert drawing.LANES == LANES
    assert _core.WIDTH == 2 * LANES


def test_an_unknown_instruction_set_is_refused():
    for name in ("sse9", "", None, 7):
        with pytest.raises(ValueError, match="unknown instruction set"):
            _core.set_simd(name)
    assert _core.simd_names()[-1] == "scalar"


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"starts": np.array([0, 3, 5], np.int32)}, TypeError, "starts must hold int64"),
        ({"starts": np.array([0.0, 3, 5])}, TypeError, "starts must hold int64"),
        ({"starts": np.array([1, 3, 5], np.int64)}, ValueError, "begin with 0"),
        ({"starts": np.array([0, 6, 5], np.int64)}, ValueError, "must not decrease"),
        ({"starts": np.array([], np.int64)}, ValueError, "begin with 0"),
        ({"starts": np.array([0, 3, 2**31], np.int64)}, ValueError, "below 2\\^31"),
        ({"drawn": np.array([3], np.int64)}, ValueError, "length 2 along axis 0: found 1"),
        ({"drawn": np.array([4, 2], np.int64)}, ValueError, r"\[0, 3\] for block 0: found 4"),
        ({"drawn": np.array([3, -1], np.int64)}, ValueError, r"\[0, 2\] for block 1: found -1"),
        ({"n_streams": 0}, ValueError, r"\[1, 32\]: found 0"),
        ({"n_streams": 33}, ValueError, r"\[1, 32\]: found 33"),
        ({"out": np.zeros((2, 1, 4), np.int32)}, ValueError, r"shape \(replicates, 1, 5\)"),
        ({"out": np.zeros((2, 2, 5), np.int32)}, ValueError, r"shape \(replicates, 1, 5\)"),
        ({"out": np.zeros((2, 5), np.int32)}, ValueError, "3 dimensions"),
        ({"out": np.zeros((2, 1, 10), np.int32)[:, :, ::2]}, ValueError, "C-contiguous"),
        ({"out": np.zeros((2, 1, 5), np.int64)}, TypeError, "out must hold int32"),
        ({"out": np.frombuffer(bytearray(21), np.int32, 5, 1).reshape(1, 1, 5)}, ValueError, "aligned"),
        ({"out": np.frombuffer(bytes(20), np.int32).reshape(1, 1, 5)}, TypeError, "writable"),
        ({"out": [[0] * 5]}, TypeError, "buffer"),
    ],
)
def test_wrong_buffers_are_refused(change, error, says):
    values = {
        "seed": 0,
        "cohort": 0,
        "starts": np.array([0, 3, 5], np.int64),
        "drawn": np.array([3, 2], np.int64),
        "n_streams": 1,
        "out": np.zeros((2, 1, 5), np.int32),
    } | change
    out = values.pop("out")
    with pytest.raises(error, match=says):
        _core.Shuffle(*values.values()).draw(out)


@pytest.mark.parametrize("number", [-1, 2**64])
def test_numbers_that_do_not_fit_are_refused(number):
    starts, drawn = np.array([0, 2], np.int64), np.array([2], np.int64)
    for seed, cohort in ((number, 0), (0, number)):
        with pytest.raises(OverflowError):
            _core.Shuffle(seed, cohort, starts, drawn, 1)


def test_a_shuffle_keeps_what_was_checked():
    starts, drawn = np.array([0, 5], np.int64), np.array([5], np.int64)
    shuffle = _core.Shuffle(1, 2, starts, drawn, 1)
    starts[:] = drawn[:] = 10**9
    out = np.empty((3, 1, 5), np.int32)
    shuffle.draw(out)
    assert out[:, 0].tolist() == plain_permutations(1, 0, 2, 0, 5, 3)
