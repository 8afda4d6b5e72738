"""What estimates are made from, against scipy and loops; and what is said of a panel that lacks it."""

from dataclasses import replace

import numpy as np
import pytest
from builders import make_panel, panels
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import logsumexp, softmax

from sabotage import SabotageError
from sabotage.assessors import ASSESSORS, Given, check_given, distance, energy, entropy, find_logits, learned, margin
from sabotage.assessors import require as required

NOTHING = Given()


def listing(panel, seed=0, share=0.4):
    """Return the panel with candidate lists: some classes are not listed, the label always is."""
    random = np.random.default_rng(seed)
    scores = np.where(random.random(panel.scores.shape) < share, np.nan, panel.scores)
    i, m = np.nonzero(panel.labels >= 0)
    scores[i, m, panel.labels[i, m]] = panel.scores[i, m, panel.labels[i, m]]
    return replace(panel, scores=scores)


@settings(max_examples=150, deadline=None)
@given(panels(), st.booleans())
def test_margin_and_entropy_of_shares(panel, lists):
    panel = listing(panel) if lists else panel
    for m in range(panel.n_agents):
        gaps, spreads = margin(panel, m, False, NOTHING)[:, 0], entropy(panel, m, False, NOTHING)[:, 0]
        for i in range(panel.n_examples):
            own = [value for value in panel.scores[i, m].tolist() if not np.isnan(value)]
            if panel.labels[i, m] < 0:
                assert np.isnan(gaps[i])
                assert np.isnan(spreads[i])
                continue
            best, second = sorted(own + [0.0] * panel.n_classes, reverse=True)[:2]
            assert gaps[i] == best - second
            shares = own if sum(own) > 0 else [1.0] * panel.n_classes
            assert spreads[i] == pytest.approx(stats.entropy(shares), abs=1e-12)


@settings(max_examples=80, deadline=None)
@given(panels(), st.booleans(), st.integers(0, 1000))
def test_logits_go_through_a_softmax(panel, lists, seed):
    logits = np.where(np.isnan(panel.scores), np.nan, np.random.default_rng(seed).normal(0, 4, panel.scores.shape))
    panel = replace(panel, scores=logits)
    panel = listing(panel, seed) if lists else panel
    for m in range(panel.n_agents):
        gaps, spreads, energies = (one(panel, m, True, NOTHING)[:, 0] for one in (margin, entropy, energy))
        for i in range(panel.n_examples):
            if panel.labels[i, m] < 0:
                assert np.isnan([gaps[i], spreads[i], energies[i]]).all()
                continue
            own = panel.scores[i, m][~np.isnan(panel.scores[i, m])]
            best, second = sorted([*softmax(own).tolist(), 0.0], reverse=True)[:2]
            assert gaps[i] == pytest.approx(best - second, abs=1e-12)
            assert spreads[i] == pytest.approx(stats.entropy(softmax(own)), abs=1e-12)
            assert energies[i] == pytest.approx(logsumexp(own), abs=1e-12)


def test_distances_are_those_of_a_double_loop():
    panel = make_panel(40, 2, 3, missing=0.2)
    random = np.random.default_rng(1)
    scale = np.array([1.0, 1000.0, 0.0])  # the last never changes in training
    training = {agent: random.normal(0, 1, (30, 3)) * scale for agent in panel.agents}
    features = {agent: random.normal(0, 1, (40, 3)) * scale for agent in panel.agents}
    features["agent0"][5, 1] = np.nan
    given_arrays = check_given(panel, Given(features, training))
    for m, agent in enumerate(panel.agents):
        found = distance(panel, m, False, given_arrays)[:, 0]
        spread = training[agent].std(axis=0)
        spread[2] = 1.0
        for i in range(40):
            own = [float((((features[agent][i] - row) / spread) ** 2).sum() ** 0.5) for row in training[agent]]
            if panel.labels[i, m] < 0 or (agent == "agent0" and i == 5):
                assert np.isnan(found[i])
            else:
                assert found[i] == pytest.approx(np.mean(sorted(own)[:10]), rel=1e-9)
    few = check_given(panel, Given(features, {agent: own[:3] for agent, own in training.items()}))
    assert np.isfinite(distance(panel, 1, False, few)[panel.spoke[:, 1]]).all()


def test_what_is_learned_from_holds_all_that_an_agent_says():
    panel = make_panel(30, 2, 4, missing=0.3)
    confidence = panel.confidence.copy()
    confidence[3:5] = np.nan
    panel = replace(panel, confidence=confidence)
    features = {agent: np.arange(60.0).reshape(30, 2) for agent in panel.agents}
    for m in range(2):
        spoke = panel.spoke[:, m]
        found = learned(panel, m, False, check_given(panel, Given(features)))
        assert found.shape == (30, 5 + 5 + 4)  # said, unknown, label
        assert np.isnan(found[~spoke]).all()
        assert not np.isnan(found[spoke]).any()
        assert (found[[3, 4], 0][spoke[[3, 4]]] == 0).all()
        assert (found[[3, 4], 5][spoke[[3, 4]]] == 1).all()
        assert (found[spoke, 10:].argmax(axis=1) == panel.labels[spoke, m]).all()
        assert (found[spoke][:, 3:5] == features["agent0"][spoke]).all()
    bare = replace(panel, scores=None)
    assert learned(bare, 0, False, NOTHING).shape == (30, 1 + 1 + 4)


def test_logits_are_told_from_shares():
    panel = make_panel(30, 4, 3)
    scores = panel.scores.copy()
    scores[:, 1] = np.log(scores[:, 1] + 1e-6)
    scores[:, 2] *= 0.4  # shares of nothing whole
    scores[:, 3] = np.round(scores[:, 3], 2)  # rounding is no sign
    negative, odd = find_logits(replace(panel, scores=scores))
    assert negative.tolist() == [False, True, False, False]
    assert odd.tolist() == [False, True, True, False]
    above = panel.scores.copy()
    above[0, 0] = [1.5, 0.0, 0.0]
    assert find_logits(replace(panel, scores=above))[1].tolist() == [True, False, False, False]
    assert not find_logits(listing(panel))[1].any()
    assert not find_logits(replace(panel, scores=None))[1].any()


@pytest.mark.parametrize("method", ["margin", "entropy", "energy"])
def test_who_has_no_scores_is_named(method):
    panel = replace(make_panel(20, 2, 3), scores=None)
    with pytest.raises(SabotageError, match=rf"{method} needs class scores.*agent0, agent1 has none: method learned"):
        required(method, panel, np.zeros(2, bool), NOTHING)


def test_energy_wants_logits():
    panel = make_panel(20, 2, 3)
    with pytest.raises(SabotageError, match=r"energy needs logits.*agent1 are shares.*store the logits, or use"):
        required("energy", panel, np.array([True, False]), NOTHING)


WRONG = [
    (Given({"agent0": np.zeros((20, 2))}), "features must hold an array of every agent: agent1 not there"),
    (Given({"agent0": np.zeros(20), "agent1": np.zeros((20, 2))}), r"features of agent0 must be of shape \(20, d\)"),
    (Given({"agent0": np.zeros((9, 2)), "agent1": np.zeros((20, 2))}), r"found \(9, 2\)"),
    (Given({"agent0": [["a"]] * 20, "agent1": np.zeros((20, 2))}), "features of agent0 must be numbers"),
    (Given({a: np.full((20, 2), np.inf) for a in ("agent0", "agent1")}), "must be finite"),
    (Given(None, {a: np.full((5, 2), np.nan) for a in ("agent0", "agent1")}), "training of agent0 must have rows"),
    (
        Given(
            {a: np.zeros((20, 2)) for a in ("agent0", "agent1")}, {a: np.zeros((5, 3)) for a in ("agent0", "agent1")}
        ),
        "as many columns everywhere: found 2 and 3",
    ),
]


@pytest.mark.parametrize(("arrays", "said"), WRONG)
def test_arrays_that_do_not_fit_are_refused(arrays, said):
    with pytest.raises(SabotageError, match=said):
        check_given(make_panel(20, 2, 3), arrays)


def test_features_go_to_who_looks_at_them():
    panel = make_panel(20, 2, 3)
    arrays = {agent: np.zeros((20, 2)) for agent in panel.agents}
    for method in ("margin", "entropy"):
        with pytest.raises(SabotageError, match="looks at no features"):
            required(method, panel, np.zeros(2, bool), Given(arrays))
    required("learned", panel, np.zeros(2, bool), Given(arrays))
    with pytest.raises(SabotageError, match="distance needs training"):
        required("distance", panel, np.zeros(2, bool), Given(arrays))
    assert list(ASSESSORS) == ["margin", "entropy", "energy", "distance", "learned"]
