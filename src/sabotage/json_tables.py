"""JSON records as tables: one object a line, or one list of objects; nested objects become columns."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sabotage.errors import SabotageError
from sabotage.tables import NOT_UTF8, Source, open_bytes, sliced

BLOCK = 1 << 24  # bytes at a time: a file of any size passes through memory in such pieces


def open_json(path: str, name: str) -> Source:
    """Open a file of JSON records.

    It is parsed twice: the names and types of columns stand nowhere but in the records. `{"audio": {"label": "sad",
    "p": {"sad": 0.9}}}` has the columns audio_label and audio_p_sad. A record without a column has null there.

    Raises
    ------
    SabotageError
        For a line that is no JSON object, with its number.
    """
    kinds: dict[str, pa.DataType] = {}
    n_rows = line = 0
    for block in _blocks(path, name):
        table = _parsed(block, name, line, None)
        for field in table.schema:
            kinds[field.name] = _common(kinds.get(field.name, pa.null()), field.type)
        n_rows += table.num_rows
        line += block.count(b"\n")
    records = pa.schema(list(kinds.items()))
    schema = _flat(records.empty_table(), name).schema

    def batches(columns: Sequence[str], texts: Sequence[str], numbers: Sequence[str]) -> Iterator[pa.RecordBatch]:
        row = line = 0
        needed = [field for field in records if set(columns) & set(_names(field))]
        for block in _blocks(path, name):
            table = _flat(_parsed(block, name, line, pa.schema(needed)), name)
            arrays = {column: table[column] if column in table.schema.names else None for column in columns}
            for column in numbers:
                found = arrays[column]
                if found is not None and pa.types.is_string(found.type):
                    arrays[column] = _numbers(found, column, name, row)
            filled = {column: pa.nulls(table.num_rows) if a is None else a for column, a in arrays.items()}
            for batch in pa.table(filled).to_batches():
                yield from sliced(batch)
            row += table.num_rows
            line += block.count(b"\n")

    return Source(name, path, "jsonl", schema, n_rows, batches, (path,))


def _blocks(path: str, name: str) -> Iterator[bytes]:
    """Yield the lines of a file, some megabytes at a time; a list of records as one block of such lines."""
    with open_bytes(path) as file:
        rest = file.read(BLOCK).removeprefix(b"\xef\xbb\xbf")
        if rest.lstrip()[:1] == b"[":
            yield _as_lines(rest + file.read(), name)
            return
        while more := file.read(BLOCK):
            lines, newline, rest = (rest + more).rpartition(b"\n")
            if newline:
                yield lines + newline
        if rest.strip():
            yield rest


def _as_lines(text: bytes, name: str) -> bytes:
    """Write a JSON list of objects one a line."""
    try:
        records = json.loads(text)
    except UnicodeDecodeError:
        raise SabotageError(NOT_UTF8.format(name=name)) from None
    except (ValueError, RecursionError) as error:
        raise SabotageError(f"{name} is no JSON list of records, nor one object a line: {error}") from None
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def _parsed(block: bytes, name: str, line: int, schema: pa.Schema | None) -> pa.Table:
    """Parse the records of a block, which starts behind `line` lines of the file."""
    import pyarrow.json as arrow_json

    read = arrow_json.ReadOptions(block_size=len(block) + 1)
    # Only what is needed, in the types of the whole file: a rationale is not kept, and no text becomes a date.
    rest = "infer" if schema is None else "ignore"
    options = arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior=rest)
    try:
        table = arrow_json.read_json(pa.py_buffer(block), read, options)
        if schema is None:
            table.validate(full=True)  # pyarrow takes any bytes for UTF-8
        return table
    except (pa.ArrowException, UnicodeDecodeError):
        return _parsed_slowly(block, name, line)


def _parsed_slowly(block: bytes, name: str, line: int) -> pa.Table:
    """Parse records that differ in the types of a column, or find the line that is none."""
    records = []
    for number, text in enumerate(block.split(b"\n"), line + 1):
        if not text.strip():
            continue
        try:
            record = json.loads(text)
        except UnicodeDecodeError:
            raise SabotageError(NOT_UTF8.format(name=name)) from None
        except (ValueError, RecursionError) as error:
            reason = str(error).partition(": line ")[0]
            raise SabotageError(
                f"line {number} of {name} is not JSON: {reason}; one object a line is read, or one list of objects"
            ) from None
        if not isinstance(record, dict):
            raise SabotageError(
                f"line {number} of {name} is a JSON {type(record).__name__}: one object a line is read, or one list of"
                f" objects"
            )
        records.append(_flattened(record))
    names = dict.fromkeys(key for record in records for key in record)
    columns = {key: _column([record.get(key) for record in records]) for key in names}
    return pa.table(columns) if columns else pa.table({"": pa.nulls(len(records))}).select([])


def _flattened(record: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in record.items():
        if isinstance(value, dict):
            flat |= _flattened(value, f"{prefix}{key}_")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _column(values: list[Any]) -> pa.Array:
    """Make a column; of texts where its values have no common type."""
    try:
        array = pa.array(values)
        return array.cast(pa.string()) if pa.types.is_temporal(array.type) else array
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return pa.array([v if v is None or isinstance(v, str) else json.dumps(v) for v in values], pa.string())


def _common(first: pa.DataType, second: pa.DataType) -> pa.DataType:
    """Return the type of a column that has one type here and another there; text, where there is no other."""
    if pa.types.is_struct(first) and pa.types.is_struct(second):
        fields = {field.name: field.type for field in first}
        for field in second:
            fields[field.name] = _common(fields.get(field.name, pa.null()), field.type)
        return pa.struct(list(fields.items()))
    if pa.types.is_temporal(second):
        second = pa.string()  # a text that looks like a date
    if first == second or pa.types.is_null(second):
        return first
    if pa.types.is_null(first):
        return pa.struct([(f.name, _common(pa.null(), f.type)) for f in second]) if _is_struct(second) else second
    numeric = [pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in (first, second)]
    return pa.float64() if all(numeric) else pa.string()


def _is_struct(kind: pa.DataType) -> bool:
    return bool(pa.types.is_struct(kind))


def _names(field: pa.Field) -> list[str]:
    """Return the columns that a field of the records becomes."""
    if not _is_struct(field.type):
        return [field.name]
    return [f"{field.name}_{name}" for part in field.type for name in _names(part)]


def _flat(table: pa.Table, name: str) -> pa.Table:
    """Make columns of nested objects; raises SabotageError where two get the same name."""
    while any(_is_struct(field.type) for field in table.schema):
        names = [
            f"{field.name}_{part.name}" if part is not None else field.name
            for field in table.schema
            for part in (field.type if _is_struct(field.type) else [None])
        ]
        table = table.flatten().rename_columns(names)
    twice = {column for column in table.schema.names if table.schema.names.count(column) > 1}
    if twice:
        column = min(twice)
        raise SabotageError(f"{name} has {column} both as a key and as nested keys of that name: rename one")
    return table


def _numbers(texts: pa.ChunkedArray, column: str, name: str, start: int) -> pa.ChunkedArray:
    """Read numbers that stand as texts here and there; raises SabotageError for other texts."""
    try:
        return pc.cast(texts, pa.float64())
    except pa.ArrowInvalid:
        for row, text in enumerate(texts.to_pylist(), start):
            try:
                float("0" if text is None else text)
            except ValueError:
                raise SabotageError(f"{column} must be a number: found {text!r} in row {row} of {name}") from None
        raise
