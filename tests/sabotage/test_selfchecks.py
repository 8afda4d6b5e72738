"""Does the self-assessment tell saboteurs: against scikit-learn on loops over roles, and where it cannot be had."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from builders import make_panel, panels
from hypothesis import given, settings
from sklearn.metrics import roc_auc_score

from sabotage import Panel, analyze, assign_roles, replay, simulate
from sabotage.notes import Notes
from sabotage.selfchecks import check_sabotage


def checked(panel, threshold=0.7):
    ready = replay(panel)
    notes = Notes()
    return check_sabotage(assign_roles(panel, ready.decision, ready, threshold), notes), list(notes), ready


@settings(max_examples=150, deadline=None)
@given(panels(most=60))
def test_values_are_scikit_learns(panel):
    found, notes, ready = checked(panel, 0.5)
    for m, own in enumerate(found):
        saboteur, wrong, low_reliability, low_confidence = [], [], [], []
        for i in range(panel.n_examples):
            if panel.labels[i, m] < 0 or np.isnan(panel.reliability[i, m]) or not panel.confidence[i, m] >= 0.5:
                continue
            is_wrong = panel.labels[i, m] != panel.truth[i]
            decided = ready.decision.labels[i]
            wrong.append(is_wrong)
            saboteur.append(is_wrong and decided == panel.labels[i, m])
            low_reliability.append(-panel.reliability[i, m])
            low_confidence.append(-panel.confidence[i, m])
        assert (own.agent, own.n, own.n_saboteur) == (panel.agents[m], len(wrong), sum(saboteur))
        assert own.n_potential == sum(wrong)
        for kind, prefix in ((saboteur, ""), (wrong, "potential_")):
            of_reliability = getattr(own, f"{prefix}auroc_reliability")
            if len(set(kind)) < 2:
                assert of_reliability is None
                assert getattr(own, f"{prefix}difference") is None
                assert any(own.agent in note for note in notes)
                continue
            first, second = roc_auc_score(kind, low_reliability), roc_auc_score(kind, low_confidence)
            assert of_reliability.value == pytest.approx(first, abs=1e-14)
            assert getattr(own, f"{prefix}auroc_confidence").value == pytest.approx(second, abs=1e-14)
            assert getattr(own, f"{prefix}difference").value == pytest.approx(first - second, abs=1e-14)
            if min(sum(kind), len(kind) - sum(kind)) < 10:
                assert of_reliability.interval is None
                assert any("fewer than 10" in note for note in notes)


def test_an_honest_self_assessment_is_seen_and_a_false_one_too():
    panel = simulate("overconfident-agent", 1500, 1)
    video = checked(panel)[0][panel.agents.index("video")]
    assert video.auroc_reliability.interval[1] < 0.5  # it claims most where it sabotages
    honest = np.where(panel.labels == panel.truth[:, None], 0.9, 0.1) + np.random.default_rng(0).normal(
        0, 0.3, (1500, 3)
    )
    # Of a decision that does not weigh by it: one that does follows who claims most.
    notes = Notes()
    found = check_sabotage(
        assign_roles(replace(panel, reliability=np.clip(honest, 0, None)), replay(panel).decision, None), notes
    )
    for own in found:
        assert own.auroc_reliability.value > 0.8
        assert own.difference.interval[0] > 0
        assert own.potential_difference.interval[0] > 0
    assert list(notes) == []


@pytest.mark.parametrize(("weights", "said"), [("confidence", "the confidence itself"), ("uniform", "1 throughout")])
def test_weights_that_are_no_self_assessment_are_not_judged(weights, said):
    found, notes, _ = checked(make_panel(200, 2, 3).with_weights(weights), 0.5)
    assert all(own.n > 0 for own in found)
    assert all(own.auroc_reliability is own.difference is own.potential_difference is None for own in found)
    assert len(notes) == 1
    assert said in notes[0]


def test_a_reliability_in_the_order_of_the_confidence_has_no_difference():
    panel = make_panel(300, 2, 3)
    found, notes, _ = checked(panel.with_weights(panel.confidence**3), 0.5)
    assert [own.difference.value for own in found] == [0.0, 0.0]
    assert all(own.difference.interval is None and own.auroc_reliability.interval is not None for own in found)
    assert any("in one order" in note for note in notes)


def test_groups_are_the_clusters():
    panel = make_panel(400, 2, 3)
    film = pa.array([f"film {k % 25}" for k in range(400)])
    grouped = replace(panel, columns={"film": film}, group="film")
    for plain, own in zip(checked(panel, 0.4)[0], checked(grouped, 0.4)[0], strict=True):
        assert own.difference.value == plain.difference.value
        assert (own.difference.n_clusters, plain.difference.n_clusters) == (25, plain.n)
    few = replace(panel, columns={"film": pa.array([k % 8 for k in range(400)])}, group="film")
    assert all(own.difference.interval is None for own in checked(few, 0.4)[0])


def test_it_stands_in_the_audit():
    panel: Panel = make_panel(200, 3, 3)
    audit = analyze(panel, n_permutations=0, threshold=0.5)
    agents = audit.to_dict()["alignment"]["agents"]
    for own in audit.self_checks:
        field = agents[own.agent]["predicts_sabotage"]
        assert (field["n"], field["n_saboteur"]) == (own.n, own.n_saboteur)
        assert field["difference"]["value"] == own.difference.value
        assert field["auroc_confidence"]["value"] == own.auroc_confidence.value
    assert '"predicts_sabotage"' in audit.to_json()
