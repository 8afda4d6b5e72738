"""Degrees of confidence: numbers, percents and words as one number between 0 and 1, and the scales of an agent."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sabotage import SabotageError
from sabotage.wordings import (
    LEVELS,
    Amount,
    assessment_of,
    assessment_scale,
    confidence_of,
    fold,
    make_words,
    read_amount,
    which_are_percent,
)

WORDS = make_words()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.8, 0.8), (1, 1.0), ("0.8", 0.8), (".8", 0.8), ("0,8", 0.8), ("80%", 0.8), ("80 %", 0.8), ("80 percent", 0.8),
        ("80 per cent", 0.8), ("８０％", 0.8), ("about 80% sure", 0.8), ("80,5%", 0.805), ("4 out of 5", 0.8), ("8/10", 0.8),
        ("8 / 10", 0.8), ("8 of 10", 0.8), ("high", 0.85), ("High.", 0.85), ("very high", 0.95), ("VERY_HIGH", 0.95),
        ("high confidence", 0.85), ("Confidence: high", 0.85), ("I am very confident", 0.95), ("somewhat confident", 0.5),
        ("not very confident", 0.25), ("Low - much noise", 0.25), ("high (85%)", 0.85), ({"value": 0.3}, 0.3), ([0.3], 0.3),
        ("1e-2", 0.01), ("≈ 0.6", 0.6), ("-5%", None), ("130%", None), ("50-60%", None), ("between 3 and 4", None), ("", None),
        ("because", None), (None, None), (True, None), (math.nan, None), (math.inf, None), (10**400, None), ([], None),
        ({}, None), ("x" * 300, None), ("3/0", None), ("1st", None),
    ],
)  # fmt: skip
def test_a_degree_of_any_wording(value, expected):
    found = confidence_of(read_amount(value, WORDS), False)
    assert found == (None if expected is None else pytest.approx(expected))


def test_words_of_ones_own_change_a_level_or_add_one():
    words = make_words({"High": 0.7, "dead certain": 1.0})
    assert read_amount("quite confident", words).value == 0.7
    assert read_amount("Dead certain!", words).value == 1.0
    assert read_amount("medium", words).value == LEVELS["medium"]
    with pytest.raises(SabotageError, match=r"'high' must stand for a number in \[0, 1\]: found 9"):
        make_words({"high": 9})


@pytest.mark.parametrize(
    ("replies", "scale", "expected"),
    [
        ([[0.8], [0.3, 0.2]], "auto", [False, False]),
        ([[80], [30, 0.5]], "auto", [True, True]),
        ([[80], [0.3]], "auto", [True, False]),
        ([[1], [80], [90]], "auto", [True, True, True]),  # what others use makes the lone 1 one percent
        ([[1], [0.8], [90]], "auto", [False, False, True]),
        ([[1]], "auto", [False]),
        ([[0, 1], [80]], "auto", [True, True]),
        ([[], [80]], "auto", [False, True]),
        ([[80], [0.3]], "unit", [False, False]),
        ([[80], [0.3]], "percent", [True, True]),
    ],
)
def test_which_replies_are_on_a_scale_to_100(replies, scale, expected):
    assert which_are_percent(replies, scale) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], "unit"), ([0.2, 0.9], "unit"), ([1, 1], "unit"), ([0, 1], "unit"), ([1, 2, 5], "5"), ([3.5, 4], "5"), ([3, 9], "10"),
        ([1, 2, 85], "percent"), ([4] * 30 + [70], "5"), ([0.5] * 30 + [4], "unit"), ([4] * 30 + [0], "5"), ([0.5, 70], "percent"),
    ],
)  # fmt: skip
def test_the_narrowest_scale_that_holds_an_agents_assessments(values, expected):
    assert assessment_scale(values) == expected


@pytest.mark.parametrize(
    ("amount", "scale", "expected"),
    [
        (Amount(4), "5", 0.75), (Amount(1), "5", 0.0), (Amount(6), "5", None), (Amount(0), "5", None), (Amount(10), "10", 1.0),
        (Amount(4, "out of", 5), "unit", 0.75), (Amount(0, "out of", 10), "unit", 0.0), (Amount(80, "out of", 100), "5", 0.8),
        (Amount(0.7), "unit", 0.7), (Amount(70), "percent", 0.7), (Amount(70, "percent"), "5", 0.7), (Amount(0.95, "word"), "5", 0.95),
        (Amount(-1), "percent", None), (None, "5", None), (Amount(7, "out of", 5), "5", None),
    ],
)  # fmt: skip
def test_an_assessment_on_its_scale(amount, scale, expected):
    assert assessment_of(amount, scale) == (None if expected is None else pytest.approx(expected))


def test_unknown_scales_are_refused():
    with pytest.raises(SabotageError, match=r"unknown confidence scale 'percents' \(did you mean percent\?\)"):
        which_are_percent([], "percents")
    with pytest.raises(SabotageError, match="unknown assessment scale '7'"):
        assessment_scale([], "7")


@settings(max_examples=300, deadline=None)
@given(
    st.text(max_size=60)
    | st.floats()
    | st.integers()
    | st.from_regex(r"[-+]?\d{1,9}([.,]\d{1,4})?( ?%|/\d{1,3})?", fullmatch=True)
)
def test_whatever_is_read_lies_between_0_and_1_or_is_null(value):
    amount = read_amount(value, WORDS)
    for found in (
        confidence_of(amount, False), confidence_of(amount, True), *(assessment_of(amount, scale) for scale in ("unit", "5", "10", "percent")),
    ):  # fmt: skip
        assert found is None or 0 <= found <= 1


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(-1, 200), max_size=40))
def test_a_scale_is_always_found_and_holds_most(values):
    scale = assessment_scale(values)
    held = [assessment_of(Amount(value), scale) for value in values]
    assert scale == "percent" or sum(one is not None for one in held) >= 0.95 * len(values)


@given(st.text(max_size=40))
def test_folding_twice_is_folding_once(text):
    once = fold(text)
    assert fold(once) == fold(fold(once))
    assert once == once.strip()


def test_a_slip_above_1_among_unit_confidences_is_no_percent():
    unit = [[0.5]] * 4
    assert which_are_percent([*unit, [1.2], [5], [85], [1]]) == [False] * 6 + [True, False]
    assert which_are_percent([[90], [80], [5], [1.2], [1]]) == [True] * 5
