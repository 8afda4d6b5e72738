"""Columns cut into slices: values, quartiles, nulls, and what is refused."""

import datetime
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from builders import make_panel
from hypothesis import given
from hypothesis import strategies as st

from sabotage import SabotageError
from sabotage.slicing import kept_for, slice_by


def panel_with(values, name="age", **options):
    array = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values)
    return replace(make_panel(len(array)), columns={name: array}, **options)


def cut(values, name="age", **options):
    return slice_by(panel_with(values, name, **options), name)


def test_quartiles_are_those_of_pandas():
    values = np.random.default_rng(0).normal(size=4 * 50 + 1)  # where both definitions take values that occur
    found = cut(values)
    codes, bins = pd.qcut(values, 4, labels=False, retbins=True)
    assert found.kind == "quartiles"
    np.testing.assert_array_equal(found.code, codes)
    np.testing.assert_array_equal(found.cuts, bins[1:4])
    assert found.names[0].startswith("<= ")
    assert found.names[-1].startswith("> ")


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.5, 7.25, -3.125, None, np.inf]), min_size=1, max_size=60))
def test_quartiles_are_intervals(values):
    if not any(value is not None and np.isfinite(value) and value % 1 for value in values):
        return  # whole numbers, few of them
    found = cut(pa.array(values, pa.float64()))
    numbers = np.array([np.nan if value is None else value for value in values])
    known = ~np.isnan(numbers)
    assert len(found.names) == len(set(found.names)) == len(np.unique(found.code))
    order = np.argsort(numbers[known], kind="stable")
    assert (np.diff(found.code[known][order]) >= 0).all()
    for value in np.unique(numbers[known]):  # equal values are in one slice
        assert len(np.unique(found.code[numbers == value])) == 1
    for own, low, high in zip(range(9), (-np.inf, *found.cuts), (*found.cuts, np.inf), strict=False):
        inside = numbers[known][found.code[known] == own]
        assert ((inside > low) | (low == -np.inf)).all()
        assert (inside <= high).all()
    assert (found.names[-1] == "no age") == bool((~known).any())
    twice = cut(pa.array([*values, *values], pa.float64()))  # the cuts know shares, not counts
    assert (twice.cuts, twice.names) == (found.cuts, found.names)


def test_whole_numbers_are_names_while_they_are_few():
    found = cut([3, 10, 3, None, 2])
    assert (found.kind, found.names) == ("values", ("2", "3", "10", "no age"))
    assert found.code.tolist() == [1, 2, 1, 3, 0]
    assert cut([3.0, 10.0, None]).names == ("3", "10", "no age")
    assert cut(list(range(21))).kind == "quartiles"
    assert cut(list(range(20))).kind == "values"
    assert cut([0, 0, 0, 0, *range(1, 30)]).names[0] == "<= 5"
    assert cut([0] * 40 + list(range(1, 31))).names == ("<= 0", "0 to 13", "> 13")


def test_other_values():
    assert cut([True, False, True]).names == ("False", "True")
    assert cut([datetime.date(2020, 2, 1), datetime.date(2019, 3, 1)]).names == ("2019-03-01", "2020-02-01")
    assert cut(pa.array(["b", "a", None]).dictionary_encode()).names == ("a", "b", "no age")
    assert cut(["no age", None, "x"]).names == ("no age", "x", "(no age)")
    assert cut(pa.chunked_array([["b"], ["a"]])).code.tolist() == [1, 0]
    assert cut([0.5, np.nan, 0.5]).names == ("all values", "no age")


def test_cuts_that_look_alike_get_more_digits():
    names = cut(1 + 1e-7 * np.arange(401)).names
    assert len(set(names)) == 4
    assert names[0] == "<= 1.00001"


def test_the_most_frequent_values_are_kept():
    values = [f"v{k:02d}" for k in range(60) for _ in range(1 + (k >= 10))]
    found = cut(values)
    assert len(found.names) == 50
    assert found.names == tuple(f"v{k:02d}" for k in range(10, 60))
    assert found.n_left_out == 10
    assert np.count_nonzero(found.code == 50) == 10


def test_class_and_group_are_the_truth_and_the_group():
    panel = replace(make_panel(40), columns={"film": pa.array([f"f{k % 3}" for k in range(40)])}, group="film")
    own = slice_by(panel, "class")
    assert (own.column, own.kind) == ("y", "class")
    np.testing.assert_array_equal(own.code, panel.truth)
    assert slice_by(panel, "y").kind == "class"
    by_group = slice_by(panel, "group")
    assert (by_group.column, by_group.kind) == ("film", "group")
    assert slice_by(panel, "film").kind == "group"
    # Numbers that are groups are names, however many.
    many = replace(panel, columns={"film": pa.array(np.arange(40))})
    assert len(slice_by(many, "film").names) == 40
    # A class that nobody has is no slice.
    two = replace(panel, truth=np.minimum(panel.truth, 1))
    assert slice_by(two, "class").names == ("anger", "disgust")
    assert kept_for(("class", "site", "group", "age")) == ("site", "age")


def test_a_group_of_that_name_is_offered_once():
    with pytest.raises(SabotageError, match="it has class, group; read_panel"):
        slice_by(panel_with(["a"] * 20, "group", group="group"), "site")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("group", "by group needs a group: found none; name its column"),
        ("agee", r"by agee needs a column that the panel keeps \(did you mean age\?\): it has class, age; read_panel"),
    ],
)
def test_what_is_missing_is_refused(name, message):
    with pytest.raises(SabotageError, match=message):
        slice_by(panel_with([1, 2]), name)


def test_what_cannot_be_cut_is_refused():
    with pytest.raises(SabotageError, match=r"by age needs texts, numbers or dates: found list<.*int64>"):
        cut(pa.array([[1], [2]]))
    with pytest.raises(SabotageError, match="by age needs values: found none in 2 examples"):
        cut(pa.array([None, None]))


def test_numbers_at_the_ends_of_their_types():
    found = cut([-np.inf, -np.inf, 1.5, 2.5, 3.5, np.inf])
    assert found.names == ("<= 1.5", "1.5 to 2.5", "2.5 to 3.5", "> 3.5")
    assert found.code.tolist() == [0, 0, 0, 1, 2, 3]
    found = cut([2**60 + 1000 * k for k in range(40)])
    assert np.bincount(found.code).tolist() == [10, 10, 10, 10]
    assert len(set(found.names)) == 4
    found = cut([-0.0, 0.0, 1.0])
    assert (found.names, found.code.tolist()) == (("0", "1"), [0, 0, 1])
