"""Columns of annotators: found by name, kept, checked, and written and read again."""

import numpy as np
import pandas as pd
import pytest

from sabotage import SabotageError, read_panel
from sabotage.annotation_columns import annotation_columns, annotations_of


def table(**more):
    columns = {
        "id": [1, 2, 3, 4],
        "y": ["sad", "happy", "sad", "happy"],
        "voice_label": ["sad", "sad", "sad", "happy"],
        "voice_confidence": [0.9, 0.4, 0.7, 0.8],
        "face_label": ["happy", "happy", "sad", "happy"],
        "face_confidence": [0.5, 0.9, 0.7, 0.8],
    }
    return pd.DataFrame(columns | more)


RATED = {"annotator_1": ["sad", "happy", None, "bored"], "annotator_2": ["sad", None, None, "happy"]}


def test_labels_are_kept_and_no_agent_is_made_of_them():
    panel = read_panel(table(**RATED))
    assert panel.agents == ("voice", "face")
    assert panel.classes == ("happy", "sad")
    assert panel.columns["annotator_1"].to_pylist() == RATED["annotator_1"]
    assert panel.origin.ignored_columns == ()
    assert dict(panel.describe())["annotators"] == "2: annotator_1, annotator_2"
    assert "kept" not in dict(panel.describe())


def test_measures_are_kept_as_numbers():
    panel = read_panel(table(annotation_entropy=[0, 1, None, 2], annotator_agreement=[1, 0.5, None, 0]))
    assert panel.columns["annotation_entropy"].to_pylist() == [0.0, 1.0, None, 2.0]
    assert dict(panel.describe())["annotators"] == "annotation_entropy, annotator_agreement"


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_round_trips(tmp_path, format):
    path = tmp_path / f"a.{format}"
    frame = table(**RATED, annotation_entropy=[0.5, 1, None, 2])
    frame.to_csv(path, index=False) if format == "csv" else frame.to_parquet(path)
    panel = read_panel(str(path))
    assert panel.columns["annotator_1"].to_pylist() == RATED["annotator_1"]
    panel.select(["face"]).take(np.array([3, 0])).to_parquet(tmp_path / "b.parquet")
    again = read_panel(str(tmp_path / "b.parquet"))
    assert again.columns["annotator_1"].to_pylist() == ["bored", "sad"]
    assert again.columns["annotation_entropy"].to_pylist() == [2.0, 0.5]
    assert annotations_of(again) == ("annotator_1", "annotator_2", "annotation_entropy")


def test_what_a_csv_writes_for_nothing_is_no_label(tmp_path):
    path = tmp_path / "a.csv"
    table(annotator_1=["sad", "NA", "", "happy"]).to_csv(path, index=False)
    assert read_panel(str(path)).columns["annotator_1"].to_pylist() == ["sad", None, None, "happy"]


def test_an_agent_of_that_name_is_an_agent():
    own = {"annotator_1_label": ["sad"] * 4, "annotator_1": ["sad"] * 4, "annotator_1_confidence": [0.5] * 4}
    panel = read_panel(
        table(**own, annotator_label=["happy"] * 4, annotator_p_sad=[0.1] * 4, annotator_p_happy=[0.9] * 4)
    )
    assert panel.agents == ("voice", "face", "annotator_1", "annotator")
    assert panel.origin.ignored_columns == ("annotator_1",)
    assert annotations_of(panel) == ()


def test_a_weight_of_that_name_is_a_weight():
    names = ["annotator_label", "annotator_agreement", "annotation_entropy", "annotator_2"]
    assert annotation_columns(names, "agreement") == ("annotation_entropy", "annotator_2")
    assert annotation_columns(names, "entropy") == ("annotator_agreement", "annotator_2")
    frame = table(
        annotator_label=["sad"] * 4,
        annotator_confidence=[0.5] * 4,
        **{f"{agent}_agreement": [0.1] * 4 for agent in ("voice", "face")},
    )
    panel = read_panel(frame.assign(annotator_agreement=[3.0, 1, 1, 1]), weights="agreement")
    assert panel.reliability[0].tolist() == [0.1, 0.1, 3.0]


def test_the_truth_may_have_that_name():
    panel = read_panel(table().rename(columns={"y": "annotator_1"}), truth="annotator_1")
    assert annotations_of(panel) == ()


def test_long_tables():
    wide = table(**RATED, annotation_entropy=[0, 1, None, 2])
    parts = [
        wide[["id", "y", *RATED, "annotation_entropy"]].assign(
            agent=agent, label=wide[f"{agent}_label"], confidence=wide[f"{agent}_confidence"]
        )
        for agent in ("voice", "face")
    ]
    long = pd.concat(parts)
    panel = read_panel(long)
    assert panel.columns["annotator_1"].to_pylist() == RATED["annotator_1"]
    assert panel.columns["annotation_entropy"].to_pylist() == [0.0, 1.0, None, 2.0]
    long["annotator_1"] = ["sad"] * 4 + ["happy"] * 4
    with pytest.raises(SabotageError, match="annotator_1 must be the same in all rows of one example"):
        read_panel(long)


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("annotation_entropy", [0, 1, -0.5, 2], "annotation_entropy must be finite and not negative: found -0.5 in row 2"),
        ("annotation_entropy", [0, np.inf, 0, 2], "annotation_entropy must be finite and not negative: found inf in row 1"),
        ("annotator_agreement", [0, 1, 0.5, 50], r"annotator_agreement must lie in \[0, 1\]: found 50 in row 3"),
        ("annotator_agreement", [0.5, "high", 1, 0], "annotator_agreement must be a number: found 'high', of type string, in row 1"),
    ],
)  # fmt: skip
def test_measures_that_are_none(tmp_path, column, values, message):
    path = tmp_path / "a.csv"
    table(**{column: values}).to_csv(path, index=False)
    with pytest.raises(SabotageError, match=message + ".* of a.csv"):
        read_panel(str(path))
