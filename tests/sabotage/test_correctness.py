"""The probability of being right against scipy's minimum of the same loss, and what cannot be learned."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit

from sabotage.correctness import estimate_right, fit_right, standard
from sabotage.notes import Notes


def drawn(n=120, d=2, seed=0, scale=1.0):
    random = np.random.default_rng(seed)
    rows = random.normal(0, 1, (n, d))
    right = random.random(n) < expit(0.4 + 1.3 * rows[:, 0])
    return (3 + rows) * scale, right


def loss(parameters, rows, right):
    """Return the penalised log loss, rows standardised."""
    odds = parameters[0] + rows @ parameters[1:]
    return np.logaddexp(0, np.where(right, -odds, odds)).sum() + 0.5 * (parameters[1:] ** 2).sum()


@pytest.mark.parametrize("d", [1, 2, 5])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6])
def test_it_is_the_minimum_of_the_penalised_loss(d, scale):
    rows, right = drawn(d=d, scale=scale)
    standardised = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    found = minimize(loss, np.zeros(d + 1), (standardised, right), tol=1e-12).x
    expected = expit(found[0] + standardised @ found[1:])
    assert estimate_right(rows, rows, right, "voice", Notes()) == pytest.approx(expected, abs=2e-5)
    intercept, slope = fit_right(rows, right)
    assert expit(intercept + rows @ slope) == pytest.approx(expected, abs=2e-5)


@given(st.integers(0, 30), st.booleans())
def test_all_or_none_right_give_a_smoothed_constant(n, is_right):
    notes = Notes()
    measured = np.array([[0.2], [np.nan], [5.0]])
    found = estimate_right(measured, np.zeros((n, 1)), np.full(n, is_right), "voice", notes)
    assert found[[0, 2]] == pytest.approx((n * is_right + 1) / (n + 2))
    assert np.isnan(found[1])
    (note,) = notes
    assert note.startswith("voice: ")
    assert ("no row to learn from" in note) == (n == 0)


def test_a_measure_that_never_changes_says_nothing():
    rows, right = drawn()
    same = np.column_stack([rows, np.full(len(rows), 7.0)])
    alone = estimate_right(rows, rows, right, "voice", Notes())
    assert estimate_right(same, same, right, "voice", Notes()) == pytest.approx(alone, abs=1e-9)
    flat = estimate_right(same[:, 2:], same[:, 2:], right, "voice", Notes())
    assert flat == pytest.approx(right.mean(), abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([1e-200, 1.0, 1e150]), st.integers(1, 40))
def test_a_row_is_worth_the_same_in_any_company_and_unit(scale, n):
    rows, right = drawn()
    whole = estimate_right(rows * scale, rows * scale, right, "voice", Notes())
    assert whole == pytest.approx(estimate_right(rows, rows, right, "voice", Notes()), abs=1e-6)
    part = estimate_right(rows[:n] * scale, rows * scale, right, "voice", Notes())
    assert part.tolist() == whole[:n].tolist()  # to the last bit


def test_mean_and_spread_are_numpys_where_it_has_any():
    rows, _ = drawn(d=3)
    centre, spread = standard(rows)
    assert centre == pytest.approx(rows.mean(axis=0))
    assert spread == pytest.approx(rows.std(axis=0))
    _, spread = standard(np.array([[0.1, 1e200], [0.1, -1e200], [0.1, 0.0]]))
    assert spread == pytest.approx([1.0, 1e200 * (2 / 3) ** 0.5])
