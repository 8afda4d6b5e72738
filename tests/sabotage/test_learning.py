"""Learned rules: nothing leaks, what is saved comes back, and what does not fit is said."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from builders import make_panel, seeded
from numpy.testing import assert_array_equal

from sabotage import SabotageError, calibrating, class_weights, gating, stacking
from sabotage.learning import LEARNERS, check_fits, cross_fit, fit, is_learned, load_fitted, parse_learned

NAMES = [
    "stacking",
    "weighted_stacking",
    "learned_gate",
    "class_weighted",
    "calibrated:weighted_mean",
    "calibrated-platt:log_pool",
    "calibrated-isotonic:mean",
]
DIRECT = {
    "stacking": stacking.fit,
    "weighted_stacking": lambda panel: stacking.fit(panel, weighted=True),
    "learned_gate": gating.fit,
    "class_weighted": class_weights.fit,
    "calibrated:weighted_mean": lambda panel: calibrating.fit(panel, "temperature"),
    "calibrated-platt:log_pool": lambda panel: calibrating.fit(panel, "platt"),
    "calibrated-isotonic:mean": lambda panel: calibrating.fit(panel, "isotonic"),
}


def filmed(n=80, seed=0, n_classes=3):
    """A panel in ten films, which the folds keep whole, whatever the truth."""
    films = pa.array([f"film {k % 10}" for k in range(n)])
    panel = make_panel(n, 2, n_classes, seed, missing=0.2, no_reliability=0.1, columns={"film": films})
    return replace(panel, group="film")


def poisoned(panel, rows):
    """The panel with other truth, labels, scores, confidences and reliabilities on some rows."""
    other = make_panel(panel.n_examples, 2, panel.n_classes, 99, missing=0.5)
    changed = {}
    for name in ("truth", "labels", "confidence", "scores", "reliability"):
        changed[name] = getattr(panel, name).copy()
        changed[name][rows] = getattr(other, name)[rows]
    return replace(panel, **changed)


def dumped(parameters):
    return json.dumps(parameters)


@pytest.mark.parametrize("name", NAMES)
def test_no_fold_is_learned_from_its_own_rows(name):
    panel = filmed()
    found = cross_fit(panel, name, 4)
    for k in range(4):
        odd = cross_fit(poisoned(panel, found.fold == k), name, 4)
        assert_array_equal(odd.fold, found.fold)
        assert dumped(odd.parts[k]) == dumped(found.parts[k])
        assert all(dumped(odd.parts[j]) != dumped(found.parts[j]) for j in range(4) if j != k)


@pytest.mark.parametrize("name", NAMES)
def test_parts_are_fits_on_the_other_folds(name):
    panel = filmed()
    found = cross_fit(panel, name, 3, seed=5)
    for k in range(3):
        others = panel.take(np.flatnonzero(found.fold != k))
        assert dumped(found.parts[k]) == dumped(DIRECT[name](others))
    assert found.n_fit == 80
    assert len(found.parts) == 3


@pytest.mark.parametrize("name", NAMES)
def test_a_fit_is_that_of_the_rows_given_and_repeats_to_the_bit(name):
    panel = filmed()
    rows = np.arange(0, 80, 2)
    found = fit(panel.take(rows), name)
    assert dumped(found.parts[0]) == dumped(DIRECT[name](panel.take(rows)))
    assert dumped(found.parts[0]) == dumped(fit(poisoned(panel, np.arange(1, 80, 2)).take(rows), name).parts[0])
    assert found.fold is None
    assert found.n_fit == 40
    assert (found.agents, found.classes, found.weights) == (panel.agents, panel.classes, "reliability")


@pytest.mark.parametrize("name", NAMES)
def test_ids_are_not_learned_from_in_another_seed(name):
    panel = seeded(30, 3, 1)
    found = cross_fit(panel, name, 3)
    for unit in range(panel.units.max() + 1):
        assert len(set(found.fold[panel.units == unit])) == 1


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("classes", [("a", "b", "ü 1"), (0, 1, 7), (0.5, 1, 2)])
def test_what_is_saved_comes_back(name, classes, tmp_path):
    found = fit(replace(filmed(), classes=classes), name)
    path = tmp_path / "rule.json"
    found.save(path)
    again = load_fitted(path)
    for field in ("name", "learner", "inner", "agents", "classes", "weights", "n_fit", "fold", "notes"):
        assert getattr(again, field) == getattr(found, field)
    assert [type(label) for label in again.classes] == [type(label) for label in classes]
    assert again.parts == found.parts
    again.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()
    assert path.read_text(encoding="utf-8").startswith('{\n "sabotage_rule": 1,\n "name": ')


def test_no_saving_of_a_cross_fitted_rule(tmp_path):
    found = cross_fit(filmed(), "class_weighted", 3)
    with pytest.raises(SabotageError, match=r"decided by 3 sets of parameters.*fit it on calibration rows"):
        found.save(tmp_path / "rule.json")
    assert not list(tmp_path.iterdir())
    whole = fit(filmed(), "class_weighted")
    with pytest.raises(SabotageError, match="cannot be written"):
        whole.save(tmp_path / "nowhere" / "rule.json")


def saved(tmp_path, name="stacking"):
    path = tmp_path / "rule.json"
    fit(filmed(), name).save(path)
    return path, json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"no", "is not strict JSON"),
        (b"\xff\xfe{", "is not strict JSON"),
        (b"[" * 100_000, "is not strict JSON"),
        (b'{"sabotage_rule": NaN}', "NaN is no number of JSON"),
        (b"[1]", "holds no saved rule: it has no field sabotage_rule"),
        (b'{"rule": 1}', "holds no saved rule"),
        (b'{"sabotage_rule": 2}', "of version 2: this sabotage reads version 1"),
        (b'{"sabotage_rule": true}', "of version True"),
        (b'{"sabotage_rule": 1}', "the field name is missing"),
    ],
)
def test_files_that_are_no_rule(content, why, tmp_path):
    path = tmp_path / "rule.json"
    path.write_bytes(content)
    with pytest.raises(SabotageError, match=why) as error:
        load_fitted(path)
    assert str(error.value).startswith(str(path))
    assert len(str(error.value).splitlines()) == 1


def test_no_file(tmp_path):
    with pytest.raises(SabotageError, match="cannot be read: No such file"):
        load_fitted(tmp_path / "rule.json")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"name": 3}, "name must be a text"),
        ({"name": "stackin"}, "unknown learned rule 'stackin' .did you mean stacking"),
        ({"name": "learned_gate"}, "not those of learned_gate with 2 agents and 3 classes: mean is missing"),
        ({"name": "calibrated:mean"}, "method must be 'temperature': found None"),
        ({"agents": ["a"]}, "with 1 agents and 3 classes: log must have shape .3, 1, 3.: found .3, 2, 3."),
        ({"agents": ["a", "a"]}, "agents must be a list of different names"),
        ({"agents": []}, "agents must be a list of different names"),
        ({"classes": [1, 2]}, "bias must have shape"),
        ({"classes": [1]}, "classes must be a list of two or more different labels"),
        ({"classes": [1, 1, 2]}, "classes must be"),
        ({"classes": [1, None, 2]}, "classes must be"),
        ({"classes": [1, [2], 2]}, "classes must be"),
        ({"weights": None}, "weights must be a text"),
        ({"n_fit": True}, "n_fit must be a whole number above 0"),
        ({"n_fit": 2.5}, "n_fit must be"),
        ({"parameters": []}, "parameters must be an object"),
        ({"notes": "x"}, "notes must be a list of texts"),
    ],
)
def test_fields_that_are_not_what_they_should_be(change, why, tmp_path):
    path, content = saved(tmp_path)
    path.write_text(json.dumps(content | change))
    with pytest.raises(SabotageError, match=why):
        load_fitted(path)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ([1, 2], "bias must have shape .3,.: found .2,."),
        ([1, 2, [3]], "bias must hold lists of one length"),
        ([1, 2, None], "bias must hold numbers alone"),
        (["1", "2", "3"], "bias must hold numbers alone"),
        ([1, 2, 10**40], "bias must hold numbers alone"),
        ({}, "bias must hold numbers alone"),
        (None, "bias must hold numbers alone"),
    ],
)
def test_parameters_that_are_no_numbers(value, why, tmp_path):
    path, content = saved(tmp_path)
    content["parameters"]["bias"] = value
    path.write_text(json.dumps(content))
    with pytest.raises(SabotageError, match=why):
        load_fitted(path)
    path.write_text(json.dumps(content).replace('"bias": ', '"bias": [1, 2, 1e999], "other": '))
    with pytest.raises(SabotageError, match="bias must hold finite numbers"):
        load_fitted(path)


@pytest.mark.parametrize("name", NAMES)
def test_every_field_is_missed(name, tmp_path):
    path, content = saved(tmp_path, name)
    for field in set(content) - {"sabotage_rule"}:
        path.write_text(json.dumps({key: value for key, value in content.items() if key != field}))
        with pytest.raises(SabotageError, match=f"the field {field} is missing"):
            load_fitted(path)
    for field in set(content["parameters"]) - {"n_fit", "notes", "absent_classes", "weighted_log", "weighted"}:
        rest = {key: value for key, value in content["parameters"].items() if key != field}
        path.write_text(json.dumps(content | {"parameters": rest}))
        with pytest.raises(SabotageError, match=f"{field} (is missing|must be)"):
            load_fitted(path)


def test_a_panel_that_does_not_fit():
    panel = filmed()
    found = fit(panel, "class_weighted")
    check_fits(found, panel)
    check_fits(found, panel.take(np.arange(3)))
    for odd, why in (
        (panel.select(["agent0"]), "other agents than the panel has; agent1 not in the panel"),
        (replace(panel, agents=("agent0", "b")), "agent1 not in the panel; b not in the rule"),
        (replace(panel, agents=("agent1", "agent0")), "other agents than the panel has; in another order"),
        (replace(panel, classes=("anger", "fear", "disgust")), "other classes .* in another order"),
        (replace(panel, classes=(1, 2, 3)), "'fear' not in the panel; 1, 2, 3 not in the rule"),
        (panel.with_weights("confidence"), "reliability not in the panel; confidence not in the rule"),
    ):
        with pytest.raises(SabotageError, match=f"^class_weighted was fitted on .*{why}"):
            check_fits(found, odd)
    numbers = fit(replace(panel, classes=(0, 1, 2)), "class_weighted")
    with pytest.raises(SabotageError, match="'0', '1', '2' not in the rule"):
        check_fits(numbers, replace(panel, classes=("0", "1", "2")))


def test_each_part_has_its_rows():
    panel = filmed()
    found = cross_fit(panel, "class_weighted", 3)
    rows = np.concatenate([rows for _, rows in found.each(panel)])
    assert_array_equal(np.sort(rows), np.arange(80))
    assert [parameters for parameters, _ in found.each(panel)] == list(found.parts)
    with pytest.raises(SabotageError, match="cross-fitted on 80 rows and decides no others: found 5"):
        list(found.each(panel.take(np.arange(5))))
    ((parameters, rows),) = fit(panel, "class_weighted").each(panel.take(np.arange(5)))
    assert_array_equal(rows, np.arange(5))
    assert parameters == class_weights.fit(panel)


def test_names():
    assert parse_learned("weighted_stacking") == ("weighted_stacking", None, None)
    assert parse_learned("calibrated:mean") == ("calibrated", "temperature", "mean")
    assert parse_learned("calibrated-temperature:mean") == ("calibrated", "temperature", "mean")
    assert parse_learned("calibrated-platt:a:b") == ("calibrated", "platt", "a:b")
    for name, why in (
        ("calibrated", "must say which rule is over the calibrated agents: calibrated:weighted_mean"),
        ("calibrated-platt:", "must say which rule .* calibrated-platt:weighted_mean"),
        ("calibrated-plat:mean", "unknown calibration method 'plat' .did you mean platt"),
        ("calibrated-:mean", "unknown calibration method ''"),
        ("stacking:mean", "unknown learned rule 'stacking:mean'"),
        ("stacking-platt", "unknown learned rule"),
        ("learned_gat", "did you mean learned_gate"),
    ):
        with pytest.raises(SabotageError, match=why):
            parse_learned(name)
    assert all(is_learned(name) for name in [*NAMES, *LEARNERS])
    assert not any(is_learned(name) for name in ("mean", "", "stackin", "weighted_mean"))


def test_what_is_refused():
    panel = filmed()
    with pytest.raises(SabotageError, match="clip must lie in"):
        fit(panel, "stacking", clip=0)
    with pytest.raises(SabotageError, match="n_folds must be at most the number of groups of film, 10: found 11"):
        cross_fit(panel, "stacking", 11)
    late = replace(panel, scores=panel.scores.copy())
    late.scores[panel.codes("film") != 1, 1] = np.nan  # one film alone has scores of this agent
    fit(late, "stacking")
    with pytest.raises(SabotageError, match=r"^without fold \d of 5: stacking needs .* agent1 has no class scores"):
        cross_fit(late, "stacking", 5)


def test_notes_and_what_a_reader_sees():
    panel = filmed(n_classes=4)
    rare = panel.take(np.flatnonzero((panel.truth != 3) | (panel.codes("film") == 1)))
    found = cross_fit(rare, "stacking", 4)
    assert found.notes == (
        "stacking never decides for 1 of the 4 classes, which its rows to learn from do not have (1 of 4 folds)",
    )
    assert repr(found).splitlines() == [
        f"stacking, cross-fitted in 4 folds on {rare.n_examples} rows",
        "  agents   agent0, agent1",
        "  classes  4: anger, disgust, fear, happy",
        "  weights  reliability",
        f"  note     {found.notes[0]}",
    ]
    assert repr(fit(rare, "stacking")).startswith(f"stacking, fitted on {rare.n_examples} rows\n")


def test_clip_is_what_was_asked_for():
    panel = filmed()
    assert fit(panel, "stacking").parts[0]["clip"] == 1e-6
    one, other = fit(panel, "stacking", clip=1e-2), fit(panel, "stacking", clip=1e-6)
    assert one.parts[0]["clip"] == 1e-2
    assert one.parts[0]["log"] != other.parts[0]["log"]
