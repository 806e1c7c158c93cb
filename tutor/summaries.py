"""Summaries that were made before, by document, model and prompt: asked for again they are there.

A summary is kept under its document's hash and a hash of all else that decides on it: the model
that restates, the prompts, the embedding model that helps to choose the gist, and the code and the
lessons that sentences, terms and topics come from. Where one of them changes, it is made anew.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import logging
import os
from functools import cache
from pathlib import Path

from corpus.roadmap import CORPUS_DIR
from tutor import restate, summarize
from tutor.errors import ConfigError, DocumentError
from tutor.ingest import cues, quotes, salience, sentences, terms
from tutor.ingest.document import PARSER_VERSION, read_bytes, sha256_hex
from tutor.settings import Settings
from tutor.summarize import PaperSummary

logger = logging.getLogger(__name__)
MAX_KEPT = 1000  # of about 5 KB each
_SOURCES = ("roadmap.yaml", "papers.yaml", "terms.yaml", "lessons/**/*.md")


class SummaryCache:
    """Summaries under TUTOR_HOME/cache/summaries; what is damaged or missing is made again.

    Args:
        settings: Says where they are kept.
        model: Name of the language model; empty where there is none.
        embedding: Name of the embedding model; empty where there is none.
    """

    def __init__(self, settings: Settings, model: str, embedding: str) -> None:
        self._settings = settings
        prompts = (restate.RESTATE_SYSTEM, restate.RESTATE_USER, restate.TLDR_USER)
        named = json.dumps([model, embedding, restate.MAX_TOKENS, *prompts])
        self._way = hashlib.sha256(f"{named}\n{_makers()}".encode()).hexdigest()[:24]

    def load(self, sha256: str) -> PaperSummary | None:
        """The summary of the document with this hash, if it was made this way before."""
        try:
            path = self._path(sha256)
            summary = PaperSummary.from_dict(json.loads(path.read_text("utf-8")))
            path.touch()
            return summary
        except (OSError, ConfigError, ValueError, KeyError, TypeError):
            return None

    def load_file(self, path: Path) -> PaperSummary | None:
        """The summary of a file with this content; None where it can't be read."""
        try:
            return self.load(sha256_hex(read_bytes(path)))
        except DocumentError:
            return None  # whoever parses it says why

    def save(self, sha256: str, summary: PaperSummary) -> None:
        """Keep a summary; where that fails it is only not kept."""
        try:
            path = self._path(sha256)
            partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
            partial.write_text(json.dumps(summary.to_dict()), "utf-8")
            os.replace(partial, path)
            kept = sorted(path.parent.glob("*.json"), key=lambda file: file.stat().st_mtime)
            for old in kept[: max(len(kept) - MAX_KEPT, 0)]:
                old.unlink(missing_ok=True)
        except (OSError, ConfigError) as error:
            logger.warning("The summary could not be kept: %s", error)

    def _path(self, sha256: str) -> Path:
        return _folder(self._settings) / f"{sha256[:32]}-{self._way}.json"


def forget_summaries(settings: Settings, sha256: str) -> None:
    """Delete every summary of a document."""
    for path in _folder(settings).glob(f"{sha256[:32]}-*.json"):
        path.unlink(missing_ok=True)


def _folder(settings: Settings) -> Path:
    return settings.folder("cache", "summaries")


@cache
def _makers() -> str:
    """Hash of the code and the lessons that a summary is made with."""
    digest = hashlib.sha256(str(PARSER_VERSION).encode())
    for module in (summarize, restate, salience, cues, quotes, sentences, terms):
        digest.update(inspect.getsource(module).encode())
    for pattern in _SOURCES:
        for path in sorted(CORPUS_DIR.glob(pattern)):
            digest.update(path.read_bytes())
    return digest.hexdigest()
