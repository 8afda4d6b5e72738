"""What can be compared: names settled, references found by their place, one agent alone, rules with a what-if."""

from dataclasses import replace

import numpy as np
import pytest
from builders import make_panel
from numpy.testing import assert_array_equal

from sabotage import Intervention, SabotageError, cross_fit, fit, fusion_rule, replay, replay_callable
from sabotage.contenders import BEST_AGENT, RECORDED, best_agent, default_rules, make_contenders, place_of, settle
from sabotage.custom import OWN
from sabotage.notes import Notes
from sabotage.rules import RULES
from sabotage.teaching import Teaching

RULE = """
def mean(evidence, weights, available, out):
    for c in range(len(out)):
        out[c] = 0.0
        for m in range(len(weights)):
            if available[m]:
                out[c] += evidence[m, c]
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(RULE)
    return f"{path}:mean"


def test_names_are_settled(file, tmp_path):
    assert settle("mean") is RULES["mean"]
    assert settle(RULES["mean"]) is RULES["mean"]
    assert settle(RULES["stacking"]) == "stacking"
    for name in ("stacking", "calibrated-platt:mean", BEST_AGENT, RECORDED):
        assert settle(name) == name
    assert settle(file).name == "own.py:mean"
    panel = make_panel(40)
    taught = fit(panel, "stacking")
    taught.save(tmp_path / "rule.json")
    assert settle(str(tmp_path / "rule.json")).name == "stacking"
    assert settle(taught) is taught
    ready = replay(panel, "mean")
    assert settle(ready) is ready


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("meen", r"unknown rule 'meen' \(did you mean mean\?\)"),
        ("best_agnt", r"did you mean best_agent\?\)"),
        (len, "a rule is a name, a Rule, a Fitted or a Replay: found a builtin_function_or_method"),
        (3, "found a int"),
        ("none.json", "none.json cannot be read"),
        ("none.py:f", "there is no file 'none.py'"),
    ],
)
def test_what_is_no_rule(rule, why):
    with pytest.raises(SabotageError, match=why):
        settle(rule)


def test_a_reference_is_found_by_what_it_is(file):
    assert place_of(["mean", "majority"], "majority") == ([RULES["mean"], RULES["majority"]], 1)
    assert place_of(["mean"], RULES["mean"]) == ([RULES["mean"]], 0)
    assert place_of([RULES["mean"]], "mean") == ([RULES["mean"]], 0)
    assert place_of(["mean"], BEST_AGENT) == ([BEST_AGENT, RULES["mean"]], 0)
    # The end of "own.py:mean" is the name of another rule.
    named, place = place_of(["mean", "majority"], file)
    assert (named[place].name, len(named)) == ("own.py:mean", 3)
    named, place = place_of(["mean", file], file)
    assert (place, len(named)) == (1, 2)
    ready = replay(make_panel(30), "mean")
    assert place_of(["majority", ready], ready) == ([RULES["majority"], ready], 1)
    assert place_of(["stacking"], RULES["stacking"]) == (["stacking"], 0)


def test_the_best_agent_is_right_most_often_and_the_first_of_equals():
    panel = make_panel(90, 4, 3, 1, missing=0.3)
    hits = [(panel.labels[:, m] == panel.truth).sum() for m in range(4)]
    found = best_agent(panel)
    m = int(np.argmax(hits))
    assert found.name == f"best_agent (agent{m})"
    assert_array_equal(found.decision.labels, panel.labels[:, m])
    assert_array_equal(found.panel.labels[:, m], panel.labels[:, m])
    assert (np.delete(found.panel.labels, m, axis=1) == -1).all()
    twice = replace(panel, labels=np.repeat(panel.labels[:, [m]], 4, axis=1))
    assert best_agent(twice).name == "best_agent (agent0)"


def test_the_best_agent_of_calibration_rows():
    panel, other = make_panel(60, 3, 3, 1), make_panel(60, 3, 3, 2)
    other = replace(other, labels=np.stack([*(other.labels[:, :2] * 0).T, other.truth], axis=1))
    found = make_contenders(panel, [BEST_AGENT], Teaching(other), notes=(notes := Notes()))
    assert found[0].name == "best_agent (agent2)"
    assert list(notes) == ["best_agent (agent2) was chosen by its accuracy on calibration rows"]
    make_contenders(panel, [BEST_AGENT], Teaching(), notes=(notes := Notes()))
    assert next(iter(notes)).endswith("on the examples themselves, which flatters it")
    with pytest.raises(SabotageError, match="of the same agents: found agent0, agent1 there"):
        best_agent(panel, other.select(["agent0", "agent1"]))


def test_the_rules_of_a_panel():
    plain = [name for name, rule in RULES.items() if not rule.learned]
    assert default_rules(make_panel(), Teaching()) == plain
    assert default_rules(make_panel(), Teaching(n_folds=3)) == list(RULES)
    assert default_rules(make_panel(), Teaching(make_panel())) == list(RULES)
    votes = ["majority", "weighted_vote", "confidence_sum", "weighted_confidence_sum", "borda", "weighted_borda"]
    without = make_panel(scores=False)
    assert default_rules(without, Teaching()) == [*votes, "select_best", "max_confidence"]
    # Nothing of scores can be learned from rows without any.
    assert default_rules(make_panel(), Teaching(without)) == [*plain, "class_weighted"]


def test_every_rule_once_more_for_every_intervention():
    panel = make_panel(80, 3, 3, 1, recorded=True)
    what_ifs = [Intervention("drop", "agent0"), Intervention("cap", "agent2", 0.5)]
    notes = Notes()
    found = make_contenders(
        panel, [BEST_AGENT, "mean", RECORDED, "stacking"], Teaching(n_folds=2), what_ifs, notes=notes
    )
    names = [one.name for one in found]
    rest = ["mean", "mean, drop agent0", "mean, cap agent2=0.5", RECORDED]
    assert names[1:] == [*rest, "stacking", "stacking, drop agent0", "stacking, cap agent2=0.5"]
    assert [one.reference for one in found] == [None, None, "mean", "mean", None, None, "stacking", "stacking"]
    assert found[2].replay.part is None
    assert found[6].replay.part is not None
    assert (found[2].panel.labels[:, 0] == -1).all()
    assert_array_equal(found[3].panel.labels, panel.labels)
    assert_array_equal(found[3].panel.confidence, panel.confidence)  # of whom it is said what it is
    assert found[3].replay.panel.confidence[:, 2].max() == 0.5
    assert "interventions are of rules that are replayed: there is none of best_agent or recorded" in list(notes)


def test_one_changed_panel_serves_all_rules():
    found = make_contenders(make_panel(), ["mean", "max"], Teaching(), [Intervention("cap", "agent0", 0.5)])
    assert found[1].replay.panel is found[3].replay.panel


def test_quantiles_of_confidence_outlast_a_veto():
    panel = make_panel(90, 3, 3, 1)
    found = make_contenders(panel, ["mean"], Teaching(), [Intervention("veto", "agent0")])
    assert_array_equal(found[1].panel.confidence, panel.confidence)
    assert 0 < (found[1].panel.labels[:, 0] == -1).sum() < 90


def test_a_dropped_agent_has_no_role_where_the_rule_could_not_use_it():
    panel = make_panel(60, 2, 3, 1)
    panel.scores[:20, 0] = np.nan  # a label alone
    found = make_contenders(panel, ["mean"], Teaching(), [Intervention("drop", "agent0")])
    assert (found[1].panel.labels[:, 0] == -1).all()


def test_replays_too_take_interventions():
    panel = make_panel(60, 3, 3, 1)
    ready = replay(panel.with_weights("confidence"), "weighted_mean")
    cap = Intervention("cap", "agent0", 0.5)
    found = make_contenders(panel, [ready], Teaching(), [Intervention("drop", "agent0"), cap])
    assert [one.name for one in found[1:]] == ["weighted_mean, drop agent0", "weighted_mean, cap agent0=0.5"]
    assert found[2].replay.panel.reliability[:, 0].max() == 0.5
    call = replay_callable(panel, lambda q: np.zeros((60, 3)), "gate")
    learned = replay(panel, cross_fit(panel, "stacking", 2))
    notes = Notes()
    found = make_contenders(panel, [call, learned], Teaching(), [Intervention("drop", "agent0"), cap], notes=notes)
    assert [one.name for one in found] == ["gate", "stacking", "stacking, drop agent0"]
    assert [note[:40] for note in notes if note.startswith("left out")] == [
        "left out: gate is a callable: what it do",
        "left out: gate is a callable: what it do",
        "left out: stacking was learned: cap agen",
    ]


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (make_panel(59), "mean was made ready for 59 examples: the panel has 60"),
        (make_panel(60, 4), "a panel with other agents"),
        (make_panel(60, 3, 5), "a panel with other classes"),
        (make_panel(60, seed=1), "a panel with other truth"),
    ],
)
def test_a_replay_of_another_panel(other, why):
    with pytest.raises(SabotageError, match=why):
        make_contenders(make_panel(60), [replay(other, "mean")], Teaching())


def test_nothing_stands_twice(file):
    panel = make_panel(40)
    ready = replay(panel, "mean")
    drop = Intervention("drop", "agent0")
    for rules, what_ifs, name in (
        (["mean", "majority", "mean"], [], "mean"),
        (["mean", ready], [], "mean"),
        ([BEST_AGENT, BEST_AGENT], [], r"best_agent \(agent\d\)"),
        ([file, file], [], "own.py:mean"),
        (["mean"], [drop, drop], "mean, drop agent0"),
    ):
        with pytest.raises(SabotageError, match=f"^{name} stands twice among the rules: name it once$"):
            make_contenders(panel, rules, Teaching(), what_ifs)


def test_agents_are_looked_at_before_anything_is_fitted():
    panel = make_panel(40)
    with pytest.raises(SabotageError, match="unknown agent 'agent9'"):
        make_contenders(panel, [BEST_AGENT], Teaching(), [Intervention("veto", "agent9")])
    with pytest.raises(SabotageError, match="agent0 is the only agent"):
        make_contenders(panel.select(["agent0"]), [BEST_AGENT], Teaching(), [Intervention("drop", "agent0")])
    with pytest.raises(SabotageError, match="holds no recorded decision"):
        make_contenders(panel, [RECORDED], Teaching())
    with pytest.raises(SabotageError, match="stacking is learned, and nothing to learn from was given"):
        make_contenders(panel, ["stacking"], Teaching())


def test_a_decorated_rule_goes_by_its_name():
    @fusion_rule(interpret=True)
    def first_of_all(evidence, weights, available, out):
        out[:] = evidence[int(available.argmax())]

    try:
        panel = make_panel(30)
        named, place = place_of(["first_of_all"], first_of_all)
        assert (named, place) == ([first_of_all], 0)
        found = make_contenders(panel, named, Teaching(), [Intervention("drop", "agent0")])
        assert_array_equal(found[0].decision.labels, panel.labels[:, 0])
        assert_array_equal(found[1].decision.labels, panel.labels[:, 1])
    finally:
        OWN.pop("first_of_all")
