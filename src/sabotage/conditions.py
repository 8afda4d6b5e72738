"""Which rows of a table are looked at: conditions, the split, and the count of what falls out."""

import contextlib
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sabotage.errors import SabotageError, did_you_mean, listed
from sabotage.labels import number
from sabotage.tables import Source, plain
from sabotage.unifying import alike

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
            return bools(COMPARE[self.operator](array, pa.scalar(self.value).cast(array.type)))
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


class Rows:
    """Chooses rows batch by batch, and keeps the watched columns of those of other splits."""

    def __init__(
        self, source: Source, conditions: Sequence[Condition], split: str | None, watched: Sequence[str] = ()
    ) -> None:
        self.source, self.conditions, self.split = source, conditions, split
        self.watched = watched if split is not None else ()
        self.tally = Tally()
        self._elsewhere: list[pa.RecordBatch] = []

    def read(
        self, columns: Sequence[str], texts: Sequence[str], numbers: Sequence[str]
    ) -> tuple[int, Generator[tuple[pa.RecordBatch, np.ndarray], None, None]]:
        """Return the number of rows of the table, and the wanted ones in batches with their row numbers.

        texts, numbers : as for `Source.batches`.
        """
        own = [*(condition.column for condition in self.conditions), *(["split"] if self.split is not None else [])]
        batches = self.source.batches(list(dict.fromkeys([*columns, *own])), texts, numbers)
        if self.source.n_rows is not None:
            return self.source.n_rows, self._chosen(batches)
        parsed = list(batches)  # a csv is parsed as a whole anyway
        n_rows = sum(batch.num_rows for batch in parsed)
        if not n_rows:
            raise SabotageError(f"{self.source.name} has no rows")
        return n_rows, self._chosen(_given_back(parsed))

    def _chosen(self, batches: Iterator[pa.RecordBatch]) -> Generator[tuple[pa.RecordBatch, np.ndarray], None, None]:
        for batch in batches:
            part = self.source.part(self.tally.rows)
            columns = [plain(batch[name], name, part) for name in batch.schema.names]
            batch = pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
            rows = np.arange(self.tally.rows, self.tally.rows + batch.num_rows)
            self.tally.rows += batch.num_rows
            keep = self._wanted(batch)
            if not keep.all():
                batch, rows = batch.filter(pa.array(keep)), rows[keep]
            yield batch, rows

    @property
    def elsewhere(self) -> dict[str, pa.Array]:
        """The watched columns of the rows of other splits; empty where there are none."""
        return {
            name: joined([part[name] for part in self._elsewhere], name) for name in self.watched if self._elsewhere
        }

    def _wanted(self, batch: pa.RecordBatch) -> np.ndarray:
        """Say of each row whether it meets every condition and is of the split."""
        keep = np.ones(batch.num_rows, bool)
        for condition in self.conditions:
            keep &= condition.met(batch, self.source)
        self.tally.filtered += int(np.count_nonzero(~keep))
        if self.split is not None:
            values = pc.cast(batch["split"], pa.string())
            self.tally.splits.update(str(value) for value in pc.unique(values.filter(pa.array(keep))).to_pylist())
            same = bools(pc.equal(values, self.split.removeprefix(OTHER)))
            if self.split.startswith(OTHER):
                same = ~same
            other = keep & ~same
            n_other = int(np.count_nonzero(other))
            self.tally.other_split += n_other
            if n_other and self.watched:
                self._elsewhere.append(batch.select(list(self.watched)).filter(pa.array(other)))
            keep &= same
        return keep

    def require(self, n: int, truth: str) -> None:
        """Raise SabotageError where no example is left."""
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
        raise SabotageError(f"{truth}, the truth, is null in every row{which} of {name}")


def joined(arrays: list[pa.Array], column: str) -> pa.Array:
    """Make one array of the batches' of a column, in one type."""
    arrays = alike(arrays, column)
    return pa.chunked_array(arrays).combine_chunks() if len(arrays) != 1 else arrays[0]


def bools(array: pa.Array) -> np.ndarray:
    """Return a column of bools as an array, False for null."""
    return np.asarray(pc.fill_null(array, False).to_numpy(zero_copy_only=False), dtype=bool)


def _given_back(batches: list[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield batches without keeping them, so that their memory is free as soon as they are used."""
    batches.reverse()
    while batches:
        yield batches.pop()
