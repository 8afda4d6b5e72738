"""The commands that say why decisions fail: disagreement, slices and runs."""

from typing import Any

import click

from sabotage.cause_options import permutations_option, seed_option, slice_options
from sabotage.options import (
    format_option,
    json_option,
    learning_options,
    role_options,
    rule_option,
    score_options,
    split,
    table_options,
)
from sabotage.reports.progress import progress_bar
from sabotage.shell import Files, learned, one_format, read, show


@click.command(short_help="Look for slices with more sabotage, and confirm them.")
@table_options
@slice_options
@click.option("--level", type=float, default=0.05, show_default=True, help="Of p, to be found and to be confirmed.")
@permutations_option
@seed_option
@rule_option
@learning_options
@score_options
@role_options
@format_option
@json_option
def slices(file: Files, format: str, as_json: bool, **options: Any) -> None:
    """Look for slices of FILE with more sabotage: found on one half of the examples, confirmed on the other.

    Without --by slices are the classes. Halves are of whole groups, where --group names them.

    \b
    sabotage slices preds.parquet --by class --by site
    sabotage slices preds.parquet --by age --by device --group subject --smallest 50 --format csv
    """
    from dataclasses import replace

    from sabotage.judging import judge
    from sabotage.reports import slicing, terminal
    from sabotage.slices import find_slices
    from sabotage.slicing import CLASS, kept_for

    table, settings = split(options)
    del settings["top_k"]  # no number of a slice is over candidates
    drawn = {name: settings.pop(name) for name in ("smallest", "level", "n_permutations", "seed")}
    by = settings.pop("by") or (CLASS,)
    panel = read(file, kept_for(by), table)
    format = one_format(format, as_json)
    if format == "text":
        terminal.print_panel(panel)
    panel, settings["rule"] = learned(file, panel, settings, table)
    with progress_bar("slices"):
        judged = judge(panel, **settings)
        found = find_slices(judged, by, **drawn)
        found = replace(found, notes=tuple(judged.notes))
    show(found, format, slicing.print_slices, slicing.render)


CAUSE_COMMANDS = (slices,)
