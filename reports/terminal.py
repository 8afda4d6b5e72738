"""What the commands print: plain text in a pipe, a little colour on a terminal, 80 columns wide."""

import os
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console, OverflowMethod
from rich.markup import escape
from rich.table import Table
from rich.text import Text
from sabotage.reports.trimming import glued, out, writable
from sabotage.reports.writing import FIGURES, FILES

from sabotage import people_words, slice_words
from sabotage.audit import Audit
from sabotage.calibrating import METHODS
from sabotage.errors import count_of, printable
from sabotage.learning import Fitted
from sabotage.notes import folded
from sabotage.panel import Panel
from sabotage.rules import Rule
from sabotage.saying import percent, series, what_was_not_shown
from sabotage.scenarios import Scenario

WIDTH = 80
MOST_NOTES = 3


class _Paper(Console):
    """A console that keeps numbers with their units, and spells out what its encoding lacks before it breaks lines."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(glued(writable(text, self.encoding)), **options)


def console() -> Console:
    """Return a console on standard output: as wide as the terminal, 80 columns in a pipe; plain with NO_COLOR."""
    colours: Any = None if os.environ.get("NO_COLOR") else "auto"
    width = None if sys.stdout.isatty() else WIDTH
    return _Paper(file=out(), highlight=False, soft_wrap=False, width=width, color_system=colours)


def safe(text: object) -> str:
    """Make text from a file harmless: no markup, no control characters."""
    return escape(printable(str(text)))


def number(value: float | None, digits: int = 3) -> str:
    """Write a number, or a dash where it is null."""
    return "-" if value is None else f"{value:.{digits}f}"


def print_panel(panel: Panel) -> None:
    """Print what was understood of a table."""
    out = console()
    table = grid()
    for heading, text in panel.describe():
        table.add_row(heading, safe(text))
    out.print(table)


def print_audit(audit: Audit, is_written: bool = False) -> None:
    """Print the finding, the agents' roles, the decision, what stands beside the test, and where the rest is."""
    out = console()
    out.print()
    for sentence in audit.finding:
        out.print(safe(sentence))
    if audit.permutation is not None:
        out.print(safe(what_was_not_shown(audit.permutation)))
    out.print()
    out.print(role_table(audit))
    decision = audit.decision
    out.print(
        f"decision ({decision.source}): accuracy {number(decision.accuracy)}, balanced"
        f" {number(decision.balanced_accuracy)}, macro-F1 {number(decision.macro_f1)}"
    )
    beside = _beside(audit)
    if beside:
        out.print("; ".join(beside))
    if audit.causes.slices is not None:
        out.print(safe(slice_words.in_brief(audit.causes.slices.to_dict(0), audit.causes.slices.named())))
    if audit.causes.people is not None:
        out.print(safe(people_words.in_brief(audit.causes.people)))
    if audit.causes.runs is not None:
        out.print()
        for sentence in audit.causes.runs.findings:
            out.print(safe(sentence))
    print_notes(out, folded(audit.notes, audit.panel.agents), is_written, 0 if is_written else 1)


def _beside(audit: Audit) -> list[str]:
    """Return what stands beside the test, in a few words each."""
    parts = []
    controls, headroom, doses = audit.controls, audit.headroom, audit.dose_response
    if controls is not None:
        gaps = [one.gap if one.gap_u is None else one.gap_u for one in (controls.positive, controls.negative)]
        weak = " (this rule cannot respond)" if controls.can_respond is False else ""
        parts.append(f"controls: positive {gaps[0]:+.3f}{weak}, negative {gaps[1]:+.3f}")
    if headroom is not None:
        captured = headroom.captured
        share = "" if captured is None else f", {percent(captured.value)} captured"
        parts.append(f"headroom {headroom.headroom.value:+.3f}{share}")
    if doses is not None:
        first = "never seen" if doses.first_seen is None else f"first seen at {percent(doses.first_seen, 0)}"
        parts.append(f"dose-response {first} of perfect reliability")
    return parts


def grid() -> Table:
    """Make a grid of headings, which are dim, and texts."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    return table


def print_scenario(scenario: Scenario, n: int, path: str) -> None:
    """Say what was simulated, and where it stands."""
    out = console()
    table = grid()
    table.add_row("scenario", f"{scenario.name}: {scenario.summary}")
    table.add_row("roles", scenario.roles)
    table.add_row("verdict", f"{scenario.verdict}, in a large sample")
    for name, value in scenario.parameters.items():
        table.add_row(name, safe(value))
    table.add_row("written", safe(f"{path}, {count_of(n, 'example')}"))
    out.print(table)


def print_rules(rules: Sequence[Rule]) -> None:
    """Print the catalogue of rules."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("rule", "score of class c", "needs"):
        table.add_column(heading, no_wrap=heading == "rule")
    for rule in rules:
        learns = ", fitted" if rule.learned else ""
        table.add_row(safe(rule.name), safe(rule.formula), f"{rule.needs}{learns}")
    out = console()
    out.print(table)
    if any(rule.learned for rule in rules):
        methods = ", ".join(f"calibrated-{method}:RULE" for method in METHODS)
        out.print(f"calibrated:RULE or {methods}: over calibrated agents, fitted; RULE is one that is not")


def print_fitted(fitted: Fitted, path: str) -> None:
    """Say what was fitted, on how many rows, and where it stands."""
    out = console()
    out.print(f"\n{safe(fitted.name)}, fitted on {count_of(fitted.n_fit, 'row')}; written to {safe(path)}")
    out.print("on these rows it would flatter itself: judge it on others")
    print_notes(out, fitted.notes)


def print_converted(panel: Panel, path: str) -> None:
    """Say where a converted table stands, and what to know of it."""
    out = console()
    print_notes(out, panel.notes, most=len(panel.notes))
    out.print(f"\nwritten to {safe(path)}: {count_of(panel.n_examples, 'row')}")


def print_written(folder: str, *more: str, figures: Sequence[str] = ()) -> None:
    """Say what was written where; `figures` are the names of the files in their folder."""
    print_files(folder, (*more, *FILES), figures)


def print_files(folder: str, files: Sequence[str], figures: Sequence[str] = ()) -> None:
    """Say which files were written to a folder, and how many figures."""
    console().print(f"written to {safe(folder)}: {', '.join((*files, *_figures(figures)))}")


def print_rebuilt(page: str, figures: Sequence[str]) -> None:
    """Say where a page was written, and its figures, in the folder beside it."""
    console().print(f"written: {', '.join((safe(page), *_figures(figures)))}", soft_wrap=True)


def _figures(names: Sequence[str]) -> list[str]:
    """Say how many figures there are and in which formats; nothing of none."""
    if not names:
        return []
    formats = series(list(dict.fromkeys(name.rpartition(".")[2] for name in names)))
    n = len({name.rpartition(".")[0] for name in names})
    return [f"{FIGURES}/ ({count_of(n, 'figure')}, {formats})"]


def role_table(audit: Audit) -> Table:
    """Make the table of how often each agent is right, and has each role."""
    headings = ("right", "contrib.", "overruled", "misleader", "saboteur", "pivotal", "suppr.")
    rows = []
    for profile in audit.agents:
        counts = [profile.roles[role] for role in ("contributor", "overruled", "misleader", "saboteur")]
        counts += [profile.pivotal_saboteur, profile.roles["suppressed"]]
        rows.append((profile.agent, percent(profile.accuracy), *(f"{count:,}" for count in counts)))
    return name_table(headings, rows)


def name_table(headings: Sequence[str], rows: Sequence[Sequence[str]], by: str = "agent", wraps: bool = False) -> Table:
    """Make a table of one row an agent, whose numbers are never cut; names are, at the end, or go on below."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1))
    widths = [max(map(len, column)) for column in zip(headings, *(row[1:] for row in rows), strict=True)]
    room = max(10, WIDTH - sum(widths) - 2 * len(widths))
    longest = max(len(by), *(len(row[0]) for row in rows))
    overflow: OverflowMethod = "fold" if wraps else "ellipsis"
    table.add_column(by, no_wrap=not wraps, overflow=overflow, min_width=10, max_width=min(longest, max(24, room)))
    for heading, width in zip(headings, widths, strict=True):
        table.add_column(heading, justify="right", no_wrap=True, min_width=width)
    for name, *cells in rows:
        table.add_row(safe(name), *cells)
    return table


def print_notes(out: Console, notes: Sequence[str], is_written: bool = False, most: int = MOST_NOTES) -> None:
    """Print the first notes, and where the others are."""
    for note in notes[:most]:
        out.print(f"[dim]note: {safe(note)}[/dim]")
    if len(notes) > most:
        where = "in audit.json and in the report" if is_written else "which --json shows"
        more = f"and {count_of(len(notes) - most, 'more note')}" if most else count_of(len(notes), "note")
        out.print(f"[dim]{more}, {where}[/dim]")
