"""Margins of decisions against the fused scores of `fuse`."""

from dataclasses import replace

import numpy as np
import pytest
from builders import make_panel

from sabotage import fuse
from sabotage.judging import judge
from sabotage.margins import margins_of


def slow(scores, softmax=False):
    shares = np.exp(scores - scores.max(axis=1, keepdims=True)) if softmax else scores
    shares = shares / shares.sum(axis=1, keepdims=True)
    ordered = np.sort(shares, axis=1)
    return ordered[:, -1] - ordered[:, -2]


@pytest.mark.parametrize("rule", ["weighted_mean", "majority", "borda", "median", "dempster_shafer", "log_pool"])
def test_replayed_margins_are_those_of_the_fused_scores(rule):
    panel = make_panel(200, steps=4)
    judged = judge(panel, rule=rule)
    margins, why = margins_of(judged.roles.decision, judged.replay)
    assert why is None
    expected = slow(fuse(panel, rule).scores, rule == "log_pool")
    known = judged.roles.decision.labels >= 0
    np.testing.assert_allclose(margins[known], expected[known], atol=1e-12)
    assert np.isnan(margins[~known]).all()


def test_recorded_margins_are_those_of_recorded_scores_and_else_there_are_none():
    panel = make_panel(80, recorded=True)
    judged = judge(panel)
    assert margins_of(judged.roles.decision, judged.replay)[1] == "the recorded decisions have no scores"
    scores = np.random.default_rng(0).random((80, 4))
    scores[3, 1] = np.nan
    with_scores = judge(replace(panel, fused_scores=scores))
    margins, why = margins_of(with_scores.roles.decision, with_scores.replay)
    decided = panel.fused_label >= 0
    assert why is None
    np.testing.assert_allclose(margins[decided], slow(np.nan_to_num(scores))[decided])
    assert np.isnan(margins[~decided]).all()
    negative = judge(replace(panel, fused_scores=scores - 1))
    assert "negative" in margins_of(negative.roles.decision, negative.replay)[1]


def test_rules_without_scores_have_a_reason():
    judged = judge(make_panel(30), rule="select_best")
    margins, why = margins_of(judged.roles.decision, judged.replay)
    assert np.isnan(margins).all()
    assert why == "select_best gives classes no scores"


def test_negative_scores_have_a_reason():
    panel = make_panel(30)
    judged = judge(replace(panel, scores=panel.scores - 1), rule="mean")
    margins, why = margins_of(judged.roles.decision, judged.replay)
    assert np.isnan(margins).all()
    assert why == "mean gives negative scores, which are no shares of one"


def test_rules_that_run_in_python_are_not_run_again():
    judged = judge(make_panel(30), rule="mean")
    slow_rule = replace(judged.replay, rule=replace(judged.replay.rule, is_compiled=False))
    assert "runs in Python" in margins_of(judged.roles.decision, slow_rule)[1]
