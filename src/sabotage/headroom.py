"""What reliability could gain at best, and how much of that a rule captures."""

from dataclasses import dataclass

import numpy as np

from sabotage.contrasts import contrast, ratio, weigh_examples
from sabotage.fusion import Replay, as_replay
from sabotage.intervals import Estimate
from sabotage.panel import Panel
from sabotage.profiles import missed_if_independent

STATISTICS = ("accuracy", "balanced_accuracy")


@dataclass(frozen=True)
class Headroom:
    """From equal weights to an oracle that is right where some speaking agent is.

    Attributes
    ----------
    statistic : {"accuracy", "balanced_accuracy"}
    weightless, rule, oracle : float
        With every reliability 1, as observed, and the oracle's.
    oracle_if_independent : float
        What the oracle would reach if agents erred independently of each other within each class.
    headroom : Estimate
        oracle - weightless.
    captured : Estimate or None
        (rule - weightless) / headroom, negative where reliability does harm; None where the interval of the headroom
        holds 0: a share of what may be nothing is no number.
    """

    statistic: str
    weightless: float
    rule: float
    oracle: float
    oracle_if_independent: float
    headroom: Estimate
    captured: Estimate | None


def measure_headroom(ready: Replay | Panel, statistic: str = "balanced_accuracy") -> Headroom | None:
    """Measure the headroom of a rule; None for a statistic other than (balanced) accuracy."""
    if statistic not in STATISTICS:
        return None
    ready = as_replay(ready)
    panel = ready.panel
    weighting = weigh_examples(panel, statistic == "balanced_accuracy")
    oracle = (panel.labels == panel.truth[:, None]).any(axis=1).astype(float)
    rule = (ready.decision.labels == panel.truth).astype(float)
    weightless = (ready.weightless_decision.labels == panel.truth).astype(float)
    missed = missed_if_independent(panel, panel.runs * panel.n_classes + panel.truth)

    def mean(values: np.ndarray) -> float:
        return float((weighting.weight * values).sum())

    room = contrast(weighting, oracle - weightless)
    is_there = room.interval is None or room.interval[0] > 0
    return Headroom(
        statistic=statistic,
        weightless=mean(weightless),
        rule=mean(rule),
        oracle=mean(oracle),
        oracle_if_independent=mean(1 - missed),
        headroom=room,
        captured=ratio(weighting, rule - weightless, oracle - weightless) if is_there else None,
    )
