"""Rates, lifts and differences of slices, against pandas, influence values one by one, and drawn panels."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from builders import make_panel

from sabotage.halving import halve, sampling_of
from sabotage.intervals import estimate
from sabotage.slice_counts import count_slices
from sabotage.spans import quantile, wilson


def grouped(n=300, n_groups=15, seed=0):
    random = np.random.default_rng(seed)
    group = random.integers(0, n_groups, n)
    panel = replace(make_panel(n, seed=seed), columns={"film": pa.array([f"f{k:02d}" for k in group])}, group="film")
    wrong = random.random(n) < 0.5
    marks = (random.random((n, 2)) < 0.5) & wrong[:, None]
    return panel, group, random.integers(0, 4, n), marks, wrong


@pytest.mark.parametrize("is_grouped", [False, True])
def test_counts_are_those_of_pandas(is_grouped):
    panel, group, code, marks, wrong = grouped()
    panel = panel if is_grouped else replace(panel, group=None)
    found = count_slices(code, 3, marks, wrong, sampling_of(panel, False))  # code 3 is left out
    frame = pd.DataFrame({"s": code, "w": wrong, "a": marks[:, 0], "b": marks[:, 1], "g": group})
    table = frame.groupby("s")[["w", "a", "b"]].agg(["sum", "mean", "size"]).iloc[:3]
    np.testing.assert_array_equal(found.n, table["a"]["size"])
    np.testing.assert_array_equal(found.n_wrong, table["w"]["sum"])
    np.testing.assert_array_equal(found.n_hits, np.stack([table["a"]["sum"], table["b"]["sum"]], axis=1))
    expected = np.stack([table[t]["mean"] / frame[t].mean() for t in "ab"], axis=1)
    np.testing.assert_allclose(found.lift, expected)
    clusters = frame.groupby("s")["g"].nunique().iloc[:3] if is_grouped else table["a"]["size"]
    np.testing.assert_array_equal(found.n_clusters, clusters)
    for s, t in np.ndindex(3, 2):
        assert found.difference[s, t] == pytest.approx(marks[code == s, t].mean() - marks[code != s, t].mean())
    if not is_grouped:
        np.testing.assert_array_equal(found.rate_spans, wilson(found.n_hits, found.n[:, None]))
        np.testing.assert_array_equal(found.wrong_spans, wilson(found.n_hits, found.n_wrong[:, None]))


@pytest.mark.parametrize("is_grouped", [False, True])
def test_intervals_sum_what_every_example_adds(is_grouped):
    panel, group, code, marks, wrong = grouped(seed=3)
    panel = panel if is_grouped else replace(panel, group=None)
    found = count_slices(code, 4, marks, wrong, sampling_of(panel, False))
    groups = group if is_grouped else None
    for s, t in np.ndindex(4, 2):
        mark, inside = marks[:, t].astype(float), code == s
        rate, usual, rest = mark[inside].mean(), mark.mean(), mark[~inside].mean()
        of_log = np.where(inside, (mark - rate) / mark[inside].sum(), 0) - (mark - usual) / mark.sum()
        of_difference = np.where(inside, (mark - rate) / inside.sum(), -(mark - rest) / (~inside).sum())
        n_own = len(np.unique(group[inside])) if is_grouped else inside.sum()
        n_rest = len(np.unique(group[~inside])) if is_grouped else (~inside).sum()
        for value, influence, span, n in (
            (np.log(rate / usual), of_log, np.log(found.lift_spans[s, t]), n_own),
            (rate - rest, of_difference, found.difference_spans[s, t], min(n_own, n_rest)),
        ):
            own = estimate(value, influence, groups)
            # Ours takes the clusters of the slice for its correction and its quantile.
            error = own.se * (n_own / (n_own - 1) * (own.n_clusters - 1) / own.n_clusters) ** 0.5
            reach = float(quantile(np.array(n))) * error
            np.testing.assert_allclose(span, (value - reach, value + reach), rtol=1e-9)


def test_what_cannot_be_had_is_nan():
    panel = make_panel(40)
    marks = np.zeros((40, 2), bool)
    marks[:5, 1] = True
    code = np.repeat([0, 1], 20)
    found = count_slices(code, 3, marks, marks.any(axis=1), sampling_of(panel, False))
    assert np.isnan(found.lift[:, 0]).all()  # nobody in the panel
    assert found.lift[1, 1] == 0
    assert np.isnan(found.lift_spans[1, 1]).all()
    assert np.isnan(found.rate_spans[2]).all()  # no example
    assert np.isnan(found.wrong_spans[1]).all()  # no wrong decision
    whole = count_slices(np.zeros(40, int), 1, marks, marks.any(axis=1), sampling_of(panel, False))
    assert whole.lift[0, 1] == 1
    assert np.isnan(whole.difference[0]).all()  # no rest
    assert np.isnan(whole.lift_spans[0]).all()  # always 1
    few, _, code, marks, wrong = grouped(n_groups=9)
    found = count_slices(code, 4, marks, wrong, sampling_of(few, False))
    for spans in (found.rate_spans, found.wrong_spans, found.lift_spans, found.difference_spans):
        assert np.isnan(spans).all()


def test_the_order_of_classes_and_rows_is_nothing():
    panel, _, code, marks, wrong = grouped(seed=1)
    found = count_slices(code, 4, marks, wrong, sampling_of(panel, False))
    moved = np.array([2, 0, 3, 1])
    other = count_slices(moved[code], 4, marks, wrong, sampling_of(panel, False))
    rows = np.random.default_rng(0).permutation(300)
    shuffled = count_slices(code[rows], 4, marks[rows], wrong[rows], sampling_of(panel.take(rows), False))
    for name, own in vars(found).items():
        np.testing.assert_allclose(getattr(other, name)[moved], own, rtol=1e-9, err_msg=name)
        np.testing.assert_allclose(getattr(shuffled, name), own, rtol=1e-9, err_msg=name)


def test_a_lift_is_held_by_its_interval():
    # 12 to 40 examples of each of 40 subjects, who differ; a slice with twice the rate.
    held, n_drawn = 0, 300
    for seed in range(n_drawn):
        random = np.random.default_rng(seed)
        group = np.repeat(np.arange(40), random.integers(12, 40, 40))
        inside = random.random(len(group)) < 0.25
        usual = np.clip(random.normal(0.1, 0.04, 40), 0.01, None)[group]
        marks = (random.random(len(group)) < usual * np.where(inside, 2, 1))[:, None]
        panel = replace(make_panel(len(group)), columns={"film": pa.array(group)}, group="film")
        found = count_slices(np.where(inside, 0, 1), 2, marks, marks[:, 0], sampling_of(panel, False))
        low, high = found.lift_spans[0, 0]
        held += low <= 2 / 1.25 <= high
    assert 0.92 <= held / n_drawn <= 0.98


@pytest.mark.parametrize("n_groups", [4, 5, 40])
def test_halves_are_of_whole_groups_and_about_as_large(n_groups):
    panel, group, _, _, _ = grouped(400, n_groups)
    sampling = sampling_of(panel, False)
    half = halve(sampling, 0)
    of_group = [np.unique(half[group == g]) for g in range(n_groups)]
    assert all(len(own) == 1 for own in of_group)
    assert 2 <= sum(bool(own[0]) for own in of_group) <= n_groups - 2
    assert abs(int(half.sum()) - 200) <= np.bincount(group).max()
    np.testing.assert_array_equal(half, halve(sampling, 0))
    assert any((half != halve(sampling, seed)).any() for seed in (1, 2, 3))
    rows = np.random.default_rng(1).permutation(400)
    np.testing.assert_array_equal(halve(sampling_of(panel.take(rows), False), 0), half[rows])


def test_halves_of_the_group_itself_are_inside_each():
    panel, group, _, _, _ = grouped(403, 15)
    half = halve(sampling_of(panel, True), 0)
    for g in range(15):
        own = half[group == g]
        assert abs(2 * int(own.sum()) - len(own)) <= 1
    plain = halve(sampling_of(replace(panel, group=None), False), 0)
    assert abs(2 * int(plain.sum()) - 403) == 1
    assert halve(sampling_of(make_panel(3), False), 0) is None
    assert halve(sampling_of(make_panel(4), False), 0).sum() == 2
