"""The verdict of a permutation test, by rules: what was found, and what was not shown."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass

LEVEL = 0.05
DELTA = 0.01  # the smallest gap that matters
VISIBLE_SHARE = "four times in five"  # of the samples that show the smallest visible gap
WORDS = ("untestable", "inert", "neutral", "helpful", "harmful", "inconclusive")


@dataclass(frozen=True)
class Verdict:
    """One of `WORDS`, and the numbers that it rests on, in words."""

    word: str
    evidence: str


def judge(
    *,
    n_usable: int,
    still: str | None,
    interval: tuple[float, float] | None,
    why_no_interval: str | None,
    p_two_sided: float,
    smallest_visible_gap: float | None,
    delta: float,
    adjusted: bool = False,
) -> Verdict:
    """Return the first verdict that matches.

    Parameters
    ----------
    n_usable : int
        Examples in blocks that hold two different rows of reliability.
    still : str or None
        The proof that no donor changes any decision, None without one.
    interval : tuple of float, or None
        95 % interval of the gap.
    why_no_interval : str or None
    p_two_sided : float
    smallest_visible_gap : float or None
    delta : float
        The smallest gap that matters.
    adjusted : bool
        Whether that p is adjusted, for a test that is one of several.
    """
    if n_usable == 0:
        return Verdict("untestable", "no block holds two different rows of reliability")
    if still is not None:
        return Verdict("inert", still)
    if interval is None:
        return Verdict("inconclusive", f"the gap has no interval: {why_no_interval}")
    low, high = interval
    p = f"{'adjusted ' if adjusted else ''}two-sided p"
    if -delta <= low and high <= delta:
        beside = "" if low <= 0 <= high else ", detectable but below delta"
        return Verdict("neutral", f"the interval of the gap lies inside +-{delta:g}{beside}")
    if low > 0 and p_two_sided <= LEVEL:
        return Verdict("helpful", f"the interval of the gap lies above 0 and the {p} is at most .05")
    if high < 0 and p_two_sided <= LEVEL:
        return Verdict("harmful", f"the interval of the gap lies below 0 and the {p} is at most .05")
    if low > 0 or high < 0:
        why = f"the interval of the gap leaves out 0, but the {p} is above .05"
    elif p_two_sided <= LEVEL:
        why = f"the {p} is at most .05, but the interval of the gap holds 0"
    else:
        why = f"the interval of the gap holds 0 and reaches beyond +-{delta:g}"
    return Verdict("inconclusive", f"{why}; the smallest visible gap is {smallest_visible_gap:.4f}")
