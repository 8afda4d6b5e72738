"""One class is one class, however its label is typed."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sabotage import SabotageError
from sabotage.labels import LabelBook, look_alikes


def place(row: int) -> str:
    return f"row {row}"


def resolve(*columns, order=None):
    """Return the classes and the class of every entry of every column."""
    book = LabelBook()
    codes = [book.encode(pa.array(column, from_pandas=True), f"c{i}", place) for i, column in enumerate(columns)]
    classes, lookup = book.resolve(order)
    return classes, [[None if c < 0 else classes[c] for c in lookup[own]] for own in codes]


@pytest.mark.parametrize(
    ("columns", "classes"),
    [
        ((["b", "a"], ["c", None]), ("a", "b", "c")),
        (([10, 2], [2.0, float("nan")]), (2, 10)),
        (([1, 0], ["1", "0"]), (0, 1)),
        ((["10", "9"],), (9, 10)),
        ((["1.0", "2"], [1, 2]), (1, 2)),
        (([1, 2], ["one", "1"]), ("1", "2", "one")),
        ((["01", "1"],), ("01", "1")),
        ((["1.1", "1.10", "2"],), ("1.1", "1.10", "2")),
        (([1.1, 2.0], ["1.1", "2"]), (1.1, 2)),
        (([0.5, 1.0],), (0.5, 1)),
        (([True, False],), (False, True)),
        (([True, False], ["true", "False"]), (False, True)),
        (([True, False], [1, 0]), (0, 1)),
        (([True, False], ["0", "1"]), (0, 1)),
        (([2**60, 2**60 + 1],), (2**60, 2**60 + 1)),
        ((["é", "z", "a b"],), ("a b", "z", "é")),
    ],
)
def test_classes(columns, classes):
    found, _ = resolve(*columns)
    assert found == classes
    assert [type(label) for label in found] == [type(label) for label in classes]


def test_integer_that_nulls_made_a_float_is_the_integer():
    classes, (truth, labels) = resolve([10, 2, 2], [10.0, None, 2.0])
    assert classes == (2, 10)
    assert truth == [10, 2, 2]
    assert labels == [10, None, 2]


def test_categoricals_of_different_dictionaries_meet():
    first, second = pd.Categorical(["x", "y"]), pd.Categorical(["z", None])
    assert resolve(pd.Series(first), pd.Series(second)) == (("x", "y", "z"), [["x", "y"], ["z", None]])


def test_order_is_the_callers_and_may_name_classes_that_never_occur():
    assert resolve([1, 3], order=["3", "2", "1"])[0] == (3, 2, 1)
    assert resolve(["lo", "hi"], order=["lo", "mid", "hi"])[0] == ("lo", "mid", "hi")


@pytest.mark.parametrize(
    ("column", "order", "says"),
    [
        (["joy", "jox"], ["joy", "sad"], r"c0, row 1: found the label 'jox' \(did you mean joy\?\), which --classes"),
        (["a", "b"], ["a", "b", "a"], "names a class twice"),
        (["a\nb"], None, r"c0, row 0: found a label with a newline in it, 'a\\nb'"),
        ([float("inf")], None, "c0, row 0: found an infinite label"),
        ([b"x"], None, "found b'x', a bytes"),
        ([f"text {i}" for i in range(10_001)], None, "more than 10,000 different values"),
    ],
)
def test_refused(column, order, says):
    with pytest.raises(SabotageError, match=says):
        resolve(column, order=order)


def test_empty_texts_are_null_and_counted():
    book = LabelBook()
    assert book.encode(pa.array(["a", "", "", None]), "c", place).tolist() == [0, -1, -1, -1]
    assert book.n_null == {("c", ""): 2}


def test_spellings_of_nothing_are_null_where_the_format_has_no_other():
    book = LabelBook(frozenset({"NA"}))
    assert book.encode(pa.array(["NA", "a", "NA", "null"]), "c", place).tolist() == [-1, 0, -1, 1]
    assert book.n_null == {("c", "NA"): 2}


def test_unsigned_dictionaries_and_unused_values():
    values = pa.DictionaryArray.from_arrays(pa.array([0, 2, None], pa.uint32()), pa.array(["a", "b", "c"]))
    book = LabelBook()
    assert book.encode(values, "c", place).tolist() == [0, 1, -1]
    assert book.resolve()[0] == ("a", "c")


def test_look_alikes():
    assert look_alikes(("Anger", "anger", "sad ", "sad", "07", "7", "x")) == [
        ("Anger", "anger"),
        ("sad ", "sad"),
        ("07", "7"),
    ]


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=20))
def test_the_same_numbers_in_any_type_are_the_same_classes(values):
    expected = tuple(sorted(set(values)))
    texts, floats = [str(v) for v in values], [float(v) for v in values]
    classes, columns = resolve(values, floats, texts, [f"{v}.0" for v in values])
    assert classes == expected
    assert all(column == values for column in columns)


@given(st.lists(st.one_of(st.none(), st.text("abcé 01.", max_size=3)), min_size=1, max_size=12), st.randoms())
def test_codes_do_not_depend_on_the_order_of_rows(values, random):
    shuffled = list(values)
    random.shuffle(shuffled)
    first, second = LabelBook(), LabelBook()
    first.encode(pa.array(values, pa.string()), "c", place)
    second.encode(pa.array(shuffled, pa.string()), "c", place)
    assert first.resolve()[0] == second.resolve()[0]


def test_lookup_maps_null_to_null():
    book = LabelBook()
    codes = book.encode(pa.array(["b", None, "a"]), "c", place)
    _, lookup = book.resolve()
    assert lookup[codes].tolist() == [1, -1, 0]
    assert lookup.dtype == np.int32
