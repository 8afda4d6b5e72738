"""What learned rules may see of a file: no row that they are judged on, whatever stands in it."""

import json
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from builders import make_panel
from numpy.testing import assert_array_equal

from sabotage import SabotageError, SabotageWarning, analyze, fuse, read_calibration, read_panel, replay
from sabotage.calibration import read_rows_to_fit
from sabotage.fusion import CLIP
from sabotage.labels import merged
from sabotage.learning import fit
from sabotage.rules import Rule
from sabotage.teaching import Teaching, make_teaching, own_rule, prepare_rules, wants_rows

NAMES = (
    "stacking", "weighted_stacking", "learned_gate", "class_weighted", "calibrated:weighted_mean",
    "calibrated-platt:log_pool", "calibrated-isotonic:softmax_gate",
)  # fmt: skip
OWN_RULE = """
def first(evidence, weights, available, out):
    for c in range(len(out)):
        out[c] = 0.0
        for m in range(len(weights)):
            if available[m]:
                out[c] += evidence[m, c]
"""


def frame_of(n=200, splits=("train", "test"), seed=0, n_classes=3, **options):
    """A table whose rows are of the splits in turn."""
    options = {"missing": 0.1, "no_reliability": 0.1} | options
    frame = make_panel(n, 3, n_classes, seed, **options).to_table().to_pandas()
    frame["split"] = pd.Series([splits[k % len(splits)] for k in range(n)], dtype=object)
    return frame


def written(frame, path):
    """The table as a parquet file."""
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path)
    return str(path)


def poisoned(frame, rows, seed=99):
    """The table with another truth, and other scores, labels, confidences and reliabilities, on some rows."""
    other = make_panel(len(frame), 3, 3, seed, missing=0.4).to_table().to_pandas()
    frame = frame.copy()
    for name in other.columns.drop("id"):
        frame.loc[rows, name] = other.loc[rows, name]
    return frame


def prepared(path, names, **options):
    """Fitted rules and the panel, as the commands make them."""
    return prepare_rules(path, read_panel(path), names, clip=CLIP, **options)


def dumped(fitted):
    return json.dumps(fitted.parts)


def test_no_learned_rule_ever_sees_a_test_row(tmp_path):
    frame = frame_of()
    is_test = frame["split"] == "test"
    clean, evil = written(frame, tmp_path / "a.parquet"), written(poisoned(frame, is_test), tmp_path / "b.parquet")
    other = written(poisoned(frame, ~is_test), tmp_path / "c.parquet")
    (panel, own), (poison, same), (_, moved) = (prepared(path, NAMES) for path in (clean, evil, other))
    assert (panel.truth != poison.truth).any()
    for name, first, second, third in zip(NAMES, own, same, moved, strict=True):
        assert dumped(first) == dumped(second), name
        assert dumped(first) != dumped(third), name
        assert (first.n_fit, first.fold) == (100, None)
        assert dumped(first) == dumped(fit(read_panel(clean, split="train"), name))
        rows, dirty = read_rows_to_fit(clean), read_rows_to_fit(evil)
        assert dumped(fit(rows, name)) == dumped(fit(dirty, name)) == dumped(first)
    for path in (clean, evil):
        teaching, _ = make_teaching(path, read_panel(path), None)
        assert dumped(teaching.fit(read_panel(path), "stacking", CLIP)) == dumped(own[0])


@pytest.mark.parametrize("name", NAMES)
def test_no_row_is_decided_by_what_saw_its_film(name, tmp_path):
    frame = frame_of(splits=("test",))
    frame["film"] = [f"film {k % 8}" for k in range(len(frame))]
    path = written(frame, tmp_path / "a.parquet")
    _, (own,) = prepare_rules(path, read_panel(path, group="film"), [name], n_folds=4, clip=CLIP, group="film")
    for film in ("film 0", "film 5"):
        rows = (frame["film"] == film).to_numpy()
        (k,) = set(own.fold[rows])
        evil = read_panel(written(poisoned(frame, rows), tmp_path / "b.parquet"), group="film")
        _, (same,) = prepare_rules(None, evil, [name], n_folds=4, clip=CLIP)
        assert_array_equal(same.fold, own.fold)
        assert json.dumps(same.parts[k]) == json.dumps(own.parts[k])
        assert all(json.dumps(same.parts[j]) != json.dumps(own.parts[j]) for j in range(4) if j != k)


@pytest.mark.parametrize("splits", [("train", "val", "test"), (None, "test"), ("dev", None, "test")])
def test_rows_of_any_other_split_may_be_learned_from(splits, tmp_path):
    frame = frame_of(splits=splits)
    path = written(frame, tmp_path / "a.parquet")
    panel, (own,) = prepared(path, ["stacking"])
    rest = (frame["split"] != "test").sum()
    assert (own.n_fit, panel.n_examples) == (rest, len(frame) - rest)
    assert read_rows_to_fit(path).n_examples == rest
    assert panel.origin.n_other_split == rest
    evil = poisoned(frame, frame["split"] == "test")
    assert dumped(prepared(written(evil, tmp_path / "b.parquet"), ["stacking"])[1][0]) == dumped(own)


def test_without_rows_to_learn_from_the_error_says_why(tmp_path):
    frame = frame_of()
    alone = written(frame.drop(columns="split"), tmp_path / "a.parquet")
    tests = written(frame.assign(split="test"), tmp_path / "b.parquet")
    trains = written(frame.assign(split="train"), tmp_path / "c.parquet")
    both = written(frame, tmp_path / "d.parquet")
    for path, says in ((alone, "a.parquet has no column split"), (tests, "no row of another split than test")):
        with pytest.raises(SabotageError, match=says) as error:
            prepared(path, ["mean", "stacking"])
        for way_out in ("may not see the rows that it is judged on", "--cross-fit K", "--group", "train"):
            assert way_out in str(error.value)
        teaching, panel = make_teaching(path, read_panel(path), None)
        assert not teaching.is_possible
        assert teaching.fit(panel, "stacking", CLIP) == "stacking"
    with pytest.raises(SabotageError, match="no row of the split 'test'"):
        read_panel(trains)
    with pytest.raises(SabotageError, match=r"all rows of b\.parquet are of split test, to be judged on"):
        read_rows_to_fit(tests)
    assert read_rows_to_fit(alone).n_examples == read_rows_to_fit(trains).n_examples == 200
    chosen = read_panel(both, where=["split == test"])
    with pytest.raises(SabotageError, match="no rows left but split == test"):
        read_calibration(both, chosen, where=["split == test"])
    assert read_rows_to_fit(both, where=["split == train"]).n_examples == 100
    late = written(frame.assign(late=np.where(frame["split"] == "test", 1, 0)), tmp_path / "e.parquet")
    with pytest.raises(SabotageError, match=r"all rows of e\.parquet are of split test"):
        read_rows_to_fit(late, where=["late == 1"])
    with pytest.raises(SabotageError, match="no row of the split 'test'"):
        read_panel(late, where=["late == 0"])


@pytest.mark.parametrize("lost", ["train", "test"])
def test_a_split_without_any_truth_is_called_that(lost, tmp_path):
    frame = frame_of()
    frame.loc[frame["split"] == lost, "y"] = None
    path = written(frame, tmp_path / "a.parquet")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SabotageWarning)
        if lost == "test":
            with pytest.raises(SabotageError, match=r"is null in every row of split test that is left of a\.parquet"):
                read_panel(path)
            assert read_rows_to_fit(path).n_examples == 100
            return
        with pytest.raises(SabotageError, match=r"is null in every row of another split that is left of a\.parquet"):
            read_rows_to_fit(path)
        with pytest.raises(SabotageError, match="is null in every row of another split"):
            prepared(path, ["stacking"])
    with pytest.warns(SabotageWarning, match="no use to learned rules: y, the truth, is null"):
        teaching, _ = make_teaching(path, read_panel(path), None)
    assert not teaching.is_possible


def voted(truth, labels, split):
    """A table of labels and confidences, of which the first is wrong."""
    labels = [labels[1], *labels[1:]]
    sure = np.linspace(0.1, 0.9, len(truth))
    columns = {"y": truth, "a_label": labels, "a_confidence": sure, "b_label": labels, "b_confidence": sure}
    return pd.DataFrame(columns | {"split": split})


def test_a_class_of_the_calibration_rows_is_a_class_of_the_panel(tmp_path):
    truth = ["b", "c", "b", "c"] * 10 + ["a", "b", "c", "d"] * 10
    frame = voted(truth, truth[::-1], ["test"] * 40 + ["train"] * 40)
    frame.loc[:39, ["a_label", "b_label"]] = "b"
    path = written(frame, tmp_path / "a.parquet")
    panel, (own,) = prepared(path, ["class_weighted"])
    assert panel.classes == own.classes == ("a", "b", "c", "d")
    assert any("2 classes that only the calibration rows have" in note for note in panel.notes)
    assert [panel.classes[k] for k in panel.truth] == truth[:40]
    assert (
        analyze(panel, rule=own, n_permutations=0).decision.accuracy == (fuse(panel, own).labels == panel.truth).mean()
    )
    plain, _ = prepared(path, ["majority"])
    assert plain.classes == ("b", "c")
    named, (other,) = prepare_rules(
        path,
        read_panel(path, classes=["d", "c", "b", "a"]),
        ["class_weighted"],
        clip=CLIP,
        classes=["d", "c", "b", "a"],
    )
    assert named.classes == other.classes == ("d", "c", "b", "a")
    assert np.array_equal(np.array(other.parts[0]["precision"])[:, ::-1], own.parts[0]["precision"])


def test_numbers_in_one_split_and_texts_in_the_other_are_one_list(tmp_path):
    truth = ["1", "2"] * 20 + ["1", "2", "x"] * 10
    path = tmp_path / "a.csv"
    voted(truth, [*truth[:41], *truth[::-1][:29]], ["test"] * 40 + ["train"] * 30).to_csv(path, index=False)
    panel, (own,) = prepared(str(path), ["class_weighted"])
    assert panel.classes == own.classes == ("1", "2", "x")
    panel.to_table()
    numbers = voted([1, 2] * 20 + [1, 2, 10] * 10, [1, 2] * 35, ["test"] * 40 + ["train"] * 30)
    panel, (own,) = prepared(written(numbers, tmp_path / "b.parquet"), ["class_weighted"])
    assert panel.classes == own.classes == (1, 2, 10)


@pytest.mark.parametrize(
    ("first", "second", "both"),
    [
        (("a", "c"), ("b", "c"), ("a", "b", "c")),
        (("c", "a"), ("b", "a"), ("c", "a", "b")),
        (("low", "mid"), ("low", "mid", "high"), ("low", "mid", "high")),
        (("low", "mid", "high"), ("mid", "high"), ("low", "mid", "high")),
        ((1, 2), ("1", "2", "x"), ("1", "2", "x")),
        (("1", "2", "x"), (1, 2), ("1", "2", "x")),
        ((1, 2), ("1", "x"), ("1", "2", "x")),
        ((1, 2), (2, 10), (1, 2, 10)),
        ((2, 1), (1, 3), (2, 1, 3)),
        ((False, True), (False, True), (False, True)),
        ((1, 2), (2, 1), (1, 2)),
    ],
)
def test_merged_orders(first, second, both):
    assert merged(first, second) == both
    assert [type(label) for label in merged(first, second)] == [type(label) for label in both]


def test_options_of_the_table_hold_for_the_calibration_rows(tmp_path):
    frame = frame_of()
    frame["site"] = np.where(np.arange(200) % 3 == 0, "x", "y")
    for m in range(3):
        frame[f"agent{m}_care"] = np.random.default_rng(m).random(200)
    path = written(frame, tmp_path / "a.parquet")
    options = {"agents": ["agent2", "agent0"], "where": ["site == y"], "weights": "care"}
    _, (own,) = prepare_rules(path, read_panel(path, **options), ["weighted_stacking"], clip=CLIP, **options)
    assert (own.agents, own.weights) == (("agent0", "agent2"), "care")
    assert own.n_fit == ((frame["split"] == "train") & (frame["site"] == "y")).sum()
    witness = fit(read_panel(path, split="train", **options), "weighted_stacking")
    assert dumped(own) == dumped(witness)


def test_calibration_rows_do_not_choose_other_weights(tmp_path):
    frame = frame_of()
    path = written(frame, tmp_path / "a.parquet")
    panel = read_panel(path)
    with pytest.raises(SabotageError, match="weighed by confidence, the examples by reliability"):
        read_calibration(path, panel, weights="confidence")


def test_what_the_calibration_rows_lack_is_said_once_and_as_theirs(tmp_path):
    frame = frame_of()
    frame.loc[[0, 2, 4, 1], "y"] = None
    with pytest.warns(SabotageWarning) as heard:
        panel, _ = prepared(written(frame, tmp_path / "a.parquet"), ["stacking"])
    assert [str(one.message) for one in heard] == [
        "1 row without truth is dropped", "rows to learn from: 3 rows without truth are dropped"
    ]  # fmt: skip
    assert {str(one.message) for one in heard} <= set(panel.notes)


def test_an_id_of_both_splits_is_a_leak(tmp_path):
    frame = frame_of()
    frame["id"] = np.arange(200) // 2
    panel, (own,) = prepared(written(frame, tmp_path / "a.parquet"), ["stacking"])
    with pytest.warns(SabotageWarning) as heard:
        analyze(panel, rule=own, n_permutations=0)
    assert any("split" in str(one.message) for one in heard)
    assert any("judged on rows that it was fitted on" in str(one.message) for one in heard)
    with pytest.raises(SabotageError, match="split"):
        analyze(panel, rule=own, n_permutations=0, strict=True)


@pytest.mark.parametrize("lists", [False, True])
def test_more_classes_are_as_if_they_had_been_read(lists, tmp_path):
    panel = make_panel(60, 3, 3, 2, missing=0.2, recorded=True)
    scores = panel.scores - 0.1
    if lists:
        scores[4, 1, 2] = np.nan
    fused = np.random.default_rng(0).normal(size=(60, 3))
    panel = replace(panel, scores=scores, fused_scores=fused)
    path = str(tmp_path / "p.parquet")
    table = panel.to_table()
    pq.write_table(table.replace_schema_metadata(None), path)
    order = ["new", "fear", "anger", "other", "disgust"]
    assert set(panel.classes) < set(order)
    read, more = read_panel(path, classes=order), read_panel(path).with_classes(order)
    assert read.classes == more.classes == tuple(order)
    for name in ("truth", "labels", "scores", "confidence", "reliability", "fused_label", "fused_scores"):
        assert_array_equal(getattr(read, name), getattr(more, name), err_msg=name)
    assert_array_equal(more.has_lists, read.has_lists)
    for rule in ("majority", "max_confidence"):
        first, second = fuse(panel, rule).labels, fuse(more, rule).labels
        plain = {tuple(panel.classes[k] if k >= 0 else None for k in first)}
        if rule == "max_confidence":  # no tie that an order could settle
            assert plain == {tuple(more.classes[k] if k >= 0 else None for k in second)}


def test_with_classes_there_and_back():
    panel = make_panel(40, 3, 4, 1, missing=0.2, recorded=True)
    back = panel.with_classes(panel.classes[::-1]).with_classes(panel.classes)
    for name in ("truth", "labels", "scores", "confidence", "reliability", "fused_label"):
        assert_array_equal(getattr(panel, name), getattr(back, name))
    assert back.classes == panel.classes
    assert panel.with_classes(panel.classes) is panel
    for wrong in (panel.classes[1:], (*panel.classes, panel.classes[0])):
        with pytest.raises(SabotageError, match="classes must hold those of the panel, each once"):
            panel.with_classes(wrong)


def test_a_teaching_has_one_source():
    with pytest.raises(SabotageError, match="give one of the two"):
        Teaching(make_panel(), 3)
    panel = make_panel()
    assert Teaching(n_folds=3).fit(panel, "stacking", CLIP).fold is not None
    assert Teaching(panel).fit(panel, "mean", CLIP) == "mean"


def test_names_are_looked_at_before_rows_are_read(tmp_path):
    for name, says in (
        ("calibrated:nonsense", "unknown rule 'nonsense'"),
        ("calibrated", "must say which rule"),
        ("calibrated-beta:mean", "unknown calibration method 'beta'"),
        ("no.json", "no.json cannot be read"),
    ):
        with pytest.raises(SabotageError, match=says):
            prepare_rules("nowhere", make_panel(), [name], clip=CLIP)


def test_a_saved_rule_and_one_of_ones_own_are_made_ready(tmp_path):
    panel = make_panel(80, 3, 3)
    fit(panel, "learned_gate").save(tmp_path / "gate.json")
    (tmp_path / "mine.py").write_text(OWN_RULE)
    name = f"{tmp_path / 'mine.py'}:first"
    _, (saved, own, plain) = prepare_rules(None, panel, [str(tmp_path / "gate.json"), name, "mean"], clip=CLIP)
    assert (saved.n_fit, own, plain) == (80, name, "mean")
    _, (slow,) = prepare_rules(None, panel, [name], interpret=True, clip=CLIP)
    assert isinstance(slow, Rule)
    assert not slow.is_compiled
    assert_array_equal(fuse(panel, slow).labels, fuse(panel, own).labels)
    assert_array_equal(replay(panel, slow).decision.labels, fuse(panel, "mean").labels)
    assert own_rule("mean", True) == "mean"
    assert own_rule("calibrated:mine.py:first", True) == "calibrated:mine.py:first"


def test_rows_are_wanted_by_learned_rules_and_by_whom_they_may_help():
    assert wants_rows(["mean", "calibrated:mean", "best_agent"]) is True
    assert wants_rows(["mean", "stacking"]) is True
    assert wants_rows(["best_agent"]) is None
    assert wants_rows(["mean", "best_agent"]) is None
    assert wants_rows(["mean", "majority"]) is False
