"""Profiles for people: tables with intervals on a terminal."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sabotage.reports.profile_tables import NONE, broken_down, how_found, of_agent, of_part
from sabotage.reports.tables import brief

from sabotage.audit import Audit
from sabotage.breakdowns import Breakdown, Part
from sabotage.errors import printable
from sabotage.saying import percent

if TYPE_CHECKING:
    from rich.table import Table as Grid

NO_PART = ("permutation", "controls", "headroom", "dose_response", "comparison", "attribution")  # of a profile
PANELS = (
    {"accuracy": "accuracy", "balanced_accuracy": "balanced", "macro_f1": "macro-F1"},
    {
        "saboteur_per_wrong_decision": "saboteur",
        "pivotal_saboteur_per_wrong_decision": "pivotal",
        "saboteur_lift": "lift",
    },
    {"ece": "ECE", "auroc_confidence": "AUROC conf.", "aurc": "AURC"},
    {"mean_confidence": "confidence", "brier": "Brier", "log_loss": "log loss"},
)
OF_A_PART = {"accuracy": "accuracy", "saboteur_per_wrong_decision": "saboteur", "ece": "ECE"}
MOST_ROWS = 36  # of a table of parts on a terminal
MOST_AGENTS = 5  # side by side


def without_test(audit: Audit) -> Audit:
    """Leave out the notes about what stands in no profile."""
    return replace(audit, notes=tuple(note for note in audit.notes if not note.startswith(NO_PART)))


def print_profiles(audit: Audit, by: str | None = None, sweep: bool = False) -> None:
    """Print every agent's roles and profile; where asked for, profiles in parts or over thresholds instead."""
    from sabotage.reports.terminal import console, print_notes

    out = console()
    out.print()
    if by is not None:
        _print_parts(audit, broken_down(audit, by), by)
    if sweep:
        _print_sweep(audit)
    if by is None and not sweep:
        _print_agents(audit)
    print_notes(out, audit.notes)


def _print_agents(audit: Audit) -> None:
    from sabotage.reports.terminal import console, name_table, role_table

    out = console()
    out.print(role_table(audit))
    for headings in PANELS:
        rows = [(own.agent, *(of_agent(audit, own).brief(name) for name in headings)) for own in audit.agents]
        out.print()
        out.print(name_table(tuple(headings.values()), rows))
    out.print(f"95 % intervals; {how_found(audit)}; saboteur, pivotal: of {audit.totals.n_wrong:,} wrong decisions")
    out.print()
    out.print(_alignment_table(audit))
    out.print("reliability against being right; accuracy of all, and of the most reliable 80 and 50 %")
    routing = audit.routing
    if routing.auroc is not None:
        out.print(
            f"routing AUROC {brief(routing.auroc.value, routing.auroc.interval)} over the {routing.n:,}"
            f" examples with a right and a wrong agent"
        )
    if any(check.difference is not None for check in audit.self_checks):
        out.print()
        out.print(_check_table(audit))
        out.print("among confident emissions: AUROC of a low reliability, and of a low confidence, for sabotage")


def _print_parts(audit: Audit, breakdown: Breakdown, by: str) -> None:
    """Print rows of agents for each part; where there are too many, the parts that are most often decided wrongly."""
    from sabotage.reports.terminal import console, name_table, safe

    out = console()
    most = max(3, MOST_ROWS // len(audit.panel.agents))
    chosen: Sequence[Part] = [part for part in breakdown.parts if part.n]
    n_parts = len(chosen) + breakdown.n_left_out
    if len(chosen) > most:
        chosen = sorted(chosen, key=lambda part: -part.n_wrong / part.n)[:most]
        out.print(f"the {most} of {n_parts:,} that are most often decided wrongly; --format csv has all")
    for part in chosen:
        right = of_part(part, part.decision).brief("accuracy")
        out.print(
            f"[bold]{safe(part.label)}[/bold]: {part.n:,} examples, {part.n_wrong:,} decided wrongly; right {right}"
        )
    out.print()
    rows = [
        (f"{part.label}: {agent}", *(of_part(part, fields).brief(name) for name in OF_A_PART))
        for part in chosen
        for agent, fields in part.agents.items()
    ]
    headings = ("recall" if by == "class" else "accuracy", *list(OF_A_PART.values())[1:])
    out.print(name_table(headings, rows, f"{breakdown.column}: agent", wraps=True))
    out.print("95 % intervals; saboteur: of the wrong decisions there")


def _print_sweep(audit: Audit) -> None:
    """Print how many wrong decisions have a saboteur at each threshold."""
    from sabotage.reports.terminal import console, name_table, safe

    out, sweep = console(), audit.breakdowns.sweep
    shown = list(sweep.agents)[:MOST_AGENTS]
    rows = []
    for place, threshold in enumerate(sweep.thresholds):
        total, ends = sweep.with_saboteur[place], sweep.with_saboteur_interval[place]
        share = NONE if not sweep.n_wrong else brief(total / sweep.n_wrong, ends)
        counts = (f"{sweep.agents[agent].saboteur[place]:,}" for agent in shown)
        rows.append((f"{threshold:.2f}", f"{total:,}", share, *counts))
    names = [printable(agent)[:8] for agent in shown]
    if len(set(names)) < len(names):
        names = [f"agent {k}" for k in range(1, len(names) + 1)]
    out.print(name_table(("any", "of the wrong", *map(safe, names)), rows, "threshold"))
    out.print(f"saboteurs of {sweep.n_wrong:,} wrong decisions, by the confidence from which misleading is sabotage")
    if len(shown) < len(sweep.agents):
        out.print(f"the first {len(shown)} of {len(sweep.agents):,} agents; --format csv has all")


def _alignment_table(audit: Audit) -> "Grid":
    """Show how reliability goes with being right, and what withholding the least reliable gains."""
    from sabotage.reports.terminal import name_table, number

    rows = []
    for own in audit.alignment:
        gain = {point.withheld: point.accuracy for point in own.gain}
        auroc = NONE if own.auroc is None else brief(own.auroc.value, own.auroc.interval)
        biserial = NONE if own.point_biserial is None else f"{own.point_biserial.value:.3f}"
        kept = tuple(percent(gain[share]) if share in gain else NONE for share in (0.0, 0.2, 0.5))
        rows.append((own.agent, auroc, number(own.spearman), biserial, *kept))
    return name_table(("AUROC of reliab.", "Spearman", "biserial", "all", "80 %", "50 %"), rows)


def _check_table(audit: Audit) -> "Grid":
    """Show whether the self-assessment tells a saboteur better than the confidence does."""
    from sabotage.reports.terminal import name_table

    rows = []
    for check in audit.self_checks:
        ahead, both = check.difference, (check.auroc_reliability, check.auroc_confidence)
        cells = [NONE if own is None else f"{own.value:.3f}" for own in both]
        cells.append(NONE if ahead is None else brief(ahead.value, ahead.interval, "+"))
        rows.append((check.agent, f"{check.n:,}", f"{check.n_saboteur:,}", *cells))
    return name_table(("n", "saboteur", "reliab.", "conf.", "difference"), rows)
