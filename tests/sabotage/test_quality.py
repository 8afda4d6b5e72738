"""Coverage, log loss and ECE of fused scores against scikit-learn and by hand; saboteurs against the roles."""

from dataclasses import replace

import numpy as np
import pytest
from builders import make_panel, panels
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.metrics import log_loss, top_k_accuracy_score

from sabotage import Intervention, SabotageError, assign_roles, replay, replay_callable
from sabotage.contenders import RECORDED, make_contenders
from sabotage.quality import measure_quality
from sabotage.rules import RULES, refusal
from sabotage.teaching import Teaching

PLAIN = [name for name, rule in RULES.items() if not rule.learned]
SCORED = [name for name in PLAIN if RULES[name].distribution]
WORST = -np.log(1e-12)


def measured(panel, rule, *, what_ifs=(), at=0, threshold=0.7, top_k=(2, 3), **teaching):
    contender = make_contenders(panel, [rule], Teaching(**teaching), what_ifs)[at]
    return contender, measure_quality(contender, threshold, top_k)


def ece_by_hand(right, confidence, bins=15):
    total = 0.0
    for k in range(bins):
        inside = (confidence >= k / bins) & ((confidence < (k + 1) / bins) | (k == bins - 1))
        if inside.any():
            total += abs(right[inside].mean() - confidence[inside].mean()) * inside.sum() / len(right)
    return total


def probabilities(ready):
    scores = ready.decide(ready.weights, keep_scores=True).scores
    if ready.rule.distribution == "softmax":
        return softmax(scores, axis=1)
    return scores / scores.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("name", SCORED)
def test_log_loss_and_ece_of_the_normalised_scores(name):
    panel = make_panel(150, 3, 4, 2)
    contender, found = measured(panel, name)
    p = np.clip(probabilities(contender.replay), 1e-12, 1)
    expected = log_loss(panel.truth, p / p.sum(axis=1, keepdims=True), labels=range(4))
    assert found.log_loss == pytest.approx(expected, abs=1e-9)
    right = contender.decision.labels == panel.truth
    assert found.ece == pytest.approx(ece_by_hand(right, p.max(axis=1)), abs=1e-9)


@pytest.mark.parametrize("name", ["stacking", "learned_gate", "class_weighted", "calibrated:log_pool"])
def test_log_loss_of_learned_rules(name):
    panel = make_panel(150, 3, 4, 2)
    contender, found = measured(panel, name, n_folds=3)
    p = np.clip(probabilities(contender.replay), 1e-12, 1)
    assert found.log_loss == pytest.approx(log_loss(panel.truth, p, labels=range(4)), abs=1e-6)


@pytest.mark.parametrize("name", ["mean", "log_pool", "dempster_shafer"])
def test_coverage_is_scikit_learns(name):
    panel = make_panel(150, 3, 5, 2)
    contender, found = measured(panel, name, top_k=(1, 2, 3, 5, 6))
    scores = contender.replay.decide(contender.replay.weights, keep_scores=True).scores
    for k in (1, 2, 3, 5):
        expected = top_k_accuracy_score(panel.truth, scores, k=k, labels=range(5)) if k < 5 else 1.0
        assert found.top_k[str(k)] == pytest.approx(expected, abs=1e-12)
    assert found.top_k["6"] is None


@pytest.mark.parametrize("name", [name for name in PLAIN if name not in SCORED])
def test_what_makes_no_distribution(name):
    found = measured(make_panel(50, 3, 4, 2), name)[1]
    assert (found.log_loss, found.ece) == (None, None)
    assert found.top_k["2"] is not None


@pytest.mark.parametrize("name", SCORED)
def test_abstentions_cost_the_most_and_have_no_confidence(name):
    """Also of rules that say no outcome by scores of -inf, without a warning from NumPy."""
    panel = make_panel(90, 2, 3, 2, missing=0.4)
    with np.errstate(all="raise", under="ignore"):
        contender, found = measured(panel, name)
    none = contender.decision.labels < 0
    assert 5 < none.sum() == found.n_abstained < 40
    rest = panel.take(np.flatnonzero(~none))
    alone = measured(rest, name)[1]
    expected = (alone.log_loss * (~none).sum() + WORST * none.sum()) / 90
    assert found.log_loss == pytest.approx(expected, abs=1e-9)
    assert found.ece == pytest.approx(alone.ece, abs=1e-9)
    assert found.n_wrong == alone.n_wrong + none.sum()


def test_nobody_ever_speaks():
    panel = make_panel(20, 2, 3, 2)
    panel = replace(panel, labels=np.full((20, 2), -1, np.int32), scores=None)
    _, found = measured(panel, "majority")
    assert found.n_abstained == found.n_wrong == 20
    assert found.log_loss == pytest.approx(WORST)
    assert found.ece is None
    assert found.top_k == {"2": 0.0, "3": 0.0}
    assert (found.n_with_saboteur, found.n_with_pivotal) == (0, 0)


def test_recorded_scores_are_scores():
    panel = make_panel(80, 3, 4, 2, recorded=True)
    p = np.random.default_rng(0).dirichlet(np.ones(4), 80)
    label = p.argmax(axis=1).astype(np.int32)
    both = replace(panel, fused_label=label, fused_scores=7 * p)
    found = measured(both, RECORDED)[1]
    assert found.log_loss == pytest.approx(log_loss(panel.truth, p, labels=range(4)), abs=1e-9)
    assert found.ece == pytest.approx(ece_by_hand(label == panel.truth, p.max(axis=1)), abs=1e-9)
    assert found.top_k["2"] == pytest.approx(top_k_accuracy_score(panel.truth, p, k=2, labels=range(4)))
    # A decision that is missing, its scores with it, is an abstention.
    label[3], p[3] = -1, np.nan
    lost = measured(replace(panel, fused_label=label, fused_scores=p), RECORDED)[1]
    own = np.delete(-np.log(p[np.arange(80), panel.truth]), 3)
    assert lost.log_loss == pytest.approx((own.sum() + WORST) / 80)
    for odd in (p - 0.5, np.where(np.arange(4) == 2, np.nan, p)):
        none = measured(replace(panel, fused_label=label, fused_scores=odd), RECORDED)[1]
        assert (none.log_loss, none.ece) == (None, None)
    alone = measured(panel, RECORDED)[1]
    assert (alone.log_loss, alone.ece, alone.n_with_pivotal) == (None, None, None)
    assert alone.top_k == {"2": None, "3": None}
    assert alone.n_abstained == (panel.fused_label < 0).sum()


@pytest.mark.parametrize("threshold", [0.5, "0.6", "q0.5"])
@pytest.mark.parametrize("name", ["mean", "weighted_vote", "select_best"])
def test_saboteurs_are_those_of_the_roles(name, threshold):
    panel = make_panel(120, 3, 4, 5, missing=0.2)
    contender, found = measured(panel, name, threshold=threshold)
    frame = assign_roles(panel, contender.decision, contender.replay, threshold).to_frame()
    saboteurs = frame[frame.role == "saboteur"]
    assert found.n_with_saboteur == saboteurs["id"].nunique() > 0
    assert found.n_with_pivotal == saboteurs[saboteurs.pivotal.astype(bool)]["id"].nunique()
    assert found.saboteurs == {agent: int((saboteurs.agent == agent).sum()) for agent in panel.agents}
    assert found.n_wrong == (contender.decision.labels != panel.truth).sum()


def test_a_pivotal_saboteur_by_brute_force():
    panel = make_panel(120, 3, 4, 5)
    contender, found = measured(panel, "mean", threshold=0.5)
    wrong = contender.decision.labels != panel.truth
    turned = np.zeros(120, bool)
    for m, agent in enumerate(panel.agents):
        rest = replay(panel.select([name for name in panel.agents if name != agent]), "mean").decision.labels
        led = (panel.labels[:, m] == contender.decision.labels) & (panel.confidence[:, m] >= 0.5)
        turned |= wrong & led & (rest == panel.truth)
    assert found.n_with_pivotal == turned.sum() > 0


def test_who_is_silenced_sabotages_nothing():
    panel = make_panel(120, 3, 4, 5)
    drop, veto = Intervention("drop", "agent0"), Intervention("veto", "agent0")
    contender, found = measured(panel, "mean", what_ifs=[drop], at=1, threshold=0.3)
    rest = panel.select(["agent1", "agent2"])
    other = measure_quality(make_contenders(rest, ["mean"], Teaching())[0], 0.3, (2, 3))
    assert found.saboteurs == {"agent0": 0} | other.saboteurs
    assert replace(found, saboteurs={}) == replace(other, saboteurs={})
    contender, found = measured(panel, "mean", what_ifs=[veto], at=1, threshold="q0.5")
    silent = contender.replay.spoken[:, 0] < 0
    least = np.quantile(panel.confidence[:, 0], 0.5)  # of all that it said, not of what was heard
    led = (panel.labels[:, 0] == contender.decision.labels) & (contender.decision.labels != panel.truth) & ~silent
    assert found.saboteurs["agent0"] == (led & (panel.confidence[:, 0] >= least)).sum()


@pytest.mark.parametrize("scored", [True, False])
def test_callables_may_have_scores_but_no_pivots(scored):
    panel = replace(make_panel(60, 3, 3, 5), classes=(0, 1, 2))
    p = np.random.default_rng(1).dirichlet(np.ones(3), 60)
    call = replay_callable(panel, lambda q: p if scored else p.argmax(axis=1), distribution="share")
    _, found = measured(panel, call)
    assert found.n_wrong == (p.argmax(axis=1) != panel.truth).sum()
    assert found.n_with_pivotal is None
    assert found.log_loss == (pytest.approx(log_loss(panel.truth, p, labels=range(3))) if scored else None)
    assert (found.top_k["2"] is None) == (not scored)


def test_scores_that_leave_float64_give_no_loss():
    panel = make_panel(30, 3, 3, 5)
    with np.errstate(all="ignore"):
        found = measured(replace(panel, scores=panel.scores * 1.5e308), "max")[1]
    assert (found.log_loss, found.ece) == (None, None)


def test_negative_scores_are_no_distribution():
    panel = make_panel(30, 3, 3, 5)
    panel = replace(panel, scores=panel.scores - 0.3)
    for name in ("mean", "max", "softmax_gate"):
        assert measured(panel, name)[1].log_loss is None


def test_a_threshold_out_of_range():
    with pytest.raises(SabotageError, match=r"threshold must be a confidence in \[0, 1\]"):
        measured(make_panel(20), "mean", threshold=1.5)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(panels(recorded=True), st.sampled_from([*PLAIN, RECORDED]))
def test_whatever_the_panel(panel, name):
    assume(name == RECORDED or refusal(RULES[name], panel) is None)
    contender, found = measured(panel, name, top_k=(1, 2))
    assert found.n_with_saboteur <= found.n_wrong <= panel.n_examples
    assert found.n_with_pivotal is None or found.n_with_pivotal <= found.n_with_saboteur
    assert max(found.saboteurs.values()) <= found.n_with_saboteur <= sum(found.saboteurs.values())
    assert found.log_loss is None or 0 <= found.log_loss <= WORST + 1e-9
    assert found.ece is None or 0 <= found.ece <= 1
    if contender.replay is not None and RULES[name].needs == "scores":
        assert found.top_k["1"] == pytest.approx(1 - found.n_wrong / panel.n_examples)
