"""Sections that are text: the notes, and where every number came from."""

from collections.abc import Mapping
from typing import Any

from sabotage.reports.blocks import Pairs, Section, Source
from sabotage.reports.noting import Note, folded

SOURCES = "Roles: arXiv:2511.02794. Permutation test: arXiv:2606.26473."


def notes(source: Source) -> list[Note]:
    """Return the notes as sentences, those alike put together."""
    read, settings = source.content["input"], source.content["settings"]
    names = [str(settings[key]) for key in ("weights", "group", "truth", "id") if settings.get(key)]
    return folded(source.content["notes"], read["agents"], [*names, *filter(None, read["ignored_columns"])])


def provenance(source: Source) -> Section:
    """Return version, hash of the input, and every setting."""
    content = source.content
    read, settings = content["input"], content["settings"]
    rows: list[tuple[str, str, str | None]] = [
        ("sabotage", f"{content['sabotage']}, audit schema {content['schema']}", None),
        ("input", str(read["path"] or "in memory"), None),
        ("sha256", str(read["sha256"] or "–"), None),
    ]
    rows += [(name.replace("_", " "), _text(value), None) for name, value in settings.items()]
    rows += _methods(content)
    return Section("provenance", "Provenance", "Provenance", (Pairs(tuple(rows)),))


def _methods(content: Mapping[str, Any]) -> list[tuple[str, str, str | None]]:
    method = (content.get("profiles") or {}).get("method") or {}
    return [(f"intervals: {name.replace('_', ' ')}", _text(value), None) for name, value in method.items()]


def _text(value: object) -> str:
    if isinstance(value, list):
        shown = ", ".join(map(str, value[:40])) or "none"
        return shown + (f" and {len(value) - 40:,} more" if len(value) > 40 else "")
    if value is None:
        return "none"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
