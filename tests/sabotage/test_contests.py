"""McNemar's test against statsmodels and exact fractions; ranks and Friedman's test against SciPy, fold by fold."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as theirs

from sabotage import SabotageError, scoring
from sabotage.contests import mcnemar, rank_rules
from sabotage.resampling import STATISTICS


def right(first_only, second_only, both=2, neither=1):
    first = np.repeat([True, False, True, False], [first_only, second_only, both, neither])
    second = np.repeat([False, True, True, False], [first_only, second_only, both, neither])
    return first, second


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 3))
def test_mcnemar_is_exact(first_only, second_only, rest):
    found = mcnemar(*right(first_only, second_only, rest, rest))
    n, few = first_only + second_only, min(first_only, second_only)
    exact = min(Fraction(1), 2 * sum(Fraction(comb(n, k), 2**n) for k in range(few + 1)))
    assert (found.n_first_only, found.n_second_only) == (first_only, second_only)
    assert found.p_value == pytest.approx(float(exact), rel=1e-12)
    if n:
        other = theirs([[rest, first_only], [second_only, rest]], exact=True)
        assert found.p_value == pytest.approx(float(other.pvalue), rel=1e-12)
        assert found.p_value == pytest.approx(stats.binomtest(first_only, n).pvalue, rel=1e-9)


def test_mcnemar_of_millions_and_of_nothing():
    found = mcnemar(*right(1_001_500, 1_000_000))
    assert found.p_value == pytest.approx(2 * stats.norm.sf(1499 / 2_001_500**0.5), rel=1e-4)
    assert 0 < mcnemar(*right(5000, 0)).p_value < 1e-300
    assert mcnemar(*right(0, 0)).p_value == 1
    assert mcnemar(*right(3, 3)).p_value == 1
    with pytest.raises(SabotageError, match="the same examples"):
        mcnemar(np.ones(3, bool), np.ones(4, bool))


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 60), st.integers(1, 5), st.integers(2, 4), st.integers(1, 6), st.integers(0, 10_000),
    st.sampled_from(STATISTICS),
)  # fmt: skip
def test_ranks_are_scipys_of_the_scores_of_each_fold(n, n_rules, n_classes, n_folds, seed, statistic):
    random = np.random.default_rng(seed)
    truth = random.integers(0, n_classes, n).astype(np.int32)
    labels = random.integers(-1, n_classes, (n_rules, n)).astype(np.int32)
    fold = random.integers(0, n_folds, n)  # some may be empty
    found = rank_rules(truth, labels, fold, statistic, n_classes)
    place = STATISTICS.index(statistic)
    values = [
        [scoring.accuracies(truth[fold == f], own[fold == f], n_classes)[place] for f in np.unique(fold)]
        for own in labels
    ]
    assert found.values == pytest.approx(np.array(values), abs=1e-14)
    assert found.n_folds == len(np.unique(fold))
    near = np.round(values, 10)
    assert found.mean_ranks == pytest.approx(stats.rankdata(-near, axis=0).mean(axis=1))
    assert sum(found.mean_ranks) == pytest.approx(n_rules * (n_rules + 1) / 2)
    if n_rules < 3 or found.n_folds < 2 or (near == near[0]).all():
        assert found.friedman_p is None
    else:
        assert found.friedman_p == pytest.approx(stats.friedmanchisquare(*near).pvalue, abs=1e-12)


def test_the_best_has_rank_one_and_equals_share():
    truth = np.zeros(8, np.int32)
    fold = np.repeat([0, 1], 4)
    labels = np.array([[0] * 8, [0, 0, 1, 1] * 2, [1, 1, 0, 0] * 2], np.int32)
    found = rank_rules(truth, labels, fold, "accuracy", 2)
    assert found.mean_ranks == (1, 2.5, 2.5)
    assert found.values.tolist() == [[1, 1], [0.5, 0.5], [0.5, 0.5]]
    # chi-squared by hand, ties corrected: sum of squared rank sums 4 + 25 + 25, over 2 folds of 3 rules.
    chi = (12 / (2 * 3 * 4) * 54 - 3 * 2 * 4) / (1 - 2 * 6 / (2 * 24))
    assert found.friedman_p == pytest.approx(stats.chi2.sf(chi, 2))


def test_the_order_in_which_classes_are_added_breaks_no_tie():
    # .1 + .2 + .3 and .3 + .2 + .1 differ in the last digit.
    truth = np.repeat([0, 1, 2], 10).astype(np.int32)
    labels = np.full((3, 30), -1, np.int32)
    for own, rights in zip(labels, ([1, 2, 3], [3, 2, 1], [2, 3, 1]), strict=True):
        for c, count in enumerate(rights):
            own[10 * c : 10 * c + count] = c
    found = rank_rules(truth, labels, np.zeros(30, np.int64), "balanced_accuracy", 3)
    assert len(np.unique(found.values)) > 1
    assert found.mean_ranks == (2, 2, 2)


def test_thousands_of_groups_are_quick():
    random = np.random.default_rng(0)
    truth = random.integers(0, 7, 50_000).astype(np.int32)
    labels = np.where(random.random((5, 50_000)) < [[0.5], [0.5], [0.5], [0.5], [0.6]], truth, -1).astype(np.int32)
    found = rank_rules(truth, labels, np.arange(50_000) // 10, "macro_f1", 7)
    assert found.n_folds == 5000
    assert np.argmin(found.mean_ranks) == 4
    assert found.friedman_p < 1e-6


def test_folds_are_checked():
    truth, labels = np.zeros(3, np.int32), np.zeros((1, 3), np.int32)
    for fold in (np.zeros(2, np.int64), np.array([0, -1, 0])):
        with pytest.raises(SabotageError, match="fold must have one number an example, 3, from 0"):
            rank_rules(truth, labels, fold, "accuracy", 2)
