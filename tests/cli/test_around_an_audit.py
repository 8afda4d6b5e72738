"""The commands around an audit that was made: check, diff and methods, run as a user runs them."""

import json

import pytest
from builders import make_panel


@pytest.fixture(scope="module")
def preds(tmp_path_factory):
    path = tmp_path_factory.mktemp("around") / "preds.parquet"
    make_panel(120, 2, 3, seed=1, missing=0.1, recorded=True).to_parquet(path)
    return path


@pytest.fixture(scope="module")
def audit(preds):
    from sabotage import analyze, read_panel

    path = preds.parent / "audit.json"
    path.write_text(analyze(read_panel(preds), n_permutations=50).to_json())
    return path


def test_check_exits_by_whether_all_gates_hold(call, audit):
    done = call("check", audit, "--min-accuracy", "0.1", "--max-missing", "0.9")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "All 3 gates hold."
    done = call("check", audit, "--min-accuracy", "0.1", "--min-accuracy", "agent1=0.99", "--max-saboteur-rate", "1")
    assert done.returncode == 1
    (failed,) = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    found = json.loads(audit.read_text())["agents"]["agent1"]
    assert f"accuracy of agent1 {found['accuracy']:.4g}" in failed
    assert f"over {found['n']} examples" in " ".join(done.stdout.split())
    assert "at least 0.99" in failed
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_check_as_json(call, audit):
    done = call("check", audit, "--require-verdict", "untestable", "--min-gap", "-1", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["holds"]) == (1, False)
    assert [outcome["holds"] for outcome in found["outcomes"]] == [True, False]
    assert call("check", audit, "--min-gap", "-1", "--json", "--by-interval").returncode == 0


def test_check_of_a_table_runs_the_test_only_where_a_gate_needs_it(call, preds, monkeypatch):
    from sabotage import audit as module

    asked = []
    real = module.analyze
    monkeypatch.setattr(module, "analyze", lambda panel, **more: asked.append(more) or real(panel, **more))
    options = ("--threshold", "0.6", "--decision", "replayed", "--permutations", "20")
    assert call("check", preds, *options, "--min-accuracy", "0.1").returncode == 0
    assert call("check", preds, *options, "--min-gap", "-1").returncode == 0
    assert [(one["n_permutations"], one["threshold"], one["controls"]) for one in asked] == [
        (0, 0.6, False), (20, 0.6, False)
    ]  # fmt: skip
    expected = real(module_panel(preds), n_permutations=0, threshold=0.6, decision="replayed")
    done = call("check", preds, *options, "--max-saboteur-rate", "agent0=0", "--json")
    value = json.loads(done.stdout)["outcomes"][0]["value"]
    assert value == expected.agents[0].roles["saboteur"] / 120


def module_panel(path):
    from sabotage import read_panel

    return read_panel(path)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "nothing to check: give a gate"),
        (["--min-accuracy", "agent9=0.5"], "unknown agent 'agent9'"),
        (["--min-accuracy", "70"], "--min-accuracy must lie in [0, 1]: found 70"),
        (["--min-accuracy", "much"], "give a number, or an agent and one, voice=0.1"),
        (["--max-ece", "=0.1"], "give a number, or an agent and one, voice=0.1"),
        (["--require-verdict", "helpfull"], "did you mean helpful"),
        (["--min-accuracy", "0.5", "--threshold", "0.6"], "made with its own settings: leave out --threshold"),
        (["--min-accuracy", "0.5", "--where", "y == a"], "leave out --where"),
    ],
)
def test_what_cannot_be_judged_is_status_2(call, audit, arguments, says):
    done = call("check", audit, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", ["check", "methods", "diff"])
def test_files_that_are_no_audit(call, tmp_path, command):
    (tmp_path / "broken.json").write_text('{"schema": 1, "fin')
    (tmp_path / "other.json").write_text('{"schema": 1, "finding": []}')
    more = {"check": ["--min-gap", "0"], "methods": [], "diff": []}[command]
    for name in ("broken.json", "other.json", "none.json"):
        files = [tmp_path / name] * (2 if command == "diff" else 1)
        done = call(command, *files, *more)
        assert (done.returncode, done.stdout) == (2, ""), name
        assert len(done.stderr.splitlines()) == 1


def test_diff(call, preds, audit, tmp_path):
    from sabotage import analyze

    other = tmp_path / "other.json"
    other.write_text(analyze(module_panel(preds), n_permutations=50, threshold=0.5).to_json())
    same = call("diff", audit, audit)
    assert (same.returncode, same.stdout) == (0, "Nothing changed.\n")
    done = call("diff", audit, other)
    assert done.returncode == 0
    assert "threshold: 0.7 -> 0.5" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    found = json.loads(call("diff", audit, other, "--json").stdout)
    assert found["settings"] == [{"name": "threshold", "first": 0.7, "second": 0.5}]
    table = call("diff", audit, other, "--format", "csv").stdout
    assert len(table.splitlines()) == 1 + len(found["settings"]) + len(found["changes"]) + len(found["elsewhere"])
    assert "Traceback" not in done.stderr


def test_methods(call, preds, audit):
    done = call("methods", audit)
    assert (done.returncode, done.stderr) == (0, "")
    paragraph, _, sources = done.stdout.partition("\n\n")
    assert "50 random permutations" in paragraph
    assert sources.startswith("[1] Zhang")
    assert r"\cite{moon2026quality}" in call("methods", audit, "--format", "latex").stdout
    entries = call("methods", audit, "--bibtex").stdout
    assert entries.count("@") == len(sources.splitlines())
    quick = ("--permutations", "50", "--no-compare", "--no-attribute", "--no-dose-response")
    of_table = call("methods", preds, *quick).stdout
    assert of_table == done.stdout


def test_ascii_is_an_option_of_all_commands(preds, tmp_path):
    import io
    import sys

    import pandas as pd
    from sabotage.cli import commands

    frame = pd.read_parquet(preds)
    frame.columns = [name.replace("agent0", "Stimme_ü") for name in frame.columns]
    frame.to_parquet(tmp_path / "preds.parquet")
    raw, real = io.BytesIO(), sys.stdout
    ours = sys.stdout = io.TextIOWrapper(raw, encoding="utf-8")
    try:
        commands.main(["--ascii", "validate", str(tmp_path / "preds.parquet")], standalone_mode=False)
        ours.flush()
    finally:
        sys.stdout = real
        if isinstance(sys.stderr, io.TextIOWrapper):
            sys.stderr.reconfigure(encoding="utf-8")
    assert b"Stimme_\\xfc" in raw.getvalue()
    assert raw.getvalue().isascii()


def test_permute_prints_tables_alone(call, preds):
    done = call("permute", preds, "--permutations", "20", "--format", "csv")
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr.startswith("note: ")
    assert call("permute", preds, "--permutations", "20", "--format", "latex").stdout.startswith(r"\begin{table")
    refused = call("permute", preds, "--json", "--format", "csv")
    assert (refused.returncode, refused.stdout) == (2, "")
