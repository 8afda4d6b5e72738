"""Top-k coverage as a curve over k, of the decision and of each agent, with chance and the most frequent classes."""

from dataclasses import dataclass

import numpy as np

from sabotage.fusion import Decision
from sabotage.panel import Panel
from sabotage.partition import Partition, whole
from sabotage.resampled_shares import Draws, resampled_spans
from sabotage.spans import plain, wilson
from sabotage.speaking import truth_ranks

MOST = 10  # candidates looked at


@dataclass(frozen=True)
class Covered:
    """Share of examples whose truth is among the k best, for k = 1, 2 ...

    Attributes
    ----------
    n : int
        Examples with scores; all of them for the decision.
    covered : tuple of float
    intervals : tuple of (float, float) or None
        95 %, those of profiles: Wilson's, or from resamples of clusters; None for fewer than 10 clusters.
    """

    n: int
    covered: tuple[float, ...]
    intervals: tuple[tuple[float, float] | None, ...]


@dataclass(frozen=True)
class TopK:
    """Coverage over `k`; `chance` is k / C, `frequent` the share of the k most frequent classes.

    None for a decision, or an agent, without class scores.
    """

    k: tuple[int, ...]
    decision: Covered | None
    agents: dict[str, Covered | None]
    chance: tuple[float, ...]
    frequent: tuple[float, ...]


def measure_top_k(panel: Panel, decided: Decision, most: int = MOST) -> TopK:
    """Measure coverage for k from 1 to the number of classes, at most `most`."""
    ks = np.arange(1, min(panel.n_classes, most) + 1)
    everything, draws = whole(panel), Draws()
    frequent = np.sort(np.bincount(panel.truth, minlength=panel.n_classes))[::-1].cumsum() / panel.n_examples

    def covered(rank: np.ndarray | None) -> Covered | None:
        return None if rank is None or not (rank >= 0).any() else _covered(rank, ks, everything, draws)

    return TopK(
        tuple(ks.tolist()),
        covered(decided.truth_rank),
        {agent: covered(truth_ranks(panel, m)) for m, agent in enumerate(panel.agents)},
        tuple((ks / panel.n_classes).tolist()),
        tuple(frequent[: len(ks)].tolist()),
    )


def _covered(rank: np.ndarray, ks: np.ndarray, everything: Partition, draws: Draws) -> Covered:
    """Return coverage of truths with `rank` (n,) classes before them, -1 where there are no scores."""
    scored = rank >= 0
    n = int(np.count_nonzero(scored))
    hits = np.bincount(rank[scored], minlength=ks[-1]).cumsum()[: len(ks)]
    if everything.cell is None:
        spans = wilson(hits, np.full(len(ks), n))
    else:
        unit, n_units = everything.unit, int(everything.unit_starts[-1])
        by_unit = [np.bincount(unit[scored & (rank < k)], minlength=n_units) for k in ks]
        base = np.bincount(unit[scored], minlength=n_units)[:, None]
        spans = resampled_spans(np.stack(by_unit, axis=1), base, np.zeros(len(ks), np.int64), draws)
    return Covered(n, tuple((hits / n).tolist()), tuple(plain(spans)))
