"""How far apart class scores are, against scipy and by what it must not depend on."""

from dataclasses import replace

import numpy as np
import pytest
from builders import make_panel, panels
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy as scipy_entropy

from sabotage.divergence import apart, distributions, divergence, entropy


def test_two_agents_as_scipy():
    panel = make_panel(200, 2, 5, 3)
    expected = [jensenshannon(*own, base=2) ** 2 for own in panel.scores]
    assert divergence(panel) == pytest.approx(np.array(expected), abs=1e-11)


@pytest.mark.parametrize("n_agents", [3, 5])
def test_several_agents_as_entropies_of_scipy(n_agents):
    panel = make_panel(100, n_agents, 4, 5)
    whole = scipy_entropy(panel.scores.mean(axis=1), base=2, axis=1)
    parts = scipy_entropy(panel.scores, base=2, axis=2).mean(axis=1)
    assert divergence(panel) == pytest.approx((whole - parts) / np.log2(n_agents), abs=1e-11)


def test_the_ends_and_what_is_not_known():
    sure = np.eye(3)
    same = np.repeat(sure[:1], 3, axis=0)
    silent = np.full(3, np.nan)
    shares = np.array([sure, same, [sure[0], silent, sure[2]], [sure[0], silent, silent]])
    assert apart(shares)[:3].tolist() == [1.0, 0.0, 1.0]
    assert np.isnan(apart(shares)[3])
    assert entropy(np.array([0.5, 0.5, 0.0])) == 1.0


@pytest.mark.parametrize("bad", [[-0.1, 0.6, 0.5], [0.0, 0.0, 0.0]])
def test_scores_that_are_no_distribution(bad):
    panel = make_panel(20, 2, 3, 1)
    scores = panel.scores.copy()
    scores[4, 0] = bad
    found = divergence(replace(panel, scores=scores))
    assert np.isnan(found[4])
    assert not np.isnan(np.delete(found, 4)).any()


def test_labels_alone():
    assert np.isnan(divergence(make_panel(5, 3, 3, scores=False))).all()


def test_lists_count_what_they_leave_out_as_nothing():
    panel = make_panel(20, 2, 3, 1)
    scores, zeros = panel.scores.copy(), panel.scores.copy()
    scores[:, 0, 1], zeros[:, 0, 1] = np.nan, 0.0
    assert np.array_equal(divergence(replace(panel, scores=scores)), divergence(replace(panel, scores=zeros)))


@settings(deadline=None)
@given(panels(), st.randoms())
def test_neither_order_nor_scale_of_scores_matters(panel, random):
    found = divergence(panel)
    assert ((found >= 0) & (found <= 1) | np.isnan(found)).all()
    agents, classes = list(range(panel.n_agents)), list(range(panel.n_classes))
    random.shuffle(agents)
    random.shuffle(classes)
    shares = distributions(panel)
    assert np.array_equal(apart(shares[:, agents][:, :, classes]), found, equal_nan=True)
    assert divergence(replace(panel, scores=panel.scores * 8)) == pytest.approx(found, nan_ok=True, abs=1e-12)


def test_doubling_every_agent_changes_the_scale_alone():
    shares = distributions(make_panel(50, 3, 4, 2))
    twice = apart(np.concatenate([shares, shares], axis=1))
    assert twice * np.log2(6) == pytest.approx(apart(shares) * np.log2(3), abs=1e-10)
