"""`sabotage assess` as a user runs it."""

import json

import numpy as np
import pytest
from builders import make_panel

from sabotage import assess, read_calibration, read_panel


@pytest.fixture
def run(tmp_path, monkeypatch, call):
    """Run a command in this process, in a folder with tables, and return its status and what it printed."""
    monkeypatch.chdir(tmp_path)
    frame = make_panel(240, 3, 3, 1, missing=0.1).to_table().to_pandas()
    frame["film"] = [f"film {k % 24}" for k in range(240)]
    frame.to_parquet("plain.parquet")
    frame.assign(split=np.where(np.arange(240) % 2, "train", "test")).to_parquet("preds.parquet")

    return call


def test_crosswise_by_group(run):
    done = run("assess", "plain.parquet", "--cross-fit", 4, "--group", "film", "-o", "assessed.parquet")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Reliability by learned, fitted crosswise in 4 folds" in done.stdout
    assert "written to assessed.parquet: the 240 rows judged" in " ".join(done.stdout.split())
    found = assess(read_panel("plain.parquet", group="film"), cross_fit=4)
    back = read_panel("assessed.parquet", group="film")
    assert np.array_equal(back.reliability, found.panel.reliability, equal_nan=True)
    assert back.column("fold").to_pylist() == found.fold.tolist()
    kept = run(
        "permute", "assessed.parquet", "--group", "film", "--fold-column", "fold", "--permutations", 20, "--json"
    )
    blocks = [int(line.split(":")[1].strip(" ,")) for line in kept.stdout.splitlines() if '"n_blocks"' in line]
    assert blocks[0] >= 4
    for own in found.table:
        assert f"{own.auroc.value:.3f}" in done.stdout
        assert f"{own.difference.value:+.3f}" in done.stdout


def test_on_the_rows_of_another_split(run):
    done = run("assess", "preds.parquet", "--method", "margin", "-o", "assessed.parquet", "--json")
    assert done.returncode == 0
    panel = read_panel("preds.parquet")
    calibration, panel = read_calibration("preds.parquet", panel)
    found = assess(panel, "margin", calibration=calibration)
    shown = json.loads(done.stdout)
    assert shown["agents"]["agent0"]["auroc"]["value"] == found.table[0].auroc.value
    assert (shown["n_examples"], shown["n_folds"]) == (120, None)
    assert read_panel("assessed.parquet").n_examples == 120  # those judged alone
    assert run("analyze", "assessed.parquet", "--permutations", 20).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("plain.parquet", "-o", "x.parquet"), "--cross-fit K"),
        (("plain.parquet", "--cross-fit", 4, "-o", "x.csv"), "name that ends in .parquet"),
        (("plain.parquet", "--cross-fit", 4, "--method", "energy", "-o", "x.parquet"), "energy needs logits"),
        (("plain.parquet", "--cross-fit", 1, "-o", "x.parquet"), "at least 2"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_writes_nothing(run, tmp_path, arguments, said):
    done = run("assess", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.glob("x.*"))
