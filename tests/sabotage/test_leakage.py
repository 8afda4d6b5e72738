"""Signs of leakage: found where they were planted, and nowhere else."""

import datetime
import decimal
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from builders import make_panel, panels
from hypothesis import given, settings
from hypothesis import strategies as st

from sabotage import Panel, read_panel
from sabotage.demo import digit_panel
from sabotage.keys import n_shared_values
from sabotage.leakage import find_leaks


def reweighted(panel: Panel, m: int, values: np.ndarray) -> Panel:
    """Return the panel with another reliability of agent m."""
    reliability = panel.reliability.copy()
    reliability[:, m] = np.where(panel.labels[:, m] >= 0, values, np.nan)
    return replace(panel, reliability=reliability)


def parted(n_right: int, n_wrong: int, reverse: bool = False) -> Panel:
    """Return a panel whose agent1 is right n_right times and wrong n_wrong times, and knows it."""
    panel = make_panel(n_right + n_wrong, 2, 3, seed=1)
    labels = panel.labels.copy()
    right = np.arange(len(labels)) < n_right
    labels[:, 1] = np.where(right, panel.truth, (panel.truth + 1) % 3)
    noise = np.random.default_rng(0).random(len(labels)) / 2
    return reweighted(replace(panel, labels=labels, scores=None), 1, np.where(right != reverse, 0.5, 0.0) + noise)


# ---- reliability that knows the truth ----


def test_reliability_that_parts_right_from_wrong():
    assert find_leaks(parted(34, 26)) == [
        "the reliability of agent1 is higher on each of the 34 examples that the agent gets right than on any of the 26"
        " that it gets wrong: it tells right from wrong without a miss, as if the truth had gone into it; make it from"
        " what is known before the truth is"
    ]
    assert find_leaks(parted(1000, 200, reverse=True)) == [
        "the reliability of agent1 is lower on each of the 1,000 examples that the agent gets right than on any of the"
        " 200 that it gets wrong: reversed, it tells right from wrong without a miss, as if the truth had gone into it;"
        " make it from what is known before the truth is"
    ]


@pytest.mark.parametrize(("n_right", "n_wrong", "found"), [(15, 5, 1), (5, 15, 1), (16, 4, 0), (4, 30, 0), (9, 10, 0)])
def test_few_examples_show_nothing(n_right, n_wrong, found):
    assert len(find_leaks(parted(n_right, n_wrong))) == found


def test_a_single_tie_or_exception_clears_the_reliability():
    panel = parted(34, 26)
    reliability = panel.reliability[:, 1].copy()
    tie = reliability.copy()
    tie[0] = tie[34:].max()
    assert find_leaks(reweighted(panel, 1, tie)) == []
    miss = reliability.copy()
    miss[50] = 2.0
    assert find_leaks(reweighted(panel, 1, miss)) == []


def test_silent_and_unassessed_examples_do_not_count():
    panel = parted(34, 26)
    unknown = panel.reliability[:, 1].copy()
    unknown[:30] = np.nan
    assert find_leaks(reweighted(panel, 1, unknown)) == []  # 4 right ones are left
    unknown[29] = 0.9
    assert "each of the 5 examples" in find_leaks(reweighted(panel, 1, unknown))[0]
    labels = panel.labels.copy()
    labels[40:] = -1
    reliability = np.where(labels >= 0, panel.reliability, np.nan)
    confidence = np.where(labels >= 0, panel.confidence, np.nan)
    there = replace(panel, labels=labels, reliability=reliability, confidence=confidence)
    assert "any of the 6 that it gets wrong" in find_leaks(there)[0]


def test_the_weights_go_by_their_name():
    panel = parted(34, 26)
    assert find_leaks(replace(panel, weights="intensity"))[0].startswith("the intensity of agent1 is higher")
    assert find_leaks(panel.with_weights(panel.reliability))[0].startswith("the reliability of agent1 is higher")
    assert find_leaks(panel.with_weights("uniform")) == []


def test_reliability_that_follows_the_truth():
    panel = make_panel(80, 3, 4, seed=4)
    assert find_leaks(reweighted(panel, 2, np.array([0.2, 0.9, 0.2, 0.5])[panel.truth])) == [
        "the reliability of agent2 is the same on all examples of one true class and takes 3 values over 4 classes (80"
        " examples): it is a function of the truth; make it from what is known before the truth is"
    ]


def test_what_does_not_follow_the_truth():
    panel = make_panel(80, 3, 4, seed=4)
    by_class = np.array([0.2, 0.9, 0.2, 0.5])
    assert find_leaks(reweighted(panel, 2, np.ones(80))) == []  # one value says nothing
    assert find_leaks(reweighted(panel, 2, by_class[panel.labels[:, 2]])) == []  # an agent may know what it says
    values = by_class[panel.truth]
    values[17] += 1e-9
    assert find_leaks(reweighted(panel, 2, values)) == []
    few = panel.take(np.arange(19))
    assert find_leaks(reweighted(few, 2, by_class[few.truth])) == []


def test_classes_of_one_example_show_nothing():
    panel = make_panel(60, 2, 40, seed=0)
    alone = replace(panel, truth=np.arange(60, dtype=np.int32) % 40)  # 20 classes twice, 20 once
    values = np.random.default_rng(0).random(40)
    assert "takes 20 values over 20 classes (40 examples)" in find_leaks(reweighted(alone, 0, values[alone.truth]))[0]
    once = alone.take(np.arange(40))
    assert find_leaks(reweighted(once, 0, values[once.truth])) == []
    level = np.where(np.arange(40) < 20, 0.5, values)  # differs on single examples only
    assert find_leaks(reweighted(alone, 0, level[alone.truth])) == []


@settings(max_examples=40, deadline=None)
@given(panels(most=19))
def test_small_panels_have_no_leak(panel):
    assert find_leaks(panel) == []


@pytest.mark.parametrize("seed", range(10))
def test_sound_panels_have_no_leak(seed):
    for steps in (None, 1, 10):
        assert find_leaks(make_panel(120, 3, 4, seed, missing=0.2, no_reliability=0.2, steps=steps)) == []


def test_the_demo_has_no_leak(tmp_path):
    panel = digit_panel(0)
    assert find_leaks(panel) == []
    panel.to_parquet(tmp_path / "p.parquet")
    read = read_panel(tmp_path / "p.parquet")
    assert read.origin.n_other_split > 0
    assert find_leaks(read) == []


# ---- rows of other splits ----


def split_table(n: int = 90) -> pd.DataFrame:
    """Return a clean table: a third test rows, no id twice, and no film in two splits."""
    table = make_panel(n, 2, 3, seed=3).to_table().to_pandas()
    return table.assign(split=np.repeat(["train", "calibration", "test"], n // 3), film=np.arange(n) // 5)


def given_as(table: pd.DataFrame, kind: str, folder):
    if kind == "frame":
        return table
    path = folder / f"t.{kind}"
    {"csv": lambda: table.to_csv(path, index=False), "parquet": lambda: table.to_parquet(path)}[kind]()
    return path


KINDS = pytest.mark.parametrize("kind", ["frame", "csv", "parquet"])


@KINDS
@pytest.mark.parametrize("as_texts", [False, True])
def test_clean_splits_share_nothing(kind, as_texts, tmp_path):
    table = split_table()
    if as_texts:
        table["id"], table["film"] = table["id"].map("clip {}".format), table["film"].map("film {}".format)
    panel = read_panel(given_as(table, kind, tmp_path), group="film")
    assert (panel.n_examples, panel.origin.n_other_split) == (30, 60)
    assert (panel.origin.n_shared_ids, panel.origin.n_shared_groups) == (0, 0)
    assert find_leaks(panel) == []


@KINDS
@pytest.mark.parametrize("as_texts", [False, True])
def test_ids_and_groups_on_both_sides(kind, as_texts, tmp_path):
    table = split_table()
    table.loc[[0, 1, 40], "id"] = [60, 61, 61]  # two test ids, one of them in both other splits
    table.loc[[2, 3, 41, 42], "film"] = [12, 12, 13, 14]
    if as_texts:
        table["id"], table["film"] = table["id"].map("{:03d}".format), table["film"].map("film {}".format)
    panel = read_panel(given_as(table, kind, tmp_path), group="film")
    assert (panel.origin.n_shared_ids, panel.origin.n_shared_groups) == (2, 3)
    assert find_leaks(panel) == [
        "2 ids (column id) stand both in rows of the split test and in rows of another: what was trained or calibrated"
        " there has seen these examples; keep all rows of one id in one split, or name what tells repeated runs apart"
        " with --seed-column or --fold-column",
        "3 groups (column film) stand both in rows of the split test and in rows of another: what was trained or"
        " calibrated there has seen examples that are not independent of these; keep all rows of one film in one split,"
        " or name what tells repeated runs apart with --seed-column or --fold-column",
    ]
    assert read_panel(given_as(table, kind, tmp_path)).origin.n_shared_groups == 0  # no group is named


def test_one_is_one():
    table = split_table()
    table.loc[0, "id"] = 60
    leak, *others = find_leaks(read_panel(table))
    assert others == []
    assert leak.startswith("1 id (column id) stands both in rows of the split test and in rows of another: what was")


def test_a_column_called_group_is_watched():
    table = split_table().rename(columns={"film": "group"})
    table.loc[0, "group"] = 13
    assert read_panel(table).origin.n_shared_groups == 1


def test_without_split_or_id_there_is_nothing_to_share():
    table = split_table()
    table.loc[0, "id"] = 60
    assert read_panel(table.drop(columns="id")).origin.n_shared_ids == 0
    unsplit = split_table().drop(columns="split")
    assert read_panel(unsplit, group="film").origin.n_shared_groups == 0
    assert read_panel(split_table(), split=None, group="film").origin.n_shared_groups == 0


def test_only_rows_that_meet_the_conditions_are_compared():
    table = pd.concat([split_table().assign(site="a"), split_table().assign(site="b", split="train")])
    assert read_panel(table, where=["site == a"]).origin.n_shared_ids == 0
    table["site"] = "a"
    assert read_panel(table, where=["site == a"]).origin.n_shared_ids == 30


def test_another_split_may_be_the_one_analysed():
    table = split_table()
    table.loc[0, "id"] = 60
    panel = read_panel(table, split="train")
    assert panel.origin.n_shared_ids == 1
    assert "rows of the split train and" in find_leaks(panel)[0]


def test_nothing_is_shared_by_nulls(tmp_path):
    table = split_table().astype({"film": object})
    table.loc[[0, 1, 70, 71], "film"] = None
    table.loc[[5, 6], "id"] = None
    for data in (pa.Table.from_pandas(table), given_as(table, "csv", tmp_path)):
        origin = read_panel(data, group="film").origin
        assert (origin.n_shared_ids, origin.n_shared_groups) == (0, 0)


# ---- runs ----


def cross_validated() -> pd.DataFrame:
    """Return three seeds over the same 30 ids: in each, 10 are tested and the others calibrate."""
    parts = []
    for seed in range(3):
        part = make_panel(30, 2, 3, seed=seed).to_table().to_pandas()
        place = np.arange(30) // 10
        part["y"] = ["anger", "disgust", "fear"] * 10
        parts.append(part.assign(seed=seed, split=np.where(place == seed, "test", "calibration"), film=place))
    return pd.concat(parts, ignore_index=True)


@KINDS
def test_an_id_may_calibrate_in_one_run_and_be_tested_in_another(kind, tmp_path):
    data = given_as(cross_validated(), kind, tmp_path)
    assert read_panel(data).origin.n_shared_ids == 30
    for options in ({"seed_column": "seed"}, {"fold_column": "seed"}):
        panel = read_panel(data, group="film", **options)
        assert panel.n_examples == 30
        assert find_leaks(panel) == []


@KINDS
def test_an_id_on_both_sides_of_one_run(kind, tmp_path):
    table = cross_validated()
    table = pd.concat([table, table.loc[[0, 1, 40]].assign(split="calibration")], ignore_index=True)
    table.loc[(table["seed"] == 2) & (table["id"] == 3), "film"] = 2
    panel = read_panel(given_as(table, kind, tmp_path), seed_column="seed", group="film")
    assert (panel.origin.n_shared_ids, panel.origin.n_shared_groups) == (3, 3)
    assert find_leaks(panel)[0] == (
        "3 ids (column id) stand both in rows of the split test and in rows of another, in the same seed: what was"
        " trained or calibrated there has seen these examples; keep all rows of one id in one split"
    )


def test_a_run_is_a_seed_and_a_fold():
    table = cross_validated().rename(columns={"seed": "fold"})
    twice = pd.concat([table.assign(seed=0), table.assign(seed=1)], ignore_index=True)
    twice.loc[twice["seed"] == 1, "fold"] = (twice["fold"] + 1) % 3
    panel = read_panel(twice, seed_column="seed", fold_column="fold", group="film")
    assert panel.n_examples == 60
    assert find_leaks(panel) == []
    twice = pd.concat([twice, twice.loc[[0]].assign(split="calibration")], ignore_index=True)
    leaks = find_leaks(read_panel(twice, seed_column="seed", fold_column="fold"))
    assert len(leaks) == 1
    assert leaks[0].startswith("1 id (column id) stands both in rows of the split test and in rows of another, in the")
    assert "in the same seed and fold: " in leaks[0]


def test_a_group_that_is_the_run_is_not_shared():
    assert read_panel(cross_validated(), seed_column="seed", group="seed").origin.n_shared_groups == 0


def slowly_shared(own, other) -> int:
    """Count by the definition: (value, run, run) against (value, run, run), where a null run of `other` is any."""
    found = set()
    for value, *runs in own:
        for other_value, *other_runs in other:
            same = all(b is None or a == b for a, b in zip(runs, other_runs, strict=True))
            if value is not None and value == other_value and same:
                found.add(value)
    return len(found)


rows = st.lists(
    st.tuples(st.sampled_from([None, 1, 2, 3, 4]), st.sampled_from(["a", "b", None]), st.sampled_from([None, 0, 1])),
    max_size=8,
)


@settings(max_examples=300, deadline=None)
@given(rows, rows, st.integers(0, 2))
def test_counting_agrees_with_its_definition(own, other, n_runs):
    types = (pa.int64(), pa.string(), pa.int8())
    columns = [
        (pa.array([row[k] for row in own], kind), pa.array([row[k] for row in other], kind))
        for k, kind in enumerate(types[: 1 + n_runs])
    ]
    expected = slowly_shared([row[: 1 + n_runs] for row in own], [row[: 1 + n_runs] for row in other])
    assert n_shared_values(*columns[0], columns[1:]) == expected


@pytest.mark.parametrize(
    "values",
    [
        [True, False],
        [1.5, float("nan")],
        [decimal.Decimal("1.00"), decimal.Decimal("2.00")],
        [datetime.date(2020, 1, 1), datetime.date(2020, 1, 2)],
        [datetime.datetime(2020, 1, 1), datetime.datetime(2020, 1, 2)],
        [b"a", b"b"],
        ["a", "b"],
    ],
)
def test_values_of_any_type_are_compared(values):
    first, second = values
    own, other = pa.array([first, None, first]), pa.array([first, second, None])
    run = (pa.array([0, 0, 1]), pa.array([0, 0, 0]))
    assert n_shared_values(own, other) == 1
    assert n_shared_values(own, other, [run]) == 1
    assert n_shared_values(own, other.slice(1), [(run[0], run[1].slice(1))]) == 0
    assert n_shared_values(own, pa.nulls(3)) == 0
