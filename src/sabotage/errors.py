"""What sabotage raises, what it warns of, and how a message names what was meant."""

from collections.abc import Iterable


class SabotageError(ValueError):
    """Something could not be done; the message says in one sentence what was found and what would do."""


class SabotageWarning(UserWarning):
    """Something is legal but suspicious; the same sentence stands in the notes."""


def listed(names: Iterable[object], most: int = 8) -> str:
    """Write names as 'a, b and 3 more', sorted as given."""
    texts = [str(name) for name in names]
    if len(texts) > most:
        return f"{', '.join(texts[:most])} and {len(texts) - most} more"
    return ", ".join(texts) if texts else "none"


def count_of(count: int, noun: str, plural: str | None = None) -> str:
    """Write how many there are: 1 example, 2 examples."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def are(count: int, one: str = "is", more: str = "are") -> str:
    """Return the verb that goes with a count."""
    return one if count == 1 else more


def printable(text: str) -> str:
    """Spell out control characters, so that a name from a file cannot steer a terminal."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """Return ' (did you mean x?)' for a near miss, else an empty text."""
    import difflib

    near = difflib.get_close_matches(name, list(choices), n=1)
    return f" (did you mean {near[0]}?)" if near else ""


def unknown(what: str, name: str, choices: Iterable[str]) -> SabotageError:
    """Return the error for a name that is none of the choices."""
    choices = sorted(choices)
    return SabotageError(f"unknown {what} {name!r}{did_you_mean(name, choices)}: choose from {listed(choices, 20)}")
