"""AUROCs and their paired difference against scikit-learn, DeLong's covariance written out, a jackknife and bootstrap."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from sabotage.areas import ALIKE, PARTED, TOO_FEW, area, count_clusters, paired_areas, subset


def drawn(n=150, seed=0, steps=6, n_films=None):
    random = np.random.default_rng(seed)
    film = None if n_films is None else np.r_[np.arange(n_films), random.integers(0, n_films, n - n_films)]
    common = random.normal(0, 1, n)
    shift = 0.0 if film is None else random.normal(0, 0.8, n_films)[film]
    positive = random.normal(0, 1, n) + common + shift > 0.3
    first = np.round((common + shift + random.normal(0, 1, n)) * steps) / steps
    second = np.round((0.5 * common + random.normal(0, 1, n)) * steps) / steps
    return positive, first, second, film


def components(positive, value):
    """Write out the share of wins of each positive example, and over each negative one, as a double loop."""
    good, bad = value[positive].tolist(), value[~positive].tolist()
    wins = np.array([[1.0 if x > y else 0.5 if x == y else 0.0 for y in bad] for x in good])
    return wins.mean(axis=1), wins.mean(axis=0)


@settings(max_examples=200, deadline=None)
@given(st.integers(2, 60), st.integers(0, 10_000), st.sampled_from([0, 1, 3]))
def test_values_are_scikit_learns(n, seed, steps):
    random = np.random.default_rng(seed)
    positive = random.random(n) < 0.5
    first, second = np.round(random.random((2, n)) * steps)
    found = paired_areas(positive, first, second, None)
    if len(set(positive.tolist())) < 2:
        assert found is None
        assert area(positive, first, None) is None
        return
    assert found.first.value == pytest.approx(roc_auc_score(positive, first), abs=1e-14)
    assert found.second.value == pytest.approx(roc_auc_score(positive, second), abs=1e-14)
    assert found.difference.value == pytest.approx(found.first.value - found.second.value, abs=1e-15)
    assert area(positive, first, None)[0].value == found.first.value
    if min(positive.sum(), (~positive).sum()) < 10:
        assert found.missing == TOO_FEW
        assert found.first.interval is found.difference.interval is None


@pytest.mark.parametrize("steps", [1, 6, 1000])
def test_the_error_of_the_difference_is_delongs(steps):
    positive, first, second, _ = drawn(steps=steps)
    found = paired_areas(positive, first, second, None)
    n, one, two = len(positive), components(positive, first), components(positive, second)
    n_with, n_without = int(positive.sum()), int((~positive).sum())
    s10, s01 = np.cov(one[0], two[0]), np.cov(one[1], two[1])  # 2 x 2, as published
    covariance = s10 / n_with + s01 / n_without
    published = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    # One factor n / (n - 1) stands for those of the positive and of the negative ones.
    less = s10 * (n_with - 1) / n_with**2 + s01 * (n_without - 1) / n_without**2
    assert found.difference.se**2 == pytest.approx(n / (n - 1) * (less[0, 0] + less[1, 1] - 2 * less[0, 1]), rel=1e-10)
    assert found.difference.se == pytest.approx(published**0.5, rel=0.01)
    reach = stats.t.ppf(0.975, n - 1) * found.difference.se
    assert found.difference.interval == pytest.approx((found.difference.value - reach, found.difference.value + reach))


def test_over_clusters_it_is_the_jackknife_of_clusters():
    positive, first, second, film = drawn(400, 3, n_films=60)
    found = paired_areas(positive, first, second, film)

    def difference(rows):
        return roc_auc_score(positive[rows], first[rows]) - roc_auc_score(positive[rows], second[rows])

    without = np.array([difference(film != f) for f in range(60)])
    jackknife = (59 / 60 * ((without - without.mean()) ** 2).sum()) ** 0.5
    assert found.difference.n_clusters == 60
    assert found.difference.se == pytest.approx(jackknife, rel=0.03)
    assert found.difference.se != pytest.approx(paired_areas(positive, first, second, None).difference.se, rel=0.03)


def test_the_paired_error_is_the_bootstraps_and_not_that_of_two_samples():
    positive, first, second, _ = drawn(500, 1)
    second = first + 0.3 * second  # much in common
    found = paired_areas(positive, first, second, None)
    random = np.random.default_rng(0)
    draws = []
    for _ in range(600):
        rows = random.integers(0, 500, 500)
        draws.append(roc_auc_score(positive[rows], first[rows]) - roc_auc_score(positive[rows], second[rows]))
    assert found.difference.se == pytest.approx(np.std(draws), rel=0.12)
    assert found.difference.se < 0.7 * (found.first.se**2 + found.second.se**2) ** 0.5


def test_what_is_parted_or_alike_has_no_interval():
    positive, first, second, _ = drawn()
    parted = paired_areas(positive, positive + 0.0, second, None)
    assert (parted.first.value, parted.first.interval, parted.missing) == (1.0, None, PARTED)
    assert parted.second.interval is not None
    assert parted.difference.interval is None
    alike = paired_areas(positive, first, np.exp(first), None)
    assert (alike.difference.value, alike.difference.se, alike.difference.interval) == (0.0, 0.0, None)
    assert alike.missing == ALIKE
    assert alike.first.interval == alike.second.interval is not None


def test_clusters_are_counted_and_numbered_again():
    groups = np.array([0, 1, 1, 3, 2])
    assert subset(groups, np.array([1, 3, 4])).tolist() == [0, 2, 1]
    assert subset(None, np.array([1])) is None
    assert count_clusters(groups, np.array([False, True, True, True, False])) == 2
    assert count_clusters(None, np.array([True, True, False])) == 2


def test_within_strata_it_is_the_share_of_pairs_of_one():
    positive, first, second, stratum = drawn(n_films=4)
    first, second = np.round(first, 1), np.round(second, 1)
    wins = pairs = 0
    for i in np.flatnonzero(positive):
        for j in np.flatnonzero(~positive & (stratum == stratum[i])):
            pairs += 1
            wins += np.array([np.sign(v[i] - v[j]) / 2 + 0.5 for v in (first, second)])
    found = paired_areas(positive, first, second, None, stratum)
    assert [found.first.value, found.second.value] == pytest.approx((wins / pairs).tolist(), abs=1e-12)
    assert found.difference.value == pytest.approx((wins / pairs) @ [1, -1], abs=1e-12)
    # Whatever is added to a stratum alone moves no pair.
    moved = paired_areas(positive, first + 100.0 * stratum, second, None, stratum)
    assert moved.first.value == found.first.value
    assert area(positive, first, None, positive.astype(np.int64)) is None
    one = area(positive, first, None, np.zeros(len(positive), np.int64))[0]
    assert one.value == area(positive, first, None)[0].value
    assert one.se == pytest.approx(area(positive, first, None)[0].se, rel=0.02)


def test_the_error_within_strata_is_the_bootstraps():
    random = np.random.default_rng(5)
    stratum = np.repeat(np.arange(4), 60)
    positive = random.random(240) < 0.4
    value = positive + random.normal(size=240) + stratum
    se = area(positive, value, None, stratum)[0].se
    draws = []
    for _ in range(400):
        rows = np.concatenate([random.choice(np.flatnonzero(stratum == k), 60) for k in range(4)])
        draws.append(area(positive[rows], value[rows], None, stratum[rows])[0].value)
    assert se == pytest.approx(np.std(draws), rel=0.12)
