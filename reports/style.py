"""The look of figures: colour-blind safe, an agent or a role the same everywhere, on light and on dark paper."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

# After Okabe and Ito (2008). Orange and sky blue are darker than theirs where they are lines: at least 3 to 1 on white.
ROLE_COLOURS = {
    "contributor": "#009e73",
    "overruled": "#b0b0b0",
    "misleader": "#e69f00",
    "saboteur": "#d55e00",
    "suppressed": "#56b4e9",
    "bystander": "#7f7f7f",
    "absent": "#ffffff",  # paper, hatched
}
AGENT_COLOURS = ("#0072b2", "#c58200", "#009e73", "#cc79a7", "#d55e00", "#3a9ad9", "#8c6d1f", "#7a7a7a")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")
DASHES: tuple[Any, ...] = ("solid", (0, (4, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)))
HATCHES = ("", "////", "....", "xxxx")

# A page replaces these three by colours of its own; a colour that only looks like one of them stays as it is.
INK, AXIS, PAPER = "#222222", "#767676", "#ffffff"

SETTINGS: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that figures are the same everywhere
    "font.size": 7,
    "axes.axisbelow": True,
    "axes.edgecolor": AXIS,
    "axes.facecolor": "none",
    "axes.labelcolor": INK,
    "axes.labelsize": 7,
    "axes.labelpad": 2.5,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlepad": 5,
    "axes.titlesize": 7.5,
    "errorbar.capsize": 0,
    "figure.constrained_layout.h_pad": 0.02,
    "figure.constrained_layout.w_pad": 0.02,
    "figure.constrained_layout.use": True,
    "figure.dpi": 150,
    "figure.facecolor": PAPER,
    "figure.figsize": (3.4, 2.3),
    "grid.color": AXIS,
    "grid.linewidth": 0.4,
    "hatch.linewidth": 0.5,
    "legend.borderaxespad": 0,
    "legend.columnspacing": 1.0,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "legend.handlelength": 1.1,
    "legend.handletextpad": 0.4,
    "legend.labelspacing": 0.3,
    "lines.linewidth": 1.1,
    "lines.markersize": 3,
    "savefig.dpi": 300,
    "savefig.facecolor": PAPER,
    "svg.fonttype": "path",
    "pdf.fonttype": 42,  # TrueType: publishers refuse Type 3
    "svg.hashsalt": "sabotage",  # the same figure gives the same bytes
    "text.color": INK,
    "text.parse_math": False,  # a $ in a name is a $
    "xtick.color": AXIS,
    "xtick.labelcolor": INK,
    "xtick.labelsize": 6.5,
    "xtick.major.pad": 2,
    "xtick.major.size": 2.5,
    "xtick.major.width": 0.6,
    "ytick.color": AXIS,
    "ytick.labelcolor": INK,
    "ytick.labelsize": 6.5,
    "ytick.major.pad": 2,
    "ytick.major.size": 2.5,
    "ytick.major.width": 0.6,
}


@dataclass(frozen=True)
class AgentLook:
    """How an agent is drawn everywhere; from the ninth on colours come again with another line and hatch.

    Attributes
    ----------
    colour, marker, hatch : str
    line : str or tuple
        A matplotlib line style.
    fill : str
        Of markers: the colour, or that of the paper in every second round of colours.
    """

    colour: str
    marker: str
    hatch: str
    line: Any
    fill: str


def agent_look(position: int) -> AgentLook:
    """Return the look of the agent at a position in file order, from 0."""
    turn, place = divmod(position, len(AGENT_COLOURS))
    colour = AGENT_COLOURS[place]
    again = turn % len(DASHES)
    # Markers go round out of step with colours, so that no two agents of the first 64 have both alike.
    return AgentLook(
        colour,
        MARKERS[(place + turn) % len(MARKERS)],
        HATCHES[again],
        DASHES[again],
        colour if turn % 2 == 0 else PAPER,
    )


def agent_colour(position: int) -> str:
    """Return the colour of the agent at a position in file order, from 0."""
    return agent_look(position).colour


def role_colour(role: str) -> str:
    """Return the colour of a role.

    Raises
    ------
    SabotageError
        If there is no such role.
    """
    from sabotage.errors import unknown

    if role not in ROLE_COLOURS:
        raise unknown("role", role, ROLE_COLOURS)
    return ROLE_COLOURS[role]


class style:  # noqa: N801  a context manager that also works as a call, as matplotlib's own do
    """Give plots the look of the package's figures.

    `sabotage.style()` sets it from then on, `with sabotage.style(): ...` for a block alone. The colours of agents, in
    file order, are `style.agent_colour(0)` ..., and those of roles `style.role_colour("saboteur")`.
    """

    agent_colour = staticmethod(agent_colour)
    agent_look = staticmethod(agent_look)
    role_colour = staticmethod(role_colour)

    def __init__(self) -> None:
        import matplotlib as mpl
        from cycler import cycler

        self._before: Any = mpl.rcParams.copy()
        mpl.rcParams.update(SETTINGS | {"axes.prop_cycle": cycler(color=AGENT_COLOURS)})

    def __enter__(self) -> "style":
        return self

    def __exit__(self, *error: object) -> Literal[False]:
        import matplotlib as mpl

        # Not the backend: putting back the one that was to be found out would close figures.
        before: Any = {name: value for name, value in self._before.items() if name != "backend"}
        dict.update(mpl.rcParams, before)
        return False


@contextmanager
def styled() -> Iterator[None]:
    """Draw with the settings of the report."""
    import matplotlib as mpl

    with mpl.rc_context(SETTINGS):
        yield
