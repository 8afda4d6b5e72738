"""An attribution for people: what each agent is worth, in all, with each other, by class and by group."""

from collections.abc import Sequence

from sabotage.reports.tables import Cell, Table, brief, in_format, rounded, span

from sabotage.errors import printable
from sabotage.intervals import Estimate
from sabotage.measures import in_words
from sabotage.saying import level
from sabotage.shares import Attributed, Attribution, Shares

MOST_PARTS = 12  # classes or groups of one table on a terminal
MOST_PAIRS = 15
MOST_AGENTS = 5  # side by side


def render(attribution: Attribution, format: str) -> str:
    """Return an attribution as "csv" (all numbers), "latex" or "markdown" (what goes into a paper)."""
    return in_format(format, attribution, full_table, paper_table)


def full_table(attribution: Attribution) -> Table:
    """Return every number, one row each."""
    frame = attribution.to_frame().astype(object)
    frame = frame.where(frame.notna(), None)
    rows = tuple(tuple(Cell(str(value), value) for value in row) for row in frame.itertuples(index=False))
    return Table(tuple(frame.columns), rows)


def paper_table(attribution: Attribution) -> Table:
    """Return Shapley values and what is lost without an agent, for each statistic; bold where 0 is excluded."""
    headings, columns, notes = ["agent"], [], []
    for name, one in attribution.statistics.items():
        if one is None:
            notes.append(f"{in_words(name)} is left out: {attribution.reasons[name]}.")
            continue
        headings += [f"{in_words(name)}: Shapley", "lost without"]
        columns += [one.panel.shapley, one.panel.leave_one_out]
        notes.append(f"{in_words(name).capitalize()}: {_ends(name, one.panel)}.")
    rows = tuple((Cell(agent, agent), *(_cell(column[agent]) for column in columns)) for agent in attribution.agents)
    caption = f"What each agent adds to {attribution.rule} on {attribution.n_examples:,} examples."
    notes += [f"{sentence[0].upper()}{sentence[1:]}." for sentence in _sampled(attribution)]
    return Table(tuple(headings), rows, caption, (*notes, "Bold: the 95 % interval leaves out 0."))


def attribution_card(attribution: Attribution) -> str:
    """Return a notebook's view of an attribution."""
    from sabotage.reports.cards import table_card

    table = paper_table(attribution)
    return table_card("Attribution", [table.caption or ""], table)


def print_attribution(attribution: Attribution) -> None:
    """Print what each agent is worth by every statistic, and by the first of them in each class and group."""
    from sabotage.reports.terminal import console, name_table, print_notes, safe

    out = console()
    for name, one in attribution.statistics.items():
        if one is None:
            continue
        out.print(f"\n[bold]{in_words(name)}[/bold] of {safe(attribution.rule)}: {_ends(name, one.panel)}")
        rows = [
            (agent, _brief(one.panel.shapley[agent]), _brief(one.panel.leave_one_out[agent]))
            for agent in attribution.agents
        ]
        out.print(name_table(("Shapley value", "lost without it"), rows))
    first = next((one for one in attribution.statistics.values() if one is not None), None)
    if first is not None:
        pairs = sorted((first.panel.interactions or {}).items(), key=lambda pair: -abs(pair[1].value))
        if pairs:
            out.print("\ninteraction: below 0 redundant, above 0 each is worth more with the other")
            if len(pairs) > MOST_PAIRS:
                out.print(f"the {MOST_PAIRS} strongest of {len(pairs):,} pairs")
            together = [(f"{a} and {b}", _brief(found)) for (a, b), found in pairs[:MOST_PAIRS]]
            out.print(name_table((in_words(first.statistic),), together, "agents"))
        for what, parts in (("class", first.by_class), ("group", first.by_group)):
            known = {name: shares for name, shares in (parts or {}).items() if shares is not None}
            if len(known) > 1:
                _print_parts(attribution, first, what, known)
    notes = [*_sampled(attribution), *attribution.notes]
    notes += [f"{name}: {why}" for name, why in attribution.reasons.items()]
    if attribution.n_silent:
        notes.append(f"nobody speaks on {attribution.n_silent:,} examples, which count as without agents")
    print_notes(out, notes, most=len(notes))


def _print_parts(attribution: Attribution, first: Attributed, what: str, parts: dict[str, Shares]) -> None:
    """Print Shapley values of the classes or groups, those in which an agent does most harm first."""
    from sabotage.reports.terminal import console, name_table, safe

    out = console()

    def worst(shares: Shares) -> float:
        return min(found.value for found in shares.shapley.values())

    chosen = sorted(parts.items(), key=lambda pair: worst(pair[1]))[:MOST_PARTS]
    shown = attribution.agents[:MOST_AGENTS]
    rows = [
        (name, f"{shares.n_examples:,}", *(f"{shares.shapley[agent].value:+.3f}" for agent in shown))
        for name, shares in chosen
    ]
    rest = f", {len(chosen)} of {len(parts):,}" if len(chosen) < len(parts) else ""
    out.print(f"\nShapley values of {in_words(first.statistic)} by {what}, the lowest first{rest}")
    if len(shown) < len(attribution.agents):
        out.print(f"the first {len(shown)} of {len(attribution.agents):,} agents; --format csv has all")
    out.print(name_table(("n", *map(safe, _short(shown))), rows, what))


def _short(names: Sequence[str]) -> list[str]:
    """Cut names to ten letters: the first of each where these tell them apart, else the last, else its number."""
    shown = [printable(name) for name in names]
    numbers = [f"agent {k}" for k in range(1, len(shown) + 1)]
    for short in ([name[:10] for name in shown], [name[-10:] for name in shown]):
        if len(set(short)) == len(short):
            return short
    return numbers


def _sampled(attribution: Attribution) -> list[str]:
    if attribution.n_orders is None:
        return []
    return [f"Shapley values are from {attribution.n_orders:,} sampled orders of the agents"]


def _ends(name: str, shares: Shares) -> str:
    return f"{level(shares.nobody, name)} without agents, {level(shares.everybody, name)} with all"


def _text(found: Estimate) -> str:
    return span(found.value, found.interval, signed=True)


def _brief(found: Estimate) -> str:
    return brief(found.value, found.interval, "+")


def _cell(found: Estimate) -> Cell:
    stands = found.interval is not None and (found.interval[0] > 0 or found.interval[1] < 0)
    text = _text(found) if found.interval is not None else rounded(found.value, found.se, signed=True)
    return Cell(text, found.value, stands)
