"""One row of a comparison: its numbers, flat for a table, and in the order that was asked for."""

from dataclasses import dataclass
from typing import Any

from sabotage.differences import Difference
from sabotage.quality import Quality
from sabotage.resampling import STATISTICS, Standing

DECIMALS = 12  # to which rules are equal: what differs by less differs in rounding
DESCENDING = (*STATISTICS, "difference", "gap", "captured")
ASCENDING = ("log_loss", "ece", "saboteurs", "pivotal", "rank", "name")


@dataclass(frozen=True)
class Gap:
    """What shuffling reliability costs a rule: see `sabotage.permute`."""

    gap: float
    interval: tuple[float, float] | None
    p_value_two_sided: float
    n_permutations: int
    verdict: str


@dataclass(frozen=True)
class Entry:
    """One row of a comparison.

    Attributes
    ----------
    name : str
    quality : Quality
    values : dict of str to Standing
        Accuracy, balanced accuracy and macro-F1 with their bootstrap intervals.
    difference : Difference or None
        None for the reference itself.
    mean_rank : float or None
        Over folds or groups, 1 the best; None for interventions, and without folds and groups.
    gap : Gap or None
        None where the rule takes no reliability, or none was asked for, and for interventions.
    changed_from : str or None
        Of an intervention, the rule without it.
    """

    name: str
    quality: Quality
    values: dict[str, Standing]
    difference: Difference | None
    mean_rank: float | None
    gap: Gap | None
    changed_from: str | None = None


def flat(entry: Entry, statistic: str) -> dict[str, Any]:
    """Return an entry as one level of numbers by name, for a table."""
    own, quality, difference, gap = entry.values[statistic], entry.quality, entry.difference, entry.gap
    low, high = own.interval or (None, None)
    row: dict[str, Any] = {"rule": entry.name, "n_abstained": quality.n_abstained}
    row |= {name: value.value for name, value in entry.values.items()}
    row |= {f"{statistic}_low": low, f"{statistic}_high": high}
    row |= {f"top_{k}": share for k, share in quality.top_k.items()}
    row |= {"log_loss": quality.log_loss, "ece": quality.ece, "wrong": quality.n_wrong}
    row |= {"saboteurs": quality.n_with_saboteur, "pivotal": quality.n_with_pivotal}
    row |= {f"saboteur_{agent}": count for agent, count in quality.saboteurs.items()}
    ahead = None if difference is None else difference.values[statistic]
    low, high = (None, None) if ahead is None or ahead.difference_interval is None else ahead.difference_interval
    captured = None if difference is None or difference.captured is None else difference.captured.value
    row |= {
        "reference": None if difference is None else difference.reference,
        "difference": None if ahead is None else ahead.difference,
        "difference_low": low,
        "difference_high": high,
        "only": None if difference is None else difference.n_only,
        "reference_only": None if difference is None else difference.n_reference_only,
        "p_mcnemar": None if difference is None else difference.p_mcnemar,
        "p_clusters": None if difference is None else difference.p_clusters,
        "p_adjusted": None if difference is None else difference.p_adjusted,
        "captured": captured,
        "rank": entry.mean_rank,
        "gap": None if gap is None else gap.gap,
        "gap_low": None if gap is None or gap.interval is None else gap.interval[0],
        "gap_high": None if gap is None or gap.interval is None else gap.interval[1],
        "gap_p": None if gap is None else gap.p_value_two_sided,
        "verdict": None if gap is None else gap.verdict,
    }
    return row


def in_order(entries: list[Entry], sort: str, statistic: str) -> list[Entry]:
    """Return the entries with the best first; what has no such number comes last."""

    def key(entry: Entry) -> tuple[bool, Any]:
        value = flat(entry, statistic)["rule" if sort == "name" else sort]
        if value is None:
            return True, 0
        if sort == "name":
            return False, value
        return False, round(value if sort in ASCENDING else -value, DECIMALS)

    return sorted(entries, key=key)
