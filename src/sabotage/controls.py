"""Tests with reliability whose worth is known: what a rule shows where scores are as good as can be, and no good."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sabotage.fusion import Replay, as_replay
from sabotage.panel import Panel
from sabotage.permutation import permute
from sabotage.results import Permutation
from sabotage.verdicts import DELTA, LEVEL

RIGHT, WRONG = 1.0, 0.05  # what the positive control gives a right agent, and a wrong one
MOST = 1000  # replicates of a control
N_DRAWS = 20  # of each dose
SEEN = 0.8  # share of the draws that have to show it
DOSES = tuple(k / 10 for k in range(11))

Done = Callable[[int, int], None]


@dataclass(frozen=True)
class Control:
    """Numbers of a test with another reliability; a control has no verdict."""

    n_permutations: int
    clean: float
    broken_mean: float
    gap: float
    gap_u: float | None
    gap_se: float | None
    gap_interval: tuple[float, float] | None
    p_value: float
    p_value_two_sided: float
    flip_rate: float


@dataclass(frozen=True)
class Controls:
    """Positive: reliability 1 where an agent is right, .05 where not. Negative: 1 everywhere.

    `can_respond` is whether the positive control's interval clears delta; None where it has no interval.
    """

    positive: Control
    negative: Control
    can_respond: bool | None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields of audit.json."""
        return asdict(self)


@dataclass(frozen=True)
class Dose:
    """`share` of the examples have the positive control's reliability, the others their own; means over the draws."""

    share: float
    clean: float
    gap: float
    seen: float


@dataclass(frozen=True)
class DoseResponse:
    """How much of the positive control it takes to be seen.

    `first_seen` is the smallest share at which 80 % of the draws have a one-sided p of at most .05; None if none has.
    """

    doses: tuple[Dose, ...]
    first_seen: float | None
    n_draws: int
    n_permutations: int

    def to_dict(self) -> dict[str, Any]:
        """Return the fields of audit.json."""
        return asdict(self)


def ideal_reliability(ready: Replay) -> np.ndarray:
    """Return the positive control's reliability: 1 of a right agent, .05 of another, NaN of a silent one, (n, M)."""
    panel = ready.panel
    q = np.where(panel.labels == panel.truth[:, None], RIGHT, WRONG)
    return np.where(panel.spoke, q, np.nan)


def run_controls(
    ready: Replay | Panel, *, delta: float = DELTA, n_permutations: int = MOST, **options: Any
) -> Controls | None:
    """Run the permutation test with the best reliability there could be, and with none.

    Parameters
    ----------
    ready : Replay or Panel
    delta : float
        What the positive control's interval has to clear.
    n_permutations : int
        Of the test; a control has 1,000 at most.
    **options
        As for `permute`. The controls of scheme "single" are those of whole rows.

    Returns
    -------
    Controls or None
        None where the rule takes no reliability.
    """
    ready = as_replay(ready)
    if not ready.rule.uses_reliability:
        return None
    options |= {"delta": delta, "n_permutations": min(n_permutations, MOST)}
    if options.get("scheme") == "single":
        options["scheme"] = "joint"
    positive = permute(ready.with_reliability(ideal_reliability(ready)), **options)
    negative = permute(ready.with_reliability(np.where(ready.panel.spoke, 1.0, np.nan)), **options)
    span = None if positive.moments is None else positive.moments.gap_interval
    return Controls(_control(positive), _control(negative), None if span is None else span[0] > delta)


def measure_dose_response(
    ready: Replay | Panel, *, n_permutations: int = MOST, seed: int = 0, progress: Done | None = None, **options: Any
) -> DoseResponse | None:
    """Give more and more examples the positive control's reliability, and see when the test notices.

    Parameters
    ----------
    ready : Replay or Panel
    n_permutations : int
        Of the test; 1,000 at most for each of the 201 here.
    seed : int
        Of the shuffles, and of which examples come first: one order of the examples a draw, the same for all shares. An
        id has one place in it for all its seeds.
    progress : callable, optional
        Called with (tests done, tests in all).
    **options
        As for `permute`.

    Returns
    -------
    DoseResponse or None
        None where the rule takes no reliability.
    """
    ready = as_replay(ready)
    if not ready.rule.uses_reliability:
        return None
    options |= {"n_permutations": min(n_permutations, MOST), "seed": seed, "interval": False}
    if options.get("scheme") == "single":
        options["scheme"] = "joint"
    ideal, own, units = ideal_reliability(ready), ready.panel.reliability, ready.panel.units
    doses, total = [], 1 + (len(DOSES) - 1) * N_DRAWS
    done = 0
    for share in DOSES:
        tests = []
        for draw in range(N_DRAWS if share > 0 else 1):  # without any of it the draws are all the same
            place = np.random.default_rng((seed, draw)).random(int(units.max()) + 1)[units]
            tests.append(permute(ready.with_reliability(np.where((place < share)[:, None], ideal, own)), **options))
            done += 1
            if progress is not None:
                progress(done, total)
        doses.append(
            Dose(
                share,
                float(np.mean([test.clean for test in tests])),
                float(np.mean([test.gap for test in tests])),
                float(np.mean([test.p_value <= LEVEL for test in tests])),
            )
        )
    seen = [dose.share for dose in doses if dose.seen >= SEEN]
    return DoseResponse(tuple(doses), min(seen, default=None), N_DRAWS, options["n_permutations"])


def _control(test: Permutation) -> Control:
    moments = test.moments
    return Control(
        test.n_permutations,
        test.clean,
        test.broken_mean,
        test.gap,
        None if moments is None else moments.gap_u,
        None if moments is None else moments.gap_se,
        None if moments is None else moments.gap_interval,
        test.p_value,
        test.p_value_two_sided,
        test.flip_rate,
    )
