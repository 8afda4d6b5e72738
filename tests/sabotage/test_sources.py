"""Files of every format, folders of parts, and tables in memory: one table, one panel, one error."""

import gzip
import json
import os
from itertools import pairwise

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import sabotage
from sabotage import SabotageError, read_panel
from sabotage.files import sha256
from sabotage.json_tables import BLOCK
from sabotage.sources import open_source


@pytest.fixture(scope="module")
def panel():
    return sabotage.simulate("missing-modality", 90, 4)


def require_same(found, expected):
    """All that was said, to the bit."""
    assert (found.agents, found.classes) == (expected.agents, expected.classes)
    assert found.ids.to_pylist() == expected.ids.to_pylist()
    for name in ("truth", "labels", "confidence", "reliability", "scores"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def records(panel) -> list[dict]:
    return panel.to_table().to_pylist()


def test_what_speaks_arrow_or_is_a_mapping(panel):
    table = panel.to_table().replace_schema_metadata(None)

    class Stranger:
        def __arrow_c_stream__(self, requested_schema=None):
            return table.__arrow_c_stream__(requested_schema)

    frame = pl.from_arrow(table)
    kinds = [name for name in frame.columns if name.endswith("_label")]
    categorical = frame.with_columns(pl.col(kinds).cast(pl.Categorical))
    (batch,) = table.to_batches()
    for data in (frame, categorical, Stranger(), batch, table.to_pydict(), table.to_pandas(), table):
        require_same(read_panel(data), panel)


def test_what_is_no_table():
    for data, says in (
        (3, "found a int: give a path, a pandas DataFrame, or a table that speaks Arrow"),
        ({"y": [1], "a_label": [1, 2]}, "the dict cannot be read as a table"),
        ([], "found a list"),
        (pl.LazyFrame({"y": [1]}) if not hasattr(pl.LazyFrame, "__arrow_c_stream__") else 3, "give a path"),
    ):
        with pytest.raises(SabotageError, match=says):
            read_panel(data)


@pytest.mark.parametrize("kind", ["lines", "zipped", "list", "nested", "crlf", "blank lines"])
def test_json_records(panel, kind, tmp_path):
    rows = records(panel)
    path = tmp_path / "preds.jsonl"
    if kind == "nested":  # a null is nothing, and so is what is not there
        for row in rows:
            for agent in panel.agents:
                own = {
                    name.removeprefix(f"{agent}_"): row.pop(name) for name in list(row) if name.startswith(f"{agent}_")
                }
                own["p"] = {name.removeprefix("p_"): own.pop(name) for name in list(own) if name.startswith("p_")}
                own["p"] = {name: score for name, score in own["p"].items() if score is not None} or None
                row[agent] = own
    lines = [json.dumps(row) for row in rows]
    if kind == "zipped":
        path = tmp_path / "preds.jsonl.gz"
        path.write_bytes(gzip.compress("\n".join(lines).encode()))
    elif kind == "list":
        path = tmp_path / "preds.json"
        path.write_text(f"\n  [{','.join(lines)}]")
    else:
        path.write_bytes({"crlf": "\r\n", "blank lines": "\n\n  \n"}.get(kind, "\n").join(lines).encode("utf-8-sig"))
    require_same(read_panel(str(path)), panel)


def test_json_in_many_blocks_and_types_that_come_late(tmp_path, monkeypatch):
    monkeypatch.setattr("sabotage.json_tables.BLOCK", 600)
    rows = [
        {
            "id": f"2020-01-{i % 28 + 1:02}-{i}",
            "y": "b" if i % 3 else "a",
            "v_label": "a",
            "v_confidence": 1 if i < 50 else 0.5,
        }
        for i in range(99)
    ]
    rows[98]["v_reliability"] = 2
    rows[97]["y"] = None
    path = tmp_path / "many.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert path.stat().st_size > 3 * 600 < BLOCK
    with pytest.warns(sabotage.SabotageWarning, match="1 rows without truth"):
        read = read_panel(str(path))
    assert read.n_examples == 98
    assert read.ids[0].as_py() == "2020-01-01-0"
    assert read.confidence[:, 0].tolist() == [1.0] * 50 + [0.5] * 48
    assert read.reliability[-1, 0] == 2
    assert np.isnan(read.reliability[:-1]).all()


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (['{"y": 1, "a_label": 1}', "not json"], "line 2 of p.jsonl is not JSON: Expecting value"),
        (['{"y": 1, "a_label": 1}', "", "[1]"], "line 3 of p.jsonl is a JSON list: one object a line"),
        (['{"y": 1, "a_label": 1}', '{"y": 2'], "line 2 of p.jsonl is not JSON"),
        (["[1, 2"], "p.jsonl is no JSON list of records, nor one object a line"),
        (["[1, 2]"], "row 0 of p.jsonl is a JSON int"),
        (
            ['{"y": 1, "a_label": 1, "a_confidence": 0.5}', '{"y": 2, "a_label": 1, "a_confidence": "high"}'],
            "a_confidence must be a number: found 'high' in row 1 of p.jsonl",
        ),
        (
            ['{"y": 1, "a_label": 1, "a_confidence": 0.5}', '{"y": 2, "a_label": 1, "a_confidence": 3}'],
            r"a_confidence must lie in \[0, 1\]: found 3.0 in row 1 of p.jsonl",
        ),
        (['{"y": [1], "a_label": 1}'], "y of p.jsonl holds list<.*>, which is not read"),
        (['{"y": 1, "a_label": 1, "a": {"label": 2}}'], "p.jsonl has a_label both as a key and as nested keys"),
        (["{}"], "has no column with the truth"),
    ],
)
def test_json_refused(lines, says, tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_text("\n".join(lines))
    with pytest.raises(SabotageError, match=says):
        read_panel(str(path))


def test_json_that_mixes_types_reads_as_a_csv_would(tmp_path):
    path = tmp_path / "p.jsonl"
    rows = [
        {"id": 1, "y": 1, "a_label": "1", "a_confidence": "0.5"},
        {"id": "x", "y": "2", "a_label": 2, "a_confidence": 0.25},
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    read = read_panel(str(path))
    assert read.classes == (1, 2)
    assert read.ids.to_pylist() == ["1", "x"]
    assert read.confidence.ravel().tolist() == [0.5, 0.25]


def test_json_that_is_not_utf8(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_bytes('{"y": "ä"}'.encode("latin-1"))
    with pytest.raises(SabotageError, match=r"p.jsonl is not UTF-8"):
        read_panel(str(path))


# ---- parts ----


def written_parts(panel, folder, ending="parquet", sizes=(0, 30, 30, 60)):
    """Write a panel in parts that lie in order of their names."""
    table, edges = panel.to_table(), [*sizes, panel.n_examples]
    for part, (start, end) in enumerate(pairwise(edges)):
        path = folder / f"part-{part}.{ending}"
        piece = table.slice(start, end - start)
        if ending == "parquet":
            pq.write_table(piece, path)
        elif ending == "jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in piece.to_pylist()) or "\n")
        else:
            piece.to_pandas().to_csv(path, index=False)
    return folder


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_a_folder_a_pattern_and_a_list_are_one_table(panel, ending, tmp_path):
    folder = written_parts(panel, tmp_path, ending)
    (folder / "_SUCCESS").touch()
    (folder / ".hidden.parquet").write_text("junk")
    (folder / "notes.txt").write_text("no part")
    parts = sorted(str(path) for path in folder.glob(f"part-*.{ending}"))
    for data in (str(folder), str(folder / f"part-*.{ending}"), parts, folder):
        read = read_panel(data)
        require_same(read, panel)
        assert f"({ending}, 4 files)" in repr(read)
    audit = sabotage.analyze(read_panel(str(folder)), n_permutations=0)
    assert audit.sha256 == sha256(list(reversed(parts)))


def test_errors_name_the_part_and_its_own_row(panel, tmp_path):
    folder = written_parts(panel, tmp_path)
    frame = pd.read_parquet(folder / "part-2.parquet")
    frame.loc[5, "text_confidence"] = 7.0
    frame.to_parquet(folder / "part-2.parquet")
    with pytest.raises(SabotageError, match=r"found 7.0 in row 5 of part-2.parquet"):
        read_panel(str(folder))
    frame.drop(columns="text_confidence").to_parquet(folder / "part-2.parquet")
    with pytest.raises(SabotageError, match=r"part-2.parquet has no column text_confidence, which part-0.parquet has"):
        read_panel(str(folder))
    (folder / "part-2.parquet").write_bytes((folder / "part-1.parquet").read_bytes()[:3000])
    with pytest.raises(SabotageError, match=r"part-2.parquet cannot be read as parquet"):
        read_panel(str(folder))
    (folder / "part-2.parquet").unlink()
    (folder / "part-9.csv").write_text("y,a_label\n1,1\n")
    with pytest.raises(SabotageError, match=r"part-9.csv of .* is csv and part-0.parquet is parquet"):
        read_panel(str(folder))


def test_an_id_in_two_parts_is_one_too_many(panel, tmp_path):
    folder = written_parts(panel, tmp_path)
    (folder / "part-9.parquet").write_bytes((folder / "part-0.parquet").read_bytes())
    with pytest.raises(SabotageError, match="id is not unique"):
        read_panel(str(folder))


def test_folders_named_by_a_value_are_a_column(panel, tmp_path):
    for split in ("test", "train"):
        (tmp_path / f"split={split}" / "site=1").mkdir(parents=True)
    pq.write_table(panel.to_table().slice(0, 50), tmp_path / "split=test" / "site=1" / "a.parquet")
    pq.write_table(panel.to_table().slice(50), tmp_path / "split=train" / "site=1" / "a.parquet")
    read = read_panel(str(tmp_path), keep=["site"])
    assert (read.n_examples, read.origin.n_other_split) == (50, 40)
    assert set(read.column("site").to_pylist()) == {"1"}
    assert read_panel(str(tmp_path), where=["split == train"]).n_examples == 40


def test_nothing_to_read(tmp_path):
    for data, says in (
        (str(tmp_path), "is a folder without a file that ends in .parquet"),
        (str(tmp_path / "*.parquet"), r"no file is named .*\*.parquet"),
        ([str(tmp_path / "no.parquet")], "cannot be read: No such file"),
    ):
        with pytest.raises(SabotageError, match=says):
            read_panel(data)
    pq.write_table(
        pa.table({"y": pa.array([], pa.string()), "a_label": pa.array([], pa.string())}), tmp_path / "a.parquet"
    )
    with pytest.raises(SabotageError, match="has no rows"):
        read_panel(str(tmp_path))
    with pytest.raises(SabotageError, match="is given twice"):
        read_panel([str(tmp_path / "a.parquet")] * 2)


def test_a_file_whose_name_is_a_pattern_is_that_file(panel, tmp_path):
    path = tmp_path / "preds[1].parquet"
    panel.to_parquet(path)
    require_same(read_panel(str(path)), panel)


def test_a_file_of_no_known_ending_may_be_named(panel, tmp_path):
    path = tmp_path / "preds.txt"
    path.write_text("".join(json.dumps(row) + "\n" for row in records(panel)))
    with pytest.raises(SabotageError, match=r"preds.txt has no ending that says its format"):
        read_panel(str(path))
    require_same(read_panel(str(path), input_format="jsonl"), panel)
    os.rename(path, tmp_path / "only")
    assert open_source(str(tmp_path), "jsonl").n_rows == 90
