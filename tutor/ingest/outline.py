"""A second look at the blocks of a document: which headings, captions and tables are none.

A line alone does not tell: names above the abstract are set like headings, rows of a table begin
with numbers as sections do.
"""

from __future__ import annotations

import re

from tutor.ingest.block import CAPTION, Block, is_soup
from tutor.ingest.headings import SURE_HEADINGS, bare_title


def settle(blocks: list[Block]) -> None:
    """Correct the kinds of blocks by what stands around them."""
    _demote_front(blocks)
    _demote_contents(blocks)
    _demote_lettering(blocks)
    _demote_out_of_sequence(blocks)
    _raise_abstract(blocks)
    _rescue_tables(blocks)


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
                    below.kind = "body" if not CAPTION.match(below.text) else "aside"
                    small = size
                elif small is None:
                    return


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
