"""What can be compared on one panel: rules, learned ones fitted as they may be, one agent alone, what was recorded."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sabotage.errors import SabotageError
from sabotage.fusion import CLIP, TEMPERATURE, Decision, Replay, recorded, replay
from sabotage.interventions import Intervention, intervene
from sabotage.learning import Fitted
from sabotage.notes import Notes
from sabotage.panel import Panel
from sabotage.remarks import note_fit
from sabotage.rules import RULES, Rule, refusal
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
        Whose roles are counted: without the labels of agents that this way silences.
    reference : str or None
        The contender that it is compared with, where that is not the one of the whole comparison: an intervention with
        its rule.
    """

    name: str
    decision: Decision
    replay: Replay | None
    panel: Panel
    reference: str | None = None


def default_rules(panel: Panel, teaching: Teaching) -> list[str]:
    """Return the rules of the catalogue that a panel can feed, the learned ones where there is something to learn."""
    return [
        name
        for name, rule in RULES.items()
        if refusal(rule, panel) is None and (teaching.is_possible or not rule.learned)
    ]


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
    for rule in rules:
        if rule == BEST_AGENT:
            found.append(best_agent(panel, teaching.calibration))
            where = "the examples themselves, which flatters it" if teaching.calibration is None else "calibration rows"
            notes.add(f"{found[-1].name} was chosen by its accuracy on {where}")
        elif rule == RECORDED:
            found.append(Contender(RECORDED, recorded(panel), None, panel))
        elif isinstance(rule, Replay):
            if rule.panel.n_examples != panel.n_examples:
                raise SabotageError(
                    f"{rule.rule.name} was made ready for {rule.panel.n_examples:,} examples: the panel has"
                    f" {panel.n_examples:,}"
                )
            note_fit(rule, notes)
            found.append(Contender(rule.rule.name, rule.decision, rule, panel))
        else:
            taught = teaching.fit(panel, rule, clip)
            ready = replay(panel, taught, clip=clip, temperature=temperature)
            note_fit(ready, notes)
            found.append(Contender(ready.rule.name, ready.decision, ready, panel))
            for what in what_ifs:
                changed = intervene(ready, what, panel, taught)
                heard = _without(panel, (ready.spoken >= 0) & (changed.spoken < 0))
                found.append(Contender(changed.rule.name, changed.decision, changed, heard, ready.rule.name))
    names = [one.name for one in found]
    for name in names:
        if names.count(name) > 1:
            raise SabotageError(f"{name} stands twice among the rules: name it once")
    return found


def best_agent(panel: Panel, calibration: Panel | None = None) -> Contender:
    """Return the agent that is right most often, an abstention counting as wrong, as a rule of its own.

    It is chosen on calibration rows where there are any, else on the panel itself; the first of equals.
    """
    rows = panel if calibration is None else calibration
    hits = (rows.labels == rows.truth[:, None]).sum(axis=0)
    m = int(hits.argmax())
    ready = replay(panel, "majority")
    spoken = np.full_like(ready.spoken, -1)
    spoken[:, m] = ready.spoken[:, m]
    name = f"{BEST_AGENT} ({panel.agents[m]})"
    alone = replace(ready, spoken=spoken, rule=replace(ready.rule, name=name, distribution=None))
    return Contender(name, alone.decision, alone, _without(panel, spoken < 0))


def _without(panel: Panel, silenced: np.ndarray) -> Panel:
    """Return the panel without the labels, confidences and reliabilities of some agents, bool (n, M)."""
    if not silenced.any():
        return panel
    confidence, reliability = (np.where(silenced, np.nan, own) for own in (panel.confidence, panel.reliability))
    labels = np.where(silenced, np.int32(-1), panel.labels)
    return replace(panel, labels=labels, confidence=confidence, reliability=reliability)
