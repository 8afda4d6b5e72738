"""The curves of an audit: risk over coverage, and a histogram whose bars mean what they show."""

import json
import time

import numpy as np
import pytest
from builders import make_panel, panels
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sabotage import analyze, permute, replay
from sabotage.curves import MOST_BARS, MOST_POINTS, histogram, measure_curves, statistic_step


def test_the_contract():
    content = analyze(make_panel(60, 2, 3), n_permutations=50).to_dict()
    curves = json.loads(json.dumps(content["curves"]))
    assert list(curves) == ["calibration", "confidences", "risk_coverage", "top_k", "null"]
    assert list(curves["calibration"]["agent0"]) == ["equal_width", "equal_mass"]
    bins = curves["calibration"]["agent0"]["equal_width"]
    assert list(bins[0]) == ["low", "high", "n", "n_right", "mean_confidence", "interval"]
    assert len(curves["confidences"]["edges"]) == 21
    assert list(curves["confidences"]["agents"]["agent1"]) == ["right", "wrong"]
    assert list(curves["risk_coverage"]["agent0"]) == ["n", "coverage", "risk"]
    assert list(curves["top_k"]) == ["k", "decision", "agents", "chance", "frequent"]
    assert list(curves["null"]) == ["edges", "counts"]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(panel=panels())
def test_risk_is_the_error_among_the_most_confident(panel):
    curves = measure_curves(panel, replay(panel).decision, None)
    assert curves.null is None
    for m, agent in enumerate(panel.agents):
        known = (panel.labels[:, m] >= 0) & ~np.isnan(panel.confidence[:, m])
        risk = curves.risk_coverage[agent]
        if not known.any():
            assert risk is None
            continue
        confidence = panel.confidence[known, m]
        wrong = panel.labels[known, m] != panel.truth[known]
        assert risk.n == known.sum()
        assert len(risk.coverage) <= MOST_POINTS
        assert risk.coverage[-1] == 1
        assert risk.risk[-1] == pytest.approx(wrong.mean())
        for share, found in zip(risk.coverage, risk.risk, strict=True):
            k = round(share * risk.n)
            lowest = np.sort(confidence)[::-1][k - 1]
            above, equal = confidence > lowest, confidence == lowest
            expected = wrong[above].sum() + wrong[equal].mean() * (k - above.sum())
            assert found == pytest.approx(expected / k)


def test_a_long_curve_keeps_a_hundred_points_and_the_area():
    panel = make_panel(5000, 1, 4)
    audit = analyze(panel, n_permutations=0)
    risk = audit.curves.risk_coverage["agent0"]
    assert len(risk.coverage) in (MOST_POINTS - 1, MOST_POINTS)
    assert risk.coverage[0] == 1 / 5000
    assert np.trapezoid(risk.risk, risk.coverage) == pytest.approx(audit.agents[0].aurc, abs=2e-3)


@pytest.mark.parametrize("statistic", ["accuracy", "balanced_accuracy", "macro_f1", "top_2", "log_likelihood"])
def test_every_replicate_is_in_the_histogram(statistic):
    panel = make_panel(150, 3, 4)
    test = permute(panel, statistic=statistic, n_permutations=400)
    found = histogram(test.broken, statistic_step(panel, statistic))
    assert sum(found.counts) == 400
    assert len(found.edges) == len(found.counts) + 1
    assert 1 <= len(found.counts) <= MOST_BARS + 2
    widths = np.diff(found.edges)
    np.testing.assert_allclose(widths, widths[0])


@given(
    values=st.lists(st.integers(-400, 400), min_size=1, max_size=300),
    n=st.integers(1, 5000),
    start=st.floats(-1, 1),
)
def test_each_bar_holds_as_many_values_that_can_come_out(values, n, start):
    step = 1 / n
    found = histogram(start + np.array(values) * step, step)
    assert sum(found.counts) == len(values)
    places = start + step * np.arange(-900, 901)
    inside = (places > found.edges[0]) & (places < found.edges[-1])
    each = np.histogram(places[inside], found.edges)[0]
    if len(each) > 1:  # the same number in all bars: none is high for its place alone
        assert each.min() == each.max()


def test_steps_are_what_one_hit_adds():
    panel = make_panel(90, 2, 3)
    assert statistic_step(panel, "accuracy") == 1 / 90
    assert statistic_step(panel, "macro_f1") == 0
    n = np.bincount(panel.truth)
    assert 1 / (3 * n.max()) <= statistic_step(panel, "balanced_accuracy") <= 1 / (3 * n.min())


def test_curves_of_a_small_panel_take_no_time():
    panel = make_panel(300, 3, 4)
    decided = replay(panel).decision
    test = permute(panel, n_permutations=200)
    measure_curves(panel, decided, test)
    times = []
    for _ in range(5):
        start = time.process_time()
        measure_curves(panel, decided, test).to_dict()
        times.append(time.process_time() - start)
    assert min(times) < 0.05  # a tenth of it, where nothing else runs
