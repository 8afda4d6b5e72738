"""Rating tables as panels, against pandas."""

import numpy as np
import pandas as pd
import pytest

from sabotage import SabotageError, SabotageWarning, rating_tables, read_panel
from sabotage.readers import read_files


def frame(seed=0, **columns):
    random = np.random.default_rng(seed)
    truth = random.integers(0, 3, 40)
    rows = [(t, w) for t in range(40) for w in range(4) if random.random() < 0.8 or w == 0]
    label = [int(truth[t]) if random.random() < 0.6 else int(random.integers(0, 3)) for t, _ in rows]
    out = pd.DataFrame(rows, columns=["task", "worker"]).assign(label=label, gold=[int(truth[t]) for t, _ in rows])
    return out.assign(**{name: of(out, random) for name, of in columns.items()})


@pytest.mark.parametrize("ending", ["csv", "parquet", "feather"])
def test_a_table_becomes_a_panel(tmp_path, ending):
    ratings_of = frame()
    path = tmp_path / f"ratings.{ending}"
    {"csv": lambda: ratings_of.to_csv(path, index=False), "parquet": lambda: ratings_of.to_parquet(path),
     "feather": lambda: ratings_of.to_feather(path)}[ending]()  # fmt: skip
    table = rating_tables.read(str(path))
    shares = pd.crosstab(ratings_of.task, ratings_of.label, normalize="index")
    assert table["id"].to_pylist() == [str(t) for t in range(40)]
    for c in range(3):
        assert table[f"raters_p_{c}"].to_pylist() == pytest.approx(shares[c].tolist())
    assert table["raters_confidence"].to_pylist() == pytest.approx(shares.max(axis=1).tolist())
    assert table["raters_n_raters"].to_pylist() == ratings_of.groupby("task").size().tolist()
    panel = read_panel(table)
    assert panel.classes == (0, 1, 2)
    assert panel.truth.tolist() == ratings_of.groupby("task").gold.first().tolist()
    assert panel.labels[:, 0].tolist() == shares.to_numpy().argmax(axis=1).tolist()


def test_crowds_are_agents_and_certainty_is_their_reliability(tmp_path):
    table = frame(
        modality=lambda own, random: np.where(own.worker < 2, "sound", "sight"),
        certainty=lambda own, random: np.where(random.random(len(own)) < 0.2, np.nan, random.random(len(own))),
    )
    table.to_csv(tmp_path / "ratings.csv", index=False)
    found = rating_tables.read(str(tmp_path / "ratings.csv")).to_pandas().set_index("id")
    for crowd, own in table.groupby("modality"):
        assert found[f"{crowd}_n_raters"].fillna(0).sum() == len(own)
        certain = own.groupby("task").certainty.mean()
        for task in range(40):
            value = found.loc[str(task), f"{crowd}_reliability"]
            expected = certain.get(task, np.nan)
            assert value == pytest.approx(expected) or (np.isnan(value) and np.isnan(expected))
    silent = ~table.groupby("task").worker.agg(lambda own: (own >= 2).any())
    assert found.sight_label.isna().tolist() == silent.tolist()
    assert read_panel(found.reset_index()).weights == "reliability"


def test_the_truth_may_stand_in_a_table_of_its_own(tmp_path):
    table = frame()
    table.drop(columns="gold").rename(columns={"task": "clip", "label": "said"}).to_csv(tmp_path / "r.csv", index=False)
    gold = table.groupby("task").gold.first().rename_axis("clip").reset_index(name="label")
    pd.concat([gold, pd.DataFrame({"clip": [99], "label": [1]})]).to_csv(tmp_path / "gold.csv", index=False)
    with pytest.warns(SabotageWarning, match="r.csv rates none of 1 tasks with a truth: 99"):
        found = rating_tables.read(str(tmp_path / "r.csv"), id="clip", label="said", truth=str(tmp_path / "gold.csv"))
    assert [int(one) for one in found["y"].to_pylist()] == gold.label.tolist()
    bare = rating_tables.read(str(tmp_path / "r.csv"), id="clip", label="said")
    assert "y" not in bare.column_names


def test_what_a_csv_writes_for_nothing_is_no_label(tmp_path):
    (tmp_path / "r.csv").write_text("task,worker,label,gold\n1,a,x,x\n1,b,NA,x\n2,a,,\n2,b,y,y\n")
    found = rating_tables.read(str(tmp_path / "r.csv"))
    assert found["raters_n_raters"].to_pylist() == [1, 1]
    assert found["y"].to_pylist() == ["x", "y"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("task,worker\n1,a\n", "has no column with the label"),
        ("task,workr,label\n1,a,x\n", r"r.csv has no column with the rater"),
        ("task,worker,label\n,a,x\n", r"task must be there for every rating: found null in row 0 of r.csv"),
        ("task,worker,label\n1,a,x\n1,,x\n", r"worker must be there for every rating: found null in row 1"),
        ("task,worker,label\n1,a,x\n1,a,y\n", r"a rater may rate an example once: a rates 1 in rows 0 and 1 of r.csv"),
        (
            "task,worker,label,gold\n1,a,x,x\n1,b,x,y\n",
            r"one truth: gold of 1 is 'x' in row 0 of r.csv and 'y' in row 1",
        ),
        ("task,worker,label,certainty\n1,a,x,-1\n", r"certainty must lie in \[0, 1\]: found -1 in row 0 of r.csv"),
        ("task,worker,label,certainty\n1,a,x,sure\n", r"certainty must be a number: found 'sure' in row 0"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path, text, said):
    (tmp_path / "r.csv").write_text(text)
    with pytest.raises(SabotageError, match=said):
        rating_tables.read(str(tmp_path / "r.csv"))


def test_a_truth_that_is_nowhere_is_refused(tmp_path):
    (tmp_path / "r.csv").write_text("task,worker,label\n1,a,x\n")
    with pytest.raises(SabotageError, match=r"no column 'gold.csv'"):
        rating_tables.read(str(tmp_path / "r.csv"), truth="gold.csv")
    (tmp_path / "gold.csv").write_text("task,what\n1,x\n")
    with pytest.raises(SabotageError, match="has no column with the truth"):
        rating_tables.read(str(tmp_path / "r.csv"), truth=str(tmp_path / "gold.csv"))


@pytest.mark.parametrize("beside", [False, True])
def test_a_truth_that_is_written_as_nothing_is_none(tmp_path, beside):
    path, truths = tmp_path / "ratings.csv", tmp_path / "truth.csv"
    path.write_text("task,worker,label,y\na,1,x,x\na,2,x,NA\nb,1,y,NA\nb,2,x,nan\nc,1,y,y\n")
    truths.write_text("task,truth\na,x\nb,NA\nc,y\n")
    found = rating_tables.read(str(path), truth=str(truths) if beside else None)
    assert found["y"].to_pylist() == ["x", None, "y"]


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("task,worker,label,agent\na,1,x,fused\n", {}, "agent of ratings.csv holds 'fused'"),
        ("task,worker,label,agent,modality\na,1,x,p,q\n", {}, "agent and modality could each be the agent"),
        ("task,worker,label,truth,y\na,1,x,p,q\n", {}, "truth and y could each be the truth: say which with truth="),
        ("task,worker,label\na,1,x\n", {"truth": "label"}, "truth must be another column than the ratings"),
        ("task,worker,label\n", {}, "ratings.csv has no rows: there is no rating"),
    ],
)
def test_what_would_be_taken_for_something_else_is_refused(tmp_path, text, options, said):
    path = tmp_path / "ratings.csv"
    path.write_text(text)
    with pytest.raises(SabotageError, match=said):
        rating_tables.read(str(path), **options)


def test_a_file_a_crowd(tmp_path):
    table = frame()
    for name, own in (("voice", table[table.worker < 2]), ("face", table[table.worker >= 2].iloc[::-1])):
        own.to_csv(tmp_path / f"{name}.csv", index=False)
    paths = [str(tmp_path / "voice.csv"), str(tmp_path / "face.csv")]
    both = table.assign(modality=np.where(table.worker < 2, "voice", "face"))
    both.to_csv(tmp_path / "both.csv", index=False)
    found = read_files(paths, "ratings").to_pandas().set_index("id").sort_index()
    expected = rating_tables.read(str(tmp_path / "both.csv")).to_pandas().set_index("id").sort_index()
    pd.testing.assert_frame_equal(found[expected.columns], expected, check_dtype=False)
    panel = read_panel(paths, input_format="ratings")
    assert panel.agents == ("voice", "face")


def test_files_that_disagree(tmp_path):
    for folder, gold in (("a", "x"), ("b", "y")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "r.csv").write_text("task,worker,label,gold\n1,a,x,x\n")
        (tmp_path / f"{folder}.csv").write_text(f"task,worker,label,gold\n1,a,x,{gold}\n")
    with pytest.raises(SabotageError, match=r"one truth: that of 1 is 'y' in b.csv and 'x' in a file before it"):
        read_files([str(tmp_path / "a.csv"), str(tmp_path / "b.csv")], "ratings")
    with pytest.raises(SabotageError, match=r"both have r_label: a crowd has one file"):
        read_files([str(tmp_path / "a" / "r.csv"), str(tmp_path / "b" / "r.csv")], "ratings")


def test_a_truth_that_one_file_lacks_or_spells_in_numbers(tmp_path):
    (tmp_path / "a.csv").write_text("task,worker,label,gold\n1,a,1,\n2,a,2,\n")
    (tmp_path / "b.parquet").write_bytes(b"")
    pd.DataFrame({"task": [1, 2], "worker": "w", "label": [1, 1], "gold": [2, 1]}).to_parquet(tmp_path / "b.parquet")
    found = read_files([str(tmp_path / "a.csv"), str(tmp_path / "b.parquet")], "ratings")
    assert [str(one) for one in found["y"].to_pylist()] == ["2", "1"]
