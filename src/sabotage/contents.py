"""The content of an audit, whichever way it comes: an audit, one that was read, its plain fields, or audit.json."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sabotage.errors import SabotageError

MARKS = ("schema", "finding", "input", "settings", "agents", "decision")  # keys that an audit has had in every version


def content_of(audit: Any) -> Mapping[str, Any]:
    """Return the plain fields of an audit: of an `Audit` or whatever has its `content`, or of such fields themselves.

    Raises
    ------
    SabotageError
        If it is neither, or lacks what every audit has.
    """
    content = getattr(audit, "content", audit)
    if not isinstance(content, Mapping):
        raise SabotageError(f"an audit, or the content of audit.json, is needed: found {type(audit).__name__}")
    missing = [key for key in MARKS if key not in content]
    if missing:
        raise SabotageError(f"the content of an audit must have the key {missing[0]}: found {len(content)} other keys")
    return content


def audit_file(path: str | Path) -> Path:
    """Return the file audit.json: itself, or that in the folder that `sabotage analyze -o` wrote it to."""
    place = Path(path)
    return place / "audit.json" if place.is_dir() else place


@contextmanager
def taken_apart(what: str) -> Iterator[None]:
    """Raise SabotageError where a part of a content is missing, or of another kind than an audit has."""
    try:
        yield
    except SabotageError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        found = f"{type(error).__name__}: {error}"
        raise SabotageError(f"{what} is damaged, or of another version ({found}): analyze the table again") from error


def is_audit(path: object) -> bool:
    """Whether a file, or one in a folder, is an audit.json, and no table: by its name, and what it begins with."""
    if not isinstance(path, str) or audit_file(path).suffix != ".json":
        return False
    try:
        content = json.loads(audit_file(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and all(key in content for key in ("schema", "finding"))


def read_content(path: str) -> Mapping[str, Any]:
    """Return the content of a file audit.json, or of that in a folder.

    Raises
    ------
    SabotageError
        If it cannot be read, or is none.
    """
    file = audit_file(path)
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SabotageError(f"{file} cannot be read: {error.strerror or error}") from None
    except ValueError:
        raise SabotageError(f"{file} is no JSON: give the audit.json that sabotage analyze -o writes") from None
    if not isinstance(content, dict) or any(key not in content for key in MARKS):
        raise SabotageError(f"{file} is no audit: give the audit.json that sabotage analyze -o writes")
    return content


def flat(name: str, *path: str) -> str:
    """Return the name under which intervals list a number: top_k, 1 is top_1; rates, per_example, saboteur turns round.

    Everything else has the name of its field.
    """
    if name == "top_k":
        return f"top_{path[0]}"
    if name == "rates":
        return f"{path[1]}_{path[0]}"
    return ".".join((name, *path))


def interval_of(owner: Mapping[str, Any], name: str) -> tuple[float, float] | None:
    """Return the 95 % interval of a field of a profile or a decision; None where there is none, or none was written."""
    found = (owner.get("intervals") or {}).get(name)
    return None if found is None or None in found else (float(found[0]), float(found[1]))
