"""Examples in parts, such as the classes of the truth or the values of a column, and the clusters inside each."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sabotage.panel import Panel

MOST_PARTS = 200
MOST_UNITS = 1000  # of one part: more clusters are dealt into so many batches of whole ones
SEED = 0


@dataclass(frozen=True, eq=False)
class Partition:
    """Parts of the examples of a panel.

    Attributes
    ----------
    column : str or None
        Whose values the parts are; None for all examples in one part.
    labels : tuple of str, length P
    part : ndarray of shape (n,), int64
        Part of each example, 0 .. P - 1; P for those of parts that are left out.
    n_left_out : int
        Parts left out that have examples.
    cell : ndarray of shape (n,), int64, or None
        Cluster of each example inside its part, numbered over all parts in their order; None where each example is a
        cluster of its own.
    has_classes : bool
        Whether examples of more than one class can be in a part.
    """

    column: str | None
    labels: tuple[str, ...]
    part: np.ndarray
    n_left_out: int
    cell: np.ndarray | None
    has_classes: bool = True

    @property
    def n_parts(self) -> int:
        """Number of parts that are not left out."""
        return len(self.labels)

    @cached_property
    def part_of_cell(self) -> np.ndarray:
        """Part of each cluster: ndarray of shape (cells,), int64."""
        assert self.cell is not None  # asked for where there are clusters
        found = np.empty(int(self.cell.max()) + 1, np.int64)
        found[self.cell] = self.part
        return found

    @cached_property
    def _dealt(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the unit of each cluster, and where the units of each part start, the end last: (P + 2,)."""
        counts = np.bincount(self.part_of_cell, minlength=self.n_parts + 1)
        units = np.minimum(counts, MOST_UNITS)
        starts = np.concatenate([[0], np.cumsum(units)])
        within = np.arange(len(self.part_of_cell)) - np.repeat(np.cumsum(counts) - counts, counts)
        first = 0
        for place, count in enumerate(counts.tolist()):
            if count > MOST_UNITS:
                random = np.random.default_rng((SEED, place, count))
                within[first : first + count] = random.permutation(count) % MOST_UNITS
            first += count
        return starts[self.part_of_cell] + within, starts

    @cached_property
    def unit(self) -> np.ndarray:
        """What a bootstrap draws, of each example (n,): its cluster, or a batch of clusters where they are many."""
        assert self.cell is not None  # asked for where there are clusters
        return self._dealt[0][self.cell]

    @property
    def unit_starts(self) -> np.ndarray:
        """Where the units of each part start, and the last one ends: ndarray of shape (P + 2,)."""
        return self._dealt[1]

    def count(self, which: np.ndarray) -> np.ndarray:
        """Count the examples `which` (n,) bool of each part: ndarray of shape (P + 1,), those left out last."""
        return np.bincount(self.part[which], minlength=self.n_parts + 1)

    def count_clusters(self, rows: np.ndarray) -> np.ndarray:
        """Count the clusters of each part that hold some of the examples `rows` (k,): (P + 1,)."""
        if self.cell is None:
            return np.bincount(self.part[rows], minlength=self.n_parts + 1)
        there = np.bincount(self.cell[rows], minlength=len(self.part_of_cell)) > 0
        return np.bincount(self.part_of_cell[there], minlength=self.n_parts + 1)

    def error(self, rows: np.ndarray, influence: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return standard errors (P + 1,) from influence values (k,) of the examples `rows` (k,), and their clusters.

        As `sabotage.intervals.estimate` has it, in every part at once.
        """
        n, size = self.count_clusters(rows), self.n_parts + 1
        if self.cell is None:
            squares = np.bincount(self.part[rows], influence**2, minlength=size)
        else:
            totals = np.bincount(self.cell[rows], influence, minlength=len(self.part_of_cell))
            squares = np.bincount(self.part_of_cell, totals**2, minlength=size)
        return np.sqrt(n / np.maximum(n - 1, 1) * squares), n


def whole(panel: Panel) -> Partition:
    """Return all examples as one part."""
    return Partition(None, ("all",), np.zeros(panel.n_examples, np.int64), 0, _clusters(panel))


def by_class(panel: Panel) -> Partition:
    """Return the examples of each class, in class order; of more than 200 classes those of the largest 200."""
    counts = np.bincount(panel.truth, minlength=panel.n_classes)
    kept = np.arange(panel.n_classes) if panel.n_classes <= MOST_PARTS else np.sort(_largest(counts))
    labels = tuple(str(panel.classes[c]) for c in kept)
    column = panel.origin.truth_column
    return _parts(column, labels, kept, counts, panel.truth, _clusters(panel), has_classes=False)


def by_group(panel: Panel) -> Partition | None:
    """Return the examples of each value of the panel's group, the 200 largest first; None where no group is named.

    Inside a group its examples are the sample, or its ids where ids repeat over seeds.
    """
    if panel.group is None:
        return None
    codes, values = panel.codes(panel.group), group_names(panel, panel.group)
    counts = np.bincount(codes, minlength=len(values))
    kept = _largest(counts)
    cluster = _units(panel) if panel.runs.any() else None
    return _parts(panel.group, tuple(values[code] for code in kept), kept, counts, codes, cluster)


def group_names(panel: Panel, column: str) -> list[str]:
    """Return the names of the values of a column by their code, that of a null first and like none of the others."""
    values = [str(value) for value in panel.column(column).dictionary_encode().dictionary.to_pylist()]
    none = f"no {column}"
    while none in values:
        none = f"({none})"
    return [none, *values]


def _clusters(panel: Panel) -> np.ndarray | None:
    """Return the clusters of `sabotage.intervals.clusters`, numbered so that what is drawn is not by order of rows."""
    if panel.group is not None:
        return _by_name(group_names(panel, panel.group), panel.codes(panel.group))
    return _units(panel) if panel.runs.any() else None


def _units(panel: Panel) -> np.ndarray:
    return _by_name([str(name) for name in panel.ids.dictionary_encode().dictionary.to_pylist()], panel.units)


def _by_name(names: list[str], codes: np.ndarray) -> np.ndarray:
    """Number codes (n,) anew from 0, in the order of their names and without gaps."""
    place = np.empty(len(names), np.int64)
    place[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
    return np.unique(place[codes], return_inverse=True)[1]


def _largest(counts: np.ndarray) -> np.ndarray:
    """Return the most frequent codes, the first of equals first."""
    order = np.argsort(-counts, kind="stable")[:MOST_PARTS]
    return order[counts[order] > 0]


def _parts(
    column: str,
    labels: tuple[str, ...],
    kept: np.ndarray,
    counts: np.ndarray,
    codes: np.ndarray,
    cluster: np.ndarray | None,
    has_classes: bool = True,
) -> Partition:
    place = np.full(len(counts), len(kept))
    place[kept] = np.arange(len(kept))
    part, cell = place[codes], None
    if cluster is not None:
        cell = np.unique(part * (int(cluster.max()) + 1) + cluster, return_inverse=True)[1]
    n_left_out = int(np.count_nonzero(counts)) - int(np.count_nonzero(counts[kept]))
    return Partition(column, labels, part, n_left_out, cell, has_classes)
