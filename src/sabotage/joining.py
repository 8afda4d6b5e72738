"""The truth, and whatever else is known of examples, from a second table, joined to the first by id."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sabotage.columns import ID_NAMES, TRUTH_NAMES, single
from sabotage.conditions import joined
from sabotage.errors import SabotageError, listed
from sabotage.notes import Notes
from sabotage.tables import BATCH_ROWS, Source, plain


def with_truth(
    source: Source, table: Source, notes: Notes, *, id: str | None = None, truth: str | None = None
) -> tuple[Source, str]:
    """Return the source with the columns of a second table, and the name of the truth among them.

    Parameters
    ----------
    source : Source
        The predictions; each row has an id.
    table : Source
        One row an id, with the truth and perhaps groups and splits. It is read whole.
    id, truth : str, optional
        Columns; found by name where None. `id` is that of both tables, or each has one of the usual names.

    Raises
    ------
    SabotageError
        Where either has no ids, the second has no truth or one id twice, or, while it is read, no id of the first
        stands in the second.
    """
    own = single(source.columns, source.name, id, ID_NAMES, "id", "--id")
    other = single(table.columns, table.name, id if id in table.columns else None, ID_NAMES, "id", "--id")
    answer = single(table.columns, table.name, truth, TRUTH_NAMES, "truth", "--truth")
    for name, found, what in ((source.name, own, "ids"), (table.name, other, "ids"), (table.name, answer, "the truth")):
        if found is None:
            raise SabotageError(f"{name} has no column of {what}, and the truth of another table is found by id")
    assert own is not None
    assert other is not None
    assert answer is not None
    if answer == other:
        raise SabotageError(f"{answer} of {table.name} is the id: it cannot be the truth too")
    columns = _read(table, other)
    ids = _texts(columns.pop(other), table)
    counts = pc.value_counts(ids)
    twice = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    if len(twice):
        places = np.flatnonzero(pc.equal(ids, twice[0]).to_numpy(zero_copy_only=False))
        raise SabotageError(
            f"{twice[0].as_py()!r} stands in rows {listed(places, 4)} of {table.name}: an id has one truth"
        )
    both = [name for name in columns if name in source.columns and name != answer]
    if both:
        notes.warn(
            f"{listed(both)} of {table.name} {'is' if len(both) == 1 else 'are'} not used: {source.name} has its own"
        )
    added = {name: column for name, column in columns.items() if name not in (*both, answer)}
    free = [answer, *(name for name in TRUTH_NAMES if name not in table.columns)]
    unused = [name for name in free if name not in source.columns]
    if not unused:
        raise SabotageError(
            f"{source.name} has the columns {listed(free)} itself, and {table.name} the truth: rename the truth there"
        )
    added[unused[0]] = columns[answer]

    def batches(wanted: Sequence[str], texts: Sequence[str], numbers: Sequence[str]) -> Iterator[pa.RecordBatch]:
        mine = [column for column in wanted if column not in added]
        asked = list(dict.fromkeys([*mine, own]))
        own_texts = [column for column in texts if column in mine]
        if source.format == "csv" and own not in own_texts:
            own_texts.append(own)
        n_found = n_rows = 0
        first: Any = None
        for some in _together(source.batches(asked, own_texts, [c for c in numbers if c in mine]), len(ids) // 4):
            keys = [_texts(plain(batch[own], own, source.name), source) for batch in some]
            at = pc.index_in(pa.chunked_array(keys, pa.large_string()), value_set=ids)
            n_found += len(at) - at.null_count
            n_rows += len(at)
            first = keys[0][0].as_py() if first is None and len(at) else first
            rows, start = at.combine_chunks() if isinstance(at, pa.ChunkedArray) else at, 0
            for batch in some:
                part = rows.slice(start, batch.num_rows)
                start += batch.num_rows
                yield pa.RecordBatch.from_arrays(
                    [added[c].take(part) if c in added else batch[c] for c in wanted], names=list(wanted)
                )
        if n_rows and not n_found:
            raise SabotageError(
                f"no {own} of {source.name} stands in {table.name}: found {first!r} in one, and in the other"
                f" {ids[0].as_py()!r}"
            )

    schema = source.schema
    for column, values in added.items():
        schema = schema.append(pa.field(column, values.type))
    return replace(source, schema=schema, batches=batches, paths=(*source.paths, *table.paths)), unused[0]


def _read(table: Source, id: str) -> dict[str, pa.Array]:
    """Read a table whole; ids, and in a csv everything, as they are spelled."""
    texts = table.columns if table.format == "csv" else [id]
    parts = list(table.batches(table.columns, texts, []))
    return {name: joined([plain(part[name], name, table.name) for part in parts]) for name in table.columns}


def _texts(ids: pa.Array, table: Source) -> pa.Array:
    """Return ids as texts, so that 7 in one table and "7" in the other are one."""
    if pa.types.is_dictionary(ids.type):
        ids = ids.dictionary_decode()
    if pa.types.is_floating(ids.type):  # integers that nulls turned to floats
        whole = pc.cast(ids, pa.int64(), safe=False)
        ids = whole if pc.all(pc.equal(pc.cast(whole, ids.type), ids)).as_py() else ids
    try:
        return pc.cast(ids, pa.large_string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise SabotageError(
            f"ids of {table.name} are {ids.type}, which is not read: texts or integers would do"
        ) from None


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
