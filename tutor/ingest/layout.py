"""The lines of a PDF's pages with their fonts and places, as PDFium reads them.

PDFium keeps the columns of a page apart and marks words that a line end breaks. Character codes,
sizes and boxes come from its C interface, because the package's own text has no fonts.
"""

from __future__ import annotations

import ctypes
import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from tutor.ingest.cleaning import clean_characters

_BOLD_NAME = re.compile(r"bold|medi|black|heavy|semib|demi|cmbx|sfbx|cmssbx|-bd|\.b\b", re.I)
_PAGE_NUMBER = re.compile(
    r"\W*(?:page\s+)?(?:\d{1,4}|[ivxl]{1,6})(?:\s*(?:/|of)\s*\d+)?\W*", re.IGNORECASE
)
MAX_CHARACTERS_PER_PAGE = 60_000
WIDE_GAP = 1.6  # mean widths of a character; a blank of justified text seldom reaches 1
# TeX's old text fonts keep ligatures and quotes at these codes; without a map in the file they
# come through as they are.
_TEX_LIGATURES = {0x0B: "ff", 0x0C: "fi", 0x0D: "fl", 0x0E: "ffi", 0x0F: "ffl"}


@dataclass(frozen=True)
class Line:
    """A printed line; where words were broken, the lines that belong together.

    Attributes:
        page: 1-based.
        size: Largest font size among a few of its characters, in points.
        x, top: Left end and baseline of the first character; y grows upwards.
        right, bottom: Right end and baseline of the last character.
        font: Name of the font of the first character.
        parts: The text between wide gaps, on the first page alone: names stand apart by them.
    """

    page: int
    text: str
    size: float
    bold: bool
    x: float
    top: float
    right: float
    bottom: float
    font: str = ""
    parts: tuple[str, ...] = ()

    @property
    def style(self) -> tuple[float, bool, str]:
        """What lines of one kind have in common."""
        return round(self.size, 1), self.bold, self.font


_TEX_QUOTES = {0x5C: 0x201C, 0x22: 0x201D, 0x7B: 0x2013, 0x7C: 0x2014}


class Characters:
    """The characters of one page."""

    def __init__(self, textpage: Any) -> None:
        import pypdfium2.raw as raw

        self._raw = raw
        self._handle = textpage.raw
        count = min(raw.FPDFText_CountChars(self._handle), MAX_CHARACTERS_PER_PAGE)
        text = textpage.get_text_range(0, count) if count > 0 else ""
        if len(text) == count:
            self.codes = [ord(char) for char in text]
        else:
            # Only one by one do the codes of control characters keep their places.
            self.codes = [raw.FPDFText_GetUnicode(self._handle, i) for i in range(max(count, 0))]
        if any(code in (0x0B, 0x0C, 0x0E, 0x0F) for code in self.codes):
            self.codes = [_TEX_QUOTES.get(code, code) for code in self.codes]
        self._buffer = ctypes.create_string_buffer(128)
        self._flags = ctypes.c_int()
        self._edges = [ctypes.c_double() for _ in range(4)]

    def letters(self) -> list[str]:
        """Each character as text; a ligature is several letters, a line's end none."""
        codes = self.codes
        return [
            "\n" if code == 0x0D and codes[i + 1 : i + 2] == [0x0A]
            else _TEX_LIGATURES.get(code) or chr(code)
            for i, code in enumerate(codes)
        ]  # fmt: skip

    def font(self, index: int) -> tuple[str, bool]:
        """Name, and whether it is bold."""
        length = self._raw.FPDFText_GetFontInfo(
            self._handle, index, self._buffer, len(self._buffer), self._flags
        )
        name = self._buffer.raw[: max(min(length, 128) - 1, 0)].decode("utf-8", "replace")
        weight = self._raw.FPDFText_GetFontWeight(self._handle, index)
        # Type 1 fonts report guessed weights, so that the name is asked first.
        return name, bool(_BOLD_NAME.search(name)) or weight >= 650

    def size(self, index: int) -> float:
        """Size as printed: some files set everything in size 1 and scale by the matrix."""
        size = float(self._raw.FPDFText_GetFontSize(self._handle, index))
        matrix = self._raw.FS_MATRIX()
        if self._raw.FPDFText_GetMatrix(self._handle, index, matrix):
            size *= math.hypot(matrix.c, matrix.d)
        return size

    def box(self, index: int) -> tuple[float, float, float]:
        """Left and right end, and the baseline."""
        left, right, bottom, top = self._edges
        self._raw.FPDFText_GetCharBox(self._handle, index, left, right, bottom, top)
        x, y = ctypes.c_double(), ctypes.c_double()
        self._raw.FPDFText_GetCharOrigin(self._handle, index, x, y)
        return left.value, right.value, y.value

    def bounds(self, index: int) -> tuple[float, float, float, float] | None:
        """Left, bottom, right and top of what is printed; None where nothing is."""
        left, right, bottom, top = self._edges
        if not self._raw.FPDFText_GetCharBox(self._handle, index, left, right, bottom, top):
            return None
        if right.value <= left.value and top.value <= bottom.value:
            return None
        return left.value, bottom.value, right.value, top.value


def _line(characters: Characters, page: int, start: int, end: int) -> Line | None:
    codes = characters.codes
    visible = [i for i in range(start, end) if codes[i] > 0x20 and codes[i] != 0xA0]
    if not visible:
        return None
    raw = "".join(_TEX_LIGATURES.get(code) or chr(code) for code in codes[start:end])
    text = clean_characters(raw).strip()
    if not text.strip("\x02"):
        return None
    first, last = visible[0], visible[-1]
    probes = [visible[len(visible) * part // 4] for part in (0, 1, 2, 3)]
    # The largest: a line of prose may hold indices and small capitals.
    size = max(characters.size(i) for i in probes)
    font, bold_first = characters.font(first)
    _, bold_last = characters.font(last)
    _, bold_middle = characters.font(probes[2])
    x, _, top = characters.box(first)
    _, right, bottom = characters.box(last)
    bold = (bold_first or len(visible) > 4) and bold_middle and bold_last
    parts = _parts(characters, visible) if page == 1 and len(visible) < 200 else ()
    return Line(page, text, size, bold, x, top, right, bottom, font, parts)


def _parts(characters: Characters, visible: list[int]) -> tuple[str, ...]:
    """The text between wide gaps."""
    boxes = [characters.box(index) for index in visible]
    wide = WIDE_GAP * sum(max(right - left, 0.0) for left, right, _ in boxes) / len(boxes)
    letters = characters.letters()
    cuts = [0]
    for number in range(1, len(visible)):
        apart = visible[number] > visible[number - 1] + 1
        if apart and boxes[number][0] - boxes[number - 1][1] > wide:
            cuts.append(number)
    ends = [*cuts[1:], len(visible)]
    pieces = (
        "".join(letters[visible[start] : visible[end - 1] + 1])
        for start, end in zip(cuts, ends, strict=True)
    )
    return tuple(clean_characters(piece).strip() for piece in pieces)


def read_page(textpage: Any, page: int) -> list[Line]:
    """The lines of a page in reading order.

    Args:
        textpage: A `pypdfium2.PdfTextPage`.
        page: 1-based number of the page.
    """
    characters = Characters(textpage)
    lines = []
    start = 0
    for index, code in enumerate([*characters.codes, 0x0A]):
        if code == 0x0A:
            end = index - 1 if index and characters.codes[index - 1] == 0x0D else index
            if start < end and (line := _line(characters, page, start, end)):
                lines.append(line)
            start = index + 1
    return lines


def _edge_lines(lines: list[Line]) -> set[int]:
    """Indices of the two uppermost and the three lowest lines of a page."""
    order = sorted(range(len(lines)), key=lambda i: lines[i].top)
    return {*order[:3], *order[-2:]}


def _pattern(text: str) -> str:
    return re.sub(r"\d+", "#", text.lower())


def drop_running_lines(pages: list[list[Line]]) -> list[list[Line]]:
    """Take out headers and footers that many pages repeat, and page numbers."""
    edges = [_edge_lines(lines) for lines in pages]
    repeats = Counter(
        pattern
        for lines, edge in zip(pages, edges, strict=True)
        for pattern in {_pattern(lines[i].text) for i in edge}
    )
    # Left and right pages may differ, and a chapter's header stands on its own pages alone.
    often = max(3, len(pages) // 10)
    kept = []
    for lines, edge in zip(pages, edges, strict=True):
        kept.append(
            [
                line
                for i, line in enumerate(lines)
                if i not in edge
                or not (_PAGE_NUMBER.fullmatch(line.text) or repeats[_pattern(line.text)] >= often)
            ]
        )
    return kept
