"""What a bootstrap draws: examples, clusters of them, or patterns of examples that nothing tells apart."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

UNITS_AT_ONCE = 8192  # of a block: the counts of its draws stay in the second cache
MOST_SINGLY = 1 << 20  # examples; of more, those alike are drawn together
WIDEST_KEY = 1 << 62


@dataclass(frozen=True, eq=False)
class Units:
    """What is drawn, in blocks of at most 8192.

    `rows` (k,) are examples in the order of their units, None where that is their own; unit u has the rows from
    starts[u] to starts[u + 1], `unit` (k,) is the unit of each row, None where each has its own, and `times` (units,)
    is how many units are like it.
    """

    rows: np.ndarray | None
    unit: np.ndarray | None
    starts: np.ndarray
    times: np.ndarray

    @classmethod
    def of(cls, n: int, cluster: np.ndarray | None, columns: Iterator[tuple[np.ndarray, int]]) -> "Units":
        """Make units of n examples; `columns` tells examples apart, as in `alike`."""
        if cluster is not None:
            rows = np.argsort(cluster, kind="stable")
            sizes = np.bincount(cluster)
            return cls(rows, cluster[rows], np.concatenate([[0], np.cumsum(sizes)]), np.ones(len(sizes), np.int64))
        if n <= MOST_SINGLY:
            return cls(None, None, np.arange(n + 1), np.ones(n, np.int64))
        rows, times = alike(columns, n)
        return cls(rows, None, np.arange(len(rows) + 1), times)

    def blocks(self) -> Iterator[tuple[int, int]]:
        """Give the first unit of each block and the one after its last."""
        n = len(self.times)
        return ((first, min(first + UNITS_AT_ONCE, n)) for first in range(0, n, UNITS_AT_ONCE))

    def once(self) -> Iterator[np.ndarray]:
        """Give what was observed, as one resample."""
        return (self.times[first:last, None].astype(float) for first, last in self.blocks())

    def draw(self, random: np.random.Generator, width: int) -> Iterator[np.ndarray]:
        """Draw as many units as there are, with replacement, `width` times; block by block, (units, width) float64.

        How many fall into each block first, then which: random access to what fits a cache.
        """
        blocks = list(self.blocks())
        sizes = np.array([self.times[first:last].sum() for first, last in blocks])
        shares = random.multinomial(sizes.sum(), sizes / sizes.sum(), size=width)
        for (first, last), size, totals in zip(blocks, sizes.tolist(), shares.T, strict=True):
            n, times = last - first, self.times[first:last]
            if 16 * n < size:  # a binomial takes as long as some sixteen draws
                yield random.multinomial(totals, times / size).T.astype(float, order="C")
                continue
            like = None if size == n else np.repeat(np.arange(n), times)
            drawn = np.empty((width, n))
            for row, total in zip(drawn, totals.tolist(), strict=True):
                which = random.integers(0, size, total)
                row[:] = np.bincount(which if like is None else like[which], minlength=n)
            yield np.ascontiguousarray(drawn.T)


def alike(columns: Iterator[tuple[np.ndarray, int]], n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first example of each pattern, and how many examples have it, from columns (n,) and their sizes."""
    key, width = np.zeros(n, np.int64), 1
    for column, size in columns:
        if width * size > WIDEST_KEY:
            found, key = np.unique(key, return_inverse=True)
            width = len(found)
        key = key * size + column
        width *= size
    _, first, times = np.unique(key, return_index=True, return_counts=True)
    return first, times
