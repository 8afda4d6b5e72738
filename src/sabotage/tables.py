"""A table that has not been read yet, and what the readers of all formats share."""

import json
import math
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from sabotage.errors import SabotageError, listed

# Rows at a time: half as many took longer, twice as many were not faster.
BATCH_ROWS = 16_384
# Keys of the metadata that a table may bring: the order of its classes, and what a panel wrote of itself.
CLASSES, PANEL = b"sabotage_classes", b"sabotage_panel"
NOT_UTF8 = "{name} is not UTF-8: save it with that encoding"

Batches = Callable[[Sequence[str], Sequence[str], Sequence[str]], Iterator[pa.RecordBatch]]


@dataclass(frozen=True)
class Source:
    """A table that has not been read yet.

    `batches(columns, texts, numbers)` yields record batches of those columns in file order. `texts` are those with few
    different values, which may come as dictionaries, and in a format without types (csv) come as texts, as `numbers`
    come as float64.
    """

    name: str
    path: str | None
    format: str
    schema: pa.Schema
    n_rows: int | None  # None: not known before it is read
    batches: Batches
    paths: tuple[str, ...] = ()  # the files that it is read from
    # Of a table in parts: the first row and the name of each, known once its rows were read.
    starts: list[tuple[int, str]] = field(default_factory=list)

    @property
    def class_order(self) -> list[object] | None:
        """The order of the classes, where the table's metadata say it and it is a list of labels."""
        found = self._said(CLASSES)
        return found if isinstance(found, list) and all(_is_label(label) for label in found) else None

    @property
    def description(self) -> Any:
        """What a panel wrote of itself into the metadata, None where no panel did; anybody may have written it."""
        return self._said(PANEL)

    @property
    def has_broken_order(self) -> bool:
        """Whether the metadata give an order of the classes that cannot be read."""
        return CLASSES in (self.schema.metadata or {}) and self.class_order is None

    def _said(self, key: bytes) -> Any:
        """Return what stands under a key of the metadata: None for nothing, an empty text for what is no JSON."""
        text = (self.schema.metadata or {}).get(key)
        try:
            return None if text is None else json.loads(text)
        except (ValueError, RecursionError):
            return ""

    @property
    def columns(self) -> list[str]:
        """Column names in file order."""
        return list(self.schema.names)

    def place(self, row: int) -> str:
        """Word the place of a row, counted from 0, in a message."""
        start, part = self._part(row)
        return f"row {row - start} of {part}"

    def places(self, rows: Sequence[int]) -> str:
        """Word the places of several rows."""
        parts = {self._part(row) for row in rows}
        if len(parts) > 1:
            return listed([self.place(row) for row in rows], 4)
        start, part = parts.pop()
        return f"rows {listed([row - start for row in rows], 4)} of {part}"

    def part(self, row: int) -> str:
        """Name the part of the table in which a row stands."""
        return self._part(row)[1]

    def _part(self, row: int) -> tuple[int, str]:
        at = bisect_right(self.starts, row, key=lambda start: start[0]) - 1
        return self.starts[at] if at >= 0 else (0, self.name)


def unreadable(name: str, format: str, error: BaseException) -> SabotageError:
    """Return the error for a file that a reader stumbled over."""
    reason = re.sub(r"\s+", " ", str(error)).strip().rstrip(".")
    if "invalid UTF8" in reason:
        return SabotageError(NOT_UTF8.format(name=name))
    return SabotageError(f"{name} cannot be read as {format}; it may be torn or of another format: {reason[:240]}")


def guarded(batches: Iterator[pa.RecordBatch], name: str, format: str) -> Iterator[pa.RecordBatch]:
    """Turn what pyarrow says of damage behind the header into our own error."""
    try:
        yield from batches
    except (pa.ArrowException, OSError) as error:
        raise unreadable(name, format, error) from None


def sliced(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Cut a batch into some of the size that is read at a time."""
    for start in range(0, batch.num_rows, BATCH_ROWS):
        yield batch.slice(start, BATCH_ROWS)


def is_gzip(path: str) -> bool:
    """Whether a file is compressed with gzip, by its first bytes."""
    with open(path, "rb") as file:
        return file.read(2) == b"\x1f\x8b"


def open_bytes(path: str) -> pa.NativeFile:
    """Open a file that may be compressed."""
    return pa.input_stream(path, compression="gzip" if is_gzip(path) else None)


def plain(array: pa.Array, column: str, table: str) -> pa.Array:
    """Return a column in one of the types that every compute function knows; raises SabotageError for other types."""
    kind = array.type
    if isinstance(kind, pa.DictionaryType):
        if _is_view(kind.value_type):
            values = plain(array.dictionary, column, table)
            array = pa.DictionaryArray.from_arrays(array.indices, values, ordered=kind.ordered)
            kind = array.type
        if pa.types.is_string(kind.value_type) or pa.types.is_large_string(kind.value_type):
            return array
        if not pa.types.is_nested(kind.value_type) and not kind.ordered:
            return plain(array.dictionary_decode(), column, table)
        return array
    if _is_view(kind):  # a cast would want pyarrow > 17
        return pa.array(array.to_pylist(), pa.large_string() if _is_text_view(kind) else pa.large_binary())
    if pa.types.is_decimal(kind) and kind.bit_width < 128:
        return array.cast(pa.decimal128(kind.precision, kind.scale))
    if pa.types.is_float16(kind):
        return array.cast(pa.float32())
    if (
        pa.types.is_nested(kind)
        or pa.types.is_run_end_encoded(kind)
        or isinstance(kind, pa.BaseExtensionType)
        or pa.types.is_interval(kind)
    ):
        raise SabotageError(f"{column} of {table} holds {kind}, which is not read: texts, numbers or bools would do")
    return array


def _is_view(kind: pa.DataType) -> bool:
    return _is_text_view(kind) or bool(getattr(pa.types, "is_binary_view", lambda _: False)(kind))


def _is_text_view(kind: pa.DataType) -> bool:
    return bool(getattr(pa.types, "is_string_view", lambda _: False)(kind))


def _is_label(value: object) -> bool:
    return isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))
