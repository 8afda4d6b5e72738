"""What changed between two audits: everything that differs, nothing that does not, the most telling first."""

import csv
import io
import json
import math

import pytest
from builders import make_panel
from hypothesis import given
from hypothesis import strategies as st
from sabotage.reports.differing import _what, print_difference, render

from sabotage import SabotageError, analyze, diff


def content(seed=1, **options):
    panel = make_panel(120, options.pop("agents", 2), 3, seed=seed)
    return json.loads(analyze(panel, controls=False, n_permutations=40, **options).to_json())


@pytest.fixture(scope="module")
def first():
    return content()


@pytest.fixture(scope="module")
def second():
    return content(2, threshold=0.5)


def test_nothing_changed(first):
    found = diff(first, json.loads(json.dumps(first)))
    assert found.nothing
    assert found.summary == "Nothing changed."
    assert (found.changes, found.settings, found.notes) == ((), (), ())


def test_the_last_bit_is_no_change(first):
    other = json.loads(json.dumps(first))
    agent = other["agents"]["agent0"]
    agent["auroc_confidence"] = math.nextafter(agent["auroc_confidence"], 1)
    agent["accuracy"] += 1e-9
    assert [change.name for change in diff(first, other).changes] == ["accuracy"]


def test_an_audit_and_its_json_are_the_same():
    audit = analyze(make_panel(60, 2, 3), controls=False, n_permutations=40)
    assert diff(audit, json.loads(audit.to_json())).nothing


def test_every_number_that_differs_is_there_and_no_other(first, second):
    found = diff(first, second)
    changed = {(change.agent, change.name): change for change in found.changes if change.group == "agents"}
    for agent in ("agent0", "agent1"):
        own, other = first["agents"][agent], second["agents"][agent]
        for name, value in own.items():
            if isinstance(value, dict):
                continue
            assert ((agent, name) in changed) == (value != other[name]), name
            if value != other[name] and None not in (value, other[name]):
                assert changed[agent, name].difference == other[name] - value
        rates = own["rates"]["per_wrong_decision"], other["rates"]["per_wrong_decision"]
        for role in rates[0]:
            assert ((agent, f"{role}_per_wrong_decision") in changed) == (rates[0][role] != rates[1][role])
    assert [(one.name, one.first, one.second) for one in found.settings] == [("threshold", 0.7, 0.5)]
    back = diff(second, first)
    assert {(c.group, c.agent, c.name): c.difference for c in back.changes} == {
        (c.group, c.agent, c.name): None if c.difference is None else -c.difference for c in found.changes
    }


def bent(first, value, interval, other, other_interval):
    """Return two contents that differ in the decision's accuracy alone, with intervals."""
    pair = []
    for number, span in ((value, interval), (other, other_interval)):
        new = json.loads(json.dumps(first))
        new["decision"]["accuracy"] = number
        new["decision"]["intervals"] = {"accuracy": span}
        pair.append(new)
    return pair


@given(
    low=st.floats(0, 0.5), width=st.floats(0.01, 0.3), other_low=st.floats(0, 0.5), other_width=st.floats(0.01, 0.3)
)  # fmt: skip
def test_intervals_overlap_or_not(first, low, width, other_low, other_width):
    spans = [low, low + width], [other_low, other_low + other_width]
    a, b = bent(first, low + width / 2, spans[0], other_low + other_width / 2 + 1e-3, spans[1])
    changes = diff(a, b).of("decision")
    if changes:
        shared = max(spans[0][0], spans[1][0]) <= min(spans[0][1], spans[1][1])
        assert changes[0].overlap is shared
        assert changes[0].about_intervals == ("intervals overlap" if shared else "intervals do not overlap")


def test_the_verdict_comes_first_then_what_is_large_beside_its_interval(first):
    a, b = bent(first, 0.5, [0.4, 0.6], 0.6, [0.5, 0.7])
    for new, accuracy in ((a, 0.5), (b, 0.9)):
        new["decision"]["balanced_accuracy"] = accuracy
        new["decision"]["intervals"]["balanced_accuracy"] = [accuracy - 0.01, accuracy + 0.01]
        new["decision"]["n_tied"] = int(accuracy * 10)  # twice as many, but without an interval
    a["permutation"]["verdict"], b["permutation"]["verdict"] = "neutral", "harmful"
    found = diff(a, b)
    assert [change.name for change in found.changes] == ["verdict", "balanced_accuracy", "accuracy", "n_tied"]
    assert "The verdict was neutral and is harmful." in found.summary
    assert [change.overlap for change in found.changes] == [None, False, True, None]


def test_agents_and_classes_in_one_only(first):
    found = diff(first, content(agents=3))
    assert found.agents == ((), ("agent2",))
    assert found.classes == ((), ())
    other = json.loads(json.dumps(first))
    other["input"]["classes"] = other["input"]["classes"][::-1]
    assert [one.name for one in diff(first, other).settings] == ["order of the classes"]


def test_audits_of_other_versions_are_told_apart_by_their_keys(first):
    old = json.loads(json.dumps(first))
    del old["headroom"], old["decision"]["n_tied"], old["input"]["kinds"], old["settings"]["delta"], old["bounds"]
    found = diff(old, first)
    assert not found.nothing
    assert dict(found.missing) == dict.fromkeys(
        ["headroom", "bounds", "decision.n_tied", "settings.delta"], "the second only"
    )
    assert "in the second only" in found.notes[0]


def test_a_test_that_was_not_run_is_null_and_not_missing(first):
    found = diff(first, content() | {"permutation": None})
    values = {change.name: (change.first, change.second) for change in found.of("permutation")}
    assert values["clean"] == (first["permutation"]["clean"], None)
    assert found.of("verdict")[0].second is None
    assert found.missing == ()


def test_what_is_not_taken_apart_is_named(first):
    other = json.loads(json.dumps(first))
    other["notes"].append("more")
    found = diff(first, other)
    assert (found.elsewhere, found.nothing) == (("notes",), False)


def test_formats(first, second, capsys):
    found = diff(first, second)
    rows = list(csv.DictReader(io.StringIO(render(found, "csv"))))
    assert len(rows) == len(found.settings) + len(found.changes) + len(found.elsewhere)
    by_name = {(row["part"], row["agent"], row["what"]): row for row in rows}
    assert float(by_name["decision", "", "accuracy"]["second"]) == second["decision"]["accuracy"]
    assert render(found, "markdown").count("\n|") == len(found.changes) + 2
    assert render(found, "latex").startswith(r"\begin{table")
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["nothing_changed"] is False
    print_difference(found)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("Different: ")
    with pytest.raises(SabotageError, match="unknown format"):
        render(found, "xml")


def test_numbers_are_named_in_words(first, second):
    names = {_what(change) for change in diff(first, second).changes}
    assert {"gap", "p two-sided"} <= names
    assert not [name for name in names if "  " in name or "_" in name]
    a = json.loads(json.dumps(first))
    a["agents"]["agent0"]["auroc_reliability_saboteur"] = 0.25
    assert [_what(change) for change in diff(first, a).changes] == ["AUROC rel. saboteur"]


def test_names_from_files_do_no_harm(first, capsys):
    evil = "[bold]\x1b[31m=cmd()|\n" + "x" * 200
    a, b = (json.loads(json.dumps(first)) for _ in range(2))
    a["input"]["agents"], a["agents"][evil] = [evil], a["agents"].pop("agent0")
    print_difference(diff(a, b))
    assert "\x1b" not in capsys.readouterr().out
    for format in ("csv", "markdown", "latex"):
        assert "\x1b" not in render(diff(a, b), format)


def test_numbers_that_one_audit_has_as_null_are_not_those_of_another_version(first):
    null = json.loads(json.dumps(first))
    null["decision"] |= {"top_k": None, "rule": None}
    found = diff(first, null)
    assert found.missing == ()
    lost = {change.name: (change.first, change.second) for change in found.of("decision")}
    assert lost == {f"top_{k}": (share, None) for k, share in first["decision"]["top_k"].items()}
