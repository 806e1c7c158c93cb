"""Documents cut into Chunks: whole sentences, one section, one page, stable ids."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass

from tutor.ingest.document import PARSER_VERSION, Chunk, Document, Section
from tutor.ingest.sentences import sentence_spans

__all__ = ["CHUNKER_VERSION", "PARSER_VERSION", "chunk_document", "chunk_id", "estimate_tokens"]

# Enters the name of the index, as PARSER_VERSION does.
CHUNKER_VERSION = 1

MAX_TOKENS = 220  # small embedding models read 256 tokens and ignore the rest
_WORD = re.compile(r"[A-Za-z]+|\d+|[^\W\d_]|\S")


@dataclass(frozen=True)
class _Unit:
    """What is not cut any further: a sentence, a code block, or a piece of an overlong one."""

    start: int
    end: int
    tokens: int
    page: int | None
    repeatable: bool


def estimate_tokens(text: str) -> int:
    """About how many word pieces `text` makes; rather too many than too few."""
    total = 0
    for token in _WORD.findall(text):
        if token.isascii() and token.isalpha():
            total += 1 if len(token) <= 7 else 1 + (len(token) - 3) // 5
        elif token.isdigit():
            total += (len(token) + 1) // 2
        else:
            total += 1
    return total


def chunk_id(doc_id: str, section: str, page: int | None, text: str) -> str:
    """16 hex digits that depend on the content alone."""
    content = "\x1f".join((doc_id, section, "" if page is None else str(page), text))
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _pieces(
    text: str, start: int, end: int, count: Callable[[str], int], limit: int
) -> list[tuple[int, int]]:
    """Cut text[start:end] at line ends, else at blanks, so that each piece stays in `limit`."""
    if count(text[start:end]) <= limit or end - start < 2:
        return [(start, end)]
    middle = (start + end) // 2
    for separator in ("\n", " "):
        before = text.rfind(separator, start + 1, middle)
        after = text.find(separator, middle, end - 1)
        cuts = [cut for cut in (before, after) if cut > 0]
        if cuts:
            cut = min(cuts, key=lambda place: abs(place - middle))
            break
    else:
        cut = middle
    return [
        *_pieces(text, start, cut, count, limit),
        *_pieces(text, cut, end, count, limit),
    ]


def _units(section: Section, count: Callable[[str], int], max_tokens: int) -> list[_Unit]:
    units = []
    text = section.text
    for start, end in sentence_spans(text):
        code = text.startswith(("```", "~~~"), start)
        # Half a program teaches nothing: code may take twice the room.
        pieces = _pieces(text, start, end, count, 2 * max_tokens if code else max_tokens)
        whole = len(pieces) == 1 and not code
        for begin, stop in pieces:
            units.append(_Unit(begin, stop, count(text[begin:stop]), section.page_at(begin), whole))
    return units


def _groups(units: list[_Unit], max_tokens: int) -> list[list[_Unit]]:
    """Consecutive units of one page, up to `max_tokens`; the last one is repeated in the next."""
    groups: list[list[_Unit]] = []
    group: list[_Unit] = []
    fresh = 0  # units of the group that are not repeated from the one before
    for unit in units:
        turned = bool(group) and unit.page != group[-1].page
        full = bool(group) and sum(u.tokens for u in group) + unit.tokens > max_tokens
        if turned or full:
            groups.append(group)
            last = group[-1]
            repeat = (
                not turned
                and last.repeatable
                and last.tokens <= max_tokens // 3
                and last.tokens + unit.tokens <= max_tokens
            )
            group, fresh = ([last] if repeat else []), 0
        group.append(unit)
        fresh += 1
    if fresh:
        groups.append(group)
    return groups


def chunk_document(
    document: Document,
    count_tokens: Callable[[str], int] | None = None,
    max_tokens: int = MAX_TOKENS,
    *,
    stage: int | None = None,
    topics: tuple[str, ...] = (),
) -> list[Chunk]:
    """Cut a document into chunks.

    A chunk never crosses a section or a page and holds whole sentences; the last sentence of a
    chunk is repeated at the beginning of the next one. A sentence that runs over to the next
    page belongs to the page on which it begins.

    Args:
        document: What to cut.
        count_tokens: The embedding model's count; None estimates without any model.
        max_tokens: Most tokens of a chunk. A code block may take twice as many.
        stage: Stored with each chunk.
        topics: Stored with each chunk.
    """
    count = count_tokens or estimate_tokens
    chunks: list[Chunk] = []
    seen: set[str] = set()
    for section in document.sections:
        title = section.title or document.title
        for group in _groups(_units(section, count, max_tokens), max_tokens):
            text = section.text[group[0].start : group[-1].end].strip()
            identity = chunk_id(document.doc_id, title, group[0].page, text)
            if not text or identity in seen:
                continue
            seen.add(identity)
            chunks.append(
                Chunk(
                    id=identity,
                    doc_id=document.doc_id,
                    kind=document.kind,
                    title=document.title,
                    section=title,
                    page=group[0].page,
                    text=text,
                    ordinal=len(chunks),
                    stage=stage,
                    topics=topics,
                )
            )
    return chunks
