"""The command runs as a user runs it, and runs beside an audit."""

import csv
import json

import pytest

from sabotage import simulate


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for run in range(3):
        simulate("mislabelled", 300, 2, run).to_parquet(folder / f"r{run}.parquet")
    return folder


def test_runs_are_named_and_written(call, files, tmp_path):
    out = tmp_path / "out"
    done = call("runs", f"gpt={files / 'r0.parquet'}", files / "r1.parquet", files / "r2.parquet", "-o", out)
    assert (done.returncode, done.stderr) == (0, "")
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "gpt is right on" in done.stdout
    assert sorted(path.name for path in out.iterdir()) == ["figures", "runs.json", "suspects.csv"]
    assert sorted(path.name for path in (out / "figures").iterdir()) == [
        "run_slopes.png", "run_slopes.svg", "run_variance.png", "run_variance.svg"
    ]  # fmt: skip
    found = json.loads((out / "runs.json").read_text())
    assert [one["run"] for one in found["inputs"]] == ["gpt", "r1", "r2"]
    assert all(len(one["sha256"]) == 64 for one in found["inputs"])
    rows = list(csv.DictReader((out / "suspects.csv").open()))
    assert len(rows) == found["suspects"]["n"] > 0
    assert rows[0]["id"] == found["suspects"]["examples"][0]["id"]
    printed = json.loads(call("runs", f"gpt={files / 'r0.parquet'}", *(files / f"r{k}.parquet" for k in (1, 2)),
                              "--json").stdout)  # fmt: skip
    assert printed == found


@pytest.mark.parametrize("format", ["csv", "latex", "markdown"])
def test_tables(call, files, format):
    done = call("runs", files / "r0.parquet", files / "r1.parquet", "--format", format)
    assert done.returncode == 0
    marks = {"csv": "run,to,agent,number,value", "latex": r"\begin{tabular}", "markdown": "| run"}
    assert marks[format] in done.stdout
    if format == "csv":
        rows = list(csv.DictReader(done.stdout.splitlines()))
        assert {"component_rest", "variance_share_dataset"} <= {row["number"] for row in rows}


def test_different_data(call, files):
    done = call("runs", files / "r0.parquet", files / "r1.parquet", "--different")
    assert done.returncode == 0
    assert done.stdout.strip().startswith("Different data:")
    assert "suspected" not in done.stdout


def test_seeds_of_one_file_are_runs(call, files, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    parts = [pq.read_table(files / f"r{k}.parquet").replace_schema_metadata(None) for k in range(3)]
    both = pa.concat_tables(part.append_column("seed", pa.array([k] * 300)) for k, part in enumerate(parts))
    pq.write_table(both, tmp_path / "all.parquet")
    done = call("runs", tmp_path / "all.parquet", "--seed-column", "seed", "--json")
    assert [one["run"] for one in json.loads(done.stdout)["inputs"]] == ["seed 0", "seed 1", "seed 2"]
    separate = call("runs", *(f"seed {k}={files / f'r{k}.parquet'}" for k in range(3)), "--json")
    assert json.loads(done.stdout)["variance"] == json.loads(separate.stdout)["variance"]


def test_errors(call, files):
    done = call("runs", files / "r0.parquet", files / "r0.parquet")
    assert done.returncode == 2
    assert "r0 names two runs" in done.stderr
    assert "NAME=FILE" in done.stderr
    done = call("runs", files / "r0.parquet")
    assert done.returncode == 2
    assert "--seed-column" in done.stderr


def test_runs_beside_an_audit(call, files, tmp_path):
    options = ("--permutations", "0", "--no-compare", "--no-attribute", "--figures", "none")
    arguments = ("--run", f"b={files / 'r1.parquet'}", "--run-name", "a", "-o", tmp_path / "out")
    done = call("analyze", files / "r0.parquet", *arguments, *options)
    assert done.returncode == 0
    assert "On the same 300 examples a is right on" in " ".join(done.stdout.split())
    content = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert [one["run"] for one in content["runs"]["inputs"]] == ["a", "b"]
    assert content["runs"]["inputs"][0]["sha256"] == content["input"]["sha256"]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Dataset or model: several runs" in page
    assert (tmp_path / "out" / "suspects.csv").exists()
    done = call("report", tmp_path / "out" / "audit.json", "-o", tmp_path / "again.html")
    assert (tmp_path / "again.html").read_text() == page
    call("analyze", files / "r0.parquet", "-o", tmp_path / "out", *options)
    assert not (tmp_path / "out" / "suspects.csv").exists()
    assert "several runs" not in (tmp_path / "out" / "report.html").read_text()


def test_a_bare_file_has_the_name_of_its_stem_and_no_suspects_of_earlier_runs_stay(call, files, tmp_path):
    options = ("--permutations", "0", "--run", f"b={files / 'r1.parquet'}", "--json")
    found = json.loads(call("analyze", files / "r0.parquet", *options).stdout)
    assert [one["run"] for one in found["runs"]["inputs"]] == ["r0", "b"]
    pair = (files / "r0.parquet", files / "r1.parquet", "-o", tmp_path / "out", "--figures", "none")
    call("runs", *pair)
    assert (tmp_path / "out" / "suspects.csv").exists()
    call("runs", *pair, "--different")
    assert not (tmp_path / "out" / "suspects.csv").exists()
