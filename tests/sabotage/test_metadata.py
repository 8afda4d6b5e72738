"""A panel that is written is read back as it was, and a table that has changed since is read by its names."""

import dataclasses
import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from builders import make_panel, panels
from hypothesis import given, settings

import sabotage
from sabotage import Panel, SabotageWarning, read_panel
from sabotage.metadata import describe


def require_round_trip(panel: Panel, path) -> None:
    panel.to_parquet(path)
    read = read_panel(str(path), split=None)
    for field in dataclasses.fields(Panel):
        if field.name in ("origin", "notes", "ids", "columns"):
            continue
        first, second = getattr(panel, field.name), getattr(read, field.name)
        if isinstance(first, np.ndarray):
            np.testing.assert_array_equal(first, second, err_msg=field.name)
        else:
            assert first == second, field.name
    assert read.ids.to_pylist() == panel.ids.to_pylist()
    assert {name: column.to_pylist() for name, column in read.columns.items()} == {
        name: column.to_pylist() for name, column in panel.columns.items()
    }


@given(panels())
@settings(max_examples=25, deadline=None)
def test_any_panel_comes_back(tmp_path_factory, panel):
    import warnings

    if (panel.labels < 0).all(axis=0).any():
        return  # an agent that never speaks is refused by the reader
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sabotage.SabotageWarning)
        require_round_trip(panel, tmp_path_factory.mktemp("round") / "p.parquet")


@pytest.mark.parametrize("weights", ["reliability", "confidence", "uniform"])
def test_weights_groups_runs_and_kinds_come_back(weights, tmp_path):
    panel = make_panel(60, 3, 4, seed=5)
    panel = replace(
        panel if weights == "reliability" else panel.with_weights(weights),
        columns={
            "subject": pa.array([i // 5 for i in range(60)]),
            "seed": pa.array([i % 2 for i in range(60)]),
            "site": pa.array(["a", None] * 30),
        },
        ids=pa.array([f"u{i // 2}" for i in range(60)]),
        truth=np.repeat(panel.truth[::2], 2),
        group="subject",
        seed_column="seed",
        kinds={"agent0": "only", "agent2": "without"},
    )
    require_round_trip(panel, tmp_path / "p.parquet")


def test_names_that_could_be_read_in_two_ways_come_back(tmp_path):
    panel = replace(make_panel(40, 3, 3, seed=2), agents=("a", "a_p_b", "y"))
    require_round_trip(panel, tmp_path / "p.parquet")
    assert read_panel(str(tmp_path / "p.parquet"), agents=["a_p_b"]).agents == ("a_p_b",)


def test_options_go_before_what_was_written(tmp_path):
    panel = make_panel(40, 2, 3, seed=2)
    panel = replace(
        panel,
        columns={"s": pa.array([i // 4 for i in range(40)]), "t": pa.array([i // 2 for i in range(40)])},
        group="s",
    )
    panel.to_parquet(tmp_path / "p.parquet")
    read = read_panel(str(tmp_path / "p.parquet"), group="t", weights="confidence")
    assert (read.group, read.weights) == ("t", "confidence")


def test_a_table_that_has_changed_is_read_by_its_names(tmp_path):
    table = make_panel(40, 3, 3, seed=2).to_table()
    without = table.drop_columns([name for name in table.column_names if name.startswith("agent1")])
    assert read_panel(without).agents == ("agent0", "agent2")
    more = table.append_column("new_label", table["agent0_label"])
    with pytest.warns(sabotage.SabotageWarning, match=r"new has no (self-assessment|confidence)"):
        found = read_panel(more)
    assert found.agents == ("agent0", "agent1", "agent2", "new")
    pq.write_table(table.replace_schema_metadata({"sabotage_panel": '{"version": 99}'}), tmp_path / "p.parquet")
    assert read_panel(str(tmp_path / "p.parquet")).agents == ("agent0", "agent1", "agent2")


def lies():
    """What stands in the metadata, and is nothing that a panel writes."""
    true = describe(make_panel(20))
    agent = true["agents"][0]
    yield from (b"{", b"\xff\xfe", b"[" * 100_000, b"[1]", b"3", b'"x"', b"{}", b'{"version": 1}')
    for key, values in {
        "agents": (None, [], {}, ["x"], [{**agent, "more": 1}], [{"name": "v"}], [agent, agent]),
        "keep": (None, "g", [["g"]]),
        "group": (3, ["g"], "not kept"),
        "seed_column": ("id",),
        "weights": (3, ["x"], "not a suffix"),
    }.items():
        yield from (json.dumps({**true, key: value}).encode() for value in values)
    for key, value in {"label": 3, "scores": None, "reliability": ["x"], "name": None, "confidence": "y"}.items():
        agents = [{**agent, key: value}, *true["agents"][1:]]
        yield json.dumps({**true, "agents": agents}).encode()


@pytest.mark.parametrize("text", list(lies()))
def test_a_description_that_no_panel_wrote_is_not_believed(text):
    panel = make_panel(20)
    table = panel.to_table().replace_schema_metadata({"sabotage_panel": text})
    with pytest.warns(SabotageWarning, match="what the metadata of the table say of the panel that wrote it cannot be"):
        read = read_panel(table)
    assert read.agents == panel.agents
    np.testing.assert_array_equal(read.scores, panel.scores)


@pytest.mark.parametrize(
    "text", [b"[", b"3", b'{"a": 1}', b'[["a"]]', b'[NaN, "fear"]', b"[Infinity]", b"\xff", b"null"]
)
def test_an_order_of_classes_that_is_none_is_not_believed(text):
    table = make_panel(20).to_table().replace_schema_metadata({"sabotage_classes": text})
    with pytest.warns(SabotageWarning, match="cannot be understood"):
        assert read_panel(table).classes == ("anger", "disgust", "fear", "happy")


@pytest.mark.parametrize("values", [[2**64 - 1, 2**63], [1e300, 2.0]])
def test_classes_that_no_integer_of_arrow_holds_are_read_back(values, tmp_path):
    labels = np.array(values * 2)
    panel = read_panel({"y": labels, "v_label": labels, "v_confidence": [0.5] * 4})
    panel.to_parquet(tmp_path / "p.parquet")
    read = read_panel(tmp_path / "p.parquet")
    assert read.classes == panel.classes == tuple(sorted(int(value) for value in values))
    np.testing.assert_array_equal(read.labels, panel.labels)
