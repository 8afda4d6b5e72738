"""The permutation test where its parts meet: coverage without decisions, nulls, silence, overflow, odd blocks and ids."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from builders import make_panel, seeded

from sabotage import Panel, SabotageError, permute, replay


def same_scores(first, second, q, truth, n_classes=3):
    n = len(q)
    scores = np.tile([[first, second]], (n, 1, 1)).astype(float)
    labels = scores.argmax(2).astype(np.int32)
    return Panel(
        ("a", "b"),
        tuple(range(n_classes)),
        pa.array(range(n)),
        np.array(truth, np.int32),
        labels,
        scores.max(2),
        scores,
        np.array(q, float),
    )


def top_2_panel():
    # Both agents put class 0 first, whatever the weights; which class comes second is what reliability decides.
    truth = [1, 2] * 20
    return same_scores([0.6, 0.4, 0.0], [0.6, 0.0, 0.4], [[1, 0.1] if y == 1 else [0.1, 1] for y in truth], truth)


def test_coverage_moves_where_no_decision_does():
    found = permute(replay(top_2_panel()), statistic="top_2", n_permutations=999)
    assert found.gap > 0.4
    assert found.p_value_two_sided < 0.01
    assert found.verdict.word == "helpful"


def test_contested_weight_bounds_the_top_k_gap():
    found = permute(replay(top_2_panel()), statistic="top_2", n_permutations=999)
    assert abs(found.gap) <= found.contested_weight


def test_sampled_top_k_sums():
    whole = permute(replay(top_2_panel()), statistic="top_2", n_permutations=9).moments
    sampled = permute(replay(top_2_panel()), statistic="top_2", n_permutations=9, exact=False).moments
    assert sampled.gap_u == pytest.approx(whole.gap_u, abs=0.05)


def test_softmax_single_top_k():
    permute(replay(top_2_panel(), "softmax_gate"), scheme="single", agent="a", statistic="top_2", n_permutations=999)


def test_top_k_no_false_alarm():
    n = 300
    scores = np.tile([[0.6, 0.4, 0.0], [0.6, 0.3, 0.1]], (n, 1, 1))
    scores[0] = [[0.6, 0.4, 0.0], [0.6, 0.0, 0.4]]
    q = np.tile([2.0, 1.0], (n, 1))
    q[1] = [1.0, 2.0]
    labels = scores.argmax(2).astype(np.int32)
    panel = Panel(("a", "b"), (0, 1, 2), pa.array(range(n)), np.ones(n, np.int32), labels, scores.max(2), scores, q)
    permute(replay(panel), statistic="top_2", n_permutations=1, seed=167)


def test_null_and_nought_differ_to_a_softmax():
    panel = same_scores([0.99, 0.01], [0.4, 0.6], [[np.nan, 1], [0, 1]] * 2, [0, 1] * 2, 2)
    found = permute(replay(panel, "softmax_gate"), statistic="accuracy", n_permutations=99)
    assert found.flip_rate > 0
    assert (found.n_usable, found.smallest_p) == (4, pytest.approx(1 / 6))
    assert found.verdict.word != "untestable"


def test_log_likelihood_overflow_is_refused():
    panel = make_panel(20)
    with pytest.raises(SabotageError, match="could overflow"):
        permute(replay(panel.with_weights(np.full((20, 3), 1e308))), statistic="log_likelihood", n_permutations=9)


def test_derangements_of_small_blocks_are_refused():
    column = pa.array(["a"] * 19 + ["b"] * 41)
    panel = make_panel(60, 3, 4, columns={"c": column})
    assert permute(replay(panel), derangement=True, n_permutations=9).derangement
    with pytest.raises(SabotageError, match=r"blocks of 20 or more, .*: found 19 examples in smaller ones"):
        permute(replay(panel), within=["c"], derangement=True, n_permutations=9)


def test_complete_sums_though_an_uncontested_block_is_larger():
    panel = make_panel(25, 2, 3, columns={"site": pa.array(["x"] * 20 + ["y"] * 5)})
    scores = panel.scores.copy()
    scores[:20] = [0.8, 0.1, 0.1]
    panel = replace(panel, scores=scores, labels=scores.argmax(2).astype(np.int32))
    found = permute(
        replay(panel, "softmax_gate"), scheme="single", agent="agent0", within=["site"], n_permutations=99, exact=True
    )
    assert found.moments.exact_mean is not None or found.why_no_moments is not None


def test_an_id_twice_in_a_seed():
    panel = seeded(12, 3, dropped=0.0)
    twice = panel.take(np.r_[np.arange(panel.n_examples), 0, 1, 2, 3])
    with pytest.raises(SabotageError, match="an id stands more than once in one seed"):
        permute(replay(twice), n_permutations=9)


def test_negative_scores_of_one_example():
    panel = make_panel(1, 2, 3)
    scores = panel.scores.copy()
    scores[0, 0, 0] = -0.5
    with pytest.raises(SabotageError, match="not negative"):
        permute(replay(replace(panel, scores=scores), "weighted_mean"), statistic="log_likelihood", n_permutations=9)


def test_strata_are_a_whole_number_and_need_a_margin():
    with pytest.raises(TypeError, match="integer"):
        permute(replay(make_panel(60)), within_difficulty=2.5, n_permutations=9)
    with pytest.raises(SabotageError, match="whose scores have a margin: select_best has none"):
        permute(replay(make_panel(60), "select_best"), within_difficulty=2, n_permutations=9)


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_no_numpy_warning_where_nobody_speaks():
    panel = seeded(12, 2, dropped=0.0)
    silent = np.array([name == "x" for name in panel.columns["seed"].to_pylist()])
    for name, nothing in (("labels", -1), ("confidence", np.nan), ("scores", np.nan), ("reliability", np.nan)):
        getattr(panel, name)[silent] = nothing
    permute(replay(panel), statistic="log_likelihood", n_permutations=9)


def test_equal_margins_that_float64_tells_apart():
    # .3 - .2 and .4 - .3 (and .6 - .5): leads of a tenth each, in one stratum by definition.
    scores = np.array([[[0.3, 0.2, 0.5 - 0.5]], [[0.4, 0.3, 0.0]], [[0.6, 0.5, 0.0]], [[0.2, 0.1, 0.0]]])
    labels = scores.argmax(2).astype(np.int32)
    panel = Panel(("a",), (0, 1, 2), pa.array(range(4)), labels[:, 0], labels, scores.max(2), scores, np.ones((4, 1)))
    assert permute(replay(panel), within_difficulty=2, n_permutations=5).n_blocks == 1


def test_a_group_that_changes_over_an_ids_seeds_is_no_cluster():
    panel = replace(seeded(12, 2, dropped=0.0, film=lambda i, s: 100 * s + i), group="film")
    with pytest.raises(SabotageError, match="an id must keep its film over the seeds"):
        permute(replay(panel), n_permutations=9)
