"""A panel with its decisions and roles: what every analysis of why decisions fail starts from."""

from dataclasses import dataclass

from sabotage.errors import SabotageError
from sabotage.fusion import CLIP, TEMPERATURE, Replay, recorded, replay
from sabotage.learning import Fitted
from sabotage.notes import Notes
from sabotage.panel import Panel
from sabotage.remarks import first_notes, note_fit, note_replay, note_seeds
from sabotage.roles import THRESHOLD, Roles, assign_roles
from sabotage.rules import Rule


@dataclass(frozen=True, eq=False)
class Judged:
    """A panel with its decisions, roles, the rule made ready for it, and what to know of all that."""

    panel: Panel
    roles: Roles
    replay: Replay
    notes: Notes


def judge(
    panel: Panel,
    *,
    rule: str | Rule | Fitted | Replay | None = None,
    decision: str | None = None,
    threshold: float | str = THRESHOLD,
    clip: float = CLIP,
    temperature: float = TEMPERATURE,
    notes: Notes | None = None,
) -> Judged:
    """Replay a rule, or take the recorded decisions, and give every agent its roles; see `sabotage.analyze`.

    `notes` are those that were taken of the panel already.

    Raises
    ------
    SabotageError
        For an unknown option, or a rule that the panel cannot feed.
    """
    source = source_of(panel, decision)
    if notes is None:
        notes = first_notes(panel)
        note_seeds(panel, notes)
    ready = replay(panel, rule, clip=clip, temperature=temperature)
    roles = assign_roles(panel, recorded(panel) if source == "recorded" else ready.decision, ready, threshold)
    note_fit(ready, notes)
    note_replay(ready, notes)
    return Judged(panel, roles, ready, notes)


def source_of(panel: Panel, decision: str | None) -> str:
    """Return whose decisions are judged: "recorded", which is the default where there are any, or "replayed"."""
    if decision not in (None, "recorded", "replayed"):
        raise SabotageError(f"decision must be recorded or replayed: found {decision!r}")
    return decision or ("recorded" if panel.fused_label is not None else "replayed")
