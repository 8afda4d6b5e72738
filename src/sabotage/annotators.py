"""Whether agents disagree where annotators are unsure, and whether disagreement tells where decisions are wrong."""

from collections.abc import Mapping
from dataclasses import replace
from operator import index

import numpy as np

from sabotage.adjusting import adjust
from sabotage.ambiguity import rank_ambiguous
from sabotage.annotator_results import Annotators, Comparison, Known, ScoreFound
from sabotage.annotator_words import in_sentences
from sabotage.areas import area, count_clusters, subset
from sabotage.disputes import dispute_scores
from sabotage.errors import SabotageError, count_of
from sabotage.intervals import FEWEST_CLUSTERS, Estimate, centred, clusters, estimate
from sabotage.judging import Judged
from sabotage.marks import Dealing, MarkTest, permute_marks
from sabotage.partition import whole
from sabotage.rank_correlation import rank_correlation
from sabotage.uncertainty import Uncertainty, read_uncertainty

UNSURE = "q0.5"

__all__ = ["UNSURE", "Annotators", "compare", "measure_annotators", "parse_unsure"]


def measure_annotators(
    judged: Judged, *, unsure: float | str = UNSURE, n_permutations: int = 10_000, seed: int = 0
) -> Annotators:
    """Compare how agents disagree where annotators are unsure and where they are sure, and where decisions are wrong.

    Parameters
    ----------
    judged : Judged
        Takes notes.
    unsure : float or str
        Annotators are unsure where their uncertainty is above it: a number, or "q0.5", a quantile of those known.
    n_permutations : int
        Of the test; 0 leaves its p-values None.
    seed : int

    Raises
    ------
    SabotageError
        For another `unsure`, or a column of annotators that holds what it cannot.

    References
    ----------
    Du et al. 2025 (arXiv:2505.13979), for the question; Cliff 1993 (doi:10.1037/0033-2909.114.3.494).
    """
    option, n_permutations = parse_unsure(unsure), index(n_permutations)
    panel, decision = judged.panel, judged.roles.decision
    uncertainty = read_uncertainty(panel, judged.notes)
    values = dispute_scores(judged)
    groups, wrong = clusters(panel), decision.labels != panel.truth
    reasons = {name: _why_none(name, judged) for name, own in values.items() if np.isnan(own).all()}
    kept = {name: own for name, own in values.items() if name not in reasons}
    known, mark = (None, None) if uncertainty is None else _mark(uncertainty, *option)
    scores = []
    for name, own in kept.items():
        scores.append(_of_errors(name, own, wrong, groups))
        if uncertainty is not None:
            scores[-1] = _with_uncertainty(scores[-1], own, uncertainty, mark, groups)
    if known is not None and mark is not None:
        scores = _tested(scores, kept, mark, judged, n_permutations, seed)
    if known is not None and known.why_not_compared is not None:
        judged.notes.add(f"unsure and sure examples are not compared: {known.why_not_compared}")
    found = Annotators(
        known=known,
        scores=tuple(scores),
        reasons=reasons,
        within=None if known is None else panel.group,
        n_permutations=n_permutations,
        finding=(),
        ambiguous=rank_ambiguous(judged, uncertainty, values),
        uncertainty=uncertainty,
        values=values,
    )
    return replace(found, finding=in_sentences(found))


def parse_unsure(unsure: float | str) -> tuple[bool, float]:
    """Return whether `unsure` is a quantile, and its number.

    Raises SabotageError where it is neither a number from 0 on nor a quantile.
    """
    text = str(unsure).strip()
    is_quantile = text.startswith("q")
    try:
        value = float(text.removeprefix("q"))
    except ValueError:
        value = np.nan
    if not 0 <= value < (1.0 if is_quantile else np.inf):
        raise SabotageError(
            f"unsure must be an uncertainty from 0 on, or a quantile such as q0.5 of those known, below q1: found"
            f" {text!r}"
        )
    return is_quantile, value


def _mark(uncertainty: Uncertainty, is_quantile: bool, at: float) -> tuple[Known, np.ndarray | None]:
    """Return what annotators said, and 1 where they are unsure, 0 where sure, NaN elsewhere; None without both."""
    of = uncertainty.value[uncertainty.known]
    cut, why = None, None
    n_unsure = 0
    if not len(of):
        why = "no example has a known uncertainty; labels of two annotators would do"
    else:
        cut = float(np.quantile(of, at)) if is_quantile else at
        n_unsure = int(np.count_nonzero(of > cut))
        if n_unsure in (0, len(of)):
            who = "nobody is unsure" if n_unsure == 0 else "nobody is sure"
            other = "lower" if n_unsure == 0 else "higher"
            span = f"from {of.min():.3g} to {of.max():.3g}"
            hint = f"unsure takes a {other} number" if of.min() < of.max() else "no cut parts examples that are alike"
            why = f"{who} above {cut:.3g}, with uncertainty {span}; {hint}"
    known = Known(
        source=uncertainty.source,
        columns=uncertainty.columns,
        n=len(of),
        mean=float(of.mean()) if len(of) else None,
        cut=cut,
        n_unsure=n_unsure,
        votes=uncertainty.votes,
        why_not_compared=why,
    )
    if why is not None or cut is None:
        return known, None
    return known, np.where(uncertainty.known, uncertainty.value > cut, np.nan)


def _of_errors(name: str, own: np.ndarray, wrong: np.ndarray, groups: np.ndarray | None) -> ScoreFound:
    rows = np.flatnonzero(~np.isnan(own))
    values, bad, inside = own[rows], wrong[rows], subset(groups, rows)
    found = area(bad, values, inside)
    mean = float(values.mean())
    return ScoreFound(
        score=name,
        n=len(rows),
        mean=estimate(mean, (values - mean) / len(rows), inside),
        n_wrong=int(bad.sum()),
        auroc_error=None if found is None else found[0],
        n_both=0,
        spearman=None,
        comparison=None,
    )


def _with_uncertainty(
    found: ScoreFound, own: np.ndarray, uncertainty: Uncertainty, mark: np.ndarray | None, groups: np.ndarray | None
) -> ScoreFound:
    rows = np.flatnonzero(~np.isnan(own) & uncertainty.known)
    correlation = rank_correlation(own[rows], uncertainty.value[rows], subset(groups, rows)) if len(rows) else None
    found = replace(found, n_both=len(rows), spearman=correlation)
    if mark is None:
        return found
    return replace(found, comparison=compare(own[rows], mark[rows] == 1, subset(groups, rows)))


def compare(values: np.ndarray, unsure: np.ndarray, groups: np.ndarray | None) -> Comparison | None:
    """Compare values (n,) where `unsure` (n,) bool with the others; None where either kind is missing.

    The p-values are None.
    """
    found = area(unsure, values, groups)
    if found is None:
        return None
    auroc, _ = found
    n = np.bincount(unsure, minlength=2)
    means = np.bincount(unsure, values) / n
    influence = centred(values, unsure.astype(np.int64)) * np.where(unsure, 1 / n[1], -1 / n[0])
    difference = estimate(float(means[1] - means[0]), influence, groups)
    few = min(count_clusters(groups, unsure), count_clusters(groups, ~unsure)) < FEWEST_CLUSTERS
    if few or not np.ptp(values):
        difference = replace(difference, interval=None)
    span = auroc.interval
    delta = Estimate(
        2 * auroc.value - 1,
        None if auroc.se is None else 2 * auroc.se,
        None if span is None else (max(-1.0, 2 * span[0] - 1), min(1.0, 2 * span[1] - 1)),
        auroc.n_clusters,
    )
    return Comparison(
        int(n[1]), int(n[0]), float(means[1]), float(means[0]), difference, delta, auroc, None, None, None, None
    )


def _tested(
    scores: list[ScoreFound],
    values: Mapping[str, np.ndarray],
    mark: np.ndarray,
    judged: Judged,
    n_permutations: int,
    seed: int,
) -> list[ScoreFound]:
    """Give every comparison its p-values; scores that the same examples have share their shuffles."""
    panel = judged.panel
    stratum = None if panel.group is None else whole(panel).cell  # in the order of their names
    unit = panel.units if panel.runs.any() else None
    alike: dict[bytes, list[int]] = {}
    for at, one in enumerate(scores):
        if one.comparison is not None:
            alike.setdefault(np.packbits(~np.isnan(values[one.score])).tobytes(), []).append(at)
    tests: dict[int, MarkTest | None] = {}
    for places in alike.values():
        own = np.stack([values[scores[at].score] for at in places], axis=1)
        rows = np.flatnonzero(~np.isnan(own[:, 0]) & ~np.isnan(mark))
        dealing = Dealing(*(None if one is None else one[rows] for one in (unit, stratum)))
        found = permute_marks(mark[rows] == 1, own[rows], dealing, n_permutations, seed)
        tests.update(zip(places, found, strict=True))
    held = {at: test for at, test in tests.items() if test is not None}
    adjusted = dict(zip(held, adjust([test.p_two_sided for test in held.values()]), strict=True)) if held else {}
    out = list(scores)
    for at, test in held.items():
        comparison = scores[at].comparison
        assert comparison is not None  # it was tested
        comparison = replace(
            comparison,
            p_two_sided=test.p_two_sided,
            p_greater=test.p_greater,
            p_adjusted=adjusted[at],
            p_method=test.method,
            n_permutations=test.n_permutations,
        )
        out[at] = replace(scores[at], comparison=comparison)
    if n_permutations and len(held) < len(tests):
        names = ", ".join(scores[at].score for at in tests if at not in held)
        inside = f" inside {panel.group}" if panel.group is not None else ""
        judged.notes.add(f"p of {names} is null: no shuffle of who is unsure{inside} could change a mean")
    return out


def _why_none(name: str, judged: Judged) -> str:
    """Return why no example has a score."""
    panel, rule = judged.panel, judged.replay.rule.name
    if name in ("votes", "divergence") and panel.n_agents < 2:
        return f"{count_of(panel.n_agents, 'agent')}: it takes two"
    if name == "fused_entropy":
        if judged.roles.decision.source == "recorded":
            return "the recorded decisions have no scores"
        return f"{rule} makes no distribution over the classes"
    return {
        "votes": "no two agents speak on one example",
        "divergence": "no two agents have class scores on one example",
        "against_fused": "no example has an agent and a decision",
        "unsure_agents": "no agent has a confidence",
    }[name]
