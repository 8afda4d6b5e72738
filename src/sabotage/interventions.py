"""What if one agent were silenced, overruled, or less sure of itself: a rule with one thing changed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sabotage.errors import SabotageError, unknown
from sabotage.fusion import Replay, replay
from sabotage.kernels import fusing
from sabotage.learning import Fitted
from sabotage.panel import Panel
from sabotage.rules import Rule

KINDS = ("cap", "drop", "temperature", "veto")
TINY = 1e-12


@dataclass(frozen=True)
class Intervention:
    """One change of one agent.

    Attributes
    ----------
    kind : {"drop", "veto", "cap", "temperature"}
        Silent everywhere; silent where no other speaking agent shares its label and another speaks; its confidence and
        scores cut off at `value`; its scores taken to the power of 1 / value and brought back to their sum, its
        confidence likewise on the scale of log odds.
    agent : str
    value : float or None
        The cap, in (0, 1), or the temperature, above 0.
    """

    kind: str
    agent: str
    value: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise unknown("intervention", self.kind, KINDS)
        value = self.value
        if self.kind in ("drop", "veto"):
            if value is not None:
                raise SabotageError(f"{self.kind} takes an agent alone: found the value {value}")
        elif value is None or not (0 < value < 1 if self.kind == "cap" else 0 < value < np.inf):
            span = "in (0, 1)" if self.kind == "cap" else "above 0"
            raise SabotageError(f"{self.kind} takes a number {span}, {self.kind} {self.agent}=0.6: found {value}")

    def __str__(self) -> str:
        return f"{self.kind} {self.agent}" + ("" if self.value is None else f"={self.value:g}")


def make_interventions(
    drop: Sequence[str] = (),
    veto: Sequence[str] = (),
    cap: Sequence[tuple[str, float]] = (),
    temperature: Sequence[tuple[str, float]] = (),
) -> list[Intervention]:
    """Return the interventions of each kind, on the agents named, with their values."""
    plain = [Intervention(kind, agent) for kind, agents in (("drop", drop), ("veto", veto)) for agent in agents]
    valued = (("cap", cap), ("temperature", temperature))
    return plain + [Intervention(kind, agent, value) for kind, pairs in valued for agent, value in pairs]


def intervene(
    ready: Replay, what: Intervention, panel: Panel | None = None, rule: str | Rule | Fitted | None = None
) -> Replay:
    """Return a replay with one agent changed, and everything else as it was, what was learned included.

    Parameters
    ----------
    ready : Replay
    what : Intervention
    panel : Panel, optional
    rule : str, Rule or Fitted, optional
        What `ready` was made of, where the rule is a learned one.

    Raises
    ------
    SabotageError
        For an agent that is not there, the only one, or a callable, of which nobody knows what it looks at.
    """
    panel = ready.panel if panel is None else panel
    if what.agent not in panel.agents:
        raise unknown("agent", what.agent, panel.agents)
    if ready.kind == fusing.CALL:
        raise SabotageError(f"{ready.rule.name} is a callable: what it does without {what.agent} is not known")
    m = panel.agents.index(what.agent)
    if what.kind == "drop" and panel.n_agents == 1:
        raise SabotageError(f"{what.agent} is the only agent: without it nobody decides")
    named = replace(ready.rule, name=f"{ready.rule.name}, {what}")
    if what.kind in ("drop", "veto"):
        spoken = ready.spoken.copy()
        spoken[np.ones(len(spoken), bool) if what.kind == "drop" else stands_alone(ready.spoken, m), m] = -1
        return replace(ready, spoken=spoken, rule=named)
    assert what.value is not None  # checked when it was made
    changed = capped(panel, m, what.value) if what.kind == "cap" else tempered(panel, m, what.value)
    again = replay(changed, ready.rule if rule is None else rule, clip=ready.clip, temperature=ready.temperature)
    return replace(again, rule=named)


def stands_alone(spoken: np.ndarray, m: int) -> np.ndarray:
    """Where agent m speaks, another does, and no other has its label: bool (n,), of the labels of those that speak."""
    others = np.delete(spoken, m, axis=1)
    return (spoken[:, m] >= 0) & (others >= 0).any(axis=1) & ~(others == spoken[:, [m]]).any(axis=1)


def capped(panel: Panel, m: int, most: float) -> Panel:
    """Return the panel with agent m's confidence and scores at most `most`; weights where they are the confidence."""
    confidence = panel.confidence.copy()
    confidence[:, m] = np.minimum(confidence[:, m], most)
    scores = None if panel.scores is None else panel.scores.copy()
    if scores is not None:
        scores[:, m] = np.minimum(scores[:, m], most)
    return _changed(panel, m, confidence, scores)


def tempered(panel: Panel, m: int, temperature: float) -> Panel:
    """Return the panel with agent m's scores to the power of 1 / temperature, their sum kept, and its confidence."""
    confidence = panel.confidence.copy()
    odds = np.clip(confidence[:, m], TINY, 1 - TINY)
    confidence[:, m] = 1 / (1 + ((1 - odds) / odds) ** (1 / temperature))
    scores = None if panel.scores is None else panel.scores.copy()
    if scores is not None and panel.has_scores[m]:
        if panel.lowest_score[m] < 0:
            raise SabotageError(f"{panel.agents[m]} has negative scores, of which no root can be taken: cap it instead")
        for rows in panel.chunks():
            own = scores[rows, m]
            total, powers = np.nansum(own, axis=1), own ** (1 / temperature)
            power = np.nansum(powers, axis=1)
            scale = np.divide(total, power, out=np.zeros(len(own)), where=power > 0)
            scores[rows, m] = powers * scale[:, None]
    return _changed(panel, m, confidence, scores)


def _changed(panel: Panel, m: int, confidence: np.ndarray, scores: np.ndarray | None) -> Panel:
    reliability = panel.reliability
    if panel.weights == "confidence":
        reliability = reliability.copy()
        reliability[:, m] = confidence[:, m]
    return replace(panel, confidence=confidence, scores=scores, reliability=reliability)
