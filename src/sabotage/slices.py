"""Slices of the examples on which there is more sabotage."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sabotage.judging import Judged

SMALLEST = 30


@dataclass(frozen=True)
class Slices:
    """To be filled in."""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields of audit.json."""
        return {}


def find_slices(judged: Judged, by: Sequence[str], *, smallest: int, n_permutations: int, seed: int) -> Slices:
    """To be filled in."""
    return Slices()
