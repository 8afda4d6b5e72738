"""Cohen's kappa of two kinds of errors, over all examples or inside strata, with what each example adds to it."""

import numpy as np


def error_kappa(
    first: np.ndarray, second: np.ndarray, stratum: np.ndarray | None = None
) -> tuple[float, np.ndarray] | None:
    """Return Cohen's kappa of who errs, pooled over strata, and its influence values.

    With strata, agreement is held against the chance agreement of each: sum n_c (po_c - pe_c) / sum n_c (1 - pe_c). So
    two that both err more in hard classes agree beyond chance only where they err on the same examples of a class.

    Parameters
    ----------
    first, second : ndarray of shape (n,), bool
        Where the one and the other errs.
    stratum : ndarray of shape (n,), int, or None
        From 0; all examples are one where None.

    Returns
    -------
    tuple of float and ndarray of shape (n,), or None
        The influence sums to 0. None where chance agreement is complete: neither errs, or both always do, in each
        stratum.

    References
    ----------
    Cohen 1960 (doi:10.1177/001316446002000104); pooled as in Barlow, Lai and Azen 1991 (doi:10.1002/sim.4780100913),
    weighing strata by what is not chance.
    """
    if not len(first):
        return None
    cell = np.zeros(len(first), np.int64) if stratum is None else stratum
    n = np.maximum(np.bincount(cell), 1)
    one, other = np.bincount(cell, first) / n, np.bincount(cell, second) / n
    chance = one * other + (1 - one) * (1 - other)
    # What an example adds to n_c pe_c, through its own errors and through being one of n_c.
    a, b, by_chance = one[cell], other[cell], chance[cell]
    expected = (2 * b - 1) * first + (2 * a - 1) * second + 2 - a - b - by_chance
    room = float((1 - by_chance).sum())
    if room < 1e-9:
        return None
    agree = (first == second).astype(np.float64)
    value = float((agree - by_chance).sum()) / room
    influence = ((agree - expected) - value * (1 - expected)) / room
    return value, influence
