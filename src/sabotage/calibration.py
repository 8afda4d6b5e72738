"""The rows that learned rules may see: those of other splits of the same table."""

import warnings
from dataclasses import replace
from typing import Any

from sabotage.conditions import OTHER
from sabotage.errors import SabotageError, SabotageWarning
from sabotage.labels import merged
from sabotage.notes import Notes
from sabotage.panel import Panel
from sabotage.reading import read_panel


def read_calibration(data: Any, panel: Panel, **options: Any) -> tuple[Panel, Panel]:
    """Read the rows that a panel leaves out for being of another split, and bring both to the same classes.

    Parameters
    ----------
    data : path, pandas DataFrame or pyarrow Table
        What the panel was read from.
    panel : Panel
        The examples: rows of one split.
    **options
        With which it was read, `read_panel`.

    Returns
    -------
    tuple of Panel
        The calibration rows, and the panel with the classes of both.

    Raises
    ------
    SabotageError
        If the panel is not one split of several, or as `read_panel`.
    """
    split = panel.origin.split
    if split is None or not panel.origin.n_other_split:
        chosen = [text for text in panel.origin.where if text.split()[0] == "split"]
        found = f"no row of another split than {split}"
        if split is None:
            found = f"no rows left but {chosen[0]}" if chosen else "no column split"
        raise SabotageError(
            f"{panel.origin.name} has {found}, and what is learned may not see the rows that it is judged on: name"
            f" other rows train in a column split, or fit out of fold, --cross-fit K (in Python cross_fit), by --group"
            f" where rows belong together"
        )
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        rest = read_panel(data, **{**options, "split": f"{OTHER}{split}", "agents": list(panel.agents)})
    said = dict.fromkeys(str(one.message) for one in heard if issubclass(one.category, SabotageWarning))
    notes = Notes(panel.notes)
    for sentence in said:
        if sentence not in panel.notes:  # what the examples have too was said
            notes.warn(f"rows to learn from: {sentence}")
    if rest.weights != panel.weights:
        raise SabotageError(f"the calibration rows are weighed by {rest.weights}, the examples by {panel.weights}")
    if panel.origin.where:
        notes.add(
            f"the {rest.n_examples:,} rows to learn from are those that meet {' and '.join(panel.origin.where)}, too"
        )
    classes = merged(panel.classes, rest.classes)
    new = len(classes) - panel.n_classes
    if new:
        notes.add(f"{new} class{'es' if new > 1 else ''} that only the calibration rows have")
    return rest.with_classes(classes), replace(panel.with_classes(classes), notes=tuple(notes))


def read_rows_to_fit(data: Any, **options: Any) -> Panel:
    """Read the rows of a table that a rule may be fitted on: all but those to be judged on, of split test.

    Parameters
    ----------
    data : path, pandas DataFrame or pyarrow Table
    **options
        As for `read_panel`.

    Returns
    -------
    Panel
        All rows, where there is no column split.

    Raises
    ------
    SabotageError
        As `read_panel`; where all rows are of split test.
    """
    return read_panel(data, **{**options, "split": f"{OTHER}test"})
