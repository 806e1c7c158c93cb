"""What a message names: stage, topic, paper, number of questions and so on, found by matching."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tutor.router.names import PAPER_WORD, clip, find_paper, find_topic, normalize

NUMBER_WORDS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "twelve": 12, "fifteen": 15, "twenty": 20, "a couple of": 2,
    "a couple": 2, "a few": 3, "half a dozen": 6, "a dozen": 12,
}  # fmt: skip
ORDINALS = {
    "first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4,
    "fifth": 5, "5th": 5, "sixth": 6, "6th": 6, "seventh": 7, "7th": 7, "last": 7, "final": 7,
}  # fmt: skip
_NUMBERS = "|".join(sorted(NUMBER_WORDS, key=len, reverse=True))
ARXIV_ID = re.compile(
    r"(?:arxiv\.org/(?:abs|pdf|html)/|ar5iv\.org/abs/|arxiv\s*:?\s*|(?<![\w.,/-]))"
    r"(\d{2}(?:0[1-9]|1[0-2])\.\d{4,5})(?:v\d+)?(?:\.pdf)?(?![\w%-]|[.,]\d)",
    re.IGNORECASE,
)
_STAGE = re.compile(
    r"\bst(?:age|ufe)s?\s*(?:#|no\.?|number)?\s*([1-7])\b(?!\.\d)|\b(?:étape|etapa)\s*([1-7])\b"
)
_STAGE_WORD = re.compile(r"\bstage\s+(one|two|three|four|five|six|seven)\b")
_STAGE_ORDINAL = re.compile(rf"\b({'|'.join(ORDINALS)})\s+stage\b")
_MODULE = re.compile(r"\b(?:module|section|unit|part|chapter)\s*#?\s*([1-7]\.[1-9])\b")
_BARE_MODULE = re.compile(r"(?<![\d.$€£])([1-7]\.[1-9])(?![\d.%]|\s*(?:gb|mb|kg|m|b|million|k)\b)")
_ITEMS = (
    r"(?:questions?|qs|exercises?|problems?|items?|tasks?|quiz(?:zes)?|mcqs?|flashcards?|choice"
    r"|ones?|examples?|fragen|aufgaben|preguntas|ejercicios|exercices|calculations?)"
)
_N = re.compile(
    rf"(?<![\w.])(\d{{1,3}}|{_NUMBERS})\s+(?:[\w-]+\s+){{0,3}}?{_ITEMS}\b(?!\s*\d)"
    rf"|\b(?:x|times)\s*(\d{{1,2}})\b|(?<![\w.])(\d{{1,2}})\s*x\b",
)
_N_OF_THEM = re.compile(rf"\b(\d{{1,2}}|{_NUMBERS})\s+of\s+(?:them|those|these)\b")
_KINDS = (
    ("choice", r"multiple[- ]?choice|mcqs?|choice questions?|true[ /-]*(?:or|and)?[ /-]*false"),
    ("numeric", r"numeric(?:al)?|calculations?|compute|computational|calculate|number questions?"),
    ("code", r"coding|code|programming|implement\w*"),
    ("text", r"open(?:[- ]ended)?|short[- ](?:answer|text)|free[- ]text|written|essay|in words"),
)  # fmt: skip
_SOCRATIC = re.compile(
    r"\bsocratic|\b(?:guide|lead|nudge) me\b(?! on what)|guiding questions|"
    r"without (?:giving|telling|revealing|spoiling)|don'?t (?:just )?(?:give|tell|reveal)|"
    r"let me (?:find|figure|work) (?:it )?out|so that i (?:find|figure|work) it out|"
    r"by asking me|ask me questions (?:until|so)|make me think"
)
_DAYS = re.compile(
    r"\b(?:last|past|previous|in the|within)\s+(?:(\d{1,3})|(a|two|three|four|couple of|few))?\s*"
    r"(day|week|month|year)s?\b"
)
_DAYS_NAMED = (
    (r"\btoday(?:'s)?\b|\blast 24 hours", 1),
    (r"\byesterday", 2),
    (r"\b(?:this|the) week(?:'s)?\b|\bweekly\b", 7),
    (r"\bthis month(?:'s)?\b", 30),
    (r"\bthis year(?:'s)?\b", 365),
)
_UNIT_DAYS = {"day": 1, "week": 7, "month": 30, "year": 365}
_SUBMIT = re.compile(
    r"^\W*(?:(?:ok(?:ay)?|so|well|hmm+|um+|uh+|right|alright|sure|yes|hi|hello)\b[\s,.:!-]*)*"
    r"(?:(?:i(?:'m| am)? (?:think|guess|believe|reckon|say|suppose|pretty sure|fairly sure"
    r"|submitting)"
    r"|i'?d (?:say|go with|pick|choose)|i(?:'ll| will)? (?:go with|pick|choose|go for)"
    r"|i'?m (?:going with|going for)|going with|my guess would be)\b(?: that)?[\s,:]*)?"
    r"(?:(?:here'?s |here is )?(?:my |the |so my )?(?:final |correct |right )?"
    r"(?:answer|attempt|solution|guess|try|submission|response)(?:\s+(?:to|for) (?:the |this )?"
    r"(?:question|it|q)(?:\s*\d+)?)?\s*(?:is|would be|should be|=|:|-|will be)?(?: that)?"
    r"[\s:,-]+(?!is\b))?",
    re.IGNORECASE,
)
_QUERY_LEAD = re.compile(
    r".*?\b(?:papers?|articles?|works?|research|literature|publications?|preprints?|studies|study"
    r"|surveys?|references|reading(?: list)?|sources|bibliography|stuff|something|anything"
    r"|published|new|newest|recent|latest)\b"
    r"(?:\s+(?:out there|available|published|written|that (?:deal|talk|compare)s?"
    r"|worth reading))?\s*"
    r"(?:on|about|for|regarding|related to|concerning|dealing with|covering|around|in|of|into|that"
    r"|which|by|from|to read (?:on|about)|like|similar to|sobre|sur|zu|über)\s+",
    re.IGNORECASE | re.DOTALL,
)
_QUERY_VERB = re.compile(
    r"^\W*(?:(?:can|could|would|will) you |please |pls |hey |i want to |i'd like to |i need "
    r"|help me )*"
    r"(?:find|search|look|recommend|suggest|show|get|list|give|fetch|fnd|read|know|tell)\w*"
    r"(?:\s+(?:me|up|for|on|in|at|arxiv|out|some|any|the|a|an|have|about|more|new|recent|latest"
    r"|papers?|articles?))*\s+",
    re.IGNORECASE,
)
_QUERY_TAIL = re.compile(
    r"(?:[\s,.!?]|\b(?:please|pls|plz|thanks|thank you|for me|papers?|on arxiv|from arxiv|articles?"
    r"|which publications|this (?:week|month|year)|today|yesterday|lately|recently"
    r"|(?:from|in|of) the (?:last|past) (?:\d+ |few |two |three )?(?:day|week|month|year)s?)\b)+$",
    re.IGNORECASE,
)


_NO_QUERY = re.compile(
    r"(?:(?:show|give|me|more|newer|new|older|another|other|others|next|one|ones|some|any|anything"
    r"|papers?|related|please|there|are|of|them|these|those|this|that|find|search)\b|\W)+"
)


def find_module(text: str) -> str | None:
    """The module that a lower-case text names, such as "3.1"."""
    match = _MODULE.search(text)
    return match[1] if match else None


def is_guided(text: str) -> bool:
    """Whether a lower-case text asks to be led to the answer by questions."""
    return bool(_SOCRATIC.search(text))


def find_stage(text: str) -> int | None:
    """The stage that a lower-case text names by digit, word or ordinal."""
    if match := _STAGE.search(text):
        return int(match[1] or match[2])
    if match := _STAGE_WORD.search(text):
        return NUMBER_WORDS[match[1]]
    if match := _STAGE_ORDINAL.search(text):
        return ORDINALS[match[1]]
    return None


def _find_n(text: str) -> int | None:
    match = _N.search(text) or _N_OF_THEM.search(text)
    found = next((group for group in match.groups() if group), None) if match else None
    if found is None:
        return None
    n = int(found) if found.isdigit() else NUMBER_WORDS[found]
    return n if 1 <= n <= 100 else None


def _find_days(text: str) -> int | None:
    if match := _DAYS.search(text):
        words = {"a": 1, "two": 2, "three": 3, "four": 4, "couple of": 2, "few": 3}
        count = int(match[1]) if match[1] else words.get(match[2] or "a", 1)
        return count * _UNIT_DAYS[match[3]] or None
    return next((days for pattern, days in _DAYS_NAMED if re.search(pattern, text)), None)


def strip_answer(text: str) -> str:
    """The submitted text without "my answer is" and the like."""
    bare = _SUBMIT.sub("", text.strip(), count=1).strip()
    bare = re.sub(r"[\s,]+i (?:think|guess|believe|suppose)\W*$", "", bare, flags=re.IGNORECASE)
    return bare or text.strip()


def strip_query(text: str) -> str:
    """The subject of a search for papers."""
    query = text.strip()
    lead = _QUERY_LEAD.match(query)
    query = query[lead.end() :] if lead else _QUERY_VERB.sub("", query, count=1)
    query = _QUERY_TAIL.sub("", query).strip(" \t\n\"'“”")
    return query or text.strip()


def find_slots(text: str, intent: str) -> dict[str, Any]:
    """Everything that a message names, as far as `intent` has a use for it."""
    if intent == "answer_submission":
        return {"answer": strip_answer(text)}
    if intent in ("smalltalk", "out_of_scope"):
        return {}
    text = clip(text)
    low = normalize(text)
    slots: dict[str, Any] = {}
    arxiv = ARXIV_ID.search(low)
    rest = ARXIV_ID.sub(" ", low)
    module = _MODULE.search(rest) or (None if intent == "explain" else _BARE_MODULE.search(rest))
    found: Mapping[str, Any] = {
        "stage": find_stage(rest),
        "module": module[1] if module else None,
        "topic": find_topic(rest),
        "arxiv_id": arxiv[1] if arxiv else None,
        "paper": None if arxiv else find_paper(rest),
        "mode": "socratic" if intent in ("explain", "hint") and is_guided(low) else None,
    }
    slots.update({name: value for name, value in found.items() if value is not None})
    if slots.get("paper") and intent in ("quiz", "code_exercise", "plan_next", "find_papers"):
        # "Quiz me on BERT" means the topic; only "… on the BERT paper" means the paper.
        if not PAPER_WORD.search(rest) and slots.get("topic"):
            del slots["paper"]
    if intent == "quiz":
        if (n := _find_n(rest)) is not None:
            slots["n"] = n
        kind = next((name for name, p in _KINDS if re.search(rf"\b(?:{p})\b", low)), None)
        if kind:
            slots["kind"] = kind
    if intent == "find_papers":
        query = strip_query(text)
        if not _NO_QUERY.fullmatch(query.lower()):
            slots["query"] = query
        if (days := _find_days(low)) is not None:
            slots["days"] = days
    return slots
