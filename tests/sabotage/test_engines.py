"""The engines against a plain NumPy loop over the same draws, where ties and rounding are everywhere."""

import sys

import numpy as np
import pyarrow as pa
import pytest
from builders import FAMILIES, make_panel, scores_of, tie_heavy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sabotage.kernels import _core

import sabotage.engines as module
from sabotage import SabotageError, SabotageWarning, kernels, permute, replay, tiling
from sabotage.engines import make_engine
from sabotage.planning import make_plan

some = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SCHEMES = [("joint", None), ("independent", None), ("single", 1)]


def plain_counts(ready, plan, donors, scheme, agent):
    """Count hits by class and flips of replicates in which position p takes its reliability from donors[r, s, p]."""
    panel, q = ready.panel, ready.panel.reliability
    clean, truth = ready.decision.labels, panel.truth
    nobody = (ready.spoken < 0).all(axis=1)
    rows = []
    for own in donors:
        moved = q.copy()
        for m in range(panel.n_agents):
            if scheme != "single" or m == agent:
                stream = own[m] if scheme == "independent" else own[0]
                moved[plan.order, m] = q[plan.order[stream], m]
        if ready.rule.weight == "softmax" and scheme == "joint":
            weights = np.empty_like(q)
            weights[plan.order] = ready.weights[plan.order[own[0]]]
        elif ready.rule.weight == "softmax":
            weights = ready.weigh(moved)
        else:
            weights = np.where((ready.spoken >= 0) & ~np.isnan(moved), moved, 0.0)
            weights[weights.sum(axis=1) == 0] = 1.0
        scores = scores_of(ready, weights)
        labels = np.where(nobody, -1, scores.argmax(axis=1))
        hit = labels == truth
        if plan.top:
            listed = np.broadcast_to(plan.listed, scores.shape)
            here = scores[np.arange(len(truth)), truth][:, None]
            lower = np.arange(panel.n_classes) < truth[:, None]
            before = (listed & ((scores > here) | ((scores == here) & lower))).sum(axis=1)
            hit = (before < plan.top) & listed[np.arange(len(truth)), truth] & ~nobody
        rows.append([*np.bincount(truth[hit], minlength=panel.n_classes), np.count_nonzero(labels != clean)])
    return np.array(rows)


def check_engines(ready, scheme, agent, top=0, within=(), replicates=6, seed=3):
    """Hold every engine and instruction set against the plain loop; return the core's engine."""
    plan = make_plan(ready, within, top)
    numba = make_engine(plan, scheme, agent, "numba")
    donors = np.empty((replicates, numba.n_streams, len(plan.order)), np.int32)
    numba.start(seed, 1).draw(donors)
    expected = plain_counts(ready, plan, donors, scheme, agent)

    def check(engine, what):
        counts = np.zeros_like(expected)
        shuffle = engine.start(seed, 1)
        engine.run([shuffle], counts[None, : replicates // 2])
        engine.run([shuffle], counts[None, replicates // 2 :])
        counts[:, :-1] += plan.fixed_hits
        np.testing.assert_array_equal(counts, expected, err_msg=what)

    check(numba, "numba")
    for simd in _core.simd_names():
        _core.set_simd(simd)
        core = make_engine(plan, scheme, agent, "core")
        check(core, simd)
    _core.set_simd(_core.simd_names()[0])
    if core.name == "core":
        direct = make_engine(plan, scheme, agent, "core")
        direct.redone = 1  # as if all calls had been close
        check(direct, "direct")
    return core


@pytest.mark.parametrize(("scheme", "agent"), SCHEMES)
@pytest.mark.parametrize("top", [0, 2])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_decision_of_every_replicate(family, top, scheme, agent):
    for seed in range(6):
        panel = tie_heavy(family, 90, 3, 4, seed, missing=0.15 * (seed % 2), no_reliability=0.1 * (seed % 3))
        for rule in ("weighted_mean", "weighted_vote", "weighted_borda"):
            check_engines(replay(panel, rule), scheme, agent, top)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("n_agents", [1, 2, 4, 5, 7, 16])
def test_any_number_of_agents(family, n_agents):
    for seed in range(3):
        panel = tie_heavy(family, 40, n_agents, 5, seed, missing=0.3 * (seed == 2))
        check_engines(replay(panel, "weighted_mean"), "joint", None, top=3 * (seed == 1))


@pytest.mark.parametrize("family", FAMILIES)
def test_more_positions_than_a_tile(family):
    panel = tie_heavy(family, 1700, 3, 6, 1, columns={"half": pa.array(["a", "b", "b"] * 566 + ["a", "b"])})
    for within in ([], ["half"]):
        check_engines(replay(panel, "weighted_mean"), "joint", None, within=within)


def test_many_classes():
    panel = tie_heavy("tenths", 60, 3, 300, 2)
    for rule, scheme, agent in (("weighted_mean", "joint", None), ("weighted_vote", "single", 0)):
        check_engines(replay(panel, rule), scheme, agent)
    check_engines(replay(tie_heavy("few", 25, 2, 1000, 2), "weighted_mean"), "joint", None, top=5)


@pytest.mark.parametrize(("scheme", "agent"), SCHEMES)
@pytest.mark.parametrize("rule", ["softmax_gate", "select_best", "weighted_confidence_sum", "log_pool"])
@pytest.mark.parametrize("top", [0, 2])
def test_other_rules(rule, top, scheme, agent):
    if rule == "select_best":
        return_of_selection(scheme, agent, top)
        return
    for seed, steps in enumerate([None, 2, 5]):
        panel = make_panel(70, 3, 4, seed, missing=0.2, no_reliability=0.1, steps=steps)
        check_engines(replay(panel, rule), scheme, agent, top)


def return_of_selection(scheme, agent, top):
    """A rule that selects is run by numba alone: with the core's draws or its own, the counts are the same."""
    ready = replay(make_panel(70, 3, 4, 1, missing=0.2, steps=3), "select_best")
    plan = make_plan(ready, (), top)
    found = []
    for engine in (make_engine(plan, scheme, agent), make_engine(plan, scheme, agent, "numba")):
        counts = np.zeros((5, 5), np.int64)
        engine.run([engine.start(1, 2)], counts[None])
        found.append(counts)
    np.testing.assert_array_equal(*found)
    donors = np.empty((5, engine.n_streams, 70), np.int32)
    engine.start(1, 2).draw(donors)
    for r in range(5):
        q = ready.panel.reliability.copy()
        for m in range(3):
            if scheme != "single" or m == agent:
                q[plan.order, m] = ready.panel.reliability[
                    plan.order[donors[r, m if scheme == "independent" else 0]], m
                ]
        decision = ready.decide(ready.weigh(q))
        hit = decision.hits(ready.panel.truth, top)
        hits = np.bincount(ready.panel.truth[hit], minlength=4)
        np.testing.assert_array_equal(plan.fixed_hits + found[0][r, :-1], hits)
        assert found[0][r, -1] == np.count_nonzero(decision.labels != ready.decision.labels)


@some
@given(
    st.sampled_from(FAMILIES),
    st.integers(1, 30),
    st.integers(1, 6),
    st.integers(2, 7),
    st.integers(0, 10_000),
    st.sampled_from([0.0, 0.4]),
    st.sampled_from(SCHEMES),
    st.integers(0, 2),
)
def test_any_panel(family, n, n_agents, n_classes, seed, missing, scheme, top):
    panel = tie_heavy(family, n, n_agents, n_classes, seed, missing=missing)
    name, agent = scheme
    check_engines(replay(panel, "weighted_mean"), name, None if agent is None else agent % n_agents, top)


@pytest.mark.parametrize("family", ["votes", "tenths", "neighbours"])
def test_close_calls_have_to_be_redone(family, monkeypatch):
    # The mutation that these tests are for: without the redo of close calls they must fail.
    pack = tiling._pack
    monkeypatch.setattr(tiling, "_pack", lambda *arguments: pack(*arguments) * 0)

    def check_all():
        for seed in range(20):
            check_engines(replay(tie_heavy(family, 90, 3, 4, seed), "weighted_mean"), "joint", None)

    with pytest.raises(AssertionError):
        check_all()


def test_families_have_close_calls():
    shares = {}
    for family in FAMILIES:
        core = check_engines(replay(tie_heavy(family, 1000, 3, 5, 4), "weighted_mean"), "joint", None)
        shares[family] = core.redone / max(core.swept, 1)
    assert shares["plain"] < 0.01
    assert shares["tenths"] > 0.01
    assert shares["neighbours"] > 0.05


@pytest.mark.parametrize("statistic", ["balanced_accuracy", "accuracy", "top_2"])
@pytest.mark.parametrize("scheme", ["joint", "independent", "single"])
def test_engines_give_the_same_result(statistic, scheme):
    ready = replay(make_panel(150, 3, 4, seed=1, missing=0.3, no_reliability=0.1, steps=5))
    agent = "agent1" if scheme == "single" else None
    results = [
        permute(ready, statistic=statistic, scheme=scheme, agent=agent, n_permutations=200, engine=engine)
        for engine in ("core", "numba")
    ]
    assert results[0].to_dict() == results[1].to_dict()
    np.testing.assert_array_equal(results[0].broken, results[1].broken)


def test_without_the_core_numba_goes_on_and_says_so_once(monkeypatch):
    ready = replay(make_panel(60))
    expected = permute(ready, n_permutations=100).to_dict()
    monkeypatch.setitem(sys.modules, "sabotage.kernels._core", None)
    monkeypatch.delattr(kernels, "_core")
    module._core_module.cache_clear()
    with pytest.warns(SabotageWarning, match="numba does its work"):
        assert permute(ready, n_permutations=100).to_dict() == expected
    permute(ready, n_permutations=100)  # a second warning would be an error here
    with pytest.raises(SabotageError, match="could not be built"):
        permute(ready, n_permutations=100, engine="core")
    module._core_module.cache_clear()


def test_more_agents_than_the_core_takes():
    ready = replay(make_panel(30, 33, 3))
    assert make_engine(make_plan(ready)).name == "numba"
    assert permute(ready, n_permutations=64, exact=True).moments is not None
    check_engines(replay(make_panel(30, 32, 3)), "joint", None)


def test_the_order_of_draws_is_that_of_the_rule_alone():
    panel = make_panel(200, 3, 5, steps=6, missing=0.2)
    other = make_panel(200, 3, 5, steps=6, missing=0.2)
    other.truth[:] = (other.truth + 1) % 5
    plans = [make_plan(replay(panel)), make_plan(replay(panel), top=2), make_plan(replay(other))]
    for plan in plans[1:]:
        np.testing.assert_array_equal(plan.order, plans[0].order)
        np.testing.assert_array_equal(plan.contested, plans[0].contested)
