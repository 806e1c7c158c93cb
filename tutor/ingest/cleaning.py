"""Characters and hyphens as PDF and converted Markdown leave them, put right."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

# What stands where a word was broken at the end of a line. PDFium writes U+FFFE or U+0002.
SOFT_HYPHEN = "\x02"

_TRANSLATION: dict[int, str | None] = {
    **{code: None for code in range(0x20) if chr(code) not in "\n\t\x02"},
    **{code: None for code in (*range(0x7F, 0xA0), 0xAD, 0xFEFF, 0xFFFF, 0xFFFD)},
    **{code: None for code in (*range(0x200B, 0x2010), *range(0x202A, 0x202F), 0x2060)},
    **{code: None for code in (*range(0xE000, 0xF900), *range(0xFE00, 0xFE10))},
    **{code: " " for code in (0xA0, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000)},
    0xFFFE: SOFT_HYPHEN,
    0x2010: "-",
    0x2011: "-",
    **{
        0xFB00 + offset: letters
        for offset, letters in enumerate(("ff", "fi", "fl", "ffi", "ffl", "st", "st"))
    },
}
_MATH_LETTER = re.compile("[\U0001d400-\U0001d7ff]")
# TeX sets some accents as a character of their own before the letter.
_ACCENTS = {"´": "\u0301", "`": "\u0300", "¨": "\u0308", "ˆ": "\u0302", "˜": "\u0303"}
_LOOSE_ACCENT = re.compile(r"(?<=[^\W\d_])([´¨ˆ˜`]) ?([aeiounAEIOUN])(?=[^\W\d_]|\b)")
# "… in the library.1 Because …": the mark of a footnote hides the end of the sentence.
_FOOTNOTE_MARK = re.compile(
    r"(?<=[a-z]{3}[.!?]|[a-z]{2}\)[.!?])(?<!Fig\.|Sec\.|Tab\.|App\.|Alg\.|Ref\.)\d{1,2}(?=\s+[A-Z]|\s*$)"
)
_BROKEN = re.compile(rf"([^\W_]+)({SOFT_HYPHEN}[ \n]?|-\n)(?=([^\W_]+)(-?))")
_BLANKS = re.compile(r"[ \t]+")
_HYPHENATED = re.compile(r"[^\W_]+(?:-[^\W_]+)+")
_WORD = re.compile(r"[^\W\d_]+")
# First parts that keep their hyphen where the document does not show the word unbroken.
_KEEPS_HYPHEN = frozenset("self non state well cross so all top low high zero few one two".split())


def clean_characters(text: str) -> str:
    """Drop control and invisible characters, expand ligatures, unify blanks and line ends."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if any("\ud800" <= char <= "\udfff" for char in text):
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "ignore")
    text = text.translate(_TRANSLATION)
    text = _MATH_LETTER.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)
    text = _LOOSE_ACCENT.sub(lambda m: unicodedata.normalize("NFC", m[2] + _ACCENTS[m[1]]), text)
    return _BLANKS.sub(" ", text)


def drop_footnote_marks(text: str) -> str:
    """Take the numbers of footnotes from the ends of sentences."""
    return _FOOTNOTE_MARK.sub("", text)


class Hyphens:
    """Decides, from the rest of the document, whether a word broken at a line end has a hyphen.

    Args:
        texts: The whole document, with `SOFT_HYPHEN` or "-\\n" at the breaks.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._words: Counter[str] = Counter()
        self._pairs: Counter[tuple[str, str]] = Counter()
        for text in texts:
            text = _BROKEN.sub(" ", text)
            self._words.update(word.lower() for word in _WORD.findall(text))
            for match in _HYPHENATED.findall(text):
                parts = match.lower().split("-")
                self._pairs.update(zip(parts, parts[1:], strict=False))

    def _joint(self, left: str, right: str, chained: bool) -> str:
        before, after = left.lower(), right.lower()
        hyphenated = self._pairs[before, after]
        joined = self._words[before + after]
        if hyphenated != joined:
            return "-" if hyphenated > joined else ""
        # "English-/to-German" goes on with a hyphen, so it had one before.
        if chained or right[0].isupper() or right[0].isdigit() or left[-1].isdigit():
            return "-"
        whole = all(len(part) > 3 and self._words[part] > 1 for part in (before, after))
        return "-" if whole or before in _KEEPS_HYPHEN else ""

    def mend(self, text: str) -> str:
        """Join the words that line ends broke: "atten-\\ntion" becomes "attention"."""
        mended = _BROKEN.sub(
            lambda match: match[1] + self._joint(match[1], match[3], bool(match[4])), text
        )
        return mended.replace(SOFT_HYPHEN, "-")
