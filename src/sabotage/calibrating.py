"""Calibration of each agent on its own: class scores and confidences become probabilities that hold on the fit rows."""

import warnings
from dataclasses import replace
from typing import Any

import numpy as np

from sabotage.errors import SabotageError, listed, unknown
from sabotage.panel import Panel
from sabotage.parameters import Parameters, misfit

METHODS = ("temperature", "platt", "isotonic")
LEAST = 1e-12  # to which probabilities are clipped before a logarithm
TEMPERATURES = (0.05, 20.0)

Map = dict[str, Any]  # of one probability to another, or of a row of them
# What stays as it is: also what is given back where nothing can be learned.
_IDENTITY: dict[str, Map] = {
    "temperature": {"temperature": 1.0},
    "platt": {"slope": 1.0, "intercept": 0.0},
    "isotonic": {"x": [0.0, 1.0], "y": [0.0, 1.0]},
}


def fit(panel: Panel, method: str | None = "temperature") -> Parameters:
    """Fit the calibration of every agent on all rows of a panel.

    Parameters
    ----------
    panel : Panel
        The calibration rows.
    method : {"temperature", "platt", "isotonic"}
        Of class scores, normalised: p ** (1 / T), one T an agent; a sigmoid of the log odds of each class against the
        rest; a step-wise rising function of the same. The last two are normalised again. Of a confidence, as the
        probability that the emitted label is right: the same of one probability.

    Returns
    -------
    dict
        ``method``; ``agents``, one dict each: ``scores``, a list of maps (one, or one a class) or None where it has
        none, and ``confidence``, a map or None; ``notes`` on what could not be learned and stays as it is.

    Raises
    ------
    SabotageError
        If the method is unknown, or an agent lists candidates or has negative scores.

    References
    ----------
    Guo, C., et al. (2017). On calibration of modern neural networks. arXiv:1706.04599
    Platt, J. (1999). Probabilistic outputs for support vector machines. Advances in Large Margin Classifiers.
    Zadrozny, B., and Elkan, C. (2002). Transforming classifier scores into accurate multiclass probability estimates.
    doi:10.1145/775047.775151
    """
    if method not in METHODS:
        raise unknown("calibration method", str(method), METHODS)
    _require(panel)
    agents: list[Parameters] = []
    notes: list[str] = []
    for m, name in enumerate(panel.agents):
        scores = confidence = None
        if panel.has_scores[m]:
            assert panel.scores is not None
            known = np.flatnonzero(~np.isnan(panel.scores[:, m, 0]))
            shares = _shares(panel.scores[known, m])
            scores = _fit_scores(method, shares, panel, known, f"the scores of {name}", notes)
        elif panel.scores is not None:
            notes.append(f"{name} has no class scores to calibrate by: those elsewhere, if any, are left as emitted")
        known = np.flatnonzero((panel.labels[:, m] >= 0) & ~np.isnan(panel.confidence[:, m]))
        if len(known):
            right = panel.labels[known, m] == panel.truth[known]
            confidence = _fit_one(
                method, panel.confidence[known, m], right, f"the confidence of {name}", "right", notes
            )
        else:
            notes.append(f"{name} has no confidence to calibrate by: those elsewhere, if any, are left as emitted")
        agents.append({"scores": scores, "confidence": confidence})
    return {"method": method, "agents": agents, "notes": notes}


def calibrate(panel: Panel, parameters: Parameters) -> Panel:
    """Return a panel with calibrated scores and confidences; the labels stay.

    Parameters
    ----------
    panel : Panel
        Any rows with the agents and classes of the fit.
    parameters : dict
        As `fit` returns them.

    Returns
    -------
    Panel
        Its reliability is the calibrated confidence where it was the confidence, else what it was.

    Raises
    ------
    SabotageError
        If an agent lists candidates or has negative scores.
    """
    _require(panel)
    method = parameters["method"]
    scores, confidence = None if panel.scores is None else panel.scores.copy(), panel.confidence.copy()
    for m, maps in enumerate(parameters["agents"]):
        for rows in panel.chunks():
            if scores is not None and maps["scores"] is not None:
                known = ~np.isnan(scores[rows, m, 0])
                scores[rows, m][known] = _apply_scores(method, maps["scores"], _shares(scores[rows, m][known]))
            if maps["confidence"] is not None:
                known = ~np.isnan(confidence[rows, m])
                confidence[rows, m][known] = _apply_one(method, maps["confidence"], confidence[rows, m][known])
    reliability = confidence.copy() if panel.weights == "confidence" else panel.reliability
    return replace(panel, scores=scores, confidence=confidence, reliability=reliability)


def wrong(parameters: Parameters, n_agents: int, n_classes: int, method: str | None) -> str | None:
    """Return what is wrong with parameters that were read back, or None."""
    if method is None or parameters.get("method") != method:
        return f"method must be {method!r}: found {parameters.get('method')!r}"
    agents = parameters.get("agents")
    if not isinstance(agents, list) or len(agents) != n_agents:
        return f"agents must be a list of {n_agents}, one an agent"
    n_maps = 1 if method == "temperature" else n_classes
    for own in agents:
        if not isinstance(own, dict) or not {"scores", "confidence"} <= own.keys():
            return "agents must hold scores and confidence of each"
        maps = [] if own["scores"] is None else own["scores"]
        if not isinstance(maps, list) or len(maps) not in ({0} if own["scores"] is None else {n_maps}):
            return f"scores of an agent must be null or a list of {n_maps} maps"
        for one in maps + ([] if own["confidence"] is None else [own["confidence"]]):
            why = _wrong_map(one, method)
            if why is not None:
                return why
    return None


def _wrong_map(one: object, method: str) -> str | None:
    if not isinstance(one, dict):
        return "a map must be an object"
    why = misfit(one, dict.fromkeys(_IDENTITY[method], (-1,) if method == "isotonic" else ()))
    if why is not None:
        return why
    if method == "temperature" and one["temperature"] <= 0:
        return f"temperature must be positive: found {one['temperature']}"
    if method == "isotonic":
        x, y = one["x"], one["y"]
        if len(x) != len(y) or not x or sorted(x) != x or sorted(y) != y or y[0] < 0 or y[-1] > 1:
            return "x and y of a map must rise, in lists of one length, and y stay in [0, 1]"
    return None


def _require(panel: Panel) -> None:
    """Raise SabotageError for class scores that are no probabilities."""
    lists = [name for name, partial in zip(panel.agents, panel.has_lists, strict=True) if partial]
    if lists:
        raise SabotageError(
            f"calibration needs a score for every class: {listed(lists)} lists candidates (if unlisted means 0,"
            f" fill in 0)"
        )
    negative = [name for name, lowest in zip(panel.agents, panel.lowest_score, strict=True) if lowest < 0]
    if negative:
        raise SabotageError(
            f"calibration needs scores that are shares of a whole: {listed(negative)} has negative scores; a softmax"
            f" makes logits such shares"
        )


def _shares(scores: np.ndarray) -> np.ndarray:
    """Return rows (k, C) that sum to 1, uniform where they sum to 0."""
    total = scores.sum(axis=1, keepdims=True)
    return np.divide(scores, total, out=np.full(scores.shape, 1 / scores.shape[1]), where=total > 0)


def _log_odds(p: np.ndarray) -> np.ndarray:
    clipped = np.clip(p, LEAST, 1 - LEAST)
    return np.log(clipped) - np.log1p(-clipped)


def _fit_scores(
    method: str, shares: np.ndarray, panel: Panel, rows: np.ndarray, whose: str, notes: list[str]
) -> list[Map]:
    """Return the maps of one agent's shares (k, C) on some rows (k,) of a panel."""
    truth = panel.truth[rows]
    if method != "temperature":
        return [
            _fit_one(method, shares[:, c], truth == c, f"{whose} for {label}", f"of class {label}", notes)
            for c, label in enumerate(panel.classes)
        ]
    right = shares.argmax(axis=1) == truth
    if right.all() or not right.any():
        notes.append(_unlearned(whose, right, "right"))
        return [dict(_IDENTITY[method])]
    return [_temperature(np.log(np.maximum(shares, LEAST)), truth, whose, notes)]


def _fit_one(method: str, p: np.ndarray, hit: np.ndarray, whose: str, what: str, notes: list[str]) -> Map:
    """Return the map of probabilities (k,) to how often it is a hit (k,) bool."""
    if hit.all() or not hit.any():
        notes.append(_unlearned(whose, hit, what))
        return {name: value.copy() if isinstance(value, list) else value for name, value in _IDENTITY[method].items()}
    if method == "temperature":
        odds = _log_odds(p)
        return _temperature(np.stack([np.zeros(len(p)), odds], axis=1), hit.astype(np.int64), whose, notes)
    if method == "platt":
        return _platt(_log_odds(p), hit, whose, notes)
    from sklearn.isotonic import IsotonicRegression

    found = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(p, hit.astype(np.float64))
    return {"x": found.X_thresholds_.tolist(), "y": found.y_thresholds_.tolist()}


def _unlearned(whose: str, hit: np.ndarray, what: str) -> str:
    share = "all" if hit.all() else "none"
    return f"{whose}: left as emitted, since {share} of the {len(hit):,} rows to calibrate by are {what}"


def _temperature(logits: np.ndarray, truth: np.ndarray, whose: str, notes: list[str]) -> Map:
    """Return the temperature of logits (k, K) with the least log loss: convex in 1 / T, so there is one."""
    from scipy.optimize import minimize_scalar

    below = logits - logits.max(axis=1, keepdims=True)  # the largest stays the largest, so nothing overflows
    own = below[np.arange(len(truth)), truth]

    def loss(log_t: float) -> float:
        scale = np.exp(-log_t)
        return float((np.log(np.exp(below * scale).sum(axis=1)) - own * scale).mean())

    low, high = np.log(TEMPERATURES)
    found = float(np.exp(minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-9}).x))
    for border in TEMPERATURES:
        if abs(found / border - 1) < 1e-6:  # the search goes near a border, not to it
            notes.append(f"{whose}: the best temperature lies at the border of what is searched, {border:g}")
            found = border
    return {"temperature": found}


def _platt(odds: np.ndarray, hit: np.ndarray, whose: str, notes: list[str]) -> Map:
    """Return the sigmoid of log odds (k,), by Platt's targets: (hits + 1) / (hits + 2) and 1 / (misses + 2)."""
    from sklearn.linear_model import LogisticRegression

    n_hit, n = int(hit.sum()), len(hit)
    target = np.where(hit, (n_hit + 1) / (n_hit + 2), 1 / (n - n_hit + 2))
    centre, spread = float(odds.mean()), float(odds.std())
    if odds.min() == odds.max():  # any slope would do as well
        notes.append(f"{whose}: the same on all {n:,} rows to calibrate by, so calibrated to one value throughout")
        mean = float(target.mean())
        return {"slope": 0.0, "intercept": float(np.log(mean / (1 - mean)))}
    # An example with target t is t of a hit and 1 - t of a miss; without a penalty, scale and origin are free.
    x = np.tile((odds - centre) / spread, 2)[:, None]
    model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-9, max_iter=1000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where Newton's last step is lost in rounding, it says that L-BFGS takes over
        model.fit(x, np.repeat([1, 0], n), np.concatenate([target, 1 - target]))
    slope = float(model.coef_[0, 0]) / spread
    return {"slope": slope, "intercept": float(model.intercept_[0]) - slope * centre}


def _apply_scores(method: str, maps: list[Map], shares: np.ndarray) -> np.ndarray:
    """Return calibrated rows (k, C) of rows that sum to 1."""
    if method != "temperature":
        return _shares(np.stack([_apply_one(method, one, shares[:, c]) for c, one in enumerate(maps)], axis=1))
    if maps[0] == _IDENTITY[method]:
        return shares
    from scipy.special import softmax

    return softmax(np.log(np.maximum(shares, LEAST)) / maps[0]["temperature"], axis=1)


def _apply_one(method: str, one: Map, p: np.ndarray) -> np.ndarray:
    """Return calibrated probabilities (k,) of probabilities."""
    if one == _IDENTITY[method]:
        return p
    if method == "isotonic":
        return np.interp(p, one["x"], one["y"])
    from scipy.special import expit

    odds = _log_odds(p)
    return expit(odds / one["temperature"] if method == "temperature" else one["slope"] * odds + one["intercept"])
