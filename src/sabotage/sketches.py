"""A sketch of the rows that a rule was fitted on, by which some of them are known again in another panel."""

import hashlib
from collections.abc import Sequence

import numpy as np

from sabotage.panel import Panel

SIZE = 256  # hashes of a sketch: the share that is found again is known to some 3 points


def row_hashes(panel: Panel) -> list[int] | None:
    """Return a 64-bit hash of each row: of its id, or where the table has none, of all that its agents said.

    None where there are neither ids nor scores: labels alone are the same in many rows by chance.
    """
    if panel.origin.id_column is not None:
        said = [str(one).encode() for one in panel.ids.to_pylist()]
    elif panel.scores is not None:
        table = np.concatenate([panel.scores.reshape(panel.n_examples, -1), panel.confidence], axis=1)
        said = [row.tobytes() for row in table]
    else:
        return None
    return [int.from_bytes(hashlib.blake2b(one, digest_size=8).digest()) for one in said]


def sketch(panel: Panel) -> tuple[int, ...]:
    """Return the smallest hashes of the rows: a sample of them that any panel draws alike (Broder 1997)."""
    hashes = row_hashes(panel)
    return () if hashes is None else tuple(sorted(set(hashes))[:SIZE])


def share_seen(known: Sequence[int], panel: Panel) -> float | None:
    """Return the share of a sketch's rows that are among those of a panel; None where it cannot be told."""
    hashes = row_hashes(panel) if known else None
    return None if hashes is None else len(set(known) & set(hashes)) / len(known)
