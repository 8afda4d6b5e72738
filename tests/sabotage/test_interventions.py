"""What-ifs against a few lines of NumPy, panels from which the agent was taken, and fits that must stay."""

from dataclasses import replace

import numpy as np
import pytest
from builders import make_panel, panels
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from sabotage import Intervention, SabotageError, calibrating, cross_fit, fit, replay, replay_callable
from sabotage.interventions import capped, change, intervene, make_interventions, stands_alone, tempered
from sabotage.rules import RULES, refusal

PLAIN = [name for name, rule in RULES.items() if not rule.learned]
LEARNED = ["stacking", "weighted_stacking", "learned_gate", "class_weighted", "calibrated:weighted_mean"]
some = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
DROP, VETO = Intervention("drop", "agent1"), Intervention("veto", "agent1")
CAP, HEAT = Intervention("cap", "agent1", 0.4), Intervention("temperature", "agent1", 2.5)


def silenced(panel, rows, m=1):
    """Take an agent from some rows of a panel, as if it had never spoken there."""
    labels, confidence, reliability, scores = (
        None if own is None else own.copy() for own in (panel.labels, panel.confidence, panel.reliability, panel.scores)
    )
    labels[rows, m], confidence[rows, m], reliability[rows, m] = -1, np.nan, np.nan
    if scores is not None:
        scores[rows, m] = np.nan
    return replace(panel, labels=labels, confidence=confidence, reliability=reliability, scores=scores)


def as_sure(panel):
    """Give every agent its own confidence for reliability."""
    return panel.with_weights("confidence")


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_a_dropped_agent_is_not_in_the_panel(name, missing):
    panel = make_panel(80, 3, 4, 3, missing=missing)
    rest = panel.select(["agent0", "agent2"])
    assert_array_equal(
        intervene(replay(panel, name), DROP).decision.labels, replay(rest, name).decision.labels, strict=True
    )


@pytest.mark.parametrize("name", PLAIN)
def test_a_vetoed_agent_is_silent_where_it_stands_alone(name):
    panel = make_panel(80, 3, 4, 3, missing=0.3)
    alone = np.array(
        [
            row[1] >= 0 and any(row[m] >= 0 for m in (0, 2)) and not any(row[m] == row[1] for m in (0, 2))
            for row in panel.labels
        ]
    )
    assert 0 < alone.sum() < 80
    after = intervene(replay(panel, name), VETO)
    assert_array_equal(after.decision.labels, replay(silenced(panel, alone), name).decision.labels)
    assert after.rule.name == f"{name}, veto agent1"


@some
@given(panels())
def test_who_stands_alone(panel):
    for m in range(panel.n_agents):
        found = stands_alone(panel.labels, m)
        for row, own in zip(panel.labels.tolist(), found, strict=True):
            others = [label for k, label in enumerate(row) if k != m and label >= 0]
            assert own == (row[m] >= 0 and len(others) > 0 and row[m] not in others)


@pytest.mark.parametrize("scores", [True, False])
def test_a_cap_in_four_lines(scores):
    panel = make_panel(60, 3, 4, 1, missing=0.2, scores=scores)
    found = capped(panel, 1, 0.4)
    expected = panel.confidence.copy()
    expected[:, 1] = np.where(expected[:, 1] > 0.4, 0.4, expected[:, 1])
    assert_array_equal(found.confidence, expected)
    assert (found.scores is None) == (not scores)
    if scores:
        assert_array_equal(found.scores[:, 1], np.where(panel.scores[:, 1] > 0.4, 0.4, panel.scores[:, 1]))
        assert_array_equal(found.scores[:, [0, 2]], panel.scores[:, [0, 2]])
    assert_array_equal(found.reliability, panel.reliability)
    assert_array_equal(found.labels, panel.labels)
    assert_array_equal(capped(as_sure(panel), 1, 0.4).reliability, expected)
    assert_array_equal(capped(panel, 1, np.nextafter(1.0, 0)).confidence, panel.confidence)


@pytest.mark.parametrize("temperature", [0.3, 2.5])
def test_a_temperature_in_four_lines(temperature):
    panel = make_panel(60, 3, 4, 1, missing=0.2)
    panel = replace(panel, scores=panel.scores * 7)  # whatever their sum, it stays
    found, own = tempered(panel, 1, temperature), panel.scores[:, 1]
    powers = own ** (1 / temperature)
    assert_allclose(found.scores[:, 1], powers * (own.sum(axis=1) / powers.sum(axis=1))[:, None], rtol=1e-12)
    assert_array_equal(found.scores[:, [0, 2]], panel.scores[:, [0, 2]])
    odds = np.log(panel.confidence[:, 1] / (1 - panel.confidence[:, 1]))
    assert_allclose(found.confidence[:, 1], 1 / (1 + np.exp(-odds / temperature)), rtol=1e-12)
    assert_array_equal(found.confidence[:, [0, 2]], panel.confidence[:, [0, 2]])
    assert_array_equal(tempered(as_sure(panel), 1, temperature).reliability, found.confidence)
    assert_array_equal(found.reliability, panel.reliability)


@some
@given(panels(), st.floats(1e-4, 1e4))
def test_a_temperature_keeps_sums_and_the_order_of_scores(panel, temperature):
    found = tempered(panel, 0, temperature)
    before, after = panel.scores[:, 0], found.scores[:, 0]
    assert_array_equal(np.isnan(after), np.isnan(before))
    assert_allclose(np.nansum(after, axis=1), np.nansum(before, axis=1), atol=1e-12)
    spoke = ~np.isnan(before[:, 0])
    assert (after[spoke] >= 0).all()
    ordered = np.take_along_axis(after[spoke], before[spoke].argsort(axis=1), axis=1)
    assert (np.diff(ordered, axis=1) >= -1e-15).all()
    known = ~np.isnan(panel.confidence[:, 0])
    sure = panel.confidence[known, 0]
    changed = found.confidence[known, 0]
    assert ((changed >= 0) & (changed <= 1)).all()
    assert_array_equal(changed[(sure == 0) | (sure == 1)], sure[(sure == 0) | (sure == 1)])


@some
@given(panels(), st.sampled_from(PLAIN))
def test_a_temperature_of_one_and_a_cap_near_one_change_nothing(panel, name):
    assume(refusal(RULES[name], panel) is None)
    panel = as_sure(replace(panel, confidence=np.minimum(panel.confidence, 0.99)))
    ready = replay(panel, name)
    for what in (Intervention("temperature", "agent0", 1.0), Intervention("cap", "agent0", 0.999999)):
        limited = replace(panel, scores=np.minimum(panel.scores, 0.999))
        assert_array_equal(
            intervene(replay(limited, name), what).decision.labels, replay(limited, name).decision.labels
        )
    same = intervene(ready, Intervention("temperature", "agent0", 1.0))
    assert_array_equal(same.decision.labels, ready.decision.labels)


def test_candidate_lists_keep_what_is_not_listed():
    panel = make_panel(40, 2, 5, 2)
    scores = np.where(panel.scores < 0.1, np.nan, panel.scores)
    panel = replace(panel, scores=scores)
    for what in (Intervention("temperature", "agent0", 2), Intervention("cap", "agent0", 0.3)):
        found = change(panel, what)
        assert_array_equal(np.isnan(found.scores), np.isnan(scores))
        assert intervene(replay(panel, "confidence_sum"), what).rule.name == f"confidence_sum, {what}"
    assert_allclose(np.nansum(tempered(panel, 0, 2).scores[:, 0], axis=1), np.nansum(scores[:, 0], axis=1), rtol=1e-12)


@pytest.mark.parametrize("crosswise", [False, True])
@pytest.mark.parametrize("name", LEARNED)
def test_what_was_learned_stays(name, crosswise):
    panel = make_panel(120, 3, 3, 4, missing=0.2)
    taught = cross_fit(panel, name, 3) if crosswise else fit(make_panel(200, 3, 3, 5, missing=0.2), name)
    ready = replay(panel, taught)
    everywhere = np.arange(120) > 5  # an agent that never speaks would have no scores for the rule to take
    dropped = intervene(ready, DROP, panel, taught).decision.labels[everywhere]
    assert_array_equal(dropped, replay(silenced(panel, everywhere), taught).decision.labels[everywhere])
    alone = stands_alone(panel.labels, 1)
    assert_array_equal(
        intervene(ready, VETO, panel, taught).decision.labels, replay(silenced(panel, alone), taught).decision.labels
    )
    for what, by_hand in ((CAP, capped(panel, 1, 0.4)), (HEAT, tempered(panel, 1, 2.5))):
        after = intervene(ready, what, panel, taught)
        assert_array_equal(after.decision.labels, replay(by_hand, taught).decision.labels)
        assert after.rule.name == f"{ready.rule.name}, {what}"
        assert_array_equal(intervene(ready, what, panel, taught, change(panel, what)).spoken, after.spoken)


def test_calibration_comes_after_the_intervention():
    panel = make_panel(120, 2, 3, 4)
    taught = fit(make_panel(300, 2, 3, 5), "calibrated-isotonic:mean")
    after = intervene(replay(panel, taught), CAP, panel, taught)
    expected = calibrating.calibrate(capped(panel, 1, 0.4), taught.parts[0]).scores
    assert_array_equal(after.panel.scores, expected)
    other = capped(calibrating.calibrate(panel, taught.parts[0]), 1, 0.4).scores
    assert not np.allclose(expected, other)


@pytest.mark.parametrize("name", ["stacking", "calibrated:mean"])
def test_a_replay_of_a_learned_rule_does_not_say_what_it_was_made_of(name):
    panel = make_panel(60, 2, 3, 4)
    ready = replay(panel, fit(panel, name))
    for what in (CAP, HEAT):
        with pytest.raises(SabotageError, match=r"was learned: .* give the fitted rule beside its replay$"):
            intervene(ready, what)
    assert intervene(ready, DROP).rule.name == f"{ready.rule.name}, drop agent1"


def test_make_interventions_in_order():
    found = make_interventions(["a"], ["b", "c"], [("a", 0.6)], [("b", 2)])
    assert [str(what) for what in found] == ["drop a", "veto b", "veto c", "cap a=0.6", "temperature b=2"]
    assert make_interventions() == []


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("dorp", "a"), r"unknown intervention 'dorp' \(did you mean drop\?\): choose from cap, drop"),
        (("drop", "a", 0.5), "drop takes an agent alone: found the value 0.5"),
        (("veto", "a", 1), "veto takes an agent alone: found the value 1"),
        (("cap", "a"), r"cap takes a number in \(0, 1\), cap a=0.6: found None"),
        (("cap", "a", 0), r"in \(0, 1\)"),
        (("cap", "a", 1.0), r"in \(0, 1\)"),
        (("cap", "a", float("nan")), "found nan"),
        (("temperature", "a", 0.0), "above 0"),
        (("temperature", "a", -1), "above 0"),
        (("temperature", "a", float("inf")), "found inf"),
        (("temperature", "a"), "found None"),
    ],
)
def test_values_that_are_none(arguments, why):
    with pytest.raises(SabotageError, match=why):
        Intervention(*arguments)


def test_what_cannot_be_changed():
    panel = make_panel(30, 2, 3, 1)
    ready = replay(panel, "mean")
    with pytest.raises(SabotageError, match=r"unknown agent 'agent7' \(did you mean agent1\?\)"):
        intervene(ready, Intervention("drop", "agent7"))
    one = replay(panel.select(["agent1"]), "mean")
    with pytest.raises(SabotageError, match="agent1 is the only agent: without it nobody decides"):
        intervene(one, DROP)
    assert_array_equal(intervene(one, VETO).decision.labels, one.decision.labels)
    call = replay_callable(panel, lambda q: np.zeros((30, 3)), "gate")
    with pytest.raises(SabotageError, match="gate is a callable: what it does after drop agent1 is not known"):
        intervene(call, DROP)
    negative = replace(panel, scores=panel.scores - 0.5)
    with pytest.raises(SabotageError, match="agent1 has negative scores, of which no root can be taken: cap it"):
        intervene(replay(negative, "mean"), HEAT)
    large = replace(panel, scores=panel.scores * 100)
    with pytest.raises(SabotageError, match=r"agent1 has scores up to .*, and a cap takes scores in \[0, 1\]"):
        intervene(replay(large, "mean"), CAP)
