"""Long tables: one row a candidate, against a gathering in plain Python."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from builders import make_panel
from hypothesis import given, settings
from hypothesis import strategies as st

import sabotage
from sabotage import SabotageError, SabotageWarning, read_panel

CLASSES = ("anger", "joy", "sad", "void")
AGENTS = ("face", "voice")


def naive(rows: list[dict], classes=CLASSES) -> dict:
    """Gather candidates by example and agent: first candidate, its confidence, scores of those who list."""
    order = list(dict.fromkeys(row["id"] for row in rows))
    agents = list(dict.fromkeys(row["agent"] for row in rows))
    cells: dict[tuple, list[dict]] = {}
    for row in rows:
        if row["label"] is not None:
            cells.setdefault((row["id"], row["agent"]), []).append(row)
    lists = {agent for (_, agent), cell in cells.items() if len(cell) > 1}
    n, m, c = len(order), len(agents), len(classes)
    labels, confidence, scores = np.full((n, m), -1), np.full((n, m), np.nan), np.full((n, m, c), np.nan)
    for (id, agent), cell in cells.items():
        at = order.index(id), agents.index(agent)

        def key(row):
            rank = np.inf if row.get("rank") is None else row["rank"]
            sure = -np.inf if row["confidence"] is None else row["confidence"]
            return rank, -sure, classes.index(row["label"])

        first = min(cell, key=key)
        labels[at] = classes.index(first["label"])
        confidence[at] = np.nan if first["confidence"] is None else first["confidence"]
        for row in cell:
            if agent in lists and row["confidence"] is not None:
                scores[(*at, classes.index(row["label"]))] = row["confidence"]
    return {
        "ids": order,
        "agents": agents,
        "labels": labels,
        "confidence": confidence,
        "scores": scores if lists else None,
    }


@st.composite
def long_rows(draw):
    """Rows of a long table that is in order: no candidate twice, confidences wherever there are several."""
    n = draw(st.integers(2, 6))
    is_ranked = draw(st.booleans())
    rows = []
    for i in range(n):
        truth = draw(st.sampled_from(CLASSES))
        for agent in AGENTS:
            listed = draw(st.lists(st.sampled_from(CLASSES), max_size=4, unique=True))
            if not listed:  # said nothing
                rows.append(
                    {"id": f"e{i}", "agent": agent, "label": None, "confidence": None, "rank": None, "y": truth}
                )
            for rank, label in enumerate(listed):
                sure = draw(st.sampled_from([0.0, 0.2, 0.2, 0.5, 1.0]))
                rows.append(
                    {"id": f"e{i}", "agent": agent, "label": label, "confidence": sure, "rank": rank + 1, "y": truth}
                )
    # Every class and every agent stands somewhere.
    rows += [
        {"id": "z", "agent": a, "label": c, "confidence": 0.25, "rank": 1 + k, "y": "joy"}
        for a in AGENTS
        for k, c in enumerate(CLASSES)
    ]
    if not is_ranked:
        for row in rows:
            row["rank"] = None
    return draw(st.permutations(rows)) if draw(st.booleans()) else rows


@given(long_rows())
@settings(max_examples=60, deadline=None)
def test_candidates_are_gathered_as_by_hand(rows):
    found, expected = read_panel(pa.Table.from_pylist(rows)), naive(rows)
    assert found.classes == CLASSES
    assert list(found.agents) == expected["agents"]
    assert found.ids.to_pylist() == expected["ids"]
    np.testing.assert_array_equal(found.labels, expected["labels"])
    np.testing.assert_array_equal(found.confidence, expected["confidence"])
    np.testing.assert_array_equal(found.scores, expected["scores"])
    truth = {row["id"]: row["y"] for row in rows}
    assert [found.classes[y] for y in found.truth] == [truth[id] for id in expected["ids"]]


@given(long_rows(), st.randoms(use_true_random=False))
@settings(max_examples=20, deadline=None)
def test_the_order_of_rows_is_the_order_of_examples_and_nothing_else(rows, random):
    moved = list(rows)
    random.shuffle(moved)
    first, second = (read_panel(pa.Table.from_pylist(some)).to_table().to_pandas() for some in (rows, moved))
    second = second[first.columns]
    pd.testing.assert_frame_equal(
        first.sort_values("id").reset_index(drop=True), second.sort_values("id").reset_index(drop=True)
    )


def as_long(panel) -> pa.Table:
    """Write a panel one row a class."""
    rows = [
        {
            "id": panel.ids[i].as_py(),
            "agent": agent,
            "label": label,
            "confidence": panel.scores[i, m, c],
            "self_assessment": panel.reliability[i, m],
            "y": panel.classes[panel.truth[i]],
        }
        for i in range(panel.n_examples)
        for m, agent in enumerate(panel.agents)
        for c, label in enumerate(panel.classes)
    ]
    return pa.Table.from_pylist(rows)


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl", "feather"])
def test_wide_and_long_are_one_panel(ending, tmp_path):
    wide = sabotage.simulate("aligned", 60, 3)
    path = str(tmp_path / f"long.{ending}")
    frame = as_long(wide).to_pandas()
    {
        "parquet": lambda: frame.to_parquet(path),
        "csv": lambda: frame.to_csv(path, index=False),
        "jsonl": lambda: frame.to_json(path, orient="records", lines=True, double_precision=15),
        "feather": lambda: frame.to_feather(path),
    }[ending]()
    long = read_panel(path)
    assert long.origin.is_long
    assert (long.agents, long.classes, long.weights) == (wide.agents, wide.classes, "reliability")
    np.testing.assert_array_equal(long.labels, wide.labels)
    np.testing.assert_array_equal(long.truth, wide.truth)
    for name in ("confidence", "scores", "reliability"):
        np.testing.assert_allclose(getattr(long, name), getattr(wide, name), rtol=0, atol=1e-14)
    # The same decisions, and so everything that follows from them.
    np.testing.assert_array_equal(
        sabotage.replay(long, "weighted_mean").decision.labels, sabotage.replay(wide, "weighted_mean").decision.labels
    )


def test_lists_are_fused_by_the_sum_of_their_confidences_and_cover_what_they_list():
    """A worked example: three agents, ranked lists, nothing normalised."""
    said = {
        "text": [("sad", 0.8), ("anger", 0.3)],
        "audio": [("joy", 0.6), ("sad", 0.5), ("anger", 0.2)],
        "video": [("anger", 0.7)],
    }
    rows = [
        {"id": i, "agent": agent, "label": label, "confidence": sure, "y": y}
        for i, y in enumerate(("sad", "anger", "joy", "void"))
        for agent, listed in said.items()
        for label, sure in listed
    ]
    panel = read_panel(pa.Table.from_pylist(rows))
    assert panel.has_lists.tolist() == [True, True, False]
    assert [panel.classes[c] for c in panel.labels[0]] == ["sad", "joy", "anger"]
    fused = sabotage.replay(panel, "confidence_sum")
    # sad .8 + .5, anger .3 + .2 + .7, joy .6; void is listed by nobody.
    assert [panel.classes[c] for c in fused.decision.labels] == ["sad"] * 4
    assert fused.decision.truth_rank[:3].tolist() == [0, 1, 2]
    assert fused.decision.truth_rank[3] >= 4  # not listed: in no top k
    assert sabotage.replay(panel).rule.name == "weighted_confidence_sum"
    profile = sabotage.analyze(panel, n_permutations=0, top_k=[1, 2, 3, 4]).agents[1]
    assert profile.top_k == {"1": 0.25, "2": 0.5, "3": 0.75, "4": 0.75}  # void is not among its three


def table(**columns) -> pa.Table:
    base = {
        "id": [1, 1, 2],
        "agent": ["a", "a", "a"],
        "label": ["x", "y", "x"],
        "confidence": [0.5, 0.25, 1.0],
        "y": ["x", "x", "y"],
    }
    base |= columns
    return pa.table({name: values for name, values in base.items() if values is not None})


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"label": ["x", "x", "y"]}, "a gives the label 'x' twice to one example, in row 0 of the table and row 1"),
        ({"confidence": [0.5, 7.0, 1.0]}, r"confidence must lie in \[0, 1\]: found 7.0 in row 1 of the table"),
        ({"confidence": ["a", "b", "c"]}, "confidence must be a number: found 'a'"),
        (
            {"confidence": None},
            "several labels to one example, in row 0 of the table and row 1 of the table, with neither",
        ),
        ({"id": None}, "no column of ids"),
        ({"id": [1, None, 2]}, "id is null in row 1 of the table: every candidate needs the id"),
        ({"agent": ["a", "a", None]}, "agent is null in row 2 of the table"),
        ({"label": None}, "no column of candidates' labels"),
        ({"y": None}, "no column with the truth"),
        (
            {"y": ["x", "y", "y"]},
            "y must be the same in all rows of one example: found 'x' in row 0 of the table and 'y' in row 1",
        ),
        ({"y": [None, None, None]}, "y, the truth, is null in every row"),
        ({"self_assessment": [0.5, 0.6, 1.0]}, "self_assessment of one agent must be the same .* found 0.5 in row 0"),
        ({"self_assessment": [0.5, -0.6, 1.0]}, "self_assessment must not be negative"),
        ({"group": ["g", "h", "h"]}, "group must be the same in all rows of one example: found 'g'"),
        ({"fused_label": ["x", "y", "x"]}, "fused_label must be the same"),
        ({"conf": [0.5, 0.25, 1.0]}, "confidence and conf could each be the confidence"),
        ({"rank": [1, -2, 1]}, "rank must not be negative"),
    ],
)
def test_refused(columns, says):
    with pytest.raises(SabotageError, match=says):
        read_panel(table(**columns))


def test_unknown_agents_and_weights():
    with pytest.raises(SabotageError, match=r"unknown agent 'b'"):
        read_panel(table(), agents=["b"])
    with pytest.raises(SabotageError, match="--weights surety reads the column surety of a long table"):
        read_panel(table(), weights="surety")
    read = read_panel(table(surety=[0.5, 0.5, 2.0]), weights="surety")
    assert read.reliability.ravel().tolist() == [0.5, 2.0]
    assert read.weights == "surety"


def test_ranks_alone_are_reciprocal_and_order_the_candidates():
    with pytest.warns(SabotageWarning, match="a has no confidence: it is never a saboteur"):
        read = read_panel(table(confidence=None, rank=[2, 1, 1]))
    assert [read.classes[c] for c in read.labels[:, 0]] == ["y", "x"]
    np.testing.assert_array_equal(read.scores[:, 0], [[0.5, 1.0], [1.0, np.nan]])
    assert np.isnan(read.confidence).all()
    assert any("reciprocal ranks" in note for note in read.notes)


def test_ranks_go_before_confidences():
    read = read_panel(table(rank=[2, 1, 1]))
    assert [read.classes[c] for c in read.labels[:, 0]] == ["y", "x"]
    assert read.confidence[:, 0].tolist() == [0.25, 1.0]
    np.testing.assert_array_equal(read.scores[:, 0], [[0.5, 0.25], [1.0, np.nan]])


def test_ranks_from_0_are_ranks_all_the_same():
    with pytest.warns(SabotageWarning, match="a has no confidence"):
        read = read_panel(table(confidence=None, rank=[1, 0, 0]))
    np.testing.assert_array_equal(read.scores[:, 0], [[0.5, 1.0], [1.0, np.nan]])


def test_one_candidate_each_is_a_label_and_no_scores():
    read = read_panel(
        pa.table({"id": [1, 2], "agent": ["a", "a"], "label": ["x", "y"], "confidence": [0.5, 0.9], "y": ["x", "x"]})
    )
    assert read.scores is None
    assert sabotage.replay(read).rule.name == "weighted_vote"


def test_who_is_absent_from_some_examples_is_missing_there():
    rows = table(
        id=[1, 2, 2], agent=["a", "b", "a"], label=["x", "y", None], confidence=[0.5, 0.5, None], y=["x", "y", "y"]
    )
    read = read_panel(rows)
    assert read.labels.tolist() == [[0, -1], [-1, 1]]
    assert np.isnan(read.reliability[1, 0])


def test_examples_without_truth_are_dropped_and_rows_may_leave_it_to_each_other():
    with pytest.warns(SabotageWarning, match="1 example without truth is dropped"):
        read = read_panel(table(id=[1, 1, 2], y=["y", None, None]))
    assert read.origin.n_dropped == 1
    assert read.labels.shape == (1, 1)
    assert read.scores is not None  # both candidates of the first example, though one row has no truth


def test_seeds_tell_repeated_runs_apart():
    rows = pa.table(
        {
            "id": ["u", "u", "v", "v"],
            "seed": [0, 1, 0, 1],
            "agent": ["a"] * 4,
            "label": ["x", "y", "y", "y"],
            "confidence": [0.5, 0.9, 0.4, 0.3],
            "y": ["x", "x", "y", "y"],
        }
    )
    read = read_panel(rows, seed_column="seed")
    assert read.ids.to_pylist() == ["u", "u", "v", "v"]
    assert read.labels.ravel().tolist() == [0, 1, 1, 1]
    with pytest.raises(SabotageError, match=r"gives the label 'y' twice .* --seed-column"):
        read_panel(rows.drop_columns("confidence"))


def test_splits_conditions_and_other_agents():
    rows = table(
        id=[1, 2, 3, 4],
        agent=["a", "b", "a", "a"],
        label=["x", "y", "w", "x"],
        confidence=[0.5] * 4,
        y=["x", "y", "x", "y"],
        split=["test", "test", "train", "test"],
        site=[1, 1, 1, 2],
    )
    read = read_panel(rows, agents=["a"], where=["site == 1"])
    assert read.ids.to_pylist() == [1, 2]
    assert (read.origin.n_other_split, read.origin.n_filtered) == (1, 1)
    assert read.origin.other_agents == ("b",)
    assert read.classes == ("x", "y")


def test_percent_and_missing_confidences_in_lists():
    read = read_panel(table(confidence=[50.0, 25.0, 100.0]), confidence_scale="percent")
    assert read.confidence.ravel().tolist() == [0.5, 1.0]
    read = read_panel(table(confidence=[0.5, None, 1.0]))
    np.testing.assert_array_equal(read.scores[0, 0], [0.5, np.nan])
    assert any("1 candidate of lists has no confidence" in note for note in read.notes)
    with pytest.warns(SabotageWarning, match="1 row with a confidence or a rank and no label"):
        read_panel(table(label=["x", None, "y"]))


def test_self_assessments_that_one_agent_lacks_leave_the_confidence():
    rows = table(agent=["a", "a", "b"], self_assessment=[0.5, 0.5, None])
    with pytest.warns(
        SabotageWarning, match="the confidence of every agent is the weight: b has no self-assessment, so a"
    ):
        assert read_panel(rows).weights == "confidence"


def test_a_csv_keeps_the_spelling_of_ids(tmp_path):
    path = tmp_path / "long.csv"
    path.write_text("id,agent,label,confidence,y\n007,a,x,0.5,x\n007,a,y,0.2,x\n7,a,y,0.9,y\n")
    read = read_panel(str(path))
    assert read.ids.to_pylist() == ["007", "7"]


def test_the_audit_of_a_long_table_says_so(tmp_path):
    path = str(tmp_path / "long.parquet")
    import pyarrow.parquet as pq

    pq.write_table(as_long(make_panel(40, 2, 3, seed=1)), path)
    audit = sabotage.analyze(read_panel(path), n_permutations=0)
    found = json.loads(audit.to_json())
    assert found["input"]["is_long"] is True
    assert (found["input"]["n_examples"], found["input"]["n_rows"]) == (40, 240)
    assert "40 in 240 rows" in repr(audit.panel)


# ---- names of agents ----


def of_agents(*agents):
    n = len(agents)
    return {
        "id": [1] * n,
        "agent": pa.array(agents),
        "label": ["x", "y", "x"][:n],
        "confidence": [0.5] * n,
        "y": ["x"] * n,
    }


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (of_agents("f", ""), "agent is null in row 1 of the table: every candidate needs its agent"),
        (of_agents(1.0, float("nan")), "agent is null in row 1 of the table"),
        (of_agents("f", "a\nb"), "agent, row 1 of the table: found a name with a newline in it"),
        (of_agents(b"f", b"v"), "agent of the table holds binary: texts or integers would do"),
        (of_agents(True, False), "agent of the table holds bool"),
    ],
)
def test_agents_that_have_no_name(table, says):
    with pytest.raises(SabotageError, match=says):
        read_panel(table)


def test_an_empty_agent_of_a_csv_is_none(tmp_path):
    path = tmp_path / "long.csv"
    path.write_text("id,agent,label,confidence,y\n1,f,x,0.5,x\n1,,y,0.5,x\n")
    with pytest.raises(SabotageError, match=r"agent is null in row 1 of long.csv"):
        read_panel(path)


def test_agents_that_look_alike_and_agents_that_are_numbers():
    with pytest.warns(SabotageWarning, match="the agents 'f' and 'F ' look alike and are two"):
        assert read_panel(of_agents("f", "F ")).agents == ("f", "F ")
    assert read_panel(of_agents(2.0, 1.0), agents=["1"]).agents == ("1",)


def test_nan_is_nothing_in_a_kept_column():
    table = {**of_agents("f", "v"), "group": pa.array([np.nan, 3.0])}
    assert read_panel(table).column("group").to_pylist() == [3.0]
