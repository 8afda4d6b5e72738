"""`sabotage convert` as a user runs it: other people's files, another package's reader, and plain tables."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from builders import make_panel

from sabotage import read_panel

RATINGS = "task,worker,label\n" + "".join(
    f"t{t},w{w},{'xy'[(t + (w == 2)) % 2]}\n" for t in range(30) for w in range(3)
)
GOLD = "task,gold\n" + "".join(f"t{t},{'xy'[t % 2 if t else 1]}\n" for t in range(30))


@pytest.fixture
def run(tmp_path, monkeypatch, call):
    """Run a command in this process, in a folder with files, and return its status and what it printed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ratings.csv").write_text(RATINGS)
    (tmp_path / "gold.csv").write_text(GOLD)
    random = np.random.default_rng(0)
    for k in (1, 2):
        y = random.integers(0, 2, 50)
        p, q = random.random((2, 50)), random.random((2, 50))
        np.savez(f"fold{k}.npz", p_a=p[0], p_v=p[1], Qa=q[0], Qv=q[1], y=y)

    return call


def test_npz_files_of_folds(run):
    done = run("convert", "fold1.npz", "fold2.npz", "--input-format", "quality-npz", "-o", "preds.parquet")
    assert (done.returncode, done.stderr) == (0, "")
    assert "fold1.npz, fold2.npz (quality-npz)" in done.stdout
    assert "written to preds.parquet: 100 rows" in done.stdout
    assert "row number" in done.stdout
    panel = read_panel("preds.parquet", keep=["fold"])
    assert (panel.agents, panel.classes, panel.weights) == (("a", "v"), (0, 1), "reliability")
    assert panel.columns["fold"].to_pylist() == [1] * 50 + [2] * 50
    assert run("permute", "preds.parquet", "--scheme", "independent", "--permutations", 50).returncode == 0


def test_ratings_with_a_truth_beside(run):
    done = run("convert", "ratings.csv", "--input-format", "ratings", "--option", "truth=gold.csv", "-o", "out.parquet")
    assert (done.returncode, done.stderr) == (0, "")
    panel = read_panel("out.parquet", keep=["raters_n_raters"])
    assert (panel.labels[:, 0] == panel.truth).tolist() == [False] + [True] * 29
    assert panel.confidence[:, 0] == pytest.approx(2 / 3)
    assert panel.columns["raters_n_raters"].to_pylist() == [3] * 30


def test_a_plain_table_keeps_its_rows_and_columns(run):
    panel = make_panel(60, 2, 3, 1, missing=0.2, recorded=True)
    frame = panel.to_table().to_pandas().assign(
        film="one", split=["train", "test"] * 30, truth=0, day=range(60)
    )  # fmt: skip
    frame.rename(columns={"id": "clip"}).to_csv("preds.csv", index=False)
    done = run("convert", "preds.csv", "--id", "clip", "--truth", "y", "-o", "out.parquet")
    assert done.returncode == 0
    assert "truth would be read as another id, truth or decision" in " ".join(done.stdout.split())
    assert {"film", "split", "day", "id", "y"} <= set(pq.read_schema("out.parquet").names)
    back = read_panel("out.parquet", split=None)
    assert back.n_examples == 60
    assert back.labels.tolist() == panel.labels.tolist()
    assert np.array_equal(back.reliability, panel.reliability, equal_nan=True)
    assert back.fused_label.tolist() == panel.fused_label.tolist()
    assert run("validate", "out.parquet").returncode == 0


def test_another_packages_format(run, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "thirds.py").write_text(
        "import pyarrow as pa\n\n\ndef read(path, n='2'):\n"
        "    return pa.table({'y': ['x', 'z'] * int(n), 'voice_label': ['x', 'x'] * int(n),"
        " 'voice_confidence': [0.5, 0.6] * int(n)})\n"
    )
    place = tmp_path / "thirds-1.0.dist-info"
    place.mkdir()
    (place / "METADATA").write_text("Metadata-Version: 2.1\nName: thirds\nVersion: 1.0\n")
    (place / "entry_points.txt").write_text("[sabotage.readers]\nthirds = thirds:read\n")
    done = run("convert", "any", "--input-format", "thirds", "--option", "n=5", "-o", "out.parquet")
    assert done.returncode == 0
    assert read_panel("out.parquet").n_examples == 10


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("fold1.npz", "--input-format", "npz"), "unknown input format 'npz'"),
        (("fold1.npz", "--input-format", "npz"), "choose from arrow, csv, jsonl, parquet, quality-npz, ratings"),
        (("gold.csv", "--input-format", "ratings"), "gold.csv has no column with the rater"),
        (("ratings.csv", "--input-format", "ratings"), "ratings.csv, read as ratings: the table has no column with the"),
        (("ratings.csv", "--input-format", "ratings", "--option", "gold=x"), "takes the options id, rater, label"),
        (("ratings.csv", "--input-format", "ratings", "--option", "gold"), "give a name and a value"),
        (("ratings.csv", "gold.csv"), "parts of 2 files have the same columns"),
        (("gold.csv", "--option", "a=b"), "tables take no options"),
        (("none.npz", "--input-format", "quality-npz"), "no such file"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_one_sentence_and_writes_nothing(run, tmp_path, arguments, said):
    done = run("convert", *arguments, "-o", "x.parquet")
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "x.parquet").exists()
    assert run("convert", *arguments, "-o", "x.csv").returncode == 2


def test_what_is_read_is_not_written_over(run, tmp_path):
    assert run("convert", "fold1.npz", "--input-format", "quality-npz", "-o", "one.parquet").returncode == 0
    before = (tmp_path / "one.parquet").read_bytes()
    for command in (("convert", "./one.parquet"), ("assess", "one.parquet", "--cross-fit", "3", "--method", "margin")):
        found = run(*command, "-o", tmp_path / "one.parquet")
        assert found.returncode == 2
        assert "one.parquet is read, and not all that it holds is written" in found.stderr
    assert (tmp_path / "one.parquet").read_bytes() == before
    assert run("convert", "one.parquet", "-o", "two.parquet").returncode == 0
