"""A user's own fusion rules: plain functions of one example, tried out, compiled, and known by name."""

import importlib.util
import inspect
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, overload

from sabotage.errors import SabotageError, listed, printable, unknown
from sabotage.rules import EVIDENCE, RULES, Rule
from sabotage.trying import compare_with_compiled, one_line, place, try_out

OWN: dict[str, Rule] = {}  # by name: what @fusion_rule has met in this process
WEIGHTS = ("confidence", "equal", "reliability")

Function = Callable[..., Any]


@overload
def fusion_rule(function: Function, /) -> Rule: ...
@overload
def fusion_rule(
    *,
    evidence: str = "scores",
    weights: str = "reliability",
    distribution: str | None = "share",
    interpret: bool = False,
) -> Callable[[Function], Rule]: ...
def fusion_rule(
    function: Function | None = None,
    /,
    *,
    evidence: str = "scores",
    weights: str = "reliability",
    distribution: str | None = "share",
    interpret: bool = False,
) -> Rule | Callable[[Function], Rule]:
    """Make a fusion rule of a plain function, which is then known by its name wherever a rule's name is taken.

    The function takes the evidence of one example, ndarray of shape (M, C), the weights (M,), who is available, bool
    (M,), and writes one score a class into its last argument (C,), -inf for all to abstain. A silent agent weighs 0,
    and its row of evidence is NaN. It is tried on small random examples, then compiled by numba with its indices
    checked; those of an `@numba.njit` function that it calls are not.

    Parameters
    ----------
    evidence : {"scores", "log_scores", "votes", "candidates", "borda"}
        What the function is given.
    weights : {"reliability", "equal", "confidence"}
        Raw, not normalised; 1 each where those of the speaking agents sum to 0. Only a rule by reliability can be
        reached by a permutation of it.
    distribution : {"share", "softmax"} or None
        How its scores become a distribution over classes, for log loss and calibration; None if they do not.
    interpret : bool
        Run it as it is, uncompiled: several hundred times slower.

    Returns
    -------
    Rule

    Raises
    ------
    SabotageError
        If the name is taken by another rule, if the function fails on an example, leaves a score that is no number,
        changes what it is given, answers differently when asked again, or cannot be compiled.

    Examples
    --------
    >>> import sabotage
    >>> @sabotage.fusion_rule
    ... def strongest_product(evidence, weights, available, out):
    ...     for c in range(len(out)):
    ...         out[c] = 1.0
    ...         for m in range(len(weights)):
    ...             if available[m]:
    ...                 out[c] *= evidence[m, c] ** weights[m]
    """

    def make(own: Function) -> Rule:
        if not callable(own) or not hasattr(own, "__name__"):
            raise SabotageError(f"a rule is made of a function with a name: found a {type(own).__name__}")
        rule = make_rule(own, own.__name__, evidence, weights, distribution, interpret)
        OWN[rule.name] = rule
        return rule

    return make if function is None else make(function)


def make_rule(
    function: Function,
    name: str,
    evidence: str = "scores",
    weights: str = "reliability",
    distribution: str | None = "share",
    interpret: bool = False,
) -> Rule:
    """Check a function and make a rule of it; parameters and errors are those of `fusion_rule`."""
    if name in RULES:
        raise SabotageError(f"the name {name} is taken by a rule of the catalogue: give the function another one")
    if evidence not in EVIDENCE:
        raise unknown("evidence", evidence, EVIDENCE)
    if weights not in WEIGHTS:
        raise unknown("weights", weights, WEIGHTS)
    if distribution not in (None, "share", "softmax"):
        raise SabotageError(f'distribution must be "share", "softmax" or None: found {distribution!r}')
    function = getattr(function, "py_func", function)  # of one that is compiled already, what it was made from
    try_out(function, name, evidence)
    if not interpret:
        compare_with_compiled(function, name, evidence)
    lines = (inspect.getdoc(function) or "").splitlines()
    formula = lines[0] if lines else f"{name}, a function of one example"
    return Rule(
        name, evidence, weights, printable(formula), "pool", distribution, function=function,
        is_compiled=not interpret,
    )  # fmt: skip


def interpreted(rule: Rule) -> Rule:
    """Return a rule that runs uncompiled; one of the catalogue is returned as it is."""
    return rule if rule.is_ours else replace(rule, is_compiled=False)


def load_rule(name: str, interpret: bool = False) -> Rule:
    """Return the rule "file.py:function", of which the function may be plain or decorated.

    Raises
    ------
    SabotageError
        If the file cannot be read or run, has no such function, or as `fusion_rule`.
    """
    path, _, function_name = name.rpartition(":")
    file = Path(path)
    if not file.is_file():
        raise SabotageError(f"there is no file {path!r} with a rule in it: {name!r} is read as file.py:function")
    spec = importlib.util.spec_from_file_location(f"sabotage_rules_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise SabotageError(f"{path} is no Python file: give file.py:function")
    module = importlib.util.module_from_spec(spec)
    own, written = dict(OWN), sys.dont_write_bytecode
    try:
        sys.dont_write_bytecode = True  # nothing is left beside a user's file
        spec.loader.exec_module(module)
    except SabotageError:
        raise
    except (Exception, SystemExit) as error:
        raise SabotageError(f"{path} cannot be run: {one_line(error)}{place(error, path)}") from None
    finally:
        sys.dont_write_bytecode = written
        OWN.clear()
        OWN.update(own)  # a file's rules go by file.py:function, not by their bare names
    found = getattr(module, function_name, None)
    shown = f"{file.name}:{function_name}"
    if isinstance(found, Rule):
        return replace(found, name=shown, is_compiled=found.is_compiled and not interpret)
    if not callable(found):
        there = [key for key, value in vars(module).items() if isinstance(value, Rule) or inspect.isfunction(value)]
        raise SabotageError(f"{path} has no function {function_name!r}: it has {listed(there)}")
    return make_rule(found, shown, interpret=interpret)
