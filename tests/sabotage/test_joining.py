"""The truth in a second table."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sabotage
from sabotage import SabotageError, SabotageWarning, read_panel


@given(st.permutations(range(12)), st.sets(st.integers(0, 11), min_size=2), st.booleans())
@settings(max_examples=30, deadline=None)
def test_joined_as_pandas_merges(order, known, as_text):
    frame = pd.DataFrame({"id": range(12), "a_label": list("xy") * 6, "a_confidence": np.linspace(0, 1, 12)})
    truth = pd.DataFrame(
        {"id": order, "label": [("x", "y", "z")[i % 3] for i in order], "group": [i // 2 for i in order]}
    )
    truth = truth[truth["id"].isin(known)]
    if as_text:
        truth["id"] = truth["id"].astype(str)
    merged = frame.merge(truth.assign(id=truth["id"].astype(int)), on="id")
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SabotageWarning)
        read = read_panel(frame, truth_table=truth, classes=["x", "y", "z"])  # a draw may know one class
    assert read.ids.to_pylist() == merged["id"].tolist()
    assert [read.classes[c] for c in read.truth] == merged["label"].tolist()
    assert read.group == "group"
    assert read.column("group").to_pylist() == merged["group"].tolist()
    assert read.origin.n_dropped == 12 - len(merged)


def test_a_long_table_whose_label_is_not_the_truths(tmp_path):
    long = pa.table(
        {"id": [1, 1, 2], "agent": ["a", "b", "a"], "label": ["x", "y", "y"], "confidence": [0.5, 0.6, 0.7]}
    )
    pd.DataFrame({"utterance_id": [2, 1], "label": ["y", "x"]}).to_csv(tmp_path / "truth.csv", index=False)
    read = read_panel(long, truth_table=str(tmp_path / "truth.csv"))
    assert read.truth.tolist() == [0, 1]
    assert read.labels.tolist() == [[0, 1], [1, -1]]
    assert read.origin.truth_table.endswith("truth.csv")
    assert "truth: y of " in repr(read)


def test_ids_as_texts_numbers_and_numbers_that_nulls_turned_to_floats():
    frame = pd.DataFrame({"id": ["1", "2", "3"], "a_label": ["x", "y", "x"]})
    for ids in ([3.0, 1.0, None, 2.0], [3, 1, 2], ["3", "1", "2"]):
        truth = pd.DataFrame({"id": ids, "y": list("xyxx")[: len(ids)] if len(ids) == 3 else ["x", "y", "y", "x"]})
        with pytest.warns(SabotageWarning):
            read = read_panel(frame, truth_table=truth)
        assert read.truth.tolist() == [1, 0, 0]


def frames(**columns):
    return pd.DataFrame({"id": [1, 2], "a_label": ["x", "y"], "a_confidence": [1, 1]} | columns)


@pytest.mark.parametrize(
    ("table", "truth", "says"),
    [
        (frames(), {"id": [1, 1], "y": ["x", "y"]}, "'1' stands in rows 0, 1 of the DataFrame: an id has one truth"),
        (
            frames(),
            {"id": [7, 8], "y": ["x", "y"]},
            "no id of the DataFrame stands in the DataFrame: found '1' in one, and in the other '7'",
        ),
        (frames(), {"id": [1, 2]}, "has no column with the truth"),
        (frames(), {"y": ["x", "y"]}, r"has no column of ids, .*: name it id, .*; its columns are "),
        (
            frames().drop(columns="id"),
            {"id": [1, 2], "y": ["x", "y"]},
            r"has no column of ids, .*: name it id, .*; its columns are ",
        ),
        (frames(), {"id": [1, 2], "y": ["x", "y"], "truth": ["x", "y"]}, "y and truth could each be the truth"),
    ],
)
def test_refused(table, truth, says):
    with pytest.raises(SabotageError, match=says):
        read_panel(table, truth_table=pd.DataFrame(truth))


def test_columns_that_both_have_are_the_first_tables():
    with pytest.warns(SabotageWarning, match="group of the DataFrame is not used: the DataFrame has its own"):
        read = read_panel(
            frames(group=[5, 6]), truth_table=pd.DataFrame({"id": [1, 2], "y": ["x", "y"], "group": [8, 9]})
        )
    assert read.column("group").to_pylist() == [5, 6]


def test_many_rows_are_looked_up_in_few_strokes():
    n = 70_000
    ids = np.random.default_rng(0).permutation(n)
    frame = pa.table({"id": ids, "a_label": (ids % 3).astype(str), "a_confidence": np.full(n, 0.5)})
    truth = pa.table({"id": np.arange(n), "y": (np.arange(n) % 2).astype(str)})
    read = read_panel(frame, truth_table=truth)
    np.testing.assert_array_equal(read.truth, ids % 2)


def test_the_audit_names_the_second_table(tmp_path):
    panel = sabotage.simulate("aligned", 60, 0)
    frame = panel.to_table().to_pandas()
    frame[["id", "y"]].to_csv(tmp_path / "truth.csv", index=False)
    frame.drop(columns="y").to_parquet(tmp_path / "preds.parquet")
    audit = sabotage.analyze(
        read_panel(str(tmp_path / "preds.parquet"), truth_table=str(tmp_path / "truth.csv")), n_permutations=0
    )
    found = audit.to_dict()
    assert found["settings"]["truth_table"] == str(tmp_path / "truth.csv")
    assert found["input"]["n_files"] == 2
    assert found["input"]["sha256"] not in (None, sabotage.files.sha256([str(tmp_path / "preds.parquet")]))


def test_ids_that_are_null_or_beyond_integers():
    frame = frames()
    with pytest.warns(SabotageWarning, match="2 rows of the DataFrame have no id, and are not used"):
        read = read_panel(frame, truth_table=pd.DataFrame({"id": [2, None, 1, None], "y": list("yyxx")}))
    assert read.truth.tolist() == [0, 1]
    for odd in (1e300, np.inf, 0.5):
        truth = pa.table({"id": pa.array([odd, 1.0, 2.0]), "y": list("xxy")})
        assert read_panel(frame, truth_table=truth).truth.tolist() == [0, 1]
    with pytest.raises(SabotageError, match="id of the table is null in every row"):
        read_panel(frame, truth_table=pa.table({"id": pa.nulls(2), "y": ["x", "y"]}))


def test_one_fraction_among_many_batches_of_ids_loses_no_truth():
    n = 40_000
    ids = np.arange(n, dtype=float)
    ids[-1] = 0.5
    frame = pa.table({"id": ids, "a_label": list("xy") * (n // 2), "a_confidence": np.full(n, 0.5)})
    truth = pa.table({"id": [*range(n - 1), 0.5], "y": ["y", *"xy" * (n // 2 - 1), "x"]})
    assert read_panel(frame, truth_table=truth).origin.n_dropped == 0


def test_columns_of_a_csv_beside_the_truth_are_read_as_those_of_any_csv(tmp_path):
    frame = pd.DataFrame({"id": [1, 2, 3, 4], "a_label": list("xyxy"), "a_confidence": 0.5})
    path = tmp_path / "t.csv"
    path.write_text("id,y,age,b_label,b_confidence\n1,x,9,01,0.5\n2,y,10,x,\n3,x,11,x,0.25\n4,y,100,x,1\n")
    assert read_panel(frame, truth_table=path, where=["age > 10"]).ids.to_pylist() == [3, 4]
    read = read_panel(frame, truth_table=path)
    assert read.classes == ("01", "x", "y")
    np.testing.assert_array_equal(read.confidence[:, 1], [0.5, np.nan, 0.25, 1])
    path.write_text("id,y,b_label,b_confidence\n1,x,x,0.5\n2,y,y,high\n")
    with pytest.raises(SabotageError, match=r"b_confidence must be a number: found 'high' in row 1 of t.csv"):
        read_panel(frame, truth_table=path)


def test_a_column_that_nobody_asks_for_may_be_of_any_type_and_categories_keep_their_order():
    truth = pd.DataFrame({"id": [1, 2], "y": pd.Categorical(["x", "y"], ["z", "y", "x"], ordered=True)})
    truth["embedding"] = [[0.5], [0.25]]
    assert read_panel(frames(), truth_table=truth).classes == ("y", "x")


def test_an_id_in_two_parts_of_the_truth_is_named_by_part(tmp_path):
    (tmp_path / "a.csv").write_text("id,y\n1,x\n2,y\n")
    (tmp_path / "b.csv").write_text("id,y\n3,x\n1,y\n")
    with pytest.raises(SabotageError, match=r"'1' stands in row 0 of a.csv, row 1 of b.csv: an id has one truth"):
        read_panel(frames(), truth_table=tmp_path)


@pytest.mark.parametrize(("own", "other"), [("id", "clip"), ("clip", "utterance_id"), ("clip", "clip")])
def test_an_id_that_is_named_stands_in_one_table_or_in_both(own, other):
    table = frames().rename(columns={"id": own})
    truth = pd.DataFrame({other: [2, 1], "y": ["y", "x"]})
    read = read_panel(table, truth_table=truth, id="clip")
    assert read.ids.to_pylist() == [1, 2]
    assert read.truth.tolist() == [0, 1]
    with pytest.raises(SabotageError, match="has no column 'film', given by --id"):
        read_panel(table, truth_table=truth, id="film")
