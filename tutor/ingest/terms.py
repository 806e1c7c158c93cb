"""A paper's technical terms with their meanings, and the roadmap's topics it belongs to."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from corpus.lessons import load_lessons
from corpus.loading import load_yaml
from corpus.papers import load_papers
from corpus.roadmap import CORPUS_DIR
from tutor.ingest.document import Document
from tutor.ingest.quotes import without_citations
from tutor.ingest.sentences import split_sentences

# The words that name a topic; the router reads the same file.
VOCABULARY = CORPUS_DIR / "terms.yaml"
MAX_TERMS = 6
MAX_TOPICS = 4
_DEFINITION = re.compile(
    r"^(?:An?\s|The\s)?(?P<term>[A-Za-z][\w-]*(?:\s[\w-]+){0,3}?)"
    r"(?:\s\((?P<short>[A-Z][\w-]{1,9})\))?"
    r"(?:,\s[^,]{3,50},|\s\[[\d, ]+\])?"
    r"\s(?:is|are|refers to|denotes|is defined as)\s"
    r"(?:an?\s(?!common|notable|popular|key|important|result|crucial|good|promising|natural|major|main|strong|well|widely|significant|big|critical)|"
    r"the (?:process|task|set|number|ratio|sum|probability|problem|practice|ability)\s)"
)
_NO_TERM = re.compile(
    r"\b(?:this|that|these|those|it|there|here|which|what|we|our|they|their|one|two|goal|aim|"
    r"result|results|idea|reason|problem|purpose|paper|work|task|difference|number|output|input|"
    r"figure|table|section|example|advantage|choice|contribution|key|main|first|second|last|"
    r"next|other|another|such|each|both|some|many|most|all|more|model|models|method|approach|"
    r"performance|in|for|to|of|with|as|by|at|if|when|while|however|not)\b",
    re.IGNORECASE,
)


# Words of the vocabulary that any paper uses.
_GENERIC = frozenset(
    "vector matrix matrices variance expectation probability statistics precision recall bias "
    "temperature alignment mathematics math attention embedding transformer encoder decoder "
    "optimizer inference training expectation neural network machine learning".split()
)


@dataclass(frozen=True)
class Term:
    """A technical term and what it means, in the paper's or the lesson's words."""

    term: str
    meaning: str

    def to_dict(self) -> dict[str, Any]:
        """The fields of the command line's contract."""
        return asdict(self)


@cache
def _vocabulary() -> dict[str, tuple[tuple[str, re.Pattern[str]], ...]]:
    topics = load_yaml(VOCABULARY)["topics"]
    return {
        topic: tuple(
            (word, re.compile(rf"(?<![\w-]){re.escape(word)}s?(?![\w-])"))
            for word in map(str, words)
        )
        for topic, words in topics.items()
    }


def topic_words(topic: str) -> tuple[str, ...]:
    """The words that name a topic, in lower case; none for a topic that is not known."""
    return tuple(word for word, _ in _vocabulary().get(topic, ()))


def match_topics(document: Document) -> tuple[str, ...]:
    """Topics of papers.yaml for a key paper, else those whose words its title and headings use."""
    known = load_papers().get(document.arxiv_id or "")
    if known:
        return known.topics
    title = document.title.lower()
    headings = " ; ".join(section.title for section in document.sections[:40]).lower()
    strong = f"{document.abstract.lower()} ; {headings}"
    scores: Counter[str] = Counter()
    for topic, words in _vocabulary().items():
        for word, pattern in words:
            if word in _GENERIC or (word not in title and word not in strong):
                continue
            # A term of several words says more than a single one.
            weight = 1 + word.count(" ") + word.count("-")
            found = 3 * len(pattern.findall(title)) + min(len(pattern.findall(strong)), 3)
            scores[topic] += weight * found
    best = scores.most_common(MAX_TOPICS)
    return tuple(topic for topic, score in best if score >= max(3, 0.35 * best[0][1]))


def _defined(sentences: Sequence[str]) -> dict[str, str]:
    """Term in lower case to the sentence of the paper that defines it."""
    found: dict[str, str] = {}
    for sentence in sentences:
        match = _DEFINITION.match(sentence)
        if match and not _NO_TERM.search(match["term"]) and len(sentence) < 260:
            for name in (match["term"], match["short"]):
                if name and len(name) > 2:
                    found.setdefault(name.lower(), sentence)
    return found


@cache
def _taught() -> dict[str, str]:
    """Term in lower case to the sentence of a lesson that begins with it."""
    meanings: dict[str, str] = {}
    for topic, lesson in load_lessons().items():
        words = sorted((word for word, _ in _vocabulary().get(topic, ())), key=len, reverse=True)
        for sentence in split_sentences(lesson.sections["In short"]):
            opening = re.sub(r"^(?:an?|the)\s", "", sentence.lower())
            word = next((w for w in words if re.match(rf"{re.escape(w)}s?\b", opening)), None)
            if word and " then " not in sentence:
                meanings.setdefault(word, sentence)
    return meanings


def find_terms(
    document: Document, sentences: Sequence[str], topics: Sequence[str]
) -> tuple[Term, ...]:
    """Up to six terms that matter in the paper, each defined in it or in a lesson.

    Args:
        document: The paper.
        sentences: Its quotable sentences, in which definitions are looked for.
        topics: Its topics; their words come first.
    """
    text = " ".join(section.text for section in document.sections).lower()
    prominent = f"{document.title} {document.abstract}".lower()
    defined = _defined(sentences)
    taught = _taught()
    preferred = {word for topic in topics for word, _ in _vocabulary().get(topic, ())}
    scores: dict[str, float] = {}
    for word in {*defined, *taught}:
        count = len(re.findall(rf"(?<![\w-]){re.escape(word)}s?(?![\w-])", text))
        if count < 3 or (word in _GENERIC and word not in prominent):
            continue
        scores[word] = min(count, 40) * (1 + 2 * (word in prominent) + (word in preferred))
    terms: list[Term] = []
    used: set[str] = set()
    for word in sorted(scores, key=lambda word: -scores[word]):
        meaning = without_citations(taught.get(word) or defined[word])
        if meaning in used or any(word in term.term.lower() for term in terms):
            continue
        used.add(meaning)
        terms.append(Term(_as_printed(word, document), meaning))
        if len(terms) == MAX_TERMS:
            break
    return tuple(terms)


def _as_printed(word: str, document: Document) -> str:
    """The term with the capitals that the paper gives it most often."""
    forms: Counter[str] = Counter()
    for section in document.sections:
        forms.update(re.findall(rf"(?<![\w-]){re.escape(word)}(?![\w-])", section.text, re.I))
    return forms.most_common(1)[0][0] if forms else word
