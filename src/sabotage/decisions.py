"""How good the decisions of a panel are, and what the sabotage in them adds up to."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from sabotage import scoring
from sabotage.errors import are, count_of
from sabotage.fusion import Decision
from sabotage.notes import Notes
from sabotage.panel import Panel
from sabotage.roles import SABOTEUR, Roles


@dataclass(frozen=True)
class DecisionScores:
    """How good the decisions are. Abstentions and missing decisions are wrong; top-k is over all examples.

    `chance_top_k` is k / C and `frequent_top_k` the share of the k most frequent classes; `n_tied` examples could have
    been decided for another class of the same score. None where a recorded decision has no scores, or nothing was
    recorded to agree with. `intervals`, 95 %, go by field: "accuracy", "top_1".
    """

    source: str
    rule: str | None
    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    top_k: dict[str, float | None] | None
    n_tied: int | None
    accuracy_if_ties_lost: float | None
    accuracy_if_ties_won: float | None
    replay_agreement: float | None
    chance_top_k: dict[str, float | None]
    frequent_top_k: dict[str, float | None]
    intervals: dict[str, tuple[float, float] | None] = field(default_factory=dict)


@dataclass(frozen=True)
class SabotageTotals:
    """Wrong decisions: with a saboteur, with exactly one, with one where another agent knew, with a pivotal one."""

    n_wrong: int
    n_with_saboteur: int
    n_with_exactly_one: int
    n_recoverable: int
    n_pivotal: int


def score_decision(
    panel: Panel, decided: Decision, replayed: Decision, top_k: Sequence[int], notes: Notes
) -> DecisionScores:
    """Score decisions against the truth; `replayed` is what a recorded decision is compared with."""
    n = panel.n_examples
    accuracy, balanced, macro_f1 = scoring.accuracies(panel.truth, decided.labels, panel.n_classes)
    within = [k for k in top_k if k <= panel.n_classes]
    beyond = [k for k in top_k if k > panel.n_classes]
    if beyond:
        notes.add(f"top-k is null for k = {', '.join(map(str, beyond))}: there are {panel.n_classes} classes")
    covered: dict[str, float | None] | None = None
    if decided.truth_rank is not None:
        shares = {k: float((decided.truth_rank < k).mean()) for k in within}
        covered = {str(k): shares.get(k) for k in top_k}
    else:
        notes.add(f"the {decided.source} decision has no class scores: its top_k is null")
    frequent = np.sort(np.bincount(panel.truth, minlength=panel.n_classes))[::-1].cumsum() / n
    right = decided.labels == panel.truth
    n_tied = lost = won = agreement = None
    if decided.tied is not None and decided.winnable is not None:
        n_tied = int(decided.tied.sum())
        lost = float((right & ~decided.tied).mean())
        won = float((right | decided.winnable).mean())
        if n_tied > 0.01 * n:
            notes.add(
                f"{n_tied:,} of {n:,} decisions are ties, which go to the first class: the accuracy would be {lost:.4f}"
                f" if all were lost and {won:.4f} if all were won"
            )
    else:
        notes.add(
            f"ties are not known of a {decided.source} decision without scores: n_tied and the accuracies around it are"
            f" null"
        )
    if panel.fused_label is not None:
        there = panel.fused_label >= 0
        if there.any():
            agreement = float((panel.fused_label == replayed.labels)[there].mean())
        missing = int((~there).sum())
        if missing and decided.source == "recorded":
            notes.add(
                f"{count_of(missing, 'recorded decision')} {are(missing)} missing and"
                f" {are(missing, 'counts', 'count')} as wrong"
            )
    if agreement is None:
        notes.add("no decision is recorded: replay_agreement is null")
    return DecisionScores(
        source=decided.source,
        rule=decided.rule,
        accuracy=accuracy,
        balanced_accuracy=balanced,
        macro_f1=macro_f1,
        top_k=covered,
        n_tied=n_tied,
        accuracy_if_ties_lost=lost,
        accuracy_if_ties_won=won,
        replay_agreement=agreement,
        chance_top_k={str(k): k / panel.n_classes if k in within else None for k in top_k},
        frequent_top_k={str(k): float(frequent[k - 1]) if k in within else None for k in top_k},
    )


def count_sabotage(panel: Panel, roles: Roles) -> SabotageTotals:
    """Count wrong decisions by what their saboteurs are."""
    saboteur = roles.role == SABOTEUR
    each = saboteur.sum(axis=1)
    return SabotageTotals(
        n_wrong=int(np.count_nonzero(roles.decision.labels != panel.truth)),
        n_with_saboteur=int(np.count_nonzero(each)),
        n_with_exactly_one=int(np.count_nonzero(each == 1)),
        n_recoverable=int(roles.recoverable.any(axis=1).sum()),
        n_pivotal=int((saboteur & (roles.pivotal == 1)).any(axis=1).sum()),
    )
