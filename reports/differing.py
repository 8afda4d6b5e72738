"""A difference of two audits for people: text of 80 columns, and one table of everything for other programs."""

import json
from collections.abc import Sequence
from typing import Any

from sabotage.reports.tables import Cell, Table, brief, in_format, rounded, span

from sabotage.differing import GROUPS, Change, Difference
from sabotage.saying import series

NONE = "-"
LONGEST = 30  # letters of a setting
MOST = 8  # numbers of a group that text shows
WORDS = {
    "macro_f1": "macro-F1",
    "ece": "ECE",
    "ece_equal_mass": "ECE equal mass",
    "brier": "Brier",
    "aurc": "AURC",
    "auroc_confidence": "AUROC confidence",
    "auroc_reliability": "AUROC reliability",
    "auroc_reliability_saboteur": "AUROC rel. saboteur",
    "n_wrong": "wrong decisions",
    "n_with_saboteur": "with a saboteur",
    "n_with_exactly_one": "with exactly one saboteur",
    "decision_accuracy_there": "decision beside the best agent",
    "gap": "gap to the shuffled mean",
    "gap_u": "gap",
    "gap_se": "standard error of the gap",
    "p_value": "p one-sided",
    "p_value_two_sided": "p two-sided",
    "p_normal": "p one-sided if normal",
}
COLUMNS = (
    "part", "agent", "what", "first", "first_low", "first_high", "second", "second_low", "second_high", "difference",
    "intervals",
)  # fmt: skip


def render(difference: Difference, format: str) -> str:
    """Return a difference as "csv" (all numbers, each end of an interval apart), "latex" or "markdown".

    Raises SabotageError for another format.
    """
    return in_format(format, difference, full_table, paper_table)


def full_table(difference: Difference) -> Table:
    """Return one row for everything that differs, values at full precision."""
    rows: list[tuple[Any, ...]] = []
    for setting in difference.settings:
        was, now = _plain(setting.first), _plain(setting.second)
        rows.append(("settings", None, setting.name, was, None, None, now, None, None, None, None))
    for part, (first, second) in (("agents", difference.agents), ("classes", difference.classes)):
        rows += [(part, name, "in the first only", *[None] * 8) for name in first]
        rows += [(part, name, "in the second only", *[None] * 8) for name in second]
    for change in difference.changes:
        own, other = change.first_interval or (None, None), change.second_interval or (None, None)
        ends = (change.first, *own, change.second, *other)
        rest = (change.difference, change.about_intervals or None)
        rows.append((change.group, change.agent, change.name, *ends, *rest))
    rows += [("missing", None, key, f"in {where}", *[None] * 7) for key, where in difference.missing]
    rows += [("elsewhere", None, key, "differs", *[None] * 7) for key in difference.elsewhere]
    return Table(COLUMNS, tuple(tuple(Cell(NONE if x is None else str(x), x) for x in row) for row in rows))


def paper_table(difference: Difference) -> Table:
    """Return every number that differs with its intervals, rounded as finely as they tell."""
    rows = []
    for change in difference.changes:
        what = _what(change) if change.agent is None else f"{change.agent}: {_what(change)}"
        cells = (_cell(change.first, change.first_interval), _cell(change.second, change.second_interval))
        overlap = change.about_intervals
        rows.append((Cell(what, what), *cells, _difference(change), Cell(overlap or NONE, overlap or None)))
    notes = ["Intervals are 95 %; whether they overlap is no test of the difference."] if rows else []
    settings = [f"{one.name}: {_shown(one.first)}, then {_shown(one.second)}" for one in difference.settings]
    notes += [f"Settings and input that differ: {'; '.join(settings)}."] if settings else []
    headings = ("number", "first", "second", "difference", "intervals")
    return Table(headings, tuple(rows), difference.summary, tuple(notes))


def print_difference(difference: Difference) -> None:
    """Print what changed: settings and input, what is in one only, and the numbers, the most telling first."""
    from sabotage.reports.terminal import console, name_table, safe

    out = console()
    out.print(safe(difference.summary))
    if difference.settings:
        out.print("\n[bold]settings and input[/bold]")
    for setting in difference.settings:
        out.print(f"{safe(setting.name)}: {safe(_short(setting.first))} -> {safe(_short(setting.second))}")
    for what, (first, second) in (("agents", difference.agents), ("classes", difference.classes)):
        for names, where in ((first, "first"), (second, "second")):
            if names:
                out.print(f"{what} in the {where} only: {safe(series(names))}")
    for group in GROUPS[1:]:
        changes = _without_counts(difference.of(group))
        if not changes:
            continue
        rows = [(_named(change), *_cells(change)) for change in changes[:MOST]]
        out.print()
        out.print(name_table(("first", "second", "difference", "intervals"), rows, group, wraps=True))
        if len(changes) > MOST:
            out.print(f"and {len(changes) - MOST} more, which --json and --format csv show")
    for note in difference.notes:
        out.print(safe(f"\n{note}"))


def _without_counts(changes: Sequence[Change]) -> list[Change]:
    """Leave out counts of roles whose rate changed too."""
    rates = {(change.agent, f"roles.{change.name.removesuffix('_per_example')}") for change in changes}
    return [change for change in changes if (change.agent, change.name) not in rates]


def _what(change: Change) -> str:
    if change.name in WORDS:
        return WORDS[change.name]
    name = change.name.replace("top_k.", "top-")
    if name.startswith("top_"):
        name = name.replace("_", "-")
    return name.removeprefix("n_").replace("_", " ").replace(".", " ")


def _named(change: Change) -> str:
    return _what(change) if change.agent is None else f"{change.agent} {_what(change)}"


def _cells(change: Change) -> Sequence[str]:
    values = [_brief(change.first), _brief(change.second)]
    ahead = change.difference
    shown = NONE if ahead is None else _brief(ahead, "+")
    words = {None: NONE, True: "overlap", False: "do not overlap"}
    return (*values, shown, words[change.overlap])


def _brief(value: float | str | None, sign: str = "") -> str:
    if value is None:
        return "null"
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return f"{value:{sign},}"
    return f"{value:{sign}.1g}" if 0 < abs(value) < 0.0005 else brief(value, None, sign)


def _cell(value: float | str | None, interval: tuple[float, float] | None) -> Cell:
    if value is None or isinstance(value, str):
        return Cell(NONE if value is None else value, value)
    return Cell(f"{value:,}" if isinstance(value, int) else span(value, interval), value)


def _difference(change: Change) -> Cell:
    ahead = change.difference
    if ahead is None:
        return Cell(NONE, None)
    if isinstance(ahead, int):
        return Cell(f"{ahead:+,}", ahead)
    spans = [own for own in (change.first_interval, change.second_interval) if own is not None]
    error = (spans[0][1] - spans[0][0]) / 2 if spans else None
    return Cell(rounded(ahead, error, signed=True), ahead)


def _short(value: Any) -> str:
    """Return a setting for a terminal: of a hash or a long list the beginning."""
    text = _shown(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _plain(value: Any) -> Any:
    """Return a setting as a cell may hold it."""
    return value if value is None or isinstance(value, (int, float, str)) else _shown(value)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
