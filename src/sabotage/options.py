"""The options that commands share: one spelling, one default, one help text each."""

import contextlib
from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def names(context: click.Context, parameter: click.Parameter, value: str | None) -> list[str] | None:
    """Split an option's text at its commas."""
    return None if value is None else [part.strip() for part in value.split(",") if part.strip()]


def numbers(context: click.Context, parameter: click.Parameter, value: str) -> list[int]:
    """Split an option's text at its commas into whole numbers."""
    try:
        return [int(part) for part in value.split(",")]
    except ValueError:
        raise click.BadParameter(f"found {value!r}; give whole numbers such as 1,2,3") from None


FIGURE_FORMATS = ("svg", "png", "pdf")


def formats(context: click.Context, parameter: click.Parameter, value: str) -> list[str]:
    """Split an option's text at its commas into formats of figures; none is none."""
    found = [part.strip() for part in value.split(",") if part.strip()]
    if found == ["none"]:
        return []
    if not found or set(found) - set(FIGURE_FORMATS):
        raise click.BadParameter(f"found {value!r}; give some of {', '.join(FIGURE_FORMATS)}, or none")
    return found


def setting_of(text: str) -> tuple[str, float]:
    """Take AGENT=NUMBER apart."""
    agent, sign, value = text.rpartition("=")
    try:
        if sign and agent.strip():
            return agent.strip(), float(value)
    except ValueError:
        pass
    raise click.BadParameter(f"found {text!r}; give an agent and a number, voice=0.6")


def pairs(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Take KEY=VALUE apart, each of several."""
    found = {}
    for text in values:
        key, sign, value = text.partition("=")
        if not sign or not key.strip():
            raise click.BadParameter(f"found {text!r}; give a name and a value, truth=gold.csv")
        found[key.strip()] = value
    return found


def settings_of_agents(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> list[tuple[str, float]]:
    """Take AGENT=NUMBER apart, each of several."""
    return [setting_of(text) for text in values]


def temperatures(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[float, list[tuple[str, float]]]:
    """Part the rule's temperature, a number, from those of agents."""
    rule, agents = 1.0, []
    for text in values:
        if "=" in text:
            agents.append(setting_of(text))
            continue
        try:
            rule = float(text)
        except ValueError:
            raise click.BadParameter(f"found {text!r}; give a number, or an agent and one, voice=2") from None
    return rule, agents


def one_or_all(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> str | list[str]:
    """Return the one file, or all parts of a table, as a shell makes them of a pattern."""
    return value[0] if len(value) == 1 else list(value)


def stacked(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Make one decorator of several options, which appear in this order."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


column_options = stacked(
    click.option("--id", metavar="COLUMN", help="Column of the examples' ids."),
    click.option("--truth", metavar="COLUMN", help="Column of the true labels."),
    click.option("--truth-table", metavar="FILE", help="Table with the truth, one row an id, where FILE has none."),
    click.option("--agents", metavar="A,B", callback=names, help="Agents to keep; all by default."),
    click.option("--fused-label", metavar="COLUMN", help="Column of the recorded decision."),
    click.option(
        "--weights",
        metavar="NAME",
        help="reliability (the default), confidence, uniform, or NAME for the columns <agent>_NAME.",
    ),
    click.option("--where", multiple=True, metavar="CONDITION", help="Keep rows with 'column == value'; repeatable."),
    click.option("--classes", metavar="A,B", callback=names, help="The classes, in order."),
    click.option("--group", metavar="COLUMN", help="Examples that are not independent: a subject, a film."),
    click.option("--seed-column", metavar="COLUMN", help="Repeated runs: an id stands once for each of its values."),
    click.option("--fold-column", metavar="COLUMN", help="Folds of a cross-validation: reliability stays in its fold."),
    click.option("--input-format", metavar="FORMAT", help="Of FILE; by its name by default."),
    click.option(
        "--confidence-scale",
        type=click.Choice(["unit", "percent"]),
        default="unit",
        show_default=True,
        help="percent: confidences from 0 to 100.",
    ),
)
table_options = stacked(
    click.argument("file", type=click.Path(), nargs=-1, required=True, callback=one_or_all), column_options
)
RULE = "`sabotage rules` lists them; also file.py:function, or the JSON file of a fitted one"
rule_option = click.option("--rule", metavar="NAME", help=f"Fusion rule to replay; {RULE}.")
rules_option = click.option("--rule", "rules", metavar="NAME", multiple=True, help=f"Fusion rule, repeatable; {RULE}.")
learning_options = stacked(
    click.option(
        "--cross-fit",
        type=int,
        metavar="K",
        help="Fit learned rules in K folds of the examples, by group, instead of on the rows of other splits.",
    ),
    click.option(
        "--interpret", is_flag=True, help="Run rules of file.py:function uncompiled, several hundred times slower."
    ),
)
clip_option = click.option(
    "--clip", type=float, default=1e-6, show_default=True, help="Floor of scores before a logarithm."
)
score_options = stacked(
    clip_option,
    click.option("--temperature", type=float, default=1.0, show_default=True, help="Of softmax_gate."),
)
judging_options = stacked(
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
)
role_options = stacked(
    judging_options,
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
    click.option(
        "--dose-response/--no-dose-response",
        default=None,
        help="See how much perfect reliability it takes to be noticed; by default in analyze, where that is quick.",
    ),
    click.option("--strict", is_flag=True, help="A sign that the truth went into the scores is an error."),
)
beside_options = stacked(
    click.option(
        "--compare/--no-compare",
        default=None,
        help="Compare the rules of the catalogue; by default where that is quick.",
    ),
    click.option(
        "--attribute/--no-attribute",
        default=None,
        help="Say what each agent is worth; by default where that is quick.",
    ),
)
what_if_options = stacked(
    click.option("--drop", multiple=True, metavar="AGENT", help="Also with the agent silent; repeatable."),
    click.option(
        "--veto", multiple=True, metavar="AGENT", help="Also with the agent silent where it stands alone; repeatable."
    ),
    click.option(
        "--cap",
        multiple=True,
        metavar="AGENT=C",
        callback=settings_of_agents,
        help="Also with the agent's confidence and scores at most C; repeatable.",
    ),
    click.option(
        "--temperature",
        multiple=True,
        metavar="T | AGENT=T",
        callback=temperatures,
        help="A number: of softmax_gate, 1 by default. AGENT=T: also with the agent's scores to the power of 1 / T.",
    ),
)
assessing_options = stacked(
    click.option(
        "--method",
        type=click.Choice(["learned", "margin", "entropy", "energy"]),
        default="learned",
        show_default=True,
        help="What reliability is estimated from: all that an agent says, or one measure of its scores.",
    ),
    click.option(
        "--cross-fit",
        type=int,
        metavar="K",
        help="Fit in K folds of the examples, by group, instead of on the rows of other splits.",
    ),
    click.option("--seed", type=int, default=0, show_default=True, help="Of the folds."),
)
converting_options = stacked(
    click.option(
        "--option",
        "options",
        multiple=True,
        metavar="KEY=VALUE",
        callback=pairs,
        help="For the reader of --input-format, such as truth=gold.csv for ratings; repeatable.",
    ),
    click.option("-o", "--output", metavar="FILE", required=True, help="Parquet file to write."),
)
collecting_options = stacked(
    click.option(
        "-o", "--output", metavar="FILE", required=True, help="Parquet file to write; its report goes beside."
    ),
    click.option("--labels", metavar="FILE", required=True, help="YAML or JSON: each label with its synonyms."),
    click.option(
        "--truth",
        "--truth-table",
        "truth",
        metavar="FILE",
        help="Table of ids and true labels; its other columns come along.",
    ),
    click.option("--id", metavar="COLUMN", help="Column of the ids in the truth."),
    click.option("--truth-column", metavar="COLUMN", help="Column of the true labels there."),
    click.option("--id-field", metavar="PATH", help="Field of the id in a record; dots go inside objects."),
    click.option("--agent-field", metavar="PATH", help="Field of the agent; the file's name by default."),
    click.option("--reply-field", metavar="PATH", help="Field of the reply."),
    click.option(
        "--similarity", type=float, default=0.8, show_default=True, help="Likeness from which a misspelling is a label."
    ),
    click.option(
        "--confidence-scale",
        type=click.Choice(["auto", "unit", "percent"]),
        default="auto",
        show_default=True,
        help="Of confidences without a sign of it.",
    ),
    click.option(
        "--assessment-scale",
        type=click.Choice(["auto", "unit", "5", "10", "percent"]),
        default="auto",
        show_default=True,
        help="Of self-assessments without a sign of it; 5 is 1 to 5.",
    ),
)
figures_option = click.option(
    "--figures",
    metavar="F,F",
    default="svg,png",
    show_default=True,
    callback=formats,
    help="Formats of the figures: svg, png, pdf, or none.",
)
format_option = click.option(
    "--format",
    type=click.Choice(["text", "csv", "latex", "markdown", "json"]),
    default="text",
    show_default=True,
    help="Of what is printed; all but text go alone to standard output.",
)
part_options = stacked(
    click.option("--by", type=click.Choice(["class", "group"]), help="Profiles in each class, or value of --group."),
    click.option("--sweep", is_flag=True, help="Saboteurs at thresholds 0, .05, ... 1."),
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON to standard output, nothing else there.")

TABLE_NAMES = (
    "id",
    "truth",
    "truth_table",
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
    for name in ("threshold", "unsure"):
        if name in settings:
            with contextlib.suppress(ValueError):  # a quantile, or an error that the analysis words
                settings[name] = float(settings[name])
    return table, settings
