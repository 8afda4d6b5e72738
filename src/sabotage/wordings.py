"""How sure a reply says it is: numbers, percents, scales and words, each as one number between 0 and 1."""

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sabotage.errors import SabotageError, unknown

CONFIDENCE_SCALES = ("auto", "percent", "unit")
ASSESSMENT_SCALES = ("10", "5", "auto", "percent", "unit")
LEVELS = {"very high": 0.95, "high": 0.85, "medium": 0.5, "low": 0.25, "very low": 0.05}
# Other wordings of each level.
LIKE = {
    "very high": "extremely high, highest, certain, very certain, absolutely certain, completely certain, definite,"
    " definitely, very confident, extremely confident, highly confident, completely confident, fully confident,"
    " very sure, absolutely sure, excellent, very good, very reliable, highly reliable, strongly agree, very strong",
    "high": "quite high, fairly high, strong, confident, quite confident, fairly confident, pretty confident, sure,"
    " quite sure, pretty sure, fairly sure, likely, very likely, probably, good, clear, reliable, agree,"
    " mostly reliable",
    "medium": "moderate, moderately high, mid, average, middling, somewhat confident, moderately confident,"
    " reasonably confident, somewhat sure, fair, ok, okay, possible, possibly, neither agree nor disagree, neutral,"
    " mixed, partly reliable, somewhat reliable, acceptable, fifty fifty",
    "low": "quite low, fairly low, weak, unsure, uncertain, not confident, not very confident, not sure, not very sure,"
    " slightly confident, unlikely, poor, unclear, disagree, not reliable, unreliable, slight, bad",
    "very low": "extremely low, lowest, not confident at all, not at all confident, not sure at all, very unsure,"
    " very uncertain, very unlikely, very poor, terrible, strongly disagree, very unreliable, very weak, none,"
    " completely unreliable, a guess, pure guess",
}
FILLER = re.compile(
    r"^(?:i am|i'm|i feel|i would say|about|my|the|with|it is|overall|level of|confidence|certainty|reliability|is|of)"
    r"\b\s*"
    r"|\s*\b(?:confidence|certainty|reliability|quality|level|probability|likelihood|overall)$"
)
AMOUNT = re.compile(
    r"(?<![\w.,])(?P<number>[-+\u2212]?(?:\d{1,9}(?:[.,]\d{1,18})?|\.\d{1,18})(?:e[-+]?\d{1,3})?)"
    r"(?:\s{0,3}(?P<percent>%|percent\b|per\s?cent\b|pct\b)"
    r"|\s{0,3}(?:/|out of\b|of\b|von\b|sur\b)\s{0,3}(?P<of>\d{1,4}))?(?!\w)",
    re.IGNORECASE,
)
MOST_LIKELY_LONGEST = 200  # characters: a longer text says more than how sure it is
NEITHER = 10  # up to here a number among others from 0 to 1 is more likely a slip, or out of 5 or 10, than a percent
SIGNED = re.compile(r"\s*[-\u2212]\d+(?:[.,]\d+)?\W*")
FITS = 0.95  # share of an agent's numbers that a scale must hold; the others are out of range


@dataclass(frozen=True)
class Amount:
    """A degree as it was written.

    Attributes
    ----------
    value : float
        The number as it stands; of words, what they stand for.
    kind : {"plain", "percent", "out of", "word"}
        Whether it carries its own scale; only a plain number does not.
    of : float or None
        The highest value of the scale, of "out of".
    """

    value: float
    kind: str = "plain"
    of: float | None = None


def fold(text: str) -> str:
    """Return a text in lower case with single spaces, underscores and hyphens as spaces, no marks around it.

    The sign of a number stays: -1 and 1 may be two labels.
    """
    text = unicodedata.normalize("NFKC", text).replace("\u2019", "'").casefold()
    sign = "-" if SIGNED.fullmatch(text) else ""
    start, end = 0, len(text)
    while start < end and not text[start].isalnum():
        start += 1
    while end > start and not text[end - 1].isalnum():
        end -= 1
    inner = text[start:end] or text
    return sign + " ".join(inner.replace("_", " ").replace("-", " ").split())


def make_words(own: Mapping[str, float] | None = None) -> dict[str, float]:
    """Return what each wording stands for; `own` changes a level with all that is like it, or adds a wording.

    Raises SabotageError for a number outside [0, 1].
    """
    levels = dict(LEVELS)
    extra: dict[str, float] = {}
    for word, value in (own or {}).items():
        if not 0 <= value <= 1:
            raise SabotageError(f"words: {word!r} must stand for a number in [0, 1]: found {value:g}")
        (levels if fold(word) in levels else extra)[fold(word)] = float(value)
    words = dict(levels)
    for level, others in LIKE.items():
        words.update((other.strip(), levels[level]) for other in others.split(","))
    return words | extra


def read_amount(value: object, words: Mapping[str, float]) -> Amount | None:
    """Return the degree that a JSON value or a text speaks of, None where it speaks of none or of several."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        try:
            number = float(value)
        except OverflowError:
            return None
        return Amount(number) if math.isfinite(number) else None
    if isinstance(value, str):
        return _read_text(value, words)
    if isinstance(value, list) and len(value) == 1 and not isinstance(value[0], list | dict):
        return read_amount(value[0], words)
    if isinstance(value, dict):
        inner = [value[key] for key in ("value", "score", "level", "confidence", "rating") if key in value]
        if len(inner) == 1 and not isinstance(inner[0], list | dict):
            return read_amount(inner[0], words)
    return None


def _read_text(text: str, words: Mapping[str, float]) -> Amount | None:
    if len(text) > MOST_LIKELY_LONGEST:
        return None
    text = unicodedata.normalize("NFKC", text).replace("\u2044", "/")
    found = list(AMOUNT.finditer(text))
    if len(found) > 1:
        return None  # a range, or two things at once
    return amount_of_match(found[0]) if found else _read_word(text, words)


def amount_of_match(match: re.Match[str]) -> Amount | None:
    """Return the degree that AMOUNT matched, None where its scale has no length."""
    value = float(match["number"].replace(",", ".").replace("\u2212", "-"))
    if not math.isfinite(value):
        return None
    if match["percent"]:
        return Amount(value, "percent")
    if match["of"]:
        of = float(match["of"])
        return Amount(value, "out of", of) if of > 1 else Amount(100 * value, "percent") if of == 1 else None
    return Amount(value)


def _read_word(text: str, words: Mapping[str, float]) -> Amount | None:
    first = re.split(r"[.,;:(\n]| [-\u2013\u2014] ", text.strip(), maxsplit=1)[0]
    for part in (text, first):
        word = fold(part)
        while True:
            if word in words:
                return Amount(words[word], "word")
            shorter = fold(FILLER.sub("", word, count=1))
            if shorter == word or not shorter:
                break
            word = shorter
    return None


def rough(amount: Amount | None, is_percent: bool) -> float:
    """Return a value to rank the degrees of one reply by, -inf for None; it may lie outside [0, 1]."""
    if amount is None:
        return -math.inf
    scale = {"percent": 100.0, "out of": amount.of or 1.0, "plain": 100.0 if is_percent else 1.0}
    return amount.value / scale.get(amount.kind, 1.0)


def confidence_of(amount: Amount | None, is_percent: bool) -> float | None:
    """Return a confidence in [0, 1], None where there is none or it is out of range."""
    value = rough(amount, is_percent)
    return value if 0 <= value <= 1 else None


def which_are_percent(replies: Sequence[Sequence[float]], scale: str = "auto") -> list[bool]:
    """Say of each reply of one agent whether its plain confidences are on 0 to 100.

    Parameters
    ----------
    replies : sequence of sequences of float
        The plain numbers of each reply.
    scale : {"auto", "unit", "percent"}
        "auto": a reply with a number above 1 is; where it has only 0 and 1, what most other replies use decides. Where
        most use 0 to 1, numbers up to 10 are neither, and out of range.

    Raises
    ------
    SabotageError
        For another scale.
    """
    if scale not in CONFIDENCE_SCALES:
        raise unknown("confidence scale", scale, CONFIDENCE_SCALES)
    if scale != "auto":
        return [scale == "percent"] * len(replies)
    above = [any(value > 1 for value in values) for values in replies]
    between = sum(
        any(0 < value < 1 for value in values) for values, high in zip(replies, above, strict=True) if not high
    )
    usual = sum(above) > between
    if sum(above) < between:
        return [any(value > NEITHER for value in values) for values in replies]
    return [
        high or (usual and bool(values) and all(value in (0, 1) for value in values))
        for values, high in zip(replies, above, strict=True)
    ]


def assessment_scale(values: Sequence[float], scale: str = "auto") -> str:
    """Return the scale of one agent's plain self-assessments: "unit", "5" (1 to 5), "10" or "percent".

    The narrowest scale that holds 95 % of them, so that one stray number does not move all others; the scales to 5 and
    10 hold whole numbers and halves. Raises SabotageError for another `scale`.
    """
    if scale not in ASSESSMENT_SCALES:
        raise unknown("assessment scale", scale, ASSESSMENT_SCALES)
    if scale != "auto" or not values:
        return "unit" if scale == "auto" else scale
    steps = all(value == int(value) for value in values) and max(values) > 1
    needed = FITS * len(values)
    if not steps and sum(0 <= value <= 1 for value in values) >= needed:
        return "unit"
    for top in (5, 10):
        if sum(1 <= value <= top and 2 * value == int(2 * value) for value in values) >= needed:
            return str(top)
    return "percent"


def assessment_of(amount: Amount | None, scale: str) -> float | None:
    """Return a self-assessment in [0, 1], None where there is none or it is out of range.

    On scales of 1 to k, named or "out of" k up to 10, x is (x - 1) / (k - 1); "0 out of 10" is 0 too.
    """
    if amount is None:
        return None
    top = amount.of if amount.kind == "out of" else float(scale) if scale in ("5", "10") else None
    if amount.kind == "word":
        value = amount.value
    elif amount.kind == "percent" or (amount.kind == "plain" and scale == "percent"):
        value = amount.value / 100
    elif top is None:
        value = amount.value
    elif amount.kind == "plain" and amount.value < 1:
        return None
    else:
        value = amount.value / top if top > 10 or amount.value <= 0 else max(0.0, (amount.value - 1) / (top - 1))
    return value if 0 <= value <= 1 else None
