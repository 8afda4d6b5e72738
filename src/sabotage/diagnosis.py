"""Several tests of one panel in one go: rules, statistics and agents, adjusted, with what stands beside them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sabotage.controls import Controls, DoseResponse, measure_dose_response, run_controls
from sabotage.fusion import CLIP, TEMPERATURE, Replay, replay
from sabotage.headroom import Headroom, measure_headroom
from sabotage.learning import Fitted
from sabotage.notes import Notes
from sabotage.panel import Panel
from sabotage.permutation import Progress, permute, permute_each
from sabotage.remarks import (
    first_notes,
    note_controls,
    note_fit,
    note_headroom,
    note_leaks,
    note_permutation,
    note_replay,
    note_seeds,
)
from sabotage.results import Permutation, adjust_tests, to_dict_each
from sabotage.rules import Rule
from sabotage.saying import what_was_found, what_was_not_shown
from sabotage.stages import announce
from sabotage.verdicts import DELTA


@dataclass(frozen=True, eq=False)
class Context:
    """What stands beside the tests of one rule and statistic, None where it was not asked for or does not exist."""

    controls: Controls | None
    headroom: Headroom | None
    dose_response: DoseResponse | None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields of audit.json."""
        return {
            "controls": None if self.controls is None else self.controls.to_dict(),
            "headroom": None if self.headroom is None else asdict(self.headroom),
            "dose_response": None if self.dose_response is None else self.dose_response.to_dict(),
        }


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """Tests of one panel, read together.

    `tests` are by rule, statistic and, of scheme "single", agent; where they are several their p-values are adjusted.
    `contexts` has one entry for each rule and statistic, in the same order.
    """

    panel: Panel
    tests: tuple[Permutation, ...]
    contexts: tuple[Context, ...]
    notes: tuple[str, ...]

    @property
    def findings(self) -> list[str]:
        """What was found, one sentence a test."""
        return [what_was_found(self.panel, test) for test in self.tests]

    @property
    def limits(self) -> list[str]:
        """What was not shown, one sentence a test."""
        return [what_was_not_shown(test) for test in self.tests]

    def to_dict(self, beside: bool = False, power_for: float | None = None) -> dict[str, Any]:
        """Return plain fields: those of audit.json for one test, else a list of them under "tests".

        The tests of one rule and statistic by agent are one entry, with "agents" in it. `beside` adds the contexts,
        `power_for` how many examples would show that gap.
        """
        entries = []
        each = len(self.tests) // len(self.contexts)
        for place, context in enumerate(self.contexts):
            tests = self.tests[place * each : (place + 1) * each]
            if tests[0].agent is None:
                entry = tests[0].to_dict() | _power(tests[0], power_for)
            else:
                entry = to_dict_each({str(test.agent): test for test in tests})
                for test in tests:
                    entry["agents"][test.agent] |= _power(test, power_for)
            entries.append(entry | (context.to_dict() if beside else {}))
        found = entries[0] if len(entries) == 1 else {"tests": entries}
        by_agent = ["what agents do not share is null, and stands under agents"] if self.tests[0].agent else []
        return found | {"notes": [*self.notes, *by_agent]}

    def __repr__(self) -> str:
        return "\n".join(["Diagnosis", *self.findings])

    def _repr_html_(self) -> str:
        from sabotage.reports.cards import diagnosis_card

        return diagnosis_card(self)


def diagnose(
    panel: Panel,
    *,
    rules: Sequence[str | Rule | Fitted | Replay] = (),
    statistics: Sequence[str] = ("balanced_accuracy",),
    scheme: str = "joint",
    within: Sequence[str] = (),
    within_difficulty: int | None = None,
    derangement: bool = False,
    per_seed: bool = False,
    delta: float = DELTA,
    n_permutations: int = 10_000,
    seed: int = 0,
    exact: bool | None = None,
    adjustment: str = "holm",
    controls: bool = False,
    dose_response: bool = False,
    strict: bool = False,
    clip: float = CLIP,
    temperature: float = TEMPERATURE,
    threads: int | None = None,
    engine: str | None = None,
    progress: Progress | None = None,
) -> Diagnosis:
    """Test what reliability does to the decisions of some rules.

    Parameters
    ----------
    panel : Panel
    rules : sequence of str, Rule, Fitted or Replay
    statistics : sequence of str
        Every combination is tested; the default rule where none is named.
    scheme, within, within_difficulty, derangement, per_seed, delta, n_permutations, seed, exact, threads, engine, \
progress
        See `sabotage.permute`; scheme "single" tests each agent.
    adjustment : {"holm", "bh"}
        How the p-values of several tests are adjusted; the raw ones stay.
    controls : bool
        Whether to run the controls, and to measure the headroom.
    dose_response : bool
        Whether to see how much of the positive control it takes to be noticed.
    strict : bool
        Whether a sign that the truth went into the scores is an error instead of a warning.
    clip, temperature : float
        Of the rules that take them.

    Raises
    ------
    SabotageError
        As `permute` and `replay`.
    """
    rules = [rules] if isinstance(rules, str) else rules
    statistics = [statistics] if isinstance(statistics, str) else statistics
    notes = first_notes(panel)
    note_seeds(panel, notes)
    note_leaks(panel, strict, notes)
    tests: list[Permutation] = []
    contexts = []
    for rule in dict.fromkeys(rules) or [None]:
        ready = replay(panel, rule, clip=clip, temperature=temperature)
        note_fit(ready, notes)
        note_replay(ready, notes)
        for statistic in dict.fromkeys(statistics):
            found, context = examine(
                ready,
                notes,
                exact=exact,
                headroom=controls,
                controls=controls,
                dose_response=dose_response,
                progress=progress,
                delta=delta,
                statistic=statistic,
                scheme=scheme,
                within=within,
                within_difficulty=within_difficulty,
                derangement=derangement,
                per_seed=per_seed,
                n_permutations=n_permutations,
                seed=seed,
                threads=threads,
                engine=engine,
            )
            tests += found
            contexts.append(context)
    return Diagnosis(panel, tuple(adjust_tests(tests, adjustment)), tuple(contexts), tuple(notes))


def examine(
    ready: Replay,
    notes: Notes,
    *,
    exact: bool | None,
    headroom: bool,
    controls: bool,
    dose_response: bool,
    progress: Progress | None,
    delta: float,
    **options: Any,
) -> tuple[list[Permutation], Context]:
    """Run the test of one rule and statistic, one for each agent of scheme "single", and what stands beside it.

    `options` are those of `permute`; what is null gets its reason in `notes`.
    """
    announce("permutations")
    once: dict[str, Any] = {"delta": delta, "exact": exact, "progress": progress}
    if options["scheme"] == "single":
        alone = {name: value for name, value in options.items() if name != "scheme"}
        tests = list(permute_each(ready, **alone, **once).values())
    else:
        tests = [permute(ready, **options, **once)]
    for test in tests:
        note_permutation(ready, test, notes)
    room = control = doses = None
    if headroom:
        announce("headroom")
        room = measure_headroom(ready, options["statistic"])
        note_headroom(room, notes)
    if controls:
        announce("controls")
        control = run_controls(ready, delta=delta, **options)
        note_controls(control, tests[0], notes)
    if dose_response:
        announce("dose-response")
        doses = measure_dose_response(ready, **options, progress=progress)
    return tests, Context(control, room, doses)


def _power(test: Permutation, gap: float | None) -> dict[str, Any]:
    if gap is None:
        return {}
    return {"power_for": {"gap": gap, "n_needed": test.examples_needed(gap)}}
