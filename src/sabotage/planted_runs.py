"""Scenarios whose cause several runs show: truths that are wrong, and one bad backbone."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from sabotage.planted import DRAWS as PLANTED_DRAWS
from sabotage.planted import PLANTED, USUAL, draw_usual, draw_world
from sabotage.scenarios import AGENTS, CLASSES, VIDEO, Draw, Drawer, Scenario, Streams, between

PLANTED_RUNS = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            "mislabelled",
            "A share of the truths is wrong: agents are right about another label there, run after run.",
            "neutral",
            "All three agents sabotage alike, and most where the truth is wrong; the column mislabelled says where.",
            USUAL | {"right": 0.85, "mislabelled": 0.05},
        ),
        Scenario(
            "bad-backbone",
            "In run 2 video is confidently wrong on most examples; in every other run nothing depends on anything.",
            "neutral",
            "Video sabotages far more often in run 2 than in others, and than text and audio do in any.",
            USUAL | {"bad_run": 2, "corrupted_right": 0.25, "corrupted_top": (0.85, 0.98)},
        ),
    )
}


def _mislabelled(streams: Streams, n: int, p: Mapping[str, Any]) -> Draw:
    world, random = draw_world(streams, n, p), streams.examples
    is_wrong = random.random(n) < p["mislabelled"]
    wrong = (world.truth + random.integers(1, len(CLASSES), n)) % len(CLASSES)
    said = draw_usual(streams, world, p, p["right"])
    columns = world.columns | {"mislabelled": pa.array(is_wrong)}
    return replace(world, truth=np.where(is_wrong, wrong, world.truth), columns=columns).draw(*said)


def _bad_backbone(streams: Streams, n: int, p: Mapping[str, Any]) -> Draw:
    world = draw_world(streams, n, p)
    right = np.full((n, len(AGENTS)), p["right"])
    is_bad = streams.run == p["bad_run"]
    if is_bad:
        right[:, VIDEO] = p["corrupted_right"]
    labels, top, reliability = draw_usual(streams, world, p, right)
    if is_bad:
        is_wrong = labels[:, VIDEO] != world.truth
        top[is_wrong, VIDEO] = between(streams.agents, p["corrupted_top"], int(is_wrong.sum()))
    return world.draw(labels, top, reliability)


WITH_CAUSE = PLANTED | PLANTED_RUNS
DRAWS: dict[str, Drawer] = PLANTED_DRAWS | {"mislabelled": _mislabelled, "bad-backbone": _bad_backbone}
