"""Counts of examples as shares, and means over some of them, with what they are of and how sure they are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sabotage.areas import subset
from sabotage.intervals import FEWEST_CLUSTERS, clusters
from sabotage.panel import Panel
from sabotage.partition import whole
from sabotage.resampled_shares import Draws, resampled_spans
from sabotage.spans import plain, student, wilson

FEW = f"an interval takes {FEWEST_CLUSTERS} examples or clusters"
NO_SPREAD = "no example differs from the others, which is no sign of certainty"


@dataclass(frozen=True)
class Rate:
    """A share of examples.

    Attributes
    ----------
    count, n : int
        How many of how many.
    share : float or None
        None where n is 0.
    interval : tuple of float, or None
        95 %: Wilson's, or from resamples of clusters; None where n is 0, and for fewer than 10 clusters.
    """

    count: int
    n: int
    share: float | None
    interval: tuple[float, float] | None

    @property
    def value(self) -> float | None:
        """The share, by the name that other measures have."""
        return self.share


@dataclass(frozen=True)
class Measure:
    """A number that is no plain share.

    Attributes
    ----------
    value : float or None
    interval : tuple of float, or None
        95 %.
    n : int
        Examples that it is about.
    why : str or None
        The reason where the value or the interval is None.
    """

    value: float | None
    interval: tuple[float, float] | None
    n: int
    why: str | None = None


class Tally:
    """Counts the examples of one panel, by what intervals draw: single examples, or whole clusters.

    Counts of clusters have one row a cluster, or a batch of clusters where they are many; without clusters one row.
    """

    def __init__(self, panel: Panel) -> None:
        part = whole(panel)
        self.n_examples = panel.n_examples
        self.groups = clusters(panel)
        self._unit = None if part.cell is None else part.unit
        self._n_units = 1 if part.cell is None else int(part.unit_starts[part.n_parts])
        self._draws = Draws()

    @property
    def units(self) -> np.ndarray | None:
        """Return the unit of each example (n,), None where each example is its own."""
        return self._unit

    @property
    def n_units(self) -> int:
        """How many rows counts have."""
        return self._n_units

    def count(self, *which: np.ndarray) -> np.ndarray:
        """Count the examples of several conditions (n,) bool: ndarray of shape (units, K)."""
        if self._unit is None:
            return np.array([[np.count_nonzero(own) for own in which]])
        return np.stack([np.bincount(self._unit[own], minlength=self._n_units) for own in which], axis=1)

    def cross(self, code: np.ndarray, size: int, rows: np.ndarray | None = None) -> np.ndarray:
        """Count codes 0 to size - 1 of all examples, or of those of `rows` (k,): ndarray of shape (units, size)."""
        if self._unit is None:
            return np.bincount(code, minlength=size)[None, :]
        unit = self._unit if rows is None else self._unit[rows]
        return np.bincount(unit * size + code, minlength=self._n_units * size).reshape(self._n_units, size)

    def rates(self, hits: np.ndarray, bases: np.ndarray, base_of: Sequence[int] | np.ndarray) -> list[Rate]:
        """Return shares of counts: `hits` (units, K) of `bases` (units, D), of which each has the one in `base_of`."""
        at = np.asarray(base_of, np.int64)
        count, n = hits.sum(axis=0), bases.sum(axis=0)[at]
        spans = wilson(count, n) if self._unit is None else resampled_spans(hits, bases, at, self._draws)
        return [
            Rate(int(k), int(of), k / of if of else None, span)
            for k, of, span in zip(count.tolist(), n.tolist(), plain(spans), strict=True)
        ]

    def rate(self, which: np.ndarray, base: np.ndarray) -> Rate:
        """Return the share of the examples `base` (n,) bool that are `which` (n,) bool too."""
        return self.rates(self.count(which & base), self.count(base), [0])[0]

    def mean(self, values: np.ndarray, rows: np.ndarray, low: float, high: float, nothing: str) -> Measure:
        """Return the mean of values (k,) of the examples `rows` (k,), between low and high; `nothing` says why none."""
        if not len(values):
            return Measure(None, None, 0, nothing)
        value = float(values.mean())
        return self.measure(value, (values - value) / len(values), rows, low, high)

    def measure(
        self, value: float, influence: np.ndarray, rows: np.ndarray | None, low: float = -1.0, high: float = 1.0
    ) -> Measure:
        """Return a number with the interval that influence values (k,) of the examples `rows` (k,), or all, give it."""
        groups = self.groups if rows is None else subset(self.groups, rows)
        totals = influence if groups is None else np.bincount(groups, influence)
        return spanned(value, float(np.square(totals).sum()), len(totals), len(influence), low, high)


def spanned(value: float, squares: float, n_clusters: int, n: int, low: float, high: float) -> Measure:
    """Return a number of n examples with Student's interval, from the squares of its influence values over clusters."""
    value = float(min(high, max(low, value)))  # rounding must not leave what is possible
    if n_clusters < FEWEST_CLUSTERS:
        return Measure(value, None, n, FEW)
    error = (n_clusters / (n_clusters - 1) * squares) ** 0.5
    if error < 1e-12:
        return Measure(value, None, n, NO_SPREAD)
    (span,) = plain(student(np.array([value]), np.array([error]), np.array([n_clusters]), low, high))
    return Measure(value, span, n)
