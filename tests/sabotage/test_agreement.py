"""Agreement against scikit-learn, statsmodels, DESlib, a published example and brute force."""

import naive_measures
import numpy as np
import pyarrow as pa
import pytest
from builders import KRIPPENDORFF, make_panel
from deslib.util import diversity
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa

from sabotage import Panel
from sabotage.agreement import measure_agreement


def panel_of(labels, truth=None, n_classes=5) -> Panel:
    labels = np.array(labels, np.int32)
    n, m = labels.shape
    confidence = np.where(labels >= 0, 0.5, np.nan)
    truth = np.zeros(n, np.int32) if truth is None else np.array(truth, np.int32)
    agents = tuple(f"a{k}" for k in range(m))
    return Panel(
        agents, tuple(range(n_classes)), pa.array(range(n)), truth, labels, confidence, None, confidence.copy()
    )


def test_pairs_are_those_of_scikit_learn_and_deslib():
    panel = make_panel(400, 3, 4, seed=1)
    found = measure_agreement(panel)
    assert [(pair.first, pair.second) for pair in found.pairs] == [
        ("agent0", "agent1"),
        ("agent0", "agent2"),
        ("agent1", "agent2"),
    ]
    first, second = panel.labels[:, 0], panel.labels[:, 1]
    pair = found.pairs[0]
    assert pair.cohen_kappa == pytest.approx(cohen_kappa_score(first, second), abs=1e-12)
    assert pair.agreement == (first == second).mean()
    assert pair.double_fault == pytest.approx(diversity.double_fault(panel.truth, first, second), abs=1e-12)
    assert pair.q_statistic == pytest.approx(diversity.Q_statistic(panel.truth, first, second), abs=1e-12)


def test_fleiss_kappa_is_statsmodels():
    panel = make_panel(200, 4, 5, seed=2)
    found = measure_agreement(panel)
    assert found.fleiss_kappa == pytest.approx(fleiss_kappa(aggregate_raters(panel.labels)[0]), abs=1e-12)
    assert found.n_fleiss == 200


def test_krippendorffs_own_example():
    found = measure_agreement(panel_of(np.array(KRIPPENDORFF).T - 1))
    assert found.krippendorff_alpha == pytest.approx(0.743, abs=5e-4)
    assert found.n_krippendorff == 11


def test_missing_agents_are_the_oracles():
    panel = make_panel(60, 4, 3, seed=3, missing=0.4)
    found = measure_agreement(panel)
    rows = [[None if label < 0 else int(label) for label in row] for row in panel.labels]
    assert found.krippendorff_alpha == pytest.approx(naive_measures.krippendorff(rows), abs=1e-12)
    whole = [row for row in rows if None not in row]
    assert found.n_fleiss == len(whole)
    assert found.fleiss_kappa == pytest.approx(naive_measures.fleiss(whole, 3), abs=1e-12)
    pair = found.pairs[0]
    both = [(row[0], row[1], int(y)) for row, y in zip(rows, panel.truth, strict=True) if None not in row[:2]]
    first, second, truth = map(list, zip(*both, strict=True))
    assert pair.n == len(both)
    assert pair.cohen_kappa == pytest.approx(naive_measures.cohen_kappa(first, second), abs=1e-12)
    assert pair.q_statistic == pytest.approx(naive_measures.q_statistic(first, second, truth), abs=1e-12)


def test_what_cannot_be_had_is_none():
    never = measure_agreement(panel_of([[1, -1], [-1, 1]]))
    assert (never.pairs[0].n, never.pairs[0].agreement, never.krippendorff_alpha) == (0, None, None)
    same = measure_agreement(panel_of([[1, 1], [1, 1]]))
    assert (same.pairs[0].cohen_kappa, same.fleiss_kappa, same.krippendorff_alpha) == (None, None, None)
    assert same.pairs[0].agreement == 1
    assert measure_agreement(panel_of([[0], [1]])).fleiss_kappa is None
    assert measure_agreement(panel_of([[0, 0], [0, 1]], [0, 0])).pairs[0].q_statistic is None
