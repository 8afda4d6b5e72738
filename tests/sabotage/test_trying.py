"""What a user's function must not do, and the one sentence that says so."""

import re

import numpy as np
import pytest
from builders import make_panel

from sabotage import SabotageError, permute, replay
from sabotage.custom import fusion_rule, load_rule, make_rule
from sabotage.trying import examples

RULES = """
import random

import numpy as np


def too_few(evidence, weights, out):
    out[:] = 1.0


def raises(evidence, weights, available, out):
    out[:] = 1.0
    if len(out) > 2:
        raise ValueError("too many\\nclasses")


def outside(evidence, weights, available, out):
    for c in range(len(out) + 1):
        out[c] = 1.0


def forgets(evidence, weights, available, out):
    out[0] = 1.0


def infinite(evidence, weights, available, out):
    out[:] = np.inf


def partly(evidence, weights, available, out):
    out[:] = 1.0
    out[0] = -np.inf


def changes(evidence, weights, available, out):
    out[:] = 1.0
    weights[0] = 3.0


def draws(evidence, weights, available, out):
    for c in range(len(out)):
        out[c] = random.random()


def remembers(evidence, weights, available, out, seen=[]):
    seen.append(1.0)
    out[:] = len(seen)


def evaluates(evidence, weights, available, out):
    for c in range(len(out)):
        out[c] = eval("1.0")


def misspelt(evidence, weights, available, out):
    out[:] = 1.0
    if len(out) == 99:
        out[0] = wieghts[0]


def unsupported(evidence, weights, available, out):
    out[:] = np.nanquantile(evidence, 0.5, axis=0, weights=None, method="lower")[0] * 0 + 1


def overflows(evidence, weights, available, out):
    big = 2**62
    for c in range(len(out)):
        out[c] = float(big * 4)


def writes_at_times(evidence, weights, available, out):
    out[:] = 1.0
    if len(out) == 4:
        evidence[0, 0] = 3.0
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Write the rules of this module to a file."""
    path = tmp_path_factory.mktemp("rules") / "own.py"
    path.write_text(RULES)
    return path


def line_of(text):
    return 1 + next(at for at, line in enumerate(RULES.splitlines()) if text in line)


@pytest.mark.parametrize(
    ("name", "says", "line"),
    [
        ("too_few", "must take four arguments, evidence, weights, available, out: found (evidence, weights, out)", None),
        ("raises", "fails on an example of 2 agents and 3 classes: ValueError: too many classes", "raise ValueError"),
        ("outside", "fails on an example of 1 agents and 2 classes: IndexError: index 2 is out of bounds", "out[c] = 1.0"),
        ("forgets", "leaves the score of class 1 without a number on an example of 1 agents and 2 classes: it must", None),
        ("infinite", "gives infinite scores on an example of 1 agents and 2 classes; -inf for all classes abstains", None),
        ("partly", "gives infinite scores", None),
        ("changes", "changes its argument weights: it must leave all but out alone", None),
        ("draws", "gives two answers to one example: a rule must not draw at random", None),
        ("remembers", "gives two answers to one example", None),
        ("evaluates", "Untyped global name 'eval'", "eval("),
        ("misspelt", "NameError: name 'wieghts' is not defined; --interpret (in Python interpret=True)", None),
        ("unsupported", "numba cannot compile own.py:unsupported: ", "nanquantile"),
        ("overflows", "compiled by numba gives other scores than in Python, [0. 0.] and [1.844674e+19", None),
        ("writes_at_times", "writes to what it is given", "evidence[0, 0]"),
    ],
)  # fmt: skip
def test_one_sentence_says_what_is_wrong(file, name, says, line):
    with pytest.raises(SabotageError) as caught:
        load_rule(f"{file}:{name}")
    sentence = str(caught.value)
    assert sentence.startswith((f"own.py:{name} ", f"numba cannot compile own.py:{name}: "))
    assert says in sentence
    assert "\n" not in sentence
    assert " at 0x" not in sentence
    if line is not None:
        code = next(code.strip() for code in RULES.splitlines() if line in code)
        assert f"(own.py, line {line_of(line)}: {code})" in sentence


@pytest.mark.parametrize("name", ["evaluates", "overflows", "writes_at_times"])
def test_what_numba_cannot_do_python_can(file, name):
    assert not load_rule(f"{file}:{name}", interpret=True).is_compiled


def test_examples_are_what_a_panel_would_give():
    for kind in ("scores", "log_scores", "votes", "candidates", "borda"):
        missing = 0
        for evidence, weights, available in examples(kind):
            assert evidence.dtype == weights.dtype == np.float64
            assert (evidence.flags.c_contiguous, available.dtype) == (True, np.bool_)
            assert not np.isnan(evidence[available]).any()
            assert (weights[~available] == 0).all()
            missing += int((~available).sum())
            if kind == "votes":
                assert (evidence[available].sum(axis=1) == 1).all()
            assert np.isnan(evidence[~available]).all()
        assert missing == 2


# What goes wrong only where the small examples do not go: compiled once, for they are slow to compile.


def outside_at_four(evidence, weights, available, out):
    for c in range(len(out)):
        out[c] = 1.0
    if len(out) == 4:
        for c in range(10_000_000):
            out[c] = 2.0


def raises_when_sure(evidence, weights, available, out):
    out[:] = 1.0
    for m in range(len(available)):
        if available[m] and evidence[m].max() > 0.93:
            raise ValueError("too sure")


def forgets_when_sure(evidence, weights, available, out):
    for c in range(len(out)):
        out[c] = 1.0
        for m in range(len(available)):
            if available[m] and evidence[m, c] > 0.93:
                out[c] = np.nan


def infinite_when_sure(evidence, weights, available, out):
    for c in range(len(out)):
        out[c] = 1.0
        for m in range(len(available)):
            if available[m] and evidence[m, c] > 0.93:
                out[c] = np.inf


LATE = {f.__name__: (f, make_rule(f, f.__name__)) for f in (outside_at_four, raises_when_sure, forgets_when_sure, infinite_when_sure)}  # fmt: skip


@pytest.mark.parametrize("interpret", [False, True])
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("outside_at_four", "fails on example 0 (row 0 of those analysed): IndexError: index 4 is out of bounds"),
        ("raises_when_sure", "fails on example {at} (row {at} of those analysed): ValueError: too sure (test_trying.py,"),
        ("forgets_when_sure", "leaves a score that is no number on example {at} (row {at} of those analysed): it must"),
        ("infinite_when_sure", "leaves an infinite score on example {at} (row {at} of those analysed): it must write"),
    ],
)  # fmt: skip
def test_what_fails_on_a_real_example_names_it(name, says, interpret, capfd):
    panel = make_panel(300, 3, 4, seed=2, missing=0.2)
    rule = make_rule(LATE[name][0], name, interpret=True) if interpret else LATE[name][1]
    sure = np.nan_to_num(panel.scores.max(axis=2)).max(axis=1) > 0.93
    at = int(np.flatnonzero(sure)[0])
    assert 0 < at < 299
    before = panel.scores.copy()
    with pytest.raises(SabotageError, match=re.escape(f"{name} {says.format(at=at)}")) as caught:
        replay(panel, rule).decision  # noqa: B018
    assert "\n" not in str(caught.value)
    np.testing.assert_array_equal(panel.scores, before)
    assert capfd.readouterr().err == ""  # nothing was printed on the way


@fusion_rule
def picky(evidence, weights, available, out):
    for c in range(len(out)):
        out[c] = 1.0
        for m in range(len(available)):
            if available[m] and weights[m] > 1.0 and evidence[m, c] < 0.02:
                out[c] = np.nan


def test_what_fails_under_a_permutation_is_an_error_too():
    panel = make_panel(100, 2, 3, seed=3)
    panel.scores[:50] = 1 / 3
    q = np.full((100, 2), 0.5)
    q[:50] = 2.0
    ready = replay(panel.with_weights(q), picky)
    assert (ready.decision.labels >= 0).all()
    with pytest.raises(SabotageError, match="picky leaves a score that is no number on example"):
        permute(ready, n_permutations=50)


def test_an_interpreted_rule_cannot_write_to_the_panel():
    panel = make_panel(10, 2, 4)

    def writes(evidence, weights, available, out):
        out[:] = 1.0
        if len(out) == 4:
            weights[0] = 1.0

    with pytest.raises(
        SabotageError, match=r"writes fails on example 0 .*: ValueError: assignment destination is read"
    ):
        replay(panel, make_rule(writes, "writes", interpret=True)).decision  # noqa: B018
