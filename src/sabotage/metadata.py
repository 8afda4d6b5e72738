"""What a panel writes of itself into its table, so that it is read back as it was."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sabotage.agents import RecordedAgent
from sabotage.columns import Columns, is_of_agent
from sabotage.panel import KINDS, Panel

VERSION = 1
STRUCTURE = ("group", "seed_column", "fold_column")


@dataclass(frozen=True)
class Written:
    """What a table says of the panel that wrote it; everything None or empty where it says nothing."""

    columns: Columns | None = None
    weights: str | None = None
    group: str | None = None
    seed_column: str | None = None
    fold_column: str | None = None
    keep: tuple[str, ...] = ()
    kinds: Mapping[str, str] = field(default_factory=dict)
    is_broken: bool = False  # it says something, and nothing that a panel writes


def columns_of(panel: Panel, agent: str) -> RecordedAgent:
    """Return the columns in which a panel writes what one agent said."""
    m = panel.agents.index(agent)
    suffix = {"given": "reliability", "confidence": None, "uniform": None}.get(panel.weights, panel.weights)
    scores: dict[str, str] = {}
    if panel.scores is not None and panel.has_scores[m]:
        scores = {str(label): f"{agent}_p_{label}" for label in panel.classes}
    return RecordedAgent(
        agent, f"{agent}_label", f"{agent}_confidence", None if suffix is None else f"{agent}_{suffix}", scores
    )


def describe(panel: Panel) -> dict[str, Any]:
    """Return what `read_description` takes: plain dicts, lists and texts."""
    agents = [vars(columns_of(panel, agent)) | {"kind": panel.kinds.get(agent)} for agent in panel.agents]
    return {
        "version": VERSION,
        "weights": panel.weights,
        "group": panel.group,
        "seed_column": panel.seed_column,
        "fold_column": panel.fold_column,
        "keep": list(panel.columns),
        "agents": agents,
    }


def read_description(found: Any, names: Sequence[str]) -> Written:
    """Return what a table says of the panel that wrote it.

    Nothing, where it says nothing or the table is another since: where columns are gone, or new ones look like those of
    an agent.

    found : what stood in the metadata, None where nothing did
    names : the columns that the table has
    """
    if found is None or (isinstance(found, dict) and found.get("version", VERSION) != VERSION):
        return Written()
    if not _is_description(found):
        return Written(is_broken=True)
    agents = [RecordedAgent(**{key: value for key, value in one.items() if key != "kind"}) for one in found["agents"]]
    weights = {"given": "reliability"}.get(found["weights"], found["weights"])
    used = ["id", "y", *(column for agent in agents for column in agent.columns)]
    own = {*used, *found["keep"]}
    if len(used) > len(set(used)) or not {found[key] for key in STRUCTURE} <= {*found["keep"], None}:
        return Written(is_broken=True)
    suffix = None if weights in ("reliability", "confidence", "uniform") else weights
    if suffix is not None and any(agent.reliability != f"{agent.name}_{suffix}" for agent in agents):
        return Written(is_broken=True)
    order = {name: position for position, name in enumerate(names)}
    if not own <= set(names):
        return Written()
    agents.sort(key=lambda agent: min(order[column] for column in agent.columns))
    fused = {name.removeprefix("fused_p_"): name for name in names if name.startswith("fused_p_") and name not in own}
    fused_label = "fused_label" if "fused_label" in names and "fused_label" not in own else None
    ignored = tuple(name for name in names if name not in own and name != fused_label and name not in fused.values())
    if any(is_of_agent(name) for name in ignored):
        return Written()
    columns = Columns("id", "y", tuple(agents), (), fused_label, fused, ignored)
    kinds = {one["name"]: one["kind"] for one in found["agents"] if one["kind"] in KINDS}
    return Written(
        columns, weights, found["group"], found["seed_column"], found["fold_column"], tuple(found["keep"]), kinds
    )


def _is_description(found: Any) -> bool:
    """Whether something has the shape of what `describe` returns: anybody may have written it."""
    if not isinstance(found, dict) or not {"version", "weights", "keep", "agents", *STRUCTURE} <= set(found):
        return False
    keep, agents = found["keep"], found["agents"]
    if not isinstance(keep, list) or not isinstance(agents, list) or not agents:
        return False
    texts = [found["weights"], *keep, *(found[key] for key in STRUCTURE if found[key] is not None)]
    if not all(isinstance(text, str) for text in texts) or not all(_is_agent(one) for one in agents):
        return False
    return len({one["name"] for one in agents}) == len(agents)


def _is_agent(found: Any) -> bool:
    """Whether something has the shape of what `describe` says of an agent."""
    if not isinstance(found, dict) or set(found) != {"kind", *RecordedAgent.__dataclass_fields__}:
        return False
    if not isinstance(found["scores"], dict):
        return False
    texts = [found["name"], found["label"], found["confidence"], *found["scores"].values()]
    texts += [found[key] for key in ("reliability", "kind") if found[key] is not None]
    return all(isinstance(text, str) for text in texts)
