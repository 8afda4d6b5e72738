"""Candidates of a long table: which comes first, what they are worth as class scores, and what is wrong with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass
class Candidates:
    """The rows of a long table: what each says of which example and agent.

    `place` is where the row stands, `example` and `agent` are numbers, `label` and `truth` codes; NaN and -1 for null.
    """

    place: np.ndarray
    example: np.ndarray
    agent: np.ndarray
    label: np.ndarray
    truth: np.ndarray
    fused: np.ndarray | None
    confidence: np.ndarray | None
    rank: np.ndarray | None
    reliability: np.ndarray | None

    def take(self, rows: np.ndarray) -> "Candidates":
        """Return some of the rows."""
        taken: dict[str, Any] = {name: None if a is None else a[rows] for name, a in vars(self).items()}
        return Candidates(**taken)


class Lists:
    """What agents list, by cells: one cell is one agent on one example."""

    def __init__(self, found: Candidates, cell: np.ndarray, label: np.ndarray, shape: tuple[int, int, int]) -> None:
        self.found, self.cell, self.label, self.shape = found, cell, label, shape
        n, n_agents, n_classes = shape
        self.count = np.bincount(cell, minlength=n * n_agents)
        nothing = np.full(len(cell), np.nan)
        self.confidence = nothing if found.confidence is None else found.confidence
        self.rank = nothing if found.rank is None else found.rank
        agent = cell % n_agents
        # Who never lists two has labels and confidences, no class scores.
        self.listing = self.count.reshape(n, n_agents).max(axis=0) > 1
        unsure = np.bincount(agent[~np.isnan(self.confidence)], minlength=n_agents) == 0
        self.by_rank = self.listing & unsure & (np.bincount(agent[~np.isnan(self.rank)], minlength=n_agents) > 0)
        self.scores: np.ndarray | None = None
        if self.listing.any():
            scores = np.full(n * n_agents * n_classes, np.nan)
            weight = self.confidence
            if self.by_rank.any():  # reciprocal ranks, from 1 on
                start = 1.0 if np.nanmin(self.rank) == 0 else 0.0
                weight = np.where(self.by_rank[agent], 1.0 / (self.rank + start), weight)
            rows = np.flatnonzero(self.listing[agent])
            scores[cell[rows] * n_classes + label[rows]] = weight[rows]
            self.scores = scores.reshape(shape)

    def twice(self) -> tuple[int, int] | None:
        """Return two rows in which an agent gives one label to one example."""
        rows = np.flatnonzero(self.count[self.cell] > 1)
        key = self.cell[rows] * self.shape[2] + self.label[rows]
        seen = np.zeros(self.shape[0] * self.shape[1] * self.shape[2] if len(rows) else 0, bool)
        seen[key] = True
        if np.count_nonzero(seen) == len(key):
            return None
        order = np.argsort(key, kind="stable")
        same = np.flatnonzero(key[order][1:] == key[order][:-1])
        pairs = [(int(rows[order[at]]), int(rows[order[at + 1]])) for at in same]
        return min(pairs, key=lambda pair: pair[1])

    def unordered(self) -> tuple[int, int] | None:
        """Return two rows of one cell of several candidates without any confidence or rank."""
        ordered = np.zeros(len(self.count), bool)
        ordered[self.cell[~np.isnan(self.confidence) | ~np.isnan(self.rank)]] = True
        rows = np.flatnonzero((self.count > 1)[self.cell] & ~ordered[self.cell])
        if not len(rows):
            return None
        same = rows[self.cell[rows] == self.cell[rows[0]]]
        return int(same[0]), int(same[1])

    def tops(self) -> tuple[np.ndarray, np.ndarray]:
        """Return each cell's first candidate and its confidence: ndarrays of shape (n, M), -1 and NaN where none.

        First by rank, then by confidence, then in class order.
        """
        n_cells = len(self.count)
        best = np.full(n_cells, np.inf)
        np.minimum.at(best, self.cell, np.where(np.isnan(self.rank), np.inf, self.rank))
        first = np.where(np.isnan(self.rank), np.inf, self.rank) == best[self.cell]
        rows = np.flatnonzero(first)
        n_first = np.bincount(self.cell[rows], minlength=n_cells)
        tied = rows[n_first[self.cell[rows]] > 1]
        down = np.where(np.isnan(self.confidence[tied]), np.inf, -self.confidence[tied])
        tied = tied[np.lexsort((self.label[tied], down))]
        chosen = np.full(n_cells, -1)
        chosen[self.cell[rows]] = rows
        chosen[self.cell[tied[::-1]]] = tied[::-1]  # the last write stays
        there = chosen >= 0
        labels, confidence = np.full(n_cells, -1, np.int32), np.full(n_cells, np.nan)
        labels[there], confidence[there] = self.label[chosen[there]], self.confidence[chosen[there]]
        return labels.reshape(self.shape[:2]), confidence.reshape(self.shape[:2])

    def notes(self, agents: Sequence[str]) -> list[str]:
        """Say what was made of lists that lack confidences."""
        said = [
            f"{agents[int(m)]} ranks its candidates and gives no confidences: their scores are reciprocal ranks,"
            f" 1, 1/2, 1/3 ..."
            for m in np.flatnonzero(self.by_rank)
        ]
        agent = self.cell % len(agents)
        lost = np.isnan(self.confidence) & (self.count[self.cell] > 1) & ~self.by_rank[agent]
        if lost.any():
            said.append(
                f"{int(np.count_nonzero(lost)):,} candidates of lists have no confidence: they count as not listed"
            )
        return said
