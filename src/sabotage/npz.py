"""The arrays of the published quality-permutation code, one npz file a fold, as a wide table."""

import re
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa

from sabotage.columns import FUSED
from sabotage.errors import SabotageError, SabotageWarning, listed

TRUTH = ("y", "labels", "y_true")
IDS = ("ids", "id")
COLUMNS = ("subject", "fold", "seed")  # kept as they are; one value stands for all rows
FOLD = re.compile(r"(?:^|[^a-z])fold[_-]?(\d+)(?!\d)", re.IGNORECASE)


def read(path: str) -> pa.Table:
    """Read one npz file.

    Parameters
    ----------
    path : str
        Arrays ``p_<m>`` of each modality, (n,) of the positive class or (n, C); ``Q<m>``, ``Q_<m>`` or ``q_<m>`` (n,),
        its reliability; ``mask_<m>`` or ``m_<m>`` (n,), or ``mask`` or ``masks`` (n, M) in the order of the modalities,
        1 where it is there; ``p_fused``, the recorded fusion; ``y``, ``labels`` or ``y_true`` (n,), whole numbers from
        0; ``ids``, ``subject``, ``fold`` and ``seed`` (n,). The fold is also read from a name such as cv_fold3.npz.

    Returns
    -------
    pyarrow.Table
        One row an example: ``y``, ``<m>_label``, ``<m>_p_<class>``, ``<m>_reliability`` and what else was there.

    Raises
    ------
    SabotageError
        For a file that is no npz or holds pickled objects, an array of the wrong shape, and a number that is out of
        range or NaN where the mask is 1.

    Notes
    -----
    Of two classes the label is 1 from a probability of .5 on, as that code decides; elsewhere ties go to the lowest
    class. What is NaN without a mask is missing. arXiv:2606.26473
    """
    name = Path(path).name
    arrays = _load(path, name)
    modalities = [key[2:] for key in arrays if key.startswith("p_") and len(key) > 2]
    if not modalities:
        raise SabotageError(f"{name} has no array p_<modality>, such as p_audio: found {listed(arrays)}")
    truth = _truth(arrays, name)
    n, used = len(truth), {_one_of(arrays, TRUTH, name)}
    masks = _masks(arrays, [m for m in modalities if m not in FUSED], n, name, used)
    masks |= {m: None for m in modalities if m in FUSED}
    scores = {m: _probabilities(arrays[f"p_{m}"], f"p_{m}", n, masks[m], name) for m in modalities}
    widths = {m: own.shape[1] for m, own in scores.items()}
    if len(set(widths.values())) > 1:
        found = (f"p_{m} of {width}" for m, width in widths.items())
        raise SabotageError(f"{name}: all modalities must score the same classes: found {listed(found)}")
    n_classes = next(iter(widths.values()))
    if truth.min(initial=0) < 0 or truth.max(initial=0) >= n_classes:
        at = int(np.flatnonzero((truth < 0) | (truth >= n_classes))[0])
        raise SabotageError(
            f"{name}: {_one_of(arrays, TRUTH, name)} must lie in 0 to {n_classes - 1}: found {truth[at]} at index {at}"
        )
    columns = _columns(arrays, n, name, used)
    fold = FOLD.search(Path(path).stem)
    if "fold" not in columns and fold is not None:
        columns["fold"] = pa.array(np.full(n, int(fold.group(1))))
    columns["y"] = pa.array(truth)
    for m in modalities:
        used.add(f"p_{m}")
        own, there = scores[m], ~np.isnan(scores[m]).any(axis=1)
        label = own[:, 1] >= own[:, 0] if n_classes == 2 else np.where(there[:, None], own, 0.0).argmax(axis=1)
        columns[f"{m}_label"] = pa.array(label.astype(np.int64), mask=~there)
        quality = _one_of(arrays, (f"Q{m}", f"Q_{m}", f"q_{m}"), name, needed=False)
        if quality is not None:
            used.add(quality)
            reliability = _quality(arrays[quality], quality, n, masks[m], name)
            columns[f"{m}_reliability"] = pa.array(reliability, mask=np.isnan(reliability) | ~there)
        for c in range(n_classes):
            columns[f"{m}_p_{c}"] = pa.array(own[:, c], mask=~there)
    left = [key for key in arrays if key not in used]
    if left:
        warnings.warn(SabotageWarning(f"{name}: {listed(left)} not read"), stacklevel=2)
    return pa.table(columns)


def _load(path: str, name: str) -> dict[str, np.ndarray]:
    """Return all arrays of a file, without pickle."""
    try:
        opened = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise SabotageError(f"{path} cannot be read: there is no such file") from None
    except OSError as error:
        raise SabotageError(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, EOFError, zipfile.BadZipFile):
        raise SabotageError(f"{name} is no npz file, or is torn: np.savez writes one") from None
    if not isinstance(opened, np.lib.npyio.NpzFile):
        raise SabotageError(f"{name} is one array alone: np.savez writes several under their names")
    arrays = {}
    with opened:
        for key in opened.files:
            try:
                arrays[key] = opened[key]
            except ValueError as error:
                if "pickle" not in str(error).lower():
                    raise SabotageError(f"{name}: the array {key} cannot be read: {error}") from None
                raise SabotageError(
                    f"{name}: the array {key} holds Python objects, which are read by running what the file says: save"
                    f" it as numbers or texts"
                ) from None
            except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
                raise SabotageError(f"{name}: the array {key} is torn: {error}") from None
    odd = [key for key, array in arrays.items() if not isinstance(array, np.ndarray)]
    if odd:
        raise SabotageError(f"{name}: {listed(odd)} is no array: np.savez writes files of arrays alone")
    return arrays


def _one_of(arrays: dict[str, np.ndarray], names: tuple[str, ...], file: str, needed: bool = True) -> str | None:
    """Return which of several names is there; raises SabotageError for two, and for none where one is needed."""
    found = [name for name in names if name in arrays]
    if len(found) > 1:
        raise SabotageError(f"{file}: {' and '.join(found)} could each be meant: keep one")
    if not found and needed:
        raise SabotageError(f"{file} has no array {' or '.join(names)}: found {listed(arrays)}")
    return found[0] if found else None


def _truth(arrays: dict[str, np.ndarray], file: str) -> np.ndarray:
    key = _one_of(arrays, TRUTH, file)
    assert key is not None  # needed
    truth = _numbers(arrays[key], key, None, file)
    odd = np.flatnonzero(~((truth == np.round(truth)) & (np.abs(truth) < 2**53)))
    if len(odd):
        raise SabotageError(f"{file}: {key} must be whole numbers: found {truth[odd[0]]:g} at index {odd[0]}")
    return truth.astype(np.int64)


def _numbers(array: np.ndarray, key: str, n: int | None, file: str) -> np.ndarray:
    """Return an array (n,) of numbers as float64; of (n, 1), its column."""
    if array.dtype.kind not in "biuf":
        raise SabotageError(f"{file}: {key} must be numbers: found {array.dtype}")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or (n is not None and len(array) != n):
        wanted = "(n,)" if n is None else f"({n},)"
        raise SabotageError(f"{file}: {key} must be of shape {wanted}: found {array.shape}")
    return array.astype(np.float64)


def _masks(
    arrays: dict[str, np.ndarray], modalities: list[str], n: int, file: str, used: set[str | None]
) -> dict[str, np.ndarray | None]:
    """Return where each modality is said to be there, (n,) bool; None where nothing is said."""
    every = _one_of(arrays, ("mask", "masks"), file, needed=False)
    if every is not None:
        used.add(every)
        shape = (n, len(modalities))
        if arrays[every].shape != shape:
            raise SabotageError(
                f"{file}: {every} must be of shape {shape}, for {listed(modalities)}: found {arrays[every].shape}"
            )
    masks: dict[str, np.ndarray | None] = {}
    for at, m in enumerate(modalities):
        own = _one_of(arrays, (f"mask_{m}", f"m_{m}"), file, needed=False)
        if own is not None and every is not None:
            raise SabotageError(f"{file}: {own} and {every} could each be the mask of {m}: keep one")
        key = own or every
        if key is None:
            masks[m] = None
            continue
        used.add(key)
        mask = _numbers(arrays[key] if own is not None else arrays[key][:, at], key, n, file)
        odd = np.flatnonzero((mask != 0) & (mask != 1))
        if len(odd):
            raise SabotageError(f"{file}: {key} must be 1 or 0: found {mask[odd[0]]:g} at index {odd[0]}")
        masks[m] = mask == 1
    return masks


def _probabilities(array: np.ndarray, key: str, n: int, mask: np.ndarray | None, file: str) -> np.ndarray:
    """Return probabilities (n, C), NaN throughout a row that is missing."""
    many = array.ndim == 2 and array.shape[1] > 1
    if many and (array.dtype.kind not in "biuf" or len(array) != n):
        raise SabotageError(
            f"{file}: {key} must be numbers of shape ({n},) or ({n}, C): found {array.dtype} of {array.shape}"
        )
    scores = array.astype(np.float64) if many else _numbers(array, key, n, file)[:, None]
    if mask is not None:
        scores[~mask] = np.nan  # whatever stands there
        _refuse(np.isnan(scores) & mask[:, None], scores, f"{key} must be a number where its mask is 1", file)
    _refuse((scores < 0) | (scores > 1), scores, f"{key} must lie in [0, 1]", file)
    scores[np.isnan(scores).any(axis=1)] = np.nan
    return scores if many else np.concatenate([1 - scores, scores], axis=1)


def _quality(array: np.ndarray, key: str, n: int, mask: np.ndarray | None, file: str) -> np.ndarray:
    """Return reliabilities (n,), NaN where there is none."""
    quality = _numbers(array, key, n, file)
    if mask is not None:
        quality[~mask] = np.nan
        _refuse(np.isnan(quality) & mask, quality, f"{key} must be a number where its mask is 1", file)
    _refuse((quality < 0) | np.isinf(quality), quality, f"{key} must lie in [0, inf)", file)
    return quality


def _refuse(wrong: np.ndarray, values: np.ndarray, rule: str, file: str) -> None:
    """Raise SabotageError of the first place that is wrong; (n,) or (n, C)."""
    if wrong.any():
        at = tuple(int(place) for place in np.argwhere(wrong)[0])
        raise SabotageError(f"{file}: {rule}: found {values[at]:g} at index {at[0]}")


def _columns(arrays: dict[str, np.ndarray], n: int, file: str, used: set[str | None]) -> dict[str, pa.Array]:
    """Return ids, subject, fold and seed, as far as they are there."""
    wanted = {"id": _one_of(arrays, IDS, file, needed=False)}
    wanted |= {name: name if name in arrays else None for name in COLUMNS}
    out = {}
    for name, key in wanted.items():
        if key is None:
            continue
        used.add(key)
        values = arrays[key]
        if values.ndim == 0 and name != "id":
            values = np.full(n, values)
        if values.shape != (n,):
            raise SabotageError(f"{file}: {key} must be of shape ({n},): found {values.shape}")
        try:
            # Arrow reads the byte order of the machine alone.
            texts = np.char.decode(values, "utf-8") if values.dtype.kind == "S" else values
            out[name] = pa.array(texts.astype(texts.dtype.newbyteorder("=")))
        except (pa.ArrowException, UnicodeDecodeError):
            raise SabotageError(
                f"{file}: {key} must be numbers or texts (UTF-8): found {values.dtype}; save it as one of them"
            ) from None
    return out
