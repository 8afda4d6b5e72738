"""Sections about how good agents, decisions and reliabilities are: profiles, calibration, coverage, alignment."""

from collections.abc import Mapping
from typing import Any

from sabotage.reports.blocks import (
    Block,
    Column,
    Datum,
    Grid,
    Section,
    Source,
    Text,
    counted,
    estimated,
    measured,
    named,
    part_of,
    shared,
)
from sabotage.reports.sections_disagreement import between_agents

from sabotage.errors import count_of

AGENT = Column("agent", "agent", "agent", True)
SCORES = (("accuracy", "accuracy"), ("balanced_accuracy", "balanced"), ("macro_f1", "macro-F1"))
CALIBRATION = (
    ("mean_confidence", "confidence", "mean_confidence", "n_confidence"),
    ("ece", "ECE", "ece", "n_confidence"),
    ("ece_equal_mass", "ECE, equal mass", "ece_equal_mass", "n_confidence"),
    ("brier", "Brier", "brier", "n_scored"),
    ("log_loss", "log loss", "log_loss", "n_scored"),
    ("auroc_confidence", "AUROC confidence", "auroc_confidence", "n_confidence"),
    ("aurc", "AURC", "aurc", "n_confidence"),
)


def profiles(source: Source) -> Section:
    """Return the reliability profile of every agent, and the decision beside its bounds."""
    content = source.content
    n, wrong = content["input"]["n_examples"], content["sabotage_totals"]["n_wrong"]
    columns = [AGENT, Column("n", "n", "n"), *(Column(key, heading, key) for key, heading in SCORES)]
    columns += [
        Column("saboteur_per_wrong_decision", "sabotages, of wrong decisions", "saboteur"),
        Column("potential_saboteur", "potential saboteur", "potential_saboteur"),
        Column("pivotal_contributor", "pivotal contributor", "pivotal_contributor"),
        Column("saboteur_lift", "lift", "lift"),
    ]
    rows = []
    for at, (name, own) in enumerate(source.agents.items()):
        spans, over = own.get("intervals") or {}, f"over {own['n']:,} examples on which it spoke"
        cells = [measured(own[key], spans.get(key), over, source.why(key, name)) for key, _ in SCORES]
        count, rate = own["roles"]["saboteur"], own["rates"]["per_wrong_decision"]["saboteur"]
        per_wrong = shared(rate, spans.get("saboteur_per_wrong_decision"), f"{count:,} of {wrong:,} wrong decisions")
        spread, case = spans.get("potential_saboteur_per_example"), source.case(at, "potential_saboteur")
        potential = part_of(own["potential_saboteur"], n, "examples", case, interval=spread)
        pivotal = part_of(
            own["pivotal_contributor"], n - wrong, "right decisions", source.case(at, "pivotal_contributor")
        )
        lift = measured(own["saboteur_lift"], spans.get("saboteur_lift"), why=source.why("saboteur_lift", name))
        rows.append((named(name), part_of(own["n"], n, "examples"), *cells, per_wrong, potential, pivotal, lift))
    brackets = Text("Square brackets hold 95 % intervals.", "soft", ("interval", "best_agent"))
    grid = Grid("profiles", "Agents, over the n examples on which each spoke.", tuple(columns), tuple(rows))
    return Section("profiles", "Reliability profiles", "Profiles", (grid, _decision(source), brackets))


def _decision(source: Source) -> Grid:
    content = source.content
    decision, bounds, n = content["decision"], content["bounds"], content["input"]["n_examples"]
    spans, over = decision.get("intervals") or {}, f"over all {n:,} examples"
    best = source.agents[bounds["best_agent"]]
    best_spans, there = best.get("intervals") or {}, f"over {bounds['best_agent_n']:,} examples on which it spoke"
    none = Datum("–", tip="a bound for accuracies alone")
    first = [measured(decision[key], spans.get(key), over) for key, _ in SCORES]
    second = [measured(best[key], best_spans.get(key), there) for key, _ in SCORES]
    rows = [(named(f"{decision['source']} decision"), *first), (named("best agent", bounds["best_agent"]), *second)]
    for ending, what in (("", "oracle: some agent is right"), ("_if_independent", "oracle if errors were independent")):
        keys = (f"oracle_accuracy{ending}", f"oracle_balanced_accuracy{ending}")
        rows.append((named(what), *(measured(bounds[key], tip=over) for key in keys), none))
    columns = (Column("what", "decision or bound", "oracle", True), *(Column(key, head, key) for key, head in SCORES))
    agreement = decision["replay_agreement"]
    about = f"Over {count_of(n, 'example')}; abstentions and missing decisions are wrong." + (
        f" The replay by {content['settings']['rule']} agrees with {100 * agreement:.1f} % of the recorded decisions."
        if agreement is not None
        else ""
    )
    return Grid("decision", "The decision and its bounds.", columns, tuple(rows), about)


def calibration(source: Source) -> Section:
    """Return what the confidences are worth, with the bins behind the figures."""
    columns = (AGENT, *(Column(key, heading, term) for key, heading, term, _ in CALIBRATION))
    rows = []
    for name, own in source.agents.items():
        spans = own.get("intervals") or {}
        cells = [
            measured(own[key], spans.get(key), f"over {own[n]:,} examples", source.why(key, name))
            for key, _, _, n in CALIBRATION
        ]
        rows.append((named(name), *cells))
    about = "Brier is summed over classes; AURC is the mean risk over coverage."
    grid = Grid("calibration", "Confidence against being right.", columns, tuple(rows), about)
    curves = (source.content.get("curves") or {}).get("calibration") or {}
    pictures = source.drawn("reliability_diagram", "confidence_histograms", "risk_coverage")
    blocks: list[Block] = [grid, *pictures]
    if curves:
        blocks.append(_bins(curves))
    return Section("calibration", "Calibration", "Calibration", tuple(blocks))


def _bins(curves: Mapping[str, Any]) -> Grid:
    columns = (
        AGENT, Column("bins", "bins", "ece", True), Column("low", "from"), Column("high", "to"), Column("n", "n", "n"),
        Column("n_right", "right", "accuracy"), Column("right", "share right", "accuracy"),
        Column("confidence", "confidence", "mean_confidence"),
    )  # fmt: skip
    rows = []
    for name, own in curves.items():
        for kind, words in (("equal_width", "equal width"), ("equal_mass", "equal mass")):
            for one in own.get(kind) or []:
                right = measured(one["n_right"] / one["n"] if one["n"] else None, one["interval"])
                edges = [measured(one[end]) for end in ("low", "high")]
                number = [counted(one[key]) for key in ("n", "n_right")]
                rows.append((named(name), named(words), *edges, *number, right, measured(one["mean_confidence"])))
    return Grid("bins", "The bins behind the calibration.", columns, tuple(rows), is_folded=True)


def coverage(source: Source) -> Section:
    """Return how often the truth is among the k highest scores."""
    content = source.content
    ks = [str(k) for k in content["settings"]["top_k"]]
    decision, n = content["decision"], content["input"]["n_examples"]
    columns = (
        Column("what", "agent or decision", "agent", True),
        *(Column(f"top_{k}", f"top-{k}", "top_k") for k in ks),
    )

    def row(covered: Mapping[str, Any] | None, own: Mapping[str, Any], over: str, agent: str | None) -> list[Datum]:
        spans, known = own.get("intervals") or {}, covered or {}
        why = source.why("top_k", agent) or source.why("top-k")
        return [measured(known.get(k), spans.get(f"top_{k}"), over, why) for k in ks]

    rows = [
        (named(f"{decision['source']} decision"), *row(decision["top_k"], decision, f"over all {n:,} examples", None))
    ]
    for name, own in source.agents.items():
        rows.append(
            (named(name), *row(own["top_k"], own, f"over {own['n_scored']:,} examples with class scores", name))
        )
    for key, words in (("chance_top_k", "k classes at random"), ("frequent_top_k", "the k most frequent classes")):
        rows.append((named(words), *(measured(decision[key].get(k)) for k in ks)))
    about = Text(
        "Abstentions cover nothing. The last two rows are what no prediction at all would cover.",
        "soft",
        ("chance_top_k", "frequent_top_k"),
    )
    caption = "Share of examples whose truth is among the k highest scores."
    grid = Grid("top-k-table", caption, columns, tuple(rows))
    return Section("top-k", "Top-k coverage", "Top-k", (grid, about, *source.drawn("top_k_curve")))


def reliability(source: Source) -> Section:
    """Return how the reliability goes with being right, with being a saboteur, and between agents."""
    alignment = source.content["alignment"]
    places, shares = (0, 2, 5, 8), ("all", "best 80 %", "best 50 %", "best 20 %")
    columns = [
        AGENT, Column("n", "n", "n"), Column("n_right", "right", "accuracy"),
        Column("auroc", "AUROC", "auroc_reliability"), Column("spearman", "Spearman", "spearman"),
        Column("point_biserial", "point-biserial", "point_biserial"),
    ]  # fmt: skip
    columns.append(Column("auroc_reliability_saboteur", "AUROC, saboteur", "auroc_reliability_saboteur"))
    columns += [Column(f"kept_{share}", share, "kept") for share in shares]
    rows = []
    for name, own in alignment["agents"].items():
        gain = own["gain"]
        kept = [
            shared(gain[place]["accuracy"], gain[place]["interval"], f"of the {gain[place]['n_kept']:,} kept")
            if gain
            else shared(None, why=source.why("gain", name))
            for place in places
        ]
        why = source.why("auroc", name) or source.why("alignment", name)
        correlations = [
            measured(own["spearman"], why=source.why("spearman", name)),
            estimated(own["point_biserial"], why=source.why("point_biserial", name), signed=True),
            measured(
                source.agents[name]["auroc_reliability_saboteur"],
                (source.agents[name].get("intervals") or {}).get("auroc_reliability_saboteur"),
                why=source.why("auroc_reliability_saboteur", name),
            ),
        ]
        rows.append((named(name), counted(own["n"]), counted(own["n_right"], f"{own['n']:,} examples"),
                     estimated(own["auroc"], why=why), *correlations, *kept))  # fmt: skip
    about = (
        "Of each agent, over the n examples on which it spoke and has a reliability: against being right, and accuracy"
        " when the least reliable are withheld."
    )
    grid = Grid("alignment", "Reliability against being right.", tuple(columns), tuple(rows), about)
    return Section(
        "reliability", "How good the reliability is", "Reliability", (*_routing(source), grid, _checks(source))
    )


def _routing(source: Source) -> list[Block]:
    routing = source.content["alignment"]["routing"]
    if not routing["auroc"]:
        why = source.why("routing_auroc")
        return [Text(f"Between agents there is no routing AUROC: {why or 'it is null'}.", "soft", ("routing",))]
    span = routing["auroc"]["interval"]
    interval = "" if span is None else f", 95 % interval {100 * span[0]:.1f} to {100 * span[1]:.1f} %"
    sentence = (
        f"Between agents, a right one is more reliable than a wrong one of the same example in"
        f" {100 * routing['auroc']['value']:.1f} % (routing AUROC{interval}, n = {routing['n']:,})."
    )
    return [Text(sentence, terms=("routing",))]


def _checks(source: Source) -> Grid:
    parts = (("", "saboteur"), ("potential_", "potential saboteur"))
    columns = [AGENT, Column("n", "n", "auroc_saboteur")]
    for key, words in parts:
        columns += [
            Column(f"n_{key}saboteur", words, f"{key}saboteur"),
            Column(f"{key}auroc_reliability", "by reliability", "auroc_saboteur"),
            Column(f"{key}auroc_confidence", "by confidence", "auroc_saboteur"),
            Column(f"{key}difference", "difference", "auroc_saboteur"),
        ]
    rows = []
    for name, own in source.content["alignment"]["agents"].items():
        check, cells = own["predicts_sabotage"], []
        for key, count in (("", "n_saboteur"), ("potential_", "n_potential")):
            cells.append(counted(check[count], f"{check['n']:,} confident emissions"))
            for what in ("auroc_reliability", "auroc_confidence", "difference"):
                why = source.why("predicts_sabotage", name) or source.why("AUROC", name)
                cells.append(estimated(check[key + what], why=why, signed=what == "difference"))
        rows.append((named(name), counted(check["n"]), *cells))
    about = (
        "Among confident emissions: how often a saboteur's reliability, or confidence, is lower than that of another;"
        " the difference is above 0 where the self-assessment tells more than the confidence."
    )
    return Grid("checks", "Does the self-assessment warn of sabotage?", tuple(columns), tuple(rows), about)


def agreement(source: Source) -> Section | None:
    """Return how agents go together, None where there is one."""
    between = source.content["between_agents"]
    if not between["pairs"]:
        return None
    columns = (
        Column("agents", "agents", "agent", True), Column("n", "n", "n"), Column("agreement", "agreement", "agreement"),
        Column("cohen_kappa", "Cohen's kappa", "cohen_kappa"), Column("double_fault", "double fault", "double_fault"),
        Column("q_statistic", "Q", "q_statistic"),
    )  # fmt: skip
    keys = ("agreement", "cohen_kappa", "double_fault", "q_statistic")
    rows = []
    for pair in between["pairs"]:
        cells = [measured(pair[key], why=source.why(key) or "its denominator is 0") for key in keys]
        rows.append((named(f"{pair['first']}, {pair['second']}"), counted(pair["n"]), *cells))
    fleiss, alpha = between["fleiss_kappa"], between["krippendorff_alpha"]
    everyone = Text(
        f"All agents: Fleiss' kappa {'–' if fleiss is None else f'{fleiss:.3f}'} (n = {between['n_fleiss']:,}),"
        f" Krippendorff's alpha {'–' if alpha is None else f'{alpha:.3f}'} (n = {between['n_krippendorff']:,}).",
        terms=("fleiss_kappa", "krippendorff_alpha"),
    )
    about = "Examples on which both spoke. Double fault: both wrong."
    grid = between_agents(source) or Grid("pairs", "Two agents each.", columns, tuple(rows), about)
    return Section(
        "agreement", "Agreement between agents", "Agreement", (grid, *source.drawn("agreement_matrix"), everyone)
    )
