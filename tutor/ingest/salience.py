"""Which sentences of a paper state its problem, method, results and limitations; no model needed.

Sentences are scored by the section in which they stand, by cue phrases, by numbers, by their
place and by their likeness to the abstract; maximal marginal relevance (Carbonell and Goldstein,
1998) keeps the chosen ones different.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from tutor.ingest.cues import CRITICAL_ROLES, CUES, PROPOSES, ROLES, TURN, WEIGHTS, Field, Role
from tutor.ingest.document import Document, Section
from tutor.ingest.headings import bare_title
from tutor.ingest.quotes import is_prose, quote_on_page
from tutor.ingest.sentences import sentence_spans

if TYPE_CHECKING:
    from tutor.models.embed import Embedder

_DANGLING = re.compile(
    r"^(?:This|These|Later|Those|It|They|Such|Thus|Hence|Therefore|Also|Then|Here|Both|Similarly|"
    r"In (?:this|that|these) (?:section|case|setting|table|experiment)|For example|For instance|"
    r"As (?:shown|described|noted|can be|a result)|Note|Again|The (?:former|latter|first|second|"
    r"third|last)|First|Second|Third|Finally|Next|Moreover|Additionally|Furthermore|Specifically|"
    r"Another|One|In (?:particular|addition|contrast)|On the other hand|Intuitively|Let)\b"
)
_POINTING = re.compile(
    r"\b(?:tables?|figures?|fig\.|sections?|sec\.|appendix|eq\.|equation)\s?\(?(?:\d|[A-Z]\b)|§",
    re.IGNORECASE,
)
_STOP_WORDS = frozenset(
    "the a an of and or in on to for with by from as at that which is are was were be been being "
    "we our this these those it its their they can not but also have has had than more most such "
    "other use used using show shows may both all each one two between into over only new when "
    "while however where how what who if then there here do does did so no via per i e g et "
    "al".split()
)
_HOUSEKEEPING = re.compile(
    r"https?:|\b(?:we (?:\w+ )?(?:release|open-?source)|publicly available|"
    r"available (?:at|on|online)|inspires?|stands for|denotes?|refers? to|"
    r"(?:the|as) follow(?:s|ing)\b|contributions? listed|rest of (?:the|this) paper|organized as)",
    re.IGNORECASE,
)
_GLUED_MARK = re.compile(r"[a-z]{4,}\d{1,2}\b(?!-)")
_LEAD_IN = re.compile(
    r"^(?:In this (?:paper|work|article|report|study|letter)|Here|To this end|"
    r"To (?:address|tackle|overcome|solve|mitigate) (?:this|these)[^,]{0,60}|Specifically|"
    r"In particular|Therefore|Thus|Hence|Moreover|Furthermore|In addition|However|Finally),? "
    r"(?=(?:we|this|our|it|the)\b)",
    re.IGNORECASE,
)
CENTROID, TITLE = 2.0, 1.5  # worth of a sentence's nearness in meaning, as the gist
COUNTS: dict[Field, int] = {"problem": 2, "method": 3, "results": 3, "limitations": 2}


@dataclass(frozen=True)
class Sentence:
    """A sentence that may be quoted.

    Attributes:
        index: Place among all sentences of the document.
        place: 0 at the beginning of its section, 1 at the end.
        ours: Stands behind the turn to what this paper does, in abstract and introduction.
        turn: Is itself that turn.
    """

    index: int
    text: str
    page: int | None
    section: str
    role: Role
    place: float
    ours: bool
    turn: bool

    @cached_property
    def words(self) -> Counter[str]:
        """Its content words."""
        return content_words(self.text)


def content_words(text: str) -> Counter[str]:
    """Lower-case words without stop words, cut to a crude stem."""
    words = re.findall(r"[^\W\d_]{2,}", text.lower())
    return Counter(stem(word) for word in words if word not in _STOP_WORDS)


def without_lead_in(text: str) -> str:
    """A sentence without the words that tie it to the one before."""
    rest = _LEAD_IN.sub("", text)
    return rest[:1].upper() + rest[1:]


def stem(word: str) -> str:
    """The word without its commonest endings."""
    for ending in ("ations", "ation", "ings", "ing", "ers", "ies", "ed", "es", "er", "ly", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word


def _role(section: Section, parents: Sequence[str], after_end: bool) -> Role:
    if after_end or (section.number[:1].isalpha() and section.number[:1] not in "IVX"):
        return "back"
    titles = [bare_title(section.title), *(bare_title(title) for title in parents)]
    for title in titles:
        for role, pattern in ROLES.items():
            if pattern.search(title):
                return role
    return "method"


def quotable_sentences(document: Document) -> list[Sentence]:
    """Complete sentences of the main text whose page is certain, in reading order."""
    sentences: list[Sentence] = []
    parents: dict[str, str] = {}
    concluded = False
    index = 0
    for section in document.sections:
        parents[section.number] = section.title
        above = [parents[n] for n in _ancestors(section.number) if n in parents]
        role = _role(section, above, concluded)
        top = not section.number or "." not in section.number
        concluded = concluded or (top and role == "back" and not section.number)
        spans = sentence_spans(section.text)
        ours = False
        for place, (start, end) in enumerate(spans):
            text = " ".join(section.text[start:end].split())
            page = section.page_at(start)
            index += 1
            turn = not ours and bool(TURN.search(text))
            ours = ours or turn
            if not is_prose(text):
                continue
            if page is not None and not quote_on_page(text, document.page_texts[page - 1]):
                continue
            share = place / max(len(spans) - 1, 1)
            sentences.append(Sentence(index, text, page, section.title, role, share, ours, turn))
    return sentences


def _ancestors(number: str) -> list[str]:
    parts = number.split(".")
    return [".".join(parts[:count]) for count in range(len(parts) - 1, 0, -1)]


class Ranking:
    """Scores the sentences of one document.

    Args:
        sentences: What `quotable_sentences` gave.
        topic: Title and abstract.
        title: The title alone, for the gist.
    """

    def __init__(self, sentences: Sequence[Sentence], topic: str, title: str = "") -> None:
        self.sentences = sentences
        seen: Counter[str] = Counter()
        for sentence in sentences:
            seen.update(set(sentence.words))
        count = len(sentences) + 1
        self._idf = {word: math.log(count / (1 + number)) for word, number in seen.items()}
        self._topic = content_words(topic)
        self._title = content_words(title)
        self._named = title

    def likeness(self, left: Counter[str], right: Counter[str]) -> float:
        """Cosine of the two, each word weighted by its rarity in the document."""
        shared = sum(left[w] * right[w] * self._idf.get(w, 1.0) ** 2 for w in left if w in right)
        norms = math.prod(
            math.sqrt(sum((n * self._idf.get(w, 1.0)) ** 2 for w, n in side.items()))
            for side in (left, right)
        )
        return shared / norms if norms else 0.0

    def score(self, sentence: Sentence, field: Field) -> float:
        """How well a sentence states the field; 0 or less means not at all."""
        weight = WEIGHTS[field].get(sentence.role)
        if weight is None or not self._zoned(sentence, field):
            return 0.0
        hits = [bool(pattern.search(sentence.text)) for _, pattern in CUES[field]]
        if field == "limitations" and not hits[0]:
            if not (hits[1] and sentence.role in CRITICAL_ROLES):
                return 0.0
        if field == "results" and not any(hits[:3]):
            return 0.0
        cues = sum(points for (points, _), hit in zip(CUES[field], hits, strict=True) if hit)
        score = weight + cues + 2.0 * self.likeness(sentence.words, self._topic)
        if field == "problem":
            score -= 1.0 * sentence.place
        elif field == "limitations":
            score += 0.6 * sentence.place
        elif field == "method" and sentence.role == "method":
            score -= 0.4 * sentence.place
        elif field == "method" and sentence.role == "abstract":
            score += 1.0 * sentence.turn
        if _DANGLING.match(sentence.text):
            score -= 0.9
        if _HOUSEKEEPING.search(sentence.text):
            score -= 2.0
        score -= 1.2 * len(_POINTING.findall(sentence.text)) + 1.0 * bool(
            _GLUED_MARK.search(sentence.text)
        )
        score -= 0.25 * len(re.findall(r"\[\d|\b(?:19|20)\d\d[a-z]?[);,]", sentence.text))
        return score - (0.6 if len(sentence.text) < 70 or len(sentence.text) > 280 else 0.0)

    def _zoned(self, sentence: Sentence, field: Field) -> bool:
        """Abstracts go from the problem over the method to the results."""
        if sentence.role not in ("abstract", "introduction"):
            return True
        if field == "problem" or not sentence.ours:
            return field == "problem" and not sentence.ours
        if sentence.role == "introduction":
            return True
        if sentence.turn:
            return field == "method"
        method, results = (
            sum(points for points, pattern in CUES[name] if pattern.search(sentence.text))
            for name in ("method", "results")
        )
        return (results > method) == (field == "results")

    def gist(self, embedder: Embedder | None = None) -> Sentence | None:
        """The sentence of the abstract that says best what the paper contributes.

        Weights of the words are those of a ridge regression of ROUGE-L on SciTLDR's training split,
        rounded; those of the meanings were chosen on its development split (docs/summaries.md).

        Args:
            embedder: Also weighs how near a sentence is to the abstract's centroid (Radev et al.,
                2004) and to the title; None leaves it at words.
        """
        abstract = [sentence for sentence in self.sentences if sentence.role == "abstract"]
        candidates = abstract or self.choose("method", 1)
        nearness = self._nearness(embedder, candidates) if embedder and len(candidates) > 1 else {}
        return max(
            candidates, key=lambda s: self._gist_score(s) + nearness.get(s, 0.0), default=None
        )

    def _nearness(self, embedder: Embedder, sentences: Sequence[Sentence]) -> dict[Sentence, float]:
        import numpy as np

        vectors = embedder.embed([*(sentence.text for sentence in sentences), self._named])
        centre = vectors[:-1].sum(axis=0)
        centre /= np.linalg.norm(centre) or 1.0
        near = CENTROID * (vectors[:-1] @ centre)
        if self._named:
            near = near + TITLE * (vectors[:-1] @ vectors[-1])
        return dict(zip(sentences, map(float, near), strict=True))

    def _gist_score(self, sentence: Sentence) -> float:
        length = len(sentence.text) / 200
        return (
            self.likeness(sentence.words, self._topic)
            + 1.4 * self.likeness(sentence.words, self._title)
            + 0.4 * sentence.turn
            + 0.4 * bool(PROPOSES.search(sentence.text))
            + 0.3 * (length - length**2)
            # Seldom wrong as a gist, but hard to read alone.
            - 0.3 * bool(_DANGLING.match(sentence.text))
            - 0.5 * bool(_HOUSEKEEPING.search(sentence.text))
        )

    def choose(
        self, field: Field, count: int, taken: Collection[Sentence] = (), floor: float = 2.2
    ) -> list[Sentence]:
        """The `count` best sentences for a field that differ from each other and from `taken`.

        Args:
            floor: Least score; fewer sentences are better than irrelevant ones. Where none reaches
                it, one that comes near is taken, but no limitation.
        """
        scores = {s: self.score(s, field) for s in self.sentences if s not in taken}
        chosen: list[Sentence] = []
        while len(chosen) < count:
            rest = {
                s: score - 2.2 * max((self.likeness(s.words, o.words) for o in chosen), default=0)
                for s, score in scores.items()
                if s not in chosen
                and all(self.likeness(s.words, o.words) < 0.5 for o in (*chosen, *taken))
            }
            best = max(rest, key=lambda s: rest[s], default=None)
            weak = floor if chosen or field == "limitations" else floor - 1.4
            if best is None or scores[best] < weak:
                break
            chosen.append(best)
        return sorted(chosen, key=lambda s: s.index)
