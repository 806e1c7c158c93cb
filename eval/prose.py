"""Spelling and reading level of what a learner reads.

Unknown words are those that neither the dictionary, corpus/terms.yaml nor corpus/words.txt holds;
words with inner capitals or digits are names and pass. The content is written in American English,
so that a search finds a word in every lesson: British spellings are named too. The reading level
is the Flesch-Kincaid grade (Kincaid et al. 1975) with syllables counted as groups of vowels; the
libraries that offer it need downloaded data or a copyleft dictionary.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from corpus.exercises import load_items
from corpus.labs import load_labs
from corpus.lessons import load_lessons
from corpus.loading import load_yaml, read_text
from corpus.papers import load_papers
from corpus.roadmap import CORPUS_DIR, load_roadmap
from tutor.exercises.parametric import FAMILIES, parametric_question
from tutor.ingest.sentences import split_sentences

WORDS = CORPUS_DIR / "words.txt"
_NOT_READ = {"id", "kind", "source", "check", "unit", "label"}  # fields of an item
_CODE = re.compile(r"```.*?```|~~~.*?~~~|`[^`\n]*`", re.DOTALL)
_MATHS = re.compile(r"\$\$.*?\$\$|\$[^$]*\$", re.DOTALL)
_ADDRESS = re.compile(r"https?://\S+|\S+@\S+|\S*[/\\_]\S*|\w+(?:\.\w+)+|arXiv:\S+")
_MENTION = re.compile(r"[\"“'‘][\w▁#-]{1,12}[\"”'’]")  # one quoted word: a string, not prose
_WORD = re.compile(r"(?<![\w.'])[A-Za-zÀ-ÖØ-öø-ÿ]{3,}(?:'[a-z]+)?(?![\w(])")
_LAYOUT = re.compile(r"^(?:#+ .*|\|.*|> ?|\s*(?:[-*]|\d+\.) )", re.MULTILINE)
_VOWELS = re.compile(r"[aeiou]+y?|(?<=\w)y")
_SILENT = re.compile(r"(?<=[^aeiouyl])e$|(?<=[^aeiouytd])ed$|(?<=[^aeiouylscxzgh])es$")
_BRITISH = (
    (re.compile(r"is(e[drs]?|ers|ing|ations?|able)$"), r"iz\1"),
    (re.compile(r"ys(e[drs]?|ing)$"), r"yz\1"),
    (re.compile(r"our(s|ed|ing|able|ite|ites|al|ally|less)?$"), r"or\1"),
    (re.compile(r"(a|e)ll(ed|ing|er|ers)$"), r"\1l\2"),
    (re.compile(r"(t|b)re(s)?$"), r"\1er\2"),
    (re.compile(r"ence$"), "ense"),
    (re.compile(r"ogue(s)?$"), r"og\1"),
)
_AMERICAN = {"analyses", "dialogue", "dialogues", "four", "our"}  # although the rules say otherwise


def texts() -> dict[str, str]:
    """Markdown that learners read, by where it stands; code is what `prose` cuts."""
    roadmap = load_roadmap()
    found = {f"topic {t.id}": "\n\n".join((t.title, *t.objectives)) for t in roadmap.topics()}
    found |= {f"lesson {lesson.topic}": lesson.markdown for lesson in load_lessons().values()}
    for item in load_items().values():
        found[f"item {item.id}"] = "\n\n".join(_strings(item.model_dump()))
    for lab in load_labs().values():
        found[f"lab {lab.id}"] = "\n\n".join((lab.title, *lab.objectives, lab.task))
    for paper in load_papers().values():
        found[f"paper {paper.id}"] = f"{paper.why}\n\n{paper.note.text}"
    for name, family in FAMILIES.items():
        question = parametric_question(name, 0)
        parts = (family.title, question.prompt, question.explanation)
        whys = (*question.option_whys, *(mistake.why for mistake in question.mistakes))
        found[f"family {name}"] = "\n\n".join((*parts, *whys))
    return found


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for field, part in value.items():
            if field not in _NOT_READ:
                yield from _strings(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _strings(part)


def prose(markdown: str) -> str:
    """The sentences of a text: code goes, a formula becomes the word x."""
    plain = _MATHS.sub(" x ", _CODE.sub(" x ", markdown))
    return re.sub(r"\*\*|(?<!\w)\*|\*(?!\w)", "", _LAYOUT.sub("\n\n", plain))


def words(markdown: str) -> list[str]:
    """The words that a dictionary can judge, as they stand."""
    text = _MENTION.sub(" ", _ADDRESS.sub(" ", prose(markdown)))
    found = _WORD.findall(text.replace("’", "'"))
    return [word for word in found if word[1:].islower()]


def misspelled(markdown: str) -> list[str]:
    """Words that nothing knows, and British spellings; each once."""
    return sorted({w for w in words(markdown) if not _known(w.lower()) or british(w.lower())})


@cache
def british(word: str) -> str | None:
    """The American spelling of a British one; None if the word is neither."""
    if word in _AMERICAN:
        return None
    usage = _dictionary()
    others = (pattern.sub(american, word) for pattern, american in _BRITISH)
    return next((o for o in others if o in usage and usage[o] > usage[word]), None)


@cache
def _known(word: str) -> bool:
    bare = word.removesuffix("'s")
    return any(w in _dictionary() or w in own_words() for w in (word, bare))


@cache
def own_words() -> frozenset[str]:
    """Words of the field: corpus/words.txt and terms.yaml."""
    lines = read_text(WORDS).splitlines()
    listed = {line for line in lines if line and not line.startswith("#")}
    terms = " ".join(_strings(load_yaml(CORPUS_DIR / "terms.yaml")))
    return frozenset(listed | set(re.findall(r"[a-z]+", terms)))


@cache
def _dictionary() -> Any:
    from spellchecker import SpellChecker

    return SpellChecker(language="en").word_frequency


def syllables(word: str) -> int:
    """Groups of vowels, without a silent ending; at least 1."""
    return max(1, len(_VOWELS.findall(_SILENT.sub("", word.lower()))))


def grade(markdown: str) -> float:
    """Flesch-Kincaid grade: the year of school in the United States that can read the text."""
    sentences = [re.findall(r"[^\W\d_]+(?:'[a-z]+)?", s) for s in split_sentences(prose(markdown))]
    sentences = [sentence for sentence in sentences if len(sentence) > 2]
    spoken = [word for sentence in sentences for word in sentence]
    if not spoken:
        return 0.0
    total = sum(map(syllables, spoken))
    return 0.39 * len(spoken) / len(sentences) + 11.8 * total / len(spoken) - 15.59
