"""What the columns of a long table are: one row a candidate, several rows an example."""

from collections.abc import Sequence
from dataclasses import dataclass

from sabotage.columns import FUSED_LABEL_NAMES, ID_NAMES, require_unique, single
from sabotage.errors import SabotageError, did_you_mean, listed

AGENT = "agent"  # the column that makes a table long
LABEL_NAMES = ("label", "candidate", "prediction", "pred")
CONFIDENCE_NAMES = ("confidence", "conf", "score", "probability", "prob")
RANK_NAMES = ("rank",)
RELIABILITY_NAMES = ("self_assessment", "reliability", "quality")
TRUTH_NAMES = ("y", "y_true", "truth", "target")  # a label is a candidate's


@dataclass(frozen=True)
class LongColumns:
    """What the columns of a long table were understood to be."""

    id: str
    truth: str
    label: str
    confidence: str | None
    rank: str | None
    reliability: str | None
    fused_label: str | None
    ignored: tuple[str, ...]


def recognise_long(
    names: Sequence[str],
    table: str,
    *,
    id: str | None = None,
    truth: str | None = None,
    fused_label: str | None = None,
    weights: str = "reliability",
    reserved: Sequence[str] = (),
) -> LongColumns:
    """Say what each column of a long table is, by its name and by what the caller names.

    Parameters
    ----------
    names : sequence of str
        Column names in file order, `agent` among them.
    table : str
        What messages call the table.
    id, truth, fused_label : str, optional
        Columns; found by name where None.
    weights : str
        "reliability" (a self-assessment), "confidence", "uniform", or a column.
    reserved : sequence of str
        Columns used for something else.

    Raises
    ------
    SabotageError
        Where a column is missing, named and not there, stands twice, or could be read in two ways.
    """
    require_unique(names, table)
    free = [name for name in names if name not in reserved]
    id = single(names, table, id, ID_NAMES, "id", "--id")
    truth = single(names, table, truth, TRUTH_NAMES, "truth", "--truth")
    fused_label = single(names, table, fused_label, FUSED_LABEL_NAMES, "recorded decision", "--fused-label")
    free = [name for name in free if name not in (id, truth, fused_label, AGENT)]
    label = single(free, table, None, LABEL_NAMES, "candidate's label", "another name than")
    confidence = single(free, table, None, CONFIDENCE_NAMES, "confidence", "another name than")
    rank = single(free, table, None, RANK_NAMES, "rank", "another name than")
    reliability = None
    if weights == "reliability":
        reliability = single(free, table, None, RELIABILITY_NAMES, "self-assessment", "--weights")
    elif weights not in ("confidence", "uniform"):
        if weights not in names:
            raise SabotageError(
                f"--weights {weights} reads the column {weights} of a long table, and {table} has none"
                f"{did_you_mean(weights, names)}: its columns are {listed(names)}"
            )
        reliability = weights
    for what, found, known in (("ids", id, ID_NAMES), ("candidates' labels", label, LABEL_NAMES)):
        if found is None:
            raise SabotageError(
                f"{table} has a column {AGENT}, so it is long, one row a candidate, but no column of {what}: name it"
                f" {listed(known)}; its columns are {listed(names)}"
            )
    if truth is None:
        raise SabotageError(
            f"{table} has no column with the truth: name one {listed(TRUTH_NAMES)}, give --truth COLUMN, or a second"
            f" table with --truth-table FILE; its columns are {listed(names)}"
        )
    assert id is not None
    assert label is not None
    used = {id, truth, label, confidence, rank, reliability, fused_label, AGENT, *reserved}
    ignored = tuple(name for name in names if name not in used)
    return LongColumns(id, truth, label, confidence, rank, reliability, fused_label, ignored)
