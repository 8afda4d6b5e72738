"""Agents asked together: alike for any number of jobs, failures as reasons, and how far it is."""

import os
import threading

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

import sabotage.agents
from sabotage import Emissions, EstimatorAgent, FunctionAgent, SabotageError, emit
from sabotage.emitting import CHUNK
from sabotage.records import joined

PARTS = ("labels", "confidence", "scores", "classes", "reliability", "reasons", "rationales")


class Picky:
    """Says whether a number is odd, and fails on multiples of seven."""

    def __init__(self, name="picky", batch_size=None):
        self.name = name
        self.asked = []
        if batch_size is not None:
            self.batch_size = batch_size

    def emit(self, batch):
        self.asked.append(list(batch))
        if any(k % 7 == 0 for k in batch):
            raise ValueError("seven")
        return Emissions(["odd" if k % 2 else "even" for k in batch], np.array([k / 100 for k in batch]))


def halve(batch):
    if 3 in batch:
        raise RuntimeError("three")
    return np.column_stack([1 / (1 + np.asarray(batch, float)), 1 - 1 / (1 + np.asarray(batch, float))])


def alike(first, second):
    assert list(first) == list(second)
    for name in first:
        for part in PARTS:
            one, other = getattr(first[name], part), getattr(second[name], part)
            assert_array_equal(one, other) if isinstance(one, np.ndarray) else None
            assert isinstance(one, np.ndarray) or one == other


def test_failures_are_reasons_and_not_the_end():
    picky = Picky()
    said = emit([picky, FunctionAgent("half", halve, classes=("x", "y"), batch_size=4)], list(range(1, 11)))
    assert list(said) == ["picky", "half"]
    assert said["picky"].labels == ["odd", "even"] * 3 + [None, "even", "odd", "even"]
    assert_array_equal(said["picky"].confidence, [k / 100 if k != 7 else np.nan for k in range(1, 11)])
    assert said["picky"].reasons == [None] * 6 + ["ValueError: seven"] + [None] * 3
    assert said["half"].reasons == [None, None, "RuntimeError: three"] + [None] * 7
    assert_array_equal(np.isnan(said["half"].scores).all(axis=1), np.arange(1, 11) == 3)
    assert picky.asked == [list(range(1, 11))] + [[k] for k in range(1, 11)]


@pytest.mark.parametrize(("n_jobs", "backend"), [(2, "threading"), (7, "threading"), (-1, "threading"), (2, "loky")])
def test_any_number_of_jobs_gives_the_same(n_jobs, backend, tmp_path):
    def agents(store):
        return [
            Picky(batch_size=3),
            FunctionAgent("half", halve, classes=("x", "y"), batch_size=4, store=tmp_path / store),
            FunctionAgent("plain", halve, classes=("x", "y"), batch_size=5),
        ]

    data = list(range(1, 24))
    alike(emit(agents("a"), data), emit(agents("b"), data, n_jobs=n_jobs, backend=backend))


def test_threads_do_work_at_the_same_time():
    together = threading.Barrier(2, timeout=10)

    def meet(batch):
        together.wait()
        return ["a"] * len(batch)

    said = emit([FunctionAgent("f", meet), FunctionAgent("g", meet)], [0, 1], n_jobs=2)
    assert said["f"].reasons is said["g"].reasons is None


def test_estimators_are_asked_whole_up_to_a_chunk():
    X, y = load_iris(return_X_y=True, as_frame=True)
    agent = EstimatorAgent("iris", LogisticRegression(max_iter=500).fit(X, y))
    said = emit([agent], X)["iris"]
    assert_array_equal(said.scores, agent.estimator.predict_proba(X))
    many = pd.concat([X] * 30, ignore_index=True)
    assert len(many) > CHUNK
    parts = emit([agent], many)["iris"]
    assert_array_equal(parts.scores[:CHUNK], agent.estimator.predict_proba(many[:CHUNK]))
    assert parts.labels == list(agent.estimator.predict(many))


def test_who_fails_throughout_is_an_error():
    with pytest.raises(SabotageError, match="picky answered none of 3 examples: the first failed by ValueError: seven"):
        emit([Picky(batch_size=2)], [7, 14, 21])
    # In one chunk all fail, in the other none does.
    assert emit([Picky(batch_size=2)], [7, 14, 1, 2])["picky"].labels == [None, None, "odd", "even"]
    with pytest.raises(
        SabotageError, match="half answered none of 1 examples: the first failed by RuntimeError: three"
    ):
        emit([FunctionAgent("half", halve, classes=("x", "y"))], [3])
    some = emit([FunctionAgent("half", halve, classes=("x", "y"), batch_size=1)], [3, 4])["half"]
    assert some.reasons == ["RuntimeError: three", None]


class Fixed:
    name = "fixed"

    def __init__(self, result):
        self.result = result

    def emit(self, batch):
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


@pytest.mark.parametrize(
    ("result", "says"),
    [
        (Emissions(["a"]), "fixed emitted labels of length 1 for 2 examples"),
        (Emissions(["a", "b"], np.ones(3)), "fixed emitted confidence of length 3 for 2 examples"),
        (Emissions(), "fixed emitted neither labels nor class scores"),
        (SabotageError("used wrongly"), "used wrongly"),
    ],
)
def test_mistakes_end_the_run(result, says):
    with pytest.raises(SabotageError, match=says):
        emit([Fixed(result)], [0, 1])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"backend": "multiprocesing"}, "unknown backend 'multiprocesing'"),
        ({"n_jobs": 0}, "n_jobs must be a number of jobs"),
        ({"data": []}, "data must hold at least one example"),
        ({"data": 5}, "a batch of examples must be a list, an array"),
        ({"agents": [Picky(), Picky("p"), Picky()]}, "agents must have different names: picky stands more than once"),
    ],
)
def test_what_cannot_be_asked(options, says):
    with pytest.raises(SabotageError, match=says):
        emit(**{"agents": [Picky()], "data": [1, 2]} | options)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_it_tells_how_far_it_is(n_jobs):
    told = []
    agents = [Picky("a", batch_size=2), Picky("b")]
    emit(agents, [1, 2, 3], n_jobs=n_jobs, progress=lambda *of: told.append(of))
    assert told == [(2, 6), (3, 6), (6, 6)]


def test_a_bar_on_standard_error_and_none(capsys):
    emit([Picky()], [1, 2], progress=True)
    emit([Picky()], [1, 2], progress=False)
    assert capsys.readouterr().out == ""


def test_ctrl_c_goes_through():
    def stop(batch):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        emit([FunctionAgent("f", stop)], [1, 2])


def test_emit_stands_beside_the_agents():
    assert sabotage.agents.emit is emit
    with pytest.raises(AttributeError, match="no attribute 'emits'"):
        sabotage.agents.emits  # noqa: B018


@settings(max_examples=60)
@given(st.data())
def test_parts_joined_are_the_whole(data):
    n = data.draw(st.integers(2, 8))
    random = np.random.default_rng(data.draw(st.integers(0, 999)))
    scores = random.random((n, 3))
    whole = Emissions(
        [int(k) for k in random.integers(0, 3, n)], random.random(n), scores, (0, 1, 2), random.random(n),
        [None] * n, [str(k) for k in range(n)],
    )  # fmt: skip
    cut = data.draw(st.integers(1, n - 1))

    def part(rows):
        order = data.draw(st.permutations(range(3)))
        return Emissions(
            whole.labels[rows], whole.confidence[rows], scores[rows][:, order], tuple(order), whole.reliability[rows],
            whole.reasons[rows], whole.rationales[rows],
        )  # fmt: skip

    found = joined([(cut, part(slice(0, cut))), (n - cut, part(slice(cut, n)))])
    at = [found.classes.index(label) for label in (0, 1, 2)]
    assert_array_equal(found.scores[:, at], scores)
    for name in set(PARTS) - {"scores", "classes"}:
        assert_array_equal(getattr(found, name), getattr(whole, name), name)


def test_what_a_part_lacks_is_null_or_its_top_score():
    parts = [(1, Emissions(["a"], np.array([0.5]))), (1, Emissions(scores=np.array([[0.25, 0.75]]), classes=("a", "b"))),
             (1, Emissions(reasons=["E: no"]))]  # fmt: skip
    found = joined(parts)
    assert found.labels == ["a", None, None]
    assert_array_equal(found.confidence, [0.5, 0.75, np.nan])
    assert_array_equal(found.scores, [[np.nan] * 2, [0.25, 0.75], [np.nan] * 2])
    assert found.reasons == [None, None, "E: no"]
    assert found.reliability is None


def test_what_is_no_emission_is_said():
    class Plain:
        name = "plain"

        def emit(self, batch):
            return ["a"] * len(batch)

    with pytest.raises(SabotageError, match="plain must return Emissions: found a list"):
        emit([Plain()], [1, 2])


@pytest.mark.parametrize("n_jobs", [0, "2", 1.5])
def test_odd_numbers_of_jobs(n_jobs):
    with pytest.raises(SabotageError, match="n_jobs must be a number of jobs"):
        emit([Picky()], [1, 2], n_jobs=n_jobs)


def test_names_are_texts():
    with pytest.raises(SabotageError, match="the name of an agent must be a text: found 3"):
        emit([Picky(3)], [1, 2])


def end(batch):
    os._exit(3)


def test_what_processes_cannot_do():
    lock = threading.Lock()

    def locked(batch):
        with lock:
            return ["a"] * len(batch)

    with pytest.raises(SabotageError, match="cannot be sent to processes"):
        emit([FunctionAgent("f", locked, batch_size=1)], [1, 2], n_jobs=2, backend="loky")
    with pytest.raises(SabotageError, match="a process ended while it was asked"):
        emit([FunctionAgent("f", end, batch_size=1)], [1, 2], n_jobs=2, backend="loky")
