"""Where agents and decisions part ways, for people: tables on a terminal, one for a paper, all numbers as csv."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sabotage.reports import annotating, peopling
from sabotage.reports.measured import NONE, bare_share, brief_text, share_text
from sabotage.reports.tables import FORMATS, Cell, Table, brief, in_format, rounded, span

from sabotage.disagreement import Disagreement
from sabotage.dominance import TWO, Dominance, Dominator, Follow
from sabotage.errors import count_of, listed
from sabotage.partings import Partings
from sabotage.saying import percent, percents
from sabotage.tallies import Measure, Rate

MOST_PATTERNS = 8  # on a terminal
MOST_PAIRS = 12
LEADING = ("resolved", "lost", "all_wrong")  # where agents can differ in whom the decision takes after
Row = tuple[str, str, str, str, Rate | Measure]


def words(cell: str) -> str:
    """Write the name of a cell."""
    return cell.replace("_", " ")


def render(found: Partings, format: str) -> str:
    """Return all numbers as "csv", or the cells as a paper's table in "latex" or "markdown".

    Raises SabotageError for another format.
    """
    text = in_format(format, found, full_table, paper_table)
    if format == "csv":
        return text
    more = annotating.tables(found.annotators)
    more += [] if found.people is None else peopling.tables(found.people)
    return "\n".join([text, *(FORMATS[format](table) for table in more)])


def full_table(found: Partings) -> Table:
    """Return every number in a row of its own: what it is of, count, n, value, interval and the reason of a null."""
    headings = ("part", "of", "agent", "measure", "count", "n", "value", "low", "high", "why")
    rows = []
    parts = [*_disagreement(found.disagreement), *_dominance(found.dominance)]
    parts += annotating.rows(found.annotators)
    parts += [] if found.people is None else peopling.rows(found.people)
    for *names, number in parts:
        low, high = number.interval or (None, None)
        values: tuple[float | int | str | None, ...]
        if isinstance(number, Rate):
            values = (number.count, number.n, number.share, low, high, None)
        else:
            values = (None, number.n, number.value, low, high, number.why)
        rows.append(tuple(Cell(NONE if value is None else str(value), value) for value in (*names, *values)))
    return Table(headings, tuple(rows))


def paper_table(found: Partings) -> Table:
    """Return the cells with their shares, gaps and margins; what decisions follow stands below."""
    headings = ("cell", "examples", "share", "confidence gap", "margin")
    rows = []
    for name, cell in found.disagreement.cells.items():
        rate = cell.examples
        rows.append(
            (
                Cell(words(name), words(name)),
                Cell(f"{rate.count:,}", rate.count),
                Cell(NONE if rate.share is None else span(rate.share, rate.interval), rate.share),
                *(_measured(one) for one in (cell.confidence_gap, cell.margin)),
            )
        )
    notes = [
        "Resolved: agents split, decision right; rescued: decision alone right; lost: some agent right, decision"
        " wrong. Means of the gap between the two highest confidences and between the two best fused scores, with"
        " 95 % intervals."
    ]
    where = "differ" if found.dominance.basis == TWO else "stand alone among three or more"
    followed = []
    for agent, own in found.dominance.agents.items():
        rate = _basis(found.dominance, own).followed
        if rate.share is not None:
            followed.append(f"{agent} on {percent(rate.share)}{percents(rate.interval)} of {rate.n:,}")
    if followed:
        notes.append(f"Decisions follow agents that {where}: {'; '.join(followed)}.")
    caption = f"Who is right on {count_of(found.disagreement.n_examples, 'example')}."
    return Table(headings, tuple(rows), caption, tuple(notes))


def print_partings(found: Partings) -> None:
    """Print cells, patterns, what leads into them, agents against the decision and each other, and whom it follows."""
    from sabotage.reports.terminal import console, name_table, print_notes, safe

    out, own = console(), found.disagreement
    shown = [_cell_lines(own), _pattern_lines(own), *_lead_lines(own), _against_lines(own)]
    shown += [_pair_lines(own), _dominance_lines(found.dominance)]
    for lines in shown:
        if lines.rows:
            out.print(f"\n{lines.title}")
            out.print(name_table(lines.headings, lines.rows, lines.by))
            if lines.below:
                out.print(safe(lines.below))
    annotating.print_annotators(found.annotators)
    if found.people is not None:
        peopling.print_people(found.people)
    out.print()
    print_notes(out, found.notes)


@dataclass(frozen=True)
class _Lines:
    """A table of a terminal: what stands above, the heading of its names, those of its numbers, and what is below."""

    title: str
    by: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    below: str = ""


def _cell_lines(found: Disagreement) -> _Lines:
    rows = []
    for name, cell in found.cells.items():
        own = cell.examples
        rows.append((words(name), f"{own.count:,}", share_text(own), _plain(cell.confidence_gap), _plain(cell.margin)))
    below = (
        "resolved: agents split, decision right; rescued: decision alone right; lost: an agent right, decision wrong"
    )
    title = f"Who is right on {count_of(found.n_examples, 'example')}"
    return _Lines(title, "cell", ("examples", "share", "confidence gap", "margin"), rows, below)


def _pattern_lines(found: Disagreement) -> _Lines:
    patterns = found.patterns[:MOST_PATTERNS]
    rows = []
    for one in patterns:
        name = f"{one.pattern[:-1]} {one.pattern[-1]}"
        rows.append((name, f"{one.examples.count:,}", share_text(one.examples), words(one.cell)))
    more = found.n_patterns - len(patterns)
    also = f"; and {count_of(more, 'more pattern')}" if more else ""
    below = f"{listed(found.agents, 16)}, then the decision: + right, - wrong, . silent{also}"
    return _Lines("Who is right with whom", "pattern", ("examples", "share", "cell"), rows, below)


def _lead_lines(found: Disagreement) -> Iterator[_Lines]:
    titles = {"followed": "The decision has the agent's label", "most_confident": "No agent is more confident"}
    for kind, title in titles.items():
        rows = []
        for agent in found.agents:
            leads = [found.cells[name].agents[agent] for name in LEADING]
            rows.append((agent, *(share_text(getattr(lead, kind)) for lead in leads)))
        yield _Lines(title, "agent", [words(name) for name in LEADING], rows)


def _against_lines(found: Disagreement) -> _Lines:
    rows = []
    for agent, own in found.agents.items():
        rest = (own.agent_right, own.decision_right, own.neither)
        rows.append((agent, share_text(own.differs), *(bare_share(rate) for rate in rest)))
    headings = ("of its labels", "agent right", "decision", "neither")
    return _Lines("The agent's label is not the decision's", "agent", headings, rows)


def _pair_lines(found: Disagreement) -> _Lines:
    between = found.between
    pairs = between.pairs[:MOST_PAIRS]
    rows = []
    for one in pairs:
        numbers = (
            bare_share(one.agreement),
            brief_text(one.cohen_kappa),
            bare_share(one.double_fault),
            _plain(one.q_statistic),
        )
        rows.append((f"{one.first}, {one.second}", *numbers, _plain(one.divergence)))
    rest = len(between.pairs) - len(pairs)
    also = f"; {count_of(rest, 'more pair')}, which --json shows" if rest else ""
    below = (
        f"all: Fleiss' kappa {brief_text(between.fleiss_kappa)}, Krippendorff's alpha"
        f" {brief_text(between.krippendorff_alpha)}, divergence {_plain(between.divergence)}{also}"
    )
    headings = ("agree", "Cohen's kappa", "both wrong", "Q", "diverge")
    return _Lines("Two agents", "agents", headings, rows, below)


def _dominance_lines(found: Dominance) -> _Lines:
    rows = []
    for agent, own in found.agents.items():
        follow, onset = _basis(found, own), own.onset
        first = NONE if onset.value is None else brief(onset.value, onset.interval, "+")
        first = "at all" if onset.is_lowest else first
        numbers = (share_text(follow.followed), bare_share(follow.when_right), bare_share(follow.when_wrong))
        rows.append((agent, f"{follow.followed.n:,}", *numbers, first))
    below = "right, wrong: followed where the agent is; onset: lead in confidence from which it is half the time"
    n_two = sum(own.of_two.followed.n for own in found.agents.values()) // 2
    if n_two and found.basis != TWO:
        below += f"; {count_of(n_two, 'example')} on which only two speak, and differ, are counted apart (--json)"
    where = "where both speak and differ" if found.basis == TWO else "that stands alone, three or more speak"
    return _Lines(
        f"Decisions follow an agent {where}", "agent", ("alone", "followed", "right", "wrong", "onset"), rows, below
    )


def _basis(dominance: Dominance, own: Dominator) -> Follow:
    return own.of_two if dominance.basis == TWO else own.alone


def _disagreement(found: Disagreement) -> Iterator[Row]:
    """Yield part, what it is of, agent, measure and number of all that disagreement holds."""
    for name, cell in found.cells.items():
        yield "cell", name, "", "examples", cell.examples
        yield "cell", name, "", "confidence_gap", cell.confidence_gap
        yield "cell", name, "", "margin", cell.margin
        for agent, lead in cell.agents.items():
            for kind, rate in vars(lead).items():
                if rate is not None:
                    yield "cell", name, agent, kind, rate
    for one in found.patterns:
        yield "pattern", one.pattern, "", one.cell, one.examples
    for label, cells in found.by_class.parts.items():
        for name, rate in cells.items():
            yield "class", label, "", name, rate
    for agent, parting in found.agents.items():
        for kind, rate in vars(parting).items():
            yield "decision", "", agent, kind, rate
    for pair in found.between.pairs:
        for kind in ("agreement", "cohen_kappa", "double_fault", "q_statistic", "divergence"):
            yield "pair", pair.first, pair.second, kind, getattr(pair, kind)
    for kind in ("fleiss_kappa", "krippendorff_alpha", "divergence"):
        yield "agents", "", "", kind, getattr(found.between, kind)


def _dominance(found: Dominance) -> Iterator[Row]:
    for agent, own in found.agents.items():
        for base in ("alone", "against_unanimous", "of_two"):
            for kind, rate in vars(getattr(own, base)).items():
                yield "dominance", base, agent, kind, rate
        for one in own.bins:
            yield "dominance", f"{one.low:+.1f} to {one.high:+.1f}", agent, "followed", one.followed
        onset = own.onset
        yield "dominance", found.basis, agent, "onset", Measure(onset.value, onset.interval, onset.n, onset.why)


def _plain(found: Measure) -> str:
    return NONE if found.value is None else f"{found.value + 0.0:.3f}"


def _measured(found: Measure) -> Cell:
    if found.value is None:
        return Cell(NONE, None)
    text = rounded(found.value, None) if found.interval is None else span(found.value, found.interval)
    return Cell(text, found.value)
