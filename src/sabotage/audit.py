"""The whole analysis of one panel, as one object: what `sabotage analyze` prints, writes and draws."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

from sabotage import scoring
from sabotage.agreement import PanelAgreement, measure_agreement
from sabotage.alignment import Alignment, Routing, measure_alignment, measure_routing
from sabotage.annotators import UNSURE
from sabotage.beside import attribute_beside, compare_beside, is_dosed
from sabotage.breakdowns import Breakdowns
from sabotage.cases import Cases, list_cases
from sabotage.causes import Causes, examine_causes
from sabotage.controls import Controls, DoseResponse
from sabotage.curves import Curves, measure_curves
from sabotage.decisions import DecisionScores, SabotageTotals, count_sabotage, score_decision
from sabotage.diagnosis import Context, examine
from sabotage.errors import SabotageError, count_of
from sabotage.files import sha256
from sabotage.finding import find
from sabotage.fusion import CLIP, TEMPERATURE, Replay
from sabotage.headroom import Headroom
from sabotage.judging import judge, source_of
from sabotage.learning import Fitted
from sabotage.panel import Panel
from sabotage.permutation import Progress
from sabotage.profiles import Bounds, Profile, measure_bounds, n_pivotal_unknown, profile_agents, profiles_frame
from sabotage.profiling import profile_in_full
from sabotage.remarks import (
    first_notes,
    note_agreement,
    note_leaks,
    note_seeds,
)
from sabotage.results import Permutation
from sabotage.roles import THRESHOLD, Roles
from sabotage.rules import Rule
from sabotage.selfchecks import SabotageCheck, check_sabotage
from sabotage.shares import Attribution
from sabotage.slices import SMALLEST
from sabotage.stages import announce
from sabotage.verdicts import DELTA

if TYPE_CHECKING:
    import pandas as pd

    from sabotage.comparison import Comparison
    from sabotage.methods import Methods

SCHEMA = 1
TOP_K = (1, 2, 3)
# Lists of numbers alone, which are one line of audit.json: no text holds a line break as it is.
NUMBERS = re.compile(r"(?<=\[)\n[^][{}\"]*(?=\])")


@dataclass(frozen=True, eq=False, repr=False)
class Audit:
    """What `analyze` found.

    `profiles` and `roles` are DataFrames (one row an agent; one row an example and agent); `agents`, `decision`,
    `bounds`, `breakdowns`, `totals`, `routing`, `alignment` and `self_checks` (one an agent), `agreement`,
    `permutation`, `controls`, `headroom`, `dose_response`, `comparison`, `attribution`, `causes` and `curves` are
    frozen objects;
    `by_class` and `by_group` are the breakdowns as DataFrames; `replay` is the rule made ready for the panel; `finding`
    is three sentences; `notes` are warnings and the reason of every null.
    """

    panel: Panel
    settings: dict[str, Any]
    n_abstained: int
    decision: DecisionScores
    bounds: Bounds
    agents: tuple[Profile, ...]
    breakdowns: Breakdowns
    role_table: Roles
    totals: SabotageTotals
    routing: Routing
    alignment: tuple[Alignment, ...]
    self_checks: tuple[SabotageCheck, ...]
    agreement: PanelAgreement
    permutation: Permutation | None
    controls: Controls | None
    headroom: Headroom | None
    dose_response: DoseResponse | None
    comparison: "Comparison | None"
    attribution: Attribution | None
    causes: Causes
    replay: Replay
    curves: Curves
    finding: tuple[str, ...]
    notes: tuple[str, ...]
    sha256: str | None

    @property
    def profiles(self) -> "pd.DataFrame":
        """Reliability profiles, one row an agent; `<field>_low` and `<field>_high` are 95 % intervals."""
        return profiles_frame(self.agents)

    @property
    def by_class(self) -> "pd.DataFrame":
        """Profiles in each class of the truth, one row a class and agent, with intervals."""
        return self.breakdowns.by_class.to_frame()

    @property
    def by_group(self) -> "pd.DataFrame | None":
        """The same in each value of the group column, the largest first; None where none is named."""
        return None if self.breakdowns.by_group is None else self.breakdowns.by_group.to_frame()

    @cached_property
    def roles(self) -> "pd.DataFrame":
        """Roles and flags, one row an example and agent."""
        return self.role_table.to_frame()

    def to_dict(self) -> dict[str, Any]:
        """Return the audit as plain dicts, lists and numbers, keys in the order of audit.json."""
        from sabotage import __version__

        panel, origin = self.panel, self.panel.origin
        return {
            "schema": SCHEMA,
            "sabotage": __version__,
            "input": {
                "path": origin.path,
                "format": origin.format,
                "sha256": self.sha256,
                "n_examples": panel.n_examples,
                "n_dropped": origin.n_dropped,
                "agents": list(panel.agents),
                "classes": [str(label) for label in panel.classes],
                "missing": {profile.agent: profile.missing for profile in self.agents},
                "n_abstained": self.n_abstained,
                "ignored_columns": list(origin.ignored_columns),
                "n_rows": origin.n_rows or panel.n_examples,
                "n_filtered": origin.n_filtered,
                "n_other_split": origin.n_other_split,
                "other_agents": list(origin.other_agents),
                "is_long": origin.is_long,
                "n_files": len(origin.paths),
                "kinds": dict(panel.kinds),
            },
            "settings": self.settings,
            "decision": asdict(self.decision),
            "bounds": asdict(self.bounds),
            "agents": {profile.agent: profile.to_dict() for profile in self.agents},
            "sabotage_totals": asdict(self.totals),
            "permutation": None if self.permutation is None else self.permutation.to_dict(),
            "finding": list(self.finding),
            "notes": list(self.notes),
            "between_agents": {
                "routing_auroc": None if self.routing.auroc is None else self.routing.auroc.value,
                "n_routing": self.routing.n,
                **asdict(self.agreement),
            },
            "alignment": {
                "agents": {
                    own.agent: own.to_dict() | {"predicts_sabotage": check.to_dict()}
                    for own, check in zip(self.alignment, self.self_checks, strict=True)
                },
                "routing": asdict(self.routing),
            },
            **Context(self.controls, self.headroom, self.dose_response).to_dict(),
            "profiles": self.breakdowns.to_dict(),
            "comparison": None if self.comparison is None else self.comparison.to_dict(),
            "attribution": None if self.attribution is None else self.attribution.to_dict(),
            **self.causes.to_dict(),
            "curves": self.curves.to_dict(),
        }

    @cached_property
    def content(self) -> dict[str, Any]:
        """What `to_dict` returns, made once: what the page and the figures show, and not to be changed."""
        return self.to_dict()

    def to_json(self) -> str:
        """Return audit.json: strict JSON at full precision, the same bytes for the same input, options and version."""
        text = json.dumps(self.content, indent=2, ensure_ascii=False, allow_nan=False)
        return NUMBERS.sub(lambda found: " ".join(found[0].split()), text) + "\n"

    def cases(self, media: str | None = None) -> Cases:
        """List the examples behind the numbers; `media` is where their files lie: "clips/{id}.mp4"."""
        return list_cases(self.role_table, self.replay, media)

    def to_html(self, media: str | None = None) -> str:
        """Return the report as one self-contained page; `media` is where the files of its cases lie."""
        from sabotage.reports.drawn import pictures
        from sabotage.reports.page import report_page

        return report_page(self.content, self.cases(media).to_dict(self.content), pictures(self.content))

    def methods(self) -> "Methods":
        """Describe how this was made, for the methods section of a paper; its sources come along."""
        from sabotage.methods import describe_methods

        return describe_methods(self)

    def _repr_html_(self) -> str:
        from sabotage.reports.cards import audit_card

        return audit_card(self.content)

    def __repr__(self) -> str:
        return "\n".join([f"Audit of {self.panel.origin.path or self.panel.origin.name}", *self.finding])


def analyze(
    panel: Panel,
    *,
    rule: str | Rule | Fitted | Replay | None = None,
    decision: str | None = None,
    threshold: float | str = THRESHOLD,
    top_k: Sequence[int] = TOP_K,
    statistic: str = "balanced_accuracy",
    scheme: str = "joint",
    within: Sequence[str] = (),
    within_difficulty: int | None = None,
    derangement: bool = False,
    per_seed: bool = False,
    delta: float = DELTA,
    n_permutations: int = 10_000,
    seed: int = 0,
    exact: bool | None = None,
    controls: bool = True,
    dose_response: bool | None = False,
    compare: bool | None = False,
    attribute: bool | None = False,
    by: Sequence[str] = (),
    smallest: int = SMALLEST,
    people: Sequence[str] = (),
    full: str | None = None,
    unsure: float | str = UNSURE,
    runs: Mapping[str, Panel] | None = None,
    run_name: str | None = None,
    strict: bool = False,
    clip: float = CLIP,
    temperature: float = TEMPERATURE,
    threads: int | None = None,
    engine: str | None = None,
    progress: Progress | None = None,
) -> Audit:
    """Audit a panel: decisions, roles, profiles, bounds, and what the reliability scores do.

    Parameters
    ----------
    panel : Panel
    rule : str, Rule, Fitted or Replay, optional
        The fusion rule to replay, or a replay of it; see `sabotage.replay` for the default.
    decision : {"recorded", "replayed"}, optional
        Whose decisions are audited; the recorded ones where the panel has them.
    threshold : float or str
        Confidence from which misleading is sabotage; "q0.9" is each agent's own quantile.
    top_k : sequence of int
    statistic, scheme, within, within_difficulty, derangement, per_seed, delta, n_permutations, seed, exact, threads, \
engine, progress
        Of the permutation test, see `sabotage.permute`; 0 permutations leave it out. Scheme "single" makes a test for
        each agent, not one for the panel: `sabotage.permute_each`.
    controls, dose_response : bool; the latter also None: where that is quick
        Whether to run the test with the best reliability there could be and with none, and with more and more of the
        best; see `sabotage.run_controls` and `sabotage.measure_dose_response`.
    compare, attribute : bool or None
        Whether to compare the rules of the catalogue that need no learning, see `sabotage.compare`, and to say what
        each agent is worth, see `sabotage.attribute`; None: where that is quick.
    by, smallest, people, full, unsure, runs, run_name
        Of what is asked about why decisions fail, see `sabotage.examine_causes`.
    strict : bool
        Whether a sign that the truth went into the scores is an error instead of a warning.
    clip, temperature : float
        Of the rules that take them.

    Raises
    ------
    SabotageError
        For an option that is unknown or out of range, a rule that the panel cannot feed, or with `strict` a sign that
        the truth went into the scores.
    """
    source = source_of(panel, decision)
    ks = tuple(dict.fromkeys(int(k) for k in top_k))
    if not ks or min(ks) < 1:
        raise SabotageError(f"top_k must be whole numbers from 1 on: found {list(top_k)}")
    if scheme == "single":
        raise SabotageError(
            "scheme single makes one test for each agent: sabotage permute --scheme single, in Python permute_each"
        )
    notes = first_notes(panel)
    announce("signs of leakage")
    note_leaks(panel, strict, notes)
    note_seeds(panel, notes)
    digest = None
    if panel.origin.paths:
        try:
            digest = sha256(panel.origin.paths)
        except OSError as error:
            notes.warn(f"sha256 is null: {error.filename} cannot be read any more ({error.strerror})")
    announce("replaying the rule")
    judged = judge(
        panel, rule=rule, decision=source, threshold=threshold, clip=clip, temperature=temperature, notes=notes
    )
    roles, ready = judged.roles, judged.replay
    decided = roles.decision
    announce("roles and profiles")
    scores = score_decision(panel, decided, ready.decision, ks, notes)
    unknown_pivotal = n_pivotal_unknown(roles)
    if ready.rule.combine == "call":
        notes.add(f"pivotal flags are null: what {ready.rule.name} decides without an agent is not known")
    elif unknown_pivotal:
        notes.add(
            f"on {count_of(unknown_pivotal, 'example')} the recorded decision is not what {ready.rule.name} replays:"
            " the pivotal flags are null and not counted"
        )
    profiles = profile_agents(panel, roles, ks, notes)
    profiles, scores, breakdowns = profile_in_full(panel, roles, profiles, scores, notes)
    bounds = measure_bounds(panel, decided)
    totals = count_sabotage(panel, roles)
    routing, alignment = measure_routing(panel), measure_alignment(panel, notes)
    if routing.auroc is None:
        notes.add("no example has a right and a wrong agent with reliabilities: routing_auroc is null")
    agreement = measure_agreement(panel)
    announce("why decisions fail")
    causes = examine_causes(
        judged,
        by=by,
        smallest=smallest,
        people=people,
        full=full,
        unsure=unsure,
        runs=runs,
        run_name=run_name,
        threshold=threshold,
        n_permutations=n_permutations,
        seed=seed,
    )
    permutation, beside = None, Context(None, None, None)
    with_doses = is_dosed(ready, dose_response, notes)
    if n_permutations and ready.overflow is None:
        (permutation,), beside = examine(
            ready,
            notes,
            exact=exact,
            headroom=True,
            controls=controls,
            dose_response=with_doses,
            progress=progress,
            delta=delta,
            statistic=statistic,
            scheme=scheme,
            within=within,
            within_difficulty=within_difficulty,
            derangement=derangement,
            per_seed=per_seed,
            n_permutations=n_permutations,
            seed=seed,
            threads=threads,
            engine=engine,
        )
    else:
        notes.add(f"permutation, controls and headroom are null: {ready.overflow or '0 permutations were asked for'}")
    if not controls:
        notes.add("controls is null: they were not asked for")
    self_checks = check_sabotage(roles, notes)
    announce("comparing rules")
    comparison = compare_beside(
        ready, compare, notes, statistic=statistic, threshold=threshold, top_k=ks, seed=seed, threads=threads
    )
    announce("what each agent is worth")
    attribution = attribute_beside(ready, attribute, notes, seed=seed, threads=threads)
    note_agreement(agreement, notes)
    settings = {
        "rule": ready.rule.name,
        "n_fit": None if ready.fitted is None else ready.fitted.n_fit,
        "n_folds": None if ready.fitted is None or ready.part is None else len(ready.fitted.parts),
        "weights": panel.weights,
        "decision": source,
        "threshold": threshold if isinstance(threshold, str) else float(threshold),
        "top_k": list(ks),
        "statistic": statistic,
        "scheme": scheme,
        "within": list(within),
        "within_difficulty": within_difficulty,
        "derangement": derangement,
        "per_seed": per_seed,
        "delta": float(delta),
        "n_permutations": index(n_permutations),
        "seed": index(seed),
        "exact": exact,
        "controls": controls,
        "dose_response": with_doses,
        "compare": comparison is not None,
        "attribute": attribution is not None,
        "by": list(by),
        "smallest": index(smallest),
        "people": list(people),
        "full": full,
        "unsure": unsure if isinstance(unsure, str) else float(unsure),
        "runs": list(runs or {}),
        "run_name": run_name,
        "strict": strict,
        "clip": float(clip),
        "temperature": float(temperature),
        "bins": scoring.BINS,
        "agents": list(panel.agents),
        "classes": [str(label) for label in panel.classes],
        "group": panel.group,
        "seed_column": panel.seed_column,
        "fold_column": panel.fold_column,
        "id": panel.origin.id_column,
        "truth": panel.origin.truth_column,
        "truth_table": panel.origin.truth_table,
        "fused_label": panel.origin.fused_column,
        "where": list(panel.origin.where),
        "split": panel.origin.split,
        "confidence_scale": panel.origin.confidence_scale,
        "input_format": panel.origin.format,
    }
    return Audit(
        panel=panel,
        settings=settings,
        n_abstained=int(np.count_nonzero(ready.decision.labels < 0)),
        decision=scores,
        bounds=bounds,
        agents=profiles,
        breakdowns=breakdowns,
        role_table=roles,
        totals=totals,
        routing=routing,
        alignment=alignment,
        self_checks=self_checks,
        agreement=agreement,
        permutation=permutation,
        controls=beside.controls,
        headroom=beside.headroom,
        dose_response=beside.dose_response,
        comparison=comparison,
        attribution=attribution,
        causes=causes,
        replay=ready,
        curves=measure_curves(panel, decided, permutation),
        finding=find(panel, ready.rule.name, scores, bounds, profiles, totals, permutation),
        notes=tuple(notes),
        sha256=digest,
    )
