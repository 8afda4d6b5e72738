"""Stacking against scikit-learn, and what its parts sum to."""

from dataclasses import replace

import numpy as np
import pytest
from builders import make_panel, panels
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import StackingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sabotage import SabotageError, replay, stacking

CLIP = 1e-6
some = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def log_clipped(p):
    return np.log(np.maximum(p, CLIP))


def plain_features(panel, weighted):
    """The features, agent by agent and row by row; and which rows have any."""
    spoke = (panel.labels >= 0) & ~np.isnan(panel.scores[:, :, 0])
    kept = spoke.any(axis=1)
    weights = replay(panel, "weighted_mean").weights
    agents = range(panel.n_agents)
    columns = [
        np.where(spoke[:, m], factor[:, m] * log_clipped(panel.scores[:, m, c]), 0.0)
        for factor in ([np.ones_like(weights), weights] if weighted else [np.ones_like(weights)])
        for m in agents
        for c in range(panel.n_classes)
    ]
    columns += [spoke[:, m].astype(float) for m in agents if not spoke[kept, m].all()]
    columns += [weights[:, m] for m in agents if weighted]
    return np.array(columns).T, kept


def rule_scores(panel, parameters):
    """The scores as the rule has them: bias + what the speaking agents add, plainly and by weight."""
    evidence, c = stacking.evidence(panel, parameters), panel.n_classes
    weights = replay(panel, "weighted_mean").weights
    spoke = stacking.speaking(panel)
    scores = evidence[:, 0, -c:].copy()
    for m in range(panel.n_agents):
        scores += np.where(spoke[:, m, None], evidence[:, m, :c], 0.0)
        if evidence.shape[2] == 3 * c:
            scores += np.where(spoke[:, m, None], weights[:, m, None] * evidence[:, m, c : 2 * c], 0.0)
    return scores


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("n_agents", "n_classes", "missing"), [(3, 4, 0.3), (2, 3, 0.0), (1, 5, 0.4), (3, 2, 0.3)])
def test_probabilities_are_those_of_the_regression(weighted, n_agents, n_classes, missing):
    panel = make_panel(150, n_agents, n_classes, 3, missing=missing, no_reliability=0.2)
    parameters = stacking.fit(panel, weighted=weighted)
    features, kept = plain_features(panel, weighted)
    model = LogisticRegression(tol=1e-8, max_iter=10_000).fit(features[kept], panel.truth[kept])
    found = softmax(rule_scores(panel, parameters)[kept], axis=1)
    # The order of the features is another one, and each fit ends within its own tolerance.
    assert_allclose(found, model.predict_proba(features[kept]), atol=2e-5)


def fitted_model(panel, weighted, monkeypatch):
    """Fit, and catch scikit-learn's model and the features that it was given."""
    caught = {}

    class Caught(LogisticRegression):
        def fit(self, features, truth):
            caught.update(model=self, features=features)
            return super().fit(features, truth)

    monkeypatch.setattr("sklearn.linear_model.LogisticRegression", Caught)
    parameters = stacking.fit(panel, weighted=weighted)
    return parameters, caught["model"], caught["features"]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("n_classes", "missing"), [(4, 0.3), (3, 0.0), (2, 0.4)])
def test_scores_are_those_of_the_fitted_model_to_its_last_digits(weighted, n_classes, missing, monkeypatch):
    panel = make_panel(120, 3, n_classes, 5, missing=missing, no_reliability=0.2)
    parameters, model, features = fitted_model(panel, weighted, monkeypatch)
    kept = stacking.speaking(panel).any(axis=1)
    found = softmax(rule_scores(panel, parameters)[kept], axis=1)
    assert_allclose(found, model.predict_proba(features), atol=1e-9, rtol=0)


class Replayer(ClassifierMixin, BaseEstimator):
    """Gives back one agent's scores of the rows that X numbers."""

    def __init__(self, scores=None):
        self.scores = scores

    def fit(self, X, y):
        return self

    @property
    def classes_(self):
        return np.arange(self.scores.shape[1])

    def __sklearn_is_fitted__(self):
        return True

    def predict_proba(self, X):
        return self.scores[X[:, 0]]


def test_decides_as_the_stacking_of_scikit_learn():
    panel = make_panel(200, 3, 4, 1)
    members = [(name, Replayer(panel.scores[:, m])) for m, name in enumerate(panel.agents)]
    final = make_pipeline(FunctionTransformer(log_clipped), LogisticRegression(tol=1e-8, max_iter=10_000))
    rows = np.arange(200)[:, None]
    witness = StackingClassifier(members, final, cv="prefit").fit(rows, panel.truth)
    scores = rule_scores(panel, stacking.fit(panel))
    assert_allclose(softmax(scores, axis=1), witness.predict_proba(rows), atol=5e-6)
    assert_array_equal(scores.argmax(axis=1), witness.predict(rows))


def test_two_classes_are_halves_of_one_row(monkeypatch):
    panel = make_panel(80, 2, 2, 7)
    parameters, model, features = fitted_model(panel, False, monkeypatch)
    log = np.array(parameters["log"])
    assert_array_equal(log[0], -log[1])
    assert_allclose(log[1].ravel(), model.coef_[0] / 2)
    scores = rule_scores(panel, parameters)
    assert_allclose(softmax(scores, axis=1)[:, 1], expit(model.decision_function(features)), atol=1e-12)


@pytest.mark.parametrize("left", [[0, 2], [1], [3, 1, 0]])
def test_classes_that_never_occur_are_never_decided_for(left):
    panel = make_panel(120, 3, 4, 2, missing=0.2)
    seen = panel.take(np.flatnonzero(np.isin(panel.truth, left)))
    parameters = stacking.fit(seen)
    assert parameters["absent_classes"] == 4 - len(left)
    assert f"{4 - len(left)} of the 4 classes" in parameters["notes"][0]
    assert np.isin(rule_scores(panel, parameters).argmax(axis=1), left).all()
    for c in set(range(4)) - set(left):
        assert parameters["bias"][c] == -1e3
        assert not np.any(parameters["log"][c])


def test_a_fit_that_did_not_arrive_says_so():
    panel = make_panel(60, 2, 3, 1)
    for size, arrives in ((1e-200, True), (1, True), (1e8, False), (1e80, False)):
        found = stacking.fit(panel.with_weights(panel.reliability * size), weighted=True)
        assert found["notes"] == [] if arrives else "stopped before" in found["notes"][0]


def test_many_unknowns_take_the_slower_way_to_the_same_place(monkeypatch):
    panel = make_panel(150, 3, 4, 3, missing=0.3)
    found = stacking.fit(panel)
    monkeypatch.setattr(stacking, "MOST_UNKNOWNS", 0)
    assert_allclose(found["log"], stacking.fit(panel)["log"], atol=1e-5)


def test_only_agents_that_are_silent_somewhere_have_an_indicator():
    panel = make_panel(100, 3, 3, 4)
    panel.labels[:30, 1], panel.scores[:30, 1] = -1, np.nan
    spoke = np.array(stacking.fit(panel)["spoke"])
    assert spoke[:, 1].any()
    assert not spoke[:, [0, 2]].any()


def test_rows_without_any_scores_teach_nothing():
    panel = make_panel(100, 2, 3, 4, missing=0.3)
    none = np.flatnonzero(~stacking.speaking(panel).any(axis=1))
    assert len(none) > 2
    odd = replace(panel, truth=panel.truth.copy())
    odd.truth[none] = (odd.truth[none] + 1) % 3
    first, second = stacking.fit(panel), stacking.fit(odd)
    assert first == second
    assert first["n_fit"] == 100 - len(none)


def test_unweighted_does_not_look_at_reliability():
    panel = make_panel(60, 2, 3, 1)
    assert stacking.fit(panel) == stacking.fit(panel.with_weights("uniform"))
    assert stacking.fit(panel, weighted=True) != stacking.fit(panel.with_weights("uniform"), weighted=True)


@some
@given(panel=panels(), rows=st.lists(st.integers(0, 11), min_size=1, max_size=5), weighted=st.booleans())
def test_evidence_of_a_row_does_not_depend_on_the_others(panel, rows, weighted):
    rows = np.array(rows) % panel.n_examples
    assume(panel.has_scores.all() and stacking.speaking(panel).any())
    parameters = stacking.fit(panel, weighted=weighted)
    whole = stacking.evidence(panel, parameters)
    assert whole.shape == (panel.n_examples, panel.n_agents, (3 if weighted else 2) * panel.n_classes)
    assert_array_equal(stacking.evidence(panel.take(rows), parameters), whole[rows])
    assert np.isfinite(whole).all()
    assert not whole[~stacking.speaking(panel)][:, : -panel.n_classes].any()
    assert stacking.wrong(parameters, panel.n_agents, panel.n_classes, weighted) is None


def test_what_is_refused():
    panel = make_panel(40, 2, 3, 1)
    with pytest.raises(SabotageError, match=r"^stacking needs class scores of every agent: agent0, agent1 have no"):
        stacking.fit(make_panel(40, 2, 3, 1, scores=False))
    negative = replace(panel, scores=panel.scores - 0.5)
    with pytest.raises(SabotageError, match=r"^weighted_stacking needs .* negative scores"):
        stacking.fit(negative, weighted=True)
    silent = replace(panel, labels=np.full_like(panel.labels, -1))
    with pytest.raises(SabotageError, match="none of the 40 rows has any"):
        stacking.fit(silent)
    for size in (1e200, 1e308):
        large = panel.with_weights(panel.reliability * size)
        with pytest.raises(SabotageError, match="dividing the reliability"):
            stacking.fit(large, weighted=True)


def test_what_does_not_fit_is_said():
    good = stacking.fit(make_panel(40, 2, 3, 1))
    assert stacking.wrong(good, 2, 3) is None
    assert stacking.wrong(good, 2, 4) == "bias must have shape (4,): found (3,)"
    assert stacking.wrong(good, 2, 3, True) == "weighted_log must hold numbers alone"
    assert stacking.wrong(good | {"clip": 2}, 2, 3) == "clip must lie in (0, 1): found 2"
    assert "must be null" in stacking.wrong(good | {"weighted_log": []}, 2, 3)
