"""One pass over a table: columns into arrays, batch by batch, with every value checked on its way."""

import contextlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from sabotage.agents import RecordedAgent
from sabotage.columns import Columns
from sabotage.conditions import Rows, joined
from sabotage.errors import SabotageError, listed
from sabotage.labels import LabelBook
from sabotage.tables import Source
from sabotage.values import Values

# Batches of examples, their row numbers in the table, and the codes of their truth.
Chosen = Generator[tuple[pa.RecordBatch, np.ndarray, np.ndarray], None, None]


@dataclass(frozen=True)
class Examples:
    """Which examples a table holds.

    `rows` says where each stands, `kept` are columns to keep beside, and `elsewhere` the watched columns of the rows of
    other splits, empty where there are none.
    """

    ids: pa.Array
    rows: np.ndarray
    kept: dict[str, pa.Array]
    elsewhere: dict[str, pa.Array]
    source: Source

    def place(self, at: int) -> str:
        """Word the place of one example."""
        return self.source.place(int(self.rows[at]))

    def places(self, at: np.ndarray) -> str:
        """Word the places of several."""
        return self.source.places(self.rows[at].tolist())


@dataclass
class Emitted:
    """What was said of each example, in arrays as a panel has them; labels are class indices, -1 for none."""

    truth: np.ndarray
    labels: np.ndarray
    confidence: np.ndarray
    reliability: np.ndarray
    scores: np.ndarray | None
    fused: np.ndarray | None
    fused_scores: np.ndarray | None


class Reader:
    """Reads the examples of a wide table, and their labels into a book."""

    def __init__(
        self, columns: Columns, rows: Rows, kept: Sequence[str], percent: bool, classes: Sequence[object] | None
    ) -> None:
        self.columns, self.rows, self.kept = columns, rows, kept
        self.confidence_limit = 100.0 if percent else 1.0
        everyone = (*columns.agents, *columns.others)
        named = {text for agent in everyone for text in agent.scores} | {str(label) for label in classes or ()}
        self.values = Values(rows.source, named)
        # Classes that the score columns name come first and sorted, so that the array is in class order as a rule.
        self.position: dict[str, int] = {}
        self.n_named = self._name_score_classes()

    def read(self) -> tuple[Examples, Emitted]:
        """Read everything; labels are codes of the book, scores in the order of `position`.

        Raises SabotageError at the first value that cannot be understood.
        """
        columns, n_agents = self.columns, len(self.columns.agents)
        n_rows, batches = self._open()
        # Pages that are never written cost nothing, so room for the rows that fall out is free.
        said = Emitted(
            truth=np.empty(n_rows, np.int32),
            labels=np.full((n_rows, n_agents), -1, np.int32),
            confidence=np.full((n_rows, n_agents), np.nan),
            reliability=np.full((n_rows, n_agents), np.nan),
            scores=np.empty((n_rows, n_agents, self.n_named)) if any(a.scores for a in columns.agents) else None,
            fused=None if columns.fused_label is None else np.full(n_rows, -1, np.int32),
            fused_scores=np.empty((n_rows, self.n_named)) if columns.fused_scores else None,
        )
        places = np.empty(n_rows, np.int64)
        ids: list[pa.Array] = []
        kept: dict[str, list[pa.Array]] = {name: [] for name in self.kept}
        n = 0
        with contextlib.closing(batches):  # also after an error: decoding may go on in a thread
            for batch, rows, truth in batches:
                part = slice(n, n + len(rows))
                n += len(rows)
                said.truth[part], places[part] = truth, rows
                ids.append(batch[columns.id] if columns.id is not None else pa.array(rows))
                for name, arrays in kept.items():
                    arrays.append(batch[name])
                for m, agent in enumerate(columns.agents):
                    self._read_agent(said, part, m, agent, batch, rows)
                for agent in columns.others:  # their labels are classes all the same
                    if agent.label is not None:
                        self.values.codes(batch, agent.label, rows)
                if columns.fused_label is not None and said.fused is not None:
                    said.fused[part] = self.values.codes(batch, columns.fused_label, rows)
                if said.fused_scores is not None:
                    self._read_scores(batch, columns.fused_scores, rows, said.fused_scores[part])
        self.rows.require(n, columns.truth)
        kept_columns = {name: joined(arrays, name) for name, arrays in kept.items()}
        all_ids = joined(ids, str(columns.id))
        examples = Examples(all_ids, places[:n], kept_columns, self.rows.elsewhere, self.rows.source)
        return examples, Emitted(
            said.truth[:n],
            said.labels[:n],
            said.confidence[:n],
            said.reliability[:n],
            None if said.scores is None else said.scores[:n],
            None if said.fused is None else said.fused[:n],
            None if said.fused_scores is None else said.fused_scores[:n],
        )

    # ---- rows ----

    def _open(self) -> tuple[int, Chosen]:
        """Return the number of rows of the table, and its examples in batches."""
        columns = self.columns
        everyone = (*columns.agents, *columns.others)
        texts = [columns.truth, *(agent.label for agent in everyone if agent.label is not None)]
        texts += [columns.fused_label] if columns.fused_label is not None else []
        own = [columns.id] if columns.id is not None else []
        if self.rows.source.format == "csv":
            texts += own  # so that "007" stays as it is
        numbers = [column for agent in columns.agents for column in agent.columns if column != agent.label]
        numbers += columns.fused_scores.values()
        n_rows, batches = self.rows.read([*texts, *numbers, *own, *self.kept], texts, numbers)
        return n_rows, self._with_truth(batches)

    def _with_truth(self, batches: Generator[tuple[pa.RecordBatch, np.ndarray], None, None]) -> Chosen:
        """Yield the examples of each batch, their row numbers in the table, and the codes of their truth."""
        with contextlib.closing(batches):
            for batch, rows in batches:
                truth = self.values.truth(batch, self.columns.truth, rows)
                known = truth >= 0
                if not known.all():
                    self.rows.tally.no_truth += int(np.count_nonzero(~known))
                    batch, rows, truth = batch.filter(pa.array(known)), rows[known], truth[known]
                if len(rows):
                    yield batch, rows, truth

    # ---- columns ----

    def _name_score_classes(self) -> int:
        """Give each class of the score columns its place in the arrays; return their number."""
        everyone = (*self.columns.agents, *self.columns.others)
        scratch = LabelBook()
        codes: dict[str, int] = {}
        names: dict[str, str] = {}
        for scores in (*(agent.scores for agent in everyone), self.columns.fused_scores):
            for text, column in scores.items():
                names.setdefault(text, f"the name of column {column!r}")
                codes[text] = scratch.add(text, lambda text=text: names[text])  # type: ignore[misc]
        classes, lookup = scratch.resolve()
        self.position = {text: int(lookup[code]) for text, code in codes.items()}
        for c in range(len(classes)):
            text = next(text for text, position in self.position.items() if position == c)
            self.values.book.add(text, lambda text=text: names[text])  # type: ignore[misc]
        for agent in everyone:
            if len({self.position[text] for text in agent.scores}) < len(agent.scores):
                raise SabotageError(f"two score columns of {agent.name} name one class: {listed(agent.scores, 20)}")
        return len(classes)

    def _read_agent(
        self, said: Emitted, part: slice, m: int, agent: RecordedAgent, batch: pa.RecordBatch, rows: np.ndarray
    ) -> None:
        if agent.label is not None:
            said.labels[part, m] = self.values.codes(batch, agent.label, rows)
        limit = self.confidence_limit
        if agent.confidence is not None:
            said.confidence[part, m] = self.values.floats(batch, agent.confidence, rows, limit) / limit
        if agent.reliability is not None:
            said.reliability[part, m] = self.values.floats(batch, agent.reliability, rows, np.inf)
        if said.scores is None:
            return
        top = said.confidence[part, m] if agent.confidence is None else None
        self._read_scores(batch, agent.scores, rows, said.scores[part, m], top)
        if top is not None:
            outside = (top < 0) | (top > 1)
            if outside.any():
                at = int(outside.argmax())
                raise SabotageError(
                    f"{agent.name} has no confidence column, and its top score is no confidence in [0, 1]: found"
                    f" {top[at]:g} in {self.rows.source.place(int(rows[at]))}; give {agent.name}_confidence, or"
                    f" scores that are probabilities"
                )

    def _read_scores(
        self, batch: pa.RecordBatch, scores: Any, rows: np.ndarray, out: np.ndarray, top: np.ndarray | None = None
    ) -> None:
        """Write class scores, column by column, into `out` (k, C), and the highest into `top` (k,)."""
        out[:] = np.nan
        for text, column in scores.items():
            values = self.values.floats(batch, column, rows, None)
            out[:, self.position[text]] = values
            if top is not None:
                np.fmax(top, values, out=top)
