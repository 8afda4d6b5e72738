"""What comes of a trial: replicates, sums over pairs, the proof that nothing moves, and that all of it agrees."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sabotage.engines import Engine, make_engine
from sabotage.errors import SabotageError
from sabotage.exact import MOST_PAIRS, count_pairs, sum_pairs, unmoved
from sabotage.interrupts import Stop
from sabotage.kernels import pairs
from sabotage.moments import Terms, terms
from sabotage.planning import Plan
from sabotage.results import no_reliability
from sabotage.running import run_cohorts, usable_cpus
from sabotage.sampling import PAIRS, QUICK_PAIRS, SLOW_PAIRS, proves_still, ring_sums
from sabotage.trials import Run, Trial

NO_SUM = "macro-F1 is no sum over examples"
NOT_SHOWN = "scheme independent has none that was shown to be valid"
FEWEST_DERANGED = 20  # rows of a block; in blocks of two p <= .05 came out in 41 % of the samples without any effect
FALSE_ALARM = 1e-9  # chance that exact and Monte Carlo means are called different though both are right


@dataclass(frozen=True)
class Settings:
    """How to run a test, checked by `permute`, which says what each means."""

    scheme: str
    derangement: bool
    n_permutations: int
    seed: int
    exact: bool | None
    interval: bool
    threads: int | None
    engine: str | None
    n_donors: int | None = None


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of one trial.

    Attributes
    ----------
    clean, uniform : list of float
        The statistic of each run as observed, and with every reliability 1.
    broken : ndarray of shape (n_runs, R)
    n_flips : int
        Over all runs and replicates.
    terms : list of Terms, or None
        Of each run, where the statistic and the scheme have sums over pairs.
    why : str or None
        Why there are no sums, or none over all pairs.
    still : str or None
        The proof that no donor changes any decision.
    n_usable : int
    smallest_p : float
    """

    clean: list[float]
    uniform: list[float]
    broken: np.ndarray
    n_flips: int
    terms: list[Terms] | None
    why: str | None
    still: str | None
    n_usable: int
    smallest_p: float


def make_engines(trial: Trial, agent: int | None, settings: Settings, stop: Stop) -> list[Engine]:
    """Return the engine of each run's replicates; none where the rule takes no reliability."""
    if not trial.replay.rule.uses_reliability:
        return []
    in_step = len(trial.runs) > 1
    options = settings.engine, stop.check, in_step, settings.derangement
    return [make_engine(run.stepped, settings.scheme, agent, *options) for run in trial.runs]


def run_trial(
    trial: Trial,
    engines: Sequence[Engine],
    agent: int | None,
    settings: Settings,
    stop: Stop,
    progress: Callable[[int], None] | None,
) -> Outcome:
    """Run the replicates and the sums of one test.

    Raises
    ------
    SabotageError
        Where `settings.exact` asks for sums that do not exist, or, loudly, where the replicates' mean is not the exact
        one within Monte Carlo error.
    """
    n_permutations = settings.n_permutations
    threads = 1 if trial.replay.is_slow else settings.threads or usable_cpus()
    if settings.derangement:
        _require_large_blocks(trial, agent)
    why = _why_no_sums(trial, settings)
    if why is not None and settings.exact:
        raise SabotageError(f"exact sums do not exist: {why}")
    broken, clean, n_flips = np.empty((len(trial.runs), n_permutations)), [], 0
    for number, run in enumerate(trial.runs):
        clean.append(_clean(run))
        if not engines:
            broken[number] = clean[-1]
            continue
        before = number * n_permutations
        tell = None if progress is None else lambda done, before=before: progress(before + done)
        broken[number], flips = run_cohorts(
            engines[number], run.measure, n_permutations, settings.seed, threads, stop, tell
        )
        n_flips += flips
    parts = None
    if why is None:
        runners: Sequence[Engine | None] = engines or [None] * len(trial.runs)
        found = [
            _sum(run, engine, agent, settings, threads, stop) for run, engine in zip(trial.runs, runners, strict=True)
        ]
        parts, why = [part for part, _ in found], next((reason for _, reason in found if reason is not None), None)
        if len(parts) == 1 and why is None and not settings.derangement:
            _agree(parts[0], clean[0] - float((clean[0] - broken[0]).mean()), n_permutations, trial.contested_weight)
    ready = [(run.measure, run.replay) for run in trial.runs]
    uniform = [measure.of_decision(own, own.weightless_decision, own.weightless) for measure, own in ready]
    n_usable = int(np.count_nonzero(trial.usable(agent)))
    return Outcome(
        clean=clean,
        uniform=uniform,
        broken=broken,
        n_flips=n_flips,
        terms=parts,
        why=why,
        still=_proof(trial, agent, settings, n_flips, n_usable, bool(engines), stop),
        n_usable=n_usable,
        smallest_p=_smallest_p(trial, agent, settings),
    )


def _require_large_blocks(trial: Trial, agent: int | None) -> None:
    """Refuse derangements of small blocks: they have so few that p is far too often small."""
    size = np.bincount(trial.block)[trial.block]
    small = trial.usable(agent) & (size < FEWEST_DERANGED)
    if small.any():
        raise SabotageError(
            f"derangements need blocks of {FEWEST_DERANGED} or more, or p is too often small: found"
            f" {int(np.count_nonzero(small)):,} examples in smaller ones; leave --derangement out"
        )


def _clean(run: Run) -> float:
    """Return the statistic as observed; of scores by the loop that sums those of the replicates."""
    ready, plan = run.replay, run.stepped
    if not run.measure.is_log:
        return run.measure.of_decision(ready, ready.decision, ready.weights)
    if ready.is_by_rows:
        return float(ready.worth_of(plan.log, ready.weights)[1][plan.order].sum() / len(plan.order))
    total, identity = np.zeros(1), np.arange(len(plan.order), dtype=np.int32)[None]
    pairs.add_logs(
        plan.log, ready.kind, ready.evidence, ready.spoken, plan.weights, plan.order, plan.truth, identity, total,
    )  # fmt: skip
    return float(total[0] / len(plan.order))


def _why_no_sums(trial: Trial, settings: Settings) -> str | None:
    if not trial.runs[0].measure.is_sum:
        return NO_SUM
    if not settings.interval:
        return "no interval was asked for"
    if not trial.replay.is_rowwise:
        return f"what {trial.replay.rule.name} decides on one example depends on the reliability of others"
    return NOT_SHOWN if settings.scheme == "independent" else None


def _sum(
    run: Run, engine: Engine | None, agent: int | None, settings: Settings, threads: int, stop: Stop
) -> tuple[Terms, str | None]:
    """Return the terms of one run, and why not every pair is in them; `engine` ran its replicates, if any did."""
    measure, plan, worth = run.measure, run.plan, run.worth
    why = None
    if engine is None:
        sums = unmoved(plan, worth[plan.order])
    else:
        # Weights of a softmax depend on the whole row: of those the engines' sums know nothing where one agent moves.
        has_engine = (
            run.replay.is_linear and not measure.is_log and (agent is None or not run.replay.rule.weighs_jointly)
        )
        n_pairs = count_pairs(plan, settings.scheme) if has_engine else _count_all(plan)
        most = MOST_PAIRS if has_engine else SLOW_PAIRS if run.replay.is_slow else PAIRS
        if settings.n_donors is not None and not has_engine:
            most = min(most, max(QUICK_PAIRS, settings.n_donors * len(plan.order)))
        if settings.exact is False:
            why = "exact sums were not asked for"
        elif settings.exact is None and n_pairs > most:
            why = (
                f"exact sums over {n_pairs:,} pairs of examples take long: --exact (in Python exact=True) asks for them"
            )
        if has_engine and why is None:
            if settings.derangement or engine.plan is not plan:  # made for what the core cannot draw, but can sum
                engine = make_engine(plan, settings.scheme, agent, settings.engine, stop.check)
            sums = sum_pairs(engine, measure.class_weights, threads, stop.check)
        else:
            sums = ring_sums(
                plan, agent, measure.class_weights, worth, settings.seed, why is None, threads, stop.check,
                settings.n_donors,
            )  # fmt: skip
            why = None if sums.is_complete else why
    return terms(plan, sums, worth, measure.class_weights, measure.by_class), why


def _count_all(plan: Plan) -> int:
    return int((np.diff(plan.starts)[plan.block_of[plan.swept]] - 1).sum())


def _agree(part: Terms, mean: float, n_permutations: int, bound: float | None) -> None:
    """Raise if the replicates' mean is further from the exact one than Bernstein's inequality lets it be.

    Replicates are independent, with the exact variance, and lie within the weight of the contested examples.
    """
    span = 28.0 if bound is None else bound
    log = math.log(2 / FALSE_ALARM)
    reach = span * log / (3 * n_permutations)
    most = reach + (reach**2 + 2 * part.variance * log / n_permutations) ** 0.5 + 1e-9
    if abs(mean - part.mean) > most:
        raise SabotageError(
            f"the mean of {n_permutations:,} shuffles, {mean:.9f}, is not the exact one, {part.mean:.9f}, within Monte"
            f" Carlo error ({most:.2g}): one of the two is wrong, a defect of sabotage that its authors want to know of"
        )


def _proof(
    trial: Trial, agent: int | None, settings: Settings, n_flips: int, n_usable: int, moves: bool, stop: Stop
) -> str | None:
    """Return the proof that no donor changes any decision, None without one."""
    measure = trial.runs[0].measure
    if not moves:
        return no_reliability(trial.replay.rule.name)
    if n_flips or not n_usable or measure.is_log:
        return None
    n_contested = int(np.count_nonzero(trial.contested))
    if not n_contested:
        return "no decision can change under any reliability (proven for each example by its evidence)"
    if settings.scheme == "independent" or measure.top:  # pairs are tried for their decisions, not their coverage
        return None
    if all(proves_still(run.plan, agent, pause=stop.check) for run in trial.runs):
        return (
            f"no decision of the {n_contested:,} that could change does so for any donor of its block (all pairs tried)"
        )
    return None


def _smallest_p(trial: Trial, agent: int | None, settings: Settings) -> float:
    """Return the smallest one-sided p that could come out, but for luck in the draws."""
    enough = math.log(settings.n_permutations + 1)
    if settings.scheme == "independent":
        each = [trial.log_arrangements(m, enough) for m in range(trial.replay.panel.n_agents)]
        arrangements = sum(each)
    else:
        arrangements = trial.log_arrangements(agent, enough)
    if arrangements >= enough:
        return 1 / (settings.n_permutations + 1)
    return 1 / round(math.exp(arrangements))
