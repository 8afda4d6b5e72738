"""Several tests at once: each the test on its own, adjusted together; and what a reader is told beside."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from builders import make_panel
from statsmodels.stats.multitest import multipletests

import sabotage.outcomes as outcomes
from sabotage import (
    SabotageError,
    SabotageWarning,
    analyze,
    diagnose,
    measure_dose_response,
    measure_headroom,
    permute,
    permute_each,
    replay,
    run_controls,
)
from sabotage.moments import terms


@pytest.fixture(scope="module")
def panel():
    group = pa.array([k // 5 for k in range(200)])
    return replace(make_panel(200, 3, 4, seed=2, missing=0.1, columns={"g": group}), group="g")


@pytest.mark.parametrize("method", ["holm", "bh"])
def test_each_test_is_the_one_alone(panel, method):
    found = diagnose(
        panel, rules=["weighted_mean", "weighted_vote"], statistics=["accuracy", "top_2"], n_permutations=99,
        adjustment=method,
    )  # fmt: skip
    raw = []
    for test, (rule, statistic) in zip(
        found.tests,
        [(r, s) for r in ("weighted_mean", "weighted_vote") for s in ("accuracy", "top_2")],
        strict=True,
    ):
        alone = permute(replay(panel, rule), statistic=statistic, n_permutations=99)
        assert (test.rule, test.statistic, test.p_value, test.gap) == (rule, statistic, alone.p_value, alone.gap)
        assert test.adjustment == method
        raw.append(alone.p_value_two_sided)
    expected = multipletests(raw, method={"holm": "holm", "bh": "fdr_bh"}[method])[1]
    assert [test.p_two_sided_adjusted for test in found.tests] == pytest.approx(expected, abs=1e-12)
    assert len(found.findings) == len(found.limits) == 4
    assert "Diagnosis" in repr(found)


def test_agents_are_tested_one_by_one_from_one_plan(panel, monkeypatch):
    made = []
    real = outcomes.make_engine
    monkeypatch.setattr(outcomes, "make_engine", lambda *a: made.append(a) or real(*a))
    each = permute_each(replay(panel), n_permutations=50, exact=False)
    assert len(made) == 1
    for agent, test in each.items():
        alone = permute(replay(panel), scheme="single", agent=agent, n_permutations=50, exact=False)
        np.testing.assert_array_equal(test.broken, alone.broken)
        assert test.moments == alone.moments
        assert test.adjustment == "holm"


def test_a_single_test_is_not_adjusted(panel):
    (test,) = diagnose(panel, n_permutations=20).tests
    assert (test.adjustment, test.p_adjusted) == (None, None)


def test_a_disagreement_of_exact_and_monte_carlo_is_loud(panel, monkeypatch):
    def wrong(*arguments):
        part = terms(*arguments)
        return replace(part, mean=part.mean + 0.02)

    monkeypatch.setattr(outcomes, "terms", wrong)
    with pytest.raises(SabotageError, match=r"is not the exact one, .* a defect of sabotage"):
        permute(replay(panel), n_permutations=2000)


@pytest.mark.parametrize("n_permutations", [1, 2, 5, 64])
def test_chance_is_no_disagreement(n_permutations):
    for seed in range(40):
        small = make_panel(12, 2, 3, seed, steps=2)
        permute(replay(small), n_permutations=n_permutations, seed=seed)


def test_power_is_a_rule_of_three(panel):
    test = permute(replay(panel), n_permutations=20)
    seen = test.moments.smallest_visible_gap
    assert seen == 2.8 * test.moments.gap_se
    assert test.examples_needed(seen) == 200
    assert test.examples_needed(seen / 2) in (800, 801)  # a fourth of the variance
    assert permute(replay(panel), scheme="independent", n_permutations=2).examples_needed(0.1) is None
    with pytest.raises(SabotageError, match="positive number: found 0"):
        test.examples_needed(0)


def test_leaks_warn_or_refuse(panel):
    leaky = panel.with_weights(np.where(panel.labels == panel.truth[:, None], 0.8, 0.3))
    for call in (diagnose, analyze):
        with pytest.warns(SabotageWarning, match="as if the truth had gone into it"):
            found = call(leaky, n_permutations=5)
        assert sum("as if the truth" in note for note in found.notes) == 3
        with pytest.raises(SabotageError, match="as if the truth had gone into it"):
            call(leaky, n_permutations=5, strict=True)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"derangement": True}, "p is an approximation"),
        ({"scheme": "independent"}, "scheme independent tears reliabilities of one example apart"),
        ({"scheme": "single"}, "scheme single tears reliabilities of one example apart"),
        ({"derangement": True}, "exact_sd, z and p_normal are null: derangements"),
        ({"statistics": ["macro_f1"]}, "n_changed and smallest_visible_gap are null: macro-F1 is no sum"),
        ({"statistics": ["macro_f1"], "controls": True}, "can_respond is null: the positive control has no interval"),
        ({"statistics": ["macro_f1"], "controls": True}, "headroom is null: the oracle has no statistic but"),
        ({"rules": ["majority"], "controls": True}, "controls is null: the rule takes no reliability"),
        ({"statistics": ["log_likelihood"]}, "contested_weight is null: log-likelihood is no sum of hits"),
        ({"rules": ["select_best"], "exact": False}, "exact_mean, exact_sd, z and p_normal are null"),
        ({"n_permutations": 1}, "one replicate has no spread"),
    ],
)
def test_nulls_have_their_reason(panel, options, says, monkeypatch):
    monkeypatch.setattr("sabotage.sampling.PAIRS", 10)
    monkeypatch.setattr("sabotage.outcomes.FEWEST_DERANGED", 2)
    found = diagnose(panel, **{"n_permutations": 20} | options)
    assert any(says in note for note in found.notes), found.notes


def test_folds_that_change_are_no_block():
    panel = make_panel(60, 2, 3)
    columns = {"run": pa.array([k // 30 for k in range(60)]), "fold": pa.array([k % 7 for k in range(60)])}
    panel = replace(panel, ids=pa.array([k % 30 for k in range(60)]), truth=np.tile(panel.truth[:30], 2))
    panel = replace(panel, columns=columns, seed_column="run", fold_column="fold")
    found = diagnose(panel, n_permutations=9)
    assert "fold is no block: ids change it over the seeds" in found.notes
    inside = diagnose(panel, n_permutations=9, per_seed=True)
    assert inside.tests[0].within == ("fold",)
    assert "p-values are twice the median of those of each seed alone, at most 1" in inside.notes


def test_an_interval_that_rests_on_little_is_said_to_be_narrow():
    panel = make_panel(100, 3, 4, seed=1)
    few = replace(panel, labels=panel.labels.copy(), scores=panel.scores.copy())
    sure = np.eye(4)[panel.truth][:, None].repeat(3, axis=1)
    few.scores[4:] = sure[4:]
    few.labels[4:] = panel.truth[4:, None]
    found = diagnose(few, n_permutations=9)
    ((test,), ready) = (found.tests, replay(few))
    changed = 0.0
    for i in range(100):
        hits = []
        for j in range(100):
            scores = np.einsum("m,mc->c", few.reliability[j], few.scores[i])
            hits.append(scores.argmax() == few.truth[i])
        changed += abs(hits[i] - (sum(hits) - hits[i]) / 99)
    assert ready.decision.labels[4:].tolist() == few.truth[4:].tolist()
    assert test.moments.n_changed == pytest.approx(changed, abs=1e-9)
    assert 0 < changed < 4
    assert any("the interval of the gap is too narrow" in note for note in found.notes)
    assert not any("too narrow" in note for note in diagnose(panel, n_permutations=9).notes)


def test_pairs_are_clusters():
    columns = {"pair": pa.array([k // 2 for k in range(60)]), "ten": pa.array([k // 10 for k in range(60)])}
    panel = make_panel(60, 3, 4, columns=columns)
    for within, group, n_clusters in (
        ((), None, 60),
        (("ten",), None, 60),
        (("pair",), None, 30),
        (("pair",), "pair", 30),
    ):
        found = diagnose(replace(panel, group=group), within=within, n_permutations=9)
        assert found.tests[0].moments.n_clusters == n_clusters
        says = "n_clusters: the two of a block of two are one cluster"
        assert (says in found.notes) == (n_clusters == 30 and group is None)
    alike, named = (diagnose(replace(panel, group=g), within=["pair"], n_permutations=9) for g in (None, "pair"))
    assert alike.tests[0].moments == named.tests[0].moments
    ids = replace(panel, ids=pa.array([k % 30 for k in range(60)]), truth=np.tile(panel.truth[:30], 2))
    columns = {"run": pa.array([k // 30 for k in range(60)]), "two": pa.array([k % 30 // 2 for k in range(60)])}
    ids = replace(ids, columns=columns, seed_column="run")
    assert permute(replay(ids), n_permutations=9).moments.n_clusters == 30
    assert permute(replay(ids), within=["two"], n_permutations=9).moments.n_clusters == 15
    assert permute(replay(ids), within=["two"], per_seed=True, n_permutations=9).moments.n_clusters == 30


def test_a_panel_stands_for_the_replay_of_its_default_rule(panel):
    ready, options = replay(panel), {"n_permutations": 9}
    assert permute(panel, **options).to_dict() == permute(ready, **options).to_dict()
    assert permute_each(panel, **options).keys() == permute_each(ready, **options).keys()
    assert run_controls(panel, **options) == run_controls(ready, **options)
    assert measure_headroom(panel) == measure_headroom(ready, "balanced_accuracy")
    assert measure_dose_response(panel.take(np.arange(20)), n_permutations=3).n_permutations == 3
    with pytest.raises(SabotageError, match=r"a panel or a replay is needed, .*: found a int"):
        permute(3)


def test_one_name_need_not_stand_in_a_list(panel):
    one = diagnose(panel, rules="weighted_vote", statistics="accuracy", within="g", n_permutations=9)
    listed = diagnose(panel, rules=["weighted_vote"], statistics=["accuracy"], within=["g"], n_permutations=9)
    assert one.to_dict() == listed.to_dict()


def test_a_seed_column_that_repeats_nothing_is_suspicious():
    panel = replace(make_panel(60, columns={"level": pa.array([k % 3 for k in range(60)])}), seed_column="level")
    with pytest.warns(SabotageWarning, match="no id stands in more than one level"):
        diagnose(panel, n_permutations=9)
