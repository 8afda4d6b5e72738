"""Fusion rules as functions of one example, and the loop that runs any of them: ours, learned ones, a user's own.

A rule is `rule(evidence, weights, available, out)`: evidence (M, K) float64, weights (M,) float64, available (M,) bool,
and one score a class into out (C,), which comes full of NaN. Silent agents have evidence of NaN and weigh 0; at
least one agent speaks. Scores of -inf for all classes are no outcome. K is C but for learned rules.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray
from sabotage.kernels.compiling import OPTIONS, inlined, kernel

Floats = NDArray[np.float64]
Labels = NDArray[np.int32]
Flags = NDArray[np.bool_]
Rule = Callable[[Floats, Floats, Flags, Floats], None]


def maximum(evidence: Floats, weights: Floats, available: Flags, out: Floats) -> None:
    """Highest score of any agent."""
    for c in range(len(out)):
        best = -np.inf
        for m in range(len(available)):
            if available[m] and evidence[m, c] > best:
                best = evidence[m, c]
        out[c] = best


def minimum(evidence: Floats, weights: Floats, available: Flags, out: Floats) -> None:
    """Lowest score of any agent."""
    for c in range(len(out)):
        least = np.inf
        for m in range(len(available)):
            if available[m] and evidence[m, c] < least:
                least = evidence[m, c]
        out[c] = least


def median(evidence: Floats, weights: Floats, available: Flags, out: Floats) -> None:
    """Median score over agents, the mean of the middle two of an even number; found by rank, without a copy."""
    n_agents = len(available)
    n_spoken = 0
    for m in range(n_agents):
        n_spoken += available[m]
    for c in range(len(out)):
        low = high = 0.0
        for m in range(n_agents):
            if available[m]:
                below = equal = 0
                for k in range(n_agents):
                    if available[k]:
                        below += evidence[k, c] < evidence[m, c]
                        equal += evidence[k, c] == evidence[m, c]
                if below <= (n_spoken - 1) // 2 < below + equal:
                    low = evidence[m, c]
                if below <= n_spoken // 2 < below + equal:
                    high = evidence[m, c]
        out[c] = low if low == high else (low + high) / 2


def dempster_shafer(evidence: Floats, weights: Floats, available: Flags, out: Floats) -> None:
    """Combine belief masses by Dempster's rule: belief of each class, and its share of what is left to all of them."""
    n_classes = len(out)
    everything = 1.0
    for c in range(n_classes):
        out[c] = 0.0
    for m in range(len(available)):
        if available[m]:
            total = 0.0
            for c in range(n_classes):
                total += evidence[m, c]
            q = min(weights[m], 1.0)
            scale = q / max(1.0, total)
            rest = max(0.0, 1.0 - scale * total)
            kept = everything * rest
            for c in range(n_classes):
                mass = scale * evidence[m, c]
                out[c] = out[c] * (mass + rest) + everything * mass
                kept += out[c]
            if not kept > 0.0:
                out[:] = -np.inf
                return
            # What remains after the conflict is brought back to 1 at each step, so that many agents do not underflow.
            whole = 1.0 / kept
            everything *= rest * whole
            for c in range(n_classes):
                out[c] *= whole
    for c in range(n_classes):
        out[c] += everything / n_classes


def logistic(evidence: Floats, weights: Floats, available: Flags, out: Floats) -> None:
    """Add up what each agent adds to the logits and, once, the bias: evidence (M, 2 C) holds both, one bias for all."""
    n_classes = len(out)
    for c in range(n_classes):
        total = bias = 0.0
        for m in range(len(available)):
            if available[m]:
                total += evidence[m, c]
                bias = evidence[m, n_classes + c]
        out[c] = bias + total


def weighted_logistic(evidence: Floats, weights: Floats, available: Flags, out: Floats) -> None:
    """Do the same with a part that reliability multiplies: evidence (M, 3 C) holds plain part, that part and bias."""
    n_classes = len(out)
    for c in range(n_classes):
        total = bias = 0.0
        for m in range(len(available)):
            if available[m]:
                total += evidence[m, c] + weights[m] * evidence[m, n_classes + c]
                bias = evidence[m, 2 * n_classes + c]
        out[c] = bias + total


@cache
def signature() -> Any:
    """Return the one signature that all rules have."""
    floats, flags = numba.types.float64, numba.types.boolean
    return numba.types.void(floats[:, ::1], floats[::1], flags[::1], floats[::1])


@cache
def compiled(rule: Rule, is_ours: bool, /) -> Any:
    """Compile a rule to a function that `pool` takes as an argument; ours are cached on disk.

    With the rule as an argument of one type the loop is compiled, and cached, once for all rules. The call by pointer
    costs 20 ns an example beside 95 for the highest of three agents' seven scores written into the loop. A rule that is
    not ours is compiled in each process, for numba does not see when a function that it calls has changed.
    """
    options: dict[str, Any] = {name: value for name, value in OPTIONS.items() if name != "nogil"}
    if not is_ours:
        return numba.cfunc(signature(), **options)(guarded(rule))
    try:
        return numba.cfunc(signature(), cache=True, **options)(rule)
    except RuntimeError:  # nowhere to write, as in `compiling.kernel`
        return numba.cfunc(signature(), **options)(rule)


def guarded(rule: Rule) -> Rule:
    """Compile a rule that is not ours so that it can write to `out` alone, and that all of it is NaN where it raises.

    Its indices are checked, for outside an array it would write into anything. Out of a function that C calls no
    exception comes: it would be printed, and the loop go on with what happens to stand in `out`.
    """
    floats, flags = numba.types.float64, numba.types.boolean
    given = [(floats, 2), (floats, 1), (flags, 1)]
    arrays = [numba.types.Array(dtype, n_axes, "C", readonly=True) for dtype, n_axes in given]
    checked = numba.njit((*arrays, floats[::1]), boundscheck=True, **OPTIONS)(rule)

    def guard(evidence: Floats, weights: Floats, available: Flags, out: Floats) -> None:
        try:
            checked(evidence, weights, available, out)
        except Exception:
            out[:] = np.nan

    return guard


@inlined
def apply(
    rule: Any,
    evidence: Floats,
    i: int,
    spoken: Labels,
    speaker: int,
    weights: Floats,
    row: int,
    given: Floats,
    heard: Floats,
    available: Flags,
    out: Floats,
) -> int:
    """Decide example i by a rule for who speaks in spoken[speaker], under weights[row].

    Returns the lowest class of the highest score, -1 for no outcome, -2 for a score that is no number, or inf.

    The rule gets copies, `given` (M, K), NaN of silent agents, `heard` (M,) and `available` (M,): of views all threads
    would count the references to one array, and a rule could change them.
    """
    n_spoken = 0
    for m in range(len(available)):
        available[m] = spoken[speaker, m] >= 0
        n_spoken += available[m]
        heard[m] = weights[row, m]
        for k in range(given.shape[1]):
            given[m, k] = evidence[i, m, k] if available[m] else np.nan
    label = -1
    if n_spoken > 0:
        out[:] = np.nan
        rule(given, heard, available, out)
        top = -np.inf
        for c in range(len(out)):
            if not out[c] < np.inf:
                label = -2
                break
            if out[c] > top:
                top = out[c]
                label = c
    return label


@kernel
def pool(rule: Any, evidence: Floats, spoken: Labels, weights: Floats, decision: Labels, scores: Floats) -> int:
    """Decide every example by a compiled rule: writes `decision` (n,) int32, -1 for no outcome, and `scores` (n, C).

    Returns the first example for which the rule left a score that is no number, or inf, having stopped there; -1 if
    none.
    """
    given, heard = np.empty(evidence.shape[1:]), np.empty(spoken.shape[1])
    available, out = np.empty(spoken.shape[1], np.bool_), np.empty(scores.shape[1])
    for i in range(len(spoken)):
        label = apply(rule, evidence, i, spoken, i, weights, i, given, heard, available, out)
        decision[i] = label
        for c in range(len(out)):
            scores[i, c] = 0.0 if label == -1 else out[c]
        if label == -2:
            return i
    return -1


@kernel
def pool_given(
    rule: Any,
    evidence: Floats,
    spoken: Labels,
    weights: Floats,
    order: NDArray[np.int64],
    which: NDArray[np.int64],
    givers: NDArray[np.int64],
    n_classes: int,
    decision: Labels,
) -> int:
    """Decide the positions `which` of an order of examples, each under the weights of its giver, a position too.

    `weights` and `givers` (n,) are by position; writes `decision` (len(which),); returns which one `pool` would.
    """
    given, heard = np.empty(evidence.shape[1:]), np.empty(spoken.shape[1])
    available, out = np.empty(spoken.shape[1], np.bool_), np.empty(n_classes)
    for k in range(len(which)):
        i = order[which[k]]
        label = apply(rule, evidence, i, spoken, i, weights, givers[which[k]], given, heard, available, out)
        if label == -2:
            return k
        decision[k] = label
    return -1


def interpret(rule: Rule, evidence: Floats, spoken: Labels, weights: Floats, decision: Labels, scores: Floats) -> int:
    """Do what `pool` does with a rule that is plain Python."""
    weights = weights.view()
    weights.flags.writeable = False
    for i in range(len(spoken)):
        available, out = spoken[i] >= 0, scores[i]
        given = np.where(available[:, None], evidence[i], np.nan)
        given.flags.writeable = False
        out[:] = np.nan if available.any() else -np.inf
        if available.any():
            try:
                rule(given, weights[i], available, out)
            except Exception:
                return i
        if not (out < np.inf).all():
            return i
        decision[i] = -1 if (out == -np.inf).all() else int(out.argmax())
        if decision[i] < 0:
            out[:] = 0.0
    return -1


@kernel
def gate(q: Floats, spoken: Labels, gates: Floats, part: NDArray[np.int64], out: Floats) -> None:
    """Write what a softmax turns into the weights of a learned gate: z, less its least, into out (n, M).

    z[m] = b[m] + sum over k that speak of A[m, k] (q[k] - mean[k]) / sd[k], 0 for an unknown q[k], and B[m, k]. `gates`
    (parts, M + 2, 2 M + 1) hold a row (b[m], A[m, :], B[m, :]) for each agent, then (0, mean, ...) and (1, sd, ...);
    `part` (n,) says whose coefficients are an example's.
    """
    n_agents = q.shape[1]
    for i in range(len(q)):
        own = gates[part[i]]
        least = np.inf
        for m in range(n_agents):
            z = own[m, 0]
            for k in range(n_agents):
                if spoken[i, k] >= 0:
                    z += own[m, 1 + n_agents + k]
                    if q[i, k] >= 0.0:
                        z += own[m, 1 + k] * ((q[i, k] - own[n_agents, 1 + k]) / own[n_agents + 1, 1 + k])
            out[i, m] = z
            if spoken[i, m] >= 0:
                least = min(least, z)
        for m in range(n_agents):
            out[i, m] = out[i, m] - least if spoken[i, m] >= 0 else 0.0
