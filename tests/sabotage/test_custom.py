"""Rules of one's own: decorated, in files, and equal to ours where they do what ours do."""

import os
from dataclasses import replace

import numba
import numpy as np
import pytest
from builders import make_panel, panels
from hypothesis import HealthCheck, given, settings
from numpy.testing import assert_array_equal

from sabotage import SabotageError, analyze, assign_roles, diagnose, fuse, permute, replay
from sabotage.custom import OWN, fusion_rule, interpreted, load_rule, make_rule
from sabotage.rules import find_rule

many = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def weighted_sum(evidence, weights, available, out):
    """Add up what agents say.

    More of it.
    """
    for c in range(len(out)):
        out[c] = 0.0
        for m in range(len(available)):
            if available[m]:
                out[c] += weights[m] * evidence[m, c]


@fusion_rule
def highest(evidence, weights, available, out):
    for c in range(len(out)):
        out[c] = -np.inf
        for m in range(len(available)):
            if available[m]:
                out[c] = max(out[c], evidence[m, c])


@fusion_rule(weights="confidence", distribution=None)
def surest(evidence, weights, available, out):
    best = 0
    for m in range(len(available)):
        if available[m] and (not available[best] or weights[m] > weights[best]):
            best = m
    out[:] = evidence[best]


COPIES = {
    "weighted_mean": make_rule(weighted_sum, "my_mean"),
    "mean": make_rule(weighted_sum, "my_plain_mean", weights="equal"),
    "log_pool": make_rule(weighted_sum, "my_pool", "log_scores", distribution="softmax"),
    "weighted_vote": make_rule(weighted_sum, "my_vote", "votes"),
    "weighted_borda": make_rule(weighted_sum, "my_borda", "borda", distribution=None),
    "weighted_confidence_sum": make_rule(weighted_sum, "my_sum", "candidates"),
    "max": highest,
}


def same_decisions(first, second, scores=True):
    for name in ("labels", "truth_rank", "tied", "winnable"):
        assert_array_equal(getattr(first, name), getattr(second, name))
    if scores:
        assert_array_equal(first.scores, second.scores)


@pytest.mark.parametrize("name", COPIES)
@many
@given(panel=panels())
def test_a_copy_of_ours_decides_as_ours(name, panel):
    ours = fuse(panel, name)
    same_decisions(fuse(panel, COPIES[name]), ours)
    same_decisions(fuse(panel, interpreted(COPIES[name])), ours)
    for m in range(panel.n_agents):
        assert_array_equal(replay(panel, COPIES[name]).without(m), replay(panel, name).without(m))


@pytest.mark.parametrize("name", ["weighted_vote", "weighted_borda", "weighted_confidence_sum"])
@many
@given(panel=panels(scores=False))
def test_panels_without_scores(name, panel):
    if all((panel.confidence[:, m] >= 0).any() for m in range(panel.n_agents)):
        same_decisions(fuse(panel, COPIES[name]), fuse(panel, name))


def test_what_a_rule_is():
    assert (highest.name, highest.evidence, highest.weight) == ("highest", "scores", "reliability")
    assert (highest.combine, highest.distribution, highest.is_ours, highest.learned) == ("pool", "share", False, False)
    assert highest.formula == "highest, a function of one example"
    assert COPIES["log_pool"].formula == "Add up what agents say."
    assert (surest.weight, surest.distribution, surest.uses_reliability) == ("confidence", None, False)
    assert OWN["highest"] is highest
    assert find_rule("highest") is highest
    assert interpreted(highest) == replace(highest, is_compiled=False)
    assert interpreted(find_rule("max")) is find_rule("max")


def test_a_name_goes_wherever_a_rules_name_goes():
    panel = make_panel(80, 3, 4, missing=0.1)
    ready = replay(panel, "highest")
    same_decisions(ready.decision, replay(panel, "max").decision, scores=False)
    found = permute(ready, n_permutations=50)
    assert (found.rule, found.verdict.word) == ("highest", "inert")  # it ignores its weights: proven by all pairs
    assert "all pairs tried" in found.verdict.evidence
    OWN["my_mean"] = COPIES["weighted_mean"]
    audit = analyze(panel, rule="my_mean", n_permutations=50)
    ours = analyze(panel, rule="weighted_mean", n_permutations=50)
    assert audit.permutation.rule == "my_mean"
    assert audit.permutation.clean == ours.permutation.clean
    assert audit.permutation.moments.gap_u == pytest.approx(ours.permutation.moments.gap_u, abs=1e-12)
    roles = [assign_roles(panel, own.decision, own) for own in (replay(panel, "my_mean"), replay(panel))]
    assert_array_equal(roles[0].role, roles[1].role)
    assert_array_equal(roles[0].pivotal, roles[1].pivotal)
    tests = diagnose(panel, rules=["my_mean", "surest"], n_permutations=50, controls=True).tests
    assert [test.rule for test in tests] == ["my_mean", "surest"]
    assert tests[1].verdict.evidence == "surest takes no reliability"
    with pytest.raises(SabotageError, match=r"unknown rule 'hihest' \(did you mean highest\?\)"):
        replay(panel, "hihest")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"name": "median"}, "the name median is taken by a rule of the catalogue: give the function another one"),
        ({"evidence": "masses"}, "unknown evidence 'masses': choose from borda, candidates, log_scores, scores, votes"),
        ({"weights": "none"}, "unknown weights 'none': choose from confidence, equal, reliability"),
        ({"distribution": "sum"}, 'distribution must be "share", "softmax" or None: found \'sum\''),
    ],
)
def test_refused(options, says):
    with pytest.raises(SabotageError, match=says):
        make_rule(weighted_sum, **{"name": "x"} | options)


def test_the_decorator_refuses_a_name_of_the_catalogue():
    def borda(evidence, weights, available, out):
        out[:] = 1.0

    with pytest.raises(SabotageError, match="the name borda is taken"):
        fusion_rule(borda)
    assert "borda" not in OWN


def test_a_rule_of_scores_refuses_labels_and_says_what_takes_them():
    with pytest.raises(
        SabotageError, match=r'highest needs class scores .*; @sabotage.fusion_rule\(evidence="votes"\)'
    ):
        fuse(make_panel(scores=False), highest)


def test_a_compiled_function_is_taken_for_what_it_was_made_from():
    rule = make_rule(numba.njit(weighted_sum), "jitted")
    assert rule.function is weighted_sum
    panel = make_panel(50, 3, 4)
    same_decisions(fuse(panel, rule), fuse(panel, "weighted_mean"))


@pytest.mark.parametrize("interpret", [False, True])
def test_log_likelihood_of_scores_that_are_negative_is_refused(interpret):
    def shifted(evidence, weights, available, out):
        for c in range(len(out)):
            out[c] = 0.0
            for m in range(len(available)):
                if available[m]:
                    out[c] += evidence[m, c] if weights[m] < 1.5 else evidence[m, c] - 0.5

    panel = make_panel(60, 2, 4)
    panel.scores[:30] = 0.25
    for m in range(2):
        panel.scores[np.arange(30), m, panel.labels[:30, m]] = 0.9
    q = np.full((60, 2), 0.5)
    ready = replay(panel.with_weights(q), rule := make_rule(shifted, "shifted", interpret=interpret))
    assert permute(ready, statistic="log_likelihood", n_permutations=5).p_value == 1
    q[:2] = 2.0  # of examples on which no score falls below 0
    panel.scores[:2] = 0.6
    with pytest.raises(SabotageError, match="log_likelihood needs scores that are not negative: shifted gives others"):
        permute(replay(panel.with_weights(q), rule), statistic="log_likelihood", n_permutations=20)


FILE = '''
import numba

from sabotage.custom import fusion_rule


@numba.njit
def times(a, b):
    return a * b


def plain(evidence, weights, available, out):
    """What agents say, weighted."""
    for c in range(len(out)):
        out[c] = 0.0
        for m in range(len(available)):
            if available[m]:
                out[c] += times(weights[m], evidence[m, c])


@fusion_rule(evidence="votes")
def votes(evidence, weights, available, out):
    for c in range(len(out)):
        out[c] = 0.0
        for m in range(len(available)):
            if available[m]:
                out[c] += times(weights[m], evidence[m, c])


number = 3
'''


@pytest.fixture
def file(tmp_path):
    """Write a file with rules."""
    path = tmp_path / "own.py"
    path.write_text(FILE)
    return path


@pytest.mark.parametrize(("function", "ours"), [("plain", "weighted_mean"), ("votes", "weighted_vote")])
def test_a_function_of_a_file(file, function, ours, monkeypatch):
    monkeypatch.chdir(file.parent)
    panel = make_panel(80, 3, 4, missing=0.2, steps=4)
    ready = replay(panel, f"{file}:{function}")
    assert ready.rule.name == f"own.py:{function}"
    same_decisions(fuse(panel, f"own.py:{function}"), fuse(panel, ours))
    same_decisions(fuse(panel, load_rule(f"{file}:{function}", interpret=True)), fuse(panel, ours))
    found = permute(ready, n_permutations=50)
    assert found.clean == permute(replay(panel, ours), n_permutations=50).clean
    assert not {"plain", "votes"} & set(OWN)  # they go by the file's name
    assert os.listdir(file.parent) == ["own.py"]  # nothing is left beside it


def test_the_formula_is_the_first_line_of_the_docstring(file):
    assert load_rule(f"{file}:plain").formula == "What agents say, weighted."
    assert load_rule(f"{file}:votes").evidence == "votes"


@pytest.mark.parametrize(
    ("content", "function", "says"),
    [
        (None, "f", r"there is no file '.*own.py' with a rule in it: '.*own.py:f' is read as file.py:function"),
        ("def f(:\n    pass", "f", r"own.py cannot be run: SyntaxError: .*\(own.py, line 1: def f\(:\)"),
        (
            "x = 1\ny = x / 0\n",
            "f",
            r"cannot be run: ZeroDivisionError: division by zero \(own.py, line 2: y = x / 0\)",
        ),
        ("import sys\nsys.exit(3)", "f", r"cannot be run: SystemExit: 3 \(own.py, line 2: sys.exit\(3\)\)"),
        ("import nosuchmodule", "f", r"cannot be run: ModuleNotFoundError: No module named 'nosuchmodule'"),
        (FILE, "f", r"own.py has no function 'f': it has fusion_rule, plain, votes"),
        (FILE, "number", r"own.py has no function 'number': it has"),
        ("", "f", r"own.py has no function 'f': it has none"),
        (FILE.replace("def votes", "def median"), "plain", "the name median is taken by a rule of the catalogue"),
    ],
)
def test_refused_files(tmp_path, content, function, says):
    path = tmp_path / "own.py"
    if content is not None:
        path.write_text(content)
    before = dict(OWN)
    with pytest.raises(SabotageError, match=says) as caught:
        load_rule(f"{path}:{function}")
    assert "\n" not in str(caught.value)
    assert before == OWN


def test_a_file_that_is_no_python(tmp_path):
    (tmp_path / "own.txt").write_text(FILE)
    with pytest.raises(SabotageError, match=r"own.txt is no Python file: give file.py:function"):
        load_rule(f"{tmp_path / 'own.txt'}:plain")


@fusion_rule(weights="equal")
def mean_of_numbers(evidence, weights, available, out):
    """Knows who is silent by NaN alone."""
    for c in range(len(out)):
        total, n = 0.0, 0
        for m in range(len(weights)):
            if not np.isnan(evidence[m, c]):
                total += evidence[m, c]
                n += 1
        out[c] = total / n


def test_the_evidence_of_an_agent_left_out_is_no_number():
    panel = make_panel(80, 3, 4, 1)
    for rule in (mean_of_numbers, interpreted(mean_of_numbers)):
        ready = replay(panel, rule)
        for m in range(3):
            assert_array_equal(ready.without(m), replay(panel, "mean").without(m))
