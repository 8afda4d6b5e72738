"""Weights by agent and class: what an agent's word for a class has been worth."""

import numpy as np

from sabotage.panel import Panel
from sabotage.parameters import Parameters, misfit


def fit(panel: Panel) -> Parameters:
    """Count on all rows of a panel how often each agent is right when it says a class.

    Parameters
    ----------
    panel : Panel
        The calibration rows.

    Returns
    -------
    dict
        ``precision`` (M, C): times that agent m said c and was right, plus 1, over times that it said c, plus C, which
        is 1 / C for a class that it never said; and ``notes``.
    """
    m, c = panel.n_agents, panel.n_classes
    said, right = np.zeros((m, c)), np.zeros((m, c))
    for agent in range(m):
        labels = panel.labels[:, agent]
        said[agent] = np.bincount(labels[labels >= 0], minlength=c)
        right[agent] = np.bincount(labels[labels == panel.truth], minlength=c)
    return {"precision": ((right + 1) / (said + c)).tolist(), "notes": []}


def evidence(panel: Panel, parameters: Parameters) -> np.ndarray:
    """Return each agent's evidence times its precision for the class.

    Parameters
    ----------
    panel : Panel
        Any rows with the agents and classes of the fit.
    parameters : dict
        As `fit` returns them.

    Returns
    -------
    ndarray of shape (n, M, C)
        precision[m, c] p[m, c], where p is the row of class scores if the agent has a whole one, else its label as
        one-hot votes; 0 where it is silent.
    """
    precision = np.array(parameters["precision"])
    out = np.empty((panel.n_examples, panel.n_agents, panel.n_classes))
    for rows in panel.chunks():
        labels = panel.labels[rows, :, None]
        part = (labels == np.arange(panel.n_classes)).astype(np.float64)
        if panel.scores is not None:
            scores = panel.scores[rows]
            whole = (labels >= 0) & ~np.isnan(scores).any(axis=2, keepdims=True)
            part = np.where(whole, scores, part)
        out[rows] = part * precision
    return out


def wrong(parameters: Parameters, n_agents: int, n_classes: int) -> str | None:
    """Return what is wrong with parameters that were read back, or None."""
    return misfit(parameters, {"precision": (n_agents, n_classes)})
