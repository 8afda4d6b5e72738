"""Profiles and bounds against the oracle and scikit-learn."""

import naive
import naive_measures
import numpy as np
import pytest
from builders import make_panel, panels, to_naive
from hypothesis import HealthCheck, given, settings
from sklearn import metrics

from sabotage import assign_roles, replay
from sabotage.notes import Notes
from sabotage.profiles import measure_bounds, profile_agents, profiles_frame


def profiles_of(panel, top_k=(1, 2, 3)):
    ready, notes = replay(panel, "weighted_vote"), Notes()
    return profile_agents(panel, assign_roles(panel, ready.decision, ready), top_k, notes), list(notes)


def test_a_profile_is_over_the_examples_on_which_the_agent_spoke():
    panel = make_panel(400, 2, 5, seed=4, missing=0.3, no_reliability=0.2)
    (profile, _), _ = profiles_of(panel)
    spoke = panel.spoke[:, 0]
    truth, labels, confidence = panel.truth[spoke], panel.labels[spoke, 0], panel.confidence[spoke, 0]
    scores, right = panel.scores[spoke, 0], labels == truth
    assert (profile.n, profile.missing) == (spoke.sum(), 400 - spoke.sum())
    assert profile.coverage == spoke.mean()
    assert profile.accuracy == metrics.accuracy_score(truth, labels)
    assert profile.balanced_accuracy == pytest.approx(metrics.balanced_accuracy_score(truth, labels), abs=1e-12)
    assert profile.auroc_confidence == pytest.approx(metrics.roc_auc_score(right, confidence), rel=1e-14)
    assert profile.log_loss == pytest.approx(metrics.log_loss(truth, scores, labels=range(5)), rel=1e-9)
    assert profile.brier == pytest.approx(naive_measures.brier(truth.tolist(), scores.tolist()), rel=1e-12)
    assert profile.ece == pytest.approx(naive_measures.ece(right.tolist(), confidence.tolist(), 15), abs=1e-12)
    assert profile.mean_confidence == pytest.approx(confidence.mean())
    for k in (1, 2, 3):
        expected = metrics.top_k_accuracy_score(truth, scores, k=k, labels=range(5))
        assert profile.top_k[str(k)] == pytest.approx(expected)
    known = ~np.isnan(panel.reliability[spoke, 0])
    assert profile.n_reliability == known.sum()
    expected = metrics.roc_auc_score(right[known], panel.reliability[spoke, 0][known])
    assert profile.auroc_reliability == pytest.approx(expected, rel=1e-14)


def test_rates_and_lift():
    panel = make_panel(500, 3, 4, seed=5)
    ready = replay(panel, "weighted_vote")
    (profile, *_), _ = profiles_of(panel)
    n_wrong = int((ready.decision.labels != panel.truth).sum())
    saboteurs = profile.roles["saboteur"]
    assert profile.rates["per_example"]["saboteur"] == saboteurs / 500
    assert profile.rates["per_wrong_decision"]["saboteur"] == saboteurs / n_wrong
    expected = (saboteurs / 500) / (profile.potential_saboteur / 500 * n_wrong / 500)
    assert profile.saboteur_lift == pytest.approx(expected)


def test_every_null_has_its_reason():
    (profile, *_), notes = profiles_of(make_panel(60, 2, 4, scores=False), (1, 9))
    assert profile.top_k == {"1": None, "9": None}
    assert (profile.brier, profile.log_loss) == (None, None)
    assert "agent0 has no class scores: top_k, brier and log_loss are null" in notes
    panel = make_panel(60, 2, 4)
    panel.confidence[:, 0] = np.nan
    panel.reliability[:, 0] = np.nan
    panel.labels[:, 1] = panel.truth
    (first, second), notes = profiles_of(panel)
    assert (first.mean_confidence, first.ece, first.aurc, first.auroc_confidence) == (None,) * 4
    assert first.auroc_reliability is None
    assert second.auroc_confidence is None
    assert "agent0: no confidence, so mean_confidence, ece, ece_equal_mass, auroc_confidence and aurc are null" in notes
    assert "agent0: no reliability, so auroc_reliability is null" in notes
    assert "agent1 is always right or always wrong: auroc_confidence is null" in notes


def test_scores_that_do_not_sum_to_one_are_counted():
    panel = make_panel(60, 2, 4)
    panel.scores[:9, 1] *= 0.5
    (_, second), notes = profiles_of(panel)
    assert "agent1: on 9 of 60 examples its class scores do not sum to 1: brier and log_loss are of scores" in " ".join(
        notes
    )
    assert not any("agent0" in note for note in notes)
    assert second.log_loss == profiles_of(make_panel(60, 2, 4))[0][1].log_loss


def test_labels_that_are_not_the_argmax_are_counted():
    panel = make_panel(60, 2, 4)
    panel.labels[:7, 1] = (panel.labels[:7, 1] + 1) % 4
    (first, second), notes = profiles_of(panel)
    assert (first.label_is_not_argmax, second.label_is_not_argmax) == (0, 7)
    assert "agent1: on 7 of 60 examples its label is not the argmax of its own class scores" in notes


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(panel=panels())
def test_bounds_are_the_oracles(panel):
    decision = replay(panel, "weighted_vote").decision
    found = measure_bounds(panel, decision)
    values = (
        found.oracle_accuracy,
        found.oracle_balanced_accuracy,
        found.oracle_accuracy_if_independent,
        found.oracle_balanced_accuracy_if_independent,
    )
    assert values == pytest.approx(naive.oracle(to_naive(panel)), abs=1e-12)
    right = (panel.labels == panel.truth[:, None]).sum(axis=0) / panel.spoke.sum(axis=0)
    assert found.best_agent_accuracy == right.max()
    assert found.best_agent == panel.agents[right.argmax()]


def test_the_frame_has_one_row_an_agent():
    found, _ = profiles_of(make_panel(60, 3, 4))
    frame = profiles_frame(found)
    assert frame.index.tolist() == ["agent0", "agent1", "agent2"]
    assert frame.loc["agent1", "saboteur"] == found[1].roles["saboteur"]
    assert frame.loc["agent1", "top_2"] == found[1].top_k["2"]
