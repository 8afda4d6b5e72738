"""What looks as if the truth, or the rows analysed here, went into the making of the table: signs, no proof."""

import numpy as np

from sabotage.panel import Panel

LEAST = 20  # examples below which a perfect pattern may be chance
LEAST_EACH = 5  # right and wrong: of 20 examples, chance parts 5 from 15 once in 7,752 times, either way round


def find_leaks(panel: Panel) -> list[str]:
    """Look for signs that the reliability knows the truth, or that other splits know the examples.

    Returns
    -------
    list of str
        One sentence a sign: who, how many, what it means and what would do. Empty where there is none.

    Notes
    -----
    Of each agent, over the examples on which it spoke and has a reliability: all right ones above all wrong ones, or
    below; and one value within each true class, not the same in all. Of the table: ids and groups that rows of another
    split have too, as they were counted when it was read.
    """
    leaks: list[str] = []
    for m in range(panel.n_agents):
        known = np.flatnonzero((panel.labels[:, m] >= 0) & ~np.isnan(panel.reliability[:, m]))
        if len(known) < LEAST:
            continue
        reliability, truth = panel.reliability[known, m], panel.truth[known]
        what = f"the {'reliability' if panel.weights == 'given' else panel.weights} of {panel.agents[m]}"
        leaks += _separates(what, reliability, panel.labels[known, m] == truth)
        leaks += _follows(what, reliability, truth)
    return leaks + _shared(panel)


def _separates(what: str, reliability: np.ndarray, right: np.ndarray) -> list[str]:
    """Say that the reliability tells right from wrong without a miss, if it does."""
    good, bad = reliability[right], reliability[~right]
    if min(len(good), len(bad)) < LEAST_EACH:
        return []
    if good.min() > bad.max():
        side, meaning = "higher", "it tells right from wrong without a miss"
    elif good.max() < bad.min():
        side, meaning = "lower", "reversed, it tells right from wrong without a miss"
    else:
        return []
    return [
        f"{what} is {side} on each of the {len(good):,} examples that the agent gets right than on any of the"
        f" {len(bad):,} that it gets wrong: {meaning}, as if the truth had gone into it; make it from what is known"
        f" before the truth is"
    ]


def _follows(what: str, reliability: np.ndarray, truth: np.ndarray) -> list[str]:
    """Say that the reliability is a function of the true class, if it is; classes of one example show nothing."""
    counts = np.bincount(truth)
    shown = counts[truth] > 1
    reliability, truth = reliability[shown], truth[shown]
    if len(truth) < LEAST:
        return []
    value = np.zeros(len(counts))
    value[truth] = reliability
    classes = np.flatnonzero(counts > 1)
    n_values = len(np.unique(value[classes]))
    if n_values < 2 or (value[truth] != reliability).any():
        return []
    return [
        f"{what} is the same on all examples of one true class and takes {n_values:,} values over {len(classes):,}"
        f" classes ({len(truth):,} examples): it is a function of the truth; make it from what is known before the"
        f" truth is"
    ]


def _shared(panel: Panel) -> list[str]:
    """Say what rows of another split have in common with the examples."""
    origin = panel.origin
    runs = dict.fromkeys(name for name in (panel.seed_column, panel.fold_column) if name is not None)
    same = f", in the same {' and '.join(runs)}" if runs else ""
    # Without runs, the other rows may be those of another fold: then naming it is what would do.
    repeated = "" if runs else ", or name what tells repeated runs apart with --seed-column or --fold-column"
    leaks = []
    for count, noun, column, seen in (
        (origin.n_shared_ids, "id", origin.id_column, "these examples"),
        (origin.n_shared_groups, "group", panel.group, "examples that are not independent of these"),
    ):
        if count:
            stand = f"s (column {column}) stand" if count > 1 else f" (column {column}) stands"
            leaks.append(
                f"{count:,} {noun}{stand} both in rows of the split {origin.split} and in rows of another{same}: what"
                f" was trained or calibrated there has seen {seen}; keep all rows of one {column} in one"
                f" split{repeated}"
            )
    return leaks
