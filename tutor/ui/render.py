"""Turns as chat messages: markers that open their source, and everything else escaped."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from html import escape
from typing import Any

from tutor.events import Turn
from tutor.library.standing import Name, title_alone
from tutor.replies import source_line, summary_markdown
from tutor.sanitize import safe_markdown
from tutor.summarize import PaperSummary, Point

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
    elif kind == "summary":
        content = summary_html(PaperSummary.from_dict(turn.payload))
    elif kind == "error":
        content = f"⚠ {safe_markdown(turn.content)}"
    else:
        content = turn.content
    return {"role": turn.role, "content": content}


def answer_html(answer: dict[str, Any], chips: Mapping[int, str] | None = None) -> str:
    """An answer: sentences with markers, then one folded source for each marker.

    Args:
        chips: Markers of some citations, by number, in place of the one that unfolds the source.
    """
    name = escape(str(answer["id"]))
    parts = []
    for sentence in answer["sentences"]:
        marks = "".join(
            (chips or {}).get(n)
            or f'<a class="cite" href="#src-{name}-{n}" aria-label="source {n}">[{n}]</a>'
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


def summary_html(summary: PaperSummary, link: Name = title_alone) -> str:
    """A summary: each bullet's page opens the quote that stands there.

    Args:
        link: Writes the names of topics and papers.
    """
    name = uuid.uuid4().hex[:8]
    quotes: list[str] = []

    def mark(point: Point) -> str:
        if point.page is None or point.quote is None:
            return ""
        n = len(quotes) + 1
        quotes.append(_folded(f"{name}-{n}", f"Page {point.page}, quote {n}", point.quote))
        label = f"quote on page {point.page}"
        return f'<a class="cite" href="#src-{name}-{n}" aria-label="{label}">[p. {point.page}]</a>'

    return summary_markdown(summary, mark, link) + "\n\n" + "\n".join(quotes)


def _worth_saying(answer: dict[str, Any]) -> bool:
    return bool(answer["reason"]) and not answer["refused"]


def demoted(markdown: str) -> str:
    """Headings one level down, below the page's own; code is left alone."""
    parts = markdown.split("```")
    parts[::2] = [re.sub(r"^(#{1,5}) ", r"#\1 ", part, flags=re.MULTILINE) for part in parts[::2]]
    return "```".join(parts)


def source_html(citation: dict[str, Any], answer: str) -> str:
    """A source that opens: title, section and page, then the quote."""
    head = f"[{citation['n']}] {source_line(citation)}"
    return _folded(f"{answer}-{citation['n']}", head, str(citation["quote"]))


def _folded(name: str, head: str, quote: str) -> str:
    """A line that opens to show a quote; text from outside is escaped."""
    shown = escape(" ".join(quote.split()), quote=False)
    head = escape(head, quote=False).replace("&amp;lt;", "&lt;")
    return (
        f'<details class="source" id="src-{name}"><summary>{head}</summary>'
        f"<blockquote>{safe_markdown(shown)}</blockquote></details>"
    )
