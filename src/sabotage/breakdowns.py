"""Profiles of the parts of a panel, as results: by class, by group, and over thresholds of sabotage."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

Span = tuple[float, float]


@dataclass(frozen=True)
class Part:
    """The examples of one class or group.

    Attributes
    ----------
    label : str
    n, n_wrong : int
        Examples, and wrong decisions among them.
    decision : dict of str to float or None
        Accuracy, in a group also balanced accuracy and macro-F1, and under "intervals" theirs, 95 %.
    agents : dict of str to dict
        By agent the fields of `sabotage.profiles.Profile` that make sense in a part, "intervals" included.
    """

    label: str
    n: int
    n_wrong: int
    decision: Mapping[str, Any]
    agents: Mapping[str, Mapping[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """Return plain fields, without the label."""
        return {
            "n": self.n,
            "n_wrong": self.n_wrong,
            "decision": dict(self.decision),
            "agents": {agent: dict(fields) for agent, fields in self.agents.items()},
        }


@dataclass(frozen=True, repr=False)
class Breakdown:
    """The parts of a panel.

    Attributes
    ----------
    column : str
        Whose values the parts are.
    parts : tuple of Part
        Classes in class order, groups the largest first.
    n_left_out : int
        Parts beyond the 200 largest.
    """

    column: str
    parts: tuple[Part, ...]
    n_left_out: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain fields, the parts by their labels."""
        return {
            "column": self.column,
            "n_parts": len(self.parts) + self.n_left_out,
            "n_left_out": self.n_left_out,
            "parts": {part.label: part.to_dict() for part in self.parts},
        }

    def to_frame(self) -> "pd.DataFrame":
        """Return one row a part and agent; `<field>_low` and `<field>_high` are 95 % intervals."""
        import pandas as pd

        rows = []
        for part in self.parts:
            head = {"part": part.label, "n_examples": part.n, "n_wrong": part.n_wrong}
            head |= {f"decision_{name}": value for name, value in flat(part.decision).items()}
            rows += [head | {"agent": agent} | flat(fields) for agent, fields in part.agents.items()]
        return pd.DataFrame(rows).set_index(["part", "agent"])

    def __repr__(self) -> str:
        more = f", {self.n_left_out:,} smaller ones left out" if self.n_left_out else ""
        return f"Profiles by {self.column}: {len(self.parts):,} parts{more}"


@dataclass(frozen=True)
class AgentSweep:
    """One agent over thresholds: numbers of examples at each.

    Attributes
    ----------
    saboteur, recoverable, potential : tuple of int
        Wrong decisions for the agent's own confident label, those of them on which another agent is right, and
        confident wrong labels whatever was decided.
    pivotal : tuple of int or None
        Those whose decision would be right without the agent; None where that is not known of any.
    interval : tuple of (float, float) or None
        Of the share of wrong decisions with the agent as saboteur, 95 %.
    """

    saboteur: tuple[int, ...]
    interval: tuple[Span | None, ...]
    pivotal: tuple[int | None, ...]
    recoverable: tuple[int, ...]
    potential: tuple[int, ...]


@dataclass(frozen=True)
class Sweep:
    """How much sabotage there is, by the confidence from which misleading counts as such.

    Attributes
    ----------
    thresholds : tuple of float
        0, .05, ... 1.
    n_wrong : int
    with_saboteur : tuple of int
        Wrong decisions with a saboteur.
    with_saboteur_interval : tuple of (float, float) or None
        Of their share of wrong decisions, 95 %.
    agents : dict of str to AgentSweep
    """

    thresholds: tuple[float, ...]
    n_wrong: int
    with_saboteur: tuple[int, ...]
    with_saboteur_interval: tuple[Span | None, ...]
    agents: Mapping[str, AgentSweep]

    def to_dict(self) -> dict[str, Any]:
        """Return plain fields."""
        return {
            "thresholds": list(self.thresholds),
            "n_wrong": self.n_wrong,
            "with_saboteur": list(self.with_saboteur),
            "with_saboteur_interval": list(self.with_saboteur_interval),
            "agents": {
                agent: {name: list(value) for name, value in vars(own).items()} for agent, own in self.agents.items()
            },
        }


@dataclass(frozen=True)
class Breakdowns:
    """What profiles look like in parts, and how intervals were had.

    Attributes
    ----------
    method : dict
        rates: "wilson" or "cluster bootstrap"; others and ranks: in words; n_clusters, n_resamples, level.
    by_class : Breakdown
    by_group : Breakdown or None
        None where the panel has no group column.
    sweep : Sweep
    """

    method: Mapping[str, Any]
    by_class: Breakdown
    by_group: Breakdown | None
    sweep: Sweep

    def to_dict(self) -> dict[str, Any]:
        """Return what audit.json has under "profiles"."""
        return {
            "method": dict(self.method),
            "by_class": self.by_class.to_dict(),
            "by_group": None if self.by_group is None else self.by_group.to_dict(),
            "sweep": self.sweep.to_dict(),
        }


def flat(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Spread the nested fields of a profile over columns; those of intervals are `<field>_low` and `<field>_high`."""
    row: dict[str, Any] = {}
    for name, value in fields.items():
        if name == "top_k" and value is not None:
            row |= {f"top_{k}": share for k, share in value.items()}
        elif name == "roles":
            row |= value
        elif name == "rates":
            row |= {f"{role}_rate_{per}": rate for per, rates in value.items() for role, rate in rates.items()}
        elif name != "intervals":
            row[name] = value
    for name, span in fields.get("intervals", {}).items():
        low, high = (None, None) if span is None else span
        rate = name.replace("_per_", "_rate_per_")
        column = rate if rate in row else name
        row |= {f"{column}_low": low, f"{column}_high": high}
    return row
