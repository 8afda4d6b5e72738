"""Contenders against a reference on the same examples: differences, their intervals, exact and adjusted tests."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sabotage.adjusting import adjust
from sabotage.contenders import Contender
from sabotage.contests import mcnemar
from sabotage.contrasts import contrast, ratio, weigh_examples
from sabotage.intervals import FEWEST_CLUSTERS, Estimate, clusters
from sabotage.panel import Panel
from sabotage.resampling import Resamples, Standing

ROUNDING = 1e-12


@dataclass(frozen=True)
class Difference:
    """A rule less its reference.

    Attributes
    ----------
    reference : str
    values : dict of str to Standing
        For accuracy, balanced accuracy and macro-F1: the difference and its interval, from the same resamples for both.
    n_only, n_reference_only : int
        Examples that the rule alone has right, and the reference alone.
    p_mcnemar : float
        McNemar's exact test of equal accuracy, examples taken to be independent of each other.
    p_clusters : float or None
        A t-test of equal accuracy over clusters; None where examples are independent, or clusters fewer than 10.
    p_adjusted : float or None
        Holm's, over all rules with this reference, or all interventions on any rule: of `p_clusters` where examples
        come in clusters, else of `p_mcnemar`.
    captured : Estimate or None
        The share of the way from the reference to the oracle, negative where the rule is worse; None where there is no
        way to go, and for macro-F1.
    """

    reference: str
    values: dict[str, Standing]
    n_only: int
    n_reference_only: int
    p_mcnemar: float
    p_clusters: float | None
    p_adjusted: float | None
    captured: Estimate | None


def measure_differences(
    panel: Panel, contenders: Sequence[Contender], labels: np.ndarray, reference: str, statistic: str, found: Resamples
) -> tuple[list[Difference | None], list[dict[str, Standing]]]:
    """Compare each contender with its reference, by `found`, resamples of all; also return what each reaches."""
    place = {contender.name: at for at, contender in enumerate(contenders)}
    of = [place[contender.reference or reference] for contender in contenders]
    cluster, hits = clusters(panel), labels == panel.truth
    weighting = weigh_examples(panel, statistic == "balanced_accuracy")
    plain, oracle = weigh_examples(panel, False), oracle_hits(panel)
    values: list[dict[str, Standing]] = [{} for _ in contenders]
    for base in sorted(set(of)):
        for name in found.values:
            rules = found.against(name, base).rules
            for at in (at for at, own in enumerate(of) if own == base):
                values[at][name] = rules[at]
    differences: list[Difference | None] = []
    for at, base in enumerate(of):
        if at == base:
            differences.append(None)
            continue
        counts = mcnemar(hits[at], hits[base])
        ahead = hits[at].astype(float) - hits[base]
        captured = None
        if statistic != "macro_f1":
            room = contrast(weighting, oracle - hits[base])
            if room.interval is None or room.interval[0] > 0:
                captured = ratio(weighting, ahead, oracle - hits[base])
        p_clusters = None if cluster is None else _t_test(contrast(plain, ahead))
        name, p = contenders[base].name, counts.p_value
        differences.append(
            Difference(name, values[at], counts.n_first_only, counts.n_second_only, p, p_clusters, None, captured)
        )
    # The rules are one family, and all interventions another.
    return _adjusted(
        differences, [contender.reference is not None for contender in contenders], cluster is not None
    ), values


def _adjusted(
    differences: list[Difference | None], families: Sequence[bool], is_clustered: bool
) -> list[Difference | None]:
    """Fill in Holm's adjustment, within each family of rules."""
    out = list(differences)
    raw: dict[bool, dict[int, float]] = {}
    for at, (own, family) in enumerate(zip(differences, families, strict=True)):
        p = None if own is None else own.p_clusters if is_clustered else own.p_mcnemar
        if p is not None:
            raw.setdefault(family, {})[at] = p
    for some in raw.values():
        for at, p in zip(some, adjust(list(some.values())), strict=True):
            own = differences[at]
            assert own is not None  # it has a p
            out[at] = replace(own, p_adjusted=p)
    return out


def _t_test(ahead: Estimate) -> float | None:
    """Return the two-sided p of no difference over clusters; None for fewer than 10, and for one without a spread."""
    if ahead.se is None or ahead.n_clusters < FEWEST_CLUSTERS:
        return None
    if ahead.se < ROUNDING:
        return 1.0 if abs(ahead.value) < ROUNDING else None
    from scipy.stats import t

    p = float(2 * t.sf(abs(ahead.value) / ahead.se, ahead.n_clusters - 1))
    return max(p, float(np.finfo(float).tiny))  # as McNemar's: never 0


def oracle_hits(panel: Panel) -> np.ndarray:
    """Where some speaking agent is right, as 1 and 0: (n,)."""
    return (panel.labels == panel.truth[:, None]).any(axis=1).astype(float)
