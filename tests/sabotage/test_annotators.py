"""Disagreement against annotators' uncertainty and wrong decisions: witnesses, properties, edges."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from builders import make_panel, panel_of, panels
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy, spearmanr
from sklearn.metrics import roc_auc_score

from sabotage import SabotageError
from sabotage.annotators import measure_annotators, parse_unsure
from sabotage.disputes import SCORES, dispute_scores, split_votes
from sabotage.intervals import clusters
from sabotage.judging import judge
from sabotage.rank_correlation import rank_correlation


def measured(panel, **options):
    options = {"n_permutations": 199} | options
    return measure_annotators(judge(panel), **options)


def unsure_panel(n=120, seed=0, group=False, **options):
    """Draw a panel whose annotators are the less sure the more the agents differ."""
    panel = make_panel(n, 3, 4, seed, **options)
    random = np.random.default_rng(seed)
    value = np.round(np.nan_to_num(split_votes(panel)) + random.random(n), 1)
    columns = {"annotation_entropy": pa.array(value, mask=random.random(n) < 0.1)}
    if group:
        columns["film"] = pa.array(random.integers(0, 15, n))
    return replace(panel, columns=columns, group="film" if group else None)


# ---- scores ----


def test_scores_by_hand():
    panel = make_panel(50, 3, 4, 1, missing=0.3)
    judged = judge(panel)
    found, fused = dispute_scores(judged), judged.replay.decide(judged.replay.weights, keep_scores=True)
    for i in range(50):
        said = panel.labels[i][panel.labels[i] >= 0]
        pairs = [a != b for k, a in enumerate(said) for b in said[k + 1 :]]
        assert found["votes"][i] == pytest.approx(np.mean(pairs) if pairs else np.nan, nan_ok=True)
        none = len(said) == 0
        assert found["against_fused"][i] == pytest.approx(
            np.nan if none else np.mean(said != fused.labels[i]), nan_ok=True
        )
        assert found["unsure_agents"][i] == pytest.approx(
            np.nan if none else 1 - np.nanmax(panel.confidence[i]), nan_ok=True
        )
        share = np.nan if none else entropy(fused.scores[i]) / np.log(4)
        assert found["fused_entropy"][i] == pytest.approx(share, abs=1e-11, nan_ok=True)


def test_recorded_decisions():
    panel = make_panel(60, 3, 4, 2, recorded=True)
    found = dispute_scores(judge(panel))
    assert np.array_equal(np.isnan(found["against_fused"]), panel.fused_label < 0)
    assert np.isnan(found["fused_entropy"]).all()
    scores = np.random.default_rng(0).dirichlet(np.ones(4), 60)
    found = dispute_scores(judge(replace(panel, fused_scores=scores)))
    assert found["fused_entropy"] == pytest.approx(entropy(scores, axis=1) / np.log(4))


def test_rules_without_a_distribution():
    panel = make_panel(40, 3, 4, 2)
    for rule in ("select_best", "borda", "log_pool", "majority", "median"):
        found = dispute_scores(judge(panel, rule=rule))["fused_entropy"]
        assert ((found >= 0) & (found <= 1)).all() or np.isnan(found).all()
    found = measure_annotators(judge(panel, rule="select_best"), n_permutations=0)
    if np.isnan(dispute_scores(judge(panel, rule="select_best"))["fused_entropy"]).all():
        assert "fused_entropy" in found.reasons


# ---- against witnesses ----


@pytest.mark.parametrize("group", [False, True])
def test_against_scikit_learn_and_scipy(group):
    panel = unsure_panel(group=group, missing=0.2)
    found = measured(panel)
    judged = judge(panel)
    values, wrong = dispute_scores(judged), judged.roles.decision.labels != panel.truth
    uncertainty = panel.columns["annotation_entropy"].to_numpy(zero_copy_only=False)
    known = ~np.isnan(uncertainty)
    assert found.known.n == known.sum()
    assert found.known.cut == pytest.approx(np.median(uncertainty[known]))
    unsure = uncertainty > found.known.cut
    assert [one.score for one in found.scores] == list(SCORES)
    for one in found.scores:
        own = values[one.score]
        there = ~np.isnan(own)
        assert one.auroc_error.value == pytest.approx(roc_auc_score(wrong[there], own[there]))
        both = there & known
        assert one.n_both == both.sum()
        assert one.spearman.value == pytest.approx(spearmanr(own[both], uncertainty[both]).statistic)
        compared = one.comparison
        assert compared.auroc.value == pytest.approx(roc_auc_score(unsure[both], own[both]))
        assert compared.cliffs_delta.value == pytest.approx(2 * compared.auroc.value - 1)
        high, low = own[both & unsure], own[both & ~unsure]
        assert compared.difference.value == pytest.approx(high.mean() - low.mean())
        assert compared.difference.n_clusters == (15 if group else both.sum())
        if not group:
            welch = np.sqrt(high.var(ddof=1) / len(high) + low.var(ddof=1) / len(low))
            assert compared.difference.se == pytest.approx(welch, rel=0.01)
    assert found.scores[0].comparison.p_adjusted >= found.scores[0].comparison.p_two_sided


def test_rank_correlation_and_its_error():
    random = np.random.default_rng(0)
    first = random.integers(0, 6, 80).astype(float)
    second = np.round(first + random.normal(0, 3, 80))
    found = rank_correlation(first, second, None)
    assert found.value == pytest.approx(spearmanr(first, second).statistic)
    one_out = [spearmanr(np.delete(first, k), np.delete(second, k)).statistic for k in range(80)]
    assert found.se == pytest.approx(np.sqrt(79 * np.var(one_out)), rel=0.03)
    assert rank_correlation(first, np.ones(80), None) is None
    assert rank_correlation(first[:1], second[:1], None) is None


# ---- properties ----


@settings(max_examples=25, deadline=None)
@given(panels(), st.randoms())
def test_neither_order_nor_names_matter(panel, random):
    n, m = panel.n_examples, panel.n_agents
    value = np.round(np.random.default_rng(n).random(n), 1)
    panel = replace(panel, columns={"annotation_entropy": pa.array(value)})
    rows, agents = random.sample(range(n), n), random.sample(range(m), m)
    moved = panel.take(np.array(rows))
    moved = replace(
        moved,
        agents=tuple(moved.agents[k] for k in agents),
        labels=moved.labels[:, agents],
        confidence=moved.confidence[:, agents],
        scores=moved.scores[:, agents],
        reliability=moved.reliability[:, agents],
    )
    first, again = (measure_annotators(judge(one, rule="majority"), n_permutations=0) for one in (panel, moved))
    assert replace(first.known, mean=None) == replace(again.known, mean=None)
    assert first.known.mean == pytest.approx(again.known.mean)
    for one, other in zip(first.scores, again.scores, strict=True):
        assert (one.score, one.n, one.n_wrong, one.n_both) == (other.score, other.n, other.n_wrong, other.n_both)
        for own, same in ((one.auroc_error, other.auroc_error), (one.spearman, other.spearman)):
            assert (own is None) == (same is None)
            assert own is None or own.value == pytest.approx(same.value)


def test_a_block_twice_changes_no_value():
    panel = unsure_panel(60)
    first, again = measured(panel), measured(panel.take(np.tile(np.arange(60), 2)))
    for one, other in zip(first.scores, again.scores, strict=True):
        assert one.comparison.difference.value == pytest.approx(other.comparison.difference.value)
        assert one.auroc_error.value == pytest.approx(other.auroc_error.value)


def test_the_same_seed_gives_the_same():
    panel = unsure_panel(60, group=True)
    assert measured(panel, seed=3).to_dict() == measured(panel, seed=3).to_dict()
    assert measured(panel).within == "film"


def test_seeds_move_as_one():
    panel = unsure_panel(40)
    twice = panel.take(np.tile(np.arange(40), 2))
    twice = replace(twice, columns=twice.columns | {"seed": pa.array([0] * 40 + [1] * 40)}, seed_column="seed")
    one, two = (found.scores[0].comparison for found in (measured(panel), measured(twice)))
    assert two.p_greater == one.p_greater
    assert two.difference.n_clusters == one.difference.n_clusters
    assert clusters(twice) is not None


# ---- edges ----


def test_without_annotators_the_errors_are_there():
    found = measured(make_panel(50))
    assert found.known is None
    assert found.finding[0] == "No column says what annotators thought of an example."
    assert all(one.comparison is None and one.spearman is None for one in found.scores)
    assert found.to_dict()["known"] is None


@pytest.mark.parametrize(
    ("values", "unsure", "why"),
    [
        ([0.5] * 20, "q0.5", "nobody is unsure above 0.5"),
        ([0.0] * 15 + [1.0] * 5, 2, "unsure takes a lower number"),
        ([0.5] * 10 + [1.0] * 10, 0, "nobody is sure above 0"),
        ([None] * 20, "q0.5", "no example has a known uncertainty"),
    ],
)
def test_why_nothing_is_compared(values, unsure, why):
    panel = make_panel(20, columns={"annotation_entropy": pa.array(values, pa.float64())})
    judged = judge(panel)
    found = measure_annotators(judged, unsure=unsure)
    assert why in found.known.why_not_compared
    assert all(one.comparison is None for one in found.scores)
    assert any(why in note for note in judged.notes)


def test_few_clusters_have_no_interval_and_still_groups_no_p():
    panel = unsure_panel(60)
    panel = replace(panel, columns=panel.columns | {"film": pa.array([k // 20 for k in range(60)])}, group="film")
    compared = measured(panel).scores[0].comparison
    assert compared.difference.interval is None
    assert compared.auroc.interval is None
    values = [float(k < 30) for k in range(60)]
    panel = replace(panel, columns={"annotation_entropy": pa.array(values), "film": pa.array(values)})
    judged = judge(panel)
    compared = measure_annotators(judged).scores[0].comparison
    assert compared.p_two_sided is None
    assert any("no shuffle of who is unsure inside film" in note for note in judged.notes)


def test_one_agent_one_example_and_all_right():
    panel = replace(panel_of(np.ones((1, 1)), np.ones((1, 1))), columns={"annotation_entropy": pa.array([1.0])})
    found = measured(panel)
    assert found.reasons["votes"] == "1 agent: it takes two"
    assert all(one.auroc_error is None for one in found.scores)
    assert found.known.why_not_compared is not None
    found.to_dict()


@pytest.mark.parametrize("unsure", ["q1", "q-0.1", "much", -1, "nan", "inf"])
def test_unsure_options(unsure):
    with pytest.raises(SabotageError, match="unsure must be"):
        parse_unsure(unsure)


def test_shares_are_true_under_the_null():
    held = []
    for seed in range(150):
        panel = make_panel(80, 3, 3, seed)
        value = np.random.default_rng((seed, 1)).random(80)
        found = measured(replace(panel, columns={"annotation_entropy": pa.array(value)}), n_permutations=99)
        held.append([min(one.comparison.p_adjusted for one in found.scores),
                     found.scores[1].comparison.difference.interval])  # fmt: skip
    assert np.mean([p <= 0.05 for p, _ in held]) <= 0.09
    assert np.mean([low <= 0 <= high for _, (low, high) in held]) >= 0.91


def test_what_does_not_vary_has_no_interval():
    panel = make_panel(60, 3, 4)
    labels = {f"annotator_{k}": pa.array(["a", "b"] * 30) for k in (1, 2)}
    alike = replace(panel, labels=np.repeat(panel.labels[:, :1], 3, axis=1), columns=labels)
    found = measure_annotators(judge(alike, rule="majority"), n_permutations=0)
    votes = next(one for one in found.scores if one.score == "votes")
    assert (votes.mean.value, votes.mean.interval) == (0, None)
    assert (votes.auroc_error.value, votes.auroc_error.interval) == (0.5, None)
    assert (found.known.votes.krippendorff_alpha.value, found.known.votes.krippendorff_alpha.interval) == (1, None)
    (correlation,) = {one.spearman for one in found.scores if one.score == "votes"}
    assert correlation is None
    known = rank_correlation(np.arange(60.0), np.arange(60.0), None)
    assert (known.value, known.interval) == (1, None)
