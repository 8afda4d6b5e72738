"""Taking Ctrl-C where it is safe: between the calls of a long computation."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread


class Stop:
    """Whether somebody asked to stop. No lock in it: a signal handler may not wait for one."""

    asked = False

    def check(self) -> None:
        """Raise KeyboardInterrupt if somebody did."""
        if self.asked:
            raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[Stop]:
    """Make Ctrl-C ask to stop instead of raising anywhere, and raise KeyboardInterrupt at the end at the latest.

    Raised anywhere, it could leave a lock of a thread pool taken for good, and the threads would wait for it: seen once
    in some fifty interrupts. Raised while numba prepares a call, it comes out as a SystemError.
    """
    stop = Stop()
    if current_thread() is not main_thread() or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield stop
        return
    interrupted: list[bool] = []

    def remember(*_: object) -> None:
        interrupted.append(True)
        stop.asked = True

    signal.signal(signal.SIGINT, remember)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if interrupted:
        raise KeyboardInterrupt
