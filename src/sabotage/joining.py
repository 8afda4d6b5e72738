"""The truth, and whatever else is known of examples, from a second table, joined to the first by id."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sabotage.columns import ID_NAMES, TRUTH_NAMES, single
from sabotage.conditions import joined
from sabotage.errors import SabotageError, are, count_of, listed
from sabotage.notes import Notes
from sabotage.tables import BATCH_ROWS, Source, plain
from sabotage.unifying import spelled


def with_truth(
    source: Source, table: Source, notes: Notes, *, id: str | None = None, truth: str | None = None
) -> tuple[Source, str, str]:
    """Return the source with the columns of a second table, and the names of id and truth in it.

    Parameters
    ----------
    source : Source
        The predictions; each row has an id.
    table : Source
        One row an id, with the truth and perhaps groups and splits. What is used of it is kept in memory.
    id, truth : str, optional
        Columns; found by name where None. `id` may be that of both tables, or of one where the other has one of the
        usual names.

    Raises
    ------
    SabotageError
        Where either has no ids, the second has no truth or one id twice, or, while it is read, no id of the first
        stands in the second.
    """
    given = [id if id in one.columns else None for one in (source, table)]
    if given == [None, None] and id is not None:
        given[0] = id  # in neither: an error that says what is there
    own, other = (
        single(one.columns, one.name, name, ID_NAMES, "id", "--id")
        for one, name in zip((source, table), given, strict=True)
    )
    answer = single(table.columns, table.name, truth, TRUTH_NAMES, "truth", "--truth")
    for one, found in ((source, own), (table, other)):
        if found is None:
            names = [*([] if id is None else [id]), *(name for name in ID_NAMES if name != id)]
            raise SabotageError(
                f"{one.name} has no column of ids, by which truth is found in another table: name it {listed(names)}"
                f" or give --id COLUMN; its columns are {listed(one.columns)}"
            )
    if answer is None:
        raise SabotageError(
            f"{table.name} has no column with the truth: name one {listed(TRUTH_NAMES)}, or give --truth COLUMN; its"
            f" columns are {listed(table.columns)}"
        )
    assert own is not None
    assert other is not None
    if answer == other:
        raise SabotageError(f"{answer} of {table.name} is the id: it cannot be the truth too")
    key, own_key = other, own
    known = _read(table, [key, answer], key, [answer] if table.format == "csv" else [], [])
    ids = _keys(known[key], table)
    _require_one_row_each(ids, table)
    if ids.null_count == len(ids):
        raise SabotageError(f"{key} of {table.name} is null in every row, and the truth is found by it")
    if ids.null_count:
        notes.warn(
            f"{count_of(ids.null_count, 'row')} of {table.name} {are(ids.null_count, 'has', 'have')} no {key}, and"
            f" {are(ids.null_count)} not used"
        )
    mine = set(source.columns)
    both = [name for name in table.columns if name in mine and name not in (key, answer)]
    if both:
        notes.warn(
            f"{listed(both)} of {table.name} {'is' if len(both) == 1 else 'are'} not used: {source.name} has its own"
        )
    added = {name: name for name in table.columns if name not in (*both, key, answer)}
    free = [answer, *(name for name in TRUTH_NAMES if name not in table.columns)]
    unused = [name for name in free if name not in mine]
    if not unused:
        raise SabotageError(
            f"{source.name} has the columns {listed(free)} itself, and {table.name} the truth: rename the truth there"
        )
    added[unused[0]] = answer

    def batches(wanted: Sequence[str], texts: Sequence[str], numbers: Sequence[str]) -> Iterator[pa.RecordBatch]:
        there = [added[column] for column in wanted if column in added]
        columns = _read(table, there, key, *([added[c] for c in some if c in added] for some in (texts, numbers)))
        own = [column for column in wanted if column not in added]
        own_texts = [column for column in texts if column not in added]
        if source.format == "csv" and own_key not in own_texts:
            own_texts.append(own_key)
        asked = list(dict.fromkeys([*own, own_key]))
        n_found = n_rows = 0
        first: Any = None
        for some in _together(source.batches(asked, own_texts, [c for c in numbers if c not in added]), len(ids) // 4):
            keys = [_keys(plain(batch[own_key], own_key, source.part(n_rows)), source) for batch in some]
            at = pc.index_in(pa.chunked_array(keys, pa.large_string()), value_set=ids, skip_nulls=True)
            n_found += len(at) - at.null_count
            n_rows += len(at)
            first = keys[0][0].as_py() if first is None and len(at) else first
            rows, start = at.combine_chunks() if isinstance(at, pa.ChunkedArray) else at, 0
            for batch in some:
                part = rows.slice(start, batch.num_rows)
                start += batch.num_rows
                yield pa.RecordBatch.from_arrays(
                    [columns[added[c]].take(part) if c in added else batch[c] for c in wanted], names=list(wanted)
                )
        if n_rows and not n_found:
            raise SabotageError(
                f"no {own_key} of {source.name} stands in {table.name}: found {first!r} in one, and in the other"
                f" {ids.drop_null()[0].as_py()!r}"
            )

    schema = source.schema
    for column, name in added.items():
        schema = schema.append(pa.field(column, table.schema.field(name).type))
    return replace(source, schema=schema, batches=batches, paths=(*source.paths, *table.paths)), own_key, unused[0]


def _read(
    table: Source, columns: Sequence[str], id: str, texts: Sequence[str], numbers: Sequence[str]
) -> dict[str, pa.Array]:
    """Read columns whole; ids of a csv as they are spelled, `texts` and `numbers` as for `Source.batches`."""
    texts = list(dict.fromkeys([*texts, id])) if table.format == "csv" else list(texts)
    asked = list(dict.fromkeys([*columns, id]))  # never nothing: of some formats no column is no row
    parts: dict[str, list[pa.Array]] = {name: [] for name in columns}
    row = 0
    for batch in table.batches(asked, texts, numbers):
        for name in columns:
            parts[name].append(plain(batch[name], name, table.part(row)))
        row += batch.num_rows
    return {name: _whole(arrays, name) for name, arrays in parts.items()}


def _whole(arrays: list[pa.Array], column: str) -> pa.Array:
    """Make one array of a column's; categories that have an order keep it where all batches agree on it."""
    dictionaries = [array.dictionary if pa.types.is_dictionary(array.type) else None for array in arrays]
    first = dictionaries[0] if dictionaries else None
    if first is not None and all(one is not None and one.equals(first) for one in dictionaries):
        return pa.chunked_array(arrays).combine_chunks() if len(arrays) != 1 else arrays[0]
    return joined(arrays, column) if arrays else pa.nulls(0)


def _require_one_row_each(ids: pa.Array, table: Source) -> None:
    """Raise SabotageError where an id stands twice."""
    counts = pc.value_counts(ids.drop_null())
    twice = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    if len(twice):
        rows = np.flatnonzero(pc.fill_null(pc.equal(ids, twice[0]), False).to_numpy(zero_copy_only=False))
        raise SabotageError(f"{twice[0].as_py()!r} stands in {table.places(rows.tolist())}: an id has one truth")


def _keys(ids: pa.Array, table: Source) -> pa.Array:
    """Return ids as texts, so that 7 in one table and "7" in the other are one; NaN and an empty text are null."""
    try:
        texts = spelled(ids)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise SabotageError(
            f"ids of {table.name} are {ids.type}, which is not read: texts or integers would do"
        ) from None
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.large_string()), texts)


def _together(batches: Iterator[pa.RecordBatch], n: int) -> Iterator[list[pa.RecordBatch]]:
    """Yield some n rows of batches at a time: what looks ids up begins by hashing all there are."""
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        waiting.append(batch)
        rows += batch.num_rows
        if rows >= max(n, BATCH_ROWS):
            yield waiting
            waiting, rows = [], 0
    if waiting:
        yield waiting
