"""The one place that decides how numba compiles and caches a kernel."""

from collections.abc import Callable
from typing import Any, TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., object])

# No fastmath: sums keep their order and are not contracted, so that a decision is the same on every machine.
OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}


def kernel(function: Function) -> Function:
    """Compile `function` at its first call, to run without the GIL, cached on disk.

    Every kernel is called with one signature only (C-contiguous arrays of one dtype): numba numbers its cache files
    by function and not by signature, so two processes that compile two signatures at once could mix them up.
    """
    try:
        return numba.njit(cache=True, **OPTIONS)(function)
    except RuntimeError:  # neither the package's folder nor the user's cache can be written (numba issue 4908)
        return numba.njit(**OPTIONS)(function)


def helper(function: Function) -> Function:
    """Compile `function` into the kernels that call it, with whatever types they have; it has no cache of its own."""
    return numba.njit(**OPTIONS)(function)


def inlined(function: Function) -> Function:
    """Write `function` into the kernels that call it: passing array headers to it would cost more than it does."""
    return numba.njit(inline="always", **OPTIONS)(function)
