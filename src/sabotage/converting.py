"""Other people's files, and tables of any format, into a panel that keeps all that they hold."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sabotage.columns import FUSED_LABEL_NAMES, ID_NAMES, TRUTH_NAMES
from sabotage.errors import SabotageError, SabotageWarning, listed, unknown
from sabotage.notes import Notes
from sabotage.panel import Panel
from sabotage.readers import names, read_files
from sabotage.reading import read_panel
from sabotage.sources import FORMATS


def convert(
    files: Sequence[str],
    input_format: str | None = None,
    options: Mapping[str, object] | None = None,
    **table: Any,
) -> Panel:
    """Read files into one panel, with every row that has a truth and every column.

    Parameters
    ----------
    files : sequence of str
        Parts of one table; for a reader, of which it reads each alone, files that go together as one.
    input_format : str, optional
        The name of a reader, see `sabotage.readers`, or of a format of tables; by the file's name where None.
    options : mapping, optional
        Of the reader.
    **table
        As for `read_panel`.

    Returns
    -------
    Panel
        Columns that say nothing of agents are kept beside. Those whose names the written table needs for something
        else are left out, and noted.

    Raises
    ------
    SabotageError
        If the format is unknown, the files cannot be read, or the table cannot be understood.
    """
    if input_format is None or input_format in FORMATS:
        if options:
            raise SabotageError(f"tables take no options: {listed(options)} is for the readers of --input-format")
        return _whole(list(files), {**table, "input_format": input_format})
    if input_format not in names():
        raise unknown("input format", input_format, {*names(), *FORMATS})
    data = read_files(files, input_format, options)
    try:
        panel = _whole(data, table)
    except SabotageError as error:
        raise SabotageError(f"{listed(files)}, read as {input_format}: {error}") from None
    return replace(panel, origin=replace(panel.origin, name=listed(files), format=input_format))


def _whole(data: Any, table: dict[str, Any]) -> Panel:
    """Read a table with all rows and columns."""
    first = read_panel(data, **table, split=None)
    # What is written as y and id, and what else would be taken for them when the table is read again.
    taken = {*ID_NAMES, *TRUTH_NAMES, *FUSED_LABEL_NAMES}
    kept = [name for name in first.origin.ignored_columns if name not in taken]
    lost = [name for name in first.origin.ignored_columns if name in taken]
    if not kept and not lost:
        return first
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SabotageWarning)  # said by the first reading
        panel = read_panel(data, **table, split=None, keep=kept) if kept else first
    notes = Notes(panel.notes)
    if lost:
        notes.add(f"{listed(lost)} would be read as another id, truth or decision, and is left out")
    return replace(panel, notes=tuple(notes))
