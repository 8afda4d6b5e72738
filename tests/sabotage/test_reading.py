"""Tables into panels: every format and every option, against the table itself."""

import gzip
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from builders import make_panel, panels
from hypothesis import HealthCheck, given, settings

from sabotage import Panel, SabotageWarning, read_panel

ARRAYS = ("truth", "labels", "confidence", "scores", "reliability", "fused_label", "fused_scores")


def assert_same(first: Panel, second: Panel) -> None:
    assert first.agents == second.agents
    assert first.classes == second.classes
    assert first.ids.to_pylist() == second.ids.to_pylist()
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), name)


@pytest.fixture
def panel() -> Panel:
    return make_panel(200, 3, 4, seed=1, missing=0.2, no_reliability=0.1, recorded=True)


@pytest.fixture
def table(panel) -> pa.Table:
    return panel.to_table()


def write_csv(table: pa.Table, path) -> None:
    table.to_pandas().to_csv(path, index=False)


def write_stream(table: pa.Table, path) -> None:
    with pa.ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table)


WRITERS = {
    "t.parquet": pq.write_table,
    "t.pq": lambda table, path: pq.write_table(table, path, row_group_size=17),
    "t.feather": lambda table, path: pyarrow.feather.write_feather(table, path),
    "t.arrow": lambda table, path: pyarrow.feather.write_feather(table, path, compression="uncompressed", chunksize=13),
    "stream.arrow": write_stream,
    "t.csv": write_csv,
    "t.csv.gz": write_csv,
    "t.tsv": lambda table, path: table.to_pandas().to_csv(path, index=False, sep="\t"),
    "semicolon.csv": lambda table, path: table.to_pandas().to_csv(path, index=False, sep=";"),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_reads_the_same(name, panel, table, tmp_path):
    path = tmp_path / name
    WRITERS[name](table, path)
    read = read_panel(path)
    assert_same(read, panel)
    assert read.origin.path == str(path)


def test_format_by_content_and_by_option(panel, table, tmp_path):
    pq.write_table(table, tmp_path / "noending")
    assert_same(read_panel(tmp_path / "noending"), panel)
    write_csv(table, tmp_path / "odd.dat")
    assert_same(read_panel(tmp_path / "odd.dat", input_format="csv"), panel)


def test_tables_in_memory(panel, table):
    assert_same(read_panel(table), panel)
    assert_same(read_panel(table.to_pandas()), panel)


def test_chunks_and_types_of_a_table_do_not_matter(panel, table):
    chunked = pa.concat_tables([table.slice(0, 3), table.slice(3, 100), table.slice(103)])
    assert_same(read_panel(chunked), panel)
    frame = table.to_pandas()
    for name in frame.columns:
        if name == "y" or name.endswith("_label"):
            frame[name] = frame[name].astype("category")
        elif "_p_" in name:
            frame[name] = frame[name].astype(np.float32)
    read = read_panel(frame)
    assert read.classes == panel.classes
    np.testing.assert_array_equal(read.labels, panel.labels)
    np.testing.assert_allclose(read.scores, panel.scores, rtol=1e-6)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(panels(recorded=True))
def test_a_panel_survives_its_table(panel):
    order = [str(label) for label in panel.classes]
    present = {*panel.truth.tolist(), *panel.labels.ravel().tolist()} - {-1}
    if panel.scores is None and len(present) < 2:
        return
    assert_same(read_panel(panel.to_table(), classes=order, agents=panel.agents), panel)


def test_parquet_round_trip_in_row_groups(panel, tmp_path, monkeypatch):
    monkeypatch.setattr("sabotage.panel.CHUNK_ROWS", 64)
    panel.to_parquet(tmp_path / "p.parquet")
    assert pq.ParquetFile(tmp_path / "p.parquet").num_row_groups == 4
    assert_same(read_panel(tmp_path / "p.parquet"), panel)
    assert [path.name for path in tmp_path.iterdir()] == ["p.parquet"]


def test_selected_agents_keep_the_classes_of_all(table):
    frame = table.to_pandas()
    frame.loc[0, "agent2_label"] = "zz"
    frame["agent2_p_zz"] = np.where(frame["agent2_p_anger"].isna(), np.nan, 0.0)
    read = read_panel(frame, agents=["agent0"])
    assert read.classes[-1] == "zz"
    assert read.scores.shape == (200, 1, 5)
    assert (read.scores[read.labels[:, 0] >= 0, 0, 4] == 0).all()
    assert read.origin.other_agents == ("agent1", "agent2")
    selected = read_panel(frame).select(["agent0"])
    np.testing.assert_array_equal(selected.scores, read.scores)


def test_labels_and_confidences_come_from_scores_where_there_are_none(panel, table):
    bare = table.drop_columns([f"agent{m}_{part}" for m in range(3) for part in ("label", "confidence", "reliability")])
    read = read_panel(bare)
    np.testing.assert_array_equal(read.labels, panel.labels)
    np.testing.assert_array_equal(read.confidence, panel.confidence)
    assert read.weights == "confidence"
    assert "no agent has a self-assessment: the confidence is the weight" in read.notes


def test_a_label_lost_beside_its_scores_is_their_argmax_and_said(panel, table):
    frame = table.to_pandas()
    lost = np.flatnonzero(panel.labels[:, 1] >= 0)[:5]
    frame.loc[lost, "agent1_label"] = None
    with pytest.warns(SabotageWarning, match="agent1_label is null on 5 examples"):
        read = read_panel(frame)
    np.testing.assert_array_equal(read.labels, panel.labels)


def test_weights(panel, table):
    frame = table.to_pandas().assign(agent0_intensity=0.5, agent1_intensity=1.5, agent2_intensity=0.0)
    assert read_panel(frame, weights="intensity").reliability[panel.spoke[:, 1], 1].tolist()[:2] == [1.5, 1.5]
    confidence = read_panel(frame, weights="confidence")
    np.testing.assert_array_equal(confidence.reliability, panel.confidence)
    assert "agent0_reliability" in confidence.origin.ignored_columns
    uniform = read_panel(frame, weights="uniform")
    assert (uniform.reliability[panel.spoke] == 1).all()
    assert np.isnan(uniform.reliability[~panel.spoke]).all()


def test_one_agent_without_self_assessment_makes_confidence_the_weight_of_all(table):
    with pytest.warns(
        SabotageWarning, match="agent1 has no self-assessment, so agent0_reliability, agent2_reliability"
    ):
        read = read_panel(table.drop_columns(["agent1_reliability"]))
    assert read.weights == "confidence"


def test_where_and_split_and_missing_truth(table):
    frame = table.to_pandas()
    frame["site"] = np.where(np.arange(200) % 4 == 0, "north east", "south")
    frame["age"] = np.arange(200)
    frame["split"] = np.where(np.arange(200) < 100, "test", "train")
    read = read_panel(frame, where=["site == 'north east'", "age >= 10"])
    assert read.ids.to_pylist() == [i for i in range(100) if i % 4 == 0 and i >= 10]
    assert (read.origin.n_filtered, read.origin.n_other_split) == (153, 25)
    assert read_panel(frame, split=None).n_examples == 200
    frame.loc[[3, 4], "y"] = None
    with pytest.warns(SabotageWarning, match="2 rows without truth are dropped"):
        read = read_panel(frame)
    assert (read.n_examples, read.origin.n_dropped) == (98, 2)


def test_confidences_in_percent(panel, table):
    frame = table.to_pandas()
    for m in range(3):
        frame[f"agent{m}_confidence"] *= 100
    read = read_panel(frame, confidence_scale="percent")
    np.testing.assert_allclose(read.confidence, panel.confidence, rtol=1e-15)


def test_ids(table, tmp_path):
    frame = table.to_pandas()
    frame["id"] = [f"{i:03d}" for i in range(200)]
    write_csv(pa.Table.from_pandas(frame), tmp_path / "padded.csv")
    assert read_panel(tmp_path / "padded.csv").ids[7].as_py() == "007"
    write_csv(table, tmp_path / "numbers.csv")
    assert read_panel(tmp_path / "numbers.csv").ids[7].as_py() == 7
    read = read_panel(frame.drop(columns="id"))
    assert read.ids.to_pylist() == list(range(200))
    assert "there is no id column: examples go by their row number, from 0" in read.notes


def test_an_ordered_category_orders_the_classes(table):
    frame = table.to_pandas()
    order = ["sad", "happy", "fear", "disgust", "anger"]
    frame["y"] = pd.Categorical(frame["y"], order, ordered=True)
    assert read_panel(frame).classes == ("happy", "fear", "disgust", "anger")
    assert read_panel(frame, classes=["fear", "happy", "anger", "disgust"]).classes[0] == "fear"


def test_scores_follow_the_classes_order(panel, table):
    order = list(reversed(panel.classes))
    read = read_panel(table, classes=order)
    np.testing.assert_array_equal(read.scores, panel.scores[:, :, ::-1])


def test_columns_are_kept_for_blocks(table):
    frame = table.to_pandas().assign(subject=np.arange(200) % 7, group="g")
    read = read_panel(frame, keep=["subject"])
    assert read.column("subject").to_pylist()[:8] == [0, 1, 2, 3, 4, 5, 6, 0]
    assert read.group == "group"
    assert read_panel(frame, group="subject").group == "subject"


def test_bool_and_integer_labels(tmp_path):
    frame = pd.DataFrame({"y": [True, False, True], "a_label": [True, None, False], "a_confidence": [0.9, None, 0.8]})
    frame.to_parquet(tmp_path / "b.parquet")
    assert read_panel(tmp_path / "b.parquet").classes == (False, True)
    frame = pd.DataFrame(
        {"y": [2, 10, 2], "a_label": [2.0, None, 10.0], "a_p_10": [0.1, None, 1], "a_p_2": [0.9, None, 0]}
    )
    read = read_panel(frame)
    assert read.classes == (2, 10)
    assert read.labels[:, 0].tolist() == [0, -1, 1]
    assert read.scores[0, 0].tolist() == [0.9, 0.1]


def test_look_alike_classes_are_warned_of(table):
    frame = table.to_pandas()
    frame.loc[0, "y"] = "Anger"
    with pytest.warns(SabotageWarning, match="'Anger' and 'anger' look alike"):
        read_panel(frame)


def test_gzip_by_content(table, tmp_path):
    write_csv(table, tmp_path / "t.csv")
    (tmp_path / "u.csv.gz").write_bytes(gzip.compress((tmp_path / "t.csv").read_bytes()))
    assert read_panel(tmp_path / "u.csv.gz").n_examples == 200


def test_two_processes_on_an_empty_cache_do_not_break_each_other(panel, tmp_path):
    panel.to_parquet(tmp_path / "p.parquet")
    program = (
        "import sabotage, sys; a = sabotage.analyze(sabotage.read_panel(sys.argv[1]), n_permutations=200);"
        "print(a.permutation.p_value, a.decision.accuracy)"
    )
    environment = {"NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    command = [sys.executable, "-W", "ignore", "-c", program, str(tmp_path / "p.parquet")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) for _ in range(3)]
    said = {process.communicate()[0] for process in running}
    assert [process.returncode for process in running] == [0, 0, 0]
    assert len(said) == 1
    assert any((tmp_path / "cache").rglob("*.nbc"))


def test_what_is_kept_and_what_is_ignored_is_said(table):
    frame = table.to_pandas().assign(site="a", film=1)
    frame[""] = range(len(frame))  # as an index comes out of a csv
    said = dict(read_panel(frame, keep=["site"]).describe())
    assert said["kept"] == "site"
    assert {"a column without a name", "film"} <= set(said["ignored"].split(", "))
    assert "kept" not in dict(read_panel(frame, group="site").describe())
