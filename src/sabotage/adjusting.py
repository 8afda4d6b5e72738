"""Adjusting p-values for how many tests there are."""

from collections.abc import Sequence

import numpy as np

from sabotage.errors import unknown

METHODS = ("bh", "holm")


def adjust(p_values: Sequence[float], method: str = "holm") -> list[float]:
    """Return p-values adjusted for their number, in the same order, at most 1.

    Parameters
    ----------
    p_values : sequence of float
    method : {"holm", "bh"}
        Holm's step-down procedure, which holds the chance of any false positive whatever the dependence (Holm 1979,
        Scandinavian Journal of Statistics 6, 65-70), or Benjamini and Hochberg's, which holds the expected share of
        false ones among the positives (1995, doi:10.1111/j.2517-6161.1995.tb02031.x). They agree with
        `statsmodels.stats.multitest.multipletests`.

    Raises
    ------
    SabotageError
        For an unknown method.
    """
    if method not in METHODS:
        raise unknown("adjustment", method, METHODS)
    if method == "bh":
        from scipy.stats import false_discovery_control

        return [float(p) for p in false_discovery_control(list(p_values))]
    order = np.argsort(p_values, kind="stable")
    steps = np.asarray(p_values)[order] * np.arange(len(order), 0, -1)
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted.tolist()
