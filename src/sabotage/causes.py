"""Why decisions fail: disagreement, dominance, unsure annotators, people, slices and runs, of one panel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sabotage.annotators import UNSURE, Annotators, measure_annotators
from sabotage.disagreement import Disagreement, measure_disagreement
from sabotage.dominance import Dominance, measure_dominance
from sabotage.errors import SabotageError
from sabotage.judging import Judged
from sabotage.panel import Panel
from sabotage.people import People, ask_people
from sabotage.roles import THRESHOLD
from sabotage.runs import Runs, compare_runs
from sabotage.saying import series
from sabotage.slices import SMALLEST, Slices, find_slices

N_PERMUTATIONS = 10_000


@dataclass(frozen=True, eq=False)
class Causes:
    """What speaks for one cause or another of wrong decisions; None where it was not asked for or does not exist."""

    disagreement: Disagreement
    dominance: Dominance
    annotators: Annotators
    people: People | None
    slices: Slices | None
    runs: Runs | None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields of audit.json."""
        return {name: None if value is None else value.to_dict() for name, value in vars(self).items()}


def examine_causes(
    judged: Judged,
    *,
    by: Sequence[str] = (),
    smallest: int = SMALLEST,
    people: Sequence[str] = (),
    full: str | None = None,
    unsure: float | str = UNSURE,
    runs: Mapping[str, Panel] | None = None,
    run_name: str | None = None,
    threshold: float | str = THRESHOLD,
    n_permutations: int = N_PERMUTATIONS,
    seed: int = 0,
) -> Causes:
    """Say what leads into wrong decisions.

    Parameters
    ----------
    judged : Judged
    by, smallest
        Of `sabotage.slices.find_slices`; without columns there are no slices.
    people, full
        Of `sabotage.people.compare_people`; without people there is no comparison.
    unsure
        Of `sabotage.annotators.measure_annotators`.
    runs, run_name
        Panels of other runs, by name, and the name of this one; see `sabotage.runs.compare_runs`.
    threshold : float or str
        Of the roles, which other runs get too.
    n_permutations : int
        Of every test; 0 leaves p-values null.
    seed : int

    Raises
    ------
    SabotageError
        As those functions, or if another run has the name of this one.
    """
    drawn = {"n_permutations": n_permutations, "seed": seed}
    name = judged.panel.origin.name
    own = run_name or name.split(".")[0] or name  # as a bare file of `sabotage runs`
    if runs and own in runs:
        raise SabotageError(f"{own} names two runs: give the audited one a name of its own, --run-name")
    compared = ask_people(judged, people, full)
    unasked = [part for part, asked in {"people": people, "slices": by, "runs": runs}.items() if not asked]
    if unasked:
        they = "is null: it was" if len(unasked) == 1 else "are null: they were"
        judged.notes.add(f"{series(unasked)} {they} not asked for")
    return Causes(
        disagreement=measure_disagreement(judged),
        dominance=measure_dominance(judged, seed=seed),
        annotators=measure_annotators(judged, unsure=unsure, **drawn),
        people=compared,
        slices=find_slices(judged, by, smallest=smallest, **drawn) if by else None,
        runs=compare_runs({own: judged.panel, **runs}, judged=judged, threshold=threshold, seed=seed) if runs else None,
    )
