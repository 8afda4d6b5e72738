"""A user's own fusion rules: plain functions of one example, tried out, compiled, and known by name."""

import importlib.util
import inspect
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, overload

import numpy as np

from sabotage.errors import SabotageError, listed, printable, unknown
from sabotage.rules import EVIDENCE, RULES, Rule

OWN: dict[str, Rule] = {}  # by name: what @fusion_rule has met in this process
SHAPES = ((1, 2), (2, 3), (3, 7))  # agents and classes of the examples on which a rule is tried
WEIGHTS = ("confidence", "equal", "reliability")
ARGUMENTS = ("evidence", "weights", "available", "out")

TELLING = re.compile(r"Unknown|No implementation|Untyped|Use of|Cannot|Invalid|.*not support")  # of numba's lines

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
    and its row of evidence means nothing. It is tried on small random examples, then compiled by numba.

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
    try_out(function, name)
    if not interpret:
        compare_with_compiled(function, name)
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
        raise SabotageError(f"{path} cannot be run: {_one_line(error)}{_place(error, path)}") from None
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


def examples(seed: int = 0) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return small examples, (evidence, weights, available): everybody there, one missing, all the same."""
    random = np.random.default_rng(seed)
    found = []
    for n_agents, n_classes in SHAPES:
        for missing in range(min(n_agents, 2)):
            evidence = random.dirichlet(np.ones(n_classes), n_agents)
            weights, available = random.random(n_agents), np.ones(n_agents, bool)
            available[:missing] = False
            found.append((evidence, np.where(available, weights, 0.0), available))
        found.append((np.full((n_agents, n_classes), 1 / n_classes), np.ones(n_agents), np.ones(n_agents, bool)))
    return found


def try_out(function: Function, name: str) -> None:
    """Run a function, as plain Python, on small examples; raise SabotageError where it does not keep its promise."""
    try:
        inspect.signature(function).bind(*ARGUMENTS)
    except (TypeError, ValueError):
        raise SabotageError(f"{name} must take four arguments, {listed(ARGUMENTS)}: {_signature(function)}") from None
    for evidence, weights, available in examples():
        given = evidence.copy(), weights.copy(), available.copy()
        shape = f"{evidence.shape[0]} agents and {evidence.shape[1]} classes"
        answers = []
        for _ in range(2):
            out = np.full(evidence.shape[1], np.nan)
            try:
                function(evidence, weights, available, out)
            except Exception as error:
                where = _place(error, inspect.getsourcefile(function) or "")
                raise SabotageError(f"{name} fails on an example of {shape}: {_one_line(error)}{where}") from None
            answers.append(out)
        for argument, now, before in zip(ARGUMENTS, (evidence, weights, available), given, strict=False):
            if not np.array_equal(now, before):
                raise SabotageError(f"{name} changes its argument {argument}: it must leave all but out alone")
        check_scores(answers[0], name, shape)
        if not np.array_equal(answers[0], answers[1]):
            raise SabotageError(f"{name} gives two answers to one example: a rule must not draw at random")


def check_scores(out: np.ndarray, name: str, where: str) -> None:
    """Raise SabotageError unless scores (C,) are finite, or all -inf."""
    if np.isfinite(out).all() or (out == -np.inf).all():
        return
    if np.isnan(out).any():
        c = int(np.flatnonzero(np.isnan(out))[0])
        raise SabotageError(
            f"{name} leaves the score of class {c} without a number on an example of {where}: it must write all of"
            f" out (-inf everywhere to abstain)"
        )
    raise SabotageError(f"{name} gives infinite scores on an example of {where}; -inf for all classes abstains")


def compare_with_compiled(function: Function, name: str) -> None:
    """Compile a function and run it on the same examples; raise SabotageError, with the line, where that fails."""
    from numba.core.errors import NumbaError

    from sabotage.kernels import pooling

    try:
        compiled = pooling.compiled(function, is_ours=False)
    except NumbaError as error:
        raise SabotageError(
            f"numba cannot compile {name}: {_reason(str(error))}{_numba_place(str(error), function)}; --interpret (in"
            f" Python interpret=True) runs it as it is, slower"
        ) from None
    except Exception as error:
        raise SabotageError(f"numba cannot compile {name}: {_one_line(error)}; --interpret runs it as it is") from None
    for evidence, weights, available in examples():
        plain, fast = np.full((2, evidence.shape[1]), np.nan)
        function(evidence, weights, available, plain)
        labels, scores = np.empty(1, np.int32), fast[None].copy()
        spoken = np.where(available, 0, -1).astype(np.int32)[None]
        pooling.pool(compiled, evidence[None], spoken, weights[None], labels, scores)
        abstains = (plain == -np.inf).all()
        if (labels[0] < 0) != abstains or not (abstains or np.allclose(scores[0], plain, rtol=1e-9, atol=1e-12)):
            raise SabotageError(
                f"{name} compiled by numba gives other scores than in Python, {scores[0]} and {plain} on an example:"
                f" --interpret (in Python interpret=True) runs it as it is"
            )


def _signature(function: Function) -> str:
    try:
        return f"found {inspect.signature(function)}"
    except (TypeError, ValueError):
        return "found none that can be read"


def _one_line(error: BaseException) -> str:
    text = printable(" ".join(str(error).split()))[:200]
    return f"{type(error).__name__}{': ' if text else ''}{text}"


def _place(error: BaseException, path: str) -> str:
    """Return ' (file.py, line 3: the line)' of the innermost place in a file, or of a syntax error."""
    import traceback

    if isinstance(error, SyntaxError) and error.lineno is not None:
        return f" ({Path(path).name}, line {error.lineno}: {printable((error.text or '').strip())})"
    inside = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f" ({Path(path).name}, line {inside[-1].lineno}: {printable(inside[-1].line or '')})" if inside else ""


def _reason(text: str) -> str:
    """Return the sentence of a numba error that says why."""
    lines = [line.strip(" -") for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if TELLING.match(line)]
    return printable(" ".join((telling or lines)[:1]))[:200]


def _numba_place(text: str, function: Function) -> str:
    """Return ' (file.py, line 3: the line)' of what numba could not compile."""
    found = re.findall(r'File "([^"]+)", line (\d+)', text)
    if not found:
        return ""
    file, line = found[-1][0], int(found[-1][1])
    import linecache

    source = inspect.getsourcefile(function) or file
    code = linecache.getline(source, line).strip() if Path(source).name == Path(file).name else ""
    return f" ({Path(file).name}, line {line}{': ' + printable(code) if code else ''})"
