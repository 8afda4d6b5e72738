"""Which rows are one example: ids that repeat over runs, runs that may not repeat, and the panel of some examples."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from builders import make_panel, panels
from hypothesis import given, settings
from hypothesis import strategies as st

from sabotage import Panel, SabotageError, read_panel

N, SEEDS, FOLDS = 40, 3, 4
ARRAYS = ("truth", "labels", "confidence", "scores", "reliability", "fused_label", "fused_scores")


def runs(n_seeds=SEEDS) -> pd.DataFrame:
    """Return a table of the same 40 ids in every seed, each time dealt out to folds anew."""
    random = np.random.default_rng(5)
    truth = make_panel(N, 2, 3, seed=0).to_table()["y"].to_pylist()
    parts = []
    for seed in range(n_seeds):
        part = make_panel(N, 2, 3, seed=seed + 10, recorded=True).to_table().to_pandas()
        parts.append(part.assign(y=truth, seed=seed, fold=random.permutation(N) % FOLDS))
    return pd.concat(parts, ignore_index=True).sample(frac=1, random_state=0, ignore_index=True)


def folds() -> pd.DataFrame:
    """Return a table in which the fold alone tells the runs apart: the test rows overlap."""
    return runs().drop(columns="fold").rename(columns={"seed": "fold"})


def saved(table: pd.DataFrame, name: str, folder):
    path = folder / name
    table.to_csv(path, index=False) if name.endswith(".csv") else table.to_parquet(path)
    return path


def refusal(data, **options) -> str:
    with pytest.raises(SabotageError) as caught:
        read_panel(data, **options)
    return str(caught.value)


# ---- ids that repeat ----


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
@pytest.mark.parametrize("as_texts", [False, True])
def test_ids_may_repeat_over_seeds(name, as_texts, tmp_path):
    table = runs()
    if as_texts:
        table["seed"] = table["seed"].map(lambda seed: f"run {seed}")
        table["id"] = table["id"].map(lambda i: f"{i:03d}")
    panel = read_panel(saved(table, name, tmp_path), seed_column="seed", fold_column="fold")
    assert panel.n_examples == N * SEEDS
    assert panel.ids.to_pylist() == table["id"].tolist()
    assert panel.column("seed").to_pylist() == table["seed"].tolist()
    assert panel.column("fold").to_pylist() == table["fold"].tolist()
    assert (panel.seed_column, panel.fold_column) == ("seed", "fold")
    assert [panel.classes[c] for c in panel.truth] == table["y"].tolist()


def test_a_seed_is_a_seed_only_where_it_is_named():
    once = runs(1)
    assert read_panel(once).seed_column is None
    assert set(read_panel(once).origin.ignored_columns) == {"seed", "fold"}
    named = read_panel(once, seed_column="seed")
    assert named.seed_column == "seed"
    assert named.fold_column is None
    assert list(named.columns) == ["seed"]


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_a_fold_alone_separates_ids_that_repeat(name, tmp_path):
    panel = read_panel(saved(folds(), name, tmp_path), fold_column="fold")
    assert (panel.seed_column, panel.fold_column) == ("fold", "fold")
    assert panel.n_examples == N * SEEDS


def test_a_fold_of_ids_that_do_not_repeat_is_only_kept():
    panel = read_panel(runs(1), fold_column="fold")
    assert (panel.seed_column, panel.fold_column) == (None, "fold")
    bare = runs(1).drop(columns="id")
    assert read_panel(bare, fold_column="fold").seed_column is None


def test_runs_survive_selection_and_tables(tmp_path):
    panel = read_panel(runs(), seed_column="seed", fold_column="fold", group="y")
    selected = panel.select(["agent1"])
    assert (selected.seed_column, selected.fold_column, selected.group) == ("seed", "fold", "y")
    panel.to_parquet(tmp_path / "p.parquet")
    again = read_panel(tmp_path / "p.parquet", seed_column="seed", fold_column="fold")
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(again, name), getattr(panel, name), name)
    assert again.column("seed").equals(panel.column("seed"))
    assert again.column("fold").equals(panel.column("fold"))


def test_runs_of_agents_that_speak_for_themselves():
    class Coin:
        name = "coin"

        def emit(self, batch):
            from sabotage import Emissions

            return Emissions([("a", "b")[x % 2] for x in batch], [0.5] * len(batch))

    options = {"ids": [0, 1, 2] * 2, "columns": {"seed": [0] * 3 + [1] * 3}}
    panel = Panel.from_agents([Coin()], range(6), list("abbabb"), **options, seed_column="seed")
    assert (panel.n_examples, panel.seed_column) == (6, "seed")


def test_describe_says_how_ids_repeat():
    def examples(**options) -> str:
        return dict(read_panel(**options).describe())["examples"]

    table = runs()
    assert examples(data=table, seed_column="seed") == "40 ids in 3 seeds, 120 rows; id: id; seed: seed; truth: y"
    both = examples(data=table.rename(columns={"seed": "run"}), seed_column="run", fold_column="fold")
    assert both == "40 ids in 3 seeds, 120 rows; id: id; seed: run; fold: fold; truth: y"
    assert examples(data=folds(), fold_column="fold") == "40 ids in 3 folds, 120 rows; id: id; fold: fold; truth: y"
    one = examples(data=table, seed_column="seed", where=["seed == 1"])
    assert one == "40 ids in 1 seed, 40 of 120 rows (80 not seed == 1 left out); id: id; seed: seed; truth: y"
    assert examples(data=runs(1), fold_column="fold") == "40; id: id; fold: fold; truth: y"
    assert examples(data=runs(1)) == "40; id: id; truth: y"


# ---- what is refused ----


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_ids_that_repeat_name_the_column_that_would_do(name, tmp_path):
    table = runs().sort_values(["seed", "id"])
    path = saved(table, name, tmp_path)
    assert refusal(path) == (
        f"id is not unique: 0 stands in rows 0, 40, 80 of {name}; an id names one example (of repeated runs take all with"
        " --seed-column seed or one with --where 'seed == 0', or name another column with --id)"
    )
    path = saved(table.drop(columns="seed"), name, tmp_path)
    assert refusal(path) == (
        f"id is not unique: 0 stands in rows 0, 40, 80 of {name}; an id names one example (of repeated runs take all with"
        " --fold-column fold or one with --where 'fold == 0', or name another column with --id)"
    )
    path = saved(table.drop(columns=["seed", "fold"]), name, tmp_path)
    assert refusal(path) == (
        f"id is not unique: 0 stands in rows 0, 40, 80 of {name}; an id names one example (of repeated runs take one"
        " with --where 'seed == 0', or name another column with --id)"
    )


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_an_id_stands_once_in_a_run(name, tmp_path):
    table = runs().sort_values(["seed", "id"]).reset_index(drop=True)
    table.loc[87, "seed"] = 1
    assert refusal(saved(table, name, tmp_path), seed_column="seed") == (
        f"id and seed together are not unique: 7 with seed 1 stands in rows 47, 87 of {name}; an id names one example in"
        " each seed (name other columns with --id or --seed-column)"
    )
    table = table.drop(columns="fold").rename(columns={"seed": "fold"})
    assert refusal(saved(table, name, tmp_path), fold_column="fold") == (
        f"id and fold together are not unique: 7 with fold 1 stands in rows 47, 87 of {name}; an id names one example in"
        " each fold (name other columns with --id or --seed-column)"
    )


def test_rows_of_runs_in_messages_are_those_of_the_table():
    table = runs().sort_values(["seed", "id"]).reset_index(drop=True)
    table.loc[87, "seed"] = 1
    assert "stands in rows 47, 87 of the DataFrame" in refusal(table, seed_column="seed", where=["id >= 5"])


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
@pytest.mark.parametrize("as_texts", [False, True])
def test_every_row_needs_its_run(name, as_texts, tmp_path):
    table = runs().convert_dtypes()
    if as_texts:
        table["seed"] = table["seed"].map(lambda seed: f"run {seed}")
    table.loc[41, "seed"] = None
    assert refusal(saved(table, name, tmp_path), seed_column="seed") == (
        f"seed is null in row 41 of {name}: it tells the rows of one id apart (--seed-column seed), so every row needs"
        " one"
    )
    table = table.drop(columns="fold").rename(columns={"seed": "fold"})
    assert f"fold is null in row 41 of {name}: it tells the rows of one id apart (--fold-column fold)" in refusal(
        saved(table, name, tmp_path), fold_column="fold"
    )


def test_a_run_that_is_not_a_number_is_null():
    table = runs().astype({"seed": float})
    table.loc[41, "seed"] = np.nan
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    nan = arrow.set_column(arrow.schema.get_field_index("seed"), "seed", pa.array(table["seed"].to_numpy()))
    assert "seed is null in row 41 of the table" in refusal(nan, seed_column="seed")


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_an_id_has_one_truth(name, tmp_path):
    table = runs().sort_values(["seed", "id"]).reset_index(drop=True)
    table.loc[[7, 47], "y"], table.loc[87, "y"] = "fear", "anger"
    assert refusal(saved(table, name, tmp_path), seed_column="seed") == (
        f"y must be the same in all rows of one id: found 'fear' in row 7 of {name} and 'anger' in row 87 of"
        f" {name}, where id is 7;"
        " give different examples different ids"
    )
    table = table.drop(columns="fold").rename(columns={"seed": "fold"})
    assert f"found 'fear' in row 7 of {name} and 'anger' in row 87" in refusal(
        saved(table, name, tmp_path), fold_column="fold"
    )


def test_one_truth_in_two_spellings_is_one():
    table = runs().drop(columns=[f"agent{m}_p_{c}" for m in (0, 1) for c in ("anger", "disgust", "fear")])
    number = {"anger": "1", "disgust": "2", "fear": "3"}
    for name in ("y", "agent0_label", "agent1_label", "fused_label"):
        table[name] = table[name].map(number)
    table.loc[table["seed"] == 1, "y"] += ".0"
    panel = read_panel(table, seed_column="seed")
    assert panel.classes == (1, 2, 3)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            {"seed_column": "sead"},
            "the DataFrame has no column 'sead' (did you mean seed?): its columns are id, y, agent0_label,"
            " agent0_confidence, agent0_reliability, agent0_p_anger, agent0_p_disgust, agent0_p_fear and 9 more",
        ),
        (
            {"seed_column": "id"},
            "id of the DataFrame is the id: give --seed-column a column that tells repeated runs apart",
        ),
        (
            {"fold_column": "y"},
            "y of the DataFrame is the truth: give --fold-column a column that tells repeated runs apart",
        ),
    ],
)
def test_columns_that_are_no_runs(options, says):
    assert refusal(runs(), **options) == says


def test_seeds_want_an_id():
    assert refusal(runs().drop(columns="id"), seed_column="seed") == (
        "--seed-column seed tells repeated runs over the same ids apart, and the DataFrame has no id column: name it with"
        " --id, or leave the option out and every row is an example of its own"
    )


@pytest.mark.parametrize("field", ["seed_column", "fold_column"])
def test_a_panel_keeps_the_runs_that_it_names(field):
    panel = make_panel(10, columns={"subject": pa.array(range(10))})
    options = {name: getattr(panel, name) for name in ("agents", "classes", "ids", "truth", "labels", "confidence")}
    options |= {"scores": None, "reliability": panel.reliability, "columns": panel.columns}
    assert getattr(Panel(**options, **{field: "subject"}), field) == "subject"
    with pytest.raises(SabotageError) as caught:
        Panel(**options, **{field: "run"})
    assert str(caught.value) == f"{field} must be one of the columns that the panel keeps, subject: found 'run'"


# ---- the panel of some examples ----


@settings(max_examples=60, deadline=None)
@given(panels(recorded=True), st.data())
def test_take_is_indexing(panel, data):
    n = panel.n_examples
    rows = np.array(data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=2 * n)))
    site = np.arange(n) % 3
    kept = Panel(
        **{name: getattr(panel, name) for name in ("agents", "classes", "ids", *ARRAYS)},
        columns={"site": pa.array(site), "film": pa.array([None, *map(str, range(1, n))])},
        seed_column="site",
        group="film",
        notes=("a note",),
    )
    taken = kept.take(rows)
    for name in ARRAYS:
        values = getattr(panel, name)
        assert (values is None) == (getattr(taken, name) is None)
        if values is not None:
            np.testing.assert_array_equal(getattr(taken, name), values[rows], name)
            assert getattr(taken, name).flags.c_contiguous
    assert taken.ids.to_pylist() == rows.tolist()
    assert taken.column("site").to_pylist() == site[rows].tolist()
    assert taken.column("film").to_pylist() == [str(row) if row else None for row in rows]
    assert (taken.agents, taken.classes, taken.weights) == (panel.agents, panel.classes, panel.weights)
    assert (taken.group, taken.seed_column, taken.notes, taken.origin) == ("film", "site", ("a note",), panel.origin)


def test_take_of_recorded_scores():
    panel = make_panel(12, seed=2)
    fused = np.random.default_rng(0).random((12, 4))
    whole = Panel(
        **{name: getattr(panel, name) for name in ("agents", "classes", "ids", *ARRAYS) if name != "fused_scores"},
        fused_scores=fused,
    )
    np.testing.assert_array_equal(whole.take(np.array([3, 3, 0], np.uint8)).fused_scores, fused[[3, 3, 0]])


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (np.array([0, 12]), "rows must lie in 0 to 11: found 0 to 12"),
        (np.array([-1, 2]), "rows must lie in 0 to 11: found -1 to 2"),
        (np.ones(12, bool), r"rows must be a list of indices, whole numbers: found bool of shape \(12,\)"),
        (np.zeros((2, 2), int), r"rows must be a list of indices, whole numbers: found int64 of shape \(2, 2\)"),
        (np.zeros(0, int), "a panel needs examples"),
    ],
)
def test_rows_that_cannot_be_taken(rows, says):
    with pytest.raises(SabotageError, match=says):
        make_panel(12).take(rows)
