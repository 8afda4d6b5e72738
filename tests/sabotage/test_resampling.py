"""The paired bootstrap against scikit-learn on explicit resamples, SciPy's bootstrap and all resamples of four."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics

from sabotage import SabotageError, resampling, scoring, units
from sabotage.resampling import STATISTICS, paired_bootstrap, tail
from sabotage.units import Units, alike


def rules_of(n, n_rules=3, n_classes=4, seed=0):
    """Draw a truth with an absent class, and rules that are right 60 % of the time and sometimes abstain."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, n_classes - 1, n).astype(np.int32)
    said = random.integers(-1, n_classes, (n_rules, n))
    return truth, np.where(random.random((n_rules, n)) < 0.6, truth, said).astype(np.int32)


def witness(statistic, truth, labels):
    """Score by scikit-learn, over the classes present in the truth."""
    if statistic == "accuracy":
        return metrics.accuracy_score(truth, labels)
    score = metrics.recall_score if statistic == "balanced_accuracy" else metrics.f1_score
    return score(truth, labels, labels=np.unique(truth), average="macro", zero_division=0)


def ends(found):
    """Return all intervals of a result, (R, 4)."""
    return np.array([(*rule.interval, *rule.difference_interval) for rule in found.rules])


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("clustered", [False, True])
def test_intervals_are_those_of_explicit_resamples(statistic, clustered):
    n, n_resamples = 60, 60
    truth, labels = rules_of(n)
    cluster = np.r_[np.arange(14), np.random.default_rng(1).integers(0, 14, n - 14)] if clustered else np.arange(n)
    found = paired_bootstrap(truth, labels, statistic, 1, 4, cluster, n_resamples, seed=5)
    random = np.random.default_rng((5, 0))  # one block and one cohort: the draws are these
    values = np.empty((n_resamples, 3))
    for k in range(n_resamples):
        n_clusters = cluster.max() + 1
        drawn = [np.flatnonzero(cluster == own) for own in random.integers(0, n_clusters, n_clusters)]
        rows = np.concatenate(drawn)
        values[k] = [witness(statistic, truth[rows], own[rows]) for own in labels]
    out = stats.norm.cdf((n_clusters / (n_clusters - 1)) ** 0.5 * stats.t.ppf(0.025, n_clusters - 1))
    levels = out, 1 - out
    expected = np.quantile(values, levels, axis=0)
    leads = np.quantile(values - values[:, [1]], levels, axis=0)
    assert ends(found) == pytest.approx(np.vstack([expected, leads]).T, abs=1e-12)
    for rule, own in zip(found.rules, labels, strict=True):
        assert rule.value == pytest.approx(witness(statistic, truth, own), abs=1e-15)
    assert (found.n_clusters, found.n_resamples) == (14 if clustered else 60, n_resamples)


@pytest.mark.parametrize(("statistic", "place"), [("accuracy", 0), ("balanced_accuracy", 1), ("macro_f1", 2)])
def test_intervals_are_scipys_within_monte_carlo_error(statistic, place):
    truth, labels = rules_of(80, 2)

    def lead(truth, first, second):
        return [scoring.accuracies(truth, own, 4)[place] for own in (first, second)] @ np.array([1, -1])

    theirs = stats.bootstrap(
        (truth, *labels),
        lead,
        paired=True,
        vectorized=False,
        n_resamples=2000,
        method="percentile",
        random_state=0,
        confidence_level=1 - 2 * tail(len(truth)),
    )
    ours = paired_bootstrap(truth, labels, statistic, 1, 4, n_resamples=20_000).rules[0]
    error = 4 * theirs.standard_error * 2.7 / 3000**0.5  # of a percentile: sd sqrt(p (1 - p) / R) / density
    assert ours.difference_interval == pytest.approx(tuple(theirs.confidence_interval), abs=error)


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("most_singly", [0, 100])
def test_mean_over_resamples_is_that_of_all_resamples(statistic, most_singly, monkeypatch):
    monkeypatch.setattr(units, "MOST_SINGLY", most_singly)
    truth = np.array([0, 0, 1, 2], np.int32)
    labels = np.array([[0, 0, 1, 1], [0, 0, -1, 2]], np.int32)
    count = resampling._Count(truth, labels, 3, (statistic,))
    unit = Units.of(4, None, count.columns())
    everything = [list(rows) for rows in product(range(4), repeat=4)]
    exact = np.mean([[witness(statistic, truth[rows], own[rows]) for own in labels] for rows in everything], axis=0)
    drawn = count.score(slice(None), unit, unit.draw(np.random.default_rng(0), 20_000))[0]
    assert drawn.mean(axis=0) == pytest.approx(exact, abs=5 * drawn.std(axis=0).max() / 20_000**0.5)


@pytest.mark.parametrize("n", [400, 20])
def test_patterns_are_drawn_as_their_examples_would_be(n, monkeypatch):
    # Many examples of a pattern are drawn by a multinomial, few by looking up whose each draw is.
    truth, labels = rules_of(n, 2, 3)
    single = paired_bootstrap(truth, labels, "macro_f1", 0, 3, n_resamples=20_000)
    monkeypatch.setattr(units, "MOST_SINGLY", 0)
    pattern = paired_bootstrap(truth, labels, "macro_f1", 0, 3, n_resamples=20_000)
    assert [rule.value for rule in pattern.rules] == [rule.value for rule in single.rules]
    assert ends(pattern) == pytest.approx(ends(single), abs=0.5 / n**0.5 / 10)


def test_blocks_are_drawn_as_one_would_be(monkeypatch):
    truth, labels = rules_of(200)
    whole = paired_bootstrap(truth, labels, "balanced_accuracy", 0, 4, n_resamples=20_000)
    monkeypatch.setattr(units, "UNITS_AT_ONCE", 30)
    cut = paired_bootstrap(truth, labels, "balanced_accuracy", 0, 4, n_resamples=10_000)
    assert ends(cut) == pytest.approx(ends(whole), abs=0.005)


def test_draws_are_as_many_as_there_are_units():
    unit = Units.of(20_000, None, iter(()))
    blocks = list(unit.draw(np.random.default_rng(0), 5))
    assert [len(block) for block in blocks] == [8192, 8192, 3616]
    assert (np.concatenate(blocks).sum(axis=0) == 20_000).all()
    assert (np.concatenate(list(unit.once())) == 1).all()


@pytest.mark.parametrize("clustered", [False, True])
@pytest.mark.parametrize("statistic", STATISTICS)
def test_slicing_changes_nothing(statistic, clustered, monkeypatch):
    truth, labels = rules_of(120, 5)
    cluster = np.arange(120) // 5 if clustered else None
    once = paired_bootstrap(truth, labels, statistic, 2, 4, cluster, 300)
    monkeypatch.setattr(resampling, "ROWS_AT_ONCE", 13)
    monkeypatch.setattr(resampling, "MOST_SUMS", 16)
    assert paired_bootstrap(truth, labels, statistic, 2, 4, cluster, 300) == once
    assert paired_bootstrap(truth, labels, statistic, 2, 4, cluster, 300, seed=1) != once


decided = st.tuples(st.integers(11, 40), st.integers(1, 4), st.integers(2, 5), st.integers(0, 10_000))


@settings(max_examples=40, deadline=None)
@given(decided, st.sampled_from(STATISTICS), st.booleans())
def test_rules_classes_and_company_do_not_matter(drawn, statistic, clustered):
    n, n_rules, n_classes, seed = drawn
    truth, labels = rules_of(n, n_rules, n_classes, seed)
    random = np.random.default_rng(seed)
    cluster = np.r_[np.arange(10), random.integers(0, 10, n - 10)] if clustered else None

    def run(truth, labels, reference):
        return paired_bootstrap(truth, labels, statistic, reference, n_classes, cluster, 40, seed)

    found = run(truth, labels, n_rules - 1)
    for rule, own in zip(found.rules, labels, strict=True):
        assert rule.value == pytest.approx(scoring.accuracies(truth, own, n_classes)[STATISTICS.index(statistic)])
    order = random.permutation(n_rules)
    again = run(truth, labels[order], int(np.flatnonzero(order == n_rules - 1)[0]))
    assert again.rules == tuple(found.rules[k] for k in order)
    twice = run(truth, np.vstack([labels, labels[-1:]]), n_rules)
    assert twice.rules[:-1] == found.rules
    assert twice.rules[-2] == twice.rules[-1]
    assert (twice.rules[-1].difference, twice.rules[-1].difference_interval) == (0, (0, 0))
    names = random.permutation(n_classes).astype(np.int32)
    renamed = run(names[truth], np.where(labels < 0, -1, names[labels]), n_rules - 1)
    assert ends(renamed) == pytest.approx(ends(found), abs=1e-12)


@settings(max_examples=20, deadline=None)
@given(decided, st.sampled_from(STATISTICS))
def test_order_of_examples_does_not_matter_to_patterns_and_clusters(drawn, statistic):
    n, n_rules, n_classes, seed = drawn
    truth, labels = rules_of(n, n_rules, n_classes, seed)
    order = np.random.default_rng(seed).permutation(n)
    cluster = np.arange(n) % 10
    found = paired_bootstrap(truth, labels, statistic, 0, n_classes, cluster, 30)
    assert paired_bootstrap(truth[order], labels[:, order], statistic, 0, n_classes, cluster[order], 30) == found
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(units, "MOST_SINGLY", 0)
        found = paired_bootstrap(truth, labels, statistic, 0, n_classes, None, 30)
        assert paired_bootstrap(truth[order], labels[:, order], statistic, 0, n_classes, None, 30) == found


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 60), st.integers(1, 5), st.integers(0, 1000), st.sampled_from([8, 1 << 62]))
def test_patterns_are_numpys_unique_rows(n, width, seed, widest):
    table = np.random.default_rng(seed).integers(0, 3, (width, n))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(units, "WIDEST_KEY", widest)  # 8: the key is numbered anew at every second column
        first, times = alike(((column, 3) for column in table), n)
    expected = np.unique(table.T, axis=0, return_index=True, return_counts=True)
    assert first.tolist() == expected[1].tolist()
    assert times.tolist() == expected[2].tolist()


def test_each_a_cluster_of_its_own_is_no_cluster():
    truth, labels = rules_of(50)
    assert paired_bootstrap(truth, labels, "macro_f1", 0, 4, np.arange(50), 50) == paired_bootstrap(
        truth, labels, "macro_f1", 0, 4, None, 50
    )


def test_fewer_than_ten_clusters_have_no_interval():
    truth, labels = rules_of(45)
    found = paired_bootstrap(truth, labels, "accuracy", 0, 4, np.arange(45) // 5)
    assert (found.n_clusters, found.n_resamples) == (9, 0)
    assert all(rule.interval is None and rule.difference_interval is None for rule in found.rules)
    assert found.rules[0].difference == 0
    assert paired_bootstrap(truth[:9], labels[:, :9], "accuracy", 0, 4).rules[1].interval is None
    assert paired_bootstrap(truth[:10], labels[:, :10], "accuracy", 0, 4).rules[1].interval is not None


def test_refusals():
    truth, labels = rules_of(20)
    with pytest.raises(SabotageError, match=r"unknown statistic 'acuracy' \(did you mean accuracy\?\)"):
        paired_bootstrap(truth, labels, "acuracy", 0, 4)
    for change, says in (
        ({"labels": labels[:, :5]}, r"shape \(rules, 20\)"),
        ({"labels": labels[:0]}, r"found \(0, 20\)"),
        ({"truth": truth[:0], "labels": labels[:, :0]}, "no example"),
        ({"n_classes": 2}, "numbered from 0 to 1"),
        ({"reference": 3}, "0 to 2: found 3"),
        ({"n_resamples": 0}, "at least 1: found 0"),
        ({"seed": -1}, "at least 0: found -1"),
        ({"cluster": np.arange(5)}, "one number an example, 20"),
        ({"cluster": np.arange(20) * 2}, "without gaps"),
    ):
        arguments = {"truth": truth, "labels": labels, "statistic": "accuracy", "reference": 0, "n_classes": 4}
        with pytest.raises(SabotageError, match=says):
            paired_bootstrap(**(arguments | change))
