"""The reliability profile of each agent, and the bounds that fusion is held against."""

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from sabotage import scoring
from sabotage.areas import subset
from sabotage.fusion import Decision, rank_of
from sabotage.intervals import Estimate, clusters, estimate
from sabotage.notes import Notes
from sabotage.panel import Panel, chunks
from sabotage.roles import CONTRIBUTOR, NULL, ROLES, SABOTEUR, Roles

if TYPE_CHECKING:
    import pandas as pd

OFF_ONE = 1e-3  # by which class scores may miss a sum of 1, as rounded ones do


@dataclass(frozen=True)
class Profile:
    """One agent. Accuracy, calibration and AUROC are over the `n` examples on which it spoke.

    `rates` are role counts over all examples and over wrong decisions; `saboteur_lift` is the saboteur rate over
    P(potential saboteur) x P(wrong decision). `n_confidence`, `n_reliability` and `n_scored` are the denominators
    where a confidence, a reliability or class scores are missing. `intervals`, 95 %, go by field, nested ones flat
    ("top_1", "saboteur_per_example", "saboteur_per_wrong_decision"); `sabotage.profiling` gives them.
    """

    agent: str
    n: int
    missing: int
    coverage: float
    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    top_k: dict[str, float | None]
    mean_confidence: float | None
    ece: float | None
    ece_equal_mass: float | None
    brier: float | None
    log_loss: float | None
    auroc_confidence: float | None
    auroc_reliability: float | None
    auroc_reliability_saboteur: float | None
    aurc: float | None
    roles: dict[str, int]
    rates: dict[str, dict[str, float | None]]
    potential_saboteur: int
    recoverable_saboteur: int
    shared_saboteur: int
    pivotal_saboteur: int
    pivotal_contributor: int
    saboteur_lift: float | None
    threshold: float | None
    n_confidence: int
    n_reliability: int
    n_scored: int
    label_is_not_argmax: int
    intervals: dict[str, tuple[float, float] | None] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the profile without its agent, as audit.json has it."""
        fields = asdict(self)
        del fields["agent"]
        return fields


@dataclass(frozen=True)
class Bounds:
    """What single agents and an all-knowing chooser among them reach.

    `best_agent` has the highest accuracy where it spoke, on `best_agent_n` examples, on which the decision has
    `decision_accuracy_there`; `lead` is the paired difference of the two. The oracle is right where some speaking agent
    is; `_if_independent` is what it would be if agents erred independently within each class.
    """

    best_agent: str
    best_agent_accuracy: float
    best_agent_n: int
    decision_accuracy_there: float
    lead: Estimate
    oracle_accuracy: float
    oracle_balanced_accuracy: float
    oracle_accuracy_if_independent: float
    oracle_balanced_accuracy_if_independent: float


def profile_agents(panel: Panel, roles: Roles, top_k: tuple[int, ...], notes: Notes) -> tuple[Profile, ...]:
    """Profile every agent; the reason of every null goes into `notes`."""
    return tuple(_profile(panel, roles, m, top_k, notes) for m in range(panel.n_agents))


def measure_bounds(panel: Panel, decision: Decision) -> Bounds:
    """Find the best single agent and the oracle, as it is and as it would be with independent errors."""
    truth, n_true = panel.truth, np.bincount(panel.truth, minlength=panel.n_classes)
    right = panel.labels == truth[:, None]
    spoke = panel.spoke
    # The first of equals, as ties between agents go.
    accuracy = right.sum(axis=0) / spoke.sum(axis=0)
    best = int(np.argmax(accuracy))
    oracle = right.any(axis=1)
    hits = np.bincount(truth[oracle], minlength=panel.n_classes)
    missed = missed_if_independent(panel, truth)
    by_class = np.bincount(truth, weights=1 - missed, minlength=panel.n_classes)
    there = np.flatnonzero(spoke[:, best])
    ahead = (decision.labels == truth)[there].astype(float) - right[there, best]
    lead = estimate(ahead.mean(), (ahead - ahead.mean()) / len(there), subset(clusters(panel), there))
    return Bounds(
        panel.agents[best],
        float(accuracy[best]),
        len(there),
        float((decision.labels == truth)[there].mean()),
        lead,
        float(oracle.mean()),
        scoring.balanced(hits, n_true),
        float(by_class.sum() / panel.n_examples),
        scoring.balanced(by_class, n_true),
    )


def missed_if_independent(panel: Panel, cell: np.ndarray) -> np.ndarray:
    """Return how likely nobody would be right if agents erred independently inside each cell (n,), such as a class.

    The product over speaking agents of 1 - recall in the cell: ndarray of shape (n,).
    """
    right = panel.labels == panel.truth[:, None]
    missed = np.ones(panel.n_examples)
    for m in range(panel.n_agents):
        spoke = panel.spoke[:, m]
        recall = np.bincount(cell, right[:, m]) / np.maximum(np.bincount(cell, spoke), 1)
        missed *= np.where(spoke, 1 - recall[cell], 1.0)
    return missed


def profiles_frame(profiles: tuple[Profile, ...]) -> "pd.DataFrame":
    """Return profiles as a DataFrame, one row an agent: nested fields spread over columns, intervals last."""
    import pandas as pd

    from sabotage.breakdowns import flat

    return pd.DataFrame([flat(asdict(profile)) for profile in profiles]).set_index("agent")


def _profile(panel: Panel, roles: Roles, m: int, top_k: tuple[int, ...], notes: Notes) -> Profile:
    name = panel.agents[m]
    spoke = np.flatnonzero(panel.labels[:, m] >= 0)
    n = len(spoke)
    truth, labels = panel.truth[spoke], panel.labels[spoke, m]
    right = labels == truth
    accuracy, balanced, macro_f1 = scoring.accuracies(truth, labels, panel.n_classes)

    confidence = panel.confidence[spoke, m]
    sure = ~np.isnan(confidence)
    confident, confident_right = confidence[sure], right[sure]
    if not sure.any():
        notes.add(f"{name}: no confidence, so mean_confidence, ece, ece_equal_mass, auroc_confidence and aurc are null")
    elif not sure.all():
        notes.add(f"{name}: {n - len(confident):,} examples without a confidence are left out of its calibration")
    auroc_confidence = scoring.auroc(confident_right, confident)
    if sure.any() and auroc_confidence is None:
        notes.add(f"{name} is always right or always wrong: auroc_confidence is null")

    reliability = panel.reliability[spoke, m]
    known = ~np.isnan(reliability)
    auroc_reliability = scoring.auroc(right[known], reliability[known])
    saboteur = roles.role[spoke, m] == SABOTEUR
    auroc_saboteur = scoring.auroc(saboteur[known], reliability[known])
    if auroc_reliability is None:
        why = "no reliability" if not known.any() else "always right or always wrong where it has a reliability"
        notes.add(f"{name}: {why}, so auroc_reliability is null")
    if auroc_saboteur is None:
        notes.add(f"{name} is never, or always, a saboteur: auroc_reliability_saboteur is null")

    top, calibration, n_scored, strays = _from_scores(panel, m, spoke, top_k, notes)
    counts = {role: roles.count(m, number) for number, role in enumerate(ROLES)}
    n_wrong = int(np.count_nonzero(roles.decision.labels != panel.truth))
    potential = int(roles.potential[:, m].sum())
    expected = potential / panel.n_examples * n_wrong
    if not n_wrong:
        notes.add("no decision is wrong: the rates per wrong decision are null")
    if not expected:
        notes.add(f"{name}: no potential saboteur, or no wrong decision, so saboteur_lift is null")
    pivotal = roles.pivotal[:, m]
    threshold = float(roles.thresholds[m])
    return Profile(
        agent=name,
        n=n,
        missing=panel.n_examples - n,
        coverage=n / panel.n_examples,
        accuracy=accuracy,
        balanced_accuracy=balanced,
        macro_f1=macro_f1,
        top_k=top,
        mean_confidence=float(confident.mean()) if len(confident) else None,
        ece=scoring.expected_calibration_error(confident_right, confident) if len(confident) else None,
        ece_equal_mass=scoring.equal_mass_calibration_error(confident_right, confident) if len(confident) else None,
        brier=calibration[0] if calibration else None,
        log_loss=calibration[1] if calibration else None,
        auroc_confidence=auroc_confidence,
        auroc_reliability=auroc_reliability,
        auroc_reliability_saboteur=auroc_saboteur,
        aurc=scoring.aurc(confident_right, confident) if len(confident) else None,
        roles=counts,
        rates={
            "per_example": {role: count / panel.n_examples for role, count in counts.items()},
            "per_wrong_decision": {
                role: counts[role] / n_wrong if n_wrong else None
                for role in ("misleader", "saboteur", "suppressed", "bystander")
            },
        },
        potential_saboteur=potential,
        recoverable_saboteur=int(roles.recoverable[:, m].sum()),
        shared_saboteur=int(roles.shared[:, m].sum()),
        pivotal_saboteur=int(((roles.role[:, m] == SABOTEUR) & (pivotal == 1)).sum()),
        pivotal_contributor=int(((roles.role[:, m] == CONTRIBUTOR) & (pivotal == 1)).sum()),
        saboteur_lift=counts["saboteur"] / expected if expected else None,
        threshold=threshold if np.isfinite(threshold) else None,
        n_confidence=len(confident),
        n_reliability=int(known.sum()),
        n_scored=n_scored,
        label_is_not_argmax=strays,
    )


def _from_scores(
    panel: Panel, m: int, spoke: np.ndarray, top_k: tuple[int, ...], notes: Notes
) -> tuple[dict[str, float | None], tuple[float, float] | None, int, int]:
    """Return top-k coverage, (Brier, log loss), the number of examples with scores, and of labels off the argmax."""
    name, nothing = panel.agents[m], dict.fromkeys(map(str, top_k))
    if panel.scores is None or not panel.has_scores[m]:
        notes.add(f"{name} has no class scores: top_k, brier and log_loss are null")
        return nothing, None, 0, 0
    within = np.zeros(len(top_k), np.int64)
    n_scored = strays = unscaled = 0
    whole = True
    for part in chunks(len(spoke), panel.n_classes):
        rows = spoke[part]
        scores = panel.scores[rows, m]
        known = ~np.isnan(scores)
        rows, scores, known = rows[known.any(axis=1)], scores[known.any(axis=1)], known[known.any(axis=1)]
        if not len(rows):
            continue
        whole = whole and bool(known.all())
        with np.errstate(over="ignore"):
            unscaled += int((np.abs(np.nansum(scores, axis=1) - 1) > OFF_ONE).sum())
        scores = np.where(known, scores, -np.inf)
        truth = panel.truth[rows]
        rank = rank_of(truth, scores)
        rank[~known[np.arange(len(rows)), truth]] = panel.n_classes  # only listed classes count
        within += [(rank < k).sum() for k in top_k]
        strays += int((panel.labels[rows, m] != scores.argmax(axis=1)).sum())
        n_scored += len(rows)
    if n_scored < len(spoke):
        notes.add(f"{name}: top_k, brier and log_loss are over the {n_scored:,} examples on which it has class scores")
    if strays:
        notes.add(f"{name}: on {strays:,} of {n_scored:,} examples its label is not the argmax of its own class scores")
    top: dict[str, float | None] = {}
    for k, count in zip(top_k, within, strict=True):
        top[str(k)] = float(count / n_scored) if k <= panel.n_classes else None
    if not whole:
        notes.add(f"{name} lists candidates, not a score for every class: brier and log_loss are null")
        return top, None, n_scored, strays
    with_scores = spoke[~np.isnan(panel.scores[spoke, m, 0])]
    calibration = scoring.brier_and_log_loss(panel.truth[with_scores], panel.scores[with_scores, m])
    if calibration is None:
        notes.add(
            f"{name}: some class scores are negative, all 0 or too large, no probabilities: brier and log_loss are null"
        )
    elif unscaled:
        notes.add(
            f"{name}: on {unscaled:,} of {n_scored:,} examples its class scores do not sum to 1: brier and log_loss"
            f" are of scores divided by their sum"
        )
    return top, calibration, n_scored, strays


def n_pivotal_unknown(roles: Roles) -> int:
    """Count the examples whose pivotal flags are null: a recorded decision that the replay does not reach."""
    return int((roles.pivotal == NULL).any(axis=1).sum())
