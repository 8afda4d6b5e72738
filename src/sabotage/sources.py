"""Tables of any format as one thing: a list of columns that is read in batches, through pyarrow."""

import csv
import gzip
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from sabotage.errors import SabotageError, listed, unknown

# Rows at a time: what a batch of scores takes fits the second-level cache, and more rows were not faster.
BATCH_ROWS = 8192
FORMATS = ("arrow", "csv", "parquet")
SUFFIXES = {".parquet": "parquet", ".pq": "parquet", ".feather": "arrow", ".arrow": "arrow", ".ipc": "arrow"}
MAGIC = {b"PAR1": "parquet", b"ARRO": "arrow", b"FEA1": "arrow"}


@dataclass(frozen=True)
class Source:
    """A table that has not been read yet.

    `batches(columns, texts, numbers)` yields record batches of those columns in file order; `texts` and `numbers` say
    which of them a format without types (csv) should read as texts and as float64.
    """

    name: str
    path: str | None
    format: str
    schema: pa.Schema
    n_rows: int | None  # None: not known before it is read
    batches: Callable[[Sequence[str], Sequence[str], Sequence[str]], Iterator[pa.RecordBatch]]
    header_lines: int = 0  # what to add to a row's number to get the line of a text file

    @property
    def columns(self) -> list[str]:
        """Column names in file order."""
        return list(self.schema.names)

    def place(self, row: int) -> str:
        """Word the place of a row, counted from 0, in a message."""
        line = f" (line {row + 1 + self.header_lines})" if self.header_lines else ""
        return f"row {row}{line} of {self.name}"


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
    except (pa.ArrowException, OSError, EOFError) as error:
        raise _unreadable(name, format, error) from None


def _format_of(path: str, head: bytes) -> str | None:
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    last = suffixes[-1] if suffixes else ""
    return "csv" if last in (".csv", ".tsv") else SUFFIXES.get(last) or MAGIC.get(head)


def _unreadable(name: str, format: str, error: BaseException) -> SabotageError:
    reason = re.sub(r"\s+", " ", str(error)).strip().rstrip(".")
    return SabotageError(f"{name} cannot be read as {format}; it may be torn or of another format: {reason[:240]}")


def _guarded(batches: Iterator[pa.RecordBatch], name: str, format: str) -> Iterator[pa.RecordBatch]:
    """Turn what pyarrow says of damage behind the header into our own error."""
    try:
        yield from batches
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(name, format, error) from None


def _parquet(path: str, name: str) -> Source:
    import pyarrow.parquet as pq

    # Buffered, not prefetched: whole column chunks in memory would double what reading takes.
    file = pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 16)

    def batches(columns: Sequence[str], texts: Sequence[str], numbers: Sequence[str]) -> Iterator[pa.RecordBatch]:
        return _guarded(file.iter_batches(batch_size=BATCH_ROWS, columns=list(columns)), name, "parquet")

    return Source(name, path, "parquet", file.schema_arrow, file.metadata.num_rows, batches)


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


def _memory(table: pa.Table, name: str, path: str | None = None) -> Source:
    def batches(columns: Sequence[str], texts: Sequence[str], numbers: Sequence[str]) -> Iterator[pa.RecordBatch]:
        return iter(table.select(list(columns)).to_batches(max_chunksize=BATCH_ROWS))

    return Source(name, path, "arrow" if path else "memory", table.schema, table.num_rows, batches)


def _frame(frame: Any) -> Source:
    names = [str(column) for column in frame.columns]
    schema = pa.schema([(column, pa.null()) for column in names])  # types are asked of the batches

    def read(columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        part = frame.iloc[:, [names.index(column) for column in columns]]
        for start in range(0, len(frame), BATCH_ROWS):
            piece = part.iloc[start : start + BATCH_ROWS]
            arrays = []
            for position, column in enumerate(columns):
                try:
                    arrays.append(pa.Array.from_pandas(piece.iloc[:, position]))
                except (pa.ArrowException, TypeError) as error:
                    raise SabotageError(
                        f"column {column} of the DataFrame mixes types, in rows {start} to {start + len(piece) - 1}:"
                        f" {re.sub(chr(10), ' ', str(error))[:160]}"
                    ) from None
            yield pa.RecordBatch.from_arrays(arrays, names=list(columns))

    def batches(columns: Sequence[str], texts: Sequence[str], numbers: Sequence[str]) -> Iterator[pa.RecordBatch]:
        return read(columns)

    return Source("the DataFrame", None, "memory", schema, len(frame), batches)


def _sliced(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    for start in range(0, batch.num_rows, BATCH_ROWS):
        yield batch.slice(start, BATCH_ROWS)


# ---- csv ----


def _csv(path: str, name: str) -> Source:
    import pyarrow.csv as arrow_csv

    with _open_text(path) as file:
        header = file.readline().decode("utf-8-sig", errors="replace")
    delimiter = max((",", ";", "\t"), key=header.count)
    names = next(csv.reader([header], delimiter=delimiter), [])
    parse = {"delimiter": delimiter, "newlines_in_values": True}

    def convert(columns: Sequence[str], texts: Sequence[str], numbers: Sequence[str]) -> arrow_csv.ConvertOptions:
        types = {column: pa.string() for column in texts} | {column: pa.float64() for column in numbers}
        return arrow_csv.ConvertOptions(include_columns=list(columns), column_types=types, strings_can_be_null=True)

    def batches(columns: Sequence[str], texts: Sequence[str], numbers: Sequence[str]) -> Iterator[pa.RecordBatch]:
        options = convert(columns, texts, numbers)
        try:
            table = arrow_csv.read_csv(path, parse_options=arrow_csv.ParseOptions(**parse), convert_options=options)
        except (pa.ArrowException, OSError, EOFError) as error:
            raise _csv_error(path, name, parse, convert(columns, columns, ()), numbers, error) from None
        return iter(table.to_batches(max_chunksize=BATCH_ROWS))

    return Source(name, path, "csv", pa.schema([(column, pa.null()) for column in names]), None, batches, 1)


def _open_text(path: str) -> BinaryIO:
    with open(path, "rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    return gzip.open(path) if zipped else open(path, "rb")  # type: ignore[return-value]


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
        table = arrow_csv.read_csv(path, single, options, as_texts)
    except (pa.ArrowException, OSError, EOFError) as again:
        if not broken:
            return _unreadable(name, "csv", again)
        row = broken[0]
        line = f"line {row.number} of " if row.number is not None else ""
        return SabotageError(
            f"{line}{name} is broken: it has {row.actual_columns} fields where the header has {row.expected_columns}"
            f" ({row.text[:60]!r})"
        )
    for column in numbers:
        for row, text in enumerate(table[column].to_pylist()):
            try:
                pc.cast(pa.scalar(text), pa.float64())
            except pa.ArrowInvalid:
                return SabotageError(
                    f"{column} must be a number: found {text!r} in row {row} (line {row + 2}) of {name}"
                )
    return _unreadable(name, "csv", error)
