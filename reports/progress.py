"""Progress where there is a terminal to see it: count, rate and time left, or a stage's name and how long it takes."""

import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from sabotage.stages import listening

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from sabotage.permutation import Progress

DELAY = 1.0  # seconds before anything is shown, so that small tables do not flicker
TICK = 0.1


class progress_bar:  # noqa: N801 - reads as the context manager that it is
    """A line on a terminal's standard error, nothing elsewhere; gives the callback that moves it.

    It appears after a second, goes when the work is done, and is told by `sabotage.stages.announce` what is being done.

    Parameters
    ----------
    what : str
        What is done until a stage is announced.
    clock : callable
        Seconds; another one for tests.
    ticks : bool
        Whether a thread looks at the clock; without, somebody has to call `tick`.
    """

    def __init__(
        self, what: str = "permutations", clock: Callable[[], float] = time.monotonic, ticks: bool = True
    ) -> None:
        self.stage, self.clock, self.ticks = what, clock, ticks
        self.done, self.total = 0, 0
        self.bar: Bar | None = None
        self.task: Any = None
        self.lock = threading.RLock()
        self.over = threading.Event()
        self.hearing: AbstractContextManager[None] | None = None
        self.ticker: threading.Thread | None = None

    def __enter__(self) -> "Progress | None":
        if not sys.stderr.isatty():
            return None
        self.began = self.clock()
        self.hearing = listening(self.begin)
        self.hearing.__enter__()
        if self.ticks:
            self.ticker = threading.Thread(target=self._watch, daemon=True)
            self.ticker.start()
        return self.tell

    def __exit__(self, *_: object) -> None:
        self.over.set()
        if self.hearing is not None:
            self.hearing.__exit__(None, None, None)
        if self.ticker is not None:
            self.ticker.join()
        with self.lock:
            if self.bar is not None:
                self.bar.stop()

    def begin(self, stage: str) -> None:
        """Begin a stage, of which nothing is counted yet."""
        with self.lock:
            self.stage, self.done, self.total = stage, 0, 0
            self._renew()

    def tell(self, done: int, total: int) -> None:
        """Say how much is done, of how much in all."""
        with self.lock:
            again = total != self.total or done < self.done  # the count of something else
            self.done, self.total = done, total
            if again:
                self._renew()
            elif self.bar is not None:
                self.bar.update(self.task, completed=done)

    def tick(self) -> None:
        """Show the bar once it is time."""
        with self.lock:
            if self.bar is None and not self.over.is_set() and self.clock() - self.began >= DELAY:
                self.bar = _make_bar(self.clock)
                self._renew()
                self.bar.start()

    def _watch(self) -> None:
        while not self.over.wait(TICK):
            self.tick()

    def _renew(self) -> None:
        """Give the bar a new task, whose rate is its own."""
        if self.bar is None:
            return
        if self.task is not None:
            self.bar.remove_task(self.task)
        self.task = self.bar.add_task(self.stage, total=self.total or None, completed=self.done)


def _make_bar(clock: Callable[[], float]) -> "Bar":
    """Make a line: bar, count, rate and time left where something is counted, else the time that it has taken."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
    from rich.table import Column
    from rich.text import Text

    class Counted(ProgressColumn):
        """Count, rate and time left; the time taken where nothing is counted."""

        def render(self, task: Task) -> Text:
            return Text(in_words(task.completed, task.total, task.speed, task.elapsed))

    class Slim(BarColumn):
        """A bar where something is counted."""

        def render(self, task: Task) -> Any:
            return Text("") if task.total is None else super().render(task)

    columns = (
        TextColumn("{task.description}", markup=False),
        Slim(bar_width=24),
        Counted(Column(no_wrap=True)),
    )
    return Progress(*columns, console=Console(file=sys.stderr), transient=True, get_time=clock)


def in_words(done: float, total: float | None, speed: float | None, elapsed: float | None) -> str:
    """Write "1,200/10,000, 400/s, 22 s left", as far as it is known; "12 s" where nothing is counted."""
    if total is None:
        return duration(elapsed or 0)
    parts = [f"{done:,.0f}/{total:,.0f}"]
    if speed:
        parts.append(f"{speed:,.0f}/s" if speed >= 10 else f"{speed:.1f}/s")
        parts.append(f"{duration(max(0.0, total - done) / speed)} left")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """Write 9 s, 4 min 05 s, or 2 h 07 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"
