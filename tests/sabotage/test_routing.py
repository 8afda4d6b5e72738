"""Routing between the agents of an example, against the slow program, scikit-learn and statsmodels."""

from dataclasses import replace

import naive_measures
import numpy as np
import pyarrow as pa
import pytest
import statsmodels.api as sm
from builders import doubled, make_panel, panel_of, panels, to_naive
from hypothesis import given, settings
from sklearn.metrics import roc_auc_score

from sabotage.alignment import measure_routing, routing_shares


def routing(right, spoke, reliability):
    shares = routing_shares(right, spoke, reliability)
    there = ~np.isnan(shares)
    return (shares[there].mean() if there.any() else None), there.sum()


@pytest.mark.parametrize("steps", [None, 2])
def test_routing_auroc_is_the_oracles(steps):
    panel = make_panel(80, 4, 3, missing=0.3, no_reliability=0.2, steps=steps)
    found, n = routing(panel.labels == panel.truth[:, None], panel.spoke, panel.reliability)
    assert found == pytest.approx(naive_measures.routing_auroc(to_naive(panel)), abs=1e-12)
    assert 0 < n < 80


def test_routing_auroc_of_two_agents_is_the_share_of_pairs_won():
    right, spoke = np.array([[True, False], [False, True], [True, True]]), np.ones((3, 2), bool)
    assert routing(right, spoke, np.array([[0.9, 0.1], [0.9, 0.1], [0.5, 0.5]])) == (0.5, 2)
    assert routing(right[2:], spoke[2:], np.ones((1, 2))) == (None, 0)


@settings(max_examples=150, deadline=None)
@given(panels(most=30))
def test_routing_is_the_mean_of_shares(panel):
    found = measure_routing(panel)
    right = panel.labels == panel.truth[:, None]
    expected = naive_measures.routing_auroc(to_naive(panel))
    assert (found.auroc.value if found.auroc else None) == (None if expected is None else pytest.approx(expected))
    assert found.n == np.count_nonzero(~np.isnan(routing_shares(right, panel.spoke, panel.reliability)))
    # Within an example it is the AUROC of its agents.
    shares = routing_shares(right, panel.spoke, panel.reliability)
    for example, share in enumerate(shares):
        known = panel.spoke[example] & ~np.isnan(panel.reliability[example])
        own = right[example, known]
        if own.all() or not own.any():
            assert np.isnan(share)
        else:
            assert share == pytest.approx(roc_auc_score(own, panel.reliability[example, known]), abs=1e-14)


@pytest.mark.parametrize("steps", [None, 3])
@pytest.mark.parametrize("grouped", [False, True])
def test_the_error_of_routing_is_that_of_a_mean(steps, grouped):
    film = np.random.default_rng(0).integers(0, 30, 200)
    columns = {"film": pa.array(film)}
    panel = make_panel(200, 4, 3, missing=0.3, no_reliability=0.2, steps=steps, columns=columns)
    panel = replace(panel, group="film" if grouped else None)
    found = measure_routing(panel)
    shares = routing_shares(panel.labels == panel.truth[:, None], panel.spoke, panel.reliability)
    usable = ~np.isnan(shares)
    assert 0 < usable.sum() < 200
    model = sm.OLS(shares[usable], np.ones(usable.sum()))
    if grouped:
        fitted = model.fit(cov_type="cluster", cov_kwds={"groups": film[usable]}, use_t=True)
    else:
        fitted = model.fit()
    assert found.auroc.value == pytest.approx(fitted.params[0], abs=1e-12)
    assert found.auroc.se == pytest.approx(fitted.bse[0], rel=1e-10)
    assert found.auroc.interval == pytest.approx(tuple(fitted.conf_int()[0]), rel=1e-10)
    assert found.auroc.n_clusters == (len(np.unique(film[usable])) if grouped else usable.sum())


def test_routing_where_there_is_little():
    alone = measure_routing(make_panel(50, 1, 3))
    assert (alone.auroc, alone.n) == (None, 0)
    right = np.tile([[True, False]], (20, 1))
    won = measure_routing(panel_of(right, np.tile([[0.9, 0.1]], (20, 1))))
    assert (won.auroc.value, won.auroc.interval, won.n) == (1.0, None, 20)
    even = measure_routing(panel_of(right, np.ones((20, 2))))
    assert (even.auroc.value, even.auroc.se, even.n) == (0.5, 0, 20)
    panel = make_panel(100, 3, 4, seed=3)
    once, twice = measure_routing(panel), measure_routing(doubled(panel))
    assert twice.auroc.value == pytest.approx(once.auroc.value, abs=1e-14)
    assert twice.n == 2 * once.n
