"""The chat as a LangGraph graph: route, then one node an intent; a turn is one run of the graph.

The graph routes and retrieves in code; the model only writes prose and fills schemas. What a node
shows while it works goes out as events; what it ends with is a Turn, which the checkpointer keeps,
so that a session is found again after a restart.
"""

from __future__ import annotations

import logging
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import UTC, datetime
from operator import add
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypedDict

from tutor import replies
from tutor.answer import Answer
from tutor.errors import DocumentError, InputError, StoreError, TutorError
from tutor.events import Event, Step, Token, Turn
from tutor.exercises.hints import hint_ladder
from tutor.exercises.quiz import QuizSession
from tutor.learner.pace import keep_pace, pace_in, plan_of
from tutor.papers import find_papers
from tutor.router import RouteContext
from tutor.sanitize import plain_text

if TYPE_CHECKING:
    from tutor.app import Tutor

logger = logging.getLogger(__name__)
PLAN_TOPICS = 8  # of a plan with dates that the chat lists
HISTORY_TURNS = 6  # of the conversation that the model sees
LONGEST_MESSAGE = 20_000  # characters of a learner's message that are read


class ChatState(TypedDict, total=False):
    """What a session remembers."""

    text: str
    pdf: str | None
    learner: str
    mode: Literal["explain", "socratic"]
    intent: str | None
    slots: dict[str, Any]
    turns: Annotated[list[dict[str, Any]], add]
    last_action: str | None
    document: str | None  # the document in focus: uploaded or summarised last
    last_question: str  # the last thing explained, for "and how does it differ from that?"
    quiz: dict[str, Any] | None
    hints: int


class Agent:
    """Runs chat turns. One agent serves all sessions; each session is a thread of the graph."""

    def __init__(self, tutor: Tutor) -> None:
        self._tutor = tutor
        self._cancelled: dict[str, threading.Event] = {}
        self._saver, self._closing = _open_saver(tutor)
        self._graph = self._build()

    def chat(
        self,
        text: str,
        session: str,
        *,
        learner: str | None = None,
        pdf: Path | None = None,
        mode: Literal["explain", "socratic"] = "explain",
        intent: str | None = None,
    ) -> Iterator[Event]:
        """Answer one message: tokens and steps while it goes, at the end one Turn.

        `intent` skips the router, for a front end that knows what was asked for.

        A TutorError becomes a Turn that says what happened and what cures it.
        """
        text = plain_text(text)[:LONGEST_MESSAGE].strip()
        learner = learner or self._tutor.settings.learner
        shown = f"{text}\n\nFile: {pdf.name}".strip() if pdf else text
        start = {
            "text": text, "pdf": str(pdf) if pdf else None, "learner": learner, "mode": mode,
            "intent": intent,
            "turns": [asdict(Turn("user", shown, {"type": "text"}))],
        }  # fmt: skip
        final: Turn | None = None
        try:
            title = "" if self.turns(session) else shown[:80]
            self._tutor.store.touch_session(session, learner, title=title)
        except TutorError as error:
            # The session is somebody else's: nothing of this may enter it or stop what runs there.
            yield Turn("assistant", str(error), {"type": "error"})
            return
        self._cancelled[session] = threading.Event()
        try:
            stream = self._graph.stream(
                start, _thread(session), stream_mode="custom", durability="exit"
            )
            for event in stream:
                if isinstance(event, Turn):
                    final = event
                else:
                    yield event
        except TutorError as error:
            final = Turn("assistant", str(error), {"type": "error"})
            self._remember(session, final)  # the message itself is kept by then
        finally:
            self._cancelled.pop(session, None)
        if final is not None:
            yield final

    def cancel(self, session: str) -> None:
        """Ask the work of a session to stop at the next step."""
        event = self._cancelled.get(session)
        if event is not None:
            event.set()

    def turns(self, session: str) -> list[Turn]:
        """The transcript of a session; empty for a new one."""
        state = self._graph.get_state(_thread(session)).values
        return [Turn(**turn) for turn in state.get("turns", [])]

    def quiz(self, session: str) -> QuizSession | None:
        """The quiz that is open in a session."""
        state = self._graph.get_state(_thread(session)).values
        return QuizSession.from_state(state["quiz"]) if state.get("quiz") else None

    def forget(self, session: str, learner: str) -> None:
        """Delete a session and its transcript.

        Raises:
            NotFoundError: The learner has no such session.
        """
        self._tutor.store.delete_session(session, learner)
        self._saver.delete_thread(session)

    def close(self) -> None:
        """Close the session database."""
        self._closing.__exit__(None, None, None)

    def _remember(self, session: str, turn: Turn) -> None:
        try:
            update = {"turns": [asdict(turn)]}
            self._graph.update_state(_thread(session), update, as_node="smalltalk")
        except Exception as error:  # the reply itself must still reach the learner
            logger.warning("The turn could not be kept: %s", error)

    # --- the graph ----------------------------------------------------------------------------

    def _build(self) -> Any:
        from langgraph.graph import END, START, StateGraph
        from langgraph.types import Command

        nodes = {
            "explain": self._explain,
            "summarize_paper": self._summarize,
            "quiz": self._quiz,
            "answer_submission": self._submission,
            "hint": self._hint,
            "plan_next": self._plan,
            "progress": self._progress,
            "find_papers": self._papers,
            "code_exercise": self._code,
            "smalltalk": self._smalltalk,
            "out_of_scope": self._decline,
        }

        def route(state: ChatState) -> Any:
            intent, slots = self._route(state)
            return Command(goto=intent, update={"slots": slots})

        graph = StateGraph(ChatState)
        graph.add_node("route", route, destinations=tuple(nodes))
        graph.add_edge(START, "route")
        for name, node in nodes.items():
            graph.add_node(name, _node(name, node))
            graph.add_edge(name, END)
        return graph.compile(checkpointer=self._saver)

    def _route(self, state: ChatState) -> tuple[str, dict[str, Any]]:
        if state.get("intent"):
            return str(state["intent"]), {}
        if state.get("pdf") and not state["text"]:
            return "summarize_paper", {}
        context = RouteContext(
            open_question=bool(state.get("quiz")),
            uploaded_pdf=bool(state.get("pdf") or state.get("document")),
            last_action=state.get("last_action"),
        )
        route = self._tutor.router().route(state["text"], context)
        if route.intent in ("answer_submission", "hint") and not state.get("quiz"):
            return "explain", route.slots
        return route.intent, route.slots

    def _explain(self, state: ChatState, emit: Any) -> dict[str, Any]:
        from tutor.models.llm import Message

        document = self._take_upload(state, emit)
        turns = [turn for turn in state.get("turns", [])[:-1] if turn["payload"]["type"] != "error"]
        history = [Message(t["role"], t["content"]) for t in turns[-HISTORY_TURNS:]]
        leans = _leans_on_before(state["text"])
        emit(Step("Searching the library"))
        answer: Answer | None = None
        for part in self._tutor.ask(
            state["text"],
            mode=state.get("slots", {}).get("mode", state.get("mode", "explain")),
            history=history,
            context=state.get("last_question", "") if leans else "",
            paper=document if state.get("pdf") or _about_document(state["text"]) else None,
        ):
            if isinstance(part, Answer):
                answer = part
            else:
                emit(Token(part))
        assert answer is not None
        reply = Turn("assistant", replies.answer_markdown(answer), replies.answer_payload(answer))
        last = state["text"] if not leans else f"{state.get('last_question', '')} {state['text']}"
        return {"reply": reply, "document": document, "last_question": last[-600:]}

    def _summarize(self, state: ChatState, emit: Any) -> dict[str, Any]:
        slots = state.get("slots", {})
        named = slots.get("arxiv_id") or slots.get("paper")
        document = self._take_upload(state, emit)
        target = document if state.get("pdf") or not named else named
        if target is None:
            text = (
                "Which paper? Drop its PDF here, give an arXiv id such as 1706.03762, or name a "
                "paper of the library."
            )
            return {"reply": Turn("assistant", text, {"type": "text"})}
        cancel = self._cancelled.get(_session_of())
        summary = self._tutor.summarize(target, lambda t, f: emit(Step(t, f)), cancel)
        payload = {"type": "summary", **summary.to_dict()}
        reply = Turn("assistant", replies.summary_markdown(summary), payload)
        return {"reply": reply, "document": summary.doc_id}

    def _quiz(self, state: ChatState, emit: Any) -> dict[str, Any]:
        if state.get("quiz") and _STOPS.search(state["text"]):
            session = QuizSession.from_state(state["quiz"] or {})
            return {"reply": replies.stopped_turn(session), "quiz": None, "hints": 0}
        if state.get("quiz") and _SKIPS.search(state["text"]):
            session = QuizSession.from_state(state["quiz"] or {})
            session.skip()
            open_quiz = session.to_state() if session.current else None
            reply = replies.question_turn(session) if open_quiz else replies.stopped_turn(session)
            return {"reply": reply, "quiz": open_quiz, "hints": 0}
        slots = state.get("slots", {})
        if slots.get("kind") == "code":
            return self._code(state, emit)
        topic = slots.get("topic")
        stage = None if topic else slots.get("stage")
        paper = None if topic or stage else slots.get("arxiv_id") or slots.get("paper")
        if not (topic or stage or paper):
            topic = self._tutor.next_step(state["learner"]).topic
            stage = None if topic else 1
        questions = self._tutor.quiz(
            int(slots.get("n", 5)), stage=stage, topic=topic, paper=paper, kind=slots.get("kind"),
            learner=state["learner"],
        )  # fmt: skip
        session = QuizSession(questions)
        return {"reply": replies.question_turn(session), "quiz": session.to_state(), "hints": 0}

    def _submission(self, state: ChatState, emit: Any) -> dict[str, Any]:
        session = _open_quiz(state)
        text = str(state.get("slots", {}).get("answer") or state["text"])
        emit(Step("Checking your answer"))
        question = session.current
        assert question is not None  # a quiz that is over is not kept
        grade, moved = self._tutor.submit(
            session, text, learner=state["learner"], session_id=_session_of()
        )
        reply = replies.grade_turn(question, grade, session, moved)
        open_quiz = session.to_state() if session.current else None
        return {"reply": reply, "quiz": open_quiz, "hints": 0 if moved else state.get("hints", 0)}

    def _hint(self, state: ChatState, emit: Any) -> dict[str, Any]:
        question = _open_quiz(state).current
        assert question is not None  # a quiz that is over is not kept
        ladder = hint_ladder(question)
        step = min(state.get("hints", 0), len(ladder) - 1)
        text = f"**Hint {step + 1} of {len(ladder)}.** {ladder[step]}"
        return {"reply": Turn("assistant", text, {"type": "text"}), "hints": step + 1}

    def _plan(self, state: ChatState, emit: Any) -> dict[str, Any]:
        step = self._tutor.next_step(state["learner"]).to_dict()
        text = f"{replies.next_markdown(step)}\n\n{self._dates(state, step['topic'])}".rstrip()
        return {"reply": Turn("assistant", text, {"type": "text"})}

    def _progress(self, state: ChatState, emit: Any) -> dict[str, Any]:
        text = replies.progress_markdown(self._tutor.progress(state["learner"]))
        text = f"{text}\n\n{self._dates(state, None)}".rstrip()
        return {"reply": Turn("assistant", text, {"type": "text"})}

    def _dates(self, state: ChatState, topic: str | None) -> str:
        """The plan with dates, whole where the message gives hours a week or asks for dates.

        Raises:
            InputError: No plan can be made of what the message gives.
        """
        store, learner, now = self._tutor.store, state["learner"], datetime.now(UTC)
        text = state["text"]
        given = pace_in(text, state.get("slots", {}).get("stage"))
        if given is not None:
            keep_pace(store, learner, given, now)
        plan = plan_of(store, learner, now)
        if plan is None:
            return replies.PLAN_OFFER if topic else ""
        if given is not None or _ASKS_DATES.search(text):
            return replies.plan_markdown(plan, topics=PLAN_TOPICS)
        return replies.plan_line(plan, topic)

    def _papers(self, state: ChatState, emit: Any) -> dict[str, Any]:
        query = str(state.get("slots", {}).get("query") or state["text"])
        found = find_papers(self._tutor.library.retriever(), self._tutor.arxiv, query)
        text = replies.papers_markdown(query, found)
        return {"reply": Turn("assistant", text, {"type": "text"})}

    def _code(self, state: ChatState, emit: Any) -> dict[str, Any]:
        text = replies.code_markdown(state.get("slots", {}).get("topic"))
        return {"reply": Turn("assistant", text, {"type": "text"})}

    def _smalltalk(self, state: ChatState, emit: Any) -> dict[str, Any]:
        text = replies.smalltalk_markdown(state["text"], self._tutor.status()["model"])
        return {"reply": Turn("assistant", text, {"type": "text"})}

    def _decline(self, state: ChatState, emit: Any) -> dict[str, Any]:
        return {"reply": Turn("assistant", replies.DECLINE, {"type": "text"})}

    def _take_upload(self, state: ChatState, emit: Any) -> str | None:
        """Put a PDF that came with this message into the library; the document now in focus."""
        if not state.get("pdf"):
            return state.get("document")
        path = Path(str(state["pdf"]))
        emit(Step(f"Reading {path.name}", 0.0))
        [result] = self._tutor.add_files([path], progress=lambda t, f: emit(Step(t, f)))
        if result.status == "failed":
            raise DocumentError(result.error or f"{path.name} could not be read.")
        return str(result.doc_id)


def _node(name: str, work: Any) -> Any:
    """A graph node: runs `work`, sends its reply out and into the transcript."""

    def run(state: ChatState) -> dict[str, Any]:
        from langgraph.config import get_stream_writer

        emit = get_stream_writer()
        update = work(state, emit)
        reply: Turn = update.pop("reply")
        emit(reply)
        return {**update, "turns": [asdict(reply)], "last_action": name, "pdf": None}

    return run


def _open_quiz(state: ChatState) -> QuizSession:
    """The quiz under way.

    Raises:
        InputError: There is none.
    """
    if not state.get("quiz"):
        raise InputError("No question is open.", "Say 'quiz me' to start a quiz.")
    return QuizSession.from_state(state["quiz"] or {})


def _session_of() -> str:
    """The session that the current node runs in."""
    from langgraph.config import get_config

    return str(get_config()["configurable"]["thread_id"])


def _thread(session: str) -> dict[str, Any]:
    return {"configurable": {"thread_id": session}}


_ASKS_DATES = re.compile(r"\b(?:dates?|plan|schedule|timetable|when)\b", re.IGNORECASE)
_SKIPS = re.compile(r"^\W*(?:skip|pass|next)\b", re.IGNORECASE)
_STOPS = re.compile(r"^\W*(?:stop|end|quit|cancel|exit|finish|abort)\b", re.IGNORECASE)
_LEANING = ("it", "its", "that", "this", "they", "them", "those", "these", "he", "she", "one")
_FOLLOWING = ("and ", "but ", "so ", "why", "how about", "what about", "more", "go on", "example")


def _leans_on_before(text: str) -> bool:
    """Whether a question can be understood only with the one before it."""
    lowered = text.lower().strip()
    words = lowered.replace("?", " ").split()
    short = len(words) <= 12
    return short and (lowered.startswith(_FOLLOWING) or any(w in _LEANING for w in words))


def _about_document(text: str) -> bool:
    """Whether a question speaks of the document in focus."""
    lowered = text.lower()
    nouns = ("paper", "pdf", "document", "authors")
    return any(f"{word} {noun}" in lowered for word in ("this", "the", "that") for noun in nouns)


def _open_saver(tutor: Tutor) -> tuple[Any, AbstractContextManager[Any]]:
    """The checkpointer: SQLite in TUTOR_HOME, or the PostgreSQL of TUTOR_DATABASE_URL."""
    from contextlib import closing

    url = tutor.settings.database_url
    if url.startswith("postgresql"):
        from langgraph.checkpoint.postgres import PostgresSaver

        manager = PostgresSaver.from_conn_string(url.replace("postgresql+psycopg", "postgresql"))
        saver = manager.__enter__()
        saver.setup()
        return saver, manager
    from langgraph.checkpoint.sqlite import SqliteSaver

    path = tutor.settings.folder() / "sessions.db"
    try:
        connection = sqlite3.connect(path, check_same_thread=False, timeout=30)
        connection.execute("PRAGMA journal_mode=WAL")
        lite = SqliteSaver(connection)
        lite.setup()
    except sqlite3.Error as error:
        raise StoreError(
            f"The sessions in {path} can't be opened: {error}.",
            "Move that file away and try again.",
        ) from error
    return lite, closing(connection)
