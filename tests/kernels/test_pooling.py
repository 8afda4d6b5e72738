"""Rules as functions of one example against NumPy, DESlib and pybelief; compiled as interpreted."""

import subprocess
import sys

import numpy as np
import pytest
from builders import make_panel, panels
from deslib.util import aggregation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numba.core.dispatcher import Dispatcher
from numpy.testing import assert_allclose, assert_array_equal
from pybelief import MassFunction
from sabotage.kernels import pooling

from sabotage import permute, replay
from sabotage.notes import Notes
from sabotage.remarks import note_replay

many = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
RULES = [pooling.maximum, pooling.minimum, pooling.median, pooling.dempster_shafer]
LEARNED = {pooling.logistic: 2, pooling.weighted_logistic: 3}  # and the width of their evidence, in classes


def one(rule, evidence, weights=None, available=None, n_classes=None):
    """Return the scores of one example, from a plain call."""
    evidence = np.asarray(evidence, np.float64)
    weights = np.ones(len(evidence)) if weights is None else np.asarray(weights, np.float64)
    available = np.ones(len(evidence), bool) if available is None else np.asarray(available)
    out = np.full(evidence.shape[1] if n_classes is None else n_classes, np.nan)
    rule(evidence, weights, available, out)
    return out


@st.composite
def tables(draw, width=1):
    """Draw evidence (n, M, width C), who speaks, weights and C, with many ties."""
    n, n_agents, n_classes = draw(st.integers(1, 8)), draw(st.integers(1, 6)), draw(st.integers(2, 5))
    random = np.random.default_rng(draw(st.integers(0, 10_000)))
    steps = draw(st.sampled_from([1, 3, 10, 10**6]))
    evidence = np.round(random.dirichlet(np.ones(n_classes), (n, n_agents, width)) * steps) / steps
    spoken = np.where(random.random((n, n_agents)) < 0.7, 0, -1).astype(np.int32)
    weights = np.where(spoken >= 0, np.round(random.random((n, n_agents)) * 1.5 * steps) / steps, 0.0)
    evidence = evidence.reshape(n, n_agents, width * n_classes)
    evidence[spoken < 0] = np.nan
    return evidence, spoken, weights, n_classes


@many
@given(tables())
def test_max_min_and_median_are_numpys(table):
    evidence, spoken, _, _ = table
    for e, there in zip(evidence, spoken >= 0, strict=True):
        if there.any():
            assert_array_equal(one(pooling.maximum, e, available=there), e[there].max(axis=0))
            assert_array_equal(one(pooling.minimum, e, available=there), e[there].min(axis=0))
            assert_array_equal(one(pooling.median, e, available=there), np.median(e[there], axis=0))


def test_max_min_and_median_know_infinities():
    e = [[-np.inf, 1.0, np.inf], [-np.inf, np.inf, 2.0], [3.0, 2.0, -np.inf]]
    assert one(pooling.maximum, e).tolist() == [3.0, np.inf, np.inf]
    assert one(pooling.minimum, e).tolist() == [-np.inf, 1.0, -np.inf]
    assert one(pooling.median, e).tolist() == [-np.inf, 2.0, 2.0]


def masses(row, q):
    """Return an agent's masses as pybelief has them, by bits of classes."""
    q, scale, classes = min(q, 1.0), max(1.0, row.sum()), range(len(row))
    of = {1 << c: q * row[c] / scale for c in classes}
    of[(1 << len(row)) - 1] = max(0.0, 1 - sum(of.values()))
    return MassFunction([str(c) for c in classes], of)


@many
@given(tables())
def test_dempsters_rule_is_pybeliefs(table):
    # Belief of a class and its share of the mass of all classes is the pignistic probability.
    for e, there, w in zip(table[0], table[1] >= 0, table[2], strict=True):
        combined = MassFunction.vacuous([str(c) for c in range(e.shape[1])])
        try:
            for m in np.flatnonzero(there):
                combined = combined.combine_dempster(masses(e[m], w[m]))
        except ValueError:  # total conflict
            combined = None
        if combined is not None and combined.total_mass() < 1e-9:
            combined = None
        if there.any():
            found = one(pooling.dempster_shafer, e, w, there)
            if combined is None:
                assert (found == -np.inf).all()
            else:
                assert_allclose(found, list(combined.pignistic().values()), rtol=1e-9, atol=1e-12)
                assert found.sum() == pytest.approx(1, abs=1e-12)


def test_weights_above_1_are_1_for_dempster_and_scores_above_1_are_shared_out():
    e = np.array([[0.5, 0.3, 0.1], [0.2, 0.2, 0.4]])
    assert_array_equal(one(pooling.dempster_shafer, e, [7.0, 1.5]), one(pooling.dempster_shafer, e, [1.0, 1.0]))
    assert_allclose(one(pooling.dempster_shafer, 4 * e), one(pooling.dempster_shafer, e / e.sum(axis=1)[:, None]))
    assert_allclose(one(pooling.dempster_shafer, e, [0.0, 0.0]), np.full(3, 1 / 3))


def test_many_agents_do_not_underflow():
    e = np.tile([[0.9, 0.1], [0.1, 0.9]], (2000, 1))
    assert_allclose(one(pooling.dempster_shafer, e), [0.5, 0.5], atol=1e-9)


@many
@given(tables(), st.randoms())
def test_the_order_of_agents_does_not_matter(table, random):
    evidence, spoken, weights, _ = table
    order = list(range(spoken.shape[1]))
    random.shuffle(order)
    for e, there, w in zip(evidence, spoken >= 0, weights, strict=True):
        if there.any():
            for rule in RULES:
                found, other = one(rule, e, w, there), one(rule, e[order], w[order], there[order])
                if rule is pooling.dempster_shafer:
                    assert_allclose(found, other, rtol=0, atol=1e-12)
                else:
                    assert_array_equal(found, other)


@many
@given(tables(width=3))
def test_logistic_rules_are_sums_of_parts_and_one_bias(table):
    evidence, spoken, weights, n_classes = table
    evidence[:, :, 2 * n_classes :] = np.arange(n_classes)  # the same for all agents
    for e, there, w in zip(evidence, spoken >= 0, weights, strict=True):
        if there.any():
            plain, times, bias = np.split(e[there], 3, axis=1)
            found = one(pooling.weighted_logistic, e, w, there, n_classes)
            assert_allclose(found, bias[0] + plain.sum(axis=0) + w[there] @ times, rtol=1e-12, atol=1e-12)
            narrow = np.ascontiguousarray(np.delete(e, range(n_classes, 2 * n_classes), axis=1))
            found = one(pooling.logistic, narrow, w, there, n_classes)
            assert_allclose(found, bias[0] + plain.sum(axis=0), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("rule", [*RULES, *LEARNED])
@many
@given(data=st.data())
def test_compiled_is_interpreted_is_the_plain_call(rule, data):
    evidence, spoken, weights, n_classes = data.draw(tables(LEARNED.get(rule, 1)))
    n, found = len(spoken), []
    for run, own in ((pooling.pool, pooling.compiled(rule, True)), (pooling.interpret, rule)):
        decision, scores = np.full(n, 99, np.int32), np.full((n, n_classes), 99.0)
        assert run(own, evidence, spoken, weights, decision, scores) == -1
        found.append((decision, scores))
    assert_array_equal(found[0][0], found[1][0])
    assert_allclose(found[0][1], found[1][1], rtol=1e-14, atol=0)
    for i in range(n):
        scores = one(rule, evidence[i], weights[i], spoken[i] >= 0, n_classes)
        if not (spoken[i] >= 0).any() or (scores == -np.inf).all():
            assert found[1][0][i] == -1
            assert (found[1][1][i] == 0).all()
        else:
            assert_array_equal(found[1][1][i], scores)
            assert found[1][0][i] == scores.argmax()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_the_first_example_without_a_number_is_named(value):
    evidence, spoken = np.random.default_rng(0).random((6, 2, 3)), np.zeros((6, 2), np.int32)
    evidence[4, 1, 2] = evidence[5, 0, 0] = value
    for run, own in (
        (pooling.pool, pooling.compiled(pooling.logistic, True)),
        (pooling.interpret, pooling.logistic),
    ):
        wide = np.concatenate([evidence, np.zeros((6, 2, 3))], axis=2)
        assert run(own, wide, spoken, np.ones((6, 2)), np.empty(6, np.int32), np.empty((6, 3))) == 4


@pytest.mark.parametrize(
    ("name", "witness"),
    [("max", aggregation.maximum_rule), ("min", aggregation.minimum_rule), ("median", aggregation.median_rule)],
)
@pytest.mark.parametrize("n_agents", [1, 2, 3, 6])
def test_deslib(name, witness, n_agents):
    panel = make_panel(400, n_agents, 4, seed=2)
    assert_array_equal(replay(panel, name).decision.labels, witness(panel.scores))


@many
@given(panels())
def test_one_agent_alone_decides(panel):
    panel = panel.select(panel.agents[:1])
    for name in ("max", "min", "median"):
        assert_array_equal(replay(panel, name).decision.labels, replay(panel, "mean").decision.labels)
    weighted = panel.with_weights(np.where(panel.spoke, 0.5, np.nan))
    assert_array_equal(replay(weighted, "dempster_shafer").decision.labels, replay(panel, "mean").decision.labels)


def test_total_conflict_abstains_and_is_noted():
    panel = make_panel(40, 2, 3, seed=1)
    panel.scores[7] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    panel.reliability[7] = 1.0
    panel.labels[7] = [0, 1]
    panel.truth[7] = 0
    decision = replay(panel, "dempster_shafer").decision
    assert np.flatnonzero(decision.labels < 0).tolist() == [7]
    assert (decision.truth_rank[7], decision.tied[7], decision.winnable[7]) == (3, False, False)
    notes = Notes()
    note_replay(replay(panel, "dempster_shafer"), notes)
    assert [note for note in notes if "on 1 example, for the agents contradict each other outright" in note]
    panel.reliability[7, 1] = 0.9  # something is left to all classes
    assert replay(panel, "dempster_shafer").decision.labels[7] == 0


@many
@given(tables(), st.integers(1, 3), st.booleans())
def test_the_gate_is_four_lines_of_numpy(table, n_parts, without):
    _, spoken, q, _ = table
    n, m = spoken.shape
    random = np.random.default_rng(n * m)
    gates = random.normal(size=(n_parts, m + 2, 2 * m + 1))
    gates[:, m + 1, 1:] = 0.5 + random.random((n_parts, 2 * m))
    part = random.integers(0, n_parts, n)
    q = np.where(random.random((n, m)) < 0.3 * without, np.nan, q)
    out = np.full((n, m), 99.0)
    pooling.gate(q, spoken, gates, part, out)
    for i, there in enumerate(spoken >= 0):
        own = gates[part[i]]
        known = np.where(there & ~np.isnan(q[i]), (q[i] - own[m, 1 : m + 1]) / own[m + 1, 1 : m + 1], 0.0)
        z = own[:m, 0] + own[:m, 1 : m + 1] @ known + own[:m, m + 1 :] @ there
        expected = np.where(there, z - z[there].min(initial=np.inf), 0.0)
        assert_allclose(out[i], expected, rtol=0, atol=1e-12)


def test_pool_and_gate_have_one_signature_for_all_rules():
    panel = make_panel(50, 3, 4, missing=0.2)
    for name in ("max", "min", "median", "dempster_shafer"):
        for options in ({}, {"scheme": "single", "agent": "agent1"}, {"statistic": "top_2"}, {"exact": False}):
            permute(replay(panel, name), n_permutations=3, **options)
    for kernel in (pooling.pool, pooling.gate):
        assert isinstance(kernel, Dispatcher)
        assert len(kernel.signatures) <= 1
    assert {str(pooling.compiled(rule, True)._sig) for rule in RULES} == {str(pooling.signature())}


CACHED = """
import numpy as np
from sabotage.kernels import pooling
for rule in (pooling.maximum, pooling.median):
    own = pooling.compiled(rule, True)
    arrays = np.ones((2, 3, 4)), np.zeros((2, 3), np.int32), np.ones((2, 3)), np.empty(2, np.int32), np.ones((2, 4))
    pooling.pool(own, *arrays)
    print(own.cache_hits)
hits = pooling.pool.stats
print(sum(hits.cache_hits.values()), sum(hits.cache_misses.values()))
"""


def test_a_second_process_finds_all_of_it_compiled(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    run = [sys.executable, "-c", CACHED]
    first, second = (subprocess.run(run, capture_output=True, text=True, check=True).stdout.split() for _ in range(2))
    assert first == ["0", "0", "0", "1"]
    assert second == ["1", "1", "1", "0"]
