"""Files that are whole or not there: written under a temporary name, then renamed; and their hashes."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sabotage.errors import SabotageError


@contextmanager
def written(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it on success, remove it otherwise."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise SabotageError(f"{path} cannot be written: {error.strerror or error}") from None
    finally:
        temporary.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Make a folder where there is none; raises SabotageError where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SabotageError(f"{folder} cannot be made: {error.strerror or error}") from None


def sha256(paths: Sequence[str]) -> str:
    """Return the SHA-256 of a file, in hexadecimal; of several that of their sorted hashes, one after the other."""
    hashes = []
    for path in paths:
        with open(path, "rb") as file:
            hashes.append(hashlib.file_digest(file, "sha256").hexdigest())
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(sorted(hashes)).encode()).hexdigest()
