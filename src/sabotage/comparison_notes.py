"""What a reader of a comparison should know beside the numbers: what is null and why, what a p takes for granted."""

from typing import TYPE_CHECKING

from sabotage.errors import listed
from sabotage.intervals import FEWEST_CLUSTERS, clusters
from sabotage.notes import Notes

if TYPE_CHECKING:
    from sabotage.comparison import Comparison


FEWEST_RESAMPLES = 200  # below them the ends of an interval are hardly more than the extremes


def note_nulls(comparison: "Comparison", notes: Notes) -> None:
    """Say why what is null is null, and what a p takes for granted."""
    panel, n_permutations = comparison.panel, comparison.settings["n_permutations"]
    cluster = clusters(panel)
    rest = [entry.difference for entry in comparison.entries if entry.difference is not None]
    if cluster is not None:
        what = panel.group or "id"
        notes.add(f"p_adjusted is of a t-test over clusters, by {what}: McNemar's takes examples to be independent")
        if comparison.n_clusters < FEWEST_CLUSTERS:
            notes.add(
                f"intervals, p_clusters and p_adjusted are null: it takes {FEWEST_CLUSTERS} clusters, found"
                f" {comparison.n_clusters}"
            )
    elif comparison.n_clusters < FEWEST_CLUSTERS:
        notes.add(f"intervals are null: it takes {FEWEST_CLUSTERS} examples, found {comparison.n_clusters}")
    else:
        notes.add("p_clusters is null: no group is named, examples are taken to be independent of each other")
    if cluster is not None and comparison.n_clusters >= FEWEST_CLUSTERS and any(own.p_clusters is None for own in rest):
        notes.add("p_clusters is null where the difference is the same in every cluster: a t-test needs a spread")
    if panel.runs.any():
        notes.add(
            f"captured, oracle, gap and p_clusters are of the mean over {panel.seed_column}; the rest counts each row"
        )
    if comparison.statistic != "accuracy":
        notes.add("McNemar's test and the t-test over clusters are of accuracy, whatever the statistic")
    if comparison.statistic == "macro_f1":
        notes.add("captured and oracle are null: macro-F1 is no sum over examples")
    elif any(own.captured is None for own in rest):
        notes.add(
            "captured is null where an oracle gains nothing on the reference, or not for sure: its interval holds 0"
        )
    if comparison.ranked_by is None:
        notes.add("mean_rank is null: there is no fold column and no group to rank rules over")
    elif any(entry.changed_from is not None for entry in comparison.entries):
        notes.add("mean_rank is null for interventions: an intervention is no rule more")
    if comparison.ranked_by is not None and comparison.friedman_p is None:
        notes.add(f"friedman_p is null: it takes three rules that differ, in two or more of {comparison.ranked_by}")
    if not n_permutations:
        notes.add("gap is null: 0 permutations were asked for")
    elif any(entry.gap is None for entry in comparison.entries):
        notes.add("gap is null for rules that take no reliability, and for interventions")
    if any(entry.gap is not None and entry.gap.interval is None for entry in comparison.entries):
        notes.add("the gap's interval is null where too few clusters, or no sums over pairs, are there to give one")
    n_classes = panel.n_classes
    for k in (k for k in comparison.settings["top_k"] if k > n_classes):
        notes.add(f"top_{k} is null: there are {n_classes} classes")
    if any(k <= n_classes for k in comparison.settings["top_k"]):
        unranked = [
            entry.name for entry in comparison.entries if all(share is None for share in entry.quality.top_k.values())
        ]
        if unranked:
            notes.add(f"top-k coverage is null for {listed(unranked, 6)}: labels alone, without scores")
    flat_scores = [entry.name for entry in comparison.entries if entry.quality.log_loss is None]
    if flat_scores:
        notes.add(f"log_loss and ece are null for {listed(flat_scores, 6)}: no distribution over classes")
    floored = [f"{entry.name} {entry.quality.n_floored:,}" for entry in comparison.entries if entry.quality.n_floored]
    if floored:
        notes.add(
            f"log_loss is at most 27.6 an example, what a part below 1e-12 costs, and an abstention; so many examples"
            f" cost it: {listed(floored, 6)}"
        )
    if any("cap " in entry.name or "temperature " in entry.name for entry in comparison.entries if entry.changed_from):
        notes.add("roles under a cap or a temperature go by the confidence as emitted")
    if any(entry.gap is not None for entry in comparison.entries):
        notes.add(
            "gap is from sums over pairs of examples, all or at least 64 donors each; permutations give its p alone"
        )
    if comparison.settings["n_resamples"] < FEWEST_RESAMPLES:
        notes.add(
            f"intervals from {comparison.settings['n_resamples']} resamples are rough: {FEWEST_RESAMPLES} would do"
        )
    if any(entry.quality.n_with_pivotal is None for entry in comparison.entries):
        notes.add("pivotal is null for what cannot be replayed without an agent")
