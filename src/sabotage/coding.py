"""Values of a column as numbers in order of appearance."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sabotage.unifying import alike, without_null_values


def coded_column(arrays: list[pa.Array], column: str) -> tuple[np.ndarray, pa.Array]:
    """Number the values of a column in order of appearance: int32 (n,), -1 for null; and the values."""
    coded = [array if pa.types.is_dictionary(array.type) else array.dictionary_encode() for array in arrays]
    coded = [without_null_values(array) for array in coded]
    values = alike([array.dictionary for array in coded], column)
    kind = values[0].type if values else pa.null()
    coded = [
        pa.DictionaryArray.from_arrays(pc.cast(array.indices, pa.int32()), own)
        for array, own in zip(coded, values, strict=True)
    ]
    one = pa.chunked_array(coded, pa.dictionary(pa.int32(), kind)).unify_dictionaries()
    parts = [pc.fill_null(chunk.indices, -1).to_numpy(zero_copy_only=False) for chunk in one.chunks]
    codes = np.concatenate(parts) if parts else np.empty(0, np.int32)
    values = one.chunk(one.num_chunks - 1).dictionary if parts else pa.array([], kind)
    # A dictionary may hold what no row says any more, in an order of its own.
    known = np.flatnonzero(codes >= 0)
    number, first = numbered(codes[known])
    out = np.full(len(codes), -1, np.int32)
    out[known] = number
    return out, values.take(pa.array(codes[known][first]))


def first_rows(codes: np.ndarray) -> np.ndarray:
    """Return the row in which each code from 0 on stands first."""
    first = np.zeros(int(codes.max(initial=-1)) + 1, np.int64)
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    return first


def numbered(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number keys in order of appearance, and return the row in which each stands first."""
    if len(keys) and keys.min() >= 0 and keys.max() < 4 * len(keys):  # a table instead of a sort
        first = np.full(int(keys.max()) + 1, len(keys))
        first[keys[::-1]] = np.arange(len(keys) - 1, -1, -1)
        order = np.argsort(first, kind="stable")[: np.count_nonzero(first < len(keys))]
        number = np.empty(len(first), np.int64)
        number[order] = np.arange(len(order))
        return number[keys], first[order]
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    number = np.empty(len(first), np.int64)
    number[order] = np.arange(len(first))
    return number[inverse], first[order]
