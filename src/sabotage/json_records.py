"""JSON records one by one: what the fast parser does not take, and what is wrong with it."""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from sabotage.errors import SabotageError
from sabotage.tables import NOT_UTF8

DEEPEST = 64  # objects and lists in one another: pyarrow's parser ends the process at some ten thousand
DRIFT = 200  # brackets that texts leave open, over many lines
TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)
SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")

Place = Callable[[int], str]  # words the place of a record, by the number of its line from 1 on


def require_shallow(block: bytes, place: Place, name: str, line: int) -> None:
    """Raise SabotageError where records are nested deeper than is read."""
    signs = np.zeros(256, np.int8)
    signs[[ord("{"), ord("[")]], signs[[ord("}"), ord("]")]], signs[ord("\n")] = 1, -1, 2
    codes = np.frombuffer(block, np.uint8)
    at = np.flatnonzero(signs[codes])
    found = signs[codes[at]]
    ends = np.flatnonzero(found == 2)
    opened = np.r_[0, np.cumsum(found == 1)]
    counts = np.diff(opened[np.r_[0, ends, len(at)]])
    starts = np.r_[0, at[ends] + 1, len(block)]
    for number in np.flatnonzero(counts > DEEPEST):
        if _depth(block[starts[number] : starts[number + 1]]) > DEEPEST:
            raise SabotageError(f"{place(line + int(number) + 1)} is nested more than {DEEPEST} deep: no more is read")
    depth = np.cumsum(np.where(found == 2, 0, found))
    if len(at) and np.ptp(depth) > DRIFT and _depth(block) > DEEPEST:
        raise SabotageError(f"records of {name} are nested more than {DEEPEST} deep: no more is read")


def _depth(text: bytes) -> int:
    """Return how many objects and lists stand in one another at most; brackets within texts are none."""
    depth = deepest = 0
    for token in TOKENS.finditer(text):
        first = token[0][:1]
        depth += (first in b"{[") - (first in b"}]")
        deepest = max(deepest, depth)
    return deepest


def parsed_slowly(block: bytes, place: Place, name: str, line: int) -> pa.Table:
    """Parse records that differ in the types of a column, or find the line that is none."""
    records = []
    for number, text in enumerate(block.split(b"\n"), line + 1):
        if not text.strip():
            continue
        try:
            record = json.loads(text, object_pairs_hook=once)
            if SURROGATE.search(text):
                json.dumps(record, ensure_ascii=False).encode()
        except UnicodeDecodeError:
            raise SabotageError(NOT_UTF8.format(name=name)) from None
        except UnicodeEncodeError as error:
            found = error.object[error.start]
            raise SabotageError(f"{place(number)} holds {found!r}, half a character, which is no text") from None
        except TwiceError as error:
            raise SabotageError(f"{place(number)} {error}") from None
        except (ValueError, RecursionError) as error:
            reason = str(error).partition(": line ")[0]
            raise SabotageError(
                f"{place(number)} is not JSON: {reason}; one object a line is read, or one list of objects"
            ) from None
        if not isinstance(record, dict):
            raise SabotageError(
                f"{place(number)} is a JSON {type(record).__name__}: one object a line is read, or one list of objects"
            )
        records.append(_flattened(record, name))
    names = dict.fromkeys(key for record in records for key in record)
    columns = {key: _column([record.get(key) for record in records]) for key in names}
    return pa.table(columns) if columns else pa.table({"": pa.nulls(len(records))}).select([])


class TwiceError(ValueError):
    """An object that has a key twice."""


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of its keys and values; raises TwiceError where a key stands twice."""
    made = dict(pairs)
    if len(made) < len(pairs):
        key = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise TwiceError(f"has the key {key!r} twice: one of the two values would be lost")
    return made


def _flattened(record: Mapping[str, Any], name: str, prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in record.items():
        own = _flattened(value, name, f"{prefix}{key}_") if isinstance(value, dict) else {f"{prefix}{key}": value}
        both = sorted(flat.keys() & own.keys())
        if both:
            raise two_names(name, both[0])
        flat |= own
    return flat


def _column(values: list[Any]) -> pa.Array:
    """Make a column; of texts where its values have no common type, of lists where one is a list."""
    kinds = {type(value) for value in values if value is not None}
    try:
        if bool in kinds and len(kinds) > 1:  # pyarrow would make false a 0.0
            raise TypeError
        array = pa.array(values)
        return array.cast(pa.string()) if pa.types.is_temporal(array.type) else array
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        texts = [v if v is None or isinstance(v, str) else json.dumps(v) for v in values]
        if any(isinstance(value, list) for value in values):  # no label, no number: refused where it is used
            return pa.array([None if text is None else [text] for text in texts], pa.list_(pa.string()))
        return pa.array(texts, pa.string())


def two_names(name: str, column: str) -> SabotageError:
    """Return the error for a column that comes of a key and of nested keys."""
    return SabotageError(f"{name} has {column} both as a key and as nested keys of that name: rename one")
