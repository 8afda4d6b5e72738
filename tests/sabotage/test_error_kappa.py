"""Kappa of errors against scikit-learn, brute force and the jackknife."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from sabotage.error_kappa import error_kappa


def drawn(n=60, seed=0, n_strata=3):
    random = np.random.default_rng(seed)
    stratum = random.integers(0, n_strata, n)
    hard = 0.15 + 0.25 * stratum
    first, second = (random.random((2, n)) < hard).tolist()
    return np.array(first), np.array(second), stratum


def test_as_scikit_learn():
    first, second, _ = drawn()
    value, influence = error_kappa(first, second)
    assert value == pytest.approx(cohen_kappa_score(first, second))
    assert influence.sum() == pytest.approx(0, abs=1e-12)


@settings(deadline=None)
@given(st.integers(0, 500), st.integers(1, 4))
def test_pooled_by_hand(seed, n_strata):
    first, second, stratum = drawn(40, seed, n_strata)
    above = room = 0.0
    for c in np.unique(stratum):
        own = stratum == c
        a, b, n = first[own].mean(), second[own].mean(), own.sum()
        chance = a * b + (1 - a) * (1 - b)
        above += n * ((first[own] == second[own]).mean() - chance)
        room += n * (1 - chance)
    found = error_kappa(first, second, stratum)
    if room < 1e-9:
        assert found is None
    else:
        assert found[0] == pytest.approx(above / room)
        assert found[1].sum() == pytest.approx(0, abs=1e-10)


@pytest.mark.parametrize("strata", [False, True])
def test_error_as_the_jackknife(strata):
    first, second, stratum = drawn(150, 3)
    stratum = stratum if strata else np.zeros_like(stratum)
    _, influence = error_kappa(first, second, stratum)
    one_out = [error_kappa(*(np.delete(own, k) for own in (first, second, stratum)))[0] for k in range(150)]
    assert np.sqrt((influence**2).sum()) == pytest.approx(np.sqrt(149 * np.var(one_out)), rel=0.05)


def test_hard_classes_alone_are_no_agreement_within_class():
    first, second, stratum = drawn(6000, 1)
    assert error_kappa(first, second)[0] > 0.1
    assert abs(error_kappa(first, second, stratum)[0]) < 0.03


def test_what_is_not_defined():
    right, wrong = np.zeros(5, bool), np.ones(5, bool)
    assert error_kappa(right, right) is None
    assert error_kappa(wrong, wrong) is None
    assert error_kappa(right[:0], right[:0]) is None
    assert error_kappa(right, wrong)[0] == 0
    assert error_kappa(np.r_[right, wrong], np.r_[right, wrong], np.repeat([0, 1], 5)) is None
