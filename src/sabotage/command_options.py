"""The options that one command has alone: those of permute, compare, attribute, methods and demo."""

import click

from sabotage.options import numbers, stacked

permuting_options = stacked(
    click.option(
        "--adjust",
        "adjustment",
        type=click.Choice(["holm", "bh"]),
        default="holm",
        show_default=True,
        help="How the p-values of several tests are adjusted: Holm, or Benjamini and Hochberg.",
    ),
    click.option("--controls", is_flag=True, help="Run the positive and negative control, and measure the headroom."),
    click.option(
        "--power-for",
        type=click.FloatRange(0, min_open=True),
        metavar="GAP",
        help="Say how many examples would show this gap.",
    ),
)
comparing_options = stacked(
    click.option(
        "--against",
        metavar="NAME",
        default="best_agent",
        show_default=True,
        help="What rules are compared with: best_agent, recorded, or a rule.",
    ),
    click.option(
        "--statistic",
        type=click.Choice(["balanced_accuracy", "accuracy", "macro_f1"]),
        default="balanced_accuracy",
        show_default=True,
        help="What is compared.",
    ),
    click.option(
        "--sort", metavar="NAME", help="Column to sort by, such as log_loss or saboteurs; the statistic by default."
    ),
    click.option(
        "--threshold", metavar="C", default="0.70", show_default=True, help="Confidence of a saboteur; or q0.9."
    ),
    click.option("--top-k", metavar="K,K", default="2,3", show_default=True, callback=numbers, help="Coverages."),
    click.option("--resamples", type=int, default=1000, show_default=True, help="Of the paired bootstrap."),
    click.option(
        "--permutations",
        type=int,
        default=200,
        show_default=True,
        help="Replicates of each rule's permutation test; 0 leaves it out.",
    ),
    click.option("--within", multiple=True, metavar="COLUMN", help="Shuffle inside its values only; repeatable."),
    click.option("--seed", type=int, default=0, show_default=True, help="Of folds, resamples and shuffles."),
    click.option("--threads", type=int, help="The CPUs that this process may use, by default."),
    click.option("--strict", is_flag=True, help="A sign that the truth went into the scores is an error."),
)
attributing_options = stacked(
    click.option(
        "--statistic",
        "statistics",
        multiple=True,
        type=click.Choice(["balanced_accuracy", "accuracy", "log_likelihood"]),
        default=["balanced_accuracy", "accuracy", "log_likelihood"],
        show_default=True,
        help="What is shared out; repeatable.",
    ),
    click.option("--orders", type=int, default=200, show_default=True, help="Sampled orders, beyond 12 agents."),
    click.option("--seed", type=int, default=0, show_default=True, help="Of folds and orders."),
    click.option("--threads", type=int, help="The CPUs that this process may use, by default."),
)
describing_options = stacked(
    click.option(
        "--format",
        type=click.Choice(["text", "latex", "markdown"]),
        default="text",
        show_default=True,
        help="latex has \\cite keys, whose entries --bibtex prints.",
    ),
    click.option("--bibtex", is_flag=True, help="Print the sources alone, as BibTeX."),
)
demo_options = stacked(
    click.option("-o", "--output", metavar="DIR", default="demo-report", show_default=True, help="Where to write."),
    click.option("--permutations", type=int, default=10_000, show_default=True, help="Replicates."),
    click.option("--seed", type=int, default=0, show_default=True, help="Of the split, the models and the shuffles."),
    click.option("--threads", type=int, help="The CPUs that this process may use, by default."),
)
