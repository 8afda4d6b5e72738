"""What a comparison of rules says in words, and never more than its intervals do."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sabotage.measures import in_words
from sabotage.saying import p_text, percent, points, series

if TYPE_CHECKING:
    from sabotage.comparison import Comparison
    from sabotage.entries import Entry

NAMED = 4  # rules or agents that are named one by one


def what_compared(comparison: "Comparison") -> tuple[str, ...]:
    """Return what the best rule gains, what is as good, whom it lets sabotage, and what interventions do."""
    best = comparison.entry(comparison.best)
    said = (_gain(comparison, best), _alike(comparison), _sabotage(best))
    changed = [entry for entry in comparison.entries if entry.changed_from is not None]
    return (*said, _changes(comparison.statistic, changed)) if changed else said


def _gain(comparison: "Comparison", best: "Entry") -> str:
    statistic, difference = comparison.statistic, best.difference
    what = in_words(statistic)
    n_rules = sum(entry.changed_from is None for entry in comparison.entries)
    if n_rules == 1:
        level = percent(best.values[statistic].value)
        return f"{best.name} is the only rule, with a {what} of {level}: there is nothing to compare it with."
    start = f"{best.name} has the highest {what} of {n_rules} rules"
    level = percent(best.values[statistic].value)
    if difference is None:
        return f"No rule has a higher {what} than the reference, {best.name}: {level}."
    own = difference.values[statistic]
    span = own.difference_interval
    if span is None:
        return f"{start}, {level}; what it gains on {difference.reference} has no interval."
    low, high = (f"{round(100 * end, 2) + 0.0:.2f}" for end in span)  # a zero loses its minus
    gained = f"{points(own.difference)} more than {difference.reference} [{low}, {high}]"
    if float(low) > 0:
        p = difference.p_adjusted
        tested = "" if p is None else f", Holm-adjusted p {p_text(p)} for accuracy"
        return f"{start}, {level}, {gained}{tested}."
    return f"{start}, {level}, {gained}: an interval that holds 0 shows no gain."


def _alike(comparison: "Comparison") -> str:
    rest = [entry.name for entry in comparison.entries if entry.name in comparison.alike]
    if all(entry.changed_from is not None or entry.name == comparison.best for entry in comparison.entries):
        return "Where no rule is named, all that the panel can feed are compared."
    if not any(entry.values[comparison.statistic].interval for entry in comparison.entries):
        return "Whether other rules are as good is not known: there are too few clusters for an interval."
    if not rest:
        return f"Every other rule does worse than {comparison.best}, by an interval that leaves out 0."
    named = series(rest[:NAMED]) if len(rest) <= NAMED else f"{', '.join(rest[:NAMED])} and {len(rest) - NAMED} more"
    return (
        f"It cannot be told from {named} on these examples, and the best of many is flattered by having been chosen on"
        f" them."
    )


def _sabotage(best: "Entry") -> str:
    wrong = best.quality.n_wrong
    if not wrong:
        return f"Under {best.name} no decision is wrong."
    counts = sorted(((agent, n) for agent, n in best.quality.saboteurs.items() if n), key=lambda pair: -pair[1])
    if not counts:
        return f"Under {best.name} nobody sabotages any of the {wrong:,} wrong decisions."
    parts = [
        f"{agent} {'sabotages ' if place == 0 else ''}{n:,} ({percent(n / wrong)})"
        for place, (agent, n) in enumerate(counts[:NAMED])
    ]
    return f"Of the {wrong:,} wrong decisions of {best.name}, {series(parts)}."


def _changes(statistic: str, changed: Sequence["Entry"]) -> str:
    """Return the intervention that does most for its rule, if any does."""
    seen = []
    for entry in changed:
        own = None if entry.difference is None else entry.difference.values[statistic]
        if own is not None and own.difference_interval is not None and own.difference_interval[0] > 0:
            seen.append((own.difference, own.difference_interval, entry))
    if not seen:
        return f"No intervention makes its rule better in {in_words(statistic)} by an interval above 0."
    gain, (low, high), entry = max(seen, key=lambda one: one[0])
    return (
        f"Of {len(changed)} intervention{'' if len(changed) == 1 else 's'}, {entry.name} does most for its rule:"
        f" {points(gain)} more {in_words(statistic)} [{100 * low:.2f}, {100 * high:.2f}]."
    )
