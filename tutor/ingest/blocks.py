"""Lines gathered into blocks: paragraphs, headings, captions, footnotes, tables and formulas."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from tutor.ingest.block import CAPTION, Block, is_soup
from tutor.ingest.headings import NUMBERED, Headings, bare_title, body_size
from tutor.ingest.layout import Line
from tutor.ingest.outline import settle

_BULLET = re.compile(r"[•▪◦∙·►▶‣–—*-]\s|\(?(?:\d{1,2}|[a-z]|[ivx]{1,4})[.)]\s|\[\d{1,3}\]\s")
_SENTENCE_END = re.compile(r"[.!?:;][\"'”’)\]]*(?:\d{1,2}|∗|†)?$")
_ENTRY = re.compile(r"\[\d{1,3}\]|\[[A-Z][\w+*]{1,9}\]|\[[^\]\d]{2,60}\d{4}[a-z]?\]|\d{1,3}\.\s")


def _continues_heading(block: Block, line: Line) -> bool:
    last = block.lines[-1]
    gap = last.bottom - line.top
    return (
        len(block.lines) < 3
        and line.bold == last.bold
        and abs(line.size - last.size) < 0.3
        and line.font == last.font
        and 0 < gap < 1.5 * last.size
        and line.bold
        and not NUMBERED.fullmatch(line.text)
    )


def _breaks(block: Block, line: Line, size: float, spacing: float) -> bool:
    """Whether a new block begins before a line of the same page."""
    last = block.lines[-1]
    gap = last.bottom - line.top
    beside = abs(gap) < 0.75 * size and line.x >= last.right - 3
    if beside and line.x - last.right < 2 * size:
        return False  # an index or a piece of a formula within the row
    if CAPTION.match(line.text) or _BULLET.match(line.text):
        return True
    if (body_size(block.lines) < size - 0.7) != (line.size < size - 0.7):
        return True
    if gap > 1.5 * spacing:
        return True
    ended = bool(_SENTENCE_END.search(last.text))
    # A line further up or far to the right begins another column, but not another paragraph.
    if gap < -2 * size:
        return ended
    return ended and line.x - last.x > 6 and gap > 0.5 * size


def _spacing(lines: Sequence[Line], size: float) -> float:
    gaps = Counter(
        round(above.bottom - below.top, 1)
        for above, below in zip(lines, lines[1:], strict=False)
        if above.page == below.page
        and abs(above.size - size) < 0.5
        and 0.8 * size < above.bottom - below.top < 2.5 * size
    )
    return gaps.most_common(1)[0][0] if gaps else 1.2 * size


def _column_width(lines: Sequence[Line], size: float) -> float:
    """Width of a full line of prose, in points."""
    widths = sorted(
        line.right - line.x
        for line in lines
        if abs(line.size - size) < 0.3 and "\x02" not in line.text and len(line.text) > 30
    )
    return widths[len(widths) // 2] if widths else 0.0


def _is_label(block: Block, width: float) -> bool:
    """A few words without a verb's full stop beside a figure, not the first line of a paragraph."""
    text = block.text
    return (
        len(block.lines) <= 2
        and len(text) < 90
        and not _SENTENCE_END.search(text)
        and not text.endswith((",", "-", "\x02"))
        and not text[:1].islower()
        and max(line.right - line.x for line in block.lines) < 0.85 * width
    )


def _classify(block: Block, size: float, width: float) -> None:
    text = block.text
    if block.kind == "heading":
        return
    if CAPTION.match(text):
        block.kind = "aside"
    elif is_soup(text, len(block.lines)):
        block.kind = "soup"
    elif all(line.size < size - 0.7 for line in block.lines) or _is_label(block, width):
        block.kind = "aside"


def build_blocks(
    pages: Sequence[Sequence[Line]], bookmarks: Sequence[tuple[str, int, int]] = ()
) -> list[Block]:
    """Gather the lines of a document into blocks, in reading order.

    Args:
        pages: The lines of each page, without running headers and footers.
        bookmarks: (bare title, page, level) of the PDF's outline.
    """
    lines = [line for page in pages for line in page]
    size = body_size(lines)
    spacing = _spacing(lines, size)
    headings = Headings(lines, size, bookmarks)
    blocks: list[Block] = []
    in_references = False
    for page in pages:
        last: Line | None = None
        for line in page:
            if last and blocks[-1].kind == "heading" and _continues_heading(blocks[-1], line):
                blocks[-1].lines.append(line)
                blocks[-1].title += " " + line.text
                last = line
                continue
            found = headings.find(line)
            if found and in_references and not _heading_ends_references(found, line, size):
                found = None
            if found:
                number, title, level = found
                in_references = bare_title(title) in ("references", "bibliography")
                bookmarked = headings.bookmark(line) is not None
                blocks.append(Block("heading", [line], number, title, level, bookmarked))
            elif (
                last is None
                or blocks[-1].kind == "heading"
                or (in_references and _ENTRY.match(line.text))
                or _breaks(blocks[-1], line, size, spacing)
            ):
                blocks.append(Block("body", [line]))
            else:
                blocks[-1].lines.append(line)
            last = line
    width = _column_width(lines, size)
    for block in blocks:
        _classify(block, size, width)
    settle(blocks)
    return blocks


def _heading_ends_references(found: tuple[str, str, int], line: Line, size: float) -> bool:
    """In a reference list initials look like the letters of appendices."""
    number, title, _ = found
    return (line.bold or line.size > size + 0.6 or title.isupper()) and len(title) > 3
