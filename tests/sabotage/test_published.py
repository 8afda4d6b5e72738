"""The published scheme, written anew from its description, and scipy's permutation test, against "independent"."""

from inspect import signature

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import permutation_test
from sklearn.metrics import balanced_accuracy_score

from sabotage import Panel, permute, replay


def binary(n, n_agents, seed, gain=0.3, step=None):
    """Draw probabilities of the second class and qualities, some rows of which are 0 throughout."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, 2, n)
    quality = random.random((n, n_agents))
    noise = random.normal(0, 1, (n, n_agents)) * (1.2 - gain * quality)
    probability = 1 / (1 + np.exp(-(1.2 * (2 * truth[:, None] - 1) * gain + noise)))
    quality[random.random(n) < 0.1] = 0.0
    if step is not None:
        quality = np.round(quality / step) * step
    return truth, probability, quality


def as_panel(truth, probability, quality):
    scores = np.stack([1 - probability, probability], axis=2)
    names = tuple(f"m{k}" for k in range(probability.shape[1]))
    labels = scores.argmax(axis=2).astype(np.int32)
    return Panel(
        names, (0, 1), pa.array(range(len(truth))), truth.astype(np.int32), labels, scores.max(axis=2), scores, quality
    )


def fused_score(truth, probability, quality):
    """Balanced accuracy at .5 of the average probability, weighed by quality over its sum, evenly where that is 0."""
    total = quality.sum(axis=1, keepdims=True)
    weights = np.where(total > 0, quality / np.where(total > 0, total, 1.0), 1 / quality.shape[1])
    decided = (weights * probability).sum(axis=1) >= 0.5
    return np.mean([(decided[truth == c] == c).mean() for c in (0, 1)])


def published(truth, probability, quality, n_rounds, seed):
    """Shuffle each modality's quality within the rows where it is present, and score each time."""
    random = np.random.default_rng(seed)
    broken = np.empty(n_rounds)
    for k in range(n_rounds):
        moved = quality.copy()
        for m in range(quality.shape[1]):
            present = np.flatnonzero(~np.isnan(quality[:, m]))
            moved[present, m] = quality[random.permutation(present), m]
        broken[k] = fused_score(truth, probability, moved)
    clean = fused_score(truth, probability, quality)
    return clean, broken, (1 + np.count_nonzero(broken >= clean - 1e-12)) / (n_rounds + 1)


@pytest.mark.parametrize(("n_agents", "seed", "gain"), [(2, 0, 0.3), (3, 1, 0.3), (3, 2, 0.9), (4, 3, 0.1)])
def test_it_agrees_with_the_published_scheme(n_agents, seed, gain):
    truth, probability, quality = binary(250, n_agents, seed, gain)
    n_rounds = 3000
    clean, broken, p = published(truth, probability, quality, n_rounds, seed)
    found = permute(
        replay(as_panel(truth, probability, quality)), scheme="independent", n_permutations=n_rounds, seed=seed
    )
    assert found.clean == pytest.approx(clean, abs=1e-12)
    error = broken.std() * (2 / n_rounds) ** 0.5
    assert found.broken_mean == pytest.approx(broken.mean(), abs=4.5 * error)
    assert found.broken_sd == pytest.approx(broken.std(ddof=1), rel=4.5 / n_rounds**0.5)
    assert found.gap == pytest.approx(clean - broken.mean(), abs=4.5 * error)
    assert found.p_value == pytest.approx(p, abs=4.5 * (2 * max(p * (1 - p), 1e-3) / n_rounds) ** 0.5)


def test_it_differs_from_moving_whole_rows():
    # Agents whose qualities go together: torn apart, they say something else than moved as they are.
    truth, probability, quality = binary(400, 2, 5, 0.9)
    quality[:, 1] = 1.0 - quality[:, 0]
    panel = as_panel(truth, probability, quality)
    apart, together = (
        permute(replay(panel), scheme=scheme, n_permutations=4000) for scheme in ("independent", "joint")
    )
    assert abs(apart.broken_mean - together.broken_mean) > 4.5 * (apart.monte_carlo_error + together.monte_carlo_error)
    _, broken, _ = published(truth, probability, quality, 3000, 1)
    assert apart.broken_mean == pytest.approx(broken.mean(), abs=4.5 * broken.std() * (1 / 4000 + 1 / 3000) ** 0.5)


def scipy_test(truth, probability, quality, alternative, n_resamples):
    """Move each agent's quality on its own in scipy's loop, which enumerates where there are few arrangements."""

    def statistic(*pointers, axis):
        rows = np.broadcast_arrays(*pointers)
        values = np.empty(rows[0].shape[:-1])
        for at in np.ndindex(values.shape):
            moved = np.stack([quality[row[at].astype(int), m] for m, row in enumerate(rows)], axis=1)
            values[at] = fused_score(truth, probability, moved)
        return values

    n, n_agents = quality.shape
    random = {"rng" if "rng" in signature(permutation_test).parameters else "random_state": np.random.default_rng(0)}
    return permutation_test(
        tuple(np.arange(n) for _ in range(n_agents)),
        statistic,
        permutation_type="pairings",
        alternative=alternative,
        n_resamples=n_resamples,
        vectorized=True,
        **random,
    )


@pytest.mark.parametrize("seed", [0, 3, 5, 8])
def test_p_is_scipys_on_all_arrangements(seed):
    truth, probability, quality = binary(5, 2, seed)
    truth[:2] = 0, 1
    panel = as_panel(truth, probability, quality)
    for alternative in ("greater", "two-sided"):
        expected = scipy_test(truth, probability, quality, alternative, 10**6)
        assert len(expected.null_distribution) == 120**2
        found = permute(replay(panel), scheme="independent", n_permutations=40_000, seed=seed)
        assert found.clean == pytest.approx(expected.statistic, abs=1e-12)
        p = found.p_value if alternative == "greater" else found.p_value_two_sided
        assert p == pytest.approx(expected.pvalue, abs=2 * 4.5 * (0.25 / 40_000) ** 0.5 + 1e-4)
        assert found.broken_mean == pytest.approx(
            expected.null_distribution.mean(), abs=4.5 * found.monte_carlo_error + 1e-12
        )
        assert set(np.round(found.broken, 9)) <= set(np.round(expected.null_distribution, 9))


def test_the_joint_p_is_scipys_two_sided_one():
    truth, probability, quality = binary(7, 3, 2)
    truth[:2] = 0, 1

    def statistic(pointer, axis):
        return np.apply_along_axis(lambda row: fused_score(truth, probability, quality[row.astype(int)]), axis, pointer)

    expected = permutation_test(
        (np.arange(7),),
        statistic,
        permutation_type="pairings",
        alternative="two-sided",
        n_resamples=10**6,
        vectorized=True,
    )
    assert len(expected.null_distribution) == 5040
    found = permute(replay(as_panel(truth, probability, quality)), n_permutations=40_000, seed=4)
    assert found.p_value_two_sided == pytest.approx(expected.pvalue, abs=2 * 4.5 * (0.25 / 40_000) ** 0.5 + 1e-4)


def test_the_score_is_scikit_learns():
    truth, probability, quality = binary(100, 2, 7)
    decided = replay(as_panel(truth, probability, quality)).decision.labels
    assert fused_score(truth, probability, quality) == pytest.approx(balanced_accuracy_score(truth, decided), abs=1e-12)
