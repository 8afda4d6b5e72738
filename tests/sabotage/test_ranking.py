"""Rank statistics of many parts at once, against scikit-learn, the oracle and a jackknife."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from sabotage import scoring
from sabotage.areas import delong
from sabotage.partition import Partition
from sabotage.ranking import areas, order_by, rank, risk_areas


def drawn(n, n_parts, steps, seed, left_out=0):
    random = np.random.default_rng(seed)
    part = random.integers(0, n_parts + (left_out > 0), n)
    labels = tuple(map(str, range(n_parts)))
    partition = Partition("film", labels, part, left_out, None)
    value = random.integers(0, steps, n) / steps
    return partition, value, random.random(n) < 0.3 + 0.5 * value


def ranked_of(partition, value):
    return rank(value, order_by(value, np.arange(len(value))), partition)


@given(
    n=st.integers(1, 60), n_parts=st.integers(1, 4), steps=st.sampled_from([2, 5, 1000]), seed=st.integers(0, 9999),
    left_out=st.integers(0, 1),
)  # fmt: skip
def test_areas_are_those_of_each_part(n, n_parts, steps, seed, left_out):
    partition, value, right = drawn(n, n_parts, steps, seed, left_out)
    ranked = ranked_of(partition, value)
    found, influence, parted = areas(ranked, right[ranked.rows])
    risk, risk_influence = risk_areas(ranked, right[ranked.rows])
    masses = ranked.mass_bins(15)
    for place in range(n_parts):
        own, at = partition.part == place, ranked.part == place
        if not own.any():
            assert np.isnan(risk[place])
            continue
        assert risk[place] == pytest.approx(scoring.aurc(right[own], value[own]), abs=1e-12)
        assert risk_influence[at].sum() == pytest.approx(0, abs=1e-12)
        assert sorted(masses[at]) == sorted(scoring.mass_bins(value[own], 15))
        if right[own].all() or not right[own].any():
            assert np.isnan(found[place])
            continue
        assert found[place] == pytest.approx(roc_auc_score(right[own], value[own]), abs=1e-12)
        level = np.unique(value[ranked.rows[at]], return_inverse=True)[1]
        expected = delong(right[ranked.rows[at]], level, found[place])
        assert influence[at] == pytest.approx(expected, abs=1e-12)
        assert parted[place] == (found[place] in (0.0, 1.0))


@pytest.mark.parametrize("steps", [5, 10_000])
def test_the_error_of_the_area_under_risk_is_that_of_a_jackknife(steps):
    partition, value, right = drawn(300, 1, steps, 3)
    ranked = ranked_of(partition, value)
    influence = risk_areas(ranked, right[ranked.rows])[1]
    error = partition.error(ranked.rows, influence)[0][0]
    each = np.arange(300)
    without = np.array([scoring.aurc(right[each != i], value[each != i]) for i in each])
    jackknife = np.sqrt(299 / 300 * ((without - without.mean()) ** 2).sum())
    assert error == pytest.approx(jackknife, rel=0.06)  # second order in the places at the top
    order = np.argsort(ranked.rows)
    assert np.corrcoef(influence[order], -without)[0, 1] > 0.995


def test_nobody_has_no_area():
    partition = drawn(5, 2, 5, 0)[0]
    ranked = rank(np.zeros(5), np.zeros(0, np.int64), partition)
    assert np.isnan(areas(ranked, np.zeros(0, bool))[0]).all()
    assert np.isnan(risk_areas(ranked, np.zeros(0, bool))[0]).all()
