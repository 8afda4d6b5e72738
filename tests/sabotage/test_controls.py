"""Controls and dose-response against the plain test on panels made by hand, and the pattern that the paper reports."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from builders import make_panel

from sabotage import Panel, measure_dose_response, measure_headroom, permute, replay, run_controls, simulate
from sabotage.controls import DOSES, ideal_reliability
from sabotage.saying import what_was_found, what_was_not_shown

OPTIONS = {"n_permutations": 99, "seed": 3}


@pytest.mark.parametrize("scheme", ["joint", "independent"])
def test_controls_are_the_plain_test_with_other_reliability(scheme):
    panel = make_panel(150, 3, 4, seed=1, missing=0.2, no_reliability=0.1)
    controls = run_controls(replay(panel), delta=0.01, scheme=scheme, **OPTIONS)
    right = panel.labels == panel.truth[:, None]
    ideal = np.where(panel.labels < 0, np.nan, np.where(right, 1.0, 0.05))
    np.testing.assert_array_equal(ideal_reliability(replay(panel)), ideal)
    for control, q in ((controls.positive, ideal), (controls.negative, np.where(panel.labels < 0, np.nan, 1.0))):
        plain = permute(replay(panel.with_weights(q)), scheme=scheme, **OPTIONS)
        assert (control.clean, control.gap, control.p_value) == (plain.clean, plain.gap, plain.p_value)
        if scheme == "joint":
            assert control.gap_interval == plain.moments.gap_interval
    assert controls.positive.gap > 0.1
    assert (controls.negative.gap, controls.negative.p_value, controls.negative.flip_rate) == (0, 1, 0)
    assert controls.can_respond is (True if scheme == "joint" else None)
    if scheme == "joint":
        assert (controls.negative.gap_u, controls.negative.gap_se, controls.negative.gap_interval) == (0, 0, (0, 0))


def test_a_rule_that_cannot_respond_is_found_out():
    panel = make_panel(100, 2, 3, seed=2)
    same = np.repeat(panel.labels[:, :1], 2, axis=1)  # nobody to turn to
    panel = replace(panel, labels=same, scores=None)
    controls = run_controls(replay(panel, "weighted_vote"), delta=0.01, **OPTIONS)
    assert controls.can_respond is False
    assert run_controls(replay(panel, "majority"), delta=0.01, **OPTIONS) is None
    assert measure_dose_response(replay(panel, "majority"), **OPTIONS) is None


def test_a_dose_is_the_controls_reliability_for_who_comes_first():
    panel = make_panel(60, 3, 3, seed=5)
    ready = replay(panel)
    found = measure_dose_response(ready, **OPTIONS)
    assert tuple(dose.share for dose in found.doses) == DOSES
    plain, ideal = permute(ready, **OPTIONS), ideal_reliability(ready)
    best = permute(ready.with_reliability(ideal), **OPTIONS)
    assert (found.doses[0].clean, found.doses[0].gap) == (plain.clean, plain.gap)
    assert found.doses[0].seen == (plain.p_value <= 0.05)
    assert (found.doses[-1].clean, found.doses[-1].gap) == (pytest.approx(best.clean), pytest.approx(best.gap))
    for share, dose in ((0.3, found.doses[3]), (0.7, found.doses[7])):
        tests = []
        for draw in range(20):  # the same order of the examples for every share
            place = np.random.default_rng((3, draw)).random(60)
            q = np.where((place < share)[:, None], ideal, panel.reliability)
            tests.append(permute(replay(panel.with_weights(q)), **OPTIONS))
        assert dose.gap == pytest.approx(np.mean([test.gap for test in tests]), abs=1e-12)
        assert dose.clean == pytest.approx(np.mean([test.clean for test in tests]), abs=1e-12)
        assert dose.seen == pytest.approx(np.mean([test.p_value <= 0.05 for test in tests]))
    assert found.first_seen == next(dose.share for dose in found.doses if dose.seen >= 0.8)
    assert (found.n_draws, found.n_permutations) == (20, 99)


def test_an_id_takes_its_dose_in_all_seeds_at_once():
    panel = make_panel(40, 2, 3, seed=1)
    columns = {"run": pa.array([k // 20 for k in range(40)])}
    panel = replace(panel, ids=pa.array([k % 20 for k in range(40)]), columns=columns, seed_column="run")
    panel = replace(panel, truth=np.tile(panel.truth[:20], 2))
    found = measure_dose_response(replay(panel), n_permutations=19)
    clean = []
    for draw in range(20):
        place = np.tile(np.random.default_rng((0, draw)).random(20), 2)
        q = np.where((place < 0.5)[:, None], ideal_reliability(replay(panel)), panel.reliability)
        clean.append(permute(replay(panel.with_weights(q)), n_permutations=1).clean)
    assert found.doses[5].clean == pytest.approx(np.mean(clean), abs=1e-12)


def test_progress_counts_the_tests():
    seen = []
    measure_dose_response(replay(make_panel(20)), n_permutations=9, progress=lambda *of: seen.append(of))
    assert seen == [(k, 201) for k in range(1, 202)]


def headroom_and_test(scenario: str, n: int):
    panel = simulate(scenario, n, 4)
    ready = replay(panel)
    return panel, measure_headroom(ready, "balanced_accuracy"), permute(ready, n_permutations=500)


def test_headroom_without_knowledge_gives_no_gap_and_is_never_called_unused():
    panel, headroom, test = headroom_and_test("uninformative", 20_000)
    assert headroom.headroom.interval[0] > 0.2
    assert test.flip_rate > 0.15
    assert abs(test.moments.gap_u) < 0.01
    assert test.verdict.word == "neutral"
    assert headroom.captured.interval[1] < 0.05
    for sentence in (what_was_found(panel, test), what_was_not_shown(test)):
        for word in ("unused", "not used", "no effect", "useless", "ignore"):
            assert word not in sentence


def test_aligned_reliability_gives_a_gap_near_the_headroom():
    _, headroom, test = headroom_and_test("aligned", 4000)
    assert test.verdict.word == "helpful"
    assert test.moments.gap_u == pytest.approx(headroom.headroom.value, rel=0.15)
    assert headroom.captured.interval[0] > 0.6


@pytest.mark.parametrize("n", [1, 2, 15])
def test_tiny_panels(n):
    panel = make_panel(n, 2, 3)
    controls = run_controls(replay(panel), delta=0.01, n_permutations=9)
    assert controls.positive.n_permutations == 9
    assert isinstance(measure_dose_response(replay(panel), n_permutations=3).doses, tuple)
    assert isinstance(panel, Panel)
