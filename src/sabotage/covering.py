"""Top-k coverage as a curve over k, of the decision and of each agent, with chance and the most frequent classes."""

from dataclasses import dataclass

import numpy as np

from sabotage.fusion import Decision, rank_of
from sabotage.intervals import clusters, estimate, wilson
from sabotage.panel import Panel, chunks

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
        95 %: Wilson's where each example is its own, else from the error over clusters, cut at 0 and 1; None for fewer
        than 10 clusters.
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
    groups = clusters(panel)
    frequent = np.sort(np.bincount(panel.truth, minlength=panel.n_classes))[::-1].cumsum() / panel.n_examples
    own = None if decided.truth_rank is None else _covered(decided.truth_rank, ks, groups)
    return TopK(
        tuple(ks.tolist()),
        own,
        {agent: _of_agent(panel, m, ks, groups) for m, agent in enumerate(panel.agents)},
        tuple((ks / panel.n_classes).tolist()),
        tuple(frequent[: len(ks)].tolist()),
    )


def _of_agent(panel: Panel, m: int, ks: np.ndarray, groups: np.ndarray | None) -> Covered | None:
    if panel.scores is None or not panel.has_scores[m]:
        return None
    ranks, rows = [], []
    spoke = np.flatnonzero(panel.labels[:, m] >= 0)
    for part in chunks(len(spoke), panel.n_classes):
        at = spoke[part]
        scores = panel.scores[at, m]
        known = ~np.isnan(scores)
        some = known.any(axis=1)
        at, scores, known = at[some], scores[some], known[some]
        rank = rank_of(panel.truth[at], np.where(known, scores, -np.inf))
        rank[~known[np.arange(len(at)), panel.truth[at]]] = panel.n_classes  # only listed classes count
        ranks.append(rank)
        rows.append(at)
    scored = np.concatenate(rows) if rows else spoke[:0]
    if not len(scored):
        return None
    within = None if groups is None else np.unique(groups[scored], return_inverse=True)[1]
    return _covered(np.concatenate(ranks), ks, within)


def _covered(rank: np.ndarray, ks: np.ndarray, groups: np.ndarray | None) -> Covered:
    """Return coverage of truths with `rank` (n,) classes before them; groups : (n,) from 0 without gaps, or None."""
    n = len(rank)
    hits = np.bincount(rank, minlength=ks[-1]).cumsum()[: len(ks)]
    covered = hits / n
    spans: list[tuple[float, float] | None]
    if groups is None:
        spans = list(zip(*wilson(hits, np.full(len(ks), n)), strict=True))
    else:
        spans = [_clustered(rank < k, share, groups) for k, share in zip(ks, covered, strict=True)]
    return Covered(n, tuple(covered.tolist()), tuple(spans))


def _clustered(hit: np.ndarray, share: float, groups: np.ndarray) -> tuple[float, float] | None:
    found = estimate(share, (hit - share) / len(hit), groups).interval
    # Where all or none are covered, influence values are 0 throughout, which is not certainty.
    return None if found is None or share in (0.0, 1.0) else (max(found[0], 0.0), min(found[1], 1.0))
