"""How far apart class scores are, against scipy and by what it must not depend on."""

from dataclasses import replace

import numpy as np
import pytest
from builders import make_panel, panels
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy as scipy_entropy

from sabotage import divergence as module
from sabotage.divergence import apart, as_shares, divergence, entropy, measure_divergence
from sabotage.tallies import Tally


def among(shares):
    """Return the divergence of shares (k, M, C)."""
    by_agent = list(np.moveaxis(shares, 1, 0).transpose(0, 2, 1))
    return apart(by_agent, [entropy(own) for own in by_agent])


def distributions(panel):
    """Return the shares of a panel (k, M, C)."""
    scores = np.where(panel.spoke[..., None], panel.scores, 0.0)
    return np.stack([as_shares(own).T for own in np.moveaxis(scores, 1, 0)], axis=1)


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
    assert among(shares)[:3].tolist() == [1.0, 0.0, 1.0]
    assert np.isnan(among(shares)[3])
    assert entropy(np.array([[0.5], [0.5], [0.0]])).tolist() == [1.0]


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
    assert np.array_equal(among(shares[:, agents][:, :, classes]), found, equal_nan=True)
    assert divergence(replace(panel, scores=panel.scores * 8)) == pytest.approx(found, nan_ok=True, abs=1e-12)


def test_doubling_every_agent_changes_the_scale_alone():
    shares = distributions(make_panel(50, 3, 4, 2))
    twice = among(np.concatenate([shares, shares], axis=1))
    assert twice * np.log2(6) == pytest.approx(among(shares) * np.log2(3), abs=1e-10)


def of(panel):
    return measure_divergence(panel, Tally(panel))


def test_pairs_are_scipys_and_all_is_the_definition():
    panel = make_panel(150, 3, 5, missing=0.3)
    found = of(panel)
    for (a, b), own in found.pairs.items():
        both = np.flatnonzero(panel.spoke[:, a] & panel.spoke[:, b])
        each = jensenshannon(panel.scores[both, a], panel.scores[both, b], base=2, axis=1) ** 2
        assert own.n == len(both)
        assert own.value == pytest.approx(each.mean(), abs=1e-12)
        reach = 1.9599 * each.std(ddof=1) / len(both) ** 0.5
        assert own.interval == pytest.approx((each.mean() - reach, each.mean() + reach), abs=2e-3)
    everyone = np.flatnonzero(panel.spoke.all(axis=1))
    scores = panel.scores[everyone]
    each = [
        scipy_entropy(own.mean(axis=0), base=3) - np.mean([scipy_entropy(p, base=3) for p in own]) for own in scores
    ]
    assert found.everyone.value == pytest.approx(np.mean(each), abs=1e-12)
    assert (found.everyone.n, found.n_sampled) == (len(everyone), None)


def test_ends_scale_and_lists():
    panel = make_panel(40, 2, 3)
    apart = np.tile(np.array([[1.0, 0, 0], [0, 1.0, 0]]), (40, 1, 1))
    assert of(replace(panel, scores=apart)).everyone.value == 1
    same = np.repeat(panel.scores[:, :1], 2, axis=1)
    assert of(replace(panel, scores=same)).everyone.value == 0
    assert of(replace(panel, scores=panel.scores * [[[1e-300], [1e300]]])).everyone.value == pytest.approx(
        of(panel).everyone.value
    )
    listed = apart.copy()
    listed[listed == 0] = np.nan  # not listed is 0
    assert of(replace(panel, scores=listed)).everyone.value == 1


def test_undefined_cases_have_their_reasons():
    panel = make_panel(40, 3, 3)
    scores = panel.scores.copy()
    scores[:, 0] -= 0.5
    scores[:, 2] = np.nan
    found = of(replace(panel, scores=scores))
    assert found.pairs[0, 1].why == "agent0 has negative scores, which are no shares"
    assert found.pairs[1, 2].why == "agent2 has no class scores"
    assert "two agents" in found.everyone.why
    zeros = of(replace(panel, scores=np.zeros_like(panel.scores)))
    assert (zeros.pairs[0, 1].value, zeros.pairs[0, 1].n) == (None, 0)
    assert of(replace(panel, scores=None)).pairs[0, 1].why == "agent0 has no class scores"


def test_of_too_many_examples_a_sample_is_taken(monkeypatch):
    panel = make_panel(3000, 3, 4)
    whole = of(panel)
    monkeypatch.setattr(module, "MOST_NUMBERS", 24_000)
    sampled = of(panel)
    assert (sampled.n_sampled, sampled.pairs[0, 1].n) == (1000, 1000)
    low, high = sampled.pairs[0, 1].interval
    assert low - 0.01 < whole.pairs[0, 1].value < high + 0.01
    assert of(panel).everyone == sampled.everyone  # the same sample
