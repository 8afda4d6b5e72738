"""Stacking: a multinomial logistic regression on the log scores of all agents, as a sum over those that speak."""

import warnings
from dataclasses import replace

import numpy as np

from sabotage.errors import SabotageError
from sabotage.kernels import fusing
from sabotage.panel import Panel
from sabotage.parameters import Parameters, misfit
from sabotage.rules import RULES, require

CLIP = 1e-6  # log scores are taken of max(p, CLIP)
TOLERANCE = 1e-8  # largest gradient of the mean loss at which the fit is at rest
AT_REST = 1e-5  # the same in units of each feature, to tell whether the fit arrived
MOST_STEPS = 10_000
MOST_UNKNOWNS = 2_000  # for Newton's method, which solves for all of them at once
LARGEST = 1e100  # of the features, whose squares must not leave float64
# The scores of the classes that were seen sum to 0, so the best of them is never below that.
NEVER = -1e3


def speaking(panel: Panel, rows: slice = slice(None)) -> np.ndarray:
    """Return who speaks with class scores: ndarray of shape (k, M), bool."""
    assert panel.scores is not None
    return (panel.labels[rows] >= 0) & ~np.isnan(panel.scores[rows, :, 0])


def fit(panel: Panel, *, weighted: bool = False, clip: float = CLIP) -> Parameters:
    """Fit the regression on all rows of a panel.

    Parameters
    ----------
    panel : Panel
        The calibration rows, with class scores of every agent.
    weighted : bool
        Whether log scores times reliability are features too.
    clip : float
        Below it class scores are clipped before the logarithm.

    Returns
    -------
    dict
        ``bias`` (C,), ``log`` (C, M, C), ``spoke`` (C, M), ``weighted_log`` (C, M, C) and ``weighted`` (C, M) or None,
        as nested lists with the decided class first; ``clip``, ``n_fit`` (rows with any scores), ``absent_classes``
        (how many never occur on them, and are never decided for), ``notes``.

    Raises
    ------
    SabotageError
        If an agent has no class scores, or negative ones; if reliability is too large for the fit.

    Notes
    -----
    Features are log max(p[m, c], clip) of each agent, 0 where it is silent, and 1 where it speaks if it is silent on
    some row; weighted, also w[m] times the logarithms and w[m] itself, where w is the reliability as fusion has it. The
    penalty is scikit-learn's C = 1, without one on the bias.

    References
    ----------
    Wolpert, D. H. (1992). Stacked generalization. Neural Networks 5(2). doi:10.1016/S0893-6080(05)80023-1
    """
    name = "weighted_stacking" if weighted else "stacking"
    require(replace(RULES["log_pool"], name=name), panel)
    assert panel.scores is not None
    n, m, c = panel.scores.shape
    logs, spoke = _logs(panel, slice(None), clip)
    kept = np.flatnonzero(spoke.any(axis=1))
    if len(kept) == 0:
        raise SabotageError(f"{name} learns from rows with class scores: none of the {n:,} rows has any")
    logs, spoke, truth = logs[kept], spoke[kept], panel.truth[kept]
    partly = np.flatnonzero(~spoke.all(axis=0))
    parts = [logs.reshape(len(kept), m * c), spoke[:, partly].astype(np.float64)]
    if weighted:
        weights = _weights(panel)[kept]
        with np.errstate(over="ignore"):
            parts += [(weights[:, :, None] * logs).reshape(len(kept), m * c), weights]
    bias, coefficients, notes = _regress(np.concatenate(parts, axis=1), truth, c, name)
    log, available, *rest = np.split(coefficients, np.cumsum([part.shape[1] for part in parts])[:-1], axis=1)
    spoken = np.zeros((c, m))
    spoken[:, partly] = available
    absent = c - len(np.unique(truth))
    if absent:
        notes.append(f"{name} never decides for {absent} of the {c} classes, which its rows to learn from do not have")
    return {
        "bias": bias.tolist(),
        "log": log.reshape(c, m, c).tolist(),
        "spoke": spoken.tolist(),
        "weighted_log": rest[0].reshape(c, m, c).tolist() if weighted else None,
        "weighted": rest[1].tolist() if weighted else None,
        "clip": float(clip),
        "n_fit": len(kept),
        "absent_classes": absent,
        "notes": notes,
    }


def evidence(panel: Panel, parameters: Parameters) -> np.ndarray:
    """Return what each agent adds to the score of each class, and the bias.

    Parameters
    ----------
    panel : Panel
        Any rows with the agents and classes of the fit.
    parameters : dict
        As `fit` returns them.

    Returns
    -------
    ndarray of shape (n, M, 2 C), or (n, M, 3 C) if weighted
        Three blocks of C, by class: what the agent adds as it is; weighted, what it adds times its weight; the bias,
        the same for every agent. Where the agent has no scores, all but the bias are 0.
    """
    bias = np.array(parameters["bias"])
    maps = [(np.array(parameters["log"]), np.array(parameters["spoke"]))]
    if parameters["weighted_log"] is not None:
        maps.append((np.array(parameters["weighted_log"]), np.array(parameters["weighted"])))
    c = panel.n_classes
    out = np.empty((panel.n_examples, panel.n_agents, (len(maps) + 1) * c))
    out[:, :, -c:] = bias
    for rows in panel.chunks():
        logs, spoke = _logs(panel, rows, parameters["clip"])
        for k, (slope, level) in enumerate(maps):
            # Not a matrix product, whose last digit depends on how many examples are in it.
            part = spoke[:, :, None] * level.T
            for other in range(c):
                part += logs[:, :, other, None] * slope[:, :, other].T
            out[rows, :, k * c : (k + 1) * c] = part
    return out


def wrong(parameters: Parameters, n_agents: int, n_classes: int, weighted: bool = False) -> str | None:
    """Return what is wrong with parameters that were read back, or None."""
    m, c = n_agents, n_classes
    shapes: dict[str, tuple[int, ...]] = {"bias": (c,), "log": (c, m, c), "spoke": (c, m), "clip": ()}
    if weighted:
        shapes |= {"weighted_log": (c, m, c), "weighted": (c, m)}
    why = misfit(parameters, shapes)
    if why is None and not weighted and parameters.get("weighted_log", 0) is not None:
        return "weighted_log must be null: it belongs to weighted_stacking"
    if why is None and not 0 < parameters["clip"] < 1:
        return f"clip must lie in (0, 1): found {parameters['clip']}"
    return why


def _logs(panel: Panel, rows: slice, clip: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the log scores of some rows (k, M, C), 0 of those who do not speak, and who speaks (k, M)."""
    assert panel.scores is not None
    spoke = speaking(panel, rows)
    return np.where(spoke[:, :, None], np.log(np.maximum(panel.scores[rows], clip)), 0.0), spoke


def _weights(panel: Panel) -> np.ndarray:
    """Return the weights (n, M) that fusion would use."""
    weights = np.empty(panel.labels.shape)
    spoken = np.where(speaking(panel), panel.labels, np.int32(-1))
    fusing.weigh(fusing.RAW, 1.0, panel.reliability, spoken, weights)
    return weights


def _regress(
    features: np.ndarray, truth: np.ndarray, n_classes: int, name: str
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return bias (C,) and coefficients (C, n_features) of the regression, and what to note of it."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    bias, coefficients = np.full(n_classes, NEVER), np.zeros((n_classes, features.shape[1]))
    seen = np.unique(truth)
    if len(seen) == 1:
        bias[seen] = 0.0
        return bias, coefficients, []
    largest = float(np.abs(features).max())
    if not largest < LARGEST:
        raise SabotageError(
            f"{name} cannot be fitted: its features reach {largest:.3g}; dividing the reliability of all agents by one"
            f" number makes them smaller"
        )
    solver = _solver(len(seen), features.shape[1])
    model = LogisticRegression(C=1.0, solver=solver, tol=TOLERANCE, max_iter=MOST_STEPS)
    # On a busy machine with two cores, threads of the matrix product took 28 s for what one did in 0.3 s.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # whether it arrived is seen below
        model.fit(features, truth)
    if len(seen) == 2:  # one row, the log odds of the second class: half of it for that, half against the other
        bias[seen] = np.array([-0.5, 0.5]) * model.intercept_[0]
        coefficients[seen] = np.array([[-0.5], [0.5]]) * model.coef_[0]
    else:
        bias[seen] = model.intercept_ - model.intercept_.mean()
        coefficients[seen] = model.coef_ - model.coef_.mean(axis=0)
    error = model.predict_proba(features) - (truth[:, None] == seen)
    pull = coefficients[seen].T * (2 if len(seen) == 2 else 1)
    slope = np.abs(features.T @ error + pull).max(axis=1) / len(truth)
    unit = np.maximum(np.abs(features).mean(axis=0), 1)
    at_rest = (slope <= AT_REST * unit).all() and np.abs(error.mean(axis=0)).max() <= AT_REST
    if at_rest:
        return bias, coefficients, []
    far = f"; its features reach {largest:.3g}, and smaller numbers for reliability may help" * (largest > 1e3)
    return bias, coefficients, [f"the fit of {name} stopped before it had converged{far}"]


def _solver(n_classes: int, n_features: int) -> str:
    """Return scikit-learn's Newton method where it can be had, else its L-BFGS: the optimum is the same.

    Weighted, on 20,000 rows of three agents and seven classes, the one took 8 steps and 1 s, the other 1,196 and 6;
    with reliability in the thousands L-BFGS did not arrive in 10,000.
    """
    from sklearn import __version__

    # Before 1.6 its Newton method took three classes and more for as many regressions of two.
    joint = n_classes == 2 or tuple(int(part) for part in __version__.split(".")[:2]) >= (1, 6)
    unknowns = n_features if n_classes == 2 else n_classes * n_features
    return "newton-cholesky" if joint and unknowns <= MOST_UNKNOWNS else "lbfgs"
