"""Panels drawn by chance, in which it is known who sabotages and what the permutation test has to answer."""

from collections.abc import Mapping
from operator import index
from typing import Any

import numpy as np
import pyarrow as pa

from sabotage.errors import SabotageError, unknown
from sabotage.panel import Origin, Panel
from sabotage.planted_runs import DRAWS, WITH_CAUSE
from sabotage.scenarios import (
    AGENTS,
    AUDIO,
    CLASSES,
    TEXT,
    VIDEO,
    Draw,
    Drawer,
    Scenario,
    Streams,
    between,
    draw_labels,
    draw_truth,
)

FEWEST_GROUPS = 12  # with fewer than 10 the gap has no interval

_ABLE = {
    "able": (0.50, 0.45, 0.40),  # share of examples for which text, audio and video are able
    "right_if_able": 0.95,  # share right of those
    "right_otherwise": 0.20,  # share right of the others: guessing
    "top": (0.50, 0.95),  # on both, so that nothing but reliability tells them apart
    "reliability_able": (0.80, 1.00),
    "reliability_otherwise": (0.03, 0.15),
    "silent": (0.00, 0.00, 0.00),  # share of examples, of text, audio and video
}

_UNPLANTED = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            "aligned",
            "Each agent is able for some of the examples and guesses on the rest; reliability tells which is which.",
            "helpful",
            "All three agents contribute in turn; who guesses wrong is mostly overruled, for lack of weight.",
            _ABLE,
        ),
        Scenario(
            "uninformative",
            "The agents of `aligned`, with reliability that is spread widely and knows nothing of anything.",
            "neutral",
            "All three agents contribute and sabotage about as often as each other.",
            _ABLE | {"reliability_able": (0.40, 1.00), "reliability_otherwise": (0.40, 1.00)},
        ),
        Scenario(
            "overconfident-agent",
            "Video is most sure of itself, and claims the most weight, exactly where it is wrong.",
            "harmful",
            "Video sabotages most wrong decisions and suppresses text and audio, whose confidence is calibrated.",
            {
                "top": (0.45, 0.95),  # of text and audio, and also their share right; of video where it is right
                "reliability": (0.30, 0.70),  # of text and audio, whatever they say
                "video_right": 0.55,  # share of examples
                "video_top_wrong": (0.90, 0.99),
                "video_reliability_right": (0.20, 0.75),
                "video_reliability_wrong": (0.72, 1.00),
            },
        ),
        Scenario(
            "colluding-agents",
            "Audio and video make the same mistakes on the same examples, where text is right and often weighs more.",
            "helpful",
            "Audio and video sabotage together where text, though right, has too little weight to win against both.",
            {
                "audio_wrong": 0.40,  # share of examples
                "rho": 0.90,  # share of those on which video says what audio says
                "video_right": 0.90,  # share of the remaining examples
                "text_right_there": 0.95,  # share of the examples on which audio is wrong
                "text_right_elsewhere": 0.70,
                "top": (0.72, 0.95),
                "reliability": (0.20, 0.50),
                "noticed": 0.50,  # share of audio's mistakes on which text weighs more; on the rest the two win
                "text_reliability_noticed": (0.90, 1.00),
            },
        ),
        Scenario(
            "missing-modality",
            "The agents of `aligned` fall silent at random, each at a rate of its own.",
            "helpful",
            "Whoever speaks and is able contributes; an agent that is left alone misleads where it guesses wrong.",
            _ABLE | {"silent": (0.05, 0.25, 0.40)},
        ),
        Scenario(
            "grouped",
            "Subjects differ in how often each agent is right and, unrelated to that, in how reliable each seems.",
            "neutral",
            "All three agents contribute and sabotage alike; which of them does depends on the subject.",
            {
                "examples_per_group": 20,  # fewer where there would be less than 12 subjects
                "skill": (0.10, 0.95),  # share right of an agent on a subject
                "top": (0.65, 0.85),
                "level": (0.10, 0.95),  # an agent's usual reliability on a subject
                "jitter": (-0.05, 0.05),  # how far an example's reliability lies from that
            },
        ),
        Scenario(
            "easy",
            "Audio and video are better on easy examples, text on hard ones; reliability knows the kind and no more.",
            "helpful",
            "Audio and video sabotage together the easy examples on which they err; on hard ones nobody is so sure.",
            {
                "easy": 0.50,  # share of examples
                "right_strong": 0.85,  # share right of audio and video on easy examples, and of text on hard ones
                "right_weak": 0.40,  # share right of the others
                "top": (0.35, 0.40),
                "top_sure": (0.96, 0.99),  # of audio and video on easy examples
                "reliability_strong": (0.60, 1.00),
                "reliability_weak": (0.05, 0.50),
            },
        ),
    )
}
SCENARIOS = _UNPLANTED | WITH_CAUSE


def simulate(scenario: str, n: int = 2000, seed: int = 0, run: int = 0) -> Panel:
    """Draw a panel of a scenario: three agents, five classes, class scores and a reliability of each agent.

    Parameters
    ----------
    scenario : str
        One of SCENARIOS.
    n : int
        Examples, at least 1.
    seed : int in [0, 2**64)
        The same seed gives the same panel; each scenario has a stream of its own.
    run : int in [0, 2**32)
        Which of several runs over the same examples: ids, truth, subjects and columns are those of every run, what the
        agents emit is drawn anew.

    Returns
    -------
    Panel
        Scores sum to 1, the label is their argmax and the confidence the highest. `grouped` names its subjects as the
        group, as do those with a planted cause, which keep `site`, `noise`, `device` and `annotator_1` to
        `annotator_5` beside; `easy` keeps the column `kind`, `mislabelled` one of its name.

    Raises
    ------
    SabotageError
        For an unknown scenario, or a number out of range.
    """
    if scenario not in SCENARIOS:
        raise unknown("scenario", scenario, SCENARIOS)
    n, seed, run = index(n), index(seed), index(run)
    if n < 1:
        raise SabotageError(f"n must be at least 1: found {n}")
    if not 0 <= seed < 2**64:
        raise SabotageError(f"seed must lie in [0, 2^64): found {seed}")
    if not 0 <= run < 2**32:
        raise SabotageError(f"run must lie in [0, 2^32): found {run}")
    streams = Streams.of(scenario, seed, run)
    draw = _DRAWS[scenario](streams, n, SCENARIOS[scenario].parameters)
    scores = _scores(streams.agents, draw.labels, draw.top)
    labels, confidence = scores.argmax(axis=2).astype(np.int32), scores.max(axis=2)
    silent = np.isnan(draw.reliability)
    labels[silent], confidence[silent], scores[silent] = -1, np.nan, np.nan
    return Panel(
        agents=AGENTS,
        classes=CLASSES,
        ids=pa.array(np.arange(n)),
        truth=draw.truth.astype(np.int32),
        labels=labels,
        confidence=confidence,
        scores=scores,
        reliability=draw.reliability,
        columns=draw.columns,
        group=draw.group,
        origin=Origin(name=f"simulated {scenario}" + (f" run {run}" if run else "")),
    )


def _scores(random: np.random.Generator, labels: np.ndarray, top: np.ndarray) -> np.ndarray:
    """Give each label its top score and share out the rest among the other classes: (n, 3, 5), summing to 1."""
    # No class gets more than half of the rest, so that any top score above 1/3 is the highest.
    scores = random.uniform(0.5, 1.5, (*labels.shape, len(CLASSES)))
    np.put_along_axis(scores, labels[:, :, None], 0.0, axis=2)
    scores *= ((1 - top) / scores.sum(axis=2))[:, :, None]
    np.put_along_axis(scores, labels[:, :, None], top[:, :, None], axis=2)
    return scores


def _able(streams: Streams, n: int, p: Mapping[str, Any]) -> Draw:
    truth, shape, random = draw_truth(streams, n), (n, len(AGENTS)), streams.agents
    able = random.random(shape) < p["able"]
    labels = draw_labels(random, truth, random.random(shape) < np.where(able, p["right_if_able"], p["right_otherwise"]))
    high, low = (between(random, p[f"reliability_{when}"], shape) for when in ("able", "otherwise"))
    silent = random.random(shape) < p["silent"]
    silent[0] = False  # so that each agent has emitted something, however few the examples
    reliability = np.where(silent, np.nan, np.where(able, high, low))
    return Draw(truth, labels, between(random, p["top"], shape), reliability)


def _overconfident(streams: Streams, n: int, p: Mapping[str, Any]) -> Draw:
    truth, shape, random = draw_truth(streams, n), (n, len(AGENTS)), streams.agents
    top, reliability = between(random, p["top"], shape), between(random, p["reliability"], shape)
    right = random.random(shape) < top
    right[:, VIDEO] = knows = random.random(n) < p["video_right"]
    top[:, VIDEO] = np.where(knows, top[:, VIDEO], between(random, p["video_top_wrong"], n))
    low, high = (between(random, p[f"video_reliability_{what}"], n) for what in ("right", "wrong"))
    reliability[:, VIDEO] = np.where(knows, low, high)
    return Draw(truth, draw_labels(random, truth, right), top, reliability)


def _colluding(streams: Streams, n: int, p: Mapping[str, Any]) -> Draw:
    truth, shape, random = draw_truth(streams, n), (n, len(AGENTS)), streams.agents
    wrong = random.random(n) < p["audio_wrong"]
    text_right = random.random(n) < np.where(wrong, p["text_right_there"], p["text_right_elsewhere"])
    video_right = random.random(n) < p["video_right"]
    labels = draw_labels(random, truth, np.stack([text_right, ~wrong, video_right], axis=1))
    together = wrong & (random.random(n) < p["rho"])
    labels[together, VIDEO] = labels[together, AUDIO]
    top, reliability = between(random, p["top"], shape), between(random, p["reliability"], shape)
    noticed = wrong & (random.random(n) < p["noticed"])
    reliability[noticed, TEXT] = between(random, p["text_reliability_noticed"], n)[noticed]
    return Draw(truth, labels, top, reliability)


def _grouped(streams: Streams, n: int, p: Mapping[str, Any]) -> Draw:
    truth, shape, random = draw_truth(streams, n), (n, len(AGENTS)), streams.agents
    n_groups = min(n, max(FEWEST_GROUPS, round(n / p["examples_per_group"])))
    group = streams.examples.permutation(n) % n_groups
    # Skill and level know nothing of each other: no row would serve an example better than its own does, on average.
    # Yet examples of a subject share both, which a permutation of examples takes apart.
    skill, level = (between(random, p[name], (n_groups, len(AGENTS))) for name in ("skill", "level"))
    labels = draw_labels(random, truth, random.random(shape) < skill[group])
    reliability = level[group] + between(random, p["jitter"], shape)
    top = between(random, p["top"], shape)
    return Draw(truth, labels, top, reliability, {"group": pa.array(group)}, "group")


def _easy(streams: Streams, n: int, p: Mapping[str, Any]) -> Draw:
    truth, shape, random = draw_truth(streams, n), (n, len(AGENTS)), streams.agents
    easy = streams.examples.random(n) < p["easy"]
    strong = easy[:, None] != (np.arange(len(AGENTS)) == TEXT)
    labels = draw_labels(random, truth, random.random(shape) < np.where(strong, p["right_strong"], p["right_weak"]))
    # The kinds differ in the margin of the equal-weight mean, whoever is right: above 0.5 where two agents are sure of
    # the same label and text is not, below 0.3 where nobody's label stands out.
    labels[easy, VIDEO] = labels[easy, AUDIO]
    top = np.where(easy[:, None] & strong, between(random, p["top_sure"], shape), between(random, p["top"], shape))
    high, low = (between(random, p[f"reliability_{side}"], shape) for side in ("strong", "weak"))
    columns = {"kind": pa.array(np.where(easy, "easy", "hard"))}
    return Draw(truth, labels, top, np.where(strong, high, low), columns)


_DRAWS: dict[str, Drawer] = {
    "aligned": _able,
    "uninformative": _able,
    "overconfident-agent": _overconfident,
    "colluding-agents": _colluding,
    "missing-modality": _able,
    "grouped": _grouped,
    "easy": _easy,
} | DRAWS
