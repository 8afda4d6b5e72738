"""One pass over a long table: the candidates of each agent and example, gathered into arrays."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from sabotage.candidates import Candidates, Lists
from sabotage.coding import coded_column, first_rows, numbered
from sabotage.conditions import Rows
from sabotage.errors import SabotageError, are, count_of, unknown
from sabotage.labels import Label, look_alikes
from sabotage.long_tables import AGENT, LongColumns
from sabotage.notes import Notes
from sabotage.settling import check_classes, resolve
from sabotage.streaming import Emitted, Examples
from sabotage.unifying import spelled
from sabotage.values import Values


class LongReader:
    """Reads the candidates of a long table, and their labels into a book."""

    def __init__(
        self,
        columns: LongColumns,
        rows: Rows,
        runs: Sequence[str],
        kept: Sequence[str],
        percent: bool,
        classes: Sequence[object] | None,
    ) -> None:
        self.columns, self.rows, self.runs, self.kept = columns, rows, runs, kept
        self.confidence_limit = 100.0 if percent else 1.0
        self.values = Values(rows.source, {str(label) for label in classes or ()})
        self.agents: tuple[str, ...] = ()  # in order of appearance

    def read(self) -> Examples:
        """Read everything, and return the examples that have a truth, in order of appearance.

        Raises
        ------
        SabotageError
            At the first value that cannot be understood, and where the rows of one example differ in what is the
            example's.
        """
        parts, coded = self._batches()
        self.rows.require(len(parts["place"]), self.columns.truth)
        place = parts["place"]
        id_codes, ids = coded[self.columns.id]
        self._require_known(id_codes, self.columns.id, place, "every candidate needs the id of its example")
        agent_codes, self.agents = self._named(*coded[AGENT], place)
        example, first = id_codes, first_rows(id_codes)
        if self.runs:
            for name in self.runs:
                codes = coded[name][0].astype(np.int64)
                example = example.astype(np.int64) * (codes.max() + 2) + codes + 1
            example, first = numbered(example)
        truth = np.full(len(first), -1, np.int32)
        known = parts["truth"] >= 0
        truth[example[known]] = parts["truth"][known]
        has_truth = truth >= 0
        self.rows.tally.no_truth = int(np.count_nonzero(~has_truth))
        number = np.where(has_truth, np.cumsum(has_truth) - 1, -1).astype(np.int32)
        found = Candidates(
            place,
            number[example],
            agent_codes,
            parts["label"],
            parts["truth"],
            parts.get("fused"),
            parts.get("confidence"),
            parts.get("rank"),
            parts.get("reliability"),
        )
        if not has_truth.all():
            found = found.take(np.flatnonzero(found.example >= 0))
            first = first[has_truth]
        self.rows.require(len(first), self.columns.truth)
        self._found = found
        kept = {name: self._of_example(name, *coded[name], number[example], len(first), place) for name in self.kept}
        return Examples(ids.take(pa.array(id_codes[first])), place[first], kept, self.rows.elsewhere, self.rows.source)

    def settle(
        self, chosen: Sequence[str] | None, order: Sequence[object] | None, n: int, notes: Notes
    ) -> tuple[tuple[Label, ...], tuple[str, ...], Emitted]:
        """Return the classes, the agents, and what they said of the n examples.

        Parameters
        ----------
        chosen : sequence of str, optional
            The agents to keep; all where None.
        order : sequence of labels, optional
            The classes in order.

        Raises
        ------
        SabotageError
            Where an agent gives one label twice, or several and nothing to order them by, or where rows of one
            example differ in its truth, its recorded decision or an agent's self-assessment.
        """
        source, columns, values, found = self.rows.source, self.columns, self.values, self._found
        classes, lookup = resolve(values.book, source.class_order or values.categories, order)
        check_classes(classes, values.book, source, notes)
        truth = self._one(found.truth, lookup, columns.truth, classes, n)
        fused = None if found.fused is None else self._one(found.fused, lookup, columns.fused_label, classes, n)
        agents = tuple(name for name in self.agents if chosen is None or name in chosen)
        for name in chosen or ():
            if name not in self.agents:
                raise unknown("agent", name, self.agents)
        for first, second in look_alikes(agents):
            notes.warn(f"the agents {str(first)!r} and {str(second)!r} look alike and are two")
        at = np.array([agents.index(name) if name in agents else -1 for name in self.agents])
        found = found.take(np.flatnonzero(at[found.agent] >= 0)) if len(agents) < len(at) else found
        fits = np.int32 if n * len(agents) < 2**31 else np.int64  # half the memory, where a cell's number fits
        cell = found.example.astype(fits) * len(agents) + at[found.agent].astype(fits)
        label = lookup[found.label]
        reliability = self._reliability(found, cell, n, agents)
        self._warn_of_no_label(found, label, notes)
        if (label < 0).any():
            speaks = np.flatnonzero(label >= 0)
            found, cell, label = found.take(speaks), cell[speaks], label[speaks]
        lists = Lists(found, cell, label, (n, len(agents), len(classes)))
        twice = lists.twice()
        if twice is not None:
            first, second = (source.place(int(found.place[row])) for row in twice)
            raise SabotageError(
                f"{agents[cell[twice[0]] % len(agents)]} gives the label {classes[label[twice[0]]]!r} twice to one"
                f" example, in {first} and {second}: an agent lists a candidate once; repeated runs are told apart by"
                f" --seed-column or --fold-column"
            )
        unordered = lists.unordered()
        if unordered is not None:
            first, second = (source.place(int(found.place[row])) for row in unordered)
            raise SabotageError(
                f"{agents[cell[unordered[0]] % len(agents)]} gives several labels to one example, in {first} and"
                f" {second}, with neither a confidence nor a rank: which comes first?"
            )
        for sentence in lists.notes(agents):
            notes.add(sentence)
        labels, confidence = lists.tops()
        said = Emitted(truth, labels, confidence, reliability, lists.scores, fused, None)
        return classes, agents, said

    # ---- the pass ----

    def _batches(self) -> tuple[dict[str, np.ndarray], dict[str, tuple[np.ndarray, pa.Array]]]:
        """Return the columns as arrays, and those that are numbered as numbers and values."""
        columns, limit = self.columns, self.confidence_limit
        numbers = [name for name in (columns.confidence, columns.rank, columns.reliability) if name is not None]
        texts = [columns.truth, columns.label, AGENT]
        texts += [columns.fused_label] if columns.fused_label is not None else []
        texts += [columns.id] if self.rows.source.format == "csv" else []
        coded: dict[str, list[pa.Array]] = {name: [] for name in (columns.id, AGENT, *self.runs, *self.kept)}
        parts: dict[str, list[np.ndarray]] = {}
        _, batches = self.rows.read(list(dict.fromkeys([*texts, *numbers, *coded])), texts, numbers)
        with contextlib.closing(batches):
            for batch, place in batches:
                own = {"place": place.astype(np.int32) if place[-1:].max(initial=0) < 2**31 else place}
                own["label"] = self.values.codes(batch, columns.label, place)
                own["truth"] = self.values.truth(batch, columns.truth, place)
                if columns.fused_label is not None:
                    own["fused"] = self.values.codes(batch, columns.fused_label, place)
                if columns.confidence is not None:
                    own["confidence"] = self.values.floats(batch, columns.confidence, place, limit) / limit
                if columns.rank is not None:
                    own["rank"] = self.values.floats(batch, columns.rank, place, np.inf)
                if columns.reliability is not None:
                    own["reliability"] = self.values.floats(batch, columns.reliability, place, np.inf)
                for name, values in own.items():
                    parts.setdefault(name, []).append(values)
                for name, arrays in coded.items():
                    arrays.append(batch[name])
        joined_parts = {}
        for name in list(parts):  # one at a time: twice all of them would be the peak
            joined_parts[name] = np.concatenate(parts.pop(name))
        if not joined_parts:
            joined_parts["place"] = np.empty(0, np.int64)
        return joined_parts, {name: coded_column(coded.pop(name), name) for name in list(coded)}

    # ---- checks ----

    def _named(self, codes: np.ndarray, values: pa.Array, place: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
        """Return the agent of each row as its number, and the agents' names; an empty name is none."""
        kind = values.type
        is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
        if not (is_text or any(of(kind) for of in (pa.types.is_integer, pa.types.is_floating, pa.types.is_null))):
            raise SabotageError(f"{AGENT} of {self.rows.source.name} holds {kind}: texts or integers would do")
        names = [str(name) for name in spelled(values).to_pylist()]
        empty = np.array([name == "" for name in names] + [False])  # the last entry serves code -1
        self._require_known(np.where(empty[codes], -1, codes), AGENT, place, "every candidate needs its agent")
        for number, name in enumerate(names):
            if "\n" in name or "\r" in name:
                where = self.rows.source.place(int(place[np.flatnonzero(codes == number)[0]]))
                raise SabotageError(f"{AGENT}, {where}: found a name with a newline in it, {name!r}; it is one line")
        return codes, tuple(names)

    def _require_known(self, codes: np.ndarray, column: str, place: np.ndarray, why: str) -> None:
        lost = np.flatnonzero(codes < 0)
        if len(lost):
            raise SabotageError(f"{column} is null in {self.rows.source.place(int(place[lost[0]]))}: {why}")

    def _of_example(
        self, name: str, codes: np.ndarray, values: pa.Array, example: np.ndarray, n: int, place: np.ndarray
    ) -> pa.Array:
        """Return a kept column by example: what its rows say, null where none says anything."""
        rows = np.flatnonzero((codes >= 0) & (example >= 0))
        own = self._same(name, example[rows], codes[rows], n, place[rows], lambda code: values[int(code)].as_py())
        return values.take(pa.array(own, mask=own < 0))

    def _one(
        self, codes: np.ndarray, lookup: np.ndarray, column: str | None, classes: Sequence[Label], n: int
    ) -> np.ndarray:
        """Return the one class that the rows of each example name: ndarray of shape (n,), int32, -1 where none does."""
        rows = np.flatnonzero(codes >= 0)
        example, place = self._found.example[rows], self._found.place[rows]
        own = self._same(str(column), example, lookup[codes[rows]], n, place, lambda code: classes[int(code)])
        return own.astype(np.int32)

    def _reliability(self, found: Candidates, cell: np.ndarray, n: int, agents: Sequence[str]) -> np.ndarray:
        """Return the one self-assessment of each agent and example: ndarray of shape (n, M), NaN where none."""
        if found.reliability is None:
            return np.full((n, len(agents)), np.nan)
        rows = np.flatnonzero(~np.isnan(found.reliability))
        what = f"{self.columns.reliability} of one agent"
        own = self._same(what, cell[rows], found.reliability[rows], n * len(agents), found.place[rows], float)
        return own.reshape(n, len(agents))

    def _same(
        self,
        what: str,
        keys: np.ndarray,
        values: np.ndarray,
        n: int,
        places: np.ndarray,
        show: Callable[[Any], object],
    ) -> np.ndarray:
        """Return the one value of each key, (n,), NaN or -1 where it has none.

        Raises SabotageError where a key has two.
        """
        own = np.full(
            n, np.nan if values.dtype.kind == "f" else -1, np.float64 if values.dtype.kind == "f" else np.int64
        )
        own[keys] = values
        odd = np.flatnonzero(own[keys] != values)
        if len(odd):
            row = int(odd[0])
            other = int(np.flatnonzero(keys == keys[row])[-1])
            source = self.rows.source
            raise SabotageError(
                f"{what} must be the same in all rows of one example: found {show(values[row])!r} in"
                f" {source.place(int(places[row]))} and {show(values[other])!r} in {source.place(int(places[other]))},"
                f" which have the same {self.columns.id}"
            )
        return own

    def _warn_of_no_label(self, found: Candidates, label: np.ndarray, notes: Notes) -> None:
        given = np.zeros(len(label), bool)
        for values in (found.confidence, found.rank):
            given |= ~np.isnan(values) if values is not None else False
        lost = int(np.count_nonzero(given & (label < 0)))
        if lost:
            notes.warn(
                f"{count_of(lost, 'row')} with a confidence or a rank and no {self.columns.label} {are(lost)} left out"
            )
