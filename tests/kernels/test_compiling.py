"""Kernels compile also where nothing can be cached."""

import numba
from sabotage.kernels import compiling


def add_one(x):
    return x + 1


def test_without_a_cache_kernels_still_compile(monkeypatch):
    njit = numba.njit

    def no_locator(*arguments, **options):
        if options.get("cache"):
            raise RuntimeError("cannot cache function 'add_one': no locator available for file 'x'")
        return njit(*arguments, **options)

    monkeypatch.setattr(numba, "njit", no_locator)
    assert compiling.kernel(add_one)(1) == 2


def test_kernels_release_the_gil_and_do_not_reorder_sums():
    options = compiling.kernel(add_one).targetoptions
    assert options["nogil"]
    assert "fastmath" not in options
