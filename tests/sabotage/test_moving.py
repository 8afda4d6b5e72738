"""Chances of counts in slices, against enumeration, scipy and statsmodels."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import fisher_exact, hypergeom
from statsmodels.stats.contingency_tables import StratifiedTable

from sabotage.halving import Sampling
from sabotage.moving import chances, tails


def chances_of(code, marks, cluster=None, finer=None, n_permutations=2000):
    code, marks = np.asarray(code), np.asarray(marks, bool).reshape(len(code), -1)
    n = len(code)
    plain = cluster is None
    sampling = Sampling(np.arange(n) if plain else np.asarray(cluster), None, finer, plain, "groups")
    return chances(code, int(code.max()) + 1, marks, sampling, np.arange(n), n_permutations, [0])


def draw(n, seed, n_slices=3, n_groups=6):
    random = np.random.default_rng(seed)
    return random.integers(0, n_slices, n), random.random((n, 2)) < 0.3, random.integers(0, n_groups, n)


@pytest.mark.parametrize("seed", range(3))
def test_without_groups_p_is_fishers(seed):
    code, marks, _ = draw(80, seed)
    found = chances_of(code, marks)
    assert (found.n_permutations, found.moves) == (None, "marks of sabotage move over all examples")
    for s, t in np.ndindex(3, 2):
        inside = code == s
        table = [[(marks[:, t] & own).sum(), (~marks[:, t] & own).sum()] for own in (inside, ~inside)]
        assert found.upper[s, t] == pytest.approx(fisher_exact(table, "greater").pvalue, rel=1e-9)
        assert found.lower[s, t] == pytest.approx(fisher_exact(table, "less").pvalue, rel=1e-9)
        expected = min(1, 2 * min(found.upper[s, t], found.lower[s, t]))
        assert found.two_sided[s, t] == pytest.approx(expected)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 400), st.data())
def test_one_stratum_is_hypergeometric(n, data):
    marked, drawn = data.draw(st.integers(0, n)), data.draw(st.integers(0, n))
    count = data.draw(st.integers(max(0, drawn + marked - n), min(marked, drawn)))
    upper, lower = tails(count, *(np.array([value]) for value in (n, marked, drawn)))
    assert upper == pytest.approx(max(1e-12, hypergeom.sf(count - 1, n, marked, drawn)), rel=1e-6, abs=1e-11)
    assert lower == pytest.approx(max(1e-12, hypergeom.cdf(count, n, marked, drawn)), rel=1e-6, abs=1e-11)


@pytest.mark.parametrize("seed", range(4))
def test_strata_are_convolved(seed):
    random = np.random.default_rng(seed)
    size = random.integers(1, 40, 15).repeat(2)  # strata alike are taken together
    marked, drawn = (random.integers(0, size[::2] + 1).repeat(2) for _ in range(2))
    law = np.ones(1)
    for n, k, m in zip(size, marked, drawn, strict=True):
        law = np.convolve(law, hypergeom.pmf(np.arange(m + 1), n, k, m))
    for count in np.flatnonzero(law > 1e-14)[::7]:
        upper, lower = tails(int(count), size, marked, drawn)
        assert upper == pytest.approx(law[count:].sum(), abs=1e-12)
        assert lower == pytest.approx(law[: count + 1].sum(), abs=1e-12)


def test_many_strata_agree_with_the_normal_curve_and_far_away_is_almost_never():
    random = np.random.default_rng(0)
    size = random.integers(100, 300, 2000)
    marked, drawn = size // 3, size // 4
    mean = (marked * drawn / size).sum()
    spread = (marked * drawn * (size - marked) * (size - drawn) / (size**2 * (size - 1.0))).sum() ** 0.5
    from scipy.stats import norm

    for z in (-2, 0, 1, 3):
        count = round(mean + z * spread)
        assert tails(count, size, marked, drawn)[0] == pytest.approx(norm.sf((count - 0.5 - mean) / spread), rel=0.02)
    assert tails(int(mean + 40 * spread), size, marked, drawn) == (1e-12, pytest.approx(1))
    assert tails(int(mean - 40 * spread), size, marked, drawn) == (pytest.approx(1), 1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_inside_groups_p_is_that_of_all_arrangements(seed):
    random = np.random.default_rng(seed)
    cluster = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    code = np.array([0, 1, 0, 1, 0, 0, 1, 0])
    marks = random.random(8) < 0.5
    found = chances_of(code, marks, cluster)
    assert found.moves == "marks of sabotage move inside each group"
    counts = [
        [marks[np.r_[list(a), list(b)]][code == s].sum() for s in (0, 1)]
        for a in itertools.permutations(range(4))
        for b in itertools.permutations(range(4, 8))
    ]
    counts = np.array(counts)
    observed = np.array([marks[code == s].sum() for s in (0, 1)])
    np.testing.assert_allclose(found.upper[:, 0], (counts >= observed).mean(axis=0), rtol=1e-10)
    np.testing.assert_allclose(found.lower[:, 0], (counts <= observed).mean(axis=0), rtol=1e-10)


def test_inside_groups_p_is_near_that_of_mantel_and_haenszel():
    code, marks, cluster = draw(3000, 1, 2, 12)
    found = chances_of(code, marks, cluster)
    for t in range(2):
        tables = [
            [
                [
                    (marks[:, t] & (code == s) & (cluster == g)).sum(),
                    (~marks[:, t] & (code == s) & (cluster == g)).sum(),
                ]
                for s in (0, 1)
            ]
            for g in range(12)
        ]
        witness = StratifiedTable([np.array(table) for table in tables]).test_null_odds(correction=True)
        assert found.two_sided[0, t] == pytest.approx(witness.pvalue, abs=0.02)


def test_whole_groups_p_is_that_of_all_arrangements():
    cluster = np.repeat(np.arange(6), [3, 1, 4, 2, 3, 5])
    of_group = np.array([0, 0, 1, 1, 1, 0])
    marks = np.random.default_rng(2).random(18) < 0.4
    found = chances_of(of_group[cluster], marks, cluster, n_permutations=20_000)
    assert (found.n_permutations, found.moves) == (20_000, "groups change places whole")
    hits, size = np.bincount(cluster, marks), np.bincount(cluster)
    rates = []
    for moved in itertools.permutations(of_group):
        own = np.array(moved) == 0
        rates.append(hits[own].sum() / size[own].sum())
    observed = marks[of_group[cluster] == 0].mean()
    exact = (np.array(rates) >= observed - 1e-12).mean()
    assert found.upper[0, 0] == pytest.approx(exact, abs=4 * (0.25 / 20_000) ** 0.5)


def test_ids_that_repeat_inside_groups_move_whole_inside_them():
    # Two groups of three ids, each in two rows.
    finer = np.repeat(np.arange(6), 2)
    cluster = np.repeat([0, 1], 6)
    of_id = np.array([0, 1, 1, 0, 0, 1])
    marks = np.array([1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0], bool)
    found = chances_of(of_id[finer], marks, cluster, finer, n_permutations=20_000)
    assert found.moves == "ids change places whole, inside each group"
    hits = np.bincount(finer, marks)
    counts = np.array(
        [
            hits[np.r_[list(a), list(b)]][of_id == 0].sum()
            for a in itertools.permutations(range(3))
            for b in itertools.permutations(range(3, 6))
        ]
    )
    exact = (counts >= hits[of_id == 0].sum()).mean()
    assert found.upper[0, 0] == pytest.approx(exact, abs=4 * (0.25 / 20_000) ** 0.5)
    # A column that differs inside an id: marks move there.
    inside = chances_of(np.tile([0, 1], 6), marks, cluster, finer)
    assert (inside.n_permutations, inside.moves) == (None, "marks of sabotage move inside each id of a group")


def test_the_same_key_gives_the_same_p_and_few_groups_are_robust():
    _, marks, cluster = draw(60, 4)
    of_group = np.arange(6) % 3
    first, second = (chances_of(of_group[cluster], marks, cluster, n_permutations=300) for _ in range(2))
    np.testing.assert_array_equal(first.upper, second.upper)
    for upper in (chances_of([0], [True]).upper, chances_of([0, 0], [True, False], [0, 0]).upper):
        np.testing.assert_array_equal(upper, [[1.0]])
    everything = chances_of(np.zeros(60, int), marks, cluster)
    np.testing.assert_array_equal(everything.upper, np.ones((1, 2)))


def test_nobody_and_everybody_marked_is_certain():
    code, _, cluster = draw(60, 5)
    marks = np.stack([np.zeros(60, bool), np.ones(60, bool)], axis=1)
    for found in (chances_of(code, marks), chances_of(code, marks, cluster)):
        np.testing.assert_allclose(found.upper, 1)
        np.testing.assert_allclose(found.two_sided, 1)


def test_rows_that_are_left_out_are_not_there():
    code, marks, cluster = draw(90, 6)
    rows = np.arange(0, 90, 2)
    sampling = Sampling(cluster, None, None, False, "groups")
    part = chances(code, 3, marks, sampling, rows, 200, [1])
    alone = chances(code[rows], 3, marks[rows], replace(sampling, cluster=cluster[rows]), np.arange(45), 200, [1])
    np.testing.assert_allclose(part.upper, alone.upper)
