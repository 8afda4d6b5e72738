"""How often decisions follow one agent against all others."""

from dataclasses import dataclass
from typing import Any

from sabotage.judging import Judged


@dataclass(frozen=True)
class Dominance:
    """To be filled in."""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields of audit.json."""
        return {}


def measure_dominance(judged: Judged, *, seed: int = 0) -> Dominance:
    """To be filled in."""
    return Dominance()
