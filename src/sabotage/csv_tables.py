"""Csv files as tables: read whole, with every failure traced to its row."""

import csv
import gzip
from collections.abc import Iterator, Sequence
from typing import IO, Any

import numpy as np
import pyarrow as pa

from sabotage.errors import SabotageError
from sabotage.tables import BATCH_ROWS, Source, is_gzip, open_bytes, unreadable

A_NUMBER = r"^\s*([-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?|[-+]?(inf|infinity|nan)|#?n/?a|null|none)?\s*$"


def open_csv(path: str, name: str) -> Source:
    """Open a csv, with commas, semicolons or tabs, compressed or not."""
    import pyarrow.csv as arrow_csv

    with _open_text(path) as file:
        header = next((line for line in file if line.strip("\n")), "")  # pyarrow passes over empty lines too
        delimiter = max((",", ";", "\t"), key=header.count)
        file.seek(0)
        names = next((row for row in csv.reader(file, delimiter=delimiter) if row), [])
    parse = {"delimiter": delimiter, "newlines_in_values": True}

    def convert(columns: Sequence[str], texts: Sequence[str], numbers: Sequence[str]) -> arrow_csv.ConvertOptions:
        types = {column: pa.string() for column in texts} | {column: pa.float64() for column in numbers}
        return arrow_csv.ConvertOptions(include_columns=list(columns), column_types=types, strings_can_be_null=False)

    def batches(columns: Sequence[str], texts: Sequence[str], numbers: Sequence[str]) -> Iterator[pa.RecordBatch]:
        options = convert(columns, texts, numbers)
        try:
            table = arrow_csv.read_csv(
                open_bytes(path), parse_options=arrow_csv.ParseOptions(**parse), convert_options=options
            )
        except (pa.ArrowException, OSError, EOFError, KeyError) as error:
            if "Empty CSV file" in str(error):  # a header without even the end of its line
                return iter(())
            raise _csv_error(path, name, parse, convert(columns, columns, ()), numbers, error) from None
        return iter(table.to_batches(max_chunksize=BATCH_ROWS))

    return Source(name, path, "csv", pa.schema([(column, pa.null()) for column in names]), None, batches, (path,))


def _open_text(path: str) -> IO[str]:
    opener: Any = gzip.open if is_gzip(path) else open
    text: IO[str] = opener(path, "rt", encoding="utf-8-sig")  # universal newlines: old Macs' too
    return text


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
        table = arrow_csv.read_csv(open_bytes(path), single, options, as_texts)
    except (pa.ArrowException, OSError, EOFError, KeyError) as again:
        if not broken:
            return unreadable(name, "csv", again)
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
    return unreadable(name, "csv", error)
