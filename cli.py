"""The `sabotage` command: parse, call, print. No analysis here, and no heavy import outside a command."""

import sys
from typing import Any

import click
from sabotage.reports.progress import progress_bar

from sabotage.audit_commands import AUDIT_COMMANDS
from sabotage.cause_commands import CAUSE_COMMANDS
from sabotage.cause_options import people_options, run_options, slice_options, unsure_option
from sabotage.command_options import (
    attributing_options,
    comparing_options,
    demo_options,
    permuting_options,
)
from sabotage.errors import SabotageError
from sabotage.options import (
    assessing_options,
    beside_options,
    clip_option,
    collecting_options,
    column_options,
    converting_options,
    figures_option,
    format_option,
    json_option,
    learning_options,
    part_options,
    role_options,
    rule_option,
    rules_option,
    score_options,
    split,
    statistic_option,
    statistics_option,
    table_options,
    test_options,
    what_if_options,
)
from sabotage.shell import (
    Files,
    check_kept,
    check_parquet,
    learned,
    one_format,
    prepared,
    print_json,
    print_json_text,
    read,
    run,
    show,
    use_ascii,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="modality-sabotage", prog_name="sabotage")
@click.option("--ascii", is_flag=True, envvar="SABOTAGE_ASCII", help="Print plain ASCII; or set SABOTAGE_ASCII=1.")
def commands(ascii: bool) -> None:
    """Audit multimodal decisions: which modality sabotaged them, and do the reliability scores do anything?

    \b
    sabotage collect replies/*.jsonl ...    language models' replies into a table
    sabotage convert scores.npz -o q.parquet   other people's files into one
    sabotage assess preds.parquet -o q.parquet   reliability where there is none
    sabotage validate preds.parquet         what is understood of a table
    sabotage analyze preds.parquet -o out/  everything, and a report
    sabotage permute preds.parquet          what the reliability scores do
    sabotage compare preds.parquet          which rule to deploy, what it gains
    sabotage attribute preds.parquet        what each agent is worth
    sabotage disagreement preds.parquet     where agents part ways, and who leads
    sabotage slices preds.parquet --by age  where there is more sabotage
    sabotage diff old/audit.json new/audit.json   what changed
    sabotage check out/audit.json --min-accuracy 0.7   a gate for CI
    sabotage methods out/audit.json         a paragraph for the paper
    sabotage runs gpt=a.parquet llama=b.parquet   the dataset or the model
    sabotage report out/audit.json          the page again, and its figures
    """
    if ascii:
        use_ascii()


@commands.command()
@table_options
def validate(file: Files, **table: Any) -> None:
    """Say what is understood of FILE, and stop.

    \b
    sabotage validate preds.parquet --agents voice,face
    """
    from sabotage.reports import terminal

    terminal.print_panel(read(file, (), table))


@commands.command(short_help="Audit the decisions: roles, profiles, permutation test, report.")
@table_options
@rule_option
@learning_options
@score_options
@role_options
@statistic_option
@test_options
@click.option(
    "--controls/--no-controls", default=True, show_default=True, help="Run the positive and negative control."
)
@beside_options
@slice_options
@people_options
@unsure_option
@run_options
@click.option("-o", "--output", metavar="DIR", help="Write audit.json, report.html, figures and tables.")
@click.option("--media", metavar="PATTERN", help="Where an example's file lies, for links: 'clips/{id}.mp4'.")
@figures_option
@json_option
def analyze(
    file: Files, output: str | None, media: str | None, figures: list[str], as_json: bool, **options: Any
) -> None:
    """Audit the decisions of FILE: roles, profiles, bounds, permutation test.

    FILE is a table of one row an example or one row a candidate, a folder of parts, or several files.

    \b
    sabotage analyze preds.parquet -o out/
    sabotage analyze preds.parquet --agents voice,face --rule weighted_vote --weights confidence
    """
    from sabotage.reports import terminal, writing

    from sabotage.audit import analyze as analyze_panel
    from sabotage.slicing import kept_for

    table, settings = split(options)
    writing.check_media(media, output)
    if output is not None:
        writing.check_folder(output)
    panel = read(file, (*settings["within"], *kept_for(settings["by"])), table)
    if not as_json:
        terminal.print_panel(panel)
    panel, settings["rule"] = learned(file, panel, settings, table)
    settings["runs"] = {name: read(path, (), table) for name, path in settings["runs"].items()}
    with progress_bar() as progress:
        audit = analyze_panel(panel, **settings, progress=progress)
    if output is not None:
        with progress_bar("drawing and writing"):
            drawn = writing.write_audit(audit, output, media, figures)
    if as_json:
        print_json_text(audit.to_json())
    else:
        terminal.print_audit(audit, output is not None)
        if output is not None:
            has_suspects = audit.causes.runs is not None and audit.causes.runs.suspects is not None
            terminal.print_written(output, *([writing.SUSPECTS] if has_suspects else []), figures=drawn)


@commands.command(short_help="Print the agents' reliability profiles alone.")
@table_options
@rule_option
@learning_options
@score_options
@role_options
@part_options
@format_option
@json_option
def profile(file: Files, format: str, as_json: bool, by: str | None, sweep: bool, **options: Any) -> None:
    """Print the reliability profile of every agent of FILE with intervals, and no permutation test.

    \b
    sabotage profile preds.parquet --threshold q0.9
    sabotage profile preds.parquet --by class --format latex
    sabotage profile preds.parquet --sweep
    """
    from sabotage.reports import profile_tables, profiling, terminal

    from sabotage.audit import analyze as analyze_panel

    table, settings = split(options)
    panel = read(file, (), table)
    panel, settings["rule"] = learned(file, panel, settings, table)
    format = one_format(format, as_json)
    with progress_bar("roles and profiles"):
        audit = profiling.without_test(analyze_panel(panel, **settings, n_permutations=0))
    if format == "text":
        terminal.print_panel(panel)
    if format == "json":
        print_json({key: audit.content[key] for key in PROFILE_KEYS})
    else:
        show(
            audit,
            format,
            lambda found: profiling.print_profiles(found, by, sweep),
            lambda found, kind: profile_tables.render(found, kind, by, sweep),
        )


@commands.command(short_help="Shuffle the reliability and see whether decisions suffer.")
@table_options
@rules_option
@learning_options
@score_options
@statistics_option
@test_options
@permuting_options
@format_option
@json_option
def permute(file: Files, power_for: float | None, format: str, as_json: bool, **options: Any) -> None:
    """Shuffle the reliability of FILE across examples and see whether decisions suffer.

    \b
    sabotage permute preds.parquet --rule weighted_mean --within subject --permutations 100000
    sabotage permute preds.parquet --scheme single --controls --power-for 0.02
    sabotage permute preds.parquet --rule weighted_mean --rule weighted_vote --format latex
    """
    from sabotage.reports import permuting, terminal

    from sabotage.diagnosis import diagnose

    table, settings = split(options)
    panel = read(file, settings["within"], table)
    format = one_format(format, as_json)
    if format == "text":
        terminal.print_panel(panel)
    panel, settings["rules"] = prepared(file, panel, settings.pop("rules"), settings, table)
    with progress_bar() as progress:
        diagnosis = diagnose(panel, **settings, progress=progress)
    if format == "json":
        print_json(diagnosis.to_dict(settings["controls"] or bool(settings["dose_response"]), power_for))
    else:
        show(diagnosis, format, lambda found: permuting.print_diagnosis(found, power_for), permuting.render)


@commands.command(short_help="Compare fusion rules: which one to deploy.")
@table_options
@rules_option
@learning_options
@clip_option
@what_if_options
@comparing_options
@format_option
@json_option
def compare(file: Files, format: str, as_json: bool, **options: Any) -> None:
    """Compare fusion rules on FILE: what each gains, whom it lets sabotage, and whether the difference is real.

    \b
    sabotage compare preds.parquet
    sabotage compare preds.parquet --rule log_pool --rule my_rules.py:trimmed_mean --against majority
    sabotage compare preds.parquet --rule stacking --cross-fit 5 --group subject --format latex
    sabotage compare preds.parquet --rule weighted_mean --cap voice=0.6 --drop video
    """
    from sabotage.reports import comparing, terminal

    from sabotage.comparison import compare as compare_rules
    from sabotage.interventions import make_interventions
    from sabotage.teaching import make_teaching, own_rule, wants_rows

    table, settings = split(options)
    n_folds, interpret = settings.pop("cross_fit"), settings.pop("interpret")
    what_ifs = {kind: settings.pop(kind) for kind in ("drop", "veto", "cap")}
    settings["temperature"], what_ifs["temperature"] = settings["temperature"]
    settings["n_resamples"] = settings.pop("resamples")
    loaded = {name: own_rule(name, interpret) for name in (*settings["rules"], settings["against"])}  # each file once
    rules, settings["against"] = [loaded[name] for name in settings.pop("rules")], loaded[settings["against"]]
    panel = read(file, settings["within"], table)
    format = one_format(format, as_json)
    if format == "text":
        terminal.print_panel(panel)
    wanted = wants_rows([*rules, settings["against"]])
    teaching, panel = make_teaching(file, panel, wanted, n_folds, settings["seed"], **table)
    with progress_bar("rules") as progress:
        comparison = compare_rules(
            panel,
            rules,
            what_ifs=make_interventions(**what_ifs),
            calibration=teaching.calibration,
            cross_fit=n_folds,
            **settings,
            progress=progress,
        )
    show(comparison, format, comparing.print_comparison, comparing.render)


@commands.command(short_help="Share out among the agents what the decisions reach.")
@table_options
@rule_option
@learning_options
@score_options
@attributing_options
@format_option
@json_option
def attribute(file: Files, format: str, as_json: bool, **options: Any) -> None:
    """Share out what the decisions of FILE reach among the agents: Shapley values, leave-one-out, interactions.

    \b
    sabotage attribute preds.parquet
    sabotage attribute preds.parquet --rule log_pool --group subject --format latex
    """
    from sabotage.reports import attributing, terminal

    from sabotage.attribution import attribute as attribute_rule
    from sabotage.fusion import replay

    table, settings = split(options)
    panel = read(file, (), table)
    format = one_format(format, as_json)
    if format == "text":
        terminal.print_panel(panel)
    panel, rule = learned(file, panel, settings, table)
    ready = replay(panel, rule, clip=settings.pop("clip"), temperature=settings.pop("temperature"))
    settings["n_permutations"] = settings.pop("orders")
    with progress_bar("examples") as progress:
        found = attribute_rule(ready, **settings, progress=progress)
    show(found, format, attributing.print_attribution, attributing.render)


@commands.command(short_help="Fit a learned rule and write it, to be used as any other.")
@table_options
@click.option("--rule", metavar="NAME", required=True, help="What to fit: stacking, learned_gate, calibrated:mean ...")
@clip_option
@click.option("-o", "--output", metavar="FILE", required=True, help="JSON file to write.")
def fit(file: Files, rule: str, clip: float, output: str, **table: Any) -> None:
    """Fit a learned rule on the rows of FILE whose split is not test, or on all rows where there is no column split.

    \b
    sabotage fit preds.parquet --rule stacking -o stacking.json
    sabotage analyze other.parquet --rule stacking.json
    """
    from sabotage.reports import terminal

    from sabotage.calibration import read_rows_to_fit
    from sabotage.learning import fit as fit_rule

    if not output.endswith(".json"):
        raise SabotageError(f"{output} is written as JSON: give -o a name that ends in .json")
    panel = read_rows_to_fit(file, **table)
    terminal.print_panel(panel)
    with progress_bar("fitting"):
        fitted = fit_rule(panel, rule, clip=clip)
    fitted.save(output)
    terminal.print_fitted(fitted, output)


@commands.command(short_help="Estimate a reliability for agents that give none.")
@table_options
@assessing_options
@click.option("-o", "--output", metavar="FILE", required=True, help="Parquet file to write.")
@json_option
def assess(file: Files, output: str, as_json: bool, cross_fit: int | None, **options: Any) -> None:
    """Estimate the reliability of every agent of FILE on rows that are not judged, and write it with the rows that are.

    The estimates are the columns <agent>_reliability. Rows of other splits, which were fitted on, are not written.

    \b
    sabotage assess preds.parquet --method learned --cross-fit 5 -o assessed.parquet
    sabotage assess preds.parquet --method margin -o assessed.parquet
    """
    from sabotage.reports import assessing, terminal

    from sabotage.assessing import assess as assess_panel
    from sabotage.calibration import read_calibration

    check_parquet(output)
    table, settings = split(options)
    panel = read(file, (), table)
    check_kept(output, panel.origin.paths)
    if not as_json:
        terminal.print_panel(panel)
    calibration = None
    if cross_fit is None:
        calibration, panel = read_calibration(file, panel, **table)
    with progress_bar("fitting and judging"):
        found = assess_panel(panel, calibration=calibration, cross_fit=cross_fit, **settings)
        found.panel.to_parquet(output)
    if as_json:
        print_json(found.to_dict())
    else:
        assessing.print_assessment(found, output)


@commands.command(short_help="Turn files of another layout into one wide table.")
@click.argument("files", type=click.Path(), nargs=-1, required=True, metavar="FILE...")
@column_options
@converting_options
def convert(files: tuple[str, ...], output: str, options: dict[str, str], **table: Any) -> None:
    """Turn each FILE of another layout into one wide table that every other command reads.

    --input-format is quality-npz, ratings (task, worker, label), a format that an installed package adds, or none for
    a table. Every column is kept, and every row with a truth, whatever its split.

    \b
    sabotage convert fold1.npz fold2.npz --input-format quality-npz -o preds.parquet
    sabotage convert ratings.csv --input-format ratings --option truth=gold.csv -o preds.parquet
    sabotage convert preds.csv -o preds.parquet
    """
    from sabotage.reports import terminal

    from sabotage.converting import convert as convert_files

    check_parquet(output)
    with progress_bar("converting"):
        panel = convert_files(files, options=options, **table)
        check_kept(output, (*files, *panel.origin.paths))
        panel.to_parquet(output)
    terminal.print_panel(panel)
    terminal.print_converted(panel, output)


@commands.command(short_help="Read language models' replies into a table.")
@click.argument("files", nargs=-1, required=True, type=click.Path(), metavar="FILE...")
@collecting_options
@json_option
def collect(files: tuple[str, ...], output: str, as_json: bool, **options: Any) -> None:
    """Read what language models replied, a reply an example and agent, into a table, and report how it was read.

    \b
    sabotage collect replies/*.jsonl -o preds.parquet --labels labels.yaml --truth truth.csv
    sabotage analyze preds.parquet
    """
    from sabotage.reports import collected as reports

    from sabotage.collecting import collect as collect_replies
    from sabotage.files import written

    check_parquet(output)
    report = f"{output.removesuffix('.parquet')}.replies.md"
    with progress_bar("reading replies"):
        found = collect_replies(files, **options)
    with written(report) as temporary:
        temporary.write_text(found.to_markdown(), encoding="utf-8")
        found.to_parquet(output)
    if as_json:
        print_json_text(found.to_json())
    else:
        reports.print_collected(found)
        reports.print_files(found, output, report)


@commands.command(short_help="Draw a panel whose roles and verdict are known.")
@click.argument("scenario")
@click.option("-n", "n", type=int, default=2000, show_default=True, help="Examples.")
@click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same panel.")
@click.option("--run", type=int, default=0, show_default=True, help="Of several over the same examples.")
@click.option("-o", "--output", metavar="FILE", required=True, help="Parquet file to write.")
def simulate(scenario: str, n: int, seed: int, run: int, output: str) -> None:
    """Draw a panel whose roles and verdict are known, and write it.

    SCENARIO is aligned, uninformative, overconfident-agent, colluding-agents, missing-modality, grouped or easy; with
    a planted cause corrupted-class, corrupted-group, ambiguous, mislabelled or bad-backbone, and no-cause.

    \b
    sabotage simulate aligned -n 2000 --seed 1 -o panel.parquet
    sabotage simulate corrupted-class --run 1 -o second.parquet
    """
    from sabotage.reports import terminal

    from sabotage.simulation import SCENARIOS
    from sabotage.simulation import simulate as draw

    check_parquet(output)
    panel = draw(scenario, n, seed, run)
    panel.to_parquet(output)
    terminal.print_scenario(SCENARIOS[scenario], n, output)


@commands.command(short_help="List the fusion rules, their formulas and what they need.")
@click.argument("names", nargs=-1, metavar="[FILE.PY:FUNCTION]...")
@json_option
def rules(names: tuple[str, ...], as_json: bool) -> None:
    """List the fusion rules, their formulas and what they need; rules of one's own are checked and listed too.

    \b
    sabotage rules
    sabotage rules my_rules.py:trimmed_mean
    """
    from sabotage.reports import terminal

    from sabotage.rules import RULES, find_rule

    shown = [*RULES.values(), *(find_rule(name) for name in names)]
    if as_json:
        fields = ("name", "formula", "needs", "weight", "learned")
        print_json([{name: getattr(rule, name) for name in fields} for rule in shown])
    else:
        terminal.print_rules(shown)


@commands.command(short_help="Audit agents made out of scikit-learn's handwritten digits.")
@demo_options
def demo(output: str, permutations: int, seed: int, threads: int | None) -> None:
    """Make agents out of scikit-learn's handwritten digits, write their predictions and audit them.

    \b
    sabotage demo -o demo-report
    """
    import os

    from sabotage.reports import terminal, writing

    from sabotage.audit import analyze as analyze_panel
    from sabotage.demo import write_predictions

    writing.check_folder(output)
    path = os.path.join(output, "preds.parquet")
    with progress_bar("training"):
        write_predictions(path, seed=seed)
    panel = read(path, (), {})
    terminal.print_panel(panel)
    with progress_bar() as progress:
        beside: dict[str, Any] = {
            "compare": None,
            "attribute": None,
            "dose_response": None,
            "threads": threads,
            "progress": progress,
        }
        audit = analyze_panel(panel, n_permutations=permutations, seed=seed, **beside)
    with progress_bar("drawing and writing"):
        drawn = writing.write_audit(audit, output)
    terminal.print_audit(audit, is_written=True)
    terminal.print_written(output, "preds.parquet", figures=drawn)


PROFILE_KEYS = ("decision", "agents", "between_agents", "bounds", "sabotage_totals", "profiles", "notes")


for command in (*AUDIT_COMMANDS, *CAUSE_COMMANDS):
    commands.add_command(command)


def main() -> None:
    """Run the command and exit with its status."""
    sys.exit(run(commands))


if __name__ == "__main__":
    main()
