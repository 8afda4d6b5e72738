"""Sums over pairs of any rule, complete or sampled, against loops over pairs; and the proof that nothing moves."""

from itertools import permutations, product
from math import exp, log

import naive
import numpy as np
import pyarrow as pa
import pytest
from builders import make_panel, panels, tie_heavy, to_naive
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import sabotage.sampling as module
from sabotage import Panel, permute, replay
from sabotage.engines import make_engine
from sabotage.exact import sum_pairs
from sabotage.measures import make_measure
from sabotage.moments import terms
from sabotage.planning import make_plan
from sabotage.sampling import proves_still, ring_sums

some = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def moved_row(panel, i, j, agent):
    """Return the reliability of example i when row j, or one agent's part of it, comes to it."""
    row = panel.reliability[j].copy() if agent is None else panel.reliability[i].copy()
    if agent is not None:
        row[agent] = panel.reliability[j, agent]
    return [None if np.isnan(value) else float(value) for value in row]


def worth_of(tiny, rule, statistic, i, row):
    """Return what example i is worth under a row of reliability, by the oracle's fusion."""
    decision, totals = naive.fuse(tiny, rule, i, row)
    truth = tiny.truth[i]
    if statistic == "log_likelihood":
        if decision is None:
            return log(1e-12)
        if rule == "log_pool":
            totals = [exp(total - max(totals)) for total in totals]
        return log(max(totals[truth] / sum(totals), 1e-12)) if sum(totals) > 0 else log(1e-12)
    if statistic == "top_2" and decision is not None:
        ranked = sorted((-totals[c], c) for c in naive.rankable_classes(tiny, rule, i))
        return float(truth in [c for _, c in ranked[:2]])
    return float(decision == truth)


def table_of_worth(ready, statistic, agent):
    """Return what example i is worth with the reliability of j, for all pairs, by example: (n, n)."""
    panel, tiny, n = ready.panel, to_naive(ready.panel), ready.panel.n_examples
    table = np.empty((n, n))
    for i, j in product(range(n), repeat=2):
        table[i, j] = worth_of(tiny, ready.rule.name, statistic, i, moved_row(panel, i, j, agent))
    return table


def prepared(panel, rule, statistic, within=()):
    ready = replay(panel, rule)
    measure = make_measure(statistic, ready)
    plan = make_plan(ready, within, measure.top, log=min(measure.kind, 0))
    return ready, measure, plan, measure.worth(ready, ready.decision, ready.weights)


CASES = [
    ("select_best", "accuracy", None),
    ("select_best", "balanced_accuracy", 1),
    ("select_best", "top_2", None),
    ("softmax_gate", "balanced_accuracy", 0),
    ("softmax_gate", "log_likelihood", 2),
    ("weighted_mean", "log_likelihood", None),
    ("weighted_mean", "log_likelihood", 1),
    ("log_pool", "log_likelihood", None),
    ("weighted_vote", "log_likelihood", 0),
]


@pytest.mark.parametrize(("rule", "statistic", "agent"), CASES)
@pytest.mark.parametrize(("missing", "seed"), [(0.0, 1), (0.45, 2), (0.45, 3)])
def test_complete_sums_are_those_of_the_definition(rule, statistic, agent, missing, seed):
    site = pa.array([["a", "b", None][k % 3] for k in range(26)])
    panel = make_panel(26, 3, 4, seed, missing=missing, no_reliability=0.1, steps=5, columns={"site": site})
    if missing:
        assert (panel.labels < 0).all(axis=1).sum() > 1  # some on which nobody speaks
    ready, measure, plan, worth = prepared(panel, rule, statistic, ["site"])
    found = ring_sums(plan, agent, measure.class_weights, worth, everything=True)
    table = table_of_worth(ready, statistic, agent)[np.ix_(plan.order, plan.order)]
    np.testing.assert_allclose(worth[plan.order], np.diag(table), rtol=0, atol=1e-12)
    weight = measure.class_weights[plan.truth]
    for p in range(26):
        others = [k for k in range(26) if k != p and plan.block_of[k] == plan.block_of[p]]
        moving = [k for k in others if found.moves[k]]
        assert found.n_donors[p] == len(others)
        assert found.sums[p] == pytest.approx(table[p, others].sum(), abs=1e-9)
        assert found.squares[p] == pytest.approx((table[p, others] ** 2).sum(), abs=1e-9)
        assert found.columns[p] == pytest.approx((weight[moving] * table[moving, p]).sum(), abs=1e-12)
        means = [weight[k] * found.sums[k] / len(others) for k in moving]
        assert found.usual[p] == pytest.approx(sum(means), abs=1e-12)
        if not found.moves[p]:
            np.testing.assert_allclose(table[p, others], table[p, p], rtol=0, atol=1e-12)


def telling_panel(sizes):
    """Make a panel of which the logarithm of an example's share says by whose reliability it came about.

    Agent a is for class 0, agent b for class 1, and the truth is 0 throughout. With the reliabilities q and 1 the
    share is q / (q + 1), and q of the k-th row of a block makes that exp(-2^k / 2^20): the sum over the donors of an
    example is one bit a donor.
    """
    block = np.repeat(np.arange(len(sizes)), sizes)
    number = np.concatenate([np.arange(size) for size in sizes])
    shuffled = np.random.default_rng(0).permutation(len(block))
    block, number = block[shuffled], number[shuffled]
    n = len(block)
    scores = np.tile(np.eye(2), (n, 1, 1))
    q = np.stack([1 / np.expm1(2.0**number / 2**20), np.ones(n)], axis=1)
    labels = scores.argmax(axis=2).astype(np.int32)
    zeros = np.zeros(n, np.int32)
    columns = {"block": pa.array(block)}
    return Panel(("a", "b"), (0, 1), pa.array(range(n)), zeros, labels, np.ones((n, 2)), scores, q, columns=columns), (
        block,
        number,
    )


@pytest.mark.parametrize("agent", [None, 0])
@pytest.mark.parametrize("fewest", [1, 5, 13])
def test_sampled_donors_are_different_others_of_the_block(fewest, agent, monkeypatch):
    monkeypatch.setattr(module, "PAIRS", 0)
    monkeypatch.setattr(module, "FEWEST_DONORS", fewest)
    sizes = (1, 2, 9, 14, 20)
    panel, (block, number) = telling_panel(sizes)
    _, measure, plan, worth = prepared(panel, "weighted_mean", "log_likelihood", ["block"])
    donor_sets = set()
    for seed in range(4):
        results = [ring_sums(plan, agent, measure.class_weights, worth, seed, threads=threads) for threads in (1, 2, 7)]
        found = results[0]
        for other in results[1:]:
            for name in ("sums", "squares", "columns", "usual"):
                assert getattr(other, name).tobytes() == getattr(found, name).tobytes()
        assert not found.is_complete
        bits = np.rint(-found.sums * 2**20).astype(int)
        np.testing.assert_allclose(-found.sums * 2**20, bits, atol=1e-3)
        for p, i in enumerate(plan.order):
            expected = min(sizes[block[i]] - 1, fewest)
            assert found.n_donors[p] == expected
            if expected:  # an example alone in its block is worth what it is, nought times
                assert bin(bits[p]).count("1") == expected
            assert not bits[p] >> number[i] & 1
            assert bits[p] < 2 ** sizes[block[i]]
            # Every row gives as often as it takes.
            given = -found.columns[p] * panel.n_examples * 2**20 / 2.0 ** number[i]
            assert given == pytest.approx(expected, abs=1e-3)
        donor_sets.add(bits.tobytes())
    assert len(donor_sets) == 4  # rings differ from seed to seed


def test_enough_steps_are_all_pairs(monkeypatch):
    panel = make_panel(30, 3, 4, 5, missing=0.2, steps=6)
    _, measure, plan, worth = prepared(panel, "select_best", "accuracy")
    whole = ring_sums(plan, None, measure.class_weights, worth, seed=1, everything=True)
    sampled = ring_sums(plan, None, measure.class_weights, worth, seed=2)  # 64 donors are more than there are
    assert whole.is_complete
    assert sampled.is_complete
    for name in ("sums", "squares", "columns", "usual", "n_donors", "moves"):
        np.testing.assert_allclose(getattr(whole, name), getattr(sampled, name), rtol=0, atol=1e-12)


def test_an_interrupt_stops_the_sums():
    _, measure, plan, worth = prepared(make_panel(60), "select_best", "accuracy")

    def interrupt():
        raise KeyboardInterrupt

    for work in (
        lambda: ring_sums(plan, None, measure.class_weights, worth, threads=2, pause=interrupt),
        lambda: proves_still(plan, None, pause=interrupt),
    ):
        with pytest.raises(KeyboardInterrupt):
            work()


@pytest.mark.parametrize("family", ["plain", "tenths", "zeros", "neighbours", "few"])
@pytest.mark.parametrize(("rule", "agent"), [("weighted_mean", None), ("weighted_mean", 1), ("weighted_vote", None)])
def test_both_ways_to_sum_agree_on_linear_rules(rule, agent, family):
    for statistic in ("accuracy", "balanced_accuracy"):
        panel = tie_heavy(family, 60, 3, 4, 7, missing=0.25)
        _, measure, plan, worth = prepared(panel, rule, statistic)
        scheme = "joint" if agent is None else "single"
        exact = sum_pairs(make_engine(plan, scheme, agent), measure.class_weights)
        ring = ring_sums(plan, agent, measure.class_weights, worth, everything=True)
        by_class = statistic == "balanced_accuracy"
        one, other = (terms(plan, sums, worth, measure.class_weights, by_class) for sums in (exact, ring))
        assert other.mean == pytest.approx(one.mean, abs=1e-12)
        assert other.variance == pytest.approx(one.variance, abs=1e-12)
        assert other.gap == pytest.approx(one.gap, abs=1e-12)
        np.testing.assert_allclose(other.influence, one.influence, rtol=0, atol=1e-12)


def test_the_public_result_does_not_depend_on_who_sums(monkeypatch):
    ready = replay(make_panel(70, 3, 4, 3, missing=0.2, steps=8))
    exact = permute(ready, n_permutations=3).moments
    monkeypatch.setattr("sabotage.outcomes.MOST_PAIRS", 0)
    ring = permute(ready, n_permutations=3).moments  # sampled, with more donors than there are
    assert ring.exact_mean == pytest.approx(exact.exact_mean, abs=1e-12)
    assert ring.exact_sd == pytest.approx(exact.exact_sd, abs=1e-9)
    assert ring.gap_u == pytest.approx(exact.gap_u, abs=1e-12)
    assert ring.gap_se == pytest.approx(exact.gap_se, abs=1e-12)
    assert ring.gap_interval == pytest.approx(exact.gap_interval, abs=1e-12)
    assert ring.n_donors is exact.n_donors is None


@pytest.mark.parametrize(
    ("rule", "statistic"),
    [("select_best", "balanced_accuracy"), ("log_pool", "log_likelihood"), ("weighted_vote", "log_likelihood")],
)
@pytest.mark.parametrize("agent", [None, 0])
@some
@given(panel=panels(most=5))
def test_the_variance_is_that_of_all_permutations(rule, statistic, agent, panel):
    assume((panel.labels < 0).all(axis=1).sum() < 2)
    ready = replay(panel, rule)
    tiny = to_naive(panel)
    table, weight = table_of_worth(ready, statistic, agent), make_measure(statistic, ready).class_weights
    blocks = naive.blocks(tiny, rule)
    values = []
    for arrangement in product(*(permutations(part) for part in blocks)):
        pairs = [
            (i, j) for part, donors in zip(blocks, arrangement, strict=True) for i, j in zip(part, donors, strict=True)
        ]
        values.append(sum(weight[panel.truth[i]] * table[i, j] for i, j in pairs))
    scheme = "joint" if agent is None else "single"
    name = None if agent is None else panel.agents[agent]
    found = permute(ready, scheme=scheme, agent=name, statistic=statistic, n_permutations=2).moments
    assert found.exact_mean == pytest.approx(np.mean(values), abs=1e-10)
    assert found.exact_sd == pytest.approx(np.std(values), abs=1e-6)


@pytest.mark.parametrize("rule", ["weighted_mean", "weighted_vote", "select_best", "softmax_gate"])
@pytest.mark.parametrize("agent", [None, 0])
@some
@given(panel=panels(most=7), halves=st.booleans())
def test_the_proof_is_that_of_all_pairs(rule, agent, panel, halves):
    half = pa.array([k % 2 for k in range(panel.n_examples)])
    panel = Panel(
        **{name: getattr(panel, name) for name in panel.__dataclass_fields__ if name != "columns"},
        columns={"half": half},
    )
    ready = replay(panel, rule)
    plan = make_plan(ready, ["half"] if halves else [])
    tiny = to_naive(panel)
    flips = False
    for part in naive.blocks(tiny, rule, half.to_pylist() if halves else None):
        for i, j in product(part, repeat=2):
            moved = naive.fuse(tiny, rule, i, moved_row(panel, i, j, agent))[0]
            flips |= moved != naive.fuse(tiny, rule, i, tiny.q[i])[0]
    assert proves_still(plan, agent) is (not flips)
    assert proves_still(plan, agent, most_pairs=0) is (True if len(plan.swept) == 0 else None)


def test_pairs_count_once_for_rows_that_weigh_the_same():
    # Three rows of reliability in one block of 40: each swept example has three donors to try.
    panel = tie_heavy("few", 40, 3, 4, 2)
    plan = make_plan(replay(panel, "select_best"))
    n_rows = len(np.unique(panel.reliability, axis=0))
    assert n_rows == 3
    assert proves_still(plan, None, most_pairs=len(plan.swept) * n_rows) is not None
    assert proves_still(plan, None, most_pairs=len(plan.swept) * n_rows - 1) is None


def test_a_null_is_another_donor_than_nought_to_a_softmax():
    # Weights of one half each decide for class 0, .65 against .35; with a null for a, b decides alone for class 1.
    scores = np.array([[[0.9, 0.1], [0.4, 0.6]]] * 3)
    q = np.array([[0.0, 0.0], [0.0, 0.0], [np.nan, 0.0]])
    labels = scores.argmax(axis=2).astype(np.int32)
    zeros = np.zeros(3, np.int32)
    panel = Panel(("a", "b"), (0, 1), pa.array(range(3)), zeros, labels, np.ones((3, 2)), scores, q)
    ready = replay(panel, "softmax_gate")
    assert ready.decision.labels.tolist() == [0, 0, 1]
    for agent in (None, 0):
        assert proves_still(make_plan(ready), agent) is False
    assert proves_still(make_plan(ready), 1) is True
