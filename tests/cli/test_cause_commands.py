"""The commands that say why decisions fail, run as a user runs them."""

import json

import pytest
from builders import make_panel


@pytest.fixture(scope="module")
def preds(tmp_path_factory):
    path = tmp_path_factory.mktemp("causes") / "preds.parquet"
    make_panel(150, 3, 3, seed=1, missing=0.1, recorded=True).to_parquet(path)
    return path


def test_disagreement_is_that_of_the_audit(call, preds):
    from sabotage import analyze, read_panel

    done = call("disagreement", preds, "--permutations", "20", "--json")
    found = json.loads(done.stdout)
    assert list(found) == ["disagreement", "dominance", "annotators", "people", "notes"]
    audit = json.loads(analyze(read_panel(preds), n_permutations=20).to_json())
    assert found["disagreement"] == audit["disagreement"]
    assert found["dominance"] == audit["dominance"]


def test_disagreement_as_text_and_files(call, preds, tmp_path):
    done = call("disagreement", preds, "--permutations", "20", "-o", tmp_path / "out", "--decision", "replayed")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Who is right on 150 examples" in done.stdout
    assert "disagreement.json" in done.stdout.splitlines()[-1] or "disagreement.json" in done.stdout
    assert max(len(line) for line in done.stdout.splitlines() if "/" not in line) <= 80
    written = json.loads((tmp_path / "out" / "disagreement.json").read_text())
    assert written["disagreement"]["n_examples"] == 150
    other = call("disagreement", preds, "--permutations", "20", "--decision", "replayed", "--json")
    assert json.loads(other.stdout) == written


@pytest.mark.parametrize("format", ["csv", "latex", "markdown"])
def test_disagreement_in_formats(call, preds, format):
    done = call("disagreement", preds, "--permutations", "20", "--format", format, "--rule", "majority")
    assert done.returncode == 0
    assert "lost" in done.stdout
    assert "Who is right with whom" not in done.stdout


def test_what_cannot_be_is_one_sentence(call, preds):
    assert call("disagreement", preds, "--json", "--format", "csv").returncode == 2
    done = call("disagreement", preds, "--rule", "no_such_rule")
    assert done.returncode == 2
    assert done.stderr.startswith("error: unknown")
    assert call("disagreement", preds, "-o", preds).returncode == 2


def test_an_audit_says_in_brief_what_was_asked_for(call, preds):
    plain = call("analyze", preds, "--permutations", "0").stdout
    assert "slices by" not in plain
    assert "people: " not in plain
    asked = ("--by", "class", "--people", "agent0,agent1", "--full", "agent1")
    lines = call("analyze", preds, "--permutations", "0", *asked).stdout.splitlines()
    assert lines.count("slices by y: not tested, for 0 permutations were asked for") == 1
    assert sum(line.startswith("people: agent1 over agent0, ") for line in lines) == 1
