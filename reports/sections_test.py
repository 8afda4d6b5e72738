"""The section about the permutation test, with its controls, doses, headroom and seeds."""

from collections.abc import Mapping
from typing import Any

from sabotage.reports.blocks import (
    Block,
    Column,
    Datum,
    Grid,
    Heading,
    Section,
    Source,
    Text,
    chance,
    counted,
    exact,
    left_out,
    measured,
    named,
    shared,
)

from sabotage.errors import count_of
from sabotage.measures import in_words
from sabotage.saying import not_shown, p_text, percent, typeset

TITLE = "Permutation test"


def permutation(source: Source) -> Section:
    """Return what shuffling the reliability changed, and what stands beside it."""
    test = source.content.get("permutation")
    if test is None:
        return Section("permutation", TITLE, "Permutation", (left_out(source, "permutation", "a permutation test"),))
    plural = "" if test["n_blocks"] == 1 else "s"
    details = (
        f"Verdict {test['verdict']}: {test['verdict_evidence']}. Evidence, availability, truth and rule are frozen;"
        f" exchanged: {test['exchanged']}. {test['n_units']:,} could move, {test['n_usable']:,} of them in a block with"
        f" different reliabilities, {test['n_contested']:,} with a decision that reliability could change;"
        f" {test['n_blocks']:,} block{plural}, {test['n_permutations']:,} replicates, smallest p that could come out"
        f" {p_text(test['smallest_p'])}."
    )
    blocks: list[Block] = [
        Text(f"{source.content['finding'][2]} {not_shown(test)}"),
        Text(details, "soft", ("verdict", "delta")),
        _gap(source, test),
        *source.drawn("permutation_null"),
        _means(test),
    ]
    if test["seeds"]:
        blocks.append(_seeds(test))
    blocks += [*_controls(source, test), *_doses(source), *_headroom(source)]
    return Section("permutation", f"{TITLE}: {test['verdict']}", "Permutation", tuple(blocks))


def _gap_of(test: Mapping[str, Any]) -> Datum:
    gap = test["gap"] if test["gap_u"] is None else test["gap_u"]
    return measured(gap, test["gap_interval"], signed=True)


def _gap(source: Source, test: Mapping[str, Any]) -> Grid:
    columns = (
        Column("gap", "gap", "gap"), Column("gap_se", "standard error", "standard_error"),
        Column("n_clusters", "clusters", "clusters"), Column("smallest_visible_gap", "visible gap", "visible_gap"),
        Column("p_value", "p, one-sided", "p_value"), Column("p_value_two_sided", "p, two-sided", "p_two_sided"),
        Column("flip_rate", "flip rate", "flip_rate"),
    )  # fmt: skip
    why = source.why("gap_interval") or source.why("interval of the gap") or source.why("gap")
    row = (
        _gap_of(test),
        exact(test["gap_se"], why=why),
        counted(test["n_clusters"], why=why),
        exact(test["smallest_visible_gap"], why=why),
        chance(test["p_value"], f"{test['n_permutations']:,} replicates"),
        chance(test["p_value_two_sided"], f"{test['n_permutations']:,} replicates"),
        shared(test["flip_rate"], digits=2, tip=f"of {test['n_units']:,} decisions"),
    )
    about = (
        f"The gap is the {_words(test)} as observed less its mean when each example takes the reliability of another"
        " one of its block; its interval is over samples of clusters. Shuffles may leave a row where it was: their mean"
        " and spread are of chance pairings."
    )
    return Grid("gap", "What shuffling the reliability costs.", columns, (row,), about)


def _means(test: Mapping[str, Any]) -> Grid:
    columns = (
        Column("what", "reliability", None, True), Column("value", _words(test)),
        Column("spread", "spread", None, True),
    )  # fmt: skip
    weightless = "–"
    if (beside := test["against_weightless"]) is not None:
        span = beside["interval"]
        interval = "" if span is None else f", 95 % interval {span[0]:.4f} to {span[1]:.4f}"
        weightless = f"the rule is {beside['difference']:+.4f} from it{interval}"
    normal = "" if test["z"] is None else f"; z {test['z']:.2f}, one-sided p {p_text(test['p_normal'])} if normal"
    spread = "–" if test["broken_sd"] is None else f"sd {test['broken_sd']:.4f}"
    if test["monte_carlo_error"] is not None:
        spread += f"; Monte Carlo error {test['monte_carlo_error']:.6f}"
    exactly = "–" if test["exact_sd"] is None else f"sd {test['exact_sd']:.4f}{normal}"
    rows = (
        (named("as observed"), exact(test["clean"]), named("–")),
        (named("shuffled"), exact(test["broken_mean"]), named(typeset(spread))),
        (named("over all permutations, exact"), exact(test["exact_mean"]), named(typeset(exactly))),
        (named("every reliability 1"), exact(test["uniform_weights"]), named(typeset(weightless))),
    )
    return Grid("means", "The statistic, with one reliability and another.", columns, rows)


def _seeds(test: Mapping[str, Any]) -> Grid:
    columns = (
        Column("seed", "seed", None, True), Column("n_examples", "examples", "n"),
        Column("clean", "as observed", "clean"), Column("broken_mean", "shuffled", "shuffled"),
        Column("gap", "gap", "gap"), Column("p_value", "p, one-sided", "p_value"),
        Column("p_value_two_sided", "p, two-sided", "p_two_sided"),
    )  # fmt: skip
    rows = []
    for seed in test["seeds"]:
        numbers = [exact(seed[key]) for key in ("clean", "broken_mean", "gap")]
        p = [chance(seed[key]) for key in ("p_value", "p_value_two_sided")]
        rows.append((named(seed["seed"]), counted(seed["n_examples"]), *numbers, *p))
    return Grid("seeds", "Seed by seed.", columns, tuple(rows))


def _controls(source: Source, test: Mapping[str, Any]) -> list[Block]:
    controls = source.content.get("controls")
    if controls is None:
        return [Heading("Controls"), left_out(source, "controls", "the controls")]
    columns = (
        Column("control", "control", "control", True), Column("clean", "as observed", "clean"),
        Column("gap", "gap", "gap"), Column("p_value", "p, one-sided", "p_value"),
        Column("flip_rate", "flip rate", "flip_rate"), Column("n_permutations", "replicates", "shuffled"),
    )  # fmt: skip
    rows = []
    for name in ("positive", "negative"):
        own = controls[name]
        flips = shared(own["flip_rate"], digits=2)
        rows.append((named(name), exact(own["clean"]), _gap_of(own), chance(own["p_value"]), flips,
                     counted(own["n_permutations"])))  # fmt: skip
    about = (
        "The same test with reliability 1 for right agents and .05 for wrong ones (positive), and 1 for all (negative)."
    )
    if controls["can_respond"] is False:
        about += f" The positive control does not clear {test['delta']}: this rule cannot respond."
    return [Heading("Controls"), Grid("controls", "Controls.", columns, tuple(rows), about)]


def _doses(source: Source) -> list[Block]:
    found = source.content.get("dose_response")
    if found is None:
        return [Heading("Dose-response"), left_out(source, "dose_response", "the dose-response")]
    columns = (
        Column("share", "share", "dose"), Column("clean", "as observed", "clean"), Column("gap", "gap", "gap"),
        Column("seen", "seen", "seen"),
    )  # fmt: skip
    rows = []
    for dose in found["doses"]:
        numbers = [exact(dose["clean"]), exact(dose["gap"]), shared(dose["seen"], digits=0)]
        rows.append((shared(dose["share"], digits=0), *numbers))
    first = found["first_seen"]
    seen = "Never seen" if first is None else f"First seen at {percent(first, 0)}"
    about = (
        "A share of the examples takes the positive control's reliability. Means over"
        f" {found['n_draws']} draws of who does, {found['n_permutations']:,} replicates each."
        f" {seen}: p at most .05 in 80 % of the draws."
    )
    grid = Grid("doses", "Dose-response.", columns, tuple(rows), about)
    return [Heading("Dose-response"), *source.drawn("dose_response"), grid]


def _headroom(source: Source) -> list[Block]:
    found = source.content.get("headroom")
    if found is None:
        return [Heading("Headroom"), left_out(source, "headroom", "the headroom")]
    room, captured = found["headroom"], found["captured"]
    text = (
        f"In {in_words(found['statistic'])}, from {found['weightless']:.4f} with equal weights to an oracle's"
        f" {found['oracle']:.4f} ({found['oracle_if_independent']:.4f} if agents erred independently) are"
        f" {room['value']:.4f}{_interval(room['interval'])}, over {count_of(room['n_clusters'], 'cluster')}."
    )
    if captured:
        span = captured["interval"]
        ends = "" if span is None else f", 95 % interval {percent(span[0])} to {percent(span[1])}"
        text += f" The rule captures {percent(captured['value'])} of it{ends}."
    terms = Text(text, terms=("headroom", "weightless", "oracle", "oracle_if_independent", "captured"))
    return [Heading("Headroom"), *source.drawn("headroom_waterfall"), terms]


def _interval(span: Any) -> str:
    return "" if span is None else f", 95 % interval {span[0]:.4f} to {span[1]:.4f}"


def _words(test: Mapping[str, Any]) -> str:
    return in_words(test["statistic"])
