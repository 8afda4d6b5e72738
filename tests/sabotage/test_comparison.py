"""A comparison as a whole: each number against its witness, orders, references, refusals, and what is null and why."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from builders import make_panel, panel_of, panels, seeded
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy.stats import friedmanchisquare, rankdata
from sklearn.metrics import accuracy_score, recall_score

from sabotage import Intervention, Panel, SabotageError, compare, fit, permute, replay, replay_callable
from sabotage.rules import RULES
from sabotage.sampling import FEWEST_DONORS

FEW = {"n_resamples": 50, "n_permutations": 0}
THREE = ["mean", "weighted_mean", "select_best"]
LABELS = ["majority", "weighted_vote", "select_best"]  # what any panel feeds
CAP, DROP = Intervention("cap", "agent0", 0.4), Intervention("drop", "agent0")
RULE = """
def mean(evidence, weights, available, out):
    for c in range(len(out)):
        out[c] = 0.0
        for m in range(len(weights)):
            if available[m]:
                out[c] += weights[m] ** 2 * evidence[m, c]
"""


def grouped(n=200, n_groups=25, seed=0, **options) -> Panel:
    group = np.random.default_rng(seed).integers(0, n_groups, n)
    return replace(make_panel(n, 3, 4, seed, columns={"g": pa.array(group)}, **options), group="g")


def strict_json(comparison):
    """Return what strict JSON keeps of a comparison."""
    return json.loads(json.dumps(comparison.to_dict(), allow_nan=False))


def notes_on(comparison, word):
    return [note for note in comparison.notes if word in note]


def test_every_rule_of_the_catalogue():
    panel = make_panel(150, 3, 4, 2, recorded=True)
    found = compare(panel, **FEW)
    best_agent = found.reference
    assert best_agent.startswith("best_agent (agent")
    expected = [best_agent, *(name for name, rule in RULES.items() if not rule.learned), "recorded"]
    assert found.settings["rules"] == expected
    assert sorted(entry.name for entry in found.entries) == sorted(expected)
    for name in expected[1:-1]:
        labels = replay(panel, name).decision.labels
        own = found.entry(name)
        assert own.values["accuracy"].value == pytest.approx(accuracy_score(panel.truth, labels))
        assert own.values["balanced_accuracy"].value == pytest.approx(
            recall_score(panel.truth, labels, average="macro", zero_division=0)
        )
        assert own.quality.n_wrong == (labels != panel.truth).sum()
        assert own.difference.reference == best_agent
    learned = compare(panel, cross_fit=2, **FEW)
    assert {entry.name for entry in learned.entries} == {*expected, *RULES}
    assert strict_json(learned)["settings"]["cross_fit"] == 2


@pytest.mark.parametrize("statistic", ["accuracy", "balanced_accuracy", "macro_f1"])
def test_the_gap_is_that_of_permute(statistic):
    panel = make_panel(80, 3, 3, 2)
    found = compare(panel, THREE, statistic=statistic, n_resamples=20, n_permutations=70, seed=3)
    assert found.entry("mean").gap is None
    for name in THREE[1:]:
        test = permute(replay(panel, name), statistic=statistic, n_permutations=70, seed=3, n_donors=FEWEST_DONORS)
        own = found.entry(name).gap
        assert own.p_value_two_sided == test.p_value_two_sided
        assert own.verdict == test.verdict.word
        assert own.gap == (test.gap if test.moments is None else test.moments.gap_u)
        assert own.interval == (None if test.moments is None else test.moments.gap_interval)
        assert own.n_permutations == 70
    assert notes_on(found, "gap is null for rules that take no reliability")


def test_blocks_of_the_gap():
    panel = grouped(90, 3)
    found = compare(panel, ["weighted_mean"], n_permutations=60, within=["g"], n_resamples=20)
    test = permute(replay(panel, "weighted_mean"), n_permutations=60, within=["g"], n_donors=FEWEST_DONORS)
    assert found.entry("weighted_mean").gap.p_value_two_sided == test.p_value_two_sided
    with pytest.raises(SabotageError, match="the panel keeps no column 'h'"):
        compare(panel, ["mean"], within=["h"], **FEW)


@pytest.mark.parametrize("statistic", ["accuracy", "balanced_accuracy"])
def test_ranks_over_groups_are_scipys(statistic):
    panel = grouped(120, 6)
    found = compare(panel, THREE, against="mean", statistic=statistic, **FEW)
    values = []
    for name in THREE:
        labels = replay(panel, name).decision.labels
        row = []
        for g in range(6):
            own = panel.columns["g"].to_numpy() == g
            truth = panel.truth[own]
            score = recall_score(truth, labels[own], average="macro", labels=np.unique(truth), zero_division=0)
            row.append(accuracy_score(truth, labels[own]) if statistic == "accuracy" else score)
        values.append(row)
    values = np.round(values, 12)
    ranks = rankdata(-values, axis=0).mean(axis=1)
    assert [found.entry(name).mean_rank for name in THREE] == pytest.approx(ranks.tolist())
    assert found.friedman_p == pytest.approx(friedmanchisquare(*values).pvalue)
    assert (found.ranked_by, found.n_ranked) == ("g", 6)


def test_interventions_have_no_rank():
    panel = grouped()
    drop = [Intervention("drop", panel.agents[0])]
    found = compare(panel, THREE, against="mean", what_ifs=drop, **FEW)
    alone = compare(panel, THREE, against="mean", **FEW)
    assert [found.entry(name).mean_rank for name in THREE] == [alone.entry(name).mean_rank for name in THREE]
    assert all(entry.mean_rank is None for entry in found.entries if entry.changed_from is not None)
    assert found.friedman_p == alone.friedman_p
    assert notes_on(found, "mean_rank is null for interventions")


def test_folds_go_before_groups_and_neither_has_no_ranks():
    panel = grouped(60)
    folded = replace(panel, columns=panel.columns | {"f": pa.array(np.arange(60) % 3)}, fold_column="f")
    found = compare(folded, LABELS, **FEW)
    assert (found.ranked_by, found.n_ranked) == ("f", 3)
    found = compare(make_panel(60), LABELS, **FEW)
    assert (found.ranked_by, found.n_ranked, found.friedman_p) == (None, 0, None)
    assert all(entry.mean_rank is None for entry in found.entries)
    assert notes_on(found, "mean_rank is null: there is no fold column and no group")


def test_the_oracle_and_what_is_alike():
    panel = make_panel(200, 3, 4, 1)
    found = compare(panel, THREE, **FEW)
    right = (panel.labels == panel.truth[:, None]).any(axis=1)
    oracle = np.where(right, panel.truth, (panel.truth + 1) % 4)
    assert found.oracle == pytest.approx(recall_score(panel.truth, oracle, average="macro"))
    assert compare(panel, THREE, statistic="macro_f1", **FEW).oracle is None
    levels = {entry.name: entry.values["balanced_accuracy"].value for entry in found.entries}
    assert found.best == max(levels, key=levels.get)
    best = compare(panel, THREE, against=found.best, **FEW)
    for entry in best.entries:
        if entry.difference is not None:
            high = entry.difference.values["balanced_accuracy"].difference_interval[1]
            assert (entry.name in best.alike) == (high >= 0)


def test_of_equals_the_first_is_the_best():
    """Balanced accuracies that are the same fraction, added in another order, are equal."""
    truth = np.repeat([0, 1, 2], 10).astype(np.int32)
    hits = {"a0": (1, 2, 3), "a1": (3, 2, 1), "a2": (2, 2, 2)}
    labels = np.stack(
        [
            np.concatenate([np.where(np.arange(10) < k, c, (c + 1) % 3) for c, k in enumerate(own)])
            for own in hits.values()
        ]
    )
    panel = make_panel(30, 3, 3)
    panel = replace(panel, truth=truth, labels=labels.T.astype(np.int32), scores=None, agents=tuple(hits))
    only = [
        replay_callable(replace(panel, classes=(0, 1, 2)), lambda q, own=own: own, name)
        for name, own in zip("xyz", labels, strict=True)
    ]
    panel = replace(panel, classes=(0, 1, 2))
    for rules in (only, only[::-1]):
        found = compare(panel, rules, against=rules[1], **FEW)
        assert found.best == rules[0].rule.name
        assert [entry.name for entry in found.entries] == [ready.rule.name for ready in rules]
        assert len(found.alike) == 2


def test_identical_rules_are_alike():
    panel = make_panel(60, 3, 3, 1)
    panel = replace(panel, reliability=np.ones_like(panel.reliability))
    found = compare(panel, ["mean", "weighted_mean"], against="mean", **FEW)
    own = found.entry("weighted_mean").difference
    assert (own.values["balanced_accuracy"].difference, own.values["balanced_accuracy"].difference_interval) == (
        0,
        (0, 0),
    )
    assert (own.p_mcnemar, own.p_adjusted) == (1, 1)
    assert (found.best, found.alike) == ("mean", ("weighted_mean",))


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"sort": "acuracy"}, r"unknown sort 'acuracy' \(did you mean accuracy\?\): choose from accuracy, balanced"),
        ({"sort": "top_7"}, "unknown sort 'top_7'"),
        ({"statistic": "top_2"}, "unknown statistic 'top_2'"),
        ({"top_k": [2.5]}, r"top_k must be whole numbers from 1 on: found \[2.5\]"),
        ({"n_permutations": -1}, "n_permutations must be at least 1, or 0 for none: found -1"),
        ({"top_k": [0]}, r"top_k must be whole numbers from 1 on: found \[0\]"),
        ({"rules": ["mean", "mean"]}, "mean stands twice among the rules"),
        ({"rules": ["meen"]}, "unknown rule 'meen'"),
        ({"against": "best_agnt"}, r"did you mean best_agent\?"),
        ({"against": "recorded"}, "holds no recorded decision"),
        ({"n_resamples": 0}, "the number of resamples must be at least 1: found 0"),
        ({"threshold": 2}, r"threshold must be a confidence in \[0, 1\]"),
        ({"what_ifs": [Intervention("drop", "agent8")]}, "unknown agent 'agent8'"),
        ({"rules": ["stacking"]}, "stacking is learned, and nothing to learn from was given"),
        ({"cross_fit": 2, "calibration": make_panel()}, "give one of the two"),
        ({"rules": ["mean"], "clip": 2.0}, r"clip must lie in \(0, 1\)"),
        ({"rules": [len]}, "a rule is a name"),
    ],
)
def test_what_is_refused(options, why):
    with pytest.raises(SabotageError, match=why) as caught:
        compare(make_panel(), **(FEW | options))
    assert "\n" not in str(caught.value)


def test_one_name_is_one_rule():
    found = compare(make_panel(), "mean", **FEW)
    assert [entry.name for entry in found.entries if entry.difference] == ["mean"]


def test_any_rule_can_be_the_reference(tmp_path):
    panel, other = make_panel(90, 3, 3, 1, recorded=True), make_panel(90, 3, 3, 2)
    path = tmp_path / "own.py"
    path.write_text(RULE)
    taught = fit(other, "stacking")
    taught.save(tmp_path / "saved.json")
    reweighted = replay(panel.with_weights("confidence"), "weighted_mean")
    for against, name in (
        ("best_agent", compare(panel, **FEW).reference),
        ("recorded", "recorded"),
        ("majority", "majority"),
        ("mean", "mean"),
        (RULES["mean"], "mean"),
        (f"{path}:mean", "own.py:mean"),
        (taught, "stacking"),
        (str(tmp_path / "saved.json"), "stacking (saved.json)"),
        (reweighted, "weighted_mean"),
    ):
        for rules in (["max", "mean"], ["max", "mean", against]):
            if name == "mean" and len(rules) == 3:
                continue
            found = compare(panel, rules, against=against, **FEW)
            assert found.reference == name
            assert found.entry(name).difference is None
            assert len(found.entries) == len({"max", "mean", name})
            assert all(entry.difference.reference == name for entry in found.entries if entry.name != name)
            if name not in ("max", "mean") and len(rules) == 2:
                assert found.settings["rules"][0] == name
    by_rows = compare(panel, ["stacking"], against="stacking", calibration=other, **FEW)
    assert (
        by_rows.entry("stacking").quality == compare(panel, [taught], against=taught, **FEW).entry("stacking").quality
    )
    assert by_rows.settings["n_calibration"] == 90


def test_interventions_are_compared_with_their_rule():
    panel = make_panel(120, 3, 4, 1)
    found = compare(
        panel, ["mean", "weighted_mean"], what_ifs=[DROP, CAP], against="mean", **(FEW | {"n_permutations": 20})
    )
    assert found.settings["rules"] == [
        f"{rule}{what}" for rule in ("mean", "weighted_mean") for what in ("", ", drop agent0", ", cap agent0=0.4")
    ]
    rest = panel.select(["agent1", "agent2"])
    for rule in ("mean", "weighted_mean"):
        own, without = found.entry(f"{rule}, drop agent0"), replay(rest, rule).decision.labels
        assert own.difference.reference == own.changed_from == rule
        assert own.gap is None
        base = found.entry(rule).values["accuracy"].value
        assert own.difference.values["accuracy"].difference == pytest.approx(
            accuracy_score(panel.truth, without) - base
        )
    assert found.best in ("mean", "weighted_mean")
    assert not any("," in name for name in found.alike)
    assert found.entry("weighted_mean").changed_from is None


def test_learned_rules_keep_their_fit_under_an_intervention():
    panel = make_panel(120, 3, 3, 4)
    for options in ({"cross_fit": 3}, {"calibration": make_panel(150, 3, 3, 5)}):
        found = compare(panel, ["stacking", "calibrated:mean"], what_ifs=[CAP], **options, **FEW)
        assert {"stacking, cap agent0=0.4", "calibrated:mean, cap agent0=0.4"} <= {
            entry.name for entry in found.entries
        }
        assert notes_on(found, "stacking was fitted")


def test_the_same_seed_gives_the_same_bits_in_any_company():
    panel = grouped(80)
    first = compare(panel, THREE, n_resamples=60, n_permutations=20, seed=5)
    assert first.to_dict() == compare(panel, THREE, n_resamples=60, n_permutations=20, seed=5, threads=1).to_dict()
    alone = compare(panel, THREE[:1], n_resamples=60, n_permutations=20, seed=5)
    assert alone.entry("mean") == replace(
        first.entry("mean"), mean_rank=alone.entry("mean").mean_rank, difference=alone.entry("mean").difference
    )
    assert alone.entry("mean").difference.values == first.entry("mean").difference.values


def test_progress_counts_rules():
    seen = []
    compare(make_panel(30), THREE, **FEW, progress=lambda done, of: seen.append((done, of)))
    assert seen == [(k, 4) for k in range(1, 5)]


def test_rows_of_repeated_runs():
    panel = seeded(12, 3, 1)
    found = compare(panel, LABELS, against="majority", **FEW)
    assert found.n_clusters == len(set(panel.ids.to_pylist())) == 12
    assert found.entry("weighted_vote").difference.p_clusters is not None
    assert notes_on(found, "by id: McNemar's takes examples to be independent")
    assert notes_on(found, "captured, oracle, gap and p_clusters are of the mean over seed")
    strict_json(found)


def test_odd_panels_are_strict_json():
    one_class = make_panel(40)
    one_class = one_class.take(np.flatnonzero(one_class.truth == 1))
    lists = make_panel(60, 2, 5, 2)
    lists = replace(lists, scores=np.where(lists.scores < 0.1, np.nan, lists.scores))
    fused = make_panel(60, 3, 4, 2, recorded=True)
    p = np.random.default_rng(0).dirichlet(np.ones(4), 60)
    huge = make_panel(60)
    for panel in (
        one_class,
        lists,
        replace(fused, fused_scores=p),
        fused,
        make_panel(30, 3, 2),
        make_panel(30, 1, 3),
        make_panel(60, missing=0.6, no_reliability=0.4),
        make_panel(60, 2, 3, scores=False, missing=0.5),
        replace(huge, reliability=huge.reliability * 1e306),
        make_panel(1),
        panel_of(np.ones((20, 2)), np.ones((20, 2))),
        panel_of(np.zeros((20, 2)), np.ones((20, 2))),
    ):
        found = compare(panel, n_resamples=20, n_permutations=10)
        assert "nan" not in json.dumps(strict_json(found)).lower().split('"rule')[0]
        assert len(found.findings) == 3
        assert found.to_frame().shape[0] == len(found.entries)
        assert repr(found)
    assert found.best == found.reference


def test_overflowing_weights_have_no_gap():
    panel = make_panel(60)
    panel = replace(panel, reliability=panel.reliability * 1e306)
    found = compare(panel, ["weighted_mean"], n_resamples=20, n_permutations=10)
    assert found.entry("weighted_mean").gap is None
    assert notes_on(found, "weighted_mean: gap is null: the score sums of weighted_mean could overflow")


def test_numbers_of_numpy_are_numbers():
    found = compare(
        make_panel(40),
        LABELS,
        n_resamples=np.int64(20),
        n_permutations=np.int64(0),
        seed=np.int64(1),
        top_k=np.array([2]),
    )
    assert strict_json(found)["settings"]["seed"] == 1


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(panels(most=24, recorded=True), st.sampled_from(["accuracy", "balanced_accuracy", "macro_f1"]), st.booleans())
def test_whatever_the_panel(panel, statistic, changed):
    what_ifs = [Intervention("veto", "agent0"), Intervention("temperature", "agent0", 3)] if changed else []
    found = compare(
        panel, [*LABELS, "recorded"], statistic=statistic, what_ifs=what_ifs, n_resamples=20, n_permutations=8
    )
    strict_json(found)
    assert len(found.entries) == 5 + 3 * len(what_ifs)
    top = max(entry.values[statistic].value for entry in found.entries if entry.changed_from is None)
    assert found.entry(found.best).values[statistic].value == pytest.approx(top, abs=1e-12)
    if panel.n_examples < 10:
        assert found.alike == ()
        assert all(entry.values[name].interval is None for entry in found.entries for name in entry.values)
    assert_array_equal([note for note in found.notes if "nan" in note.lower()], [])
