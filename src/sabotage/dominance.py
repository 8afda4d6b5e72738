"""How often decisions follow one agent against all others, and from which lead in confidence on."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sabotage.judging import Judged
from sabotage.onsets import Onset, measure_onset
from sabotage.panel import Panel
from sabotage.partition import whole
from sabotage.tallies import Rate, Tally

WIDTH = 0.2  # of a bin of confidence gaps
N_BINS = 10
DIGITS = 9  # of a gap: .9 - .8 is .1
THREE, TWO = "three or more speak", "two speak"


@dataclass(frozen=True)
class Follow:
    """How often the decision has the label that one agent holds alone.

    `followed` is of all such examples, `when_right` and `when_wrong` of those on which the agent is right, or wrong.
    """

    followed: Rate
    when_right: Rate
    when_wrong: Rate


@dataclass(frozen=True)
class Bin:
    """Gaps of confidence from `low` to below `high`, the last bin to 1 itself."""

    low: float
    high: float
    followed: Rate


@dataclass(frozen=True)
class Dominator:
    """One agent against all others.

    Attributes
    ----------
    alone : Follow
        Three agents or more speak, and no other has its label: `followed` is its unsupported dominance.
    against_unanimous : Follow
        Those of them on which all others have one label.
    of_two : Follow
        Two agents speak, and differ.
    bins : tuple of Bin
        By its confidence less the highest of the others, ten bins from -1 to 1, over the `n_gaps` examples of
        `Dominance.basis` on which there is one.
    onset : Onset
        The smallest gap from which the decision follows it at least half the time.
    """

    alone: Follow
    against_unanimous: Follow
    of_two: Follow
    n_gaps: int
    bins: tuple[Bin, ...]
    onset: Onset


@dataclass(frozen=True)
class Dominance:
    """How often decisions follow one agent against all others.

    Attributes
    ----------
    basis : {"three or more speak", "two speak"}
        What bins and onsets are over; the latter in a panel of two agents.
    agents : dict of str to Dominator
    """

    basis: str
    agents: dict[str, Dominator]

    def to_dict(self) -> dict[str, Any]:
        """Return the fields of audit.json."""
        return asdict(self)

    def __repr__(self) -> str:
        lines = [f"Dominance where {self.basis}"]
        for agent, own in self.agents.items():
            follow = own.of_two.followed if self.basis == TWO else own.alone.followed
            lines.append(f"  {agent}: followed on {follow.count:,} of {follow.n:,}")
        return "\n".join(lines)


def measure_dominance(judged: Judged, *, seed: int = 0) -> Dominance:
    """Measure how often decisions follow one agent against all others.

    Parameters
    ----------
    judged : Judged
    seed : int
        Of the resamples that give onsets their intervals.

    Notes
    -----
    An agent stands alone where no other speaking agent has its label; these need not agree among themselves. A decision
    that is missing, or an abstention, follows nobody.
    """
    panel, tally = judged.panel, Tally(judged.panel)
    decided = judged.roles.decision.labels
    said = panel.spoke.sum(axis=1)
    held, same = _held(panel)
    basis = TWO if panel.n_agents == 2 else THREE
    unanimous = same == (said - 1) * (said - 2) // 2  # where one stands alone, all pairs are among the others
    units = whole(panel)
    found = {}
    for m, agent in enumerate(panel.agents):
        labels = panel.labels[:, m]
        alone = (labels >= 0) & ~held[:, m]
        followed = alone & (labels == decided)
        three = alone & (said >= 3)
        bases = (three, three & unanimous, alone & (said == 2))
        follows = _follow(tally, bases, followed, labels == panel.truth)
        gap = _gap(panel, m)
        rows = np.flatnonzero(bases[2 if basis == TWO else 0] & ~np.isnan(gap))
        gaps, hits = gap[rows], followed[rows]
        cluster = None if units.cell is None else units.unit[rows]
        onset = measure_onset(gaps, hits, cluster, (seed, m))
        found[agent] = Dominator(*follows, len(rows), _bins(tally, gaps, hits, rows), onset)
    return Dominance(basis, found)


def _held(panel: Panel) -> tuple[np.ndarray, np.ndarray]:
    """Return whether another agent has each agent's label (n, M) bool, and how many pairs have one label (n,)."""
    held = np.zeros(panel.labels.shape, bool)
    same = np.zeros(panel.n_examples, np.int64)
    columns = np.ascontiguousarray(panel.labels.T)
    for a in range(panel.n_agents):
        for b in range(a + 1, panel.n_agents):
            alike = (columns[a] == columns[b]) & (columns[a] >= 0)
            held[:, a] |= alike
            held[:, b] |= alike
            same += alike
    return held, same


def _gap(panel: Panel, m: int) -> np.ndarray:
    """Return an agent's confidence less the highest of the other speaking agents (n,); NaN where either has none."""
    confidence = np.where(panel.spoke, panel.confidence, np.nan)
    others = np.full(panel.n_examples, np.nan)
    for other in range(panel.n_agents):
        if other != m:
            others = np.fmax(others, confidence[:, other])
    gap: np.ndarray = np.round(confidence[:, m] - others, DIGITS)
    return gap


def _follow(
    tally: Tally, bases: tuple[np.ndarray, ...], followed: np.ndarray, right: np.ndarray
) -> tuple[Follow, Follow, Follow]:
    """Return how often the decision follows on several bases (n,) bool."""
    of = [which for base in bases for which in (base, base & right, base & ~right)]
    rates = tally.rates(tally.count(*(which & followed for which in of)), tally.count(*of), range(len(of)))
    first, second, third = (Follow(*rates[at : at + 3]) for at in (0, 3, 6))
    return first, second, third


def _bins(tally: Tally, gaps: np.ndarray, followed: np.ndarray, rows: np.ndarray) -> tuple[Bin, ...]:
    at = np.minimum(np.floor((gaps + 1) / WIDTH + 1e-6).astype(np.int64), N_BINS - 1)
    of = tally.cross(at, N_BINS, rows)
    hits = tally.cross(at[followed], N_BINS, rows[followed])
    edges = [round(-1 + WIDTH * k, 1) for k in range(N_BINS + 1)]
    rates = tally.rates(hits, of, range(N_BINS))
    return tuple(Bin(low, high, rate) for low, high, rate in zip(edges, edges[1:], rates, strict=False))
