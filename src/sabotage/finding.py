"""The finding: three sentences, made by rules from the numbers, that never claim more than the numbers do."""

from collections.abc import Sequence

from sabotage.decisions import DecisionScores, SabotageTotals
from sabotage.errors import count_of
from sabotage.panel import Panel
from sabotage.profiles import Bounds, Profile
from sabotage.results import Permutation
from sabotage.saying import percent, percents, points, series, what_was_found

NAMED = 4  # agents that are named one by one
PER_WRONG = "saboteur_per_wrong_decision"


def find(
    panel: Panel,
    rule: str,
    decision: DecisionScores,
    bounds: Bounds,
    profiles: Sequence[Profile],
    totals: SabotageTotals,
    permutation: Permutation | None,
) -> tuple[str, ...]:
    """Return who sabotages, how the decision stands to its bounds, and what shuffling reliability changed."""
    return (
        _sabotage(panel, profiles, totals),
        _standing(panel, rule, decision, bounds),
        what_was_found(panel, permutation),
    )


def _decisions(n: int) -> str:
    return count_of(n, "wrong decision")


def _sabotage(panel: Panel, profiles: Sequence[Profile], totals: SabotageTotals) -> str:
    if totals.n_wrong == 0:
        who = (
            "The one decision is right"
            if panel.n_examples == 1
            else f"None of the {panel.n_examples:,} decisions is wrong"
        )
        return f"{who}, so nobody sabotages."
    saboteurs = sorted((p for p in profiles if p.roles["saboteur"]), key=lambda p: -p.roles["saboteur"])
    if not saboteurs:
        sure = [p.threshold for p in profiles if p.threshold is not None]
        which = "the one wrong decision follows no label"
        if totals.n_wrong > 1:
            which = f"none of the {_decisions(totals.n_wrong)} follows a label"
        bar = f"{sure[0]:g}" if len(set(sure)) == 1 else "its threshold"
        return f"Nobody sabotages: {which} that its agent held with a confidence of at least {bar}."
    parts = []
    for place, profile in enumerate(saboteurs[:NAMED]):
        count, knew = profile.roles["saboteur"], profile.recoverable_saboteur
        others = "another agent had" if panel.n_agents > 1 else ""
        of = f"of {_decisions(totals.n_wrong)} " if place == 0 else ""
        verb = f"{_verb(panel, saboteurs)} " if place == 0 else ""
        known = (
            f"; in {knew:,} of them {others} the right label"
            if place == 0 and others
            else f"; {knew:,}"
            if others
            else ""
        )
        share = percent(count / totals.n_wrong) + percents(profile.intervals.get(PER_WRONG))
        parts.append(f"{profile.agent} {verb}{count:,} {of}({share}{known})")
    rest = saboteurs[NAMED:]
    if rest:
        parts.append(f"{len(rest)} more, {sum(p.roles['saboteur'] for p in rest):,} together")
    return f"{series(parts)}."


def _verb(panel: Panel, saboteurs: Sequence[Profile]) -> str:
    """Return what saboteurs do: one model with modalities masked does not sabotage itself."""
    kinds = {panel.kinds.get(profile.agent) for profile in saboteurs}
    verbs = {None: "sabotages", "only": "alone holds", "without": "still holds"}
    return verbs[kinds.pop()] if len(kinds) == 1 else "holds"


def _standing(panel: Panel, rule: str, decision: DecisionScores, bounds: Bounds) -> str:
    who = f"{rule} of {series(panel.agents) if panel.n_agents <= 4 else f'{panel.n_agents} agents'}"
    subject = f"The replayed {who}" if decision.source == "replayed" else "The recorded decision"
    best, difference = bounds.best_agent, bounds.decision_accuracy_there - bounds.best_agent_accuracy
    if panel.n_agents == 1:
        against = f"its one agent, {best}, on {percent(bounds.best_agent_accuracy)}"
    elif abs(difference) < 0.5 / panel.n_examples:
        against = f"as many as its best agent, {best}"
    else:
        side = "more than" if difference > 0 else "fewer than"
        lead = points(difference) + _reach(bounds, difference < 0)
        against = f"{lead} {side} its best agent, {best} ({percent(bounds.best_agent_accuracy)})"
    if bounds.best_agent_n < panel.n_examples and panel.n_agents > 1:
        against += f" on the {bounds.best_agent_n:,} where {best} speaks ({percent(bounds.decision_accuracy_there)})"
    right = percent(decision.accuracy) + percents(decision.intervals.get("accuracy"))
    return (
        f"{subject} is right on {right} of {count_of(panel.n_examples, 'example')}, {against}; some agent is right on"
        f" {percent(bounds.oracle_accuracy)}, which is as far as choosing among them could go."
    )


def _reach(bounds: Bounds, is_behind: bool) -> str:
    """Return the interval of the lead over the best agent, or of the lag behind it."""
    if bounds.lead.interval is None:
        return ""
    low, high = bounds.lead.interval
    low, high = (-high, -low) if is_behind else (low, high)
    return f" [{100 * low:+.1f}, {100 * high:+.1f}]"
