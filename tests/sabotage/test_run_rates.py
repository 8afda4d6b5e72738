"""Shares with intervals and paired differences of runs over the same examples."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from builders import make_panel
from scipy.stats import t
from statsmodels.stats.proportion import proportion_confint

from sabotage import compare_runs, replay
from sabotage.roles import SABOTEUR, assign_roles
from sabotage.run_rates import rates_of
from sabotage.tallies import Tally


def runs(n=120, missing=0.2):
    panels = {f"r{k}": make_panel(n, 3, 3, k, missing=missing) for k in range(3)}
    return {name: replace(panel, truth=panels["r0"].truth) for name, panel in panels.items()}


def test_shares_have_wilsons_interval_and_over_clusters_a_wider_one():
    random = np.random.default_rng(0)
    which, among = random.random(200) < 0.3, random.random(200) < 0.8
    panel = make_panel(200, 2, 2)
    plain = Tally(panel)
    (found,) = rates_of(plain, [which & among], [among])
    assert (found.count, found.n) == ((which & among).sum(), among.sum())
    assert found.interval == pytest.approx(proportion_confint(found.count, found.n, method="wilson"))
    (none,) = rates_of(plain, [which & False], [which & False])
    assert (none.value, none.interval, none.n) == (None, None, 0)
    alike = np.repeat(random.random(20) < 0.4, 10)
    own, wide = (
        rates_of(Tally(one), [alike])[0].interval
        for one in (panel, replace(panel, columns={"film": pa.array(np.repeat(np.arange(20), 10))}, group="film"))
    )
    assert wide[1] - wide[0] > 1.5 * (own[1] - own[0])


def test_numbers_of_a_run_and_its_difference_to_the_mean_of_the_others():
    panels = runs()
    found = compare_runs(panels, rule="mean")
    truth = panels["r0"].truth
    decided = np.column_stack([replay(panel, "mean").decision.labels for panel in panels.values()])
    right = decided == truth[:, None]
    for r, (profile, ahead) in enumerate(zip(found.profiles, found.differences, strict=True)):
        assert profile.decision["accuracy"].count == right[:, r].sum()
        others = [k for k in range(3) if k != r]
        difference = right[:, r] - right[:, others].mean(axis=1)
        reach = t.ppf(0.975, 119) * difference.std(ddof=1) / 120**0.5
        assert ahead.decision["accuracy"].value == pytest.approx(difference.mean())
        assert ahead.decision["accuracy"].interval == pytest.approx(
            (difference.mean() - reach, difference.mean() + reach)
        )
        panel = panels[f"r{r}"]
        ready = replay(panel, "mean")
        roles = assign_roles(panel, ready.decision, ready)
        for m, agent in enumerate(found.agents):
            spoke = panel.labels[:, m] >= 0
            own = profile.agents[agent]
            assert (own["accuracy"].n, own["accuracy"].count) == (spoke.sum(), (panel.labels[:, m] == truth).sum())
            assert own["saboteur_per_example"].count == (roles.role[:, m] == SABOTEUR).sum()
            everywhere = np.all([one.labels[:, m] >= 0 for one in panels.values()], axis=0)
            assert ahead.agents[agent]["accuracy"].n == everywhere.sum()


def test_equal_runs_do_not_differ_and_have_no_interval_for_that():
    panel = make_panel(50)
    found = compare_runs({"a": panel, "b": panel})
    for one in found.differences:
        assert one.decision["accuracy"].value == 0
        assert one.decision["accuracy"].interval is None


def test_what_never_differs_has_no_interval():
    # Four runs, so that the mean of three others is rounded.
    panel = make_panel(60, 3, 4)
    labels = {"right": panel.truth, "wrong": (panel.truth + 1) % 4}
    always = {
        name: replace(panel, scores=np.eye(4)[np.stack([own] * 3, axis=1)], labels=np.stack([own] * 3, axis=1))
        for name, own in labels.items()
    }
    found = compare_runs({"a": always["right"], "b": always["wrong"], "c": always["wrong"], "d": always["right"]})
    for one in found.differences:
        assert abs(one.decision["accuracy"].value) == pytest.approx(2 / 3)
        assert one.decision["accuracy"].interval is None
        assert one.agents["agent0"]["accuracy"].interval is None
    assert found.suspects.excess.value == 0
    assert found.suspects.excess.interval is None
