"""The learned gate: its gradient, its optimum, and a gate that was planted."""

from dataclasses import replace

import numpy as np
import pytest
from builders import make_panel, panels
from hypothesis import HealthCheck, assume, given, settings
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import check_grad

from sabotage import SabotageError, gating

some = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def weights_of(panel, parameters):
    """Softmax over the speaking agents, in a few lines: (n, M)."""
    spoke = (panel.labels >= 0) & ~np.isnan(panel.scores[:, :, 0])
    x = np.nan_to_num((panel.reliability - parameters["mean"]) / parameters["sd"]) * spoke
    z = (
        parameters["bias"]
        + x @ np.transpose(parameters["reliability"])
        + spoke @ np.transpose(parameters["availability"])
    )
    w = np.exp(z) * spoke
    return w / np.maximum(w.sum(axis=1, keepdims=True), 1e-300)


def objective(panel, parameters):
    """The penalised loss, row by row."""
    total = 0.0
    for w, p, y in zip(weights_of(panel, parameters), np.nan_to_num(panel.scores), panel.truth, strict=True):
        scores = w @ p
        if scores.sum() > 0:
            total -= np.log(max(scores[y] / scores.sum(), 1e-12))
    squares = sum(np.sum(np.square(parameters[name])) for name in ("bias", "reliability", "availability"))
    return total + squares / 2


def parts(panel):
    """Random arguments of the loss that are like those of the panel."""
    random = np.random.default_rng(0)
    n, m = panel.labels.shape
    spoke = panel.labels >= 0
    spoke[~spoke.any(axis=1), 0] = True
    features = np.concatenate([np.ones((n, 1)), random.normal(size=(n, m)), spoke], axis=1)
    total = np.where(spoke, random.uniform(0.5, 2, (n, m)), 0.0)
    return features, spoke, total * random.random((n, m)), total


@pytest.mark.parametrize(("n_agents", "missing"), [(1, 0.0), (2, 0.0), (3, 0.4)])
def test_gradient(n_agents, missing):
    features, spoke, own, total = parts(make_panel(40, n_agents, 3, 1, missing=missing))
    start = np.random.default_rng(1).normal(size=(n_agents, features.shape[1]))

    def value(flat):
        return gating.loss(flat.reshape(start.shape), features, spoke, own, total)[0]

    def slope(flat):
        return gating.loss(flat.reshape(start.shape), features, spoke, own, total)[1].ravel()

    assert check_grad(value, slope, start.ravel()) < 1e-4
    assert check_grad(value, slope, np.zeros(start.size)) < 1e-4


@pytest.mark.parametrize(("n_agents", "missing"), [(2, 0.0), (3, 0.3)])
def test_no_parameters_nearby_are_better(n_agents, missing):
    panel = make_panel(150, n_agents, 4, 3, missing=missing, no_reliability=0.2)
    found = gating.fit(panel)
    assert found["notes"] == []
    best = objective(panel, found)
    names = ("bias", "reliability", "availability")
    equal = found | {name: np.zeros_like(found[name]) for name in names}
    assert best < objective(panel, equal)
    random = np.random.default_rng(0)
    for size in (1e-3, 1e-2, 0.1, 1):
        for _ in range(5):
            moved = {name: found[name] + size * random.normal(size=np.shape(found[name])) for name in names}
            assert best < objective(panel, found | moved)


def planted(n=600, seed=0):
    """Two agents; each is right where its own reliability is high, and sure of itself throughout."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, 3, n)
    q = random.random((n, 2))
    labels = np.where(q > 0.5, truth[:, None], (truth[:, None] + 1 + random.integers(0, 2, (n, 2))) % 3)
    scores = np.where(np.arange(3) == labels[:, :, None], 0.9, 0.05)
    base = make_panel(n, 2, 3)
    return replace(base, truth=truth.astype(np.int32), labels=labels.astype(np.int32), scores=scores, reliability=q)


def test_a_planted_gate_is_found():
    panel = planted()
    found = gating.fit(panel)
    assert found["reliability"][0][0] > 0.5 > -0.5 > found["reliability"][0][1]
    assert found["reliability"][1][1] > 0.5 > -0.5 > found["reliability"][1][0]
    fresh = planted(seed=1)
    scores = (weights_of(fresh, found)[:, :, None] * fresh.scores).sum(axis=1)
    some_right = (fresh.labels == fresh.truth[:, None]).any(axis=1)
    gated = (scores.argmax(axis=1) == fresh.truth)[some_right].mean()
    assert gated > 0.95 > 0.75 > (fresh.scores.sum(axis=1).argmax(axis=1) == fresh.truth)[some_right].mean()


def test_an_agent_that_is_better_whatever_its_reliability():
    panel = planted()
    sure = np.where(np.arange(3) == panel.truth[:, None], 0.9, 0.05)
    scores = np.stack([sure, panel.scores[:, 1]], axis=1)
    found = gating.fit(replace(panel, scores=scores))
    assert found["bias"][0] > 0.3
    assert (weights_of(panel, found)[:, 0] > 0.8).all()


def test_mean_and_deviation_are_those_of_what_is_known():
    panel = make_panel(80, 3, 3, 2, missing=0.3, no_reliability=0.3)
    panel.reliability[:, 2] = 0.3
    found = gating.fit(panel)
    q = np.where(panel.labels >= 0, panel.reliability, np.nan)[:, :2]
    assert_allclose(found["mean"][:2], np.nanmean(q, axis=0))
    assert_allclose(found["sd"][:2], np.nanstd(q, axis=0))
    assert found["mean"][2] == 0.3
    assert found["sd"][2] == 1


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_the_unit_of_reliability_does_not_matter(scale):
    panel = make_panel(80, 2, 3, 2, missing=0.2)
    one, other = gating.fit(panel), gating.fit(panel.with_weights(panel.reliability * scale))
    assert_allclose(one["reliability"], other["reliability"], atol=1e-4)


def test_reliability_of_a_silent_agent_is_not_known():
    panel = make_panel(80, 2, 3, 2, missing=0.3)
    odd = panel.with_weights(np.where(panel.labels < 0, 7.0, panel.reliability))
    assert gating.fit(panel) == gating.fit(odd)


@some
@given(panel=panels())
def test_whatever_the_panel_the_parameters_are_finite_and_fit_it(panel):
    assume(panel.has_scores.all() and (np.nansum(panel.scores, axis=2) > 0).any())
    found = gating.fit(panel)
    assert gating.wrong(found, panel.n_agents, panel.n_classes) is None
    assert objective(panel, found) <= objective(
        panel, found | {name: np.zeros_like(found[name]) for name in ("bias", "reliability", "availability")}
    )
    assert found == gating.fit(panel)


def test_one_array_of_all_parameters():
    found = gating.fit(make_panel(50, 3, 3, 2, missing=0.3))
    table = gating.coefficients(found)
    assert table.shape == (5, 7)
    assert table.dtype == np.float64
    for m in range(3):
        assert_array_equal(table[m], [found["bias"][m], *found["reliability"][m], *found["availability"][m]])
    assert_array_equal(table[3], [0, *found["mean"], 0, 0, 0])
    assert_array_equal(table[4], [1, *found["sd"], 1, 1, 1])


def test_what_is_refused():
    panel = make_panel(40, 2, 3, 1)
    with pytest.raises(SabotageError, match=r"^learned_gate needs class scores of every agent"):
        gating.fit(make_panel(40, 2, 3, 1, scores=False))
    with pytest.raises(SabotageError, match="negative scores"):
        gating.fit(replace(panel, scores=panel.scores - 0.5))
    with pytest.raises(SabotageError, match="none of the 40 rows has any"):
        gating.fit(replace(panel, scores=np.zeros_like(panel.scores)))


def test_what_does_not_fit_is_said():
    good = gating.fit(make_panel(40, 2, 3, 1))
    assert gating.wrong(good, 3, 3) == "mean must have shape (3,): found (2,)"
    assert gating.wrong(good | {"sd": [1.0, 0.0]}, 2, 3) == "sd must be positive: found 0.0"
    assert gating.wrong({}, 2, 3) == "mean is missing"
