"""The agent: every intent, sessions that outlive it, and no error that escapes a turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeLLM
from tiny_corpus import tiny_tutor

from corpus.papers import load_papers
from corpus.roadmap import load_roadmap
from tutor import agent as module
from tutor.agent import Agent
from tutor.app import Tutor
from tutor.errors import DocumentError, NetworkError, NotFoundError, ServerError
from tutor.events import Event, Step, Token, Turn
from tutor.exercises.bank import bank_questions
from tutor.exercises.question import Grade
from tutor.library import Ingested
from tutor.models.llm import Message
from tutor.replies import DECLINE
from tutor.router import INTENTS, Route, RouteContext
from tutor.settings import Settings
from tutor.summarize import summary_from_notes

DRAFT = (
    "Self-attention lets every token of a sequence collect information from every other token [1]. "
    "Scores are divided by the square root of the key size [1]. "
    "A softmax turns each row of scores into weights that sum to 1 [1]. "
    "The output for a token is the weighted sum of all value vectors [1]."
)


class FakeRouter:
    """Routes as it is told; remembers what it was told of the context."""

    embedder = None

    def __init__(self) -> None:
        self.next = Route("explain", 1.0)
        self.contexts: list[RouteContext] = []

    def route(self, text: str, context: RouteContext) -> Route:
        self.contexts.append(context)
        return self.next


class DyingLLM(FakeLLM):
    """Says its reply, then the server goes away."""

    def stream(self, messages: Sequence[Message], **options: Any) -> Iterator[str]:
        yield from super().stream(messages, **options)
        raise ServerError("the engine died")


class Chat:
    """A session of an agent over the tiny corpus; each test has its own session."""

    def __init__(self, tutor: Tutor, session: str) -> None:
        self.tutor, self.session = tutor, session
        self.agent = Agent(tutor)
        self.router = FakeRouter()
        tutor._router = self.router  # type: ignore[assignment]

    def events(
        self, text: str, intent: str | None = None, session: str = "", **given: Any
    ) -> list[Event]:
        """Every event of a turn; with slots or without an intent it goes by the router."""
        slots = given.pop("slots", None)
        if slots is not None:
            self.router.next = Route(intent, 1.0, slots)  # type: ignore[arg-type]
            intent = None
        return list(self.agent.chat(text, session or self.session, intent=intent, **given))

    def say(self, text: str, intent: str | None = None, **given: Any) -> Turn:
        """The last event, which is the only turn."""
        *before, last = self.events(text, intent, **given)
        assert isinstance(last, Turn) and not any(isinstance(e, Turn) for e in before)
        return last

    def transcript(self) -> list[tuple[str, str]]:
        return [(turn.role, turn.payload["type"]) for turn in self.agent.turns(self.session)]


@pytest.fixture(scope="module")
def shared_tutor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tutor]:
    with pytest.MonkeyPatch.context() as patch:
        settings = Settings(home=tmp_path_factory.mktemp("agent"), offline=True)
        yield tiny_tutor(settings, patch)


@pytest.fixture
def chat(shared_tutor: Tutor, request: pytest.FixtureRequest) -> Iterator[Chat]:
    """A fresh session; the tutor, its database and its search are shared by the module."""
    shared_tutor.use_model, shared_tutor._fixed_llm = False, None
    opened = Chat(shared_tutor, str(abs(hash(request.node.name))))
    yield opened
    opened.agent.close()


def give_model(chat: Chat, llm: FakeLLM) -> None:
    chat.tutor.use_model, chat.tutor._fixed_llm = True, llm


# --- every intent -----------------------------------------------------------------------------


def test_every_intent_has_a_node(chat: Chat) -> None:
    assert set(INTENTS) <= set(chat.agent._graph.get_graph().nodes)


def test_explain_answers_with_sources(chat: Chat) -> None:
    events = chat.events("What is self-attention?", "explain")
    assert isinstance(events[0], Step) and isinstance(events[-1], Turn)
    assert events[-1].payload["type"] == "answer" and events[-1].payload["citations"]
    assert events[-1].content.startswith("*Quoted from the sources:*")


def test_explain_streams_what_the_model_writes(chat: Chat) -> None:
    give_model(chat, FakeLLM(DRAFT))
    events = chat.events("What is self-attention?", "explain")
    assert "".join(e.text for e in events if isinstance(e, Token)).strip() == DRAFT
    assert isinstance(events[-1], Turn) and events[-1].payload["mode"] == "model"


def test_model_that_dies_in_mid_answer_leaves_quotes(chat: Chat) -> None:
    give_model(chat, DyingLLM(DRAFT))
    turn = chat.say("What is self-attention?", "explain")
    assert turn.payload["mode"] == "passages" and "the engine died" in turn.payload["reason"]
    assert turn.payload["citations"]
    assert chat.transcript() == [("user", "text"), ("assistant", "answer")]


@pytest.mark.parametrize("way", ["option", "slot"])
def test_socratic_mode_asks_back(chat: Chat, way: str) -> None:
    given: dict[str, Any] = {"mode": "socratic"} if way == "option" else {
        "slots": {"mode": "socratic"}
    }  # fmt: skip
    assert "Before I say more" in chat.say("What is self-attention?", "explain", **given).content


def test_follow_up_leans_on_the_question_before(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []
    ask = chat.tutor.ask

    def listen(question: str, **options: Any) -> Any:
        asked.append((options["context"], question))
        return ask(question, **options)

    monkeypatch.setattr(chat.tutor, "ask", listen)
    chat.say("What is multi-head attention?", "explain")
    chat.say("And why is it useful?", "explain")
    chat.say("Describe the perceptron of Rosenblatt in full detail please", "explain")
    assert asked[0][0] == "" and asked[2][0] == ""
    assert asked[1][0] == "What is multi-head attention?"


def test_model_sees_the_conversation_without_errors(chat: Chat) -> None:
    llm = FakeLLM(DRAFT, DRAFT)
    give_model(chat, llm)
    chat.say("What is self-attention?", "explain")
    chat.say("fetch", "summarize_paper", slots={"arxiv_id": "2401.00001"})
    chat.say("What is self-attention again?", "explain")
    shown = " ".join(m.content for m in llm.prompts[1][1:-1])
    assert "What is self-attention?" in shown and "offline" not in shown


def test_summary_of_a_named_paper(chat: Chat) -> None:
    turn = chat.say("Summarize it", "summarize_paper", slots={"paper": "1706.03762"})
    assert turn.payload["type"] == "summary" and turn.payload["arxiv_id"] == "1706.03762"


def test_summary_without_a_paper_asks_which(chat: Chat) -> None:
    assert chat.say("summarize", "summarize_paper").content.startswith("Which paper?")


def test_summarised_paper_stays_in_focus(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    chat.say("Summarize it", "summarize_paper", slots={"arxiv_id": "1706.03762"})
    papers: list[Any] = []
    ask = chat.tutor.ask
    monkeypatch.setattr(
        chat.tutor, "ask", lambda q, **o: papers.append(o["paper"]) or ask(q, **o)
    )  # fmt: skip
    chat.say("What do the heads do in this paper?", "explain")
    chat.say("What is a perceptron made of?", "explain")
    assert papers == ["arxiv:1706.03762", None]


def test_quiz_from_question_to_score(chat: Chat) -> None:
    slots = {"topic": "self-attention", "n": 2, "kind": "choice"}
    first = chat.say("Quiz me", "quiz", slots=slots)
    assert first.payload["type"] == "question" and "key" not in first.payload
    quiz = chat.agent.quiz(chat.session)
    assert quiz is not None and len(quiz.questions) == 2
    hints = [chat.say("hint", "hint").content for _ in range(4)]
    assert [h[:15] for h in hints] == ["**Hint 1 of 3.*", "**Hint 2 of 3.*", "**Hint 3 of 3.*",
                                       "**Hint 3 of 3.*"]  # fmt: skip
    right = "ABCD"[int(quiz.questions[0].key or 0)]
    graded = chat.say("my answer", "answer_submission", slots={"answer": right})
    assert graded.payload["verdict"] == "correct" and "Question 2 of 2" in graded.content
    assert chat.say("hint", "hint").content.startswith("**Hint 1 of 3.**"), "hints start anew"
    wrong = "ABCD"[(int(quiz.questions[1].key or 0) + 1) % 4]
    again = chat.say(wrong, "answer_submission")
    assert again.payload["verdict"] == "incorrect" and "Try once more" in again.content
    end = chat.say(wrong, "answer_submission")
    assert end.payload["finished"] is True and "Your score: 1.0 of 2" in end.content
    assert chat.agent.quiz(chat.session) is None


def test_quiz_without_a_subject_takes_the_next_topic(chat: Chat) -> None:
    turn = chat.say("Quiz me", "quiz", slots={"n": 1}, learner="newcomer")
    assert turn.payload["topic"] == next(load_roadmap().topics()).id


def test_quiz_of_a_stage(chat: Chat) -> None:
    assert chat.say("Quiz me", "quiz", slots={"stage": 2, "n": 1}).payload["stage"] == 2


@pytest.mark.parametrize("intent", ["hint", "answer_submission"])
def test_hint_and_answer_without_a_question_are_answered(chat: Chat, intent: str) -> None:
    assert chat.say("softmax of attention", intent, slots={}).payload["type"] == "answer"
    turn = chat.say("x", intent)
    assert turn.payload["type"] == "error" and "No question is open" in turn.content


def test_plan_names_the_next_topic(chat: Chat) -> None:
    assert chat.say("what next", "plan_next", learner="newcomer").content.startswith("**Next: ")


def test_what_next_traces_a_failure_to_its_prerequisite(chat: Chat) -> None:
    rlhf, below = load_roadmap().topic("rlhf"), load_roadmap().topic("math-for-ml")
    for name, objective in (("rlhf", 1), ("math-for-ml", 2)):
        for question in bank_questions(topic=name):
            if question.objective == objective:
                wrong = Grade(question.id, 0.0, "incorrect", 1.0, "No.")
                chat.tutor.store.record_attempt("dora", question, "x", wrong)
    text = chat.say("what next", "plan_next", learner="dora").content
    assert text.startswith(f"**Next: {below.title}**")
    assert f"“{rlhf.title}” went wrong, and it builds on “{below.title}”, which is weak." in text
    assert below.objectives[2] in text


def test_hours_a_week_give_a_plan_with_dates(chat: Chat) -> None:
    offer = chat.say("what next", "plan_next", learner="ann").content
    assert "5 hours a week" in offer and "| Topic | From | Until |" not in offer
    plan = chat.say("I have 4 hours a week", "plan_next", slots={"stage": 2}, learner="ann").content
    assert "**Your plan, 4 h a week: you reach the end of stage 2 by " in plan
    assert "| Topic | From | Until |" in plan and "stage 1 by " in plan
    later = chat.say("what next", "plan_next", learner="ann").content
    assert "By your plan (4 h a week) you are done with this by " in later
    assert "| Topic |" not in later
    assert "| Topic |" in chat.say("show me the plan", "plan_next", learner="ann").content
    assert "all by " in chat.say("how am I doing", "progress", learner="ann").content
    assert "all by " not in chat.say("how am I doing", "progress", learner="bob").content


def test_impossible_hours_leave_the_plan_as_it_was(chat: Chat) -> None:
    chat.say("6 hours a week", "plan_next", learner="cleo")
    turn = chat.say("300 hours a week", "plan_next", learner="cleo")
    assert turn.payload["type"] == "error" and "0.5 to 80 hours" in turn.content
    assert "(6 h a week)" in chat.say("what next", "plan_next", learner="cleo").content


def test_progress_is_that_of_the_learner(chat: Chat) -> None:
    assert "| Stage |" in chat.say("how am I doing", "progress").content


def test_papers_are_found_by_the_query(chat: Chat) -> None:
    text = chat.say("papers please", "find_papers", slots={"query": "attention heads"}).content
    assert "Attention Is All You Need" in text and "offline" in text


def test_code_exercise_shows_something_to_build(chat: Chat) -> None:
    turn = chat.say("code", "code_exercise", slots={"topic": "multi-head-attention"})
    assert turn.payload["type"] != "error" and len(turn.content) > 80


def test_smalltalk_and_declining(chat: Chat) -> None:
    assert "welcome" in chat.say("thanks", "smalltalk").content
    assert chat.say("the weather?", "out_of_scope").content == DECLINE


def test_router_is_told_what_surrounds_the_message(chat: Chat) -> None:
    chat.say("quiz", "quiz", slots={"topic": "self-attention", "n": 1})
    chat.say("hm", "explain", slots={})
    assert chat.router.contexts == [
        RouteContext(False, False, None), RouteContext(True, False, "quiz"),
    ]  # fmt: skip


# --- uploads ----------------------------------------------------------------------------------


def ingested(status: Any = "added", error: str | None = None) -> Any:
    return lambda paths, **_: [Ingested(str(paths[0]), "file:abc", 1, 1, 1, status, error)]


def test_pdf_alone_is_read_and_summarised(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    note = replace(summary_from_notes(load_papers()["1706.03762"]), doc_id="file:abc")
    targets: list[Any] = []
    monkeypatch.setattr(chat.tutor, "add_files", ingested())
    monkeypatch.setattr(chat.tutor, "summarize", lambda t, *_: targets.append(t) or note)
    events = chat.events("", pdf=Path("/tmp/fox.pdf"))
    assert events[0] == Step("Reading fox.pdf", 0.0) and targets == ["file:abc"]
    assert isinstance(events[-1], Turn) and events[-1].payload["type"] == "summary"
    assert chat.agent.turns(chat.session)[0].content.endswith("fox.pdf")


def test_pdf_with_a_question_restricts_the_search(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat.tutor, "add_files", ingested())
    papers: list[Any] = []
    ask = chat.tutor.ask
    monkeypatch.setattr(
        chat.tutor, "ask", lambda q, **o: papers.append(o["paper"]) or ask(q, **o)
    )  # fmt: skip
    chat.say("Which method?", "explain", pdf=Path("/tmp/fox.pdf"))
    chat.say("What is softmax made for, and where?", "explain")
    assert papers == ["file:abc", None], "an upload restricts its own message alone"


def test_pdf_that_cannot_be_read_is_an_error_turn(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat.tutor, "add_files", ingested("failed", "It is encrypted."))
    turn = chat.say("", pdf=Path("/tmp/fox.pdf"))
    assert turn.payload["type"] == "error" and turn.content == "It is encrypted."


def test_cancelling_stops_the_work_of_a_session(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    def summarize(_target: Any, _step: Any, cancel: Any) -> Any:
        chat.agent.cancel(chat.session)
        assert cancel.is_set()
        raise DocumentError("Reading was cancelled.")

    monkeypatch.setattr(chat.tutor, "summarize", summarize)
    turn = chat.say("x", "summarize_paper", slots={"paper": "1706.03762"})
    assert turn.content == "Reading was cancelled."
    chat.agent.cancel("nobody")  # nothing runs there


# --- sessions ---------------------------------------------------------------------------------


def test_session_outlives_its_agent(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Chat(tiny_tutor(settings, monkeypatch), "s1")
    first.say("What is self-attention?", "explain")
    first.say("quiz", "quiz", slots={"topic": "self-attention", "n": 2, "kind": "choice"})
    before, quiz = first.agent.turns("s1"), first.agent.quiz("s1")
    first.agent.close()

    second = Chat(tiny_tutor(settings, monkeypatch), "s1")
    assert second.agent.turns("s1") == before and len(before) == 4
    assert second.agent.quiz("s1") == quiz and quiz is not None
    right = "ABCD"[int(quiz.questions[0].key or 0)]
    assert second.say(right, "answer_submission").payload["verdict"] == "correct"
    assert [row["title"] for row in second.tutor.store.sessions("local")] == [
        "What is self-attention?"
    ]
    second.agent.forget("s1", "local")
    assert second.agent.turns("s1") == [] and second.tutor.store.sessions("local") == []
    second.agent.close()


def test_sessions_do_not_see_each_other(chat: Chat) -> None:
    chat.say("hello", "smalltalk")
    chat.say("hello", "smalltalk", session="other-one")
    assert len(chat.agent.turns(chat.session)) == 2


def test_session_of_another_learner_is_refused_and_left_alone(chat: Chat) -> None:
    chat.say("hello", "smalltalk", learner="ada")
    before = chat.agent.turns(chat.session)
    turn = chat.say("let me in", "smalltalk", learner="eve")
    assert turn.payload["type"] == "error" and "no session" in turn.content
    assert chat.agent.turns(chat.session) == before, "a stranger wrote into the session"
    with pytest.raises(NotFoundError):
        chat.agent.forget(chat.session, "eve")
    assert chat.agent.turns(chat.session) == before


def test_refused_stranger_does_not_disarm_the_stop_button(chat: Chat) -> None:
    chat.say("hello", "smalltalk", learner="ada")
    running = chat.agent.chat("What is softmax?", chat.session, learner="ada", intent="explain")
    next(running)
    chat.say("let me in", learner="eve")
    assert chat.session in chat.agent._cancelled
    list(running)


@pytest.mark.parametrize("session", ["", "x" * 65])
def test_session_id_that_the_store_refuses_is_an_error_turn(chat: Chat, session: str) -> None:
    [turn] = chat.agent.chat("hello", session, intent="smalltalk")
    assert isinstance(turn, Turn) and turn.payload["type"] == "error"


# --- errors -----------------------------------------------------------------------------------


def test_error_becomes_a_turn_that_is_kept(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise NetworkError("arXiv is away.", "Try later.")

    chat.say("hello", "smalltalk")
    with monkeypatch.context() as patch:
        patch.setattr(chat.tutor, "summarize", fail)
        turn = chat.say("Summarize", "summarize_paper", slots={"arxiv_id": "2401.00001"})
    assert turn == Turn("assistant", "arXiv is away. Try later.", {"type": "error"})
    assert chat.transcript() == [
        ("user", "text"), ("assistant", "text"), ("user", "text"), ("assistant", "error"),
    ], "a message is kept twice or not at all"  # fmt: skip
    assert chat.say("thanks", "smalltalk").payload["type"] == "text", "the session is stuck"


def test_error_of_the_first_message_is_kept_once(chat: Chat) -> None:
    chat.say("Summarize", "summarize_paper", slots={"arxiv_id": "2401.00001"})
    assert chat.transcript() == [("user", "text"), ("assistant", "error")]


def test_quiz_of_too_many_questions_is_an_error_turn(chat: Chat) -> None:
    turn = chat.say("quiz", "quiz", slots={"topic": "self-attention", "n": 1000})
    assert turn.payload["type"] == "error" and chat.agent.quiz(chat.session) is None


@pytest.mark.parametrize("text", ["", "   ", "\x00\u200b", "<|im_start|>", "\ud800", "x" * 30_000])
def test_any_text_gets_a_turn(chat: Chat, text: str) -> None:
    assert chat.say(text, "explain").payload["type"] == "answer"
    said = chat.agent.turns(chat.session)[0].content
    assert len(said) <= module.LONGEST_MESSAGE and "<|" not in said and "\x00" not in said


def test_broken_session_file_is_a_store_error(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    (settings.folder() / "sessions.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(module.StoreError, match="sessions"):
        Agent(tiny_tutor(settings, monkeypatch))


def test_open_quiz_can_be_skipped_and_stopped(chat: Chat) -> None:
    first = chat.say("Quiz me", "quiz", slots={"topic": "self-attention", "n": 3})
    second = chat.say("skip", "quiz", slots={})
    assert second.payload["type"] == "question" and second.payload["id"] != first.payload["id"]
    assert "quiz is over" in chat.say("stop the quiz", "quiz", slots={}).content
    assert chat.agent.quiz(chat.session) is None
