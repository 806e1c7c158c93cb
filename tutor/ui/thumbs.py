"""Thumbs beside replies: the rating is kept, and by consent what it is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from tutor.agent import Agent
from tutor.app import Tutor
from tutor.events import Turn
from tutor.learner.archive import Context
from tutor.learner.incoming import plain


def build_thumbs(
    chatbot: gr.Chatbot, tutor: Tutor, agent: Agent, learner: Any, session: gr.BrowserState
) -> None:
    """Show thumbs at every reply of the chat and keep what is pressed."""

    def rate(sid: str, event: gr.LikeData, request: gr.Request) -> None:
        name = learner(request)
        if all(sid != row["id"] for row in tutor.store.sessions(name)):
            return
        place = event.index[0] if isinstance(event.index, list | tuple) else event.index
        rated = rated_turn(agent.turns(sid), place, sid)
        if rated is not None:
            target, context = rated
            # A thumb that is pressed again is taken back: it comes as neither.
            value = {True: 1, False: -1}.get(event.liked, 0)
            tutor.store.add_feedback(name, target, value, context=context)
            kept = "" if tutor.store.consents(name) else " Only the thumb is kept."
            gr.Info(f"Thank you.{kept}")

    chatbot.like(rate, session, None, show_progress="hidden")


def rated_turn(turns: Sequence[Turn], place: int, sid: str) -> tuple[str, Context] | None:
    """What a rating of the message at a place is about; None if it is no reply."""
    if not 0 <= place < len(turns) or turns[place].role != "assistant":
        return None
    reply = turns[place]
    asked = next((turn.content for turn in reversed(turns[:place]) if turn.role == "user"), "")
    cited = reply.payload.get("citations") or ()
    target = f"answer:{reply.payload['id']}" if "id" in reply.payload else f"turn:{sid}:{place}"
    return target[:200], Context(
        prompt=plain(asked),
        passages=tuple(plain(str(citation["key"]))[:200] for citation in cited)[:50],
        reply=plain(reply.content),
    )
