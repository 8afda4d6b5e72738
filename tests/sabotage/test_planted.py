"""Scenarios with a planted cause: what is planted is there, and nothing else is."""

import numpy as np
import pytest

from sabotage import simulate
from sabotage.planted import N_ANNOTATORS, PLANTED, SITES
from sabotage.scenarios import AUDIO, CLASSES, VIDEO

every = pytest.mark.parametrize("scenario", PLANTED)


def said(panel):
    return np.stack(
        [panel.column(f"annotator_{k + 1}").to_numpy(zero_copy_only=False) for k in range(N_ANNOTATORS)], axis=1
    )


def values(panel, name):
    return panel.column(name).to_numpy(zero_copy_only=False)


def right_share(panel, where):
    return (panel.labels == panel.truth[:, None])[where].mean(axis=0)


@every
def test_subjects_have_a_site_and_examples_the_rest(scenario):
    panel = simulate(scenario, 6000, 1)
    subject, site = values(panel, "group"), values(panel, "site")
    assert panel.group == "group"
    assert len(np.unique(subject)) == 60
    assert np.ptp(np.bincount(subject)) <= 1
    of_subject = {own: set(site[subject == own]) for own in np.unique(subject)}
    assert all(len(own) == 1 for own in of_subject.values())
    assert np.unique([own for (own,) in of_subject.values()], return_counts=True)[1].tolist() == [15] * 4
    assert set(site) == set(SITES)
    assert 20 <= values(panel, "noise").min() < values(panel, "noise").max() <= 60
    assert len(set(values(panel, "device"))) == 3


@every
def test_annotators_are_unsure_on_some_examples(scenario):
    panel = simulate(scenario, 6000, 2)
    truth = np.array(CLASSES)[panel.truth]
    n_right = (said(panel) == truth[:, None]).sum(axis=1)
    assert 0.09 < (n_right <= 3).mean() < 0.20
    assert (n_right >= 4).mean() > 0.8
    # Where they are unsure agents err more often in one scenario only.
    unsure, sure = (right_share(panel, own).mean() for own in (n_right <= 3, n_right >= 4))
    if scenario == "ambiguous":
        assert sure - unsure > 0.15
    else:
        assert abs(sure - unsure) < 0.04


def test_one_agent_is_corrupted_where_it_says_so():
    panel = simulate("corrupted-class", 6000, 3)
    fear = panel.truth == CLASSES.index("fear")
    assert right_share(panel, fear)[VIDEO] == pytest.approx(0.25, abs=0.05)
    assert right_share(panel, ~fear) == pytest.approx([0.75] * 3, abs=0.03)
    wrong = fear & (panel.labels[:, VIDEO] != panel.truth)
    assert panel.confidence[wrong, VIDEO].min() >= 0.85
    panel = simulate("corrupted-group", 6000, 3)
    north = values(panel, "site") == "north"
    assert right_share(panel, north)[AUDIO] == pytest.approx(0.25, abs=0.05)
    assert right_share(panel, ~north) == pytest.approx([0.75] * 3, abs=0.03)


def test_ambiguous_examples_are_read_the_other_way_together():
    panel = simulate("ambiguous", 6000, 4)
    truth = np.array(CLASSES)[panel.truth]
    n_right = (said(panel) == truth[:, None]).sum(axis=1)
    unsure, sure = n_right <= 2, n_right == 5
    both = (panel.labels[:, :2] != panel.truth[:, None]).all(axis=1)
    same = panel.labels[:, 0] == panel.labels[:, 1]
    assert same[unsure & both].mean() > 0.5 > 0.4 > same[sure & both].mean()


def test_without_a_cause_nothing_depends_on_anything():
    panel = simulate("no-cause", 20_000, 5)
    for name in ("site", "device"):
        for value in set(values(panel, name)):
            assert right_share(panel, values(panel, name) == value) == pytest.approx([0.75] * 3, abs=0.03)
    for label in range(5):
        assert right_share(panel, panel.truth == label) == pytest.approx([0.75] * 3, abs=0.03)
    right = (panel.labels == panel.truth[:, None]).sum(axis=1)
    assert abs(np.corrcoef(values(panel, "noise"), right)[0, 1]) < 0.03
