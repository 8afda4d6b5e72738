"""Shuffling marks inside groups, against enumeration, scipy and plain loops."""

from itertools import combinations, permutations

import numpy as np
import pytest
from scipy.stats import hypergeom, mannwhitneyu, permutation_test

from sabotage import marks
from sabotage.marks import Dealing, permute_marks


def _difference(one, other, axis):
    return one.mean(axis=axis) - other.mean(axis=axis)


def drawn(n=40, seed=0, shift=0.15):
    random = np.random.default_rng(seed)
    marked = random.random(n) < 0.4
    return marked, random.random(n) + shift * marked, random.integers(0, 4, n)


def test_as_scipy():
    marked, values, _ = drawn()
    (found,) = permute_marks(marked, values[:, None], Dealing(), 5000, 1)
    expected = permutation_test(
        (values[marked], values[~marked]), _difference, n_resamples=5000, alternative="greater", vectorized=True
    ).pvalue
    assert found.p_greater == pytest.approx(expected, abs=0.02)
    assert found.method == "permutation"


@pytest.mark.parametrize("method", ["permutation", "normal"])
def test_as_enumerated_inside_strata(monkeypatch, method):
    if method == "normal":
        monkeypatch.setattr(marks, "MOST_DRAWS", 0)
        monkeypatch.setattr(marks, "MOST_LOPSIDED", np.inf)
    marked, values, stratum = drawn(16, 5)
    stratum = stratum % 2
    worth = values - values.mean()
    parts = []
    for one in (0, 1):
        rows = np.flatnonzero(stratum == one)
        parts.append([worth[list(some)].sum() for some in combinations(rows, int(marked[rows].sum()))])
    sums = np.add.outer(*map(np.array, parts)).ravel()
    exact = (sums >= worth[marked].sum() - 1e-12).mean()
    (found,) = permute_marks(marked, values[:, None], Dealing(stratum=stratum), 20_000, 1)
    assert found.method == method
    assert found.p_greater == pytest.approx(exact, abs=0.01 if method == "permutation" else 0.05)


def test_normal_and_replicates_agree(monkeypatch):
    marked, values, stratum = drawn(300, 2, 0.08)
    table = np.stack([values, values**3, np.round(values, 1)], axis=1)
    drawn_p = permute_marks(marked, table, Dealing(stratum=stratum), 5000)
    monkeypatch.setattr(marks, "MOST_DRAWS", 0)
    monkeypatch.setattr(marks, "MOST_LOPSIDED", np.inf)
    for one, other in zip(drawn_p, permute_marks(marked, table, Dealing(stratum=stratum), 5000), strict=True):
        assert other.method == "normal"
        assert one.p_two_sided == pytest.approx(other.p_two_sided, abs=0.02)
        assert one.p_greater == pytest.approx(other.p_greater, abs=0.02)


def test_ranks_give_the_rank_test():
    marked, values, _ = drawn(200, 9, 0.05)
    ranks = np.argsort(np.argsort(values)).astype(float)
    (found,) = permute_marks(marked, ranks[:, None], Dealing(), 5000)
    assert found.p_greater == pytest.approx(mannwhitneyu(values[marked], values[~marked], alternative="greater").pvalue, abs=0.02)  # fmt: skip


def test_units_move_as_one():
    # Four ids in two seeds each, all values of an id alike: as if there were four examples.
    mark, value = np.array([1, 1, 0, 0], bool), np.array([3.0, 2.0, 1.0, 0.0])
    (found,) = permute_marks(np.tile(mark, 2), np.tile(value, 2)[:, None], Dealing(np.tile(np.arange(4), 2)), 20_000)
    sums = [value[list(order)][mark].sum() for order in permutations(range(4))]
    exact = np.mean([own >= value[mark].sum() for own in sums])
    assert found.p_greater == pytest.approx(exact, abs=0.01)


def test_what_cannot_move_has_no_p():
    marked = np.array([1, 1, 0, 0], bool)
    values = np.array([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0], [4.0, 5.0]])
    assert permute_marks(marked, values, Dealing(stratum=np.array([0, 0, 1, 1])), 99) == [None, None]
    assert permute_marks(marked, values, Dealing(), 99)[1] is None
    assert permute_marks(marked, values, Dealing(), 0) == [None, None]


def test_same_seed_same_p_and_no_order():
    marked, values, stratum = drawn(60, 4)
    first = permute_marks(marked, values[:, None], Dealing(stratum=stratum), 999, 5)
    assert first == permute_marks(marked, values[:, None], Dealing(stratum=stratum), 999, 5)
    assert first != permute_marks(marked, values[:, None], Dealing(stratum=stratum), 999, 6)


def test_null_p_are_uniform():
    random = np.random.default_rng(8)
    found = []
    for seed in range(300):
        stratum = random.integers(0, 5, 40)
        values = np.round(random.random(40) + 0.5 * stratum, 1)  # groups differ in both, which must not count
        marked = random.random(40) < 0.2 + 0.12 * stratum
        (one,) = permute_marks(marked, values[:, None], Dealing(stratum=stratum), 199, seed)
        found.append(one.p_greater)
    for level in (0.05, 0.2, 0.5):
        assert np.mean(np.array(found) <= level) == pytest.approx(level, abs=2.6 * np.sqrt(level * (1 - level) / 300))


def test_few_examples_that_carry_the_sum_have_no_normal_tail():
    # 20 marks among 20,000, and 2 % of the values are not 0: hypergeometric, and far from normal.
    mark, value = np.zeros(20_000, bool), np.zeros(20_000)
    mark[:20], value[18:418] = True, 1.0
    (found,) = permute_marks(mark, value[:, None], Dealing(), 10_000)
    assert (found.method, found.n_permutations) == ("permutation", 2500)
    assert found.p_greater == pytest.approx(hypergeom.sf(1, 20_000, 400, 20), abs=0.015)
    mark[:] = np.arange(20_000) % 3 == 0
    assert permute_marks(mark, np.arange(20_000.0)[:, None] % 7, Dealing(), 10_000)[0].method == "normal"


@pytest.mark.parametrize("n", [60, 20_000])
def test_order_of_examples_is_nothing_to_p(n):
    random = np.random.default_rng(n)
    mark, value = random.random(n) < 12 / n, np.round(random.random((n, 2)), 1)
    unit, stratum = np.arange(n) // 2, np.arange(n) // (n // 3)
    mark = mark[2 * unit]
    order = random.permutation(n)
    tests = [
        permute_marks(mark[own], value[own], Dealing(unit[own], stratum[own]), 999, 3) for own in (np.arange(n), order)
    ]
    assert tests[0] == tests[1]
    assert tests[0][0].method == "permutation"
