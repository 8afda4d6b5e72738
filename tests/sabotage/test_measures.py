"""The statistics against scikit-learn, and the log-likelihood against loops over numbers."""

from math import exp, log

import naive
import numpy as np
import pytest
from builders import make_panel, panels, tie_heavy, to_naive
from hypothesis import HealthCheck, given, settings
from sabotage.kernels import pairs
from scipy.special import log_softmax
from sklearn.metrics import accuracy_score, f1_score, log_loss, recall_score, top_k_accuracy_score

from sabotage import Panel, SabotageError, fuse, permute, replay
from sabotage.engines import make_engine
from sabotage.measures import in_words, make_measure
from sabotage.planning import make_plan

some = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
FLOOR = log(1e-12)


def rebuilt(panel, **changes):
    return Panel(
        **{name: getattr(panel, name) for name in panel.__dataclass_fields__ if name not in changes}, **changes
    )


def clean(panel, rule, statistic):
    return permute(replay(panel, rule), statistic=statistic, n_permutations=1).clean


@pytest.mark.parametrize("rule", ["weighted_mean", "mean", "softmax_gate"])
def test_it_is_minus_the_log_loss_of_shares(rule):
    for seed in range(5):
        panel = make_panel(80, 3, 4, seed)
        fused = fuse(panel, rule).scores
        expected = -log_loss(panel.truth, fused / fused.sum(axis=1, keepdims=True), labels=range(4))
        assert clean(panel, rule, "log_likelihood") == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("rule", ["log_pool", "product"])
def test_it_is_minus_the_log_loss_of_a_softmax(rule):
    for seed in range(5):
        panel = make_panel(80, 3, 4, seed, steps=3)  # scores of 0, clipped before the logarithm
        parts = np.maximum(log_softmax(fuse(panel, rule).scores, axis=1), FLOOR)
        assert clean(panel, rule, "log_likelihood") == pytest.approx(
            parts[np.arange(80), panel.truth].mean(), abs=1e-12
        )
        panel = make_panel(80, 3, 4, seed)
        smooth = np.exp(log_softmax(fuse(panel, rule).scores, axis=1))
        expected = -log_loss(panel.truth, np.maximum(smooth, 1e-12), labels=range(4))
        assert clean(panel, rule, "log_likelihood") == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("rule", ["weighted_vote", "majority", "weighted_confidence_sum"])
@pytest.mark.parametrize("missing", [0.0, 0.6])
def test_nobody_for_the_truth_is_the_floor(rule, missing):
    panel = make_panel(80, 3, 4, 2, missing=missing)
    fused = fuse(panel, rule)
    total = fused.scores.sum(axis=1)
    silent = (panel.labels < 0).all(axis=1)
    assert silent.any() == (missing > 0)
    expected = []
    for i in range(80):
        share = 0.0 if silent[i] else fused.scores[i, panel.truth[i]] / total[i]
        expected.append(log(share) if share > 1e-12 else FLOOR)
    assert FLOOR in expected or rule == "weighted_confidence_sum"
    assert clean(panel, rule, "log_likelihood") == pytest.approx(sum(expected) / 80, abs=1e-12)


@pytest.mark.parametrize("rule", ["weighted_mean", "log_pool", "weighted_vote"])
def test_silence_is_the_floor_and_the_rest_scikit_learns(rule):
    panel = make_panel(80, 2, 3, 4, missing=0.5)
    silent = (panel.labels < 0).all(axis=1)
    assert 5 < silent.sum() < 60
    ready = replay(panel, rule)
    worth = make_measure("log_likelihood", ready).worth(ready, ready.decision, ready.weights)
    np.testing.assert_allclose(worth[silent], FLOOR, rtol=0, atol=1e-12)
    assert (worth[~silent] <= 0).all()
    spoken = panel.take(np.flatnonzero(~silent))
    own = clean(spoken, rule, "log_likelihood")
    expected = (own * len(spoken.truth) + FLOOR * silent.sum()) / 80
    assert clean(panel, rule, "log_likelihood") == pytest.approx(expected, abs=1e-12)
    # Those whom nobody speaks for never change, and the sums over pairs know it.
    column = permute(ready, statistic="log_likelihood", n_permutations=500, seed=1)
    assert column.broken_mean == pytest.approx(column.moments.exact_mean, abs=5 * column.monte_carlo_error)


@pytest.mark.parametrize("scheme", ["joint", "independent", "single"])
@pytest.mark.parametrize("rule", ["weighted_mean", "log_pool", "weighted_vote", "softmax_gate"])
@pytest.mark.parametrize("engine", ["core", "numba"])
def test_replicates_are_those_of_a_plain_loop(rule, scheme, engine):
    panel = make_panel(40, 3, 4, 6, missing=0.2, no_reliability=0.1, steps=8)
    ready, tiny = replay(panel, rule), to_naive(panel)
    agent = 1 if scheme == "single" else None
    found = permute(
        ready,
        statistic="log_likelihood",
        scheme=scheme,
        agent=None if agent is None else "agent1",
        n_permutations=70,
        seed=9,
        engine=engine,
    )
    plan = make_plan(ready, log=pairs.SOFTMAX if rule == "log_pool" else pairs.SHARE)
    runner = make_engine(plan, scheme, agent, engine)
    donors = np.empty((64, runner.n_streams, 40), np.int32)
    runner.start(9, 0).draw(donors)
    for r in range(0, 64, 7):
        total = flips = 0
        for p, i in enumerate(plan.order):
            row = [None if np.isnan(q) else float(q) for q in panel.reliability[i]]
            for m in range(3):
                if scheme != "single" or m == agent:
                    value = panel.reliability[plan.order[donors[r, m if scheme == "independent" else 0, p]], m]
                    row[m] = None if np.isnan(value) else float(value)
            decision, scores = naive.fuse(tiny, rule, i, row)
            flips += decision != naive.fuse(tiny, rule, i, tiny.q[i])[0]
            if rule == "log_pool":
                scores = [exp(score - max(scores)) for score in scores]
            share = 0.0 if decision is None or sum(scores) <= 0 else scores[tiny.truth[i]] / sum(scores)
            total += log(max(share, 1e-12))
        assert found.broken[r] == pytest.approx(total / 40, abs=1e-12)


def test_observed_pairing_comes_out_of_the_loop_of_the_replicates():
    # With one row of reliability throughout every replicate is the observed one, to the last bit.
    for rule in ("weighted_mean", "log_pool", "weighted_vote"):
        panel = make_panel(300, 3, 5, 3, missing=0.2).with_weights("uniform")
        found = permute(replay(panel, rule), statistic="log_likelihood", n_permutations=70)
        assert (found.broken == found.clean).all()
        assert found.p_value == 1


@pytest.mark.parametrize("rule", ["select_best", "max_confidence", "weighted_borda", "borda"])
def test_rules_without_a_distribution_are_refused(rule):
    with pytest.raises(SabotageError, match=f"log_likelihood needs scores that make a distribution: {rule} has none"):
        clean(make_panel(20), rule, "log_likelihood")


def test_negative_scores_are_refused():
    panel = make_panel(20)
    scores = panel.scores.copy()
    scores[7, 1, 2] = -0.1
    with pytest.raises(SabotageError, match="log_likelihood needs class scores that are not negative"):
        clean(rebuilt(panel, scores=scores), "weighted_mean", "log_likelihood")


@pytest.mark.parametrize("rule", ["weighted_mean", "weighted_vote", "select_best", "log_pool"])
@some
@given(panel=panels(most=20))
def test_statistics_of_a_decision_are_scikit_learns(rule, panel):
    ready = replay(panel, rule)
    labels, truth = ready.decision.labels, panel.truth  # an abstention, -1, is a class that is never true
    present = np.unique(truth)
    for name, expected in (
        ("accuracy", accuracy_score(truth, labels)),
        ("balanced_accuracy", recall_score(truth, labels, labels=present, average="macro", zero_division=0)),
        ("macro_f1", f1_score(truth, labels, labels=present, average="macro", zero_division=0)),
    ):
        measure = make_measure(name, ready)
        assert measure.of_decision(ready, ready.decision, ready.weights) == pytest.approx(expected, abs=1e-12)
        if measure.is_sum:
            worth = measure.worth(ready, ready.decision, ready.weights)
            assert (measure.class_weights[truth] * worth).sum() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_coverage_is_scikit_learns(k):
    for rule in ("weighted_mean", "log_pool", "softmax_gate"):
        panel = make_panel(200, 3, 5, 4)  # no ties
        ready = replay(panel, rule)
        scores = ready.decide(ready.weights, keep_scores=True).scores
        expected = top_k_accuracy_score(panel.truth, scores, k=k, labels=range(5))
        measure = make_measure(f"top_{k}", ready)
        assert measure.of_decision(ready, ready.decision, ready.weights) == pytest.approx(expected, abs=1e-12)
    with pytest.raises(SabotageError, match="statistic top_6 needs that many classes: there are 5"):
        make_measure("top_6", ready)


def test_one_class_present():
    panel = make_panel(60, 3, 4, 1)
    panel.truth[:] = 2
    ready = replay(panel)
    right = (ready.decision.labels == 2).mean()
    for name, expected in (("accuracy", right), ("balanced_accuracy", right), ("macro_f1", 2 * right / (1 + right))):
        assert make_measure(name, ready).of_decision(ready, ready.decision, ready.weights) == pytest.approx(expected)


def test_small_and_large_numbers_keep_their_shares():
    for family in ("huge", "wide", "zeros", "denormal"):
        panel = tie_heavy(family, 60, 3, 4, 3)
        for rule in ("weighted_mean", "weighted_vote"):
            found = permute(replay(panel, rule), statistic="log_likelihood", n_permutations=20)
            assert FLOOR - 1e-9 <= found.clean <= 0
            assert ((found.broken >= FLOOR - 1e-9) & (found.broken <= 0)).all()
    one, scaled = make_panel(60), make_panel(60)
    scaled = scaled.with_weights(scaled.reliability * 2.0**300)
    assert clean(one, "weighted_mean", "log_likelihood") == clean(scaled, "weighted_mean", "log_likelihood")


def test_names_in_words():
    names = ("accuracy", "balanced_accuracy", "macro_f1", "top_3", "log_likelihood")
    expected = ["accuracy", "balanced accuracy", "macro-F1", "top-3 coverage", "log-likelihood"]
    assert [in_words(name) for name in names] == expected
