"""Kernels against the oracle, and the permutation loop against fusing each replicate on its own."""

import numpy as np
import pytest
from builders import make_panel
from numba.core.dispatcher import Dispatcher
from sabotage.kernels import drawing, fusing, lines, pruning

from sabotage import permute, replay


@pytest.mark.parametrize("kind", [fusing.EQUAL, fusing.RAW, fusing.SOFTMAX])
def test_weights_of_silent_agents_and_nulls(kind):
    q = np.array([[0.2, np.nan, 0.5], [0.0, 0.0, 0.0], [np.nan, np.nan, np.nan], [3.0, 1.0, 2.0]])
    spoken = np.array([[0, 1, -1], [1, -1, 1], [0, 0, 0], [-1, -1, -1]], np.int32)
    weights = np.empty_like(q)
    fusing.weigh(kind, 0.5, q, spoken, weights)
    assert (weights[spoken < 0] == 0).all()
    expected = {
        fusing.EQUAL: [[1, 1, 0], [1, 0, 1], [1, 1, 1], [0, 0, 0]],
        fusing.RAW: [[0.2, 0, 0], [1, 0, 1], [1, 1, 1], [0, 0, 0]],
        fusing.SOFTMAX: [[1, 0, 0], [0.5, 0, 0.5], [1, 1, 1], [0, 0, 0]],
    }
    np.testing.assert_array_equal(weights, expected[kind])


def test_softmax_weights_are_scipys():
    from scipy.special import softmax

    q = np.random.default_rng(0).random((50, 4)) * 5
    weights = np.empty_like(q)
    fusing.weigh(fusing.SOFTMAX, 0.7, q, np.zeros((50, 4), np.int32), weights)
    np.testing.assert_allclose(weights, softmax(q / 0.7, axis=1), rtol=1e-14)


@pytest.mark.parametrize("rule", ["weighted_mean", "log_pool", "weighted_vote", "softmax_gate", "select_best"])
@pytest.mark.parametrize("steps", [None, 2])
def test_permuted_counts_are_those_of_fusing_each_replicate(rule, steps):
    ready = replay(make_panel(40, 3, 5, seed=4, steps=steps), rule)
    panel = ready.panel
    random = np.random.default_rng(1)
    order = random.permutation(40)
    donors = np.stack([random.permutation(40) for _ in range(9)]).astype(np.int32)
    weights, truth = np.ascontiguousarray(ready.weights[order]), panel.truth[order]
    clean = ready.decision.labels[order]
    counts = np.zeros((9, 6), np.int64)
    which = np.arange(40)
    fusing.count_permuted(ready.kind, ready.evidence, ready.spoken, weights, order, truth, clean, which, donors, counts)
    was_right = np.bincount(panel.truth[ready.decision.labels == panel.truth], minlength=5)
    for r in range(9):
        moved = np.empty_like(weights)
        moved[order] = weights[donors[r]]
        labels = ready.decide_labels(moved)
        right = labels == panel.truth
        np.testing.assert_array_equal(was_right + counts[r, :5], np.bincount(panel.truth[right], minlength=5))
        assert counts[r, 5] == np.count_nonzero(labels != ready.decision.labels)


def test_kernels_have_one_signature_each():
    # Two signatures in one cache file could be mixed up by processes that start together.
    ready = replay(make_panel(90, 2, 4, missing=0.2))
    for options in ({}, {"engine": "numba"}, {"scheme": "single", "agent": "agent1"}, {"statistic": "top_2"}):
        permute(ready, n_permutations=3, **options)
    permute(replay(make_panel(90, 3, 4), "weighted_vote"), n_permutations=3)
    kernels = [
        value
        for module in (drawing, fusing, lines, pruning)
        for value in vars(module).values()
        if isinstance(value, Dispatcher) and value.targetoptions and value._cache.cache_path is not None
    ]
    assert len(kernels) > 8
    for kernel in kernels:
        assert len(kernel.signatures) <= 1, kernel
