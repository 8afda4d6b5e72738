"""Onsets against scikit-learn's isotonic regression, and their intervals against what they are to hold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from sabotage.onsets import measure_onset, onsets


def by_fit(gaps, followed):
    fitted = IsotonicRegression(increasing=True).fit(gaps, followed).predict(gaps)
    half = gaps[fitted >= 0.5 - 1e-9]
    return float(half.min()) if len(half) else None


@given(
    st.lists(st.tuples(st.integers(-8, 8), st.booleans()), min_size=20, max_size=60),
    st.sampled_from([1, 7, 1000]),
)
@settings(max_examples=150, deadline=None)
def test_the_onset_is_where_isotonic_regression_reaches_one_half(cases, scale):
    gaps = np.array([gap / 8 + (k % scale) / 1e5 for k, (gap, _) in enumerate(cases)]).clip(-1, 1)
    followed = np.array([own for _, own in cases])
    found = measure_onset(gaps, followed, None, 0)
    assert found.value == by_fit(gaps, followed.astype(float))
    assert (found.value is None) == (found.is_lowest is None)


def test_levels_are_found_row_by_row():
    hits = np.array([[0, 1], [1, 0], [0, 0], [1, 1], [2, 0], [0, 0]])
    of = np.array([[1, 1], [1, 1], [1, 1], [2, 2], [2, 2], [1, 0]])
    assert onsets(hits, of).tolist() == [1, 0, -1, 0, 0, -1]


def drawn(n, seed, begin=0.2):
    random = np.random.default_rng(seed)
    gaps = np.round(random.uniform(-1, 1, n), 2)
    return gaps, random.random(n) < 1 / (1 + np.exp(-8 * (gaps - begin)))


def test_the_interval_holds_where_following_begins():
    held = 0
    for seed in range(40):
        found = measure_onset(*drawn(400, seed), None, seed)
        held += found.interval[0] <= 0.2 <= found.interval[1]
    assert held >= 32


def test_same_seed_same_interval_and_clusters_widen_it():
    gaps, followed = drawn(300, 1)
    first = measure_onset(gaps, followed, None, 5)
    assert first == measure_onset(gaps, followed, None, 5)
    repeated = measure_onset(np.tile(gaps, 5), np.tile(followed, 5), np.tile(np.arange(300), 5), 5)
    alone = measure_onset(np.tile(gaps, 5), np.tile(followed, 5), None, 5)
    assert repeated.value == alone.value == first.value
    assert np.diff(repeated.interval) > np.diff(alone.interval)
    assert np.diff(repeated.interval) == pytest.approx(np.diff(first.interval), abs=0.1)


def test_what_is_null_has_its_reason():
    gaps = np.linspace(-1, 1, 40)
    assert "20 examples" in measure_onset(gaps[:19], gaps[:19] > 0, None, 0).why
    never = measure_onset(gaps, gaps < -2, None, 0)
    assert (never.value, never.share_without) == (None, 1.0)
    assert "never" in never.why
    always = measure_onset(gaps, gaps > -2, None, 0)
    assert (always.value, always.is_lowest, always.interval) == (-1.0, True, None)
    assert "below the lowest" in always.why
    rarely = measure_onset(gaps, gaps == 1, None, 0)
    assert (rarely.value, rarely.interval) == (1.0, None)
    assert f"{100 * rarely.share_without:.1f} % of the resamples" in rarely.why
    few = measure_onset(gaps, gaps > 0.1, np.arange(40) % 9, 0)
    assert few.interval is None
    assert "10 clusters" in few.why


def test_many_different_gaps_are_rounded():
    random = np.random.default_rng(0)
    gaps = random.uniform(-1, 1, 5000)
    followed = random.random(5000) < (gaps + 1) / 2
    found = measure_onset(gaps, followed, None, 0)
    assert found.is_rounded
    assert found.value == round(found.value, 3)
    assert found.value == by_fit(np.round(gaps, 3), followed.astype(float))
