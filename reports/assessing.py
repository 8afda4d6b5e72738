"""An assessment for people: how well estimated reliability tells right from wrong, beside the confidence."""

from sabotage.reports.tables import Cell, Table, span

from sabotage.assessing import Assessed, Assessment
from sabotage.intervals import Estimate

HEADINGS = ("n fit", "n", "AUROC", "conf.", "difference")


def assessment_table(assessment: Assessment) -> Table:
    """Return one row an agent; bold where the interval of the difference leaves out 0."""
    rows = tuple(
        (Cell(own.agent, own.agent), Cell(f"{own.n_fit:,}", own.n_fit), Cell(f"{own.n:,}", own.n), *_areas(own))
        for own in assessment.table
    )
    notes = (*assessment.notes, "Bold: the 95 % interval of the difference leaves out 0.")
    return Table(("agent", "n fit", "n", "AUROC", "of the confidence", "difference"), rows, _caption(assessment), notes)


def assessment_card(assessment: Assessment) -> str:
    """Return a notebook's view of an assessment."""
    from sabotage.reports.cards import table_card

    return table_card("Self-assessment", [_caption(assessment)], assessment_table(assessment))


def print_assessment(assessment: Assessment, path: str) -> None:
    """Print how well each agent's estimate does, and where the estimates stand."""
    from sabotage.reports.terminal import console, name_table, print_notes, safe

    out = console()
    out.print(f"\n{safe(_caption(assessment))}")
    rows = [
        (own.agent, f"{own.n_fit:,}", f"{own.n:,}", *(_short(found) for found in (own.auroc, own.auroc_confidence)),
         _short(own.difference, "+"))
        for own in assessment.table
    ]  # fmt: skip
    out.print(name_table(HEADINGS, rows))
    out.print("difference: the estimate's AUROC less the confidence's, on the same rows, with its 95 % interval")
    out.print(f"written to {safe(path)}: the {assessment.panel.n_examples:,} rows judged, and none of another split")
    print_notes(out, assessment.notes, most=len(assessment.notes))


def _caption(assessment: Assessment) -> str:
    how, among = "on calibration rows", ""
    if assessment.fold is not None:
        how, among = f"crosswise in {int(assessment.fold.max()) + 1} folds", ", among those of one fold"
    judged = f"AUROC against being right, on rows not fitted on{among}."
    return f"Reliability by {assessment.method}, fitted {how}: {judged}"


def _areas(own: Assessed) -> tuple[Cell, ...]:
    found = own.difference
    stands = found is not None and found.interval is not None and (found.interval[0] > 0 or found.interval[1] < 0)
    cells = [_cell(area, False) for area in (own.auroc, own.auroc_confidence)]
    return (*cells, _cell(found, True, stands))


def _cell(found: Estimate | None, signed: bool, bold: bool = False) -> Cell:
    if found is None:
        return Cell("-", None)
    return Cell(span(found.value, found.interval, signed=signed), found.value, bold)


def _short(found: Estimate | None, sign: str = "") -> str:
    if found is None:
        return "-"
    if not sign or found.interval is None:
        return f"{found.value:{sign}.3f}"
    return f"{found.value:{sign}.3f} [{found.interval[0]:{sign}.3f}, {found.interval[1]:{sign}.3f}]"
