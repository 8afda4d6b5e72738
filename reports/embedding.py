"""What a page carries as data: the cases it links to, in JSON that no text can break out of."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from markupsafe import Markup

from sabotage.errors import printable

ESCAPES = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}
MOST_BYTES = 1_200_000  # of the cases on a page
FEWER = (20, 10, 5, 2, 1)  # examples of one cell, until they fit


def as_script(value: object) -> Markup:
    """Return JSON that is safe inside a script element."""
    return Markup(json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).translate(ESCAPES))


def linked(cases: Mapping[str, Any], keys: Collection[str]) -> dict[str, Any]:
    """Return the cells that the page links to with their examples, fewer of each where they are too many bytes.

    Parameters
    ----------
    cases : mapping
        The content of cases.json.
    keys : collection of str
        Cells that numbers on the page lead to.
    """
    cells = {key: cases["cells"][key] for key in cases["cells"] if key in keys}
    kept: dict[str, Any] = {}
    for most in FEWER:
        kept = _first(cases, cells, most)
        if len(json.dumps(kept, ensure_ascii=False).encode("utf-8", "replace")) <= MOST_BYTES:
            break
    return kept


def _first(cases: Mapping[str, Any], cells: Mapping[str, Any], most: int) -> dict[str, Any]:
    used = sorted({index for cell in cells.values() for index in cell["listed"][:most]})
    place = {index: at for at, index in enumerate(used)}
    return {
        "agents": [_safe(name) for name in cases["agents"]],
        "classes": [_safe(name) for name in cases["classes"]],
        "roles": list(cases["roles"]),
        "order": str(cases["order"]).rstrip("."),
        "examples": [_example(cases["examples"][index]) for index in used],
        "cells": {
            key: {"n": cell["n"], "listed": [place[index] for index in cell["listed"][:most]]}
            for key, cell in cells.items()
        },
    }


def _example(example: Mapping[str, Any]) -> dict[str, Any]:
    texts = {key: None if example.get(key) is None else _safe(example[key]) for key in ("id", "group", "media")}
    agents = [[_short(value) for value in emission] for emission in example["agents"]]
    ranking = example.get("ranking")
    scores = None if ranking is None else [[index, _short(score)] for index, score in ranking]
    return {**texts, "truth": example["truth"], "decision": example["decision"], "agents": agents, "ranking": scores}


def _safe(text: object) -> str:
    return printable(str(text))


def _short(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value
