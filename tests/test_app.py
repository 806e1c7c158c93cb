"""The composition root: parts are built late, and each works without the others."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeEmbedder, FakeLLM
from tiny_corpus import a_document, tiny_tutor

from corpus.roadmap import load_roadmap
from tutor.answer import Answer
from tutor.app import Tutor
from tutor.errors import InputError, ModelError, NetworkError, NotFoundError, ServerError
from tutor.exercises.question import Grade
from tutor.exercises.quiz import QuizSession
from tutor.library.shelf import save_document
from tutor.settings import Settings

FOXES = (
    "We propose the Foxformer, a network that attends to tracks of foxes in the snow. "
    "It reaches 28.4 points on the Forest benchmark. A limitation is that it needs fresh snow."
)


@pytest.fixture
def tutor(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Tutor:
    return tiny_tutor(settings, monkeypatch)


def last(parts: Any) -> Answer:
    *_, answer = parts
    assert isinstance(answer, Answer)
    return answer


def test_building_a_tutor_touches_nothing(settings: Settings) -> None:
    tutor = Tutor(settings)
    assert not settings.home.exists() and tutor.embedder_if_loaded is None and tutor.llm() is None


def test_embedder_is_loaded_once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []

    def load(*given: Any) -> FakeEmbedder:
        calls.append(given)
        return FakeEmbedder()

    monkeypatch.setattr("tutor.models.embed.load_embedder", load)
    tutor = Tutor(settings)
    assert tutor.embedder() is tutor.embedder() is tutor.embedder_if_loaded and len(calls) == 1


@pytest.mark.parametrize("error", [ModelError("No model."), NetworkError("No network.")])
def test_missing_embeddings_are_logged_and_none(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:  # fmt: skip
    def load(*_: Any) -> Any:
        raise error

    monkeypatch.setattr("tutor.models.embed.load_embedder", load)
    with caplog.at_level(logging.WARNING):
        assert Tutor(settings).embeddings_or_none() is None
    assert str(error) in caplog.text


def test_question_is_answered_at_once_without_index_and_model(tutor: Tutor) -> None:
    answer = last(tutor.ask("What is self-attention?"))
    assert answer.mode == "passages" and not answer.refused
    assert any(c.doc_id == "lesson:self-attention" for c in answer.citations)
    assert not tutor.library.ready


def test_embeddings_join_when_the_index_is_ready(tutor: Tutor) -> None:
    before = tutor.search("self-attention")
    tutor.library.sync_corpus()
    assert before.similarity is None and tutor.search("self-attention").similarity is not None


def test_earlier_question_joins_the_search(tutor: Tutor) -> None:
    answer = last(tutor.ask("How many are there?", context="heads of multi-head attention"))
    assert any("head" in c.quote for c in answer.citations)


def test_search_can_be_kept_to_one_paper(tutor: Tutor) -> None:
    answer = last(tutor.ask("What do several attention heads do?", paper="arxiv:1706.03762"))
    assert {c.doc_id for c in answer.citations} == {"arxiv:1706.03762"}


def test_model_is_used_only_where_allowed(settings: Settings) -> None:
    tutor = Tutor(settings, use_model=False)
    tutor._fixed_llm = FakeLLM("x")
    assert tutor.llm() is None and tutor.connect() is None
    assert tutor.server is None, "a server was started though no model is wanted"


def test_running_server_is_used_instead_of_a_new_one(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = FakeLLM()
    monkeypatch.setattr("tutor.models.shared.running_llm", lambda _: running)
    tutor = Tutor(settings)
    assert tutor.connect() is running and tutor.server is None


class FakeServer:
    """A model server that never gets ready."""

    def __init__(self, settings: Settings, *_: Any) -> None:
        self.stopped = False
        self.status = type(
            "Status", (), {"state": "failed", "detail": "No disk.", "fraction": None}
        )

    def start(self) -> None: ...

    def wait_ready(self, _: float) -> bool:
        return False

    def llm(self) -> None:
        return None

    def stop(self) -> None:
        self.stopped = True


def test_server_that_fails_is_logged_and_stopped_at_the_end(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("tutor.models.shared.running_llm", lambda _: None)
    monkeypatch.setattr("tutor.models.serve.ModelServer", FakeServer)
    tutor = Tutor(settings)
    assert tutor.connect() is None and "No disk." in caplog.text
    assert (
        tutor.status()["model_state"] == "failed" and tutor.status()["model_detail"] == "No disk."
    )
    tutor.close()
    assert tutor.server is not None and tutor.server.stopped  # type: ignore[attr-defined]


def test_error_while_connecting_is_logged(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Any) -> None:
        raise ServerError("It is gone.")

    monkeypatch.setattr("tutor.models.shared.running_llm", fail)
    assert Tutor(settings).connect() is None and "It is gone." in caplog.text


def test_status_says_what_is_there(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    tutor = tiny_tutor(settings, monkeypatch, model=FakeLLM())
    status = tutor.status()
    assert status["model"] == "fake-model" and status["model_state"] == "ready"
    assert status["embeddings"] is True and status["index_ready"] is False
    assert Tutor(settings, use_model=False).status()["model_state"] == "off"


# --- papers -----------------------------------------------------------------------------------


def test_file_is_summarised_with_pages(
    tutor: Tutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tutor.ingest.worker.parse", lambda *_, **__: a_document(text=FOXES))
    summary = tutor.summarize(tmp_path / "fox.pdf")
    assert summary.source == "full_text" and summary.title == "On Foxes"


@pytest.mark.parametrize("name", ["file:abc", "abc"])
def test_added_document_is_summarised_by_its_id(tutor: Tutor, name: str) -> None:
    save_document(a_document("file:abc", FOXES), tutor.library.shelf.parsed_path("file:abc"))
    assert tutor.summarize(name).doc_id == "file:abc"


def test_key_paper_falls_back_to_our_note_where_arxiv_is_away(tutor: Tutor) -> None:
    summary = tutor.summarize("1706.03762")
    assert summary.source == "notes" and summary.arxiv_id == "1706.03762"


def test_paper_that_nothing_is_known_of_needs_arxiv(tutor: Tutor) -> None:
    with pytest.raises(NetworkError):
        tutor.summarize("2401.00001")


@pytest.mark.parametrize("name", ["", "no such thing", "x" * 5000, "\x00"])
def test_name_of_nothing_is_not_found(tutor: Tutor, name: str) -> None:
    with pytest.raises(NotFoundError, match="neither a file"):
        tutor.summarize(name)


def test_fetched_paper_is_summarised_even_without_embeddings(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tutor = tiny_tutor(settings, monkeypatch)

    def none(*_: Any) -> Any:
        raise ModelError("No embeddings.")

    monkeypatch.setattr(tutor.library, "_load_embedder", none)
    monkeypatch.setattr(tutor.arxiv, "fetch_pdf", lambda _: tmp_path / "p.pdf")
    monkeypatch.setattr("tutor.ingest.worker.parse", lambda *_, **__: a_document(text=FOXES))
    assert tutor.summarize("2401.00001").source == "full_text"


# --- learning ---------------------------------------------------------------------------------


def test_same_seed_gives_the_same_quiz(tutor: Tutor) -> None:
    one, two = (tutor.study.quiz(3, topic="self-attention", seed=7) for _ in range(2))
    assert one == two and len(one) == 3
    assert {q.topic for q in one} == {"self-attention"}


def test_answers_are_graded_logged_and_move_the_quiz_on(tutor: Tutor) -> None:
    questions = tutor.study.quiz(2, topic="self-attention", kind="choice", source="bank", seed=1)
    quiz = QuizSession(questions)
    wrong = "ABCD"[(int(questions[0].key or 0) + 1) % 4]
    solution = (questions[0].options or ())[int(questions[0].key or 0)]
    grade, moved = tutor.study.submit(quiz, wrong, learner="ada", session_id="s")
    assert grade.verdict == "incorrect" and not moved
    assert solution not in grade.feedback, "the key was given away before the last try"
    grade, moved = tutor.study.submit(quiz, wrong, learner="ada", session_id="s")
    assert moved and solution in grade.feedback
    grade, moved = tutor.study.submit(quiz, "ABCD"[int(questions[1].key or 0)], learner="ada")
    assert grade.verdict == "correct" and moved and quiz.current is None
    attempts = tutor.store.attempts("ada")
    assert [a["verdict"] for a in attempts] == ["incorrect", "incorrect", "correct"]
    assert [a["session"] for a in attempts] == ["s", "s", ""]
    with pytest.raises(InputError, match="over"):
        tutor.study.submit(quiz, "A", learner="ada")
    progress = tutor.study.progress("ada")
    assert progress["mastery"]["self-attention"] is not None
    assert tutor.study.progress("eve")["mastery"].get("self-attention") is None


def test_roadmap_shows_every_topic_with_mastery(tutor: Tutor) -> None:
    stages = tutor.study.roadmap("ada")["stages"]
    assert [stage["n"] for stage in stages] == [1, 2, 3, 4, 5, 6, 7]
    topics = [t for s in stages for m in s["modules"] for t in m["topics"]]
    assert [t["id"] for t in topics] == [t.id for t in load_roadmap().topics()]
    assert {t["mastery"] for t in topics} == {None}
    attention = next(t for t in topics if t["id"] == "self-attention")
    assert "1706.03762" in attention["papers"] and attention["lesson"] is True


def test_review_asks_about_what_is_due(tutor: Tutor) -> None:
    with pytest.raises(NotFoundError, match="No review is due"):
        tutor.study.review_quiz(3, "rita")
    [first, *_] = tutor.study.quiz(1, topic="self-attention", seed=1)
    long_ago = datetime.now(UTC) - timedelta(days=90)
    right = Grade(first.id, 1.0, "correct", 1.0, "Right.")
    tutor.store.record_attempt("rita", first, "A", right, at=long_ago)
    asked = tutor.study.review_quiz(3, "rita", seed=1)
    assert {q.topic for q in asked} == {"self-attention"} and first.id not in {q.id for q in asked}
    assert tutor.study.review_quiz(3, "rita", seed=1) == asked


def test_beginner_starts_at_the_beginning(tutor: Tutor) -> None:
    step = tutor.study.next_step("ada")
    assert step.topic == next(load_roadmap().topics()).id and step.why
