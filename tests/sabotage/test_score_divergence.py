"""Divergences of class scores against scipy and the definition."""

from dataclasses import replace

import numpy as np
import pytest
from builders import make_panel
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy

from sabotage import score_divergence as module
from sabotage.score_divergence import measure_divergence
from sabotage.tallies import Tally


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
    each = [entropy(own.mean(axis=0), base=3) - np.mean([entropy(p, base=3) for p in own]) for own in scores]
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
