"""Intervals of many numbers at once, against statsmodels and SciPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from sabotage.intervals import estimate
from sabotage.spans import plain, student, wilson


@given(n=st.integers(1, 10_000), data=st.data())
def test_wilson_is_that_of_statsmodels(n, data):
    hits = data.draw(st.integers(0, n))
    low, high = wilson(np.array(hits), np.array(n))
    assert (low, high) == pytest.approx(proportion_confint(hits, n, method="wilson"), abs=1e-12)
    assert 0 <= low <= hits / n <= high <= 1
    assert hits > 0 or low == 0
    assert hits < n or high == 1


def test_nothing_has_no_interval():
    assert plain(wilson(np.array([0, 1]), np.array([0, 3])))[0] is None


def test_student_is_that_of_an_estimate():
    values = np.random.default_rng(0).normal(size=30)
    influence = (values - values.mean()) / 30
    own = estimate(values.mean(), influence, None)
    found = student(np.array(own.value), np.array(own.se), np.array(30))
    assert found == pytest.approx(own.interval, rel=1e-12)
    few = student(np.array([0.5, 0.5, 0.5]), np.array([0.1, 0.0, np.nan]), np.array([9, 30, 30]))
    assert plain(few) == [None, None, None]
    assert plain(student(np.array([0.9]), np.array([0.2]), np.array([30]), 0, 1))[0][1] == 1
