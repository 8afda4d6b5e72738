"""What can be compared on one panel: rules, learned ones fitted as they may be, one agent alone, what was recorded."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sabotage.errors import SabotageError
from sabotage.fusion import CLIP, TEMPERATURE, Decision, Replay, recorded, replay
from sabotage.interventions import Intervention, intervene
from sabotage.learning import Fitted, cross_fit, fit, is_learned
from sabotage.panel import Panel
from sabotage.rules import RULES, Rule, refusal

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
    reference : str or None
        The contender that it is compared with, where that is not the one of the whole comparison: an intervention with
        its rule.
    """

    name: str
    decision: Decision
    replay: Replay | None
    reference: str | None = None


@dataclass(frozen=True, eq=False)
class Teaching:
    """How learned rules are fitted: on `calibration` rows, or crosswise in `n_folds` of the panel by `group`."""

    calibration: Panel | None = None
    n_folds: int | None = None
    group: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.calibration is not None and self.n_folds is not None:
            raise SabotageError("learned rules are fitted on calibration rows or crosswise: give one of the two")

    @property
    def is_possible(self) -> bool:
        """Whether anything can be learned."""
        return self.calibration is not None or self.n_folds is not None

    def fit(self, panel: Panel, rule: str | Rule | Fitted, clip: float) -> str | Rule | Fitted:
        """Return a learned rule fitted, and any other as it is."""
        if not isinstance(rule, str) or not is_learned(rule) or not self.is_possible:
            return rule
        if self.calibration is not None:
            return fit(self.calibration, rule, clip=clip)
        assert self.n_folds is not None  # one of the two is there
        return cross_fit(panel, rule, self.n_folds, group=self.group, seed=self.seed, clip=clip)


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
) -> tuple[list[Contender], list[str]]:
    """Make every rule ready, and each once more for every intervention; the second list is what to note.

    "best_agent" and "recorded" are taken for rules.

    Raises
    ------
    SabotageError
        For a rule that is unknown, named twice, that the panel cannot feed, or that cannot be fitted.
    """
    found: list[Contender] = []
    notes: list[str] = []
    for rule in rules:
        if rule == BEST_AGENT:
            found.append(best_agent(panel, teaching.calibration))
            where = "the examples themselves, which flatters it" if teaching.calibration is None else "calibration rows"
            notes.append(f"{found[-1].name} was chosen by its accuracy on {where}")
        elif rule == RECORDED:
            found.append(Contender(RECORDED, recorded(panel), None))
        elif isinstance(rule, Replay):
            if rule.panel.n_examples != panel.n_examples:
                raise SabotageError(
                    f"{rule.rule.name} was made ready for {rule.panel.n_examples:,} examples: the panel has"
                    f" {panel.n_examples:,}"
                )
            found.append(Contender(rule.rule.name, rule.decision, rule))
        else:
            taught = teaching.fit(panel, rule, clip)
            ready = replay(panel, taught, clip=clip, temperature=temperature)
            if isinstance(taught, Fitted):
                notes += [f"{taught.name}: {note}" for note in taught.notes]
            found.append(Contender(ready.rule.name, ready.decision, ready))
            for what in what_ifs:
                changed = intervene(ready, what, panel, taught)
                found.append(Contender(changed.rule.name, changed.decision, changed, ready.rule.name))
    names = [one.name for one in found]
    for name in names:
        if names.count(name) > 1:
            raise SabotageError(f"{name} stands twice among the rules: name it once")
    return found, list(dict.fromkeys(notes))


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
    return Contender(name, alone.decision, alone)
