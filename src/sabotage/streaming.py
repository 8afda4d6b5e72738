"""One pass over a table: columns into arrays, batch by batch, with every value checked on its way."""

import contextlib
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sabotage.agents import RecordedAgent
from sabotage.columns import Columns
from sabotage.errors import SabotageError, did_you_mean, listed
from sabotage.labels import NULL_TEXTS, LabelBook, number
from sabotage.sources import Source, plain

OTHER = "!"  # before the name of a split: all rows but those
CONDITION = re.compile(r"\s*(.+?)\s*(==|!=|<=|>=|<|>)\s*(.+?)\s*")
COMPARE: dict[str, Callable[..., Any]] = {
    "==": pc.equal,
    "!=": pc.not_equal,
    "<=": pc.less_equal,
    ">=": pc.greater_equal,
    "<": pc.less,
    ">": pc.greater,
}


# Batches of examples, their row numbers in the table, and the codes of their truth.
Examples = Generator[tuple[pa.RecordBatch, np.ndarray, np.ndarray], None, None]


@dataclass(frozen=True)
class Condition:
    """What a row must meet to be an example: `column operator value`."""

    column: str
    operator: str
    value: str

    @classmethod
    def parse(cls, text: str, source: Source) -> "Condition":
        """Read "column == value"; raises SabotageError where it is not that or there is no such column."""
        match = CONDITION.fullmatch(text)
        if not match:
            raise SabotageError(f"--where {text!r} is not 'column == value' (also !=, <, <=, >, >=)")
        column, operator, value = match.groups()
        if column not in source.columns:
            near = did_you_mean(column, source.columns)
            raise SabotageError(f"--where {text!r}: {source.name} has no column {column!r}{near}")
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        return cls(column, operator, value)

    def met(self, batch: pa.RecordBatch, source: Source) -> np.ndarray:
        """Say of each row whether it meets the condition; a null never does."""
        array = batch[self.column]
        if pa.types.is_null(array.type):
            return np.zeros(len(array), bool)
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        if source.format == "csv" and pa.types.is_string(array.type) and number(self.value) is not None:
            with contextlib.suppress(pa.ArrowInvalid):  # a csv's texts may spell numbers
                array = array.cast(pa.float64())
        try:
            return _bools(COMPARE[self.operator](array, pa.scalar(self.value).cast(array.type)))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise SabotageError(
                f"--where '{self}': {self.column} of {source.name} is {array.type}, and {self.value!r} does not read as"
                f" that"
            ) from None

    def __str__(self) -> str:
        return f"{self.column} {self.operator} {self.value}"


@dataclass
class Tally:
    """How many rows there were, and why some are no examples."""

    rows: int = 0
    no_truth: int = 0
    filtered: int = 0
    other_split: int = 0
    splits: set[str] = field(default_factory=set)


@dataclass
class Raw:
    """The examples of a table as they stand in it: labels are codes of the book, -1 for null."""

    truth: np.ndarray
    labels: np.ndarray
    confidence: np.ndarray
    reliability: np.ndarray
    scores: np.ndarray | None
    fused: np.ndarray
    fused_scores: np.ndarray | None
    ids: pa.Array
    rows: np.ndarray  # where each example stands in the table
    kept: dict[str, pa.Array]
    elsewhere: dict[str, pa.Array]  # the watched columns of the rows of other splits; empty where there are none


class Reader:
    """Reads the examples of a source into a `Raw`, and their labels into `book`."""

    def __init__(
        self,
        source: Source,
        columns: Columns,
        conditions: Sequence[Condition],
        split: str | None,
        kept: Sequence[str],
        watched: Sequence[str],
        percent: bool,
        classes: Sequence[object] | None,
    ) -> None:
        self.source, self.columns, self.conditions, self.split, self.kept = source, columns, conditions, split, kept
        self.watched = watched if split is not None else ()
        self._elsewhere: list[pa.RecordBatch] = []
        self.confidence_limit = 100.0 if percent else 1.0
        everyone = (*columns.agents, *columns.others)
        named = {text for agent in everyone for text in agent.scores} | {str(label) for label in classes or ()}
        self.book = LabelBook(NULL_TEXTS - named if source.format == "csv" else frozenset())
        self.tally = Tally()
        self.categories: list[object] | None = None  # of a truth whose type has an order of its own
        # Classes that the score columns name come first and sorted, so that the array is in class order as a rule.
        self.position: dict[str, int] = {}
        self.n_named = self._name_score_classes()

    def read(self) -> Raw:
        """Read everything; raises SabotageError at the first value that cannot be understood."""
        columns, n_agents = self.columns, len(self.columns.agents)
        n_rows, batches = self._open()
        # Pages that are never written cost nothing, so room for the rows that fall out is free.
        raw = Raw(
            truth=np.empty(n_rows, np.int32),
            labels=np.full((n_rows, n_agents), -1, np.int32),
            confidence=np.full((n_rows, n_agents), np.nan),
            reliability=np.full((n_rows, n_agents), np.nan),
            scores=np.empty((n_rows, n_agents, self.n_named)) if any(a.scores for a in columns.agents) else None,
            fused=np.full(n_rows, -1, np.int32),
            fused_scores=np.empty((n_rows, self.n_named)) if columns.fused_scores else None,
            ids=None,
            rows=np.empty(n_rows, np.int64),
            kept={},
            elsewhere={},
        )
        ids: list[pa.Array] = []
        kept: dict[str, list[pa.Array]] = {name: [] for name in self.kept}
        n = 0
        with contextlib.closing(batches):  # also after an error: decoding may go on in a thread
            for batch, rows, truth in batches:
                part = slice(n, n + len(rows))
                n += len(rows)
                raw.truth[part], raw.rows[part] = truth, rows
                ids.append(batch[columns.id] if columns.id is not None else pa.array(rows))
                for name, arrays in kept.items():
                    arrays.append(batch[name])
                for m, agent in enumerate(columns.agents):
                    self._read_agent(raw, part, m, agent, batch, rows)
                for agent in columns.others:  # their labels are classes all the same
                    if agent.label is not None:
                        self._codes(batch, agent.label, rows)
                if columns.fused_label is not None:
                    raw.fused[part] = self._codes(batch, columns.fused_label, rows)
                if raw.fused_scores is not None:
                    self._read_scores(batch, columns.fused_scores, rows, raw.fused_scores[part])
        self._require_rows(n)
        return Raw(
            raw.truth[:n],
            raw.labels[:n],
            raw.confidence[:n],
            raw.reliability[:n],
            None if raw.scores is None else raw.scores[:n],
            raw.fused[:n],
            None if raw.fused_scores is None else raw.fused_scores[:n],
            joined(ids),
            raw.rows[:n],
            {name: joined(arrays) for name, arrays in kept.items()},
            {name: joined([part[name] for part in self._elsewhere]) for name in self.watched if self._elsewhere},
        )

    # ---- rows ----

    def _open(self) -> tuple[int, Examples]:
        """Return the number of rows of the table, and its examples in batches."""
        columns = self.columns
        everyone = (*columns.agents, *columns.others)
        texts = [columns.truth, *(agent.label for agent in everyone if agent.label is not None)]
        texts += [columns.fused_label] if columns.fused_label is not None else []
        if self.source.format == "csv" and columns.id is not None:
            texts.append(columns.id)  # so that "007" stays as it is
        numbers = [column for agent in columns.agents for column in agent.columns if column != agent.label]
        numbers += columns.fused_scores.values()
        others = [
            *([columns.id] if columns.id is not None else []),
            *self.kept,
            *(condition.column for condition in self.conditions),
        ]
        others += ["split"] if self.split is not None else []
        wanted = list(dict.fromkeys([*texts, *numbers, *others]))
        batches = self.source.batches(wanted, texts, numbers)
        if self.source.n_rows is not None:
            return self.source.n_rows, self._examples(batches)
        parsed = list(batches)  # a csv is parsed as a whole anyway
        n_rows = sum(batch.num_rows for batch in parsed)
        if not n_rows:
            raise SabotageError(f"{self.source.name} has no rows")
        return n_rows, self._examples(_given_back(parsed))

    def _examples(self, batches: Iterator[pa.RecordBatch]) -> Examples:
        """Yield the examples of each batch, their row numbers in the table, and the codes of their truth."""
        for batch in batches:
            columns = [plain(batch[name], name, self.source.name) for name in batch.schema.names]
            batch = pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
            rows = np.arange(self.tally.rows, self.tally.rows + batch.num_rows)
            self.tally.rows += batch.num_rows
            keep = self._wanted(batch)
            if not keep.all():
                batch, rows = batch.filter(pa.array(keep)), rows[keep]
            kind = batch[self.columns.truth].type
            if self.categories is None and pa.types.is_dictionary(kind) and kind.ordered:
                self.categories = batch[self.columns.truth].dictionary.to_pylist()
            truth = self._codes(batch, self.columns.truth, rows)
            known = truth >= 0
            if not known.all():
                self.tally.no_truth += int(np.count_nonzero(~known))
                batch, rows, truth = batch.filter(pa.array(known)), rows[known], truth[known]
            if len(rows):
                yield batch, rows, truth

    def _wanted(self, batch: pa.RecordBatch) -> np.ndarray:
        """Say of each row whether it meets every condition and is of the split."""
        keep = np.ones(batch.num_rows, bool)
        for condition in self.conditions:
            keep &= condition.met(batch, self.source)
        self.tally.filtered += int(np.count_nonzero(~keep))
        if self.split is not None:
            values = pc.cast(batch["split"], pa.string())
            self.tally.splits.update(str(value) for value in pc.unique(values.filter(pa.array(keep))).to_pylist())
            same = _bools(pc.equal(values, self.split.removeprefix(OTHER)))
            if self.split.startswith(OTHER):
                same = ~same
            other = keep & ~same
            n_other = int(np.count_nonzero(other))
            self.tally.other_split += n_other
            if n_other and self.watched:
                self._elsewhere.append(batch.select(list(self.watched)).filter(pa.array(other)))
            keep &= same
        return keep

    def _require_rows(self, n: int) -> None:
        if n:
            return
        name, tally = self.source.name, self.tally
        split = self.split or ""
        own, is_rest = split.removeprefix(OTHER), split.startswith(OTHER)
        is_there = bool(tally.splits - {own}) if is_rest else own in tally.splits
        if tally.other_split and is_rest and not is_there:
            raise SabotageError(f"all rows of {name} are of split {own}, to be judged on")
        if tally.other_split and not is_there:
            raise SabotageError(
                f"{name} has no row of the split {self.split!r}: split holds {listed(sorted(tally.splits))}; rename"
                f" the column to analyse all rows"
            )
        if tally.filtered == tally.rows:
            raise SabotageError(f"no row of {name} meets --where {listed(self.conditions)}")
        whose = "another split" if is_rest else f"split {own}"
        which = f" of {whose} that is left" if tally.other_split else " that is left" if tally.filtered else ""
        raise SabotageError(f"{self.columns.truth}, the truth, is null in every row{which} of {name}")

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
            self.book.add(text, lambda text=text: names[text])  # type: ignore[misc]
        for agent in everyone:
            if len({self.position[text] for text in agent.scores}) < len(agent.scores):
                raise SabotageError(f"two score columns of {agent.name} name one class: {listed(agent.scores, 20)}")
        return len(classes)

    def _read_agent(
        self, raw: Raw, part: slice, m: int, agent: RecordedAgent, batch: pa.RecordBatch, rows: np.ndarray
    ) -> None:
        if agent.label is not None:
            raw.labels[part, m] = self._codes(batch, agent.label, rows)
        limit = self.confidence_limit
        if agent.confidence is not None:
            raw.confidence[part, m] = self._floats(batch, agent.confidence, rows, limit) / limit
        if agent.reliability is not None:
            raw.reliability[part, m] = self._floats(batch, agent.reliability, rows, np.inf)
        if raw.scores is None:
            return
        top = raw.confidence[part, m] if agent.confidence is None else None
        self._read_scores(batch, agent.scores, rows, raw.scores[part, m], top)
        if top is not None:
            outside = (top < 0) | (top > 1)
            if outside.any():
                at = int(outside.argmax())
                raise SabotageError(
                    f"{agent.name} has no confidence column, and its top score is no confidence in [0, 1]: found"
                    f" {top[at]:g} in {self.source.place(int(rows[at]))}; give {agent.name}_confidence, or"
                    f" scores that are probabilities"
                )

    def _read_scores(
        self, batch: pa.RecordBatch, scores: Any, rows: np.ndarray, out: np.ndarray, top: np.ndarray | None = None
    ) -> None:
        """Write class scores, column by column, into `out` (k, C), and the highest into `top` (k,)."""
        out[:] = np.nan
        for text, column in scores.items():
            values = self._floats(batch, column, rows, None)
            out[:, self.position[text]] = values
            if top is not None:
                np.fmax(top, values, out=top)

    def _codes(self, batch: pa.RecordBatch, column: str, rows: np.ndarray) -> np.ndarray:
        return self.book.encode(batch[column], column, lambda at: self.source.place(int(rows[at])))

    def _floats(self, batch: pa.RecordBatch, column: str, rows: np.ndarray, limit: float | None) -> np.ndarray:
        """Return a column as float64, NaN for null: finite, and in [0, limit] where a limit is given."""
        array = batch[column]
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        kind = array.type
        if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind)):
            known = np.flatnonzero(pc.is_valid(array).to_numpy(zero_copy_only=False))
            if len(known):
                place = self.source.place(int(rows[known[0]]))
                found = array[int(known[0])].as_py()
                raise SabotageError(f"{column} must be a number: found {found!r}, of type {kind}, in {place}")
        values: np.ndarray = pc.cast(array, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        infinite = np.isinf(values)
        if infinite.any():
            at = int(infinite.argmax())
            place = self.source.place(int(rows[at]))
            raise SabotageError(f"{column} must be finite: found {values[at]} in {place}; leave it null where unknown")
        if limit is not None:
            outside = (values < 0) | (values > limit)
            if outside.any():
                at = int(outside.argmax())
                raise SabotageError(self._outside(column, float(values[at]), int(rows[at]), limit))
        return values

    def _outside(self, column: str, value: float, row: int, limit: float) -> str:
        place = self.source.place(row)
        if limit == np.inf:
            return f"{column} must not be negative: found {value} in {place}; leave it null where it is unknown"
        hint = "; for 1 to 100 give --confidence-scale percent" if limit == 1.0 and 1.0 < value <= 100.0 else ""
        return f"{column} must lie in [0, {limit:g}]: found {value} in {place}{hint}"


def joined(arrays: list[pa.Array]) -> pa.Array:
    """Make one array of the batches'; of texts where their types differ."""
    arrays = [array.dictionary_decode() if pa.types.is_dictionary(array.type) else array for array in arrays]
    kinds = {array.type for array in arrays if not pa.types.is_null(array.type)}
    if kinds:
        kind = next(iter(kinds)) if len(kinds) == 1 else pa.large_string()
        arrays = [array.cast(kind) for array in arrays]
    return pa.chunked_array(arrays).combine_chunks() if len(arrays) != 1 else arrays[0]


def _bools(array: pa.Array) -> np.ndarray:
    return np.asarray(pc.fill_null(array, False).to_numpy(zero_copy_only=False), dtype=bool)


def _given_back(batches: list[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield batches without keeping them, so that their memory is free as soon as they are used."""
    batches.reverse()
    while batches:
        yield batches.pop()
