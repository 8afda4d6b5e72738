"""Calibration against scikit-learn's, and what it must leave alone."""

from dataclasses import replace

import numpy as np
import pytest
import sklearn
from builders import make_panel, panels
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV, _SigmoidCalibration
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import log_loss

from sabotage import SabotageError, calibrating

VERSION = tuple(int(part) for part in sklearn.__version__.split(".")[:2])
METHODS = sorted(calibrating.METHODS)
some = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Scores(ClassifierMixin, BaseEstimator):
    """A fitted classifier whose scores, or log odds, are its input."""

    def __init__(self, n_classes=2):
        self.n_classes = n_classes
        self.classes_ = np.arange(n_classes)

    def fit(self, X, y):
        return self

    def predict(self, X):
        return self.classes_[X.argmax(axis=1)]


class Shares(Scores):
    def predict_proba(self, X):
        return X


class Odds(Scores):
    def decision_function(self, X):
        return X[:, 1] if self.n_classes == 2 else X


def witness(method, X, truth, n_classes, kind):
    """Calibrate by scikit-learn, which took fitted classifiers by cv="prefit" before 1.6."""
    if VERSION >= (1, 6):
        from sklearn.frozen import FrozenEstimator

        model = CalibratedClassifierCV(FrozenEstimator(kind(n_classes)), method=method)
    else:
        model = CalibratedClassifierCV(kind(n_classes), method=method, cv="prefit")
    return model.fit(X, truth).predict_proba(X)


def least_loss(X, truth, n_classes):
    """Return scores to the power of one exponent, that with which scikit-learn's log loss is least."""

    def softened(log_exponent):
        return softmax(np.log(X) * np.exp(log_exponent), axis=1)

    found = minimize_scalar(
        lambda log_exponent: log_loss(truth, softened(log_exponent), labels=np.arange(n_classes)),
        bounds=(np.log(0.05), np.log(20)),
        method="bounded",
        options={"xatol": 1e-9},
    )
    return softened(found.x)


# Of the temperature scikit-learn knows since 1.8.
WITNESSES = {
    "isotonic": lambda X, truth, n_classes: witness("isotonic", X, truth, n_classes, Shares),
    "temperature, least loss": least_loss,
} | (
    {"temperature, scikit-learn": lambda X, truth, n_classes: witness("temperature", X, truth, n_classes, Shares)}
    if VERSION >= (1, 8)
    else {}
)


def over_confident(n=400, n_classes=4, n_agents=2, seed=0):
    """The truth is drawn from scores; the first agent gives their squares, the others noise times their roots."""
    random = np.random.default_rng(seed)
    panel = make_panel(n, n_agents, n_classes, seed)
    p = random.dirichlet(np.full(n_classes, 1.0), n)
    truth = (random.random(n)[:, None] > np.cumsum(p, axis=1)[:, :-1]).sum(axis=1)
    noise = random.uniform(0.5, 1, (n, n_agents, n_classes))
    scores = np.where(np.arange(n_agents)[:, None] == 0, p[:, None] ** 2, p[:, None] ** 0.5 * noise)
    scores /= scores.sum(axis=2, keepdims=True)
    labels = scores.argmax(axis=2).astype(np.int32)
    return replace(panel, truth=truth.astype(np.int32), scores=scores, labels=labels, confidence=scores.max(axis=2))


def calibrated(panel, method):
    return calibrating.calibrate(panel, calibrating.fit(panel, method))


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("name", list(WITNESSES))
def test_scores_as_scikit_learn_calibrates_them(name, n_classes):
    panel = over_confident(n_classes=n_classes)
    method = name.partition(",")[0]
    found = calibrated(panel, method)
    for m in range(2):
        expected = WITNESSES[name](panel.scores[:, m], panel.truth, n_classes)
        assert_allclose(found.scores[:, m], expected, atol=1e-6 if method == "isotonic" else 1e-4)


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_platt_is_the_sigmoid_of_scikit_learn_on_log_odds(n_classes):
    panel = over_confident(n_classes=n_classes)
    found = calibrated(panel, "platt")
    for m in range(2):
        expected = witness("sigmoid", logit(panel.scores[:, m]), panel.truth, n_classes, Odds)
        assert_allclose(found.scores[:, m], expected, atol=1e-6)


def test_confidence_is_calibrated_on_its_own():
    panel = over_confident()
    right = (panel.labels == panel.truth[:, None]).astype(float)
    for m in range(2):
        c, hit = panel.confidence[:, m], right[:, m]
        one = _SigmoidCalibration().fit(logit(c), hit).predict(logit(c))
        assert_allclose(calibrated(panel, "platt").confidence[:, m], one, atol=1e-6)
        one = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(c, hit).predict(c)
        assert_allclose(calibrated(panel, "isotonic").confidence[:, m], one, atol=1e-12)
        t = calibrating.fit(panel, "temperature")["agents"][m]["confidence"]["temperature"]
        inside = np.clip([t, t * 1.001, t / 1.001], 0.05, 20)
        losses = [log_loss(hit, expit(logit(c) / other)) for other in inside]
        assert losses[0] == min(losses)
        assert_allclose(calibrated(panel, "temperature").confidence[:, m], expit(logit(c) / t), atol=1e-12)


def test_a_planted_temperature_is_found():
    maps = calibrating.fit(over_confident(20_000), "temperature")["agents"][0]["scores"]
    assert maps[0]["temperature"] == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("method", METHODS)
def test_calibration_lowers_the_log_loss_of_other_rows(method):
    fresh = over_confident(4000, seed=2)
    found = calibrating.calibrate(fresh, calibrating.fit(over_confident(4000, seed=1), method))
    assert log_loss(fresh.truth, found.scores[:, 0]) < log_loss(fresh.truth, fresh.scores[:, 0]) - 0.01


@pytest.mark.parametrize("method", METHODS)
def test_scores_on_another_scale_are_normalised_first(method):
    panel = over_confident(100)
    scaled = replace(panel, scores=panel.scores * np.array([3.0, 0.25])[:, None])
    assert_allclose(calibrated(scaled, method).scores, calibrated(panel, method).scores, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
@some
@given(panel=panels(most=30), rows=st.lists(st.integers(0, 29), min_size=1, max_size=6))
def test_whatever_the_panel(method, panel, rows):
    parameters = calibrating.fit(panel, method)
    assert parameters == calibrating.fit(panel, method)
    assert calibrating.wrong(parameters, panel.n_agents, panel.n_classes, method) is None
    found = calibrating.calibrate(panel, parameters)
    assert_array_equal(found.labels, panel.labels)
    assert_array_equal(np.isnan(found.confidence), np.isnan(panel.confidence))
    assert_array_equal(np.isnan(found.scores), np.isnan(panel.scores))
    assert_allclose(np.nansum(found.scores, axis=2), ~np.isnan(panel.scores[:, :, 0]), atol=1e-12)
    assert np.nanmin(found.scores, initial=0) >= 0
    assert found.reliability is panel.reliability
    rows = np.array(rows) % panel.n_examples
    part = calibrating.calibrate(panel.take(rows), parameters)
    assert_array_equal(part.scores, found.scores[rows])
    assert_array_equal(part.confidence, found.confidence[rows])


@pytest.mark.parametrize("method", METHODS)
def test_reliability_follows_the_confidence_where_it_was_the_confidence(method):
    panel = make_panel(60, 2, 3, 1, missing=0.2)
    found = calibrated(panel.with_weights("confidence"), method)
    assert_array_equal(found.reliability, found.confidence)
    assert not np.array_equal(found.confidence, panel.confidence, equal_nan=True)
    assert_array_equal(calibrated(panel, method).reliability, panel.reliability)


@pytest.mark.parametrize("method", METHODS)
def test_panels_without_scores(method):
    panel = make_panel(60, 2, 3, 1, scores=False)
    found = calibrated(panel, method)
    assert found.scores is None
    assert (found.confidence != panel.confidence).any()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("right", [True, False])
def test_one_kind_of_rows_teaches_nothing(method, right):
    panel = make_panel(60, 1, 3, 1)
    panel = panel.take(np.flatnonzero((panel.labels[:, 0] == panel.truth) == right))
    parameters = calibrating.fit(panel, method)
    kind = "all" if right else "none"
    assert f"the confidence of agent0: left as emitted, since {kind} of the" in parameters["notes"][-1]
    assert_array_equal(calibrating.calibrate(panel, parameters).confidence, panel.confidence)
    if method == "temperature":
        assert_allclose(calibrating.calibrate(panel, parameters).scores, panel.scores, atol=1e-15)


@pytest.mark.parametrize("method", ["isotonic", "platt"])
def test_a_class_that_never_occurs_keeps_its_scores(method):
    panel = make_panel(90, 1, 3, 1)
    panel = panel.take(np.flatnonzero(panel.truth != 2))
    parameters = calibrating.fit(panel, method)
    assert parameters["notes"][0].startswith("the scores of agent0 for fear: left as emitted, since none of the")
    maps = parameters["agents"][0]["scores"]
    assert maps[2] == ({"slope": 1.0, "intercept": 0.0} if method == "platt" else {"x": [0.0, 1.0], "y": [0.0, 1.0]})


def test_rows_of_zeros_become_uniform():
    panel = make_panel(60, 1, 4, 1)
    panel.scores[:3] = 0.0
    assert_allclose(calibrated(panel, "temperature").scores[:3], 0.25)
    parameters = calibrating.fit(panel, "isotonic")
    for one in parameters["agents"][0]["scores"]:
        one["y"] = [0.0] * len(one["y"])
    assert_allclose(calibrating.calibrate(panel, parameters).scores, 0.25)


def test_a_confidence_that_never_changes():
    panel = make_panel(60, 1, 3, 1)
    panel = replace(panel, confidence=np.full((60, 1), 0.3))
    hits = int((panel.labels[:, 0] == panel.truth).sum())
    expected = (hits * (hits + 1) / (hits + 2) + (60 - hits) / (60 - hits + 2)) / 60
    found = calibrating.fit(panel, "platt")
    assert "the same on all 60 rows" in found["notes"][-1]
    assert_allclose(calibrating.calibrate(panel, found).confidence, expected)
    assert_allclose(calibrated(panel, "isotonic").confidence, hits / 60)
    assert_allclose(calibrated(panel, "temperature").confidence, hits / 60, atol=1e-6)


def test_the_border_of_the_temperatures_is_noted():
    panel = over_confident(300)
    flat = replace(panel, scores=1 + panel.scores / 1e6)
    notes = calibrating.fit(flat, "temperature")["notes"]
    assert notes[0] == "the scores of agent0: the best temperature lies at the border of what is searched, 0.05"


def test_an_agent_that_is_silent_throughout():
    panel = make_panel(60, 2, 3, 1)
    quiet = replace(panel, labels=panel.labels.copy(), scores=panel.scores.copy(), confidence=panel.confidence.copy())
    quiet.labels[:, 1], quiet.scores[:, 1], quiet.confidence[:, 1] = -1, np.nan, np.nan
    parameters = calibrating.fit(quiet, "temperature")
    assert parameters["agents"][1] == {"scores": None, "confidence": None}
    assert len(parameters["notes"]) == 2
    found = calibrating.calibrate(panel, parameters)
    assert_array_equal(found.scores[:, 1], panel.scores[:, 1])


def test_what_is_refused():
    panel = make_panel(40, 2, 3, 1)
    with pytest.raises(SabotageError, match=r"unknown calibration method 'plat'.*did you mean platt"):
        calibrating.fit(panel, "plat")
    good = calibrating.fit(panel, "platt")
    listing, negative = panel.scores.copy(), panel.scores - 0.5
    listing[3, 1, 2] = np.nan
    for scores, why in ((listing, "agent1 lists candidates"), (negative, "agent0, agent1 has negative scores")):
        odd = replace(panel, scores=scores)
        with pytest.raises(SabotageError, match=why):
            calibrating.fit(odd, "platt")
        with pytest.raises(SabotageError, match=why):
            calibrating.calibrate(odd, good)


@pytest.mark.parametrize(
    ("method", "change", "why"),
    [
        ("platt", {"method": "isotonic"}, "method must be 'platt': found 'isotonic'"),
        ("platt", {"agents": []}, "agents must be a list of 1"),
        ("platt", {"agents": [3]}, "agents must hold scores and confidence"),
        ("platt", {"agents": [{"scores": [], "confidence": None}]}, "null or a list of 3 maps"),
        ("platt", {"agents": [{"scores": None, "confidence": {"slope": 1}}]}, "intercept is missing"),
        ("platt", {"agents": [{"scores": None, "confidence": 3}]}, "a map must be an object"),
        ("temperature", {"agents": [{"scores": [{"temperature": 0}], "confidence": None}]}, "must be positive"),
        ("isotonic", {"agents": [{"scores": None, "confidence": {"x": [1, 0], "y": [0, 1]}}]}, "must rise"),
        ("isotonic", {"agents": [{"scores": None, "confidence": {"x": [0, 1], "y": [0, 2]}}]}, "must rise"),
        ("isotonic", {"agents": [{"scores": None, "confidence": {"x": [0], "y": [0, 1]}}]}, "must rise"),
        ("isotonic", {"agents": [{"scores": None, "confidence": {"x": [], "y": []}}]}, "must rise"),
    ],
)
def test_what_does_not_fit_is_said(method, change, why):
    good = calibrating.fit(make_panel(40, 1, 3, 1), method)
    assert calibrating.wrong(good, 1, 3, method) is None
    assert why in calibrating.wrong(good | change, 1, 3, method)
