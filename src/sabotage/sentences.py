"""A sentence of a methods section, and the sources that are cited at its end."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sentence:
    """A sentence without its full stop, and the keys of the sources that are cited at its end."""

    words: str
    keys: tuple[str, ...] = ()
