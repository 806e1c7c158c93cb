"""Turns as chat messages: markers that open their source, and everything else escaped."""

from __future__ import annotations

from html import escape
from typing import Any

from tutor.events import Turn
from tutor.replies import source_line
from tutor.sanitize import safe_markdown

LATEX: list[dict[str, str | bool]] = [
    {"left": "$$", "right": "$$", "display": True},
    {"left": "$", "right": "$", "display": False},
    {"left": "\\(", "right": "\\)", "display": False},
    {"left": "\\[", "right": "\\]", "display": True},
]


def message(turn: Turn) -> dict[str, Any]:
    """A chat message of Gradio's for a turn."""
    kind = turn.payload.get("type")
    if turn.role == "user":
        content = safe_markdown(turn.content)
    elif kind == "answer":
        content = answer_html(turn.payload)
    elif kind == "error":
        content = f"⚠ {safe_markdown(turn.content)}"
    else:
        content = turn.content
    return {"role": turn.role, "content": content}


def answer_html(answer: dict[str, Any]) -> str:
    """An answer: sentences with markers, then one folded source for each marker."""
    name = escape(str(answer["id"]))
    parts = []
    for sentence in answer["sentences"]:
        marks = "".join(
            f'<a class="cite" href="#src-{name}-{n}" aria-label="source {n}">[{n}]</a>'
            for n in sentence["citations"]
        )
        text = sentence["text"]
        if not sentence["supported"]:
            flag = '<span class="flag">(not found in the sources)</span>'
            text = f'<span class="unsupported">{text}</span> {flag}'
        parts.append(text + marks)
    body = " ".join(parts)
    sources = "\n".join(source_html(citation, name) for citation in answer["citations"])
    note = f"\n\n*{safe_markdown(answer['reason'])}*" if _worth_saying(answer) else ""
    return f"{body}{note}\n\n{sources}".strip()


def _worth_saying(answer: dict[str, Any]) -> bool:
    return bool(answer["reason"]) and not answer["refused"]


def source_html(citation: dict[str, Any], answer: str) -> str:
    """A source that opens: title, section and page, then the quote."""
    quote = escape(" ".join(str(citation["quote"]).split()), quote=False)
    where = escape(source_line(citation), quote=False).replace("&amp;lt;", "&lt;")
    return (
        f'<details class="source" id="src-{answer}-{citation["n"]}">'
        f"<summary>[{citation['n']}] {where}</summary>"
        f"<blockquote>{safe_markdown(quote)}</blockquote></details>"
    )
