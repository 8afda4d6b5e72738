"""What stands beside an audit: the same as by itself, and never the reason that there is no audit."""

import pytest
from builders import make_panel

from sabotage import analyze, attribute, compare, replay
from sabotage import beside as module
from sabotage.contenders import default_rules
from sabotage.teaching import Teaching


@pytest.fixture(scope="module")
def panel():
    return make_panel(120, 3, 4, missing=0.1, recorded=True)


def quick(panel, **options):
    return analyze(panel, n_permutations=0, controls=False, **options)


def test_rules_are_compared_as_by_themselves(panel):
    audit = quick(panel, compare=True, seed=3)
    names = [*default_rules(panel, Teaching(None, None, None, 0)), "recorded"]
    alone = compare(panel, names, n_permutations=0, seed=3)
    assert audit.content["comparison"]["rules"] == alone.to_dict()["rules"]
    assert audit.content["settings"]["compare"]


def test_shares_are_those_of_the_rule_that_is_audited(panel):
    audit = quick(panel, attribute=True, rule="log_pool")
    alone = attribute(replay(panel, "log_pool"), by_group=False).to_dict()
    assert audit.content["attribution"] == alone


def test_a_fitted_rule_is_one_of_those_compared(panel):
    from sabotage import cross_fit

    fitted = cross_fit(panel, "stacking", 2)
    audit = quick(panel, rule=fitted, compare=True)
    assert fitted.name in [rule["name"] for rule in audit.content["comparison"]["rules"]]


def test_nothing_is_done_unasked(panel):
    audit = quick(panel)
    assert audit.comparison is None
    assert audit.attribution is None
    assert {"comparison is null: it was not asked for", "attribution is null: it was not asked for"} <= set(audit.notes)


def test_large_tables_have_it_where_it_is_asked_for(panel, monkeypatch):
    monkeypatch.setattr(module, "MOST_CELLS", 120 * 3 * 4 - 1)
    monkeypatch.setattr(module, "MOST_SUBSETS", 120 * 8 - 1)
    audit = quick(panel, compare=None, attribute=None)
    assert audit.comparison is None
    assert audit.attribution is None
    assert sum("would take long" in note for note in audit.notes) == 2
    audit = quick(panel, compare=True, attribute=True)
    assert audit.comparison is not None
    assert audit.attribution is not None


def test_what_cannot_be_had_is_a_note(panel):
    from sabotage import replay_callable

    ready = replay_callable(panel, lambda weights: [panel.classes[0]] * len(weights))
    audit = quick(panel, rule=ready, attribute=True)
    assert audit.attribution is None
    assert any(note.startswith("attribution is null: ") and "callable" in note for note in audit.notes)


def test_another_statistic_is_compared_by_balanced_accuracy(panel):
    audit = quick(panel, compare=True, statistic="top_2")
    assert audit.comparison.statistic == "balanced_accuracy"
