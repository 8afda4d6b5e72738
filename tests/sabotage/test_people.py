"""People with one modality against people with all, and models against both."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from builders import make_panel, panels
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy, ttest_1samp
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from sabotage import SabotageError
from sabotage.ambiguity_levels import ambiguity_levels, singles_entropy
from sabotage.intervals import estimate
from sabotage.judging import judge
from sabotage.people import compare_people

PEOPLE = ("agent0", "agent1", "agent2")


def compared(panel, people=PEOPLE, full="agent2", **options):
    return compare_people(judge(panel, rule="majority", **options), people, full)


def test_gains_by_hand():
    panel = make_panel(200, 4, 4, 3, missing=0.2)
    found = compared(panel)
    right = panel.labels == panel.truth[:, None]
    assert [one.single for one in found.gains] == ["agent0", "agent1"]
    for one, m in zip(found.gains, (0, 1), strict=True):
        both = panel.spoke[:, m] & panel.spoke[:, 2]
        full, alone = right[both, 2], right[both, m]
        assert (one.full.count, one.alone.count, one.full.n) == (full.sum(), alone.sum(), both.sum())
        assert one.full.interval == pytest.approx(proportion_confint(full.sum(), both.sum(), method="wilson"))
        assert one.difference.value == pytest.approx(full.mean() - alone.mean())
        ahead = full.astype(float) - alone
        low, high = ttest_1samp(ahead, 0).confidence_interval()
        assert one.difference.interval == pytest.approx((low, high), rel=0.02)
        assert (one.helped.count, one.hurt.count) == ((full & ~alone).sum(), (alone & ~full).sum())
        table = [[(full & alone).sum(), one.helped.count], [one.hurt.count, (~full & ~alone).sum()]]
        assert one.p_value == pytest.approx(mcnemar(table, exact=True).pvalue)
        assert one.p_method == "mcnemar"
        for c, label in enumerate(panel.classes):
            own = found.by_class[label][m]
            inside = both & (panel.truth == c)
            assert own.full.n == inside.sum()
            assert own.difference.value == pytest.approx(right[inside, 2].mean() - right[inside, m].mean())
            assert own.p_value is None
    assert found.best == min(found.gains, key=lambda one: one.difference.value).single


def test_models_against_people():
    panel = make_panel(200, 4, 4, 3, missing=0.2)
    found = compared(panel)
    wrong = panel.labels != panel.truth[:, None]
    decided = judge(panel, rule="majority").roles.decision.labels != panel.truth
    assert [(one.model, one.person) for one in found.errors] == [
        (model, person) for model in ("agent3", "decision") for person in PEOPLE
    ]
    for one in found.errors:
        m = panel.agents.index(one.person)
        both = panel.spoke[:, m] & (panel.spoke[:, 3] if one.model == "agent3" else True)
        model, person = (wrong[:, 3] if one.model == "agent3" else decided)[both], wrong[both, m]
        assert one.kappa.value == pytest.approx(cohen_kappa_score(model, person))
        assert one.model_wrong.share == pytest.approx(model.mean())
        assert one.wrong_where_wrong.share == pytest.approx(model[person].mean())
        assert one.wrong_where_right.share == pytest.approx(model[~person].mean())
        assert one.both_wrong.count == (model & person).sum()


def test_clusters_have_a_test_of_their_own():
    film = np.arange(200) % 20
    panel = replace(make_panel(200, 3, 4, 5, columns={"film": pa.array(film)}), group="film")
    one = compared(panel).gains[0]
    assert one.p_method == "clusters"
    right = (panel.labels == panel.truth[:, None]).astype(float)
    ahead = right[:, 2] - right[:, 0]
    sums = np.bincount(film, ahead - ahead.mean())
    se = np.sqrt(20 / 19 * (sums**2).sum()) / 200
    assert estimate(ahead.mean(), (ahead - ahead.mean()) / 200, film).se == pytest.approx(se)
    from scipy.stats import t

    assert one.p_value == pytest.approx(2 * t.sf(abs(ahead.mean()) / se, 19))
    few = replace(panel, columns={"film": pa.array(film % 5)})
    one = compared(few).gains[0]
    assert one.p_value is None
    assert one.difference.interval is None
    assert one.difference.why is not None


def test_a_decision_that_is_full_is_no_model():
    panel = make_panel(50, 3, 4, 1)
    own = replace(panel, fused_label=panel.labels[:, 2].copy())
    assert compared(own, decision="recorded").errors == ()


def test_thirds_by_annotators_and_by_the_singles():
    panel = make_panel(90, 3, 4, 2)
    judged = judge(panel)
    by_scores = ambiguity_levels(judged, ["agent0", "agent1"])
    expected = entropy(panel.scores[:, :2].mean(axis=1), axis=1, base=2)
    assert singles_entropy(panel, ["agent0", "agent1"]) == pytest.approx(expected)
    assert by_scores.source == "singles"
    assert np.bincount(by_scores.part).tolist() == [30, 30, 30]
    value = np.r_[np.zeros(60), np.arange(1.0, 29.0), np.nan, np.nan]
    annotated = replace(panel, columns={"annotation_entropy": pa.array(value)})
    found = compared(annotated)
    assert found.ambiguity == "annotators"
    assert [own[0].full.n for own in found.by_ambiguity.values()] == [60, 0, 28]
    assert found.by_ambiguity["middle"][0].full.share is None
    alike = compared(replace(panel, columns={"annotation_entropy": pa.array(np.zeros(90))}))
    assert alike.by_ambiguity is None
    judged = judge(make_panel(40, 3, 3, scores=False))
    none = compare_people(judged, PEOPLE, "agent2")
    assert "have no scores" in none.why_no_ambiguity
    assert any("people by ambiguity is null" in note for note in judged.notes)


@pytest.mark.parametrize(
    ("people", "full", "message"),
    [
        (("agent0", "agnt1"), "agent0", r"unknown agent 'agnt1' \(did you mean agent1\?\)"),
        (("agent0", "agent1"), None, "full must name the one of the people that had every modality"),
        (("agent0", "agent1"), "agent2", "full must be one of the people"),
        (("agent0", "agent1"), "agent", r"did you mean agent1\?"),
        (("agent0",), "agent0", "people must name somebody with one modality beside agent0"),
    ],
)
def test_errors(people, full, message):
    with pytest.raises(SabotageError, match=message):
        compared(make_panel(20), people, full)


def test_people_who_never_meet():
    panel = make_panel(20, 3, 3)
    labels = panel.labels.copy()
    labels[:10, 0], labels[10:, 2] = -1, -1
    with pytest.raises(SabotageError, match="agent2 and agent0 never speak on one example"):
        compared(replace(panel, labels=labels))


@settings(max_examples=25, deadline=None)
@given(panels(recorded=True), st.randoms())
def test_order_of_examples_and_classes_does_not_matter(panel, random):
    if panel.n_agents < 2:
        return
    people, full = panel.agents[:2], panel.agents[1]
    if not (panel.spoke[:, 0] & panel.spoke[:, 1]).any():
        return
    rows = random.sample(range(panel.n_examples), panel.n_examples)
    one = compare_people(judge(panel), people, full)
    other = compare_people(judge(panel.take(np.array(rows))), people, full)
    again = panel.with_classes(random.sample(panel.classes, panel.n_classes))
    third = compare_people(judge(again), people, full)
    for found in (other, third):
        assert (found.gains[0].full, found.gains[0].helped) == (one.gains[0].full, one.gains[0].helped)
        assert {name: own[0].full.count for name, own in found.by_class.items()} == {
            name: own[0].full.count for name, own in one.by_class.items()
        }
        for own, same in zip(found.errors, one.errors, strict=True):
            assert own.kappa.value == pytest.approx(same.kappa.value)
            assert own.kappa_within_class.value == pytest.approx(same.kappa_within_class.value)
    one.to_dict()


def test_one_example_and_no_error():
    panel = make_panel(1, 2, 2, 0)
    panel = replace(panel, labels=np.full((1, 2), panel.truth[0], np.int32))
    found = compared(panel, ("agent0", "agent1"), "agent1")
    assert found.gains[0].difference.value == 0
    assert found.gains[0].p_value == 1
    assert found.finding
