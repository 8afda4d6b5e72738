"""Gates for continuous integration: what an audit has to reach, judged on its numbers or on their intervals."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

from sabotage.contents import content_of, interval_of, taken_apart
from sabotage.errors import SabotageError, count_of, unknown
from sabotage.verdicts import WORDS


@dataclass(frozen=True)
class Gate:
    """One limit.

    Attributes
    ----------
    kind : str
        "max_saboteur_rate", "min_accuracy", "min_balanced_accuracy", "max_ece", "max_missing", "min_gap",
        "min_agreement" or "require_verdict".
    limit : float or tuple of str
        A number; of "require_verdict" the words that will do.
    agent : str or None
        Whose number; where None that of the decision, and of what only agents have, of each agent.
    """

    kind: str
    limit: float | tuple[str, ...]
    agent: str | None = None

    def __post_init__(self) -> None:
        """Raise SabotageError for an unknown kind, or a limit or an agent that it does not take."""
        if self.kind not in KINDS:
            raise unknown("gate", self.kind, KINDS)
        if self.kind == VERDICT:
            words = (self.limit,) if isinstance(self.limit, str) else self.limit
            if isinstance(words, (int, float)) or not words:
                raise SabotageError(f"{self.option} takes words such as helpful,neutral: found {self.limit!r}")
            for word in words:
                if word not in WORDS:
                    raise unknown("verdict", word, WORDS)
            object.__setattr__(self, "limit", tuple(words))
        elif isinstance(self.limit, (str, tuple)) or not isfinite(self.limit):
            raise SabotageError(f"{self.option} must be a number: found {self.limit!r}")
        elif self.kind != GAP and not 0 <= self.limit <= 1:
            raise SabotageError(f"{self.option} must lie in [0, 1]: found {self.limit:g}")
        if self.agent is not None and KINDS[self.kind].of_agent is None:
            raise SabotageError(f"{self.option} is of the whole panel: leave out {self.agent}=")

    @property
    def option(self) -> str:
        """The option of `sabotage check` that makes it."""
        return f"--{self.kind.replace('_', '-')}"

    @property
    def needs_test(self) -> bool:
        """Whether it is about the permutation test."""
        return self.kind in (GAP, VERDICT)


@dataclass(frozen=True)
class Reading:
    """A number of an audit, its interval, and what it is a share of; `why` says why it is null."""

    value: float | str | None
    interval: tuple[float, float] | None
    n: int | None
    of: str
    why: str | None = None


@dataclass(frozen=True)
class Outcome:
    """How one gate was passed, or not.

    Attributes
    ----------
    gate : str
        Its kind.
    what : str
        The number in words.
    agent : str or None
    holds : bool
    value : float, str or None
    interval : tuple of float, or None
        95 %.
    judged : float, str or None
        What was held against the limit: the value, or the end of the interval that is against it.
    limit : float or tuple of str
    n : int or None
        The denominator, of what `of` says.
    of : str
    why : str or None
        Why it failed.
    """

    gate: str
    what: str
    agent: str | None
    holds: bool
    value: float | str | None
    interval: tuple[float, float] | None
    judged: float | str | None
    limit: float | tuple[str, ...]
    n: int | None
    of: str
    why: str | None


@dataclass(frozen=True)
class Checked:
    """The outcomes of some gates; `holds` where all do."""

    outcomes: tuple[Outcome, ...]
    by_interval: bool

    @property
    def holds(self) -> bool:
        """Whether every gate holds."""
        return all(outcome.holds for outcome in self.outcomes)

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """The outcomes that do not hold."""
        return tuple(outcome for outcome in self.outcomes if not outcome.holds)

    @property
    def summary(self) -> str:
        """How many hold, in one sentence."""
        n = len(self.outcomes)
        if self.holds:
            return "The gate holds." if n == 1 else f"All {n} gates hold."
        return f"{len(self.failed)} of {count_of(n, 'gate')} failed."

    def to_dict(self) -> dict[str, Any]:
        """Return plain fields."""
        return {
            "holds": self.holds,
            "by_interval": self.by_interval,
            "outcomes": [
                {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(outcome).items()}
                for outcome in self.outcomes
            ],
        }

    def __repr__(self) -> str:
        return "\n".join([*(in_words(outcome) for outcome in self.outcomes), self.summary])


def check(audit: Any, gates: Sequence[Gate], *, by_interval: bool = False) -> Checked:
    """Hold an audit against gates.

    Parameters
    ----------
    audit : Audit or mapping
        An audit, one that was read from a file, or the content of audit.json.
    gates : sequence of Gate
    by_interval : bool
        Whether to judge the end of each number's 95 % interval that is against the gate: the lower end of what has to
        be at least something. A number without an interval fails. Verdicts rest on intervals anyhow.

    Returns
    -------
    Checked
        One outcome a gate and agent, in the order of the gates; its `repr` is what `sabotage check` prints.

    Raises
    ------
    SabotageError
        If no gate is given, or one is of an agent that the audit does not have.
    """
    require_gates(gates)
    content = content_of(audit)
    outcomes: dict[Outcome, None] = {}
    with taken_apart("the audit"):
        for gate in gates:
            for agent in _agents(gate, content):
                outcomes.setdefault(_judge(gate, agent, content, by_interval))
    return Checked(tuple(outcomes), by_interval)


def require_gates(gates: Sequence[Gate]) -> None:
    """Raise SabotageError where there is none: a check of nothing would pass."""
    if not gates:
        raise SabotageError(f"nothing to check: give a gate such as --min-accuracy 0.7; there are {_options()}")


def in_words(outcome: Outcome) -> str:
    """Return an outcome in one line: what, its value and interval, the limit, the denominator."""
    whose = f" of {outcome.agent}" if outcome.agent is not None else OF_PANEL.get(outcome.gate, "")
    value = outcome.value
    shown = "null" if value is None else value if isinstance(value, str) else f"{value:.4g}"
    if outcome.interval is not None:
        shown += f" [{outcome.interval[0]:.4g}, {outcome.interval[1]:.4g}]"
    limit = outcome.limit
    if isinstance(limit, tuple):
        bound = f"has to be {' or '.join(limit)}"
    else:
        bound = f"has to be at {'most' if outcome.gate.startswith('max') else 'least'} {limit:g}"
    base = outcome.of if outcome.n is None else f"{outcome.n:,} {outcome.of}"
    why = "" if outcome.why is None else f": {outcome.why}"
    return f"{'holds ' if outcome.holds else 'FAILED'}  {outcome.what}{whose} {shown}, {bound} (over {base}){why}"


def _options() -> str:
    return ", ".join(f"--{kind.replace('_', '-')}" for kind in KINDS)


def _agents(gate: Gate, content: Mapping[str, Any]) -> Iterable[str | None]:
    """Return whose number a gate is about; None is the panel's."""
    if gate.agent is not None:
        if gate.agent not in content["agents"]:
            raise unknown("agent", gate.agent, content["agents"])
        return (gate.agent,)
    return content["agents"] if KINDS[gate.kind].of_panel is None else (None,)


def _judge(gate: Gate, agent: str | None, content: Mapping[str, Any], by_interval: bool) -> Outcome:
    kind = KINDS[gate.kind]
    found = _read(kind, agent, content)
    is_max = gate.kind.startswith("max")
    judged, why, holds = found.value, found.why, False
    if isinstance(gate.limit, tuple):
        holds = found.value in gate.limit
    elif by_interval:
        judged = None if found.interval is None else found.interval[is_max]
        if found.value is not None and judged is None:
            why = "it has no 95 % interval, which --by-interval judges"
    if not isinstance(gate.limit, tuple) and isinstance(judged, (int, float)):
        holds = judged <= gate.limit if is_max else judged >= gate.limit
        if not holds and by_interval:
            why = f"the {'upper' if is_max else 'lower'} end of its interval is {judged:.4g}"
    return Outcome(
        gate.kind, kind.what, agent, holds, found.value, found.interval, judged, gate.limit, found.n, found.of, why
    )


@dataclass(frozen=True)
class _Kind:
    """What a gate is about, and where its number stands, of an agent and of the whole panel."""

    what: str
    of_agent: Callable[[Mapping[str, Any], str], Reading] | None
    of_panel: Callable[[Mapping[str, Any]], Reading] | None


def _read(kind: _Kind, agent: str | None, content: Mapping[str, Any]) -> Reading:
    if agent is not None and kind.of_agent is not None:
        return kind.of_agent(content, agent)
    if kind.of_panel is None:  # no gate is made like that
        raise SabotageError(f"{kind.what} is of an agent: name one")
    return kind.of_panel(content)


def _reason(content: Mapping[str, Any], field: str, agent: str | None = None) -> str:
    """Return the note that says why a field is null."""
    for note in content.get("notes", ()):
        if field in note and "null" in note and (agent is None or agent in note):
            return str(note)
    return f"this audit has no {field}"


def _plain(field: str, n: str, of: str) -> Callable[[Mapping[str, Any], str], Reading]:
    """Return how to read a field of a profile that is over `n` examples."""

    def read(content: Mapping[str, Any], agent: str) -> Reading:
        profile = content["agents"][agent]
        value = profile.get(field)
        why = _reason(content, field, agent) if value is None else None
        return Reading(value, interval_of(profile, field), profile.get(n), of, why)

    return read


def _decision(field: str, of: str = "examples") -> Callable[[Mapping[str, Any]], Reading]:
    def read(content: Mapping[str, Any]) -> Reading:
        decision = content["decision"]
        value = decision.get(field)
        why = _reason(content, field) if value is None else None
        n = content["input"]["n_examples"] if of == "examples" else None
        return Reading(value, interval_of(decision, field), n, of, why)

    return read


def _saboteur_rate(content: Mapping[str, Any], agent: str) -> Reading:
    profile, n = content["agents"][agent], content["input"]["n_examples"]
    interval = interval_of(profile, "saboteur_per_example")
    return Reading(profile["roles"]["saboteur"] / n, interval, n, "examples")


def _missing(content: Mapping[str, Any], agent: str) -> Reading:
    profile, n = content["agents"][agent], content["input"]["n_examples"]
    spoke = interval_of(profile, "coverage")
    return Reading(profile["missing"] / n, None if spoke is None else (1 - spoke[1], 1 - spoke[0]), n, "examples")


def _gap(content: Mapping[str, Any]) -> Reading:
    test = content.get("permutation")
    if test is None:
        return Reading(None, None, None, "examples", _reason(content, "permutation"))
    what = "ids" if test.get("seeds") and not test.get("per_seed") else "examples"
    interval = test.get("gap_interval")
    why = _reason(content, "gap_u") if test.get("gap_u") is None else None
    span = None if interval is None else (float(interval[0]), float(interval[1]))
    return Reading(test.get("gap_u"), span, test.get("n_units"), what, why)


def _verdict(content: Mapping[str, Any]) -> Reading:
    test = content.get("permutation")
    if test is None:
        return Reading(None, None, None, "examples", _reason(content, "permutation"))
    return Reading(test["verdict"], None, test.get("n_units"), "examples", test.get("verdict_evidence"))


OF_PANEL = {"min_accuracy": " of the decision", "min_balanced_accuracy": " of the decision"}
GAP, VERDICT = "min_gap", "require_verdict"
SPOKE = "examples on which it spoke"
KINDS = {
    "max_saboteur_rate": _Kind("saboteur rate", _saboteur_rate, None),
    "min_accuracy": _Kind("accuracy", _plain("accuracy", "n", SPOKE), _decision("accuracy")),
    "min_balanced_accuracy": _Kind(
        "balanced accuracy", _plain("balanced_accuracy", "n", SPOKE), _decision("balanced_accuracy")
    ),
    "max_ece": _Kind("ECE", _plain("ece", "n_confidence", "examples with a confidence"), None),
    GAP: _Kind("gap", None, _gap),
    VERDICT: _Kind("verdict", None, _verdict),
    "max_missing": _Kind("missing share", _missing, None),
    "min_agreement": _Kind("replay agreement", None, _decision("replay_agreement", "recorded decisions")),
}
