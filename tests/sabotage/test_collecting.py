"""Files of replies into a table: fields, joins, samples, scales, what is refused, and that the panel reads it."""

import gzip
import json
import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reply_corpus import CORPUS
from reply_corpus import LABELS as MANY

from sabotage import Collected, SabotageError, SabotageWarning, collect, read_panel
from sabotage.replies import OUTCOMES

LABELS = {"anger": ["angry", "A"], "joy": ["happy", "B"], "sad": ["sadness", "I"]}


def write(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def replies(folder, texts, name="voice.jsonl", **more):
    """A file with one reply an id: i0, i1 ..."""
    return write(folder / name, [{"id": f"i{k}", "reply": text, **more} for k, text in enumerate(texts)])


def truth(folder, labels, **more):
    pd.DataFrame({"id": [f"i{k}" for k in range(len(labels))], "y": labels, **more}).to_csv(
        folder / "truth.csv", index=False
    )
    return folder / "truth.csv"


def column(collected, name):
    return collected.table[name].to_pylist()


def test_a_table_that_the_panel_understands(tmp_path):
    voice = replies(tmp_path, [
        '{"predictions":[{"label":"joy","confidence":0.7},{"label":"sad","confidence":0.2}],"self_assessment":4,"rationale":"loud"}',
        '{"label":"angry","confidence":"high","self_assessment":5}',
        "I don't know",
        "1. sad\n2. joy",
    ])  # fmt: skip
    face = replies(tmp_path, ["Joy (80%)", "sad, 60% sure", "anger: 0.9", "B"], "face.jsonl")
    found = collect([voice, face], LABELS, truth(tmp_path, ["joy", "anger", "sad", "happy"], film=["a", "a", "b", "b"]))
    assert found.table.column_names == [
        "id", "y", "film", "voice_label", "voice_confidence", "voice_reliability", "voice_p_anger", "voice_p_joy", "voice_p_sad",
        "voice_rationale", "voice_outcome", "face_label", "face_confidence", "face_rationale", "face_outcome",
    ]  # fmt: skip
    assert column(found, "y") == ["joy", "anger", "sad", "joy"]  # a synonym in the truth is its label
    assert column(found, "voice_label") == ["joy", "anger", None, "sad"]
    assert column(found, "voice_confidence") == [0.7, 0.85, None, None]
    assert column(found, "voice_reliability") == [0.75, 1.0, None, None]
    assert column(found, "voice_p_joy") == [0.7, None, None, 0.5]
    assert column(found, "voice_p_sad") == [0.2, None, None, 1.0]
    assert column(found, "voice_rationale")[0] == "loud"
    assert column(found, "voice_outcome")[2] == "refused: does not know"
    assert column(found, "face_confidence") == [0.8, 0.6, 0.9, None]
    assert any("1 lists have an order and no confidence" in note for note in found.notes)
    found.to_parquet(tmp_path / "preds.parquet")
    with pytest.warns(SabotageWarning):  # face has no self-assessment
        panel = read_panel(tmp_path / "preds.parquet")
    assert panel.agents == ("voice", "face")
    assert panel.classes == ("anger", "joy", "sad")
    assert np.array_equal(panel.labels, [[1, 1], [0, 2], [-1, 0], [2, 1]])


def test_classes_keep_the_order_of_the_labels(tmp_path):
    path = replies(tmp_path, ['{"z":0.5,"a":0.4,"m":0.1}', '{"a":1}'])
    found = collect(path, ["z", "m", "a"], truth(tmp_path, ["z", "a"]))
    assert read_panel(found.table).classes == ("z", "m", "a")


def test_outcomes_sum_to_the_replies_and_examples_are_the_first_ten(tmp_path):
    texts = [text for text, *_ in CORPUS]
    found = collect(replies(tmp_path, texts), MANY)
    report = found.report["voice"]
    assert report.n_replies == len(texts) == sum(report.outcomes.values())
    for outcome in OUTCOMES:
        assert sum(report.reasons[outcome].values()) == report.outcomes[outcome]
        assert len(report.examples[outcome]) == min(10, report.outcomes[outcome])
        expected = [f"i{k}" for k, (_, own, *_) in enumerate(CORPUS) if own == outcome][:10]
        assert [example.id for example in report.examples[outcome]] == expected
        assert all(len(example.text) <= 200 for example in report.examples[outcome])
    assert report.n_usable == sum(report.outcomes[outcome] for outcome in OUTCOMES[:3])
    assert column(found, "voice_label") == [label for _, _, label, _ in CORPUS]
    assert ("happines", "happy", 2) in report.mapped
    assert json.loads(found.to_json())["agents"]["voice"]["n_replies"] == len(texts)
    assert f"{len(texts)} examples, 1 agent\n" in repr(found)


@pytest.mark.parametrize(
    "record",
    [
        {"example_id": "x", "modality": "voice", "response": "sad"},
        {"utterance_id": "x", "agent": "voice", "completion": "sad"},
        {"sample_id": "x", "agent": " voice ", "raw": "sad"},
        {"id": "x", "agent": "voice", "reply": {"label": "sad"}},
        {"id": "x", "agent": "voice", "content": [{"type": "text", "text": "sad"}]},
        {"id": "batch_1", "custom_id": "x", "agent": "voice", "error": None,
         "response": {"status_code": 200, "body": {"choices": [{"message": {"role": "assistant", "content": "sad"}}]}}},
        {"custom_id": "x", "agent": "voice",
         "result": {"type": "succeeded", "message": {"role": "assistant", "content": [{"type": "text", "text": "sad"}]}}},
        {"id": "x", "agent": "voice", "choices": [{"message": {"role": "assistant", "content": "sad"}}]},
        {"id": "x", "agent": "voice", "choices": [{"message": {"role": "assistant", "content": None, "tool_calls":
         [{"function": {"name": "f", "arguments": '{"label":"sad"}'}}]}}]},
    ],
)  # fmt: skip
def test_records_of_many_shapes(tmp_path, record):
    found = collect(write(tmp_path / "all.jsonl", [record]), LABELS)
    assert found.table.to_pylist()[0] | {"voice_rationale": None} == {
        "id": "x", "voice_label": "sad", "voice_confidence": None, "voice_rationale": None,
        "voice_outcome": found.table["voice_outcome"][0].as_py(),
    }  # fmt: skip


@pytest.mark.parametrize(
    "record",
    [
        {"id": "x", "reply": None}, {"id": "x", "error": {"code": 500}}, {"id": "x", "error": "timed out", "reply": ""},
        {"custom_id": "x", "response": {"status_code": 429, "body": {"error": {"message": "slow down"}}}},
        {"custom_id": "x", "result": {"type": "errored", "error": {"type": "overloaded"}}},
    ],
)  # fmt: skip
def test_records_without_a_reply_are_missing_and_counted(tmp_path, record):
    found = collect(write(tmp_path / "voice.jsonl", [record]), LABELS)
    assert found.report["voice"].reasons["unusable"] == {"no reply": 1}
    assert column(found, "voice_label") == [None]


def test_a_refusal_in_a_field_of_its_own_is_one(tmp_path):
    message = {"role": "assistant", "content": None, "refusal": "I'm sorry, I can't help with that."}
    found = collect(write(tmp_path / "voice.jsonl", [{"id": 1, "choices": [{"message": message}]}]), LABELS)
    assert found.report["voice"].outcomes["refused"] == 1


def test_files_of_other_formats_say_the_same(tmp_path):
    records = [{"id": "01", "reply": "sad", "agent": "v"}, {"id": "2", "reply": "Answer: joy", "agent": "v"}]
    expected = collect(write(tmp_path / "a.jsonl", records), LABELS).table
    (tmp_path / "a.json").write_text(json.dumps(records))
    (tmp_path / "b.json").write_text("\n".join(map(json.dumps, records)))
    with gzip.open(tmp_path / "a.jsonl.gz", "wt") as file:
        file.write("\ufeff" + "\n\n".join(map(json.dumps, records)))
    pd.DataFrame(records).to_csv(tmp_path / "a.csv", index=False)
    pd.DataFrame(records).to_parquet(tmp_path / "a.parquet")
    for name in ("a.json", "b.json", "a.jsonl.gz", "a.csv", "a.parquet"):
        assert collect(tmp_path / name, LABELS).table.equals(expected), name


def test_fields_by_dotted_path_and_files_by_pattern(tmp_path):
    for agent in ("voice", "face"):
        write(tmp_path / f"{agent}.jsonl", [{"meta": {"key": 7, "who": agent}, "out": [{"said": "sad"}]}])
    fields = {"id_field": "meta.key", "agent_field": "meta.who", "reply_field": "out.0.said"}
    found = collect(str(tmp_path / "*.jsonl"), LABELS, **fields)
    assert list(found.report) == ["face", "voice"]
    assert found.table["id"].to_pylist() == ["7"]


def test_samples_become_shares_of_votes(tmp_path):
    texts = {"i0": ["joy", "joy", "sad", "I don't know"], "i1": ["sad", "joy"], "i2": ["", "N/A"]}
    records = [
        {"id": id, "sample": k, "reply": json.dumps({"label": text, "self_assessment": k + 1})}
        for id, own in texts.items() for k, text in enumerate(own)
    ]  # fmt: skip
    found = collect(write(tmp_path / "voice.jsonl", records), LABELS)
    assert column(found, "voice_label") == ["joy", "joy", None]  # a tie goes to the first of the labels
    assert column(found, "voice_confidence") == [pytest.approx(2 / 3), 0.5, None]
    assert column(found, "voice_p_anger") == [0, 0, None]
    assert column(found, "voice_p_sad") == [pytest.approx(1 / 3), 0.5, None]
    assert column(found, "voice_reliability") == [pytest.approx((0 + 0.25 + 0.5) / 3), 0.125, None]
    assert column(found, "voice_outcome") == ["clean 3, refused 1", "clean 2", "refused 2"]
    assert found.report["voice"].samples == 2
    (note,) = (note for note in found.notes if "2 replies to a typical example are samples" in note)
    assert note.endswith("whatever confidence they state, its reliability the mean of their self-assessments")
    bare = [{"id": 0, "sample": k, "reply": "joy"} for k in range(2)]
    (note,) = collect(write(tmp_path / "voice.jsonl", bare), LABELS).notes
    assert note.endswith("whatever confidence they state")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.lists(st.sampled_from(["anger", "joy", "sad", "?"]), min_size=2, max_size=5), min_size=1, max_size=6)
)
def test_votes_against_counting(tmp_path, votes):
    records = [{"id": k, "sample": s, "reply": text} for k, own in enumerate(votes) for s, text in enumerate(own)]
    found = collect(write(tmp_path / "voice.jsonl", records), LABELS).table.to_pylist()
    for own, row in zip(votes, found, strict=True):
        said = [text for text in own if text != "?"]
        for label in LABELS:
            assert row[f"voice_p_{label}"] == (said.count(label) / len(said) if said else None)
        assert row["voice_label"] == (max(LABELS, key=said.count) if said else None)


def test_few_repeats_without_a_field_sample_are_a_mistake(tmp_path):
    records = [{"id": k, "reply": ("sad", "joy")[k % 2]} for k in range(20)]
    path = write(tmp_path / "voice.jsonl", [*records, {"id": 3, "reply": "joy"}])
    with pytest.raises(
        SabotageError,
        match=r"voice has two replies to id '3', in line 4 of voice.jsonl and line 21 of voice.jsonl: tell",
    ):
        collect(path, LABELS)
    path = write(tmp_path / "voice.jsonl", [*records, *records[:2]])
    assert collect(path, LABELS).report["voice"].samples == 1
    path = write(tmp_path / "voice.jsonl", [{"id": 3, "sample": 1, "reply": "sad"}] * 2)
    with pytest.raises(
        SabotageError, match=r"two replies to sample '1' of id '3', in line 1 of voice.jsonl and line 2"
    ):
        collect(path, LABELS)


def test_scales_are_those_of_the_agent(tmp_path):
    texts = ['{"label":"sad","confidence":1}', '{"label":"sad","confidence":80}', '{"label":"sad","confidence":95}']
    found = collect(replies(tmp_path, texts), LABELS)
    assert column(found, "voice_confidence") == [0.01, 0.8, 0.95]
    assert found.report["voice"].confidence_scale == "0 to 100"
    texts[2] = '{"label":"sad","confidence":"95%"}'
    texts[1] = '{"label":"sad","confidence":0.8}'
    found = collect(replies(tmp_path, texts), LABELS)
    assert column(found, "voice_confidence") == [1.0, 0.8, 0.95]
    found = collect(replies(tmp_path, texts), LABELS, confidence_scale="percent")
    assert column(found, "voice_confidence") == [0.01, 0.008, 0.95]
    found = collect(replies(tmp_path, ['{"label":"sad","confidence":80}']), LABELS, confidence_scale="unit")
    assert column(found, "voice_confidence") == [None]
    assert found.report["voice"].counts == {"confidences out of range": 1}
    texts = ['{"label":"sad","reliability":4}', '{"label":"sad","reliability":9}']
    assert column(collect(replies(tmp_path, texts), LABELS), "voice_reliability") == [
        pytest.approx(3 / 9),
        pytest.approx(8 / 9),
    ]
    found = collect(replies(tmp_path, texts), LABELS, assessment_scale="5")
    assert column(found, "voice_reliability") == [0.75, None]
    assert found.report["voice"].counts == {"self-assessments out of range": 1}


def test_confidences_out_of_ten_are_not_read_as_percent_in_silence(tmp_path):
    texts = [f'{{"label":"{"sad" if k % 2 else "joy"}","confidence":{2 + k % 9}}}' for k in range(40)]
    with pytest.warns(SabotageWarning, match="voice: confidences up to 10 are read as percent; if they are out of 10"):
        collect(replies(tmp_path, texts), LABELS)


def test_an_answer_that_takes_all_is_suspicious_and_how_it_was_read_is_said(tmp_path):
    texts = ["I"] * 65 + ["joy"] * 20
    said = r"voice: 'sad' is 65 of 85 usable answers \(76%, and 26% of the truth\): the letter 'I', read as answer alone, in 65 of 65"
    with pytest.warns(SabotageWarning, match=said):
        collect(replies(tmp_path, texts), LABELS, truth(tmp_path, (["sad", "joy", "anger", "anger"] * 22)[:85]))
    with pytest.warns(SabotageWarning, match=r"'sad' is 65 of 85 usable answers \(76%\)"):
        collect(replies(tmp_path, texts), LABELS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        collect(replies(tmp_path, texts), LABELS, truth(tmp_path, ["sad"] * 60 + ["joy"] * 25))
        collect(replies(tmp_path, texts[:15]), LABELS)  # too few to tell


def test_replies_and_truth_that_do_not_meet(tmp_path):
    table = truth(tmp_path, ["sad", "joy", "anger"])
    with pytest.raises(
        SabotageError, match=r"no reply is to an id of truth.csv: replies have ids such as '7', truth.csv such as 'i0'"
    ):
        collect(write(tmp_path / "v.jsonl", [{"id": 7, "reply": "sad"}]), LABELS, table)
    records = [{"id": "i2", "reply": "sad"}, {"id": "i9", "reply": "joy"}, {"id": "i0", "reply": "joy"}]
    with pytest.warns(
        SabotageWarning, match=r"1 replies to 1 ids that truth.csv does not have are dropped \('i9' for one\)"
    ):
        found = collect(write(tmp_path / "v.jsonl", records), LABELS, table)
    assert column(found, "id") == ["i0", "i2"]  # in the order of the truth
    assert column(found, "v_label") == ["joy", "sad"]
    assert "1 of the 3 ids of truth.csv have no reply: left out" in found.notes
    assert found.report["v"].n_replies == 2


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (['{"id": 1, "reply": "sad"}', "{broken"], r"line 2 of v.jsonl is not JSON"),
        (["[1]"], "line 1 of v.jsonl must be an object with an id and a reply: found list"),
        (['{"reply": "sad"}'], r"line 1 of v.jsonl has no id \(id, example_id"),
        (['{"id": 1, "said": "sad"}'], r"line 1 of v.jsonl has no reply \(reply, response.*its fields are id, said: name one with --reply-field"),
        (['{"id": 1, "reply": "sad", "agent": "a\\nb"}'], r"the name of an agent is one line of text: found 'a\\nb'"),
        (['{"id": 1, "reply": "sad", "agent": " "}'], "the name of an agent is one line"),
        (['{"id": 1, "reply": "sad", "agent": "fused"}'], "an agent cannot be called 'fused'"),
        (['{"id": 1, "reply": "sad", "agent": "a"}', '{"id": 1, "reply": "sad", "agent": "a "}'], "'a' and 'a ' differ in spaces only"),
        (['{"id": null, "reply": "sad"}'], "has no id"),
        (['{"id": 1, "text": "Oh no!", "answer": "sad"}'],
         "line 1 of v.jsonl: text and answer could each be the reply: say which with --reply-field text"),
        (['{"id": 1, "reply": "sad", "agent": "x", "modality": "y"}'], "agent and modality could each be the agent"),
        (['{"id": 1, "utterance_id": 2, "reply": "sad"}'], "id and utterance_id could each be the id"),
        ([], "there is no reply in v.jsonl"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_understood(tmp_path, lines, message):
    (tmp_path / "v.jsonl").write_text("\n".join(lines))
    with pytest.raises(SabotageError, match=message):
        collect(tmp_path / "v.jsonl", LABELS)


def test_other_refusals(tmp_path):
    path = replies(tmp_path, ["sad", "joy"])
    with pytest.raises(SabotageError, match=r"y: found 'angr' \(did you mean anger\?\) in row 1 of truth.csv"):
        collect(path, LABELS, truth(tmp_path, ["sad", "angr"]))
    with pytest.raises(SabotageError, match=r"voice would have the column voice_label, which truth\.csv has too"):
        collect(path, LABELS, truth(tmp_path, ["sad", "joy"], voice_label=["x", "y"]))
    with pytest.raises(SabotageError, match="the DataFrame has no column of the truth: give --truth-column"):
        collect(path, LABELS, pd.DataFrame({"id": ["i0"], "gold": ["sad"]}))
    with pytest.raises(SabotageError, match="found 'i0' in rows 0 and 1 of the table"):
        collect(path, LABELS, pa.table({"id": ["i0", "i0"], "y": ["sad", "joy"]}))
    with pytest.raises(SabotageError, match="no file matches"):
        collect(str(tmp_path / "no*.jsonl"), LABELS)
    with pytest.raises(SabotageError, match=r"nothing\.jsonl cannot be read"):
        collect(tmp_path / "nothing.jsonl", LABELS)
    with pytest.raises(SabotageError, match=r"line 1 of voice\.jsonl has no field 'who' with the agent"):
        collect(path, LABELS, agent_field="who")
    (tmp_path / "bytes.jsonl").write_bytes(b'{"id": 1, "reply": "caf\xe9"}\n')
    with pytest.raises(SabotageError, match=r"line 1 of bytes.jsonl is not UTF-8"):
        collect(tmp_path / "bytes.jsonl", LABELS)


def test_halves_of_surrogate_pairs_are_written_as_question_marks(tmp_path):
    (tmp_path / "v.jsonl").write_text(
        '{"id":"a\\ud800","reply":"{\\"label\\":\\"sad\\",\\"why\\":\\"\\\\ud83d\\"} \\udc00"}\n'
    )
    found = collect(tmp_path / "v.jsonl", LABELS)
    found.to_parquet(tmp_path / "p.parquet")
    assert pq.read_table(tmp_path / "p.parquet")["id"].to_pylist() == ["a?"]
    found.to_markdown().encode()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(max_size=40) | st.sampled_from([text for text, *_ in CORPUS]), min_size=1, max_size=12))
def test_any_replies_make_a_table_with_numbers_from_0_to_1(tmp_path, texts):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SabotageWarning)
        found = collect(replies(tmp_path, texts), MANY)
    assert isinstance(found, Collected)
    assert found.table.num_rows == len(texts)
    for name in found.table.column_names:
        if pa.types.is_floating(found.table.schema.field(name).type):
            assert all(value is None or 0 <= value <= 1 for value in column(found, name))
    assert sum(label is not None for label in column(found, "voice_label")) == found.report["voice"].n_usable
    found.to_markdown()
    found.to_json()


def asked(content, **more):
    return {
        "custom_id": "i0",
        "response": {"body": {"choices": [{"message": {"role": "assistant", "content": content, **more}}]}},
    }


@pytest.mark.parametrize(("record", "label", "outcome"), [
    (asked("sad"), "sad", "clean: answer alone"),
    (asked(None, refusal="No."), None, "refused: declined"),
    (asked(None), None, "unusable: no reply"),
    (asked("sad", reasoning_content="joy?"), "sad", "clean: answer alone"),
    ({"custom_id": "i0", "response": {"status_code": 500, "body": {"error": {"message": "x"}}}}, None, "unusable: no reply"),
    ({"custom_id": "i0", "result": {"type": "expired"}}, None, "unusable: no reply"),
    ({"custom_id": "i0", "result": {"type": "succeeded", "message": {"role": "assistant", "content": [
        {"type": "thinking", "thinking": "joy?"}, {"type": "text", "text": "sad"}]}}}, "sad", "clean: answer alone"),
    ({"id": "i0", "response": {"candidates": [{"content": {"role": "model", "parts": [
        {"text": "joy?", "thought": True}, {"text": "sad"}]}}]}}, "sad", "clean: answer alone"),
    ({"id": "i0", "response": {"promptFeedback": {"blockReason": "SAFETY"}}}, None, "unusable: no reply"),
    ({"id": "i0", "response": [{"role": "user", "content": "joy or sad?"}, {"role": "assistant", "content": "sad"}]}, "sad", "clean: answer alone"),
    ({"id": "i0", "output": ["sad", "sad", "joy"]}, None, "unusable: several labels"),
])  # fmt: skip
def test_records_as_services_write_them(tmp_path, record, label, outcome):
    found = collect(write(tmp_path / "voice.jsonl", [record]), LABELS)
    assert (column(found, "voice_label"), column(found, "voice_outcome")) == ([label], [outcome])


def test_several_choices_of_one_record_are_samples(tmp_path):
    choices = [{"message": {"role": "assistant", "content": text}} for text in ("sad", "joy", "sad", "I don't know")]
    found = collect(write(tmp_path / "voice.jsonl", [{"id": 1, "choices": choices}]), LABELS)
    assert column(found, "voice_p_sad") == [pytest.approx(2 / 3)]
    assert column(found, "voice_p_anger") == [0.0]
    assert found.report["voice"].n_replies == 4
    assert found.report["voice"].outcomes["refused"] == 1


def test_a_folder_is_not_a_file_of_replies(tmp_path):
    with pytest.raises(SabotageError, match="is a folder: name its files"):
        collect(tmp_path, LABELS)


def test_self_assessments_read_as_percent_that_look_like_another_scale_are_warned_of(tmp_path):
    path = replies(
        tmp_path,
        [json.dumps({"label": ["sad", "joy"][value % 2], "self_assessment": value % 6}) for value in range(30)],
    )
    with pytest.warns(SabotageWarning, match="give --assessment-scale"):
        collect(path, LABELS)
