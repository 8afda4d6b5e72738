"""Values against `sabotage.agreement` and its witnesses, intervals against the bootstrap and statsmodels."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from builders import make_panel, panels, seeded
from hypothesis import given, settings
from statsmodels.stats.inter_rater import cohens_kappa

from sabotage.agreement import measure_agreement
from sabotage.between import measure_between
from sabotage.tallies import Tally


def of(panel):
    return measure_between(panel, Tally(panel))


@given(panels())
@settings(max_examples=80, deadline=None)
def test_values_are_those_of_agreement(panel):
    found, known = of(panel), measure_agreement(panel)
    for pair, own in zip(known.pairs, found.pairs, strict=True):
        assert (own.first, own.second, own.n) == (pair.first, pair.second, pair.n)
        assert own.agreement.share == pytest.approx(pair.agreement)
        assert own.double_fault.share == pytest.approx(pair.double_fault)
        for name in ("cohen_kappa", "q_statistic"):
            value = getattr(pair, name)
            assert getattr(own, name).value == (None if value is None else pytest.approx(value, abs=1e-12))
            assert value is not None or getattr(own, name).why
    assert found.fleiss_kappa.value == (
        None if known.fleiss_kappa is None else pytest.approx(known.fleiss_kappa, abs=1e-9)
    )
    alpha = known.krippendorff_alpha
    assert found.krippendorff_alpha.value == (None if alpha is None else pytest.approx(max(alpha, -1), abs=1e-9))


def test_kappas_standard_error_is_that_of_statsmodels():
    panel = make_panel(500, 2, 4, seed=3)
    table = np.zeros((4, 4))
    np.add.at(table, tuple(panel.labels.T), 1)
    known = cohens_kappa(table)
    low, high = of(panel).pairs[0].cohen_kappa.interval
    assert (high - low) / 2 == pytest.approx(1.9647 * known.std_kappa, rel=2e-3)


def resampled(panel, pick, cluster=None, times=400):
    random = np.random.default_rng(0)
    values = []
    for _ in range(times):
        if cluster is None:
            rows = random.integers(0, panel.n_examples, panel.n_examples)
        else:
            names = random.integers(0, cluster.max() + 1, cluster.max() + 1)
            rows = np.concatenate([np.flatnonzero(cluster == name) for name in names])
        values.append(pick(measure_agreement(panel.take(rows))))
    return float(np.std(values))


@pytest.mark.parametrize("clustered", [False, True])
def test_errors_are_those_of_resamples(clustered):
    panel, cluster = make_panel(300, 3, 3, seed=2, missing=0.2), None
    if clustered:
        cluster = np.arange(300) // 5
        # Examples of one cluster are alike.
        panel = panel.take(np.repeat(np.arange(0, 300, 5), 5))
        panel = replace(panel, columns={"who": pa.array(cluster)}, group="who")
    found = of(panel)
    picks = {
        "kappa": (found.pairs[0].cohen_kappa, lambda own: own.pairs[0].cohen_kappa),
        "fleiss": (found.fleiss_kappa, lambda own: own.fleiss_kappa),
        "alpha": (found.krippendorff_alpha, lambda own: own.krippendorff_alpha),
    }
    for measure, pick in picks.values():
        low, high = measure.interval
        assert (high - low) / 4 == pytest.approx(resampled(panel, pick, cluster, 150), rel=0.25)


def test_the_interval_of_q_is_that_of_the_odds_ratio():
    panel = make_panel(400, 2, 3, seed=4)
    right = panel.labels == panel.truth[:, None]
    counts = [np.count_nonzero((right[:, 0] == a) & (right[:, 1] == b)) for a in (0, 1) for b in (0, 1)]
    error = sum(1 / count for count in counts) ** 0.5
    ratio = np.log(counts[3] * counts[0] / (counts[1] * counts[2]))
    own = of(panel).pairs[0].q_statistic
    expected = [np.tanh((ratio + side * 1.966 * error) / 2) for side in (-1, 1)]
    assert own.value == pytest.approx(np.tanh(ratio / 2))
    assert own.interval == pytest.approx(expected, abs=2e-3)


def test_undefined_cases_are_named():
    panel = make_panel(30, 2, 3)
    same = replace(panel, labels=np.repeat(panel.labels[:, :1], 2, axis=1))
    own = of(same).pairs[0]
    assert own.cohen_kappa.value == 1
    assert own.cohen_kappa.why
    assert (own.q_statistic.value, own.q_statistic.interval) == (1, None)
    assert "never happens" in own.q_statistic.why
    one = of(replace(panel, labels=np.ones_like(panel.labels)))
    assert "one label" in one.pairs[0].cohen_kappa.why
    assert "one label" in one.fleiss_kappa.why
    apart = panel.labels.copy()
    apart[::2, 0], apart[1::2, 1] = -1, -1
    never = of(replace(panel, labels=apart)).pairs[0]
    assert never.cohen_kappa.why == never.q_statistic.why == "they never speak together"
    assert (never.n, never.agreement.share) == (0, None)
    alone = of(make_panel(30, 1, 3))
    assert (alone.pairs, alone.fleiss_kappa.why) == ((), "there is one agent")


def test_seeds_make_ids_the_clusters():
    panel = seeded(30, 3, dropped=0.0)
    tripled = of(panel)
    alone = of(replace(panel, seed_column=None, ids=pa.array(range(panel.n_examples))))
    assert tripled.fleiss_kappa.value == alone.fleiss_kappa.value
    assert tripled.fleiss_kappa.interval != alone.fleiss_kappa.interval
