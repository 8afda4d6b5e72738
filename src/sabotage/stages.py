"""What an analysis is doing right now, told to whoever listens: a progress bar, or nobody."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_listener: ContextVar[Callable[[str], None] | None] = ContextVar("listener", default=None)


def announce(stage: str) -> None:
    """Say that a stage begins, such as "roles and profiles"; of progress told from now on it is that of this stage."""
    listener = _listener.get()
    if listener is not None:
        listener(stage)


@contextmanager
def listening(listener: Callable[[str], None]) -> Iterator[None]:
    """Have the stages that begin inside told to `listener`, in the thread where they begin."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
