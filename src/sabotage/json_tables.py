"""JSON records as tables: one object a line, or one list of objects; nested objects become columns."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sabotage.errors import SabotageError
from sabotage.json_records import Place, TwiceError, once, parsed_slowly, require_shallow, two_names
from sabotage.tables import NOT_UTF8, Source, open_bytes, sliced
from sabotage.unifying import EXACT

BLOCK = 1 << 24  # bytes at a time: a file of any size passes through memory in such pieces
A_NUMBER = r"^[-+]?((\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[iI][nN][fF]([iI][nN][iI][tT][yY])?|[nN][aA][nN])$"


def open_json(path: str, name: str) -> Source:
    """Open a file of JSON records.

    It is parsed twice: the names and types of columns stand nowhere but in the records. `{"audio": {"label": "sad",
    "p": {"sad": 0.9}}}` has the columns audio_label and audio_p_sad. A record without a column has null there.

    Raises
    ------
    SabotageError
        For a line that is no JSON object, has a key twice or is nested too deep, with its number.
    """
    nested: dict[str, pa.DataType] = {}  # as the fast parser takes them
    flat: dict[str, pa.DataType] = {}
    slow: set[int] = set()  # blocks that it does not take
    is_mixed = False
    n_rows = line = 0
    place = _place(path, name)
    for number, block in enumerate(_blocks(path, name)):
        table = _parsed(block, place, name, line, None)
        if table is None:
            slow.add(number)
            table = parsed_slowly(block, place, name, line)
        else:
            for field in table.schema:
                known = nested.get(field.name, pa.null())
                is_mixed |= _clash(known, field.type)
                nested[field.name] = _common(known, field.type)
        table = _flat(table, name)
        for field, column in zip(table.schema, table.columns, strict=True):
            flat[field.name] = _common(flat.get(field.name, pa.null()), field.type)
            if pa.types.is_floating(field.type) and (pc.max(pc.abs(column)).as_py() or 0) >= EXACT:
                slow.add(number)  # whole numbers beyond float64's, as they are spelled
        n_rows += table.num_rows
        line += block.count(b"\n")
    records = pa.schema(list(nested.items()))
    if not is_mixed:
        _flat(records.empty_table(), name)  # a key here, and nested keys of its name there

    def batches(columns: Sequence[str], texts: Sequence[str], numbers: Sequence[str]) -> Iterator[pa.RecordBatch]:
        row = line = 0
        needed = pa.schema([field for field in records if set(columns) & set(_names(field))])
        for number, block in enumerate(_blocks(path, name)):
            is_slow = is_mixed or number in slow
            table = None if is_slow else _parsed(block, place, name, line, needed)
            table = parsed_slowly(block, place, name, line) if table is None else _flat(table, name)
            known = set(table.schema.names)
            arrays = {column: table[column] if column in known else None for column in columns}
            for column in numbers:
                found = arrays[column]
                if found is not None and pa.types.is_string(found.type):
                    arrays[column] = _numbers(found, column, name, row)
            filled = {column: pa.nulls(table.num_rows) if a is None else a for column, a in arrays.items()}
            for batch in pa.table(filled).to_batches():
                yield from sliced(batch)
            row += table.num_rows
            line += block.count(b"\n")

    return Source(name, path, "jsonl", pa.schema(list(flat.items())), n_rows, batches, (path,))


def _place(path: str, name: str) -> Place:
    """Return what words places: lines, or the rows of a list of records."""
    with open_bytes(path) as file:
        is_list = file.read(BLOCK).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"["
    return lambda number: f"row {number - 1} of {name}" if is_list else f"line {number} of {name}"


def _blocks(path: str, name: str) -> Iterator[bytes]:
    """Yield the lines of a file, some megabytes at a time; those of a list of records are made."""
    with open_bytes(path) as file:
        rest = file.read(BLOCK).removeprefix(b"\xef\xbb\xbf")
        if rest.lstrip()[:1] == b"[":
            yield from _as_lines(rest + file.read(), name)
            return
        while more := file.read(BLOCK):
            lines, newline, rest = (rest + more).rpartition(b"\n")
            if newline:
                yield lines + newline
        if rest.strip():
            yield rest


def _as_lines(text: bytes, name: str) -> Iterator[bytes]:
    """Write a JSON list of objects one a line."""
    try:
        records = json.loads(text, object_pairs_hook=once)
    except UnicodeDecodeError:
        raise SabotageError(NOT_UTF8.format(name=name)) from None
    except TwiceError as error:
        raise SabotageError(f"a record of {name} {error}") from None
    except (ValueError, RecursionError) as error:
        raise SabotageError(f"{name} is no JSON list of records, nor one object a line: {error}") from None
    lines: list[bytes] = []
    size = 0
    for record in records:
        lines.append(json.dumps(record).encode() + b"\n")
        size += len(lines[-1])
        if size >= BLOCK:
            yield b"".join(lines)
            lines, size = [], 0
    yield b"".join(lines)


def _parsed(block: bytes, place: Place, name: str, line: int, schema: pa.Schema | None) -> pa.Table | None:
    """Parse the records of a block, which starts behind `line` lines of the file; None where pyarrow cannot."""
    import pyarrow.json as arrow_json

    if schema is None:  # the first time that it is parsed
        require_shallow(block, place, name, line)
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
        return None


def _clash(first: pa.DataType, second: pa.DataType) -> bool:
    """Whether a column is an object here and something else there."""
    if _is_struct(first) and _is_struct(second):
        known = {field.name: field.type for field in first}
        return any(_clash(known.get(field.name, pa.null()), field.type) for field in second)
    return _is_struct(first) != _is_struct(second) and not (pa.types.is_null(first) or pa.types.is_null(second))


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
    for kind in (first, second):
        if pa.types.is_nested(kind):
            return kind
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
    twice = [column for column, count in Counter(table.schema.names).items() if count > 1]
    if twice:
        raise two_names(name, min(twice))
    return table


def _numbers(texts: pa.ChunkedArray, column: str, name: str, start: int) -> pa.ChunkedArray:
    """Read numbers that stand as texts here and there; raises SabotageError for other texts."""
    texts = pc.utf8_trim_whitespace(texts)
    odd = pc.fill_null(pc.invert(pc.match_substring_regex(texts, A_NUMBER)), False)
    rows = np.flatnonzero(odd.to_numpy(zero_copy_only=False) if isinstance(odd, pa.Array) else odd.to_numpy())
    if len(rows):
        found = texts[int(rows[0])].as_py()
        raise SabotageError(f"{column} must be a number: found {found!r} in row {start + int(rows[0])} of {name}")
    return pc.cast(pc.utf8_ltrim(texts, "+"), pa.float64())
