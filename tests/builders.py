"""Panels for tests: drawn at random, with ties, gaps and everything else that real files have."""

import naive
import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from sabotage import Panel

LABELS = ("anger", "disgust", "fear", "happy", "neutral", "sad", "surprise")


def make_panel(
    n: int = 60,
    n_agents: int = 3,
    n_classes: int = 4,
    seed: int = 0,
    *,
    missing: float = 0.0,
    no_reliability: float = 0.0,
    steps: int | None = None,
    scores: bool = True,
    recorded: bool = False,
    columns: dict | None = None,
) -> Panel:
    """Draw a panel; `steps` rounds scores and reliabilities to that many levels, so that there are ties."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, n_classes, n).astype(np.int32)
    skill = random.random((n, n_agents))
    values = random.dirichlet(np.full(n_classes, 0.6), (n, n_agents))
    values[np.arange(n)[:, None], np.arange(n_agents), truth[:, None]] += 0.5 * skill
    values /= values.sum(axis=2, keepdims=True)
    reliability = np.clip(skill + random.normal(0, 0.2, skill.shape), 0, None)
    if steps is not None:
        values = np.round(values * steps) / steps
        reliability = np.round(reliability * steps) / steps
    labels = values.argmax(axis=2).astype(np.int32)
    confidence = np.clip(values.max(axis=2), 0, 1)
    silent = random.random((n, n_agents)) < missing
    for m in range(n_agents):
        silent[m % n, m] = False  # nobody is silent throughout
    labels[silent] = -1
    confidence[silent] = np.nan
    values[silent] = np.nan
    reliability[silent | (random.random(silent.shape) < no_reliability)] = np.nan
    fused = None
    if recorded:
        fused = np.where(random.random(n) < 0.7, truth, random.integers(0, n_classes, n)).astype(np.int32)
        fused[random.random(n) < 0.1] = -1
    return Panel(
        agents=tuple(f"agent{m}" for m in range(n_agents)),
        classes=LABELS[:n_classes] if n_classes <= len(LABELS) else tuple(range(n_classes)),
        ids=pa.array(np.arange(n)),
        truth=truth,
        labels=labels,
        confidence=confidence,
        scores=values if scores else None,
        reliability=reliability,
        fused_label=fused,
        columns=columns or {},
    )


def to_naive(panel: Panel) -> naive.Tiny:
    """Return the panel in the oracle's plain lists."""

    def optional(value: float) -> float | None:
        return None if np.isnan(value) else float(value)

    scores = None
    if panel.scores is not None:
        scores = [
            [None if np.isnan(own).all() else [optional(value) for value in own] for own in example]
            for example in panel.scores
        ]
    return naive.Tiny(
        truth=[int(label) for label in panel.truth],
        labels=[[None if label < 0 else int(label) for label in row] for row in panel.labels],
        confidence=[[optional(value) for value in row] for row in panel.confidence],
        scores=scores,
        q=[[optional(value) for value in row] for row in panel.reliability],
        n_classes=panel.n_classes,
    )


def decisions(labels: np.ndarray) -> list[int | None]:
    """Return label codes as the oracle has them."""
    return [None if label < 0 else int(label) for label in labels]


@st.composite
def panels(draw: st.DrawFn, most: int = 12, scores: bool = True, recorded: bool = False) -> Panel:
    """Draw small panels full of ties and gaps."""
    n = draw(st.integers(1, most))
    n_agents = draw(st.integers(1, 4))
    n_classes = draw(st.integers(2, 5))
    return make_panel(
        n,
        n_agents,
        n_classes,
        draw(st.integers(0, 10_000)),
        missing=draw(st.sampled_from([0.0, 0.3, 0.7])),
        no_reliability=draw(st.sampled_from([0.0, 0.3])),
        steps=draw(st.sampled_from([None, 1, 2, 4, 10])),
        scores=scores,
        recorded=recorded,
    )


def wide_table(panel: Panel) -> pa.Table:
    """Return the panel as the table that a user would have."""
    return panel.to_table()
