"""A progress bar where there is a terminal to see it."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sabotage.permutation import Progress


class progress_bar:  # noqa: N801 - reads as the context manager that it is
    """A bar on a terminal's standard error, nothing elsewhere; gives the callback that moves it."""

    def __init__(self, what: str = "permutations") -> None:
        self.what = what

    def __enter__(self) -> "Progress | None":
        if not sys.stderr.isatty():
            self.bar = None
            return None
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn(self.what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self.bar = Progress(*columns, console=Console(stderr=True), transient=True)
        self.bar.start()
        task = self.bar.add_task(self.what, total=None)
        return lambda done, total: self.bar.update(task, completed=done, total=total) if self.bar else None

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()
