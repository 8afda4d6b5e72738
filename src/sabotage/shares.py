"""The results of an attribution: what each agent adds to a statistic, on all examples, a class of them or a group."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sabotage.intervals import Estimate

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "statistic", "part", "name", "n_examples", "quantity", "agent", "other", "value", "se", "low", "high", "n_clusters",
    "monte_carlo_error",
)  # fmt: skip


@dataclass(frozen=True)
class Shares:
    """What agents add to one statistic on some examples.

    Attributes
    ----------
    n_examples : int
    nobody, everybody : float
        What the statistic is without agents, and with all of them where an example on which none speaks counts as it
        does without. Shapley values sum to their difference.
    shapley : dict of str to Estimate
        By agent: the mean over orders of the agents of what it adds to those before it.
    leave_one_out : dict of str to Estimate
        By agent: what is lost when it alone is left out.
    interactions : dict of (str, str) to Estimate, or None
        By pair of agents: the Shapley interaction index. Negative where two that do better than nobody are redundant,
        positive where one makes the other worth more. None where orders were sampled.
    monte_carlo_error : dict of str to float, or None
        Standard error that sampling orders gives each Shapley value, over and above that of the examples; None where
        it is exact.
    """

    n_examples: int
    nobody: float
    everybody: float
    shapley: dict[str, Estimate]
    leave_one_out: dict[str, Estimate]
    interactions: dict[tuple[str, str], Estimate] | None
    monte_carlo_error: dict[str, float] | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain fields; interactions are a list, one entry a pair."""
        pairs = None
        if self.interactions is not None:
            pairs = [{"agents": list(pair)} | _plain(found) for pair, found in self.interactions.items()]
        return {
            "n_examples": self.n_examples,
            "nobody": self.nobody,
            "everybody": self.everybody,
            "shapley": {agent: _plain(found) for agent, found in self.shapley.items()},
            "leave_one_out": {agent: _plain(found) for agent, found in self.leave_one_out.items()},
            "interactions": pairs,
            "monte_carlo_error": None if self.monte_carlo_error is None else dict(self.monte_carlo_error),
        }

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield one row for each number of `to_frame`."""
        for agent, found in self.shapley.items():
            error = None if self.monte_carlo_error is None else self.monte_carlo_error[agent]
            yield _row("shapley", agent, None, found) | {"monte_carlo_error": error}
        for agent, found in self.leave_one_out.items():
            yield _row("leave_one_out", agent, None, found)
        for (agent, other), found in (self.interactions or {}).items():
            yield _row("interaction", agent, other, found)


@dataclass(frozen=True)
class Attributed:
    """What agents add to one statistic.

    Attributes
    ----------
    statistic : {"accuracy", "balanced_accuracy", "log_likelihood"}
    panel : Shares
        Of all examples.
    by_class : dict of str to Shares or None, or None
        Of the examples of each class, None for one that the truth does not have; None if not asked for.
    by_group : dict of str to Shares, or None
        Of the examples of each group, "no <column>" for those without; None if not asked for, or if the panel has none.
    """

    statistic: str
    panel: Shares
    by_class: dict[str, Shares | None] | None
    by_group: dict[str, Shares] | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain fields."""
        return {"panel": self.panel.to_dict(), "by_class": _each(self.by_class), "by_group": _each(self.by_group)}


@dataclass(frozen=True, eq=False, repr=False)
class Attribution:
    """What each agent adds to what a rule's decisions reach.

    Attributes
    ----------
    rule : str
    agents : tuple of str
    n_examples, n_silent : int
        All examples, and those on which no agent speaks that the rule can use.
    n_orders, seed : int or None
        Sampled orders of the agents, reverses included, and their seed; None where all subsets were looked at.
    statistics : dict of str to Attributed or None
        In the order asked for; None for what the rule does not have.
    reasons : dict of str to str
        Why a statistic, or the interactions, are None.
    notes : tuple of str
        What a learned rule was fitted on, and why there are no intervals where there are none.
    """

    rule: str
    agents: tuple[str, ...]
    n_examples: int
    n_silent: int
    n_orders: int | None
    seed: int | None
    statistics: dict[str, Attributed | None]
    reasons: dict[str, str]
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain fields; what could not be had is None, with the reason under "reasons"."""
        found = {name: None if one is None else one.to_dict() for name, one in self.statistics.items()}
        fields = {name: getattr(self, name) for name in ("rule", "n_examples", "n_silent", "n_orders", "seed")}
        return fields | {
            "agents": list(self.agents),
            "statistics": found,
            "reasons": dict(self.reasons),
            "notes": list(self.notes),
        }

    def to_frame(self) -> "pd.DataFrame":
        """Return one row a number.

        Of its columns, part is "panel", "class" or "group" and name that of the class or group; quantity is "shapley",
        "leave_one_out" or "interaction" and other the second agent of a pair; low and high are the interval.
        """
        import pandas as pd

        rows = []
        for statistic, one in self.statistics.items():
            if one is None:
                continue
            parts: list[tuple[str, str | None, Shares | None]] = [("panel", None, one.panel)]
            parts += [("class", name, own) for name, own in (one.by_class or {}).items()]
            parts += [("group", name, own) for name, own in (one.by_group or {}).items()]
            for part, name, shares in parts:
                if shares is not None:
                    head = {"statistic": statistic, "part": part, "name": name, "n_examples": shares.n_examples}
                    rows += [head | row for row in shares.rows()]
        return pd.DataFrame(rows, columns=COLUMNS)

    def _repr_html_(self) -> str:
        from sabotage.reports.attributing import attribution_card

        return attribution_card(self)

    def __repr__(self) -> str:
        how = "all subsets" if self.n_orders is None else f"{self.n_orders:,} sampled orders"
        lines = [f"Attribution of {self.rule} to {len(self.agents)} agents, {self.n_examples:,} examples, {how}"]
        width = max(map(len, self.agents))
        for name, one in self.statistics.items():
            if one is None:
                lines.append(f"{name}: none, {self.reasons[name]}")
                continue
            shares = one.panel
            lines.append(f"{name}: {shares.nobody:.4f} without agents, {shares.everybody:.4f} with all")
            for agent in self.agents:
                left = shares.leave_one_out[agent].value
                lines.append(f"  {agent:<{width}}  Shapley {_text(shares.shapley[agent])}, lost without {left:+.4f}")
            for (agent, other), found in (shares.interactions or {}).items():
                lines.append(f"  {agent} with {other}: {_text(found)}")
        return "\n".join(lines)


def _plain(found: Estimate) -> dict[str, Any]:
    span = None if found.interval is None else list(found.interval)
    return {"value": found.value, "se": found.se, "interval": span, "n_clusters": found.n_clusters}


def _row(quantity: str, agent: str, other: str | None, found: Estimate) -> dict[str, Any]:
    low, high = (None, None) if found.interval is None else found.interval
    head = {"quantity": quantity, "agent": agent, "other": other, "value": found.value, "se": found.se}
    return head | {"low": low, "high": high, "n_clusters": found.n_clusters, "monte_carlo_error": None}


def _each(parts: Mapping[str, Shares | None] | None) -> dict[str, Any] | None:
    if parts is None:
        return None
    return {name: None if shares is None else shares.to_dict() for name, shares in parts.items()}


def _text(found: Estimate) -> str:
    span = "" if found.interval is None else f" ({found.interval[0]:+.4f} to {found.interval[1]:+.4f})"
    return f"{found.value:+.4f}{span}"
