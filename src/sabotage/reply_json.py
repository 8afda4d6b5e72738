"""JSON of a reply as it stands, in a fence, among prose or broken, and the answer that it gives."""

import re
from dataclasses import replace
from itertools import pairwise
from typing import Any

from sabotage.answers import UNUSABLE, Answer, loosened
from sabotage.reply_maps import DECODER
from sabotage.reply_values import read_value
from sabotage.vocabulary import Vocabulary

MOST_STARTS = 64  # places at which an object may begin
LONGEST_MENDED = 20_000  # characters given to the mender, whose time may grow faster than its text
MOST_OPENED, MOST_UNCLOSED = 600, 20
LOOKS_LIKE = re.compile(r"\{\s{0,200}(?:[\"'\u201c\u2018{\[/#]|\w{1,40}\s{0,4}:)|\[\s{0,200}[\"'{\[]")


def read_json(text: str, vocabulary: Vocabulary) -> Answer | None:
    """Return the answer of the JSON in a text, None where there is no JSON that answers."""
    if text[:1] in '{["':
        try:
            value = DECODER.decode(text)
        except (ValueError, RecursionError):
            pass
        else:
            answer = read_value(value, vocabulary)
            return replace(answer, form="JSON") if answer is not None else None
    if not LOOKS_LIKE.search(text):
        return None
    parts = text.split("```", 40)
    fenced = [part for part in parts[1::2] if LOOKS_LIKE.search(part)]
    for part in reversed(fenced):
        answer = _embedded(part, vocabulary)
        if answer is not None:
            return loosened(answer, "fenced JSON")
    answer = _embedded(text, vocabulary)
    if answer is not None:
        return loosened(answer, "JSON in prose")
    answer = _mended(fenced[-1] if fenced else text, vocabulary)
    return None if answer is None else loosened(answer, "mended JSON")


def _embedded(text: str, vocabulary: Vocabulary) -> Answer | None:
    """Return the answer of the last object in a text that has one; objects side by side are one list."""
    values: list[tuple[int, int, Any]] = []
    at, starts = 0, 0
    while starts < MOST_STARTS and (start := LOOKS_LIKE.search(text, at)) is not None:
        starts += 1
        try:
            value, end = DECODER.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            at = start.start() + 1
            continue
        values.append((start.start(), end, value))
        at = end
    if len(values) > 1 and all(
        not text[a[1] : b[0]].strip(" ,;\n\r\t") and isinstance(b[2], dict) for a, b in pairwise(values)
    ):
        side_by_side = read_value([value for _, _, value in values], vocabulary)
        labels = set() if side_by_side is None else {one.match.label for one in side_by_side.candidates if one.match}
        if side_by_side and len(labels) > 1 and not any(one.confidence for one in side_by_side.candidates):
            return Answer(problem=(UNUSABLE, "several labels"))  # a correction as well as a ranking
        return side_by_side
    for _, _, value in reversed(values):
        answer = read_value(value, vocabulary)
        if answer is not None:
            return answer
    return None


def _mended(text: str, vocabulary: Vocabulary) -> Answer | None:
    start = LOOKS_LIKE.search(text)
    if start is None:
        return None
    part = text[start.start() : start.start() + LONGEST_MENDED]
    opened, closed = (sum(part.count(bracket) for bracket in pair) for pair in ("{[", "}]"))
    if opened > MOST_OPENED or opened - closed > MOST_UNCLOSED:
        return None  # the mender takes seconds over brackets that never close
    import json_repair

    try:
        value = json_repair.loads(part, skip_json_loads=True)
    except Exception:  # a library that mends anything may fail in any way; the reply is then read as prose
        return None
    return read_value(value, vocabulary) if isinstance(value, dict | list) else None
