"""The permutation test against enumeration, scipy and itself."""

from inspect import signature
from itertools import pairwise

import naive
import numpy as np
import pyarrow as pa
import pytest
from builders import decisions, doubled, make_panel, panels, to_naive
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.stats import kstest, permutation_test
from sklearn.metrics import balanced_accuracy_score, f1_score

import sabotage.engines as module
from sabotage import Panel, SabotageError, permute, replay
from sabotage.engines import make_engine
from sabotage.planning import make_plan

some = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def fields(permutation):
    values = permutation.to_dict()
    return {name: value for name, value in values.items() if name != "within"}, permutation.broken.tolist()


@pytest.mark.parametrize("rule", ["weighted_mean", "weighted_vote", "select_best", "softmax_gate"])
@pytest.mark.parametrize("statistic", ["balanced_accuracy", "accuracy", "macro_f1"])
@some
@given(panel=panels(most=6), halves=st.booleans())
def test_the_distribution_is_that_of_all_permutations(rule, statistic, panel, halves):
    column = ["l" if i % 2 else None for i in range(panel.n_examples)]
    panel = Panel(
        **{name: getattr(panel, name) for name in panel.__dataclass_fields__ if name != "columns"},
        columns={"half": pa.array(column, pa.string())},
    )
    within = ["half"] if halves else []
    ready = replay(panel, rule)
    found = permute(ready, statistic=statistic, within=within, n_permutations=4000, seed=5)
    tiny = to_naive(panel)
    every = naive.permutation_distribution(tiny, rule, statistic, column if halves else None)
    assert found.n_blocks == len(naive.blocks(tiny, rule, column if halves else None))
    assert found.clean == pytest.approx(naive.statistic(tiny, decisions(ready.decision.labels), statistic), abs=1e-12)
    values = np.array([value for value, _ in every])
    spread = values.std()
    assert found.broken_mean == pytest.approx(values.mean(), abs=4.5 * spread / 4000**0.5 + 1e-12)
    flips = np.array([share for _, share in every])
    assert found.flip_rate == pytest.approx(flips.mean(), abs=4.5 * flips.std() / 4000**0.5 + 1e-12)
    support = np.unique(np.round(values, 9))
    assert set(np.round(found.broken, 9)) <= set(support)
    share = (values >= found.clean - 1e-12).mean()
    assert found.p_value == pytest.approx(share, abs=4.5 * (share * (1 - share) / 4000) ** 0.5 + 1 / 4000)


def scipy_test(panel: Panel, n_resamples: int, alternative: str):
    """Balanced accuracy under permuted row pointers, in scipy's own loop."""
    q = panel.reliability

    def of_row(row):
        fused = np.einsum("im,imc->ic", q[row.astype(int)], panel.scores)
        return balanced_accuracy_score(panel.truth, fused.argmax(axis=1))

    def statistic(pointer, axis):
        return np.apply_along_axis(of_row, axis, pointer)

    return permutation_test(
        (np.arange(panel.n_examples),),
        statistic,
        permutation_type="pairings",
        alternative=alternative,
        n_resamples=n_resamples,
        batch=1,
        vectorized=True,
        **{"rng" if "rng" in signature(permutation_test).parameters else "random_state": np.random.default_rng(0)},
    )


def test_p_is_scipys_exact_one_on_tiny_data():
    panel = make_panel(6, 2, 3, seed=11)
    panel = panel.with_weights(panel.reliability + 0.01)  # the loop in scipy knows no zero-sum rule
    expected = scipy_test(panel, 10**6, "greater")  # 6! = 720: scipy enumerates
    found = permute(replay(panel, "weighted_mean"), n_permutations=40_000, seed=2)
    assert len(expected.null_distribution) == 720
    assert found.clean == pytest.approx(expected.statistic, abs=1e-12)
    slack = 4.5 * (expected.pvalue * (1 - expected.pvalue) / 40_000) ** 0.5 + 1e-4
    assert found.p_value == pytest.approx(expected.pvalue, abs=slack)


@pytest.mark.parametrize("alternative", ["greater", "two-sided"])
def test_p_agrees_with_scipys_random_one(alternative):
    panel = make_panel(80, 2, 3, seed=8)
    panel = panel.with_weights(panel.reliability + 0.01)  # the loop in scipy knows no zero-sum rule
    expected = scipy_test(panel, 1500, alternative)
    found = permute(replay(panel, "weighted_mean"), n_permutations=20_000, seed=2)
    p = found.p_value if alternative == "greater" else found.p_value_two_sided
    target = expected.pvalue
    assert p == pytest.approx(target, abs=4.5 * (max(target * (1 - target), 1e-4) * 2 / 1500) ** 0.5 + 1e-3)
    assert found.broken_mean == pytest.approx(expected.null_distribution.mean(), abs=4.5 * found.broken_sd / 1500**0.5)
    assert found.broken_sd == pytest.approx(expected.null_distribution.std(), rel=0.12)


@pytest.mark.parametrize("rule", ["weighted_mean", "weighted_vote", "select_best", "softmax_gate"])
def test_bits_do_not_depend_on_threads_or_batches(rule, monkeypatch):
    panel = make_panel(150, 3, 4, seed=1, missing=0.3, no_reliability=0.1, steps=5)
    ready = replay(panel, rule)
    results = [fields(permute(ready, n_permutations=500, seed=9, threads=threads)) for threads in (1, 2, 7)]
    for donors in (1, 1000, 150 * 7):
        monkeypatch.setattr(module, "DONORS", donors)
        results.append(fields(permute(ready, n_permutations=500, seed=9, threads=2)))
    assert all(result == results[0] for result in results)


@pytest.mark.parametrize("scheme", ["joint", "independent"])
@pytest.mark.parametrize("rule", ["weighted_mean", "weighted_vote", "select_best"])
def test_macro_f1_is_scikit_learns(rule, scheme):
    panel = make_panel(120, 3, 5, seed=3, missing=0.2, steps=4)
    panel.truth[panel.truth == 2] = 1  # a class that is said and never true
    ready = replay(panel, rule)
    found = permute(ready, statistic="macro_f1", scheme=scheme, n_permutations=20, seed=4)
    again = permute(ready, statistic="macro_f1", scheme=scheme, n_permutations=20, seed=4, engine="numba")
    np.testing.assert_array_equal(found.broken, again.broken)

    def f1(labels):
        return f1_score(panel.truth, labels, labels=np.unique(panel.truth), average="macro", zero_division=0)

    assert found.clean == pytest.approx(f1(ready.decision.labels), abs=1e-12)
    plan = make_plan(ready)
    engine = make_engine(plan, scheme)
    donors = np.empty((20, engine.n_streams, 120), np.int32)
    engine.start(4, 0).draw(donors)
    for r in range(20):
        q = np.empty_like(panel.reliability)
        for m in range(3):
            q[plan.order, m] = panel.reliability[plan.order[donors[r, m if scheme == "independent" else 0]], m]
        assert found.broken[r] == pytest.approx(f1(ready.decide_labels(ready.weigh(q))), abs=1e-12)
    assert found.moments is None
    if scheme == "joint" and rule != "select_best":
        assert found.why_no_moments == "macro-F1 is no sum over examples"


def test_more_replicates_begin_with_the_same_ones():
    ready = replay(make_panel(50))
    few = permute(ready, n_permutations=100, seed=1).broken
    np.testing.assert_array_equal(permute(ready, n_permutations=1000, seed=1).broken[:100], few)
    assert not np.array_equal(permute(ready, n_permutations=100, seed=2).broken, few)


@some
@given(panel=panels(most=30))
def test_constant_reliability_changes_nothing(panel):
    found = permute(replay(panel.with_weights("uniform"), "weighted_mean"), n_permutations=70)
    assert found.flip_rate == 0
    assert (found.broken == found.clean).all()
    assert (found.p_value, found.p_value_two_sided, found.gap) == (1, 1, 0)
    assert found.uniform_weights == found.clean


def test_blocks_of_one_are_the_identity():
    panel = make_panel(40, columns={"each": pa.array(range(40))})
    found = permute(replay(panel), within=["each"], n_permutations=70)
    assert found.n_blocks == 40
    assert (found.broken == found.clean).all()
    assert found.flip_rate == 0


@pytest.mark.parametrize("rule", ["mean", "majority", "max_confidence"])
def test_a_rule_without_reliability_cannot_change(rule):
    ready = replay(make_panel(40, steps=3), rule)
    found = permute(ready, n_permutations=70)
    assert (found.flip_rate, found.gap, found.p_value, found.uniform_weights) == (0, 0, 1, found.clean)


def test_blocks_are_patterns_and_columns_with_null_a_value():
    panel = make_panel(
        60, 2, 3, missing=0.4, columns={"site": pa.array([None, "a", "b"] * 20), "x": pa.array([1, 2] * 30)}
    )
    plan = make_plan(
        replay(panel, "select_best"), ["site", "x"]
    )  # not linear: agents that differ, in file order, first
    order, starts = plan.order, plan.starts
    assert sorted(order.tolist()) == list(range(60))
    keys = [(tuple(panel.spoke[i]), i % 3, i % 2) for i in order]
    differ = np.array([len(set(row[row >= 0].tolist())) > 1 for row in panel.labels])
    for start, stop in pairwise(starts):
        assert len(set(keys[start:stop])) == 1
        first = differ[order[start:stop]]
        assert (np.diff(first.astype(int)) <= 0).all()
        for part in (order[start:stop][first], order[start:stop][~first]):
            assert (np.diff(part) > 0).all()
    assert set(plan.order[plan.swept]) <= set(np.flatnonzero(differ).tolist())
    assert len(starts) - 1 == len(set(keys))


def test_a_null_reliability_makes_no_block():
    panel = make_panel(60, 2, 3, no_reliability=0.5)
    assert permute(replay(panel), n_permutations=10).n_blocks == 1


def test_p_is_uniform_under_exchangeable_reliability():
    ps = []
    for seed in range(300):
        panel = make_panel(150, 2, 3, seed=seed)
        shuffled = np.random.default_rng(seed).permutation(panel.reliability)
        ps.append(
            permute(replay(panel.with_weights(shuffled)), statistic="accuracy", n_permutations=199, seed=seed).p_value
        )
    # Ties make p conservative, never the other way.
    for level in (0.05, 0.2, 0.5):
        assert np.mean(np.array(ps) <= level) <= level + 3 * (level * (1 - level) / 300) ** 0.5
    assert kstest(ps, "uniform", alternative="greater").pvalue > 1e-3


def test_aligned_reliability_shows():
    panel = make_panel(400, 3, 4, seed=0)
    right = (panel.labels == panel.truth[:, None]).astype(float)
    found = permute(replay(panel.with_weights(0.05 + 0.95 * right)), n_permutations=999)
    assert found.p_value == 1 / 1000
    assert found.p_value_two_sided == 2 / 1000
    assert found.gap > 0.1


def test_duplicating_the_data_keeps_the_clean_statistic():
    panel = make_panel(40, 2, 3, steps=4)
    first, second = (permute(replay(p), n_permutations=10) for p in (panel, doubled(panel)))
    assert first.clean == second.clean
    assert first.uniform_weights == second.uniform_weights


def test_one_example_and_one_replicate():
    found = permute(replay(make_panel(1, 2, 3)), n_permutations=1)
    assert (found.n_blocks, found.p_value, found.broken_sd, found.monte_carlo_error) == (1, 1, None, None)


def test_progress_reaches_the_end():
    seen = []
    permute(replay(make_panel(30)), n_permutations=130, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (130, 130)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_an_interrupt_stops_the_threads_and_passes_on():
    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        permute(replay(make_panel(30)), n_permutations=10**7, progress=interrupt)


def test_sums_that_could_overflow_are_refused():
    panel = make_panel(20)
    with pytest.raises(
        SabotageError, match=r"could overflow: weights are up to 1e\+308, evidence up to 0\.\d+; dividing"
    ):
        permute(replay(panel.with_weights(np.full((20, 3), 1e308)), "weighted_mean"), n_permutations=2)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"statistic": "balanced_acuracy"}, "did you mean balanced_accuracy"),
        ({"n_permutations": 0}, "at least 1, at most 1,000,000,000: found 0"),
        ({"n_permutations": 10**24}, "at most 1,000,000,000"),
        ({"scheme": "sole"}, "unknown scheme 'sole'"),
        ({"scheme": "single"}, "give it for scheme single"),
        ({"agent": "agent0"}, "give it for scheme single"),
        ({"scheme": "single", "agent": "agent7"}, "unknown agent 'agent7'"),
        ({"statistic": "top_9"}, "needs that many classes: there are 4"),
        ({"statistic": "top_0"}, "unknown statistic 'top_0'"),
        ({"engine": "cpu"}, "unknown engine 'cpu'"),
        ({"scheme": "independent", "exact": True}, "scheme independent has none that was shown to be valid"),
        ({"seed": -1}, r"seed must lie in \[0, 2\^64\)"),
        ({"threads": 0}, "threads must be at least 1"),
        ({"within": ["subject"]}, "keeps no column 'subject'"),
    ],
)
def test_refused(options, says):
    with pytest.raises(SabotageError, match=says):
        permute(replay(make_panel(20)), **options)
