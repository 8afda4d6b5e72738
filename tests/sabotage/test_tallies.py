"""Shares and means against statsmodels, the shares of profiles, and brute force."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import statsmodels.api as sm
from builders import make_panel
from statsmodels.stats.proportion import proportion_confint

from sabotage.tallies import FEW, NO_SPREAD, Tally


def grouped(n=400, n_groups=40):
    panel = make_panel(n)
    return replace(panel, columns={"who": pa.array([f"s{i % n_groups}" for i in range(n)])}, group="who")


def test_shares_have_wilsons_interval():
    random = np.random.default_rng(0)
    base, which = random.random(300) < 0.7, random.random(300) < 0.2
    found = Tally(make_panel(300)).rate(which, base)
    assert (found.count, found.n) == (int((which & base).sum()), int(base.sum()))
    assert found.interval == pytest.approx(proportion_confint(found.count, found.n, method="wilson"), abs=1e-12)
    none = Tally(make_panel(300)).rate(which, np.zeros(300, bool))
    assert (none.count, none.n, none.share, none.interval) == (0, 0, None, None)


def test_clustered_shares_are_those_of_profiles():
    from sabotage import analyze

    panel = grouped()
    audit = analyze(panel, n_permutations=0, controls=False)
    right = audit.role_table.decision.labels == panel.truth
    found = Tally(panel).rate(right, np.ones(400, bool))
    assert found.interval == pytest.approx(audit.decision.intervals["accuracy"], abs=1e-12)
    few = Tally(grouped(90, 9)).rate(np.ones(90, bool), np.ones(90, bool))
    assert (few.share, few.interval) == (1.0, None)


def test_counts_of_clusters_sum_to_those_of_examples():
    panel = grouped()
    tally, plain = Tally(panel), Tally(make_panel(400))
    code = np.arange(400) % 7
    rows = np.flatnonzero(code != 3)
    assert (tally.cross(code, 8).sum(axis=0) == plain.cross(code, 8)[0]).all()
    assert (tally.cross(code[rows], 8, rows).sum(axis=0) == plain.cross(code[rows], 8, rows)[0]).all()
    assert (
        tally.count(code > 2, code > 5).sum(axis=0) == [np.count_nonzero(code > 2), np.count_nonzero(code > 5)]
    ).all()


def test_means_have_the_errors_of_statsmodels():
    random = np.random.default_rng(1)
    rows = np.sort(random.choice(400, 250, replace=False))
    values = random.random(250)
    for panel, kind in ((make_panel(400), {"cov_type": "HC1"}), (grouped(), {"cov_type": "cluster"})):
        if kind["cov_type"] == "cluster":
            kind["cov_kwds"] = {"groups": rows % 40, "use_correction": False}
        fit = sm.OLS(values, np.ones(250)).fit(**kind, use_t=True)
        found = Tally(panel).mean(values, rows, 0.0, 1.0, "nothing")
        n_clusters = 250 if kind["cov_type"] == "HC1" else 40
        error = fit.bse[0] if kind["cov_type"] == "HC1" else fit.bse[0] * (n_clusters / (n_clusters - 1)) ** 0.5
        from scipy.stats import t

        reach = t.ppf(0.975, n_clusters - 1) * error
        assert found.value == pytest.approx(values.mean())
        assert found.interval == pytest.approx((values.mean() - reach, values.mean() + reach), rel=1e-9)


def test_reasons_of_what_is_none():
    tally = Tally(make_panel(50))
    assert tally.mean(np.zeros(0), np.zeros(0, np.int64), 0.0, 1.0, "nothing").why == "nothing"
    assert tally.mean(np.arange(5.0) / 9, np.arange(5), 0.0, 1.0, "nothing").why == FEW
    assert tally.mean(np.full(30, 0.1), np.arange(30), 0.0, 1.0, "nothing").why == NO_SPREAD
