"""A table in several files: the parts of a folder, of a glob or of a list, one after the other."""

import glob
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from urllib.parse import unquote

import pyarrow as pa

from sabotage.errors import SabotageError, listed
from sabotage.labels import NUMBER
from sabotage.tables import Source

NOTHING = "__HIVE_DEFAULT_PARTITION__"
DIGITS = 18  # of a number that every type holds
PARTITION = re.compile(r"([^=]+)=(.*)")  # a folder `split=test` says the value of a column for all that is in it


def is_glob(path: str) -> bool:
    """Whether a path that is no file is a pattern."""
    return glob.has_magic(path) and not os.path.exists(path)


def find_parts(path: str, endings: Sequence[str]) -> list[str]:
    """Return the files of a folder that end so, those in its folders too, or the files that a pattern fits, in order.

    Names that begin with a dot or an underscore are no parts: other programs leave notes of theirs so.

    Raises
    ------
    SabotageError
        Where there is none.
    """
    if is_glob(path):
        found = sorted(one for one in glob.glob(path, recursive=True) if os.path.isfile(one))
        if not found:
            raise SabotageError(f"no file is named {path}")
        return found
    found = []
    seen = {os.path.realpath(path)}
    for folder, folders, files in os.walk(path, followlinks=True):
        inner = {name: os.path.realpath(os.path.join(folder, name)) for name in folders if name[0] not in "._"}
        folders[:] = sorted(name for name, real in inner.items() if real not in seen)  # links may go in a circle
        seen.update(inner.values())
        own = [name for name in files if name[0] not in "._" and name.lower().endswith(tuple(endings))]
        found += [os.path.join(folder, name) for name in own]
    if not found:
        raise SabotageError(f"{path} is a folder without a file that ends in {listed(endings, 20)}")
    return sorted(found)


def in_one(sources: Sequence[Source], name: str, path: str | None) -> Source:
    """Make one source of several, which must have the same columns and format.

    Raises
    ------
    SabotageError
        For the first part that differs; records of JSON may lack columns.
    """
    first = sources[0]
    columns_of = [set(source.columns) for source in sources]
    names = list(dict.fromkeys(column for source in sources for column in source.columns))
    for source in sources[1:]:
        if source.format != first.format:
            raise SabotageError(
                f"{source.name} of {name} is {source.format} and {first.name} is {first.format}: parts of one table"
                f" have one format"
            )
    for source, own in zip(sources, columns_of, strict=True):
        missing = [column for column in names if column not in own]
        if missing and source.format != "jsonl":
            other = next(one for one in sources if missing[0] in one.columns)
            raise SabotageError(
                f"{source.name} has no column {missing[0]}, which {other.name} has: parts of {name} have the same"
                f" columns"
            )
    starts: list[tuple[int, str]] = []

    def batches(columns: Sequence[str], texts: Sequence[str], numbers: Sequence[str]) -> Iterator[pa.RecordBatch]:
        starts.clear()
        row = 0
        for source, own in zip(sources, columns_of, strict=True):
            starts.append((row, source.name))
            mine = [column for column in columns if column in own] or source.columns[:1]  # none would be no rows
            for batch in source.batches(mine, [c for c in texts if c in own], [c for c in numbers if c in own]):
                row += batch.num_rows
                arrays = [batch[c] if c in own else pa.nulls(batch.num_rows) for c in columns]
                yield pa.RecordBatch.from_arrays(arrays, names=list(columns))

    counts = [source.n_rows for source in sources]
    n_rows = None if None in counts else sum(count for count in counts if count is not None)
    fields = {field.name: field for source in reversed(sources) for field in source.schema}
    schema = pa.schema([fields[column] for column in names], metadata=first.schema.metadata)
    paths = tuple(path for source in sources for path in source.paths)
    return Source(name, path, first.format, schema, n_rows, batches, paths, starts)


def partition(path: str) -> dict[str, str | None]:
    """Return the columns that the folders of a path say, by name; the value that stands for none is None."""
    found = {}
    for match in map(PARTITION.fullmatch, path.split(os.sep)[:-1]):
        if match:
            name, value = (unquote(text) for text in match.groups())
            found[name] = None if value == NOTHING else value
    return found


def partition_types(said: Sequence[Mapping[str, str | None]]) -> dict[str, pa.DataType]:
    """Return the types of the columns that folders say: numbers where all of them spell numbers."""
    kinds: dict[str, pa.DataType] = {}
    for name in dict.fromkeys(name for one in said for name in one):
        texts = [value for one in said if (value := one.get(name)) is not None]
        is_number = all(NUMBER.fullmatch(text) and len(text) < DIGITS for text in texts)
        is_whole = is_number and not any("." in text for text in texts)
        kinds[name] = pa.int64() if is_whole else pa.float64() if is_number else pa.string()
    return kinds


def with_partition(source: Source, said: Mapping[str, str | None], kinds: Mapping[str, pa.DataType]) -> Source:
    """Add the columns that the folders of a part say, where the part does not hold them itself."""
    own = set(source.columns)
    extra = {name: pa.scalar(value).cast(kinds[name]) for name, value in said.items() if name not in own}
    if not extra:
        return source

    def batches(columns: Sequence[str], texts: Sequence[str], numbers: Sequence[str]) -> Iterator[pa.RecordBatch]:
        # A column of the file, to know how many rows a batch has where the folders' alone are asked for.
        mine = [column for column in columns if column not in extra] or source.columns[:1]
        for batch in source.batches(mine, [c for c in texts if c in own], [c for c in numbers if c in own]):
            arrays = [pa.repeat(extra[c], batch.num_rows) if c in extra else batch[c] for c in columns]
            yield pa.RecordBatch.from_arrays(arrays, names=list(columns))

    schema = source.schema
    for name, value in extra.items():
        schema = schema.append(pa.field(name, value.type))
    return replace(source, schema=schema, batches=batches)
