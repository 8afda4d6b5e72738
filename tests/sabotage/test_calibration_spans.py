"""Intervals of calibration errors: gaps against the definition, coverage in samples."""

import numpy as np
import pytest

from sabotage import scoring
from sabotage.calibration_spans import calibration_spans, gaps
from sabotage.partition import Partition

EDGES = np.arange(1, 15) / 15


def span_of(right, confidence, cell=None):
    n = len(right)
    partition = Partition(None, ("all",), np.zeros(n, np.int64), 0, cell)
    bins = np.searchsorted(EDGES, confidence, side="right")
    gap, covariance = gaps(partition, np.arange(n), right - confidence, bins, 15)
    n_clusters = partition.count_clusters(np.arange(n))
    return gap[0], covariance[0], calibration_spans(gap, covariance, n_clusters)[0]


def test_gaps_sum_to_the_error_and_vary_as_influence_does():
    random = np.random.default_rng(0)
    confidence = random.random(200)
    right = random.random(200) < confidence**2
    gap, covariance, (low, high) = span_of(right, confidence)
    assert np.abs(gap).sum() == pytest.approx(scoring.expected_calibration_error(right, confidence))
    own = np.searchsorted(EDGES, confidence, side="right")[:, None] == np.arange(15)
    influence = (own * (right - confidence)[:, None] - gap) / 200
    assert covariance == pytest.approx(influence.T @ influence * 200 / 199, abs=1e-15)
    assert 0 < low < high
    alone = span_of(right, confidence, np.arange(200))
    assert alone[1] == pytest.approx(covariance, abs=1e-15)
    assert alone[2] == pytest.approx((low, high), rel=1e-6)


@pytest.mark.parametrize(("shift", "least"), [(0.0, 0.9), (0.15, 0.9)])
def test_intervals_hold_the_error_that_the_sum_exaggerates(shift, least):
    random = np.random.default_rng(1)
    held = above = 0
    for _ in range(200):
        confidence = random.uniform(0.3, 1, 150)
        right = random.random(150) < confidence - shift
        _, _, (low, high) = span_of(right, confidence)
        held += low <= shift <= high
        above += scoring.expected_calibration_error(right, confidence) > shift
    assert held >= least * 200
    assert above > 0.8 * 200 or shift


def test_few_and_still_have_none():
    right, confidence = np.ones(30, bool), np.ones(30)
    assert np.isnan(span_of(right, confidence)[2]).all()
    assert np.isnan(span_of(np.arange(9) % 2 == 0, np.full(9, 0.7))[2]).all()
