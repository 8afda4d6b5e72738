"""Trying out a user's function: on small examples, compiled beside plain, and what to say where it fails."""

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sabotage.errors import SabotageError, listed, printable
from sabotage.rules import Rule

SHAPES = ((1, 2), (2, 3), (3, 7))  # agents and classes of the examples on which a rule is tried
ARGUMENTS = ("evidence", "weights", "available", "out")

TELLING = re.compile(r"Unknown|No implementation|Untyped|Use of|Cannot|Invalid|.*not support")  # of numba's lines

Function = Callable[..., Any]
Example = tuple[np.ndarray, np.ndarray, np.ndarray]


def examples(kind: str, seed: int = 0) -> list[Example]:
    """Return small examples, (evidence, weights, available): everybody there, one missing, all the same."""
    random = np.random.default_rng(seed)
    found = []
    for n_agents, n_classes in SHAPES:
        for missing in range(min(n_agents, 2)):
            evidence = random.dirichlet(np.ones(n_classes), n_agents)
            weights, available = random.random(n_agents), np.ones(n_agents, bool)
            available[:missing] = False
            found.append((_of_kind(kind, evidence, available), np.where(available, weights, 0.0), available))
        evidence, available = np.full((n_agents, n_classes), 1 / n_classes), np.ones(n_agents, bool)
        found.append((_of_kind(kind, evidence, available), np.ones(n_agents), available))
    return found


def _of_kind(kind: str, scores: np.ndarray, available: np.ndarray) -> np.ndarray:
    """Turn scores (M, C) into what `make_evidence` makes of them; a silent agent's are NaN."""
    if kind == "votes":
        evidence = (scores.argmax(axis=1)[:, None] == np.arange(scores.shape[1])) * 1.0
    elif kind == "borda":
        evidence = (scores[:, :, None] > scores[:, None, :]).sum(axis=2) * 1.0
    else:
        evidence = np.log(scores) if kind == "log_scores" else scores
    return np.where(available[:, None], evidence, np.nan)


def try_out(function: Function, name: str, kind: str = "scores") -> None:
    """Run a function, as plain Python, on small examples; raise SabotageError where it does not keep its promise."""
    try:
        inspect.signature(function).bind(*ARGUMENTS)
    except (TypeError, ValueError):
        raise SabotageError(f"{name} must take four arguments, {listed(ARGUMENTS)}: {_signature(function)}") from None
    for evidence, weights, available in examples(kind):
        given = evidence.copy(), weights.copy(), available.copy()
        shape = f"{evidence.shape[0]} agents and {evidence.shape[1]} classes"
        answers = []
        for _ in range(2):
            out = np.full(evidence.shape[1], np.nan)
            try:
                function(evidence, weights, available, out)
            except Exception as error:
                raise SabotageError(
                    f"{name} fails on an example of {shape}: {one_line(error)}{place(error, _source(function))}"
                ) from None
            answers.append(out)
        for argument, now, before in zip(ARGUMENTS, (evidence, weights, available), given, strict=False):
            if not np.array_equal(now, before, equal_nan=True):
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


def compare_with_compiled(function: Function, name: str, kind: str = "scores") -> None:
    """Compile a function and run it on the same examples; raise SabotageError, with the line, where that fails."""
    from numba.core.errors import NumbaError

    from sabotage.kernels import pooling

    try:
        compiled = pooling.compiled(function, False)
    except NumbaError as error:
        text = str(error)
        where = _numba_place(text, function)
        if "Cannot modify readonly array" in text:
            raise SabotageError(f"{name} writes to what it is given{where}: it must leave all but out alone") from None
        raise SabotageError(
            f"numba cannot compile {name}: {_reason(text)}{where}; --interpret (in Python interpret=True) runs it as it"
            f" is, slower"
        ) from None
    except Exception as error:
        raise SabotageError(
            f"numba cannot compile {name}: {one_line(error)}; --interpret (in Python interpret=True) runs it as it is,"
            f" slower"
        ) from None
    for evidence, weights, available in examples(kind):
        plain, fast = np.full((2, evidence.shape[1]), np.nan)
        function(evidence, weights, available, plain)
        labels, scores = np.empty(1, np.int32), fast[None].copy()
        spoken = np.where(available, 0, -1).astype(np.int32)[None]
        pooling.pool(compiled, evidence[None], spoken, weights[None], labels, scores)
        abstains = (plain == -np.inf).all()
        if (labels[0] < 0) != abstains or not (abstains or np.allclose(scores[0], plain, rtol=1e-9, atol=1e-12)):
            raise SabotageError(
                f"{name} compiled by numba gives other scores than in Python, {_numbers(scores[0])} and"
                f" {_numbers(plain)} on an example: --interpret (in Python interpret=True) runs it as it is"
            )


def explain(
    rule: Rule, evidence: np.ndarray, weights: np.ndarray, available: np.ndarray, out: np.ndarray, where: str
) -> SabotageError:
    """Return the error for an example on which a rule raised or left `out` (C,) as it is: it is asked once more."""
    if callable(rule.function):
        evidence, weights = evidence.view(), weights.view()
        evidence.flags.writeable = weights.flags.writeable = False
        try:
            rule.function(evidence, weights, available, np.full(len(out), np.nan))
        except Exception as error:
            at = place(error, _source(rule.function))
            return SabotageError(f"{rule.name} fails on {where}: {one_line(error)}{at}")
    what = "a score that is no number" if np.isnan(out).any() else "an infinite score"
    return SabotageError(f"{rule.name} leaves {what} on {where}: it must write all of out, -inf everywhere to abstain")


def one_line(error: BaseException) -> str:
    """Return the type of an error and what it says."""
    text = printable(" ".join(str(error).split()))[:200]
    return f"{type(error).__name__}{': ' if text else ''}{text}"


def place(error: BaseException, path: str) -> str:
    """Return ' (file.py, line 3: the line)' of the innermost place in a file, or of a syntax error."""
    import traceback

    if isinstance(error, SyntaxError) and error.lineno is not None:
        return f" ({Path(path).name}, line {error.lineno}: {printable((error.text or '').strip())})"
    inside = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f" ({Path(path).name}, line {inside[-1].lineno}: {printable(inside[-1].line or '')})" if inside else ""


def _numbers(values: np.ndarray) -> str:
    return np.array2string(values, precision=6, max_line_width=10**6)


def _signature(function: Function) -> str:
    try:
        return f"found {inspect.signature(function)}"
    except (TypeError, ValueError):
        return "found none that can be read"


def _source(function: Function) -> str:
    """Return the file of a function, an empty text where it has none."""
    try:
        return inspect.getsourcefile(function) or ""
    except TypeError:
        return ""


def _reason(text: str) -> str:
    """Return the sentence of a numba error that says why."""
    lines = [line.strip(" -:") for line in text.splitlines() if line.strip() and not line.startswith("Failed in")]
    telling = [line for line in lines if TELLING.match(line)]
    return printable(re.sub(r"Function\(<(built-in )?function (\w+).*?>\)", r"\2", " ".join((telling or lines)[:1])))[
        :200
    ]


def _numba_place(text: str, function: Function) -> str:
    """Return ' (file.py, line 3: the line)' of what numba could not compile."""
    import linecache

    source = _source(function)
    found = [(file, int(line)) for file, line in re.findall(r'File "([^"]+)", line (\d+)', text)]
    # Numba shortens paths, and names its own files, too, where one of its functions cannot take what it is given.
    inside = [(file, line) for file, line in found if Path(file).name == Path(source).name]
    if not (inside or found):
        return ""
    file, line = (inside or found)[-1]
    code = linecache.getline(source, line).strip() if inside else ""
    return f" ({Path(file).name}, line {line}{': ' + printable(code) if code else ''})"
