"""Blocks put together to sections, page by page, and to the entries of the reference list."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from tutor.ingest.block import Block
from tutor.ingest.cleaning import Hyphens, drop_footnote_marks
from tutor.ingest.document import Section
from tutor.ingest.headings import bare_title

_REFERENCES = frozenset(("references", "bibliography", "references and notes", "literature"))
_OPEN_WORDS = frozenset(
    "the a an of and or in on to for with by from as at that which is are we our figure table "
    "section equation appendix".split()
)
_LISTS = frozenset(("contents", "table of contents", "list of figures", "list of tables"))
_OPEN_END = re.compile(r"[^.!?:;…\"”)]$|[^.!?:;]\)$")
_ENTRY_MARK = re.compile(
    r"(?=^\[\d{1,3}\]|^\[[A-Z][\w+*]{1,9}\]|^\[[^\]\d]{2,60}\d{4}[a-z]?\]|^\d{1,3}\.\s)",
    re.MULTILINE,
)
# Some lists name the pages that cite the entry behind it: "2016. 6, 12".
_ENTRY_END = re.compile(r"[./)]\s*(?:\d{1,3}(?:, \d{1,3})*)?\s*$")
_YEAR = re.compile(r"\b(?:19|20)\d\d[a-z]?\b")


@dataclass
class _Draft:
    """A section under construction: paragraphs of (page, text) pieces."""

    title: str
    number: str
    level: int
    page: int
    paragraphs: list[list[tuple[int, str]]] = field(default_factory=list)
    asides: list[tuple[int, str]] = field(default_factory=list)

    def add_body(self, page: int, text: str, hyphens: Hyphens) -> None:
        """Continue the last paragraph if it was interrupted, else begin one."""
        if self.paragraphs and self._open():
            interrupted = bool(self.asides) or page != self.paragraphs[-1][-1][0]
            joins = interrupted or text[0].islower() or self._must_go_on()
        else:
            joins = False
        if joins:
            text = self._join_word(text, hyphens)
            if text:
                self.paragraphs[-1].append((page, text))
        else:
            self.flush()
            self.paragraphs.append([(page, text)])

    def _join_word(self, text: str, hyphens: Hyphens) -> str:
        """Complete a word that the end of a page or column broke; returns the rest of `text`."""
        page, before = self.paragraphs[-1][-1]
        start, _, rest = text.partition(" ")
        if not before.endswith("-") or not start[:1].islower():
            return text
        self.paragraphs[-1][-1] = (page, hyphens.mend(f"{before}\n{start}"))
        return rest

    def _open(self) -> bool:
        return bool(_OPEN_END.search(self.paragraphs[-1][-1][1]))

    def _must_go_on(self) -> bool:
        last = self.paragraphs[-1][-1][1]
        return last.endswith((",", "(")) or last.split()[-1].lower().lstrip("(") in _OPEN_WORDS

    def flush(self) -> None:
        """Put what interrupted a paragraph behind it."""
        self.paragraphs += [[aside] for aside in self.asides]
        self.asides = []

    def section(self) -> Section:
        """The finished section. Footnotes below an abstract speak of authors, not of the matter."""
        if bare_title(self.title) != "abstract":
            self.flush()
        parts: list[tuple[int, str]] = []
        for index, paragraph in enumerate(self.paragraphs):
            for place, (page, text) in enumerate(paragraph):
                glue = "" if not index and not place else (" " if place else "\n\n")
                if parts and parts[-1][0] == page:
                    parts[-1] = (page, parts[-1][1] + glue + text)
                elif parts:
                    parts[-1] = (parts[-1][0], parts[-1][1] + glue)
                    parts.append((page, text))
                else:
                    parts.append((page, text))
        return Section(
            title=self.title,
            level=self.level,
            page=self.page,
            text="".join(text for _, text in parts),
            parts=tuple(parts),
            number=self.number,
        )


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _paragraph(block: Block, hyphens: Hyphens) -> str:
    return drop_footnote_marks(_one_line(hyphens.mend(block.text)))


def page_text(blocks: Sequence[Block], hyphens: Hyphens) -> str:
    """All text of a page in the order in which it stands there."""
    return "\n\n".join(text for block in blocks if (text := _paragraph(block, hyphens)))


def split_references(blocks: Sequence[Block], hyphens: Hyphens) -> tuple[str, ...]:
    """The entries of a reference list: numbered, or with a hanging indent, or one a block."""
    text = "\n".join(hyphens.mend(block.text) for block in blocks)
    if len(_ENTRY_MARK.findall(text)) >= 2 and _ENTRY_MARK.match(text):
        entries = [_one_line(entry) for entry in _ENTRY_MARK.split(text)]
        return tuple(entry for entry in entries if len(entry) > 20)
    lines = [line for block in blocks for line in block.lines]
    entries, current = [], ""
    margin: dict[tuple[int, bool], float] = {}
    middle = (
        min((line.x for line in lines), default=0) + max((line.right for line in lines), default=0)
    ) / 2
    for line in lines:
        column = (line.page, line.x > middle - 5)
        margin[column] = min(margin.get(column, line.x), line.x)
    previous_top: float | None = None
    for line in lines:
        column = (line.page, line.x > middle - 5)
        hanging = line.x - margin[column] < 3
        complete = bool(_YEAR.search(current) and _ENTRY_END.search(current))
        new_row = line.top != previous_top
        if current and hanging and complete and line.text[:1].isupper() and new_row:
            entries.append(current)
            current = ""
        current = f"{current}\n{line.text}" if current else line.text
        previous_top = line.top
    entries.append(current)
    mended = [_one_line(hyphens.mend(entry)) for entry in entries]
    return tuple(entry for entry in mended if len(entry) > 20)


def build_sections(
    blocks: Sequence[Block], hyphens: Hyphens
) -> tuple[tuple[Section, ...], tuple[str, ...]]:
    """Sections in reading order, and the entries of the reference list.

    Captions, footnotes and tables that interrupt a sentence are put behind its paragraph;
    lettering of figures is left out; short formulas stay.
    """
    drafts: list[_Draft] = []
    listed: list[Block] = []
    in_references = False
    for block in blocks:
        if block.kind == "heading":
            title = _one_line(hyphens.mend(block.title))
            in_references = bare_title(title) in _REFERENCES
            if not in_references and bare_title(title) not in _LISTS:
                drafts.append(_Draft(title, block.number, block.level, block.page))
            continue
        if in_references:
            if block.kind != "soup" or _YEAR.search(block.text):
                listed.append(block)
            continue
        if not drafts:
            drafts.append(_Draft("", "", 1, block.page))
        text = _paragraph(block, hyphens)
        if not text:
            continue
        if block.kind == "body":
            drafts[-1].add_body(block.page, text, hyphens)
        elif block.kind == "aside" or ("=" in text and len(text) < 200):
            drafts[-1].asides.append((block.page, text))
    sections = (draft.section() for draft in drafts)
    # An empty section still says to which chapter the following ones belong.
    return (
        tuple(section for section in sections if section.text or section.title),
        split_references(listed, hyphens),
    )
