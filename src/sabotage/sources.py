"""Tables of any format as one thing: a list of columns that is read in batches, through pyarrow."""

import contextlib
import csv
import gzip
import json
import os
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Full, Queue
from threading import Event, Thread
from typing import IO, Any

import numpy as np
import pyarrow as pa

from sabotage.errors import SabotageError, listed, unknown

# Rows at a time: half as many took longer, twice as many were not faster.
BATCH_ROWS = 16_384
CLASSES = b"sabotage_classes"  # key of the metadata
FORMATS = ("arrow", "csv", "parquet")
SUFFIXES = {".parquet": "parquet", ".pq": "parquet", ".feather": "arrow", ".arrow": "arrow", ".ipc": "arrow"}
NOT_UTF8 = "{name} is not UTF-8: save it with that encoding"
A_NUMBER = r"^\s*([-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?|[-+]?(inf|infinity|nan)|#?n/?a|null|none)?\s*$"
MAGIC = {b"PAR1": "parquet", b"ARRO": "arrow", b"FEA1": "arrow"}


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
    batches: Callable[[Sequence[str], Sequence[str], Sequence[str]], Iterator[pa.RecordBatch]]

    @property
    def class_order(self) -> list[object] | None:
        """The order of the classes that a panel wrote into its table's metadata."""
        metadata = self.schema.metadata or {}
        return json.loads(metadata[CLASSES]) if CLASSES in metadata else None

    @property
    def columns(self) -> list[str]:
        """Column names in file order."""
        return list(self.schema.names)

    def place(self, row: int) -> str:
        """Word the place of a row, counted from 0, in a message."""
        return f"row {row} of {self.name}"


def open_source(data: Any, format: str | None = None) -> Source:
    """Open a path, a pandas DataFrame or a pyarrow Table.

    Raises
    ------
    SabotageError
        Where there is no such file, it is not of a format that is read, is torn, or has no rows.
    """
    if isinstance(data, str | os.PathLike):
        source = _open_path(os.fspath(data), format)
    elif isinstance(data, pa.Table):
        source = _memory(data, "the table")
    elif hasattr(data, "iloc") and hasattr(data, "columns"):
        source = _frame(data)
    else:
        raise SabotageError(
            f"found a {type(data).__name__}: give a path, a pandas DataFrame or a pyarrow Table with one row an example"
        )
    if source.n_rows == 0:
        raise SabotageError(f"{source.name} has no rows")
    return source


def _open_path(path: str, format: str | None) -> Source:
    name = os.path.basename(path) or path
    try:
        path.encode()
    except UnicodeEncodeError:
        raise SabotageError(f"the name {name!r} is not UTF-8: rename the file") from None
    if format is not None and format not in FORMATS:
        raise unknown("input format", format, FORMATS)
    if os.path.isdir(path):
        raise SabotageError(f"{name} is a folder: give one {listed(FORMATS)} file")
    try:
        with open(path, "rb") as file:
            head = file.read(4)
    except OSError as error:
        raise SabotageError(f"{path} cannot be read: {error.strerror or error}") from None
    if not head:
        raise SabotageError(f"{name} is empty")
    if format is None:
        format = _format_of(path, head)
    if format is None:
        raise SabotageError(
            f"{name} has no ending that says its format: name it .parquet, .feather, .arrow, .csv or .csv.gz, or give"
            f" --input-format {'|'.join(FORMATS)}"
        )
    opener = {"parquet": _parquet, "arrow": _arrow, "csv": _csv}[format]
    try:
        return opener(path, name)
    except (pa.ArrowException, OSError, EOFError, zlib.error, csv.Error) as error:
        raise _unreadable(name, format, error) from None
    except UnicodeDecodeError:
        raise SabotageError(NOT_UTF8.format(name=name)) from None


def _format_of(path: str, head: bytes) -> str | None:
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    last = suffixes[-1] if suffixes else ""
    return "csv" if last in (".csv", ".tsv") else SUFFIXES.get(last) or MAGIC.get(head)


def _unreadable(name: str, format: str, error: BaseException) -> SabotageError:
    reason = re.sub(r"\s+", " ", str(error)).strip().rstrip(".")
    if "invalid UTF8" in reason:
        return SabotageError(NOT_UTF8.format(name=name))
    return SabotageError(f"{name} cannot be read as {format}; it may be torn or of another format: {reason[:240]}")


def _guarded(batches: Iterator[pa.RecordBatch], name: str, format: str) -> Iterator[pa.RecordBatch]:
    """Turn what pyarrow says of damage behind the header into our own error."""
    try:
        yield from batches
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(name, format, error) from None


def _parquet(path: str, name: str) -> Source:
    import pyarrow.parquet as pq

    def opened(labels: Sequence[str]) -> pq.ParquetFile:
        # Buffered, not prefetched: whole column chunks in memory would double what reading takes. Labels come as the
        # dictionaries that the file holds them in: made anew, they took a sixth of the time of reading.
        return pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 16, read_dictionary=list(labels))

    file = opened([])
    schema = file.schema_arrow

    def batches(columns: Sequence[str], texts: Sequence[str], numbers: Sequence[str]) -> Iterator[pa.RecordBatch]:
        kinds = {column: schema.field(column).type for column in texts}
        labels = [c for c, kind in kinds.items() if pa.types.is_string(kind) or pa.types.is_large_string(kind)]
        part = opened(labels).iter_batches(batch_size=BATCH_ROWS, columns=list(columns))
        return _guarded(_ahead(part), name, "parquet")

    return Source(name, path, "parquet", schema, file.metadata.num_rows, batches)


def _ahead(batches: Iterator[pa.RecordBatch], depth: int = 4) -> Iterator[pa.RecordBatch]:
    """Decode the next batches in a thread of its own while the last one is used."""
    waiting: Queue[pa.RecordBatch | BaseException | None] = Queue(depth)
    gone = Event()

    def put(item: pa.RecordBatch | BaseException | None) -> None:
        while not gone.is_set():
            with contextlib.suppress(Full):
                waiting.put(item, timeout=0.1)
                return

    def decode() -> None:
        try:
            for batch in batches:
                put(batch)
                if gone.is_set():
                    return
            put(None)
        except BaseException as error:
            put(error)

    thread = Thread(target=decode, daemon=True)
    thread.start()
    try:
        while (item := waiting.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        gone.set()
        thread.join()


def _arrow(path: str, name: str) -> Source:
    with open(path, "rb") as file:
        head = file.read(4)
    if head == b"FEA1":
        import pyarrow.feather

        return _memory(pyarrow.feather.read_table(path), name, path)
    if head != b"ARRO":  # the stream format has no footer and no magic
        with pa.OSFile(path) as stream:
            return _memory(pa.ipc.open_stream(stream).read_all(), name, path)
    reader = pa.ipc.open_file(pa.memory_map(path))
    n_rows = sum(reader.get_batch(i).num_rows for i in range(reader.num_record_batches))

    def read(columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        fields = [reader.schema.get_field_index(column) for column in columns]
        options = pa.ipc.IpcReadOptions(included_fields=fields)
        part = pa.ipc.open_file(pa.memory_map(path), options=options)
        for i in range(part.num_record_batches):
            yield from _sliced(part.get_batch(i).select(list(columns)))

    def batches(columns: Sequence[str], texts: Sequence[str], numbers: Sequence[str]) -> Iterator[pa.RecordBatch]:
        return _guarded(read(columns), name, "arrow")

    return Source(name, path, "arrow", reader.schema, n_rows, batches)


def plain(array: pa.Array, column: str, table: str) -> pa.Array:
    """Return a column in one of the types that every compute function knows; raises SabotageError for other types."""
    kind = array.type
    if isinstance(kind, pa.DictionaryType):
        if pa.types.is_string(kind.value_type) or pa.types.is_large_string(kind.value_type):
            return array
        if not pa.types.is_nested(kind.value_type) and not kind.ordered:
            return plain(array.dictionary_decode(), column, table)
        return array
    if getattr(pa.types, "is_string_view", lambda _: False)(kind):
        return pa.array(array.to_pylist(), pa.large_string())  # a cast would want pyarrow > 17
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


def _memory(table: pa.Table, name: str, path: str | None = None) -> Source:
    def batches(columns: Sequence[str], texts: Sequence[str], numbers: Sequence[str]) -> Iterator[pa.RecordBatch]:
        return iter(table.select(list(columns)).to_batches(max_chunksize=BATCH_ROWS))

    return Source(name, path, "arrow" if path else "memory", table.schema, table.num_rows, batches)


def _frame(frame: Any) -> Source:
    names = [str(column) for column in frame.columns]
    schema = pa.schema([(column, pa.null()) for column in names])  # types are asked of the batches

    def batches(columns: Sequence[str], texts: Sequence[str], numbers: Sequence[str]) -> Iterator[pa.RecordBatch]:
        arrays = {column: _column(frame.iloc[:, names.index(column)], column) for column in columns}
        return iter(pa.table(arrays).to_batches(max_chunksize=BATCH_ROWS))

    return Source("the DataFrame", None, "memory", schema, len(frame), batches)


def _column(series: Any, name: str) -> Any:
    """Return a column of a DataFrame as arrow has it; raises SabotageError where its values have no common type."""
    try:
        return pa.Array.from_pandas(series)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        reason = re.sub(r"\s+", " ", str(error))[:160]
        raise SabotageError(
            f"column {name} of the DataFrame mixes types, or holds one that is not read: {reason}"
        ) from None


def _sliced(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    for start in range(0, batch.num_rows, BATCH_ROWS):
        yield batch.slice(start, BATCH_ROWS)


# ---- csv ----


def _csv(path: str, name: str) -> Source:
    import pyarrow.csv as arrow_csv

    with _open_text(path) as file:
        header = file.readline()
    delimiter = max((",", ";", "\t"), key=header.count)
    names = next(csv.reader([header], delimiter=delimiter), [])
    parse = {"delimiter": delimiter, "newlines_in_values": True}

    def convert(columns: Sequence[str], texts: Sequence[str], numbers: Sequence[str]) -> arrow_csv.ConvertOptions:
        types = {column: pa.string() for column in texts} | {column: pa.float64() for column in numbers}
        return arrow_csv.ConvertOptions(include_columns=list(columns), column_types=types, strings_can_be_null=False)

    def batches(columns: Sequence[str], texts: Sequence[str], numbers: Sequence[str]) -> Iterator[pa.RecordBatch]:
        options = convert(columns, texts, numbers)
        try:
            table = arrow_csv.read_csv(
                _open_bytes(path), parse_options=arrow_csv.ParseOptions(**parse), convert_options=options
            )
        except (pa.ArrowException, OSError, EOFError, KeyError) as error:
            raise _csv_error(path, name, parse, convert(columns, columns, ()), numbers, error) from None
        return iter(table.to_batches(max_chunksize=BATCH_ROWS))

    return Source(name, path, "csv", pa.schema([(column, pa.null()) for column in names]), None, batches)


def _is_gzip(path: str) -> bool:
    with open(path, "rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _open_text(path: str) -> IO[str]:
    opener: Any = gzip.open if _is_gzip(path) else open
    text: IO[str] = opener(path, "rt", encoding="utf-8-sig")  # universal newlines: old Macs' too
    return text


def _open_bytes(path: str) -> pa.NativeFile:
    return pa.input_stream(path, compression="gzip" if _is_gzip(path) else None)


def _csv_error(
    path: str, name: str, parse: dict[str, Any], as_texts: Any, numbers: Sequence[str], error: BaseException
) -> SabotageError:
    """Find the row that a csv reader stumbled over: read it again on one thread, as texts."""
    import pyarrow.compute as pc
    import pyarrow.csv as arrow_csv

    broken: list[Any] = []

    def remember(row: Any) -> str:
        broken.append(row)
        return "error"

    single = arrow_csv.ReadOptions(use_threads=False)
    options = arrow_csv.ParseOptions(**parse, invalid_row_handler=remember)
    try:
        table = arrow_csv.read_csv(_open_bytes(path), single, options, as_texts)
    except (pa.ArrowException, OSError, EOFError, KeyError) as again:
        if not broken:
            return _unreadable(name, "csv", again)
        row = broken[0]
        place = f"row {row.number - 2} of {name}" if row.number is not None else f"a row of {name}"
        return SabotageError(
            f"{place} is broken: it has {row.actual_columns} fields where the header has {row.expected_columns}"
            f" ({row.text[:60]!r})"
        )
    for column in numbers:
        texts = table[column].combine_chunks()
        odd = pc.invert(pc.match_substring_regex(texts, A_NUMBER, ignore_case=True))
        rows = np.flatnonzero(pc.fill_null(odd, False).to_numpy(zero_copy_only=False))
        if len(rows):
            found = texts[int(rows[0])].as_py()
            return SabotageError(f"{column} must be a number: found {found!r} in row {rows[0]} of {name}")
    return _unreadable(name, "csv", error)
