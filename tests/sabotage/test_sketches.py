"""Rows that a rule was fitted on are known again, by their ids or by what was said."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from builders import make_panel

from sabotage import SabotageWarning, analyze, compare, fit, load_fitted, replay
from sabotage.sketches import SIZE, share_seen, sketch


def named(panel, first=0):
    ids = pa.array([f"clip{i}" for i in range(first, first + panel.n_examples)])
    return replace(panel, ids=ids, origin=replace(panel.origin, id_column="id"))


def test_the_share_is_that_of_the_rows():
    panel = named(make_panel(2000, 3, 4, 1))
    known = sketch(panel)
    assert len(known) == SIZE
    assert share_seen(known, panel) == 1
    assert share_seen(known, named(make_panel(2000, 3, 4, 1), 5000)) == 0
    assert share_seen(known, named(make_panel(2000, 3, 4, 2), 1000)) == pytest.approx(0.5, abs=0.15)  # 5 sd
    assert share_seen(known, panel.take(np.arange(1999, -1, -1))) == 1


def test_without_ids_rows_are_what_was_said():
    panel, other = make_panel(300, 3, 4, 1), make_panel(300, 3, 4, 2)
    assert share_seen(sketch(panel), panel.take(np.arange(100, 300))) == pytest.approx(2 / 3, abs=0.15)
    assert share_seen(sketch(panel), other) == 0
    assert sketch(make_panel(50, scores=False)) == ()
    assert share_seen((), panel) is None


def test_a_rule_that_is_judged_on_its_own_rows_is_said_to_be(tmp_path):
    panel, other = named(make_panel(200, 3, 4, 1)), named(make_panel(200, 3, 4, 2), 200)
    fitted = fit(panel, "class_weighted")
    fitted.save(tmp_path / "own.json")
    again = load_fitted(tmp_path / "own.json")
    assert (again.sketch, again.silent) == (fitted.sketch, fitted.silent)
    with pytest.warns(SabotageWarning, match="judged on rows that it was fitted on: all of those"):
        analyze(panel, rule=again, n_permutations=0)
    with pytest.warns(SabotageWarning, match="judged on rows that it was fitted on"):
        compare(panel, ["class_weighted"], calibration=panel, n_permutations=0, n_resamples=50)
    assert not any("judged on" in note for note in analyze(other, rule=again, n_permutations=0).notes)


def test_agents_that_always_spoke_are_named():
    full, gappy = make_panel(200, 3, 4, 1), make_panel(200, 3, 4, 1, missing=0.2)
    assert fit(full, "stacking").silent == ()
    assert fit(gappy, "stacking").silent == gappy.agents
    other = make_panel(100, 3, 4, 3)
    said = analyze(other, rule=replay(other, fit(full, "learned_gate")), n_permutations=0).notes
    assert any("agent0, agent1, agent2 always spoke" in note for note in said)
    for name, rows in (("class_weighted", full), ("stacking", gappy)):
        said = analyze(other, rule=replay(other, fit(rows, name)), n_permutations=0).notes
        assert not any("always spoke" in note for note in said)
