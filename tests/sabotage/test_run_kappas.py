"""Kappas over runs against statsmodels and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa

from sabotage.partition import Partition
from sabotage.run_kappas import MOST_PAIRS, measure_kappas
from sabotage.run_sums import Sums


def measured(saboteur):
    n, m, r = saboteur.shape
    sums = Sums(Partition(None, ("all",), np.zeros(n, np.int64), 0, None))
    return measure_kappas(saboteur, tuple(f"a{k}" for k in range(m)), tuple(f"r{k}" for k in range(r)), sums)


def fleiss(codes):
    return fleiss_kappa(aggregate_raters(codes)[0])


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 30), st.integers(1, 4), st.integers(2, 4), st.integers(0, 999), st.sampled_from([0.1, 0.4]))
def test_kappas_are_those_of_the_witnesses(n, m, r, seed, share):
    saboteur = np.random.default_rng(seed).random((n, m, r)) < share
    found = measured(saboteur)
    for k, own in enumerate(found.agents.values()):
        if saboteur[:, k].any() and not saboteur[:, k].all():
            assert own.value == pytest.approx(fleiss(saboteur[:, k].astype(int)))
        else:
            assert own.value is None
    code = (saboteur * 2 ** np.arange(m)[:, None]).sum(axis=1)
    if len(np.unique(code)) > 1:
        assert found.who.value == pytest.approx(fleiss(code))
    else:
        assert "nobody" in found.who.why
    for pair in found.pairs:
        flags = saboteur[:, int(pair.agent[1:])]
        first, second = flags[:, int(pair.first[1:])], flags[:, int(pair.second[1:])]
        assert pair.n_both == (first & second).sum()
        if pair.kappa.value is None:
            assert "sabotages in both" in pair.kappa.why
        else:
            assert pair.kappa.value == pytest.approx(cohen_kappa_score(first, second))


def test_intervals_hold_the_value_and_lists_are_bounded():
    random = np.random.default_rng(1)
    saboteur = random.random((200, 9, 9)) < 0.2
    found = measured(saboteur)
    assert len(found.pairs) == MOST_PAIRS
    assert found.n_pairs_left_out == 9 * 36 - MOST_PAIRS
    low, high = found.agents["a0"].interval
    assert low < found.agents["a0"].value < high
    assert low < 0 < high
    same = np.repeat(saboteur[:, :, :1], 3, axis=2)
    assert [own.value for own in measured(same).agents.values()] == pytest.approx([1.0] * 9)
    assert measured(same).who.value == pytest.approx(1)


def test_many_sets_of_saboteurs_have_no_interval():
    saboteur = np.random.default_rng(2).random((1500, 16, 2)) < 0.5
    found = measured(saboteur).who
    assert found.interval is None
    assert "too many" in found.why
    code = (saboteur * 2 ** np.arange(16)[:, None]).sum(axis=1)
    assert found.value == pytest.approx(fleiss(np.unique(code, return_inverse=True)[1].reshape(code.shape)))
