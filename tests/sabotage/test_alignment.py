"""Alignment against scikit-learn, scipy, statsmodels, published formulas written out as loops, and brute force."""

from dataclasses import replace
from itertools import pairwise, permutations

import numpy as np
import pyarrow as pa
import pytest
import statsmodels.api as sm
from builders import make_panel, panel_of, panels, tie_heavy
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from sabotage import Panel, scoring
from sabotage.alignment import Alignment, measure_alignment, measure_routing
from sabotage.notes import Notes


def aligned(right, reliability, group=None) -> Alignment:
    return measure_alignment(panel_of(right, reliability, group), Notes())[0]


def heard(panel: Panel, m: int) -> tuple[np.ndarray, np.ndarray]:
    """Return, where agent m spoke and has a reliability, whether it is right and that reliability."""
    known = (panel.labels[:, m] >= 0) & ~np.isnan(panel.reliability[:, m])
    return (panel.labels[:, m] == panel.truth)[known], panel.reliability[known, m]


def drawn(n: int, seed: int = 0, steps: int | None = 8, per_film: int = 5):
    """Draw being right, reliability that knows of it, and films that both depend on."""
    random = np.random.default_rng(seed)
    film = random.integers(0, n // per_film, n)
    easy = random.normal(0, 0.7, n // per_film)[film]
    right = random.normal(0.3 + easy, 1, n) > 0
    reliability = 1 / (1 + np.exp(-(0.8 * right + 0.7 * easy + random.normal(0, 1, n))))
    return right, reliability if steps is None else np.round(reliability * steps) / steps, film


def components(right, reliability) -> tuple[np.ndarray, np.ndarray]:
    """Write out DeLong's structural components, of the right and of the wrong, as a double loop."""
    good, bad = reliability[right].tolist(), reliability[~right].tolist()
    wins = [[1.0 if x > y else 0.5 if x == y else 0.0 for y in bad] for x in good]
    of_right = [sum(row) / len(bad) for row in wins]
    of_wrong = [sum(row[j] for row in wins) / len(good) for j in range(len(bad))]
    return np.array(of_right), np.array(of_wrong)


@settings(max_examples=300, deadline=None)
@given(panels(most=40))
def test_values_are_scikit_learns_and_scipys(panel):
    notes = Notes()
    for m, found in enumerate(measure_alignment(panel, notes)):
        right, reliability = heard(panel, m)
        assert (found.agent, found.n, found.n_right) == (panel.agents[m], len(right), right.sum())
        if len(set(right.tolist())) < 2:
            assert (found.auroc, found.spearman, found.point_biserial) == (None, None, None)
            assert any(sentence.startswith(panel.agents[m]) for sentence in notes)
            continue
        assert found.auroc.value == scoring.auroc(right, reliability)
        assert found.auroc.value == pytest.approx(roc_auc_score(right, reliability), abs=1e-15)
        if len(set(reliability.tolist())) < 2:
            assert (found.auroc.value, found.spearman, found.point_biserial) == (0.5, None, None)
            continue
        assert found.spearman == pytest.approx(stats.spearmanr(reliability, right.astype(float)).statistic, abs=1e-12)
        expected = stats.pointbiserialr(right.astype(float), reliability).statistic
        assert found.point_biserial.value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("family", ["neighbours", "denormal", "zeros", "huge", "wide", "absorb", "few"])
def test_numbers_at_the_ends_of_float64(family):
    panel = tie_heavy(family, 80, missing=0.2, no_reliability=0.1)
    for m, found in enumerate(measure_alignment(panel, Notes())):
        right, reliability = heard(panel, m)
        values, level = np.unique(reliability, return_inverse=True)
        assert len(values) > 1
        assert found.auroc.value == scoring.auroc(right, reliability)
        assert found.spearman == pytest.approx(stats.spearmanr(level, right.astype(float)).statistic, abs=1e-12)
        assert np.isfinite([found.point_biserial.value, found.point_biserial.se, found.auroc.se]).all()
        if family in ("neighbours", "denormal"):  # three values, a whole number of the least step apart
            evenly = np.rint((reliability - values[0]) / (values[1] - values[0]))
            expected = stats.pointbiserialr(right.astype(float), evenly).statistic
            assert found.point_biserial.value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("steps", [None, 8, 1])
def test_the_error_of_the_auroc_is_delongs(steps):
    right, reliability, _ = drawn(120, 1, steps)
    found = aligned(right, reliability).auroc
    of_right, of_wrong = components(right, reliability)
    n, n_right, n_wrong = 120, len(of_right), len(of_wrong)
    # DeLong divides the spread of each kind by its number less 1; here one factor n / (n - 1) serves both.
    s10 = sum((v - found.value) ** 2 for v in of_right) / (n_right - 1)
    s01 = sum((v - found.value) ** 2 for v in of_wrong) / (n_wrong - 1)
    less = (n_right - 1) / n_right * s10 / n_right + (n_wrong - 1) / n_wrong * s01 / n_wrong
    assert found.se**2 == pytest.approx(n / (n - 1) * less, rel=1e-10)
    assert found.se == pytest.approx((s10 / n_right + s01 / n_wrong) ** 0.5, rel=0.01)
    assert found.interval[1] - found.value == pytest.approx(stats.t.ppf(0.975, n - 1) * found.se)
    assert found.n_clusters == n


@pytest.mark.parametrize("steps", [None, 8])
def test_the_clustered_error_of_the_auroc_is_obuchowskis(steps):
    right, reliability, _ = drawn(200, 2, steps)
    film = np.random.default_rng(0).integers(0, 25, 200)
    found = aligned(right, reliability, film).auroc
    of_right, of_wrong = components(right, reliability)
    n_right, n_wrong = len(of_right), len(of_wrong)
    films = sorted(set(film.tolist()))
    # Every film holds right and wrong ones, so that her three factors are one.
    assert all(0 < right[film == f].sum() < (film == f).sum() for f in films)
    s10 = s01 = s11 = 0.0
    for f in films:
        first = sum(v - found.value for v, own in zip(of_right, film[right], strict=True) if own == f)
        second = sum(v - found.value for v, own in zip(of_wrong, film[~right], strict=True) if own == f)
        s10 += len(films) / ((len(films) - 1) * n_right) * first**2
        s01 += len(films) / ((len(films) - 1) * n_wrong) * second**2
        s11 += len(films) / (len(films) - 1) * first * second
    variance = s10 / n_right + s01 / n_wrong + 2 * s11 / (n_right * n_wrong)
    assert found.se == pytest.approx(variance**0.5, rel=1e-10)
    assert found.n_clusters == len(films)


def test_errors_are_those_of_the_jackknife_over_films():
    right, reliability, film = drawn(1500, 3)
    found = aligned(right, reliability, film)
    films = np.unique(film)
    left = [film != f for f in films]
    for estimate, measure in (
        (found.auroc, roc_auc_score),
        (found.point_biserial, lambda y, x: stats.pointbiserialr(y, x).statistic),
    ):
        without = np.array([measure(right[keep], reliability[keep]) for keep in left])
        jackknife = ((len(films) - 1) / len(films) * ((without - without.mean()) ** 2).sum()) ** 0.5
        assert estimate.se == pytest.approx(jackknife, rel=0.02)
    # The films matter: examples taken for independent would have too small an error.
    assert found.auroc.se > 1.1 * aligned(right, reliability).auroc.se


def test_the_error_of_a_correlation_is_the_normal_theorys_where_there_is_none():
    # Independent of each other, sd(r) is 1 / sqrt(n) whatever the distributions.
    random = np.random.default_rng(4)
    found = aligned(random.random(20_000) < 0.3, random.exponential(1, 20_000)).point_biserial
    assert found.se == pytest.approx(20_000**-0.5, rel=0.02)
    assert abs(found.value) < 4 * found.se


@pytest.mark.parametrize("steps", [None, 8])
def test_examples_said_twice_in_their_cluster_change_nothing(steps):
    right, reliability, _ = drawn(200, 5, steps)
    once = panel_of(right, reliability, np.arange(200))
    twice = panel_of(np.tile(right, 2), np.tile(reliability, 2), np.tile(np.arange(200), 2))
    one, two = measure_alignment(once, Notes())[0], measure_alignment(twice, Notes())[0]
    for name in ("auroc", "point_biserial"):
        first, second = getattr(one, name), getattr(two, name)
        assert second.value == pytest.approx(first.value, abs=1e-14)
        assert second.se == pytest.approx(first.se, rel=1e-12)
        assert second.interval == pytest.approx(first.interval, rel=1e-12)
        assert second.n_clusters == first.n_clusters == 200
        # Each example its own cluster is no cluster at all.
        assert getattr(aligned(right, reliability), name) == first
    assert two.spearman == pytest.approx(one.spearman, abs=1e-14)
    for first, second in zip(one.gain, two.gain, strict=True):
        assert second.n_kept == 2 * first.n_kept
        assert second.accuracy == pytest.approx(first.accuracy, abs=1e-14)
        assert second.interval == pytest.approx(first.interval, rel=1e-12)
    # Taken for twice as many examples, they would seem known better by the root of two.
    assert aligned(np.tile(right, 2), np.tile(reliability, 2)).auroc.se < 0.75 * one.auroc.se


def test_intervals_of_the_auroc_hold_it_as_often_as_they_say():
    random, held = np.random.default_rng(6), 0
    expected = stats.norm.cdf(1 / 2**0.5)  # of two normals a standard deviation apart
    for _ in range(400):
        right = random.random(100) < 0.5
        found = aligned(right, np.exp(random.normal(right, 1))).auroc
        held += found.interval[0] <= expected <= found.interval[1]
    assert 0.92 <= held / 400 <= 0.98


def test_clustered_intervals_of_auroc_and_correlation_hold_as_often_as_they_say():
    random, held = np.random.default_rng(7), np.zeros(3)
    film = np.repeat(np.arange(40), 5)

    def sample(films):
        """Let films differ in how often one is right there and in how high the reliabilities are."""
        shift = np.repeat(random.normal(0, 1, len(films) // 5), 5)
        right = random.normal(shift, 1) > 0
        return right, 1 / (1 + np.exp(-random.normal(right + shift, 1)))

    right, reliability = sample(np.arange(1_000_000))
    area, correlation = roc_auc_score(right, reliability), stats.pointbiserialr(right, reliability).statistic
    for _ in range(300):
        right, reliability = sample(film)
        found, naive = aligned(right, reliability, film), aligned(right, reliability)
        for k, (value, interval) in enumerate(
            [
                (area, found.auroc.interval),
                (correlation, found.point_biserial.interval),
                (area, naive.auroc.interval),
            ]
        ):
            held[k] += interval[0] <= value <= interval[1]
    assert (held[:2] / 300 > 0.90).all()
    assert (held[:2] / 300 < 0.985).all()
    assert held[2] / 300 < 0.90


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 2)), min_size=1, max_size=6))
def test_gain_is_the_mean_over_orders_of_equals(pairs):
    n = len(pairs)
    gain = aligned([r for r, _ in pairs], [q for _, q in pairs]).gain
    orders = [order for order in permutations(pairs) if all(a[1] >= b[1] for a, b in pairwise(order))]
    assert [point.withheld for point in gain] == [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    for tenths, point in enumerate(gain):
        kept = n - tenths * n // 10
        expected = sum(sum(right for right, _ in order[:kept]) / kept for order in orders) / len(orders)
        assert point.n_kept == kept >= 1
        assert point.accuracy == pytest.approx(expected, abs=1e-12)


def test_gain_under_ties_is_the_mean_over_random_orders():
    right, reliability, _ = drawn(73, 8, steps=4)
    random = np.random.default_rng(0)
    found = [point.accuracy for point in aligned(right, reliability).gain]
    kept = [point.n_kept for point in aligned(right, reliability).gain]
    runs = np.empty((4000, 10))
    for run in runs:
        shuffled = random.permutation(73)
        order = shuffled[np.argsort(-reliability[shuffled], kind="stable")]
        run[:] = (np.cumsum(right[order]) / np.arange(1, 74))[np.array(kept) - 1]
    error = runs.std(axis=0) / 4000**0.5
    assert (np.abs(runs.mean(axis=0) - found) <= 4.5 * error + 1e-12).all()
    assert error.max() > 0


@settings(max_examples=100, deadline=None)
@given(panels(most=30))
def test_gain_of_nothing_withheld_is_the_accuracy(panel):
    for m, found in enumerate(measure_alignment(panel, Notes())):
        right, _ = heard(panel, m)
        if not len(right):
            assert found.gain == ()
            continue
        assert found.gain[0].n_kept == len(right)
        assert found.gain[0].accuracy == right.sum() / len(right)
        for point in found.gain:
            assert 0 <= point.interval[0] <= point.accuracy <= point.interval[1] <= 1


def test_gain_of_a_reliability_that_knows_rises_to_1():
    right = np.arange(100) % 4 > 0
    gain = aligned(right, right + np.linspace(0, 0.5, 100)).gain
    accuracy = [point.accuracy for point in gain]
    assert accuracy == pytest.approx([75 / 100, 75 / 90, 75 / 80, 1, 1, 1, 1, 1, 1, 1])
    backwards = aligned(right, 1 - right + np.linspace(0, 0.5, 100)).gain
    assert [point.accuracy for point in backwards] == pytest.approx(
        [75 / 100, 65 / 90, 55 / 80, 45 / 70, 35 / 60, 25 / 50, 15 / 40, 5 / 30, 0, 0]
    )
    constant = aligned(right, np.ones(100)).gain
    assert {point.accuracy for point in constant} == {0.75}


def test_shares_asked_for_are_tenths_of_any_number_of_examples():
    for n in [*range(1, 40), 90, 170, 330]:  # of the last three .7 is no whole number in floats
        kept = [point.n_kept for point in aligned(np.arange(n) % 2 > 0, np.arange(n)).gain]
        assert kept == [n - k * n // 10 for k in range(10)]


def test_intervals_of_gain_are_wilsons():
    right, reliability, _ = drawn(150, 9, steps=None)
    for point in aligned(right, reliability).gain:
        hits = np.sort(reliability)[-point.n_kept]
        hits = int(right[reliability >= hits].sum())
        z, n = stats.norm.ppf(0.975), point.n_kept
        middle = (hits + z**2 / 2) / (n + z**2)
        reach = z / (n + z**2) * (hits * (n - hits) / n + z**2 / 4) ** 0.5
        assert point.interval == pytest.approx((middle - reach, middle + reach), abs=1e-12)


@pytest.mark.parametrize("steps", [None, 6])
def test_clustered_intervals_of_gain_are_statsmodels(steps):
    right, reliability, film = drawn(300, 10, steps)
    for point in aligned(right, reliability, film).gain:
        # An example that ties with others at the cut counts with the share of them that is kept.
        cut = np.sort(reliability)[-point.n_kept]
        weight = (reliability > cut).astype(float)
        tied = reliability == cut
        weight[tied] = (point.n_kept - weight.sum()) / tied.sum()
        kept = weight > 0
        model = sm.WLS(right[kept].astype(float), np.ones(kept.sum()), weights=weight[kept])
        fitted = model.fit(cov_type="cluster", cov_kwds={"groups": film[kept]}, use_t=True)
        assert point.accuracy == pytest.approx(fitted.params[0], abs=1e-12)
        assert point.interval == pytest.approx(tuple(fitted.conf_int()[0]), abs=1e-10)


def test_reliability_counts_by_order_alone():
    panel = make_panel(200, 3, 4, missing=0.2, no_reliability=0.1, steps=10)
    before = measure_alignment(panel, Notes())
    for transform in (lambda q: q**3 + q, np.exp, lambda q: np.log1p(1e6 * q), lambda q: q / 1e300):
        moved = replace(panel, reliability=transform(panel.reliability))
        for first, second in zip(before, measure_alignment(moved, Notes()), strict=True):
            assert (second.auroc, second.spearman, second.gain) == (first.auroc, first.spearman, first.gain)
        assert measure_routing(moved) == measure_routing(panel)
    scaled = measure_alignment(replace(panel, reliability=3e-7 * panel.reliability + 2), Notes())
    for first, second in zip(before, scaled, strict=True):
        assert second.point_biserial.value == pytest.approx(first.point_biserial.value, abs=1e-8)
        assert second.point_biserial.se == pytest.approx(first.point_biserial.se, rel=1e-6)


@pytest.mark.parametrize("grouped", [False, True])
def test_the_order_of_examples_is_nothing(grouped):
    film = np.random.default_rng(0).integers(0, 40, 200)
    panel = make_panel(200, 3, 4, missing=0.2, steps=10, columns={"film": pa.array(film)})
    panel = replace(panel, group="film" if grouped else None)
    order = np.random.default_rng(1).permutation(200)
    moved = replace(
        panel,
        columns={"film": pa.array(film[order])},
        **{name: getattr(panel, name)[order] for name in ("truth", "labels", "confidence", "scores", "reliability")},
    )
    for first, second in zip(measure_alignment(panel, Notes()), measure_alignment(moved, Notes()), strict=True):
        assert second.auroc.value == first.auroc.value
        assert second.auroc.se == pytest.approx(first.auroc.se, rel=1e-12)
        assert second.spearman == pytest.approx(first.spearman, abs=1e-14)
        assert second.point_biserial.value == pytest.approx(first.point_biserial.value, abs=1e-14)
        assert second.point_biserial.interval == pytest.approx(first.point_biserial.interval, rel=1e-12)
        for one, two in zip(first.gain, second.gain, strict=True):
            assert (one.n_kept, one.accuracy) == (two.n_kept, two.accuracy)
            assert two.interval == pytest.approx(one.interval, rel=1e-12)
    one, two = measure_routing(panel), measure_routing(moved)
    assert (two.auroc.value, two.n) == (pytest.approx(one.auroc.value, abs=1e-14), one.n)
    assert two.auroc.se == pytest.approx(one.auroc.se, rel=1e-12)


def test_turning_reliability_round_mirrors_all():
    right, reliability, film = drawn(200, 11)
    there, back = aligned(right, reliability, film), aligned(right, 1 - reliability, film)
    assert back.auroc.value == pytest.approx(1 - there.auroc.value, abs=1e-14)
    assert back.auroc.se == pytest.approx(there.auroc.se, rel=1e-12)
    assert back.spearman == pytest.approx(-there.spearman, abs=1e-14)
    assert back.point_biserial.value == pytest.approx(-there.point_biserial.value, abs=1e-14)
    assert back.point_biserial.se == pytest.approx(there.point_biserial.se, rel=1e-12)


def test_examples_that_do_not_count_change_nothing():
    right, reliability, film = drawn(150, 12)
    alone = aligned(right, reliability, film)
    # Silent ones, and ones without a reliability, in films of their own between the others.
    more = panel_of(
        np.r_[right[:70], np.ones(20, bool), right[70:]],
        np.r_[reliability[:70], np.full(10, np.nan), np.full(10, 0.9), reliability[70:]],
        np.r_[film[:70], np.arange(1000, 1020), film[70:]],
        np.r_[np.ones(70, bool), np.ones(10, bool), np.zeros(10, bool), np.ones(80, bool)],
    )
    (found,) = measure_alignment(more, Notes())
    assert (found.n, found.n_right, found.auroc.n_clusters) == (150, alone.n_right, alone.auroc.n_clusters)
    assert found.auroc.interval == pytest.approx(alone.auroc.interval, rel=1e-12)
    assert found.point_biserial.interval == pytest.approx(alone.point_biserial.interval, rel=1e-12)
    for one, two in zip(alone.gain, found.gain, strict=True):
        assert (one.n_kept, one.accuracy) == (two.n_kept, two.accuracy)
        assert two.interval == pytest.approx(one.interval, rel=1e-12)


def noted(right, reliability, group=None, spoke=None) -> tuple[Alignment, list[str]]:
    notes = Notes()
    return measure_alignment(panel_of(right, reliability, group, spoke), notes)[0], list(notes)


def test_what_cannot_be_had_is_null_and_says_why():
    half = np.arange(60) % 2 > 0
    found, notes = noted(half, np.full(60, np.nan))
    assert found == Alignment("a0", 0, 0, None, None, None, ())
    assert notes == ["a0 has no reliability where it spoke: its alignment is null"]
    for always, word in ((True, "right"), (False, "wrong")):
        found, notes = noted(np.full(60, always), np.linspace(0, 1, 60))
        assert (found.auroc, found.spearman, found.point_biserial) == (None, None, None)
        assert {point.accuracy for point in found.gain} == {float(always)}
        assert found.gain[0].interval[not always] not in (0, 1)
        assert notes == [
            f"a0 is always {word} where it has a reliability: auroc, spearman and point_biserial of its alignment are"
            f" null"
        ]
    found, notes = noted(half, np.full(60, 0.25))
    assert (found.auroc.value, found.auroc.se, found.spearman, found.point_biserial) == (0.5, 0, None, None)
    assert notes == ["a0 has one reliability alone, 0.25: its spearman and point_biserial are null"]
    assert noted(half, np.linspace(0, 1, 60))[1] == []


@pytest.mark.parametrize("n_wrong", [1, 9, 10])
def test_few_of_one_kind_have_no_interval(n_wrong):
    # The widths that DeLong's error gives for a handful of wrong ones are far too small.
    reliability = np.random.default_rng(0).random(300)
    found, notes = noted(np.arange(300) >= n_wrong, reliability)
    few = n_wrong < 10
    assert (found.auroc.interval is None, found.point_biserial.interval is None) == (few, few)
    assert found.auroc.value == pytest.approx(roc_auc_score(np.arange(300) >= n_wrong, reliability), rel=1e-14)
    assert ("fewer than 10 examples" in " ".join(notes)) == few
    # A hundred wrong ones in nine films are nine.
    film = np.r_[np.arange(100) % n_wrong, np.arange(20, 220)]
    found, notes = noted(np.arange(300) >= 100, reliability, film)
    assert (found.auroc.interval is None, found.point_biserial.interval is None) == (few, few)
    assert ("fewer than 10 clusters" in " ".join(notes)) == few
    assert found.gain[0].interval is not None


@pytest.mark.parametrize("sign", [1, -1])
def test_parted_without_exception_is_not_certainty(sign):
    right = np.arange(100) % 3 > 0
    reliability = 1 + sign * (right - 0.5) + np.linspace(0, 0.4, 100)
    found, notes = noted(right, reliability)
    assert found.auroc.value == pytest.approx((1 + sign) / 2)
    assert (found.auroc.interval, found.point_biserial.interval) == (None, None)
    assert notes == [
        "a0: reliability parts its right examples from its wrong ones without exception: the intervals of its auroc"
        " and point_biserial are null"
    ]


def test_clusters_too_few_or_all_right_have_no_interval_of_gain():
    right = np.arange(100) % 4 > 0
    found, notes = noted(right, right + np.linspace(0, 0.5, 100), np.arange(100) // 2)
    assert [point.interval is None for point in found.gain] == [False] * 3 + [True] * 7
    assert any("interval of its gain is null" in sentence for sentence in notes)
    right, reliability, _ = drawn(100, 13)
    found, notes = noted(right, reliability, np.arange(100) // 12)
    assert all(point.interval is None for point in found.gain)
    assert found.auroc.interval is None
    assert found.auroc.se > 0
    found, _ = noted(right, reliability, np.zeros(100, int))
    assert (found.auroc.se, found.auroc.interval, found.auroc.n_clusters) == (None, None, 1)


def test_examples_without_a_group_are_one_cluster():
    right, reliability, film = drawn(200, 14)
    named = [None if f < 3 else f"film {f}" for f in film]
    found, expected = aligned(right, reliability, named), aligned(right, reliability, np.maximum(film, 2))
    assert found.auroc.n_clusters == expected.auroc.n_clusters
    assert found.auroc.se == pytest.approx(expected.auroc.se, rel=1e-12)
