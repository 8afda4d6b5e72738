"""Parts of one column whose types differ, in one type; and keys as they are spelled."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from sabotage.errors import SabotageError

EXACT = 2.0**53  # up to here float64 holds every whole number


def alike(arrays: Sequence[pa.Array], column: str) -> list[pa.Array]:
    """Return the parts of a column in one type, none of them a dictionary.

    Numbers stay numbers, whole ones integers where one part has them so (nulls turn them to floats); what has no other
    type in common is text. A part without a value has any type.

    Raises
    ------
    SabotageError
        Where bytes that are no text meet another type.
    """
    arrays = [array.dictionary_decode() if pa.types.is_dictionary(array.type) else array for array in arrays]
    kinds = {array.type for array in arrays if array.null_count < len(array)}
    if len(kinds) <= 1:
        kind = next(iter(kinds or {array.type for array in arrays}), pa.null())
        return [array if array.type == kind else pa.nulls(len(array), kind) for array in arrays]
    if all(pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in kinds):
        for number in (
            (pa.int64(), pa.uint64(), pa.float64()) if any(map(pa.types.is_integer, kinds)) else (pa.float64(),)
        ):
            try:
                return [without_nan(array).cast(number) for array in arrays]
            except pa.ArrowInvalid:  # a fraction, or more than the type holds
                continue
    try:
        return [spelled(array) for array in arrays]
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        first, second = sorted(str(kind) for kind in kinds)[:2]
        raise SabotageError(
            f"{column} holds {first} in one part of the table and {second} in another: give it one type"
        ) from None


def spelled(array: pa.Array) -> pa.Array:
    """Return an array as texts, whole numbers without a point, NaN as null.

    Raises pyarrow's own error for a type that has no spelling.
    """
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if not pa.types.is_floating(array.type):
        return pc.cast(array, pa.large_string())
    array = without_nan(pc.cast(array, pa.float64()))
    whole = pc.and_(pc.equal(pc.floor(array), array), pc.less_equal(pc.abs(array), EXACT))
    digits = pc.cast(pc.cast(pc.if_else(whole, array, pa.scalar(None, pa.float64())), pa.int64()), pa.large_string())
    return pc.coalesce(digits, pc.cast(array, pa.large_string()))


def without_null_values(array: pa.DictionaryArray) -> pa.DictionaryArray:
    """Return the array with a dictionary that holds no null and no NaN: what says so is null itself."""
    values = without_nan(array.dictionary)
    if not values.null_count:
        return array
    known = pc.is_valid(values)
    positions = pc.subtract(pc.cumulative_sum(pc.cast(known, pa.int32())), pa.scalar(1, pa.int32()))
    moved = pc.if_else(known, positions, pa.scalar(None, pa.int32())).take(array.indices)
    return pa.DictionaryArray.from_arrays(moved, values.drop_null())


def without_nan(array: pa.Array) -> pa.Array:
    """Make NaN null."""
    if not pa.types.is_floating(array.type):
        return array
    return pc.if_else(pc.is_nan(array), pa.scalar(None, array.type), array)
