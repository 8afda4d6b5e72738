"""Parts of one column of different types: numbers stay numbers, values stay values."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sabotage import SabotageError, read_panel
from sabotage.coding import coded_column
from sabotage.unifying import alike, spelled, without_null_values

NUMBERS = (pa.int8(), pa.int64(), pa.uint64(), pa.float32(), pa.float64())


@given(st.lists(st.tuples(st.sampled_from(NUMBERS), st.lists(st.integers(0, 100) | st.none())), min_size=1))
@settings(max_examples=100, deadline=None)
def test_whole_numbers_of_any_types_are_the_same_numbers(parts):
    arrays = [pa.array(values, kind) for kind, values in parts]
    found = alike(arrays, "x")
    assert len({array.type for array in found}) == 1
    assert [array.to_pylist() for array in found] == [values for _, values in parts]


@pytest.mark.parametrize(
    ("arrays", "values"),
    [
        ([pa.array([2**64 - 1], pa.uint64()), pa.array([1])], [2**64 - 1, 1]),
        ([pa.array([2**64 - 1], pa.uint64()), pa.array([-1])], ["18446744073709551615", "-1"]),
        ([pa.array([2**53 + 1]), pa.array([0.5])], ["9007199254740993", "0.5"]),
        ([pa.array([1]), pa.array([0.5, np.nan])], [1, 0.5, None]),
        ([pa.array([1]), pa.array([1234567.0, np.nan])], [1, 1234567, None]),
        ([pa.array([1e15]), pa.array(["a"])], ["1000000000000000", "a"]),
        ([pa.array(["a"]), pa.array(["b"], pa.large_string())], ["a", "b"]),
        ([pa.nulls(1), pa.array([True])], [None, True]),
        ([pa.array([], pa.binary()), pa.array([3])], [3]),
        ([pa.nulls(1), pa.nulls(2)], [None] * 3),
    ],
)
def test_one_type(arrays, values):
    assert pa.chunked_array(alike(arrays, "x")).to_pylist() == values


def test_bytes_that_are_no_text():
    with pytest.raises(SabotageError, match="id holds binary in one part of the table and string in another"):
        alike([pa.array([b"\xff"]), pa.array(["a"])], "id")


def test_spelling():
    assert spelled(pa.array([1.0, 0.5, 2.0**53, 1e22, np.nan, None])).to_pylist() == [
        "1",
        "0.5",
        "9007199254740992",
        "1e+22",
        None,
        None,
    ]


def test_a_dictionary_with_a_null_in_it():
    array = pa.DictionaryArray.from_arrays([0, 1, 2, None, 1], pa.array(["a", None, "b"]))
    assert without_null_values(array).to_pylist() == array.to_pylist()
    codes, values = coded_column([array, array.take(pa.array([2, 1]))], "x")
    assert codes.tolist() == [0, -1, 1, -1, -1, 1, -1]
    assert values.to_pylist() == ["a", "b"]


YOUNG = [pa.binary_view(), pa.string_view()]
YOUNG += [getattr(pa, name)(4, 1) for name in ("decimal32", "decimal64") if hasattr(pa, name)]  # pyarrow 18 and 19


@pytest.mark.parametrize("kind", YOUNG)
def test_young_types_are_ids_too(kind):
    ids = pa.array([1, 2], pa.decimal128(4, 1)).cast(kind) if pa.types.is_decimal(kind) else pa.array(["a", "b"], kind)
    read = read_panel({"id": ids, "agent": ["f", "f"], "label": ["x", "y"], "y": ["x", "y"], "confidence": [0.5, 0.5]})
    assert read.ids.to_pylist() == ids.to_pylist()


def test_an_order_survives_a_dictionary_of_views():
    truth = pa.DictionaryArray.from_arrays([1, 2], pa.array(["z", "y", "x"], pa.string_view()), ordered=True)
    assert read_panel({"y": truth, "v_label": ["x", "y"], "v_confidence": [0.5, 0.5]}).classes == ("y", "x")
