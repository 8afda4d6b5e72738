"""Notes as sentences, and those that differ only in an agent or a number as one with the others behind it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?![\w])")


@dataclass(frozen=True)
class Note:
    """A sentence, and others that say the same of other agents, the names of all of which are `of`."""

    text: str
    others: tuple[str, ...] = ()
    of: tuple[str, ...] = ()


def as_sentence(text: str, names: Sequence[str] = ()) -> str:
    """Return a text with a capital and a full stop, but for a name from the file, which stays as it is."""
    text = text.strip()
    if not text:
        return text
    first = re.split(r"[\s:,;]", text, maxsplit=1)[0]
    is_name = "_" in first or "." in first or any(_begins(text, name) for name in names)
    text = text if is_name else text[0].upper() + text[1:]
    return text if text[-1] in ".!?" else f"{text}."


def _begins(text: str, name: str) -> bool:
    return bool(name) and text.startswith(name) and not text[len(name) : len(name) + 1].isalnum()


def folded(notes: Sequence[str], agents: Sequence[str], names: Sequence[str] = ()) -> list[Note]:
    """Put together notes that differ only in one agent's name and in numbers, in the order of the first of each.

    Parameters
    ----------
    notes : sequence of str
    agents : sequence of str
        The names that may differ.
    names : sequence of str
        Other names from the file, which keep their first letter as it is.
    """
    longest = sorted(filter(None, agents), key=len, reverse=True)
    agent = re.compile("|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in longest)) if longest else None
    groups: dict[str, list[tuple[str, str]]] = {}
    for note in notes:
        found = [] if agent is None else agent.findall(note)
        if agent is None or len(found) != 1:
            groups.setdefault(note, []).append(("", note))
            continue
        before, after = agent.split(note, maxsplit=1)
        template = f"{NUMBER.sub('0', before)}\0{NUMBER.sub('0', after)}"
        groups.setdefault(template, []).append((found[0], note))
    folds = []
    for members in groups.values():
        texts = [as_sentence(note, [*agents, *names]) for _, note in members]
        folds.append(Note(texts[0], tuple(texts[1:]), tuple(name for name, _ in members) if len(members) > 1 else ()))
    return folds
