"""Questions by blanking out the term that a sentence defines. No model is needed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from random import Random
from typing import TYPE_CHECKING

from corpus.lessons import load_lessons
from corpus.loading import load_yaml
from corpus.papers import load_papers
from corpus.roadmap import CORPUS_DIR, load_roadmap
from tutor.exercises.rubric import stems
from tutor.exercises.screening import sentences
from tutor.exercises.verify import Draft

if TYPE_CHECKING:
    from tutor.retrieve import Passage

_MIN_USES = 4  # occurrences that make a defined word a term
_SAME = 0.5  # share of a sentence's words that make another sentence say the same
_SIBLINGS = 6  # nearest terms that distractors are drawn from
_DEFINITION = re.compile(
    r"^(?:(?:The|A|An)\s+)?(?P<term>[A-Za-z][\w-]*(?: [a-z][\w-]*){0,2}?)"
    r"(?:\s*\([^()]{1,40}\))?\s+"
    r"(?P<verb>is (?:a|an|the|any|called|when|how)|means|denotes|refers to|measures)\s+"
    r"(?P<rest>.{25,220}[.!])$"
)
# What stands between "is the" and a judgement, not a definition.
_JUDGEMENT = re.compile(
    r"(?:\w+est|core|main|first|second|third|most|only|best|usual|same|reason|rare|good)\b"
)
# Praise anywhere in a sentence: what is a standard or popular is seldom the only one.
_PRAISE = re.compile(
    r"\b(?:standard|reference|basic|most people|common|popular|typical|example|behind|famous|"
    r"widely|often|usually|sometimes)\b"
)
# Single common words are terms only by their form: -tion, -ness, top-k, BERT.
_TERM_FORM = re.compile(r".*(?:tion|sion|ness|ity|ing|ance|ence|max|former|izer)$|.*[A-Z\d-]")
_NO_TERM = frozenset(
    "it this that these those there they he she we you i one what which who whose here such each"
    " all"
    " both many most some result reason idea example point goal aim first second third answer task"
    " question problem figure table section paper authors difference cost effect number model code"
    " project text sentence prediction thing training meaning nothing everything setting reading"
    " following method change the a an of in for to from by on at with without since because why if"
    " then also when how and or not no is are was own best worst usual same new other another"
    " solution their our its your situation information fraction practice thought list usage being"
    " function sequence".split()
)


def cloze_drafts(
    passages: Sequence[Passage], topic: str, seed: int = 0
) -> Iterator[tuple[Passage, Draft]]:
    """Drafts that blank out the term of a defining sentence.

    Distractors are terms of the same form that the field uses nearby; one that a lesson uses in
    much the same words is left out, because it might fit as well.
    """
    texts = " ".join(passage.text for passage in passages).lower()
    rng = Random(f"cloze:{seed}")
    for passage in passages:
        for term, sentence, blanked in definitions(passage.text):
            # What a lesson says of BERT or GPT holds for the models built after them as well.
            named = bool(re.search(r"[A-Z\d]", term))
            if not _is_used(term, texts) or (named and passage.kind == "lesson"):
                continue
            siblings = [
                other
                for other in _siblings(term, topic)
                if other not in passage.title.lower()
                and not re.search(rf"\b{re.escape(other)}", sentence, re.I)
                and not _fits(other, blanked)
            ]
            if len(siblings) < 3:
                continue
            plural = term.endswith("s")
            # A term of the other number would be ruled out by grammar.
            siblings.sort(key=lambda other: other.endswith("s") != plural)
            chosen = tuple(rng.sample(siblings[:_SIBLINGS], 3))
            yield passage, Draft(f"Which term fits? “{blanked}”", term, chosen, sentence, sentence)


def definitions(text: str) -> list[tuple[str, str, str]]:
    """Terms that a text defines, each with its sentence and the sentence with a blank."""
    found = []
    prose = re.sub(r"^\s*(?:#|\||```|[-*] ).*$", "", text, flags=re.MULTILINE)
    for sentence in sentences(" ".join(prose.split())):
        match = _DEFINITION.match(sentence)
        if not match or "$$" in sentence or not _is_term(match["term"]):
            continue
        named = match["term"][0].isupper() or " " in match["term"]
        if (
            _JUDGEMENT.match(match["rest"])
            or _PRAISE.search(match["rest"])
            or (sentence.startswith("The ") and not named)
        ):
            continue
        term = match["term"].lower() if match["term"][1:].islower() else match["term"]
        # The term must not stand a second time in the sentence that asks for it.
        rest = sentence[match.end("term") :]
        if re.search(rf"\b{re.escape(term)}", rest, re.I):
            continue
        found.append((term, sentence, sentence[: match.start("term")] + "____" + rest))
    return found


def _is_term(term: str) -> bool:
    words = term.split()
    if _NO_TERM & {word.lower() for word in words}:
        return False
    return len(words) > 1 or bool(_TERM_FORM.match(term[:1].lower() + term[1:]))


@cache
def _lesson_text() -> str:
    return " ".join(lesson.markdown for lesson in load_lessons().values())


@cache
def _lesson_sentences() -> tuple[tuple[str, frozenset[str]], ...]:
    """Every sentence of the lessons in lower case, with its stems."""
    return tuple((said.lower(), frozenset(stems(said))) for said in sentences(_lesson_text()))


@cache
def vocabulary() -> dict[str, dict[str, list[str]]]:
    """The words of the field, by topic and by paper."""
    data: dict[str, dict[str, list[str]]] = load_yaml(CORPUS_DIR / "terms.yaml")
    return data


@cache
def _names() -> dict[str, tuple[str, ...]]:
    """Models and methods that a paper introduced, as the lessons write them, with its topics."""
    papers = load_papers()
    found: dict[str, tuple[str, ...]] = {}
    for paper, aliases in vocabulary()["papers"].items():
        for alias in map(str, aliases):
            written = _written(alias)
            # A word with a capital inside, such as BERT or QLoRA; an author's name is none.
            if re.search(r"[A-Z\d]", written[1:]) and " " not in written and paper in papers:
                found[written] = papers[paper].topics
                break
    return found


@cache
def _written(word: str) -> str:
    """A word as the lessons write it most often; empty if they do not."""
    forms = Counter(re.findall(rf"\b{re.escape(word)}\b", _lesson_text(), re.I))
    return forms.most_common(1)[0][0] if forms else ""


@cache
def _is_model(name: str) -> bool:
    """Whether the course calls something a model, an encoder or a decoder."""
    kinds = r"(?:models?|encoders?|decoders?|transformers?)"
    plain = r"(?:(?!of|in|for|that|with|to)[\w-]+ ){0,5}"
    called = (
        rf"(?i:{kinds},? (?:such as|like|from))[^.;:]{{0,60}}\b{re.escape(name)}\b",
        rf"\b{re.escape(name)}\b(?:,| is| was) (?:an?|the) {plain}(?i:{kinds})\b",
    )
    return any(re.search(pattern, _course_text()) for pattern in called)


@cache
def _course_text() -> str:
    notes = [" ".join([p.why, *p.note.model_dump().values()]) for p in load_papers().values()]
    return " ".join([_lesson_text(), *notes])


@cache
def _siblings(term: str, topic: str) -> tuple[str, ...]:
    """Terms of the same form as this one, those nearest to the topic first."""
    roadmap = load_roadmap()
    if re.search(r"[A-Z\d]", term):
        own = set(_names().get(term, ()))
        shared = {name: len(own & set(topics)) for name, topics in _names().items()}
        ranked = sorted(shared, key=lambda name: -shared[name])
        # A benchmark among models would rule itself out, and a model among benchmarks as well.
        alike = [name for name in ranked if _is_model(name) == _is_model(term)]
        near = [name for name in alike if shared[name] or _is_model(name)]
        return tuple(name for name in near if not _overlap(name, term))
    modules = [module for stage in roadmap.stages for module in stage.modules]
    home = next(m for m in modules if any(t.id == topic for t in m.topics))
    near = [topic, *(t.id for t in home.topics), *roadmap.topic(topic).prerequisites]
    words = [
        str(word)
        for name in dict.fromkeys(near)
        for word in vocabulary()["topics"].get(name, [])
        if _is_term(str(word)) and _is_used(str(word)) and _written(str(word))[1:].islower()
    ]
    chosen: list[str] = []
    for word in dict.fromkeys(words):
        # Of two spellings or forms of one thing the first stays.
        if not any(_overlap(word, old) for old in [term, *chosen]):
            chosen.append(word)
    return tuple(chosen)


def _fits(other: str, blanked: str) -> bool:
    """Whether a lesson says of another term nearly what the sentence says of its own."""
    wanted = set(stems(blanked))
    return any(
        other.lower() in said and len(wanted & given) >= _SAME * len(wanted)
        for said, given in _lesson_sentences()
    )


def _is_used(term: str, texts: str = "") -> bool:
    """Whether a term is common enough in the field's texts to be one."""
    found = re.findall(rf"\b{re.escape(term.lower())}", _lesson_text().lower() + texts)
    return len(found) >= _MIN_USES


def _overlap(one: str, other: str) -> bool:
    """Whether two terms share a word, or one's first letters spell the other."""
    for a, b in ((one, other), (other, one)):
        if any(word.rstrip("s")[:6] in b.lower() for word in a.lower().replace("-", " ").split()):
            return True
        if "".join(word[0] for word in a.lower().replace("-", " ").split()) == b.lower():
            return True
    return False
