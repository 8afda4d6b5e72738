"""Whatever a caller gives as a table: files of any format, folders of parts, data frames, Arrow interchange."""

import csv
import os
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from sabotage.columnar import MAGIC, open_arrow, open_parquet, whole
from sabotage.csv_tables import open_csv
from sabotage.errors import SabotageError, unknown
from sabotage.json_tables import open_json
from sabotage.parts import find_parts, in_one, is_glob, partition, partition_types, with_partition
from sabotage.readers import names, read_files
from sabotage.tables import BATCH_ROWS, NOT_UTF8, Source, unreadable

OPENERS = {"arrow": open_arrow, "csv": open_csv, "jsonl": open_json, "parquet": open_parquet}
FORMATS = tuple(OPENERS)
ENDINGS = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".feather": "arrow",
    ".arrow": "arrow",
    ".ipc": "arrow",
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
}
ZIPPED = tuple(f"{ending}.gz" for ending, format in ENDINGS.items() if format in ("csv", "jsonl"))


def open_source(data: Any, format: str | None = None) -> Source:
    """Open a path, a list of paths, a data frame or any table that speaks Arrow.

    Parameters
    ----------
    data : path, list of paths, table
        A file, a folder of parts or a pattern such as "preds/*.parquet"; a pandas DataFrame; anything with
        `__arrow_c_stream__` or `__dataframe__` (polars, pyarrow, duckdb ...); a mapping of names to columns.
    format : str, optional
        Of the files, where their names do not say it: "arrow", "csv", "jsonl", "parquet", or the name of a reader, see
        `sabotage.readers`.

    Raises
    ------
    SabotageError
        Where there is no such file, it is not of a format that is read, is torn, or has no rows.
    """
    is_path = isinstance(data, str | os.PathLike)
    if format is not None and format not in FORMATS:
        if format not in names():
            raise unknown("input format", format, {*FORMATS, *names()})
        if not is_path and not isinstance(data, list | tuple):
            raise SabotageError(f"the reader {format} reads files: found a {type(data).__name__}")
        paths = [os.fspath(one) for one in ([data] if is_path else data)]
        name = os.path.basename(paths[0]) if len(paths) == 1 else f"{len(paths)} files"
        source = replace(whole(read_files(paths, format), name, ", ".join(paths), format), paths=tuple(paths))
    elif is_path:
        source = _open_all([os.fspath(data)], format)
    elif isinstance(data, list | tuple) and data and all(isinstance(one, str | os.PathLike) for one in data):
        source = _open_all([os.fspath(one) for one in data], format)
    elif hasattr(data, "iloc") and hasattr(data, "columns"):
        source = _frame(data)
    else:
        source = whole(_arrow_table(data), "the table")
    if source.n_rows == 0:
        raise SabotageError(f"{source.name} has no rows")
    return source


def _open_all(paths: Sequence[str], format: str | None) -> Source:
    """Open one file, or all the parts that several paths, folders and patterns name."""
    if len(paths) == 1 and not os.path.isdir(paths[0]) and not is_glob(paths[0]):
        return _open_file(paths[0], format)
    endings = [*ENDINGS, *ZIPPED] if format is None else [""]
    several = [find_parts(path, endings) if os.path.isdir(path) or is_glob(path) else [path] for path in paths]
    files = [file for found in several for file in found]
    seen: set[str] = set()
    for file in files:
        real = os.path.realpath(file)
        if real in seen:
            raise SabotageError(f"{file} is given twice: its rows would count twice")
        seen.add(real)
    is_folder = len(paths) == 1 and os.path.isdir(paths[0])
    root = paths[0] if is_folder else os.path.commonpath([os.path.dirname(os.path.abspath(file)) for file in files])
    names = [os.path.relpath(file, root) for file in files]
    # Of one folder what is in it; of files that a shell or a pattern found, all that their paths say.
    said = [partition(name if is_folder else file) for name, file in zip(names, files, strict=True)]
    kinds = partition_types(said)
    parts = [
        with_partition(replace(_open_file(file, format), name=name), values, kinds)
        for file, name, values in zip(files, names, said, strict=True)
    ]
    if len(parts) == 1:
        return parts[0]
    return in_one(parts, paths[0] if len(paths) == 1 else f"{len(files)} files", ", ".join(paths))


def _open_file(path: str, format: str | None) -> Source:
    name = os.path.basename(path) or path
    try:
        path.encode()
    except UnicodeEncodeError:
        raise SabotageError(f"the name {name!r} is not UTF-8: rename the file") from None
    try:
        with open(path, "rb") as file:
            head = file.read(4)
    except OSError as error:
        raise SabotageError(f"{path} cannot be read: {error.strerror or error}") from None
    if not head:
        raise SabotageError(f"{name} is empty")
    format = format or _format_of(path, head)
    if format is None:
        raise SabotageError(
            f"{name} has no ending that says its format: name it {', '.join(ENDINGS)} or .csv.gz, or give"
            f" --input-format {'|'.join([*FORMATS, *names()])}"
        )
    try:
        return OPENERS[format](path, name)
    except (pa.ArrowException, OSError, EOFError, zlib.error, csv.Error) as error:
        raise unreadable(name, format, error) from None
    except UnicodeDecodeError:
        raise SabotageError(NOT_UTF8.format(name=name)) from None


def _format_of(path: str, head: bytes) -> str | None:
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    return ENDINGS.get(suffixes[-1] if suffixes else "") or MAGIC.get(head)


# ---- in memory ----


def _arrow_table(data: Any) -> pa.Table:
    """Return what speaks the Arrow interchange, or is a mapping of columns, as a table."""
    try:
        if isinstance(data, pa.Table):
            return data
        if isinstance(data, pa.RecordBatch):
            return pa.Table.from_batches([data])
        if hasattr(data, "__arrow_c_stream__") or isinstance(data, Mapping):
            return pa.table(data)
        if hasattr(data, "__dataframe__"):
            from pyarrow.interchange import from_dataframe

            return from_dataframe(data)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise SabotageError(f"the {type(data).__name__} cannot be read as a table: {_brief(error)}") from None
    raise SabotageError(
        f"found a {type(data).__name__}: give a path, a pandas DataFrame, or a table that speaks Arrow (polars,"
        f" pyarrow) with one row an example or one row a candidate"
    )


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
        raise SabotageError(
            f"column {name} of the DataFrame mixes types, or holds one that is not read: {_brief(error)}"
        ) from None


def _brief(error: BaseException) -> str:
    return re.sub(r"\s+", " ", str(error))[:160]
