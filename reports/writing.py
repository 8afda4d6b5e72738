"""The output folder: each file whole or not there."""

import csv
import json
import os
import warnings
from collections.abc import Collection, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from sabotage.reports.annotating import write_ambiguous
from sabotage.reports.tables import FORMULA_STARTS

from sabotage import media as medias
from sabotage.audit import Audit
from sabotage.errors import SabotageError, SabotageWarning
from sabotage.files import make_folder, written

FILES = ("audit.json", "cases.json", "roles.parquet", "profiles.csv", "ambiguous.csv", "report.html")
SUSPECTS = "suspects.csv"  # where the audit holds runs over the same examples
FIGURES = "figures"  # the folder of them
FORMATS = ("svg", "png")  # of figures, by default


def check_folder(folder: str) -> None:
    """Raise SabotageError where a folder cannot be made or written, before anything is computed."""
    path = Path(folder)
    try:
        if not folder or (path.exists() and not path.is_dir()):
            raise SabotageError(
                f"{folder or 'an empty name'} is no folder: give -o one; it is made where there is none"
            )
        taken = [name for name in FILES if (path / name).is_dir()]
        figures = path / FIGURES
        if figures.exists() and not figures.is_dir():
            raise SabotageError(f"{figures} is no folder: give -o another place, or --figures none")
    except OSError as error:
        raise SabotageError(f"{folder} cannot be a folder: {error.strerror}") from None
    if taken:
        raise SabotageError(f"{path / taken[0]} is a folder: give -o another place")
    existing = next(parent for parent in (path, *path.absolute().parents) if parent.exists())
    if not os.access(existing, os.W_OK):
        raise SabotageError(f"{folder} cannot be written: {existing} is not writable")


def check_media(pattern: str | None, folder: str | None) -> None:
    """Raise SabotageError for a pattern of media that makes no links, or that no page would show."""
    if pattern is None:
        return
    medias.check(pattern)
    if folder is None:
        raise SabotageError("--media is for the links of a report: give -o a folder too")


def write_audit(
    audit: Audit, folder: str | Path, media: str | None = None, figures: Sequence[str] = FORMATS
) -> list[str]:
    """Write audit.json, cases.json, roles.parquet, profiles.csv, ambiguous.csv, report.html and the folder of figures.

    Figures come in the formats given, and their names are returned; those that an earlier audit left there go. Other
    files in the folder stay.

    `media` is where an example's file lies, "clips/{id}.mp4", seen from the folder or from the working directory.
    """
    from sabotage.reports.drawn import pictures
    from sabotage.reports.figures import render
    from sabotage.reports.page import report_page

    folder = Path(folder)
    if media is not None:
        name = str(audit.panel.ids[0].as_py())
        media, is_there = medias.settle(media, folder, name)
        if not is_there:
            missing = media.replace(medias.PLACE, name)
            warnings.warn(f"{missing} is not there: the report's links may lead nowhere", SabotageWarning, stacklevel=2)
    cases = audit.cases(media).to_dict(audit.content)
    rendered = render(audit, figures)  # once, for the page and for the files
    texts = {
        "audit.json": audit.to_json(),
        "cases.json": json.dumps(cases, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n",
        "report.html": report_page(audit.content, cases, pictures(audit.content, rendered)),
    }
    runs = audit.causes.runs
    if runs is not None and runs.suspects is not None:
        from sabotage.reports.running import suspects_csv

        texts[SUSPECTS] = suspects_csv(runs.suspects)
    make_folder(folder)
    with ExitStack() as files:
        if rendered.files:
            files.callback(_remove_empty, folder / FIGURES)  # where something fails, which is after the files are gone
            make_folder(folder / FIGURES)
        for name, made in rendered.files.items():
            files.enter_context(written(folder / FIGURES / name)).write_bytes(made)
        for name, text in texts.items():
            files.enter_context(written(folder / name)).write_text(text, encoding="utf-8")
        write_profiles(audit, files.enter_context(written(folder / "profiles.csv")))
        write_ambiguous(audit.causes.annotators.ambiguous, files.enter_context(written(folder / "ambiguous.csv")))
        write_roles(audit, files.enter_context(written(folder / "roles.parquet")))
    _remove_stale(folder / FIGURES, rendered.files)
    if SUSPECTS not in texts:
        (folder / SUSPECTS).unlink(missing_ok=True)
    return list(rendered.files)


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def _remove_stale(folder: Path, kept: Collection[str]) -> None:
    """Remove figures that are not of this audit, and the folder where nothing is left in it."""
    from sabotage.reports.figures import FORMATS, NAMES

    for name in (f"{figure}.{format}" for figure in NAMES for format in FORMATS):
        if name not in kept:
            with suppress(OSError):
                (folder / name).unlink()
    _remove_empty(folder)


def write_profiles(audit: Audit, path: Path) -> None:
    """Write one row an agent; a name that a spreadsheet would run as a formula is quoted."""
    frame = audit.profiles.reset_index()
    frame["agent"] = [f"'{name}" if name.startswith(FORMULA_STARTS) else name for name in frame["agent"]]
    frame.to_csv(path, index=False, lineterminator="\n", quoting=csv.QUOTE_MINIMAL)


def write_roles(audit: Audit, path: Path) -> None:
    """Write one row an example and agent, a row group for each chunk of examples."""
    import pyarrow.parquet as pq

    tables = audit.role_table.tables()
    first = next(tables)
    with pq.ParquetWriter(path, first.schema) as writer:
        writer.write_table(first)
        for table in tables:
            writer.write_table(table)
