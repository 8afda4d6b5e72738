"""Audit multimodal decisions: which modality sabotaged them, and do the reliability scores do anything?"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sabotage.ablation import AblationAgent, ablation_agents
    from sabotage.agents import Agent, Emissions, EstimatorAgent, RecordedAgent
    from sabotage.ambiguity import Ambiguous
    from sabotage.annotators import Annotators, measure_annotators
    from sabotage.assessing import Assessment, assess
    from sabotage.attribution import attribute
    from sabotage.audit import Audit, analyze
    from sabotage.calibration import read_calibration
    from sabotage.callables import replay_callable
    from sabotage.causes import Causes, examine_causes
    from sabotage.collecting import Collected, collect
    from sabotage.comparison import Comparison, compare
    from sabotage.controls import measure_dose_response, run_controls
    from sabotage.custom import fusion_rule
    from sabotage.diagnosis import Diagnosis, diagnose
    from sabotage.differing import Difference, diff
    from sabotage.disagreement import Disagreement, measure_disagreement
    from sabotage.dominance import Dominance, measure_dominance
    from sabotage.emitting import emit
    from sabotage.errors import SabotageError, SabotageWarning
    from sabotage.functions import FunctionAgent
    from sabotage.fusion import Decision, fuse, recorded, replay
    from sabotage.gates import Checked, Gate, check
    from sabotage.headroom import measure_headroom
    from sabotage.humans import HumanAgent
    from sabotage.interventions import Intervention
    from sabotage.judging import Judged, judge
    from sabotage.learning import Fitted, cross_fit, fit, load_fitted
    from sabotage.methods import Methods, describe_methods
    from sabotage.panel import Panel
    from sabotage.partings import Partings, find_partings
    from sabotage.people import People, compare_people
    from sabotage.permutation import permute, permute_each
    from sabotage.reading import read_panel
    from sabotage.reports import figures
    from sabotage.reports.style import style
    from sabotage.results import Permutation
    from sabotage.roles import Roles, assign_roles
    from sabotage.rules import Rule
    from sabotage.runs import Runs, compare_runs, runs_by_seed
    from sabotage.saved import SavedAudit, load_audit
    from sabotage.shares import Attribution
    from sabotage.simulation import simulate
    from sabotage.slices import Slices, find_slices

# Names are imported when they are asked for: `sabotage --help` has no time for numpy.
_HOME = {
    "AblationAgent": "ablation",
    "Agent": "agents",
    "Ambiguous": "ambiguity",
    "Annotators": "annotators",
    "Assessment": "assessing",
    "Attribution": "shares",
    "Audit": "audit",
    "Causes": "causes",
    "Checked": "gates",
    "Collected": "collecting",
    "Comparison": "comparison",
    "Decision": "fusion",
    "Diagnosis": "diagnosis",
    "Difference": "differing",
    "Disagreement": "disagreement",
    "Dominance": "dominance",
    "Emissions": "agents",
    "EstimatorAgent": "agents",
    "Fitted": "learning",
    "FunctionAgent": "functions",
    "Gate": "gates",
    "HumanAgent": "humans",
    "Intervention": "interventions",
    "Judged": "judging",
    "Methods": "methods",
    "Panel": "panel",
    "Partings": "partings",
    "People": "people",
    "Permutation": "results",
    "RecordedAgent": "agents",
    "Roles": "roles",
    "Rule": "rules",
    "Runs": "runs",
    "SabotageError": "errors",
    "SabotageWarning": "errors",
    "Slices": "slices",
    "SavedAudit": "saved",
    "ablation_agents": "ablation",
    "analyze": "audit",
    "assess": "assessing",
    "assign_roles": "roles",
    "attribute": "attribution",
    "check": "gates",
    "collect": "collecting",
    "compare": "comparison",
    "compare_people": "people",
    "compare_runs": "runs",
    "cross_fit": "learning",
    "describe_methods": "methods",
    "diagnose": "diagnosis",
    "diff": "differing",
    "emit": "emitting",
    "examine_causes": "causes",
    "find_partings": "partings",
    "find_slices": "slices",
    "fit": "learning",
    "fuse": "fusion",
    "fusion_rule": "custom",
    "judge": "judging",
    "load_audit": "saved",
    "load_fitted": "learning",
    "measure_annotators": "annotators",
    "measure_disagreement": "disagreement",
    "measure_dominance": "dominance",
    "measure_dose_response": "controls",
    "measure_headroom": "headroom",
    "permute": "permutation",
    "permute_each": "permutation",
    "read_calibration": "calibration",
    "read_panel": "reading",
    "recorded": "fusion",
    "replay": "fusion",
    "replay_callable": "callables",
    "run_controls": "controls",
    "runs_by_seed": "runs",
    "simulate": "simulation",
    "style": "reports.style",
}
__all__ = [
    "AblationAgent",
    "Agent",
    "Ambiguous",
    "Annotators",
    "Assessment",
    "Attribution",
    "Audit",
    "Causes",
    "Checked",
    "Collected",
    "Comparison",
    "Decision",
    "Diagnosis",
    "Difference",
    "Disagreement",
    "Dominance",
    "Emissions",
    "EstimatorAgent",
    "Fitted",
    "FunctionAgent",
    "Gate",
    "HumanAgent",
    "Intervention",
    "Judged",
    "Methods",
    "Panel",
    "Partings",
    "People",
    "Permutation",
    "RecordedAgent",
    "Roles",
    "Rule",
    "Runs",
    "SabotageError",
    "SabotageWarning",
    "SavedAudit",
    "Slices",
    "ablation_agents",
    "analyze",
    "assess",
    "assign_roles",
    "attribute",
    "check",
    "collect",
    "compare",
    "compare_people",
    "compare_runs",
    "cross_fit",
    "describe_methods",
    "diagnose",
    "diff",
    "emit",
    "examine_causes",
    "figures",
    "find_partings",
    "find_slices",
    "fit",
    "fuse",
    "fusion_rule",
    "judge",
    "load_audit",
    "load_fitted",
    "measure_annotators",
    "measure_disagreement",
    "measure_dominance",
    "measure_dose_response",
    "measure_headroom",
    "permute",
    "permute_each",
    "read_calibration",
    "read_panel",
    "recorded",
    "replay",
    "replay_callable",
    "run_controls",
    "runs_by_seed",
    "simulate",
    "style",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("modality-sabotage")
    if name == "figures":
        return import_module("sabotage.reports.figures")
    if name not in _HOME:
        raise AttributeError(f"module 'sabotage' has no attribute {name!r}")
    value = getattr(import_module(f"sabotage.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
