"""Standard output for people: no blanks at the ends of lines, glue shown as a blank, no letter that it cannot write."""

import re
import sys
from typing import TextIO, cast

GLUE = "\ue000"  # holds a number and its unit together while lines are broken; names are spelled out where they have it
_BLANKS = re.compile(r" +$", re.MULTILINE)
_UNITS = re.compile(r"(?<=\d) (?=(?:%|points?\b))")
CUT = "\u2026"  # what rich ends a name with that is too long


def glued(text: str) -> str:
    """Return text in which no line can end between a number and its "%" or "points"."""
    return _UNITS.sub(GLUE, text)


def writable(text: str, encoding: str) -> str:
    """Spell out what an encoding cannot write, before lines are broken."""
    return text.encode(encoding, "backslashreplace").decode(encoding)


class _Out:
    """Text goes on to standard output as it is at that moment, since tests and notebooks put another in its place."""

    encoding = property(lambda self: sys.stdout.encoding or "utf-8")

    def write(self, text: str) -> int:
        written = text.replace(GLUE, " ")
        if CUT in written and writable(CUT, self.encoding) != CUT:
            written = written.replace(CUT, "~")
        sys.stdout.write(written if self.isatty() else _BLANKS.sub("", written))
        return len(text)

    def flush(self) -> None:
        sys.stdout.flush()

    def isatty(self) -> bool:
        return sys.stdout.isatty()

    def fileno(self) -> int:
        return sys.stdout.fileno()


def out() -> TextIO:
    """Return standard output; in a pipe or a file whole lines are to be written to it."""
    return cast(TextIO, _Out())
