"""The learned gate: agents weigh by a softmax of what all reliabilities, and who speaks, say about them."""

from dataclasses import replace

import numpy as np

from sabotage.errors import SabotageError
from sabotage.panel import Panel
from sabotage.parameters import Parameters, misfit
from sabotage.rules import RULES, require
from sabotage.stacking import speaking

LEAST_SHARE = 1e-12  # of the truth, below which the logarithm is clipped
TOLERANCE = 1e-8  # largest gradient of the mean loss at which the fit is at rest
AT_REST = 1e-5  # the same, where rounding ends the search before
MOST_STEPS = 10_000


def fit(panel: Panel) -> Parameters:
    """Fit the gate on all rows of a panel.

    Parameters
    ----------
    panel : Panel
        The calibration rows, with class scores of every agent that are not negative.

    Returns
    -------
    dict
        ``mean`` (M,) and ``sd`` (M,) of each agent's reliability, ``bias`` (M,), ``reliability`` (M, M) and
        ``availability`` (M, M), the agent that is weighed first; ``n_fit``, the rows that could be used; ``notes``.

    Raises
    ------
    SabotageError
        If an agent has no class scores, or negative ones; if no row has any to learn from.

    Notes
    -----
    Agent m has the logit z[m] = bias[m] + sum over speaking k of (reliability[m, k] (q[k] - mean[k]) / sd[k] +
    availability[m, k]), where a reliability that is not known adds nothing; w is the softmax of z over those that
    speak, and score[c] = sum over m of w[m] p[m, c]. Minimised is, from equal weights on, the sum over rows of
    - log(score[y] / sum over c of score[c]) plus half the sum of squares of all parameters.

    References
    ----------
    Jacobs, R. A., et al. (1991). Adaptive mixtures of local experts. Neural Computation 3(1).
    doi:10.1162/neco.1991.3.1.79
    """
    from scipy.optimize import minimize
    from threadpoolctl import threadpool_limits

    require(replace(RULES["log_pool"], name="learned_gate"), panel)
    assert panel.scores is not None
    m = panel.n_agents
    spoke = speaking(panel)
    total = np.where(spoke, panel.scores.sum(axis=2), 0.0)
    kept = np.flatnonzero((total > 0).any(axis=1))
    if len(kept) == 0:
        raise SabotageError(
            f"learned_gate learns from rows with class scores above 0: none of the {panel.n_examples:,} rows has any"
        )
    spoke, total = spoke[kept], total[kept]
    own = np.where(spoke, panel.scores[kept, :, panel.truth[kept]], 0.0)
    q = np.where(spoke, panel.reliability[kept], np.nan)
    mean, sd = _standard(q)
    features = _features(q, spoke, mean, sd)
    n = len(kept)

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = loss(flat.reshape(m, -1), features, spoke, own, total)
        return value / n, slope.ravel() / n

    options = {"maxiter": MOST_STEPS, "maxfun": 2 * MOST_STEPS, "gtol": TOLERANCE, "ftol": 1e-15}
    with threadpool_limits(1):  # the products are too small for threads
        found = minimize(objective, np.zeros(m * features.shape[1]), jac=True, method="L-BFGS-B", options=options)
    at_rest = found.success or np.abs(found.jac).max() <= AT_REST
    table = found.x.reshape(m, -1)
    return {
        "mean": mean.tolist(),
        "sd": sd.tolist(),
        "bias": table[:, 0].tolist(),
        "reliability": table[:, 1 : m + 1].tolist(),
        "availability": table[:, m + 1 :].tolist(),
        "n_fit": n,
        "notes": [] if at_rest else ["the fit of learned_gate stopped before it had converged"],
    }


def coefficients(parameters: Parameters) -> np.ndarray:
    """Return the parameters as one array of shape (M + 2, 2 M + 1).

    Row m is what makes the logit of agent m: its bias, its M coefficients of reliability, its M of availability. The
    last two rows hold mean and standard deviation of each reliability, where its coefficients stand; elsewhere 0 and 1.
    """
    m = len(parameters["bias"])
    table = np.zeros((m + 2, 2 * m + 1))
    table[:m, 0] = parameters["bias"]
    table[:m, 1 : m + 1] = parameters["reliability"]
    table[:m, m + 1 :] = parameters["availability"]
    table[m, 1 : m + 1] = parameters["mean"]
    table[m + 1] = 1.0
    table[m + 1, 1 : m + 1] = parameters["sd"]
    return table


def loss(
    table: np.ndarray, features: np.ndarray, spoke: np.ndarray, own: np.ndarray, total: np.ndarray
) -> tuple[float, np.ndarray]:
    """Return the penalised log loss of a gate and its gradient.

    Parameters
    ----------
    table : ndarray of shape (M, n_features)
        What makes each agent's logit.
    features : ndarray of shape (n, n_features)
    spoke : ndarray of shape (n, M), bool
    own, total : ndarray of shape (n, M)
        Score of the truth and sum of scores of each agent, 0 where it does not speak.

    Returns
    -------
    float
    ndarray of shape (M, n_features)
    """
    logits = np.where(spoke, features @ table.T, -np.inf)
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    truth, whole = (weights * own).sum(axis=1), (weights * total).sum(axis=1)
    share = np.divide(truth, whole, out=np.zeros(len(truth)), where=whole > 0)
    inside = share >= LEAST_SHARE  # below, the loss is flat
    slope = np.zeros(weights.shape)
    slope[inside] = weights[inside] * (total[inside] / whole[inside, None] - own[inside] / truth[inside, None])
    value = -np.log(np.maximum(share, LEAST_SHARE)).sum() + 0.5 * (table**2).sum()
    return float(value), slope.T @ features + table


def wrong(parameters: Parameters, n_agents: int, n_classes: int) -> str | None:
    """Return what is wrong with parameters that were read back, or None."""
    m = n_agents
    shapes = {"mean": (m,), "sd": (m,), "bias": (m,), "reliability": (m, m), "availability": (m, m)}
    why = misfit(parameters, shapes)
    if why is None and min(parameters["sd"]) <= 0:
        return f"sd must be positive: found {min(parameters['sd'])}"
    return why


def _standard(q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation (M,) of the known reliabilities: 1 for a deviation of 0, 0 for no mean."""
    known = ~np.isnan(q)
    n = np.maximum(known.sum(axis=0), 1)
    # Squares of reliabilities may leave float64; those of shares of the largest do not.
    scale = np.fmax.reduce(q, axis=0, initial=0.0)
    scale[scale == 0] = 1.0
    q = np.where(known, q / scale, 0.0)
    mean = q.sum(axis=0) / n
    sd = np.sqrt((np.where(known, q - mean, 0.0) ** 2).sum(axis=0) / n)
    constant = q.max(axis=0, initial=0.0, where=known) == q.min(axis=0, initial=1.0, where=known)
    sd = np.where(constant, 0.0, sd) * scale
    return mean * scale, np.where(sd > 0, sd, 1.0)


def _features(q: np.ndarray, spoke: np.ndarray, mean: np.ndarray, sd: np.ndarray) -> np.ndarray:
    """Return 1, the standardised reliabilities and who speaks: ndarray of shape (n, 2 M + 1)."""
    known = np.where(np.isnan(q), 0.0, (q - mean) / sd)
    return np.concatenate([np.ones((len(q), 1)), known, spoke.astype(np.float64)], axis=1)
