"""A block of a page: lines that belong together, and what they are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from tutor.ingest.layout import Line

BlockKind = Literal["body", "heading", "aside", "soup"]

CAPTION = re.compile(
    r"(?:Figure|Fig\.|Table|Algorithm|Listing|FIGURE|TABLE)\s*[A-Z]?\d+(?:\.\d+)?\s*[.:|(]|"
    r"(?:Figure|Table)\s\d+\s[A-Z]"
)


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
