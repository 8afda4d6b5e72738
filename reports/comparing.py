"""A comparison of rules for people: two tables on a terminal, one for a paper, a card in a notebook."""

from collections.abc import Callable, Sequence

from sabotage.reports.tables import Cell, Table, brief, in_format, rounded, span

from sabotage.comparison import Comparison
from sabotage.entries import Entry, flat
from sabotage.measures import in_words
from sabotage.saying import p_text

NONE = "-"


def render(comparison: Comparison, format: str) -> str:
    """Return a comparison as "csv" (all numbers), "latex" or "markdown" (what goes into a paper).

    Raises SabotageError for another format.
    """
    return in_format(format, comparison, full_table, paper_table)


def full_table(comparison: Comparison) -> Table:
    """Return every number of every rule, one column each."""
    rows = [flat(entry, comparison.statistic) for entry in comparison.entries]
    cells = [tuple(Cell(NONE if value is None else str(value), value) for value in row.values()) for row in rows]
    return Table(tuple(rows[0]), tuple(cells))


def paper_table(comparison: Comparison) -> Table:
    """Return the statistic, the difference, and what stands beside them; bold where the difference stands."""
    others, ks = _others(comparison), list(comparison.entries[0].quality.top_k)
    headings = (
        "rule", in_words(comparison.statistic), "difference", "p", *map(_heading, others), *(f"top-{k}" for k in ks),
        "log loss", "ECE", "saboteurs", "pivotal", "captured", "gap",
    )  # fmt: skip
    rows = []
    for entry in comparison.entries:
        own, difference = score_cell(comparison, entry), difference_cell(comparison, entry)
        beside = [_number(entry.values[name].value) for name in others]
        beside += [_number(entry.quality.top_k[k]) for k in ks]
        rows.append((Cell(entry.name, entry.name), own, difference, p_cell(entry), *beside, *_rest(entry)))
    over = f"{comparison.n_clusters:,} {'examples' if _is_plain(comparison) else 'clusters'}"
    spans = f"with 95 % intervals of a paired bootstrap over {over}, {comparison.settings['n_resamples']:,} resamples"
    if not any(entry.values[comparison.statistic].interval for entry in comparison.entries):
        spans = f"without intervals, for which {over} are too few"
    notes = [
        f"Differences to {comparison.reference} (an intervention: to its rule) {spans}; p of accuracy, adjusted by"
        f" Holm; bold: the interval leaves out 0 and p is at most .05.",
        "Saboteurs: wrong decisions with one; pivotal: with one without whom they would be right. Captured: share of"
        " the way from the reference to an oracle. Gap: what shuffling reliability costs.",
    ]
    caption = f"Fusion rules on {comparison.panel.n_examples:,} examples."
    return Table(headings, tuple(rows), caption, tuple(notes))


def score_cell(comparison: Comparison, entry: Entry) -> Cell:
    """Return what a rule reaches, with its interval."""
    own = entry.values[comparison.statistic]
    return Cell(span(own.value, own.interval), own.value)


def difference_cell(comparison: Comparison, entry: Entry) -> Cell:
    """Return the difference with its interval, bold where it stands."""
    if entry.difference is None:
        return Cell(NONE, None)
    own = entry.difference.values[comparison.statistic]
    low_high, p = own.difference_interval, entry.difference.p_adjusted
    stands = low_high is not None and (low_high[0] > 0 or low_high[1] < 0) and p is not None and p <= 0.05
    return Cell(span(own.difference, low_high, signed=True), own.difference, stands)


def p_cell(entry: Entry) -> Cell:
    """Return the adjusted p."""
    p = None if entry.difference is None else entry.difference.p_adjusted
    return Cell(NONE, None) if p is None else Cell(p_text(p), p)


def gap_cell(entry: Entry) -> Cell:
    """Return what shuffling costs, with its interval."""
    return (
        Cell(NONE, None)
        if entry.gap is None
        else Cell(span(entry.gap.gap, entry.gap.interval, signed=True), entry.gap.gap)
    )


def comparison_card(comparison: Comparison) -> str:
    """Return a notebook's view of a comparison: what it says, and the table."""
    from sabotage.reports.cards import table_card

    return table_card("Comparison", comparison.findings, paper_table(comparison))


def print_comparison(comparison: Comparison) -> None:
    """Print what a comparison says, every rule against its reference, and what else it does."""
    from sabotage.reports.terminal import console, name_table, print_notes, safe

    out = console()
    out.print()
    for sentence in comparison.findings:
        out.print(safe(sentence))

    def show(headings: Sequence[str], cells: Callable[[Entry], Sequence[str]]) -> None:
        rows = [(entry.name, *cells(entry)) for entry in comparison.entries]
        out.print()
        # Cut off, two interventions of one rule may look the same.
        out.print(name_table(headings, rows, "rule", wraps=True))

    ks = list(comparison.entries[0].quality.top_k)[:2]
    show((in_words(comparison.statistic), "difference", "p adj."), lambda entry: _standing(comparison, entry))
    to_own = any(entry.changed_from is not None for entry in comparison.entries)
    own = ", of an intervention to its rule" if to_own else ""
    out.print(f"difference to {safe(comparison.reference)}{own}, 95 % intervals; p adj.: of accuracy, by Holm")
    others = _others(comparison)
    show(
        (*map(_heading, others), *(f"top-{k}" for k in ks), "log loss", "ECE"),
        lambda entry: _scores(entry, others, ks),
    )
    show(("saboteurs", "pivotal", "captured", "gap"), _sabotage)
    out.print(
        "saboteurs: wrong decisions with one; pivotal: right without it; captured: of the way from the reference"
        " to an oracle; gap: lost by shuffling reliability"
    )
    if comparison.ranked_by is not None and comparison.n_ranked > 1:
        ranked = [entry for entry in comparison.entries if entry.mean_rank is not None]
        best = sorted(ranked, key=lambda entry: entry.mean_rank or 0)[:3]
        named = ", ".join(f"{safe(entry.name)} {entry.mean_rank:.2f}" for entry in best)
        p = "" if comparison.friedman_p is None else f"; all alike: p {p_text(comparison.friedman_p)}"
        out.print(f"mean rank over {comparison.n_ranked:,} of {safe(comparison.ranked_by)}: {named}{p}")
    out.print()
    print_notes(out, comparison.notes, most=len(comparison.notes))


def _is_plain(comparison: Comparison) -> bool:
    return comparison.n_clusters == comparison.panel.n_examples


def _rest(entry: Entry) -> Sequence[Cell]:
    quality, difference = entry.quality, entry.difference
    captured = None if difference is None else difference.captured
    return (
        _number(quality.log_loss),
        _number(quality.ece),
        Cell(f"{quality.n_with_saboteur:,}", quality.n_with_saboteur),
        Cell(NONE, None)
        if quality.n_with_pivotal is None
        else Cell(f"{quality.n_with_pivotal:,}", quality.n_with_pivotal),
        Cell(NONE, None) if captured is None else Cell(rounded(captured.value, captured.se), captured.value),
        gap_cell(entry),
    )


def _standing(comparison: Comparison, entry: Entry) -> list[str]:
    own = entry.values[comparison.statistic]
    cells = [brief(own.value, own.interval)]
    if entry.difference is None:
        return [*cells, NONE, NONE]
    own = entry.difference.values[comparison.statistic]
    return [*cells, brief(own.difference, own.difference_interval, "+"), p_cell(entry).text]


def _heading(name: str) -> str:
    return "macro-F1" if name == "macro_f1" else in_words(name)


def _others(comparison: Comparison) -> list[str]:
    """Return the statistics beside the one that is compared."""
    return [name for name in comparison.entries[0].values if name != comparison.statistic]


def _scores(entry: Entry, others: Sequence[str], ks: Sequence[str]) -> list[str]:
    quality = entry.quality
    cells = [_number(entry.values[name].value) for name in others]
    cells += [_number(quality.top_k[k]) for k in ks]
    return [cell.text for cell in (*cells, _number(quality.log_loss), _number(quality.ece))]


def _sabotage(entry: Entry) -> list[str]:
    quality, difference = entry.quality, entry.difference
    captured = None if difference is None or difference.captured is None else difference.captured.value
    return [
        _count(quality.n_with_saboteur).text,
        _count(quality.n_with_pivotal).text,
        NONE if captured is None else f"{round(captured, 2) + 0.0:.2f}",
        NONE if entry.gap is None else brief(entry.gap.gap, entry.gap.interval, "+"),
    ]


def _count(value: int | None) -> Cell:
    return Cell(NONE, None) if value is None else Cell(f"{value:,}", value)


def _number(value: float | None) -> Cell:
    return Cell(NONE, None) if value is None else Cell(f"{value:.3f}", value)
