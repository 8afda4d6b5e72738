"""How two or more agents go together: agreement, kappas, alpha, double fault and Q."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from sabotage.panel import Panel


@dataclass(frozen=True)
class PairAgreement:
    """Two agents on the examples where both spoke; None where a denominator is 0."""

    first: str
    second: str
    n: int
    agreement: float | None
    cohen_kappa: float | None
    double_fault: float | None
    q_statistic: float | None


@dataclass(frozen=True)
class PanelAgreement:
    """All agents together.

    `fleiss_kappa` is over the `n_fleiss` examples on which everyone spoke, `krippendorff_alpha` (nominal) over the
    `n_krippendorff` on which at least two did; None where there is one agent, no such example, or one label alone.
    """

    pairs: tuple[PairAgreement, ...]
    n_fleiss: int
    fleiss_kappa: float | None
    n_krippendorff: int
    krippendorff_alpha: float | None


def measure_agreement(panel: Panel) -> PanelAgreement:
    """Measure the agreement of a panel's agents in their labels and in their errors.

    Cohen 1960 (doi:10.1177/001316446002000104), Fleiss 1971 (doi:10.1037/h0031619), Krippendorff's nominal alpha
    (Hayes and Krippendorff 2007, doi:10.1080/19312450709336664), Q and double fault as in Kuncheva and Whitaker 2003
    (doi:10.1023/A:1022859003006).
    """
    pairs = tuple(_pair(panel, a, b) for a, b in combinations(range(panel.n_agents), 2))
    spoke = panel.spoke
    said = spoke.sum(axis=1)
    same = np.zeros(panel.n_examples, np.int64)  # ordered pairs of agents with one label
    for a, b in combinations(range(panel.n_agents), 2):
        same += 2 * (spoke[:, a] & (panel.labels[:, a] == panel.labels[:, b]))
    everyone = (said == panel.n_agents) & (said > 1)
    several = said > 1
    return PanelAgreement(
        pairs,
        int(everyone.sum()),
        fleiss(same[everyone], _totals(panel, everyone), panel.n_agents),
        int(several.sum()),
        krippendorff(same[several], said[several], _totals(panel, several)),
    )


def _totals(panel: Panel, rows: np.ndarray) -> np.ndarray:
    """Count the labels of each class that all agents gave on some examples: ndarray of shape (C,)."""
    labels = panel.labels[rows]
    return np.bincount(labels[labels >= 0], minlength=panel.n_classes)


def _pair(panel: Panel, a: int, b: int) -> PairAgreement:
    both = (panel.labels[:, a] >= 0) & (panel.labels[:, b] >= 0)
    n = int(both.sum())
    names = panel.agents[a], panel.agents[b]
    if not n:
        return PairAgreement(*names, 0, None, None, None, None)
    first, second, truth = panel.labels[both, a], panel.labels[both, b], panel.truth[both]
    observed = float((first == second).mean())
    shares = [np.bincount(labels, minlength=panel.n_classes) / n for labels in (first, second)]
    chance = float(shares[0] @ shares[1])
    right_a, right_b = first == truth, second == truth
    n11, n00 = int((right_a & right_b).sum()), int((~right_a & ~right_b).sum())
    n10, n01 = int((right_a & ~right_b).sum()), int((~right_a & right_b).sum())
    together, apart = n11 * n00, n10 * n01
    return PairAgreement(
        *names,
        n,
        observed,
        None if chance == 1 else (observed - chance) / (1 - chance),
        n00 / n,
        None if together + apart == 0 else (together - apart) / (together + apart),
    )


def fleiss(same: np.ndarray, totals: np.ndarray, raters: int) -> float | None:
    """Return Fleiss' kappa of examples with as many labels each, None where there is none.

    Parameters
    ----------
    same : ndarray of shape (n,)
        Ordered pairs of alike labels of each example.
    totals : ndarray of shape (C,)
        Labels of each class, over all examples.
    raters : int
        Labels of each example.
    """
    if not len(same):
        return None
    observed = float((same / (raters * (raters - 1))).mean())
    chance = float(np.square(totals / totals.sum()).sum())
    return None if chance == 1 else (observed - chance) / (1 - chance)


def krippendorff(same: np.ndarray, said: np.ndarray, totals: np.ndarray) -> float | None:
    """Return Krippendorff's nominal alpha of examples with at least two labels, None where there is none.

    1 - observed / expected disagreement; `said` (n,) are the labels of each example, the others as for `fleiss`.
    """
    n = int(totals.sum())
    expected = float(n) * n - float(np.square(totals, dtype=np.float64).sum())
    if expected == 0:
        return None
    return 1 - (n - 1) * float(disagreeing(same, said).sum()) / expected


def disagreeing(same: np.ndarray, said: np.ndarray) -> np.ndarray:
    """Return what each example adds to the observed disagreement: ndarray of shape (n,)."""
    return said - same / (said - 1)  # (said^2 - sum of squared counts) / (said - 1)
