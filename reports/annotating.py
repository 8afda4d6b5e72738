"""Annotators and disagreement for people: tables on a terminal and for a paper, rows for csv, ambiguous.csv."""

from collections.abc import Iterator
from pathlib import Path

from sabotage.reports.measured import NONE, brief_text, chance_text, span_cell
from sabotage.reports.tables import Cell, Table, brief, to_csv

from sabotage.ambiguity import Ambiguous
from sabotage.annotator_results import Annotators, Known
from sabotage.errors import count_of
from sabotage.files import written
from sabotage.intervals import Estimate
from sabotage.saying import percent
from sabotage.tallies import Measure, Rate

WRITTEN = 1_000  # examples of ambiguous.csv, the most ambiguous
FILE = "ambiguous.csv"
HEADINGS = ("rank", "id", "truth", "decision", "right", "ambiguity")
Row = tuple[str, str, str, str, Rate | Measure]


def print_annotators(found: Annotators) -> None:
    """Print what annotators said, every score where they are unsure and sure, and what each score tells."""
    from sabotage.reports.terminal import console, name_table, safe

    out = console()
    out.print()
    for sentence in found.finding:
        out.print(safe(sentence))
    text = votes_text(found)
    if text is not None:
        out.print(text)
    compared = [one for one in found.scores if one.comparison is not None]
    rows: list[tuple[str, ...]] = []
    if compared:
        for one in compared:
            own = one.comparison
            assert own is not None  # asked for
            means = (f"{own.mean_unsure:.3f}", f"{own.mean_sure:.3f}")
            ps = (chance_text(own.p_two_sided), chance_text(own.p_adjusted))
            rows.append((one.score, *means, brief(own.difference.value, own.difference.interval, "+"), *ps))
        out.print("\nWhere annotators are unsure and where they are sure")
        out.print(name_table(("unsure", "sure", "difference", "p", "p adj."), rows, "score"))
        out.print(safe(f"means of each score; {shuffling_words(found)}"))
    rows = []
    for one in found.scores:
        own = one.comparison
        unsure = NONE if own is None else brief(own.auroc.value, own.auroc.interval)
        rows.append((one.score, *((unsure, brief_text(one.spearman)) if compared else ()), brief_text(one.auroc_error)))
    headings = (*(("AUROC, unsure", "Spearman") if compared else ()), "AUROC, wrong")
    if rows:
        out.print("\nWhat disagreement tells")
        out.print(name_table(headings, rows, "score"))
        words = "of annotators being unsure, rank correlation with their uncertainty, and " if compared else ""
        out.print(f"AUROC {words}of the decision being wrong")
    for score, why in found.reasons.items():
        out.print(f"[dim]{score} is left out: {safe(why)}[/dim]")


def votes_text(found: Annotators) -> str | None:
    """Say how far annotators agree with each other; None where there are no labels of theirs."""
    known = found.known
    if known is None or known.votes is None:
        return None
    votes = known.votes
    alpha = votes.krippendorff_alpha
    parts = [
        f"{count_of(votes.n_annotators, 'annotator')}, {votes.fewest:,} to {votes.most:,} labels of an example (mean"
        f" {votes.mean:.1f})"
    ]
    if votes.n_shared:
        share = percent(votes.n_unanimous / votes.n_shared)
        parts.append(f"unanimous on {votes.n_unanimous:,} of {votes.n_shared:,} with two or more ({share})")
    if alpha is not None:
        parts.append(f"Krippendorff's alpha {brief(alpha.value, alpha.interval)}")
    if votes.fleiss_kappa is not None:
        parts.append(f"Fleiss' kappa {votes.fleiss_kappa:.3f}")
    return "; ".join(parts)


def shuffling_words(found: Annotators) -> str:
    """Say how p was had."""
    tested = [one.comparison for one in found.scores if one.comparison is not None and one.comparison.p_method]
    where = "" if found.within is None else f" inside {found.within}"
    if not tested:
        return "no p: no shuffle was asked for, or none could change a mean"
    counts = sorted({one.n_permutations for one in tested if one.n_permutations is not None}, reverse=True)
    ways = [f"{count:,} shuffles" for count in counts]
    ways += ["the exact moments of all shuffles"] if any(one.n_permutations is None for one in tested) else []
    how = " or ".join(ways)
    return f"p of shuffling who is unsure{where}, two-sided, by {how}; adjusted by Holm"


def tables(found: Annotators) -> list[Table]:
    """Return what goes into a paper: one table, of every score."""
    if not found.scores:
        return []
    has_known = any(one.comparison is not None for one in found.scores)
    headings = ("score", *(("unsure", "sure", "difference", "p", "AUROC, unsure") if has_known else ()), "AUROC, wrong")
    rows = []
    for one in found.scores:
        own = one.comparison
        cells: list[Cell] = [Cell(one.score, one.score)]
        if has_known and own is not None:
            cells += [Cell(f"{mean:.3f}", mean) for mean in (own.mean_unsure, own.mean_sure)]
            cells += [
                span_cell(own.difference, True),
                Cell(chance_text(own.p_adjusted), own.p_adjusted),
                span_cell(own.auroc),
            ]
        elif has_known:
            cells += [Cell(NONE, None)] * 5
        rows.append((*cells, span_cell(one.auroc_error)))
    notes = ["AUROC of each score for wrong decisions, with 95 % intervals."]
    if has_known and found.known is not None:
        notes.insert(
            0,
            f"Means where annotators are unsure ({found.known.n_unsure:,} of {found.known.n:,} examples) and where they"
            f" are sure; {shuffling_words(found)}.",
        )
    caption = "Disagreement between agents, annotators' uncertainty and wrong decisions."
    return [Table(headings, tuple(rows), caption, tuple(notes))]


def rows(found: Annotators) -> Iterator[Row]:
    """Yield part, what it is of, agent, measure and number of all that there is."""
    known = found.known
    if known is not None:
        yield "annotators", known.source, "", "unsure", Rate(known.n_unsure, known.n, _share(known), None)
        yield "annotators", known.source, "", "mean_uncertainty", Measure(known.mean, None, known.n)
        yield "annotators", known.source, "", "cut", Measure(known.cut, None, known.n, known.why_not_compared)
        votes = known.votes
        if votes is not None:
            alpha = votes.krippendorff_alpha
            yield "annotators", "labels", "", "krippendorff_alpha", _measure(alpha, votes.n_shared, "labels are alike")
            kappa = Measure(votes.fleiss_kappa, None, votes.n_shared, votes.why_no_fleiss)
            yield "annotators", "labels", "", "fleiss_kappa", kappa
    for one in found.scores:
        yield "score", one.score, "", "mean", _measure(one.mean, one.n, "")
        yield (
            "score",
            one.score,
            "",
            "auroc_error",
            _measure(one.auroc_error, one.n, "all decisions are alike"),
        )
        if known is None:
            continue
        yield "score", one.score, "", "spearman", _measure(one.spearman, one.n_both, "one of them never varies")
        own = one.comparison
        if own is None:
            continue
        yield "score", one.score, "", "mean_unsure", Measure(own.mean_unsure, None, own.n_unsure)
        yield "score", one.score, "", "mean_sure", Measure(own.mean_sure, None, own.n_sure)
        for name in ("difference", "cliffs_delta", "auroc"):
            yield "score", one.score, "", name, _measure(getattr(own, name), one.n_both, "")
        for name in ("p_two_sided", "p_greater", "p_adjusted"):
            why = None if getattr(own, name) is not None else "no shuffle could change a mean, or none was asked for"
            yield "score", one.score, "", name, Measure(getattr(own, name), None, one.n_both, why)


def write_ambiguous(found: Ambiguous, path: str | Path, most: int = WRITTEN) -> None:
    """Write the most ambiguous examples as csv, nulls empty; a text that a spreadsheet would run is quoted."""
    records = found.records(most)
    headings = tuple(records[0]) if records else HEADINGS
    body = tuple(tuple(Cell("", value) for value in record.values()) for record in records)
    Path(path).write_text(to_csv(Table(headings, body)), encoding="utf-8", newline="\n")


def write_beside(found: Ambiguous, folder: str | Path) -> str:
    """Write ambiguous.csv to a folder, whole or not at all, and return its name."""
    with written(Path(folder) / FILE) as path:
        write_ambiguous(found, path)
    return FILE


def _share(known: Known) -> float | None:
    return known.n_unsure / known.n if known.n else None


def _measure(found: Estimate | None, n: int, why: str) -> Measure:
    if found is None:
        return Measure(None, None, n, why)
    few = None if found.interval is not None else "too few clusters of either kind, or nothing varies"
    return Measure(found.value, found.interval, n, few)
