"""The commands that say why decisions fail: disagreement, slices and runs."""

from typing import Any

import click

from sabotage.cause_options import people_options, permutations_option, seed_option, unsure_option
from sabotage.options import (
    format_option,
    json_option,
    judging_options,
    learning_options,
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
@click.option("-o", "--output", metavar="DIR", help="Write disagreement.json.")
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
    from sabotage.reports import disagreeing, terminal
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
    names = () if output is None else write_partings(found, output)
    show(found, format, disagreeing.print_partings, disagreeing.render)
    if output is not None and format == "text":
        terminal.print_files(output, names)


CAUSE_COMMANDS = (disagreement,)
