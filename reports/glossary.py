"""What every word and number on the page means: one sentence, a formula, and what it is counted over."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Term:
    """A definition; formula and denominator are empty where there is none."""

    word: str
    meaning: str
    formula: str = ""
    over: str = ""


SPOKE = "the examples on which the agent spoke"
ALL = "all examples"
WRONG = "all wrong decisions"
BOTH = "examples on which both spoke"

GLOSSARY = {
    "example": Term("example", "One row to decide: a clip, an utterance, a patient."),
    "agent": Term("agent", "Whoever speaks for one modality: a model, a language model, a crowd of raters."),
    "class": Term("class", "One of the labels that the truth, an agent or a decision may have."),
    "decision": Term(
        "decision",
        "The label that is held against the truth; recorded where it stood in the file, replayed where the rule made"
        " it.",
    ),
    "rule": Term("fusion rule", "What makes one label out of what the agents emitted.", "sabotage rules"),
    "reliability": Term(
        "reliability",
        "What a rule weighs an agent by: its self-assessment where every agent has one, else a confidence.",
    ),
    "group": Term("group", "Examples that depend on each other, such as those of one speaker: the unit of intervals."),
    "silent": Term("silent", "Examples on which an agent emitted nothing; it is masked out there.", "", ALL),
    "n": Term("n", "The examples that a number is about."),
    "truth": Term("truth", "The label that the example should get."),
    "contributor": Term("contributor", "Right, as was the decision.", "f = y, l = y", ALL),
    "overruled": Term("overruled", "Wrong where the decision was right.", "f = y, l ≠ y", ALL),
    "misleader": Term(
        "misleader",
        "Emitted the wrong label that was decided for, without the confidence of a saboteur.",
        "f ≠ y, l = f, c < threshold",
        ALL,
    ),
    "saboteur": Term(
        "saboteur",
        "Emitted the wrong label that was decided for, with a confidence of at least the threshold (arXiv:2511.02794).",
        "f ≠ y, l = f, c ≥ threshold",
        "all examples, or all wrong decisions where it says so",
    ),
    "suppressed": Term("suppressed", "Right where the decision was wrong.", "f ≠ y, l = y", ALL),
    "bystander": Term("bystander", "Wrong in another way than the decision.", "f ≠ y, l ∉ {y, f}", ALL),
    "absent": Term("absent", "Emitted nothing.", "no l", ALL),
    "potential_saboteur": Term(
        "potential saboteur", "Confident and wrong, whatever was decided.", "c ≥ threshold, l ≠ y", ALL
    ),
    "recoverable": Term("recoverable", "A saboteur where another agent was right.", "", WRONG),
    "shared": Term("shared", "A saboteur whose wrong label another agent emitted too.", "", WRONG),
    "pivotal_saboteur": Term(
        "pivotal saboteur", "A saboteur without whom the rule decides rightly.", "re-fused without the agent", WRONG
    ),
    "pivotal_contributor": Term(
        "pivotal contributor",
        "A contributor without whom the rule decides wrongly.",
        "re-fused without the agent",
        "right decisions",
    ),
    "threshold": Term(
        "threshold", "The confidence from which misleading is sabotage, or an agent's own quantile of it."
    ),
    "slice": Term("slice", "The examples of one class, one group, one value of a column, or one quartile of numbers."),
    "slice_rate": Term("rate", "The share of a slice's examples with the saboteur.", "", "the examples of the slice"),
    "slice_lift": Term(
        "lift of a slice",
        "How many times the panel's rate of sabotage a slice has; 1 is as much as anywhere.",
        "P(saboteur | slice) / P(saboteur)",
        "the examples of the slice",
    ),
    "slice_difference": Term(
        "less the rest", "The rate of a slice less the rate of all other examples.", "", "the examples of the slice"
    ),
    "slice_p": Term(
        "p of a slice",
        "The chance of as high a rate if sabotage had nothing to do with the column: groups change places whole where"
        " the column is constant in each, else marks of sabotage move inside groups; 1e-12 stands for all below.",
    ),
    "found": Term("found", "On one half of the examples, split by whole groups, p is small and the lift above 1."),
    "confirmed": Term(
        "confirmed", "Found on one half, and p, adjusted by Holm over all that was found, is small on the other half."
    ),
    "lift": Term(
        "lift",
        "How much more often an agent is a saboteur than if its confident errors fell on decisions by chance.",
        "P(saboteur) / (P(potential saboteur) × P(wrong decision))",
        ALL,
    ),
    "accuracy": Term(
        "accuracy", "The share of labels that are right; of a decision, abstentions count as wrong.", "", "n"
    ),
    "recall": Term("recall", "The accuracy on the examples of one class.", "", "examples of the class"),
    "balanced_accuracy": Term(
        "balanced accuracy", "The mean over classes of the share that is right in each.", "", "n"
    ),
    "macro_f1": Term("macro-F1", "The mean over classes of the harmonic mean of precision and recall.", "", "n"),
    "top_k": Term("top-k coverage", "The share of examples whose truth is among the k highest scores.", "", "n"),
    "chance_top_k": Term("chance", "What k classes drawn at random cover.", "k / C"),
    "frequent_top_k": Term("most frequent", "What the k most frequent classes cover.", "", ALL),
    "mean_confidence": Term("confidence", "The mean of the confidences.", "", "examples with a confidence"),
    "ece": Term(
        "ECE",
        "Expected calibration error: how far the share right is from the mean confidence, over 15 bins of equal width.",
        "Σ (n_b / n) |right_b − confidence_b|",
        "examples with a confidence",
    ),
    "ece_equal_mass": Term(
        "ECE, equal mass", "The same over 15 bins with equally many examples.", "", "examples with a confidence"
    ),
    "brier": Term(
        "Brier score",
        "The squared distance of the class scores from the truth, summed over classes.",
        "mean of Σ_c (p_c − [c = y])²",
        "examples with class scores",
    ),
    "log_loss": Term(
        "log loss",
        "The mean of minus the logarithm of the truth's score.",
        "−mean log p_y",
        "examples with class scores",
    ),
    "auroc_confidence": Term(
        "AUROC of confidence",
        "How often a right label has a higher confidence than a wrong one, ties one half.",
        "",
        "pairs of a right and a wrong label",
    ),
    "auroc_reliability": Term(
        "AUROC of reliability",
        "How often a right label has a higher reliability than a wrong one, ties one half.",
        "",
        "pairs of a right and a wrong label",
    ),
    "auroc_reliability_saboteur": Term(
        "AUROC, saboteur",
        "How often a saboteur's reliability is higher than that of another emission, ties one half; above .5 the"
        " reliability is highest where it does harm.",
        "",
        "examples with a reliability",
    ),
    "auroc_saboteur": Term(
        "AUROC for sabotage",
        "How often a saboteur's reliability, or confidence, is lower than that of another confident emission.",
        "",
        "emissions with at least the threshold's confidence",
    ),
    "aurc": Term(
        "AURC",
        "The mean risk over coverage, when the least confident are withheld first; lower is better.",
        "",
        "examples with a confidence",
    ),
    "interval": Term(
        "interval",
        "A 95 % interval, in square brackets: Wilson's for plain rates, over groups where a group is named; see the"
        " notes for where there is none.",
    ),
    "best_agent": Term("best agent", "The single agent that is right most often where it spoke.", "", SPOKE),
    "oracle": Term("oracle", "Right where some speaking agent is: a bound for choosing among agents.", "", ALL),
    "oracle_if_independent": Term(
        "oracle if independent", "What the oracle would reach if agents erred independently in each class.", "", ALL
    ),
    "difference": Term("difference", "A rule less what it is compared with, on the same examples.", "", ALL),
    "p_adjusted": Term("p adjusted", "The p-value of equal accuracy, adjusted by Holm for how many rules there are."),
    "captured": Term(
        "captured",
        "The share of the way from the reference to the oracle that a rule goes.",
        "(rule − reference) / (oracle − reference)",
    ),
    "mean_rank": Term("mean rank", "The mean over folds or groups of a rule's rank; 1 is the best."),
    "gap": Term(
        "gap",
        "What is lost when every example takes the reliability of another one of its block (arXiv:2606.26473).",
        "as observed − mean over the other rows of the block; over shuffles by seed, by dose, and where that is no sum",
    ),
    "standard_error": Term("standard error", "The spread that a number would have over samples of clusters."),
    "clusters": Term("clusters", "The groups, or examples where there is no group, that an interval is over."),
    "visible_gap": Term(
        "visible gap", "The gap that a sample like this shows four times in five.", "2.80 × standard error"
    ),
    "p_value": Term(
        "p, one-sided",
        "How often chance pairings of reliability and example do as well as the observed ones.",
        "(b + 1) / (R + 1)",
        "R replicates",
    ),
    "p_two_sided": Term("p, two-sided", "Twice the smaller of both tails, at most 1.", "", "R replicates"),
    "flip_rate": Term("flip rate", "The share of decisions that change under a shuffle.", "", ALL),
    "clean": Term("as observed", "The statistic with every example's own reliability."),
    "shuffled": Term("shuffled", "The mean of the statistic over the shuffles."),
    "weightless": Term("weightless", "The statistic with every reliability 1."),
    "verdict": Term(
        "verdict",
        "The first that holds: untestable, nothing can be exchanged; inert, no decision can change; neutral, the gap's"
        " interval lies within ±delta; helpful or harmful, it leaves out 0 and the two-sided p is at most .05; else"
        " inconclusive.",
    ),
    "delta": Term("delta", "The gap below which a difference does not matter."),
    "control": Term(
        "controls",
        "The same test with reliability 1 for right agents and .05 for wrong ones (positive), and with 1 for all"
        " (negative).",
    ),
    "dose": Term("dose", "The share of examples that take the positive control's reliability."),
    "seen": Term("seen", "The share of draws in which the one-sided p is at most .05.", "", "20 draws"),
    "headroom": Term("headroom", "What an oracle has over equal weights.", "oracle − weightless"),
    "spearman": Term("Spearman", "The rank correlation of reliability with being right.", "", SPOKE),
    "point_biserial": Term("point-biserial", "The linear correlation of reliability with being right.", "", SPOKE),
    "kept": Term(
        "kept",
        "The accuracy when the least reliable examples are withheld and the named share is kept.",
        "",
        "the examples kept",
    ),
    "routing": Term(
        "routing AUROC",
        "How often, on one example, a right agent is more reliable than a wrong one, ties one half.",
        "",
        "examples with a right and a wrong agent",
    ),
    "agreement": Term("agreement", "The share of examples on which two agents emitted one label.", "", BOTH),
    "cohen_kappa": Term("Cohen's kappa", "Agreement beyond chance.", "(a − e) / (1 − e)", BOTH),
    "double_fault": Term("double fault", "The share of examples on which both are wrong.", "", BOTH),
    "q_statistic": Term(
        "Q", "Yule's Q of being right: 1 where the agents err together, below 0 where in turn.", "", BOTH
    ),
    "fleiss_kappa": Term(
        "Fleiss' kappa", "Agreement of all agents beyond chance.", "", "examples on which every agent spoke"
    ),
    "krippendorff_alpha": Term(
        "Krippendorff's alpha",
        "Agreement of all agents beyond chance, with silence allowed.",
        "",
        "examples on which two or more spoke",
    ),
    "shapley": Term(
        "Shapley value", "The mean over orders of the agents of what one adds to those before it.", "sums to all − none"
    ),
    "leave_one_out": Term("lost without", "What is lost when the agent alone is left out.", "all − all but the agent"),
    "interaction": Term(
        "interaction", "Below 0 where two agents are redundant, above 0 where each is worth more with the other."
    ),
    "run": Term("run", "A panel beside others over the same examples: a backbone, a seed, a prompt; or other data."),
    "compared": Term("compared", "The examples that all runs have; of different data all of a run's."),
    "run_difference": Term(
        "difference", "A run less the mean of the others on the same examples; of different data less the first run."
    ),
    "variance_share": Term(
        "share of the variance of sabotage",
        "Whether an agent sabotages varies: with the example whichever run decides (dataset), with the run (model),"
        " with the agent, and with one example in one run, which no other run repeats (rest). What is estimated below"
        " 0 counts as 0.",
        "mean squares of a crossed layout, set equal to their expectations",
        "examples × agents × runs",
    ),
    "variance_component": Term(
        "variance component",
        "What an example, agent or run, or two of them together, add to the variance of sabotage.",
        "",
        "examples × agents × runs",
    ),
    "run_kappa": Term(
        "kappa over runs",
        "How far runs agree, beyond chance, in which examples an agent sabotages: 0 as by chance, 1 always the same.",
        "(a − e) / (1 − e)",
        "examples in common",
    ),
    "suspect": Term(
        "suspected example",
        "One that every run decides wrong with the same label: the truth, or the example, may be at fault.",
        "expected by chance: Σ_c n_c Σ_l Π_runs P(l | c)",
        "examples in common",
    ),
    "votes": Term("votes", "The labels of all agents in all runs that are the suspected one, of how many there are."),
    "cell": Term("cell", "One of six kinds of example by who is right; each example is in one."),
    "all_right": Term("all right", "Every speaking agent is right, and so is the decision.", "", ALL),
    "resolved": Term("resolved", "Some speaking agents are right and some wrong; the decision is right.", "", ALL),
    "rescued": Term("rescued", "No speaking agent is right, but the decision is.", "", ALL),
    "lost": Term("lost", "Some speaking agent is right, and the decision is wrong.", "", ALL),
    "all_wrong": Term("all wrong", "No speaking agent is right, and the decision is wrong.", "", ALL),
    "pattern": Term("pattern", "Who is right: + right, − wrong, . silent, for each agent and then the decision."),
    "confidence_gap": Term(
        "confidence gap",
        "The mean of the highest confidence less the second highest among speaking agents.",
        "",
        "examples with two confidences",
    ),
    "margin": Term(
        "margin",
        "The mean of the best fused score less the second best, as shares of one.",
        "",
        "examples with fused scores",
    ),
    "followed": Term("followed", "The decision has the agent's label.", "f = l", "the examples named, where it spoke"),
    "most_confident": Term(
        "most confident",
        "No other speaking agent is more confident; of equals all are.",
        "",
        "examples on which it and another have a confidence",
    ),
    "differs": Term("differs", "The agent and the decision have different labels.", "", "examples where both have one"),
    "divergence": Term(
        "divergence",
        "The mean Jensen-Shannon divergence of class scores, from 0, alike, to 1, no class in common.",
        "[H(mean of p) − mean of H(p)] / log number of agents",
        "examples where the agents have scores",
    ),
    "alone": Term(
        "alone", "No other speaking agent has the agent's label.", "", "examples on which three or more agents speak"
    ),
    "lead": Term(
        "lead in confidence", "The agent's confidence less the highest of the other speaking agents; below 0 behind."
    ),
    "onset": Term(
        "onset",
        "The smallest lead in confidence from which decisions follow an agent that stands alone at least half the time,"
        " by isotonic regression.",
    ),
    "dispute": Term(
        "disagreement",
        "Of one example: the share of pairs of agents with different labels; the divergence of their class scores; the"
        " share of agents against the decision; the entropy of the fused scores, as a share of the most it can be; 1"
        " less the highest confidence.",
        "",
        "examples where it is known",
    ),
    "annotator_uncertainty": Term(
        "annotators' uncertainty",
        "The entropy of an example's annotations in nats, or that of the table, or 1 less the annotators' agreement.",
        "−Σ v log v, v the share of the labels",
        "examples with two labels or more",
    ),
    "unsure": Term("unsure, sure", "Annotators' uncertainty is above the cut, or not; the mean of the score in each."),
    "p_marks": Term(
        "p, unsure",
        "How often a shuffle of who is unsure does as well: by replicates, or by their exact mean and variance and a"
        " normal tail; two-sided.",
        "(b + 1) / (R + 1)",
        "shuffles inside groups",
    ),
    "cliffs_delta": Term(
        "Cliff's delta", "How much more often an unsure example has the higher score than the other way.", "2 AUROC − 1"
    ),
    "auroc_unsure": Term(
        "AUROC, unsure",
        "How often an example of which annotators are unsure has a higher score than one of which they are sure.",
        "",
        "pairs of an unsure and a sure example",
    ),
    "spearman_uncertainty": Term("Spearman", "The rank correlation of the score with annotators' uncertainty."),
    "auroc_wrong": Term(
        "AUROC, wrong",
        "How often an example with a wrong decision has a higher score than one with a right decision, ties one half.",
        "",
        "pairs of a wrong and a right decision",
    ),
    "ambiguity": Term(
        "ambiguity",
        "Of examples: the mean percentile rank of annotators' uncertainty and of the divergence of class scores, as far"
        " as known. Of thirds: annotators' uncertainty, or the entropy of the scores of those with one modality.",
    ),
    "people": Term("people", "Agents who are people, or crowds of them, and had one modality or all."),
    "gain": Term("gain", "The accuracy of those with all modalities less that of those with one.", "", BOTH),
    "helped": Term("helped", "Those with all modalities are right, those with one wrong.", "", BOTH),
    "hurt": Term("hurt", "Those with all modalities are wrong, those with one right.", "", BOTH),
    "p_gain": Term(
        "p of a gain", "McNemar's exact test, or a t-test over groups where there are some; adjusted by Holm."
    ),
    "kappa_errors": Term(
        "kappa of errors", "Cohen's kappa of the one erring and the other erring.", "(a − e) / (1 − e)", BOTH
    ),
    "kappa_within_class": Term(
        "kappa within class",
        "The same, with the agreement that is expected by chance inside each class.",
        "Σ n_c (a_c − e_c) / Σ n_c (1 − e_c)",
        BOTH,
    ),
}
