"""Lines gathered into blocks: paragraphs, headings, captions, footnotes, tables and formulas."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tutor.ingest.headings import NUMBERED, SURE_HEADINGS, Headings, bare_title, body_size
from tutor.ingest.layout import Line

BlockKind = Literal["body", "heading", "aside", "soup"]

_CAPTION = re.compile(
    r"(?:Figure|Fig\.|Table|Algorithm|Listing|FIGURE|TABLE)\s*[A-Z]?\d+(?:\.\d+)?\s*[.:|(]|"
    r"(?:Figure|Table)\s\d+\s[A-Z]"
)
_BULLET = re.compile(r"[•▪◦∙·►▶‣–—*-]\s|\(?(?:\d{1,2}|[a-z]|[ivx]{1,4})[.)]\s|\[\d{1,3}\]\s")
_SENTENCE_END = re.compile(r"[.!?:;][\"'”’)\]]*(?:\d{1,2}|∗|†)?$")
_ENTRY = re.compile(r"\[\d{1,3}\]|\[[A-Z][\w+*]{1,9}\]|\[[^\]\d]{2,60}\d{4}[a-z]?\]|\d{1,3}\.\s")


@dataclass
class Block:
    """Consecutive lines that belong together.

    Attributes:
        kind: "aside" is a caption, a footnote or a table, which may interrupt a paragraph;
            "soup" is lettering of figures and other text without sentences.
        number, title, level: Of a heading.
    """

    kind: BlockKind
    lines: list[Line]
    number: str = ""
    title: str = ""
    level: int = 1
    bookmarked: bool = False

    @property
    def page(self) -> int:
        """1-based page."""
        return self.lines[0].page

    @property
    def text(self) -> str:
        """The lines joined; broken words are still marked."""
        return "\n".join(line.text for line in self.lines)


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
    if _CAPTION.match(line.text) or _BULLET.match(line.text):
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


def is_soup(text: str, lines: int) -> bool:
    """Whether a block has no sentences: lettering of a figure, a formula, numbers of a table."""
    compact = [char for char in text if not char.isspace()]
    if not compact:
        return True
    letters = sum(char.isalpha() for char in compact) / len(compact)
    words = re.findall(r"[^\W\d_]{3,}", text)
    tokens = text.split()
    if letters < 0.6 or len(words) < 0.3 * len(tokens):
        return True
    return lines >= 3 and len(text) / lines < 18


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
    if _CAPTION.match(text):
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
    _demote_front(blocks)
    _demote_contents(blocks)
    _demote_lettering(blocks)
    _demote_out_of_sequence(blocks)
    _raise_abstract(blocks)
    _rescue_tables(blocks)
    return blocks


def _demote(block: Block) -> None:
    """Take a heading for text after all."""
    block.kind, block.number, block.title = "body", "", ""
    if is_soup(block.text, len(block.lines)) or len(block.text) < 40:
        block.kind = "soup"


def _demote_front(blocks: list[Block]) -> None:
    """Names above the abstract are often set like headings."""
    for index, block in enumerate(blocks):
        if block.page > 2:
            return
        if block.kind == "heading" and bare_title(block.title) in ("abstract", "introduction"):
            for above in blocks[:index]:
                if above.kind == "heading":
                    _demote(above)
            return


def _demote_contents(blocks: list[Block]) -> None:
    """A table of contents repeats every heading, with a page number behind it."""
    inside = False
    for block in blocks:
        if block.kind != "heading":
            continue
        if bare_title(block.title) in ("contents", "table of contents"):
            inside = True
        elif inside and re.search(r"[\s.]\d{1,3}$", block.text):
            block.kind = "soup"
        else:
            inside = False


def _demote_lettering(blocks: list[Block]) -> None:
    """Unnumbered headings of tables and figures have no sentence below them."""
    following: Block | None = None
    first_after = _after_references(blocks)
    for block in reversed(blocks):
        if block.kind != "heading":
            following = block
            continue
        sure = block is first_after or bare_title(block.title) in SURE_HEADINGS
        if not sure and not block.number:
            prose = (
                following is not None
                and following.kind == "body"
                and following.page - block.page in (0, 1)
                and len(following.text) > 80
            )
            if not prose and not block.bookmarked:
                _demote(block)
                continue
        following = None if block.number else following


def _after_references(blocks: list[Block]) -> Block | None:
    """The heading that ends the reference list, whatever follows it."""
    inside = False
    for block in blocks:
        if block.kind == "heading":
            if inside:
                return block
            inside = bare_title(block.title) in ("references", "bibliography")
    return None


def _sequence(number: str) -> tuple[int, ...]:
    """A heading's number as integers; appendices come after everything else."""
    first, *rest = number.split(".")
    if first.isdigit():
        place = int(first)
    elif len(first) > 1 or first in "IVX" and not rest:
        place = _roman(first)
    else:
        place = 100 + ord(first) - ord("A")
    return place, *(int(part) for part in rest if part)


def _roman(text: str) -> int:
    values = [{"I": 1, "V": 5, "X": 10}[char] for char in text]
    return sum(
        -value if index + 1 < len(values) and values[index + 1] > value else value
        for index, value in enumerate(values)
    )


def _demote_out_of_sequence(blocks: list[Block]) -> None:
    """Numbers of headings grow by small steps; rows of tables and formulas do not."""
    last: tuple[int, ...] = (0,)
    headings = [block for block in blocks if block.kind == "heading" and block.number]
    final = max((i for i, block in enumerate(headings) if block.number[0].isdigit()), default=-1)
    for index, block in enumerate(headings):
        if block.number == "A" and index < final:
            # The article: appendices stand behind everything that is numbered by digits.
            block.number, block.title = "", f"A {block.title}"
            continue
        number = _sequence(block.number)
        alternatives = [number]
        if block.number in ("I", "V", "X"):
            alternatives.append((100 + ord(block.number) - ord("A"),))
        for candidate in alternatives:
            step = candidate[0] - last[0]
            appendix = candidate[0] in (100, 101) and last[0] < 100
            if candidate > last and candidate[0] > 0 and (step <= 2 or appendix):
                last = candidate
                break
        else:
            if not block.bookmarked:
                _demote(block)


def _raise_abstract(blocks: list[Block]) -> None:
    """An abstract in small type is no footnote."""
    for index, block in enumerate(blocks):
        if block.kind == "heading" and bare_title(block.title) == "abstract":
            small = None
            for below in blocks[index + 1 :]:
                if below.kind == "heading" or below.page > block.page + 1:
                    return
                size = round(below.lines[0].size, 1)
                if below.kind == "aside" and small in (None, size):
                    below.kind = "body" if not _CAPTION.match(below.text) else "aside"
                    small = size
                elif small is None:
                    return


def _heading_ends_references(found: tuple[str, str, int], line: Line, size: float) -> bool:
    """In a reference list initials look like the letters of appendices."""
    number, title, _ = found
    return (line.bold or line.size > size + 0.6 or title.isupper()) and len(title) > 3


def _rescue_tables(blocks: list[Block]) -> None:
    """Keep the numbers of a table: they stand beside its caption."""
    for index, block in enumerate(blocks):
        if block.kind != "aside" or not block.text.lower().startswith("table"):
            continue
        for step in (-1, 1):
            place = index + step
            while 0 <= place < len(blocks) and blocks[place].kind == "soup":
                rows = blocks[place].text
                if blocks[place].page != block.page or len(rows) < 20:
                    break
                if re.search(r"\d", rows) and re.search(r"[^\W\d_]{3}", rows):
                    blocks[place].kind = "aside"
                place += step
