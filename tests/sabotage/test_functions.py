"""Agents made of functions: what they may return, what is tried again, what is missing, and what the store spares."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from sabotage import Emissions, FunctionAgent, SabotageError
from sabotage.records import answers_of, emissions_of

CLASSES = ("a", "b", "c")
SCORES = np.array([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2], [0.2, 0.2, 0.6], [1.0, 0.0, 0.0], [0.0, 0.4, 0.6]])


def same(first: Emissions, second: Emissions) -> None:
    for part in ("labels", "confidence", "scores", "classes", "reliability", "reasons", "rationales"):
        one, other = getattr(first, part), getattr(second, part)
        if isinstance(one, np.ndarray):
            assert_array_equal(one, other, part)
        else:
            assert one == other, part


def score_rows(batch):
    return SCORES[np.asarray(batch)]


def test_what_a_function_may_return():
    n = list(range(5))
    said = FunctionAgent("f", score_rows, classes=CLASSES, batch_size=2).emit(n)
    assert_array_equal(said.scores, SCORES)
    assert said.classes == CLASSES
    assert (said.confidence, said.reasons, said.reliability) == (None, None, None)
    assert FunctionAgent("f", lambda batch: [CLASSES[k % 3] for k in batch]).emit(n).labels == list("abcab")
    silent = FunctionAgent("f", lambda batch: ["a" if k else None for k in batch], batch_size=1).emit(n)
    assert silent.labels == [None, "a", "a", "a", "a"]
    assert silent.reasons is None
    given_ = Emissions(["x"] * 5, np.full(5, 0.5), reliability=np.arange(5.0), rationales=["why", None, None, None, ""])
    same(FunctionAgent("f", lambda _: given_).emit(n), given_)


def test_dicts_of_a_language_model():
    replies = [
        {"label": "b", "confidence": 0.9, "rationale": "loud"},
        {"scores": {"c": 0.75, "a": 0.25}, "reliability": 2},
        {"label": np.str_("a"), "confidence": None, "scores": {"a": np.float64(0.5), "b": None}},
        None,
        {"rationale": "cannot tell"},
    ]
    said = FunctionAgent("llm", lambda batch: [replies[k] for k in batch], batch_size=3).emit(range(5))
    assert said.labels == ["b", None, "a", None, None]
    assert said.classes == ("c", "a")
    assert_array_equal(said.scores, [[np.nan] * 2, [0.75, 0.25], [np.nan, 0.5], [np.nan] * 2, [np.nan] * 2])
    assert_array_equal(said.confidence, [0.9, 0.75, np.nan, np.nan, np.nan])
    assert_array_equal(said.reliability, [np.nan, 2, np.nan, np.nan, np.nan])
    assert said.rationales == ["loud", None, None, None, None]


@pytest.mark.parametrize(
    "batch",
    [
        list(range(5)),
        np.arange(5),
        pd.DataFrame({"k": range(5)}, index=list("vwxyz")),
        pa.table({"k": range(5)}),
        {"k": np.arange(5), "more": list("abcde")},
    ],
    ids=lambda batch: type(batch).__name__,
)
@pytest.mark.parametrize("stored", [False, True])
def test_a_batch_keeps_its_kind(batch, stored, tmp_path):
    seen = []

    def function(part):
        seen.append(part)
        return score_rows(part if isinstance(part, list | np.ndarray) else part["k"])

    store = tmp_path / "s.sqlite" if stored else None
    said = FunctionAgent("f", function, classes=CLASSES, batch_size=2, store=store).emit(batch)
    assert_array_equal(said.scores, SCORES)
    assert {type(part) for part in seen} == {type(batch)}
    assert len(seen) == 3


@pytest.mark.parametrize(
    ("result", "says"),
    [
        (["a"], "f returned 1 answers for 2 examples"),
        (np.ones((2, 2)), r"f emitted scores of shape \(2, 2\) for 3 classes"),
        (np.ones((3, 3)), "f emitted scores of length 3 for 2 examples"),
        ("ab", "f returned a str for 2 examples"),
        ({"label": "a"}, "f returned a dict for 2 examples"),
        (7, "f returned a int for 2 examples"),
        ([{"label": "a"}, "b"], "answer 1 of f is a str"),
        ([{"lable": "a"}, None], r"unknown key of answer 0 of f 'lable' \(did you mean label\?\)"),
        ([{"label": "a", "confidence": 90}, None], r"confidence of answer 0 of f must lie in \[0, 1\]: found 90"),
        ([{"label": "a", "confidence": "high"}, None], "confidence of answer 0 of f must be a number: found 'high'"),
        ([{"label": "a", "reliability": -1}, None], r"reliability of answer 0 of f must lie in \[0, inf\): found -1"),
        ([{"scores": [0.1, 0.9]}, None], "scores of answer 0 of f must be a dict"),
        ([[0.1, 0.2, 0.7]] * 2, "f returned a list for an example: give a label or a dict"),
        (np.array([["a", "b", "c"]] * 2), "f returned scores that are no numbers"),
        (Emissions(), "f emitted neither labels nor class scores"),
        (Emissions(["a"]), "f emitted labels of length 1 for 2 examples"),
    ],
)
def test_what_does_not_fit_is_a_mistake_and_no_missing_emission(result, says):
    with pytest.raises(SabotageError, match=says):
        FunctionAgent("f", lambda _: result, classes=CLASSES).emit([0, 1])


def test_scores_want_classes():
    with pytest.raises(SabotageError, match=r"f returned an array of shape \(2, 3\) and has no classes"):
        FunctionAgent("f", score_rows).emit([0, 1])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"batch_size": 0}, "batch_size of f must be a whole number of at least 1: found 0"),
        ({"n_retries": -1}, "n_retries of f must be a whole number of at least 0: found -1"),
        ({"wait": float("nan")}, "wait of f must be a number of at least 0: found nan"),
        ({"batch_size": 2.5}, "batch_size of f must be a whole number of at least 1: found 2.5"),
        ({"batch_size": "3"}, "found '3'"),
        ({"version": 2}, "version of f must be a text: found 2"),
        ({"classes": [1, "1"]}, "classes of f must be written differently: 1 stands more than once"),
        ({"retry_on": KeyboardInterrupt}, "retry_on of f must hold classes of exceptions"),
        ({"retry_on": (ValueError, "x")}, "retry_on of f must hold classes of exceptions: found 'x'"),
    ],
)
def test_options_out_of_range(options, says):
    with pytest.raises(SabotageError, match=says):
        FunctionAgent("f", score_rows, **options)


def test_a_failing_example_is_missing_and_the_rest_is_not():
    asked = []

    def function(batch):
        asked.append(list(batch))
        if 2 in batch:
            raise ValueError("no sound in clip 2")
        return ["a"] * len(batch)

    said = FunctionAgent("f", function, batch_size=4).emit(range(6))
    assert said.labels == ["a", "a", None, "a", "a", "a"]
    assert said.reasons == [None, None, "ValueError: no sound in clip 2", None, None, None]
    assert asked == [[0, 1, 2, 3], [0], [1], [2], [3], [4, 5]]


def test_retries_wait_twice_as_long_each_time(monkeypatch):
    waits, calls = [], []
    monkeypatch.setattr("time.sleep", waits.append)

    def busy(batch):
        calls.append(len(batch))
        if len(calls) <= 3:
            raise TimeoutError("busy")
        return ["a"] * len(batch)

    assert FunctionAgent("f", busy, retry_on=TimeoutError, wait=0.5).emit(range(3)).reasons is None
    assert (waits, calls) == ([0.5, 1.0, 2.0], [3] * 4)

    def always(batch):
        calls.append(len(batch))
        raise TimeoutError("busy")

    calls.clear()
    agent = FunctionAgent("f", always, retry_on=(TimeoutError, KeyError), n_retries=1)
    with pytest.raises(SabotageError, match="f answered none of 2 examples: the first failed by TimeoutError: busy"):
        agent.emit([0, 1])
    assert calls == [2, 2, 1, 1, 1, 1]
    calls.clear()
    with pytest.raises(SabotageError, match="none of 2 examples"):
        FunctionAgent("f", always, retry_on=KeyError).emit([0, 1])
    assert calls == [2, 1, 1]  # an exception that is not named is not tried again


@pytest.mark.parametrize("as_dicts", [False, True])
def test_a_run_that_was_broken_off_goes_on(tmp_path, as_dicts):
    asked, most = [], 4

    def function(batch):
        if len(asked) >= most:
            raise KeyboardInterrupt
        asked.extend(batch)
        if as_dicts:
            return [{"label": k % 3, "confidence": 0.5 + k / 100, "scores": {k % 3: 0.1 * k}} for k in batch]
        return score_rows(np.asarray(batch) % 5)

    options = {"classes": None if as_dicts else CLASSES, "batch_size": 2}
    agent = FunctionAgent("f", function, **options, store=tmp_path / "s.sqlite")
    with pytest.raises(KeyboardInterrupt):
        agent.emit(range(8))
    assert asked == [0, 1, 2, 3]
    most = 8
    said = agent.emit(range(8))
    assert asked == list(range(8))
    most = 99
    same(said, FunctionAgent("f", function, **options).emit(range(8)))


def test_what_the_store_knows_is_not_asked(tmp_path):
    asked = []

    def function(batch):
        asked.extend(batch)
        if "bad" in batch:
            raise ValueError("bad")
        return [{"label": word[0], "confidence": 0.25} for word in batch]

    def agent(name="f", version=""):
        return FunctionAgent(name, function, batch_size=2, store=tmp_path / "s.sqlite", version=version)

    words = ["cat", "dog", "cat", "bad", "cow"]
    first = agent().emit(words)
    assert first.labels == ["c", "d", "c", None, "c"]
    assert first.reasons == [None, None, None, "ValueError: bad", None]
    assert asked == ["cat", "dog", "bad", "cow", "bad", "cow"]  # equal examples once, the failing batch one by one
    asked.clear()
    same(agent().emit(words[::-1]), Emissions(
        ["c", None, "c", "d", "c"], np.array([0.25, np.nan, 0.25, 0.25, 0.25]),
        reasons=[None, "ValueError: bad", None, None, None],
    ))  # fmt: skip
    assert asked == ["bad"]  # a failure is not stored
    asked.clear()
    agent(version="2").emit(["cat"])
    agent("g").emit(["cat"])
    assert asked == ["cat", "cat"]


def test_with_the_store_as_without(tmp_path):
    answers = {
        "a": {"label": 1, "scores": {1: 0.1 + 0.2, 2: 1e-300}, "rationale": "\ud800 é"},
        "b": {"label": True, "confidence": 1 / 3},
        "c": None,
        "d": {"label": "1", "reliability": 1e300},
    }
    plain, stored = (
        FunctionAgent("f", lambda batch: [answers[k] for k in batch], batch_size=3, store=store)
        for store in (None, tmp_path / "s.sqlite")
    )
    for _ in range(2):
        same(stored.emit(list("abcd")), plain.emit(list("abcd")))


@settings(max_examples=50)
@given(st.data())
def test_answers_are_the_emissions_they_came_from(data):
    n, c = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 4))
    unit = st.floats(0, 1) | st.just(np.nan)
    scores = np.array(data.draw(st.lists(st.lists(unit, min_size=c, max_size=c), min_size=n, max_size=n)))
    labels = data.draw(st.lists(st.none() | st.integers(0, 3), min_size=n, max_size=n))
    confidence = np.array(data.draw(st.lists(unit, min_size=n, max_size=n)))
    spoke = np.array([label is not None for label in labels]) | ~np.isnan(scores).all(axis=1)
    again = emissions_of(answers_of(Emissions(labels, confidence, scores, tuple(range(c))), n), range(c))
    lost = not np.isnan(scores).all() and all(label is None for label in labels)
    assert again.labels == (None if lost else labels)  # scores alone are no labels of null
    if not np.isnan(scores).all():
        assert_array_equal(again.scores, scores)
    if spoke.any():
        assert_array_equal(again.confidence, np.where(spoke, confidence, np.nan))


def test_batches_that_are_none():
    agent = FunctionAgent("f", score_rows, classes=CLASSES)
    with pytest.raises(SabotageError, match="a batch of examples must be a list, an array"):
        agent.emit("abc")
    with pytest.raises(SabotageError, match=r"one entry an example each: found x \(2\), z \(3\)"):
        agent.emit({"x": [1, 2], "z": [1, 2, 3]})


@pytest.mark.parametrize(
    ("result", "says"),
    [
        (np.array(3.0), "f returned a ndarray for 2 examples"),
        ({"a", "b"}, "f returned a set for 2 examples"),
        (pd.DataFrame(SCORES[:2], columns=["b", "a", "c"]), "in the columns b, a, c, and its classes are a, b, c"),
        ([{"label": ["a"]}, None], r"label of answer 0 of f must be a text, a number or a bool: found \['a'\]"),
        ([{"scores": {("a",): 1}}, None], "a class of answer 0 of f must be a text"),
        ([{"scores": {1: 0.5, "1": 0.5}}, None], "classes of answer 0 of f must be written differently"),
        (Emissions(["a", "b"], confidence=["sure", "not"]), "f emitted confidence that are no numbers"),
        (Emissions(scores=[[1.0], [0.5, 0.5]], classes="ab"), "f emitted scores that are no numbers"),
        (Emissions(scores=np.ones((2, 2)), classes="aa"), "classes of f must be written differently: a stands"),
    ],
)
def test_what_would_be_guessed_is_refused(result, says):
    with pytest.raises(SabotageError, match=says):
        FunctionAgent("f", lambda _: result, classes=CLASSES).emit([0, 1])


def test_scores_of_other_libraries():
    masked = np.ma.masked_greater(SCORES[:2], 0.6)
    said = FunctionAgent("f", lambda _: masked, classes=np.array(CLASSES)).emit([0, 1])
    assert_array_equal(said.scores, [[0.1, np.nan, 0.2], [0.5, 0.3, 0.2]])
    named = FunctionAgent("f", lambda _: pd.DataFrame(SCORES[:2], columns=CLASSES), classes=CLASSES).emit([0, 1])
    assert_array_equal(named.scores, SCORES[:2])
    assert named.classes == CLASSES


def test_function_must_be_callable():
    with pytest.raises(SabotageError, match="function of f must be callable: found a int"):
        FunctionAgent("f", 3)


@pytest.mark.parametrize("names", [["q", "q"], [1, "1"]])
def test_columns_of_one_name_are_told_apart_by_the_store(tmp_path, names):
    data = pd.DataFrame([[1, 2], [3, 2]], columns=names)
    said = FunctionAgent("f", lambda batch: batch.iloc[:, 0].tolist(), store=tmp_path / "s.sqlite").emit(data)
    assert said.labels == [1, 3]


@pytest.mark.parametrize("with_store", [False, True])
def test_a_functions_own_reasons_are_kept(tmp_path, with_store):
    def function(batch):
        return Emissions(["a" if k else None for k in batch], reasons=[None if k else "no face in it" for k in batch])

    store = tmp_path / "s.sqlite" if with_store else None
    for _ in range(2):
        said = FunctionAgent("f", function, store=store).emit([1, 0, 2])
        assert said.labels == ["a", None, "a"]
        assert said.reasons == [None, "no face in it", None]
    with pytest.raises(SabotageError, match="f answered none of 2 examples: the first failed by no face in it"):
        FunctionAgent("f", function, store=store).emit([0, 0])


class WordlessError(Exception):
    def __str__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (WordlessError(), "WordlessError"),
        (ValueError(), "ValueError"),
        (ValueError("one\n two"), "ValueError: one two"),
        (KeyError("x" * 5000), "KeyError: '" + "x" * 299 + " ..."),
    ],
)
def test_a_reason_is_one_line(error, reason):
    def function(batch):
        if 0 in batch:
            raise error
        return ["a"] * len(batch)

    assert FunctionAgent("f", function).emit([0, 1]).reasons == [reason, None]


@pytest.mark.parametrize(
    ("said", "says"),
    [
        (Emissions(labels="ab"), "f emitted labels that are a str: give a list"),
        (Emissions(labels=(k for k in "ab")), "f emitted labels that are a generator"),
        (Emissions(scores=np.ones((2, 1)), classes=None), "f emitted scores and no classes"),
    ],
)
def test_emissions_that_are_no_lists(said, says):
    with pytest.raises(SabotageError, match=says):
        FunctionAgent("f", lambda _: said).emit([0, 1])
