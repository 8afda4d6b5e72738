"""Metrics against scikit-learn, brute force and hand-worked values."""

import naive_measures
import numpy as np
import pytest
from builders import make_panel
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.preprocessing import normalize

from sabotage import scoring

grids = st.lists(st.tuples(st.booleans(), st.integers(0, 30)), min_size=1, max_size=40)


@pytest.mark.parametrize("seed", range(5))
def test_accuracies_are_scikit_learns(seed):
    random = np.random.default_rng(seed)
    truth = random.choice([0, 1, 2, 5], 200).astype(np.int32)  # classes 3 and 4 are not in the truth
    labels = np.where(random.random(200) < 0.6, truth, random.integers(-1, 6, 200)).astype(np.int32)
    present = np.unique(truth)
    accuracy, balanced, macro_f1 = scoring.accuracies(truth, labels, 6)
    assert accuracy == pytest.approx(metrics.accuracy_score(truth, labels), abs=1e-15)
    recall = metrics.recall_score(truth, labels, labels=present, average="macro", zero_division=0)
    assert balanced == pytest.approx(recall, abs=1e-15)
    f1 = metrics.f1_score(truth, labels, labels=present, average="macro", zero_division=0)
    assert macro_f1 == pytest.approx(f1, abs=1e-15)


def test_balanced_accuracy_is_scikit_learns_where_nobody_abstains():
    panel = make_panel(300, 1, 4)
    _, balanced, _ = scoring.accuracies(panel.truth, panel.labels[:, 0], 4)
    assert balanced == pytest.approx(metrics.balanced_accuracy_score(panel.truth, panel.labels[:, 0]), abs=1e-15)


def test_brier_and_log_loss_are_scikit_learns():
    panel = make_panel(400, 1, 5, seed=1)
    scores = np.random.default_rng(0).random((400, 5))
    probabilities = normalize(scores, norm="l1")
    brier, loss = scoring.brier_and_log_loss(panel.truth, scores)
    assert loss == pytest.approx(metrics.log_loss(panel.truth, probabilities, labels=range(5)), rel=1e-12)
    one_hot = np.eye(5)[panel.truth]
    assert brier == pytest.approx(np.square(probabilities - one_hot).sum(axis=1).mean(), rel=1e-12)
    binary = scoring.brier_and_log_loss(panel.truth % 2, probabilities[:, :2])
    halves = normalize(probabilities[:, :2], norm="l1")
    assert binary[0] == pytest.approx(2 * metrics.brier_score_loss(panel.truth % 2, halves[:, 1]), rel=1e-12)


def test_log_loss_clips_and_needs_probabilities():
    truth = np.array([0, 1], np.int32)
    assert scoring.brier_and_log_loss(truth, np.array([[0.0, 1.0], [0.0, 1.0]]))[1] == pytest.approx(-np.log(1e-12) / 2)
    assert scoring.brier_and_log_loss(truth, np.array([[-0.1, 1.0], [0.5, 0.5]])) is None
    assert scoring.brier_and_log_loss(truth, np.array([[0.0, 0.0], [0.5, 0.5]])) is None


def test_auroc():
    random = np.random.default_rng(3)
    positive, value = random.random(200) < 0.4, np.round(random.random(200), 1)
    assert scoring.auroc(positive, value) == pytest.approx(metrics.roc_auc_score(positive, value), rel=1e-14)
    assert scoring.auroc(np.ones(4, bool), value[:4]) is None
    assert scoring.auroc(np.empty(0, bool), np.empty(0)) is None


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1e300) | st.sampled_from([0.0, -0.0, 0.5])), min_size=1))
def test_auroc_counts_pairs(examples):
    with_it = [value for positive, value in examples if positive]
    without = [value for positive, value in examples if not positive]
    pairs = [(high > low) + 0.5 * (high == low) for high in with_it for low in without]
    found = scoring.auroc(*(np.array(column) for column in zip(*examples, strict=True)))
    assert found == (sum(pairs) / len(pairs) if pairs else None)


@given(st.lists(st.integers(0, 12), min_size=1, max_size=60), st.integers(1, 15))
def test_bins_of_equal_mass_count_what_lies_below(values, bins):
    expected = [min(bins - 1, bins * sum(other < value for other in values) // len(values)) for value in values]
    assert scoring.mass_bins(np.array(values) / 12, bins).tolist() == expected


def test_calibration_errors_by_hand():
    # Two bins: [0, .5) holds .25 (right); [.5, 1] holds .5 (wrong) and 1 (right).
    right, confidence = np.array([True, False, True]), np.array([0.25, 0.5, 1.0])
    assert scoring.expected_calibration_error(right, confidence, 2) == pytest.approx((0.75 + 0.5) / 3)
    # Equal mass: shares below are 0, 1/3, 2/3, so bins 0, 0, 1 of two.
    assert scoring.equal_mass_calibration_error(right, confidence, 2) == pytest.approx((0.25 + 0.0) / 3)


@settings(max_examples=200, deadline=None)
@given(grids, st.sampled_from([2, 3, 15]))
def test_calibration_errors_are_the_oracles(pairs, bins):
    right, confidence = np.array([r for r, _ in pairs]), np.array([c / 30 for _, c in pairs])
    plain = right.tolist(), confidence.tolist(), bins
    assert scoring.expected_calibration_error(right, confidence, bins) == pytest.approx(
        naive_measures.ece(*plain), abs=1e-12
    )
    expected = naive_measures.ece_equal_mass(*plain)
    assert scoring.equal_mass_calibration_error(right, confidence, bins) == pytest.approx(expected, abs=1e-12)


def test_an_edge_of_a_bin_belongs_to_the_upper_one():
    edges = np.arange(1, 15) / 15
    for k, edge in enumerate(edges, 1):
        ours = scoring.expected_calibration_error(np.array([True, False]), np.array([edge, (k + 0.5) / 15]))
        assert ours == pytest.approx(abs(1 - edge - (k + 0.5) / 15) / 2)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.1, 0.5, 0.5, 0.9])), min_size=1, max_size=6))
def test_aurc_is_the_mean_over_orders_of_equals(pairs):
    right, confidence = np.array([r for r, _ in pairs]), np.array([c for _, c in pairs])
    assert scoring.aurc(right, confidence) == pytest.approx(
        naive_measures.aurc(right.tolist(), confidence.tolist()), abs=1e-12
    )
