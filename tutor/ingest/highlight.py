"""Where on a page a quote stands: its characters in the text layer, then a box for every line.

The text layer differs from what was quoted: words are broken at line ends, ligatures are one
character, running headers and marks of footnotes were dropped. So both are compared by their
letters and digits alone, first exactly, then by the window that shares most with the quote.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

MIN_RUN = 8  # letters in a row that a near match has to share; fewer are chance
MIN_SHARE = 0.5  # of a quote that has to be found; a page may end in the middle of it
_CUTOFF = 50.0  # windows below this similarity (0 to 100) can't reach MIN_SHARE
_PAD = 0.12  # of a line's height that is put around it

Found = Literal["exact", "near", "none"]
# left, bottom, right, top in points; y grows upwards
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Match:
    """What was found of a quote.

    Attributes:
        found: Whether all of it stands there, most of it, or too little.
        places: Indices of its characters in the page's text, in reading order.
        share: Of the quote's letters and digits that were found.
    """

    found: Found
    places: tuple[int, ...] = ()
    share: float = 0.0


def _letters(text: str) -> str:
    """Letters and digits without case, accents and ligatures."""
    apart = unicodedata.normalize("NFKD", text).casefold()
    return "".join(char for char in apart if char.isalnum())


def find_quote(characters: Sequence[str], quote: str) -> Match:
    """Find a quote among a page's characters.

    Args:
        characters: The page's characters in reading order; a ligature may be several letters.
        quote: What to find.
    """
    wanted = _letters(quote)
    pieces = [_letters(char) for char in characters]
    text = "".join(pieces)
    where = [index for index, piece in enumerate(pieces) for _ in piece]
    if not wanted or not text:
        return Match("none")
    start = text.find(wanted)
    if start >= 0:
        return Match("exact", _distinct(where[start : start + len(wanted)]), 1.0)
    return _nearest(wanted, text, where)


def _nearest(wanted: str, text: str, where: Sequence[int]) -> Match:
    from rapidfuzz.distance import Indel
    from rapidfuzz.fuzz import partial_ratio_alignment

    start, end = 0, len(text)
    if len(text) > len(wanted):
        window = partial_ratio_alignment(wanted, text, score_cutoff=_CUTOFF)
        if window is None:
            return Match("none")
        # Words that stand between the quote's push its ends out of the window.
        slack = len(wanted) // 4
        start, end = max(window.dest_start - slack, 0), window.dest_end + slack
    part = text[start:end]
    runs = [
        block
        for block in Indel.opcodes(wanted, part).as_matching_blocks()
        if block.size >= min(MIN_RUN, len(wanted))
    ]
    share = sum(run.size for run in runs) / len(wanted)
    if share < MIN_SHARE:
        return Match("none", share=share)
    places = [where[start + run.b + offset] for run in runs for offset in range(run.size)]
    return Match("near", _distinct(places), share)


def _distinct(places: Sequence[int]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(places))


def line_boxes(places: Sequence[int], boxes: Sequence[Box | None]) -> list[Box]:
    """One box for each printed line of the characters at `places`.

    Args:
        places: Indices of characters, in reading order.
        boxes: The characters' boxes, one a place; None where a character has none.
    """
    lines: list[Box] = []
    last = -2
    for place, box in zip(places, boxes, strict=True):
        if box is None or box[2] < box[0] or box[3] < box[1]:
            continue
        if lines and place - last <= MIN_RUN and _continues(lines[-1], box):
            lines[-1] = _joined(lines[-1], box)
        else:
            lines.append(box)
        last = place
    return [_padded(line) for line in lines]


def _continues(line: Box, box: Box) -> bool:
    """Whether a character goes on in a line: it overlaps its height and stands just behind."""
    height = max(line[3] - line[1], box[3] - box[1], 1.0)
    overlap = min(line[3], box[3]) - max(line[1], box[1])
    beside = -height <= box[0] - line[2] <= 4 * height
    # A comma or an index overlaps little; its middle is within reach of the line.
    middle = (box[1] + box[3]) / 2
    near = line[1] - 0.4 * height <= middle <= line[3] + 0.4 * height
    return beside and (overlap > 0 or near)


def _joined(line: Box, box: Box) -> Box:
    return (
        min(line[0], box[0]),
        min(line[1], box[1]),
        max(line[2], box[2]),
        max(line[3], box[3]),
    )


def _padded(box: Box) -> Box:
    pad = _PAD * (box[3] - box[1])
    return box[0] - pad, box[1] - pad, box[2] + pad, box[3] + pad
