"""Sentences that a passage supports by construction, and the same made false by construction.

Each function takes a true sentence and gives a changed one, or None where it does not apply. Truths
are reworded so that they stay true; corruptions follow the errors that writers and models make:
another number, a denial, the opposite, another term, an overstatement.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from functools import cache

from corpus.papers import load_papers
from tutor.ingest.quotes import without_citations

Change = Callable[[str, str, random.Random], str | None]

_NUMBER = re.compile(r"(?<![\w.,\-\[(])\d+(?:[.,]\d+)*(?![\w\-\])]|[.,]\d)")
_COUNTS = ("two", "three", "four", "five", "six", "eight", "ten", "twelve")
_COUNT = re.compile(rf"\b(?:{'|'.join(_COUNTS)})\b")
_NAME = re.compile(r"\b(?:[A-Z]+[a-z]+[A-Z]\w*|[A-Z]{2,}[a-z]?)(?:-\d+|-[A-Z]\w*)?\b")
_AUXILIARY = re.compile(r"\b(is|are|was|were|can|could|will|would|should|has been|have been)\b")
_DENIALS = (
    (r"\bcannot\b", "can"),
    (r"\b(does|do|did) not\b", r"\1"),
    (r"\b(is|are|was|were|can|could|will|would|should) not\b", r"\1"),
    (r"\bwithout\b", "with"),
    (r"\bnever\b", "always"),
)
_OPPOSITES = (
    "increases decreases", "increase decrease", "increasing decreasing", "higher lower",
    "larger smaller", "large small", "more fewer", "better worse", "faster slower", "before after",
    "first last", "improves degrades", "improve degrade", "longer shorter", "above below",
    "easy hard", "cheap expensive", "same different", "high low", "most least", "early late",
    "simple complex", "outperforms trails", "best worst", "previous next", "left right",
    "maximize minimize", "dense sparse", "local global", "fixed variable", "deep shallow",
    "reduces raises", "reduce raise", "gains losses", "similar dissimilar", "often seldom",
)  # fmt: skip
_HEDGES = (
    (r"\b(?:may|might|could)\b", "will always"),
    (r"\b(?:often|usually|typically|generally|sometimes)\b", "always"),
    (r"\b(?:some|many|several|most of)\b", "all"),
    (r"\b(?:competitive|comparable|good|strong) (results|performance)\b", r"the best \1"),
    (r"\b(?:nearly|almost)\b", "entirely"),
    (r"\bcan\b", "can always"),
    (r"\b(is|are) (?=\w+ed\b)", r"\1 always "),
    (r"\b(improves?|reduces?|increases?|achieves?|outperforms?|helps?)\b", r"always \1"),
    (r"\b(is|are|was|were) (?=an? |the )", r"\1 without exception "),
)
_SAME = (
    ("shows", "demonstrates"), ("show", "demonstrate"), ("uses", "employs"), ("use", "employ"),
    ("used", "employed"), ("large", "big"), ("helps", "aids"), ("however,", "yet"),
    ("requires", "needs"), ("require", "need"), ("obtain", "get"), ("many", "numerous"),
    ("because", "since"), ("begin", "start"), ("begins", "starts"), ("choose", "pick"),
    ("also", "likewise"), ("find", "observe"), ("found", "observed"), ("fast", "quick"),
    ("build", "construct"), ("method", "technique"), ("approach", "method"), ("entire", "whole"),
    ("propose", "put forward"), ("improves", "betters"), ("example", "instance"),
    ("performs", "carries out"), ("additional", "further"), ("allows", "lets"),
    ("multiple", "several"), ("important", "essential"), ("only", "just"), ("thus", "hence"),
)  # fmt: skip
_LEAD_IN = re.compile(
    r"^(?:However|Moreover|Furthermore|Additionally|In addition|Thus|Hence|Therefore|Finally|"
    r"Specifically|In particular|Note that|For example|For instance|"
    r"In this (?:work|paper)),? (?=\w)"
)
_FUNCTION_WORDS = frozenset(
    "about beyond during every first their through under using where".split()
)
_CLAUSE = re.compile(r"^([^,;:]{25,}?),? (when|if|because|although|since) ([^,;:]{15,})\.$")


@cache
def _terms() -> tuple[str, ...]:
    """Words of the field: those of the titles of the corpus' papers."""
    titles = " ".join(paper.title for paper in load_papers().values()).lower()
    return tuple(sorted({w for w in re.findall(r"[a-z]{5,}", titles) if w not in _FUNCTION_WORDS}))


def reword(sentence: str, _: str, rng: random.Random) -> str | None:
    """Other words, the same claim: synonyms, clause order, no lead-in, brackets or citations."""
    text = without_citations(sentence)
    text = re.sub(r" \([^()]*\)", "", text)
    text = _LEAD_IN.sub("", text)
    if clause := _CLAUSE.match(text):
        first, word, rest = clause.groups()
        text = f"{word.capitalize()} {rest}, {_lowered(first)}."
    for word, other in rng.sample(_SAME, len(_SAME)):
        text = re.sub(rf"\b{re.escape(word)}(?!\w)", other, text)
    text = text[:1].upper() + text[1:]
    return text if text != sentence else None


def change_number(sentence: str, passage: str, rng: random.Random) -> str | None:
    """Another number, which the passage does not hold."""
    if found := list(_NUMBER.finditer(sentence)):
        match = rng.choice(found)
        plain = match[0].replace(",", "")
        if plain.count(".") > 1:
            return None
        digits = len(plain.partition(".")[2])
        for factor in rng.sample((0.5, 0.8, 0.9, 1.1, 1.3, 2, 10), 7):
            other = f"{float(plain) * factor:.{digits}f}"
            if other != plain and other not in passage.replace(",", ""):
                return _put(sentence, match, other)
        return None
    return _swap_count(sentence, passage, rng, inside=False)


def borrow_number(sentence: str, passage: str, rng: random.Random) -> str | None:
    """Another number that stands elsewhere in the same passage."""
    found = list(_NUMBER.finditer(sentence))
    rest = {m[0] for m in _NUMBER.finditer(passage)} - {m[0] for m in _NUMBER.finditer(sentence)}
    if found and rest:
        return _put(sentence, rng.choice(found), rng.choice(sorted(rest)))
    return _swap_count(sentence, passage, rng, inside=True)


def _swap_count(sentence: str, passage: str, rng: random.Random, inside: bool) -> str | None:
    match = _COUNT.search(sentence)
    others = [
        word
        for word in _COUNTS
        if bool(re.search(rf"\b{word}\b", passage)) == inside and word not in sentence
    ]
    return _put(sentence, match, rng.choice(others)) if match and others else None


def negate(sentence: str, _: str, rng: random.Random) -> str | None:
    """A denial put in or taken out."""
    for pattern, plain in _DENIALS:
        if re.search(pattern, sentence):
            return re.sub(pattern, plain, sentence, count=1)
    match = _AUXILIARY.search(sentence)
    if match is None:
        return None
    head, _blank, tail = match[0].partition(" ")
    return _put(sentence, match, f"{head} not {tail}".strip())


def turn_round(sentence: str, _: str, rng: random.Random) -> str | None:
    """A word's opposite in its place."""
    pairs = [tuple(pair.split()) for pair in _OPPOSITES]
    ways = [
        (match, other)
        for one, two in pairs
        for word, other in ((one, two), (two, one))
        if (match := re.search(rf"\b{word}\b", sentence)) and other not in sentence
    ]  # fmt: skip
    return _put(sentence, *rng.choice(ways)) if ways else None


def change_term(sentence: str, passage: str, rng: random.Random) -> str | None:
    """Another name or term of the field, which the passage does not hold."""
    return _swap_term(sentence, passage, rng, inside=False)


def borrow_term(sentence: str, passage: str, rng: random.Random) -> str | None:
    """Another name or term that stands elsewhere in the same passage."""
    return _swap_term(sentence, passage, rng, inside=True)


_NAMES = "BERT GPT-2 ELMo XLNet LSTM GRU ImageNet CIFAR-10 GLUE WMT T5 RoBERTa PPO Adam SGD".split()


def _swap_term(sentence: str, passage: str, rng: random.Random, inside: bool) -> str | None:
    folded, said = passage.casefold(), sentence.casefold()
    if names := list(_NAME.finditer(sentence)):
        known = sorted({m[0] for m in _NAME.finditer(passage)}) if inside else _NAMES
        others = [n for n in known if n not in sentence and (n.casefold() in folded) == inside]
        others = [n for n in others if all(n not in m[0] and m[0] not in n for m in names)]
        if others:
            return _put(sentence, rng.choice(names), rng.choice(others))
    ways = [m for m in re.finditer(r"\b[a-z]{5,}\b", sentence) if m[0] in _terms()]
    if not ways:
        return None
    match = rng.choice(ways)
    others = [
        term
        for term in _terms()
        if (term in folded) == inside and term not in said and term[:4] != match[0][:4]
    ]
    return _put(sentence, match, rng.choice(others)) if others else None


def overstate(sentence: str, _: str, rng: random.Random) -> str | None:
    """A hedge made a certainty, a case made a law."""
    if re.search(r"\b(?:always|all|best|every|never|not|only)\b", sentence):
        return None
    for pattern, strong in _HEDGES:
        if re.search(pattern, sentence):
            return re.sub(pattern, strong, sentence, count=1)
    return None


def join(sentences: Sequence[str]) -> str | None:
    """Two neighbours of a passage in one sentence."""
    one, two = (without_citations(sentence) for sentence in sentences)
    if len(one) + len(two) > 320 or not one.endswith("."):
        return None
    return f"{one[:-1]}, and {_lowered(two)}"


def _lowered(text: str) -> str:
    return text if text[1:2].isupper() or text[:2] == "I " else text[:1].lower() + text[1:]


def _put(sentence: str, match: re.Match[str], other: str) -> str:
    return sentence[: match.start()] + other + sentence[match.end() :]


CORRUPTIONS: dict[str, Change] = {
    "changed number": change_number,
    "number from elsewhere in the passage": borrow_number,
    "negated": negate,
    "turned round": turn_round,
    "swapped term": change_term,
    "term from elsewhere in the passage": borrow_term,
    "overstated": overstate,
}
