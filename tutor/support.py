"""Does a passage support a sentence? Checked in code: words, numbers, negation, terms, meaning.

A sentence is supported when one or two neighbouring sentences of a passage hold most of its content
words, all of its numbers and names, the same polarity, and nothing in it is stronger than there or
stands in the place of another term. Similar meaning (cosine of embeddings) lowers how many words
must agree, but never excuses the rest. docs/support.md has the figures.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import cache, cached_property
from typing import TYPE_CHECKING

from corpus.loading import load_yaml
from tutor.ingest.sentences import split_sentences
from tutor.ingest.terms import VOCABULARY
from tutor.retrieve import Passage, stems
from tutor.retrieve.words import STOP_WORDS, words

if TYPE_CHECKING:
    from tutor.models.embed import Embedder

COVERAGE = 0.7  # share of content stems that a window of two sentences must hold …
COVERAGE_SIMILAR = 0.4  # … or this much, where the meaning is as close as
SIMILAR = 0.7  # this cosine
FEWEST_STEMS = 4  # a sentence with fewer content words says nothing that could be checked
EMBEDDED = 4  # windows a sentence is compared with by meaning: embedding costs time
JOINED = 2  # stems that two sentences must hold more than either, or that one is the evidence
SYNONYM = 0.35  # cosine of two words that may stand for each other
REPLACED = 3  # words: a longer difference is another way to say it
_NUMBER = re.compile(r"(?<![\w.])(?:\d+(?:[.,]\d+)*|\.\d+)")
_NEGATION = re.compile(r"\b(?:not|no|never|without|cannot|neither|nor|fails?|unable)\b|n't\b", re.I)
_NAME = re.compile(r"\b(?:[A-Za-z]*[a-z0-9-][A-Z]\w*|[A-Z]{2,}\w*)(?:-\d+)?")
_COUNTS = {
    word: str(count)
    for count, word in enumerate(
        "two three four five six seven eight nine ten eleven twelve".split(), 2
    )
}
# Each is a claim without exception; the words of one line may stand for each other.
_ABSOLUTES = tuple(
    re.compile(rf"\b(?:{words})\b", re.IGNORECASE)
    for words in (
        "always|invariably|in (?:all|every|each) cases?|never",
        "all|every|each|any|everything|everyone|both|entire|whole|none|no",
        "best|optimal|unbeaten|state[- ]of[- ]the[- ]art|highest|top|lowest|most",
        "only|just|solely|alone|exclusively|sole|merely|one",
        "entirely|completely|fully|totally|perfect(?:ly)?|flawless(?:ly)?|full|complete",
        "guarantee[sd]?|proves?|proven|certain(?:ly)?|undoubtedly|ensures?|definitely",
        "impossible|cannot|unable",
        "exceptions?",
        "worst|lowest|poorest",
    )
)
_OPPOSITES = (
    "increase decrease, increase reduce, raise reduce, rise fall, grow shrink, higher lower, "
    "high low, larger smaller, large small, big small, more less, more fewer, most least, "
    "better worse, best worst, faster slower, fast slow, before after, above below, first last, "
    "early late, earlier later, improve degrade, improve worsen, longer shorter, long short, "
    "easy hard, easier harder, easy difficult, cheap expensive, simple complex, same different, "
    "similar different, maximize minimize, encoder decoder, left right, row column, "
    "forward backward, supervised unsupervised, overfit underfit, sparse dense, local global, "
    "positive negative, gain loss, strong weak, deep shallow, rare frequent, add subtract, "
    "training test, input output, linear quadratic, upper lower, accept reject"
)
_MISCONCEPTION = re.compile(
    r"(?:[-*+]\s+)?\*\*Misconception\.\*\*.*?(?=\*\*Correction\.\*\*|\Z)", re.DOTALL
)
_LIST_MARKER = re.compile(r"^\s*(?:[-*+>]|\d+\.)\s+")


@dataclass(frozen=True)
class Support:
    """The passage that supports a sentence best.

    Attributes:
        passage: Index into the passages.
        quote: The window of the passage that holds the evidence.
        score: 0..1.
        supported: Whether the evidence is enough.
    """

    passage: int
    quote: str
    score: float
    supported: bool


def numbers(text: str) -> set[str]:
    """The numbers in a text, without thousands separators and trailing zeros."""
    found = set()
    for match in _NUMBER.findall(text):
        plain = match.replace(",", "")
        plain = f"0{plain}" if plain.startswith(".") else plain
        found.add(plain.rstrip("0").rstrip(".") if "." in plain else plain)
    return found


def negated(text: str) -> bool:
    """Whether a sentence denies something; two denials are taken to cancel out."""
    return len(_NEGATION.findall(text)) % 2 == 1


def claims(text: str) -> str:
    """What a text asserts: a lesson names misconceptions, and those are no evidence."""
    return _MISCONCEPTION.sub("\n\n", text).replace("**Correction.**", "")


def windows(text: str) -> list[str]:
    """Each sentence that a text asserts, and each two neighbours; all of them stand in the text."""
    sentences = _sentences(text)
    return sentences + [f"{a} {b}" for a, b in _neighbours(sentences, text)]


def _sentences(text: str) -> list[str]:
    split = (_LIST_MARKER.sub("", s) for s in split_sentences(claims(text)))
    return [" ".join(sentence.split()) for sentence in split if len(sentence) > 1]


def _neighbours(sentences: Sequence[str], text: str) -> list[tuple[str, str]]:
    """Sentences that follow each other; what was left out between two makes them no neighbours."""
    whole = " ".join(text.split())
    pairs = zip(sentences, sentences[1:], strict=False)
    return [(one, two) for one, two in pairs if f"{one} {two}" in whole]


def figures(text: str) -> set[str]:
    """The numbers in a text, those written as words included."""
    words = {_COUNTS[word] for word in re.findall(r"[a-z]+", text.lower()) if word in _COUNTS}
    return numbers(text) | words


def names(text: str) -> set[str]:
    """Words with a capital inside, folded, in the singular: models, data sets and measures."""
    return {name.removesuffix("s").casefold() for name in _NAME.findall(text)}


def overstates(sentence: str, evidence: str) -> bool:
    """Whether a sentence makes a law or a record of what its evidence does not call one."""
    return any(p.search(sentence) and not p.search(evidence) for p in _ABSOLUTES)


def turns_round(said: Sequence[str], meant: Sequence[str]) -> bool:
    """Whether stems of a sentence hold the opposite of a word that its evidence holds instead."""
    new, lost = Counter(said) - Counter(meant), Counter(meant) - Counter(said)
    return any(one in new and other in lost for one, other in _opposites())


def replacements(sentence: str, evidence: str) -> list[tuple[str, str]]:
    """(what the evidence says, what the sentence says instead), where the words around agree."""
    said, meant = ([w for w in words(t) if w not in STOP_WORDS] for t in (sentence, evidence))
    ours, theirs = stems(sentence), stems(evidence)
    new, lost = Counter(ours) - Counter(theirs), Counter(theirs) - Counter(ours)
    matcher = SequenceMatcher(None, theirs, ours, autojunk=False)
    found = []
    for tag, i, i_end, j, j_end in matcher.get_opcodes():
        if tag == "replace" and max(i_end - i, j_end - j) <= REPLACED:
            old = " ".join(meant[n] for n in range(i, i_end) if theirs[n] in lost)
            other = " ".join(said[n] for n in range(j, j_end) if ours[n] in new)
            if old and other:
                found.append((old, other))
    return found


@cache
def _opposites() -> frozenset[tuple[str, str]]:
    pairs = [tuple(stems(pair)) for pair in _OPPOSITES.split(",")]
    return frozenset((a, b) for one, two in pairs for a, b in ((one, two), (two, one)))


@cache
def _terms() -> frozenset[str]:
    """Stems of the words that name the topics of the corpus."""
    topics: dict[str, list[str]] = load_yaml(VOCABULARY)["topics"]
    return frozenset(stem for terms in topics.values() for term in terms for stem in stems(term))


@dataclass(frozen=True)
class _Window:
    """One or two sentences of a passage, and what has to agree with them."""

    passage: int
    text: str
    stems: tuple[str, ...]
    parts: tuple[frozenset[str], ...]

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        return frozenset(self.stems)


class SupportChecker:
    """Checks sentences against the passages of one turn.

    Args:
        passages: What was retrieved.
        embedder: Adds the check of meaning; None leaves the check of words.
    """

    def __init__(self, passages: Sequence[Passage], embedder: Embedder | None = None) -> None:
        self._embedder = embedder
        self._windows = [w for i, p in enumerate(passages) for w in _windows_of(i, p.text)]
        self._titles = [f"{p.title} {p.section}" for p in passages]
        self._title_stems = [frozenset(stems(title)) for title in self._titles]
        self._folded = [f"{p.title} {p.section} {p.text}".casefold() for p in passages]
        self._stems = [frozenset(stems(p.text)) for p in passages]

    def check(self, sentence: str) -> Support | None:
        """The best support of a sentence, or None where nothing comes near."""
        said = stems(sentence)
        wanted = frozenset(said)
        if len(wanted) < FEWEST_STEMS:
            return None
        found: list[tuple[Support, _Window]] = []
        for window in self._windows:
            # A passage's title counts as said: its sentences seldom repeat their subject.
            known = window.vocabulary | self._title_stems[window.passage]
            coverage = len(wanted & known) / len(wanted)
            own = len(wanted & window.vocabulary) / len(wanted)
            if any(len(wanted & window.vocabulary - part) < JOINED for part in window.parts):
                continue
            enough = coverage >= COVERAGE and own >= COVERAGE_SIMILAR
            agrees = enough and self._agrees(sentence, said, window)
            support = Support(window.passage, window.text, round(coverage, 3), agrees)
            found.append((support, window))
        found.sort(key=lambda pair: (pair[0].supported, pair[0].score), reverse=True)
        if not found or found[0][0].supported or self._embedder is None:
            return found[0][0] if found else None
        return self._by_meaning(sentence, said, found)

    def _agrees(self, sentence: str, said: Sequence[str], window: _Window) -> bool:
        """Whether numbers, names, polarity, strength and terms are those of the evidence."""
        evidence = f"{self._titles[window.passage]} {window.text}"
        return (
            figures(sentence) <= figures(evidence)
            and negated(sentence) == negated(window.text)
            and all(name in self._folded[window.passage] for name in names(sentence))
            and not overstates(sentence, evidence)
            and not turns_round(said, (*window.stems, *self._title_stems[window.passage]))
            and self._keeps_terms(sentence, said, window)
        )

    def _keeps_terms(self, sentence: str, said: Sequence[str], window: _Window) -> bool:
        """Whether no word stands in the place of another that means something else."""
        wanted = frozenset(said)
        # Only where most words are the same do places say which word replaces which.
        if len(wanted & window.vocabulary) < COVERAGE * len(wanted):
            return True
        foreign = self._stems[window.passage] | _terms()
        for old, other in replacements(sentence, window.text):
            if figures(old) and figures(old) == figures(other):
                continue  # 2 for two
            # A term, or a word that the passage uses for something else, is no synonym.
            if foreign.intersection(stems(other)):
                return False
            if self._embedder is not None:
                vectors = self._embedder.embed([old, other])
                if vectors[0] @ vectors[1] < SYNONYM:
                    return False
        return True

    def _by_meaning(
        self, sentence: str, said: Sequence[str], found: Sequence[tuple[Support, _Window]]
    ) -> Support:
        """Second chance for the windows that share fewer words: only those few are embedded."""
        assert self._embedder is not None
        near = [
            support
            for support, window in found
            if support.score >= COVERAGE_SIMILAR and self._agrees(sentence, said, window)
        ][:EMBEDDED]
        if not near:
            return found[0][0]
        vectors = self._embedder.embed([sentence, *(support.quote for support in near)])
        cosine = vectors[1:] @ vectors[0]
        best = int(cosine.argmax())
        return replace(near[best], supported=bool(cosine[best] >= SIMILAR))


def _windows_of(passage: int, text: str) -> list[_Window]:
    """The windows of a passage: its sentences, then its neighbours with their two parts."""
    sentences = _sentences(text)
    found = {s: _Window(passage, s, tuple(stems(s)), ()) for s in sentences}
    pairs = [
        _Window(
            passage, f"{one} {two}", found[one].stems + found[two].stems,
            (found[one].vocabulary, found[two].vocabulary),
        )
        for one, two in _neighbours(sentences, text)
    ]  # fmt: skip
    return [*found.values(), *pairs]
