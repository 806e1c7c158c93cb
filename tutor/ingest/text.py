"""Markdown and plain text to Document."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field

from tutor.errors import DocumentError
from tutor.ingest.cleaning import Hyphens, clean_characters
from tutor.ingest.document import Document, Section, sha256_hex
from tutor.ingest.frontmatter import drop_front, find_abstract
from tutor.ingest.headings import KNOWN_HEADINGS, bare_title

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_ATX = re.compile(r" {0,3}(#{1,6})[ \t]+(.+?)[ \t]*#*[ \t]*")
_BOLD_LINE = re.compile(r"(?:_?\*\*[^*\n]+\*\*_?[ \t]*)+")
_EMPHASIS = re.compile(r"(\*{1,3}|(?<![\w_])_{1,3})(?=\S)(.+?)(?<=\S)(?:\1)(?![\w_])")
_KEEPS_LINES = re.compile(r"[ \t]*(?:[-*+•][ \t]|\d{1,3}[.)][ \t]|\||>|\$\$)")
_NUMBER = re.compile(
    r"(?P<number>\d{1,2}(?:\.\d{1,2}){0,3}|[A-Z](?:\.\d{1,2}){0,3})\.?[ \t]+(?=\S)"
)
_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)


@dataclass
class _Draft:
    title: str
    number: str
    level: int
    paragraphs: list[str] = field(default_factory=list)


def decode(data: bytes, name: str) -> str:
    """Text of a file in UTF-8 or UTF-16, with or without a mark, or else in Latin-1.

    Raises:
        DocumentError: The content is binary.
    """
    cure = "Files that can be read: PDF, Markdown (.md) and plain text (.txt)."
    encoding = next((name for bom, name in _BOMS if data.startswith(bom)), "")
    if not encoding and b"\x00" in data[:4096]:
        even, odd = data[0:4096:2].count(0), data[1:4096:2].count(0)
        # Latin letters in UTF-16 have a zero in every other byte.
        if max(even, odd) > 0.3 * len(data[:4096]) and min(even, odd) < 0.05 * len(data[:4096]):
            encoding = "utf-16-be" if even > odd else "utf-16-le"
        else:
            raise DocumentError(f"{name} is a binary file, not text.", cure)
    try:
        text = data.decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        if encoding:
            raise DocumentError(f"{name} is not valid {encoding} text.", cure) from error
        text = data.decode("cp1252", "replace")
    odd_characters = len(re.findall(r"[\x00-\x08\x0e-\x1f\x7f\ufffd]", text))
    if odd_characters > max(4, 0.02 * len(text)):
        raise DocumentError(f"{name} is a binary file, not text.", cure)
    return text


def _split_blocks(text: str) -> list[str]:
    """Blocks between blank lines; a fenced block is one, a heading is one."""
    blocks: list[str] = []
    lines: list[str] = []
    fence = ""

    def close() -> None:
        if lines:
            blocks.append("\n".join(lines))
            lines.clear()

    for line in text.split("\n"):
        opening = _FENCE.match(line)
        if fence:
            lines.append(line)
            if opening and line.strip() == opening[1] and opening[1].startswith(fence):
                fence = ""
                close()
        elif opening:
            close()
            fence = opening[1]
            lines.append(line)
        elif not line.strip():
            close()
        elif _ATX.fullmatch(line):
            close()
            blocks.append(line)
        elif re.fullmatch(r" {0,3}(=+|-{3,})[ \t]*", line) and len(lines) == 1:
            level = "#" if "=" in line else "##"
            blocks.append(f"{level} {lines.pop().strip()}")
        else:
            lines.append(line)
    close()
    return blocks


def _plain(text: str) -> str:
    """Text without the marks of bold and italic type."""
    for _ in range(2):
        text = _EMPHASIS.sub(r"\2", text)
    return text


def _heading(block: str, markdown: bool) -> tuple[str, str, int] | None:
    """(number, title, level) if the block is a heading."""
    match = _ATX.fullmatch(block)
    text = _plain(match[2] if match else block).strip()
    numbered = _NUMBER.match(text)
    if numbered and re.match(r"[A-Z][ \t]", text) and not block.startswith(f"**{text[0]}** "):
        numbered = None  # the article, as in "A Small Paper"
    number = numbered["number"] if numbered else ""
    title = text[numbered.end() :].strip() if numbered else text
    level = number.count(".") + 1
    if match:
        return (number, title, level if number else len(match[1])) if title else None
    if "\n" in block or not 3 <= len(text) <= 90 or text.endswith((".", ",", ";")):
        return None
    bold = bool(_BOLD_LINE.fullmatch(block.strip()))
    known = bare_title(text) in KNOWN_HEADINGS
    capitals = title.isupper() and len(re.findall(r"[^\W\d_]", title)) > 4
    if known or (number and title[:1].isupper() and (bold or not markdown)):
        return number, title, level
    if capitals and not markdown:
        return "", title, 1
    return None


def _paragraph(block: str, hyphens: Hyphens, markdown: bool) -> str:
    if _FENCE.match(block):
        return block
    block = hyphens.mend(_plain(block) if markdown else block)
    if re.fullmatch(r"[\d\s.,%|–-]*", block):
        return ""  # a page number, or a cell of a table that lost its frame
    lines = [line.rstrip() for line in block.split("\n")]
    if not any(_KEEPS_LINES.match(line) for line in lines):
        block = " ".join(line.strip() for line in lines)
    return block


def read_text(data: bytes, name: str) -> Document:
    """Parse Markdown or plain text; headings make the sections, the first one is the title.

    Args:
        data: The file's content.
        name: The file's name, for messages and as the title of last resort.

    Raises:
        DocumentError: The content is binary or holds no text.
    """
    text = clean_characters(decode(data, name))
    if not re.search(r"\w", text):
        raise DocumentError(f"{name} holds no text.", "Check that it was saved completely.")
    front = _FRONT_MATTER.match(text)
    title = ""
    if front:
        text = text[front.end() :]
        named = re.search(r"^title:[ \t]*[\"']?(.+?)[\"']?[ \t]*$", front[1], re.MULTILINE)
        title = named[1] if named else ""
    markdown = bool(re.search(r"^ {0,3}(?:#{1,6} |```|[-*] )|\*\*", text, re.MULTILINE))
    hyphens = Hyphens([_plain(text) if markdown else text])
    drafts: list[_Draft] = [_Draft("", "", 1)]
    references: list[str] = []
    contents = False
    for block in _split_blocks(text):
        found = _heading(block, markdown)
        if contents and re.search(r"[\s.*]\d{1,3}\**$", block):
            continue
        if found:
            number, heading, level = found
            contents = bare_title(heading) in ("contents", "table of contents")
            if not title:
                title = heading if bare_title(heading) not in KNOWN_HEADINGS else ""
            drafts.append(_Draft(heading, number, level))
        elif paragraph := _paragraph(block, hyphens, markdown):
            if bare_title(drafts[-1].title) in ("references", "bibliography"):
                references.append(" ".join(paragraph.split()))
            else:
                drafts[-1].paragraphs.append(paragraph)
    skipped = ("references", "bibliography", "contents", "table of contents")
    sections = tuple(
        Section(draft.title, draft.level, None, "\n\n".join(draft.paragraphs), (), draft.number)
        for draft in drafts
        if bare_title(draft.title) not in skipped and (draft.title or draft.paragraphs)
    )
    if not title:
        first = next(line.strip() for line in text.split("\n") if re.search(r"\w", line))
        title = _plain(first) if len(first) <= 120 else name.rsplit(".", 1)[0]
    digest = sha256_hex(data)
    return Document(
        doc_id=f"file:{digest[:12]}",
        kind="paper",
        title=title,
        authors=(),
        year=None,
        arxiv_id=None,
        abstract=find_abstract(sections),
        sections=drop_front(sections, title),
        references=tuple(references),
        sha256=digest,
    )
