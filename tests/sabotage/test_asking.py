"""Agents asked for a panel: kinds, counted reasons, the recorded decision, and the same as agents asked alone."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sabotage import Emissions, FunctionAgent, Panel, SabotageError
from sabotage.demo import digit_panel


def answers(batch):
    if 2 in batch:
        raise TimeoutError("slow")
    if 5 in batch:
        raise ValueError("garbled")
    return [{"label": "ab"[k % 2], "confidence": 0.5 + k / 100} for k in batch]


def test_failures_are_counted_in_a_note():
    agents = [FunctionAgent("llm", answers, batch_size=3), FunctionAgent("sure", lambda batch: ["a"] * len(batch))]
    with pytest.warns(match="sure has no confidence"):
        panel = Panel.from_agents(agents, [0, 1, 2, 3, 4, 5, 2, 7], list("ababbbbb"), n_jobs=2)
    assert panel.labels[:, 0].tolist() == [0, 1, -1, 1, 0, -1, -1, 1]
    note = (
        "llm has no emission on 3 of the examples it was asked about: TimeoutError: slow (2), ValueError: garbled (1)"
    )
    assert note in panel.notes
    assert not any(text.startswith("sure has no emission") for text in panel.notes)
    assert "llm (silent on 3, no class scores)" in dict(panel.describe())["agents"]


def test_who_never_answers_is_an_error():
    with pytest.raises(SabotageError, match="llm answered none of 2 examples: the first failed by TimeoutError: slow"):
        Panel.from_agents([FunctionAgent("llm", answers)], [2, 5], ["a", "b"])


@pytest.mark.parametrize("batch_size", [1, 2, 8])
def test_scores_without_labels_are_no_lost_labels(batch_size):
    def score(batch):
        if 2 in batch:
            raise ValueError("two")
        return np.array([[0.1 * k, 1 - 0.1 * k] for k in batch])

    agent = FunctionAgent("f", score, classes=("a", "b"), batch_size=batch_size)
    panel = Panel.from_agents([agent], range(8), list("abababab"))  # with no warning of null labels
    assert panel.labels[:, 0].tolist() == [1, 1, -1, 1, 1, 0, 0, 0]
    assert panel.confidence[:, 0].tolist() == pytest.approx([1, 0.9, np.nan, 0.7, 0.6, 0.5, 0.6, 0.7], nan_ok=True)


class Masked:
    def __init__(self, name, kind):
        self.name, self.kind = name, kind

    def emit(self, batch):
        return Emissions(list("ab" * len(batch))[: len(batch)], np.full(len(batch), 0.5))


def test_kinds_are_those_of_the_agents():
    agents = [Masked("v", "only"), Masked("w", "without"), Masked("x", "camera"), Masked("z", None)]
    panel = Panel.from_agents(agents, range(4), list("abba"))
    assert panel.kinds == {"v": "only", "w": "without"}
    assert dict(panel.describe())["agents"].startswith("v (only, no class scores), w (without, no class scores), x (no")
    assert panel.select(["w", "z"]).kinds == {"w": "without"}


def test_a_recorded_decision_is_read_as_one():
    columns = {"fused_label": list("abab"), "fused_p_a": [0.9, 0.4, 0.6, 0.2], "fused_p_b": [0.1, 0.6, 0.4, 0.8]}
    columns["group"] = list("ghgh")
    panel = Panel.from_agents([Masked("v", "only")], range(4), list("abba"), columns=columns)
    assert panel.fused_label.tolist() == [0, 1, 0, 1]
    assert_array_equal(panel.fused_scores, np.column_stack([columns["fused_p_a"], columns["fused_p_b"]]))
    assert (list(panel.columns), panel.group) == (["group"], "group")


def test_jobs_and_progress_go_to_emit():
    told = []
    agents = [Masked("v", None)]
    Panel.from_agents(agents, range(4), list("abba"), n_jobs=2, progress=lambda done, total: told.append((done, total)))
    assert told == [(4, 4)]
    with pytest.raises(SabotageError, match="unknown backend"):
        Panel.from_agents(agents, range(4), list("abba"), backend="mpi")


def test_the_demos_panel_is_what_it_was():
    # Said of these rows before agents were asked chunk by chunk.
    panel = digit_panel()
    assert panel.n_examples == 1079
    assert panel.kinds == {}
    right = (panel.labels == panel.truth[:, None])[np.array(panel.column("split").to_pylist()) == "test"]
    assert_array_equal(np.round(right.mean(axis=0), 3), [0.838, 0.744, 0.883, 0.832])


def one(batch):
    return ["a"] * len(batch)


def test_columns_that_would_stand_twice():
    with pytest.raises(SabotageError, match="f_label would stand twice: rename the agent f"):
        Panel.from_agents([FunctionAgent("f", one)], [0, 1], ["a", "b"], columns={"f_label": ["b", "b"]})


@pytest.mark.parametrize("name", ["fused", "fusion"])
def test_no_agent_is_the_decision(name):
    with pytest.raises(SabotageError, match=f"no agent may be called {name}"):
        Panel.from_agents([FunctionAgent(name, one), FunctionAgent("f", one)], [0, 1], ["a", "b"])


def test_no_agents():
    with pytest.raises(SabotageError, match="at least one agent"):
        Panel.from_agents([], [0, 1], ["a", "b"])


def test_classes_of_chunks_that_are_written_alike():
    agent = FunctionAgent("f", lambda batch: [{"scores": {1: 0.9} if k else {"1": 0.9}} for k in batch], batch_size=1)
    with pytest.raises(SabotageError, match="classes of f must be written differently: 1 stands"):
        Panel.from_agents([agent], [0, 1], ["1", "1"])
