"""Audit multimodal decisions: which modality sabotaged them, and do the reliability scores do anything?"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sabotage.agents import Agent, Emissions, EstimatorAgent, RecordedAgent
    from sabotage.audit import Audit, analyze
    from sabotage.controls import measure_dose_response, run_controls
    from sabotage.diagnosis import Diagnosis, diagnose
    from sabotage.errors import SabotageError, SabotageWarning
    from sabotage.fusion import Decision, fuse, recorded, replay
    from sabotage.headroom import measure_headroom
    from sabotage.panel import Panel
    from sabotage.permutation import permute, permute_each
    from sabotage.reading import read_panel
    from sabotage.results import Permutation
    from sabotage.roles import Roles, assign_roles
    from sabotage.simulation import simulate

# Names are imported when they are asked for: `sabotage --help` has no time for numpy.
_HOME = {
    "Agent": "agents",
    "Audit": "audit",
    "Decision": "fusion",
    "Diagnosis": "diagnosis",
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
    "diagnose": "diagnosis",
    "fuse": "fusion",
    "measure_dose_response": "controls",
    "measure_headroom": "headroom",
    "permute": "permutation",
    "permute_each": "permutation",
    "read_panel": "reading",
    "recorded": "fusion",
    "replay": "fusion",
    "run_controls": "controls",
    "simulate": "simulation",
}
__all__ = [
    "Agent",
    "Audit",
    "Decision",
    "Diagnosis",
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
    "diagnose",
    "fuse",
    "measure_dose_response",
    "measure_headroom",
    "permute",
    "permute_each",
    "read_panel",
    "recorded",
    "replay",
    "run_controls",
    "simulate",
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
