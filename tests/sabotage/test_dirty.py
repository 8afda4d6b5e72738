"""Files as they really are: each case here was once misread, or ended in a traceback."""

import gzip
import uuid

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pytest
from builders import make_panel

import sabotage
from sabotage import Emissions, Panel, SabotageError, SabotageWarning, analyze, read_panel


def frame(n=60, **change) -> pd.DataFrame:
    table = make_panel(n, 2, 3, seed=3).to_table().to_pandas()
    return table.assign(**change)


@pytest.mark.parametrize(
    ("condition", "keep"),
    [
        ("agent0_p_fear > 0.3", lambda t: t["agent0_p_fear"] > 0.3),
        ("agent0_label == fear", lambda t: t["agent0_label"] == "fear"),
        ("agent0_confidence >= 0.6", lambda t: t["agent0_confidence"] >= 0.6),
        ("agent0_reliability < 0.5", lambda t: t["agent0_reliability"] < 0.5),
        ("y != anger", lambda t: t["y"] != "anger"),
        ("id <= 30", lambda t: t["id"] <= 30),
    ],
)
@pytest.mark.parametrize("as_csv", [False, True])
def test_a_condition_on_a_column_only_chooses_rows(condition, keep, as_csv, tmp_path):
    table = frame()
    expected = read_panel(table[keep(table)], classes=["anger", "disgust", "fear"])
    path = tmp_path / ("t.csv" if as_csv else "t.parquet")
    table.to_csv(path, index=False) if as_csv else table.to_parquet(path)
    found = read_panel(path, where=[condition], classes=["anger", "disgust", "fear"])
    assert found.weights == "reliability"
    for name in ("truth", "labels", "confidence", "scores", "reliability"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), name)
    assert found.ids.to_pylist() == expected.ids.to_pylist()


def test_an_agents_column_may_be_a_group_or_a_block():
    found = read_panel(frame(), group="agent0_label", keep=["agent1_confidence"])
    assert found.agents == ("agent0", "agent1")
    np.testing.assert_array_equal(found.labels, read_panel(frame()).labels)
    assert found.column("agent1_confidence").to_pylist() == found.confidence[:, 1].tolist()


def test_classes_called_like_nothing_in_a_csv(tmp_path):
    table = frame()
    for name in ("y", "agent0_label", "agent1_label"):
        table[name] = table[name].replace("fear", "NA")
    plain = table.drop(columns=[name for name in table if "_p_" in name])
    plain.to_csv(tmp_path / "plain.csv", index=False)
    with pytest.warns(SabotageWarning) as caught:
        found = read_panel(tmp_path / "plain.csv")
    assert any(
        "texts 'NA' are read as null; if that is a class, name it in --classes" in str(w.message) for w in caught
    )
    assert found.n_examples < 60
    assert read_panel(tmp_path / "plain.csv", classes=["anger", "disgust", "NA"]).n_examples == 60
    table.columns = [name.replace("_p_fear", "_p_NA") for name in table.columns]
    table.to_csv(tmp_path / "scored.csv", index=False)
    assert read_panel(tmp_path / "scored.csv").n_examples == 60


def test_unlisted_classes_do_not_count_for_a_list():
    table = pd.DataFrame({"y": ["d", "a"], "v_p_a": [0.9, 0.5], "v_p_b": [np.nan, 0.3], "v_p_c": [np.nan, np.nan]})
    panel = read_panel(table)
    assert panel.classes == ("a", "b", "c", "d")
    assert np.isnan(panel.scores[:, 0, 3]).all()
    assert analyze(panel, n_permutations=0, top_k=(2,)).decision.top_k == {"2": 0.5}
    whole = read_panel(table.fillna(0.0))
    assert (whole.scores[:, 0, 3] == 0).all()


def test_arrow_types_that_few_functions_know(tmp_path):
    table = pa.Table.from_pandas(frame())
    views = table
    for name in ("y", "agent0_label", "agent1_label"):
        at = views.schema.get_field_index(name)
        views = views.set_column(at, name, pa.array(views[name].to_pylist(), pa.string_view()))
    at = views.schema.get_field_index("agent0_confidence")
    views = views.set_column(at, "agent0_confidence", views["agent0_confidence"].dictionary_encode())
    views = views.append_column("site", pa.nulls(60))
    with pa.ipc.new_file(tmp_path / "v.arrow", views.schema) as writer:
        writer.write_table(views)
    found = read_panel(tmp_path / "v.arrow", where=["y != anger", "id > 5"])
    expected = read_panel(table, where=["y != anger", "id > 5"])
    np.testing.assert_array_equal(found.labels, expected.labels)
    np.testing.assert_array_equal(found.confidence, expected.confidence)
    with pytest.raises(SabotageError, match=r"no row of v.arrow meets --where site == a"):
        read_panel(tmp_path / "v.arrow", where=["site == a"])


@pytest.mark.parametrize("column", ["y", "agent0_label", "id", "site"])
@pytest.mark.parametrize("value", [[1], {"a": 1}])
def test_nested_columns_are_refused(column, value):
    table = pa.Table.from_pandas(frame()).to_pydict() | {column: [value] * 60}
    with pytest.raises(SabotageError, match=rf"{column} of the table holds .*, which is not read"):
        read_panel(pa.table(table), keep=["site"] if column == "site" else [])


def test_columns_that_arrow_cannot_make():
    ids = frame().assign(id=[uuid.UUID(int=i) for i in range(60)])
    with pytest.raises(SabotageError, match="id"):
        read_panel(ids)
    huge = frame().astype({"id": object})
    huge["id"] = [10**30 + i for i in range(60)]
    with pytest.raises(SabotageError, match="id"):
        read_panel(huge)


def test_a_frame_is_typed_as_a_whole():
    table = pd.concat([frame(60)] * 200, ignore_index=True).drop(columns="id")
    table["site"] = [None] * 9000 + ["a"] * 3000
    assert read_panel(table, where=["site == a"]).n_examples == 3000
    table["level"] = pd.Series([1] * 9000 + [1.5] * 3000, dtype=object)
    assert read_panel(table, where=["level == 1.5"]).n_examples == 3000


def test_frames_of_chunked_arrow_columns():
    parts = [frame(30).convert_dtypes(dtype_backend="pyarrow") for _ in range(2)]
    table = pd.concat(parts, ignore_index=True).assign(id=range(60))
    assert read_panel(table).n_examples == 60


@pytest.mark.filterwarnings("ignore::sabotage.SabotageWarning")  # each agent has its own
def test_labels_that_miss_the_truth_or_are_it_are_warned_of():
    with pytest.warns(
        SabotageWarning, match=r"no label of agent0 .* ever occurs in the truth \(0, 1, 2\): codes against"
    ):
        read_panel(frame(y=[0, 1, 2] * 20))
    table = frame()
    with pytest.warns(SabotageWarning, match="copy is right on all 60 examples: the truth under another name"):
        read_panel(table.assign(copy_label=table["y"], copy_confidence=1.0, copy_reliability=1.0))


@pytest.mark.filterwarnings("ignore::sabotage.SabotageWarning")  # each agent has its own
def test_percent_of_what_is_no_percent_is_warned_of():
    with pytest.warns(
        SabotageWarning, match=r"agent0_confidence never exceeds 1, so the percent scale makes it at most 0.01"
    ):
        read_panel(frame(), confidence_scale="percent")


def test_the_percent_scale_leaves_top_scores_alone():
    table = frame().drop(columns="agent1_confidence")
    table["agent0_confidence"] *= 100
    found = read_panel(table, confidence_scale="percent")
    np.testing.assert_array_equal(found.confidence[:, 1], found.scores[:, 1].max(axis=1))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda text: text.encode("utf-16"), "t.csv is not UTF-8"),
        (lambda text: text.replace("anger", "\u00e4rger").encode("latin-1"), "t.csv is not UTF-8"),
        (lambda text: text.replace("agent0", "\u00e4gent").encode("latin-1"), "t.csv is not UTF-8"),
        (lambda text: gzip.compress(text.encode())[:40] + b"\xff" * 25 + gzip.compress(text.encode())[65:], "t.csv"),
        (lambda text: ("y" * 200_000 + text).encode(), "t.csv cannot be read as csv"),
        (lambda text: b'"' + text.encode(), "t.csv"),
    ],
)
def test_odd_bytes_end_in_a_sentence(make, says, tmp_path):
    table = frame()
    (tmp_path / "t.csv").write_bytes(make(table.to_csv(index=False)))
    with pytest.raises(SabotageError, match=says):
        read_panel(tmp_path / "t.csv")


@pytest.mark.parametrize("ending", ["\r", "\r\n"])
def test_line_ends_bom_and_gzip_without_its_name(ending, tmp_path):
    text = frame().to_csv(index=False, lineterminator=ending)
    (tmp_path / "t.csv").write_bytes(gzip.compress(b"\xef\xbb\xbf" + text.encode()))
    np.testing.assert_array_equal(read_panel(tmp_path / "t.csv").labels, read_panel(frame()).labels)


def test_a_file_name_that_is_no_text(tmp_path):
    name = bytes(tmp_path) + b"/bad\xff.csv"
    with open(name, "wb") as file:
        file.write(frame().to_csv(index=False).encode())
    with pytest.raises(SabotageError, match="is not UTF-8: rename the file"):
        read_panel(name.decode(errors="surrogateescape"))


def test_ids_that_are_not_a_number_are_null():
    with pytest.raises(SabotageError, match="id is null in row 2 of the table"):
        read_panel(pa.Table.from_pandas(frame()).set_column(0, "id", pa.array([0.0, 1.0, float("nan")] * 20)))


def test_rows_in_messages_are_those_of_the_table():
    table = frame(id=[0, 1, 2, 3, 3, *range(5, 60)])
    with pytest.raises(SabotageError, match="id is not unique: 3 stands in rows 3, 4 of the DataFrame"):
        read_panel(table, where=["agent0_confidence >= 0", "id >= 2"])


def test_a_condition_on_split_replaces_the_rule_of_split():
    table = frame(split=["test", "train"] * 30)
    assert read_panel(table).n_examples == 30
    assert set(read_panel(table, where=["split == train"]).ids.to_pylist()) == set(range(1, 60, 2))


def test_the_order_of_classes_survives_a_file(tmp_path):
    order = ["fear", "anger", "disgust"]
    read_panel(frame(), classes=order).to_parquet(tmp_path / "t.parquet")
    assert read_panel(tmp_path / "t.parquet").classes == tuple(order)
    assert read_panel(tmp_path / "t.parquet", classes=sorted(order)).classes == tuple(sorted(order))
    numbers = frame(y=pd.Categorical([3.0, 1.0, 2.0] * 20, [3.0, 1.0, 2.0], ordered=True))
    for agent in ("agent0", "agent1"):
        numbers[f"{agent}_label"] = [1.0, 2.0, 3.0] * 20
    numbers = numbers.drop(columns=[name for name in numbers if "_p_" in name])
    assert read_panel(numbers).classes == (3, 1, 2)


class Odd:
    name = "odd"

    def __init__(self, emissions):
        self.emissions = emissions

    def emit(self, batch):
        return self.emissions


@pytest.mark.parametrize(
    ("emissions", "columns", "says"),
    [
        (Emissions(["a", 1]), None, "odd_label cannot be a column"),
        (Emissions(scores=np.ones(2), classes=("a", "b")), None, r"scores of shape \(2,\) for 2 classes"),
        (Emissions(scores=np.ones((2, 3)), classes=("a", "b")), None, r"scores of shape \(2, 3\) for 2 classes"),
        (Emissions(["a", "b"]), {"y": [1, 2]}, "columns must not hold 'y'"),
    ],
)
def test_emissions_that_do_not_fit(emissions, columns, says):
    with pytest.raises(SabotageError, match=says):
        Panel.from_agents([Odd(emissions)], [0, 1], ["a", "b"], columns=columns)


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_enormous_scores_give_null_and_no_warning():
    table = frame()
    for name in table:
        if "_p_" in name:
            table[name] = 1e308
    found = analyze(read_panel(table), n_permutations=3)
    assert found.agents[0].brier is None
    assert "all 0 or too large" in " ".join(found.notes)
    found.to_json()


def test_numbers_of_numpy_are_numbers():
    audit = analyze(make_panel(30), n_permutations=np.int64(10), seed=np.int32(3), threshold=np.float64(1e-5))
    assert audit.settings["n_permutations"] == 10
    assert audit.settings["threshold"] == 1e-5
    audit.to_json()
    with pytest.raises(TypeError):
        analyze(make_panel(30), n_permutations=10, seed=1.5)


def test_statistics_that_differ_in_the_last_bit_can_be_drawn():
    truth = np.repeat([0, 1, 2], 10).astype(np.int32)
    labels = np.column_stack([truth, (truth + 1) % 3]).astype(np.int32)
    q = np.tile([[1.0, 0.0], [0.0, 1.0]], (15, 1))
    confidence = np.full((30, 2), 0.9)
    panel = Panel(("a", "b"), (0, 1, 2), pa.array(range(30)), truth, labels, confidence, None, q)
    assert "<svg" in analyze(panel, n_permutations=100).to_html()


def test_an_audit_outlives_its_file(tmp_path):
    frame().to_parquet(tmp_path / "t.parquet")
    panel = read_panel(tmp_path / "t.parquet")
    audit = analyze(panel, n_permutations=2)
    (tmp_path / "t.parquet").unlink()
    assert len(audit.sha256) == 64
    assert audit.sha256 in audit.to_json()
    with pytest.warns(SabotageWarning, match="sha256 is null"):
        assert analyze(panel, n_permutations=2).sha256 is None


def test_many_classes_take_no_room_of_their_own():
    truth = np.arange(3000, dtype=np.int32) % 2500
    labels = np.column_stack([truth, (truth + 1) % 2500]).astype(np.int32)
    confidence = np.full((3000, 2), 0.8)
    panel = Panel(
        ("a", "b"), tuple(range(2500)), pa.array(range(3000)), truth, labels, confidence, None, confidence.copy()
    )
    assert max(part.stop - part.start for part in panel.chunks()) * 2 * 2500 <= sabotage.panel.CHUNK_CELLS
    assert analyze(panel, n_permutations=2).bounds.oracle_accuracy == 1


def test_feather_of_a_categorical_with_unused_values(tmp_path):
    table = frame()
    table["y"] = pd.Categorical(table["y"], ["surprise", "fear", "anger", "disgust"])
    pyarrow.feather.write_feather(table, tmp_path / "t.feather")
    assert read_panel(tmp_path / "t.feather").classes == ("anger", "disgust", "fear")
