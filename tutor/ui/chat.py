"""The Chat tab: messages stream in; a PDF can be dropped; sessions are found again."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from tutor.agent import Agent
from tutor.app import Tutor
from tutor.events import Step, Token
from tutor.sanitize import safe_markdown
from tutor.ui.render import LATEX, message
from tutor.ui.thumbs import build_thumbs

logger = logging.getLogger(__name__)
WELCOME = (
    "## Ask about anything on the road to large language models\n"
    "Answers come from lessons and papers, and every sentence shows its source. "
    "Drop a PDF to have it summarized."
)
FAILED = (
    "⚠ That could not be answered: an error that should not happen. Its details are in the log."
)
IDLE = gr.update(submit_btn=True, stop_btn=False)
NEW = ("New session", "")
EXAMPLES = (
    "Why are attention scores divided by the square root of the key size?",
    "Summarize Attention Is All You Need",
    "Quiz me on stage 2",
)
# The view follows a reply while it is written (Gradio does, where the view is at its end). A reply
# longer than the view is then shown from its beginning, but not to who scrolled away meanwhile.
FOLLOW = """() => {
  const view = document.querySelector("#chat .bubble-wrap");
  if (view) view.scrollTop = view.scrollHeight;
}"""
SHOW_TURN = """() => { setTimeout(() => {  // behind Gradio's own scrolling
  const view = document.querySelector("#chat .bubble-wrap");
  const turn = view && [...view.querySelectorAll(".user-row")].at(-1);
  if (!turn || view.scrollHeight - view.scrollTop - view.clientHeight > 150) return;
  view.scrollTop += turn.getBoundingClientRect().top - view.getBoundingClientRect().top - 12;
}, 600); }"""


def new_session() -> str:
    """An id for a new conversation."""
    return uuid.uuid4().hex[:12]


def build_chat(
    blocks: gr.Blocks, tutor: Tutor, agent: Agent, learner: Any, session: gr.BrowserState
) -> gr.State:
    """Lay out the tab and wire it; returns the state by which other tabs send a message."""
    with gr.Row(elem_id="chat-bar"):
        picker = gr.Dropdown(
            [NEW], value="", label="Session", elem_id="sessions", interactive=True, filterable=False
        )
        fresh = gr.Button("New session", elem_id="new-session", size="sm", scale=0)
    chatbot = gr.Chatbot(
        elem_id="chat",
        label="Conversation",
        show_label=False,
        latex_delimiters=LATEX,
        height="64vh",
        layout="bubble",
        placeholder=WELCOME,
        buttons=[],
        examples=[{"text": text} for text in EXAMPLES],
    )
    box = gr.MultimodalTextbox(
        elem_id="message",
        label="Your message",
        show_label=False,
        file_types=[".pdf"],
        file_count="single",
        sources=["upload"],
        max_plain_text_length=20_000,
        autofocus=True,
        placeholder="Ask, or drop a PDF",
        stop_btn=False,
    )
    relay = gr.State({})

    def send(
        given: dict[str, Any], history: list[Any], sid: str, request: gr.Request
    ) -> Iterator[Any]:
        text = str(given.get("text") or "").strip()
        files = given.get("files") or []
        if not text and not files:
            yield history, gr.skip(), sid
            return
        sid = sid or new_session()
        pdf = Path(files[0]) if files else None
        shown = safe_markdown(f"{text}\n\nFile: {pdf.name}".strip() if pdf else text)
        history = [*history, {"role": "user", "content": shown}]
        draft = ""
        working = gr.update(value=None, submit_btn=False, stop_btn=True)
        yield [*history, _waiting("Thinking")], working, sid
        try:
            for event in agent.chat(text, sid, learner=learner(request), pdf=pdf):
                if isinstance(event, Token):
                    draft += event.text
                    yield [*history, _said(safe_markdown(draft))], gr.skip(), sid
                elif isinstance(event, Step):
                    done = "" if event.fraction is None else f" {event.fraction:.0%}"
                    yield [*history, _waiting(event.text + done)], gr.skip(), sid
                else:
                    history = [*history, message(event)]
        except Exception:  # a bug: the page must not wait for ever
            logger.exception("The message could not be answered")
            history = [*history, _said(FAILED)]
        yield history, IDLE, sid

    def send_relayed(
        given: dict[str, str], history: list[Any], sid: str, request: gr.Request
    ) -> Iterator[Any]:
        yield from send(given, history, sid, request)

    def choices(sid: str, request: gr.Request) -> Any:
        rows = tutor.store.sessions(learner(request))
        listed = [(row["title"] or row["id"], row["id"]) for row in rows]
        if all(sid != row["id"] for row in rows):
            listed = [(NEW[0], sid), *listed]
        return gr.update(choices=listed, value=sid)

    def opened(sid: str, request: gr.Request) -> list[Any]:
        own = any(row["id"] == sid for row in tutor.store.sessions(learner(request)))
        return [message(turn) for turn in agent.turns(sid)] if own else []

    def reopen(sid: str, request: gr.Request) -> tuple[list[Any], str]:
        return opened(sid, request), sid

    def start_new(request: gr.Request) -> tuple[Any, str, Any]:
        sid = new_session()
        return [], sid, choices(sid, request)

    def stop(sid: str) -> Any:
        agent.cancel(sid)
        return IDLE

    outputs = [chatbot, box, session]
    gr.on([box.submit, relay.change], js=FOLLOW)
    sending = box.submit(send, [box, chatbot, session], outputs, concurrency_limit=8)
    sending.then(js=SHOW_TURN).then(choices, session, picker, show_progress="hidden")
    chatbot.example_select(_chosen, None, relay, show_progress="hidden")
    relayed = relay.change(send_relayed, [relay, chatbot, session], outputs, concurrency_limit=8)
    relayed.then(js=SHOW_TURN).then(choices, session, picker, show_progress="hidden")
    box.stop(stop, session, box, cancels=[sending, relayed], show_progress="hidden")
    build_thumbs(chatbot, tutor, agent, learner, session)
    fresh.click(start_new, None, [chatbot, session, picker], show_progress="hidden")
    picker.input(reopen, picker, [chatbot, session], show_progress="hidden")
    gr.on([blocks.load], opened, session, chatbot, show_progress="hidden").then(
        choices, session, picker, show_progress="hidden"
    )
    return relay


def relayed_message(text: str) -> dict[str, str]:
    """A message from another tab; the nonce makes the same text count as a new one."""
    return {"text": text, "nonce": uuid.uuid4().hex}


def _chosen(event: gr.SelectData) -> dict[str, str]:
    return relayed_message(str(event.value["text"]))


def _waiting(text: str) -> dict[str, Any]:
    return _said(f"*{safe_markdown(text)} …*")


def _said(content: str) -> dict[str, Any]:
    return {"role": "assistant", "content": content}
