"""Where agents part ways, from each other and from the decision."""

from dataclasses import dataclass
from typing import Any

from sabotage.judging import Judged


@dataclass(frozen=True)
class Disagreement:
    """To be filled in."""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields of audit.json."""
        return {}


def measure_disagreement(judged: Judged) -> Disagreement:
    """To be filled in."""
    return Disagreement()
