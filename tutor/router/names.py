"""The names of the field in a message: topics and papers by title or nickname, also misspelt."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Any

from corpus.loading import load_yaml
from corpus.papers import load_papers
from corpus.roadmap import CORPUS_DIR, load_roadmap

# The router reads at most this much: what somebody wants stands at the start or the end.
HEAD, TAIL = 700, 300

PAPER_WORD = re.compile(
    r"\b(?:papers?|articles?|arxiv|preprints?|publications?|study|report|paper'?s|paper by)\b"
)


def clip(text: str) -> str:
    """The start and the end of a long text."""
    return text if len(text) <= HEAD + TAIL else f"{text[:HEAD]} {text[-TAIL:]}"


def normalize(text: str) -> str:
    """Lower-case, clipped, on one line, common words and terms spelt right."""
    low = clip(text).lower().replace("’", "'")
    low = re.sub(r"([a-z])\1{2,}", r"\1\1", re.sub(r"\s+", " ", low)).strip()
    return re.sub(r"[a-z]{4,}", lambda match: _correct(match[0]), low)


@cache
def terms() -> dict[str, Any]:
    """The tables of corpus/terms.yaml."""
    data: dict[str, Any] = load_yaml(CORPUS_DIR / "terms.yaml")
    return data


def _pattern(names: Iterable[str]) -> re.Pattern[str]:
    ordered = sorted({re.escape(name) for name in names}, key=len, reverse=True)
    return re.compile(rf"(?<![\w-])({'|'.join(ordered)})(?:s|es|'s)?(?![\w-])")


def _plain(title: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"\(.*?\)|[:,]", " ", title.lower())).strip()


@cache
def _topic_names() -> dict[str, str]:
    """Topic id by lower-case name: ids, titles, parts of titles, aliases."""
    names: dict[str, str] = {}
    for topic in load_roadmap().topics():
        names[topic.id.replace("-", " ")] = topic.id
        names[_plain(topic.title)] = topic.id
        names[topic.title.lower()] = topic.id
    for topic_id, aliases in terms()["topics"].items():
        names.update(dict.fromkeys(aliases, topic_id))
    return names


@cache
def _topic_pattern() -> re.Pattern[str]:
    return _pattern([*_topic_names(), *(topic.id for topic in load_roadmap().topics())])


@cache
def _field_pattern() -> re.Pattern[str]:
    nicknames = (name for names in terms()["papers"].values() for name in names)
    ordinary = set(terms()["ordinary"])
    return _pattern(
        [*_topic_names(), *terms()["field"], *(n for n in nicknames if n not in ordinary)]
    )


@cache
def _paper_names() -> dict[str, str]:
    """arXiv id by lower-case nickname or title (also the part before its colon)."""
    names: dict[str, str] = {}
    for paper in load_papers().values():
        names[_plain(paper.title)] = paper.id
    for paper_id, nicknames in terms()["papers"].items():
        names.update(dict.fromkeys(nicknames, paper_id))
    return names


@cache
def _lexicon() -> tuple[frozenset[str], tuple[str, ...]]:
    """Words known to be right, and words that a slip of the finger is mended to."""
    notes = (f"{paper.title} {paper.why} {paper.note.text}" for paper in load_papers().values())
    topics = (f"{topic.title} {' '.join(topic.objectives)}" for topic in load_roadmap().topics())
    known = set(re.findall(r"[a-z]{4,}", " ".join([*notes, *topics]).lower()))
    commands = terms()["commands"]
    names = {name for name in (*_topic_names(), *terms()["field"]) if name.isalpha()}
    known.update(terms()["words"], commands, names, *(name.split() for name in _topic_names()))
    return frozenset(known), (*commands, *(name for name in names if len(name) >= 7))


@lru_cache(maxsize=8192)
def _correct(word: str) -> str:
    """The command or term that a word misspells, else the word."""
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    known, targets = _lexicon()
    if word in known or word.rstrip("s") in known or len(word) > 20:
        return word
    allowed = 1 if len(word) < 8 else 2
    found = process.extractOne(word, targets, scorer=OSA.distance, score_cutoff=allowed)
    return found[0] if found and found[0][0] == word[0] else word


def mask_terms(text: str) -> str:
    """Lower-case text in which every word of the field reads `xterm`."""
    return _field_pattern().sub(" xterm ", text)


def count_terms(text: str) -> int:
    """How many words of the field a lower-case text holds."""
    return len(_field_pattern().findall(text))


@lru_cache(maxsize=2048)
def find_topic(text: str) -> str | None:
    """The roadmap topic that a lower-case text names; the longest name wins, then the first."""
    matches = list(_topic_pattern().finditer(text))
    if not matches:
        return None
    names = _topic_names()
    best = max(matches, key=lambda match: (len(match[1]), -match.start()))[1]
    return names.get(best, best)


@lru_cache(maxsize=2048)
def find_paper(text: str) -> str | None:
    """The known paper that a lower-case text names by title or nickname, also misspelt."""
    from rapidfuzz import fuzz

    plain = _plain(text)
    named = bool(PAPER_WORD.search(plain))
    ordinary = set(terms()["ordinary"])
    best: tuple[int, str] | None = None
    for name, paper_id in _paper_names().items():
        if name in plain and re.search(rf"(?<![\w-]){re.escape(name)}s?(?![\w-])", plain):
            if name in ordinary and not named:
                continue
            if best is None or len(name) > best[0]:
                best = (len(name), paper_id)
    if best:
        return best[1]
    scored = [
        (fuzz.partial_ratio(_plain(paper.title), plain), paper.id)
        for paper in load_papers().values()
        if len(plain) >= 0.8 * len(paper.title) and len(paper.title) >= 12
    ]
    score, paper_id = max(scored, default=(0.0, ""))
    return paper_id if score >= 86 else None
