"""Annotators and people at the command line."""

import csv
import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from builders import make_panel


@pytest.fixture(scope="module")
def preds(tmp_path_factory):
    path = tmp_path_factory.mktemp("cli") / "preds.parquet"
    panel = make_panel(120, 3, 3, seed=1)
    random = np.random.default_rng(0)
    columns = {f"annotator_{k}": pa.array([panel.classes[c] for c in random.integers(0, 3, 120)]) for k in (1, 2, 3)}
    replace(panel, columns=columns).to_parquet(path)
    return path


def test_disagreement_says_and_writes_it(call, preds, tmp_path):
    asked = ("--people", "agent0,agent1", "--full", "agent1", "--unsure", "q0.4", "--permutations", 99)
    done = call("disagreement", preds, *asked, "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "3: annotator_1, annotator_2, annotator_3" in done.stdout
    assert "With every modality, agent1 is right on" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    content = json.loads((tmp_path / "out" / "disagreement.json").read_text())
    assert content["annotators"]["known"]["n_unsure"] > 0
    assert content["people"]["full"] == "agent1"
    with open(tmp_path / "out" / "ambiguous.csv") as file:
        assert len(list(csv.DictReader(file))) == 120


def test_formats_hold_every_part(call, preds):
    asked = ("--people", "agent0,agent1", "--full", "agent1", "--permutations", 99)
    numbers = call("disagreement", preds, *asked, "--format", "csv")
    assert numbers.returncode == 0, numbers.stderr
    parts = {row["part"] for row in csv.DictReader(numbers.stdout.splitlines())}
    assert {"annotators", "score", "people", "people by class", "errors shared"} <= parts
    paper = call("disagreement", preds, *asked, "--format", "latex").stdout
    assert paper.count("\\begin{table") == 4


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (("--people", "agent0,agent1"), "full must name the one of the people"),
        (("--people", "agent0,agent9", "--full", "agent0"), "unknown agent 'agent9'"),
        (("--unsure", "often"), "unsure must be an uncertainty"),
    ],
)
def test_errors_are_one_sentence(call, preds, asked, says):
    done = call("disagreement", preds, *asked)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
