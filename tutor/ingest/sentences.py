"""Sentence boundaries in scientific prose and in Markdown."""

from __future__ import annotations

import re

# Never the end of a sentence, whatever follows.
_NEVER = frozenset(
    "e.g i.e cf viz fig figs eq eqs eqn eqns sec secs sect refs chap thm vol pp nos resp approx "
    "ca vs w.r.t s.t dr mr mrs ms prof".split()
)
# The end of a sentence only where a typical first word follows.
_RARELY = frozenset(
    "al etc inc ltd corp co i.i.d a.k.a u.s u.k ph.d dept univ max min no p st jr sr tab tabs app "
    "ref ch lem def prop alg".split()
)
_STARTERS = frozenset(
    "a an the this that these those we our i it its they their he she there here in on at for from "
    "to with by as if when while where however moreover furthermore additionally although though "
    "because since thus hence therefore finally first second third next then given note figure "
    "table section let each both all most many some such one two what why how unlike similarly "
    "instead also but and or not no after before during between recently overall you is are".split()
)
# Units that are never cut: fenced code, display math, a table.
_BLOCK = re.compile(
    r"^ {0,3}(?P<fence>`{3,}|~{3,})[^\n]*\n.*?(?:^ {0,3}(?P=fence)[ \t]*$|\Z)"
    r"|^\$\$.*?\$\$[ \t]*$"
    r"|(?:^[ \t]*\|[^\n]*(?:\n|\Z))+",
    re.MULTILINE | re.DOTALL,
)
_PARAGRAPH = re.compile(
    r"\n[ \t]*\n\s*|\n(?=[ \t]*(?:[-*+•▪◦–][ \t]|\(?\d{1,2}[.)][ \t]|#{1,6} |>))"
)
_STOP = re.compile(r"[.!?…]+[\"'”’)\]*_]*(?:\[\d[\d,;\s–-]*\])?(?=\s)|[。！？]")
_LAST_WORD = re.compile(r"[^\s(\[{\"“‘']*$")
_NEXT_WORD = re.compile(r"\s*[\"“‘'(\[*_]*([^\W\d_]*)")


def _ends_sentence(before: str, stop: str, after: str) -> bool:
    """Whether `stop`, with the paragraph's text before and after it, ends a sentence."""
    follows = after.lstrip()
    if not follows or not stop.startswith(".") or stop.startswith(".."):
        return not follows or not follows[0].islower()
    first = follows[0]
    if first.islower() or first in ",;:%)":
        return False
    match = _LAST_WORD.search(before)
    word = match[0] if match else ""
    following = _NEXT_WORD.match(after)
    starts = following is not None and following[1].lower() in _STARTERS
    bare = word.lower().strip("*_")
    if len(stop) > 1 and bare not in _NEVER:
        return True
    if bare in _NEVER:
        return False
    if bare in _RARELY:
        return starts
    if len(word) == 1 and word.isalpha() and word.isupper():
        return starts  # an initial, as in "J. Smith"
    if re.fullmatch(r"(?:[A-Za-z]\.)+[A-Za-z]", word):
        return starts
    # "2." at the beginning numbers what follows.
    return not (word.isdigit() and len(word) <= 2 and before.strip() == word)


def _prose_spans(text: str, start: int, end: int) -> list[tuple[int, int]]:
    spans = []
    begin = start
    for match in _STOP.finditer(text, start, end):
        if match.start() < begin:
            continue
        # A window bounds the work on a text without any full stop before it.
        before = text[max(begin, match.start() - 60) : match.start()]
        if match.end() < end and not _ends_sentence(
            before, match[0], text[match.end() : min(end, match.end() + 40)]
        ):
            continue
        spans.append((begin, match.end()))
        begin = match.end()
    spans.append((begin, end))
    return spans


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """(start, end) of each sentence of `text`, without the white space around it.

    A blank line, a list item and a heading end a sentence. Fenced code, display math and a
    Markdown table count as one sentence each.
    """
    blocks: list[tuple[int, int, bool]] = []
    position = 0
    for match in _BLOCK.finditer(text):
        blocks += [(position, match.start(), False), (match.start(), match.end(), True)]
        position = match.end()
    blocks.append((position, len(text), False))
    spans: list[tuple[int, int]] = []
    for start, end, whole in blocks:
        if whole:
            spans.append((start, end))
            continue
        begin = start
        for match in _PARAGRAPH.finditer(text, start, end):
            spans += _prose_spans(text, begin, match.start())
            begin = match.end()
        spans += _prose_spans(text, begin, end)
    trimmed = (_trim(text, start, end) for start, end in spans)
    return [(start, end) for start, end in trimmed if start < end]


def split_sentences(text: str) -> list[str]:
    """The sentences of `text` in order; nothing but white space between them is lost.

    "et al.", "Fig. 3", "e.g.", initials, decimals and "[12]." do not mislead it.
    """
    return [text[start:end] for start, end in sentence_spans(text)]
