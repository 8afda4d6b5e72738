"""Standard output whose lines do not end in the blanks that tables and wrapped sentences leave behind."""

import re
import sys
from typing import TextIO, cast

_BLANKS = re.compile(r" +$", re.MULTILINE)


class _Trimmed:
    """Text goes on to standard output as it is at that moment, since tests and notebooks put another in its place."""

    encoding = property(lambda self: sys.stdout.encoding)

    def write(self, text: str) -> int:
        sys.stdout.write(_BLANKS.sub("", text))
        return len(text)

    def flush(self) -> None:
        sys.stdout.flush()

    def isatty(self) -> bool:
        return False


def trimmed() -> TextIO:
    """Return standard output for a pipe or a file; whole lines are to be written to it."""
    return cast(TextIO, _Trimmed())
