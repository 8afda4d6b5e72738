"""The section about annotators: disagreement where they are unsure and decisions wrong, and ambiguous examples."""

from collections.abc import Mapping
from typing import Any

from sabotage.reports.blocks import (
    Block,
    Column,
    Datum,
    Grid,
    Listing,
    Section,
    Source,
    Text,
    chance,
    counted,
    estimated,
    measured,
    named,
)

from sabotage.annotator_words import WORDS

NOTHING = "all decisions are right, or all are wrong"
BY = {"annotators": "annotators' uncertainty", "divergence": "the divergence of class scores",
      "votes": "the share of pairs of agents that differ"}  # fmt: skip
Fields = Mapping[str, Any]


def annotators(source: Source) -> Section | None:
    """Return what annotators said, every score of disagreement, and ambiguous examples; None for older audits."""
    found = source.content.get("annotators")
    if not found or not found["scores"]:
        return None
    known, agents = found["known"], list(source.content["input"]["agents"])
    blocks: list[Block] = [Text(text) for text in found["finding"]]
    blocks += source.drawn("annotator_disagreement")
    if known is not None and known["votes"] is not None:
        blocks.append(_votes(known["votes"]))
    blocks.append(_scores(found))
    if found["reasons"]:
        blocks.append(
            Listing("Scores left out", tuple(f"{WORDS[one]}: {why}." for one, why in found["reasons"].items()))
        )
    if found["ambiguous"]["examples"]:
        blocks.append(_ambiguous(found["ambiguous"], agents, known is not None))
    title = "Disagreement, ambiguity and errors" if known is None else "Disagreement and annotators"
    return Section("annotators", title, "Ambiguity" if known is None else "Annotators", tuple(blocks))


def _votes(votes: Fields) -> Grid:
    columns = (
        Column("n_annotators", "annotators"), Column("labels", "labels of an example"),
        Column("n_shared", "with two or more", "n"), Column("n_unanimous", "unanimous"),
        Column("krippendorff_alpha", "Krippendorff's alpha", "krippendorff_alpha"),
        Column("fleiss_kappa", "Fleiss' kappa", "fleiss_kappa"),
    )  # fmt: skip
    row = (
        counted(votes["n_annotators"]),
        measured(votes["mean"], tip=f"{votes['fewest']:,} to {votes['most']:,}"),
        counted(votes["n_shared"]),
        counted(votes["n_unanimous"], f"{votes['n_shared']:,} examples"),
        estimated(votes["krippendorff_alpha"], why="all labels are alike"),
        measured(votes["fleiss_kappa"], why=votes["why_no_fleiss"] or ""),
    )
    return Grid("annotator-votes", "How far annotators agree with each other.", columns, (row,))


def _scores(found: Fields) -> Grid:
    is_compared = any(one["comparison"] is not None for one in found["scores"])
    columns = [Column("score", "disagreement", "dispute", True), Column("n", "n", "n")]
    if is_compared:
        columns += [
            Column("mean_unsure", "unsure", "unsure"), Column("mean_sure", "sure", "unsure"),
            Column("difference", "difference"), Column("p_two_sided", "p", "p_marks"),
            Column("p_adjusted", "p adjusted", "p_marks"), Column("cliffs_delta", "Cliff's delta", "cliffs_delta"),
            Column("auroc_unsure", "AUROC, unsure", "auroc_unsure"),
        ]  # fmt: skip
    if found["known"] is not None:
        columns.append(Column("spearman", "Spearman", "spearman_uncertainty"))
    columns.append(Column("auroc_error", "AUROC, wrong", "auroc_wrong"))
    rows = []
    for one in found["scores"]:
        row = [named(WORDS.get(one["score"], one["score"])), counted(one["n"])]
        if is_compared:
            row += _compared(one["comparison"])
        if found["known"] is not None:
            row.append(estimated(one["spearman"], f"{one['n_both']:,} examples", "one of them never varies"))
        row.append(estimated(one["auroc_error"], f"{one['n_wrong']:,} wrong of {one['n']:,}", NOTHING))
        rows.append(tuple(row))
    about = ""
    if is_compared:
        inside = "" if found["within"] is None else f", inside {found['within']}"
        about = f"p: unsureness was shuffled{inside}; adjusted by Holm."
        if inside:
            about += " What differs between groups counts in a difference and its interval, and not in p."
    return Grid("annotator-scores", "What disagreement goes with.", tuple(columns), tuple(rows), about)


def _compared(own: Fields | None) -> list[Datum]:
    if own is None:
        return [measured(None, why="all examples with the score are of one kind")] * 7
    why = "no shuffle could change a mean, or none was asked for"
    tip = "from the exact moments of all shuffles" if own["p_method"] == "normal" else ""
    tip = f"by {own['n_permutations']:,} replicates" if own.get("n_permutations") else tip
    return [
        measured(own["mean_unsure"], tip=f"{own['n_unsure']:,} examples"),
        measured(own["mean_sure"], tip=f"{own['n_sure']:,} examples"),
        estimated(own["difference"], signed=True),
        chance(own["p_two_sided"], tip, why),
        chance(own["p_adjusted"], tip, why),
        estimated(own["cliffs_delta"], signed=True),
        estimated(own["auroc"]),
    ]


def _ambiguous(found: Fields, agents: list[str], is_known: bool) -> Grid:
    first = found["examples"][0]
    columns = [Column("rank", "rank"), Column("id", "id", "example", True)]
    keys = [key for key in ("seed", "group") if key in first]
    columns += [Column(key, key, "group" if key == "group" else None, True) for key in keys]
    columns += [
        Column("truth", "truth", "truth", True), Column("decision", "decision", "decision", True),
        Column("ambiguity", "ambiguity", "ambiguity"),
    ]  # fmt: skip
    if is_known:
        columns.append(Column("annotator_uncertainty", "annotators' uncertainty", "annotator_uncertainty"))
    columns += [Column(f"label_{m}", agent, "agent", True) for m, agent in enumerate(agents)]
    rows = []
    for one in found["examples"]:
        decision = named(one["decision"], "" if one["right"] else "wrong") if one["decision"] else measured(None)
        row = [counted(one["rank"]), named(one["id"]), *(_text(one[key]) for key in keys)]
        row += [_text(one["truth"]), decision, measured(one["ambiguity"])]
        if is_known:
            row.append(measured(one.get("annotator_uncertainty"), why="fewer than two annotators, or null"))
        rows.append((*row, *(_text(one.get(f"label:{agent}")) for agent in agents)))
    more = f" {found['n_left_out']:,} less ambiguous ones are not listed here." if found["n_left_out"] else ""
    by = " and ".join(BY.get(name, name) for name in found["by"])
    about = f"Ranked by the mean percentile rank of {by}.{more}"
    return Grid("ambiguous", "The most ambiguous examples.", tuple(columns), tuple(rows), about, True)


def _text(value: str | None) -> Datum:
    return measured(None, why="none") if value is None else named(value)
