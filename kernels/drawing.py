"""The shuffles of the C core once more, for machines without it and as its twin in the tests: the same bits.

Streams are xoshiro256++ (Blackman and Vigna 2021, doi:10.1145/3460772), eight side by side, keyed through SplitMix64
by (seed, block, cohort); bounded draws are multiply-shift with rejection (Lemire 2019, doi:10.1145/3230636).
"""

import numpy as np
from numpy.typing import NDArray
from sabotage.kernels.compiling import helper, kernel

Longs = NDArray[np.int64]

LANES = 8
GAMMA = np.uint64(0x9E3779B97F4A7C15)
FIRST, SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
HALF = np.uint64(0xFFFFFFFF)


@helper
def mix(x: np.uint64) -> np.uint64:
    """One step of SplitMix64."""
    x += GAMMA
    x = (x ^ (x >> np.uint64(30))) * FIRST
    x = (x ^ (x >> np.uint64(27))) * SECOND
    return x ^ (x >> np.uint64(31))


@kernel
def start_streams(seed: np.uint64, cohort: np.uint64, states: NDArray[np.uint64]) -> None:
    """Key the streams of every block: `states` (n_blocks, n_streams, 32)."""
    for b in range(states.shape[0]):
        key = mix(mix(mix(seed) ^ np.uint64(b)) ^ cohort)
        for s in range(states.shape[1]):
            for word in range(states.shape[2]):
                key += GAMMA
                states[b, s, word] = mix(key)


@helper
def step(state: NDArray[np.uint64], halves: NDArray[np.uint32]) -> None:
    """Step the lanes of one stream (32,) and write their sixteen 32-bit halves."""
    for lane in range(LANES):
        s0, s1, s2, s3 = state[lane], state[LANES + lane], state[2 * LANES + lane], state[3 * LANES + lane]
        total = s0 + s3
        word = ((total << np.uint64(23)) | (total >> np.uint64(41))) + s0
        t = s1 << np.uint64(17)
        s2 ^= s0
        s3 ^= s1
        s1 ^= s2
        s0 ^= s3
        s2 ^= t
        s3 = (s3 << np.uint64(45)) | (s3 >> np.uint64(19))
        state[lane], state[LANES + lane], state[2 * LANES + lane], state[3 * LANES + lane] = s0, s1, s2, s3
        halves[2 * lane] = np.uint32(word & HALF)
        halves[2 * lane + 1] = np.uint32(word >> np.uint64(32))


@kernel
def draw(
    starts: Longs, drawn: Longs, states: NDArray[np.uint64], entries: NDArray[np.int32], out: NDArray[np.int32]
) -> None:
    """Write the donors of the next permutations of a cohort into `out` (replicates, n_streams, n).

    Forward Fisher-Yates over the first `drawn` positions of each block, in `entries` (n_streams, n), which is carried
    from one permutation to the next.
    """
    halves = np.empty(2 * LANES, np.uint32)
    for r in range(out.shape[0]):
        for s in range(out.shape[1]):
            for b in range(len(drawn)):
                used = 2 * LANES
                for k in range(drawn[b]):
                    bound = np.uint64(starts[b + 1] - starts[b] - k)
                    reject = ((HALF - bound) + np.uint64(1)) % bound
                    while True:
                        if used == 2 * LANES:
                            step(states[b, s], halves)
                            used = 0
                        product = np.uint64(halves[used]) * bound
                        used += 1
                        if product & HALF >= reject:
                            break
                    first = starts[b] + k
                    place = first + np.int64(product >> np.uint64(32))
                    entry = entries[s, place]
                    entries[s, place] = entries[s, first]
                    entries[s, first] = entry
            for k in range(out.shape[2]):
                out[r, s, k] = entries[s, k]


@kernel
def derange(starts: Longs, states: NDArray[np.uint64], out: NDArray[np.int32]) -> None:
    """Write uniform derangements of every block of two or more into `out` (replicates, n_streams, n).

    Fisher-Yates, begun anew as soon as a position keeps its own entry: about e attempts, most of them short. Bounded
    draws are written out here as above: as a function of their own they took five times as long.
    """
    halves = np.empty(2 * LANES, np.uint32)
    for r in range(out.shape[0]):
        for s in range(out.shape[1]):
            for b in range(len(starts) - 1):
                first, last = starts[b], starts[b + 1]
                used = 2 * LANES
                is_done = False
                while not is_done:
                    for k in range(first, last):
                        out[r, s, k] = k
                    is_done = True
                    for k in range(first, last if last - first > 1 else first):
                        bound = np.uint64(last - k)
                        reject = ((HALF - bound) + np.uint64(1)) % bound
                        while True:
                            if used == 2 * LANES:
                                step(states[b, s], halves)
                                used = 0
                            product = np.uint64(halves[used]) * bound
                            used += 1
                            if product & HALF >= reject:
                                break
                        place = k + np.int64(product >> np.uint64(32))
                        entry = out[r, s, place]
                        out[r, s, place] = out[r, s, k]
                        out[r, s, k] = entry
                        if entry == k:
                            is_done = False
                            break
