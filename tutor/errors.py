"""Every error that Tutor raises on purpose.

    TutorError              what happened, and the cure
    ├── ConfigError         a setting is missing, malformed or contradicts another
    ├── InputError          a file, an id or a text that was handed in can't be used
    │   └── DocumentError   … a document: encrypted, truncated, scanned, too large, not a PDF
    ├── NotFoundError       nothing by that name: topic, paper, question, session, model
    ├── ModelError          the language model or the embedding model can't be had
    │   ├── ChecksumError   … a downloaded file differs from its pinned SHA-256
    │   └── ServerError     … the model server does not start, answer, or went away
    ├── NetworkError        arXiv, a hub or a package index can't be reached
    ├── StoreError          the database can't be opened, read or written
    └── SandboxError        learner code can't be isolated here, so it was not run

Foreign exceptions become one of these at the boundary where they arise; the command line prints
them on one line and exits with 1. Anything else that escapes is a bug.
"""

from __future__ import annotations


class TutorError(Exception):
    """What happened, in one sentence, and what cures it.

    Args:
        message: What happened.
        cure: What the person can do about it; may be empty.
    """

    def __init__(self, message: str, cure: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.cure = cure

    def __str__(self) -> str:
        return f"{self.message} {self.cure}".strip()


class ConfigError(TutorError):
    """A setting is missing, malformed or contradicts another."""


class InputError(TutorError):
    """A file, an id or a text that was handed in can't be used."""


class DocumentError(InputError):
    """A document can't be read: encrypted, truncated, scanned, too large, not a PDF."""


class NotFoundError(TutorError):
    """There is nothing by that name."""


class ModelError(TutorError):
    """The language model or the embedding model can't be had."""


class ChecksumError(ModelError):
    """A file differs from its pinned SHA-256."""


class ServerError(ModelError):
    """The model server does not start, does not answer, or went away."""


class NetworkError(TutorError):
    """A host on the network can't be reached or answers with an error."""


class StoreError(TutorError):
    """The database can't be opened, read or written."""


class SandboxError(TutorError):
    """Learner code can't be isolated here, so it was not run."""
