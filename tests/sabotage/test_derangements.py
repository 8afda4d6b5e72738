"""Permutations that leave no row where it was: uniform, independent, the same for every engine, and what they mean."""

from itertools import pairwise, permutations, product

import naive
import numpy as np
import pyarrow as pa
import pytest
from builders import make_panel, panels, to_naive
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

import sabotage.engines as module
from sabotage import permute, replay
from sabotage.engines import make_engine
from sabotage.planning import make_plan

some = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Let small blocks be deranged, which can be enumerated."""
    monkeypatch.setattr("sabotage.outcomes.FEWEST_DERANGED", 2)


def draws(sizes, n_cohorts, scheme="joint", engine=None, seed=3):
    """Draw 64 derangements a cohort of blocks of the given sizes: (64 n_cohorts, streams, n)."""
    n = sum(sizes)
    block = pa.array(np.repeat(np.arange(len(sizes)), sizes))
    plan = make_plan(replay(make_panel(n, 2, 3, columns={"block": block}), "select_best"), ["block"])
    runner = make_engine(plan, scheme, engine=engine, derangement=True)
    out = np.empty((n_cohorts, 64, runner.n_streams, n), np.int32)
    for cohort in range(n_cohorts):
        runner.start(seed, cohort).draw(out[cohort])
    return out.reshape(-1, runner.n_streams, n)


def derangements(n):
    return [order for order in permutations(range(n)) if all(order[k] != k for k in range(n))]


@pytest.mark.parametrize(("size", "n_cohorts"), [(2, 2), (3, 40), (4, 80), (5, 300)])
def test_each_is_as_likely_as_another(size, n_cohorts):
    expected = derangements(size)
    assert len(expected) == {2: 1, 3: 2, 4: 9, 5: 44}[size]
    # Between two other blocks: theirs must not show.
    found = draws((3, size, 4), n_cohorts)[:, 0, 3 : 3 + size] - 3
    seen, counts = np.unique(found, axis=0, return_counts=True)
    assert sorted(map(tuple, seen.tolist())) == sorted(expected)
    if size > 2:
        assert chisquare(counts).pvalue > 1e-3


def test_blocks_are_independent_of_each_other():
    found = draws((4, 4), 100)[:, 0]
    counts = np.unique(found, axis=0, return_counts=True)[1]
    assert len(counts) == 81  # 9 x 9 pairs
    assert chisquare(counts).pvalue > 1e-3


def test_streams_are_independent_of_each_other():
    found = draws((4,), 100, "independent")
    assert found.shape[1] == 2
    counts = np.unique(found.reshape(len(found), 8), axis=0, return_counts=True)[1]
    assert len(counts) == 81
    assert chisquare(counts).pvalue > 1e-3


def test_replicates_of_a_stream_are_independent_of_each_other():
    found = draws((3,), 400)[:, 0]
    pairs = found.reshape(-1, 6)  # one after the other
    counts = np.unique(pairs, axis=0, return_counts=True)[1]
    assert len(counts) == 4
    assert chisquare(counts).pvalue > 1e-3


@some
@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6), seed=st.integers(0, 2**64 - 1))
def test_nobody_stays_but_the_one_who_is_alone(sizes, seed):
    found = draws(sizes, 1, seed=seed)[:, 0]
    starts = np.r_[0, np.cumsum(sizes)]
    for first, last in pairwise(starts):
        own = found[:, first:last]
        assert (np.sort(own, axis=1) == np.arange(first, last)).all()
        assert (own == np.arange(first, last)).any() == (last - first == 1)


def test_many_small_blocks_never_stay():
    found = draws((2,) * 500 + (3,) * 300 + (1,) * 10, 2)[:, 0]
    stays = found == np.arange(found.shape[1])
    assert not stays[:, :-10].any()
    assert stays[:, -10:].all()


@pytest.mark.parametrize("rule", ["weighted_mean", "select_best", "softmax_gate"])
@pytest.mark.parametrize(("scheme", "agent"), [("joint", None), ("independent", None), ("single", "agent1")])
def test_engines_threads_and_batches_make_no_difference(rule, scheme, agent, monkeypatch):
    panel = make_panel(90, 3, 4, 2, missing=0.2, no_reliability=0.1, steps=6)
    options = {"scheme": scheme, "agent": agent, "derangement": True, "n_permutations": 150, "seed": 11}
    results = [
        permute(replay(panel, rule), engine=engine, threads=threads, **options)
        for engine, threads in (("core", 1), ("core", 7), ("numba", 1), ("numba", 2))
    ]
    monkeypatch.setattr(module, "DONORS", 90 * 3 * 5)
    results.append(permute(replay(panel, rule), threads=2, **options))
    assert len({found.broken.tobytes() for found in results}) == 1
    assert len({found.flip_rate for found in results}) == 1
    assert results[0].derangement


@pytest.mark.parametrize("rule", ["weighted_mean", "select_best"])
@pytest.mark.parametrize("statistic", ["accuracy", "balanced_accuracy"])
@some
@given(panel=panels(most=6))
def test_mean_and_p_are_those_of_all_derangements(rule, statistic, panel):
    tiny, n = to_naive(panel), panel.n_examples
    parts = naive.blocks(tiny, rule)
    values = []
    for arrangement in product(*(derangements(len(part)) if len(part) > 1 else [(0,)] for part in parts)):
        decided = [None] * n
        for part, order in zip(parts, arrangement, strict=True):
            for i, k in zip(part, order, strict=True):
                decided[i] = naive.fuse(tiny, rule, i, tiny.q[part[k]])[0]
        values.append(naive.statistic(tiny, decided, statistic))
    values = np.array(values)
    found = permute(replay(panel, rule), statistic=statistic, derangement=True, n_permutations=2000, seed=4)
    if found.moments.exact_mean is not None:
        assert found.moments.exact_mean == pytest.approx(values.mean(), abs=1e-12)
    assert found.clean - found.moments.gap_u == pytest.approx(values.mean(), abs=1e-12)
    assert found.moments.exact_sd is None
    assert found.z is None
    assert found.broken_mean == pytest.approx(values.mean(), abs=6 * values.std() / 2000**0.5 + 1e-12)
    assert set(np.round(found.broken, 9)) <= set(np.round(values, 9))
    share = (values >= found.clean - 1e-12).mean()
    assert found.p_value == pytest.approx(share, abs=6 * (share * (1 - share) / 2000) ** 0.5 + 1 / 500)


@pytest.mark.parametrize(("scheme", "agent"), [("joint", None), ("single", "agent0")])
@pytest.mark.parametrize("statistic", ["balanced_accuracy", "top_2", "log_likelihood"])
def test_the_mean_of_many_is_what_another_row_gives(scheme, agent, statistic):
    column = pa.array([k % 9 for k in range(200)])
    ready = replay(make_panel(200, 3, 4, 3, steps=9, columns={"c": column}))
    options = {"statistic": statistic, "scheme": scheme, "agent": agent, "within": ["c"]}
    found = permute(ready, derangement=True, n_permutations=10_000, **options)
    plain = permute(ready, n_permutations=2, **options)
    assert found.moments.gap_u == plain.moments.gap_u
    assert found.moments.gap_interval == plain.moments.gap_interval
    assert found.broken_mean == pytest.approx(found.clean - found.moments.gap_u, abs=4.5 * found.monte_carlo_error)
    assert found.moments.exact_mean == found.clean - found.moments.gap_u


def test_blocks_of_one_alone_are_the_identity():
    panel = make_panel(20, columns={"each": pa.array(range(20))})
    found = permute(replay(panel), within=["each"], derangement=True, n_permutations=5)
    assert (found.broken == found.clean).all()
    assert (found.p_value, found.flip_rate, found.verdict.word) == (1, 0, "untestable")
