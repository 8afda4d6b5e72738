"""Several runs as a whole: what is refused, how runs beside an audit are judged, and planted causes."""

import json
from dataclasses import replace

import numpy as np
import pytest
from builders import make_panel, panels
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

import sabotage
from sabotage import SabotageError, analyze, compare_runs, simulate
from sabotage.judging import judge
from sabotage.run_rates import Rate
from sabotage.run_words import _stands_apart


def drawn(scenario, n, seed=0, n_runs=3):
    return {f"r{k}": simulate(scenario, n, seed, k) for k in range(n_runs)}


def test_what_cannot_be_compared_is_said():
    panel = make_panel(20)
    with pytest.raises(SabotageError, match="two runs are the least that can be compared: found 1 run"):
        compare_runs({"a": panel})
    with pytest.raises(SabotageError, match="seed must lie in"):
        compare_runs({"a": panel, "b": panel}, seed=-1)
    bare = make_panel(20, scores=False)
    with pytest.raises(SabotageError, match=r"run b: .*scores"):
        compare_runs({"a": panel, "b": bare}, rule="weighted_mean")


def test_the_same_seed_is_the_same_result_and_the_names_are_exported():
    runs = drawn("no-cause", 200)
    first, second = compare_runs(runs), compare_runs(runs)
    assert first.to_dict() == second.to_dict()
    json.dumps(first.to_dict(), allow_nan=False)
    assert isinstance(first, sabotage.Runs)
    assert repr(first).startswith("Runs of r0, r1, r2\nOn the same 200 examples ")


@settings(max_examples=25, deadline=None)
@given(panels(), panels(recorded=True), st.booleans())
def test_small_runs_full_of_gaps_give_numbers_or_reasons(first, second, different):
    n = min(first.n_examples, second.n_examples)
    first, second = first.take(np.arange(n)), second.take(np.arange(n))
    classes = max(first.classes, second.classes, key=len)
    pair = {"a": first.with_classes(classes), "b": second.with_classes(classes)}
    pair["b"] = replace(pair["b"], truth=pair["a"].truth)
    found = compare_runs(pair, different=different)
    content = found.to_dict()
    json.dumps(content, allow_nan=False)
    assert found.is_same is not different
    assert found.findings
    for one in (*found.profiles, *found.differences):
        for rate in [*one.decision.values(), *(rate for own in one.agents.values() for rate in own.values())]:
            assert rate.value is None or rate.interval is None or rate.interval[0] <= rate.value <= rate.interval[1]
    if found.variance is None:
        assert different or n == 1


def test_runs_beside_an_audit_are_judged_as_it_is():
    panels = {"a": make_panel(60, seed=1, recorded=True), "b": make_panel(60, seed=2, recorded=True)}
    panels["b"] = replace(panels["b"], truth=panels["a"].truth)
    audit = analyze(panels["a"], n_permutations=0, rule="max", threshold=0.5, runs={"b": panels["b"]}, run_name="a")
    own = audit.causes.runs
    assert own.to_dict() == audit.content["runs"]
    assert audit.settings["runs"] == ["b"]
    plain = compare_runs(panels, rule="max", threshold=0.5)
    assert own.profiles == plain.profiles
    assert [one.decision for one in own.inputs] == ["recorded", "recorded"]
    without = replace(panels["b"], fused_label=None)
    audit = analyze(panels["a"], n_permutations=0, runs={"b": without})
    notes = [note for note in audit.notes if note.startswith("runs: ")]
    assert notes[0] == "runs: b has no recorded decision: it is compared with the replayed one"
    assert notes[1].startswith("runs: runs are decided in different ways")
    replayed = analyze(panels["a"], n_permutations=0, decision="replayed", runs={"b": panels["b"]})
    assert [one.decision for one in replayed.causes.runs.inputs] == ["replayed", "replayed"]


def test_a_run_that_cannot_feed_the_audits_rule_takes_its_own():
    panel = make_panel(60, seed=1)
    bare = replace(make_panel(60, seed=2, scores=False), truth=panel.truth)
    audit = analyze(panel, n_permutations=0, runs={"b": bare})
    assert [one.rule for one in audit.causes.runs.inputs] == ["weighted_mean", "weighted_vote"]
    assert any("b cannot feed weighted_mean and is replayed by its default rule" in note for note in audit.notes)


def test_the_audits_name_is_not_that_of_another_run():
    panel = make_panel(30)
    with pytest.raises(SabotageError, match="memory names two runs: give the audited one a name of its own"):
        analyze(panel, n_permutations=0, runs={"memory": panel})


def test_an_audit_without_runs_has_none_and_no_note_of_them():
    audit = analyze(make_panel(30), n_permutations=0)
    assert audit.content["runs"] is None
    assert not [note for note in audit.notes if note.startswith("runs: ")]


def test_groups_are_the_clusters_and_a_run_may_lend_them():
    runs = drawn("no-cause", 300, n_runs=2)
    found = compare_runs(runs)
    assert (found.group, found.n_clusters) == ("group", 60)
    bare = replace(runs["r0"], group=None, columns={})
    assert compare_runs({"r0": bare, "r1": runs["r1"]}).n_clusters == 60
    assert compare_runs({name: replace(one, group=None) for name, one in runs.items()}).n_clusters == 300


def test_a_bad_backbone_is_named_with_its_agent():
    found = compare_runs(drawn("bad-backbone", 600, 4))
    (sentence,) = [text for text in found.findings if "r2 is sabotaged" in text]
    assert "most of all by video" in sentence
    model, dataset = (found.variance.shares[name] for name in ("model", "dataset"))
    assert model.interval[0] > dataset.interval[1]
    assert found.differences[2].agents["video"]["accuracy"].interval[1] < -0.3
    alike = compare_runs({name: one for name, one in drawn("bad-backbone", 600, 4).items() if name != "r2"})
    assert alike.findings[3].startswith("No run's rate of sabotage stands apart")


def test_wrong_labels_speak_for_the_dataset():
    found = compare_runs(drawn("mislabelled", 600, 4))
    model, dataset = (found.variance.shares[name] for name in ("model", "dataset"))
    assert dataset.interval[0] > model.interval[1]
    assert found.kappas.who.interval[0] > 0.05


def test_independent_errors_are_no_cause():
    # Of 200 panels of 1,000 examples in three runs, measured apart, 2.5 % for the dataset, 5 % the model, 7.5 % kappa.
    beyond = {"dataset": 0, "model": 0, "kappa": 0}
    for seed in range(25):
        found = compare_runs(drawn("no-cause", 300, seed, 2))
        for name in ("dataset", "model"):
            beyond[name] += found.variance.shares[name].interval[0] > 0
        low, high = found.kappas.who.interval
        beyond["kappa"] += low > 0 or high < 0
    assert max(beyond.values()) <= 5


def test_judged_is_used_as_it_is():
    runs = drawn("no-cause", 100, n_runs=2)
    judged = judge(runs["r0"], rule="max")
    found = compare_runs(runs, judged=judged)
    assert [one.rule for one in found.inputs] == ["max", "max"]
    assert found.profiles == compare_runs(runs, rule="max").profiles


def test_a_frame_has_every_number_of_every_run_and_the_split():
    first, second = (simulate("bad-backbone", 120, 0, run) for run in (0, 2))
    found = compare_runs({"first": first, "second": second})
    frame = found.to_frame()
    rows = frame[(frame["run"] == "second") & frame["to"].isna() & (frame["agent"] == "video")]
    (row,) = rows[rows["number"] == "accuracy"].to_dict("records")
    own = found.profiles[1].agents["video"]["accuracy"]
    assert (row["value"], (row["low"], row["high"]), row["n"]) == (own.value, own.interval, own.n)
    assert {"component_example", "variance_share_dataset"} <= set(frame["number"])


def test_what_stands_apart_is_adjusted_for_the_number_of_runs():
    few = Rate(0.021, (0.001, 0.041))
    assert _stands_apart(few, 1)
    assert not _stands_apart(few, 3)
    assert _stands_apart(Rate(-0.1, (-0.12, -0.08)), 3)
    assert not _stands_apart(Rate(0.1, None), 1)
    reach = 0.02 * norm.ppf(1 - 0.025 / 3) / norm.ppf(0.975)
    assert _stands_apart(Rate(reach + 1e-6, (reach + 1e-6 - 0.02, reach + 1e-6 + 0.02)), 3)
    assert not _stands_apart(Rate(reach - 1e-6, (reach - 1e-6 - 0.02, reach - 1e-6 + 0.02)), 3)
