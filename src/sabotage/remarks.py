"""What a reader should know beside the results: what was done without or taken for granted, and what is null."""

from collections.abc import Sequence

import numpy as np

from sabotage.agreement import PanelAgreement
from sabotage.controls import Controls
from sabotage.errors import SabotageError, are, count_of, listed
from sabotage.fusion import Replay
from sabotage.headroom import STATISTICS, Headroom
from sabotage.intervals import FEWEST_CLUSTERS
from sabotage.leakage import find_leaks
from sabotage.notes import Notes
from sabotage.panel import Panel
from sabotage.results import Permutation

NAME = "\0"  # where a rule's name stood
WEIGHED_TOGETHER = ("stacking", "weighted_stacking", "learned_gate")  # coefficients of one agent depend on the rest
SEEN = 0.05  # share of the rows fitted on that may be found again by chance, where rows are known by what they say
FEW_CHANGES = 10  # hits; with 2 on average the 95 % interval held the gap in 85 % of simulated samples, with 6 in 92 %


def note_leaks(panel: Panel, strict: bool, notes: Notes) -> None:
    """Warn of signs that the truth went into the scores; raise SabotageError of the first where `strict`."""
    leaks = find_leaks(panel)
    if strict and leaks:
        more = f" (and {len(leaks) - 1} more such sign{'' if len(leaks) == 2 else 's'})" if len(leaks) > 1 else ""
        raise SabotageError(leaks[0] + more)
    for sentence in leaks:
        notes.warn(sentence)


def first_notes(panel: Panel) -> Notes:
    """Return notes that begin with how to read all the rest of an ablation, and with what is known of the panel."""
    return Notes((*about_ablations(panel), *panel.notes))


def about_ablations(panel: Panel) -> list[str]:
    """Return how roles are to be read where agents are one model with modalities masked."""
    only, without = ([name for name in panel.agents if panel.kinds.get(name) == kind] for kind in ("only", "without"))
    notes = []
    if only:
        notes.append(
            f"{listed(only)} {'are ablations' if len(only) > 1 else 'is an ablation'}, one model that was given a"
            f" single modality with the others masked: a saboteur among them is an input that alone leads the model,"
            f" with confidence, to the wrong label decided for, not a speaker of its own that outvoted others"
        )
    if without:
        reading = (
            ": where such an agent is a saboteur or misleader the error stands without that modality, where it is"
            " suppressed that modality brought the error about, where it is overruled the right decision needed that"
            " modality, and where it is a contributor it did not"
        )
        notes.append(
            f"{listed(without)} {'are ablations' if len(without) > 1 else 'is an ablation'}, one model with the named"
            f" modality masked: what it says is what is left without that modality, so roles are read the other way"
            f" round{reading if panel.fused_label is not None else ''}"
        )
    if only or without:
        decision = (
            "roles in a recorded decision take it for that of the unmasked model"
            if panel.fused_label is not None
            else "record the decision of the unmasked model as fused_label, for without it roles are about the replay"
        )
        notes.append(
            f"masked inputs are unlike those the model was trained on, and no fusion rule adds ablations up to the"
            f" model, so replay, pivotal flags and the permutation test are about a committee of ablations, not about"
            f" the model; {decision}"
        )
    return notes


def note_fit(ready: Replay, notes: Notes) -> None:
    """Say what a learned rule was fitted on; nothing of any other."""
    rule = ready.fitted
    if rule is None:
        return
    if rule.fold is None:
        notes.add(
            f"{rule.name} was fitted on {count_of(rule.n_fit, 'row')}: what it is worth can be seen on others alone"
        )
        if rule.seen is not None and rule.seen >= SEEN:
            notes.warn(
                f"{rule.name} is judged on rows that it was fitted on: {'all' if rule.seen == 1 else 'some'} of those"
                f" are among the examples, which flatters it"
            )
    else:
        folds = f"{len(rule.parts)} folds, each row decided by a fit that saw neither it nor its group"
        notes.add(f"{rule.name} was fitted in {folds}")
    for note in rule.notes:
        notes.add(f"{rule.name}: {note}")
    never = [agent for agent in rule.agents if agent not in rule.silent]
    if rule.learner in WEIGHED_TOGETHER and never:
        notes.add(
            f"{rule.name} was fitted on rows where {listed(never)} always spoke: what it decides without one of them"
            f" (pivotal flags, --drop, --veto, attribution) is no rule that was fitted without it"
        )


def note_replay(ready: Replay, notes: Notes) -> None:
    """Say what the replay had to do without: scores, reliabilities, weights, anybody."""
    for sentence in about_replay(ready):
        notes.add(sentence)


def note_replays(replays: Sequence[Replay], notes: Notes) -> None:
    """Say the same of several, once where it is the same but for the rule's name."""
    rules: dict[str, list[str]] = {}
    for ready in replays:
        for sentence in about_replay(ready):
            rules.setdefault(sentence.replace(ready.rule.name, NAME), []).append(ready.rule.name)
    for sentence, names in rules.items():
        notes.add(sentence.replace(NAME, listed(names, 4)))


def about_replay(ready: Replay) -> list[str]:
    """Return what a replay had to do without."""
    panel, rule = ready.panel, ready.rule
    notes: list[str] = []
    for m, agent in enumerate(panel.agents):
        silent = int(np.count_nonzero(panel.spoke[:, m] & (ready.spoken[:, m] < 0)))
        if silent:
            notes.append(
                f"{agent} has a label and nothing that {rule.name} could use on {count_of(silent, 'example')}: it"
                " is silent there"
                f" for the fusion"
            )
    if rule.uses_reliability and rule.combine != "call":
        unknown = (ready.spoken >= 0) & np.isnan(panel.reliability)
        for m, agent in enumerate(panel.agents):
            if unknown[:, m].any():
                notes.append(
                    f"{agent} speaks without a {panel.weights} on {count_of(int(unknown[:, m].sum()), 'example')}: it"
                    f" {'is taken to have its mean there' if rule.weight == 'gate' else 'weighs 0'}"
                )
        if rule.weight == "reliability":
            total = np.where(ready.spoken >= 0, np.nan_to_num(panel.reliability), 0).sum(axis=1)
            equal = int(np.count_nonzero((total == 0) & (ready.spoken >= 0).any(axis=1)))
            if equal:
                notes.append(
                    f"on {count_of(equal, 'example')} the weights sum to 0: the agents that speak weigh 1 each"
                )
    none, speaks = ready.decision.labels < 0, (ready.spoken >= 0).any(axis=1)
    abstained, no_outcome = int(np.count_nonzero(none & ~speaks)), int(np.count_nonzero(none & speaks))
    if abstained:
        notes.append(
            f"nobody speaks on {count_of(abstained, 'example')}: under {rule.name} that is an abstention, which"
            " counts as wrong"
        )
    if no_outcome:
        why = ", for the agents contradict each other outright" if rule.evidence == "masses" else ""
        notes.append(
            f"no outcome of {rule.name} on {count_of(no_outcome, 'example')}{why}: that is an abstention, which"
            " counts as wrong"
        )
    return notes


def note_permutation(ready: Replay, permutation: Permutation, notes: Notes) -> None:
    """Say what the permutation test takes for granted, and what it does not give."""
    panel = ready.panel
    if not ready.rule.uses_reliability:
        notes.add(f"{ready.rule.name} takes no reliability: no shuffle of it can change a decision")
    if ready.part is not None and ready.rule.uses_reliability:
        notes.add(f"{ready.rule.name} is cross-fitted: reliability stays within its fold")
    if panel.group is not None and panel.group not in permutation.within:
        notes.add(
            f"p takes the examples of one {panel.group} to be exchangeable with those of another; --within"
            f" {panel.group} moves reliability inside each alone"
        )
    if permutation.scheme != "joint" and ready.rule.uses_reliability and panel.n_agents > 1:
        notes.add(
            f"scheme {permutation.scheme} tears reliabilities of one example apart: where those of its agents rise and"
            f" fall together, p can be small although none knows who is right"
        )
    fold = panel.fold_column
    if fold is not None and fold not in permutation.within:
        again = (
            "the folds tell the rows of one id apart" if fold == panel.seed_column else "ids change it over the seeds"
        )
        notes.add(f"{fold} is no block: {again}")
    if permutation.derangement:
        notes.add("p is an approximation: the observed pairing is none of the derangements that it is compared with")
    if permutation.per_seed:
        notes.add("p-values are twice the median of those of each seed alone, at most 1")
    if permutation.broken_sd is None:
        notes.add("one replicate has no spread: broken_sd and monte_carlo_error are null")
    if permutation.smallest_p > 0.05 and permutation.n_usable:
        few = 1 / (permutation.n_permutations + 1) >= permutation.smallest_p
        why = (
            f"{count_of(permutation.n_permutations, 'replicate')} {are(permutation.n_permutations)} too few"
            if few
            else "reliability has too few arrangements"
        )
        notes.add(f"no p below {permutation.smallest_p:.3g} could come out: {why}")
    _note_moments(panel, permutation, notes)
    if permutation.against_weightless is None:
        notes.add("against_weightless is null: macro-F1 is no sum over examples")
    if permutation.contested_weight is None:
        notes.add(f"contested_weight is null: {permutation.measure} is no sum of hits")
    if permutation.z is not None:
        notes.add("p_normal takes the statistic to be normal over permutations: an approximation")


def _note_moments(panel: Panel, permutation: Permutation, notes: Notes) -> None:
    """Say what the exact moments and the gap's interval rest on, or why there are none."""
    moments, why = permutation.moments, permutation.why_no_moments
    who = "" if permutation.agent is None else f"{permutation.agent} alone: "
    if moments is None:
        notes.add(
            f"{who}exact_mean, exact_sd, z, p_normal, gap_u, gap_se, gap_interval, n_clusters, n_changed and"
            f" smallest_visible_gap are null: {why}"
        )
        return
    if moments.exact_mean is None:
        notes.add(
            f"{who}exact_mean, exact_sd, z and p_normal are null: {why}; gap_u is from"
            f" {count_of(moments.n_donors or 0, 'donor')} an"
            f" example"
        )
    elif moments.exact_sd is None:
        several = "derangements" if permutation.derangement else "runs in step"
        notes.add(f"{who}exact_sd, z and p_normal are null: {several} have no such formula")
    elif permutation.z is None:
        notes.add(f"{who}z and p_normal are null: exact_sd is 0")
    if moments.gap_interval is None:
        notes.add(f"{who}gap_interval is null: it takes {FEWEST_CLUSTERS} clusters, found {moments.n_clusters}")
        if moments.gap_se is None:
            notes.add(f"{who}gap_se and smallest_visible_gap are null: one cluster has no spread")
        return
    is_moving = permutation.n_usable > 0 and permutation.still is None
    if is_moving and moments.n_changed < FEW_CHANGES and permutation.statistic != "log_likelihood":
        notes.add(
            f"{who}the interval of the gap is too narrow: another's reliability changes {moments.n_changed:.3g} hits on"
            f" average, fewer than {FEW_CHANGES}"
        )
    if panel.group is None and not permutation.per_seed and moments.n_clusters < permutation.n_units:
        notes.add("n_clusters: the two of a block of two are one cluster")


def note_seeds(panel: Panel, notes: Notes) -> None:
    """Say how the rows of repeated runs count, and warn of a column that tells none apart."""
    if not panel.runs.any():
        return
    n_ids = int(panel.units.max()) + 1
    if n_ids == panel.n_examples:
        notes.warn(
            f"no id stands in more than one {panel.seed_column}: the statistic is a mean over its values all the same;"
            f" leave it unnamed if it tells no runs apart"
        )
    notes.add(
        f"each row counts as an example in roles, profiles and scores of the decision, {panel.n_examples:,} rows of"
        f" {n_ids:,} ids over {panel.seed_column}; intervals over clusters are over ids, or groups"
    )


def note_controls(controls: Controls | None, permutation: Permutation, notes: Notes) -> None:
    """Say what the controls tell about the rule."""
    if controls is None:
        notes.add("controls is null: the rule takes no reliability")
        return
    if controls.can_respond is False:
        notes.add(
            f"this rule cannot respond: with reliability 1 for right agents and .05 for wrong ones the interval of the"
            f" gap does not clear {permutation.delta:g}"
        )
    elif controls.can_respond is None:
        notes.add("can_respond is null: the positive control has no interval")


def note_headroom(headroom: Headroom | None, notes: Notes) -> None:
    """Say why there is no headroom."""
    if headroom is None:
        notes.add(f"headroom is null: the oracle has no statistic but {' and '.join(STATISTICS)}")
    elif headroom.captured is None:
        notes.add("the captured share is null: the interval of the headroom holds 0, or there is none")


def note_agreement(agreement: PanelAgreement, notes: Notes) -> None:
    """Say which measures of agreement are null."""
    for pair in agreement.pairs:
        nulls = [name for name in ("cohen_kappa", "q_statistic") if getattr(pair, name) is None]
        if not pair.n:
            notes.add(f"{pair.first} and {pair.second} never speak together: their agreement is null")
        elif nulls:
            notes.add(f"{pair.first} and {pair.second}: {' and '.join(nulls)} is null, its denominator is 0")
    if agreement.fleiss_kappa is None:
        notes.add("fleiss_kappa is null: it needs examples on which two or more agents all speak, and two labels")
    if agreement.krippendorff_alpha is None:
        notes.add("krippendorff_alpha is null: it needs examples on which two agents speak, and two labels")
