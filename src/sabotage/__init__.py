"""Audit multimodal decisions: which modality sabotaged them, and do the reliability scores do anything?"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sabotage.agents import Agent, Emissions, EstimatorAgent, RecordedAgent
    from sabotage.audit import Audit, analyze
    from sabotage.errors import SabotageError, SabotageWarning
    from sabotage.fusion import Decision, fuse, recorded, replay
    from sabotage.panel import Panel
    from sabotage.permutation import permute, permute_each
    from sabotage.reading import read_panel
    from sabotage.results import Permutation
    from sabotage.roles import Roles, assign_roles

# Names are imported when they are asked for: `sabotage --help` has no time for numpy.
_HOME = {
    "Agent": "agents",
    "Audit": "audit",
    "Decision": "fusion",
    "Emissions": "agents",
    "EstimatorAgent": "agents",
    "Panel": "panel",
    "Permutation": "results",
    "RecordedAgent": "agents",
    "Roles": "roles",
    "SabotageError": "errors",
    "SabotageWarning": "errors",
    "analyze": "audit",
    "assign_roles": "roles",
    "fuse": "fusion",
    "permute": "permutation",
    "permute_each": "permutation",
    "read_panel": "reading",
    "recorded": "fusion",
    "replay": "fusion",
}
__all__ = [
    "Agent",
    "Audit",
    "Decision",
    "Emissions",
    "EstimatorAgent",
    "Panel",
    "Permutation",
    "RecordedAgent",
    "Roles",
    "SabotageError",
    "SabotageWarning",
    "analyze",
    "assign_roles",
    "fuse",
    "permute",
    "permute_each",
    "read_panel",
    "recorded",
    "replay",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("modality-sabotage")
    if name not in _HOME:
        raise AttributeError(f"module 'sabotage' has no attribute {name!r}")
    value = getattr(import_module(f"sabotage.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
