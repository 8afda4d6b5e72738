"""The cluster bootstrap of shares, against the errors of sums over clusters."""

import numpy as np
import pytest

from sabotage.resampled_shares import Draws, resampled_spans
from sabotage.spans import wilson


def spans_of(hits, sizes):
    return resampled_spans(hits[:, None], sizes[:, None], np.array([0]), Draws())[0]


def test_it_is_about_as_wide_as_the_error_over_clusters_says():
    random = np.random.default_rng(0)
    sizes = random.integers(5, 25, 80)
    hits = random.binomial(sizes, random.beta(3, 5, 80))
    low, high = spans_of(hits, sizes)
    share = hits.sum() / sizes.sum()
    error = np.sqrt(80 / 79 * ((hits - share * sizes) ** 2).sum()) / sizes.sum()
    assert (high - low) / 2 == pytest.approx(1.99 * error, rel=0.1)
    assert low < share < high
    assert spans_of(hits, sizes).tolist() == [low, high]


def test_a_share_of_none_is_that_of_so_many_clusters():
    sizes = np.full(20, 7)
    assert spans_of(np.zeros(20, int), sizes)[0] == 0
    low, high = spans_of(sizes, sizes)
    assert high == 1
    assert low == pytest.approx(wilson(np.array(20), np.array(20), 2.093024)[0], abs=1e-6)


def test_fewer_than_ten_clusters_have_none():
    sizes = np.r_[np.full(9, 5), np.zeros(11, int)]
    assert np.isnan(spans_of(sizes // 2, sizes)).all()


def test_clusters_of_one_are_examples():
    hits = (np.arange(400) % 4 == 0).astype(int)
    found = spans_of(hits, np.ones(400, int))
    assert found == pytest.approx(wilson(np.array(100), np.array(400)), abs=0.005)
