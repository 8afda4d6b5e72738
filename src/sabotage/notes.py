"""What a reader should know beside the numbers: collected as it comes up, said once."""

import warnings
from collections.abc import Iterator, Sequence

from sabotage.errors import SabotageWarning, listed


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


def folded(notes: Sequence[str], agents: Sequence[str]) -> list[str]:
    """Return notes with those that differ only in the agent whom they begin with made one, at the place of the first.

    "voice: so" and "face: so" are "voice, face: so"; "voice has" and "face has" are "voice, face: each has".
    """
    names: dict[str, list[str]] = {}
    longest = sorted(agents, key=len, reverse=True)  # of voice and voice_2 the one that is meant
    for note in notes:
        agent = next((name for name in longest if note.startswith((f"{name}: ", f"{name} "))), None)
        rest = note if agent is None else note.removeprefix(agent)
        names.setdefault(rest, [])
        if agent is not None:
            names[rest].append(agent)
    sentences = []
    for rest, who in names.items():
        each = "" if rest.startswith(": ") else ": each"
        sentences.append(f"{listed(who, len(who))}{each}{rest}" if len(who) > 1 else f"{''.join(who)}{rest}")
    return sentences
