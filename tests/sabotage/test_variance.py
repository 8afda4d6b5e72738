"""The split of the variance of sabotage against textbook analyses of variance, and what it must not depend on."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from hypothesis import given, settings
from hypothesis import strategies as st

from sabotage.partition import Partition
from sabotage.run_sums import Sums
from sabotage.variance import COMPONENTS, split_variance


def parts(n, cell=None):
    return Partition(None, ("all",), np.zeros(n, np.int64), 0, None if cell is None else np.asarray(cell))


def split(saboteur, cell=None, seed=0):
    saboteur = np.asarray(saboteur, bool)
    return split_variance(saboteur, Sums(parts(len(saboteur), cell), seed))


def by_hand(values):
    """Components from sums of squared deviations of cell means, as a textbook writes them."""
    n, m, r = values.shape
    grand = values.mean()
    mean = {
        "i": values.mean((1, 2), keepdims=True), "m": values.mean((0, 2), keepdims=True),
        "r": values.mean((0, 1), keepdims=True), "im": values.mean(2, keepdims=True),
        "ir": values.mean(1, keepdims=True), "mr": values.mean(0, keepdims=True),
    }  # fmt: skip

    def square(deviations, freedom):
        return (np.broadcast_to(deviations, values.shape) ** 2).sum() / freedom

    i, j, k = square(mean["i"] - grand, n - 1), square(mean["m"] - grand, m - 1), square(mean["r"] - grand, r - 1)
    ij = square(mean["im"] - mean["i"] - mean["m"] + grand, (n - 1) * (m - 1))
    ik = square(mean["ir"] - mean["i"] - mean["r"] + grand, (n - 1) * (r - 1))
    jk = square(mean["mr"] - mean["m"] - mean["r"] + grand, (m - 1) * (r - 1))
    left = values - mean["im"] - mean["ir"] - mean["mr"] + mean["i"] + mean["m"] + mean["r"] - grand
    e = square(left, (n - 1) * (m - 1) * (r - 1))
    return [(i - ij - ik + e) / (m * r), (j - ij - jk + e) / (n * r), (k - ik - jk + e) / (n * m),
            (ij - e) / r, (ik - e) / m, (jk - e) / n, e]  # fmt: skip


def drawn(n, m, r, seed=0, share=0.3):
    return np.random.default_rng(seed).random((n, m, r)) < share


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 14), st.integers(2, 4), st.integers(2, 4), st.integers(0, 999), st.sampled_from([0.05, 0.3, 0.8]))
def test_components_are_those_of_a_textbook(n, m, r, seed, share):
    saboteur = drawn(n, m, r, seed, share)
    found = split(saboteur)
    assert tuple(found.components) == COMPONENTS
    np.testing.assert_allclose(
        [own.variance for own in found.components.values()], by_hand(saboteur.astype(float)), atol=1e-12
    )
    if found.why is None or "intervals" in found.why:
        assert sum(own.share for own in found.shares.values()) == pytest.approx(1)
        assert sum(own.share for own in found.components.values()) == pytest.approx(1)


def test_mean_squares_are_those_of_statsmodels():
    saboteur = drawn(7, 3, 4, 5)
    i, m, r = (axis.ravel() for axis in np.indices(saboteur.shape))
    frame = pd.DataFrame({"y": saboteur.ravel().astype(float), "i": i, "m": m, "r": r})
    fit = smf.ols("y ~ C(i) + C(m) + C(r) + C(i):C(m) + C(i):C(r) + C(m):C(r)", frame).fit()
    table = sm.stats.anova_lm(fit, typ=1)
    square = table["sum_sq"] / table["df"]
    found = {name: own.variance for name, own in split(saboteur).components.items()}
    rest = square["Residual"]
    assert found["rest"] == pytest.approx(rest)
    assert found["example_agent"] == pytest.approx((square["C(i):C(m)"] - rest) / 4)
    assert found["agent_run"] == pytest.approx((square["C(m):C(r)"] - rest) / 7)
    expected = (square["C(i)"] - square["C(i):C(m)"] - square["C(i):C(r)"] + rest) / 12
    assert found["example"] == pytest.approx(expected)


def test_one_agent_is_split_two_ways():
    saboteur = drawn(9, 1, 3, 2)
    i, _, r = (axis.ravel() for axis in np.indices(saboteur.shape))
    frame = pd.DataFrame({"y": saboteur.ravel().astype(float), "i": i, "r": r})
    table = sm.stats.anova_lm(smf.ols("y ~ C(i) + C(r)", frame).fit(), typ=1)
    square = table["sum_sq"] / table["df"]
    found = {name: own.variance for name, own in split(saboteur).components.items()}
    rest = square["Residual"]
    expected = {"example": (square["C(i)"] - rest) / 3, "run": (square["C(r)"] - rest) / 9, "rest": rest}
    assert found == pytest.approx(expected)
    assert list(split(saboteur).shares) == ["dataset", "model", "rest"]


def test_each_example_by_its_own_agent_in_every_run_is_all_dataset():
    for with_none in (0, 30):
        saboteur = np.zeros((60 + with_none, 3, 4), bool)
        saboteur[np.arange(60), np.arange(60) % 3] = True
        found = split(saboteur)
        assert found.shares["dataset"].share == pytest.approx(1)
        assert [found.shares[name].share for name in ("model", "agent", "rest")] == pytest.approx([0, 0, 0])
    # With one agent more often than the others, some of it is that agent's, in every run: still none of the run's.
    uneven = np.zeros((60, 3, 4), bool)
    uneven[np.arange(60), [0] * 40 + [1] * 10 + [2] * 10] = True
    found = split(uneven)
    assert found.shares["dataset"].share + found.shares["agent"].share == pytest.approx(1)


def test_one_run_with_another_agent_is_all_model():
    saboteur = np.zeros((50, 2, 2), bool)
    saboteur[:, 0, 1] = True
    found = split(saboteur)
    assert found.shares["model"].share == pytest.approx(1)
    assert found.components["agent_run"].variance > 0


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 12), st.integers(0, 999))
def test_order_is_nothing_and_doubling_keeps_what_goes_with_no_example(n, seed):
    random = np.random.default_rng(seed)
    saboteur = drawn(n, 3, 3, seed)
    own = [one.variance for one in split(saboteur).components.values()]
    shuffled = saboteur[random.permutation(n)][:, random.permutation(3)][:, :, random.permutation(3)]
    np.testing.assert_allclose([one.variance for one in split(shuffled).components.values()], own, atol=1e-12)
    twice = np.concatenate([saboteur, saboteur])
    np.testing.assert_allclose(
        [one.variance for one in split(twice).components.values()], by_hand(twice.astype(float)), atol=1e-12
    )


def test_what_cannot_be_had_is_none_with_a_reason():
    for saboteur in (np.zeros((20, 2, 2), bool), np.ones((20, 2, 2), bool)):
        found = split(saboteur)
        assert all(own.share is None and own.interval is None for own in found.shares.values())
        assert "nothing varies" in found.why
    few = split(drawn(9, 2, 2))
    assert few.shares["rest"].share is not None
    assert few.shares["rest"].interval is None
    assert "found 9" in few.why
    clustered = split(drawn(40, 2, 2), np.arange(40) // 8)
    assert "found 5" in clustered.why
    assert (clustered.n_clusters, clustered.n_examples) == (5, 40)


def test_intervals_hold_their_share_and_are_wider_over_clusters_that_are_alike():
    saboteur = drawn(40, 3, 3, 4)
    repeated = np.repeat(saboteur, 10, axis=0)
    alone, clustered = split(repeated), split(repeated, np.repeat(np.arange(40), 10))
    for name, own in alone.shares.items():
        assert own.interval[0] <= own.share <= own.interval[1]
        assert 0 <= own.interval[0] <= own.interval[1] <= 1
        wide = clustered.shares[name].interval
        assert wide[1] - wide[0] >= own.interval[1] - own.interval[0]
    assert split(repeated) == alone
    assert split(repeated, seed=1).shares["rest"].interval != alone.shares["rest"].interval


def test_batches_of_examples_spread_as_examples_do():
    saboteur = drawn(5000, 3, 2, 6)
    saboteur[:, 0, 1] |= saboteur[:, 0, 0]
    batched = split(saboteur).shares["dataset"].interval
    random, values = np.random.default_rng(0), []
    for _ in range(200):
        components = by_hand(saboteur[random.integers(0, 5000, 5000)].astype(float))
        values.append((components[0] + components[3]) / sum(components))
    low, high = np.quantile(values, [0.025, 0.975])
    assert batched == pytest.approx((low, high), abs=0.25 * (high - low))


@pytest.mark.parametrize(("sd", "holds"), [(0.0, 0.9), (2.0, 0.88)])
def test_intervals_cover(sd, holds):
    # In 100 panels each of 20 kinds, measured apart, 88 to 99 % held the share of the dataset, 95 % on average.
    random = np.random.default_rng(3)

    def draw(n):
        logit = -2 + random.normal(0, sd, (n, 3, 1)) + np.array([[[0.3, 0, -0.3]]])
        return random.random((n, 3, 3)) < 1 / (1 + np.exp(-logit))

    true = split(draw(40_000)).shares["dataset"].share
    found = [split(draw(200), seed=seed).shares["dataset"].interval for seed in range(60)]
    assert np.mean([low - 0.002 <= true <= high + 0.002 for low, high in found]) >= holds


def test_parts_that_sum_to_nothing_have_no_shares():
    # Each run is sabotaged by an agent of its own, on every example: two parts are estimated as far below 0.
    saboteur = np.zeros((40, 2, 2), bool)
    saboteur[:, 0, 0] = saboteur[:, 1, 1] = True
    for found in (split(saboteur), split([[[1, 0]], [[0, 1]]])):
        assert {own.share for own in found.shares.values()} == {None}
        assert "sum to 0" in found.why
    saboteur[0] = False
    found = split(saboteur)
    assert sum(own.share for own in found.shares.values()) == pytest.approx(1)
    assert any(own.interval is None for own in found.shares.values()) <= (found.why is not None)
