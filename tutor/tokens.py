"""Token vectors of chunks, for late interaction: a SQLite file beside the index.

Each chunk is one row of int8 vectors; 127 stands for 1. A chunk without a row is simply not
reranked, so the file may be deleted at any time: the library fills it again.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from tutor.errors import StoreError
from tutor.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

T = TypeVar("T")
MOST_NAMES = 500  # SQLite takes 32,766 variables in a statement, older builds 999
_TABLE = """
CREATE TABLE IF NOT EXISTS tokens (
    chunk_id TEXT PRIMARY KEY,
    doc_id TEXT NOT NULL,
    dimension INTEGER NOT NULL,
    vectors BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS tokens_doc_id ON tokens (doc_id);
"""


class TokenStore:
    """Token vectors by chunk id; safe from any thread and beside other processes.

    Args:
        settings: The file lies below TUTOR_HOME, even where Chroma is a server.
        name: The index' name: other settings have other vectors.

    Raises:
        StoreError: The file can't be opened.
    """

    def __init__(self, settings: Settings, name: str) -> None:
        self._path = settings.folder("index") / f"{name}-tokens.db"
        self._lock = threading.Lock()
        self._connection = self._mapped("opened", self._open)

    def add(self, doc_id: str, ids: Sequence[str], vectors: Sequence[NDArray[np.float32]]) -> None:
        """Keep the vectors [tokens, dimension] of a document's chunks in place of earlier ones."""
        import numpy as np

        rows = []
        for key, tokens in zip(ids, vectors, strict=True):
            small = np.clip(np.rint(tokens * 127), -127, 127).astype(np.int8)
            rows.append((key, doc_id, small.shape[1], small.tobytes()))

        def write() -> None:
            with self._connection:
                self._connection.execute("DELETE FROM tokens WHERE doc_id = ?", (doc_id,))
                self._connection.executemany("REPLACE INTO tokens VALUES (?, ?, ?, ?)", rows)

        self._mapped("written", write)

    def remove(self, doc_id: str) -> None:
        """Forget a document's vectors; unknown ids are fine."""

        def write() -> None:
            with self._connection:
                self._connection.execute("DELETE FROM tokens WHERE doc_id = ?", (doc_id,))

        self._mapped("written", write)

    def get(self, ids: Sequence[str]) -> dict[str, NDArray[np.int8]]:
        """Vectors [tokens, dimension] by chunk id; unknown ids are left out."""
        import numpy as np

        def read() -> list[tuple[str, int, bytes]]:
            rows = []
            for start in range(0, len(ids), MOST_NAMES):
                batch = list(ids[start : start + MOST_NAMES])
                marks = ", ".join("?" * len(batch))
                query = (
                    f"SELECT chunk_id, dimension, vectors FROM tokens WHERE chunk_id IN ({marks})"
                )
                rows += self._connection.execute(query, batch).fetchall()
            return rows

        return {
            key: np.frombuffer(blob, dtype=np.int8).reshape(-1, dimension)
            for key, dimension, blob in self._mapped("read", read)
        }

    def counts(self) -> dict[str, int]:
        """How many chunks have vectors here, by document."""
        query = "SELECT doc_id, COUNT(*) FROM tokens GROUP BY doc_id"
        return dict(self._mapped("read", lambda: self._connection.execute(query).fetchall()))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=30, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")  # readers do not wait for a writer
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.executescript(_TABLE)
        return connection

    def _mapped(self, verb: str, action: Callable[[], T]) -> T:
        """Run under the lock; whatever SQLite raises becomes a StoreError."""
        try:
            with self._lock:
                return action()
        except sqlite3.Error as error:
            raise StoreError(
                f"The file {self._path.name} could not be {verb}: {error}.",
                "If this stays, delete it from the folder index in TUTOR_HOME: it is made again.",
            ) from error
