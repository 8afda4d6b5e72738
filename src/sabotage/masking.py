"""Blocks of features masked: replaced by means, zeros, rows of other examples or what a user's function makes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np

from sabotage.batches import contents, count, take
from sabotage.errors import SabotageError, listed, unknown
from sabotage.storing import fingerprint

MASKS = ("mean", "shuffle", "zeros")
Mask = str | Callable[[str, Any], Any]


@dataclass(frozen=True, eq=False)
class Masking:
    """A way to mask the blocks of a batch.

    Parameters
    ----------
    blocks : mapping of str to sequence of columns, or sequence of str
        The columns, names or positions, of each modality; or the modalities alone where a batch is a mapping of them to
        arrays of shape (n, ...). Columns of no block are never masked.
    mask : {"mean", "zeros", "shuffle"} or callable
        The background's mean of each feature; 0; the block of one row of the background, as it stands; or a function of
        the modality's name and the block's values that returns as many.
    background : batch of the same kind, optional
        Rows such as the model was trained on; needed by "mean" and "shuffle".
    seed : int
        Of "shuffle". Which row an example gets depends on the seed, the draw, the modality and what the example holds,
        not on where it stands: parts of a batch are masked as the whole is.

    Raises
    ------
    SabotageError
        For an unknown mask, no background where one is needed, or no block.
    """

    blocks: Mapping[str, Sequence[Any]] | Sequence[str]
    mask: Mask = "mean"
    background: Any = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not callable(self.mask) and self.mask not in MASKS:
            raise unknown("mask", str(self.mask), MASKS)
        if self.mask in ("mean", "shuffle") and self.background is None:
            raise SabotageError(f"mask {self.mask} needs background: give rows such as the model was trained on")
        if isinstance(self.blocks, str) or not len(self.blocks):
            raise SabotageError(f"blocks must give the columns of each modality: found {self.blocks!r}")
        if isinstance(self.blocks, Mapping):
            for name, columns in self.blocks.items():
                if isinstance(columns, str) or not (hasattr(columns, "__len__") and len(columns)):
                    raise SabotageError(f"blocks must give a list of columns for {name}: found {columns!r:.80}")
        if self.background is not None and not count(self.background):
            raise SabotageError("background must hold at least one row: found none")

    def apply(self, batch: Any, masked: Sequence[str], kept: Sequence[str] = (), draw: int = 0) -> Any:
        """Return a copy of the batch with some modalities masked, but for columns that are also of a kept one."""
        drawn = self._drawn(batch, masked, draw) if self.mask == "shuffle" else {}
        if not isinstance(self.blocks, Mapping):
            parts = self._parts(batch)
            return {**parts, **{name: self._new(name, parts[name], None, drawn) for name in masked}}
        if isinstance(batch, Mapping):
            raise SabotageError("a batch that is a mapping is masked by its names: give blocks as a list of them")
        free = {column for name in kept for column in self.blocks[name]}
        frame = hasattr(batch, "loc")
        out = batch.copy() if frame else np.array(batch)
        for name in masked:
            columns = [column for column in self.blocks[name] if column not in free]
            free.update(columns)  # a column of two blocks goes with the first
            if not columns:
                continue
            new = self._new(name, _columns(batch, columns), columns, drawn)
            if not frame:
                out = out.astype(np.result_type(out, new), copy=False)  # a mean of integers is none
                out[:, columns] = new
                continue
            for at, column in enumerate(columns):  # one by one: columns may be of different types
                out[column] = new.iloc[:, at].to_numpy() if hasattr(new, "iloc") else np.asarray(new)[:, at]
        return out

    def _new(self, name: str, values: Any, columns: Sequence[Any] | None, drawn: Mapping[str, np.ndarray]) -> Any:
        """Return what stands in place of a block's values."""
        if callable(self.mask):
            new = self.mask(name, values)
            if _shape(new) != _shape(values):
                raise SabotageError(
                    f"mask gave {_shape(new)} values for {name}, which has {_shape(values)}: give as many"
                )
            return new
        if self.mask == "zeros":
            return np.zeros_like(_numeric(values, name))
        behind = self._behind(name, columns)
        wide, own = _shape(behind)[1:], _shape(values)[1:]
        if wide != own:
            raise SabotageError(f"background must be shaped as the batch: {name} of a row is {wide}, and there {own}")
        if self.mask == "shuffle":
            return take(behind, drawn[name].tolist())
        mean = _numeric(behind, name).mean(axis=0)
        if np.isnan(mean).any():
            raise SabotageError(
                f"{name} has no mean: background holds NaN; leave out its rows that have some, or mask by shuffle"
            )
        return np.broadcast_to(mean, (count(values), *mean.shape))

    def _behind(self, name: str, columns: Sequence[Any] | None) -> Any:
        """Return a block of the background."""
        return self._parts(self.background)[name] if columns is None else _columns(self.background, columns)

    def _parts(self, batch: Any) -> Mapping[str, Any]:
        if not isinstance(batch, Mapping) or not set(self.blocks) <= set(batch):
            found = listed(batch) if isinstance(batch, Mapping) else f"a {type(batch).__name__}"
            raise SabotageError(f"a batch must be a mapping of {listed(self.blocks)} to arrays: found {found}")
        return batch

    @cached_property
    def _n_background(self) -> int:
        return count(self.background)

    def _drawn(self, batch: Any, masked: Sequence[str], draw: int) -> dict[str, np.ndarray]:
        """Return the background row of each example and masked modality."""
        prints = [fingerprint(content) for content in contents(batch)]
        return {
            name: np.array([self._row(f"{self.seed}\0{draw}\0{name}\0{own}") for own in prints], np.int64)
            for name in masked
        }

    def _row(self, key: str) -> int:
        # 64 bits over the number of rows: what the remainder favours is beyond what could be seen.
        return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big") % self._n_background


def _columns(batch: Any, columns: Sequence[Any]) -> Any:
    """Return some columns of a DataFrame or a 2-d array."""
    if hasattr(batch, "loc"):
        lost = [column for column in columns if column not in batch.columns]
        if lost:
            raise SabotageError(f"blocks name {listed(lost)}, and the batch has {listed(batch.columns)}")
        return batch[list(columns)]
    if hasattr(batch, "toarray") or hasattr(batch, "schema"):
        raise SabotageError(
            f"a batch to mask must be an array, a pandas DataFrame or a mapping of arrays: found a"
            f" {type(batch).__module__.split('.')[0]} {type(batch).__name__}"
        )
    values, at = np.asarray(batch), np.asarray(columns)
    width = values.shape[1] if values.ndim == 2 else 0
    if at.dtype.kind not in "iu" or at.min() < 0 or at.max() >= width:
        raise SabotageError(
            f"blocks of an array must give positions of columns, from 0: found {listed(columns)} for a batch of shape"
            f" {values.shape}"
        )
    return values[:, at]


def _shape(values: Any) -> tuple[int, ...]:
    """Return a shape; of a list, whose entries may be of different lengths, its own length alone."""
    return tuple(values.shape) if hasattr(values, "shape") else (len(values),)


def _numeric(values: Any, name: str) -> np.ndarray:
    """Return values as an array of numbers."""
    try:
        array = np.asarray(values)
    except ValueError:  # lists of different lengths
        array = np.empty(0, object)
    if array.dtype == object and hasattr(values, "dtypes") and all(kind.kind in "biuf" for kind in values.dtypes):
        array = values.to_numpy(np.float64, na_value=np.nan)  # numbers of several types, or of pandas' own
    if array.dtype.kind not in "biuf":
        raise SabotageError(
            f"{name} holds {array.dtype}, which has neither mean nor zero: mask it by shuffle or by a function"
        )
    return array
