"""Answers on disk: what an agent said of an example, so that a run that was broken off goes on where it stopped."""

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from sabotage.errors import SabotageError

PATIENCE = 60.0  # seconds to wait while another process writes
TABLE = """
CREATE TABLE IF NOT EXISTS answers (
    agent TEXT NOT NULL, version TEXT NOT NULL, example TEXT NOT NULL, answer TEXT NOT NULL,
    PRIMARY KEY (agent, version, example)
) WITHOUT ROWID
"""


def fingerprint(content: object) -> str:
    """Return a hash of what an example holds, the same in every process.

    Raises
    ------
    SabotageError
        If it holds something that cannot be pickled, which is what is hashed.
    """
    from pickle import PicklingError

    import joblib

    try:
        return str(joblib.hash(content))
    except (PicklingError, TypeError, AttributeError) as error:
        raise SabotageError(
            f"an example must hold plain values for its answer to be stored, texts, numbers, arrays: {error!s:.160}"
        ) from None


@dataclass(frozen=True)
class Store:
    """An SQLite file of answers by agent, version and example, the last by its `fingerprint`.

    Values are JSON, so that a store from elsewhere can run nothing. Each `put` is one transaction: a process that is
    killed leaves the answers before it whole, and several processes and threads may share a file. The file is opened
    for each call and closed after it, for a connection lives in neither a thread nor a process other than its own.
    """

    path: str | os.PathLike[str]

    def get(self, agent: str, version: str, examples: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return the answers that are there, by example.

        Raises
        ------
        SabotageError
            If the file cannot be opened, or holds something else.
        """
        query = "SELECT answer FROM answers WHERE agent = ? AND version = ? AND example = ?"
        found = {}
        with self._opened() as connection:
            for example in dict.fromkeys(examples):
                row = connection.execute(query, (agent, version, example)).fetchone()
                if row is not None:
                    found[example] = row[0]
        return {example: self._parsed(text, agent) for example, text in found.items()}

    def put(self, agent: str, version: str, answers: Mapping[str, Mapping[str, Any]]) -> None:
        """Keep answers, all or none of them; where another process was faster its answer stays.

        Raises
        ------
        SabotageError
            If an answer holds what JSON has no word for, or the file cannot be written.
        """
        try:
            rows = [(agent, version, example, json.dumps(answer)) for example, answer in answers.items()]
        except (TypeError, ValueError) as error:
            raise SabotageError(
                f"{agent}: an answer must hold texts, numbers and booleans to be stored: {error!s:.160}"
            ) from None
        with self._opened() as connection:
            # Taking the lock at once: a transaction that reads before it writes could be refused without waiting.
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?)", rows)
            connection.execute("COMMIT")

    def _parsed(self, text: object, agent: str) -> dict[str, Any]:
        try:
            answer = json.loads(text)  # type: ignore[arg-type]  # what is no text is the error below
        except (TypeError, ValueError):
            answer = None
        if not isinstance(answer, dict):
            raise SabotageError(
                f"{os.fspath(self.path)} holds an answer of {agent} that is no JSON object: found {text!r:.80}; another"
                f" program wrote it, so give another path"
            )
        return answer

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            # SQLite takes some names, "" and ":memory:", for a store that is gone once it is closed.
            path = os.path.abspath(os.fspath(self.path))
            with closing(sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)) as connection:
                connection.execute(TABLE)
                yield connection
        except (sqlite3.Error, ValueError) as error:
            raise SabotageError(
                f"{os.fspath(self.path)} cannot be used as a store of answers ({error}): give a path in a folder that"
                f" can be written"
            ) from None
