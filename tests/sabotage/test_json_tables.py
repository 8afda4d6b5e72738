"""JSON records: against plain Python, in blocks of any size; keys twice, depths, and numbers beyond float64."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sabotage import SabotageError, read_panel
from sabotage.json_records import DEEPEST
from sabotage.sources import open_source

SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, -1.25]) | st.sampled_from("ab7")
RECORDS = st.lists(
    st.fixed_dictionaries(
        {"id": st.integers(0, 9)},
        optional={
            "x": SCALARS,
            "z": SCALARS,
            "v": st.none()
            | st.fixed_dictionaries(
                {}, optional={"label": SCALARS, "p": st.fixed_dictionaries({}, optional={"a": SCALARS})}
            )
            | st.integers(0, 1),
        },
    ),
    min_size=1,
    max_size=8,
)


def flat(record, prefix=""):
    """Plain Python: keys of nested objects behind those of the objects."""
    out = {}
    for key, value in record.items():
        out |= flat(value, f"{prefix}{key}_") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return out


def plain(value):
    """A value as text; where a column mixes types, texts are what it is read as."""
    if value is None:
        return None
    return (
        str(value).lower()
        if isinstance(value, bool)
        else str(int(value) if value == int(value) else value)
        if isinstance(value, int | float)
        else value
    )


@given(RECORDS, st.sampled_from([40, 90, 10_000]))
@settings(max_examples=80, deadline=None)
def test_read_as_plain_python_reads_it(tmp_path_factory, records, block):
    path = tmp_path_factory.mktemp("json") / "a.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sabotage.json_tables.BLOCK", block)
        source = open_source(path)
        rows = [row for batch in source.batches(source.columns, [], []) for row in batch.to_pylist()]
    expected = [flat(record) for record in records]
    # An object without keys is nothing, and makes no column; nor need a column in which nothing ever stands be there.
    assert {key for record in expected for key, value in record.items() if value is not None} <= set(source.columns)
    assert set(source.columns) <= {key for record in expected for key in record}
    for row, own in zip(rows, expected, strict=True):
        assert {key: plain(value) for key, value in row.items() if value is not None} == {
            key: plain(value) for key, value in own.items() if value is not None
        }


def refused(path, text, says):
    path.write_text(text)
    with pytest.raises(SabotageError, match=says):
        read_panel(path)


def test_a_key_that_stands_twice(tmp_path):
    last = '{"y": "b", "v_label": "a"}\n'
    for line in ('{"y": "a", "v_label": "a", "y": "b"}', '{"y": "a", "v": {"label": "a", "label": "b"}}'):
        refused(tmp_path / "a.jsonl", f"{last}{line}\n", r"line 2 of a.jsonl has the key '(y|label)' twice")
    refused(tmp_path / "a.json", f"[{line}, {last}]", r"a record of a.json has the key 'label' twice")
    both = '{"v_label": "a", "v": {"label": "b"}, "y": "a"}\n{"y": 1}\n'
    refused(tmp_path / "a.jsonl", both, "a.jsonl has v_label both as a key and as nested keys")


@pytest.mark.parametrize("brackets", ["[]", ('{"a":', "}"), "[\n]"])
@pytest.mark.parametrize("depth", [DEEPEST + 1, 1000, 100_000])
def test_depth_ends_in_a_sentence(brackets, depth, tmp_path):
    first, second = (brackets[0], brackets[-1]) if brackets != "[\n]" else ("[\n", "]")
    if brackets == "[\n]" and depth < 1000:
        return  # over many lines, depth is looked for where it could do harm
    value = first * depth + "1" + second * depth
    refused(tmp_path / "a.jsonl", f'{{"y": 1, "x": {value}}}\n', f"nested more than {DEEPEST} deep")


def test_brackets_in_texts_are_no_depth(tmp_path):
    path = tmp_path / "a.jsonl"
    rows = [{"y": k % 2, "v_label": 0, "v_confidence": 0.5, "why": '[{"\\' * 300} for k in range(4)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert read_panel(path).n_examples == 4


def test_ids_beyond_float64_are_kept(tmp_path):
    path = tmp_path / "a.jsonl"
    for ids in ([2**64 - 1, 2**64 - 2, 3], [2**53 + 1, 2**53, 0.5]):
        path.write_text(
            "".join(
                json.dumps({"id": i, "y": k % 2, "v_label": 1, "v_confidence": 1}) + "\n" for k, i in enumerate(ids)
            )
        )
        assert read_panel(path).ids.to_pylist() == [str(i) for i in ids]


def test_half_a_character(tmp_path):
    last = '{"y": "b", "v_label": "a"}\n'
    for line in ('{"y": "\\ud800", "v_label": "a"}', '{"y": "a", "\\udc00": 1}'):
        refused(tmp_path / "a.jsonl", f"{last}{line}\n", "line 2 of a.jsonl holds .* half a character")
    path = tmp_path / "b.jsonl"
    path.write_text('{"y": "\\ud83d\\ude00", "v_label": "a", "v_confidence": 1}\n{"y": "b", "v_label": "a"}\n')
    assert read_panel(path).classes == ("a", "b", "\U0001f600")


def test_texts_that_spell_numbers(tmp_path):
    path = tmp_path / "a.jsonl"
    rows = [
        {"y": k % 2, "v_label": 0, "v_confidence": c} for k, c in enumerate([" 0.5 ", "+.25", "1e-1", 1, None, "nan"])
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    np.testing.assert_array_equal(read_panel(path).confidence[:, 0], [0.5, 0.25, 0.1, 1, np.nan, np.nan])
    for text in ("1_0", "0x1", "", "high"):
        rows[3]["v_confidence"] = text
        says = f"v_confidence must be a number: found '{text}' in row 3 of a.jsonl"
        refused(path, "".join(json.dumps(row) + "\n" for row in rows), says)


def test_lists_among_texts_are_refused_where_they_are_used(tmp_path):
    text = '{"y": ["a"], "v_label": "a", "x": [1]}\n{"y": "b", "v_label": "a", "x": "c", "v_confidence": 1}\n'
    refused(tmp_path / "a.jsonl", text, "y of a.jsonl holds list<.*>, which is not read")
    (tmp_path / "b.jsonl").write_text(text.replace('["a"]', '"a"'))
    assert read_panel(tmp_path / "b.jsonl").n_examples == 2
