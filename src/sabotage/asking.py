"""Agents asked, their answers as a wide table, and the table as a panel."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from sabotage.agents import Agent, Emissions
from sabotage.columns import FUSED, FUSED_LABEL_NAMES
from sabotage.emitting import emit
from sabotage.errors import SabotageError, listed
from sabotage.panel import KINDS, Panel
from sabotage.reading import read_panel
from sabotage.records import by_frequency, require_distinct


def ask_agents(
    agents: Sequence[Agent],
    X: Any,
    y: Any,
    ids: Any,
    columns: Mapping[str, Any],
    asking: Mapping[str, Any],
    options: dict[str, Any],
) -> Panel:
    """Return the panel of what the agents say of X; see `Panel.from_agents`.

    `asking` are options of `emit`, `options` those of `read_panel`.
    """
    for name in ("id", "y"):
        if name in columns:
            raise SabotageError(f"columns must not hold {name!r}: give {'ids' if name == 'id' else 'y'}")
    said = emit(agents, X, **asking)
    if not said:
        raise SabotageError("agents must hold at least one agent: found none")
    reserved = [name for name in said if name in FUSED]
    if reserved:
        raise SabotageError(f"no agent may be called {reserved[0]}: its columns would be read as the recorded decision")
    table: dict[str, Any] = {"id": ids} if ids is not None else {}
    table |= {"y": y} | dict(columns)
    for name, emissions in said.items():
        own = _columns(name, emissions)
        twice = [column for column, values in own.items() if values is not None and table.get(column) is not None]
        if twice:
            raise SabotageError(f"{listed(twice)} would stand twice: rename the agent {name}, or what is in columns")
        table |= own
    table = {name: values for name, values in table.items() if values is not None}
    odd = [f"{name} ({len(values)})" for name, values in table.items() if len(values) != len(y)]
    if odd:
        raise SabotageError(f"y has {len(y)} entries; other lengths: {listed(odd)}")
    arrays = {}
    for name, values in table.items():
        try:
            arrays[name] = pa.array(_plain(values), from_pandas=True)
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            raise SabotageError(f"{name} cannot be a column: {str(error)[:160]}") from None
    # A recorded decision is read as one: among the columns to keep it would be nothing but a column.
    options.setdefault("keep", [name for name in columns if not _is_recorded(name)])
    options["agents"] = list(said)
    panel = read_panel(pa.table(arrays), truth="y", id="id" if ids is not None else None, **options)
    kinds = {agent.name: kind for agent in agents if (kind := getattr(agent, "kind", None)) in KINDS}
    notes = [note for name, emissions in said.items() if (note := _about(name, emissions)) is not None]
    return replace(panel, kinds=kinds, notes=(*panel.notes, *notes))


def _columns(name: str, said: Emissions) -> dict[str, Any]:
    """Return the columns of one agent; None for those that it does not have."""
    table: dict[str, Any] = {
        f"{name}_label": said.labels,
        f"{name}_confidence": said.confidence,
        f"{name}_reliability": said.reliability,
    }
    if said.scores is not None:
        require_distinct(said.classes, name)
    for position, label in enumerate(said.classes):
        if said.scores is not None:
            table[f"{name}_p_{label}"] = np.asarray(said.scores)[:, position]
    return table


def _is_recorded(name: str) -> bool:
    return name in FUSED_LABEL_NAMES or name.startswith(("fused_p_", "fusion_p_"))


def _about(name: str, said: Emissions) -> str | None:
    """Say on how many examples an agent failed, and by what."""
    failed = sum(reason is not None for reason in said.reasons or ())
    if not failed:
        return None
    return f"{name} has no emission on {failed:,} of the examples it was asked about: {by_frequency(said.reasons)}"


def _plain(values: Any) -> Any:
    """NumPy scalars in a list are strangers to pyarrow."""
    if isinstance(values, np.ndarray):
        return values
    return [value.item() if isinstance(value, np.generic) else value for value in values]
