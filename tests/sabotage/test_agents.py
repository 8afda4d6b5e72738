"""Agents: recorded in a table, made of estimators, and what a panel keeps of them."""

import numpy as np
import pandas as pd
import pytest
from builders import make_panel
from numpy.testing import assert_array_equal
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from sabotage import Agent, Emissions, EstimatorAgent, Panel, RecordedAgent, SabotageError, analyze, read_panel
from sabotage.demo import digit_panel, write_predictions


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True, as_frame=True)
    return X, np.array(["setosa", "versicolor", "virginica"])[y]


def test_an_estimator_speaks_for_its_own_columns(iris):
    X, y = iris
    sepal, petal = X.columns[:2].tolist(), X.columns[2:].tolist()
    agents = [
        EstimatorAgent("sepal", LogisticRegression(max_iter=500).fit(X[sepal], y), sepal),
        EstimatorAgent("petal", LogisticRegression(max_iter=500).fit(X[petal], y), petal),
    ]
    panel = Panel.from_agents(agents, X, y)
    assert panel.agents == ("sepal", "petal")
    assert panel.classes == ("setosa", "versicolor", "virginica")
    assert_array_equal(panel.scores[:, 0], agents[0].estimator.predict_proba(X[sepal]))
    assert_array_equal(panel.confidence, panel.scores.max(axis=2))
    assert_array_equal(np.array(panel.classes)[panel.labels[:, 1]], agents[1].estimator.predict(X[petal]))
    assert panel.weights == "confidence"
    assert analyze(panel, n_permutations=20).decision.accuracy > 0.9


def test_a_self_assessment_is_learned_on_calibration_rows(iris):
    X, y = iris
    fit, calibration, test = np.arange(150) % 3 == 0, np.arange(150) % 3 == 1, np.arange(150) % 3 == 2
    values = X.to_numpy()
    plain = EstimatorAgent("sepal", LogisticRegression(max_iter=500).fit(values[fit][:, :2], y[fit]), [0, 1])
    agent = plain.with_assessor(values[calibration], y[calibration])
    assert isinstance(agent, Agent)
    assert plain.assessor is None
    said = agent.emit(values[test])
    right = np.array(said.labels) == y[test]
    assert ((said.reliability > 0) & (said.reliability < 1)).all()
    assert roc_auc_score(right, said.reliability) > 0.6
    panel = Panel.from_agents([agent], values[test], y[test], ids=np.flatnonzero(test))
    assert panel.weights == "reliability"
    assert_array_equal(panel.reliability[:, 0], said.reliability)
    assert panel.ids.to_pylist() == np.flatnonzero(test).tolist()


def test_what_an_assessor_needs(iris):
    X, y = iris
    tree = EstimatorAgent("tree", DecisionTreeClassifier().fit(X, y))
    with pytest.raises(SabotageError, match="tree is right on 150 of 150 calibration rows"):
        tree.with_assessor(X, y)
    margin = EstimatorAgent("svc", LinearSVC().fit(X, y))
    with pytest.raises(SabotageError, match="svc: an assessor learns from class scores"):
        margin.with_assessor(X, y)
    assert margin.emit(X).scores is None


def test_a_recorded_agent_reads_its_columns():
    panel = make_panel(30, 2, 3, missing=0.3, no_reliability=0.2)
    agents = [
        RecordedAgent(
            name,
            f"{name}_label",
            f"{name}_confidence",
            f"{name}_reliability",
            {label: f"{name}_p_{label}" for label in panel.classes},
        )
        for name in panel.agents
    ]
    for table in (panel.to_table(), panel.to_table().to_pandas()):
        again = Panel.from_agents(agents, table, table["y"])
        for name in ("labels", "confidence", "reliability", "scores"):
            assert_array_equal(getattr(again, name), getattr(panel, name), name)


class Shy:
    """Speaks on even rows only, and lists its favourite alone."""

    name = "shy"

    def emit(self, batch):
        labels = ["x" if i % 2 == 0 else None for i in range(len(batch))]
        return Emissions(labels, np.where(np.arange(len(batch)) % 2 == 0, 0.8, np.nan))


class Mute:
    name = "mute"

    def emit(self, batch):
        return Emissions()


def test_any_object_that_emits_is_an_agent():
    panel = Panel.from_agents([Shy()], list(range(6)), ["x", "y"] * 3, columns={"group": list("aabbcc")})
    assert panel.labels[:, 0].tolist() == [0, -1, 0, -1, 0, -1]
    assert panel.group == "group"
    with pytest.raises(SabotageError, match="mute emitted neither labels nor class scores"):
        Panel.from_agents([Mute()], [0], ["x"])
    with pytest.raises(SabotageError, match="y has 3 entries; other lengths: shy_label"):
        Panel.from_agents([Shy()], list(range(6)), ["x", "y", "x"])


def test_the_demo_keeps_calibration_and_test_rows_apart(tmp_path):
    panel = digit_panel(seed=1)
    split = np.array(panel.column("split").to_pylist())
    assert sorted(set(split)) == ["calibration", "test"]
    write_predictions(tmp_path / "demo" / "preds.parquet", seed=1)
    read = read_panel(tmp_path / "demo" / "preds.parquet")
    assert read.n_examples == (split == "test").sum()
    assert read.n_agents == 4
    np.testing.assert_array_equal(read.scores, panel.scores[split == "test"])
    assert set(pd.read_parquet(tmp_path / "demo" / "preds.parquet")["split"]) == {"calibration", "test"}
