"""The permutation test: freeze everything, shuffle reliability across examples, see whether decisions suffer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from operator import index

import numpy as np

from sabotage.contrasts import contrast, weigh_examples
from sabotage.engines import SCHEMES
from sabotage.errors import SabotageError, unknown
from sabotage.fusion import Replay, as_replay
from sabotage.interrupts import interruptible
from sabotage.intervals import Estimate
from sabotage.measures import Measure
from sabotage.moments import combine
from sabotage.outcomes import Outcome, Settings, make_engines, run_trial
from sabotage.panel import Panel
from sabotage.results import Permutation, SeedTest, adjust_tests
from sabotage.trials import Trial, make_trials
from sabotage.verdicts import DELTA

MOST = 10**9  # replicates: their statistics have to fit into memory
TIE = 1e-12  # a broken statistic this close to the clean one counts as reaching it

Progress = Callable[[int, int], None]


def permute(
    replay: Replay | Panel,
    *,
    statistic: str = "balanced_accuracy",
    scheme: str = "joint",
    agent: str | None = None,
    within: Sequence[str] = (),
    within_difficulty: int | None = None,
    derangement: bool = False,
    per_seed: bool = False,
    delta: float = DELTA,
    n_permutations: int = 10_000,
    seed: int = 0,
    exact: bool | None = None,
    n_donors: int | None = None,
    interval: bool = True,
    threads: int | None = None,
    engine: str | None = None,
    progress: Progress | None = None,
) -> Permutation:
    """Test whether decisions depend on which example a row of reliability belongs to.

    Evidence, availability, truth and rule stay as they are; reliability moves between examples that share their
    availability pattern and the values of `within` (arXiv:2606.26473; p as in Phipson and Smyth 2010,
    doi:10.2202/1544-6115.1585). It agrees with `scipy.stats.permutation_test` of type "pairings". Beside it stand the
    exact mean and standard deviation over all permutations (Hoeffding 1951, doi:10.1214/aoms/1177729391) and the gap
    with its sampling error, from sums over pairs of examples in a block; the verdict is of that gap.

    Parameters
    ----------
    replay : Replay or Panel
        A rule made ready for a panel, or a panel, for its default rule. Where the panel names a seed column, its ids
        move in step for all seeds, and the statistic is the mean over seeds.
    statistic : {"balanced_accuracy", "accuracy", "macro_f1", "log_likelihood", "top_2", "top_3", ...}
        Means over the classes present in the truth; top_k is the coverage of the truth by the k highest scores, over
        all examples; log_likelihood the mean logarithm of the truth's part in the fused scores, at least 1e-12. Those
        of scores and macro_f1 are counted by numba.
    scheme : {"joint", "independent", "single"}
        What moves: whole rows of reliability, each agent's column on its own, or one agent's column alone.
    agent : str, optional
        Whose column moves, for "single" and only there.
    within : sequence of str
        Kept columns of the panel; a null is a value of its own.
    within_difficulty : int, optional
        Also inside so many strata of the margin by which the equal-weight decision leads: against reliability that only
        knows which examples are easy.
    derangement : bool
        Draw only permutations that leave no row where it was, each as likely as another. p is then an approximation,
        for the observed pairing is none of those that it is compared with; blocks of fewer than 20 are refused.
    per_seed : bool
        Shuffle each seed on its own (inside its folds, where a fold column is named), and combine: p is twice the
        median over seeds, at most 1.
    delta : float
        The smallest gap that matters, for the verdict.
    n_permutations : int
        Replicates, at least 1.
    seed : int in [0, 2**64)
        The same seed gives the same result to the last bit for any number of threads, and for either engine.
    exact : bool, optional
        Whether to sum over all pairs; where None, if these take no longer than some 10,000 replicates. Otherwise the
        gap's interval comes from a sample of pairs. There is none for "independent" and macro_f1.
    n_donors : int, optional
        Where not all pairs are summed over, at most so many donors an example: 64 make the error of the gap larger by a
        hundredth at most. As many as some seconds allow where None.
    interval : bool
        Whether to sum over pairs at all; without, the verdict can be no more than inconclusive.
    threads : int, optional
        The CPUs that this process may use where None.
    engine : {"core", "numba"}, optional
        Who runs the replicates: the C core where it can, unless told otherwise. The results are the same.
    progress : callable, optional
        Called in this thread with (replicates done, replicates in all).

    Raises
    ------
    SabotageError
        For an argument out of range, a column that the panel does not keep, or exact sums that do not exist.
    """
    ready = as_replay(replay)
    settings = _settings(scheme, derangement, n_permutations, seed, exact, interval, threads, engine, n_donors)
    if (agent is not None) != (scheme == "single"):
        raise SabotageError("agent says whose reliability moves: give it for scheme single, and only there")
    if agent is not None and agent not in ready.panel.agents:
        raise unknown("agent", agent, ready.panel.agents)
    numbers = [None if agent is None else ready.panel.agents.index(agent)]
    shape = _Shape(statistic, within, within_difficulty, per_seed, delta)
    return _permute(ready, numbers, shape, settings, progress)[0]


def permute_each(
    replay: Replay | Panel,
    *,
    statistic: str = "balanced_accuracy",
    within: Sequence[str] = (),
    within_difficulty: int | None = None,
    derangement: bool = False,
    per_seed: bool = False,
    delta: float = DELTA,
    n_permutations: int = 10_000,
    seed: int = 0,
    exact: bool | None = None,
    threads: int | None = None,
    engine: str | None = None,
    adjustment: str = "holm",
    progress: Progress | None = None,
) -> dict[str, Permutation]:
    """Run scheme "single" once for each agent: whose reliability matters?

    The same draws serve every agent. Parameters and errors are those of `permute`; p-values are adjusted for the number
    of agents by `adjustment` ("holm" or "bh"), and the raw ones stay.
    """
    ready = as_replay(replay)
    settings = _settings("single", derangement, n_permutations, seed, exact, True, threads, engine)
    numbers = list(range(ready.panel.n_agents))
    shape = _Shape(statistic, within, within_difficulty, per_seed, delta)
    found = _permute(ready, numbers, shape, settings, progress)
    return dict(zip(ready.panel.agents, adjust_tests(found, adjustment), strict=True))


@dataclass(frozen=True)
class _Shape:
    """What is tested, and what a gap has to be to matter."""

    statistic: str
    within: Sequence[str]
    within_difficulty: int | None
    per_seed: bool
    delta: float

    def __post_init__(self) -> None:
        if not 0 <= self.delta < np.inf:
            raise SabotageError(f"delta must be a gap, 0 or more: found {self.delta}")


def _settings(
    scheme: str,
    derangement: bool,
    n_permutations: int,
    seed: int,
    exact: bool | None,
    interval: bool,
    threads: int | None,
    engine: str | None,
    n_donors: int | None = None,
) -> Settings:
    """Check how a test is to be run."""
    if scheme not in SCHEMES:
        raise unknown("scheme", scheme, SCHEMES)
    n_permutations, seed = index(n_permutations), index(seed)
    if not 1 <= n_permutations <= MOST:
        raise SabotageError(f"the number of permutations must be at least 1, at most {MOST:,}: found {n_permutations}")
    if not 0 <= seed < 2**64:
        raise SabotageError(f"seed must lie in [0, 2^64): found {seed}")
    if threads is not None and threads < 1:
        raise SabotageError(f"threads must be at least 1: found {threads}")
    if n_donors is not None and n_donors < 1:
        raise SabotageError(f"n_donors must be at least 1: found {n_donors}")
    return Settings(scheme, derangement, n_permutations, seed, exact, interval, threads, engine, n_donors)


def _permute(
    ready: Replay, agents: Sequence[int | None], shape: _Shape, settings: Settings, progress: Progress | None
) -> list[Permutation]:
    """Run a test for each of the agents, or of whole rows for None; the plan is made once."""
    with interruptible() as stop:
        within = (shape.within,) if isinstance(shape.within, str) else shape.within
        trials = make_trials(ready, shape.statistic, within, shape.within_difficulty, shape.per_seed, stop.check)
        engines = [make_engines(trial, agents[0], settings, stop) for trial in trials]
        n_runs = sum(len(trial.runs) for trial in trials)
        total, found = settings.n_permutations * n_runs * len(agents), []
        for place, agent in enumerate(agents):
            outcomes = []
            for number, (trial, own) in enumerate(zip(trials, engines, strict=True)):
                before = settings.n_permutations * (place * n_runs + number)
                moving = own if agent is None else [engine.for_agent(agent) for engine in own]
                outcomes.append(run_trial(trial, moving, agent, settings, stop, _teller(progress, before, total)))
            found.append(_conclude(ready, trials, outcomes, agent, shape, settings))
    return found


def _teller(progress: Progress | None, before: int, total: int) -> Callable[[int], None] | None:
    return None if progress is None else lambda done: progress(before + done, total)


def _conclude(
    ready: Replay,
    trials: Sequence[Trial],
    outcomes: Sequence[Outcome],
    agent: int | None,
    shape: _Shape,
    settings: Settings,
) -> Permutation:
    """Bring the outcomes of one test together: one, or one a seed."""
    runs = [run for trial in trials for run in trial.runs]
    cleans = [value for outcome in outcomes for value in outcome.clean]
    replicates = np.concatenate([outcome.broken for outcome in outcomes])
    clean, broken = sum(cleans) / len(cleans), replicates.mean(axis=0)
    gap, p_value, two_sided = compare(clean, broken)
    n_permutations = settings.n_permutations
    sd = float((clean - broken).std(ddof=1)) if n_permutations > 1 else None
    seeds: tuple[SeedTest, ...] = ()
    if len(runs) > 1 or shape.per_seed:
        each = [compare(value, own) for value, own in zip(cleans, replicates, strict=True)]
        seeds = tuple(
            SeedTest(run.name, len(run.rows), value, value - lost, lost, p, both)
            for run, value, (lost, p, both) in zip(runs, cleans, each, strict=True)
        )
    smallest = max(outcome.smallest_p for outcome in outcomes)
    if shape.per_seed:
        p_value = min(1.0, 2 * float(np.median([test.p_value for test in seeds])))
        two_sided = min(1.0, 2 * float(np.median([test.p_value_two_sided for test in seeds])))
        smallest = min(1.0, 2 * float(np.median([outcome.smallest_p for outcome in outcomes])))
    given = [outcome.terms for outcome in outcomes]
    parts = [part for own in given if own is not None for part in own]
    clusters = [run.cluster for run in runs]
    moments = combine(parts, clusters, not settings.derangement) if len(parts) == len(runs) else None
    if moments is not None and settings.derangement and moments.exact_mean is not None:
        moments = replace(moments, exact_mean=clean - moments.gap_u)  # each other row is as likely a donor
    z = None
    if moments is not None and moments.exact_mean is not None and moments.exact_sd:
        z = (clean - moments.exact_mean) / moments.exact_sd
    weights = [trial.contested_weight for trial in trials]
    known = [weight for weight in weights if weight is not None]
    stills = [outcome.still for outcome in outcomes]
    return Permutation(
        rule=ready.rule.name,
        scheme=settings.scheme,
        statistic=shape.statistic,
        within=trials[0].within,
        within_difficulty=shape.within_difficulty,
        derangement=settings.derangement,
        n_blocks=sum(trial.n_blocks for trial in trials),
        n_permutations=n_permutations,
        n_units=sum(trial.n_units for trial in trials),
        n_usable=sum(outcome.n_usable for outcome in outcomes),
        n_contested=sum(int(np.count_nonzero(trial.contested)) for trial in trials),
        contested_weight=sum(known) / len(known) if known else None,
        smallest_p=smallest,
        clean=clean,
        broken_mean=clean - gap,
        broken_sd=sd,
        monte_carlo_error=None if sd is None else sd / n_permutations**0.5,
        gap=gap,
        p_value=p_value,
        p_value_two_sided=two_sided,
        p_adjusted=None,
        p_two_sided_adjusted=None,
        adjustment=None,
        z=z,
        p_normal=None if z is None else _normal_tail(z),
        flip_rate=sum(outcome.n_flips for outcome in outcomes) / (n_permutations * ready.panel.n_examples),
        uniform_weights=sum(value for outcome in outcomes for value in outcome.uniform) / len(runs),
        against_weightless=_against_weightless(ready, runs[0].measure),
        delta=float(shape.delta),
        still=stills[0] if None not in stills else None,
        agent=None if agent is None else ready.panel.agents[agent],
        moments=moments,
        why_no_moments=next((outcome.why for outcome in outcomes if outcome.why is not None), None),
        seeds=seeds,
        per_seed=shape.per_seed,
        broken=broken,
        within_folds=ready.part is not None and ready.rule.uses_reliability,
    )


def compare(clean: float, broken: np.ndarray) -> tuple[float, float, float]:
    """Return the gap, the one-sided p, and the two-sided p of a statistic against its replicates (R,)."""
    n = len(broken)
    upper = int(np.count_nonzero(broken >= clean - TIE))
    lower = int(np.count_nonzero(broken <= clean + TIE))
    p_value = (upper + 1) / (n + 1)
    # Of deviations, so that replicates that all equal the clean one have a gap of exactly 0.
    return float((clean - broken).mean()), p_value, min(1.0, 2 * min(p_value, (lower + 1) / (n + 1)))


def _normal_tail(z: float) -> float:
    from scipy.special import ndtr

    return float(ndtr(-z))


def _against_weightless(ready: Replay, measure: Measure) -> Estimate | None:
    """Return the rule less the same with every reliability 1, over clusters."""
    if not measure.is_sum:
        return None
    own = measure.worth(ready, ready.decision, ready.weights)
    other = measure.worth(ready, ready.weightless_decision, ready.weightless)
    return contrast(weigh_examples(ready.panel, measure.by_class), own - other)
