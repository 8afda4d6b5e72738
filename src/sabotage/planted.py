"""Scenarios with a planted cause: a class or a site on which one agent is corrupted, ambiguous examples, or none."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from sabotage.scenarios import (
    AGENTS,
    AUDIO,
    CLASSES,
    VIDEO,
    Draw,
    Drawer,
    Scenario,
    Streams,
    between,
    draw_labels,
    draw_truth,
)

SITES = ("east", "north", "south", "west")
DEVICES = ("headset", "laptop", "phone")
N_ANNOTATORS = 5

USUAL = {
    "subjects": 60,  # fewer where there are fewer examples
    "ambiguous": 0.15,  # share of examples on which annotators are unsure
    "annotator_right": 0.95,  # share right of an annotator on the other examples
    "annotator_right_if_ambiguous": 0.50,  # of the rest most say what is the other reading of the example
    "noise": (20.0, 60.0),
    "right": 0.75,  # share right of an agent where nothing is planted
    "top": (0.55, 0.90),
    "reliability": (0.30, 1.00),  # whatever is said
}

PLANTED = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            "corrupted-class",
            "Video is confidently wrong on most examples of fear; site, device, noise and annotators have no part in"
            " it.",
            "neutral",
            "Video sabotages far more often on fear than on other classes, and than text and audio do anywhere.",
            USUAL | {"corrupted_class": "fear", "corrupted_right": 0.25, "corrupted_top": (0.85, 0.98)},
        ),
        Scenario(
            "corrupted-group",
            "Audio is confidently wrong on most examples of one of four sites, which is that of each fourth subject.",
            "neutral",
            "Audio sabotages far more often at the site north than elsewhere, and than text and video do anywhere.",
            USUAL | {"corrupted_site": "north", "corrupted_right": 0.25, "corrupted_top": (0.85, 0.98)},
        ),
        Scenario(
            "ambiguous",
            "On examples with two readings annotators are unsure, and agents often say the other reading.",
            "neutral",
            "All three agents sabotage alike, mostly where annotators are unsure; no column but theirs tells where.",
            USUAL | {"right_if_ambiguous": 0.45, "other_reading": 0.80},
        ),
        Scenario(
            "no-cause",
            "Nothing depends on anything: class, subject, site, device, noise and annotators have no part in errors.",
            "neutral",
            "All three agents sabotage alike, everywhere alike.",
            USUAL,
        ),
    )
}


@dataclass(frozen=True, eq=False)
class World:
    """Examples that every run shares: truth, subject, site (n,), where two readings are, and the other reading."""

    truth: np.ndarray
    subject: np.ndarray
    site: np.ndarray
    is_ambiguous: np.ndarray
    other: np.ndarray
    columns: dict[str, pa.Array]

    def draw(self, labels: np.ndarray, top: np.ndarray, reliability: np.ndarray) -> Draw:
        """Return the draw in which agents say this about the examples."""
        return Draw(self.truth, labels, top, reliability, self.columns, "group")


def draw_world(streams: Streams, n: int, p: Mapping[str, Any]) -> World:
    """Draw n examples of subjects at sites, and what annotators say about them; `p` as USUAL."""
    truth, random = draw_truth(streams, n), streams.examples
    n_subjects = min(n, p["subjects"])
    subject = random.permutation(n) % n_subjects
    site = (random.permutation(n_subjects) % len(SITES))[subject]
    noise = np.round(between(random, p["noise"], n), 1)
    device = random.integers(0, len(DEVICES), n)
    is_ambiguous = random.random(n) < p["ambiguous"]
    other = (truth + random.integers(1, len(CLASSES), n)) % len(CLASSES)
    right = np.where(is_ambiguous, p["annotator_right_if_ambiguous"], p["annotator_right"])
    said = draw_labels(random, truth, random.random((n, N_ANNOTATORS)) < right[:, None])
    says_other = is_ambiguous[:, None] & (said != truth[:, None]) & (random.random(said.shape) < 0.9)
    said = np.where(says_other, other[:, None], said)
    names = np.array(CLASSES)
    columns = {
        "group": pa.array(subject),
        "site": pa.array(np.array(SITES)[site]),
        "noise": pa.array(noise),
        "device": pa.array(np.array(DEVICES)[device]),
    }
    columns |= {f"annotator_{k + 1}": pa.array(names[said[:, k]]) for k in range(N_ANNOTATORS)}
    return World(truth, subject, site, is_ambiguous, other, columns)


def draw_usual(
    streams: Streams, world: World, p: Mapping[str, Any], right: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw labels, top scores and reliabilities (n, 3) of agents that are right as often as said, (n, 3) or a number.

    Reliability knows nothing, and neither does confidence.
    """
    random, shape = streams.agents, (len(world.truth), len(AGENTS))
    labels = draw_labels(random, world.truth, random.random(shape) < right)
    return labels, between(random, p["top"], shape), between(random, p["reliability"], shape)


def _corrupted(streams: Streams, world: World, p: Mapping[str, Any], where: np.ndarray, agent: int) -> Draw:
    right = np.full((len(world.truth), len(AGENTS)), p["right"])
    right[where, agent] = p["corrupted_right"]
    labels, top, reliability = draw_usual(streams, world, p, right)
    is_wrong = where & (labels[:, agent] != world.truth)
    top[is_wrong, agent] = between(streams.agents, p["corrupted_top"], int(is_wrong.sum()))
    return world.draw(labels, top, reliability)


def _corrupted_class(streams: Streams, n: int, p: Mapping[str, Any]) -> Draw:
    world = draw_world(streams, n, p)
    return _corrupted(streams, world, p, world.truth == CLASSES.index(p["corrupted_class"]), VIDEO)


def _corrupted_group(streams: Streams, n: int, p: Mapping[str, Any]) -> Draw:
    world = draw_world(streams, n, p)
    return _corrupted(streams, world, p, world.site == SITES.index(p["corrupted_site"]), AUDIO)


def _ambiguous(streams: Streams, n: int, p: Mapping[str, Any]) -> Draw:
    world, random = draw_world(streams, n, p), streams.agents
    right = np.where(world.is_ambiguous, p["right_if_ambiguous"], p["right"])
    labels, top, reliability = draw_usual(streams, world, p, right[:, None])
    says_other = world.is_ambiguous[:, None] & (labels != world.truth[:, None])
    says_other &= random.random(labels.shape) < p["other_reading"]
    return world.draw(np.where(says_other, world.other[:, None], labels), top, reliability)


def _no_cause(streams: Streams, n: int, p: Mapping[str, Any]) -> Draw:
    world = draw_world(streams, n, p)
    return world.draw(*draw_usual(streams, world, p, p["right"]))


DRAWS: dict[str, Drawer] = {
    "corrupted-class": _corrupted_class,
    "corrupted-group": _corrupted_group,
    "ambiguous": _ambiguous,
    "no-cause": _no_cause,
}
