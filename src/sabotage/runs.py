"""Several runs over the same examples, or over different data: is it the dataset or the model that fails?"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from sabotage.aligning import Aligned, common_agents, common_rows
from sabotage.aligning import runs_by_seed as runs_by_seed
from sabotage.datasets import profile_datasets
from sabotage.errors import SabotageError, count_of
from sabotage.files import sha256
from sabotage.fusion import CLIP, TEMPERATURE, Replay
from sabotage.intervals import FEWEST_CLUSTERS
from sabotage.judging import Judged, judge
from sabotage.learning import Fitted
from sabotage.notes import Notes
from sabotage.panel import Panel
from sabotage.roles import THRESHOLD
from sabotage.rules import Rule
from sabotage.run_kappas import RunKappas, measure_kappas
from sabotage.run_rates import RunDifference, RunProfile, profile_runs
from sabotage.run_sums import Sums
from sabotage.run_words import say_runs
from sabotage.suspects import Suspects, find_suspects
from sabotage.variance import Component, Share, Variance, split_variance

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("run", "to", "agent", "number", "value", "low", "high", "count", "n")


@dataclass(frozen=True)
class RunInput:
    """Where a run came from, how it was decided, and how many of its examples are compared."""

    run: str
    path: str | None
    format: str
    sha256: str | None
    n_examples: int
    n_compared: int
    rule: str
    decision: str


@dataclass(frozen=True, repr=False)
class Runs:
    """What several runs share and where they part.

    Attributes
    ----------
    is_same : bool
        Whether they are over the same examples; else over different data, whose samples are independent.
    inputs : tuple of RunInput
    agents : tuple of str
        Those that all runs have.
    n_examples : int or None
        In common; None for different data.
    n_clusters : int or None
    group : str or None
        Whose values the clusters are.
    profiles : tuple of RunProfile
    differences : tuple of RunDifference
        Of each run to the mean of the others, paired; of different data of each run to the first.
    kappas, variance, suspects
        Of the same examples, see `sabotage.run_kappas`, `sabotage.variance` and `sabotage.suspects`; else None.
    findings : tuple of str
        What this speaks for, with its size: evidence, no ruling.
    notes : tuple of str
    """

    is_same: bool
    inputs: tuple[RunInput, ...]
    agents: tuple[str, ...]
    n_examples: int | None
    n_clusters: int | None
    group: str | None
    profiles: tuple[RunProfile, ...]
    differences: tuple[RunDifference, ...]
    kappas: RunKappas | None
    variance: Variance | None
    suspects: Suspects | None
    findings: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def names(self) -> tuple[str, ...]:
        """The runs' names, in the order in which they were given."""
        return tuple(one.run for one in self.inputs)

    def rows(self) -> list[tuple[Any, ...]]:
        """Return every number of every run and difference, then the split of the variance, by `COLUMNS`."""
        rows: list[tuple[Any, ...]] = []
        runs: list[RunProfile | RunDifference] = [*self.profiles, *self.differences]
        for one in runs:
            to = (one.to or "the others' mean") if isinstance(one, RunDifference) else None
            for agent, own in [(None, one.decision), *one.agents.items()]:
                for name, rate in own.items():
                    ends = rate.interval or (None, None)
                    rows.append((one.run, to, agent, name, rate.value, *ends, rate.count, rate.n))
        if self.variance is not None:
            parts: list[tuple[str, Component | Share]] = [
                *((f"component_{name}", part) for name, part in self.variance.components.items()),
                *((f"variance_share_{name}", part) for name, part in self.variance.shares.items()),
            ]
            for name, part in parts:
                ends = part.interval or (None, None)
                rows.append((None, None, None, name, part.share, *ends, None, self.n_examples))
        return rows

    def to_frame(self) -> "pd.DataFrame":
        """Return one row a number of a run, of a difference, or of the split of the variance."""
        import pandas as pd

        return pd.DataFrame(self.rows(), columns=list(COLUMNS))

    def to_dict(self) -> dict[str, Any]:
        """Return the fields of audit.json, in which the suspects are the first 50."""
        return {
            "over": "same examples" if self.is_same else "different data",
            "n_examples": self.n_examples,
            "n_clusters": self.n_clusters,
            "group": self.group,
            "agents": list(self.agents),
            "inputs": [asdict(one) for one in self.inputs],
            "profiles": [asdict(one) for one in self.profiles],
            "differences": [asdict(one) for one in self.differences],
            "kappas": None if self.kappas is None else self.kappas.to_dict(),
            "variance": None if self.variance is None else self.variance.to_dict(),
            "suspects": None if self.suspects is None else self.suspects.to_dict(),
            "finding": list(self.findings),
            "notes": list(self.notes),
        }

    def __repr__(self) -> str:
        return "\n".join([f"Runs of {', '.join(self.names)}", *self.findings])

    def _repr_html_(self) -> str:
        from sabotage.reports.running import runs_card

        return runs_card(self)


def compare_runs(
    panels: Mapping[str, Panel],
    *,
    judged: Judged | None = None,
    rule: str | Rule | Fitted | Replay | None = None,
    decision: str | None = None,
    threshold: float | str = THRESHOLD,
    clip: float = CLIP,
    temperature: float = TEMPERATURE,
    different: bool | None = None,
    seed: int = 0,
) -> Runs:
    """Compare runs over the same examples, such as backbones, seeds or prompts, or over different data.

    Examples go by their ids, agents by their names, classes by their texts. Every run is decided as it is, with all of
    its examples and agents, before it is cut to what all runs have.

    Parameters
    ----------
    panels : mapping of str to Panel
        At least two runs by name; those of one panel whose ids repeat over seeds: `sabotage.runs_by_seed`.
    judged : Judged, optional
        The first run with its decisions and roles, where it has them. The others are replayed by the same rule, with
        the recorded decisions where those were taken and a run has them; `rule`, `decision`, `clip` and `temperature`
        are not used.
    rule, decision, threshold, clip, temperature
        As for `sabotage.analyze`; None is each run's own default.
    different : bool, optional
        Whether the data differ; by default they do where runs share fewer than half of the smallest one's ids.
    seed : int
        Of the resamples.

    Returns
    -------
    Runs
        Of the same examples: what each run reaches, whether the same agents sabotage the same examples, how the
        variance of sabotage splits, and suspected labels. Of different data: profiles side by side.

    Raises
    ------
    SabotageError
        For fewer than two runs, runs that share ids and not their truth, runs without an agent in common, or a rule
        that a run cannot feed.
    """
    if len(panels) < 2:
        raise SabotageError(f"two runs are the least that can be compared: found {count_of(len(panels), 'run')}")
    if not 0 <= seed < 2**63:
        raise SabotageError(f"seed must lie in [0, 2^63): found {seed}")
    notes = Notes()
    agents = common_agents(panels, notes)
    rows = common_rows(panels, different, notes)
    options = {"threshold": threshold, "clip": clip, "temperature": temperature}
    runs: dict[str, Judged] = {}
    for name, panel in panels.items():
        if judged is not None:
            runs[name] = _like(judged, name, panel, threshold, notes) if runs else judged
            continue
        try:
            runs[name] = judge(panel, rule=rule, decision=decision, **options)  # type: ignore[arg-type]
        except SabotageError as error:
            raise SabotageError(f"run {name}: {error}") from None
    _note_rules(runs, notes)
    if judged is not None:
        for sentence in notes:
            judged.notes.add(f"runs: {sentence}")
    else:
        for name, run in runs.items():
            for sentence in run.notes:
                notes.add(f"{name}: {sentence}")
    if rows is None:
        profiles, differences = profile_datasets(runs, agents)
        inputs = tuple(_input(name, run, run.panel.n_examples, notes) for name, run in runs.items())
        findings = say_runs(profiles, differences, None, None, None, None)
        return Runs(False, inputs, agents, None, None, None, profiles, differences, None, None, None, findings,
                    tuple(notes))  # fmt: skip
    aligned = Aligned(runs, agents, _classes(panels), rows)
    profiles, differences = profile_runs(aligned)
    sums = Sums(aligned.parts, seed)
    if sums.n_clusters < FEWEST_CLUSTERS:
        notes.add(f"runs: intervals are null: it takes {FEWEST_CLUSTERS} examples or clusters, found {sums.n_clusters}")
    kappas = measure_kappas(aligned.saboteur, agents, tuple(runs), sums)
    variance = split_variance(aligned.saboteur, sums) if aligned.n_examples > 1 else None
    suspects = find_suspects(aligned)
    if variance is None:
        notes.add("variance is null: it takes two examples in common")
    inputs = tuple(_input(name, run, aligned.n_examples, notes) for name, run in runs.items())
    findings = say_runs(profiles, differences, kappas, variance, suspects, aligned.n_examples)
    return Runs(True, inputs, agents, aligned.n_examples, sums.n_clusters, aligned.panel.group, profiles, differences,
                kappas, variance, suspects, findings, tuple(notes))  # fmt: skip


def _like(first: Judged, name: str, panel: Panel, threshold: float | str, notes: Notes) -> Judged:
    """Judge another run as the first one was, as far as that can be."""
    ready, decision = first.replay, None
    if first.roles.decision.source == "replayed":
        decision = "replayed"
    elif panel.fused_label is None:
        notes.add(f"{name} has no recorded decision: it is compared with the replayed one")
    rule: str | Rule | None = ready.rule
    if ready.fitted is not None or ready.rule.learned or ready.rule.combine == "call":
        notes.add(f"{name} is replayed by its default rule, since {ready.rule.name} was made for the first run alone")
        rule = None
    options: dict[str, Any] = {"decision": decision, "threshold": threshold, "clip": ready.clip}
    options["temperature"] = ready.temperature
    try:
        return judge(panel, rule=rule, **options)
    except SabotageError as error:
        if rule is None:
            raise SabotageError(f"run {name}: {error}") from None
    try:
        found = judge(panel, **options)
    except SabotageError as error:
        raise SabotageError(f"run {name}: {error}") from None
    notes.add(f"{name} cannot feed {ready.rule.name} and is replayed by its default rule, {found.replay.rule.name}")
    return found


def _note_rules(runs: Mapping[str, Judged], notes: Notes) -> None:
    """Say where runs are decided in different ways: what parts them may be that."""
    ways = {
        name: "recorded" if run.roles.decision.source == "recorded" else run.replay.rule.name
        for name, run in runs.items()
    }
    if len(set(ways.values())) > 1:
        parts = ", ".join(f"{name} {way}" for name, way in ways.items())
        notes.add(f"runs are decided in different ways, which may part them: {parts}")


def _input(name: str, run: Judged, n_compared: int, notes: Notes) -> RunInput:
    panel, digest = run.panel, None
    if panel.origin.paths:
        try:
            digest = sha256(panel.origin.paths)
        except OSError as error:
            notes.warn(f"sha256 of {name} is null: {error.filename} cannot be read any more ({error.strerror})")
    return RunInput(
        name,
        panel.origin.path,
        panel.origin.format,
        digest,
        panel.n_examples,
        n_compared,
        run.replay.rule.name,
        run.roles.decision.source,
    )


def _classes(panels: Mapping[str, Panel]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(label) for panel in panels.values() for label in panel.classes))
