"""Numbers and verdicts in words: what a permutation test found, and what it did not show."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sabotage.errors import count_of
from sabotage.panel import Panel
from sabotage.results import Permutation
from sabotage.verdicts import VISIBLE_SHARE

# A minus before a number that ends as one: "-1+2" is somebody's name. And that of a power of ten.
_MINUS = re.compile(r"(?<![^\s(\[])-(?=\.?\d[\d,.]*(?:e-?\d+)?(?:[\s)\];:%]|$))|(?<=\de)-(?=\d+(?:\W|$))")
_WITHIN = re.compile(r"\+-(?=\.?\d)")


def typeset(text: str) -> str:
    """Write minus and plus-minus before numbers as such, for pages and figures; a terminal's stay what keys have."""
    return _MINUS.sub("−", _WITHIN.sub("±", text))


def percent(share: float, digits: int = 1) -> str:
    """Write a share as a percentage."""
    return f"{100 * share:.{digits}f} %"


def percents(interval: tuple[float, float] | None, digits: int = 1) -> str:
    """Write an interval of a share in per cent, to stand behind it: " [34.3, 38.1]"; nothing where there is none."""
    if interval is None:
        return ""
    return f" [{100 * interval[0]:.{digits}f}, {100 * interval[1]:.{digits}f}]"


def points(difference: float, digits: int = 1) -> str:
    """Write a difference of shares in percentage points, without its sign; one that rounds to 0 gets more digits."""
    text = f"{100 * abs(difference):.{digits}f}"
    if difference and not float(text) and digits < 4:
        return points(difference, digits + 1)
    return f"{text} point{'' if float(text) == 1 else 's'}"


def p_text(p: float) -> str:
    """Write a p-value with two significant digits, no fewer than three decimals."""
    return f"{p:.3f}" if p >= 0.01 else f"{p:.2g}"


def series(parts: Sequence[str]) -> str:
    """Join as 'a, b and c'."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def interval_text(interval: tuple[float, float], statistic: str) -> str:
    """Write an interval of a difference: in points, or as plain numbers for a logarithm."""
    low, high = interval
    if statistic == "log_likelihood":
        return f"{low:+.4f} to {high:+.4f}"
    return f"{100 * low:+.2f} to {100 * high:+.2f} points"


def amount(difference: float, statistic: str) -> str:
    """Write the size of a difference: in points, or as a plain number for a logarithm."""
    return f"{abs(difference):.4f}" if statistic == "log_likelihood" else points(difference, 2)


def level(value: float, statistic: str, digits: int = 2) -> str:
    """Write a statistic: as a percentage, or as a plain number for a logarithm."""
    return f"{value:.4f}" if statistic == "log_likelihood" else percent(value, digits)


def what_was_found(panel: Panel, permutation: Permutation | None) -> str:
    """Return what giving examples the reliability of others changed, in one sentence that ends in the verdict."""
    if permutation is None:
        return "Whether the reliability scores do anything was not tested."
    rule, verdict = permutation.rule, permutation.verdict
    if not permutation.takes_reliability:
        return f"{rule} takes no reliability, so there was nothing to shuffle."
    if verdict.word == "untestable":
        return f"Nothing could be shuffled: {verdict.evidence} (untestable)."
    if verdict.word == "inert":
        return f"Reliability is inert under {rule}: {verdict.evidence}."
    what = {"reliability": "reliability", "confidence": "confidence", "given": "reliability"}.get(
        panel.weights, panel.weights
    )
    if permutation.scheme == "independent":
        what += ", each agent's from an example of its own"
    elif permutation.agent is not None:
        what += f" for {permutation.agent} alone"
    moments, statistic = permutation.moments, permutation.statistic
    gap = permutation.gap if moments is None else moments.gap_u
    shuffles = count_of(permutation.n_permutations, "shuffle")
    span = ""
    if moments is not None and moments.gap_interval is not None:
        span = f"95 % interval of the loss {interval_text(moments.gap_interval, statistic)}, "
    adjusted = permutation.p_two_sided_adjusted
    several = "" if adjusted is None else f", {p_text(adjusted)} adjusted"
    numbers = (
        f"{span}{level(permutation.clean, statistic)} as observed, two-sided p ="
        f" {p_text(permutation.p_value_two_sided)}{several}, {shuffles}"
    )
    gap = gap if abs(gap) > 1e-12 else 0.0
    change = (
        "does not change on balance" if gap == 0 else f"{'falls' if gap > 0 else 'rises'} by {amount(gap, statistic)}"
    )
    tail = {
        "helpful": "the scores are helpful",
        "harmful": "the scores, as observed, are harmful",
        "neutral": "the scores are neutral",
    }.get(verdict.word, f"inconclusive, {verdict.evidence}")
    if verdict.word == "neutral" and "detectable" in verdict.evidence:
        tail += ", the difference is detectable but below what matters"
    return (
        f"With another example's {what}, {percent(permutation.flip_rate)} of the decisions of {rule} change and"
        f" {permutation.measure} {change} ({numbers}): {tail}."
    )


def what_was_not_shown(permutation: Permutation) -> str:
    """Return what a reader might take from the verdict and should not, in one sentence."""
    return not_shown(permutation.to_dict())


def not_shown(test: Mapping[str, Any]) -> str:
    """Return the same from the fields of audit.json."""
    word, statistic, beside = test["verdict"], test["statistic"], test["against_weightless"]
    span = None if beside is None else beside["interval"]
    if word == "untestable":
        return "Not shown: anything about the scores; that needs examples of one block whose reliabilities differ."
    if word == "inert":
        return "Not shown: that the scores carry no information; here they had no decision to turn."
    if word == "neutral" and "detectable" in test["verdict_evidence"]:
        return f"Not shown: that the difference is worth having, or avoiding: it is smaller than {test['delta']:g}."
    if word == "neutral":
        return (
            f"Not shown: that nothing depends on the scores, or that they carry no information; decisions may change in"
            f" both directions, and a gap within +-{test['delta']:g} is not excluded."
        )
    if word == "helpful":
        whose = "" if test["agent"] is not None else "whose scores do it (--scheme single tests each agent's), and "
        if span is not None and span[0] > 0:
            return f"Not shown: {whose}what other scores could do."
        return f"Not shown: {whose}that weighing by them beats equal weights{_difference(span, statistic)}."
    if word == "harmful":
        if span is not None and span[1] < 0:
            return "Not shown: what other scores could do; equal weights do better than these."
        return f"Not shown: that equal weights would do better{_difference(span, statistic)}."
    seen = test["smallest_visible_gap"]
    if seen is None or test["gap_interval"] is None:
        return "Not shown: that the scores help, do harm or do neither; the gap has no interval here."
    return (
        f"Not shown: that the scores help, do harm or do neither; a sample like this shows a gap of"
        f" {amount(seen, statistic)} {VISIBLE_SHARE}."
    )


def _difference(span: tuple[float, float] | None, statistic: str) -> str:
    if span is None:
        return ""
    return f": the 95 % interval of what the rule gains on them is {interval_text(span, statistic)}"
