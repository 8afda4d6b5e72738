"""Bins of confidence hold every example once, and their calibration error is that of the profiles."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from sabotage.binning import calibrate, count_steps, step_edges
from sabotage.scoring import BINS, equal_mass_calibration_error, expected_calibration_error

confidences = st.lists(
    st.tuples(st.booleans(), st.one_of(st.floats(0, 1), st.integers(0, 20).map(lambda k: k / 20))), min_size=1
)


def error_of(bins) -> float:
    n = sum(one.n for one in bins)
    return sum(one.n * abs(one.n_right / one.n - one.mean_confidence) for one in bins) / n


@given(confidences)
def test_bins_hold_every_example_and_give_both_calibration_errors(examples):
    right, confidence = (np.array(column) for column in zip(*examples, strict=True))
    found = calibrate(right, confidence)
    for bins, error in (
        (found.equal_width, expected_calibration_error(right, confidence)),
        (found.equal_mass, equal_mass_calibration_error(right, confidence)),
    ):
        assert sum(one.n for one in bins) == len(right)
        assert sum(one.n_right for one in bins) == right.sum()
        assert error_of(bins) == pytest.approx(error, abs=1e-12)
        for one in bins:
            assert one.low - 1e-12 <= one.mean_confidence <= one.high + 1e-12
            exact = binomtest(one.n_right, one.n).proportion_ci(method="wilson")
            assert one.interval == pytest.approx((exact.low, exact.high), abs=1e-12)
    assert len(found.equal_width) <= BINS
    assert all(a.high <= b.low for a, b in zip(found.equal_width, found.equal_width[1:], strict=False))
    steps = count_steps(right, confidence)
    for counts, kind in ((steps.right, right), (steps.wrong, ~right)):
        brute = [
            sum(lo <= c < hi or (hi == 1 and c == 1) for c in confidence[kind])
            for lo, hi in zip(step_edges(), step_edges()[1:], strict=False)
        ]
        assert list(counts) == brute


def test_no_confidence_makes_no_bins():
    found = calibrate(np.zeros(0, bool), np.zeros(0))
    assert found.equal_width == found.equal_mass == ()
