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
from sabotage.reports.writing import FILES

from sabotage.audit import Audit
from sabotage.calibrating import METHODS
from sabotage.errors import count_of, printable
from sabotage.intervals import Estimate
from sabotage.learning import Fitted
from sabotage.notes import folded
from sabotage.panel import Panel
from sabotage.profiles import Profile
from sabotage.rules import Rule
from sabotage.saying import percent, what_was_not_shown
from sabotage.simulation import Scenario

WIDTH = 80
MOST_NOTES = 3
QUALITY = (
    {
        "balanced_accuracy": "balanced",
        "macro_f1": "macro-F1",
        "mean_confidence": "confidence",
        "ece": "ECE",
        "brier": "Brier",
        "log_loss": "log loss",
    },
    {
        "auroc_confidence": "AUROC conf.",
        "aurc": "AURC",
        "saboteur_lift": "lift",
    },
)


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
    out.print(_role_table(audit))
    decision = audit.decision
    out.print(
        f"decision ({decision.source}): accuracy {number(decision.accuracy)}, balanced"
        f" {number(decision.balanced_accuracy)}, macro-F1 {number(decision.macro_f1)}"
    )
    beside = _beside(audit)
    if beside:
        out.print("; ".join(beside))
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
        parts.append(f"dose first seen: {'never' if doses.first_seen is None else f'{doses.first_seen:.1f}'}")
    return parts


def print_profiles(audit: Audit) -> None:
    """Print every agent's roles and its reliability profile."""
    out = console()
    out.print()
    out.print(_role_table(audit))
    for headings in QUALITY:
        out.print()
        out.print(_quality_table(audit.agents, headings))
    out.print()
    out.print(_alignment_table(audit))
    out.print("reliability against being right; accuracy of all, and of the most reliable 80 and 50 %")
    routing = audit.routing
    if routing.auroc is not None:
        out.print(
            f"routing AUROC {number(routing.auroc.value)}{_short_span(routing.auroc)} over the {routing.n:,} examples"
            f" with a right and a wrong agent"
        )
    if any(check.difference is not None for check in audit.self_checks):
        out.print()
        out.print(_check_table(audit))
        out.print("among confident emissions: AUROC of a low reliability, and of a low confidence, for sabotage")
    print_notes(out, audit.notes)


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


def print_written(folder: str, *more: str) -> None:
    """Say what was written where."""
    files = ", ".join((*more, *FILES))
    console().print(f"written to {safe(folder)}: {files}")


def _role_table(audit: Audit) -> Table:
    headings = ("right", "contrib.", "overruled", "misleader", "saboteur", "pivotal", "suppr.")
    rows = []
    for profile in audit.agents:
        counts = [profile.roles[role] for role in ("contributor", "overruled", "misleader", "saboteur")]
        counts += [profile.pivotal_saboteur, profile.roles["suppressed"]]
        rows.append((profile.agent, percent(profile.accuracy), *(f"{count:,}" for count in counts)))
    return name_table(headings, rows)


def _alignment_table(audit: Audit) -> Table:
    """Show how reliability goes with being right, and what withholding the least reliable gains."""
    rows = []
    for own in audit.alignment:
        gain = {point.withheld: point.accuracy for point in own.gain}
        auroc = "-" if own.auroc is None else f"{own.auroc.value:.3f}{_short_span(own.auroc)}"
        biserial = "-" if own.point_biserial is None else f"{own.point_biserial.value:.3f}"
        kept = tuple(percent(gain[share]) if share in gain else "-" for share in (0.0, 0.2, 0.5))
        rows.append((own.agent, auroc, number(own.spearman), biserial, *kept))
    return name_table(("AUROC of reliab.", "Spearman", "biserial", "all", "80 %", "50 %"), rows)


def _check_table(audit: Audit) -> Table:
    """Show whether the self-assessment tells a saboteur better than the confidence does."""
    rows = []
    for check in audit.self_checks:
        ahead = check.difference
        cells = [
            "-" if own is None else f"{own.value:.3f}" for own in (check.auroc_reliability, check.auroc_confidence)
        ]
        span = "" if ahead is None or ahead.interval is None else _signed(ahead.interval)
        cells.append("-" if ahead is None else f"{ahead.value:+.3f}{span}")
        rows.append((check.agent, f"{check.n:,}", f"{check.n_saboteur:,}", *cells))
    return name_table(("n", "saboteur", "reliab.", "conf.", "difference"), rows)


def _signed(interval: tuple[float, float]) -> str:
    return f" [{interval[0]:+.3f}, {interval[1]:+.3f}]"


def _short_span(estimate: Estimate) -> str:
    return "" if estimate.interval is None else f" [{estimate.interval[0]:.3f}, {estimate.interval[1]:.3f}]"


def _quality_table(profiles: Sequence[Profile], headings: dict[str, str]) -> Table:
    rows = [(profile.agent, *(number(getattr(profile, name)) for name in headings)) for profile in profiles]
    return name_table(tuple(headings.values()), rows)


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
