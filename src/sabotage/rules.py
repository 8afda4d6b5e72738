"""The catalogue of fusion rules: what each combines, by what weight, and what it needs of a panel."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sabotage.errors import SabotageError, listed, unknown
from sabotage.panel import Panel

NEEDS = {
    "scores": "scores",
    "log_scores": "scores",
    "masses": "scores",
    "votes": "labels",
    "precision": "labels",
    "candidates": "candidates",
    "borda": "candidates",
}
EVIDENCE = ("borda", "candidates", "log_scores", "scores", "votes")  # what a user's rule may ask for


@dataclass(frozen=True)
class Rule:
    """A fusion rule: evidence, reliability and availability in, one score a class and a label out.

    Attributes
    ----------
    name : str
    evidence : {"scores", "log_scores", "masses", "votes", "precision", "candidates", "borda"}
        What is combined.
    weight : {"equal", "reliability", "softmax", "gate", "confidence"}
        What an agent's evidence is weighted, or an agent chosen, by.
    formula : str
    combine : {"sum", "select", "pool", "call"}
        The weighted sum of evidence; the label of the agent with the largest weight; what `function` makes of one
        example; what a callable makes of the reliabilities of all.
    distribution : {"share", "softmax"} or None
        How scores become a distribution over classes, if they do.
    learned : bool
        Whether it has to be fitted on calibration rows before it can decide anything.
    function : callable or str, optional
        Of "pool": a function, or the name of one of ours in `sabotage.kernels.pooling`.
    is_compiled : bool
        Of "pool": whether numba compiles the function.
    """

    name: str
    evidence: str
    weight: str
    formula: str
    combine: str = "sum"
    distribution: str | None = "share"
    learned: bool = False
    function: Callable[..., Any] | str | None = None
    is_compiled: bool = True

    @property
    def is_ours(self) -> bool:
        """Whether it is of the catalogue, and no function of the user's."""
        return self.combine != "call" and not callable(self.function)

    @property
    def selects(self) -> bool:
        """Whether the label of one agent is taken, instead of adding anything up."""
        return self.combine == "select"

    @property
    def uses_reliability(self) -> bool:
        """Whether a permutation of reliability can reach the rule at all."""
        return self.weight in ("reliability", "softmax", "gate")

    @property
    def weighs_jointly(self) -> bool:
        """Whether the weight of one agent depends on the reliability of the others, beyond the rule for a sum of 0."""
        return self.weight in ("softmax", "gate")

    @property
    def needs(self) -> str:
        """What every agent must emit: "scores" of all classes, "candidates" (any scores, or a confidence), "labels"."""
        return NEEDS[self.evidence]


def _pair(name: str, weighted: str, evidence: str, term: str, distribution: str | None = "share") -> tuple[Rule, Rule]:
    return (
        Rule(name, evidence, "equal", f"sum over m of {term}", distribution=distribution),
        Rule(weighted, evidence, "reliability", f"sum over m of q[m] {term}", distribution=distribution),
    )


def _select(name: str, weight: str, formula: str) -> Rule:
    return Rule(name, "votes", weight, formula, combine="select", distribution=None)


def _pool(name: str, function: str, evidence: str, weight: str, formula: str, **more: Any) -> Rule:
    return Rule(name, evidence, weight, formula, combine="pool", function=function, **more)


RULES = {
    rule.name: rule
    for rule in (
        *_pair("mean", "weighted_mean", "scores", "p[m,c]"),
        *_pair("product", "log_pool", "log_scores", "log max(p[m,c], clip)", "softmax"),
        *_pair("majority", "weighted_vote", "votes", "[label[m] = c]"),
        *_pair("confidence_sum", "weighted_confidence_sum", "candidates", "confidence[m,c], 0 where c is not listed"),
        *_pair("borda", "weighted_borda", "borda", "(C - rank[m,c]), tied ranks averaged", None),
        Rule("softmax_gate", "scores", "softmax", "sum over m of softmax(q / temperature)[m] p[m,c]"),
        _select("select_best", "reliability", "label of the agent with the highest q"),
        _select("max_confidence", "confidence", "label of the agent with the highest confidence"),
        _pool("max", "maximum", "scores", "equal", "max over m of p[m,c]"),
        _pool("min", "minimum", "scores", "equal", "min over m of p[m,c]"),
        _pool("median", "median", "scores", "equal", "median over m of p[m,c]"),
        _pool(
            "dempster_shafer",
            "dempster_shafer",
            "masses",
            "reliability",
            "Dempster's rule on m({c}) = min(q, 1) p[c] / max(1, sum p): belief + m(all) / C",
        ),
        _pool(
            "stacking",
            "logistic",
            "log_scores",
            "equal",
            "multinomial logistic regression (penalty C = 1) on log max(p[m,c], clip)",
            distribution="softmax",
            learned=True,
        ),
        _pool(
            "weighted_stacking",
            "weighted_logistic",
            "log_scores",
            "reliability",
            "the same on log max(p[m,c], clip), q[m] and their products",
            distribution="softmax",
            learned=True,
        ),
        Rule(
            "learned_gate",
            "scores",
            "gate",
            "sum over m of softmax(b + A q + B availability)[m] p[m,c]",
            learned=True,
        ),
        Rule(
            "class_weighted",
            "precision",
            "equal",
            "sum over m of precision[m,c] p[m,c] ([label[m] = c] without scores); precision (hits + 1) / (said + C)",
            learned=True,
        ),
    )
}


def find_rule(name: str) -> Rule:
    """Return a rule by its name, or by "file.py:function"; raises SabotageError for an unknown one."""
    from sabotage.custom import OWN, load_rule

    if name in RULES:
        return RULES[name]
    if name in OWN:
        return OWN[name]
    if ".py:" in name:
        return load_rule(name)
    if name.endswith(".py"):
        raise SabotageError(f"{name} is a file: give the function in it, {name}:function")
    raise unknown("rule", name, [*RULES, *OWN])


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
        return f"{listed(poor)} {_has(poor)} neither class scores nor a confidence" if poor else None
    without = [agent for m, agent in enumerate(panel.agents) if not panel.has_scores[m]]
    if without:
        return f"{listed(without)} {_has(without)} no class scores"
    lists = [agent for m, agent in enumerate(panel.agents) if panel.has_lists[m]]
    if lists:
        verb = "lists" if len(lists) == 1 else "list"
        return f"{listed(lists)} {verb} candidates, not a score for every class (if unlisted means 0, fill in 0)"
    negative = [agent for m, agent in enumerate(panel.agents) if panel.lowest_score[m] < 0]
    if negative and rule.evidence == "log_scores":
        return f"{listed(negative)} {_has(negative)} negative scores, which have no logarithm"
    if negative and rule.evidence == "masses":
        return f"{listed(negative)} {_has(negative)} negative scores, which are no masses"
    return None


def _has(agents: Sequence[str]) -> str:
    return "has" if len(agents) == 1 else "have"


def require(rule: Rule, panel: Panel) -> None:
    """Raise SabotageError, naming the rules that would do, where the panel does not have what the rule needs."""
    why = refusal(rule, panel)
    if why is not None:
        would_do = [name for name, other in RULES.items() if not other.learned and refusal(other, panel) is None]
        own = "" if rule.is_ours else '; @sabotage.fusion_rule(evidence="votes") has it take labels'
        raise SabotageError(
            f"{rule.name} needs {_NEEDS[rule.needs]}: {why}; these rules would do: {listed(would_do, 20)}{own}"
        )


_NEEDS = {"scores": "class scores of every agent", "candidates": "candidates of every agent"}
