"""What an audit holds beside its own rule: the other rules, and what each agent is worth, where that is quick."""

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from sabotage.errors import SabotageError, SabotageWarning
from sabotage.fusion import Replay
from sabotage.notes import Notes
from sabotage.resampling import STATISTICS
from sabotage.shapley import MOST_AGENTS
from sabotage.shares import Attribution

if TYPE_CHECKING:
    from sabotage.comparison import Comparison

MOST_CELLS = 5_000_000  # examples x agents x classes of a quick comparison: some ten seconds
MOST_DOSED = 10_000  # examples of a quick dose-response, which takes some 200 tests
MOST_SUBSETS = 50_000_000  # examples x subsets of agents of a quick attribution

Found = TypeVar("Found")


def compare_beside(
    ready: Replay,
    wanted: bool | None,
    notes: Notes,
    *,
    statistic: str,
    threshold: float | str,
    top_k: Sequence[int],
    seed: int,
    threads: int | None,
) -> "Comparison | None":
    """Compare the rules of the catalogue that need no learning with the best agent, the audited rule among them.

    Parameters
    ----------
    ready : Replay
    wanted : bool or None
        None: where it is quick.
    notes : Notes
        Takes the reason where there is none.
    statistic : str
        Balanced accuracy stands in for one that comparisons do not have.
    """
    from sabotage.comparison import compare
    from sabotage.contenders import RECORDED, default_rules
    from sabotage.teaching import Teaching

    panel = ready.panel
    cells = panel.n_examples * panel.n_agents * panel.n_classes
    if not _is_wanted(wanted, cells <= MOST_CELLS, "comparison", "compare", notes):
        return None
    names = default_rules(panel, Teaching(None, None, None, seed))
    rules = [ready if name == ready.rule.name else name for name in names]
    if ready.rule.name not in names:
        rules.append(ready)
    if panel.fused_label is not None:
        rules.append(RECORDED)

    def run() -> "Comparison":
        return compare(
            panel,
            rules,
            statistic=statistic if statistic in STATISTICS else "balanced_accuracy",
            threshold=threshold,
            top_k=[k for k in top_k if 1 < k <= panel.n_classes],
            n_permutations=0,
            seed=seed,
            clip=ready.clip,
            temperature=ready.temperature,
            threads=threads,
        )

    return _had("comparison", run, notes)


def attribute_beside(
    ready: Replay, wanted: bool | None, notes: Notes, *, seed: int, threads: int | None
) -> Attribution | None:
    """Say what each agent adds to the decisions of the replayed rule, on all examples and on those of each class.

    `wanted` None: where it is quick; the reason where there is none goes into `notes`.
    """
    from sabotage.attribution import MOST_EXACT, N_ORDERS, attribute

    panel = ready.panel
    m = panel.n_agents
    subsets = panel.n_examples * (2**m if m <= MOST_EXACT else N_ORDERS * m)
    is_quick = m <= MOST_AGENTS and subsets <= MOST_SUBSETS and not ready.is_slow
    if not _is_wanted(wanted, is_quick, "attribution", "attribute", notes):
        return None
    return _had("attribution", lambda: attribute(ready, by_group=False, seed=seed, threads=threads), notes)


def is_dosed(ready: Replay, wanted: bool | None, notes: Notes) -> bool:
    """Return whether to measure the dose-response: `wanted`, or where that is quick; the reason why not is a note."""
    is_quick = ready.panel.n_examples <= MOST_DOSED and not ready.is_slow
    return _is_wanted(wanted, is_quick, "dose_response", "dose-response", notes)


def _is_wanted(wanted: bool | None, is_quick: bool, what: str, option: str, notes: Notes) -> bool:
    if wanted is False:
        notes.add(f"{what} is null: it was not asked for")
    elif wanted is None and not is_quick:
        notes.add(f"{what} is null: it would take long on a table of this size; --{option} runs it all the same")
        return False
    return wanted is not False


def _had(what: str, run: Callable[[], Found], notes: Notes) -> Found | None:
    """Return what can be had, else None with the reason: it stands beside an audit, which goes on without."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SabotageWarning)  # what the audit has said already
            return run()
    except SabotageError as error:
        notes.add(f"{what} is null: {error}")
        return None
