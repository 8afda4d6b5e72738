"""Several runs for people: what they speak for, run by run on a terminal, a table for a paper, a card in a notebook."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sabotage.reports.measured import NONE, brief_text, gain_text, share_text, span_cell
from sabotage.reports.tables import Cell, Table, in_format, to_csv

from sabotage.files import make_folder, written
from sabotage.run_rates import Rate, RunDifference, RunProfile
from sabotage.runs import COLUMNS, Runs
from sabotage.suspects import COLUMNS as SUSPECT_COLUMNS
from sabotage.suspects import Suspects

WORDS = {
    "accuracy": "right",
    "balanced_accuracy": "balanced accuracy",
    "with_saboteur": "with a saboteur",
    "mean_confidence": "confidence",
    "ece": "ECE",
    "auroc_confidence": "AUROC of confidence",
    "contributor_per_example": "contributor",
    "saboteur_per_example": "saboteur",
    "pivotal_saboteur_per_example": "pivotal saboteur",
    "saboteur_lift": "lift",
}
SHARES = ("accuracy", "with_saboteur", *(name for name in WORDS if name.endswith("_per_example")))
PARTS = {
    "dataset": "dataset: example, example x agent",
    "model": "model: run, agent x run",
    "agent": "agent",
    "rest": "rest: example x run, and what is left",
}
DECISION = "decision"
MOST_SHOWN = 10  # suspects on a terminal


def render(found: Runs, format: str) -> str:
    """Return runs as "csv" (every number, run by run), "latex" or "markdown" (what goes into a paper).

    Raises SabotageError for another format.
    """
    return in_format(format, found, full_table, paper_table)


def full_table(found: Runs) -> Table:
    """Return every number of every run and of every difference, one a row, then the split of the variance."""
    return Table(COLUMNS, tuple(tuple(_cell(value) for value in row) for row in found.rows()))


def paper_table(found: Runs) -> Table:
    """Return what the decisions and agents of every run reach, a row a run and agent, with differences."""
    names = list(found.profiles[0].decision)
    own = [name for name in next(iter(found.profiles[0].agents.values())) if name not in names]
    columns = [*names, *own]
    ahead = {one.run: one for one in found.differences}
    rows = []
    for one in found.profiles:
        for agent, numbers in [(None, one.decision), *one.agents.items()]:
            of = ahead.get(one.run)
            differences = {} if of is None else (of.decision if agent is None else of.agents[agent])
            key = "with_saboteur" if agent is None else "saboteur_per_example"
            cells = [Cell(one.run, one.run), Cell(agent or DECISION, agent or DECISION)]
            cells += [span_cell(numbers.get(name)) for name in columns]
            cells.append(span_cell(differences.get(key), signed=True))
            rows.append(tuple(cells))
    to = "the mean of the other runs" if found.is_same else found.names[0]
    headings = ("run", "agent", *(WORDS[name] for name in columns), "saboteur, difference")
    notes = [f"With 95 % intervals. Difference of the share with a saboteur to {to}.", *found.findings]
    over = "different data" if found.n_examples is None else f"the same {found.n_examples:,} examples"
    return Table(headings, tuple(rows), f"Runs over {over}.", tuple(notes))


def suspects_table(found: Suspects | None) -> Table:
    """Return all suspected examples, those that most votes speak for first."""
    examples = () if found is None else found.examples
    rows = [tuple(_cell(getattr(one, name)) for name in SUSPECT_COLUMNS) for one in examples]
    return Table(SUSPECT_COLUMNS, tuple(rows))


def suspects_csv(found: Suspects | None) -> str:
    """Return suspects.csv, in which no name runs as a formula."""
    return to_csv(suspects_table(found))


def runs_card(found: Runs) -> str:
    """Return a notebook's view of runs: what they speak for, and the table."""
    from sabotage.reports.cards import table_card

    return table_card("Runs", found.findings, paper_table(found))


def print_runs(found: Runs) -> None:
    """Print what the runs speak for, what each reaches, how sabotage varies, and the first suspects."""
    from sabotage.reports.terminal import console, name_table, print_notes, safe

    out = console()
    out.print()
    for sentence in found.findings:
        out.print(safe(sentence))
    out.print()
    ahead = {one.run: one for one in found.differences}
    to = "the others' mean" if found.is_same else found.names[0]
    _show(out, found.profiles, ahead, None, name_table)
    out.print(f"differences to {safe(to)}{', paired' if found.is_same else ''}; 95 % intervals")
    for agent in found.agents:
        out.print()
        out.print(f"[bold]{safe(agent)}[/bold]")
        _show(out, found.profiles, ahead, agent, name_table)
    if found.variance is not None and found.variance.shares["dataset"].share is not None:
        rows = [(PARTS[name], share_text(part)) for name, part in found.variance.shares.items()]
        out.print()
        out.print(name_table(("share",), rows, "variance of sabotage", wraps=True))
    if found.kappas is not None:
        rows = [(name, brief_text(own)) for name, own in found.kappas.agents.items()]
        rows.append(("whoever it is", brief_text(found.kappas.who)))
        out.print()
        out.print(name_table(("kappa over runs",), rows, "sabotage by", wraps=True))
    if found.suspects is not None and found.suspects.n:
        shown = found.suspects.examples[:MOST_SHOWN]
        named = [(one.id, _cut(one.truth), _cut(one.suspected_label), f"{one.votes}/{one.n_votes}") for one in shown]
        out.print()
        out.print(name_table(("truth", "every run says", "votes"), named, "suspected example"))
        if found.suspects.n > len(shown):
            out.print(f"and {found.suspects.n - len(shown):,} more, in suspects.csv")
    out.print()
    print_notes(out, found.notes)


def write_runs(found: Runs, folder: str | Path, figures: Sequence[str]) -> list[str]:
    """Write runs.json, suspects.csv where the runs are over the same examples, and figures; return the figures' names.

    `figures` are formats.
    """
    from sabotage.reports.figures import write_figures
    from sabotage.reports.writing import FIGURES

    folder = Path(folder)
    content = figure_content(found)
    make_folder(folder)
    text = json.dumps(content["runs"], indent=2, ensure_ascii=False, allow_nan=False)
    with written(folder / "runs.json") as temporary:
        temporary.write_text(f"{text}\n", encoding="utf-8")
    if found.suspects is not None:
        with written(folder / "suspects.csv") as temporary:
            temporary.write_text(suspects_csv(found.suspects), encoding="utf-8")
    else:
        (folder / "suspects.csv").unlink(missing_ok=True)  # of earlier runs
    return write_figures(content, folder / FIGURES, figures, ("run_variance", "run_slopes")) if figures else []


def figure_content(found: Runs) -> dict[str, Any]:
    """Return the content that the figures of runs are drawn from: what an audit's has of them."""
    first = found.inputs[0]
    return {"agents": {}, "input": {"path": first.path, "n_examples": first.n_examples}, "runs": found.to_dict()}


def print_written(folder: str, figures: Sequence[str], found: Runs) -> None:
    """Say what was written where."""
    from sabotage.reports import terminal

    files = ["runs.json", *(["suspects.csv"] if found.suspects is not None else [])]
    terminal.print_files(folder, files, figures)


def _show(
    out: Any,
    profiles: Sequence[RunProfile],
    ahead: dict[str, RunDifference],
    agent: str | None,
    table: Callable[..., Any],
) -> None:
    key = "with_saboteur" if agent is None else "saboteur_per_example"
    rows = []
    for one in profiles:
        own = one.decision if agent is None else one.agents[agent]
        of = ahead.get(one.run)
        difference = Rate(None, None) if of is None else (of.decision if agent is None else of.agents[agent])[key]
        rows.append((one.run, share_text(own["accuracy"]), share_text(own[key]), gain_text(difference)))
    out.print(table(("right", WORDS[key], "difference"), rows, "run", wraps=True))


def _cut(text: str) -> str:
    return text if len(text) <= 14 else f"{text[:13]}…"


def _cell(value: float | int | str | None) -> Cell:
    return Cell(NONE if value is None else str(value), value)
