"""Profiles in full: intervals of all numbers, the same by class and by group, and over thresholds."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sabotage.breakdowns import Breakdown, Breakdowns, Part
from sabotage.counting import count_shares
from sabotage.decisions import DecisionScores
from sabotage.errors import listed
from sabotage.intervals import FEWEST_CLUSTERS
from sabotage.measuring import Measured, measure_classes, measure_lift, measure_means, measure_ranks, settle
from sabotage.notes import Notes
from sabotage.panel import Panel
from sabotage.partition import Partition, by_class, by_group, whole
from sabotage.profiles import Profile
from sabotage.resampled_shares import N_RESAMPLES
from sabotage.resampling import LEVEL
from sabotage.roles import ROLES, Roles
from sabotage.spans import plain
from sabotage.speaking import WRONG_ROLES, Speaking, agent_speaking, decision_speaking
from sabotage.sweeping import sweep_thresholds

PER_CLASS = ("balanced_accuracy", "macro_f1")
PER = ("per_example", "per_wrong_decision")
RANKS = ("auroc_confidence", "auroc_reliability", "auroc_reliability_saboteur", "aurc")
SCORES = (
    "accuracy", *PER_CLASS, "top_k", "mean_confidence", "ece", "ece_equal_mass", "brier", "log_loss", *RANKS,
)  # fmt: skip
ROUGH = 30  # clusters: with as many, simulated 95 % intervals held the true number in 88 to 97 %
OF_DECISION = ("accuracy", *PER_CLASS)
FLAGS = ("potential_saboteur", "recoverable_saboteur", "shared_saboteur", "pivotal_saboteur", "pivotal_contributor")


def profile_in_full(
    panel: Panel, roles: Roles, profiles: Sequence[Profile], scores: DecisionScores, notes: Notes
) -> tuple[tuple[Profile, ...], DecisionScores, Breakdowns]:
    """Give profiles and scores of the decision their intervals, and break both down.

    Parameters
    ----------
    panel : Panel
    roles : Roles
    profiles : sequence of Profile
        Of every agent, without intervals.
    scores : DecisionScores
    notes : Notes
        Takes the reason of every null interval, one for a kind.

    Returns
    -------
    tuple of Profile, DecisionScores
        With intervals, 95 %: of shares Wilson's, or from resamples of clusters where the panel has a group column or
        ids repeat over seeds; of all else from what every example adds to first order, summed over clusters, with
        Student's quantile. None where a number rests on fewer than 10 clusters.
    Breakdowns
        In a class clusters are those of the panel; in a group its examples are the sample.
    """
    wrong = roles.decision.labels != panel.truth
    speakers = [agent_speaking(panel, roles, own, m) for m, own in enumerate(profiles)]
    speakers.append(decision_speaking(panel, roles.decision))
    ks = [int(k) for k in profiles[0].top_k if int(k) <= panel.n_classes]
    everything, groups = whole(panel), by_group(panel)
    partitions = [everything, by_class(panel), *([] if groups is None else [groups])]
    found = [_measure(panel, speakers, partition, wrong, ks) for partition in partitions]
    settle([own for measured in found for own in measured])

    n_clusters = int(everything.count_clusters(np.arange(panel.n_examples))[0])
    what = "examples" if everything.cell is None else "clusters"
    fields = [_spans_of(own, 0) for own in found[0]]
    full = tuple(replace(own, intervals=_known(own, spans)) for own, spans in zip(profiles, fields, strict=False))
    names = [*OF_DECISION, *(f"top_{k}" for k in scores.top_k or {})]
    scores = replace(scores, intervals={name: fields[-1].get(name) for name in names})
    _note_nulls(full, found[0], n_clusters, what, notes)
    in_parts = (span[:-1] for measured in found[1:] for own in measured for span in own.spans.values())
    if any(bool(np.isnan(span).any()) for span in in_parts):
        notes.add(
            f"in a class or group an interval is null where it rests on fewer than {FEWEST_CLUSTERS} examples, or"
            f" clusters, of each kind"
        )
    is_resampled = everything.cell is not None
    method = {
        "rates": "cluster bootstrap" if is_resampled else "wilson",
        "others": f"first order over {what}, with Student's quantile; calibration errors by the gaps that explain them",
        "ranks": f"influence values over {what}, with Student's quantile",
        "n_clusters": n_clusters,
        "n_resamples": N_RESAMPLES if is_resampled and n_clusters >= FEWEST_CLUSTERS else 0,
        "level": LEVEL,
    }
    broken = [_breakdown(panel, *pair) for pair in zip(partitions[1:], found[1:], strict=True)]
    sweep = sweep_thresholds(roles, everything)
    return full, scores, Breakdowns(method, broken[0], broken[1] if groups is not None else None, sweep)


def _measure(
    panel: Panel, speakers: Sequence[Speaking], partition: Partition, wrong: np.ndarray, ks: Sequence[int]
) -> list[Measured]:
    """Measure every agent, and the decision last."""
    found = [Measured() for _ in speakers]
    count_shares(speakers, partition, wrong, ks, found)
    found[-1].counts["n_wrong"] = partition.count(wrong)
    for own, out in zip(speakers, found, strict=True):
        if partition.has_classes:
            measure_classes(own, partition, panel.truth, panel.n_classes, out)
        if own.flags:  # an agent
            measure_means(own, partition, out)
            measure_ranks(own, partition, out)
            measure_lift(own, partition, wrong, out)
    return found


def _spans_of(own: Measured, place: int) -> dict[str, tuple[float, float] | None]:
    """Return the intervals of one part, None for those that could not be had."""
    return dict(zip(own.spans, plain(np.array([span[place] for span in own.spans.values()])), strict=True))


def _known(profile: Profile, spans: dict[str, Any]) -> dict[str, tuple[float, float] | None]:
    """Return an interval, or None, for every number of a profile."""
    names = [name for name in SCORES if name != "top_k"]
    names[1 + len(PER_CLASS) : 1 + len(PER_CLASS)] = [f"top_{k}" for k in profile.top_k]
    names += ["coverage", "saboteur_lift", *(f"{name}_per_example" for name in (*ROLES, *FLAGS))]
    names += [f"{name}_per_wrong_decision" for name in (*WRONG_ROLES, *FLAGS[1:4])]
    return {name: spans.get(name) for name in names}


def _breakdown(panel: Panel, partition: Partition, found: Sequence[Measured]) -> Breakdown:
    """Turn arrays over parts into parts."""
    *agents, decision = (_Columns(own) for own in found)
    parts = []
    for place, label in enumerate(partition.labels):
        spans = decision.spans(place)
        names = [name for name in OF_DECISION if name in decision.values]
        scores = {name: decision.values[name][place] for name in names}
        of_decision = scores | {"intervals": {name: spans[name] for name in names}}
        n_wrong, n = decision.counts["n_wrong"][place], decision.counts["n"][place]
        own = {name: _profile(columns, place, n, n_wrong) for name, columns in zip(panel.agents, agents, strict=True)}
        parts.append(Part(label, n, n_wrong, of_decision, own))
    return Breakdown(partition.column or "all", tuple(parts), partition.n_left_out)


class _Columns:
    """Numbers of one speaker as lists over parts, None for NaN."""

    def __init__(self, own: Measured) -> None:
        self.values = {
            name: [None if one != one else one for one in value.tolist()] for name, value in own.values.items()
        }
        self.counts = {name: count.tolist() for name, count in own.counts.items()}
        self._spans = {name: plain(spans) for name, spans in own.spans.items()}

    def spans(self, place: int) -> dict[str, tuple[float, float] | None]:
        return {name: spans[place] for name, spans in self._spans.items()}


def _profile(own: _Columns, place: int, n: int, n_wrong: int) -> dict[str, Any]:
    """Return the fields of a profile of one part."""
    values = {name: column[place] for name, column in own.values.items()}
    counts = {name: column[place] for name, column in own.counts.items()}
    found: dict[str, Any] = {"n": counts["n"], "coverage": values["coverage"]}
    for name in SCORES:
        if name == "top_k":
            found[name] = {field[4:]: value for field, value in values.items() if field.startswith("top_")}
        elif name in values or name not in PER_CLASS:
            found[name] = values.get(name)
    of_wrong = {name: counts[f"{name}_per_example"] / n_wrong if n_wrong else None for name in WRONG_ROLES}
    found["roles"] = {name: counts[f"{name}_per_example"] for name in ROLES}
    found["rates"] = {
        "per_example": {name: values[f"{name}_per_example"] for name in ROLES},
        "per_wrong_decision": of_wrong,
    }
    found |= {name: counts.get(f"{name}_per_example") for name in FLAGS}
    found["saboteur_lift"] = values["saboteur_lift"]
    found["intervals"] = own.spans(place)
    return found


def _note_nulls(
    profiles: Sequence[Profile], found: Sequence[Measured], n_clusters: int, what: str, notes: Notes
) -> None:
    """Say why numbers have no interval, once for all agents of which it is so."""
    if n_clusters < FEWEST_CLUSTERS:
        which = "intervals" if what == "clusters" else "intervals of all but plain shares"
        notes.add(f"{which} are null: it takes {FEWEST_CLUSTERS} {what}, found {n_clusters}")
        return
    if what == "clusters" and n_clusters < ROUGH:
        notes.add(
            f"intervals over {n_clusters} clusters are rough: where 12 clusters are unlike in size and in what they"
            f" hold, simulated 95 % intervals held the true number in 83 to 97 %"
        )
    names = [*(own.agent for own in profiles), "the decision"]
    missing: dict[str, dict[str, list[str]]] = {}
    for name, own in zip(names, found, strict=True):
        for field, value in own.values.items():
            if np.isnan(value[0]) or not np.isnan(own.spans[field][0]).any():
                continue
            why = next((reason for reason, fields in REASONS.items() if field in fields), RARE)
            kind = next((f"rates {per.replace('_', ' ')}" for per in PER if field.endswith(per)), field)
            missing.setdefault(why, {}).setdefault(name, []).append(kind)
    for why, of in missing.items():
        fields = list(dict.fromkeys(field for own in of.values() for field in own))
        notes.add(
            f"{listed(list(of), 4)}: intervals of {listed(fields, len(fields))} are null: {why.format(what=what)}"
        )


RARE = f"fewer than {FEWEST_CLUSTERS} {{what}} count there, or nothing varies"
REASONS = {
    f"fewer than {FEWEST_CLUSTERS} {{what}} are of one kind, or the kinds are parted without exception": RANKS,
    "there are fewer than ten examples a class": ("macro_f1",),
    "fewer than five {what} have a saboteur": ("saboteur_lift",),
}
