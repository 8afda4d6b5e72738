"""Who is right on each example: cells by agents and decision, and the pattern of each agent and the decision."""

import numpy as np

from sabotage.panel import Panel

CELLS = ("all_right", "resolved", "rescued", "lost", "all_wrong", "silent")
ALL_RIGHT, RESOLVED, RESCUED, LOST, ALL_WRONG, SILENT = range(len(CELLS))
SIGNS = ".-+"  # silent, wrong, right
MOST_DIGITS = 38  # of base 3 in 63 bits


def cells_of(panel: Panel, decided: np.ndarray) -> np.ndarray:
    """Put every example into one cell: ndarray of shape (n,), int8, an index into CELLS.

    All right: every speaking agent and the decision are. Resolved: agents are split, the decision is right. Rescued: no
    agent is right, the decision is. Lost: some agent is right, the decision wrong. All wrong: nobody is right. Silent:
    nobody spoke, whatever the decision.

    Parameters
    ----------
    panel : Panel
    decided : ndarray of shape (n,), int32
        Labels of the decision; -1, which is wrong, where there is none.
    """
    n_said = np.zeros(panel.n_examples, np.int16)
    n_right = np.zeros(panel.n_examples, np.int16)
    for labels in panel.labels.T:
        n_said += labels >= 0
        n_right += labels == panel.truth
    fused = decided == panel.truth
    when_right = np.where(n_right == n_said, ALL_RIGHT, np.where(n_right > 0, RESOLVED, RESCUED))
    cell = np.where(fused, when_right, np.where(n_right > 0, LOST, ALL_WRONG)).astype(np.int8)
    cell[n_said == 0] = SILENT
    return cell


def patterns_of(panel: Panel, decided: np.ndarray, most: int) -> tuple[list[str], int, np.ndarray]:
    """Return the `most` most frequent patterns, how many there are, and which of all each example has: (n,) int64.

    One sign an agent, in file order, "+" right, "-" wrong, "." silent, and the decision's at the end. Of equally
    frequent patterns that with more silence and errors is first.
    """
    columns = [np.where(own < 0, 0, np.where(own == panel.truth, 2, 1)) for own in panel.labels.T]
    columns.append(np.where(decided == panel.truth, 2, 1))
    code, known = columns[0], 1
    for column in columns[1:]:
        if known == MOST_DIGITS:  # numbered anew from 0: there are at most as many as examples
            code, known = np.unique(code, return_inverse=True)[1], 20
        code, known = code * 3 + column, known + 1
    _, first, code, count = np.unique(code, return_index=True, return_inverse=True, return_counts=True)
    order = np.argsort(-count, kind="stable")
    names = ["".join(SIGNS[column[row]] for column in columns) for row in first[order[:most]].tolist()]
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return names, len(order), place[code]
