"""The options of the commands that say why decisions fail."""

import click

from sabotage.errors import SabotageError
from sabotage.options import names, stacked


def named_files(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Take NAME=FILE apart, each of several."""
    found: dict[str, str] = {}
    for text in values:
        name, sign, path = text.partition("=")
        if not sign or not name.strip() or not path:
            raise click.BadParameter(f"found {text!r}; give a name and a file, gpt=preds.parquet")
        if name.strip() in found:
            raise SabotageError(f"{name.strip()} names two files: give every run a name of its own")
        found[name.strip()] = path
    return found


permutations_option = click.option("--permutations", type=int, default=10_000, show_default=True, help="Replicates.")
seed_option = click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same result.")
slice_options = stacked(
    click.option(
        "--by",
        metavar="COLUMN",
        multiple=True,
        help="Look for slices with more sabotage: class, group or a column, numeric ones in quartiles; repeatable.",
    ),
    click.option(
        "--smallest", type=int, default=30, show_default=True, help="Examples of a slice, in each half, to be tested."
    ),
)
people_options = stacked(
    click.option("--people", metavar="A,B", callback=names, default="", help="Agents that are people."),
    click.option("--full", metavar="AGENT", help="The one of the people that had every modality."),
)
unsure_option = click.option(
    "--unsure",
    metavar="U",
    default="q0.5",
    show_default=True,
    help="Uncertainty above which annotators are unsure: a number, or a quantile.",
)
run_options = stacked(
    click.option(
        "--run", "runs", metavar="NAME=FILE", multiple=True, callback=named_files, help="Another run; repeatable."
    ),
    click.option("--run-name", metavar="NAME", help="What the run of FILE is called beside the others."),
)
comparing_runs_options = stacked(
    click.option(
        "--same/--different",
        "same",
        default=None,
        help="Whether the runs are over the same examples; by default where they share half of their ids.",
    ),
    seed_option,
    click.option("-o", "--output", metavar="DIR", help="Write runs.json, suspects.csv and figures."),
)
