"""What the commands print: plain text in a pipe, a little colour on a terminal, 80 columns wide."""

from collections.abc import Sequence

from rich.console import Console, OverflowMethod
from rich.markup import escape
from rich.table import Table
from sabotage.reports.trimming import trimmed
from sabotage.reports.writing import FIGURES, FILES

from sabotage.audit import Audit
from sabotage.calibrating import METHODS
from sabotage.controls import Controls, DoseResponse
from sabotage.diagnosis import Diagnosis
from sabotage.errors import printable
from sabotage.headroom import Headroom
from sabotage.learning import Fitted
from sabotage.moments import Moments
from sabotage.panel import Panel
from sabotage.results import Permutation
from sabotage.rules import Rule
from sabotage.saying import amount, p_text, percent, series, what_was_not_shown
from sabotage.simulation import Scenario
from sabotage.verdicts import VISIBLE_SHARE

WIDTH = 80
MOST_NOTES = 3


def console() -> Console:
    """Return a console on standard output: as wide as the terminal, 80 columns in a pipe."""
    out = Console(highlight=False, soft_wrap=False)
    return out if out.is_terminal else Console(file=trimmed(), highlight=False, width=WIDTH)


def safe(text: object) -> str:
    """Make text from a file harmless: no markup, no control characters."""
    return escape(printable(str(text)))


def number(value: float | None, digits: int = 3) -> str:
    """Write a number, or a dash where it is null."""
    return "-" if value is None else f"{value:.{digits}f}"


def print_panel(panel: Panel) -> None:
    """Print what was understood of a table."""
    out = console()
    grid = _grid()
    for heading, text in panel.describe():
        grid.add_row(heading, safe(text))
    out.print(grid)


def print_audit(audit: Audit, is_written: bool = False) -> None:
    """Print the finding, a table of the agents, the decision, the test and the first notes; where the rest is."""
    out = console()
    out.print()
    for sentence in audit.finding:
        out.print(safe(sentence))
    out.print()
    out.print(role_table(audit))
    decision = audit.decision
    top = ", ".join(f"top-{k} {number(share)}" for k, share in (decision.top_k or {}).items() if k != "1")
    out.print(
        f"decision ({decision.source}{', ' + decision.rule if decision.rule else ''}): accuracy"
        f" {number(decision.accuracy)}, balanced {number(decision.balanced_accuracy)}, macro-F1"
        f" {number(decision.macro_f1)}{', ' + top if top else ''}"
    )
    if audit.permutation is not None:
        out.print(_permutation_line(audit.permutation))
        out.print(safe(what_was_not_shown(audit.permutation)))
    _print_context(out, audit.controls, audit.headroom, audit.dose_response)
    print_notes(out, audit.notes, is_written)


def print_diagnosis(diagnosis: Diagnosis, power_for: float | None = None) -> None:
    """Print what was found and what was not shown, and the numbers behind it."""
    out = console()
    out.print()
    tests = diagnosis.tests
    for found, limit in zip(diagnosis.findings, diagnosis.limits, strict=True):
        out.print(safe(found))
        out.print(safe(limit))
    out.print()
    if len(tests) == 1:
        out.print(_permutation_grid(tests[0], power_for))
    else:
        _print_tests(out, tests, power_for)
    each = len(tests) // len(diagnosis.contexts)
    for place, context in enumerate(diagnosis.contexts):
        test = tests[place * each]
        if len(diagnosis.contexts) > 1 and (context.controls or context.headroom or context.dose_response):
            out.print(f"\n{safe(test.rule)}, {test.measure}")
        _print_context(out, context.controls, context.headroom, context.dose_response)
    for note in diagnosis.notes:
        out.print(f"[dim]note: {safe(note)}[/dim]")


def _permutation_grid(test: Permutation, power_for: float | None) -> Table:
    grid = _grid()
    moments, statistic = test.moments, test.statistic
    grid.add_row("verdict", f"[bold]{test.verdict.word}[/bold]: {safe(test.verdict.evidence)}")
    grid.add_row("exchanged", safe(test.exchanged))
    contested = f"{test.n_contested:,} contested"
    if test.contested_weight is not None and test.n_usable:
        contested += f", which bound the gap by {amount(test.contested_weight, statistic)}"
    unit = "id" if test.seeds and not test.per_seed else "example"
    grid.add_row("", f"{_plural(test.n_units, unit)}, {test.n_usable:,} usable, {contested}")
    grid.add_row("", f"{_plural(test.n_blocks, 'block')}, smallest p {p_text(test.smallest_p)}")
    grid.add_row("replicates", f"{test.n_permutations:,}")
    grid.add_row(test.measure, f"{test.clean:.4f} as observed")
    spread = f", sd {test.broken_sd:.4f}" if test.broken_sd is not None else ""
    grid.add_row("", f"{test.broken_mean:.4f} shuffled{spread}")
    if moments is not None and moments.exact_mean is not None:
        exact = f", sd {moments.exact_sd:.4f}" if moments.exact_sd is not None else ""
        grid.add_row("", f"{moments.exact_mean:.4f} exact mean over all permutations{exact}")
    grid.add_row("", f"{test.uniform_weights:.4f} with every reliability 1{_against(test)}")
    error = f", Monte Carlo error {test.monte_carlo_error:.2g}" if test.monte_carlo_error is not None else ""
    grid.add_row("gap", f"{test.gap:+.4f}{error}")
    if moments is not None:
        grid.add_row("", f"{moments.gap_u:+.4f} when each takes another's{_interval(moments)}")
        if moments.gap_interval is not None and test.verdict.word not in ("untestable", "inert"):
            grid.add_row("", f"{moments.smallest_visible_gap:.4f} would be seen {VISIBLE_SHARE}")
    if power_for is not None:
        needed = test.examples_needed(power_for)
        grid.add_row("", f"{power_for:g} needs {'-' if needed is None else _plural(needed, unit)}")
    grid.add_row("p", f"{p_text(test.p_value)} one-sided, {p_text(test.p_value_two_sided)} two-sided")
    if test.z is not None and test.p_normal is not None:
        grid.add_row("", f"z {test.z:+.2f}, one-sided p {p_text(test.p_normal)} if normal: an approximation")
    grid.add_row("flip rate", f"{percent(test.flip_rate, 2)} of all decisions, mean over replicates")
    for seed in test.seeds:
        p = f"p {p_text(seed.p_value)}, two-sided {p_text(seed.p_value_two_sided)}"
        grid.add_row(f"seed {safe(seed.seed)}", f"{seed.clean:.4f} as observed, gap {seed.gap:+.4f}, {p}")
    return grid


def _print_tests(out: Console, tests: Sequence[Permutation], power_for: float | None) -> None:
    """Print several tests, one row each."""
    first = tests[0]
    same = all((test.rule, test.statistic) == (first.rule, first.statistic) for test in tests)
    rows = []
    for test in tests:
        interval = None if test.moments is None else test.moments.gap_interval
        span = "-" if interval is None else f"[{interval[0]:+.3f}, {interval[1]:+.3f}]"
        gap = test.gap if test.moments is None else test.moments.gap_u
        adjusted = p_text(test.p_two_sided_adjusted or test.p_value_two_sided)
        needed = () if power_for is None else (str(test.examples_needed(power_for) or "-"),)
        cells = (f"{gap:+.4f}", span, p_text(test.p_value_two_sided), adjusted, test.verdict.word, *needed)
        what = () if same else (test.rule, test.statistic)
        rows.append((" ".join((*what, *([test.agent] if test.agent is not None else []))), *cells))
    how = {"holm": "Holm", "bh": "B.-H."}.get(first.adjustment or "", "adj.")
    extra = () if power_for is None else ("needed",)
    by = "agent" if same else "rule, statistic" if first.agent is None else "rule, statistic, agent"
    out.print(name_table(("gap", "95 % interval", "p", how, "verdict", *extra), rows, by, wraps=not same))
    moved = first.exchanged if first.agent is None else first.exchanged.replace(first.agent, "one agent")
    observed = f"; {first.measure} {first.clean:.4f} as observed" if same else ""
    power = "" if power_for is None else f"; needed: {'ids' if first.seeds else 'examples'} that show {power_for:g}"
    out.print(
        f"{safe(moved)}; {_plural(first.n_blocks, 'block')}, {first.n_permutations:,} replicates each, two-sided"
        f" p{observed}{power}"
    )


def _print_context(
    out: Console, controls: Controls | None, headroom: Headroom | None, doses: DoseResponse | None
) -> None:
    """Print what stands beside a test."""
    grid = _grid()
    if controls is not None:
        for name, control in (("positive", controls.positive), ("negative", controls.negative)):
            gap = control.gap if control.gap_u is None else control.gap_u
            span = _brackets(control.gap_interval)
            flips = percent(control.flip_rate)
            grid.add_row(f"{name} control", f"gap {gap:+.4f}{span}, p {p_text(control.p_value)}, {flips} flip")
            if name == "positive" and controls.can_respond is False:
                grid.add_row("", "this rule cannot respond: its interval does not clear delta")
    if headroom is not None:
        room, captured = headroom.headroom, headroom.captured
        chance = f"{headroom.oracle_if_independent:.4f} if errors were independent"
        oracle = f"oracle {headroom.oracle:.4f} ({chance}) less {headroom.weightless:.4f} with equal weights"
        grid.add_row("headroom", f"{room.value:+.4f}{_brackets(room.interval)}: {oracle}")
        if captured is not None:
            low, high = captured.interval or (None, None)
            span = "" if low is None or high is None else f" [{percent(low)}, {percent(high)}]"
            grid.add_row("", f"{percent(captured.value)}{span} of it captured")
    if doses is not None:
        for dose in doses.doses:
            of = doses.n_draws if dose.share else 1
            grid.add_row(f"dose {dose.share:.1f}", f"gap {dose.gap:+.4f}, seen in {percent(dose.seen, 0)} of {of}")
        first = "never" if doses.first_seen is None else f"at {doses.first_seen:.1f}"
        grid.add_row("first seen", f"{first} (p <= .05 in 80 % of the draws, {doses.n_permutations:,} replicates each)")
    if grid.row_count:
        out.print(grid)


def _grid() -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    return grid


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _brackets(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f" [{interval[0]:+.4f}, {interval[1]:+.4f}]"


def _against(test: Permutation) -> str:
    beside = test.against_weightless
    return "" if beside is None else f"; the rule is {beside.value:+.4f}{_brackets(beside.interval)} from it"


def _interval(moments: Moments) -> str:
    sampled = "" if moments.n_donors is None else f", from {_plural(moments.n_donors, 'donor')} each"
    clusters = f"over {_plural(moments.n_clusters, 'cluster')}{sampled}"
    if moments.gap_interval is None:
        return f", no interval {clusters}"
    return f", 95 % interval{_brackets(moments.gap_interval)} {clusters}"


def print_scenario(scenario: Scenario, n: int, path: str) -> None:
    """Say what was simulated, and where it stands."""
    out = console()
    grid = _grid()
    grid.add_row("scenario", f"{scenario.name}: {scenario.summary}")
    grid.add_row("roles", scenario.roles)
    grid.add_row("verdict", f"{scenario.verdict}, in a large sample")
    for name, value in scenario.parameters.items():
        grid.add_row(name, safe(value))
    grid.add_row("written", safe(f"{path}, {_plural(n, 'example')}"))
    out.print(grid)


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
    out.print(f"\n{safe(fitted.name)}, fitted on {_plural(fitted.n_fit, 'row')}; written to {safe(path)}")
    out.print("on these rows it would flatter itself: judge it on others")
    print_notes(out, fitted.notes)


def print_converted(panel: Panel, path: str) -> None:
    """Say where a converted table stands, and what to know of it."""
    out = console()
    print_notes(out, panel.notes, most=len(panel.notes))
    out.print(f"\nwritten to {safe(path)}: {_plural(panel.n_examples, 'row')}")


def print_written(folder: str, *more: str, figures: Sequence[str] = ()) -> None:
    """Say what was written where; `figures` are the names of the files in their folder."""
    files = ", ".join((*more, *FILES))
    if figures:
        formats = series(list(dict.fromkeys(name.rpartition(".")[2] for name in figures)))
        n = len({name.rpartition(".")[0] for name in figures})
        files += f", {FIGURES}/ ({_plural(n, 'figure')}, {formats})"
    console().print(f"\nwritten to {safe(folder)}: {files}")


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


def _permutation_line(test: Permutation) -> str:
    spread = f" (sd {test.broken_sd:.4f})" if test.broken_sd is not None else ""
    return (
        f"permutation ({test.scheme}, {_plural(test.n_blocks, 'block')}, {test.n_permutations:,} replicates): clean"
        f" {test.clean:.4f}, broken {test.broken_mean:.4f}{spread}, weightless {test.uniform_weights:.4f}; verdict"
        f" {test.verdict.word}"
    )


def print_notes(out: Console, notes: Sequence[str], is_written: bool = False, most: int = MOST_NOTES) -> None:
    """Print the first notes, and where the others are."""
    for note in notes[:most]:
        out.print(f"[dim]note: {safe(note)}[/dim]")
    if len(notes) > most:
        where = "in audit.json and in the report" if is_written else "which --json shows"
        out.print(f"[dim]and {_plural(len(notes) - most, 'more note')}, {where}[/dim]")
