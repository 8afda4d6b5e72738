"""Learned parameters as plain JSON: what was read back must be finite numbers in the shape that is asked for."""

from collections.abc import Mapping
from typing import Any

import numpy as np

Parameters = dict[str, Any]


def misfit(parameters: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> str | None:
    """Return what is wrong with some entries, or None.

    Parameters
    ----------
    parameters : mapping
        Numbers and nested lists of them, by name.
    shapes : mapping of str to tuple of int
        What must be there, and in which shape: () is a number, -1 any length.
    """
    for name, shape in shapes.items():
        if name not in parameters:
            return f"{name} is missing"
        wrong = _not_numbers(parameters[name], shape)
        if wrong is not None:
            return f"{name} {wrong}"
    return None


def _not_numbers(value: object, shape: tuple[int, ...]) -> str | None:
    try:
        found = np.array(value)
    except ValueError:  # lists of different lengths
        return "must hold lists of one length"
    if found.dtype.kind not in "if":  # a text, a bool, a null, or an integer too large for 64 bits
        return "must hold numbers alone"
    if found.ndim != len(shape) or any(k not in (-1, found.shape[axis]) for axis, k in enumerate(shape)):
        return f"must have shape {shape}: found {found.shape}"
    return None if np.isfinite(found).all() else "must hold finite numbers"
