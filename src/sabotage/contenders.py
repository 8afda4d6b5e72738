"""What can be compared on one panel: rules, learned ones fitted as they may be, one agent alone, what was recorded."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sabotage.custom import OWN
from sabotage.errors import SabotageError, count_of, listed, unknown
from sabotage.fusion import CLIP, TEMPERATURE, Decision, Replay, recorded, replay
from sabotage.interventions import Intervention, change, check_agent, intervene, why_not
from sabotage.learning import Fitted, is_learned, load_fitted
from sabotage.notes import Notes
from sabotage.panel import Panel
from sabotage.remarks import note_fit
from sabotage.rules import RULES, Rule, find_rule, refusal
from sabotage.teaching import Teaching

BEST_AGENT = "best_agent"
RECORDED = "recorded"


@dataclass(frozen=True, eq=False)
class Contender:
    """One way to decide.

    Attributes
    ----------
    name : str
    decision : Decision
    replay : Replay or None
        None for recorded decisions.
    panel : Panel
        Whose roles are counted: without the labels of agents that this way silences, and with confidences as emitted
        whatever an intervention makes of them: a cap would end all sabotage by definition.
    reference : str or None
        The contender that it is compared with, where that is not the one of the whole comparison: an intervention with
        its rule.
    """

    name: str
    decision: Decision
    replay: Replay | None
    panel: Panel
    reference: str | None = None


def settle(rule: str | Rule | Fitted | Replay) -> str | Rule | Fitted | Replay:
    """Return what a rule stands for: a Rule, Fitted or Replay; a name where it is of none of these, or still to fit.

    Raises
    ------
    SabotageError
        For an unknown name, a file that holds no rule, and what is no rule at all.
    """
    if isinstance(rule, Rule):
        return rule.name if rule.learned else rule
    if isinstance(rule, Fitted | Replay):
        return rule
    if not isinstance(rule, str):
        raise SabotageError(
            f"a rule is a name, a Rule, a Fitted or a Replay: found a {type(rule).__name__}; @sabotage.fusion_rule"
            f" makes a rule of a function"
        )
    if ".py:" in rule:
        return find_rule(rule)
    if rule.endswith(".json"):
        return load_fitted(rule)
    if rule in (BEST_AGENT, RECORDED) or is_learned(rule):
        return rule
    if rule not in RULES and rule not in OWN:
        raise unknown("rule", rule, [BEST_AGENT, RECORDED, *RULES, *OWN])
    return find_rule(rule)


def place_of(
    rules: Sequence[str | Rule | Fitted | Replay], wanted: str | Rule | Fitted | Replay
) -> tuple[list[str | Rule | Fitted | Replay], int]:
    """Return the rules settled, and the place of one among them: put first where it is not named."""
    named = [settle(rule) for rule in rules]
    for place, rule in enumerate(rules):
        if rule is wanted or rule == wanted:
            return named, place
    own = settle(wanted)
    for place, rule in enumerate(named):
        if rule is own or rule == own:
            return named, place
    return [own, *named], 0


def default_rules(panel: Panel, teaching: Teaching) -> list[str]:
    """Return the rules of the catalogue that a panel can feed, the learned ones where there is something to learn."""
    return [
        name
        for name, rule in RULES.items()
        if refusal(rule, panel) is None and (not rule.learned or _can_learn(rule, teaching))
    ]


def _can_learn(rule: Rule, teaching: Teaching) -> bool:
    rows = teaching.calibration
    return teaching.is_possible and (rows is None or refusal(rule, rows) is None)


def make_contenders(
    panel: Panel,
    rules: Sequence[str | Rule | Fitted | Replay],
    teaching: Teaching,
    what_ifs: Sequence[Intervention] = (),
    clip: float = CLIP,
    temperature: float = TEMPERATURE,
    notes: Notes | None = None,
) -> list[Contender]:
    """Make every rule ready, and each once more for every intervention.

    "best_agent" and "recorded" are taken for rules.

    Raises
    ------
    SabotageError
        For a rule that is unknown, named twice, that the panel cannot feed, or that cannot be fitted.
    """
    found: list[Contender] = []
    notes = Notes() if notes is None else notes
    for what in what_ifs:
        check_agent(what, panel)
    # One for all rules: it is as large as the panel.
    changed = {what: change(panel, what) for what in what_ifs if not what.silences}
    for rule in (settle(rule) for rule in rules):
        if rule == BEST_AGENT:
            found.append(best_agent(panel, teaching.calibration))
            where = "the examples themselves, which flatters it" if teaching.calibration is None else "calibration rows"
            notes.add(f"{found[-1].name} was chosen by its accuracy on {where}")
            n_silent = int(np.count_nonzero(found[-1].decision.labels < 0))
            if n_silent:
                notes.add(f"{found[-1].name} is silent on {count_of(n_silent, 'example')}: that counts as wrong")
            continue
        if rule == RECORDED:
            found.append(Contender(RECORDED, recorded(panel), None, panel))
            continue
        taught: str | Rule | Fitted | None = None
        if isinstance(rule, Replay):
            ready = replay(panel, rule)
            note_fit(ready, notes)
        else:
            taught = teaching.fit(panel, rule, clip)
            ready = replay(panel, taught, clip=clip, temperature=temperature)
            if isinstance(taught, Fitted) and taught.file is not None:  # it may stand beside one that is fitted here
                ready = replace(ready, rule=replace(ready.rule, name=f"{ready.rule.name} ({taught.file})"))
            note_fit(ready, notes)
        found.append(Contender(ready.rule.name, ready.decision, ready, panel))
        for what in what_ifs:
            why = why_not(ready, what) if taught is None else None
            if why is not None:
                notes.add(f"left out: {why}")
                continue
            if taught is None:  # a replay may weigh its panel in a way of its own
                after = intervene(ready, what)
            else:
                after = intervene(ready, what, panel, taught, changed.get(what))
            silenced = (ready.spoken >= 0) & (after.spoken < 0)
            if what.kind == "drop":  # also where it said nothing that the rule can use
                silenced[:, panel.agents.index(what.agent)] = True
            found.append(Contender(after.rule.name, after.decision, after, _without(panel, silenced), ready.rule.name))
    names = [one.name for one in found]
    for name in names:
        if names.count(name) > 1:
            raise SabotageError(f"{name} stands twice among the rules: name it once")
    if what_ifs and any(one.replay is None or one.name.startswith(f"{BEST_AGENT} (") for one in found):
        notes.add(f"interventions are of rules that are replayed: there is none of {BEST_AGENT} or {RECORDED}")
    return found


def best_agent(panel: Panel, calibration: Panel | None = None) -> Contender:
    """Return the agent that is right most often, an abstention counting as wrong, as a rule of its own.

    It is chosen on calibration rows where there are any, else on the panel itself; the first of equals.

    Raises SabotageError where the calibration rows have other agents.
    """
    rows = panel if calibration is None else calibration
    if rows.agents != panel.agents:
        raise SabotageError(
            f"{BEST_AGENT} is chosen on calibration rows of the same agents: found {listed(rows.agents)} there and"
            f" {listed(panel.agents)} here"
        )
    hits = (rows.labels == rows.truth[:, None]).sum(axis=0)
    m = int(hits.argmax())
    ready = replay(panel, "majority")
    spoken = np.full_like(ready.spoken, -1)
    spoken[:, m] = ready.spoken[:, m]
    name = f"{BEST_AGENT} ({panel.agents[m]})"
    alone = replace(ready, spoken=spoken, rule=replace(ready.rule, name=name, distribution=None))
    return Contender(name, alone.decision, alone, _without(panel, spoken < 0))


def _without(panel: Panel, silenced: np.ndarray) -> Panel:
    """Return the panel without the labels of some agents, bool (n, M).

    Confidences stay, so that a quantile of an agent's own is the same whether it is silenced here and there or not.
    """
    if not silenced.any():
        return panel
    return replace(panel, labels=np.where(silenced, np.int32(-1), panel.labels))
