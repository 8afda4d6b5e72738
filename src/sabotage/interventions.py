"""What if one agent were silenced, overruled, or less sure of itself: a rule with one thing changed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sabotage.errors import SabotageError, unknown
from sabotage.fusion import Replay, replay
from sabotage.kernels import fusing
from sabotage.learning import Fitted, is_learned
from sabotage.panel import Panel
from sabotage.rules import Rule

KINDS = ("cap", "drop", "temperature", "veto")
ROUNDING = 1e-6  # by which scores may exceed 1


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
        if not isinstance(self.agent, str):
            raise SabotageError(f"{self.kind} takes an agent's name: found {self.agent!r}")
        if not isinstance(value, int | float | None) or isinstance(value, bool):
            raise SabotageError(f"{self.kind} takes a number: found {value!r}")
        if self.silences:
            if value is not None:
                raise SabotageError(f"{self.kind} takes an agent alone: found the value {value}")
        elif value is None or not (0 < value < 1 if self.kind == "cap" else 0 < value < np.inf):
            span = "in (0, 1)" if self.kind == "cap" else "above 0"
            raise SabotageError(f"{self.kind} takes a number {span}, {self.kind} {self.agent}=0.6: found {value}")

    @property
    def silences(self) -> bool:
        """Whether the agent is silenced, here and there or everywhere, and what it says otherwise stays."""
        return self.kind in ("drop", "veto")

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
    ready: Replay,
    what: Intervention,
    panel: Panel | None = None,
    rule: str | Rule | Fitted | None = None,
    changed: Panel | None = None,
) -> Replay:
    """Return a replay with one agent changed, and everything else as it was, what was learned included.

    Parameters
    ----------
    ready : Replay
    what : Intervention
    panel : Panel, optional
    rule : str, Rule or Fitted, optional
        What `ready` was made of: a cap or a temperature of a learned rule needs both.
    changed : Panel, optional
        What `change` makes of the panel, where it was made before.

    Raises
    ------
    SabotageError
        For an agent that is not there, or the only one; for a callable, of which nobody knows what it looks at; for
        scores of which the intervention makes no sense.
    """
    panel = ready.panel if panel is None else panel
    check_agent(what, panel)
    why = why_not(ready, what) if rule is None else None
    if why is not None:
        raise SabotageError(why)
    named = replace(ready.rule, name=f"{ready.rule.name}, {what}")
    if what.silences:
        m = panel.agents.index(what.agent)
        spoken = ready.spoken.copy()
        spoken[np.ones(len(spoken), bool) if what.kind == "drop" else stands_alone(ready.spoken, m), m] = -1
        return replace(ready, spoken=spoken, rule=named)
    changed = change(panel, what) if changed is None else changed
    again = replay(changed, ready.rule if rule is None else rule, clip=ready.clip, temperature=ready.temperature)
    return replace(again, rule=named)


def check_agent(what: Intervention, panel: Panel) -> None:
    """Raise SabotageError where the agent is not there, or is to be dropped and the only one."""
    if what.agent not in panel.agents:
        raise unknown("agent", what.agent, panel.agents)
    if what.kind == "drop" and panel.n_agents == 1:
        raise SabotageError(f"{what.agent} is the only agent: without it nobody decides")


def why_not(ready: Replay, what: Intervention) -> str | None:
    """Return why a replay alone does not tell what an intervention would do, None where it does."""
    name = ready.rule.name
    if ready.kind == fusing.CALL:
        return f"{name} is a callable: what it does after {what} is not known"
    if not what.silences and (ready.rule.learned or is_learned(name)):
        return f"{name} was learned: {what} acts before what it learned, so give the fitted rule beside its replay"
    return None


def change(panel: Panel, what: Intervention) -> Panel:
    """Return the panel with one agent's confidence and scores changed by a cap or a temperature."""
    assert what.value is not None  # checked when it was made
    m = panel.agents.index(what.agent)
    return capped(panel, m, what.value) if what.kind == "cap" else tempered(panel, m, what.value)


def stands_alone(spoken: np.ndarray, m: int) -> np.ndarray:
    """Where agent m speaks, another does, and no other has its label: bool (n,), of the labels of those that speak."""
    others = np.delete(spoken, m, axis=1)
    return (spoken[:, m] >= 0) & (others >= 0).any(axis=1) & ~(others == spoken[:, [m]]).any(axis=1)


def capped(panel: Panel, m: int, most: float) -> Panel:
    """Return the panel with agent m's confidence and scores at most `most`; weights where they are the confidence.

    Raises SabotageError for scores above 1: a cap would cut off nearly all of them.
    """
    confidence = panel.confidence.copy()
    confidence[:, m] = np.minimum(confidence[:, m], most)
    scores = None if panel.scores is None else panel.scores.copy()
    if scores is not None:
        highest = float(np.fmax.reduce(scores[:, m], axis=None))
        if highest > 1 + ROUNDING:
            raise SabotageError(
                f"{panel.agents[m]} has scores up to {highest:.3g}, and a cap takes scores in [0, 1]: bring them there"
            )
        scores[:, m] = np.minimum(scores[:, m], most)
    return _changed(panel, m, confidence, scores)


def tempered(panel: Panel, m: int, temperature: float) -> Panel:
    """Return the panel with agent m's scores to the power of 1 / temperature, their sum kept, and its confidence.

    A temperature of 1 leaves every bit as it is, so that no tie is broken. Raises SabotageError for negative scores.
    """
    if temperature == 1:
        return panel
    confidence = panel.confidence.copy()
    odds = np.stack([confidence[:, m], 1 - confidence[:, m]], axis=1)
    confidence[:, m] = softened(odds, temperature)[:, 0]
    scores = None if panel.scores is None else panel.scores.copy()
    if scores is not None and panel.has_scores[m]:
        if panel.lowest_score[m] < 0:
            raise SabotageError(f"{panel.agents[m]} has negative scores, of which no root can be taken: cap it instead")
        for rows in panel.chunks():
            scores[rows, m] = softened(scores[rows, m], temperature)
    return _changed(panel, m, confidence, scores)


def softened(scores: np.ndarray, temperature: float) -> np.ndarray:
    """Return scores (n, C), none negative, to the power of 1 / temperature with the sum of their row; NaN stays."""
    highest = np.fmax.reduce(scores, axis=1, initial=0.0)[:, None]
    # Of a share of the highest: at a low temperature the power of a number itself would leave float64.
    share = np.divide(scores, highest, out=np.where(np.isnan(scores), np.nan, 0.0), where=highest > 0)
    power = share ** (1 / temperature)
    total, sum_of_powers = np.nansum(share, axis=1), np.nansum(power, axis=1)
    scale = np.divide(total, sum_of_powers, out=np.zeros(len(scores)), where=sum_of_powers > 0)
    return highest * scale[:, None] * power


def _changed(panel: Panel, m: int, confidence: np.ndarray, scores: np.ndarray | None) -> Panel:
    reliability = panel.reliability
    if panel.weights == "confidence":
        reliability = reliability.copy()
        reliability[:, m] = confidence[:, m]
    return replace(panel, confidence=confidence, scores=scores, reliability=reliability)
