"""What is made of a reply: the corpus, and that no text whatever raises anything."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from reply_corpus import CORPUS, LABELS, TASKS

from sabotage.replies import OUTCOMES, read_reply
from sabotage.vocabulary import make_vocabulary
from sabotage.wordings import assessment_of, confidence_of

VOCABULARY = make_vocabulary(LABELS)
PIECES = (
    "happy", "sad", "A", "I", "(B)", "not ", "0.8", "80%", "130", "-1", "1.", "2)", "- ", "* ", "**", ": ", ", ", " / ", "\n",
    '{"label":', '"confidence":', '"sad"', "}", "[", "]", "{", '"', "'", "```json\n", "```", "<think>", "</think>", "<answer>",
    "</answer>", "Answer: ", "Final answer: ", "Confidence: ", "|", "\\boxed{", "null", "NaN", "I don't know", "I'm sorry, I can't ",
    "高兴", "，", "：", "８", "\u200b", "\ud800", "\x00", "😀", "e", "very high", "out of 5", "/10", "is ", "the answer is ",
)  # fmt: skip


def scored(reply):
    """Confidences by label, on the reply's own scale."""
    is_percent = any(value > 1 for value in reply.plain)
    return {VOCABULARY.classes[one.match.label]: confidence_of(one.confidence, is_percent) for one in reply.candidates}


def check(reply):
    """What holds of every reply."""
    assert reply.outcome in OUTCOMES
    assert reply.reason
    assert (reply.label is not None) == (reply.outcome in OUTCOMES[:3]) == bool(reply.candidates)
    labels = [one.match.label for one in reply.candidates]
    assert len(set(labels)) == len(labels)
    assert reply.label is None or reply.label in labels
    for value in scored(reply).values():
        assert value is None or 0 <= value <= 1
    for scale in ("unit", "5", "10", "percent"):
        value = assessment_of(reply.assessment, scale)
        assert value is None or 0 <= value <= 1


def test_the_corpus_is_large_and_has_no_reply_twice():
    assert len(CORPUS) >= 200
    assert len({text for text, *_ in CORPUS}) == len(CORPUS)


@pytest.mark.parametrize(("text", "outcome", "label", "more"), CORPUS, ids=[repr(text)[:50] for text, *_ in CORPUS])
def test_the_corpus_is_read_as_expected(text, outcome, label, more):
    reply = read_reply(text, VOCABULARY)
    check(reply)
    assert (reply.outcome, None if reply.label is None else VOCABULARY.classes[reply.label]) == (outcome, label)
    if "confidence" in more:
        assert scored(reply)[label] == (None if more["confidence"] is None else pytest.approx(more["confidence"]))
    if "scores" in more:
        assert scored(reply) == {
            name: None if value is None else pytest.approx(value) for name, value in more["scores"].items()
        }
    if "assessment" in more:
        assert assessment_of(reply.assessment, "unit") == pytest.approx(more["assessment"])
    for name in ("reason", "rationale"):
        if name in more:
            assert getattr(reply, name) == more[name]


def test_replies_made_up_to_mislead_are_read_as_expected():
    vocabularies = {task: make_vocabulary(labels) for task, labels in TASKS.items()}
    lines = (Path(__file__).parents[1] / "reply_attacks.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) > 800
    wrong = []
    for line in map(json.loads, lines):
        vocabulary = vocabularies[line["task"]]
        reply = read_reply(line["reply"], vocabulary)
        check(reply)
        found = reply.outcome if reply.label is None else vocabulary.classes[reply.label]
        if found != line["expected"]:
            wrong.append((line["reply"], line["expected"], found))
        elif "confidence" in line:
            is_percent = any(value > 1 for value in reply.plain)
            own = next(one.confidence for one in reply.candidates if one.match.label == reply.label)
            if confidence_of(own, is_percent) != pytest.approx(line["confidence"]):
                wrong.append((line["reply"], line["confidence"], own))
    assert not wrong


@settings(max_examples=400, deadline=None)
@given(st.text(max_size=200) | st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
@example("\ud800")
@example("0" * 6000)
@example("{" * 3000)
@example("[" * 3000 + "]" * 3000)
@example("1" * 5000 + "%")
def test_no_text_raises(text):
    check(read_reply(text, VOCABULARY))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.sampled_from(PIECES),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.sampled_from(["label", "confidence", "happy", "scores", "rank", "1"]) | st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(json_values)
def test_no_json_raises_as_a_value_or_as_text(value):
    check(read_reply(value, VOCABULARY))
    text = json.dumps(value)
    check(read_reply(text, VOCABULARY))
    check(read_reply(text[: len(text) // 2], VOCABULARY))
    check(read_reply(f"Here: {text} or so", VOCABULARY))


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(st.sampled_from(VOCABULARY.classes), st.integers(0, 100), min_size=1),
    st.sampled_from(["{}", "```json\n{}\n```", "My reply is {} as asked", "<think>happy, or sad?</think>{}"]),
)
def test_a_map_of_confidences_comes_back_from_wherever_it_stands(percents, place):
    reply = read_reply(
        place.replace("{}", json.dumps({name: f"{value}%" for name, value in percents.items()})), VOCABULARY
    )
    assert scored(reply) == {name: pytest.approx(value / 100) for name, value in percents.items()}
    best = max(percents.values())
    assert reply.label == min(VOCABULARY.classes.index(name) for name, value in percents.items() if value == best)


@pytest.mark.parametrize("piece", ["{", "[", "a", " ", '{"a":', "```{", "<think>", "</think>", "happy, ", "1. ", "**", "\\boxed{",
                                   "answer: ", "the answer is ", "<a>", "|", "no audio ", '{"label": "sad", ', "x\n", "sad, {a:", "{a:'", "not "])  # fmt: skip
def test_a_megabyte_of_anything_is_read_in_a_moment(piece):
    text = piece * (1_000_000 // len(piece))
    start = time.perf_counter()
    check(read_reply(text, VOCABULARY))
    assert time.perf_counter() - start < 2  # below .3 on a free machine


def test_of_a_very_long_reply_both_ends_are_read():
    for text in ("Answer: sad\n" + "and so on " * 30_000, "and so on " * 30_000 + "\nAnswer: sad"):
        reply = read_reply(text, VOCABULARY)
        assert (reply.outcome, reply.reason) == ("repaired", "very long")
        assert VOCABULARY.classes[reply.label] == "sad"


def test_a_label_that_is_also_a_way_to_say_nothing_is_a_label():
    vocabulary = make_vocabulary(["yes", "no", "unclear"])
    assert [read_reply(text, vocabulary).label for text in ("unclear", "Answer: Unclear", '{"label":"unclear"}')] == [
        2
    ] * 3
    assert read_reply("No", vocabulary).label == 1
    assert read_reply("There is no doubt about it.", vocabulary).label is None


def test_labels_that_are_numbers_count_at_the_place_of_an_answer_only():
    vocabulary = make_vocabulary(["0", "1", "10"])
    for text, label in (("1", 1), ("Answer: 10", 2), ('{"label": 1}', 1), ('{"label": 1.0}', 1), ("(0)", 0)):
        assert read_reply(text, vocabulary).label == label, text
    for text in ("There are 10 people.", "See [1] and 10 more."):
        assert read_reply(text, vocabulary).label is None, text
