"""What a reader should know beside the numbers: collected as it comes up, said once."""

import warnings
from collections.abc import Iterator

from sabotage.errors import SabotageWarning


class Notes:
    """An ordered set of sentences; those that warn are also Python warnings."""

    def __init__(self, sentences: tuple[str, ...] = ()) -> None:
        self._sentences = dict.fromkeys(sentences)

    def add(self, sentence: str) -> None:
        """Keep a sentence."""
        self._sentences.setdefault(sentence)

    def warn(self, sentence: str) -> None:
        """Keep a sentence about something legal but suspicious, and warn of it."""
        if sentence not in self._sentences:
            self.add(sentence)
            warnings.warn(sentence, SabotageWarning, stacklevel=3)

    def __iter__(self) -> Iterator[str]:
        return iter(self._sentences)
