"""The curves behind the figures: calibration, confidences, risk over coverage, top-k and the null distribution."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sabotage.binning import Calibration, Counts, calibrate, count_steps, step_edges
from sabotage.covering import TopK, measure_top_k
from sabotage.fusion import Decision
from sabotage.panel import Panel
from sabotage.results import Permutation
from sabotage.scoring import risks

MOST_POINTS = 101  # of a curve of risk over coverage
FEWEST_BARS, MOST_BARS = 5, 30


@dataclass(frozen=True)
class Risk:
    """Error rate among the most confident share of the n examples with a confidence, at most 101 points.

    Attributes
    ----------
    n : int
    coverage, risk : tuple of float
        Examples of equal confidence are taken in expectation over their order.
    """

    n: int
    coverage: tuple[float, ...]
    risk: tuple[float, ...]


@dataclass(frozen=True)
class Histogram:
    """Counts between edges, of which there is one more; the last bin is closed."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Curves:
    """What figures draw beside the numbers of an audit.

    Attributes
    ----------
    calibration : dict of str to Calibration
        By agent; without bins where it has no confidence.
    edges : tuple of float
        Of the histograms of confidence.
    confidences : dict of str to Counts
    risk_coverage : dict of str to Risk, or None
        None for an agent without a confidence.
    top_k : TopK
    null : Histogram or None
        Of the statistic over the replicates of the permutation test; None where there was no test.
    """

    calibration: dict[str, Calibration]
    edges: tuple[float, ...]
    confidences: dict[str, Counts]
    risk_coverage: dict[str, Risk | None]
    top_k: TopK
    null: Histogram | None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields of audit.json."""
        fields = asdict(self)
        edges, agents = fields.pop("edges"), fields.pop("confidences")
        order = ("calibration", "confidences", "risk_coverage", "top_k", "null")
        fields["confidences"] = {"edges": edges, "agents": agents}
        return {name: fields[name] for name in order}


def measure_curves(panel: Panel, decided: Decision, permutation: Permutation | None) -> Curves:
    """Measure the curves of a panel, its decisions and its permutation test."""
    calibration, confidences, risk = {}, {}, {}
    for m, agent in enumerate(panel.agents):
        known = (panel.labels[:, m] >= 0) & ~np.isnan(panel.confidence[:, m])
        confidence = panel.confidence[known, m]
        right = panel.labels[known, m] == panel.truth[known]
        calibration[agent] = calibrate(right, confidence)
        confidences[agent] = count_steps(right, confidence)
        risk[agent] = _risk(right, confidence)
    null = None
    if permutation is not None:
        null = histogram(permutation.broken, statistic_step(panel, permutation.statistic))
    return Curves(calibration, step_edges(), confidences, risk, measure_top_k(panel, decided), null)


def _risk(right: np.ndarray, confidence: np.ndarray) -> Risk | None:
    n = len(right)
    if not n:
        return None
    found = risks(right, confidence)
    kept = np.unique(np.ceil(np.linspace(0, n, min(n, MOST_POINTS - 1) + 1)[1:]).astype(np.int64))
    kept = np.union1d(kept, [1])
    return Risk(n, tuple((kept / n).tolist()), tuple(found[kept - 1].tolist()))


def statistic_step(panel: Panel, statistic: str) -> float:
    """Return by how much one more hit moves a statistic, in the middle of the examples; 0 for what moves smoothly."""
    n = panel.n_examples
    if statistic == "accuracy" or statistic.startswith("top_"):
        return 1 / n
    if statistic == "balanced_accuracy":
        # Inside each seed classes weigh the same, and seeds do among each other.
        cell = panel.runs * panel.n_classes + panel.truth
        size = np.bincount(cell)
        present = np.bincount(np.flatnonzero(size) // panel.n_classes)
        n_runs = int(np.count_nonzero(present))
        return float(np.median(1 / (n_runs * present[panel.runs] * size[cell])))
    return 0.0


def histogram(values: np.ndarray, step: float) -> Histogram:
    """Count values in bins that each hold as many steps, so that no bin is high for its place alone.

    Parameters
    ----------
    values : ndarray of shape (R,)
    step : float
        Distance of values that can come out, about; 0 where any can.
    """
    values = np.round(values, 12)  # equal statistics may differ in the last bit
    low, high = float(values.min()), float(values.max())
    most = int(np.clip(np.ceil(2 * np.cbrt(len(values))), FEWEST_BARS, MOST_BARS))
    if high - low <= 1e-9:
        half = (step or 1e-3) / 2
        return Histogram((low - half, high + half), (len(values),))
    width = (high - low) / most
    if step:
        width = step * max(1, int(np.ceil(width / step)))
        found, often = np.unique(values, return_counts=True)
        # Steps lie in the middle of their bin, or of their part of it, from the most frequent value on.
        middle = float(found[np.argmax(often)])
        first = middle - step / 2
        low = first - width * max(0, int(np.ceil((first - low) / width)))
    n_bins = max(1, int(np.floor((high - low) / width)) + (1 if step else 0))
    edges = low + width * np.arange(n_bins + 1)
    if not step:
        edges = np.linspace(low, high, most + 1)
    counts = np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0]
    return Histogram(tuple(edges.tolist()), tuple(counts.tolist()))
