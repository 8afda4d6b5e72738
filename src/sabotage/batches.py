"""Batches of examples of any kind: how many there are, some of them in their own kind, and what each one holds."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from sabotage.errors import SabotageError, listed

KINDS = "a list, an array, a DataFrame, a pyarrow Table or a mapping of these"


def count(batch: Any) -> int:
    """Return the number of examples.

    Raises
    ------
    SabotageError
        If the batch is of no kind that has any, or the parts of a mapping have different numbers.
    """
    if isinstance(batch, Mapping) and batch:
        counts = {str(name): count(part) for name, part in batch.items()}
        if len(set(counts.values())) > 1:
            parts = listed(f"{name} ({n})" for name, n in counts.items())
            raise SabotageError(f"the parts of a batch must have one entry an example each: found {parts}")
        return next(iter(counts.values()))
    if getattr(batch, "shape", None):
        return int(batch.shape[0])  # len would not do: a sparse matrix has none
    if isinstance(batch, str | bytes | Mapping) or not (hasattr(batch, "__len__") and hasattr(batch, "__getitem__")):
        raise SabotageError(f"a batch of examples must be {KINDS}: found a {type(batch).__name__}")
    return len(batch)


def take(batch: Any, rows: Sequence[int]) -> Any:
    """Return some examples, by their position, in a batch of the same kind; a list for any other sequence."""
    if isinstance(batch, Mapping):
        return {name: take(part, rows) for name, part in batch.items()}
    if hasattr(batch, "iloc"):
        return batch.iloc[list(rows)]
    if isinstance(batch, pa.Table | pa.RecordBatch | pa.Array | pa.ChunkedArray):
        return batch.take(pa.array(list(rows), pa.int64()))
    if getattr(batch, "shape", None):
        return batch[list(rows)]
    return [batch[row] for row in rows]


def contents(batch: Any) -> Iterator[object]:
    """Yield what each example holds, alike for alike examples whatever stands around them in memory."""
    if isinstance(batch, Mapping):
        yield from _rows(batch, list(batch.values()))
    elif hasattr(batch, "iloc") and hasattr(batch, "columns"):
        columns = [batch.iloc[:, at] for at in range(len(batch.columns))]
        yield from _rows(batch.columns, columns) if columns else ({} for _ in range(len(batch)))
    elif hasattr(batch, "to_pylist") and hasattr(batch, "column_names"):
        yield from _rows(batch.column_names, batch.columns)
    elif hasattr(batch, "to_pylist"):
        yield from map(_plain, batch.to_pylist())
    elif hasattr(batch, "iter_rows"):
        yield from map(_plain, batch.iter_rows(named=True))
    elif hasattr(batch, "iloc"):
        yield from map(_plain, batch.tolist())
    else:
        for row in range(count(batch)):
            yield _plain(batch[row])


def _rows(names: Iterable[object], columns: Sequence[Any]) -> Iterator[object]:
    """Yield each example of several columns as a dict."""
    texts = _distinct(names)
    for values in zip(*(contents(column) for column in columns), strict=True):
        yield dict(zip(texts, values, strict=True))


def _distinct(names: Iterable[object]) -> list[str]:
    """Write names as texts, with their places where two are alike: neither column may hide the other."""
    texts = [str(name) for name in names]
    return texts if len(set(texts)) == len(texts) else [f"{at} {text}" for at, text in enumerate(texts)]


def _plain(value: Any) -> Any:
    """Drop what two equal values may differ in: strides, scalars of NumPy, kinds of sequences."""
    if isinstance(value, np.generic):
        return value.item()
    if hasattr(value, "toarray"):
        value = value.toarray()
    if hasattr(value, "__array__") and getattr(value, "shape", None):
        return np.ascontiguousarray(value)
    if isinstance(value, Mapping):
        return dict(zip(_distinct(value), map(_plain, value.values()), strict=True))
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value
