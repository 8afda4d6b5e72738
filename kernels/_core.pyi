"""Shuffles and the permutation loop of linear rules, in C. Arrays are C-contiguous and aligned.

A buffer of another type is a TypeError; of another shape, out of range or overlapping, a ValueError.
"""

from typing import final

import numpy as np
from numpy.typing import NDArray

WIDTH: int
MAX_AGENTS: int

def set_simd(name: str, /) -> None: ...
def simd_names() -> list[str]: ...

@final
class Shuffle:
    def __new__(
        cls, seed: int, cohort: int, starts: NDArray[np.int64], drawn: NDArray[np.int64], n_streams: int, /
    ) -> Shuffle: ...
    def draw(self, out: NDArray[np.int32], /) -> None: ...

@final
class Plan:
    def __new__(
        cls,
        buffers: dict[str, np.ndarray],
        n_pairs: int,
        threshold: int,
        votes: bool,
        /,
    ) -> Plan: ...
    def run(
        self,
        shuffles: tuple[Shuffle, ...],
        scheme: int,
        agent: int,
        direct: bool,
        every: bool,
        counts: NDArray[np.int64],
        /,
    ) -> tuple[int, int]: ...
    def sum_pairs(
        self,
        first: int,
        last: int,
        by_class: NDArray[np.int64],
        class_weights: NDArray[np.float64],
        rows: NDArray[np.int64],
        columns: NDArray[np.float64],
        /,
    ) -> tuple[int, int]: ...
