"""What subsets are worth, in one pass, against the rule replayed with the others silent: the same to the bit."""

from dataclasses import replace

import numpy as np
import pytest
from builders import make_panel, panels, tie_heavy
from hypothesis import given, settings
from hypothesis import strategies as st
from sabotage.kernels import subsets

from sabotage import SabotageError, attribute, fit, fusion_rule, replay
from sabotage.measures import make_measure
from sabotage.rules import RULES
from sabotage.subsets import is_known, replayed_worths, subset_worths


def kinds_of(ready):
    kinds = {0: make_measure("accuracy", ready)}
    try:
        measure = make_measure("log_likelihood", ready)
    except SabotageError:
        return kinds
    return kinds | {measure.kind: measure}


def assert_same(ready, masks):
    assert is_known(ready)
    kinds, rows = kinds_of(ready), slice(0, ready.panel.n_examples)
    worth = subset_worths(ready, masks, kinds, rows)
    np.testing.assert_array_equal(worth, replayed_worths(ready, masks, kinds, rows))
    return worth


def replayable(panel, rule, **options):
    try:
        return replay(panel, rule, **options)
    except SabotageError:  # scores of 0 where the rule takes logarithms, or no candidates at all
        return None


@pytest.mark.parametrize("rule", [name for name, rule in RULES.items() if rule.combine != "pool" and not rule.learned])
@given(panel=panels(), temperature=st.sampled_from([0.05, 1.0]))
@settings(max_examples=12, deadline=None)
def test_subsets_are_worth_what_replay_decides(rule, panel, temperature):
    if (ready := replayable(panel, rule, temperature=temperature)) is not None:
        assert_same(ready, np.arange(1 << panel.n_agents))


@pytest.mark.parametrize("rule", ["weighted_mean", "weighted_vote", "select_best", "softmax_gate"])
@pytest.mark.parametrize("family", ["votes", "tenths", "neighbours", "denormal", "zeros", "wide", "absorb"])
def test_subsets_with_ties_and_extreme_numbers(rule, family):
    ready = replay(tie_heavy(family, 30, 4, 3, seed=5, missing=0.2), rule)
    assert_same(ready, np.arange(16))


@pytest.mark.parametrize("rule", ["weighted_mean", "weighted_vote", "max_confidence", "softmax_gate", "log_pool"])
def test_any_ascending_subsets_will_do(rule):
    # Some have the subset without their last agent among the others, some do not.
    ready = replay(make_panel(25, 5, 4, seed=2, missing=0.3, no_reliability=0.3, steps=2), rule)
    whole = assert_same(ready, np.arange(32))
    for masks in ([31], [0, 6, 7, 31], [1, 2, 4, 8, 16], [3, 5, 21, 29]):
        np.testing.assert_array_equal(assert_same(ready, np.array(masks)), whole[:, :, masks])


def test_more_agents_than_a_32_bit_number_has_bits():
    ready = replay(make_panel(20, 40, 3, seed=1, missing=0.3))
    every = (1 << 40) - 1
    worth = assert_same(ready, np.array([0, 5, (1 << 39) + 7, every - (1 << 33), every]))
    np.testing.assert_array_equal(worth[0, :, -1], ready.decision.labels == ready.panel.truth)


def test_nobody_is_left_to_the_caller():
    panel = make_panel(10, 2, 3)
    panel = replace(panel, labels=np.where(np.arange(10)[:, None] < 4, np.int32(-1), panel.labels))
    ready = replay(panel, "weighted_vote")
    worth = assert_same(ready, np.arange(4))
    assert (worth[:, :4] == 0).all()
    assert (worth[:, :, 0] == 0).all()
    assert worth[0, 4:, 1:].any()


def test_one_signature():
    for rule in ("weighted_mean", "majority", "select_best"):
        ready = replay(make_panel(9, 2, 3), rule)
        subset_worths(ready, np.arange(4), kinds_of(ready), slice(2, 7))
    assert len(subsets.subset_worth.signatures) == 1


FUNCTIONS = [name for name, rule in RULES.items() if rule.combine == "pool" and not rule.learned]


@fusion_rule
def squared(evidence, weights, available, out):
    out[:] = 0.0
    for m in range(len(weights)):
        if available[m]:
            for c in range(len(out)):
                out[c] += weights[m] ** 2 * evidence[m, c]


@pytest.mark.parametrize("name", [*FUNCTIONS, "stacking", "weighted_stacking", "squared"])
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_function_rules_are_worth_what_replay_decides(name, missing):
    panel = make_panel(90, 4, 3, seed=4, missing=missing, no_reliability=0.1, steps=4)
    rule = fit(make_panel(120, 4, 3, seed=5, missing=missing), name) if "stacking" in name else name
    ready = replay(panel, rule)
    measures = kinds_of(ready)
    masks, rows = np.arange(16), slice(10, 80)
    expected = replayed_worths(ready, masks, measures, rows)
    hits, logs = subset_worths(ready, masks, measures, rows)
    np.testing.assert_array_equal(hits, expected[0])
    np.testing.assert_allclose(logs, expected[1], rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(subset_worths(ready, masks[3:9], {0: measures[0]}, rows)[0], hits[:, 3:9])


def test_a_function_that_fails_without_an_agent_says_so():
    @fusion_rule(weights="equal")
    def needs_two(evidence, weights, available, out):
        n = 0
        for m in range(len(available)):
            n += available[m]
        out[:] = 1.0 if n > 1 or len(available) < 4 else np.nan

    with pytest.raises(SabotageError, match="needs_two leaves a score that is no number on example"):
        attribute(replay(make_panel(40, 4, 3), needs_two), statistics=["accuracy"])
