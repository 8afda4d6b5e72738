"""Random streams and shuffles, in C. Every array is C-contiguous and aligned; errors are TypeError and ValueError."""

import numpy as np
from numpy.typing import NDArray

def start_cohort(
    seed: int,
    cohort: int,
    starts: NDArray[np.int64],
    states: NDArray[np.uint64],
    index: NDArray[np.int32],
    /,
) -> None: ...
def draw(
    starts: NDArray[np.int64],
    states: NDArray[np.uint64],
    index: NDArray[np.int32],
    out: NDArray[np.int32],
    /,
) -> None: ...
