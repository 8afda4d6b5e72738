"""What the commands print: plain text in a pipe, a little colour on a terminal, 80 columns wide."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sabotage.reports.writing import FILES

from sabotage.audit import Audit
from sabotage.errors import printable
from sabotage.finding import p_text, percent, points
from sabotage.moments import Moments
from sabotage.panel import Panel
from sabotage.profiles import Profile
from sabotage.results import Permutation
from sabotage.rules import Rule

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
        "auroc_reliability": "AUROC reliab.",
        "aurc": "AURC",
        "saboteur_lift": "lift",
    },
)


def console() -> Console:
    """Return a console on standard output: as wide as the terminal, 80 columns in a pipe."""
    out = Console(highlight=False, soft_wrap=False)
    return out if out.is_terminal else Console(highlight=False, width=WIDTH)


def safe(text: object) -> str:
    """Make text from a file harmless: no markup, no control characters."""
    return escape(printable(str(text)))


def number(value: float | None, digits: int = 3) -> str:
    """Write a number, or a dash where it is null."""
    return "-" if value is None else f"{value:.{digits}f}"


def print_panel(panel: Panel) -> None:
    """Print what was understood of a table."""
    out = console()
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    for heading, text in panel.describe():
        grid.add_row(heading, safe(text))
    out.print(grid)


def print_audit(audit: Audit) -> None:
    """Print the finding, a table of the agents, the decision, the test and the first notes."""
    out = console()
    out.print()
    for sentence in audit.finding:
        out.print(safe(sentence))
    out.print()
    out.print(_role_table(audit))
    decision = audit.decision
    top = ", ".join(f"top-{k} {number(share)}" for k, share in (decision.top_k or {}).items() if k != "1")
    out.print(
        f"decision ({decision.source}{', ' + decision.rule if decision.rule else ''}): accuracy"
        f" {number(decision.accuracy)}, balanced {number(decision.balanced_accuracy)}, macro-F1"
        f" {number(decision.macro_f1)}{', ' + top if top else ''}"
    )
    if audit.permutation is not None:
        out.print(_permutation_line(audit.permutation))
    _print_notes(out, audit.notes)


def print_profiles(audit: Audit) -> None:
    """Print every agent's roles and its reliability profile."""
    out = console()
    out.print()
    out.print(_role_table(audit))
    for headings in QUALITY:
        out.print()
        out.print(_quality_table(audit.agents, headings))
    if audit.routing_auroc is not None:
        out.print(
            f"routing AUROC {number(audit.routing_auroc)} over the {audit.n_routing:,} examples with a right and a"
            f" wrong agent"
        )
    _print_notes(out, audit.notes)


def print_permutation(permutation: Permutation, sentence: str, notes: Sequence[str]) -> None:
    """Print what shuffling changed, and the numbers behind it."""
    out = console()
    out.print()
    out.print(safe(sentence))
    out.print()
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    within = ", ".join(("availability pattern", *permutation.within))
    moved = {"joint": "whole rows", "independent": "each agent on its own"}.get(
        permutation.scheme, f"{permutation.agent} alone"
    )
    blocks = f"{permutation.n_blocks:,} block{'' if permutation.n_blocks == 1 else 's'}"
    grid.add_row("scheme", safe(f"{permutation.scheme} ({moved}), inside {within}: {blocks}"))
    grid.add_row("replicates", f"{permutation.n_permutations:,}")
    grid.add_row(permutation.measure, f"{permutation.clean:.4f} as observed")
    spread = f", sd {permutation.broken_sd:.4f}" if permutation.broken_sd is not None else ""
    grid.add_row("", f"{permutation.broken_mean:.4f} shuffled{spread}")
    grid.add_row("", f"{permutation.uniform_weights:.4f} with every reliability 1")
    error = (
        f", Monte Carlo error {permutation.monte_carlo_error:.2g}" if permutation.monte_carlo_error is not None else ""
    )
    moments = permutation.moments
    if moments is not None:
        grid.add_row("", f"{moments.exact_mean:.4f} exact mean over all permutations, sd {moments.exact_sd:.4f}")
    grid.add_row("gap", f"{permutation.gap:+.4f}{error}")
    if moments is not None:
        grid.add_row("", f"{moments.gap_u:+.4f} when each takes another's{_interval(moments)}")
    grid.add_row("p", f"{p_text(permutation.p_value)} one-sided, {p_text(permutation.p_value_two_sided)} two-sided")
    grid.add_row("flip rate", f"{percent(permutation.flip_rate, 2)} of all decisions, mean over replicates")
    out.print(grid)
    for note in notes:
        out.print(f"[dim]note: {safe(note)}[/dim]")


def print_single(permutations: Mapping[str, Permutation], sentences: Sequence[str], notes: Sequence[str]) -> None:
    """Print what shuffling each agent's reliability alone changed, one row an agent."""
    out = console()
    out.print()
    for sentence in sentences:
        out.print(safe(sentence))
    out.print()
    rows = []
    for agent, test in permutations.items():
        interval = None if test.moments is None else test.moments.gap_interval
        span = "-" if interval is None else f"[{interval[0]:+.4f}, {interval[1]:+.4f}]"
        flips = percent(test.flip_rate, 2)
        rows.append((agent, f"{test.gap:+.4f}", span, p_text(test.p_value), p_text(test.p_value_two_sided), flips))
    out.print(_agent_table(("gap", "95 % interval", "p", "p two-sided", "flips"), rows))
    first = next(iter(permutations.values()))
    blocks = f"{first.n_blocks:,} block{'' if first.n_blocks == 1 else 's'}"
    out.print(
        f"single, {blocks}, {first.n_permutations:,} replicates each: {first.measure} {first.clean:.4f} as observed"
    )
    for note in notes:
        out.print(f"[dim]note: {safe(note)}[/dim]")


def _interval(moments: Moments) -> str:
    clusters = f"over {moments.n_clusters:,} clusters"
    if moments.gap_interval is None:
        return f", no interval {clusters}"
    low, high = moments.gap_interval
    return f", 95 % interval [{low:+.4f}, {high:+.4f}] {clusters}"


def print_rules(rules: Sequence[Rule]) -> None:
    """Print the catalogue of rules."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("rule", "score of class c", "needs"):
        table.add_column(heading, no_wrap=heading == "rule")
    for rule in rules:
        table.add_row(rule.name, escape(rule.formula), rule.needs)
    console().print(table)


def print_written(folder: str, *more: str) -> None:
    """Say what was written where."""
    files = ", ".join((*more, *FILES))
    console().print(f"\nwritten to {safe(folder)}: {files}")


def _role_table(audit: Audit) -> Table:
    headings = ("right", "contrib.", "overruled", "misleader", "saboteur", "pivotal", "suppr.")
    rows = []
    for profile in audit.agents:
        counts = [profile.roles[role] for role in ("contributor", "overruled", "misleader", "saboteur")]
        counts += [profile.pivotal_saboteur, profile.roles["suppressed"]]
        rows.append((profile.agent, percent(profile.accuracy), *(f"{count:,}" for count in counts)))
    return _agent_table(headings, rows)


def _quality_table(profiles: Sequence[Profile], headings: dict[str, str]) -> Table:
    rows = [(profile.agent, *(number(getattr(profile, name)) for name in headings)) for profile in profiles]
    return _agent_table(tuple(headings.values()), rows)


def _agent_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Make a table of one row an agent, whose numbers are never cut and whose names are, at the end."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1))
    table.add_column("agent", no_wrap=True, overflow="ellipsis", min_width=10, max_width=24)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for name, *cells in rows:
        table.add_row(safe(name), *cells)
    return table


def _permutation_line(permutation: Permutation) -> str:
    blocks = f"{permutation.n_blocks:,} block{'' if permutation.n_blocks == 1 else 's'}"
    spread = f" (sd {permutation.broken_sd:.4f})" if permutation.broken_sd is not None else ""
    interval = None if permutation.moments is None else permutation.moments.gap_interval
    span = "" if interval is None else f", 95 % interval of the loss [{interval[0]:+.4f}, {interval[1]:+.4f}]"
    return (
        f"permutation ({permutation.scheme}, {blocks}, {permutation.n_permutations:,} replicates): clean"
        f" {permutation.clean:.4f}, broken {permutation.broken_mean:.4f}{spread}, gap {points(permutation.gap, 2)}"
        f" {'lost' if permutation.gap >= 0 else 'gained'}{span}, weightless {permutation.uniform_weights:.4f}"
    )


def _print_notes(out: Console, notes: Sequence[str]) -> None:
    for note in notes[:MOST_NOTES]:
        out.print(f"[dim]note: {safe(note)}[/dim]")
    if len(notes) > MOST_NOTES:
        out.print(f"[dim]and {len(notes) - MOST_NOTES} more notes, in audit.json and in the report[/dim]")
