"""The connection to the learners' database: its URL, its engine, its schema and its errors."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tutor.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

_BUSY_MS = 15_000
_MIGRATIONS = Path(__file__).parent / "migrations"
# Alembic keeps its context in module globals, so one migration runs at a time in a process.
_MIGRATING = threading.Lock()
_PG_LOCK = 7_120_451  # an arbitrary number that all Tutor processes lock while migrating


def parse_url(url: str) -> URL:
    """Read a database URL.

    Raises:
        ConfigError: It is malformed, or names a database that Tutor does not speak.
    """
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise ConfigError(
            "TUTOR_DATABASE_URL is not a database URL.",
            "Write sqlite:////path/tutor.db or postgresql://user:password@host/name.",
        ) from error
    if parsed.drivername in {"postgres", "postgresql"}:
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in {"sqlite", "postgresql+psycopg"}:
        raise ConfigError(
            f"TUTOR_DATABASE_URL names '{parsed.drivername}', which Tutor does not speak.",
            "Use sqlite:/// or postgresql://.",
        )
    return parsed


def make_engine(url: URL) -> Engine:
    """The engine for a URL; SQLite waits for locks, checks foreign keys and logs ahead."""
    from sqlalchemy import create_engine, event

    if url.get_backend_name() == "postgresql":
        return create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": 10})
    engine = create_engine(url, connect_args={"timeout": _BUSY_MS / 1000})

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = NORMAL")
        cursor.close()

    return engine


def migrate(engine: Engine, url: URL) -> None:
    """Bring the schema to this version; other processes wait meanwhile."""
    from filelock import FileLock
    from sqlalchemy import text

    with _MIGRATING:
        if engine.dialect.name == "postgresql":
            with engine.begin() as connection:
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_PG_LOCK})"))
                _upgrade(connection)
        elif url.database in {None, "", ":memory:"}:
            with engine.begin() as connection:
                _upgrade(connection)
        else:
            path = Path(str(url.database))
            with FileLock(path.with_name(path.name + ".lock"), timeout=60):
                with engine.begin() as connection:
                    _upgrade(connection)
                # Answers are private: nobody else on this machine reads them.
                path.chmod(0o600)


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    # A percent sign in a path would be taken for interpolation.
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


@contextmanager
def guard(url: URL, done: str) -> Iterator[None]:
    """Turn the database's errors into ours.

    Raises:
        StoreError: The database failed.
    """
    from alembic.util.exc import CommandError
    from sqlalchemy.exc import SQLAlchemyError

    place = url.render_as_string(hide_password=True)
    try:
        yield
    except CommandError as error:
        raise StoreError(
            f"The database {place} was made by another version of Tutor ({error}).",
            "Update Tutor, or point TUTOR_DATABASE_URL or TUTOR_HOME elsewhere.",
        ) from error
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()
        raise StoreError(
            f"The database {place} can't be {done}: {reason[0] if reason else error!r}.",
            _cure(url),
        ) from error


def _cure(url: URL) -> str:
    if url.get_backend_name() == "postgresql":
        return "Check that the server runs and that TUTOR_DATABASE_URL is right."
    return "Check the folder's rights and space, or move the file away to start afresh."
