"""Candidates of a long table: which comes first, what they are worth as class scores, and what is wrong with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sabotage.errors import are, count_of


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
        self.confidence, self.rank = found.confidence, found.rank
        agent = cell % n_agents
        # Who never lists two has labels and confidences, no class scores.
        self.listing = self.count.reshape(n, n_agents).max(axis=0) > 1
        # Ranks serve where an agent gives nothing else.
        self.by_rank = self.listing & (_counted(found.confidence, agent, n_agents) == 0)
        self.by_rank &= _counted(found.rank, agent, n_agents) > 0
        self.scores: np.ndarray | None = None
        if self.listing.any() and (found.confidence is not None or self.by_rank.any()):
            scores = np.full(n * n_agents * n_classes, np.nan)
            weight = np.full(len(cell), np.nan) if found.confidence is None else found.confidence
            if self.by_rank.any() and found.rank is not None:  # reciprocal ranks, from 1 on
                start = 1.0 if np.nanmin(found.rank) == 0 else 0.0
                weight = np.where(self.by_rank[agent], 1.0 / (found.rank + start), weight)
            rows = slice(None) if self.listing.all() else np.flatnonzero(self.listing[agent])
            scores[cell[rows].astype(np.int64) * n_classes + label[rows]] = weight[rows]
            self.scores = scores.reshape(shape)

    def twice(self) -> tuple[int, int] | None:
        """Return two rows in which an agent gives one label to one example."""
        rows = np.flatnonzero(self.count[self.cell] > 1)
        key = self.cell[rows].astype(np.int64) * self.shape[2] + self.label[rows]
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
        for values in (self.confidence, self.rank):
            if values is not None:
                ordered[self.cell[~np.isnan(values)]] = True
        rows = np.flatnonzero((self.count > 1)[self.cell] & ~ordered[self.cell])
        if not len(rows):
            return None
        same = rows[self.cell[rows] == self.cell[rows[0]]]
        return int(same[0]), int(same[1])

    def tops(self) -> tuple[np.ndarray, np.ndarray]:
        """Return each cell's first candidate and its confidence: ndarrays of shape (n, M), -1 and NaN where none.

        First by rank, then by confidence, then in class order.
        """
        n_cells, cell, label, confidence = len(self.count), self.cell, self.label, self.confidence
        if self.rank is not None:
            rank = np.where(np.isnan(self.rank), np.inf, self.rank)
            best = np.full(n_cells, np.inf)
            np.minimum.at(best, cell, rank)
            first = np.flatnonzero(rank == best[cell])
            cell, label = cell[first], label[first]
            confidence = None if confidence is None else confidence[first]
        top = np.full(n_cells, -np.inf)
        if confidence is not None:
            known = np.where(np.isnan(confidence), -np.inf, confidence)
            np.maximum.at(top, cell, known)
            first = np.flatnonzero(known == top[cell])
            cell, label = cell[first], label[first]
        labels = np.full(n_cells, self.shape[2], np.int32)
        np.minimum.at(labels, cell, label)
        labels[labels == self.shape[2]] = -1
        top[np.isinf(top)] = np.nan
        return labels.reshape(self.shape[:2]), top.reshape(self.shape[:2])

    def notes(self, agents: Sequence[str]) -> list[str]:
        """Say what was made of lists that lack confidences."""
        said = [
            f"{agents[int(m)]} ranks its candidates and gives no confidences: their scores are reciprocal ranks,"
            f" 1, 1/2, 1/3 ..."
            for m in np.flatnonzero(self.by_rank)
        ]
        if self.confidence is None:
            return said
        lost = np.flatnonzero(np.isnan(self.confidence))
        lost = lost[(self.count[self.cell[lost]] > 1) & ~self.by_rank[self.cell[lost] % len(agents)]]
        if len(lost):
            said.append(
                f"{count_of(len(lost), 'candidate')} of lists {are(len(lost), 'has', 'have')} no confidence, and"
                f" {are(len(lost), 'counts', 'count')} as not listed"
            )
        return said


def _counted(values: np.ndarray | None, agent: np.ndarray, n_agents: int) -> np.ndarray:
    """Count each agent's rows that have a value."""
    if values is None:
        return np.zeros(n_agents, np.int64)
    return np.bincount(agent[~np.isnan(values)], minlength=n_agents)
