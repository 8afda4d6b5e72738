"""Headroom, and differences weighted as a statistic weighs them, against scikit-learn, statsmodels and jackknives."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import statsmodels.api as sm
from builders import make_panel
from scipy.stats import t
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from sabotage import Panel, measure_headroom, permute, replay
from sabotage.contrasts import contrast, ratio, weigh_examples
from sabotage.intervals import estimate
from sabotage.profiles import measure_bounds

SCORE = {"accuracy": accuracy_score, "balanced_accuracy": balanced_accuracy_score}


def grouped(n=200, n_groups=25, seed=0, **options) -> Panel:
    group = np.random.default_rng(seed).integers(0, n_groups, n)
    return replace(make_panel(n, 3, 4, seed, columns={"g": pa.array(group)}, **options), group="g")


@pytest.mark.filterwarnings("ignore:y_pred contains classes")
@pytest.mark.parametrize("statistic", list(SCORE))
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_headroom_is_made_of_scikit_learns_scores(statistic, missing):
    panel = grouped(missing=missing)
    ready = replay(panel)
    found, score = measure_headroom(ready, statistic), SCORE[statistic]
    right = (panel.labels == panel.truth[:, None]).any(axis=1)
    oracle = np.where(right, panel.truth, (panel.truth + 1) % 4)
    assert found.oracle == pytest.approx(score(panel.truth, oracle), abs=1e-12)
    assert found.rule == pytest.approx(score(panel.truth, ready.decision.labels), abs=1e-12)
    weightless = replay(panel, "mean").decision.labels
    assert found.weightless == pytest.approx(score(panel.truth, weightless), abs=1e-12)
    bounds = measure_bounds(panel, ready.decision)
    assert found.oracle_if_independent == pytest.approx(
        getattr(bounds, f"oracle_{statistic}_if_independent"), abs=1e-12
    )
    assert found.headroom.value == pytest.approx(found.oracle - found.weightless, abs=1e-12)
    assert found.captured.value == pytest.approx(
        (found.rule - found.weightless) / (found.oracle - found.weightless), abs=1e-12
    )
    assert found.headroom.n_clusters == 25


def test_headroom_is_for_accuracies():
    ready = replay(make_panel(20))
    assert measure_headroom(ready, "top_2") is None
    sure = make_panel(30, 2, 3)
    sure = replace(sure, labels=np.repeat(sure.truth[:, None], 2, axis=1), scores=None)
    assert measure_headroom(replay(sure), "accuracy").captured is None


def test_the_error_of_a_mean_is_statsmodels_clustered_one():
    panel = grouped()
    values = np.random.default_rng(1).normal(size=200)
    found = contrast(weigh_examples(panel, by_class=False), values)
    groups = panel.codes("g")
    fit = sm.OLS(values, np.ones(200)).fit(cov_type="cluster", cov_kwds={"groups": groups})
    assert found.value == pytest.approx(values.mean(), abs=1e-12)
    assert found.se == pytest.approx(fit.bse[0], rel=1e-9)
    reach = t.ppf(0.975, 24) * found.se
    assert found.interval == pytest.approx((found.value - reach, found.value + reach))


@pytest.mark.parametrize("by_class", [False, True])
def test_errors_are_near_the_jackknifes(by_class):
    panel = grouped(800, 100, seed=3)
    random = np.random.default_rng(2)
    effect = random.normal(size=100)[panel.codes("g") - 1]
    part = random.normal(size=800) + effect
    whole = part + random.normal(2, 1, 800)
    weighting = weigh_examples(panel, by_class)
    found, share = contrast(weighting, part), ratio(weighting, part, whole)
    left = []
    for g in np.unique(panel.codes("g")):
        kept = np.flatnonzero(panel.codes("g") != g)
        own = weigh_examples(panel.take(kept), by_class)
        left.append((contrast(own, part[kept]).value, ratio(own, part[kept], whole[kept]).value))
    n = len(left)
    error = ((n - 1) / n * ((np.array(left) - np.mean(left, axis=0)) ** 2).sum(axis=0)) ** 0.5
    assert found.se == pytest.approx(error[0], rel=0.05)
    assert share.se == pytest.approx(error[1], rel=0.05)


def test_seeds_are_averaged_and_their_ids_are_clusters():
    panel = make_panel(90, 3, 3, seed=6)
    run = np.repeat([0, 1, 2], 30)
    panel = replace(
        panel, ids=pa.array(np.tile(np.arange(30), 3)), columns={"run": pa.array(run)}, seed_column="run",
        truth=np.tile(panel.truth[:30], 3),
    )  # fmt: skip
    kept = np.flatnonzero(np.random.default_rng(0).random(90) < 0.8)  # not all ids in all seeds
    panel, run = panel.take(kept), run[kept]
    values = np.random.default_rng(1).normal(size=len(kept))
    for by_class in (False, True):
        weighting = weigh_examples(panel, by_class)
        means = []
        for own in range(3):
            rows = np.flatnonzero(run == own)
            cells = [rows[panel.truth[rows] == c] for c in np.unique(panel.truth[rows])] if by_class else [rows]
            means.append(np.mean([values[cell].mean() for cell in cells]))
        found = contrast(weighting, values)
        assert found.value == pytest.approx(np.mean(means), abs=1e-12)
        assert found.n_clusters == len(set(panel.ids.to_pylist()))
        assert weighting.weight.sum() == pytest.approx(1)


@pytest.mark.parametrize("statistic", ["accuracy", "balanced_accuracy", "top_2", "log_likelihood"])
@pytest.mark.parametrize("rule", ["weighted_mean", "log_pool"])
def test_against_weightless_is_the_difference_of_the_two(statistic, rule):
    panel = grouped(missing=0.2)
    found = permute(replay(panel, rule), statistic=statistic, n_permutations=2)
    assert found.against_weightless.value == pytest.approx(found.clean - found.uniform_weights, abs=1e-12)
    assert found.against_weightless.n_clusters == 25
    plain = permute(
        replay(panel, {"weighted_mean": "mean", "log_pool": "product"}[rule]), statistic=statistic, n_permutations=1
    )
    assert found.uniform_weights == pytest.approx(plain.clean, abs=1e-12)
    assert permute(replay(panel), statistic="macro_f1", n_permutations=2).against_weightless is None


def test_too_few_clusters_have_no_interval():
    assert estimate(1.0, np.zeros(1), None).se is None
    assert estimate(1.0, np.array([0.5, -0.5]), None).interval is None
    assert estimate(1.0, np.ones(10), np.arange(10)).interval is not None
