"""Where the file of an example lies: a pattern with {id}, and the links that it makes."""

import os
import re
from urllib.parse import quote

from sabotage.errors import SabotageError

PLACE = "{id}"
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
WEB = ("http://", "https://")


def check(pattern: str) -> None:
    """Raise SabotageError for a pattern that names no example, or that a page should not lead to."""
    if PLACE not in pattern:
        raise SabotageError(f"--media must say where the id goes, 'clips/{PLACE}.mp4': found {pattern!r}")
    if SCHEME.match(pattern) and not pattern.lower().startswith((*WEB, "file://")):
        raise SabotageError(f"--media must be a path or begin with http://, https:// or file://: found {pattern!r}")


def link(pattern: str, name: str) -> str:
    """Return the address of one example's file, its id written so that none of it is taken for anything but a name."""
    check(pattern)
    # A first part that ends in a colon would be a scheme; "./" before it makes it a path.
    path = pattern.replace(PLACE, quote(name, safe="/", errors="replace"))
    return f"./{path}" if SCHEME.match(path) and not path.lower().startswith((*WEB, "file://")) else path


def settle(pattern: str, folder: str | os.PathLike[str], name: str) -> tuple[str, bool]:
    """Return the pattern as a page in a folder has to spell it, and whether the file of one example was found.

    A path is looked for from the page's folder, as links go, and from the working directory, as paths on a command
    line do; where it is found in neither, it stays as it is. Web addresses are not looked up, and count as found.
    """
    check(pattern)
    if SCHEME.match(pattern):
        return pattern, True
    own = pattern.replace(PLACE, name)
    if os.path.isabs(pattern) or os.path.exists(os.path.join(folder, own)):
        return pattern, os.path.exists(os.path.join(folder, own))
    if os.path.exists(own):
        return os.path.relpath(pattern, folder).replace(os.sep, "/"), True
    return pattern, False
