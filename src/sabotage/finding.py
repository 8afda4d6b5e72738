"""The finding: three sentences, made by rules from the numbers, that never claim more than the numbers do."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sabotage.panel import Panel
from sabotage.profiles import Bounds, Profile
from sabotage.results import Permutation
from sabotage.rules import find_rule

if TYPE_CHECKING:
    from sabotage.audit import DecisionScores, SabotageTotals

TIE = 1e-12
LEVEL = 0.05
NAMED = 4  # agents that are named one by one


def find(
    panel: Panel,
    rule: str,
    decision: "DecisionScores",
    bounds: Bounds,
    profiles: Sequence[Profile],
    totals: "SabotageTotals",
    permutation: Permutation | None,
) -> tuple[str, ...]:
    """Return who sabotages, how the decision stands to its bounds, and what shuffling reliability changed."""
    return (
        _sabotage(panel, profiles, totals),
        _standing(panel, rule, decision, bounds),
        shuffling(panel, rule, permutation),
    )


def percent(share: float, digits: int = 1) -> str:
    """Write a share as a percentage."""
    return f"{100 * share:.{digits}f} %"


def points(difference: float, digits: int = 1) -> str:
    """Write a difference of shares in percentage points, without its sign; one that rounds to 0 gets more digits."""
    text = f"{100 * abs(difference):.{digits}f}"
    if difference and not float(text) and digits < 4:
        return points(difference, digits + 1)
    return f"{text} point{'' if float(text) == 1 else 's'}"


def p_text(p: float) -> str:
    """Write a p-value with two significant digits, no fewer than three decimals."""
    return f"{p:.3f}" if p >= 0.01 else f"{p:.2g}"


def series(parts: Sequence[str]) -> str:
    """Join as 'a, b and c'."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _decisions(n: int) -> str:
    return f"{n:,} wrong decision{'' if n == 1 else 's'}"


def _sabotage(panel: Panel, profiles: Sequence[Profile], totals: "SabotageTotals") -> str:
    if totals.n_wrong == 0:
        return f"None of the {panel.n_examples:,} decisions is wrong, so nobody sabotages."
    saboteurs = sorted((p for p in profiles if p.roles["saboteur"]), key=lambda p: -p.roles["saboteur"])
    if not saboteurs:
        sure = [p.threshold for p in profiles if p.threshold is not None]
        bar = f"{sure[0]:g}" if len(set(sure)) == 1 else "its threshold"
        return (
            f"Nobody sabotages: none of the {_decisions(totals.n_wrong)} follows a label that its agent held with a"
            f" confidence of at least {bar}."
        )
    parts = []
    for place, profile in enumerate(saboteurs[:NAMED]):
        count, knew = profile.roles["saboteur"], profile.recoverable_saboteur
        others = "another agent had" if panel.n_agents > 1 else ""
        of = f"of {_decisions(totals.n_wrong)} " if place == 0 else ""
        verb = "sabotages " if place == 0 else ""
        known = (
            f"; in {knew:,} of them {others} the right label"
            if place == 0 and others
            else f"; {knew:,}"
            if others
            else ""
        )
        parts.append(f"{profile.agent} {verb}{count:,} {of}({percent(count / totals.n_wrong)}{known})")
    rest = saboteurs[NAMED:]
    if rest:
        parts.append(f"{len(rest)} more, {sum(p.roles['saboteur'] for p in rest):,} together")
    return f"{series(parts)}."


def _standing(panel: Panel, rule: str, decision: "DecisionScores", bounds: Bounds) -> str:
    who = f"{rule} of {series(panel.agents) if panel.n_agents <= 4 else f'{panel.n_agents} agents'}"
    subject = f"The replayed {who}" if decision.source == "replayed" else "The recorded decision"
    best, difference = bounds.best_agent, bounds.decision_accuracy_there - bounds.best_agent_accuracy
    if panel.n_agents == 1:
        against = f"its one agent, {best}, on {percent(bounds.best_agent_accuracy)}"
    elif abs(difference) < 0.5 / panel.n_examples:
        against = f"as many as its best agent, {best}"
    else:
        side = "more than" if difference > 0 else "fewer than"
        against = f"{points(difference)} {side} its best agent, {best} ({percent(bounds.best_agent_accuracy)})"
    if bounds.best_agent_n < panel.n_examples and panel.n_agents > 1:
        against += f" on the {bounds.best_agent_n:,} where {best} speaks ({percent(bounds.decision_accuracy_there)})"
    return (
        f"{subject} is right on {percent(decision.accuracy)} of {panel.n_examples:,} examples, {against}; some agent is"
        f" right on {percent(bounds.oracle_accuracy)}, which is as far as choosing among them could go."
    )


def shuffling(panel: Panel, rule: str, permutation: Permutation | None) -> str:
    """Return what shuffling the reliability of `panel` changed, in one sentence."""
    if permutation is None:
        return "Whether the reliability scores do anything was not tested."
    what = {"reliability": "reliability", "confidence": "confidence"}.get(
        panel.weights, f"the weights ({panel.weights})"
    )
    if permutation.scheme == "independent":
        what += ", each agent's on its own,"
    elif permutation.agent is not None:
        what += f" of {permutation.agent} alone"
    shuffles = f"{permutation.n_permutations:,} shuffle{'' if permutation.n_permutations == 1 else 's'}"
    measure = permutation.measure
    if not find_rule(rule).uses_reliability:
        return f"{rule} takes no reliability, so there was nothing to shuffle."
    if permutation.n_blocks == panel.n_examples:
        return "Nothing could be shuffled: every block holds one example."
    if permutation.flip_rate == 0:
        return f"No decision of {rule} changed in {shuffles} of {what} across examples."
    moved = f"Shuffling {what} across examples changes {percent(permutation.flip_rate)} of the decisions of {rule}"
    numbers = (
        f"{percent(permutation.clean, 2)} as observed against {percent(permutation.broken_mean, 2)} shuffled, one-sided"
        f" p = {p_text(permutation.p_value)}, two-sided p = {p_text(permutation.p_value_two_sided)}, {shuffles}"
    )
    difference = permutation.gap if abs(permutation.gap) > TIE else 0.0
    gap = points(difference, 2)
    if permutation.p_value_two_sided <= LEVEL and difference > 0:
        return f"{moved} and costs {gap} of {measure} ({numbers})."
    if permutation.p_value_two_sided <= LEVEL and difference < 0:
        return f"{moved} and gains {gap} of {measure}: as observed, the scores mislead the fusion ({numbers})."
    direction = "costs" if difference >= 0 else "gains"
    return (
        f"{moved}, so they depend on it; on balance the shuffle {direction} {gap} of {measure}, which does not stand"
        f" out from chance pairings ({numbers})."
    )
