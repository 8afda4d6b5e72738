"""Numbers in words: what stands for minus and plus-minus on pages and figures."""

import pytest

from sabotage.saying import typeset


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("95 % interval -0.02 to +0.62 points", "95 % interval −0.02 to +0.62 points"),
        ("inside +-0.01.", "inside ±0.01."),
        ("-2.7 %, [-4.6, -.7]", "−2.7 %, [−4.6, −.7]"),
        ("adjusted p 2.5e-14 for accuracy", "adjusted p 2.5e−14 for accuracy"),
        ("as observed\n-1.0943", "as observed\n−1.0943"),
    ],
)
def test_signs_before_numbers_are_typeset(text, says):
    assert typeset(text) == says


@pytest.mark.parametrize("name", ["-1+2", "clip-07", "2020-01-01", "two-sided", "top-2", "a -b", "x_-1_y"])
def test_names_stay_as_they_are(name):
    assert typeset(f"{name} sabotages 3") == f"{name} sabotages 3"
