"""The learners' database: its URL, its engine, its schema, its transactions and its errors."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tutor.errors import ConfigError, InputError, StoreError
from tutor.learner.incoming import plain
from tutor.learner.tables import Base, LearnerRow

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine
    from sqlalchemy.orm import Session

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


class Database:
    """Transactions on the learners' tables. Safe to use from several threads and processes.

    Every method raises StoreError when the database fails; a failed call leaves nothing behind.

    Args:
        url: SQLAlchemy URL of SQLite or PostgreSQL.
    """

    def __init__(self, url: str) -> None:
        from sqlalchemy.orm import sessionmaker

        self._url = parse_url(url)
        self._engine = make_engine(self._url)
        with guard(self._url, "opened"):
            migrate(self._engine, self._url)
        self._sessions = sessionmaker(self._engine, expire_on_commit=False)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _all(self, table: type[Any], learner: str) -> list[dict[str, Any]]:
        from sqlalchemy import select

        with self._read() as db:
            rows = db.scalars(select(table).where(table.learner == learner).order_by(table.id))
            return [fields(row) for row in rows]

    @contextmanager
    def _read(self) -> Iterator[Session]:
        with guard(self._url, "read"), self._sessions() as db:
            yield db

    @contextmanager
    def _write(self, learner: str | None = None) -> Iterator[Session]:
        """A transaction; with a learner's name the learner exists in it."""
        with guard(self._url, "written"), self._sessions.begin() as db:
            if learner is not None:
                _ensure(db, known_name(learner), self._engine.dialect.name)
            yield db


def utc_now() -> datetime:
    """This moment, with its time zone."""
    return datetime.now(UTC)


def _ensure(db: Session, name: str, dialect: str) -> None:
    """Create a learner who is not there yet, whoever else does so at the same moment."""
    from sqlalchemy.dialects import postgresql, sqlite

    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    db.execute(insert(LearnerRow).values(name=name, created=utc_now()).on_conflict_do_nothing())


def fields(row: Base) -> dict[str, Any]:
    """The columns of a row by name."""
    return {column.key: getattr(row, column.key) for column in row.__table__.columns}


def known_name(learner: str) -> str:
    """A learner's name, checked.

    Raises:
        InputError: It is empty, too long, or holds what names don't.
    """
    if not 0 < len(learner) <= 64 or plain(learner) != learner or not learner.strip():
        raise InputError("A learner's name has 1 to 64 characters.", "Set TUTOR_LEARNER.")
    return learner
