"""Replayed decisions against the oracle, DESlib, and what must not change them."""

import naive
import numpy as np
import pytest
from builders import decisions, make_panel, panels, to_naive
from deslib.util import aggregation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import VotingClassifier

from sabotage import Panel, SabotageError, fuse, recorded, replay
from sabotage.rules import RULES, default_rule, refusal

FIXED = sorted(name for name, rule in RULES.items() if not rule.learned)
ROUNDED = ["product", "log_pool", "softmax_gate", "dempster_shafer"]  # logarithms, exponentials, divisions
EXACT = sorted(set(FIXED) - set(ROUNDED))
LABEL_RULES = ["majority", "weighted_vote", "select_best", "max_confidence"]
many = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("rule", EXACT)
@many
@given(panel=panels())
def test_decisions_ties_and_ranks_are_the_oracles_to_the_bit(rule, panel):
    tiny, found = to_naive(panel), fuse(panel, rule)
    assert decisions(found.labels) == naive.decide_all(tiny, rule)
    for i in range(panel.n_examples):
        assert found.scores[i].tolist() == naive.fuse(tiny, rule, i, tiny.q[i])[1]
    n_tied, lost, won = naive.ties(tiny, rule)
    right = found.labels == panel.truth
    assert found.tied.sum() == n_tied
    assert (right & ~found.tied).mean() == pytest.approx(lost, abs=1e-12)
    assert (right | found.winnable).mean() == pytest.approx(won, abs=1e-12)
    for k in range(1, panel.n_classes + 1):
        assert (found.truth_rank < k).mean() == pytest.approx(naive.top_k(tiny, rule, k), abs=1e-12)


@pytest.mark.parametrize("rule", ROUNDED)
@many
@given(panel=panels())
def test_scores_of_logarithms_and_exponentials_are_the_oracles(rule, panel):
    tiny, found = to_naive(panel), fuse(panel, rule)
    for i in range(panel.n_examples):
        np.testing.assert_allclose(found.scores[i], naive.fuse(tiny, rule, i, tiny.q[i])[1], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("rule", [*LABEL_RULES, "confidence_sum", "weighted_borda"])
@many
@given(panel=panels(scores=False))
def test_panels_of_labels_alone(rule, panel):
    if refusal(RULES[rule], panel) is None:
        assert decisions(fuse(panel, rule).labels) == naive.decide_all(to_naive(panel), rule)


@pytest.mark.parametrize("rule", FIXED)
@many
@given(panel=panels())
def test_leaving_an_agent_out_is_the_panel_without_it(rule, panel):
    ready = replay(panel, rule)
    for m in range(panel.n_agents):
        found = ready.without(m)
        rest = [agent for k, agent in enumerate(panel.agents) if k != m]
        if not rest:
            assert (found == -1).all()
        elif refusal(RULES[rule], panel.select(rest)) is None:
            assert_array_equal(found, replay(panel.select(rest), rule).decision.labels)


@pytest.mark.parametrize(
    ("rule", "witness"),
    [("mean", aggregation.average_rule), ("product", aggregation.product_rule), ("majority", None)],
)
def test_deslib(rule, witness):
    panel = make_panel(500, 3, 4, seed=2)
    if rule == "majority":
        expected = aggregation.majority_voting_rule(panel.labels)
    else:
        expected = witness(panel.scores)
    assert_array_equal(fuse(panel, rule).labels, expected)


def test_deslib_weighted():
    panel = make_panel(500, 3, 4, seed=3)
    panel = panel.with_weights(panel.reliability + 0.01)  # DESlib knows no zero-sum rule
    weights = panel.reliability
    np.testing.assert_array_equal(
        fuse(panel, "weighted_mean").labels,
        aggregation.aggregate_proba_ensemble_weighted(panel.scores, weights).argmax(axis=1),
    )
    assert_array_equal(
        fuse(panel, "weighted_vote").labels,
        aggregation.weighted_majority_voting_rule(panel.labels, weights, np.arange(4)),
    )


@pytest.mark.parametrize("rule", FIXED)
@many
@given(panel=panels(), random=st.randoms())
def test_reordering_examples_reorders_decisions(rule, panel, random):
    order = list(range(panel.n_examples))
    random.shuffle(order)
    moved = Panel(
        panel.agents,
        panel.classes,
        panel.ids.take(np.array(order)),
        panel.truth[order],
        panel.labels[order],
        panel.confidence[order],
        panel.scores[order],
        panel.reliability[order],
    )
    assert_array_equal(fuse(moved, rule).labels, fuse(panel, rule).labels[order])


@pytest.mark.parametrize("rule", FIXED)
@many
@given(panel=panels(), random=st.randoms())
def test_relabelling_classes_relabels_decisions_but_for_ties(rule, panel, random):
    new = list(range(panel.n_classes))
    random.shuffle(new)
    back = np.argsort(new)
    lookup = np.array([*new, -1], np.int32)
    moved = Panel(
        panel.agents,
        tuple(panel.classes[c] for c in back),
        panel.ids,
        lookup[panel.truth],
        lookup[panel.labels],
        panel.confidence,
        panel.scores[:, :, back],
        panel.reliability,
    )
    first, second = fuse(panel, rule), fuse(moved, rule)
    clear = ~first.tied
    if rule == "dempster_shafer":  # which adds over classes, in their order: what is tied is so but for rounding
        ranked = np.sort(first.scores, axis=1)
        clear = (ranked[:, -1] - ranked[:, -2] > 1e-12) | (first.labels < 0)
        assert not second.tied[clear].any()
    else:
        assert_array_equal(first.tied, second.tied)
    assert_array_equal(lookup[first.labels][clear], second.labels[clear])


@pytest.mark.parametrize(
    ("weighted", "plain"), [("weighted_mean", "mean"), ("log_pool", "product"), ("weighted_vote", "majority")]
)
@many
@given(panel=panels())
def test_equal_reliability_is_no_reliability(weighted, plain, panel):
    assert_array_equal(fuse(panel.with_weights("uniform"), weighted).labels, fuse(panel, plain).labels)


def test_the_default_rule():
    scored = make_panel(20)
    assert default_rule(scored).name == "weighted_mean"
    lists = make_panel(20)
    lists.scores[:, :, 0] = np.where(lists.scores[:, :, 0] < 0.2, np.nan, lists.scores[:, :, 0])
    assert default_rule(lists).name == "weighted_confidence_sum"
    assert default_rule(make_panel(20, scores=False)).name == "weighted_vote"


def test_candidate_lists_count_listed_classes_only():
    panel = make_panel(30, 2, 5, seed=5, steps=4)
    panel.scores[panel.scores < 0.3] = np.nan
    tiny = to_naive(panel)
    for rule in ("weighted_confidence_sum", "borda"):
        found = fuse(panel, rule)
        assert decisions(found.labels) == naive.decide_all(tiny, rule)
        for k in (1, 2, 5):
            assert (found.truth_rank < k).mean() == pytest.approx(naive.top_k(tiny, rule, k), abs=1e-12)
    assert (found.truth_rank == 5).any()


def test_an_agent_without_scores_on_an_example_is_silent_for_a_rule_of_scores():
    panel = make_panel(10, 2, 3, seed=6)
    panel.scores[4, 1] = np.nan
    assert replay(panel, "weighted_mean").spoken[4].tolist() == [panel.labels[4, 0], -1]
    assert replay(panel, "weighted_vote").spoken[4].tolist() == panel.labels[4].tolist()


@pytest.mark.parametrize(
    ("rule", "options", "says"),
    [
        ("weigted_mean", {}, r"unknown rule 'weigted_mean' \(did you mean weighted_mean\?\): choose from borda"),
        ("log_pool", {"clip": 0}, r"clip must lie in \(0, 1\)"),
        ("softmax_gate", {"temperature": -1}, "temperature must be positive"),
    ],
)
def test_refused(rule, options, says):
    with pytest.raises(SabotageError, match=says):
        fuse(make_panel(), rule, **options)


def test_a_rule_that_needs_scores_names_those_that_would_do():
    with pytest.raises(
        SabotageError,
        match=r"weighted_mean needs class scores of every agent: agent0, agent1, agent2 have no class scores; these rules would do: majority, weighted_vote, confidence_sum",
    ):
        fuse(make_panel(scores=False), "weighted_mean")


def test_negative_scores_have_no_logarithm():
    panel = make_panel()
    panel.scores[0, 0, 0] = -0.1
    with pytest.raises(SabotageError, match="agent0 has negative scores, which have no logarithm"):
        fuse(panel, "log_pool")
    fuse(panel, "weighted_mean")


def test_recorded_decisions():
    panel = make_panel(50, recorded=True)
    decided = recorded(panel)
    assert decided.truth_rank is None
    assert_array_equal(decided.labels, panel.fused_label)
    with pytest.raises(SabotageError, match="holds no recorded decision"):
        recorded(make_panel())


class Recorded(ClassifierMixin, BaseEstimator):
    """A classifier that says what an agent of a panel said; its input is the number of the example."""

    def __init__(self, scores=None, labels=None):
        self.scores, self.labels = scores, labels

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return self.scores[X[:, 0]]

    def predict(self, X):
        return self.labels[X[:, 0]]


@pytest.mark.parametrize(
    ("rule", "voting", "weights"),
    [
        ("mean", "soft", None),
        ("weighted_mean", "soft", [0.25, 1.0, 0.5]),
        ("majority", "hard", None),
        ("weighted_vote", "hard", [0.25, 1.0, 0.5]),
    ],
)
def test_voting_classifier(rule, voting, weights):
    panel = make_panel(400, 3, 4, seed=5)
    panel = panel.with_weights(np.tile(weights or [1.0, 1.0, 1.0], (400, 1)))
    members = [(name, Recorded(panel.scores[:, m], panel.labels[:, m])) for m, name in enumerate(panel.agents)]
    X = np.arange(400)[:, None]
    theirs = VotingClassifier(members, voting=voting, weights=weights).fit(X, panel.truth).predict(X)
    found = fuse(panel, rule)
    assert_array_equal(found.labels, theirs)
