"""The commands around an audit that was made, or is made for them: its page, its methods, changes and limits."""

from typing import Any

import click

from sabotage.command_options import describing_options
from sabotage.errors import printable
from sabotage.gate_options import gate_options, gates_of
from sabotage.options import (
    beside_options,
    format_option,
    json_option,
    learning_options,
    role_options,
    rule_option,
    score_options,
    statistic_option,
    table_options,
    test_options,
)
from sabotage.shell import FAILED, Files, audited, one_format, print_json, show


@click.command(short_help="Make the page of an audit.json again, and its figures.")
@click.argument("file", type=click.Path(), metavar="AUDIT.JSON")
@click.option("-o", "--output", metavar="PLACE", help="A folder, or a name that ends in .html.")
@click.option("--figures", metavar="F,F", default="none", help="Write figures too: svg, png, pdf.")
def report(file: str, output: str | None, figures: str) -> None:
    """Make report.html again from an audit.json, and from the cases.json beside it, without computing anything.

    \b
    sabotage report out/audit.json
    sabotage report out/audit.json -o paper/ --figures svg,pdf
    """
    from sabotage.reports import terminal
    from sabotage.reports.rebuilding import rebuild

    page, *names = rebuild(file, output, figures.split(","))
    terminal.print_rebuilt(page, names)


@click.command(short_help="Say what changed between two audits.")
@click.argument("first", type=click.Path())
@click.argument("second", type=click.Path())
@format_option
@json_option
def diff(first: str, second: str, format: str, as_json: bool) -> None:
    """Say what changed from the audit FIRST to the audit SECOND: settings, input, then numbers.

    Both are audit.json, or the folders that they are in.

    Whether the 95 % intervals of a number overlap is said where both audits have one; it is no test.

    \b
    sabotage diff before/audit.json after/audit.json
    """
    from sabotage.contents import read_content
    from sabotage.differing import diff as compare_audits
    from sabotage.reports import differing

    format = one_format(format, as_json)
    found = compare_audits(read_content(first), read_content(second))
    show(found, format, differing.print_difference, differing.render)


@click.command(short_help="Hold an audit against limits; exit 1 where one fails.")
@table_options
@gate_options
@rule_option
@learning_options
@score_options
@role_options
@statistic_option
@test_options
@json_option
def check(file: Files, by_interval: bool, as_json: bool, **options: Any) -> int:
    """Hold FILE, an audit.json or a table that is audited first, against limits; for continuous integration.

    Exits 0 where all hold, 1 where one fails (as a null number does), 2 for an error. AGENT=X is about one agent.

    \b
    sabotage check out/audit.json --min-accuracy 0.7 --max-saboteur-rate voice=0.1
    sabotage check preds.parquet --require-verdict helpful,neutral --by-interval --min-gap 0
    """
    from sabotage.gates import check as check_audit
    from sabotage.gates import require_gates
    from sabotage.reports import gating

    gates = gates_of(options)
    require_gates(gates)  # before anything is computed
    options["dose_response"] = False
    quick = {} if any(gate.needs_test for gate in gates) else {"n_permutations": 0}
    found = check_audit(audited(file, options, controls=False, **quick), gates, by_interval=by_interval)
    if as_json:
        print_json(found.to_dict())
    else:
        gating.print_checked(found)
    return 0 if found.holds else FAILED


@click.command(short_help="Describe an audit for the methods section of a paper.")
@table_options
@rule_option
@learning_options
@score_options
@role_options
@statistic_option
@test_options
@beside_options
@describing_options
def methods(file: Files, format: str, bibtex: bool, **options: Any) -> None:
    """Print a paragraph for the methods section of a paper, and its sources.

    FILE is an audit.json, or a table that is audited first. Nothing is said that was not done.

    \b
    sabotage methods out/audit.json
    sabotage methods out/audit.json --format latex > methods.tex
    sabotage methods out/audit.json --bibtex > methods.bib
    """
    from sabotage.methods import describe_methods
    from sabotage.reports import describing

    found = describe_methods(audited(file, options))
    text = describing.to_bibtex(found) if bibtex else describing.render(found, format)
    click.echo(printable(text), nl=False)


AUDIT_COMMANDS = (report, diff, check, methods)
