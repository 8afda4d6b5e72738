"""Profiles of runs over different data side by side, and differences with intervals."""

import numpy as np
import pytest
from builders import make_panel
from statsmodels.stats.proportion import confint_proportions_2indep

from sabotage import analyze, compare_runs
from sabotage.datasets import difference
from sabotage.run_rates import Rate
from sabotage.spans import wilson


def rate(hits, n):
    return Rate(hits / n, tuple(wilson(np.array(hits), np.array(n)).tolist()), hits, n)


@pytest.mark.parametrize(("a", "n", "b", "m"), [(56, 70, 48, 80), (0, 30, 5, 40), (9, 10, 3, 10), (100, 4000, 90, 300)])
def test_the_interval_of_a_difference_of_shares_is_newcombes(a, n, b, m):
    found = difference(rate(a, n), rate(b, m))
    assert found.value == pytest.approx(a / n - b / m)
    assert found.interval == pytest.approx(confint_proportions_2indep(a, n, b, m, method="newcomb"), abs=1e-9)


def test_equal_errors_add_as_roots_of_sums_of_squares_and_unknown_ones_are_none():
    found = difference(Rate(1.0, (0.7, 1.3)), Rate(0.5, (0.1, 0.9)))
    assert found.interval == pytest.approx((0.0, 1.0))
    assert difference(Rate(1.0, None), Rate(0.5, (0.1, 0.9))) == Rate(0.5, None)
    assert difference(Rate(None, None), Rate(0.5, (0.1, 0.9))).value is None


def test_profiles_are_those_of_each_audit():
    panels = {f"d{k}": make_panel(80 + 20 * k, 2, 3, k) for k in range(3)}
    found = compare_runs(panels, different=True)
    assert (found.is_same, found.n_examples, found.kappas, found.variance, found.suspects) == (False, *[None] * 4)
    for one in found.profiles:
        audit = analyze(panels[one.run], n_permutations=0)
        assert one.decision["accuracy"].value == pytest.approx(audit.decision.accuracy)
        assert one.decision["accuracy"].interval == pytest.approx(audit.decision.intervals["accuracy"])
        assert one.decision["with_saboteur"].count == audit.totals.n_with_saboteur
        for own in audit.agents:
            rates = one.agents[own.agent]
            for name in ("accuracy", "ece", "mean_confidence", "auroc_confidence", "saboteur_lift"):
                assert rates[name].value == getattr(own, name)
                assert rates[name].interval == own.intervals[name]
            assert rates["saboteur_per_example"].count == own.roles["saboteur"]
            assert rates["saboteur_per_example"].interval == own.intervals["saboteur_per_example"]
            assert rates["pivotal_saboteur_per_example"].count == own.pivotal_saboteur
    assert [(one.run, one.to) for one in found.differences] == [("d1", "d0"), ("d2", "d0")]
    own = found.differences[1].agents["agent1"]["accuracy"]
    first, last = (found.profiles[k].agents["agent1"]["accuracy"].value for k in (0, 2))
    assert own.value == pytest.approx(last - first)
    assert found.findings[0].startswith("Different data: d0 is right on ")
