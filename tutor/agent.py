"""The chat as a LangGraph graph: route, then one node an intent; a turn is one run of the graph.

The graph routes and retrieves in code; the model only writes prose and fills schemas. What a node
shows while it works goes out as events; what it ends with is a Turn, which the checkpointer keeps,
so that a session is found again after a restart.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tutor.errors import StoreError, TutorError
from tutor.events import Event, Turn
from tutor.exercises.quiz import QuizSession
from tutor.nodes import ChatState, Nodes
from tutor.router import RouteContext
from tutor.sanitize import plain_text

if TYPE_CHECKING:
    from tutor.app import Tutor

logger = logging.getLogger(__name__)
LONGEST_MESSAGE = 20_000  # characters of a learner's message that are read


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

        nodes = Nodes(self._tutor, self._cancelled).by_intent

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


def _thread(session: str) -> dict[str, Any]:
    return {"configurable": {"thread_id": session}}


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
