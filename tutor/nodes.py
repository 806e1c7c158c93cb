"""What the chat does for each intent: one method a node of the graph.

A node gets the session's state and a way to send events; it gives back what changes in the state,
with its `reply`. The model only writes prose and fills schemas.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from operator import add
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypedDict

from tutor import replies
from tutor.answer import Answer
from tutor.errors import DocumentError, InputError
from tutor.events import Step, Token, Turn
from tutor.exercises.hints import hint_ladder
from tutor.exercises.quiz import QuizSession
from tutor.learner.pace import keep_pace, pace_in, plan_of
from tutor.library.papers import find_papers

if TYPE_CHECKING:
    from tutor.app import Tutor

PLAN_TOPICS = 8  # of a plan with dates that the chat lists
HISTORY_TURNS = 6  # of the conversation that the model sees
_ASKS_DATES = re.compile(r"\b(?:dates?|plan|schedule|timetable|when)\b", re.IGNORECASE)
_SKIPS = re.compile(r"^\W*(?:skip|pass|next)\b", re.IGNORECASE)
_STOPS = re.compile(r"^\W*(?:stop|end|quit|cancel|exit|finish|abort)\b", re.IGNORECASE)
_LEANING = ("it", "its", "that", "this", "they", "them", "those", "these", "he", "she", "one")
_FOLLOWING = ("and ", "but ", "so ", "why", "how about", "what about", "more", "go on", "example")


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


class Nodes:
    """The nodes over one Tutor.

    Args:
        cancelled: By session, the event that asks its work to stop.
    """

    def __init__(self, tutor: Tutor, cancelled: Mapping[str, threading.Event]) -> None:
        self._tutor = tutor
        self._cancelled = cancelled

    @property
    def by_intent(self) -> dict[str, Any]:
        """The node of each intent that the router knows."""
        return {
            "explain": self.explain,
            "summarize_paper": self.summarize,
            "quiz": self.quiz,
            "answer_submission": self.submission,
            "hint": self.hint,
            "plan_next": self.plan,
            "progress": self.progress,
            "find_papers": self.papers,
            "code_exercise": self.code,
            "smalltalk": self.smalltalk,
            "out_of_scope": self.decline,
        }

    def explain(self, state: ChatState, emit: Any) -> dict[str, Any]:
        """Answer a question from the library."""
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

    def summarize(self, state: ChatState, emit: Any) -> dict[str, Any]:
        """Summarise the paper that is named, uploaded or in focus."""
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

    def quiz(self, state: ChatState, emit: Any) -> dict[str, Any]:
        """Open a quiz, skip a question, or end it."""
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
            return self.code(state, emit)
        topic = slots.get("topic")
        stage = None if topic else slots.get("stage")
        paper = None if topic or stage else slots.get("arxiv_id") or slots.get("paper")
        if not (topic or stage or paper):
            topic = self._tutor.study.next_step(state["learner"]).topic
            stage = None if topic else 1
        questions = self._tutor.study.quiz(
            int(slots.get("n", 5)), stage=stage, topic=topic, paper=paper, kind=slots.get("kind"),
            learner=state["learner"],
        )  # fmt: skip
        session = QuizSession(questions)
        return {"reply": replies.question_turn(session), "quiz": session.to_state(), "hints": 0}

    def submission(self, state: ChatState, emit: Any) -> dict[str, Any]:
        """Grade an answer to the open question."""
        session = _open_quiz(state)
        text = str(state.get("slots", {}).get("answer") or state["text"])
        emit(Step("Checking your answer"))
        question = session.current
        assert question is not None  # a quiz that is over is not kept
        grade, moved = self._tutor.study.submit(
            session, text, learner=state["learner"], session_id=_session_of()
        )
        reply = replies.grade_turn(question, grade, session, moved)
        open_quiz = session.to_state() if session.current else None
        return {"reply": reply, "quiz": open_quiz, "hints": 0 if moved else state.get("hints", 0)}

    def hint(self, state: ChatState, emit: Any) -> dict[str, Any]:
        """The next hint to the open question."""
        question = _open_quiz(state).current
        assert question is not None  # a quiz that is over is not kept
        ladder = hint_ladder(question)
        step = min(state.get("hints", 0), len(ladder) - 1)
        text = f"**Hint {step + 1} of {len(ladder)}.** {ladder[step]}"
        return {"reply": Turn("assistant", text, {"type": "text"}), "hints": step + 1}

    def plan(self, state: ChatState, emit: Any) -> dict[str, Any]:
        """What to study next, with dates where hours a week are known."""
        step = self._tutor.study.next_step(state["learner"]).to_dict()
        text = f"{replies.next_markdown(step)}\n\n{self._dates(state, step['topic'])}".rstrip()
        return {"reply": Turn("assistant", text, {"type": "text"})}

    def progress(self, state: ChatState, emit: Any) -> dict[str, Any]:
        """How far the learner has come."""
        text = replies.progress_markdown(self._tutor.study.progress(state["learner"]))
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

    def papers(self, state: ChatState, emit: Any) -> dict[str, Any]:
        """Find papers."""
        query = str(state.get("slots", {}).get("query") or state["text"])
        found = find_papers(self._tutor.library.retriever(), self._tutor.arxiv, query)
        text = replies.papers_markdown(query, found)
        return {"reply": Turn("assistant", text, {"type": "text"})}

    def code(self, state: ChatState, emit: Any) -> dict[str, Any]:
        """Point to the labs."""
        text = replies.code_markdown(state.get("slots", {}).get("topic"))
        return {"reply": Turn("assistant", text, {"type": "text"})}

    def smalltalk(self, state: ChatState, emit: Any) -> dict[str, Any]:
        """Greet, thank, say what the tutor can do."""
        text = replies.smalltalk_markdown(state["text"], self._tutor.status()["model"])
        return {"reply": Turn("assistant", text, {"type": "text"})}

    def decline(self, state: ChatState, emit: Any) -> dict[str, Any]:
        """Lead back to what is taught here."""
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
