"""`tutor doctor`: every part checked, each with what cures it."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from corpus.loading import CorpusError
from tutor.errors import TutorError
from tutor.settings import Settings

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Check:
    """The state of one part; the cure is empty where none is needed."""

    name: str
    ok: bool
    detail: str
    cure: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The fields of the command line's contract."""
        return asdict(self)


def examine(settings: Settings, progress: Progress) -> Iterator[Check]:
    """Check every part in turn; a part that fails does not keep the others from being checked."""
    parts: dict[str, Callable[[Settings], str]] = {
        "python": _python,
        "home": _home,
        "corpus": _corpus,
        "database": _database,
        "embeddings": _embeddings,
        "index": _index,
        "model": _model,
        "vllm": _vllm,
        "server": _server,
        "sandbox": _sandbox,
        "front end": _front_end,
    }
    for number, (name, part) in enumerate(parts.items()):
        progress("Checking", number / len(parts))
        try:
            yield Check(name, True, part(settings))
        except TutorError as error:
            yield Check(name, False, error.message, error.cure)
        except CorpusError as error:
            yield Check(name, False, str(error), "Check out the project again.")


def _python(settings: Settings) -> str:
    version = ".".join(map(str, sys.version_info[:3]))
    if not (3, 11) <= sys.version_info < (3, 13):
        raise TutorError(f"Python {version} is not supported.", "Use Python 3.11 or 3.12.")
    return f"Python {version}"


def _home(settings: Settings) -> str:
    folder = settings.folder()
    free = shutil.disk_usage(folder).free / 2**30
    if free < 2:
        raise TutorError(
            f"{folder} has {free:.1f} GB left.", "Free some space, or set TUTOR_HOME elsewhere."
        )
    return f"{folder} ({free:.0f} GB free)"


def _corpus(settings: Settings) -> str:
    from corpus.exercises import load_items
    from corpus.lessons import load_lessons
    from corpus.papers import load_papers

    return f"{len(load_lessons())} lessons, {len(load_papers())} papers, {len(load_items())} items"


def _database(settings: Settings) -> str:
    from tutor.learner.store import open_store

    store = open_store(settings)
    count = len(store.attempts(settings.learner))
    kind = "PostgreSQL" if settings.database_url.startswith("postgresql") else "SQLite"
    return f"{kind}, {count} attempts of {settings.learner}"


def _embeddings(settings: Settings) -> str:
    from tutor.models.catalog import EMBEDDING
    from tutor.models.resolve import is_prepared

    if not is_prepared(EMBEDDING, settings):
        raise TutorError(
            f"The embedding model {EMBEDDING} is not prepared; search works by words alone.",
            f"Run 'tutor model prepare {EMBEDDING}'.",
        )
    return f"{EMBEDDING} is prepared"


def _index(settings: Settings) -> str:
    from tutor.index import Index
    from tutor.models.embed import embedding_name

    index = Index(settings, embedding_name())
    documents = len(index.documents())
    if not documents:
        raise TutorError(
            "The index is empty.", "Run 'tutor search anything' once, or 'tutor serve'."
        )
    return f"{documents} documents, {index.count()} passages"


def _model(settings: Settings) -> str:
    from tutor.models.catalog import choose_model
    from tutor.models.resolve import is_prepared

    if settings.llm_url:
        return f"served at {settings.llm_url}"
    choice = choose_model(settings)
    name = choice.name
    if not is_prepared(name, settings, choice.format):
        raise TutorError(
            f"The model {name} is not prepared; answers are quoted from the sources.",
            f"Run 'tutor model prepare {name}'.",
        )
    return f"{name} is prepared"


def _vllm(settings: Settings) -> str:
    if settings.llm_url:
        return "not needed: TUTOR_LLM_URL points to a server"
    if importlib.util.find_spec("vllm") is None:
        raise TutorError("vLLM is not installed.", "Run 'make setup', or set TUTOR_LLM_URL.")
    return "installed"


def _server(settings: Settings) -> str:
    from tutor.models.shared import running_llm

    llm = running_llm(settings)
    return f"{llm.name} answers" if llm else "not running; 'tutor serve' starts it"


def _sandbox(settings: Settings) -> str:
    from tutor.exercises.sandbox import check_isolation

    return f"holds: {check_isolation()}"


def _front_end(settings: Settings) -> str:
    if not settings.loopback and settings.password is None:
        raise TutorError(
            f"TUTOR_HOST is {settings.host}, but no password is set.", "Set TUTOR_PASSWORD."
        )
    return f"http://{settings.host}:{settings.port}"
