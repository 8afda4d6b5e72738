"""The examples behind the numbers: the worst of every agent, role, class and group."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sabotage.cells import CELLS, cells_of
from sabotage.fusion import Replay
from sabotage.kernels import fusing
from sabotage.media import link
from sabotage.partition import group_names
from sabotage.roles import BYSTANDER, CONTRIBUTOR, MISLEADER, NULL, OVERRULED, ROLES, SABOTEUR, SUPPRESSED, Roles

SCHEMA = 1
MOST_LISTED = 1000  # examples, in all
MOST_EMISSIONS = 6000  # of agents on them: with many agents there are fewer examples
MOST_IN_A_CELL = 20
MOST_RANKED = 5  # classes of a fused ranking
LONGEST = 200  # letters of an id that is shown
ORDER = "pivotal first, then the most confident first, then in file order"
LISTED_ROLES = (SABOTEUR, MISLEADER, SUPPRESSED, OVERRULED, BYSTANDER, CONTRIBUTOR)  # what is looked at first
LISTED_CELLS = ("lost", "rescued", "resolved", "all_wrong")
FLAGS = ("pivotal_saboteur", "recoverable", "shared", "potential_saboteur", "pivotal_contributor")


@dataclass(frozen=True, eq=False)
class Cases:
    """Examples to look at.

    Attributes
    ----------
    rows : ndarray of shape (k,), int64
        The examples listed, by index into the panel, each once, in file order.
    cells : dict of str to (int, tuple of int)
        How many examples there are of "<agent>:<role>", "<agent>:<role>:class:<class>", "<agent>:<flag>",
        "<agent>:saboteur:group:<name>", "*:wrong" and "*:<cell>", of `sabotage.cells` those where not all are right
        (agents and classes by index), and which of `rows` are listed, worst first: pivotal ones, then the most
        confident, then in file order.
    most_listed : int
        How many examples there may be in all.
    examples : tuple of dict
        What the agents said and what was decided, one a row.
    """

    rows: np.ndarray
    cells: dict[str, tuple[int, tuple[int, ...]]]
    most_listed: int
    examples: tuple[dict[str, Any], ...]
    roles: Roles

    def __repr__(self) -> str:
        return f"Cases({len(self.rows):,} of {self.roles.panel.n_examples:,} examples, in {len(self.cells):,} cells)"

    def to_dict(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of cases.json, for the audit of that content."""
        panel = self.roles.panel
        return {
            "schema": SCHEMA,
            "audit": fingerprint(content),
            "n_examples": panel.n_examples,
            "n_listed": len(self.rows),
            "most_listed": self.most_listed,
            "most_in_a_cell": MOST_IN_A_CELL,
            "order": ORDER,
            "agents": list(panel.agents),
            "classes": [str(label) for label in panel.classes],
            "roles": list(ROLES),
            "examples": list(self.examples),
            "cells": {name: {"n": n, "listed": list(listed)} for name, (n, listed) in self.cells.items()},
        }


def fingerprint(content: Mapping[str, Any]) -> str:
    """Return a hash of what audit.json holds, however it is laid out: cases are of the audit that has it."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def list_cases(roles: Roles, ready: Replay, media: str | None = None) -> Cases:
    """List the worst examples of every cell, as many of each as there is room for.

    Parameters
    ----------
    roles : Roles
    ready : Replay
        The rule whose scores rank the classes of a replayed decision.
    media : str, optional
        Where an example's file lies, with {id} in it: "clips/{id}.mp4".

    Raises
    ------
    SabotageError
        For a pattern without {id}, or one that is no file and no web address.
    """
    ranked = dict(_cells(roles))
    most = min(MOST_LISTED, max(1, MOST_EMISSIONS // roles.panel.n_agents))
    chosen: set[int] = set()
    depth = dict.fromkeys(ranked, 0)
    # Every cell's worst, then every cell's second: where room ends, all have been served alike.
    for place in range(MOST_IN_A_CELL):
        for name, (_, worst) in ranked.items():
            if place >= len(worst) or depth[name] < place:
                continue
            if worst[place] not in chosen and len(chosen) == most:
                continue
            chosen.add(worst[place])
            depth[name] = place + 1
    rows = np.array(sorted(chosen), np.int64)
    at = {row: place for place, row in enumerate(rows.tolist())}
    cells = {
        name: (n, tuple(at[row] for row in worst[: depth[name]])) for name, (n, worst) in ranked.items() if depth[name]
    }
    return Cases(rows, cells, most, tuple(_examples(roles, ready, rows, media)), roles)


def _cells(roles: Roles) -> Iterator[tuple[str, tuple[int, list[int]]]]:
    """Yield every cell with its number of examples and the worst of them; what matters most, and all classes, first."""
    panel = roles.panel
    n_classes = panel.n_classes
    orders = [_worst_first(roles, m) for m in range(panel.n_agents)]
    wrong = roles.decision.labels != panel.truth
    held = np.where((panel.labels == roles.decision.labels[:, None]) & panel.spoke, panel.confidence, np.nan)
    order_wrong = np.lexsort((-np.nan_to_num(held, nan=-1.0).max(axis=1),))
    yield from _named("*:wrong", _worst(order_wrong, np.where(wrong, 0, -1)))
    cell = cells_of(panel, roles.decision.labels)
    for name in LISTED_CELLS:
        yield from _named(f"*:{name}", _worst(order_wrong, np.where(cell == CELLS.index(name), 0, -1)))
    flags = [_flags(roles, m) for m in range(panel.n_agents)]
    for role in LISTED_ROLES:
        for m, order in enumerate(orders):
            yield from _named(f"{m}:{ROLES[role]}", _worst(order, np.where(roles.role[:, m] == role, 0, -1)))
        if role == SABOTEUR:
            for flag in FLAGS:
                for m, order in enumerate(orders):
                    yield from _named(f"{m}:{flag}", _worst(order, np.where(flags[m][flag], 0, -1)))
    yield from _named(
        "*:wrong:class", _worst(order_wrong, np.where(wrong, panel.truth, -1)), map(str, range(n_classes))
    )
    for role in LISTED_ROLES:
        for m, order in enumerate(orders):
            code = np.where(roles.role[:, m] == role, panel.truth, -1)
            yield from _named(f"{m}:{ROLES[role]}:class", _worst(order, code), map(str, range(n_classes)))
    if panel.group is not None:
        names = group_names(panel, panel.group)
        codes = panel.codes(panel.group)
        yield from _named("*:wrong:group", _worst(order_wrong, np.where(wrong, codes, -1)), names)
        for m, order in enumerate(orders):
            code = np.where(roles.role[:, m] == SABOTEUR, codes, -1)
            yield from _named(f"{m}:saboteur:group", _worst(order, code), names)


def _flags(roles: Roles, m: int) -> dict[str, np.ndarray]:
    pivotal = roles.pivotal[:, m] == 1
    return {
        "pivotal_saboteur": (roles.role[:, m] == SABOTEUR) & pivotal,
        "recoverable": roles.recoverable[:, m],
        "shared": roles.shared[:, m],
        "potential_saboteur": roles.potential[:, m],
        "pivotal_contributor": (roles.role[:, m] == CONTRIBUTOR) & pivotal,
    }


def _worst_first(roles: Roles, m: int) -> np.ndarray:
    """Order the examples for one agent: ndarray of shape (n,)."""
    confidence = np.nan_to_num(roles.panel.confidence[:, m], nan=-1.0)
    return np.lexsort((-confidence, roles.pivotal[:, m] != 1))


def _worst(order: np.ndarray, code: np.ndarray) -> dict[int, tuple[int, list[int]]]:
    """Return, of each code from 0 on, how many examples have it and the first of them in an order."""
    own = code[order]
    kept = np.flatnonzero(own >= 0)
    own, rows = own[kept], order[kept]
    by_code = np.argsort(own, kind="stable")
    values, starts, counts = np.unique(own[by_code], return_index=True, return_counts=True)
    return {
        int(value): (int(count), rows[by_code[start : start + min(count, MOST_IN_A_CELL)]].tolist())
        for value, start, count in zip(values, starts, counts, strict=True)
    }


def _named(
    prefix: str, found: dict[int, tuple[int, list[int]]], names: Any = None
) -> Iterator[tuple[str, tuple[int, list[int]]]]:
    if names is None:
        yield from ((prefix, cell) for cell in found.values())
        return
    names = list(names)
    yield from ((f"{prefix}:{names[code]}", cell) for code, cell in found.items())


def _examples(roles: Roles, ready: Replay, rows: np.ndarray, media: str | None) -> Iterator[dict[str, Any]]:
    """Yield what was said and decided on some examples, by index."""
    panel = roles.panel
    rankings = _rankings(roles, ready, rows)
    groups: Sequence[str | None] = [None] * len(rows)
    if panel.group is not None:
        names = group_names(panel, panel.group)
        groups = [_cut(names[code]) for code in panel.codes(panel.group)[rows]]
    for place, row in enumerate(rows.tolist()):
        name = str(panel.ids[row].as_py())
        yield {
            "id": _cut(name),
            "truth": int(panel.truth[row]),
            "decision": _index(roles.decision.labels[row]),
            "group": groups[place],
            "media": None if media is None else link(media, name),
            "agents": [
                [
                    _index(panel.labels[row, m]),
                    _float(panel.confidence[row, m]),
                    _float(panel.reliability[row, m]),
                    int(roles.role[row, m]),
                    None if roles.pivotal[row, m] == NULL else bool(roles.pivotal[row, m]),
                ]
                for m in range(panel.n_agents)
            ],
            "ranking": rankings[place],
        }


def _rankings(roles: Roles, ready: Replay, rows: np.ndarray) -> list[list[list[float | int]] | None]:
    """Return the classes with the highest fused scores of some examples, equals in class order, or None."""
    panel, none = roles.panel, [None] * len(rows)
    if roles.decision.source == "recorded":
        if panel.fused_scores is None:
            return list(none)
        scores = panel.fused_scores[rows]
    elif not len(rows) or ready.kind == fusing.CALL:
        return list(none)
    else:
        own = ready.take(rows)
        kept = own.decide(own.weights, keep_scores=True).scores
        assert kept is not None  # asked for
        scores = kept
    best = np.argsort(-np.nan_to_num(scores, nan=-np.inf), axis=1, kind="stable")[:, :MOST_RANKED]
    return [
        [[int(c), float(own[c])] for c in order if np.isfinite(own[c])] or None
        for own, order in zip(scores, best, strict=True)
    ]


def _index(label: Any) -> int | None:
    return None if label < 0 else int(label)


def _float(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
