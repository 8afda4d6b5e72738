"""Colours and matplotlib settings: colour-blind safe (Okabe and Ito), the same role the same colour everywhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

ROLE_COLOURS = {
    "contributor": "#009e73",
    "overruled": "#b8b8b8",
    "misleader": "#e69f00",
    "saboteur": "#d55e00",
    "suppressed": "#56b4e9",
    "bystander": "#d9d9d9",
    "absent": "#f0f0f0",
}
AGENT_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#8c6d1f", "#555555")
INK = "#222222"

SETTINGS: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.edgecolor": "#888888",
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 8,
    "axes.titlelocation": "left",
    "figure.dpi": 150,
    "legend.frameon": False,
    "legend.fontsize": 7,
    "text.color": INK,
    "text.parse_math": False,  # a $ in a label is a $
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "svg.hashsalt": "sabotage",  # the same figure gives the same bytes
}


def agent_colour(position: int) -> str:
    """Return the colour of the agent at a position in file order."""
    return AGENT_COLOURS[position % len(AGENT_COLOURS)]


@contextmanager
def styled() -> Iterator[None]:
    """Draw with the settings of the report."""
    import matplotlib as mpl

    with mpl.rc_context(SETTINGS):
        yield
