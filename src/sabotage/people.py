"""People with one modality against people with all, and models against both."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from sabotage.adjusting import adjust
from sabotage.ambiguity_levels import LEVELS, ambiguity_levels
from sabotage.areas import subset
from sabotage.contests import mcnemar
from sabotage.error_kappa import error_kappa
from sabotage.errors import SabotageError, did_you_mean, listed, unknown
from sabotage.intervals import FEWEST_CLUSTERS, estimate
from sabotage.judging import Judged
from sabotage.panel import Panel
from sabotage.partition import MOST_PARTS, by_class
from sabotage.people_words import DECISION, in_sentences
from sabotage.tallies import Measure, Rate, Tally

MCNEMAR, CLUSTERS = "mcnemar", "clusters"
TOGETHER = "where one speaks, the other does not"
SAME_ALWAYS = "neither errs, or both always do, so that nothing is beyond chance"


@dataclass(frozen=True)
class Gain:
    """What people with every modality have over people with one, on the examples on which both spoke.

    Attributes
    ----------
    single : str
    full, alone : Rate
        How often each is right.
    difference : Measure
        The first less the second, on the same examples.
    helped, hurt : Rate
        Full right where the single is wrong, and the other way round; of all n.
    p_value, p_adjusted : float or None
        Of both being right equally often, and by Holm for all singles; None in parts, and for fewer than 10 clusters.
    p_method : {"mcnemar", "clusters"} or None
        McNemar's exact test; where examples come in clusters, a t-test over these.
    """

    single: str
    full: Rate
    alone: Rate
    difference: Measure
    helped: Rate
    hurt: Rate
    p_value: float | None = None
    p_adjusted: float | None = None
    p_method: str | None = None


@dataclass(frozen=True)
class ErrorsShared:
    """A model and people on the examples on which both spoke.

    Attributes
    ----------
    model, person : str
    model_wrong, person_wrong, both_wrong : Rate
    wrong_where_wrong, wrong_where_right : Rate
        The model, where the person errs and where it does not.
    kappa : Measure
        Cohen's, of the two erring or not.
    kappa_within_class : Measure
        The same against the chance agreement inside each class of the truth.
    """

    model: str
    person: str
    model_wrong: Rate
    person_wrong: Rate
    both_wrong: Rate
    wrong_where_wrong: Rate
    wrong_where_right: Rate
    kappa: Measure
    kappa_within_class: Measure


@dataclass(frozen=True)
class People:
    """People with one modality against people with all.

    Attributes
    ----------
    people : tuple of str
    full : str
        The one of them that had every modality.
    best : str
        The one with a single modality over whom full gains least: chosen on the same examples, so that the gain over
        the best is rather too small.
    gains : tuple of Gain
    by_class : mapping of str to tuple of Gain
    n_classes_left_out : int
        Classes beyond the 200 largest.
    by_ambiguity : mapping of str to tuple of Gain, or None
        In the lowest, middle and highest third of the ambiguity.
    ambiguity : str or None
        What that is: "annotators", their uncertainty; or "singles", the entropy of the mean scores of those with one
        modality. Not of full's own, whose errors it would foretell.
    cuts : tuple of float
    why_no_ambiguity : str or None
    errors : tuple of ErrorsShared
        Of every model, which is each agent that is not among the people, and the decision unless it is always full's.
    finding : tuple of str
    """

    people: tuple[str, ...]
    full: str
    best: str
    gains: tuple[Gain, ...]
    by_class: dict[str, tuple[Gain, ...]]
    n_classes_left_out: int
    by_ambiguity: dict[str, tuple[Gain, ...]] | None
    ambiguity: str | None
    cuts: tuple[float, ...]
    why_no_ambiguity: str | None
    errors: tuple[ErrorsShared, ...]
    finding: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the fields of audit.json."""
        return asdict(self)

    def __repr__(self) -> str:
        return "\n".join([f"People: {self.full} against {listed(self.people)}", *self.finding])


def compare_people(judged: Judged, people: Sequence[str], full: str | None) -> People:
    """Say what people gain by having every modality, and whether models fail where people fail.

    Parameters
    ----------
    judged : Judged
    people : sequence of str
        Agents that are people, or crowds of them.
    full : str
        The one of them that had every modality; the others had one each.

    Raises
    ------
    SabotageError
        If one of them is no agent, `full` is none of them, or there is no other.

    References
    ----------
    McNemar 1947 (doi:10.1007/BF02295996); Cohen 1960 (doi:10.1177/001316446002000104), of errors as in Geirhos, Meding
    and Wichmann 2020 (arXiv:2006.16736).
    """
    panel = judged.panel
    names, full = _checked(panel, people, full)
    singles = tuple(name for name in names if name != full)
    tally, right = Tally(panel), panel.labels == panel.truth[:, None]
    spoke, at = panel.spoke, {name: panel.agents.index(name) for name in names}
    both = {name: spoke[:, at[full]] & spoke[:, at[name]] for name in singles}
    silent = [name for name in singles if not both[name].any()]
    if silent:
        raise SabotageError(f"{full} and {silent[0]} never speak on one example: {TOGETHER}; leave {silent[0]} out")

    def gains(code: np.ndarray, size: int) -> list[tuple[Gain, ...]]:
        """Return every gain in each of the parts 0 to size - 1; -1 is in none."""
        columns = [_gains(tally, name, right[:, at[full]], right[:, at[name]], both[name], code, size) for name in both]
        return [tuple(row) for row in zip(*columns, strict=True)]

    (overall,) = gains(np.zeros(panel.n_examples, np.int64), 1)
    overall = _tested(tally, overall, right, both, at, full)
    classes = by_class(panel)
    parts = np.where(classes.part < classes.n_parts, classes.part, -1)
    level = ambiguity_levels(judged, singles)
    found = People(
        people=names,
        full=full,
        best=min(overall, key=lambda one: one.difference.value if one.difference.value is not None else np.inf).single,
        gains=overall,
        by_class=dict(zip(classes.labels, gains(parts, classes.n_parts), strict=True)),
        n_classes_left_out=max(0, int(np.count_nonzero(np.bincount(panel.truth))) - MOST_PARTS),
        by_ambiguity=None if level.part is None else dict(zip(LEVELS, gains(level.part, len(LEVELS)), strict=True)),
        ambiguity=level.source,
        cuts=level.cuts,
        why_no_ambiguity=level.why_none,
        errors=tuple(_errors(judged, tally, names, full, right)),
    )
    if level.why_none is not None:
        judged.notes.add(f"people by ambiguity is null: {level.why_none}")
    return replace(found, finding=in_sentences(found))


def ask_people(judged: Judged, people: Sequence[str], full: str | None) -> People | None:
    """Return `compare_people`, None without people; raise SabotageError for `full` alone, which would say nothing."""
    if people:
        return compare_people(judged, people, full)
    if full is not None:
        raise SabotageError(f"full says that {full} is one of the people: name them all, --people A,B or people=")
    return None


def _checked(panel: Panel, people: Sequence[str], full: str | None) -> tuple[tuple[str, ...], str]:
    """Return the people in file order, and full."""
    for name in people:
        if name not in panel.agents:
            raise unknown("agent", name, panel.agents)
    names = tuple(agent for agent in panel.agents if agent in people)
    if full is None:
        raise SabotageError(f"full must name the one of the people that had every modality, of {listed(names)}")
    if full not in names:
        raise SabotageError(
            f"full must be one of the people, {listed(names)}: found {full!r}{did_you_mean(full, names)}"
        )
    if len(names) < 2:
        raise SabotageError(f"people must name somebody with one modality beside {full}: found {listed(names)}")
    return names, full


def _gains(
    tally: Tally, single: str, full: np.ndarray, alone: np.ndarray, both: np.ndarray, code: np.ndarray, size: int
) -> list[Gain]:
    """Return the gain over one single in each part; full and alone (n,) bool are where each is right."""
    rows = np.flatnonzero(both & (code >= 0))
    part, won, other = code[rows], full[rows], alone[rows]
    cells = tally.cross(part * 4 + 2 * won + other, 4 * size, rows).reshape(-1, size, 2, 2)  # unit, part, full, alone
    kinds = [cells[:, :, 1].sum(axis=2), cells[:, :, :, 1].sum(axis=2), cells[:, :, 1, 0], cells[:, :, 0, 1]]
    hits, bases = np.concatenate(kinds, axis=1), cells.sum(axis=(2, 3))
    rates = tally.rates(hits, bases, np.tile(np.arange(size), 4))
    order = np.argsort(part, kind="stable")
    ahead = won.astype(np.float64) - other
    found = []
    for place, own in enumerate(np.split(order, np.cumsum(np.bincount(part, minlength=size))[:-1])):
        difference = tally.mean(ahead[own], rows[own], -1.0, 1.0, "they never speak together")
        right, right_alone, helped, hurt = rates[place::size]
        found.append(Gain(single, right, right_alone, difference, helped, hurt))
    return found


def _tested(
    tally: Tally,
    gains: tuple[Gain, ...],
    right: np.ndarray,
    both: dict[str, np.ndarray],
    at: dict[str, int],
    full: str,
) -> tuple[Gain, ...]:
    """Give every gain its p-values."""
    p_values = []
    for one in gains:
        rows = np.flatnonzero(both[one.single])
        won, other = right[rows, at[full]], right[rows, at[one.single]]
        p_values.append(mcnemar(won, other).p_value if tally.groups is None else _t_test(tally, rows, won, other))
    known = [p for p in p_values if p is not None]
    adjusted = iter(adjust(known) if known else [])
    method = MCNEMAR if tally.groups is None else CLUSTERS
    return tuple(
        one if p is None else replace(one, p_value=p, p_adjusted=next(adjusted), p_method=method)
        for one, p in zip(gains, p_values, strict=True)
    )


def _t_test(tally: Tally, rows: np.ndarray, won: np.ndarray, other: np.ndarray) -> float | None:
    """Return the p of equal accuracy over clusters; None for fewer than 10, and for a difference without a spread."""
    ahead = won.astype(np.float64) - other
    found = estimate(float(ahead.mean()), (ahead - ahead.mean()) / len(rows), subset(tally.groups, rows))
    if found.se is None or found.n_clusters < FEWEST_CLUSTERS:
        return None
    if found.se < 1e-12:
        return 1.0 if abs(found.value) < 1e-12 else None
    from scipy.special import stdtr

    p = 2 * float(stdtr(found.n_clusters - 1, -abs(found.value) / found.se))
    return max(p, float(np.finfo(float).tiny))


def _errors(judged: Judged, tally: Tally, names: tuple[str, ...], full: str, right: np.ndarray) -> list[ErrorsShared]:
    """Compare the errors of every model with those of all people."""
    panel, decided = judged.panel, judged.roles.decision.labels
    everywhere = np.ones(panel.n_examples, bool)
    models = {agent: (~right[:, m], panel.spoke[:, m]) for m, agent in enumerate(panel.agents) if agent not in names}
    own = panel.labels[:, panel.agents.index(full)]
    if not np.array_equal(decided, own):
        models[DECISION if DECISION not in models else f"({DECISION})"] = (decided != panel.truth, everywhere)
    found = []
    for model, (wrong, said) in models.items():
        for name in names:
            m = panel.agents.index(name)
            found.append(_shared(panel, tally, model, name, wrong, ~right[:, m], said & panel.spoke[:, m]))
    return found


def _shared(
    panel: Panel, tally: Tally, model: str, person: str, wrong: np.ndarray, errs: np.ndarray, both: np.ndarray
) -> ErrorsShared:
    rows = np.flatnonzero(both)
    kappas = []
    for stratum in (None, panel.truth[rows]):
        found = error_kappa(wrong[rows], errs[rows], stratum)
        if found is None:
            kappas.append(Measure(None, None, len(rows), SAME_ALWAYS if len(rows) else TOGETHER))
        else:
            kappas.append(tally.measure(found[0], found[1], rows))
    hits = tally.count(both & wrong, both & errs, both & wrong & errs, both & wrong & ~errs)
    bases = tally.count(both, both & errs, both & ~errs)
    own, other, shared, given, else_ = tally.rates(hits[:, [0, 1, 2, 2, 3]], bases, [0, 0, 0, 1, 2])
    return ErrorsShared(model, person, own, other, shared, given, else_, *kappas)
