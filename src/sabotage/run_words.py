"""What several runs speak for, in sentences with sizes: evidence for the dataset or the model, no ruling."""

from collections.abc import Sequence
from statistics import NormalDist

from sabotage.errors import are, count_of
from sabotage.run_kappas import RunKappas
from sabotage.run_rates import Rate, RunDifference, RunProfile
from sabotage.saying import percent, percents, points, series
from sabotage.suspects import Suspects
from sabotage.variance import Share, Variance

MOST_NAMED = 6


def say_runs(
    profiles: Sequence[RunProfile],
    differences: Sequence[RunDifference],
    kappas: RunKappas | None,
    variance: Variance | None,
    suspects: Suspects | None,
    n_examples: int | None,
) -> tuple[str, ...]:
    """Return what was found, in a few sentences."""
    if n_examples is None:
        return _of_datasets(profiles, differences)
    found = [_levels(profiles, n_examples)]
    if variance is not None:
        found.append(_split(variance))
    if kappas is not None:
        found.append(_again(kappas))
    found.append(_apart(differences))
    if suspects is not None:
        found.append(_suspected(suspects, len(profiles), n_examples))
    return tuple(found)


def _levels(profiles: Sequence[RunProfile], n_examples: int) -> str:
    rates = [(one.run, one.decision["accuracy"]) for one in profiles]
    if len(rates) > MOST_NAMED:
        rates.sort(key=lambda one: one[1].value or 0.0)
        low, high = rates[0], rates[-1]
        return (
            f"On the same {count_of(n_examples, 'example')} {len(rates)} runs are right on {_rate(low[1])} ({low[0]})"
            f" to {_rate(high[1])} ({high[0]})."
        )
    return f"On the same {count_of(n_examples, 'example')} " + series(
        [f"{name} is right on {_rate(rate)}" for name, rate in rates]
    ) + "."  # fmt: skip


def _split(variance: Variance) -> str:
    if variance.shares["dataset"].share is None:
        return f"How sabotage varies cannot be split: {variance.why}."
    dataset, model, rest = (_share(variance.shares[name]) for name in ("dataset", "model", "rest"))
    agent = variance.shares.get("agent")
    of_agent = "" if agent is None else f" {_share(agent)} goes with the agent, in every run and example alike;"
    return (
        f"Of the variance of sabotage {dataset} lies with the examples, whichever run decides; {model} goes with the"
        f" run;{of_agent} {rest} is the rest, which no run repeats. The more lies with the examples, the more speaks"
        f" for the dataset; the more goes with the run, the more for the model."
    )


def _again(kappas: RunKappas) -> str:
    who = kappas.who
    if who.value is None:
        return f"Whether the same agents sabotage the same examples cannot be said: {who.why}."
    low_high = "" if who.interval is None else f" [{who.interval[0]:.2f}, {who.interval[1]:.2f}]"
    return (
        f"Who sabotages an example agrees from run to run with kappa {who.value:.2f}{low_high}; 0 is chance, 1 the same"
        f" agent every time."
    )


def _apart(differences: Sequence[RunDifference]) -> str:
    """Name the run whose sabotage differs most from the others' mean, which such a run moves for all others."""
    n = len(differences) if len(differences) > 2 else 1  # of two runs one difference is the other's
    apart = [one for one in differences if _stands_apart(one.decision["with_saboteur"], n)]
    if not apart:
        adjusted = "" if n == 1 else f", adjusted for {n} runs,"
        return (
            f"No run's rate of sabotage stands apart from the mean of the others: no interval{adjusted} leaves out 0."
        )
    apart.sort(key=lambda one: -abs(one.decision["with_saboteur"].value or 0.0))
    first = apart[0]
    ahead = first.decision["with_saboteur"]
    agents = {
        name: own["saboteur_per_example"]
        for name, own in first.agents.items()
        if _leaves_out_0(own["saboteur_per_example"])
    }
    most = max(agents, key=lambda name: abs(agents[name].value or 0.0), default=None)
    by_agent = "" if most is None else f", most of all by {most}, {_more(agents[most])}"
    others = "the other runs on average"
    if len(differences) == 2:
        others = next(one.run for one in differences if one is not first)
    return (
        f"{first.run} is sabotaged on {_more(ahead)} of the examples than {others}{by_agent}: what is"
        f" particular to a run speaks for its model."
    )


def _suspected(suspects: Suspects, n_runs: int, n_examples: int) -> str:
    every = "both runs" if n_runs == 2 else f"all {n_runs} runs"
    if not suspects.n:
        return f"No example is wrong with the same label in {every}; {suspects.expected:.1f} would be by chance."
    excess = suspects.excess.interval
    if excess is None:
        tail = "how many are beyond chance has no interval here"
    elif excess[0] > 0:
        tail = (
            f"beyond chance {excess[0] * n_examples:,.0f} to {excess[1] * n_examples:,.0f} are suspected label or data"
            f" problems, or hard for every run"
        )
    else:
        tail = "no more than chance gives, and no evidence of label problems"
    return (
        f"{count_of(suspects.n, 'example')} ({_rate(suspects.share)}) {are(suspects.n)} wrong with the same label in"
        f" {every}, {suspects.expected:.1f} if runs erred independently within each class: {tail}."
    )


def _of_datasets(profiles: Sequence[RunProfile], differences: Sequence[RunDifference]) -> tuple[str, ...]:
    first = profiles[0]
    found = [
        "Different data: "
        + series([f"{one.run} is right on {_rate(one.decision['accuracy'])}" for one in profiles[:MOST_NAMED]])
        + ("." if len(profiles) <= MOST_NAMED else f", and {len(profiles) - MOST_NAMED} more runs.")
    ]
    for one in differences[:MOST_NAMED]:
        rates = {name: own["saboteur_per_example"] for name, own in one.agents.items()}
        apart = {name: rate for name, rate in rates.items() if _leaves_out_0(rate)}
        if not apart:
            found.append(f"No agent's rate of sabotage in {one.run} is apart from {first.run}'s: intervals hold 0.")
            continue
        most = max(apart, key=lambda name: abs(apart[name].value or 0.0))
        more = "" if len(apart) == 1 else f"; {count_of(len(apart) - 1, 'other agent')} {are(len(apart) - 1)} apart too"
        found.append(f"{most} sabotages {_more(apart[most])} of the examples in {one.run} than in {first.run}{more}.")
    return tuple(found)


def _stands_apart(rate: Rate, n: int) -> bool:
    """Whether a difference leaves out 0 when its interval is made wide enough for n of them, by Bonferroni."""
    if rate.interval is None or rate.value is None:
        return False
    reach = (rate.interval[1] - rate.interval[0]) / 2
    normal = NormalDist()
    return abs(rate.value) > reach * normal.inv_cdf(1 - 0.025 / n) / normal.inv_cdf(0.975)


def _leaves_out_0(rate: Rate) -> bool:
    return rate.interval is not None and (rate.interval[0] > 0 or rate.interval[1] < 0)


def _rate(rate: Rate) -> str:
    return "an unknown share" if rate.value is None else f"{percent(rate.value)}{percents(rate.interval)}"


def _share(share: Share) -> str:
    return "an unknown share" if share.share is None else f"{percent(share.share)}{percents(share.interval)}"


def _more(rate: Rate) -> str:
    """Write a difference that leaves out 0: 4.1 points more [2.0, 6.2]."""
    value = rate.value or 0.0
    low, high = sorted(abs(end) for end in rate.interval or (value, value))
    return f"{points(value)} {'more' if value > 0 else 'fewer'} [{100 * low:.1f}, {100 * high:.1f}]"
