"""Differences and shares of what examples are worth, weighted as a statistic weighs them, with their sampling error."""

from dataclasses import dataclass

import numpy as np

from sabotage.intervals import Estimate, centred, clusters, estimate
from sabotage.panel import Panel


@dataclass(frozen=True, eq=False)
class Weighting:
    """How a statistic weighs examples: the mean over runs of a mean over examples, or over classes.

    `weight` (n,) sums to 1; `cell` (n,) numbers the examples that are averaged before anything else, by run, or by run
    and class (`by_class`); `cluster` (n,) is what is one draw from the population, None where each example is.
    """

    weight: np.ndarray
    cell: np.ndarray
    by_class: bool
    cluster: np.ndarray | None


def weigh_examples(panel: Panel, by_class: bool) -> Weighting:
    """Return the weights of accuracy, or of balanced accuracy where `by_class`; of their mean over seeds, if any."""
    run = panel.runs
    cell = np.unique(run * panel.n_classes + (panel.truth if by_class else 0), return_inverse=True)[1]
    size = np.bincount(cell)
    first = np.zeros(len(size), np.int64)
    first[cell] = run
    n_cells = np.bincount(first)  # of each run
    weight = 1 / (len(n_cells) * n_cells[run] * size[cell])
    return Weighting(weight, cell, by_class, clusters(panel))


def contrast(weighting: Weighting, values: np.ndarray) -> Estimate:
    """Return the weighted mean of `values` (n,) with its error over clusters."""
    return estimate(float((weighting.weight * values).sum()), _influence(weighting, values), weighting.cluster)


def ratio(weighting: Weighting, part: np.ndarray, whole: np.ndarray) -> Estimate | None:
    """Return the weighted sum of `part` over that of `whole`, both (n,), by the delta method; None where that is 0."""
    total = float((weighting.weight * whole).sum())
    if abs(total) < 1e-12:
        return None
    share = float((weighting.weight * part).sum()) / total
    influence = (_influence(weighting, part) - share * _influence(weighting, whole)) / total
    return estimate(share, influence, weighting.cluster)


def _influence(weighting: Weighting, values: np.ndarray) -> np.ndarray:
    if not weighting.by_class:
        usual = np.bincount(weighting.cell, values) / np.bincount(weighting.cell)
        return weighting.weight * (values - usual[weighting.cell])
    return weighting.weight * centred(values, weighting.cell)
