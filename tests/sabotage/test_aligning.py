"""What several runs have in common: ids in any order and type, agents, classes, and what is refused."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from builders import make_panel, seeded

from sabotage import SabotageError, compare_runs, read_panel, runs_by_seed
from sabotage.aligning import common_agents, common_rows
from sabotage.notes import Notes


def rows_of(panels, different=None):
    notes = Notes()
    return common_rows(panels, different, notes), list(notes)


def test_examples_go_by_their_ids_in_any_order():
    panel = make_panel(30)
    order = np.random.default_rng(0).permutation(30)
    (first, second), notes = rows_of({"a": panel, "b": panel.take(order)})
    assert first.tolist() == list(range(30))
    assert order[second].tolist() == list(range(30))
    assert notes == []
    plain, shuffled = (compare_runs({"a": panel, "b": one}) for one in (panel, panel.take(order)))
    assert plain.to_dict() == shuffled.to_dict()


def test_what_some_run_lacks_is_left_out_and_counted():
    panel = make_panel(30)
    rows, notes = rows_of({"a": panel, "b": panel.take(np.arange(5, 30)), "c": panel.take(np.arange(20))})
    assert [own.tolist() for own in rows] == [list(range(5, 20)), list(range(15)), list(range(5, 20))]
    assert notes == [
        "15 examples of all runs are compared; left out, since some run lacks them: 15 of a, 10 of b, 5 of c"
    ]


def test_ids_of_two_types_are_compared_as_texts():
    panel = make_panel(20)
    texts = replace(panel, ids=pa.array([str(k) for k in range(20)]))
    (_, second), _ = rows_of({"a": panel, "b": texts})
    assert second.tolist() == list(range(20))


def test_few_ids_in_common_are_different_data_unless_said():
    panel = make_panel(30)
    other = panel.take(np.arange(21, 30))
    shifted = replace(panel, ids=pa.array(np.arange(30) + 22), truth=np.roll(panel.truth, -22))
    rows, notes = rows_of({"a": panel, "b": shifted})
    assert rows is None
    assert notes == ["the runs are taken to be over different data: 8 ids are in all of them, of 30 of the smallest"]
    (first, _), _ = rows_of({"a": panel, "b": shifted}, different=False)
    assert len(first) == 8
    assert rows_of({"a": panel, "b": other})[0] is not None
    with pytest.raises(SabotageError, match="no id is in all runs: leave --same out"):
        rows_of({"a": panel.take(np.arange(10)), "b": panel.take(np.arange(10, 20))}, different=False)


def test_another_truth_under_the_same_id_is_refused():
    panel = make_panel(30)
    truth = panel.truth.copy()
    truth[7] = (truth[7] + 1) % 4
    panels = {"gpt": panel, "llama": replace(panel, truth=truth)}
    own, other = panel.classes[panel.truth[7]], panel.classes[truth[7]]
    with pytest.raises(SabotageError, match=f"truth of id 7 is '{own}' in gpt and '{other}' in llama: .*--different"):
        rows_of(panels)
    assert rows_of(panels, different=True)[0] is None
    assert not compare_runs(panels, different=True).is_same


def test_rows_without_ids_are_the_same_examples_where_all_goes_along():
    frame = pd.DataFrame({"y": list("abab") * 5, "voice_label": list("abba") * 5, "voice_confidence": 0.8})
    panel = read_panel(frame)
    with pytest.warns(UserWarning, match="no id column, so rows in the same place"):
        rows, _ = rows_of({"a": panel, "b": panel})
    assert [own.tolist() for own in rows] == [list(range(20))] * 2
    fewer = read_panel(frame[:18])
    rows, notes = rows_of({"a": panel, "b": fewer})
    assert rows is None
    assert "without ids" in notes[0]
    with pytest.raises(SabotageError, match="name the ids with --id"):
        rows_of({"a": panel, "b": fewer}, different=False)


def test_ids_that_repeat_inside_a_run_are_refused():
    panel = seeded(12, 3, dropped=0.0)
    with pytest.raises(SabotageError, match=r"run a holds ids more than once: take one .* with --seed-column"):
        rows_of({"a": panel, "b": panel})


def test_each_seed_is_a_run():
    panel = seeded(20, 4, dropped=0.1)
    runs = runs_by_seed(panel)
    assert sorted(runs) == ["seed None", "seed x", "seed y", "seed z"]
    for name, own in runs.items():
        value = name.removeprefix("seed ")
        here = np.flatnonzero([str(one) == value for one in panel.column("seed").to_pylist()])
        np.testing.assert_array_equal(own.labels, panel.labels[here])
        assert own.seed_column is None
    found = compare_runs(runs, different=False)
    assert found.is_same
    assert found.names == tuple(runs)
    with pytest.raises(SabotageError, match="name the column, --seed-column"):
        runs_by_seed(make_panel(10))
    with pytest.raises(SabotageError, match="seed has one value"):
        runs_by_seed(panel.take(np.flatnonzero(panel.runs == 0)))


def test_agents_in_common_are_compared_and_the_others_said():
    panel = make_panel(20, 3)
    other = replace(panel, agents=("agent2", "agent0", "extra"))
    notes = Notes()
    assert common_agents({"a": panel, "b": other}, notes) == ("agent0", "agent2")
    assert [note.partition(" has")[0] for note in notes] == ["a", "b"]
    assert "agent1" in next(iter(notes))
    with pytest.raises(SabotageError, match=r"no agent in common.*a: agent0, agent1, agent2; b: x, y, z"):
        common_agents({"a": panel, "b": replace(panel, agents=("x", "y", "z"))}, notes)


def test_classes_are_matched_by_their_texts():
    panel = make_panel(60, 2, 3)
    order = [2, 0, 1]
    at = np.argsort(order).astype(np.int32)
    renumbered = replace(
        panel,
        classes=tuple(panel.classes[k] for k in order),
        truth=at[panel.truth],
        labels=at[panel.labels],
        scores=np.ascontiguousarray(panel.scores[:, :, order]),
    )
    plain, other = (compare_runs({"a": panel, "b": one}).to_dict() for one in (panel, renumbered))
    assert plain == other


def test_ids_of_two_dictionaries_are_compared_by_their_values():
    panel = replace(make_panel(30), ids=pa.array([f"clip {k}" for k in range(30)]).dictionary_encode())
    other = replace(
        panel.take(np.arange(30)[::-1]), ids=pa.array([f"clip {k}" for k in range(29, -1, -1)]).dictionary_encode()
    )
    (_, second), _ = rows_of({"a": panel, "b": other})
    assert second.tolist() == list(range(29, -1, -1))
