"""A permutation test for people: what it found and what stands beside it on a terminal, a table for a paper."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table as Grid
from sabotage.reports.tables import Cell, Table, in_format, rounded, span
from sabotage.reports.terminal import console, grid, name_table, safe

from sabotage.controls import Controls, DoseResponse
from sabotage.diagnosis import Diagnosis
from sabotage.errors import count_of
from sabotage.headroom import Headroom
from sabotage.moments import Moments
from sabotage.notes import folded
from sabotage.results import Permutation
from sabotage.saying import amount, p_text, percent
from sabotage.verdicts import VISIBLE_SHARE

NONE = "-"
APART = ("broken", "seeds", "within", "gap_interval", "against_weightless")  # no numbers, or several


def render(diagnosis: Diagnosis, format: str) -> str:
    """Return tests as "csv" (all numbers), "latex" or "markdown" (what goes into a paper).

    Raises SabotageError for another format.
    """
    return in_format(format, diagnosis, full_table, paper_table)


def full_table(diagnosis: Diagnosis) -> Table:
    """Return every number of every test, one row a test."""
    rows = [_flat(test) for test in diagnosis.tests]
    cells = [tuple(Cell(NONE if value is None else str(value), value) for value in row.values()) for row in rows]
    return Table(tuple(rows[0]), tuple(cells))


def paper_table(diagnosis: Diagnosis) -> Table:
    """Return each test's statistic, gap, p, flips and verdict; bold where the verdict is helpful or harmful."""
    tests = diagnosis.tests
    first = tests[0]
    by_agent, adjusted = first.agent is not None, first.adjustment is not None
    headings = ["rule", "statistic", *(["agent"] if by_agent else []), "as observed", "shuffled", "gap", "p"]
    headings += [*(["p adjusted"] if adjusted else []), "flips", "verdict"]
    rows = []
    for test in tests:
        stands = test.verdict.word in ("helpful", "harmful")
        agent = [Cell(str(test.agent), test.agent)] if by_agent else []
        p = test.p_two_sided_adjusted
        more = [Cell(NONE if p is None else p_text(p), p)] if adjusted else []
        known = None if test.moments is None else test.moments.gap_interval
        error = test.broken_sd if known is None else (known[1] - known[0]) / 2
        rows.append((
            Cell(test.rule, test.rule), Cell(test.measure, test.statistic), *agent, _number(test.clean, error),
            _number(test.broken_mean, error), _gap_cell(test, stands),
            Cell(p_text(test.p_value_two_sided), test.p_value_two_sided), *more,
            Cell(percent(test.flip_rate), test.flip_rate), Cell(test.verdict.word, test.verdict.word, stands),
        ))  # fmt: skip
    several = "" if not adjusted else f", adjusted by {'Holm' if first.adjustment == 'holm' else 'Benjamini-Hochberg'}"
    moved = first.exchanged if first.agent is None else first.exchanged.replace(first.agent, "one agent")
    notes = [
        f"Exchanged: {moved}; {count_of(first.n_permutations, 'replicate')}; two-sided p{several}.",
        f"Gap: lost when each takes another's reliability, 95 % interval; bold: helpful or harmful (delta"
        f" {first.delta:g}).",
    ]
    if any(test.moments is None for test in tests):
        notes.append("A gap without an interval is the observed statistic less the mean of the shuffled ones.")
    unit = "id" if first.seeds and not first.per_seed else "example"
    caption = f"What shuffling reliability changes, on {count_of(first.n_units, unit)}."
    return Table(tuple(headings), tuple(rows), caption, tuple(notes))


def _flat(test: Permutation) -> dict[str, float | int | str | None]:
    """Return a test's numbers by name, the ends of an interval apart."""
    fields = test.to_dict()
    row: dict[str, float | int | str | None] = {"rule": test.rule, "statistic": test.statistic, "agent": test.agent}
    row |= {name: value for name, value in fields.items() if name not in APART and name not in row}
    row["within"] = " ".join(test.within)
    low_high = fields["gap_interval"] or (None, None)
    row |= {"gap_low": low_high[0], "gap_high": low_high[1]}
    beside = fields["against_weightless"] or {}
    ends = beside.get("interval") or (None, None)
    return row | {
        "against_weightless": beside.get("difference"),
        "against_weightless_low": ends[0],
        "against_weightless_high": ends[1],
    }


def _number(value: float, error: float | None) -> Cell:
    return Cell(rounded(value, error), value)


def _gap_cell(test: Permutation, stands: bool) -> Cell:
    moments = test.moments
    gap = test.gap if moments is None else moments.gap_u
    return Cell(span(gap, None if moments is None else moments.gap_interval, signed=True), gap, stands)


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
        print_context(out, context.controls, context.headroom, context.dose_response)
    for note in folded(diagnosis.notes, diagnosis.panel.agents):
        out.print(f"[dim]note: {safe(note)}[/dim]")


def _permutation_grid(test: Permutation, power_for: float | None) -> Grid:
    table = grid()
    moments, statistic = test.moments, test.statistic
    table.add_row("verdict", f"[bold]{test.verdict.word}[/bold]: {safe(test.verdict.evidence)}")
    table.add_row("exchanged", safe(test.exchanged))
    contested = f"{test.n_contested:,} contested"
    if test.contested_weight is not None and test.n_usable:
        contested += f", which bound the gap by {amount(test.contested_weight, statistic)}"
    unit = "id" if test.seeds and not test.per_seed else "example"
    table.add_row("", f"{count_of(test.n_units, unit)}, {test.n_usable:,} usable, {contested}")
    table.add_row("", f"{count_of(test.n_blocks, 'block')}, smallest p {p_text(test.smallest_p)}")
    table.add_row("replicates", f"{test.n_permutations:,}")
    table.add_row(test.measure, f"{test.clean:.4f} as observed")
    spread = f", sd {test.broken_sd:.4f}" if test.broken_sd is not None else ""
    table.add_row("", f"{test.broken_mean:.4f} shuffled{spread}")
    if moments is not None and moments.exact_mean is not None:
        exact = f", sd {moments.exact_sd:.4f}" if moments.exact_sd is not None else ""
        table.add_row("", f"{moments.exact_mean:.4f} exact mean over all permutations{exact}")
    table.add_row("", f"{test.uniform_weights:.4f} with every reliability 1{_against(test)}")
    error = f", Monte Carlo error {test.monte_carlo_error:.2g}" if test.monte_carlo_error is not None else ""
    table.add_row("gap", f"{test.gap:+.4f}{error}")
    if moments is not None:
        table.add_row("", f"{moments.gap_u:+.4f} when each takes another's{_interval(moments)}")
        if moments.gap_interval is not None and test.verdict.word not in ("untestable", "inert"):
            table.add_row("", f"{moments.smallest_visible_gap:.4f} would be seen {VISIBLE_SHARE}")
    if power_for is not None:
        needed = test.examples_needed(power_for)
        table.add_row("", f"{power_for:g} needs {'-' if needed is None else count_of(needed, unit)}")
    table.add_row("p", f"{p_text(test.p_value)} one-sided, {p_text(test.p_value_two_sided)} two-sided")
    if test.z is not None and test.p_normal is not None:
        table.add_row("", f"z {test.z:+.2f}, one-sided p {p_text(test.p_normal)} if normal: an approximation")
    table.add_row("flip rate", f"{percent(test.flip_rate, 2)} of all decisions, mean over replicates")
    for seed in test.seeds:
        p = f"p {p_text(seed.p_value)}, two-sided {p_text(seed.p_value_two_sided)}"
        table.add_row(f"seed {safe(seed.seed)}", f"{seed.clean:.4f} as observed, gap {seed.gap:+.4f}, {p}")
    return table


def _print_tests(out: Console, tests: Sequence[Permutation], power_for: float | None) -> None:
    """Print several tests, one row each."""
    first = tests[0]
    same = all((test.rule, test.statistic) == (first.rule, first.statistic) for test in tests)
    rows = []
    for test in tests:
        interval = None if test.moments is None else test.moments.gap_interval
        reach = "-" if interval is None else f"[{interval[0]:+.3f}, {interval[1]:+.3f}]"
        gap = test.gap if test.moments is None else test.moments.gap_u
        adjusted = p_text(test.p_two_sided_adjusted or test.p_value_two_sided)
        needed = () if power_for is None else (str(test.examples_needed(power_for) or "-"),)
        cells = (f"{gap:+.4f}", reach, p_text(test.p_value_two_sided), adjusted, test.verdict.word, *needed)
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
        f"{safe(moved)}; {count_of(first.n_blocks, 'block')}, {first.n_permutations:,} replicates each, two-sided"
        f" p{observed}{power}"
    )


def print_context(
    out: Console, controls: Controls | None, headroom: Headroom | None, doses: DoseResponse | None
) -> None:
    """Print what stands beside a test."""
    table = grid()
    if controls is not None:
        for name, control in (("positive", controls.positive), ("negative", controls.negative)):
            gap = control.gap if control.gap_u is None else control.gap_u
            reach = _brackets(control.gap_interval)
            flips = percent(control.flip_rate)
            table.add_row(f"{name} control", f"gap {gap:+.4f}{reach}, p {p_text(control.p_value)}, {flips} flip")
            if name == "positive" and controls.can_respond is False:
                table.add_row("", "this rule cannot respond: its interval does not clear delta")
    if headroom is not None:
        room, captured = headroom.headroom, headroom.captured
        chance = f"{headroom.oracle_if_independent:.4f} if errors were independent"
        oracle = f"oracle {headroom.oracle:.4f} ({chance}) less {headroom.weightless:.4f} with equal weights"
        table.add_row("headroom", f"{room.value:+.4f}{_brackets(room.interval)}: {oracle}")
        if captured is not None:
            low, high = captured.interval or (None, None)
            reach = "" if low is None or high is None else f" [{percent(low)}, {percent(high)}]"
            table.add_row("", f"{percent(captured.value)}{reach} of it captured")
    if doses is not None:
        for dose in doses.doses:
            of = doses.n_draws if dose.share else 1
            table.add_row(f"dose {dose.share:.1f}", f"gap {dose.gap:+.4f}, seen in {percent(dose.seen, 0)} of {of}")
        first = "never" if doses.first_seen is None else f"at {doses.first_seen:.1f}"
        table.add_row(
            "first seen", f"{first} (p <= .05 in 80 % of the draws, {doses.n_permutations:,} replicates each)"
        )
    if table.row_count:
        out.print(table)


def _brackets(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f" [{interval[0]:+.4f}, {interval[1]:+.4f}]"


def _against(test: Permutation) -> str:
    beside = test.against_weightless
    return "" if beside is None else f"; the rule is {beside.value:+.4f}{_brackets(beside.interval)} from it"


def _interval(moments: Moments) -> str:
    sampled = "" if moments.n_donors is None else f", from {count_of(moments.n_donors, 'donor')} each"
    clusters = f"over {count_of(moments.n_clusters, 'cluster')}{sampled}"
    if moments.gap_interval is None:
        return f", no interval {clusters}"
    return f", 95 % interval{_brackets(moments.gap_interval)} {clusters}"
