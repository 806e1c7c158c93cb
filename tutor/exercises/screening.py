"""What in an answer is addressed to the grader instead of the question, and what is no answer.

Learner text is data. Sentences that try to talk to a grader are taken out before anything is
compared, so they can neither help nor reach a model.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

MAX_WORDS = 400

_APPEAL = re.compile(
    r"(?i)\b("
    r"(?:ignore|disregard|forget|override|bypass)\b.{0,40}\b(?:instruction|rubric|prompt|previous"
    r"|above|rules?"
    r"|guideline|criteria)|"
    r"(?:full|maximum|max|top|all|perfect|highest|100\s?%?|ten|10/10)\W+(?:the\s+)?(?:marks?"
    r"|points?|scores?|credits?|grades?)|"
    r"(?:please|pls|kindly|must|should|just)\W+(?:\w+\W+){0,3}(?:pass me|mark (?:this|it|my)"
    r"|grade (?:this|it|my|me)|score"
    r"|award|give me|accept)|"
    r"(?:grade|score|mark|rate|rated|graded|verdict|evaluate|treat|consider)\W+(?:this|it|me"
    r"|my answer|the answer)?\W*"
    r"(?:is|as|:|=)\s*\W*(?:1(?:\.0)?|100|correct|a\+|full|perfect|10)\b|"
    r"(?:this|my|the (?:above|following)) (?:answer|response|solution) (?:is|should be|must be"
    r"|deserves)\W+(?:\w+\W+){0,2}"
    r"(?:correct|right|perfect|full|accepted|excellent|complete)|"
    r"(?:as|you are|act as|dear|hello|hi|attention|to)\W+(?:an?\W+|the\W+)?(?:\w+\W+)?(?:grader"
    r"|examiner|evaluator|teaching assistant|"
    r"ai language model|grading)|"
    r"from now on,? you|pretend (?:to be|that you|you)|immerse yourself|\bjailbreak|"
    r"you (?:are going to|will|must|should) (?:now )?(?:act|pretend|respond|answer as)|"
    r"new instructions?\s*:|output\W+(?:the\W+)?(?:json|score|verdict)|"
    r"[\"']?(?:score|verdict)[\"']?\s*:\s*[\"']?(?:1|correct)"
    r")"
)
_MARKUP = re.compile(
    r"(?s)<(script|style)\b.*?(?:</\1\s*>|$)|<!--.*?(?:-->|$)|</?(?:[abipu]|b[rq]|div|span|img"
    r"|svg|iframe|object|embed|form|input|button|h[1-6]|li|ul|ol|table|t[rdh]"
    r"|link|meta|html|body|head|font|center|marquee|video|audio|strong|em|code|pre|style"
    r"|script)\b[^<>]{0,400}/?>|<\|[^<>]{0,40}\|>"
    r"|\[/?INST\]|```"
)
_NON_ANSWER = re.compile(
    r"(?i)^\W*(?:no (?:response|answer|submission|idea|clue)|your answer here|not (?:sure"
    r"|answered)|none|n/?a|idk|dunno|skip(?:ped)?"
    r"|(?:sorry,? )?(?:i|we) (?:really )?(?:do not|don't|dont|can not|cannot|can't) (?:know"
    r"|remember|answer).{0,40}|pass"
    r"|no comment|blank|empty|todo|test|\?+)\W*$"
)
FUNCTION_WORDS = frozenset(
    "a an the and or but if then than so because while of to in on at by for from with without as"
    " is are was were be"
    " been being has have had do does did can could will would may might must should it its they"
    " them their this that"
    " these those which who what when where how why we you i he she not no all each every one"
    " more less most only also"
    " into over between through about there here both such same other".split()
)
_NEVER_AFTER_ARTICLES = frozenset(
    "the a an and or but if of to in on at by for from with is are was were be has have had do does"
    " its their it they".split()
)
_FOREIGN_WORDS = frozenset(
    "der die das und ist nicht ein eine mit für auf von zu den dem werden sich auch wird bei oder"
    " le la les des est et une dans pour qui que sur pas avec ce cette sont au du"
    " el los las es y una en por con para se del como lo al"
    " il gli di che è per non un sono della nel e o os as uma com não são het een van niet dat"
    " zijn".split()
)


@dataclass(frozen=True)
class Screened:
    """An answer without what does not belong to it.

    Attributes:
        text: What is left to grade.
        empty: Why there is nothing to grade; empty text where there is something.
        foreign: Whether the answer seems to be written in another language than English.
        appeal: Whether sentences addressed to the grader, or markup, were taken out.
        listing: Whether it is a list of keywords without sentences, or words repeated again.
        cut: Whether it was longer than `MAX_WORDS` and was cut.
    """

    text: str
    empty: str = ""
    foreign: bool = False
    appeal: bool = False
    listing: bool = False
    cut: bool = False


def screen(answer: str, prompt: str) -> Screened:
    """Separate an answer to `prompt` from attempts to influence the grader."""
    text = unicodedata.normalize("NFKC", answer[: 40 * MAX_WORDS])
    # Control and format characters (zero-width, bidi) can hide words from the patterns below.
    text = "".join(c for c in text if c in "\n\t" or unicodedata.category(c)[0] != "C")
    if not text.strip():
        return Screened("", empty="There is no answer yet.")
    if _NON_ANSWER.match(text):
        return Screened("", empty="That is no answer yet. A guess in your own words is fine.")
    plain = _MARKUP.sub(" ", text)
    kept = [sentence for sentence in sentences(plain) if not _APPEAL.search(sentence)]
    appeal = plain != text or len(kept) < len(sentences(plain))
    own = [sentence for sentence in kept if not _copied(sentence, prompt)]
    if not own:
        reason = (
            "There is nothing in it that answers the question."
            if appeal
            else "That repeats the question. Answer it in your own words."
        )
        return Screened("", empty=reason, appeal=appeal)
    words = " ".join(own).split()
    cut = len(words) > MAX_WORDS
    if cut:
        own = sentences(" ".join(words[:MAX_WORDS]))
    body = "\n".join(own)
    if not any(c.isalnum() for c in body):
        return Screened("", empty="There are no words in it.", appeal=appeal)
    return Screened(body, "", _is_foreign(body), appeal, _is_listing(body), cut)


def sentences(text: str) -> list[str]:
    """Sentences, lines and list entries of a text."""
    parts = re.split(r"(?<=[.!?;])\s+|\n+|(?:^|\s)[-*•●]\s+", text)
    return [part.strip() for part in parts if part and part.strip()]


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", text.lower())


def _copied(sentence: str, prompt: str) -> bool:
    """Whether a sentence is the question again."""
    from rapidfuzz import fuzz

    own, asked = _words(sentence), set(_words(prompt))
    if len(own) < 4:
        return False
    return sum(word in asked for word in own) / len(own) >= 0.9 and (
        fuzz.partial_ratio(sentence.lower(), prompt.lower()) >= 80
    )


def _is_foreign(text: str) -> bool:
    letters = [c for c in text if c.isalpha()]
    latin = sum("LATIN" in unicodedata.name(c, "") for c in letters)
    # Greek letters and the like appear in formulas: only a majority makes a language.
    if letters and latin < 0.6 * len(letters) and len(letters) > 8:
        return True
    words = _words(text)
    english = sum(word in FUNCTION_WORDS for word in words)
    foreign = sum(word in _FOREIGN_WORDS and word not in FUNCTION_WORDS for word in words)
    return len(words) >= 6 and foreign > 2 * english and foreign >= 0.15 * len(words)


def _is_scrambled(words: list[str]) -> bool:
    """Whether the words stand in no order of a language: sorted, or articles before no noun."""
    pairs = list(pairwise(words))
    if sum(one <= other for one, other in pairs) >= 0.8 * len(pairs):
        return True
    after = [other for one, other in pairs if one in ("an", "the")]  # "A and B" are names
    misplaced = sum(word in _NEVER_AFTER_ARTICLES for word in after)
    return misplaced >= 2 and misplaced >= 0.4 * len(after)


def _is_listing(text: str) -> bool:
    words = _words(text)
    if len(words) < 6:
        return False
    function = sum(word in FUNCTION_WORDS for word in words) / len(words)
    if len(words) >= 8 and _is_scrambled(words):
        return True
    content = Counter(word for word in words if word not in FUNCTION_WORDS)
    repeated = bool(content) and len(words) >= 12 and sum(content.values()) > 3 * len(content)
    return function < 0.1 and len(words) >= 8 or repeated
