"""Questions that ask for the term of a defining sentence, worded by rule: the skill "word".

The serving code asks a model to word such questions (`tutor.exercises.phrasing`) and checks what
it says; a row exists only where the rule's question passes that check. Any sentence that tells
what a thing is or does will do here, of a taught term or not: the skill is one of grammar.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from finetune.data.rows import Recorder, Row
from tutor.exercises.phrasing import PHRASE_SYSTEM, Phrased, word_question, wording_flaws
from tutor.exercises.verify import Draft
from tutor.ingest.sentences import split_sentences
from tutor.retrieve import Retriever
from tutor.support import claims

LONGEST = 160  # characters of a sentence
SHORT_REST = 18  # words of a definition that "What is … called?" can hold
_TERM = r"^(?:(?:An?|The)\s)?(?P<term>[A-Za-z][\w-]*(?:\s[\w-]+){0,3}?)\s"
_IS = re.compile(_TERM + r"(?:is|means)\s(?P<rest>(?:an?|the|any)\s.+)[.]$")
_DOES = re.compile(
    _TERM + r"(?P<deed>(?:adds|asks|assigns|assumes|builds|combines|compares|computes|copies|counts"
    r"|cuts|describes|divides|gives|groups|holds|keeps|learns|lets|looks|makes|maps|measures|needs"
    r"|picks|predicts|produces|reads|replaces|returns|runs|samples|says|scales|selects|sends|shows"
    r"|splits|starts|stores|sums|takes|tells|trains|turns|uses|walks|weighs|writes)\s.+)[.]$"
)
_KIND = re.compile(r"(?:an?|the)\s(?P<kind>[\w-]+(?:\s[\w-]+){0,4}?)\s(?:that|which)\s(?P<what>.+)")
_NO_TERM = re.compile(
    r"(?i)(?:it|its|this|that|these|those|there|here|what|which|who|one|each|such|another|he|she|we"
    r"|you|they|their|his|her|because|if|when|where|so|but|and|or|as|at|in|on|for|with|by|from|to"
    r"|every|any|all|both|most|many|some|no|none|nothing|everything|whoever|only|even|then|now)\b"
)
# A term that took an adverb or a clause with it, and things that are no terms at all.
_NOT_IN_TERM = re.compile(
    r"(?i)\b(?:then|also|mostly|often|itself|such|that|which|means|is|are|of|the|topic|code|program"
    r"|report|output|second|third|last|first|part|authors?|table|figure)\b"
)


def word_rows(retriever: Retriever, topics: Iterable[str]) -> Iterator[Row]:
    """Rows for the sentences of the topics' passages, each sentence once."""
    seen: set[str] = set()
    for topic in topics:
        for _, passage in retriever.passages_of(topic=topic):
            for sentence in split_sentences(claims(passage.text)):
                fact = " ".join(sentence.replace("**", "").split())
                if fact not in seen:
                    seen.add(fact)
                    yield from _row(fact, topic, passage.doc_id)


def _row(fact: str, topic: str, source: str) -> Iterator[Row]:
    for term, question in worded_by_rule(fact):
        draft = Draft("", term, (), fact)
        recorder = Recorder(Phrased(question=question).model_dump_json())
        if word_question(draft, recorder) == question and not wording_flaws(question, draft):
            prompt, target = recorder.asked[0]
            assert prompt[0].content == PHRASE_SYSTEM
            yield Row("word", topic, source, prompt, target)
            return


def worded_by_rule(fact: str) -> Iterator[tuple[str, str]]:
    """(term, question) for a sentence that says what a thing is or does; the best first."""
    found = _IS.match(fact) or _DOES.match(fact)
    awkward = len(fact) > LONGEST or re.search(r"[`$;:]", fact) or _NO_TERM.match(fact)
    if found is None or awkward or _NOT_IN_TERM.search(found["term"]):
        return
    if "rest" in found.groupdict():
        term, rest = found["term"], found["rest"]
        if kind := _KIND.fullmatch(rest):
            yield term, f"Which {kind['kind']} {kind['what']}?"
        if len(rest.split()) <= SHORT_REST:
            yield term, f"What is {rest} called?"
    else:
        yield found["term"], f"What {found['deed']}?"
