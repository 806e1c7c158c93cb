"""Which lines of a document are headings."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from tutor.ingest.layout import Line

# Headings wherever they stand alone on a line.
SURE_HEADINGS = frozenset(
    "abstract|introduction|related work|related works|prior work|preliminaries|"
    "experimental setup|experimental results|limitations and future work|conclusion|conclusions|"
    "conclusion and future work|conclusions and future work|discussion and conclusion|"
    "future work|broader impact|broader impacts|ethics statement|ethical considerations|"
    "reproducibility statement|acknowledgement|acknowledgements|acknowledgment|acknowledgments|"
    "references|bibliography|appendices|supplementary material|author contributions".split("|")
)
# These are also words of tables and figures: they need a number or a style that stands out.
KNOWN_HEADINGS = SURE_HEADINGS | frozenset(
    "summary|background|motivation|approach|method|methods|methodology|model|architecture|"
    "model architecture|training|pre training|experiments|experiment|evaluation|results|"
    "analysis|ablation study|ablation studies|discussion|limitations|appendix|contents".split("|")
)
NUMBERED = re.compile(
    r"(?P<number>(?:Appendix\s+)?"
    r"(?:\d{1,2}(?:\.\d{1,2}){0,3}|[A-Z](?:\.\d{1,2}){0,3}|[IVX]{2,4}(?=\.)))"
    r"(?:[.:]\s*|\s+)(?P<title>(?:[^\W\d_a-z]|\d+[-A-Za-z]).{1,110})"
)


def body_size(lines: Iterable[Line]) -> float:
    """The font size that most characters have, in points."""
    sizes: Counter[float] = Counter()
    for line in lines:
        sizes[round(line.size, 1)] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 10.0


def bare_title(text: str) -> str:
    """A heading without number, case and final punctuation, to compare headings."""
    match = NUMBERED.fullmatch(text.strip())
    title = match["title"] if match else text
    return re.sub(r"[\W_]+", " ", title.replace("\x02", "")).strip().lower()


def _level(number: str) -> int:
    return number.count(".") + 1 if number else 1


class Headings:
    """Tells headings from other lines: bookmarks first, then known names, numbers and styles.

    Args:
        lines: All lines of the document.
        bookmarks: (bare title, page, level) of the PDF's outline.
    """

    def __init__(
        self, lines: Sequence[Line], size: float, bookmarks: Sequence[tuple[str, int, int]]
    ) -> None:
        self._size = size
        self._bookmarks = {(title, page): level for title, page, level in bookmarks if title}
        self._numbered: set[tuple[float, bool, str]] = set()
        self._plain: set[tuple[float, bool, str]] = set()
        for line in lines:
            if not self._stands_out(line):
                continue
            match = NUMBERED.fullmatch(line.text)
            known = bare_title(line.text) in KNOWN_HEADINGS
            if match and (known or "." in match["number"]):
                self._numbered.add(line.style)
            elif known:
                self._plain.add(line.style)
        # Without any familiar heading, as in a letter, large type alone has to do.
        self._by_size = not (self._numbered or self._plain or self._bookmarks)

    def _stands_out(self, line: Line) -> bool:
        return line.bold or line.size > self._size + 0.6

    def bookmark(self, line: Line) -> int | None:
        """The level of the outline's entry for this line."""
        title = bare_title(line.text)
        for page in (line.page, line.page - 1, line.page + 1):
            if (title, page) in self._bookmarks:
                return self._bookmarks[title, page]
        return None

    def find(self, line: Line) -> tuple[str, str, int] | None:
        """(number, title, level) if the line is a heading."""
        text = line.text.replace("\x02", "-").strip()
        if len(text) > 130 or len(text) < 3 or not re.search(r"[^\W\d_]{2}", text):
            return None
        match = NUMBERED.fullmatch(text)
        number = match["number"] if match else ""
        number = re.sub(r"^Appendix\s+", "", number)
        title = (match["title"] if match else text).strip(" .:")
        level = self.bookmark(line)
        if level is not None:
            return number, title, _level(number) if number else level
        small = line.size < self._size - 2.2
        bare = bare_title(text)
        if bare in KNOWN_HEADINGS and not small:
            if self._stands_out(line) or number or (bare in SURE_HEADINGS and text[0].isupper()):
                return number, title, _level(number)
            return None
        if text.endswith((",", ";", "-")) or small:
            return None
        capitals = title.isupper() and len(title) > 3
        if match and (self._stands_out(line) or capitals):
            if "=" in title or not re.search(r"[^\W\d_]{3}", title):
                return None
            lettered = len(number) == 1 and number.isalpha()
            if lettered and not (capitals or line.style in self._numbered):
                return None
            return number, title, _level(number)
        large = self._by_size and line.size > self._size + 1.4
        if (large or line.style in self._plain) and 4 <= len(text) <= 90 and text[0].isupper():
            letters = sum(char.isalpha() for char in text)
            if letters > 0.75 * len(text) and text[-1] not in ".?!:":
                return "", title, 1
        return None
