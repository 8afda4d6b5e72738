"""Top-k curves: the coverage of scikit-learn and of the profiles, with intervals over clusters."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from builders import make_panel, panels
from hypothesis import HealthCheck, given, settings
from sklearn.metrics import top_k_accuracy_score
from statsmodels.api import OLS

from sabotage import analyze, replay
from sabotage.covering import measure_top_k


def test_coverage_is_that_of_scikit_learn():
    panel = make_panel(300, 3, 6)
    found = measure_top_k(panel, replay(panel).decision)
    assert found.k == (1, 2, 3, 4, 5, 6)
    for m, agent in enumerate(panel.agents):
        own = found.agents[agent]
        brute = [top_k_accuracy_score(panel.truth, panel.scores[:, m], k=k, labels=range(6)) for k in (1, 2, 3, 4, 5)]
        assert own.covered == pytest.approx((*brute, 1.0))
    assert found.chance == pytest.approx([k / 6 for k in range(1, 7)])
    assert found.frequent[-1] == 1
    assert found.frequent[0] == np.bincount(panel.truth).max() / 300


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(panel=panels())
def test_the_curve_goes_through_the_numbers_of_the_audit(panel):
    content = analyze(panel, n_permutations=0).to_dict()
    top = content["curves"]["top_k"]
    for own, curve in [
        (content["decision"]["top_k"], top["decision"]),
        *((content["agents"][agent]["top_k"], top["agents"][agent]) for agent in panel.agents),
    ]:
        assert (curve is None) == (own is None or set(own.values()) == {None})
        if curve is not None:
            for k, covered, span in zip(top["k"], curve["covered"], curve["intervals"], strict=True):
                if own.get(str(k)) is not None:
                    assert covered == pytest.approx(own[str(k)], abs=1e-12)
                if span is not None:
                    assert 0 <= span[0] <= covered + 1e-12
                    assert covered - 1e-12 <= span[1] <= 1
            assert list(curve["covered"]) == sorted(curve["covered"])


def test_intervals_are_over_clusters_where_there_are_groups():
    group = pa.array(np.arange(200) // 5)
    panel = replace(make_panel(200, 2, 5, columns={"film": group}), group="film")
    decided = replay(panel).decision
    own = measure_top_k(panel, decided).decision
    fit = OLS(decided.truth_rank < 2, np.ones(200)).fit(
        cov_type="cluster", cov_kwds={"groups": np.arange(200) // 5}, use_t=True
    )
    assert np.diff(own.intervals[1])[0] == pytest.approx(np.diff(fit.conf_int()[0])[0], rel=0.1)
    few = replace(make_panel(40, 2, 5, columns={"film": pa.array(np.arange(40) // 5)}), group="film")
    assert set(measure_top_k(few, replay(few).decision).decision.intervals) == {None}


@pytest.mark.parametrize("group", ["film", None])
def test_intervals_are_those_of_the_profiles(group):
    films = pa.array(np.random.default_rng(5).integers(0, 25, 300))
    audit = analyze(replace(make_panel(300, 2, 5, missing=0.3, columns={"film": films}), group=group), n_permutations=0)
    top = audit.curves.top_k
    for found, curve in [(audit.decision, top.decision), *((own, top.agents[own.agent]) for own in audit.agents)]:
        for k in (1, 2, 3):
            assert curve.intervals[k - 1] == found.intervals[f"top_{k}"]


def test_at_most_ten_candidates_are_looked_at_and_no_scores_are_no_curve():
    many = make_panel(30, 2, 40)
    assert measure_top_k(many, replay(many).decision).k == tuple(range(1, 11))
    none = make_panel(30, 2, 3, scores=False)
    assert set(measure_top_k(none, replay(none).decision).agents.values()) == {None}
