"""Outcomes of gates for people: one line each, those that failed in red on a terminal, and how many hold."""

from sabotage.gates import Checked, in_words


def print_checked(checked: Checked) -> None:
    """Print every outcome and the summary."""
    from sabotage.reports.terminal import console, safe

    out = console()
    for outcome in checked.outcomes:
        style = "" if outcome.holds else "bold red"
        out.print(safe(in_words(outcome)), style=style)
    if checked.by_interval:
        out.print("judged by the end of each 95 % interval that is against the gate")
    out.print(checked.summary)
