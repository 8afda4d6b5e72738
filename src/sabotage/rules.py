"""The catalogue of fusion rules: what each combines, by what weight, and what it needs of a panel."""

from dataclasses import dataclass

from sabotage.errors import SabotageError, listed, unknown
from sabotage.panel import Panel


@dataclass(frozen=True)
class Rule:
    """A fusion rule: evidence, reliability and availability in, one score a class and a label out.

    Attributes
    ----------
    name : str
    evidence : {"scores", "log_scores", "votes", "candidates", "borda"}
        What is combined.
    weight : {"equal", "reliability", "softmax", "confidence"}
        What an agent's evidence is weighted, or an agent chosen, by.
    selects : bool
        True: the label of the agent with the largest weight; False: the weighted sum.
    formula : str
    """

    name: str
    evidence: str
    weight: str
    formula: str
    selects: bool = False

    @property
    def uses_reliability(self) -> bool:
        """Whether a permutation of reliability can reach the rule at all."""
        return self.weight in ("reliability", "softmax")

    @property
    def needs(self) -> str:
        """What every agent must emit: "scores" of all classes, "candidates" (any scores, or a confidence), "labels"."""
        if self.evidence in ("scores", "log_scores"):
            return "scores"
        return "candidates" if self.evidence in ("candidates", "borda") else "labels"


def _pair(name: str, weighted: str, evidence: str, term: str) -> tuple[Rule, Rule]:
    return (
        Rule(name, evidence, "equal", f"sum over m of {term}"),
        Rule(weighted, evidence, "reliability", f"sum over m of q[m] {term}"),
    )


RULES = {
    rule.name: rule
    for rule in (
        *_pair("mean", "weighted_mean", "scores", "p[m,c]"),
        *_pair("product", "log_pool", "log_scores", "log max(p[m,c], clip)"),
        *_pair("majority", "weighted_vote", "votes", "[label[m] = c]"),
        *_pair("confidence_sum", "weighted_confidence_sum", "candidates", "confidence[m,c], 0 where c is not listed"),
        *_pair("borda", "weighted_borda", "borda", "(C - rank[m,c]), tied ranks averaged"),
        Rule("softmax_gate", "scores", "softmax", "sum over m of softmax(q / temperature)[m] p[m,c]"),
        Rule("select_best", "votes", "reliability", "label of the agent with the highest q", selects=True),
        Rule("max_confidence", "votes", "confidence", "label of the agent with the highest confidence", selects=True),
    )
}


def find_rule(name: str) -> Rule:
    """Return a rule by its name; raises SabotageError for an unknown one."""
    if name not in RULES:
        raise unknown("rule", name, RULES)
    return RULES[name]


def default_rule(panel: Panel) -> Rule:
    """Return what a panel is fused by where no rule is named (scores, else candidate lists, else votes)."""
    for name in ("weighted_mean", "weighted_confidence_sum"):
        if name == "weighted_confidence_sum" and panel.scores is None:
            continue
        if refusal(RULES[name], panel) is None:
            return RULES[name]
    return RULES["weighted_vote"]


def refusal(rule: Rule, panel: Panel) -> str | None:
    """Return why a panel does not have what the rule needs, or None where it has."""
    if rule.needs == "labels":
        return None
    if rule.needs == "candidates":
        poor = [
            agent
            for m, agent in enumerate(panel.agents)
            if not panel.has_scores[m] and not (panel.confidence[:, m] >= 0).any()
        ]
        return f"{listed(poor)} has neither class scores nor a confidence" if poor else None
    without = [agent for m, agent in enumerate(panel.agents) if not panel.has_scores[m]]
    if without:
        return f"{listed(without)} has no class scores"
    lists = [agent for m, agent in enumerate(panel.agents) if panel.has_lists[m]]
    if lists:
        return f"{listed(lists)} lists candidates, not a score for every class (if unlisted means 0, fill in 0)"
    if rule.evidence == "log_scores":
        negative = [agent for m, agent in enumerate(panel.agents) if panel.lowest_score[m] < 0]
        if negative:
            return f"{listed(negative)} has negative scores, which have no logarithm"
    return None


def require(rule: Rule, panel: Panel) -> None:
    """Raise SabotageError, naming the rules that would do, where the panel does not have what the rule needs."""
    why = refusal(rule, panel)
    if why is not None:
        would_do = [name for name, other in RULES.items() if refusal(other, panel) is None]
        raise SabotageError(
            f"{rule.name} needs {_NEEDS[rule.needs]}: {why}; these rules would do: {listed(would_do, 20)}"
        )


_NEEDS = {"scores": "class scores of every agent", "candidates": "candidates of every agent"}
