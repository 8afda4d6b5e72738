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
    with pytest.warns(sabotage.SabotageWarning, match="1 row without truth"):
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
    assert set(read.column("site").to_pylist()) == {1}
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
    with pytest.raises(SabotageError, match=r"preds.txt has no ending .* --input-format .*\|quality-npz\|ratings"):
        read_panel(str(path))
    require_same(read_panel(str(path), input_format="jsonl"), panel)
    os.rename(path, tmp_path / "only")
    assert open_source(str(tmp_path), "jsonl").n_rows == 90


# ---- what went wrong once ----

ROWS = ("1,a,a,0.5", "2,b,b,0.5", "3,a,b,0.5", "4,b,a,0.5")
HEADER = "id,y,v_label,v_confidence"


def write(path, *rows, header=HEADER):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *rows]) + "\n")
    return str(path)


def test_files_that_a_shell_found_say_as_much_as_their_folder(tmp_path):
    """An expanded pattern lost the column of its folders: rows to train on were analysed."""
    files = [write(tmp_path / f"split={s}" / "a.csv", *ROWS[k : k + 2]) for k, s in ((0, "test"), (2, "train"))]
    folders = [str(tmp_path / "split=test"), str(tmp_path / "split=train")]
    for data in (str(tmp_path), files, folders, str(tmp_path / "*" / "*.csv")):
        read = read_panel(data)
        assert (read.ids.to_pylist(), read.origin.n_other_split) == ([1, 2], 2)
    (tmp_path / "split=train" / "a.csv").write_text(f"{HEADER}\n3,a,b,0.5\n4,b,a,7\n")
    for data in (folders, files):
        with pytest.raises(SabotageError, match=r"found 7.0 in row 1 of split=train/a.csv"):
            read_panel(data, split=None)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_values_of_folders_are_numbers_where_they_spell_them(ending, tmp_path):
    for k, seed in enumerate(("1", "2", "10")):
        path = write(tmp_path / f"seed={seed}" / f"w_confidence=0.{k + 1}" / "a.csv", *ROWS)
        frame = pd.read_csv(path).assign(w_label="a")
        if ending == "parquet":
            frame.to_parquet(path.replace("csv", "parquet"))
            os.remove(path)
        else:
            frame.to_csv(path, index=False)
    read = read_panel(str(tmp_path), where=["seed < 10"], seed_column="seed")
    assert sorted(set(read.column("seed").to_pylist())) == [1, 2]
    assert sorted(set(read.confidence[:, read.agents.index("w")])) == [0.1, 0.2]


def test_names_of_folders_are_spelled_as_others_spell_them(tmp_path):
    write(tmp_path / "group=a%20b" / "a.csv", *ROWS[:2])
    write(tmp_path / "group=__HIVE_DEFAULT_PARTITION__" / "a.csv", *ROWS[2:])
    assert read_panel(str(tmp_path)).column("group").to_pylist() == [None, None, "a b", "a b"]


def test_endings_in_capitals_and_folders_behind_links_are_parts(tmp_path):
    write(tmp_path / "in" / "A.CSV", *ROWS[:2])
    write(tmp_path / "out" / "b.csv", *ROWS[2:])
    os.symlink(tmp_path / "out", tmp_path / "in" / "more")
    os.symlink(tmp_path / "in", tmp_path / "in" / "again")
    assert read_panel(str(tmp_path / "in")).n_examples == 4


def test_a_part_under_two_names_is_given_twice(tmp_path):
    path = write(tmp_path / "a.csv", *ROWS)
    for data in ([path, f"{tmp_path}/./a.csv"], [str(tmp_path), path]):
        with pytest.raises(SabotageError, match=r"a.csv is given twice"):
            read_panel(data)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (("1,a,a,0.5",), r"id is not unique: 1 stands in row 0 of a.csv, row 0 of b.csv"),
        ((",a,a,0.5",), r"id is null in row 0 of b.csv"),
        (("5,a,a,0.5", "5,a,a,0.5"), r"id is not unique: 5 stands in rows 0, 1 of b.csv"),
    ],
)
def test_ids_are_placed_in_their_part(rows, says, tmp_path):
    write(tmp_path / "a.csv", *ROWS)
    write(tmp_path / "b.csv", *rows)
    with pytest.raises(SabotageError, match=says):
        read_panel(str(tmp_path))


def test_runs_and_truths_are_placed_in_their_part(tmp_path):
    header = f"{HEADER},seed"
    write(tmp_path / "a.csv", "1,a,a,0.5,0", "2,b,a,0.5,0", header=header)
    for row, says in (
        ("2,a,a,0.5,1", r"found 'b' in row 1 of a.csv and 'a' in row 1 of b.csv"),
        ("2,b,a,0.5,", r"seed is null in row 1 of b.csv"),
        ("2,b,a,0.5,0", r"2 with seed 0 stands in row 1 of a.csv, row 1 of b.csv"),
    ):
        write(tmp_path / "b.csv", "1,a,a,0.5,1", row, header=header)
        with pytest.raises(SabotageError, match=says):
            read_panel(str(tmp_path), seed_column="seed")


def test_a_type_that_is_not_read_is_named_by_part(tmp_path):
    frame = pd.DataFrame({"id": [1, 2], "y": ["a", "b"], "v_label": ["a", "b"], "v_confidence": 0.5})
    frame.to_parquet(tmp_path / "a.parquet")
    frame.assign(y=[["a"], ["b"]]).to_parquet(tmp_path / "b.parquet")
    with pytest.raises(SabotageError, match=r"y of b.parquet holds list<.*>, which is not read"):
        read_panel(str(tmp_path))


def test_ids_of_parts_stay_numbers(tmp_path):
    frame = pd.DataFrame({"id": [1, 2], "y": ["a", "b"], "v_label": ["a", "b"], "v_confidence": 0.5})
    frame.to_parquet(tmp_path / "a.parquet")
    frame.assign(id=np.array([3, 2e15])).to_parquet(tmp_path / "b.parquet")
    assert read_panel(str(tmp_path)).ids.to_pylist() == [1, 2, 3, 2_000_000_000_000_000]


def test_a_csv_that_begins_with_empty_lines_or_ends_with_its_header(tmp_path):
    write(tmp_path / "a.csv", *ROWS, header=f"\n\n{HEADER}")
    (tmp_path / "b.csv").write_text(HEADER)
    assert read_panel(str(tmp_path)).n_examples == 4
    with pytest.raises(SabotageError, match=r"b.csv has no rows"):
        read_panel(str(tmp_path / "b.csv"))
    write(tmp_path / "c.csv", *(f"{row},1" for row in ROWS), header=f'{HEADER},"a\nnote"')
    assert read_panel(str(tmp_path / "c.csv")).origin.ignored_columns == ("a\nnote",)


def test_arrow_parts_do_not_keep_their_files_open(tmp_path):
    table = pa.table({"y": ["a", "b"], "v_label": ["a", "b"], "v_confidence": [0.5, 0.5]})
    for k in range(40):
        with pa.ipc.new_file(tmp_path / f"{k}.arrow", table.schema) as writer:
            writer.write_table(table)
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    assert open_source(str(tmp_path)).n_rows == 80
    source = open_source(str(tmp_path))
    assert not before or len(os.listdir("/proc/self/fd")) < before + 20, source
