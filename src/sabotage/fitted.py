"""From a learned rule and a panel to a replay: what was learned becomes evidence, weights or calibrated agents."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from sabotage import calibrating, class_weights, gating, stacking
from sabotage.fusion import Replay, replay
from sabotage.learning import Fitted
from sabotage.panel import Panel
from sabotage.parameters import Parameters
from sabotage.rules import RULES, require
from sabotage.sketches import share_seen


def replay_fitted(panel: Panel, fitted: Fitted, clip: float, temperature: float) -> Replay:
    """Make a learned rule ready for a panel; each row is decided by the part that may decide it.

    Parameters
    ----------
    panel : Panel
        Of the agents, classes and weights that the rule was fitted with; of a cross-fitted rule the panel itself.
    fitted : Fitted
    clip, temperature : float
        Of a rule over calibrated agents.

    Raises
    ------
    SabotageError
        If the panel is another, or does not have what the rule needs.
    """
    ready = _ready(panel, fitted, clip, temperature)
    return replace(ready, part=fitted.fold, fitted=replace(fitted, seen=share_seen(fitted.sketch, panel)))


def _ready(panel: Panel, fitted: Fitted, clip: float, temperature: float) -> Replay:
    """Put evidence and weights together, whichever part they come from."""
    if fitted.learner == "calibrated":
        ready = replay(_calibrated(panel, fitted), fitted.inner, clip=clip, temperature=temperature)
        return replace(ready, rule=replace(ready.rule, name=fitted.name))
    rule = RULES[fitted.learner]
    require(rule, panel)
    parts = list(fitted.each(panel))
    if fitted.learner == "class_weighted":
        evidence = _by_part(panel, parts, class_weights.evidence)
        return Replay(panel, rule, clip, 1.0, evidence, panel.labels)
    spoken = np.where(stacking.speaking(panel), panel.labels, np.int32(-1))
    if fitted.learner == "learned_gate":
        assert panel.scores is not None  # require() saw to it
        gates = np.stack([gating.coefficients(parameters) for parameters, _ in parts])
        return Replay(panel, rule, clip, 1.0, panel.scores, spoken, gates)
    return Replay(panel, rule, clip, 1.0, _by_part(panel, parts, stacking.evidence), spoken)


def _by_part(
    panel: Panel, parts: list[tuple[Parameters, np.ndarray]], make: Callable[[Panel, Parameters], np.ndarray]
) -> np.ndarray:
    """Put together what each part makes of its rows."""
    if len(parts) == 1:
        return make(panel, parts[0][0])
    out: np.ndarray | None = None
    for parameters, rows in parts:
        own = make(panel.take(rows), parameters)
        out = np.empty((panel.n_examples, *own.shape[1:])) if out is None else out
        out[rows] = own
    assert out is not None  # there are parts
    return out


def _calibrated(panel: Panel, fitted: Fitted) -> Panel:
    """Return the panel with calibrated agents."""
    parts = list(fitted.each(panel))
    if len(parts) == 1:
        return calibrating.calibrate(panel, parts[0][0])
    confidence, reliability = panel.confidence.copy(), panel.reliability.copy()
    scores = None if panel.scores is None else panel.scores.copy()
    for parameters, rows in parts:
        own = calibrating.calibrate(panel.take(rows), parameters)
        confidence[rows], reliability[rows] = own.confidence, own.reliability
        if scores is not None:
            scores[rows] = own.scores
    return replace(panel, confidence=confidence, reliability=reliability, scores=scores)
