"""Rules compared offline on the same examples: what each would gain, whom it lets sabotage, and what is chance."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from numbers import Integral
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

from sabotage import scoring
from sabotage.comparison_notes import note_nulls
from sabotage.contenders import BEST_AGENT, RECORDED, Contender, default_rules, make_contenders, place_of
from sabotage.contests import rank_rules
from sabotage.contrasts import weigh_examples
from sabotage.differences import measure_differences, oracle_hits
from sabotage.entries import ASCENDING, DECIMALS, DESCENDING, Entry, Gap, flat, in_order
from sabotage.errors import SabotageError, printable, unknown
from sabotage.fusion import CLIP, TEMPERATURE, Replay
from sabotage.intervals import clusters
from sabotage.interventions import Intervention
from sabotage.learning import Fitted
from sabotage.notes import Notes
from sabotage.panel import Panel
from sabotage.permutation import Progress, permute
from sabotage.quality import measure_quality
from sabotage.recommending import what_compared
from sabotage.remarks import note_leaks, note_replays, note_seeds
from sabotage.resampling import STATISTICS, Resamples, resample
from sabotage.roles import THRESHOLD
from sabotage.rules import Rule
from sabotage.sampling import FEWEST_DONORS
from sabotage.stages import announce
from sabotage.teaching import Teaching
from sabotage.verdicts import DELTA

if TYPE_CHECKING:
    import pandas as pd

N_RESAMPLES = 1000
N_PERMUTATIONS = 200


@dataclass(frozen=True, eq=False)
class Comparison:
    """Rules on one panel.

    Attributes
    ----------
    panel : Panel
    entries : tuple of Entry
        In the order asked for.
    reference : str
        The rule that the others are compared with.
    statistic : str
    settings : dict
    best : str
        The highest in the statistic, but for interventions.
    alike : tuple of str
        Rules whose difference to the best has an interval that holds 0.
    oracle : float or None
        What a choice of the right agent would reach in the statistic; None for macro-F1.
    ranked_by : str or None
        The column whose values are the folds or groups behind the mean ranks, `n_ranked` their number.
    friedman_p : float or None
        That all rules rank alike.
    n_clusters : int
        What was resampled.
    notes : tuple of str
    """

    panel: Panel
    entries: tuple[Entry, ...]
    reference: str
    statistic: str
    settings: dict[str, Any]
    best: str
    alike: tuple[str, ...]
    oracle: float | None
    ranked_by: str | None
    n_ranked: int
    friedman_p: float | None
    n_clusters: int
    notes: tuple[str, ...]

    @property
    def findings(self) -> tuple[str, ...]:
        """What to make of it: what the best gains, what is as good, whom it lets sabotage, what interventions do."""
        return what_compared(self)

    def entry(self, name: str) -> Entry:
        """Return one row by its rule's name; raises SabotageError for an unknown one."""
        for entry in self.entries:
            if entry.name == name:
                return entry
        raise unknown("rule", name, [entry.name for entry in self.entries])

    def to_dict(self) -> dict[str, Any]:
        """Return plain dicts, lists and numbers, without the panel."""
        return {
            "statistic": self.statistic,
            "reference": self.reference,
            "n_examples": self.panel.n_examples,
            "n_clusters": self.n_clusters,
            "best": self.best,
            "alike": list(self.alike),
            "finding": list(self.findings),
            "oracle": self.oracle,
            "settings": self.settings,
            "ranked_by": self.ranked_by,
            "n_ranked": self.n_ranked,
            "friedman_p": self.friedman_p,
            "rules": [asdict(entry) for entry in self.entries],
            "notes": list(self.notes),
        }

    def to_frame(self) -> "pd.DataFrame":
        """Return one row a rule, numbers alone, as a pandas DataFrame."""
        import pandas as pd

        return pd.DataFrame([flat(entry, self.statistic) for entry in self.entries]).set_index("rule")

    def _repr_html_(self) -> str:
        from sabotage.reports.comparing import comparison_card

        return comparison_card(self)

    def __repr__(self) -> str:
        lines = [f"Comparison of {len(self.entries)} rules by {self.statistic}, against {printable(self.reference)}"]
        lines += map(printable, self.findings)
        for entry in self.entries:
            line = f"  {printable(entry.name)}: {entry.values[self.statistic].value:.4f}"
            if entry.difference is not None:
                line += f" ({entry.difference.values[self.statistic].difference:+.4f})"
            lines.append(line)
        return "\n".join(lines)


def compare(
    panel: Panel,
    rules: Sequence[str | Rule | Fitted | Replay] = (),
    *,
    against: str | Rule | Fitted | Replay = BEST_AGENT,
    statistic: str = "balanced_accuracy",
    calibration: Panel | None = None,
    cross_fit: int | None = None,
    group: str | None = None,
    what_ifs: Sequence[Intervention] = (),
    threshold: float | str = THRESHOLD,
    top_k: Sequence[int] = (2, 3),
    n_resamples: int = N_RESAMPLES,
    n_permutations: int = N_PERMUTATIONS,
    within: Sequence[str] = (),
    delta: float = DELTA,
    seed: int = 0,
    sort: str | None = None,
    strict: bool = False,
    clip: float = CLIP,
    temperature: float = TEMPERATURE,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Compare fusion rules on one panel, each with a reference.

    Parameters
    ----------
    panel : Panel
    rules : sequence of str, Rule, Fitted or Replay
        Names of `sabotage rules`, "best_agent", "recorded", rules of one's own, fitted ones. Where none is named, all
        of the catalogue that the panel can feed, the learned ones if there is something to learn from, and what was
        recorded.
    against : str, Rule, Fitted or Replay
        The reference; "best_agent" is the agent that is right most often, on the calibration rows where there are any.
    statistic : {"balanced_accuracy", "accuracy", "macro_f1"}
        What decides the order, the captured share, the ranks and the permutation gap.
    calibration : Panel, optional
        The rows that learned rules may see; see `sabotage.read_calibration`.
    cross_fit : int, optional
        Fit learned rules in so many folds of the panel instead, each row by a fit that never saw its group.
    group : str, optional
        The column whose values stay together in cross-fitting, the panel's own where None.
    what_ifs : sequence of Intervention
        Each rule that is replayed once more with each of them, compared with the rule without.
    threshold : float or str
        Confidence from which misleading is sabotage.
    top_k : sequence of int
    n_resamples : int
        Of the paired bootstrap, over groups (ids, where they repeat) if there are any.
    n_permutations, within, delta
        Of the permutation test of each rule that takes reliability; 0 permutations leave it out.
    seed : int
        Of folds, resamples and permutations.
    sort : str, optional
        "accuracy", "balanced_accuracy", "macro_f1", "difference", "captured", "gap", "top_2" ..., best first;
        "log_loss", "ece", "saboteurs", "pivotal", "rank", lowest first; "name"; the statistic where None.
    strict : bool
        Whether a sign that the truth went into the scores is an error instead of a warning.
    clip, temperature : float
        Of the rules that take them.
    threads : int, optional
    progress : callable, optional
        Called with (rules done, rules in all).

    Raises
    ------
    SabotageError
        For a rule that is unknown or that the panel cannot feed, a learned one with nothing to learn from, and options
        out of range.
    """
    for name, one in (("panel", panel), ("calibration", calibration)):
        if not isinstance(one, Panel | None) or (one is None and name == "panel"):
            raise SabotageError(f"{name} must be a panel, read_panel(...) makes one: found a {type(one).__name__}")
    if statistic not in STATISTICS:
        raise unknown("statistic", statistic, STATISTICS)
    sort = statistic if sort is None else sort
    if not all(isinstance(k, Integral) and k >= 1 for k in top_k):
        raise SabotageError(f"top_k must be whole numbers from 1 on: found {list(top_k)}")
    ks = tuple(dict.fromkeys(int(k) for k in top_k))
    sorts = (*ASCENDING, *DESCENDING, *(f"top_{k}" for k in ks))
    if sort not in sorts:
        raise unknown("sort", sort, sorts)
    if n_permutations < 0:
        raise SabotageError(f"n_permutations must be at least 1, or 0 for none: found {n_permutations}")
    notes = Notes(panel.notes)
    note_leaks(panel, strict, notes)
    note_seeds(panel, notes)
    what_ifs = [what_ifs] if isinstance(what_ifs, Intervention) else list(what_ifs)
    for what in what_ifs:
        if not isinstance(what, Intervention):
            raise SabotageError(f"what_ifs must be interventions, Intervention('drop', agent): found {what!r}")
    teaching = Teaching(calibration, cross_fit, group, seed)
    for name in within:
        panel.column(name)
    named = [rules] if isinstance(rules, str) else list(rules)
    if not named:
        named = [*default_rules(panel, teaching), *([RECORDED] if panel.fused_label is not None else [])]
    named, place = place_of(named, against)
    announce("fusing")
    contenders = make_contenders(panel, named, teaching, what_ifs, clip, temperature, notes)
    if cross_fit is not None and not any(one.replay is not None and one.replay.fitted for one in contenders):
        notes.add("nothing was cross-fitted: no rule that is named learns anything")
    reference = [one.name for one in contenders if one.reference is None][place]
    plain = [one.replay for one in contenders if one.replay is not None and one.reference is None]
    note_replays([ready for ready in plain if not ready.rule.name.startswith(f"{BEST_AGENT} (")], notes)
    labels = np.stack([contender.decision.labels for contender in contenders])
    announce("resampling")
    found = resample(panel.truth, labels, STATISTICS, panel.n_classes, clusters(panel), n_resamples, seed)
    gap_options = {
        "statistic": statistic, "n_permutations": n_permutations, "within": within, "delta": delta, "seed": seed,
        "threads": threads,
        "n_donors": FEWEST_DONORS,
    }  # fmt: skip
    qualities, gaps = [], []
    announce("rules")
    for done, contender in enumerate(contenders):
        qualities.append(measure_quality(contender, threshold, ks))
        gaps.append(_gap(contender, gap_options, notes))
        if progress is not None:
            progress(done + 1, len(contenders))
    announce("differences")
    differences, values = measure_differences(panel, contenders, labels, reference, statistic, found)
    best, alike = _best(contenders, found, statistic)
    by, fold = _folds(panel)
    ranked = [at for at, one in enumerate(contenders) if one.reference is None]  # an intervention is no rule more
    ranks = None if fold is None else rank_rules(panel.truth, labels[ranked], fold, statistic, panel.n_classes)
    rank_of = {} if ranks is None else dict(zip(ranked, ranks.mean_ranks, strict=True))
    entries = [
        Entry(one.name, quality, own, difference, rank_of.get(at), gap, one.reference)
        for at, (one, quality, own, difference, gap) in enumerate(
            zip(contenders, qualities, values, differences, gaps, strict=True)
        )
    ]
    settings = {
        "rules": [contender.name for contender in contenders],
        "against": reference,
        "statistic": statistic,
        "sort": sort,
        "weights": panel.weights,
        "threshold": threshold if isinstance(threshold, str) else float(threshold),
        "top_k": list(ks),
        "n_resamples": index(n_resamples),
        "n_permutations": index(n_permutations),
        "within": list(within),
        "delta": float(delta),
        "seed": index(seed),
        "cross_fit": None if cross_fit is None else index(cross_fit),
        "n_calibration": None if calibration is None else calibration.n_examples,
        "group": group or panel.group,
        "clip": float(clip),
        "temperature": float(temperature),
        "bins": scoring.BINS,
    }
    weighting = weigh_examples(panel, statistic == "balanced_accuracy")
    oracle = None if statistic == "macro_f1" else float((weighting.weight * oracle_hits(panel)).sum())
    comparison = Comparison(
        panel=panel,
        entries=tuple(in_order(entries, sort, statistic)),
        reference=reference,
        statistic=statistic,
        settings=settings,
        best=best,
        alike=alike,
        oracle=oracle,
        ranked_by=by,
        n_ranked=0 if ranks is None else ranks.n_folds,
        friedman_p=None if ranks is None else ranks.friedman_p,
        n_clusters=found.n_clusters,
        notes=(),
    )
    note_nulls(comparison, notes)
    return replace(comparison, notes=tuple(notes))


def _gap(contender: Contender, options: dict[str, Any], notes: Notes) -> Gap | None:
    """Run the permutation test of one rule."""
    ready = contender.replay
    if ready is None or not options["n_permutations"] or not ready.rule.uses_reliability or contender.reference:
        return None
    if ready.overflow is not None:
        notes.add(f"{contender.name}: gap is null: {ready.overflow}")
        return None
    test = permute(ready, **options)
    moments = test.moments
    span = None if moments is None else moments.gap_interval
    gap = test.gap if moments is None else moments.gap_u
    return Gap(gap, span, test.p_value_two_sided, test.n_permutations, test.verdict.word)


def _best(contenders: Sequence[Contender], found: Resamples, statistic: str) -> tuple[str, tuple[str, ...]]:
    """Return the highest of the rules, the first of equals, and those that cannot be told from it."""
    some = [at for at, one in enumerate(contenders) if one.reference is None]
    first = max(some, key=lambda at: round(found.values[statistic][0, at], DECIMALS))
    leads = found.against(statistic, first).rules
    spans = {at: leads[at].difference_interval for at in some if at != first}
    alike = [contenders[at].name for at, span in spans.items() if span is not None and round(span[1], DECIMALS) >= 0]
    return contenders[first].name, tuple(alike)


def _folds(panel: Panel) -> tuple[str | None, np.ndarray | None]:
    """Return what rules are ranked over: the folds, else the groups."""
    name = panel.fold_column or panel.group
    return (None, None) if name is None else (name, panel.codes(name))
