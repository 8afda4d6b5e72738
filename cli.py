"""The `sabotage` command: parse, call, print. No analysis here, and no heavy import outside a command."""

import contextlib
import io
import os
import sys
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sabotage.errors import SabotageError, SabotageWarning, printable

if TYPE_CHECKING:
    from sabotage.panel import Panel
    from sabotage.permutation import Progress

Command = TypeVar("Command", bound=Callable[..., Any])
COULD_NOT, INTERRUPTED = 2, 130


def names(context: click.Context, parameter: click.Parameter, value: str | None) -> list[str] | None:
    """Split an option's text at its commas."""
    return None if value is None else [part.strip() for part in value.split(",") if part.strip()]


def numbers(context: click.Context, parameter: click.Parameter, value: str) -> list[int]:
    """Split an option's text at its commas into whole numbers."""
    try:
        return [int(part) for part in value.split(",")]
    except ValueError:
        raise click.BadParameter(f"found {value!r}; give whole numbers such as 1,2,3") from None


def stacked(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Make one decorator of several options, which appear in this order."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


table_options = stacked(
    click.argument("file", type=click.Path()),
    click.option("--id", metavar="COLUMN", help="Column of the examples' ids."),
    click.option("--truth", metavar="COLUMN", help="Column of the true labels."),
    click.option("--agents", metavar="A,B", callback=names, help="Agents to keep; all by default."),
    click.option("--fused-label", metavar="COLUMN", help="Column of the recorded decision."),
    click.option(
        "--weights",
        metavar="NAME",
        default="reliability",
        show_default=True,
        help="reliability, confidence, uniform, or NAME for the columns <agent>_NAME.",
    ),
    click.option("--where", multiple=True, metavar="CONDITION", help="Keep rows with 'column == value'; repeatable."),
    click.option("--classes", metavar="A,B", callback=names, help="The classes, in order."),
    click.option("--group", metavar="COLUMN", help="Examples that are not independent: a subject, a film."),
    click.option("--seed-column", metavar="COLUMN", help="Repeated runs: an id stands once for each of its values."),
    click.option("--fold-column", metavar="COLUMN", help="Folds of a cross-validation: reliability stays in its fold."),
    click.option("--input-format", metavar="FORMAT", help="parquet, arrow or csv; by the file's name by default."),
    click.option(
        "--confidence-scale",
        type=click.Choice(["unit", "percent"]),
        default="unit",
        show_default=True,
        help="percent: confidences from 0 to 100.",
    ),
)
rule_option = click.option("--rule", metavar="NAME", help="Fusion rule to replay; `sabotage rules` lists them.")
rules_option = click.option(
    "--rule", "rules", metavar="NAME", multiple=True, help="Fusion rule; repeatable. `sabotage rules` lists them."
)
score_options = stacked(
    click.option("--clip", type=float, default=1e-6, show_default=True, help="Floor of scores before a logarithm."),
    click.option("--temperature", type=float, default=1.0, show_default=True, help="Of softmax_gate."),
)
role_options = stacked(
    click.option(
        "--decision",
        type=click.Choice(["recorded", "replayed"]),
        help="Whose decisions are audited; recorded where the file has them.",
    ),
    click.option(
        "--threshold",
        metavar="C",
        default="0.70",
        show_default=True,
        help="Confidence of a saboteur; q0.9 is each agent's own quantile.",
    ),
    click.option("--top-k", metavar="K,K", default="1,2,3", show_default=True, callback=numbers, help="Coverages."),
)
STATISTICS = (
    "What shuffling may cost: balanced_accuracy, accuracy, macro_f1, log_likelihood, or top_2, top_3 ... for top-k"
    " coverage"
)
statistic_option = click.option(
    "--statistic", metavar="NAME", default="balanced_accuracy", show_default=True, help=f"{STATISTICS}."
)
statistics_option = click.option(
    "--statistic",
    "statistics",
    metavar="NAME",
    multiple=True,
    default=["balanced_accuracy"],
    show_default=True,
    help=f"{STATISTICS}; repeatable.",
)
test_options = stacked(
    click.option(
        "--scheme",
        type=click.Choice(["joint", "independent", "single"]),
        default="joint",
        show_default=True,
        help="What moves: whole rows of reliability, each agent's on its own, or one agent's alone.",
    ),
    click.option("--within", multiple=True, metavar="COLUMN", help="Shuffle inside its values only; repeatable."),
    click.option(
        "--within-difficulty",
        type=int,
        metavar="K",
        help="Shuffle inside K strata of the margin of the equal-weight decision only.",
    ),
    click.option("--derangement", is_flag=True, help="No row keeps its own reliability."),
    click.option("--per-seed", is_flag=True, help="Shuffle each seed on its own; p is twice the median."),
    click.option(
        "--delta", type=float, default=0.01, show_default=True, help="The smallest gap that matters, for the verdict."
    ),
    click.option("--permutations", type=int, default=10_000, show_default=True, help="Replicates."),
    click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same result to the last bit."),
    click.option(
        "--exact/--no-exact",
        default=None,
        help="Sums over all pairs, whatever they take, or over a sample; by default all where that is quick.",
    ),
    click.option("--threads", type=int, help="The CPUs that this process may use, by default."),
    click.option("--engine", type=click.Choice(["core", "numba"]), help="Who runs the replicates: the same results."),
    click.option("--dose-response", is_flag=True, help="See how much perfect reliability it takes to be noticed."),
    click.option("--strict", is_flag=True, help="A sign that the truth went into the scores is an error."),
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON to standard output, nothing else there.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="modality-sabotage", prog_name="sabotage")
def commands() -> None:
    """Audit multimodal decisions: which modality sabotaged them, and do the reliability scores do anything?

    \b
    sabotage validate preds.parquet          what is understood of a table
    sabotage analyze preds.parquet -o out/   everything, and a report
    sabotage permute preds.parquet           do the reliability scores move decisions, and to what end?
    """


@commands.command()
@table_options
def validate(file: str, **table: Any) -> None:
    """Say what is understood of FILE, and stop.

    \b
    sabotage validate preds.parquet --agents voice,face
    """
    from sabotage.reports import terminal

    terminal.print_panel(read(file, (), table))


@commands.command()
@table_options
@rule_option
@score_options
@role_options
@statistic_option
@test_options
@click.option(
    "--controls/--no-controls", default=True, show_default=True, help="Run the positive and negative control."
)
@click.option("-o", "--output", metavar="DIR", help="Write audit.json, roles.parquet, profiles.csv and report.html.")
@json_option
def analyze(file: str, output: str | None, as_json: bool, **options: Any) -> None:
    """Audit the decisions of FILE, one row an example: roles, profiles, bounds, permutation test.

    \b
    sabotage analyze preds.parquet -o out/
    sabotage analyze preds.parquet --agents voice,face --rule weighted_vote --weights confidence
    """
    from sabotage.reports import terminal, writing

    from sabotage.audit import analyze as analyze_panel

    table, settings = split(options)
    if output is not None:
        writing.check_folder(output)
    panel = read(file, settings["within"], table)
    if not as_json:
        terminal.print_panel(panel)
    with progress_bar() as progress:
        audit = analyze_panel(panel, **settings, progress=progress)
    if output is not None:
        writing.write_audit(audit, output)
    if as_json:
        click.echo(audit.to_json(), nl=False)
    else:
        terminal.print_audit(audit, output is not None)
        if output is not None:
            terminal.print_written(output)


@commands.command()
@table_options
@rule_option
@score_options
@role_options
@json_option
def profile(file: str, as_json: bool, **options: Any) -> None:
    """Print the reliability profile of every agent of FILE, and no permutation test.

    \b
    sabotage profile preds.parquet --threshold q0.9
    """
    from sabotage.reports import terminal

    from sabotage.audit import analyze as analyze_panel

    table, settings = split(options)
    panel = read(file, (), table)
    audit = analyze_panel(panel, **settings, n_permutations=0)
    if as_json:
        print_json({key: audit.to_dict()[key] for key in PROFILE_KEYS})
    else:
        terminal.print_panel(panel)
        terminal.print_profiles(audit)


@commands.command()
@table_options
@rules_option
@score_options
@statistics_option
@test_options
@click.option(
    "--adjust",
    "adjustment",
    type=click.Choice(["holm", "bh"]),
    default="holm",
    show_default=True,
    help="How the p-values of several tests are adjusted: Holm, or Benjamini and Hochberg.",
)
@click.option("--controls", is_flag=True, help="Run the positive and negative control, and measure the headroom.")
@click.option(
    "--power-for",
    type=click.FloatRange(0, min_open=True),
    metavar="GAP",
    help="Say how many examples would show this gap.",
)
@json_option
def permute(file: str, power_for: float | None, as_json: bool, **options: Any) -> None:
    """Shuffle the reliability of FILE across examples and see whether decisions suffer.

    \b
    sabotage permute preds.parquet --rule weighted_mean --within subject --permutations 100000
    sabotage permute preds.parquet --scheme single --controls --power-for 0.02
    sabotage permute preds.parquet --rule weighted_mean --rule weighted_vote --statistic accuracy
    """
    from sabotage.reports import terminal

    from sabotage.diagnosis import diagnose

    table, settings = split(options)
    panel = read(file, settings["within"], table)
    if not as_json:
        terminal.print_panel(panel)
    with progress_bar() as progress:
        diagnosis = diagnose(panel, **settings, progress=progress)
    beside = settings["controls"] or settings["dose_response"]
    found = diagnosis.to_dict(beside, power_for)
    if as_json:
        print_json(found)
    else:
        terminal.print_diagnosis(diagnosis, power_for)


@commands.command()
@click.argument("scenario")
@click.option("-n", "n", type=int, default=2000, show_default=True, help="Examples.")
@click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same panel.")
@click.option("-o", "--output", metavar="FILE", required=True, help="Parquet file to write.")
def simulate(scenario: str, n: int, seed: int, output: str) -> None:
    """Draw a panel whose roles and verdict are known, and write it.

    SCENARIO is aligned, uninformative, overconfident-agent, colluding-agents, missing-modality, grouped or easy.

    \b
    sabotage simulate aligned -n 2000 --seed 1 -o panel.parquet
    """
    from sabotage.reports import terminal

    from sabotage.simulation import SCENARIOS
    from sabotage.simulation import simulate as draw

    if not output.endswith(".parquet"):
        raise SabotageError(f"{output} is written as parquet: give -o a name that ends in .parquet")
    panel = draw(scenario, n, seed)
    panel.to_parquet(output)
    terminal.print_scenario(SCENARIOS[scenario], n, output)


@commands.command()
@json_option
def rules(as_json: bool) -> None:
    """List the fusion rules, their formulas and what they need.

    \b
    sabotage rules
    """
    from sabotage.reports import terminal

    from sabotage.rules import RULES

    if as_json:
        print_json(
            [{"name": r.name, "formula": r.formula, "needs": r.needs, "weight": r.weight} for r in RULES.values()]
        )
    else:
        terminal.print_rules(list(RULES.values()))


@commands.command()
@click.option("-o", "--output", metavar="DIR", default="demo-report", show_default=True, help="Where to write.")
@click.option("--permutations", type=int, default=10_000, show_default=True, help="Replicates.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the split, the models and the shuffles.")
@click.option("--threads", type=int, help="The CPUs that this process may use, by default.")
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
    write_predictions(path, seed=seed)
    panel = read(path, (), {})
    terminal.print_panel(panel)
    with progress_bar() as progress:
        audit = analyze_panel(panel, n_permutations=permutations, seed=seed, threads=threads, progress=progress)
    writing.write_audit(audit, output)
    terminal.print_audit(audit, is_written=True)
    terminal.print_written(output, "preds.parquet")


PROFILE_KEYS = ("agents", "between_agents", "bounds", "sabotage_totals", "notes")
TABLE_NAMES = (
    "id",
    "truth",
    "agents",
    "fused_label",
    "weights",
    "where",
    "classes",
    "group",
    "seed_column",
    "fold_column",
    "input_format",
    "confidence_scale",
)


def split(options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Part the options of the table from those of the analysis, under the names that Python uses."""
    table = {name: value for name, value in options.items() if name in TABLE_NAMES}
    settings = {name: value for name, value in options.items() if name not in TABLE_NAMES}
    if "permutations" in settings:
        settings["n_permutations"] = settings.pop("permutations")
    if "threshold" in settings:
        with contextlib.suppress(ValueError):  # a quantile, or an error that the analysis words
            settings["threshold"] = float(settings["threshold"])
    return table, settings


def read(file: str, within: tuple[str, ...], table: dict[str, Any]) -> "Panel":
    """Read the panel with the columns that the analysis needs."""
    from sabotage.reading import read_panel

    return read_panel(file, keep=list(within), **table)


def print_json(value: object) -> None:
    """Print strict JSON."""
    import json

    click.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


class progress_bar:  # noqa: N801 - reads as the context manager that it is
    """A bar on a terminal's standard error, nothing elsewhere; gives the callback that moves it."""

    def __enter__(self) -> "Progress | None":
        if not sys.stderr.isatty():
            self.bar = None
            return None
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("permutations"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self.bar = Progress(*columns, console=Console(stderr=True), transient=True)
        self.bar.start()
        task = self.bar.add_task("permutations", total=None)
        return lambda done, total: self.bar.update(task, completed=done, total=total) if self.bar else None

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()


def main() -> None:
    """Run the command; exit 0, 1 (a gate failed), 2 (could not do it) or 130 (interrupted)."""
    warnings.showwarning = show_warning
    warnings.simplefilter("always", SabotageWarning)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a class may hold a letter that the terminal's encoding lacks
            stream.reconfigure(errors="backslashreplace")
    sys.exit(status_of_run())


def show_warning(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
    """Say our own warnings in one line, and others not at all: they are about code, not about the file."""
    if issubclass(category, SabotageWarning):
        say("warning", str(message))


def say(kind: str, sentence: str) -> None:
    """Print one sentence to standard error."""
    click.echo(f"{kind}: {printable(sentence)}", err=True)


def is_interrupt(error: BaseException | None) -> bool:
    """Whether an interrupt is behind the error: out of numba's dispatcher it comes as the cause of a SystemError."""
    return error is not None and (isinstance(error, KeyboardInterrupt) or is_interrupt(error.__cause__))


def status_of_run() -> int:
    """Run the command and return its exit status; every failure is one sentence."""
    try:
        status = commands.main(prog_name="sabotage", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except SystemExit:  # click's answer to a reader that closed the pipe: nobody is left to tell
        return 0
    except click.ClickException as error:
        say("error", error.format_message())
    except SabotageError as error:
        say("error", str(error))
    except MemoryError:
        say("error", "there is not enough memory for this")
    except Exception as error:
        if is_interrupt(error):
            click.echo("interrupted", err=True)
            return INTERRUPTED
        if "SABOTAGE_DEBUG" in os.environ:
            raise
        say("error", f"{type(error).__name__}: {error}; this is a bug of sabotage (SABOTAGE_DEBUG=1 shows where)")
    return COULD_NOT


if __name__ == "__main__":
    main()
