"""What changed between two audits: settings and input first, then the numbers, the most telling before the others."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from math import isclose
from typing import Any

from sabotage.contents import content_of, flat, interval_of, taken_apart
from sabotage.saying import series

INPUT = ("sha256", "n_examples", "n_rows", "n_dropped", "n_filtered", "n_other_split", "n_files", "format")
GROUPS = ("verdict", "decision", "agents", "sabotage totals", "permutation", "bounds")
PARTS = {"decision": "decision", "sabotage totals": "sabotage_totals", "permutation": "permutation", "bounds": "bounds"}
# What follows from the rest, or was compared by name or number: no part of its own.
KNOWN = {"schema", "sabotage", "input", "settings", "finding", "agents", *PARTS.values()}
SPANS = {"gap_u": "gap_interval"}  # numbers whose interval stands in another field
APART = (
    "intervals",
    "n_permutations",
    "delta",
    "gap_interval",
    "verdict",
    "verdict_evidence",
    "exchanged",
    "agent",
    "adjustment",
)

Interval = tuple[float, float]


@dataclass(frozen=True)
class Setting:
    """A setting, or something of the input, that is not the same: both values, as they stand."""

    name: str
    first: Any
    second: Any


@dataclass(frozen=True)
class Change:
    """A number, or the verdict, that is not the same.

    Attributes
    ----------
    group : str
        One of `GROUPS`.
    agent : str or None
    name : str
    first, second : float, str or None
    difference : float or None
        second - first; None where one of them is null, or a word.
    first_interval, second_interval : tuple of float, or None
        95 %.
    overlap : bool or None
        Whether the two intervals share a number, which is no test; None where one of them is missing.
    """

    group: str
    agent: str | None
    name: str
    first: float | str | None
    second: float | str | None
    difference: float | None
    first_interval: Interval | None
    second_interval: Interval | None
    overlap: bool | None

    @property
    def weight(self) -> tuple[int, float]:
        """How telling it is: larger ones come first; with intervals, the difference over their mean width."""
        if self.group == "verdict":
            return 3, 0.0
        if self.difference is None:
            return 0, 0.0
        size = abs(self.difference)
        if self.first_interval is not None and self.second_interval is not None:
            width = sum(high - low for low, high in (self.first_interval, self.second_interval)) / 2
            return 2, size / width if width else float("inf")
        largest = max(abs(float(value)) for value in (self.first, self.second) if value is not None)
        return 1, size / largest

    @property
    def about_intervals(self) -> str:
        """What is to be said of both intervals."""
        return {None: "", True: "intervals overlap", False: "intervals do not overlap"}[self.overlap]


@dataclass(frozen=True)
class Difference:
    """What changed from a first audit to a second.

    `settings` and `changes` are what differs in both; `agents` and `classes` are (in the first only, in the second
    only); `missing` are keys that one of them does not have, as audits of another version may not, with which;
    `elsewhere` are parts that differ and are not taken apart, such as notes.
    """

    settings: tuple[Setting, ...]
    agents: tuple[tuple[str, ...], tuple[str, ...]]
    classes: tuple[tuple[str, ...], tuple[str, ...]]
    changes: tuple[Change, ...]
    missing: tuple[tuple[str, str], ...]
    elsewhere: tuple[str, ...]

    @property
    def nothing(self) -> bool:
        """Whether nothing changed."""
        lists = (self.settings, *self.agents, *self.classes, self.changes, self.missing, self.elsewhere)
        return not any(lists)

    def of(self, group: str) -> tuple[Change, ...]:
        """Return the changes of one group, the most telling first."""
        return tuple(change for change in self.changes if change.group == group)

    @property
    def summary(self) -> str:
        """What changed, in one sentence."""
        if self.nothing:
            return "Nothing changed."
        n = sum(change.group != "verdict" for change in self.changes)
        apart = sum(change.overlap is False for change in self.changes)
        parts = [f"{len(self.settings)} of settings and input"] if self.settings else []
        parts += [f"{n:,} number{'' if n == 1 else 's'}{f', {apart} beyond both intervals' if apart else ''}"]
        verdict = self.of("verdict")
        words = f" The verdict was {verdict[0].first} and is {verdict[0].second}." if verdict else ""
        return f"Different: {series(parts)}.{words}"

    @property
    def notes(self) -> tuple[str, ...]:
        """What is in one audit alone, and what differs without being taken apart."""
        texts = []
        for where in ("the first only", "the second only"):
            keys = [key for key, place in self.missing if place == where]
            if keys:
                texts.append(f"in {where}, as audits of another version may be: {series(keys)}")
        if self.elsewhere:
            texts.append(f"differs too, and is not taken apart here: {series(self.elsewhere)}")
        return tuple(texts)

    def to_dict(self) -> dict[str, Any]:
        """Return plain fields."""
        only = ("first_only", "second_only")
        return {
            "nothing_changed": self.nothing,
            "settings": [asdict(setting) for setting in self.settings],
            "agents": dict(zip(only, map(list, self.agents), strict=True)),
            "classes": dict(zip(only, map(list, self.classes), strict=True)),
            "changes": [
                {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(change).items()}
                for change in self.changes
            ],
            "missing": [{"key": key, "in": where} for key, where in self.missing],
            "elsewhere": list(self.elsewhere),
        }

    def __repr__(self) -> str:
        return self.summary


def diff(first: Any, second: Any) -> Difference:
    """Say what changed from one audit to another.

    Settings and input are compared by value (where a file stood is not), numbers of the decision, the agents, the
    totals of sabotage, the permutation test and the bounds one by one; of the rest only that it differs.

    Parameters
    ----------
    first, second : Audit or mapping
        Audits, ones that were read from files, or contents of audit.json; of any version.

    Returns
    -------
    Difference
        Settings, numbers and parts that differ; its `summary` is one sentence.

    Raises
    ------
    SabotageError
        If one of them is no audit.
    """
    a, b = content_of(first), content_of(second)
    with taken_apart("one of the audits"):
        return _diff(a, b)


def _diff(a: Mapping[str, Any], b: Mapping[str, Any]) -> Difference:
    missing: list[tuple[str, str]] = []
    changes = list(_verdict(a, b))
    for group, key in PARTS.items():
        changes += _compare(group, None, a.get(key), b.get(key), key, missing)
    agents = _only(a["agents"], b["agents"])
    for name in a["agents"]:
        if name in b["agents"]:
            changes += _compare("agents", name, a["agents"][name], b["agents"][name], "agents", missing)
    places = {group: place for place, group in enumerate(GROUPS)}
    changes.sort(key=lambda change: (places[change.group], *(-number for number in change.weight)))
    missing += [(key, _where(key in a)) for key in dict.fromkeys([*a, *b]) if (key in a) != (key in b)]
    classes = _only(_listed(a, "classes"), _listed(b, "classes"))
    elsewhere = [key for key in a if key not in KNOWN and key in b and not _same(a[key], b[key])]
    return Difference(
        tuple(_settings(a, b, missing)),
        agents,
        classes,
        tuple(changes),
        tuple(dict.fromkeys(missing)),
        tuple(elsewhere),
    )


def _same(first: Any, second: Any) -> bool:
    """Whether two parts are equal in audit.json, which has lists where an audit has tuples."""
    return json.dumps(first) == json.dumps(second)


def _where(in_first: bool) -> str:
    return "the first only" if in_first else "the second only"


def _listed(content: Mapping[str, Any], key: str) -> list[str]:
    return list((content.get("input") or {}).get(key) or ())


def _only(first: Any, second: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(name for name in first if name not in second), tuple(name for name in second if name not in first)


def _settings(a: Mapping[str, Any], b: Mapping[str, Any], missing: list[tuple[str, str]]) -> Iterator[Setting]:
    """Give what differs in the version, the input and the settings; names of agents and classes are told apart."""
    if a.get("sabotage") != b.get("sabotage"):
        yield Setting("version of sabotage", a.get("sabotage"), b.get("sabotage"))
    for part, names in (("input", INPUT), ("settings", None)):
        own, other = a.get(part) or {}, b.get(part) or {}
        for name in names or dict.fromkeys([*own, *other]):
            if (name in own) != (name in other):
                missing.append((f"{part}.{name}", _where(name in own)))
            elif not _same(own.get(name), other.get(name)) and name not in ("agents", "classes", "input_format"):
                yield Setting(name, own.get(name), other.get(name))
    for name in ("agents", "classes"):
        own, other = _listed(a, name), _listed(b, name)
        if own != other and sorted(own) == sorted(other):
            yield Setting(f"order of the {name}", own, other)


def _verdict(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Change]:
    words = [(content.get("permutation") or {}).get("verdict") for content in (a, b)]
    if words[0] != words[1]:
        yield Change("verdict", None, "verdict", words[0], words[1], None, None, None, None)


def _compare(
    group: str, agent: str | None, first: Any, second: Any, key: str, missing: list[tuple[str, str]]
) -> Iterator[Change]:
    """Give the numbers of one part that are not the same."""
    if first is None and second is None:
        return
    own, other = dict(_numbers(first or {}, second or {})), dict(_numbers(second or {}, first or {}))
    for name in dict.fromkeys([*own, *other]):
        if first is not None and second is not None and (name in own) != (name in other):
            missing.append((f"{key}.{name}", _where(name in own)))
            continue
        values, spans = zip(*(found.get(name, (None, None)) for found in (own, other)), strict=True)
        known = None not in values
        # Versions may add the same numbers in another order.
        if values[0] == values[1] or (known and isclose(*values, rel_tol=1e-12, abs_tol=1e-15)):
            continue
        overlap = None
        if None not in spans:
            overlap = max(span[0] for span in spans) <= min(span[1] for span in spans)
        difference = values[1] - values[0] if known else None
        yield Change(group, agent, name, values[0], values[1], difference, spans[0], spans[1], overlap)
    if first and second and ("intervals" in first) != ("intervals" in second):
        missing.append((f"{key}.intervals", _where("intervals" in first)))


def _numbers(
    part: Mapping[str, Any], beside: Mapping[str, Any]
) -> Iterator[tuple[str, tuple[float | None, Interval | None]]]:
    """Give every number of a part by its name, with its interval: of fields, and of what they hold.

    A null where the part `beside` has numbers is a null for each of them, and where it has a word it is no number.
    """
    for name, value in part.items():
        if name in APART or (value is None and isinstance(beside.get(name), str)):
            continue
        if name == "against_weightless" and value is not None:
            span = value.get("interval")
            yield name, (value.get("difference"), None if span is None else tuple(span))
        elif value is None and isinstance(beside.get(name), Mapping):
            yield from ((flat(name, *path), (None, None)) for path, _ in _leaves(beside[name]))
        elif isinstance(value, Mapping):
            for path, number in _leaves(value):
                full = flat(name, *path)
                yield full, (number, interval_of(part, full))
        elif value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
            span = part.get(SPANS[name]) if name in SPANS else interval_of(part, name)
            yield name, (value, None if span is None else (float(span[0]), float(span[1])))


def _leaves(value: Mapping[str, Any], *path: str) -> Iterator[tuple[tuple[str, ...], float | None]]:
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            yield from _leaves(inner, *path, name)
        elif inner is None or (isinstance(inner, (int, float)) and not isinstance(inner, bool)):
            yield (*path, name), inner
