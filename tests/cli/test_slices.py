"""The commands slices and simulate, and slices in an audit."""

import json

import pytest

from sabotage import read_panel, simulate


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    place = tmp_path_factory.mktemp("slices") / "preds.parquet"
    simulate("corrupted-class", 800).to_parquet(place)
    return place


def test_slices_are_printed_in_every_format(call, path):
    done = call("slices", path, "--by", "class", "--by", "site", "--permutations", 100)
    assert done.returncode == 0
    assert "confirmed" in done.stdout
    assert "y fear: video" in done.stdout
    printed = json.loads(call("slices", path, "--by", "site", "--json", "--permutations", 100, "--level", 0.2).stdout)
    assert [own["column"] for own in printed["columns"]] == ["site"]
    assert printed["level"] == 0.2
    assert call("slices", path, "--format", "csv", "--seed", 3).stdout.startswith("column,name,agent,n,")
    assert call("slices", path, "--by", "noise", "--format", "latex", "--permutations", 9).stdout.startswith(
        r"\begin{table"
    )


def test_classes_are_the_slices_where_nothing_is_named(call, path):
    first = call("slices", path, "--json").stdout
    assert [own["kind"] for own in json.loads(first)["columns"]] == ["class"]
    assert (
        first
        == call("slices", path, "--by", "class", "--json").stdout
        == call("slices", path, "--by", "y", "--json").stdout
    )
    grouped = json.loads(call("slices", path, "--by", "group", "--json", "--smallest", 2).stdout)
    assert grouped["columns"][0]["kind"] == "group"


def test_what_cannot_be_sliced_is_said(call, path):
    done = call("slices", path, "--by", "sit")
    assert done.returncode == 2
    assert "sit" in done.stderr
    assert call("slices", path, "--smallest", 0).returncode == 2


def test_an_audit_has_them(call, path, tmp_path):
    done = call("analyze", path, "--by", "class", "--by", "group", "--by", "site", "--permutations", 50, "--no-controls",
                "--no-compare", "--no-attribute", "--figures", "svg", "-o", tmp_path / "out")  # fmt: skip
    assert done.returncode == 0, done.stderr
    content = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert [own["column"] for own in content["slices"]["columns"]] == ["y", "group", "site"]
    assert 'id="slices"' in (tmp_path / "out" / "report.html").read_text()
    assert list((tmp_path / "out").rglob("slice_lifts.svg"))
    again = tmp_path / "again"
    assert call("report", tmp_path / "out" / "audit.json", "-o", again).returncode == 0
    assert (again / "report.html").read_text() == (tmp_path / "out" / "report.html").read_text()


def test_simulate_draws_runs_of_the_same_examples(call, tmp_path):
    panels = []
    for run in (0, 1):
        path = tmp_path / f"{run}.parquet"
        done = call("simulate", "corrupted-group", "-n", 100, "--run", run, "-o", path)
        assert done.returncode == 0
        assert "Audio sabotages" in " ".join(done.stdout.split())
        panels.append(read_panel(path))
    assert (panels[0].truth == panels[1].truth).all()
    assert (panels[0].labels != panels[1].labels).any()
    assert call("simulate", "no-cause", "--run", -1, "-o", tmp_path / "x.parquet").returncode == 2
