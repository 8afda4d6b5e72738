"""The commands that say why decisions fail: disagreement, slices and runs."""

from pathlib import PurePath
from typing import Any

import click

from sabotage.cause_options import (
    comparing_runs_options,
    people_options,
    permutations_option,
    seed_option,
    slice_options,
    unsure_option,
)
from sabotage.errors import SabotageError
from sabotage.options import (
    column_options,
    figures_option,
    format_option,
    json_option,
    judging_options,
    learning_options,
    role_options,
    rule_option,
    score_options,
    split,
    table_options,
)
from sabotage.shell import Files, learned, one_format, read, show


@click.command(short_help="Say where agents part ways, and whom decisions follow.")
@table_options
@rule_option
@learning_options
@score_options
@judging_options
@people_options
@unsure_option
@permutations_option
@seed_option
@click.option("-o", "--output", metavar="DIR", help="Write disagreement.json and ambiguous.csv.")
@format_option
@json_option
def disagreement(file: Files, output: str | None, format: str, as_json: bool, **options: Any) -> None:
    """Say on which examples of FILE agents part ways, from each other and from the decision, and whom it follows.

    Every example is in one cell by who is right: all right, resolved, rescued, lost, all wrong, or silent.

    \b
    sabotage disagreement preds.parquet
    sabotage disagreement preds.parquet --rule majority --group subject --format csv > partings.csv
    sabotage disagreement preds.parquet -o out/
    """
    from sabotage.judging import judge
    from sabotage.partings import find_partings, write_partings
    from sabotage.reports import annotating, disagreeing, terminal
    from sabotage.reports.progress import progress_bar
    from sabotage.reports.writing import check_folder

    format = one_format(format, as_json)
    table, settings = split(options)
    if output is not None:
        check_folder(output)
    panel = read(file, (), table)
    if format == "text":
        terminal.print_panel(panel)
    panel, settings["rule"] = learned(file, panel, settings, table)
    judging = {name: settings.pop(name) for name in ("rule", "decision", "threshold", "clip", "temperature")}
    with progress_bar("why decisions fail"):
        judged = judge(panel, **judging)
        found = find_partings(judged, **settings)
    names: tuple[str, ...] = ()
    if output is not None:
        names = (*write_partings(found, output), annotating.write_beside(found.annotators.ambiguous, output))
    show(found, format, disagreeing.print_partings, disagreeing.render)
    if output is not None and format == "text":
        terminal.print_files(output, names)


def named_runs(files: tuple[str, ...]) -> dict[str, str]:
    """Return the files by the names of their runs: NAME=FILE, or the stem of a bare FILE."""
    found: dict[str, str] = {}
    for text in files:
        name, sign, path = text.partition("=")
        if not sign or not name.strip() or not path:
            name, path = PurePath(text).name.split(".")[0], text
        name = name.strip()
        if name in found:
            raise SabotageError(
                f"{name} names two runs, {found[name]} and {path}: give each a name of its own, NAME=FILE"
            )
        found[name] = path
    return found


@click.command(short_help="Compare runs: is it the dataset or the model?")
@click.argument("files", nargs=-1, required=True, metavar="[NAME=]FILE...")
@column_options
@rule_option
@score_options
@role_options
@comparing_runs_options
@figures_option
@format_option
@json_option
def runs(
    files: tuple[str, ...],
    same: bool | None,
    output: str | None,
    figures: list[str],
    format: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Compare runs over the same examples, such as backbones, seeds or prompts, or over different data.

    Of the same examples: whether the same agents sabotage them in run after run, how the variance of sabotage splits
    into what lies with the examples and what with the run, and the examples that every run gets wrong in the same way.
    Of different data: the agents' profiles side by side. One FILE is as many runs as it has values of --seed-column.

    \b
    sabotage runs gpt=a.parquet llama=b.parquet -o runs/
    sabotage runs preds.parquet --seed-column seed
    sabotage runs mosei=a.parquet meld=b.parquet --different --format latex
    """
    from sabotage.reports import running
    from sabotage.reports.writing import check_folder
    from sabotage.runs import compare_runs, runs_by_seed

    table, settings = split(options)
    settings.pop("top_k")
    format = one_format(format, as_json)
    paths = named_runs(files)
    if output is not None:
        check_folder(output)
    panels = {name: read(path, (), table) for name, path in paths.items()}
    if len(panels) == 1:
        panels = runs_by_seed(*panels.values())
    found = compare_runs(panels, different=None if same is None else not same, **settings)
    written = [] if output is None else running.write_runs(found, output, figures)
    show(found, format, running.print_runs, running.render)
    if output is not None and format == "text":
        running.print_written(output, written, found)


@click.command(short_help="Look for slices with more sabotage, and confirm them.")
@table_options
@slice_options
@click.option("--level", type=float, default=0.05, show_default=True, help="Of p, to be found and to be confirmed.")
@permutations_option
@seed_option
@rule_option
@learning_options
@score_options
@judging_options
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
    from sabotage.reports.progress import progress_bar
    from sabotage.slices import find_slices
    from sabotage.slicing import CLASS, kept_for

    table, settings = split(options)
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


CAUSE_COMMANDS: tuple[click.Command, ...] = (disagreement, slices, runs)
