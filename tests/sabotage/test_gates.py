"""Gates: what holds, what fails and why, and that nothing passes for lack of a number."""

import json

import pytest
from builders import make_panel
from hypothesis import given
from hypothesis import strategies as st

from sabotage import Gate, SabotageError, analyze, check
from sabotage.gates import KINDS, in_words


@pytest.fixture(scope="module")
def audit():
    return analyze(make_panel(200, 2, 3, seed=3, missing=0.1, recorded=True), n_permutations=50, controls=False)


def with_intervals(audit, half=0.05):
    """Return the content with an interval around every number that a gate can be about."""
    content = json.loads(json.dumps(audit.to_dict()))

    def around(value):
        return [value - half, value + half]

    content["decision"]["intervals"] = {
        name: around(content["decision"][name]) for name in ("accuracy", "balanced_accuracy")
    }
    for profile in content["agents"].values():
        profile["intervals"] = {
            name: around(profile[name]) for name in ("accuracy", "balanced_accuracy", "ece", "coverage")
        } | {"saboteur_per_example": around(profile["rates"]["per_example"]["saboteur"])}
    return content


def value_of(content, kind, agent=None):
    (outcome,) = check(content, [Gate(kind, 0.5, agent)]).outcomes
    return outcome


def test_every_gate_reads_its_number(audit):
    content = audit.to_dict()
    profile, n = content["agents"]["agent1"], content["input"]["n_examples"]
    expected = {
        ("max_saboteur_rate", "agent1"): (profile["rates"]["per_example"]["saboteur"], n),
        ("min_accuracy", None): (content["decision"]["accuracy"], n),
        ("min_accuracy", "agent1"): (profile["accuracy"], profile["n"]),
        ("min_balanced_accuracy", "agent1"): (profile["balanced_accuracy"], profile["n"]),
        ("max_ece", "agent1"): (profile["ece"], profile["n_confidence"]),
        ("max_missing", "agent1"): (profile["missing"] / n, n),
        ("min_gap", None): (content["permutation"]["gap_u"], content["permutation"]["n_units"]),
        ("min_agreement", None): (content["decision"]["replay_agreement"], None),
    }
    for (kind, agent), (value, base) in expected.items():
        outcome = value_of(audit, kind, agent)
        assert (outcome.value, outcome.n, outcome.agent) == (pytest.approx(value), base, agent), kind
        assert outcome.holds == (value <= 0.5 if kind.startswith("max") else value >= 0.5)
        assert check(content, [Gate(kind, 0.5, agent)]).outcomes == (outcome,)


@given(limit=st.floats(0, 1), half=st.floats(0, 0.3), agent=st.sampled_from([None, "agent0"]))
def test_an_interval_is_judged_by_the_end_that_is_against_the_gate(audit, limit, half, agent):
    content = with_intervals(audit, half)
    for kind in ("min_accuracy", "min_balanced_accuracy", "max_ece", "max_saboteur_rate", "max_missing"):
        plain, strict = (check(content, [Gate(kind, limit, agent)], by_interval=by) for by in (False, True))
        for own, other in zip(plain.outcomes, strict.outcomes, strict=True):
            assert own.judged == own.value
            assert other.judged == pytest.approx(own.value + (half if kind.startswith("max") else -half))
            assert own.holds or not other.holds  # never more lenient
            assert other.holds or other.why


def test_an_agent_that_is_not_named_means_each_of_them(audit):
    outcomes = check(audit, [Gate("max_saboteur_rate", 1.0)]).outcomes
    assert [outcome.agent for outcome in outcomes] == ["agent0", "agent1"]
    assert all(outcome.holds for outcome in outcomes)


def test_a_number_that_is_null_fails_and_says_why(audit):
    without = analyze(make_panel(60, 2, 3, scores=False), n_permutations=0)
    outcome = value_of(without, "min_gap")
    assert (outcome.holds, outcome.value) == (False, None)
    assert "0 permutations were asked for" in outcome.why
    (outcome,) = check(without, [Gate("require_verdict", ("neutral",))]).outcomes
    assert not outcome.holds
    outcome = value_of(without, "min_agreement")
    assert "no decision is recorded" in outcome.why
    content = with_intervals(audit)
    del content["decision"]["intervals"]
    (outcome,) = check(content, [Gate("min_accuracy", 0.0)], by_interval=True).outcomes
    assert (outcome.holds, outcome.judged) == (False, None)
    assert "no 95 % interval" in outcome.why
    assert check(content, [Gate("min_accuracy", 0.0)]).holds


def test_a_verdict_is_one_of_some_words(audit):
    word = audit.permutation.verdict.word
    assert check(audit, [Gate("require_verdict", ("helpful", word))], by_interval=True).holds
    others = tuple(other for other in ("helpful", "harmful", "inert") if other != word)
    found = check(audit, [Gate("require_verdict", others)])
    assert not found.holds
    assert audit.permutation.verdict.evidence in in_words(found.failed[0])


def test_what_is_asked_for_twice_is_judged_once(audit):
    gates = [Gate("min_accuracy", 0.1)] * 2 + [Gate("min_accuracy", 0.2)]
    assert len(check(audit, gates).outcomes) == 2


def test_outcomes_are_plain_fields_and_lines(audit):
    found = check(audit, [Gate("min_accuracy", 1.0), Gate("max_missing", 1.0), Gate("require_verdict", ("inert",))])
    fields = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert fields["holds"] is False
    assert {outcome["gate"] for outcome in fields["outcomes"]} == {"min_accuracy", "max_missing", "require_verdict"}
    assert repr(found).count("FAILED") == len(found.failed) == 2
    assert repr(found).endswith("2 of 4 gates failed.")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Gate("min_acuracy", 0.5), "did you mean min_accuracy"),
        (lambda: Gate("min_accuracy", 1.5), "--min-accuracy must lie in [0, 1]: found 1.5"),
        (lambda: Gate("max_ece", float("nan")), "--max-ece must be a number"),
        (lambda: Gate("min_gap", 0.1, "agent0"), "leave out agent0="),
        (lambda: Gate("require_verdict", ("fine",)), "unknown verdict 'fine'"),
        (lambda: Gate("require_verdict", 0.5), "takes words such as helpful,neutral"),
        (lambda: check({}, [Gate("min_gap", 0.1)]), "must have the key schema"),
        (lambda: check(3, [Gate("min_gap", 0.1)]), "an audit, or the content of audit.json, is needed: found int"),
    ],
)
def test_errors(make, says):
    with pytest.raises(SabotageError) as error:
        make()
    assert says in str(error.value)


def test_no_gate_and_an_unknown_agent_are_errors(audit):
    with pytest.raises(SabotageError, match="nothing to check"):
        check(audit, [])
    with pytest.raises(SabotageError, match="unknown agent 'agent7'"):
        check(audit, [Gate("max_ece", 0.1, "agent7")])


def test_every_kind_has_an_option():
    from sabotage.gate_options import NUMBERED
    from sabotage.gates import VERDICT

    assert {*NUMBERED, VERDICT} == set(KINDS)
