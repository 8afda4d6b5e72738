"""Which column of a wide table means what: recognition by name, with every part open to an option."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sabotage.agents import RecordedAgent
from sabotage.errors import SabotageError, did_you_mean, listed, unknown

ID_NAMES = ("id", "example_id", "sample_id", "utterance_id")
TRUTH_NAMES = ("y", "label", "y_true", "truth", "target")
FUSED_LABEL_NAMES = ("fused_label", "fusion_label")
SUFFIXES = {
    "label": ("_label", "_pred"),
    "confidence": ("_confidence", "_conf"),
    "reliability": ("_reliability", "_self_assessment", "_quality"),
}
SCORE_INFIX = re.compile("_(?:p|prob|probs|proba|score|scores)_")
FUSED = ("fused", "fusion")
# Prefixes that speak of the truth or of the decision, so that `y_pred` does not become an agent named y.
NOT_AGENTS = {"y", "true", "truth", "target", "final", "gold", "gt", "ground_truth", *FUSED}


@dataclass(frozen=True)
class Columns:
    """What the columns of a table were understood to be."""

    id: str | None
    truth: str
    agents: tuple[RecordedAgent, ...]  # in file order
    others: tuple[RecordedAgent, ...]  # recognised, but not selected
    fused_label: str | None
    fused_scores: dict[str, str]  # class, as text -> column
    ignored: tuple[str, ...]
    warnings: tuple[str, ...] = ()


@dataclass
class _Draft:
    """An agent while its columns are being found."""

    name: str
    single: dict[str, str] = field(default_factory=dict)  # label, confidence, reliability -> column
    scores: dict[str, str] = field(default_factory=dict)


def recognise(
    names: Sequence[str],
    table: str,
    *,
    id: str | None = None,
    truth: str | None = None,
    agents: Sequence[str] | None = None,
    fused_label: str | None = None,
    reserved: Sequence[str] = (),
) -> Columns:
    """Say what each column is, by its name and by what the caller names.

    Parameters
    ----------
    names : sequence of str
        Column names in file order.
    table : str
        What messages call the table.
    id, truth, fused_label : str, optional
        Columns; found by name where None.
    agents : sequence of str, optional
        The agents to keep; all where None.
    reserved : sequence of str
        Columns used for something else (groups, blocks, splits): they make no agent by themselves.

    Raises
    ------
    SabotageError
        Where a column stands twice, is named and not there, could be read in two ways, or where there is no truth or
        no agent.
    """
    require_unique(names, table)
    id = single(names, table, id, ID_NAMES, "id", "--id")
    truth = single(names, table, truth, TRUTH_NAMES, "truth", "--truth")
    if truth is None:
        hints = [name for name in names if re.fullmatch(r"(true|gold|gt|ground_truth|y)_.*|.*_(truth|true|gold)", name)]
        hint = f" (perhaps {listed(hints)}?)" if hints else ""
        raise SabotageError(
            f"{table} has no column with the truth: name one {listed(TRUTH_NAMES)}, or give --truth COLUMN{hint};"
            f" its columns are {listed(names)}"
        )
    fused_label = single(names, table, fused_label, FUSED_LABEL_NAMES, "recorded decision", "--fused-label")
    if fused_label == truth:
        raise SabotageError(f"{truth} of {table} is the truth: it cannot be the recorded decision too")
    if agents is not None and not agents:
        raise SabotageError("--agents names no agent")
    taken = {column for column in (id, truth, fused_label) if column is not None}
    free = [name for name in names if name not in taken]
    asked = set(agents or ())

    drafts = _without(_labelled(free, table, asked), reserved, asked)
    warnings = _add_scores(drafts, free, table, asked)
    drafts = _without(drafts, reserved, asked)
    taken |= set(reserved)
    fused_scores: dict[str, str] = {}
    for draft in [drafts.pop(name) for name in FUSED if name in drafts]:
        for label, column in draft.scores.items():
            if label in fused_scores:
                raise SabotageError(
                    f"{table}: {fused_scores[label]} and {column} could each be the fused score of {label}"
                )
            fused_scores[label] = column
    classes = {label for draft in drafts.values() for label in draft.scores}
    if fused_label is None and fused_scores and not classes <= set(fused_scores):
        warnings.append(
            f"{listed(fused_scores.values())} ignored: no recorded decision without a label and scores of all classes"
        )
        fused_scores = {}
    speakers = []
    for name, draft in drafts.items():
        if "label" in draft.single or draft.scores:
            speakers.append(RecordedAgent(name, **draft.single, scores=draft.scores))
        else:
            warnings.append(
                f"{listed(draft.single.values())} {'is' if len(draft.single) == 1 else 'are'} ignored: {name} has"
                f" neither a label ({name}_label) nor class scores ({name}_p_<class>)"
            )
    order = {name: position for position, name in enumerate(names)}
    speakers.sort(key=lambda agent: min(order[column] for column in agent.columns))
    chosen = _selected(speakers, table, agents)
    used = taken | set(fused_scores.values()) | {column for agent in speakers for column in agent.columns}
    ignored = tuple(name for name in names if name not in used)
    for column in ignored:
        if re.fullmatch(r"(y|final|target)_(pred|label|hat)|(fused|fusion|final)_pred", column):
            warnings.append(
                f"{column} is ignored; if it is the decision of the fused model, give --fused-label {column}"
            )
    others = tuple(agent for agent in speakers if agent not in chosen)
    return Columns(id, truth, chosen, others, fused_label, fused_scores, ignored, tuple(warnings))


def with_agents(columns: Columns, agents: Sequence[str] | None, table: str) -> Columns:
    """Return the columns with some of the agents chosen; raises SabotageError for one that is not there."""
    chosen = _selected(list(columns.agents), table, agents)
    return replace(columns, agents=chosen, others=tuple(agent for agent in columns.agents if agent not in chosen))


def with_reliability(
    agents: Sequence[RecordedAgent], suffix: str, names: Sequence[str], table: str
) -> list[RecordedAgent]:
    """Return the agents with `<agent>_<suffix>` as their reliability; all of them must have it."""
    missing = [f"{agent.name}_{suffix}" for agent in agents if f"{agent.name}_{suffix}" not in names]
    if missing:
        raise SabotageError(
            f"--weights {suffix} reads the columns <agent>_{suffix}, and {table} has no"
            f" {listed(missing)}{did_you_mean(missing[0], names)}: give reliability, confidence, uniform or the suffix"
            f" of columns that every agent has"
        )
    return [replace(agent, reliability=f"{agent.name}_{suffix}") for agent in agents]


def require_unique(names: Sequence[str], table: str) -> None:
    """Raise SabotageError where a column's name stands twice."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise SabotageError(f"{table} has more than one column named {listed(twice)}: rename or drop all but one")


def single(
    names: Sequence[str], table: str, given: str | None, known: Sequence[str], what: str, option: str
) -> str | None:
    """Return the column that was named, or the one that goes by a known name."""
    if given is not None:
        if given not in names:
            raise SabotageError(
                f"{table} has no column {given!r}{did_you_mean(given, names)}, given by {option}: its columns are"
                f" {listed(names)}"
            )
        return given
    found = [name for name in known if name in names]
    if len(found) > 1:
        raise SabotageError(
            f"{table}: {' and '.join(found)} could each be the {what}: say which with {option} {found[0]}"
        )
    return found[0] if found else None


def _labelled(names: Sequence[str], table: str, asked: set[str]) -> dict[str, _Draft]:
    """Find agents by their label, confidence and reliability columns.

    A column such as `voice_p_no_label` could be a label or a score. Columns that read one way only show who the agents
    are, and decide; where they show neither reading or both, it is an error.
    """
    parts = [(name, *found) for name in names if (found := _part(name, asked)) is not None]
    plain = {agent for name, _, agent in parts if not _splits(name)}
    scored = {_splits(name)[0][0] for name in names if len(_splits(name)) == 1 and _part(name, asked) is None}
    sure = asked | set(FUSED) | plain | scored
    owners = {agent for name in names for agent, _ in _splits(name)}
    drafts: dict[str, _Draft] = {}
    for name, part, agent in parts:
        splits = _splits(name)
        scores = [split for split in splits if split[0] in sure]
        if splits and bool(scores) == (agent in sure or agent in owners):
            readings = f"the {part} of agent {agent!r} or {_reading(*(scores or splits)[0])}"
            raise SabotageError(f"{table}: {name} could be {readings}: say who the agents are with --agents")
        if scores:
            continue
        draft = drafts.setdefault(agent, _Draft(agent))
        if part in draft.single:
            raise SabotageError(
                f"{table}: {draft.single[part]} and {name} could each be the {part} of {agent}: rename or drop one"
            )
        draft.single[part] = name
    return drafts


def _without(drafts: dict[str, _Draft], reserved: Sequence[str], asked: set[str]) -> dict[str, _Draft]:
    """Leave out the agents that only reserved columns would make."""
    other = set(reserved)
    return {
        name: draft
        for name, draft in drafts.items()
        if name in asked or not other.issuperset([*draft.single.values(), *draft.scores.values()])
    }


def is_of_agent(name: str) -> bool:
    """Whether a column is named like one of an agent."""
    return _part(name, set()) is not None or bool(_splits(name))


def _part(name: str, asked: set[str]) -> Any:
    """Return (part, agent) of a column named like a label, confidence or reliability, else None."""
    for part, suffixes in SUFFIXES.items():
        for suffix in suffixes:
            agent = name.removesuffix(suffix)
            if agent and agent != name and (agent not in NOT_AGENTS or agent in FUSED or agent in asked):
                return part, agent
    return None


def _splits(name: str) -> list[tuple[str, str]]:
    """Return every way to read a column as (agent, class)."""
    found = []
    start = 0
    while match := SCORE_INFIX.search(name, start):
        agent, label = name[: match.start()], name[match.end() :]
        if agent and label:
            found.append((agent, label))
        start = match.start() + 1
    return found


def _add_scores(drafts: dict[str, _Draft], names: Sequence[str], table: str, asked: set[str]) -> list[str]:
    """Give class-score columns to their agents, new ones included; return warnings."""
    known = {*drafts, *asked, *FUSED}
    unclaimed: dict[str, list[tuple[str, str]]] = {}
    singles = {column for draft in drafts.values() for column in draft.single.values()}
    for name in names:
        splits = _splits(name)
        mine = [split for split in splits if split[0] in known]
        if len(mine) > 1:
            raise SabotageError(_two_readings(table, name, mine))
        if mine:
            _claim(drafts, *mine[0], name, table)
        elif splits and name not in singles:
            unclaimed[name] = splits
    shown = [
        draft for draft in drafts.values() if draft.name not in FUSED and ("label" in draft.single or draft.scores)
    ]
    labelled = {tuple(sorted(draft.scores)) for draft in shown if draft.scores}
    warnings = []
    for agent, scores in _consistent_split(unclaimed, table, labelled).items():
        if shown and tuple(sorted(scores)) not in labelled:
            plural = "s" if len(scores) > 1 else ""
            warnings.append(
                f"{listed(scores.values())} ignored: read as class scores of {agent}, but its class{plural and 'es'}"
                f" {listed(scores)} are not those of the other agents; give --agents to make it one"
            )
            continue
        for label, column in scores.items():
            _claim(drafts, agent, label, column, table)
    return warnings


def _claim(drafts: dict[str, _Draft], agent: str, label: str, column: str, table: str) -> None:
    scores = drafts.setdefault(agent, _Draft(agent)).scores
    if label in scores:
        raise SabotageError(
            f"{table}: {scores[label]} and {column} could each be the score of {agent} for {label}: rename or drop one"
        )
    scores[label] = column


def _consistent_split(
    columns: dict[str, list[tuple[str, str]]], table: str, labelled: set[tuple[str, ...]]
) -> dict[str, dict[str, str]]:
    """Split the columns of agents that nothing else names, so that every agent gets the same classes.

    A name with one infix splits one way. A name with several ("text_p_non_p_words") is tried from the left and from
    the right, all columns alike.
    """
    readings: list[dict[str, dict[str, str]]] = []
    for side in range(max((len(splits) for splits in columns.values()), default=0)):
        for take in (side, -1 - side):
            reading: dict[str, dict[str, str]] = {}
            for name, splits in columns.items():
                agent, label = splits[min(take, len(splits) - 1) if take >= 0 else max(take, -len(splits))]
                reading.setdefault(agent, {})[label] = name
            if reading not in readings:
                readings.append(reading)
    if len(readings) <= 1:
        return readings[0] if readings else {}

    def is_even(reading: dict[str, dict[str, str]]) -> bool:
        sets = {tuple(sorted(scores)) for scores in reading.values()}
        return len(sets | labelled) == 1 and all(len(labels) > 1 for labels in sets)

    even = [reading for reading in readings if is_even(reading)]
    if len(even) == 1:
        return even[0]
    name, splits = next((name, splits) for name, splits in columns.items() if len(splits) > 1)
    raise SabotageError(_two_readings(table, name, splits))


def _two_readings(table: str, column: str, splits: Sequence[tuple[str, str]]) -> str:
    readings = " or ".join(_reading(*split) for split in splits)
    return f"{table}: {column} could be {readings}: say who the agents are with --agents, or rename it"


def _reading(agent: str, label: str) -> str:
    return f"the score of agent {agent!r} for class {label!r}"


def _selected(speakers: list[RecordedAgent], table: str, agents: Sequence[str] | None) -> tuple[RecordedAgent, ...]:
    """Return the agents that were asked for, in file order."""
    found = [agent.name for agent in speakers]
    if agents is None:
        if not speakers:
            raise SabotageError(
                f"{table} has no agent: an agent is a column <agent>_label, or columns <agent>_p_<class>, beside the"
                f" truth"
            )
        return tuple(speakers)
    for name in agents:
        if name not in found:
            raise (
                unknown("agent", name, found)
                if found
                else SabotageError(f"{table} has no agent {name!r}, and no other")
            )
    if len(set(agents)) < len(agents):
        raise SabotageError(f"--agents names an agent twice: {listed(agents)}")
    return tuple(agent for agent in speakers if agent.name in agents)
