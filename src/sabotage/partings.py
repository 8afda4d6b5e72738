"""All that is said of why agents and decisions part ways: what `sabotage disagreement` prints and writes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sabotage.annotators import UNSURE, Annotators, measure_annotators
from sabotage.disagreement import Disagreement, measure_disagreement
from sabotage.dominance import Dominance, measure_dominance
from sabotage.files import make_folder, written
from sabotage.judging import Judged
from sabotage.people import People, ask_people

N_PERMUTATIONS = 10_000


@dataclass(frozen=True, eq=False, repr=False)
class Partings:
    """Disagreement, dominance, annotators, and people where they were asked for; notes say what to know."""

    disagreement: Disagreement
    dominance: Dominance
    annotators: Annotators
    people: People | None
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain dicts, lists and numbers; each part has the fields of audit.json."""
        parts = ("disagreement", "dominance", "annotators", "people")
        found = {name: getattr(self, name) for name in parts}
        return {name: None if part is None else part.to_dict() for name, part in found.items()} | {
            "notes": list(self.notes)
        }

    def __repr__(self) -> str:
        return f"{self.disagreement!r}\n{self.dominance!r}"


def find_partings(
    judged: Judged,
    *,
    people: Sequence[str] = (),
    full: str | None = None,
    unsure: float | str = UNSURE,
    n_permutations: int = N_PERMUTATIONS,
    seed: int = 0,
) -> Partings:
    """Say where agents and decisions part ways, and what of it goes with annotators or people.

    Parameters
    ----------
    judged : Judged
        Of `sabotage.judge`.
    people, full, unsure, n_permutations, seed
        Of `sabotage.examine_causes`.

    Raises
    ------
    SabotageError
        For people or a threshold of uncertainty that the panel does not have.
    """
    annotators = measure_annotators(judged, unsure=unsure, n_permutations=n_permutations, seed=seed)
    compared = ask_people(judged, people, full)
    disagreement, dominance = measure_disagreement(judged), measure_dominance(judged, seed=seed)
    return Partings(disagreement, dominance, annotators, compared, tuple(judged.notes))


def write_partings(found: Partings, folder: str | Path) -> tuple[str, ...]:
    """Write disagreement.json to a folder, which is made where there is none, and return the names of what is there."""
    text = json.dumps(found.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    make_folder(Path(folder))
    with written(Path(folder) / "disagreement.json") as path:
        path.write_text(text, encoding="utf-8")
    return ("disagreement.json",)
