"""Title, authors, year and abstract, from what stands at the beginning of a paper."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tutor.ingest.document import Section
from tutor.ingest.headings import KNOWN_HEADINGS, bare_title
from tutor.ingest.layout import Line

_BAD_TITLE = re.compile(
    r"untitled|microsoft word|^\S+\.(?:docx?|tex|pdf|dvi|indd|rtf)$|^\W*$|^(?:arxiv|title|doi)\b|"
    r"\b(?:camera.?ready|proceedings|template)\b|^https?:",
    re.IGNORECASE,
)
_NOTICE = re.compile(
    r"provided proper attribution|hereby grants|reproduce the|scholarly works|published as|"
    r"under review|preprint|proceedings|conference|copyright|©|submitted|journal of|^\d+$|"
    r"accepted|communicated by|^(?:action )?editors?\b|^edited by|^reviewed by|"
    r"\d\(\d+\)\s*:|\d{2,}[-–]\d{2,}",
    re.IGNORECASE,
)
# Signs and glued Greek letters lead to footnotes and addresses.
_MARKS = re.compile(r"(?:[^\w\s.,;&·'’‘`´¨~^\x02-]|\d|(?<=[a-z])[α-ω])+|\(\w\)|\s,")
_EMAIL = re.compile(r"(?:\{[^{}]*\}|[^\s,;{}]+)\s?@\s?\S+")
_PARTICLES = "van|von|de|der|den|del|da|du|la|las|le|los|el|di|dos|bin|ibn|al|ter|ten"
_NAME = re.compile(rf"[^\W\d_a-z][\w.'’-]*(?:\s(?:(?:{_PARTICLES})\s)*[^\W\d_a-z][\w.'’-]*){{1,3}}")
_PLACE = re.compile(
    r"universit|institut|laborator|research|google|microsoft|facebook|meta ai|openai|brain|"
    r"department|school|college|academy|inc\b|corp|@|https?:|\bai\b|team|language|abstract|"
    r"montr|allen inst|\blabs?\b|center|centre|group|technolog|deepmind|hugging|nvidia|"
    r"stanford|berkeley|\bltd\b|mountain view|california|"
    r"london|toronto|washington|street|avenue|\busa\b|learning|work|equal|\bens\b|d[eé]partement|"
    r"fakult|facult|hospital|\bcorso\b|foundation|ministry|switzerland|germany|canada|china|"
    r"new york|palo alto|san francisco|los angeles|hong kong|tel aviv|paris",
    re.IGNORECASE,
)


def _words(text: str) -> set[str]:
    return set(re.findall(r"[^\W_]{3,}", text.lower()))


def _is_upright(line: Line) -> bool:
    """Text in the margin that runs upwards ends far above where it begins."""
    return abs(line.top - line.bottom) < 120


def find_title(lines: Sequence[Line], metadata: str, name: str) -> str:
    """The metadata's title if the first page shows it, else the largest lines, else the name.

    Words broken at a line end are still marked in it.
    """
    top = list(lines[:60])
    shown = _words(" ".join(line.text.replace("\x02", "") for line in top))
    claimed = _words(metadata)
    if 8 <= len(metadata) <= 250 and not _BAD_TITLE.search(metadata) and claimed:
        if len(claimed & shown) >= 0.8 * len(claimed):
            return " ".join(metadata.split())
    candidates = [
        line
        for line in top
        if _is_upright(line)
        and not _NOTICE.search(line.text)
        and len(re.findall(r"[^\W\d_]", line.text)) >= 4
        and bare_title(line.text) not in KNOWN_HEADINGS
    ]
    unnumbered = [line for line in candidates if not re.match(r"\d+(?:\.\d+)*\.?\s", line.text)]
    candidates = unnumbered or candidates
    if candidates:
        # Lettering of figures may be larger than the title but stands below it.
        head = sorted(candidates, key=lambda line: -line.top)[:12]
        size = max(line.size for line in head)
        # Small capitals make a line's measured size vary with the letter in its middle.
        large = [line for line in candidates if line.size > 0.78 * size and line.size > 11]
        index = next(i for i, line in enumerate(candidates) if line.size == size)
        if candidates[index].text.isupper() and index and candidates[index - 1] in large:
            index -= 1
        title = [candidates[index]]
        for line in candidates[index + 1 : index + 5]:
            gap = title[-1].bottom - line.top
            same = abs(line.size - size) <= 0.4 or (line.text.isupper() and line in large)
            if not same or not 0 <= gap < 2 * size or line.bold != title[0].bold:
                break
            title.append(line)
        text = " ".join(line.text for line in title).rstrip("*∗†‡ ")
        if 3 <= len(text) <= 300:
            return text
    return Path(name).stem.replace("_", " ") or "Untitled"


def find_authors(lines: Sequence[Line], metadata: str, title: str) -> tuple[str, ...]:
    """Names between title and abstract, as far as they look like names."""
    claimed = [part.strip() for part in re.split(r"[;,]|\band\b", metadata) if part.strip()]
    if len(claimed) > 1 and all(_NAME.fullmatch(part) for part in claimed):
        return tuple(claimed)
    names: dict[str, None] = {}
    title_words = _words(title)
    for part in _front_parts(lines):
        words = _words(part)
        if _PLACE.search(part) or _NOTICE.search(part):
            continue
        if words and len(words & title_words) > 0.6 * len(words):
            continue
        for piece in re.split(r",|;|\band\b|&|\s{2,}|·", _MARKS.sub(",", part)):
            candidate = re.sub(r"(?<=\w{3})\.$", "", " ".join(piece.split()))
            if _NAME.fullmatch(candidate) and len(candidate) <= 40 and not candidate.isupper():
                names[candidate] = None
    if names:
        return tuple(names)[:200]
    return (claimed[0],) if claimed and _NAME.fullmatch(claimed[0]) else ()


def _front_parts(lines: Sequence[Line]) -> list[str]:
    """What stands between title and abstract, without addresses of mail.

    Wide gaps part names that no comma does; a list with commas may break a name at a line's end.
    """
    opening = re.compile(r"(?:abstract|\d?\.?\s*introduction)\b", re.IGNORECASE)
    end = next((i for i, line in enumerate(lines[:120]) if opening.match(line.text)), 0)
    parts: list[str] = []
    listed = False
    for line in lines[:end]:
        if not _is_upright(line):
            continue
        if _NOTICE.search(line.text):
            listed = False
            continue
        pieces = [_EMAIL.sub(" ", piece) for piece in line.parts or (line.text,)]
        # "…, Wenbin Ge, Yu": a single name at the end is half of one.
        if listed and re.search(r",\s*(?!and\b)[^\s,;&]+$", parts[-1]):
            parts[-1] += f" {pieces.pop(0)}"
        parts += [piece.strip() for piece in pieces if piece.strip()]
        listed = bool(parts) and line.text.count(",") >= 2
    return parts


def year_of_arxiv(arxiv_id: str) -> int:
    """The year in which a paper was first submitted, which its id begins with."""
    digits = arxiv_id.rsplit("/", 1)[-1][:2]
    return 1900 + int(digits) if int(digits) > 90 else 2000 + int(digits)


def find_year(lines: Sequence[Line], arxiv_id: str | None, created: int | None) -> int | None:
    """Year by arXiv id, else as printed above or below the first page's text, else of the file."""
    if arxiv_id:
        return year_of_arxiv(arxiv_id)
    ordered = sorted(lines, key=lambda line: line.top)
    edges = [*ordered[-8:], *ordered[:4]]
    years = [
        int(year)
        for line in edges
        if _NOTICE.search(line.text) or re.search(r"[A-Z]{3,}|\(\d{4}\)|\d+[:(]\d+", line.text)
        for year in re.findall(r"\b(19[5-9]\d|20[0-4]\d)\b", line.text)
    ]
    return max(years) if years else created


def find_abstract(sections: Sequence[Section]) -> str:
    """The section of that name, else what stands before the first numbered section."""
    for section in sections[:6]:
        if section.title.lower().strip(" .:—-") in ("abstract", "summary"):
            return section.text
    for section in sections[:3]:
        match = re.search(r"\bAbstract\b[\s.:—–-]+(.{200,})", section.text, re.DOTALL)
        if match:
            return match[1].strip()
    for section in sections[:2]:
        if section.title.lower().startswith("introduction"):
            break
        prose = [part for part in section.text.split("\n\n") if part.count(". ") >= 2]
        if prose:
            return max(prose, key=len)
    return ""


def drop_front(sections: tuple[Section, ...], title: str) -> tuple[Section, ...]:
    """Sections without the lines above the abstract: names and addresses are no text."""
    if len(sections) < 2 or bare_title(sections[0].title) not in ("", bare_title(title)):
        return sections
    opening = any(
        bare_title(section.title) in ("abstract", "introduction") for section in sections[1:3]
    )
    if opening:
        speaks = re.search(r"[.!?]\s+[A-Z].{80,}[.!?]", sections[0].text)
    else:
        speaks = re.search(r"[^\n]{60,}[.!?](?:\s|$)", sections[0].text)
    return sections if speaks else sections[1:]
