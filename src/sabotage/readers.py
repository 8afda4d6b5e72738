"""Readers of other people's files: entry points, so that a package of anybody's can add one under a name."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points

import pyarrow as pa

from sabotage.errors import SabotageError, listed, unknown

GROUP = "sabotage.readers"

Reader = Callable[..., pa.Table]  # (path, **options of its own) to a wide or long table


def names() -> list[str]:
    """Return the names of the readers that are installed, sorted."""
    return sorted({entry.name for entry in entry_points(group=GROUP)})


def find_reader(name: str) -> Reader:
    """Return the reader that goes by a name.

    Parameters
    ----------
    name : str
        Of an entry point in the group ``sabotage.readers``.

    Returns
    -------
    callable
        (path, **options) to a pyarrow Table, one row an example or one row a candidate.

    Raises
    ------
    SabotageError
        If no package, or more than one, declares it, or it cannot be imported.
    """
    # A package that stands on two folders of the path, as in an editable install, declares the same thing twice.
    found = {entry.value: entry for entry in entry_points(group=GROUP, name=name)}
    if not found:
        raise unknown("input format", name, names())
    if len(found) > 1:
        owners = sorted(f"{_owner(entry)} ({value})" for value, entry in found.items())
        raise SabotageError(f"the input format {name!r} is declared more than once, by {listed(owners)}: remove one")
    (entry,) = found.values()
    try:
        reader = entry.load()
    except (Exception, SystemExit) as error:  # code of anybody's
        raise SabotageError(
            f"the reader {name!r} of {_owner(entry)} cannot be imported: {type(error).__name__}: {error}"
        ) from None
    if not callable(reader):
        raise SabotageError(f"the reader {name!r} of {_owner(entry)} must be callable: found a {type(reader).__name__}")
    return reader


def read_files(paths: Sequence[str], name: str, options: Mapping[str, object] | None = None) -> pa.Table:
    """Read files by one reader, one after the other, into one table.

    Parameters
    ----------
    paths : sequence of str
    name : str
        As for `find_reader`.
    options : mapping, optional
        What the reader takes beside the path.

    Returns
    -------
    pyarrow.Table
        All rows; a column that one file has and another does not is null there. Or what the reader's attribute
        `combine` makes of paths and tables, where it has one.

    Raises
    ------
    SabotageError
        As `find_reader` and the reader itself; for an option that it does not take, for anything else that goes wrong
        in it, and where it returns no table or tables that do not go together.
    """
    reader, options = find_reader(name), dict(options or {})
    if not paths:
        raise SabotageError(f"there is no file to read as {name}: give one or more")
    tables = [_call(reader, path, name, options) for path in paths]
    if len(tables) == 1:
        return tables[0]
    if combine := getattr(reader, "combine", None):
        return combine(paths, tables)
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as error:
        raise SabotageError(f"{listed(paths)} do not go together as one table: {str(error)[:160]}") from None


def _call(reader: Reader, path: str, name: str, options: dict[str, object]) -> pa.Table:
    try:
        signature = inspect.signature(reader)
        signature.bind(path, **options)
    except TypeError:
        several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        takes = [one for one, own in list(signature.parameters.items())[1:] if own.kind not in several]
        if not signature.parameters:
            raise SabotageError(f"the reader {name!r} must take a path: it takes nothing") from None
        found = [one for one in options if one not in takes] or options  # none of it strange: one is lacking
        raise SabotageError(f"the reader {name!r} takes the options {listed(takes)}: found {listed(found)}") from None
    except ValueError:  # compiled code may have no signature
        pass
    try:
        table = reader(path, **options)
    except SabotageError:
        raise
    except OSError as error:
        raise SabotageError(f"{path} cannot be read: {error.strerror or error}") from None
    except (Exception, SystemExit) as error:  # code of anybody's
        raise SabotageError(f"{path} cannot be read as {name}: {type(error).__name__}: {error}") from None
    if not isinstance(table, pa.Table):
        raise SabotageError(f"the reader {name!r} must return a pyarrow Table: found a {type(table).__name__}")
    return table


def _owner(entry: EntryPoint) -> str:
    return "an unknown package" if entry.dist is None else entry.dist.name
