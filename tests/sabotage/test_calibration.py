"""Error rates and coverage on a few hundred panels; `benchmarks/calibration.py` has the same of thousands.

Bounds lie 4.5 standard errors off, so that a sound test stays inside whatever the seed.
"""

import importlib.util
from functools import partial
from pathlib import Path

import numpy as np
import pytest

SOURCE = Path(__file__).parents[2] / "benchmarks" / "calibration.py"
SPEC = importlib.util.spec_from_file_location("calibration", SOURCE)
calibration = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(calibration)

FAR = 4.5  # standard errors
LEVEL = 0.05


def run(source, panels, **options):
    return calibration.run_tests(np.random.default_rng(7), panels, source, **options)


def reach(share, panels):
    return FAR * (share * (1 - share) / panels) ** 0.5


def rejections(draw, n, panels=150, **options):
    """Return the share of panels with p at most .05, one-sided and two-sided."""
    found = run(calibration.of_draw(draw, n), panels, **options)[:, 0]
    return (found[:, [calibration.P, calibration.TWO_SIDED]] <= LEVEL).mean(axis=0)


@pytest.mark.parametrize(
    ("draw", "n", "within"),
    [(calibration.plain, 120, []), (calibration.repeated, 60, []), (calibration.sites, 120, ["site"])],
    ids=["plain", "seeds in step", "sites"],
)
def test_exchangeable_reliability_is_rarely_found_to_matter(draw, n, within):
    assert (rejections(draw, n, within=within) <= LEVEL + reach(LEVEL, 150)).all()


def test_what_differs_between_sites_is_found_across_them():
    assert (rejections(calibration.sites, 120) > 0.5).all()


def test_subjects_mislead_p_and_not_the_verdict():
    found = run(calibration.of_scenario("grouped", 600), 150)[:, 0]
    words = [calibration.WORDS[int(word)] for word in found[:, calibration.WORD]]
    assert (found[:, calibration.TWO_SIDED] <= LEVEL).mean() > LEVEL + reach(LEVEL, 150)
    assert np.isin(words, ["helpful", "harmful"]).mean() <= LEVEL + reach(LEVEL, 150)


@pytest.mark.parametrize(
    ("draw", "size", "within"),
    [(calibration.clustered, 200, []), (partial(calibration.blocks, size=2), 2, ["block"])],
    ids=["subjects", "blocks of 2"],
)
@pytest.mark.parametrize("statistic", [0, 1], ids=calibration.STATISTICS)
def test_intervals_hold_the_true_gap(draw, size, within, statistic):
    panels, n = 200, 200
    source, name = calibration.of_draw(draw, n), calibration.STATISTICS[statistic]
    found = run(source, panels, statistics=(name,), n_permutations=1, within=within)[:, 0]
    gap, se, low, high = found[:, calibration.GAP :].T
    target = calibration.true_gaps(np.random.default_rng(8), 4 * panels, draw, n, "weighted_mean", size)[:, statistic]
    true = target.mean()
    assert ((low <= true) & (true <= high)).mean() >= 0.95 - reach(0.95, panels)
    assert abs(gap.mean() - true) <= FAR * (gap.var() / panels + target.var() / len(target)) ** 0.5
    # The spread of 200 gaps is known to a twentieth.
    assert np.mean(se**2) ** 0.5 / gap.std() == pytest.approx(1, abs=FAR * 0.05)
