"""Whether agents disagree where annotators are unsure."""

from dataclasses import dataclass
from typing import Any

from sabotage.judging import Judged

UNSURE = "q0.5"


@dataclass(frozen=True)
class Annotators:
    """To be filled in."""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields of audit.json."""
        return {}


def measure_annotators(judged: Judged, *, unsure: float | str, n_permutations: int, seed: int) -> Annotators:
    """To be filled in."""
    return Annotators()
