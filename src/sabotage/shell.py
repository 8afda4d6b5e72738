"""What all commands do alike: read their table, print in a format, fail in one sentence."""

import io
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from sabotage.errors import SabotageError, SabotageWarning, printable

if TYPE_CHECKING:
    from sabotage.panel import Panel

FAILED, COULD_NOT, INTERRUPTED = 1, 2, 130
Files = str | list[str]


def read(file: Files, within: tuple[str, ...], table: dict[str, Any]) -> "Panel":
    """Read the panel with the columns that the analysis needs."""
    from sabotage.reading import read_panel
    from sabotage.reports.progress import progress_bar

    with progress_bar("reading the table"):
        return read_panel(file, keep=list(within), **table)


def check_parquet(output: str) -> None:
    """Raise SabotageError for a file to write that is named as of another format."""
    if not output.endswith(".parquet"):
        raise SabotageError(f"{output} is written as parquet: give -o a name that ends in .parquet")


def check_kept(output: str, read: Iterable[str]) -> None:
    """Raise SabotageError for a file to write that was read, and holds rows and columns that would be lost."""
    if os.path.exists(output) and any(os.path.exists(path) and os.path.samefile(path, output) for path in read):
        raise SabotageError(f"{output} is read, and not all that it holds is written: give -o another name")


def prepared(
    file: Files, panel: "Panel", names: Sequence[str], settings: dict[str, Any], table: dict[str, Any]
) -> tuple["Panel", list[Any]]:
    """Make rules that were named ready to be replayed: learned ones fitted, a user's own loaded."""
    from sabotage.teaching import prepare_rules

    options = {"n_folds": settings.pop("cross_fit"), "interpret": settings.pop("interpret"), "clip": settings["clip"]}
    return prepare_rules(file, panel, names, **options, seed=settings.get("seed", 0), **table)


def learned(file: Files, panel: "Panel", settings: dict[str, Any], table: dict[str, Any]) -> tuple["Panel", Any]:
    """Make the one rule that may be named ready."""
    name = settings.pop("rule")
    panel, rules = prepared(file, panel, [] if name is None else [name], settings, table)
    return panel, rules[0] if rules else None


def audited(file: Files, options: dict[str, Any], **fixed: Any) -> Any:
    """Return the content of an audit.json, or audit a table; `fixed` are settings that no option gives.

    Raises SabotageError where options of an analysis are given for an audit that was made.
    """
    from sabotage.contents import is_audit, read_content

    if is_audit(file):
        context = click.get_current_context()
        ours = [one for one in context.command.params if one.name in options and isinstance(one, click.Option)]
        given = [one.opts[0] for one in ours if _is_given(context, str(one.name))]
        if given:
            raise SabotageError(f"{file} is an audit that was made with its own settings: leave out {given[0]}")
        return read_content(str(file))
    from sabotage.audit import analyze
    from sabotage.options import split
    from sabotage.reports.progress import progress_bar

    table, settings = split(options)
    panel = read(file, settings["within"], table)
    panel, settings["rule"] = learned(file, panel, settings, table)
    with progress_bar() as progress:
        return analyze(panel, **(settings | fixed), progress=progress)


def _is_given(context: click.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source in (click.core.ParameterSource.COMMANDLINE, click.core.ParameterSource.ENVIRONMENT)


def print_json(value: object) -> None:
    """Print strict JSON."""
    import json

    print_json_text(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def print_json_text(text: str) -> None:
    """Print JSON; where standard output cannot write a letter, in its own escapes, so that it stays JSON."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        import json

        text = "".join(letter if letter.isascii() else json.dumps(letter)[1:-1] for letter in text)
    click.echo(text, nl=False)


def use_ascii() -> None:
    """Have standard output and standard error spell out everything that is not ASCII."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="ascii", errors="backslashreplace")


def run(commands: click.Group) -> int:
    """Run the command of the arguments; return 0, 1 (a gate failed), 2 (could not do it) or 130 (interrupted)."""
    warnings.showwarning = show_warning
    warnings.simplefilter("always", SabotageWarning)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a class may hold a letter that the terminal's encoding lacks
            stream.reconfigure(errors="backslashreplace")
    return status_of_run(commands)


def show_warning(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
    """Say our own warnings in one line, and others not at all: they are about code, not about the file."""
    if issubclass(category, SabotageWarning):
        say("warning", str(message))


def show(found: Any, format: str, print_text: Callable[[Any], None], render: Callable[[Any, str], str]) -> None:
    """Print a result in a format; of a table, which goes to standard output alone, the notes to standard error."""
    if format == "text":
        print_text(found)
    elif format == "json":
        print_json(found.to_dict())
    else:
        click.echo(render(found, format), nl=False)
        for note in found.notes:  # warnings were said as they came
            say("note", note)


def one_format(format: str, as_json: bool) -> str:
    """Return the format that --format and --json ask for; raises SabotageError where they differ."""
    if as_json and format not in ("text", "json"):
        raise SabotageError(f"--json and --format {format} are two formats: give one")
    return "json" if as_json else format


def say(kind: str, sentence: str) -> None:
    """Print one sentence to standard error."""
    click.echo(f"{kind}: {printable(sentence)}", err=True)


def is_interrupt(error: BaseException | None) -> bool:
    """Whether an interrupt is behind the error: out of numba's dispatcher it comes as the cause of a SystemError."""
    return error is not None and (isinstance(error, KeyboardInterrupt) or is_interrupt(error.__cause__))


def status_of_run(commands: click.Group) -> int:
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
