"""What cannot be understood ends in one sentence that names file, column and row, and says what would do."""

import threading

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from builders import make_panel

import sabotage
from sabotage import SabotageError, read_panel


def frame(**change) -> pd.DataFrame:
    """Return a sound table of 50 rows, with columns replaced or dropped (None)."""
    random = np.random.default_rng(0)
    classes = np.array(["a", "b"])
    columns = {"id": np.arange(50), "y": classes[np.arange(50) % 2]}
    for agent in ("voice", "face"):
        p = random.random(50)
        columns |= {
            f"{agent}_label": classes[(p < 0.5).astype(int)],
            f"{agent}_confidence": np.maximum(p, 1 - p),
            f"{agent}_reliability": random.random(50),
            f"{agent}_p_a": p,
            f"{agent}_p_b": 1 - p,
        }
    columns |= change
    return pd.DataFrame({name: values for name, values in columns.items() if values is not None})


def at_41(values, value):
    out = list(values)
    out[41] = value
    return out


def refused(table: pd.DataFrame, tmp_path, says: str, name: str = "preds.parquet", **options) -> str:
    path = tmp_path / name
    if name.endswith(".csv"):
        table.to_csv(path, index=False)
    else:
        table.to_parquet(path)
    with pytest.raises(SabotageError) as caught:
        read_panel(path, **options)
    message = str(caught.value)
    assert says in message
    assert "\n" not in message
    assert len(message) < 400
    return message


FLOATS = frame()["voice_confidence"].tolist()


@pytest.mark.parametrize("name", ["preds.parquet", "preds.csv"])
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"voice_confidence": at_41(FLOATS, 7.0)},
            "voice_confidence must lie in [0, 1]: found 7.0 in row 41 of {name}; for 1 to 100 give"
            " --confidence-scale percent",
        ),
        ({"voice_confidence": at_41(FLOATS, -0.5)}, "voice_confidence must lie in [0, 1]: found -0.5 in row 41"),
        ({"voice_confidence": at_41(FLOATS, 700.0)}, "voice_confidence must lie in [0, 1]: found 700.0 in row 41"),
        ({"voice_reliability": at_41(FLOATS, -2.0)}, "voice_reliability must not be negative: found -2.0 in row 41"),
        ({"voice_p_a": at_41(FLOATS, np.inf)}, "voice_p_a must be finite: found inf in row 41 of {name}"),
        ({"face_reliability": at_41(FLOATS, -np.inf)}, "face_reliability must be finite: found -inf in row 41"),
        ({"id": at_41(range(50), 7)}, "id is not unique: 7 stands in rows 7, 41 of {name}"),
        ({"y": None}, "{name} has no column with the truth: name one y, label, y_true, truth, target, or give --truth"),
        ({"y": ["a"] * 50, "voice_label": ["a"] * 50, "face_label": ["a"] * 50} | {
            f"{agent}_p_{c}": None for agent in ("voice", "face") for c in "ab"
        }, "{name} has one class only, a"),
        ({"voice_label": [None] * 50, "voice_p_a": [np.nan] * 50, "voice_p_b": [np.nan] * 50},
         "voice never speaks: voice_label, voice_confidence, voice_reliability, voice_p_a, voice_p_b hold nothing in the 50"),
        ({"y": [None] * 50}, "y, the truth, is null in every row of {name}"),
    ],
)  # fmt: skip
def test_values(change, says, name, tmp_path):
    refused(frame(**change), tmp_path, says.format(name=name), name)


def test_percent_is_accepted_by_the_option_that_the_message_names(tmp_path):
    table = frame(voice_confidence=[100 * c for c in FLOATS], face_confidence=[100 * c for c in FLOATS])
    refused(table, tmp_path, "for 1 to 100 give --confidence-scale percent")
    assert read_panel(tmp_path / "preds.parquet", confidence_scale="percent").confidence.max() <= 1


@pytest.mark.parametrize("name", ["preds.parquet", "preds.csv"])
def test_a_score_column_of_text(name, tmp_path):
    texts = ["0.5"] * 41 + ["high"] + ["0.5"] * 8
    message = refused(frame(voice_p_a=texts), tmp_path, "voice_p_a must be a number: found", name)
    if name.endswith(".csv"):
        assert "found 'high' in row 41 of preds.csv" in message
    else:
        assert "found '0.5', of type" in message
        assert "row 0 of preds.parquet" in message


def test_an_infinite_value_is_refused_before_a_later_odd_one(tmp_path):
    refused(frame(voice_p_a=[np.inf] * 50, face_p_a=["x"] * 50), tmp_path, "voice_p_a must be finite")


def test_a_top_score_that_is_no_confidence(tmp_path):
    table = frame(voice_confidence=None, voice_p_a=at_41(FLOATS, 3.0))
    refused(table, tmp_path, "its top score is no confidence in [0, 1]: found 3 in row 41 of preds.parquet; give voice")


def test_an_unknown_label_under_given_classes(tmp_path):
    table = frame(voice_label=at_41(frame()["voice_label"], "c"))
    says = "voice_label, row 41 of preds.parquet: found the label 'c', which --classes leaves out: a, b"
    refused(table, tmp_path, says, classes=["a", "b"])


def test_a_label_with_a_newline(tmp_path):
    table = frame(voice_label=at_41(frame()["voice_label"], "a\nb"))
    refused(table, tmp_path, "voice_label, row 41 of preds.parquet: found a label with a newline in it, 'a\\nb'")
    refused(table, tmp_path, "row 41 of preds.csv: found a label with a newline", "preds.csv")


def test_duplicate_columns(tmp_path):
    table = pa.Table.from_pandas(frame())
    pq.write_table(table.append_column("y", table["y"]), tmp_path / "twice.parquet")
    with pytest.raises(SabotageError, match=r"twice.parquet has more than one column named y: rename or drop"):
        read_panel(tmp_path / "twice.parquet")
    (tmp_path / "twice.csv").write_text("y,y,a_label\n1,1,1\n")
    with pytest.raises(SabotageError, match=r"twice.csv has more than one column named y"):
        read_panel(tmp_path / "twice.csv")
    doubled = pd.concat([frame(), frame()[["y"]]], axis=1)
    with pytest.raises(SabotageError, match="the DataFrame has more than one column named y"):
        read_panel(doubled)


def test_empty_files(tmp_path):
    (tmp_path / "empty.parquet").touch()
    with pytest.raises(SabotageError, match=r"^empty.parquet is empty$"):
        read_panel(tmp_path / "empty.parquet")
    refused(frame().head(0), tmp_path, "preds.parquet has no rows")
    refused(frame().head(0), tmp_path, "preds.csv has no rows", "preds.csv")
    with pytest.raises(SabotageError, match="the DataFrame has no rows"):
        read_panel(frame().head(0))


@pytest.mark.parametrize("size", [3, 400, 5000])
def test_a_torn_parquet(size, tmp_path):
    frame().to_parquet(tmp_path / "whole.parquet")
    (tmp_path / "torn.parquet").write_bytes((tmp_path / "whole.parquet").read_bytes()[:size])
    with pytest.raises(SabotageError, match=r"torn.parquet cannot be read as parquet; it may be torn"):
        read_panel(tmp_path / "torn.parquet")


def test_a_parquet_with_a_damaged_page(tmp_path):
    table = pa.Table.from_pandas(frame())
    pq.write_table(table, tmp_path / "whole.parquet", compression="zstd", use_dictionary=False)
    data = bytearray((tmp_path / "whole.parquet").read_bytes())
    meta = pq.ParquetFile(tmp_path / "whole.parquet").metadata.row_group(0)
    column = meta.column(table.schema.get_field_index("voice_p_a"))
    for offset in range(column.data_page_offset + 30, column.data_page_offset + 90):
        data[offset] ^= 0xFF
    (tmp_path / "damaged.parquet").write_bytes(data)
    with pytest.raises(SabotageError, match=r"damaged.parquet cannot be read as parquet"):
        read_panel(tmp_path / "damaged.parquet")


def test_a_torn_arrow_file_and_a_torn_gzip(tmp_path):
    frame().to_feather(tmp_path / "whole.feather")
    (tmp_path / "torn.feather").write_bytes((tmp_path / "whole.feather").read_bytes()[:900])
    with pytest.raises(SabotageError, match=r"torn.feather cannot be read as arrow"):
        read_panel(tmp_path / "torn.feather")
    frame().to_csv(tmp_path / "whole.csv.gz", index=False)
    (tmp_path / "torn.csv.gz").write_bytes((tmp_path / "whole.csv.gz").read_bytes()[:500])
    with pytest.raises(SabotageError, match=r"torn.csv.gz"):
        read_panel(tmp_path / "torn.csv.gz")


def test_a_csv_with_a_broken_row(tmp_path):
    lines = frame().to_csv(index=False).splitlines()
    lines[42] = "41,a,b"
    (tmp_path / "broken.csv").write_text("\n".join(lines))
    with pytest.raises(SabotageError, match=r"row 41 of broken.csv is broken: it has 3 fields where the header has 12"):
        read_panel(tmp_path / "broken.csv")


def test_two_readings_show_both(tmp_path):
    table = frame().rename(columns={"face_p_a": "voice_p_face_p_a"})
    says = (
        "voice_p_face_p_a could be the score of agent 'voice' for class 'face_p_a' or the score of agent 'voice_p_face'"
    )
    refused(table, tmp_path, says, agents=["voice", "voice_p_face"])
    table = frame(voice_p_face_label=["a"] * 50).rename(columns={"face_p_a": "voice_p_face_p_a"})
    says = "voice_p_face_label could be the label of agent 'voice_p_face' or the score of agent 'voice' for class 'face_label'"
    refused(table, tmp_path, says)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"where": ["y"]}, "--where 'y' is not 'column == value'"),
        ({"where": ["yy == a"]}, "has no column 'yy' (did you mean y?)"),
        ({"where": ["id == a"]}, "id of preds.parquet is int64, and 'a' does not read as that"),
        ({"where": ["y == c"]}, "no row of preds.parquet meets --where y == c"),
        ({"weights": "intensity"}, "has no voice_intensity, face_intensity"),
        ({"group": "subject"}, "has no column 'subject'"),
        ({"keep": ["subject"]}, "has no column 'subject'"),
        ({"input_format": "xlsx"}, "unknown input format 'xlsx': choose from arrow, csv, jsonl, parquet"),
        ({"confidence_scale": "log"}, "unknown confidence scale 'log'"),
        ({"classes": ["a", "b", "a"]}, "--classes names a class twice"),
    ],
)
def test_options(options, says, tmp_path):
    refused(frame(), tmp_path, says, **options)


def test_a_split_without_test_rows(tmp_path):
    refused(frame(split=["dev", "train"] * 25), tmp_path, "no row of the split 'test': split holds dev, train")


def test_null_ids(tmp_path):
    refused(frame(id=at_41(range(50), None)), tmp_path, "id is null in row 41 of preds.parquet")


def test_things_that_are_no_tables(tmp_path):
    for thing, says in (
        (tmp_path / "nowhere.parquet", "cannot be read: No such file or directory"),
        (tmp_path, "is a folder without a file that ends in .parquet"),
        ([1, 2], "found a list: give a path, a pandas DataFrame, or a table that speaks Arrow"),
    ):
        with pytest.raises(SabotageError, match=says):
            read_panel(thing)
    (tmp_path / "notes").write_text("hello")
    with pytest.raises(SabotageError, match="notes has no ending that says its format"):
        read_panel(tmp_path / "notes")


def test_a_label_column_of_mixed_things():
    table = frame()
    table["voice_label"] = table["voice_label"].astype(object)
    table.loc[41, "voice_label"] = 3
    with pytest.raises(SabotageError, match="column voice_label of the DataFrame mixes types"):
        read_panel(table)


def test_an_error_stops_the_thread_that_decodes(tmp_path):
    table = pd.concat([frame()] * 2000, ignore_index=True).assign(id=range(100_000))
    table.loc[0, "voice_confidence"] = 7.0
    before = threading.active_count()
    refused(table, tmp_path, "found 7.0 in row 0")
    assert threading.active_count() == before


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (
            lambda p: sabotage.compare("p.csv", ["mean"]),
            "panel must be a panel, read_panel(...) makes one: found a str",
        ),
        (lambda p: sabotage.compare(p, ["mean"], calibration=3), "calibration must be a panel"),
        (lambda p: sabotage.compare(p, ["mean"], what_ifs=["drop agent0"]), "what_ifs must be interventions"),
        (lambda p: sabotage.fit(p, None), "a learned rule is named, such as stacking: found a NoneType"),
        (lambda p: sabotage.fit(None, "stacking"), "a panel is needed to fit stacking on: found a NoneType"),
        (lambda p: sabotage.Intervention("cap", "agent0", "0.5"), "cap takes a number: found '0.5'"),
        (lambda p: sabotage.Intervention("drop", 3), "drop takes an agent's name: found 3"),
        (lambda p: sabotage.fusion_rule(3), "a rule is made of a function with a name: found a int"),
        (lambda p: sabotage.attribute(p, statistics=[]), "statistics must name one at least"),
        (lambda p: sabotage.replay(p, 3), "a rule, or the name of one, is needed: found a int"),
        (lambda p: sabotage.replay(p, "my_rules.py"), "my_rules.py is a file: give the function in it"),
    ],
)
def test_what_is_of_another_kind_is_refused_in_a_sentence(call, says):
    with pytest.raises(SabotageError) as refused:
        call(make_panel(30))
    assert says in str(refused.value)
