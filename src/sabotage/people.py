"""People with one modality against people with all, and models against both."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sabotage.judging import Judged


@dataclass(frozen=True)
class People:
    """To be filled in."""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields of audit.json."""
        return {}


def compare_people(judged: Judged, people: Sequence[str], full: str | None, *, seed: int) -> People:
    """To be filled in."""
    return People()
