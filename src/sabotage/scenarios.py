"""What scenarios are made of: who speaks about what, the streams that they draw from, and what a draw decides."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

AGENTS = ("text", "audio", "video")
CLASSES = ("anger", "fear", "joy", "neutral", "sadness")
TEXT, AUDIO, VIDEO = range(len(AGENTS))


@dataclass(frozen=True)
class Scenario:
    """What a simulated panel holds, and what an audit of it should find.

    Attributes
    ----------
    name : str
    summary : str
        What is in it, in one sentence.
    verdict : {"helpful", "neutral", "harmful"}
        Of the default permutation test in a large sample: the interval of the gap above 0, close about it, or below.
    roles : str
        Who does what, in one sentence.
    parameters : dict
        The numbers that it is drawn with: shares of examples, counts, and ranges (lowest, highest) that are drawn from
        evenly. `top` is the score of an agent's label, and hence its confidence.
    """

    name: str
    summary: str
    verdict: str
    roles: str
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Streams:
    """Where a scenario draws from.

    Attributes
    ----------
    examples : numpy.random.Generator
        For what every run shares: truth, subjects, columns, annotators. Drawn from before `agents` is.
    agents : numpy.random.Generator
        For what agents emit; that of run 0 is `examples` itself.
    run : int
    """

    examples: np.random.Generator
    agents: np.random.Generator
    run: int = 0

    @classmethod
    def of(cls, scenario: str, seed: int, run: int) -> "Streams":
        """Make the streams of a run of a scenario."""
        key = [seed, *scenario.encode()]
        examples = np.random.default_rng(key)
        # No letter of a name is 256: no scenario shares a stream with a run of another.
        return cls(examples, np.random.default_rng([*key, 256, run]) if run else examples, run)


@dataclass(frozen=True)
class Draw:
    """What a scenario decides: (n,), then (n, 3) each; a reliability of NaN is an agent that is silent."""

    truth: np.ndarray
    labels: np.ndarray
    top: np.ndarray
    reliability: np.ndarray
    columns: dict[str, pa.Array] = field(default_factory=dict)
    group: str | None = None


Drawer = Callable[[Streams, int, Mapping[str, Any]], Draw]


def draw_truth(streams: Streams, n: int) -> np.ndarray:
    """Draw the classes of n examples, all equally likely."""
    return streams.examples.integers(0, len(CLASSES), n)


def between(random: np.random.Generator, limits: tuple[float, float], shape: int | tuple[int, ...]) -> np.ndarray:
    """Draw evenly between two limits."""
    return random.uniform(limits[0], limits[1], shape)


def draw_labels(random: np.random.Generator, truth: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the truth where somebody is right, and any of the other classes where not: the shape of `right` (n, k)."""
    off = random.integers(1, len(CLASSES), right.shape)
    return (truth[:, None] + np.where(right, 0, off)) % len(CLASSES)
