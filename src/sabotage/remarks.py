"""What a reader should know beside the results: what was done without or taken for granted, and what is null."""

import numpy as np

from sabotage.agreement import PanelAgreement
from sabotage.controls import Controls
from sabotage.errors import SabotageError
from sabotage.fusion import Replay
from sabotage.headroom import STATISTICS, Headroom
from sabotage.intervals import FEWEST_CLUSTERS
from sabotage.leakage import find_leaks
from sabotage.notes import Notes
from sabotage.panel import Panel
from sabotage.results import Permutation

FEW_CHANGES = 10  # hits; with 2 on average the 95 % interval held the gap in 85 % of simulated samples, with 6 in 92 %
SMALL_BLOCK = 10  # examples; in blocks of two strongly aligned ones were held in 91 %, over blocks in 94 %


def note_leaks(panel: Panel, strict: bool, notes: Notes) -> None:
    """Warn of signs that the truth went into the scores; raise SabotageError of the first where `strict`."""
    for sentence in find_leaks(panel):
        if strict:
            raise SabotageError(sentence)
        notes.warn(sentence)


def note_replay(ready: Replay, notes: Notes) -> None:
    """Say what the replay had to do without: scores, reliabilities, weights, anybody."""
    panel, rule = ready.panel, ready.rule
    for m, agent in enumerate(panel.agents):
        silent = int(np.count_nonzero(panel.spoke[:, m] & (ready.spoken[:, m] < 0)))
        if silent:
            notes.add(
                f"{agent} has a label and nothing that {rule.name} could use on {silent:,} examples: it is silent there"
                f" for the fusion"
            )
    if rule.uses_reliability:
        unknown = (ready.spoken >= 0) & np.isnan(panel.reliability)
        for m, agent in enumerate(panel.agents):
            if unknown[:, m].any():
                notes.add(
                    f"{agent} speaks without a {panel.weights} on {int(unknown[:, m].sum()):,} examples: it weighs 0"
                )
        if rule.weight == "reliability":
            total = np.where(ready.spoken >= 0, np.nan_to_num(panel.reliability), 0).sum(axis=1)
            equal = int(np.count_nonzero((total == 0) & (ready.spoken >= 0).any(axis=1)))
            if equal:
                notes.add(f"on {equal:,} examples the weights sum to 0: the agents that speak weigh 1 each")
    abstained = int(np.count_nonzero(ready.decision.labels < 0))
    if abstained:
        notes.add(f"nobody speaks on {abstained:,} examples: {rule.name} abstains, which counts as wrong")


def note_permutation(ready: Replay, permutation: Permutation, notes: Notes) -> None:
    """Say what the permutation test takes for granted, and what it does not give."""
    panel, moments, why = ready.panel, permutation.moments, permutation.why_no_moments
    if not ready.rule.uses_reliability:
        notes.add(f"{ready.rule.name} takes no reliability: no shuffle of it can change a decision")
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
        why_not = "it tells the rows of one id apart" if fold == panel.seed_column else "ids change it over the seeds"
        notes.add(f"{fold} is no block: {why_not}")
    if permutation.derangement:
        notes.add("p is an approximation: the observed pairing is none of the derangements that it is compared with")
    if permutation.per_seed:
        notes.add("p-values are twice the median of those of each seed alone, at most 1")
    if permutation.broken_sd is None:
        notes.add("one replicate has no spread: broken_sd and monte_carlo_error are null")
    if permutation.smallest_p > 0.05:
        notes.add(f"no p below {permutation.smallest_p:.3g} could come out: reliability has too few arrangements")
    if moments is None:
        notes.add(f"exact_mean, exact_sd, z, p_normal, gap_u, gap_se, gap_interval and n_clusters are null: {why}")
    else:
        if moments.exact_mean is None:
            notes.add(
                f"exact_mean, exact_sd, z and p_normal are null: {why}; gap_u is from {moments.n_donors:,} donors an"
                f" example"
            )
        elif moments.exact_sd is None:
            several = "derangements" if permutation.derangement else "runs in step"
            notes.add(f"exact_sd, z and p_normal are null: {several} have no such formula")
        elif permutation.z is None:
            notes.add("z and p_normal are null: exact_sd is 0")
        if moments.n_changed < FEW_CHANGES and permutation.still is None and permutation.statistic != "log_likelihood":
            notes.add(
                f"the interval of the gap is too narrow: another's reliability changes {moments.n_changed:.1f} hits on"
                f" average, and it takes some {FEW_CHANGES} to tell how they would fall in another sample"
            )
        small = permutation.n_units / permutation.n_blocks < SMALL_BLOCK
        if small and panel.group is None and permutation.within and moments.gap_interval is not None:
            notes.add(
                f"blocks are small: the interval takes examples to be independent of each other, --group"
                f" {permutation.within[0]} would take blocks of it to be"
            )
        if moments.gap_interval is None:
            notes.add(f"gap_interval is null: it takes {FEWEST_CLUSTERS} clusters, found {moments.n_clusters}")
            if moments.gap_se is None:
                notes.add("gap_se is null: one cluster has no spread")
    if permutation.against_weightless is None:
        notes.add("against_weightless is null: macro-F1 is no sum over examples")
    if permutation.contested_weight is None:
        notes.add(f"contested_weight is null: {permutation.measure} is no sum of hits")
    if permutation.z is not None:
        notes.add("p_normal takes the statistic to be normal over permutations: an approximation")


def note_seeds(panel: Panel, notes: Notes) -> None:
    """Say how the rows of repeated runs count."""
    if panel.runs.any():
        notes.add(
            f"each row counts as an example in roles, profiles and scores of the decision, {panel.n_examples:,} rows of"
            f" {int(panel.units.max()) + 1:,} ids over {panel.seed_column}; intervals over clusters are over ids, or"
            f" groups"
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
        notes.add("the captured share is null: equal weights leave no headroom")


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
