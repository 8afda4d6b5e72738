"""The table with the truth that replies are joined to: ids, true labels, and whatever else it says of an example."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from sabotage.columns import ID_NAMES, TRUTH_NAMES, single
from sabotage.errors import SabotageError, did_you_mean, listed
from sabotage.sources import open_source
from sabotage.tables import Source, plain
from sabotage.vocabulary import Vocabulary


@dataclass(frozen=True)
class Truth:
    """A table of truth.

    Attributes
    ----------
    name : str
        What messages call it.
    ids : list of str
        In the order of the table.
    id_column : pa.Array
        The ids in the type that the table has them in.
    labels : list of int or None
        Indices of the classes.
    columns : dict of str to pa.Array
        All others.
    """

    name: str
    ids: list[str]
    id_column: pa.Array
    labels: list[int | None]
    columns: dict[str, pa.Array]


def read_truth(data: Any, vocabulary: Vocabulary, id: str | None = None, truth: str | None = None) -> Truth:
    """Read a table with an id and a true label on every row.

    Parameters
    ----------
    data : path, pandas DataFrame or pyarrow Table
    vocabulary : Vocabulary
        Its labels and synonyms are understood; misspellings are not.
    id, truth : str, optional
        Columns; recognised by name where None.

    Raises
    ------
    SabotageError
        Where a column is missing, an id is null or stands twice, or a true label is not among the labels.
    """
    source = open_source(data)
    id = _column(source, id, ID_NAMES, "id", "--id")
    truth = _column(source, truth, TRUTH_NAMES, "truth", "--truth-column")
    others = [name for name in source.columns if name not in (id, truth)]
    batches = list(source.batches(source.columns, [id, truth], ()))
    if not batches:
        raise SabotageError(f"{source.name} has no rows")
    table = pa.Table.from_batches(batches)
    id_column = _whole(table[id])
    values = id_column.to_pylist()
    ids: list[str] = []
    seen: dict[str, int] = {}
    for row, value in enumerate(values):
        text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
        if value is None or value == "" or value != value:
            raise SabotageError(f"{id} must name every example: found nothing in {source.place(row)}")
        if text in seen:
            raise SabotageError(
                f"{id} must differ from row to row: found {text!r} in rows {seen[text]} and {row} of {source.name};"
                f" collect the replies of each run on its own"
            )
        seen[text] = row
        ids.append(text)
    labels = [_label(value, row, truth, source, vocabulary) for row, value in enumerate(table[truth].to_pylist())]
    return Truth(
        source.name, ids, id_column, labels, {name: plain(_whole(table[name]), name, source.name) for name in others}
    )


def _whole(column: pa.ChunkedArray) -> pa.Array:
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):  # older pyarrow keeps no chunks, or one
        array = array.chunk(0) if array.num_chunks else pa.array([], array.type)
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def _column(source: Source, given: str | None, known: Sequence[str], what: str, option: str) -> str:
    found = single(source.columns, source.name, given, known, what, option)
    if found is None:
        raise SabotageError(
            f"{source.name} has no column of the {what}: give {option} COLUMN; its columns are {listed(source.columns)}"
        )
    return found


def _label(value: Any, row: int, column: str, source: Source, vocabulary: Vocabulary) -> int | None:
    if value is None or value == "" or value != value:
        return None
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    match = vocabulary.match(text, similar=False)
    if match is None:
        near = did_you_mean(text, vocabulary.classes)
        raise SabotageError(
            f"{column}: found {text!r}{near} in {source.place(row)}, which is none of the labels"
            f" {listed(vocabulary.classes, 12)}: add it to the labels file"
        )
    return match.label
