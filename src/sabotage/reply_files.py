"""Files of replies, jsonl, json or tables, as records of an example's id, an agent and what it replied."""

import glob
import gzip
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import IO, Any

from sabotage.columns import NOT_AGENTS
from sabotage.errors import SabotageError, listed
from sabotage.sources import open_source
from sabotage.tables import NOT_UTF8

ID_FIELDS = ("id", "example_id", "sample_id", "utterance_id", "custom_id")
OWN_ID = ("custom_id",)  # batch services put a number of their own into `id`
AGENT_FIELDS = ("agent", "modality")
REPLY_FIELDS = ("reply", "response", "output", "completion", "content", "text", "answer", "raw")
SAMPLE_FIELD = "sample"
# Where batch services put the text of a reply.
BATCH_PATHS = (
    "response.body.choices.0.message",
    "result.message",
    "choices.0.message",
    "response.body.content",
    "response.choices.0.message",
    "response.candidates.0.content",
)
CHOICES = ("response.body.choices", "response.choices", "choices")  # several of them are samples
FAILED = ("errored", "expired", "canceled", "cancelled")
LINES = (".jsonl", ".ndjson", ".jsonlines")
MISSING = object()


@dataclass(frozen=True)
class Record:
    """One reply in its place: `reply` is a text, a JSON value, or None where there was none; `agent` as written."""

    id: str
    agent: str
    sample: str | None
    reply: Any
    file: str
    line: int  # from 1; of a table the row, from 0

    @property
    def place(self) -> str:
        """Where it stands, for messages."""
        unit = "line" if _parts(self.file)[1] in (*LINES, ".json") else "row"
        return f"{unit} {self.line} of {self.file}"


@dataclass(frozen=True)
class Fields:
    """Dotted paths of the fields, found by name where None."""

    id: str | None = None
    agent: str | None = None
    reply: str | None = None


def find_files(paths: Sequence[str | os.PathLike[str]]) -> list[str]:
    """Return the files that paths and patterns name, each once; raises SabotageError where there is none."""
    found: list[str] = []
    for path in [os.fspath(path) for path in paths]:
        if not os.path.exists(path) and glob.has_magic(path):
            matching = sorted(glob.glob(path, recursive=True))
            if not matching:
                raise SabotageError(f"no file matches {path}")
            found += matching
        elif os.path.isdir(path):
            raise SabotageError(f"{path} is a folder: name its files, for example {os.path.join(path, '*.jsonl')}")
        else:
            found.append(path)
    if not found:
        raise SabotageError("no file of replies is named: give one .jsonl, .json, .csv or .parquet at least")
    return list(dict.fromkeys(found))


def read_records(path: str, fields: Fields) -> Iterator[Record]:
    """Yield the records of one file.

    Raises
    ------
    SabotageError
        Where the file cannot be read, a line is no JSON object, or one has no id or no field of a reply.
    """
    name = os.path.basename(path)
    stem, suffix = _parts(name)
    is_json = suffix in LINES or suffix == ".json"
    entries = _json_entries(path, name, suffix == ".json") if is_json else _rows(path)
    for line, entry in entries:
        record = _record(entry, line, name, stem, fields)
        choices = [] if fields.reply is not None or record.reply is None else _choices(entry)
        for place, choice in enumerate(choices):
            sample = str(place) if record.sample is None else f"{record.sample}.{place}"
            text = _unwrapped(choice.get("message", choice.get("text")))
            yield replace(record, sample=sample, reply=encodable(text) if isinstance(text, str) else text)
        if not choices:
            yield record


def _choices(entry: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the replies of a record that holds several to one question; none where it holds one."""
    for path in CHOICES:
        found = _at(entry, path)
        if isinstance(found, list) and len(found) > 1 and all(isinstance(one, Mapping) for one in found):
            return found
    return []


def _parts(name: str) -> tuple[str, str]:
    base = name[:-3] if name.lower().endswith(".gz") else name
    stem, suffix = os.path.splitext(base)
    return stem, suffix.lower()


def _open(path: str) -> IO[bytes]:
    try:
        with open(path, "rb") as file:
            zipped = file.read(2) == b"\x1f\x8b"
        return gzip.open(path) if zipped else open(path, "rb")  # type: ignore[return-value]
    except OSError as error:
        raise SabotageError(f"{path} cannot be read: {error.strerror or error}") from None


def _json_entries(path: str, name: str, may_be_whole: bool) -> Iterator[tuple[int, Any]]:
    with _open(path) as file:
        if may_be_whole:
            whole = _whole(file.read(), name)
            if whole is not None:
                yield from enumerate(whole, 1)
                return
            file.seek(0)
        number = 0
        try:
            for number, raw in enumerate(file, 1):
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
                if line:
                    yield number, json.loads(line)
        except UnicodeDecodeError:
            raise SabotageError(NOT_UTF8.format(name=f"line {number} of {name}")) from None
        except (ValueError, RecursionError) as error:
            reason = " ".join(str(error).split())[:100]
            raise SabotageError(
                f"line {number} of {name} is not JSON ({reason}): a line must be one object with an id and a reply"
            ) from None
        except (OSError, EOFError) as error:
            raise SabotageError(f"{name} cannot be read: {error}") from None


def _whole(content: bytes, name: str) -> list[Any] | None:
    """Return the records of a file that is one JSON list, None where it is not."""
    try:
        value = json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise SabotageError(NOT_UTF8.format(name=name)) from None
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, list) else [value]


def _rows(path: str) -> Iterator[tuple[int, Any]]:
    source = open_source(path)
    row = 0
    # As texts: "01" is an id, not the number 1.
    for batch in source.batches(source.columns, source.columns, ()):
        for entry in batch.to_pylist():
            yield row, entry
            row += 1


def _record(entry: Any, line: int, name: str, stem: str, fields: Fields) -> Record:
    where = Record("", "", None, None, name, line).place
    if not isinstance(entry, Mapping):
        raise SabotageError(f"{where} must be an object with an id and a reply: found {type(entry).__name__}")
    id = _named(entry, fields.id, OWN_ID if OWN_ID[0] in entry else ID_FIELDS, "id", where)
    if id is MISSING or id is None or id == "" or isinstance(id, dict | list | bool):
        what = f"no field {fields.id!r}" if fields.id is not None else f"no id ({listed(ID_FIELDS)})"
        raise SabotageError(f"{where} has {what}; its fields are {listed(entry)}: name one with --id-field")
    agent = _named(entry, fields.agent, AGENT_FIELDS, "agent", where)
    if agent is MISSING or agent is None:
        if fields.agent is not None:
            raise SabotageError(f"{where} has no field {fields.agent!r} with the agent; its fields are {listed(entry)}")
        agent = stem
    sample = entry.get(SAMPLE_FIELD)
    reply = _reply(entry, fields.reply, where)
    if isinstance(reply, str):
        reply = encodable(reply)
    own_sample = None if sample in (None, "") else _text(sample)
    return Record(_text(id), _checked(encodable(str(agent)), where), own_sample, reply, name, line)


def _text(value: Any) -> str:
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    return encodable(text)


def encodable(text: str) -> str:
    """Replace halves of surrogate pairs, which JSON can spell and UTF-8 cannot."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _checked(agent: str, where: str) -> str:
    name = agent.strip()
    if not name or "\n" in name or "\r" in name:
        raise SabotageError(f"{where}: the name of an agent is one line of text: found {agent!r}")
    if name in NOT_AGENTS:
        raise SabotageError(f"{where}: an agent cannot be called {name!r}, which names the truth or the decision")
    return agent


def _named(entry: Mapping[str, Any], given: str | None, names: Sequence[str], what: str, where: str) -> Any:
    """Return what stands at a path, or in the field that goes by a known name; MISSING where there is none."""
    if given is not None:
        return _at(entry, given)
    found = [name for name in names if name in entry]
    full = [name for name in found if entry[name] is not None]
    if len(full) > 1:
        raise SabotageError(
            f"{where}: {' and '.join(full)} could each be the {what}: say which with --{what}-field {full[0]}"
        )
    return entry[(full or found)[0]] if found else MISSING


def _at(entry: Any, path: str) -> Any:
    """Return what stands at a dotted path, MISSING where there is nothing; a name with dots in it goes first."""
    if isinstance(entry, Mapping) and path in entry:
        return entry[path]
    for part in path.split("."):
        if isinstance(entry, Mapping) and part in entry:
            entry = entry[part]
        elif isinstance(entry, list) and part.isdigit() and int(part) < len(entry):
            entry = entry[int(part)]
        else:
            return MISSING
    return entry


def _reply(entry: Mapping[str, Any], given: str | None, where: str) -> Any:
    """Return the reply of a record; None where it is null or the record tells of an error."""
    if given is not None:
        found = _at(entry, given)
        if found is MISSING and not _has_failed(entry):
            raise SabotageError(f"{where} has no field {given!r} with the reply; its fields are {listed(entry)}")
        return None if found is MISSING else _unwrapped(found)
    if _has_failed(entry):
        return None
    for path in BATCH_PATHS:
        found = _at(entry, path)
        if found is not MISSING:
            return _unwrapped(found)
    found = _named(entry, None, REPLY_FIELDS, "reply", where)
    if found is MISSING:
        raise SabotageError(
            f"{where} has no reply ({listed(REPLY_FIELDS)}); its fields are {listed(entry)}: name one with"
            f" --reply-field"
        )
    return _unwrapped(found)


def _has_failed(entry: Mapping[str, Any]) -> bool:
    """Whether a record says that there was no reply."""
    places = ("error", "response.error", "response.body.error", "result.error", "response.promptFeedback.blockReason")
    if _at(entry, "result.type") in FAILED:
        return True
    return any(_at(entry, place) not in (MISSING, None, "", False, {}) for place in places)


def _unwrapped(value: Any) -> Any:
    """Return the text of a message or of its parts; other values as they are."""
    if isinstance(value, Mapping):
        for key in ("content", "parts", "text"):
            if value.get(key) is not None and ("role" in value or "type" in value or key == "parts"):
                return _unwrapped(value[key])
        if "role" in value:
            calls = value.get("tool_calls") or value.get("function_call")
            refusal = value.get("refusal")
            return calls if calls else {"refusal": refusal} if refusal else None
    if isinstance(value, list) and value and all(isinstance(part, Mapping) and "role" in part for part in value):
        own = [part for part in value if part["role"] in ("assistant", "model")]  # a whole conversation
        return _unwrapped(own[-1]) if own else None
    if isinstance(value, list) and any(isinstance(part, Mapping) and part.get("thought") is True for part in value):
        return _unwrapped([part for part in value if not (isinstance(part, Mapping) and part.get("thought") is True)])
    if isinstance(value, list) and value and all(isinstance(part, Mapping) and "text" in part for part in value):
        return "\n".join(str(part["text"]) for part in value if part["text"] is not None)
    if isinstance(value, list) and value and all(isinstance(part, Mapping) and "type" in part for part in value):
        texts = [str(part["text"]) for part in value if part.get("text")]
        return "\n".join(texts) if texts else [part.get("input", part) for part in value]
    return value
