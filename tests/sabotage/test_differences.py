"""Paired differences against statsmodels and scikit-learn, Holm within families, equals and clusters without a spread."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import statsmodels.api as sm
from builders import make_panel, panel_of, panels, seeded
from hypothesis import HealthCheck, given, settings
from sklearn.metrics import accuracy_score, f1_score, recall_score
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from sabotage import Intervention, Panel
from sabotage.contenders import Contender, make_contenders
from sabotage.contrasts import contrast, ratio, weigh_examples
from sabotage.differences import Difference, measure_differences, oracle_hits
from sabotage.fusion import Decision
from sabotage.intervals import clusters
from sabotage.resampling import STATISTICS, paired_bootstrap, resample
from sabotage.teaching import Teaching

RULES = ["mean", "weighted_mean", "select_best", "majority", "log_pool"]


def over_present(truth):
    return {"average": "macro", "labels": np.unique(truth), "zero_division": 0}


SCORES = {
    "accuracy": accuracy_score,
    "balanced_accuracy": lambda truth, labels: recall_score(truth, labels, **over_present(truth)),
    "macro_f1": lambda truth, labels: f1_score(truth, labels, **over_present(truth)),
}


def grouped(n=200, n_groups=25, seed=0, **options) -> Panel:
    group = np.random.default_rng(seed).integers(0, n_groups, n)
    return replace(make_panel(n, 3, 4, seed, columns={"g": pa.array(group)}, **options), group="g")


def measured(panel, rules=RULES, reference="mean", statistic="balanced_accuracy", what_ifs=(), n_resamples=200):
    """Return the labels of the contenders, their differences by name, and what they reach."""
    contenders = rules if isinstance(rules[0], Contender) else make_contenders(panel, rules, Teaching(), what_ifs)
    labels = np.stack([one.decision.labels for one in contenders])
    found = resample(panel.truth, labels, STATISTICS, panel.n_classes, clusters(panel), n_resamples)
    differences, values = measure_differences(panel, contenders, labels, reference, statistic, found)
    names = [one.name for one in contenders]
    return dict(zip(names, labels, strict=True)), dict(zip(names, differences, strict=True)), values


def deciding(panel, **labels):
    """Make contenders that decide as said, codes (n,)."""
    return [
        Contender(name, Decision("recorded", None, np.asarray(own, np.int32), None, None, None), None, panel)
        for name, own in labels.items()
    ]


@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_differences_of_scikit_learns_scores(missing):
    panel = make_panel(200, 3, 4, 3, missing=missing)
    labels, differences, values = measured(panel)
    assert differences["mean"] is None
    for (name, own), reached in zip(differences.items(), values, strict=True):
        for statistic, score in SCORES.items():
            level, base = score(panel.truth, labels[name]), score(panel.truth, labels["mean"])
            assert reached[statistic].value == pytest.approx(level, abs=1e-12)
            assert reached[statistic].difference == pytest.approx(level - base, abs=1e-12)
        if own is not None:
            assert own.reference == "mean"
            assert own.values == reached


@pytest.mark.parametrize("statistic", STATISTICS)
def test_intervals_are_those_of_a_bootstrap_by_group(statistic):
    panel = grouped()
    labels, differences, _ = measured(panel)
    order = list(dict.fromkeys(panel.columns["g"].to_pylist()))  # groups are numbered as they appear
    group = np.array([order.index(value) for value in panel.columns["g"].to_pylist()])
    stacked = np.stack(list(labels.values()))
    expected = paired_bootstrap(panel.truth, stacked, statistic, 0, 4, group, 200).rules
    for own, other in zip(list(differences.values())[1:], expected[1:], strict=True):
        assert own.values[statistic] == other
        low, high = own.values[statistic].difference_interval
        assert low < own.values[statistic].difference < high


def test_mcnemar_and_holm_are_statsmodels():
    panel = make_panel(200, 3, 4, 3)
    labels, differences, _ = measured(panel)
    raw = {}
    for name, own in differences.items():
        if own is None:
            continue
        right, base = labels[name] == panel.truth, labels["mean"] == panel.truth
        table = [[(right & base).sum(), (right & ~base).sum()], [(~right & base).sum(), (~right & ~base).sum()]]
        assert (own.n_only, own.n_reference_only) == (table[0][1], table[1][0])
        assert own.p_mcnemar == pytest.approx(mcnemar(table, exact=True).pvalue, rel=1e-12)
        assert own.p_clusters is None
        raw[name] = own.p_mcnemar
    adjusted = multipletests(list(raw.values()), method="holm")[1]
    assert [differences[name].p_adjusted for name in raw] == pytest.approx(adjusted.tolist(), rel=1e-12)


def test_p_clusters_is_statsmodels_clustered_t_test():
    panel = grouped()
    labels, differences, _ = measured(panel)
    raw = {}
    for name, own in differences.items():
        if own is None:
            continue
        ahead = (labels[name] == panel.truth).astype(float) - (labels["mean"] == panel.truth)
        groups = panel.columns["g"].to_numpy()
        fitted = sm.OLS(ahead, np.ones(200)).fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
        assert own.p_clusters == pytest.approx(fitted.pvalues[0], rel=1e-9)
        raw[name] = own.p_clusters
    adjusted = multipletests(list(raw.values()), method="holm")[1]
    assert [differences[name].p_adjusted for name in raw] == pytest.approx(adjusted.tolist(), rel=1e-12)


def test_repeated_ids_are_clusters():
    panel = seeded(14, 3, 1, dropped=0.0)
    labels, differences, _ = measured(panel, ["mean", "weighted_mean"])
    ahead = (labels["weighted_mean"] == panel.truth).astype(float) - (labels["mean"] == panel.truth)
    groups = np.unique(panel.ids.to_pylist(), return_inverse=True)[1]
    fitted = sm.OLS(ahead, np.ones(len(ahead))).fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
    own = differences["weighted_mean"]
    assert own.p_clusters == pytest.approx(fitted.pvalues[0], rel=1e-9)
    assert own.p_adjusted == own.p_clusters


@pytest.mark.parametrize("n_groups", [4, 9])
def test_few_clusters_give_no_interval_and_no_p(n_groups):
    panel = grouped(60, n_groups)
    _, differences, _ = measured(panel)
    for own in list(differences.values())[1:]:
        assert own.values["accuracy"].difference_interval is None
        assert own.values["accuracy"].interval is None
        assert (own.p_clusters, own.p_adjusted) == (None, None)
        assert 0 < own.p_mcnemar <= 1
        assert own.captured.interval is None


def test_few_examples_have_an_exact_p():
    _, differences, _ = measured(make_panel(6, 3, 3, 1))
    for own in list(differences.values())[1:]:
        assert own.values["accuracy"].difference_interval is None
        assert own.p_adjusted >= own.p_mcnemar > 0


def test_rules_that_decide_alike():
    panel = grouped()
    panel = replace(panel, reliability=np.ones_like(panel.reliability))
    for own_panel in (panel, replace(panel, group=None)):
        _, differences, values = measured(own_panel, ["mean", "weighted_mean"])
        own = differences["weighted_mean"]
        for statistic in STATISTICS:
            assert own.values[statistic].difference == 0
            assert own.values[statistic].difference_interval == (0, 0)
            assert own.values[statistic].interval == values[0][statistic].interval
        assert (own.n_only, own.n_reference_only) == (0, 0)
        assert own.p_mcnemar == own.p_adjusted == 1
        assert own.p_clusters == (None if own_panel.group is None else 1)
        assert own.captured.value == 0


def test_a_difference_that_is_the_same_in_every_cluster_has_no_t_test():
    truth = np.tile([0, 1, 1], 12).astype(np.int32)
    panel = panel_of(np.ones((36, 1)), np.ones((36, 1)), group=np.repeat(np.arange(12), 3))
    panel = replace(panel, truth=truth)
    first, none = np.tile([1, 1, 0], 12), np.tile([1, 0, 0], 12)  # one example in each is gained: 1 / 3 each
    swapped = np.tile([1, 0, 1], 12)  # another one instead: nothing is
    _, differences, _ = measured(panel, deciding(panel, none=none, first=first, swapped=swapped), "none")
    assert differences["first"].p_clusters is None
    assert differences["first"].p_adjusted is None
    _, differences, _ = measured(panel, deciding(panel, first=first, swapped=swapped), "first")
    assert (differences["swapped"].n_only, differences["swapped"].n_reference_only) == (12, 12)
    assert differences["swapped"].p_clusters == 1


def test_a_p_is_never_0():
    n = 6000
    panel = panel_of(np.ones((n, 1)), np.ones((n, 1)), group=np.arange(n))
    wrong = np.r_[np.zeros(1), np.ones(n - 1)]
    _, differences, _ = measured(panel, deciding(panel, reference=wrong, rule=np.zeros(n)), "reference", n_resamples=20)
    own = differences["rule"]
    assert 0 < own.p_clusters < 1e-300
    assert 0 < own.p_mcnemar < 1e-300


@pytest.mark.parametrize("statistic", ["accuracy", "balanced_accuracy"])
def test_captured_is_a_share_of_what_an_oracle_gains(statistic):
    panel = grouped()
    labels, differences, _ = measured(panel, statistic=statistic)
    right = (panel.labels == panel.truth[:, None]).any(axis=1)
    oracle = SCORES[statistic](panel.truth, np.where(right, panel.truth, (panel.truth + 1) % 4))
    base = SCORES[statistic](panel.truth, labels["mean"])
    weighting = weigh_examples(panel, statistic == "balanced_accuracy")
    hits = {name: (own == panel.truth).astype(float) for name, own in labels.items()}
    for name, own in differences.items():
        if own is None:
            continue
        expected = (SCORES[statistic](panel.truth, labels[name]) - base) / (oracle - base)
        assert own.captured.value == pytest.approx(expected, abs=1e-12)
        assert own.captured == ratio(weighting, hits[name] - hits["mean"], oracle_hits(panel) - hits["mean"])


def test_nothing_is_captured_where_there_is_nothing_to_gain():
    right = np.random.default_rng(0).random((60, 1)) < 0.6
    panel = panel_of(np.repeat(right, 3, axis=1), np.ones((60, 3)))
    _, differences, _ = measured(panel, ["majority", "weighted_vote"], "majority")
    assert differences["weighted_vote"].captured is None
    _, differences, _ = measured(make_panel(60), statistic="macro_f1")
    assert all(own is None or own.captured is None for own in differences.values())
    # Two examples of sixty that an oracle would gain: the interval holds 0.
    panel = panel_of(np.repeat(right, 3, axis=1), np.ones((60, 3)))
    panel.labels[:2], panel.labels[:2, 0] = 1, 0
    room = contrast(weigh_examples(panel, False), oracle_hits(panel) - (panel.labels[:, 1] == 0))
    assert room.interval[0] <= 0 < room.value
    _, differences, _ = measured(panel, ["majority", "weighted_vote"], "majority", "accuracy")
    assert differences["weighted_vote"].captured is None


def test_interventions_are_a_family_of_their_own():
    panel = make_panel(200, 3, 4, 3)
    what_ifs = [Intervention("drop", "agent0"), Intervention("veto", "agent1"), Intervention("cap", "agent2", 0.4)]
    _, differences, _ = measured(panel, RULES[:3], "mean", what_ifs=what_ifs)
    _, plain, _ = measured(panel, RULES[:3], "mean")
    changed = []
    for name in RULES[:3]:
        assert (differences[name] is None) == (name == "mean")
        if differences[name] is not None:
            assert differences[name].p_adjusted == plain[name].p_adjusted
        own = [differences[f"{name}, {what}"] for what in what_ifs]
        assert all(isinstance(one, Difference) and one.reference == name for one in own)
        changed += own
    adjusted = multipletests([one.p_mcnemar for one in changed], method="holm")[1]
    assert [one.p_adjusted for one in changed] == pytest.approx(adjusted.tolist(), rel=1e-12)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(panels(most=25))
def test_whatever_the_panel(panel):
    _, differences, values = measured(panel, ["majority", "weighted_vote", "select_best"], "majority", n_resamples=30)
    for own, reached in zip(differences.values(), values, strict=True):
        for standing in reached.values():
            assert 0 <= standing.value <= 1
            assert (standing.interval is None) == (panel.n_examples < 10)
        if own is None:
            continue
        assert own.n_only + own.n_reference_only <= panel.n_examples
        assert 0 < own.p_mcnemar <= own.p_adjusted <= 1
        assert own.captured is None or np.isfinite(own.captured.value)
        assert own.captured is None or own.captured.value <= 1 + 1e-12
    assert set(oracle_hits(panel)) <= {0.0, 1.0}
