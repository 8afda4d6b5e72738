"""Panels for tests: drawn at random, with ties, gaps and everything else that real files have."""

import io
from collections.abc import Callable
from dataclasses import replace

import naive
import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import strategies as st
from sabotage.kernels import fusing

from sabotage import Panel
from sabotage.fusion import Replay

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


def panel_of(right, reliability, group=None, spoke=None) -> Panel:
    """Make a panel of agents a0, a1 ... that are right as said, (n,) for one agent or (n, M)."""
    right = np.asarray(right, bool)
    right = right[:, None] if right.ndim == 1 else right
    reliability = np.asarray(reliability, np.float64).reshape(right.shape)
    n, m = right.shape
    labels = np.where(right, 0, 1).astype(np.int32)
    if spoke is not None:
        labels[~np.asarray(spoke).reshape(right.shape)] = -1
    return Panel(
        tuple(f"a{k}" for k in range(m)),
        ("yes", "no"),
        pa.array(range(n)),
        np.zeros(n, np.int32),
        labels,
        np.full((n, m), 0.5),
        None,
        reliability,
        columns={} if group is None else {"film": pa.array(group)},
        group=None if group is None else "film",
    )


def doubled(panel: Panel) -> Panel:
    """Return a panel in which every example stands twice."""
    return Panel(
        panel.agents,
        panel.classes,
        pa.array(range(2 * panel.n_examples)),
        *(
            np.concatenate([getattr(panel, name)] * 2)
            for name in ("truth", "labels", "confidence", "scores", "reliability")
        ),
    )


def seeded(
    n_ids: int = 10,
    n_seeds: int = 3,
    seed: int = 0,
    *,
    dropped: float = 0.25,
    numbers: bool = False,
    missing: float = 0.0,
    steps: int | None = None,
    **columns: Callable[[int, int], object],
) -> Panel:
    """Draw a panel of ids in up to four seeds, one of them null, in random order; some ids lack some seeds.

    A column is a function of the numbers of id and seed; ids are words, or with `numbers` whole numbers.
    """
    random = np.random.default_rng(seed)
    n = n_ids * n_seeds
    panel = make_panel(n, 3, 3, seed, missing=missing, steps=steps)
    unit, run = np.tile(np.arange(n_ids), n_seeds), np.repeat(np.arange(n_seeds), n_ids)
    kept = {"seed": pa.array([("x", None, "y", "z")[k] for k in run])}
    kept |= {
        name: pa.array([of(int(i), int(k)) for i, k in zip(unit, run, strict=True)]) for name, of in columns.items()
    }
    ids = pa.array(900 - 7 * unit) if numbers else pa.array([f"clip {k}" for k in unit])
    panel = replace(panel, ids=ids, truth=panel.truth[unit], columns=kept, seed_column="seed")
    return panel.take(random.permutation(np.flatnonzero(random.random(n) >= dropped)))


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


FAMILIES = ("plain", "votes", "equal", "tenths", "neighbours", "denormal", "zeros", "huge", "wide", "absorb", "few")


def tie_heavy(family: str, n: int = 60, n_agents: int = 3, n_classes: int = 4, seed: int = 0, **options) -> Panel:
    """Draw a panel on which a fusion has ties, near ties and numbers at the ends of what float64 holds.

    plain: none of it; votes: one-hot scores, reliability in tenths; equal: all reliability 1; tenths: both rounded;
    neighbours: one unit in the last place apart; denormal: the smallest numbers there are; zeros: many rows of
    reliability 0, scores of -0.0; huge: 1e200; wide: reliability from 1e-200 to 1e90; absorb: reliability that is lost beside another's; few: three rows
    of reliability.
    """
    panel = make_panel(n, n_agents, n_classes, seed, **options)
    random = np.random.default_rng(seed + 1)
    scores, q = panel.scores, panel.reliability
    shape, there = scores.shape, ~np.isnan(scores)
    if family == "votes":
        scores = (np.arange(n_classes) == scores.argmax(axis=2)[:, :, None]).astype(float)
    elif family == "tenths":
        scores = np.round(scores, 1)
    elif family == "neighbours":
        base = np.round(scores, 1) + 0.1
        scores = np.where(random.random(shape) < 0.5, base, np.nextafter(base, random.choice([0.0, 9.0], shape)))
    elif family == "denormal":
        scores = random.integers(0, 4, shape) * 5e-324
    elif family == "zeros":
        scores = np.where(random.random(shape) < 0.5, -0.0, np.round(scores, 1))
    elif family == "huge":
        scores = np.round(scores, 1) * 1e200
    elif family in ("few", "absorb"):
        scores = np.round(scores, 1 if family == "absorb" else 2)
    if family in ("votes", "tenths", "huge"):
        q = np.round(q * 10) / 10
    elif family == "equal":
        q = np.ones_like(q)
    elif family == "neighbours":
        q = np.where(random.random(q.shape) < 0.5, 1.0, np.nextafter(1.0, random.choice([0.0, 9.0], q.shape)))
    elif family == "denormal":
        q = random.integers(0, 3, q.shape) * 1.0
    elif family == "zeros":
        q = np.where(random.random(q.shape) < 0.7, 0.0, np.round(q, 1))
    elif family == "wide":
        q = q * 10.0 ** random.integers(-200, 90, q.shape)
    elif family == "absorb":
        q = random.choice([0.0, 1e-20, 1e-18, 0.5, 1.0], q.shape)
    elif family == "few":
        q = q[random.integers(0, min(3, n), n)]
    silent = panel.labels < 0
    scores = np.where(there, scores, np.nan)
    labels = np.where(silent, -1, np.nan_to_num(scores, nan=-1.0).argmax(axis=2)).astype(np.int32)
    return Panel(
        panel.agents,
        panel.classes,
        panel.ids,
        panel.truth,
        labels,
        panel.confidence,
        scores,
        np.where(silent, np.nan, q),
        columns=panel.columns,
    )


def scores_of(ready: Replay, weights: np.ndarray) -> np.ndarray:
    """Score every example under the weights (n, M), agents in file order: float64 sums, silent agents left out."""
    if ready.kind == fusing.VOTE:
        evidence = (ready.spoken[:, :, None] == np.arange(ready.panel.n_classes)).astype(float)
    else:
        evidence = ready.evidence
    total = np.zeros((len(weights), ready.panel.n_classes))
    for m in range(weights.shape[1]):
        total += np.where(ready.spoken[:, m, None] >= 0, weights[:, m, None] * evidence[:, m], 0.0)
    return total


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


def read_csv(text: str) -> pd.DataFrame:
    """Read csv with numbers to the last digit, whatever the pandas: columns of numbers, and of texts with None."""
    frame = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    for name in frame.columns:
        known = [value for value in frame[name] if value]
        try:
            frame[name] = [float(value) if value else np.nan for value in frame[name]] if known else np.nan
        except ValueError:
            frame[name] = [value or None for value in frame[name]]
    return frame


# Four observers, twelve units, 0 for none: nominal alpha .743 (Krippendorff 2011, computing alpha-reliability, section C).
KRIPPENDORFF = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
    [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
]
