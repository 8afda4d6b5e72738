"""Exact moments and the gap's interval against the definitions, enumeration and the Monte Carlo."""

import naive
import numpy as np
import pyarrow as pa
import pytest
from builders import FAMILIES, doubled, make_panel, panels, scores_of, tie_heavy, to_naive
from hypothesis import HealthCheck, given, settings
from scipy.stats import t

import sabotage.exact as module
from sabotage import Panel, permute, replay
from sabotage.engines import make_engine
from sabotage.exact import sum_pairs
from sabotage.planning import make_plan

some = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def table_of_hits(ready, plan, agent, top):
    """Return h[i, j], whether example i is right with the reliability of j: (n, n), by position."""
    panel, q, order = ready.panel, ready.panel.reliability, plan.order
    table = np.zeros((len(order), len(order)))
    for j in range(len(order)):
        moved = np.repeat(q[order[j]][None], len(order), axis=0)
        if agent is not None:
            own = q[order].copy()
            own[:, agent] = moved[:, agent]
            moved = own
        spoken = ready.spoken[order]
        weights = np.where((spoken >= 0) & ~np.isnan(moved), moved, 0.0)
        weights[weights.sum(axis=1) == 0] = 1.0
        in_file_order = np.empty_like(weights)
        in_file_order[order] = weights
        scores = scores_of(ready, in_file_order)
        nobody = (ready.spoken < 0).all(axis=1)
        hit = scores.argmax(axis=1) == panel.truth
        if top:
            own = scores[np.arange(len(order)), panel.truth][:, None]
            lower = np.arange(panel.n_classes) < panel.truth[:, None]
            hit = ((scores > own) | ((scores == own) & lower)).sum(axis=1) < top
        table[:, j] = (hit & ~nobody)[order]
    return table


def definitions(ready, plan, agent, statistic, top, groups=None):
    """Hoeffding's moments, gap_u and its standard error, written down from their definitions, pair by pair."""
    h = table_of_hits(ready, plan, agent, top)
    truth, n = plan.truth, len(plan.truth)
    n_true = np.bincount(truth)
    w = np.array([1 / ((n_true > 0).sum() * n_true[y]) if statistic == "balanced_accuracy" else 1 / n for y in truth])
    mean = variance = 0.0
    u, r, psi = np.zeros(n), np.zeros((n,)), np.zeros(n)
    for b in range(plan.n_blocks):
        own = np.arange(plan.starts[b], plan.starts[b + 1])
        a = w[own, None] * h[np.ix_(own, own)]
        mean += len(own) * a.mean()
        if len(own) > 1:
            d = a - a.mean(axis=1, keepdims=True) - a.mean(axis=0, keepdims=True) + a.mean()
            variance += (d**2).sum() / (len(own) - 1)
            for i in own:
                r[i] = sum(h[i, k] for k in own if k != i) / (len(own) - 1)
                u[i] = h[i, i] - r[i]
    for b in range(plan.n_blocks):
        own = np.arange(plan.starts[b], plan.starts[b + 1])
        for i in own:
            psi[i] = w[i] * (u[i] - u.mean())
            alike = u[truth == truth[i]]
            if statistic == "balanced_accuracy" and len(alike) > 1:  # deviations from a mean of k are too small
                psi[i] = w[i] * (u[i] - alike.mean()) * (len(alike) / (len(alike) - 1)) ** 0.5
            if len(own) > 1:
                psi[i] -= sum(w[k] * (h[k, i] - r[k]) for k in own if k != i) / (len(own) - 1)
    groups = np.arange(n) if groups is None else groups[plan.order]
    totals = np.array([psi[groups == g].sum() for g in np.unique(groups)])
    n_groups = len(totals)
    se = (n_groups / (n_groups - 1) * (totals**2).sum()) ** 0.5 if n_groups > 1 else None
    return mean, variance**0.5, (w * u).sum(), se, n_groups


@pytest.mark.parametrize("statistic", ["balanced_accuracy", "accuracy", "top_2"])
@pytest.mark.parametrize("agent", [None, 1])
@pytest.mark.parametrize("shortest_line", [1, 10**6])
@pytest.mark.parametrize("family", FAMILIES)
def test_moments_are_the_definitions(family, shortest_line, agent, statistic, monkeypatch):
    monkeypatch.setattr(module, "SHORTEST_LINE", shortest_line)
    for seed, n_agents in enumerate((2, 2, 3, 3)):
        column = pa.array([["a", "b", None][k % 3] for k in range(48)])
        group = pa.array([k // 4 for k in range(48)])
        panel = tie_heavy(family, 48, n_agents, 4, seed, missing=0.2 * (seed % 2), columns={"c": column, "g": group})
        panel = Panel(**{k: getattr(panel, k) for k in panel.__dataclass_fields__ if k != "group"}, group="g")
        ready = replay(panel, "weighted_mean")
        for within in ((), ("c",)):
            top = 2 if statistic == "top_2" else 0
            plan = make_plan(ready, within, top)
            mean, sd, gap, se, n_groups = definitions(ready, plan, agent, statistic, top, np.arange(48) // 4)
            for engine in ("core", "numba"):
                found = permute(
                    ready,
                    statistic=statistic,
                    scheme="joint" if agent is None else "single",
                    agent=None if agent is None else f"agent{agent}",
                    within=within,
                    n_permutations=2,
                    engine=engine,
                ).moments
                assert found.exact_mean == pytest.approx(mean, abs=1e-12)
                assert found.exact_sd == pytest.approx(sd, abs=1e-9)
                assert found.gap_u == pytest.approx(gap, abs=1e-12)
                assert found.gap_se == pytest.approx(se, abs=1e-12)
                assert found.n_clusters == n_groups == 12
                reach = t.ppf(0.975, 11) * se
                assert found.gap_interval == pytest.approx((gap - reach, gap + reach), abs=1e-12)


@pytest.mark.parametrize("statistic", ["balanced_accuracy", "accuracy"])
@pytest.mark.parametrize("rule", ["weighted_mean", "weighted_vote", "softmax_gate"])
@some
@given(panel=panels(most=6))
def test_moments_are_those_of_all_permutations(rule, statistic, panel):
    found = permute(replay(panel, rule), statistic=statistic, n_permutations=2).moments
    values = np.array([value for value, _ in naive.permutation_distribution(to_naive(panel), rule, statistic, None)])
    assert found.exact_mean == pytest.approx(values.mean(), abs=1e-12)
    assert found.exact_sd == pytest.approx(values.std(), abs=1e-7)


@pytest.mark.parametrize(("scheme", "agent"), [("joint", None), ("single", "agent0")])
@pytest.mark.parametrize("statistic", ["balanced_accuracy", "top_2"])
def test_moments_are_those_of_many_replicates(scheme, agent, statistic):
    ready = replay(make_panel(500, 3, 5, seed=3, missing=0.1, steps=20))
    found = permute(ready, scheme=scheme, agent=agent, statistic=statistic, n_permutations=100_000, seed=1)
    assert found.broken_mean == pytest.approx(found.moments.exact_mean, abs=4.5 * found.monte_carlo_error)
    # The sd of R normal values has a relative standard error of 1 / sqrt(2 R).
    assert found.broken_sd == pytest.approx(found.moments.exact_sd, rel=4.5 / (2 * 100_000) ** 0.5)


@pytest.mark.parametrize("family", FAMILIES)
def test_sums_are_the_same_whoever_makes_them(family, monkeypatch):
    for n_agents in (2, 3):
        panel = tie_heavy(family, 1500, n_agents, 5, 7, missing=0.1)
        plan = make_plan(replay(panel, "weighted_mean"))
        weights = np.array([0.1, 0.3, 0.7, 0.9, 1.1])
        expected = sum_pairs(make_engine(plan, engine="numba"), weights)
        for shortest_line, task, threads in (
            (1, 1 << 26, 1),
            (10**6, 1 << 26, 1),
            (10**6, 1 << 12, 2),
            (1, 1 << 12, 7),
        ):
            monkeypatch.setattr(module, "SHORTEST_LINE", shortest_line)
            monkeypatch.setattr(module, "TASK", task)
            found = sum_pairs(make_engine(plan, engine="core"), weights, threads)
            assert found.is_complete
            np.testing.assert_array_equal(found.sums, expected.sums)
            np.testing.assert_array_equal(found.n_donors, expected.n_donors)
            np.testing.assert_allclose(found.columns, expected.columns, rtol=0, atol=1e-9)
            np.testing.assert_allclose(found.usual, expected.usual, rtol=0, atol=1e-9)


def test_bits_do_not_depend_on_threads(monkeypatch):
    ready = replay(make_panel(1500, 3, 4, seed=1, missing=0.2, steps=9))
    results = []
    for threads, task in ((1, 1 << 26), (2, 1 << 14), (7, 1 << 12)):
        monkeypatch.setattr(module, "TASK", task)
        results.append(permute(ready, n_permutations=64, threads=threads).moments)
    assert results[0] == results[1] == results[2]


@some
@given(panel=panels(most=30))
def test_constant_reliability_has_no_spread(panel):
    found = permute(replay(panel.with_weights("uniform"), "weighted_mean"), n_permutations=2)
    assert found.moments.exact_mean == pytest.approx(found.clean, abs=1e-12)
    assert found.moments.exact_sd == pytest.approx(0, abs=1e-12)
    assert found.moments.gap_u == 0
    assert found.moments.gap_interval is None or found.moments.gap_interval == pytest.approx((0, 0), abs=1e-12)


@pytest.mark.parametrize("rule", ["mean", "majority", "max_confidence"])
def test_a_rule_without_reliability_has_its_clean_value(rule):
    found = permute(replay(make_panel(40, missing=0.2), rule), n_permutations=2)
    assert found.moments.exact_mean == pytest.approx(found.clean, abs=1e-12)
    assert (found.moments.exact_sd, found.moments.gap_u, found.moments.gap_se) == (0, 0, 0)


def two_agents(first, second, q0, q1, truth=1) -> Panel:
    """Make a panel of two agents whose scores are the same on every example."""
    n = len(q0)
    scores = np.tile([[first, second]], (n, 1, 1)).astype(float)
    return Panel(
        ("a", "b"),
        (0, 1),
        pa.array(range(n)),
        np.full(n, truth, np.int32),
        scores.argmax(axis=2).astype(np.int32),
        scores.max(axis=2),
        scores,
        np.stack([q0, q1], axis=1).astype(float),
    )


@pytest.mark.parametrize("agent", [None, 0])
@pytest.mark.parametrize(
    ("first", "second", "q0", "q1"),
    [
        ((0.2, 0.8), (0, 0), (0, 1e-18, 1e-20, 1), (1,)),  # a ratio of weights beyond what their sum can hold
        ((0.6, 0.9), (0.6, 0.9), (5e-324, 1), (5e-324, 1)),  # products that are lost among the denormals
        ((0.6, 0.9), (0.6, 0.9), (0, 5e-324, 1, 2, 3), (0,)),  # rows of zeros, which become ones, beside them
        ((0.3, 0.3), (0.1, 0.2), (-0.0, 0.0, 1), (0, 1)),
        ((1e-310, 2e-310), (2e-310, 1e-310), (0, 1e-5, 0.5, 1), (1e-5, 1)),
    ],
)
def test_ends_of_the_line(first, second, q0, q1, agent, monkeypatch):
    monkeypatch.setattr(module, "SHORTEST_LINE", 1)
    random = np.random.default_rng(0)
    panel = two_agents(first, second, random.choice(q0, 120), random.choice(q1, 120))
    ready = replay(panel, "weighted_mean")
    plan = make_plan(ready)
    scheme = {"scheme": "joint"} if agent is None else {"scheme": "single", "agent": "a"}
    found = permute(ready, statistic="accuracy", n_permutations=2, **scheme).moments
    mean, sd, *_ = definitions(ready, plan, agent, "accuracy", 0)
    assert found.exact_mean == pytest.approx(mean, abs=1e-12)
    assert found.exact_sd == pytest.approx(sd, abs=1e-7)


def test_few_clusters_have_no_interval():
    for n_groups, has_se in ((9, True), (1, False)):
        panel = make_panel(90, columns={"g": pa.array([k % n_groups for k in range(90)])})
        panel = Panel(**{k: getattr(panel, k) for k in panel.__dataclass_fields__ if k != "group"}, group="g")
        found = permute(replay(panel), n_permutations=2).moments
        assert (found.n_clusters, found.gap_interval) == (n_groups, None)
        assert (found.gap_se is not None) == has_se


def test_sums_can_be_asked_for_and_left_out(monkeypatch):
    ready = replay(make_panel(60))
    monkeypatch.setattr("sabotage.sampling.PAIRS", 10)
    monkeypatch.setattr("sabotage.sampling.FEWEST_DONORS", 20)
    left = permute(ready, n_permutations=2, exact=False)
    assert (left.moments.exact_mean, left.moments.exact_sd, left.z) == (None, None, None)
    assert left.moments.n_donors == 20
    assert left.why_no_moments == "exact sums were not asked for"
    monkeypatch.setattr("sabotage.outcomes.MOST_PAIRS", 10)
    left = permute(ready, n_permutations=2)
    assert left.moments.exact_mean is None
    assert "exact=True" in left.why_no_moments
    whole = permute(ready, n_permutations=2, exact=True).moments
    assert whole.exact_mean is not None
    assert whole.n_donors is None
    assert whole.gap_interval == pytest.approx(left.moments.gap_interval, abs=0.05)


def test_examples_that_stand_twice_keep_the_mean():
    panel = make_panel(40, 2, 3, steps=4)
    first, second = (permute(replay(p), n_permutations=2).moments for p in (panel, doubled(panel)))
    assert first.exact_mean == pytest.approx(second.exact_mean, abs=1e-12)


def test_the_interval_covers():
    # A population in which reliability helps; its gap comes from one very large sample.
    large = permute(replay(make_panel(40_000, 3, 4, seed=99)), n_permutations=2, statistic="accuracy").moments.gap_u
    covered = 0
    for seed in range(400):
        low, high = permute(
            replay(make_panel(150, 3, 4, seed=seed)), n_permutations=2, statistic="accuracy"
        ).moments.gap_interval
        covered += low <= large <= high
    assert covered > 0.95 * 400 - 4.5 * (0.05 * 0.95 * 400) ** 0.5
