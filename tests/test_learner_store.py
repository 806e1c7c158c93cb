"""The store on SQLite, and on PostgreSQL where TUTOR_TEST_POSTGRES_URL names a server."""

from __future__ import annotations

import json
import os
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tutor.errors import ConfigError, InputError, NotFoundError, StoreError
from tutor.exercises.question import Grade, Question, questions_by_id
from tutor.learner.archive import Context
from tutor.learner.attempts import item_of
from tutor.learner.store import Store, open_store
from tutor.settings import Settings

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
QUESTION = Question(
    "gen:abc", "choice", 1, "math-for-ml", 2, "Which one?", "generated",
    options=("a", "b"), key=1, option_whys=("no", ""), objective=0,
)  # fmt: skip
RIGHT = Grade("gen:abc", 1.0, "correct", 1.0, "Right.")
WRONG = Grade("gen:abc", 0.0, "incorrect", 1.0, "No.")
POSTGRES = os.environ.get("TUTOR_TEST_POSTGRES_URL", "")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'odd %20 name.db'}"
        return
    if not POSTGRES:
        pytest.skip("TUTOR_TEST_POSTGRES_URL names no server")
    from sqlalchemy import create_engine, make_url, text

    server = make_url(POSTGRES).set(drivername="postgresql+psycopg")
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    name = f"tutor_{uuid.uuid4().hex[:12]}"
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield server.set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    store = Store(url)
    yield store
    store.close()


def test_attempt_round_trip(store: Store) -> None:
    number = store.record_attempt("ann", QUESTION, "b", RIGHT, session="s1", at=NOW)
    [row] = store.attempts("ann")
    assert row["id"] == number and row["at"] == NOW and row["at"].utcoffset() == timedelta(0)
    assert (row["question_id"], row["topic"], row["objective"]) == ("gen:abc", "math-for-ml", 0)
    assert (row["answer"], row["verdict"], row["session"]) == ("b", "correct", "s1")
    assert row["contested"] is False
    assert store.attempts("bob") == [] and store.attempts("ann", topic="ner") == []


def test_mastery_and_reviews_come_from_the_log(store: Store) -> None:
    assert set(store.mastery("ann").values()) == {None}
    for day in range(3):
        store.record_attempt("ann", QUESTION, "b", RIGHT, at=NOW + timedelta(days=day))
    mastery = store.mastery("ann")
    assert mastery["math-for-ml"] is not None and mastery["math-for-ml"] > 0.7
    assert store.due_reviews("ann", NOW + timedelta(days=3)) == []
    [review] = store.due_reviews("ann", NOW + timedelta(days=300))
    assert review.topic == "math-for-ml"
    assert [r.topic for r in store.reviews("ann", NOW + timedelta(days=3))] == ["math-for-ml"]


def test_unsure_and_contested_grades_do_not_count(store: Store) -> None:
    unsure = Grade("gen:abc", 0.2, "unsure", 0.2, "?")
    store.record_attempt("ann", QUESTION, "?", unsure, at=NOW)
    assert store.mastery("ann")["math-for-ml"] is None
    number = store.record_attempt("ann", QUESTION, "a", WRONG, at=NOW)
    assert store.mastery("ann")["math-for-ml"] is not None
    store.contest(number, "Option a is right, too.", at=NOW)
    assert store.mastery("ann")["math-for-ml"] is None
    [dispute] = store.disputes("ann")
    assert dispute["reason"] == "Option a is right, too."
    assert (dispute["question_id"], dispute["answer"], dispute["score"]) == ("gen:abc", "a", 0.0)
    assert [row["contested"] for row in store.attempts("ann")] == [False, True]


@pytest.mark.parametrize("number", [0, -1, 999, 10**12])
def test_contest_of_nothing(store: Store, number: int) -> None:
    with pytest.raises(NotFoundError):
        store.contest(number, "why not")


def test_contest_of_somebody_elses_grade(store: Store) -> None:
    number = store.record_attempt("ann", QUESTION, "a", WRONG)
    with pytest.raises(NotFoundError):
        store.contest(number, "mine, too", learner="bob")
    assert store.disputes("ann") == []
    store.contest(number, "mine", learner="ann")


def test_sureness_is_kept_beside_the_answer(store: Store) -> None:
    store.record_attempt("ann", QUESTION, "b", RIGHT, sureness=3, at=NOW)
    store.record_attempt("ann", QUESTION, "b", RIGHT, at=NOW + timedelta(hours=1))
    assert [row["sureness"] for row in store.attempts("ann")] == [3, None]
    with pytest.raises(InputError):
        store.record_attempt("ann", QUESTION, "b", RIGHT, sureness=4)


def test_conversation_is_kept_by_consent_alone(store: Store) -> None:
    about = Context(prompt="What is attention?", passages=("lesson:x#1",), reply="It weighs.")
    store.add_feedback("ann", "answer:1", 1, context=about, at=NOW)
    assert store.consents("ann") is False and store.feedback("ann")[0]["context"] is None
    store.set_consent("ann", True)
    store.add_feedback("ann", "answer:2", -1, context=about, at=NOW)
    kept = store.feedback("ann")[1]["context"]
    assert kept == {"prompt": "What is attention?", "passages": ["lesson:x#1"],
                    "reply": "It weighs."}  # fmt: skip
    store.set_consent("ann", False)
    assert [row["context"] for row in store.feedback("ann")] == [None, None]


def test_repeated_answers_of_one_sitting_are_one_piece_of_evidence(store: Store) -> None:
    store.record_attempt("ann", QUESTION, "b", RIGHT, at=NOW)
    once = store.mastery("ann")["math-for-ml"]
    store.record_attempt("ann", QUESTION, "b", RIGHT, at=NOW + timedelta(minutes=1))
    assert store.mastery("ann")["math-for-ml"] == once


def test_items_are_told_apart_by_what_they_ask() -> None:
    assert item_of("bank:ner-c01:7") == item_of("bank:ner-c01:0") != item_of("bank:ner-c02:7")
    assert item_of("param:f:7") != item_of("param:f:8")
    assert item_of("gen:abc") == "gen:abc"


def test_contest_needs_a_reason(store: Store) -> None:
    number = store.record_attempt("ann", QUESTION, "a", WRONG)
    with pytest.raises(InputError):
        store.contest(number, "  ")


def test_text_that_databases_refuse_is_kept_as_far_as_it_goes(store: Store) -> None:
    store.record_attempt("ann", QUESTION, "nul \0 and \ud800 lone" + "x" * 30_000, RIGHT)
    answer = store.attempts("ann")[0]["answer"]
    assert answer.startswith("nul  and ? lone") and len(answer) <= 20_000


def test_feedback(store: Store) -> None:
    store.add_feedback("ann", "answer:1", -1, "wrong page")
    assert [(row["target"], row["value"]) for row in store.feedback("ann")] == [("answer:1", -1)]
    with pytest.raises(InputError):
        store.add_feedback("ann", "answer:1", 5)


def test_generated_questions_are_found_by_id(store: Store) -> None:
    store.save_generated(QUESTION)
    store.save_generated(QUESTION)
    assert questions_by_id("gen:abc", store) == QUESTION
    with pytest.raises(NotFoundError):
        questions_by_id("gen:nope", store)


def test_sessions(store: Store) -> None:
    store.touch_session("s1", "ann", "Attention", at=NOW)
    store.touch_session("s2", "ann", at=NOW + timedelta(hours=1))
    store.touch_session("s1", "ann", at=NOW + timedelta(hours=2))
    assert [(row["id"], row["title"]) for row in store.sessions("ann")] == [
        ("s1", "Attention"),
        ("s2", ""),
    ]
    for call in (
        lambda: store.touch_session("s1", "bob"),
        lambda: store.delete_session("s1", "bob"),
    ):
        with pytest.raises(NotFoundError):
            call()
    assert store.learners() == ["ann"]
    store.delete_session("s2", "ann")
    assert [row["id"] for row in store.sessions("ann")] == ["s1"]
    with pytest.raises(InputError):
        store.touch_session("", "ann")


def _fill(store: Store) -> None:
    store.record_attempt("ann", QUESTION, "b", RIGHT, sureness=2, at=NOW)
    number = store.record_attempt("ann", QUESTION, "a", WRONG, at=NOW + timedelta(hours=1))
    store.contest(number, "unclear", at=NOW)
    store.set_consent("ann", True)
    about = Context(prompt="Why?", passages=("lesson:x#1",), reply="So.")
    store.add_feedback("ann", "answer:1", 1, context=about, at=NOW)
    store.touch_session("s1", "ann", "Chat", at=NOW)
    store.set_reading("ann", "arxiv:1706.03762", "Attention", "reading", at=NOW)


def test_reading_list_keeps_one_status_a_paper(store: Store) -> None:
    for hour, (doc_id, status) in enumerate(
        [("arxiv:1", "want"), ("arxiv:2", "read"), ("arxiv:3", "want"), ("arxiv:1", "reading")]
    ):
        store.set_reading("ann", doc_id, f"Paper {doc_id}", status, at=NOW + timedelta(hours=hour))
    listed = [(row["doc_id"], row["status"]) for row in store.reading_list("ann")]
    assert listed == [("arxiv:1", "reading"), ("arxiv:3", "want"), ("arxiv:2", "read")]
    assert store.reading_list("ann")[0]["at"] == NOW + timedelta(hours=3)
    assert store.reading_list("bob") == []
    store.set_reading("ann", "arxiv:1", "", "")
    store.set_reading("ann", "arxiv:99", "", "")
    assert [row["doc_id"] for row in store.reading_list("ann")] == ["arxiv:3", "arxiv:2"]


@pytest.mark.parametrize(
    ("doc_id", "status"), [("arxiv:1", "burnt"), ("", "read"), ("x" * 201, "read")]
)
def test_reading_list_refuses_what_it_can_not_keep(store: Store, doc_id: str, status: str) -> None:
    with pytest.raises(InputError):
        store.set_reading("ann", doc_id, "Paper", status)
    assert store.reading_list("ann") == [] and store.learners() == []


def test_reading_list_ends_somewhere(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tutor.learner.reading.MAX_LISTED", 2)
    for name in ("arxiv:1", "arxiv:2"):
        store.set_reading("ann", name, "Paper", "want")
    with pytest.raises(InputError, match="holds 2"):
        store.set_reading("ann", "arxiv:3", "Paper", "want")
    store.set_reading("ann", "arxiv:2", "Paper", "read")


def test_import_leaves_the_status_that_is_there(store: Store) -> None:
    _fill(store)
    data = store.export_learner("ann")
    store.set_reading("ann", "arxiv:1706.03762", "Attention", "read")
    store.import_learner(data)
    assert [row["status"] for row in store.reading_list("ann")] == ["read"]


def test_export_and_import_are_the_same_learner(store: Store, tmp_path: Path) -> None:
    _fill(store)
    data = json.loads(json.dumps(store.export_learner("ann")))
    other = Store(f"sqlite:///{tmp_path / 'other.db'}")
    assert other.import_learner(data) == 2
    assert other.export_learner("ann") == data
    assert other.mastery("ann") == store.mastery("ann")
    assert other.import_learner(data) == 0
    assert other.export_learner("ann") == data
    assert other.import_learner(data, "bob") == 2


def test_archive_without_consent_brings_no_conversations(store: Store, tmp_path: Path) -> None:
    _fill(store)
    other = Store(f"sqlite:///{tmp_path / 'other.db'}")
    other.import_learner({**store.export_learner("ann"), "consent": False})
    assert other.feedback("ann")[0]["context"] is None and not other.consents("ann")


def test_archive_of_the_first_version_is_read(store: Store) -> None:
    _fill(store)
    data = store.export_learner("ann")
    del data["consent"], data["reading"]
    for row in data["attempts"]:
        del row["sureness"]
    for row in data["feedback"]:
        del row["context"]
    assert store.import_learner(data, "bob") == 2
    assert [row["sureness"] for row in store.attempts("bob")] == [None, None]


@pytest.mark.parametrize(
    "change",
    [{"format": "x"}, {"version": 99}, {"learner": ""}, {"attempts": [{}]}, {"attempts": 3},
     {"sessions": [{"id": "a\0b", "created": NOW.isoformat(), "updated": NOW.isoformat()}]},
     {"reading": [{"doc_id": "x", "status": "burnt", "at": NOW.isoformat()}]},
     {"feedback": [{"target": "x", "value": 7, "at": NOW.isoformat()}]},
     {"disputes": [{"attempt": 0, "reason": "r", "at": "2026-01-01T00:00:00"}]}],
)  # fmt: skip
def test_malformed_import_changes_nothing(store: Store, change: dict[str, object]) -> None:
    _fill(store)
    data = store.export_learner("ann")
    with pytest.raises(InputError):
        store.import_learner({**data, "learner": "eve", **change})
    assert store.learners() == ["ann"] and store.export_learner("ann") == data


def test_delete_learner_takes_everything_along(store: Store) -> None:
    _fill(store)
    store.record_attempt("bob", QUESTION, "b", RIGHT, at=NOW)
    store.delete_learner("ann")
    assert store.learners() == ["bob"] and len(store.attempts("bob")) == 1
    assert not (store.attempts("ann") or store.disputes("ann") or store.feedback("ann"))
    assert store.sessions("ann") == [] and store.reading_list("ann") == []
    for call in (store.delete_learner, store.export_learner):
        with pytest.raises(NotFoundError):
            call("ann")


@pytest.mark.parametrize("name", ["", "   ", "x" * 65, "a\0b"])
def test_learners_need_a_name(store: Store, name: str) -> None:
    with pytest.raises(InputError):
        store.record_attempt(name, QUESTION, "b", RIGHT)
    assert store.learners() == []


def test_threads_write_side_by_side(store: Store) -> None:
    def work() -> None:
        for _ in range(5):
            store.record_attempt("ann", QUESTION, "b", RIGHT)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.attempts("ann")) == 30


def test_opening_side_by_side_migrates_once(url: str) -> None:
    failures: list[Exception] = []

    def work() -> None:
        try:
            Store(url).close()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_migrations_match_the_tables(store: Store) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from tutor.learner.tables import Base

    with store._engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, Base.metadata) == []


def test_answers_of_an_older_version_are_kept(url: str) -> None:
    """A database at the first migration, with an answer and a remark in it."""
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import text

    from tutor.learner.database import _MIGRATIONS, make_engine, parse_url

    engine = make_engine(parse_url(url))
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    times = {"now": NOW.replace(tzinfo=None) if engine.dialect.name == "sqlite" else NOW}
    with engine.begin() as connection:
        for statement in (
            "INSERT INTO learners (name, created) VALUES ('ann', :now)",
            "INSERT INTO attempts (learner, question_id, kind, topic, answer, score, verdict,"
            " confidence, at, session) VALUES ('ann', 'gen:abc', 'choice', 'math-for-ml', 'b', 1.0,"
            " 'correct', 1.0, :now, '')",
            "INSERT INTO feedback (learner, target, value, note, at)"
            " VALUES ('ann', 'answer:1', 1, '', :now)",
        ):
            connection.execute(text(statement), times)
    engine.dispose()
    store = Store(url)
    [row] = store.attempts("ann")
    assert (row["answer"], row["sureness"], row["at"]) == ("b", None, NOW)
    assert store.feedback("ann")[0]["context"] is None and store.consents("ann") is False
    assert store.reading_list("ann") == []
    store.close()


def test_data_survives_reopening(url: str) -> None:
    first = Store(url)
    first.record_attempt("ann", QUESTION, "b", RIGHT, at=NOW)
    first.close()
    again = Store(url)
    assert len(again.attempts("ann")) == 1
    again.close()


def test_database_of_a_newer_version_is_refused(url: str) -> None:
    from sqlalchemy import text

    store = Store(url)
    with store._engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    with pytest.raises(StoreError, match="another version"):
        Store(url)


def test_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "bad.db"
    path.write_bytes(b"not a database " * 200)
    with pytest.raises(StoreError) as caught:
        Store(f"sqlite:///{path}")
    assert caught.value.cure and path.read_bytes().startswith(b"not a database")


@pytest.mark.parametrize("bad", ["nonsense", "mysql://u@h/d", "sqlite+aiosqlite:///x.db", ""])
def test_unusable_urls(bad: str) -> None:
    with pytest.raises(ConfigError):
        Store(bad)


def test_server_that_is_gone_does_not_show_its_password() -> None:
    with pytest.raises(StoreError) as caught:
        Store("postgresql://ann:hunter2@127.0.0.1:9/tutor")
    assert "hunter2" not in str(caught.value)


def test_open_store_makes_a_private_file_in_the_home(settings: Settings) -> None:
    open_store(settings).close()
    path = settings.home / "tutor.db"
    assert path.stat().st_mode & 0o077 == 0
