"""Messages whose wording or context leaves no doubt: the router's rules, of high precision.

All of them read normalised text (lower case, one line, clipped).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tutor.router.names import count_terms, find_paper, find_topic
from tutor.router.slots import ARXIV_ID, find_module, find_stage, is_guided

if TYPE_CHECKING:
    from tutor.router import Intent, RouteContext


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


_ASKS_ABOUT = r"^\W*(?:what(?:'s| is| are)|how (?:do|does|can)|why|explain|define|tell me about)\b"
INJECTION = _any(
    r"\b(?:ignore|disregard|forget|override|bypass)\b (?:\w+ ){0,3}?(?:your|all|any|previous"
    r"|prior|above"
    r"|the|earlier|these|those|every\w*|what)\b.{0,40}\b(?:instructions?|rules|guidelines|prompts?"
    r"|restrictions|programming|directions|directives|configuration)\b",
    r"\b(?:ignore|disregard|forget) (?:everything|all|anything|whatever) (?:that )?(?:you|i"
    r"|above|before)\b",
    r"\b(?:print|reveal|show|repeat|output|tell|give|leak|dump|display|share|what(?:'s| is| are"
    r"| were))"
    r"\b.{0,30}\b(?:your|the|hidden|initial|original|secret) (?:\w+ )?"
    r"(?:system prompt|system message|instructions|hidden prompt|initial prompt|secret prompt)",
    r"\byou are now\b|\bdeveloper mode\b|\bdo anything now\b|\b(?:act as|pretend (?:to be"
    r"|you(?:'re| are))) dan\b",
    r"\b(?:without|no|free of) (?:any )?(?:restrictions|rules|filters?|limits)\b.*\b(?:you"
    r"|answer|act)",
    r"\bpretend (?:you|that you|to)\b.*\b(?:no (?:rules|restrictions|limits)|evil|unfiltered)",
)
SUMMARIZE = re.compile(
    r"\b(?:summar\w*|sum(?:s|med)? up|tl;?\s?dr|overview|gist|key (?:points|takeaways)|recap|digest"
    r"|condense|main (?:points|ideas|contributions|findings)|nutshell|takeaways|boil \w+ down"
    r"|short version|highlights|skim|résum\w+|resum\w+|zusammen\w*)"
)
QUIZ = _any(
    r"\b(?:quiz|test|drill|examine|assess|exam|grill) me\b(?! when| if| why)",
    r"\b(?:start|do|take|make|give me|want|have|need|generate|create|build) (?:me )?(?:a |an "
    r"|another |some |the )?"
    r"(?:\w+ )?(?:quiz|mock exam|mock test)\b",
    r"\b(?:give|ask|set|throw|send|fire|show) (?:me "
    r"|us )?(?:\w+ ){0,4}questions?\b(?! about (?:me|you))",
    r"\b(?:another|one more|new|next|more|harder|easier) (?:\w+ )?questions?\b",
    r"\b(?:test|check|see) (?:whether|if) i (?:really |actually |have )?"
    r"(?:know|understand|understood|got|get)\b",
    r"\btest my (?:knowledge|understanding)\b|\bcheck my (?:knowledge|understanding)\b",
    r"\b(?:practi[cs]e|exam|test|quiz|review|mcq|multiple[- ]choice) (?:questions|problems)\b",
)
CODE = _any(
    r"\b(?:coding|programming) (?:exercise|challenge|task|problem|assignment|lab|drill|kata"
    r"|homework|question)s?\b",
    r"\b(?:python|numpy|pytorch|coding) (?:exercise|task|challenge|assignment|problem)s?\b",
    r"\bcode (?:exercise|lab|challenge)s?\b|\bhands[- ]on (?:coding|task|lab|exercise)\b",
    r"\b(?:start|open|do|next|new|another|give me) (?:me )?(?:a |the |an )?(?:\w+ )?labs?\b",
    r"\b(?:let me|i(?:'d like| want| wanna| would like) to|can i) (?:try to |try )?"
    r"(?:re)?(?:implement|code|program)\b",
)
HINT = _any(
    r"\bhints?\b(?! at)",
    r"^\W*(?:any |a |some |one )?(?:tips?|pointers?|nudge|clues?)(?: please| pls)?\W*$",
    r"\b(?:give|need|get|want|have)\b.{0,12}\bclue\b|^\W*(?:a )?clue\b",
    r"^\W*(?:i'?m |im |i am )?(?:so |really |totally )?stuck\W*$",
)
ASKS_HINT = re.compile(r"\b(?:a|another|the|some|more|any|next) (?:\w+ )?(?:hint|clue)s?\b")
PROGRESS = _any(
    r"\bhow (?:am i|are my|is my|have i been) (?:doing|going|progress\w*|performing)\b",
    r"\b(?:my|current|overall) (?:progress|score|stats|statistics|mastery|results|streak"
    r"|accuracy)\b",
    r"\bprogress (?:so far|report)\b|\breviews? (?:\w+ )?due\b|\bdue (?:\w+ )?reviews?\b",
    r"\bwhat (?:have|did) i (?:master\w*|learn\w*|complete\w*|finish\w*)\b|\bwhere do i stand\b",
    r"\b(?:show|display|view|see|give me|my)\b.{0,12}\b(?:stats|statistics|progress|scores"
    r"|dashboard)\b",
    r"\b(?:am i|i'?m|i am) (?:\w+ )?(?:weak|weakest|bad|worst|strong|strongest|good|best) (?:at"
    r"|in|on)\W*$",
)
PLAN = _any(
    r"^\W*(?:what'?s|what is) next\W*$|\bwhat (?:comes )?next (?:for me|after)\b",
    r"\bwhat (?:should|do|shall|can|must|could) i (?:learn|study|do|tackle|focus on|work on) "
    r"(?:next|now|first|today|after)\b",
    r"\b(?:study|learning) (?:plan|path|schedule)\b|\bwhere (?:do|should|can|shall) i (?:start"
    r"|begin)\b",
)
PAPERS = _any(
    r"\b(?:find|recommend|suggest|search|look for|show me|any|list|latest|newest|recent|more"
    r"|get me|fetch)\b"
    r"(?: \w+){0,3}? (?:papers|preprints|publications|articles)\b(?! summar)",
    r"\bsearch (?:on )?arxiv\b|\breading list\b|\bpapers (?:like|similar to|about|on|by|citing)\b",
    r"\bwhat (?:should|can|could|do) i read\b",
    r"\b(?:find|search|look)\b.{0,12}\b(?:something|anything|stuff)\b (?:on|about)\b",
)
SMALLTALK = _any(
    r"^\W*(?:hi+|hello+|hey+|hola|thanks?|thank you|thx|ty|bye+|goodbye|cheers|good (?:morning"
    r"|evening"
    r"|night|afternoon)|ok(?:ay)?|great|cool|nice|awesome|perfect|got it|stop|quit|exit|cancel"
    r"|never ?mind|enough|lol|haha+|sorry|welcome)(?:\s+(?:there|tutor|all|again|so much|a lot"
    r"|very much"
    r"|you|for now|it|now|mate|bot|please|then|everyone|guys|you too))*\W*$",
    r"^\W*(?:(?:ok|ah|oh|yes|now)[\s,]+)*(?:that|this|it) (?:now )?(?:makes sense|helps|helped"
    r"|was helpful)\b",
    r"\bwho are you\b|\bwhat can you do\b|\bwhat'?s your name\b|\bhow are you\b",
)
QUESTION = re.compile(
    r"^\W*(?:(?:ok(?:ay)?|so|and|but|wait|well|hmm+|um+|hey|hi|sorry|please|pls|actually|first)"
    r"[\s,]+)*(?:what|whats|wat|wht|why|how|when|where|which|who|whose|explain|define|describe"
    r"|compare|clarify|elaborate|tell me|teach|show me|help me|walk me|give me|summari[sz]e|can"
    r"|could|should|would you|will you|do|does|did|am i|are|was|were|is there|is this question|any"
    r"|got|has|have you|qué|cómo|por qué|warum|wie|was ist|pourquoi|comment|qu'est|c'est quoi)\b"
)
# An answer given as a question: "is it B?", "could it be dropout?"
TENTATIVE = re.compile(
    r"^\W*(?:(?:hmm+|um+|so|well|ok|maybe|perhaps)[\s,]+)*(?:is|isn't|would|could|might|can"
    r"|should) "
    r"(?:it|that|the answer)(?: be)?\b(?! (?:possible|ok|okay|true that i|fair))"
)
SHORT_ANSWER = _any(
    r"^\W*(?:(?:option|choice|answer|letter|number|nr\.?|no\.|#)\s*)?\(?[a-f1-9]\s*[).:!]?\W*$",
    r"^\W*(?:the )?(?:first|second|third|fourth|last|1st|2nd|3rd|4th)(?: (?:one|option|choice"
    r"|answer))?\W*$",
    r"^\W*(?:~|≈|about |around |approx\.? "
    r"|roughly )?[-+]?[\d.,]+(?:e[-+]?\d+)?(?:\s*[%a-zµ/^²³]+\d*){0,3}\W*$",
    r"^\W*(?:true|false|yes|no|yep|yeah|nope|both|neither|none|all of them|all of the above"
    r"|none of the above"
    r"|none of them|t|f|y|n)\W*$",
)
CLAIMS = re.compile(
    r"^\W*(?:(?:ok|so|well|hmm+|um+|hi|right)[\s,]+)*(?:my (?:final )?(?:answer|guess|solution"
    r"|attempt)\b|"
    r"(?:the|correct) answer (?:is|should|must|would)\b|answer\s*:|i(?:'d| would) (?:say"
    r"|go with|pick|choose)\b"
    r"|i(?:'m| am) going with\b|i (?:choose|pick|select)\b|submitting my|final answer\b)"
)
GIVES_UP = _any(
    r"^\W*(?:idk|dunno|no (?:idea|clue)|i (?:really )?(?:don'?t|do not) (?:know|remember)"
    r"|not sure|i give up"
    r"|help|help me|i'?m lost|i can'?t|too hard|pass me a hint|i have (?:\w+ )?no (?:idea|clue)"
    r"|stuck)\b(?!.*\b(?:understand|maybe|perhaps|probably|but|i guess|is it)\b).{0,40}$",
    r"\b(?:show|tell|give) me the (?:answer|solution)\b|\breveal the (?:answer|solution)\b",
)
MEANS = _any(
    r"\bwhat (?:does|do|did)\b.+\bmeans?\b",
    r"^\W*(?:please |pls |can you |could you |first )*(?:explain|define|compare)\b",
    r"\bwhy (?:was|is) (?:my|the|that|this) (?:answer|solution)\b|\bwhy was (?:it|that)\b",
)
SKIPS = re.compile(
    r"^\W*(?:skip|pass|next(?: one| question)?|another(?: one| question)?|new question"
    r"|different question"
    r"|(?:can we |let'?s |please )?skip (?:this|it|that)(?: one| question)?"
    r"|move on)(?:,? please)?\W*$"
)
DIFFERENT = re.compile(r"\b(?:a different|another) (?:one|question)\b")
MORE = re.compile(
    r"^\W*(?:(?:ok|okay|and|great|cool|now|yes|yeah|sure|please|pls|can i (?:have|get)|give me"
    r"|let'?s (?:do|try)"
    r"|show me|i want|gimme|try|do)[\s,]+)*(?:(?:an|the|a|some|one|two|three|\d)\s+)?(?:\w+er\s+)?"
    r"(?:another|next|again|more|one more|once more|keep going|continue|go on|same again|repeat"
    r"|harder|easier|shorter|longer|simpler|easy|hard|difficult|newer|older|different)\b"
    r"(?: (?:one|ones|please|pls|round|time|question|of (?:them|those|these|that)|like (?:that"
    r"|this|these))){0,3}\W*$"
)
AND_WHAT = re.compile(
    r"^\W*(?:(?:ok|okay|and|now|so|but)[\s,]+)*(?:(?:what|how) about|and|same (?:for|on|with"
    r"|about)|now)\b"
)
# Where "another one" leads after an action; after the others it means nothing.
GOES_ON: dict[str, Intent] = {
    "quiz": "quiz", "answer_submission": "quiz", "explain": "explain", "hint": "hint",
    "find_papers": "find_papers", "code_exercise": "code_exercise", "plan_next": "plan_next",
    "progress": "progress", "summarize_paper": "summarize_paper",
}  # fmt: skip
LENGTH = re.compile(
    r"^\W*(?:and |now |please )?(?:in|with) (?:\w+ ){0,3}(?:words?|sentences?|paragraphs?"
    r"|lines?|bullets?"
    r"|bullet points?|minutes?)(?: please)?\W*$"
)
BARE_PLACE = re.compile(r"^\W*(?:stage|module)?\s*[1-7](?:\.[1-9])\W*$|^\W*stage \w+\W*$")
ABOUT_PAPER = _any(
    r"\bwhat (?:does|do|did)\b.+\b(?:say|claim|report|argue|conclude|find|write)\w* (?:about|on"
    r"|regarding)\b",
    r"^\W*compare\b.+\bpapers?\b",
)
LIKE = re.compile(
    r"\b(?:like|similar|related|cit(?:e|es|ing|ed)|follow(?:s|ed)?[- ]?up|builds? on)\b"
)
DOCUMENT = re.compile(
    r"\b(?:what|tell me)\b.{0,25}\b(?:this|it|that|the (?:pdf|paper|file|document|upload\w*))\b"
    r".{0,12}\b(?:about|say|saying)\W*$"
)
# What a request is about; "it", "what I learned" and the like say nothing of their own.
SUBJECT = re.compile(
    r"\b(?:on|about|in|with)\s+(?!(?:it|that|this|these|those|them|what|which|my|me|the|some|any"
    r"|every|all"
    r"|a|an|random|stage|module|arxiv|today|here|your|our|where|how|general|english)\b)\w"
)
WANTS = re.compile(r"\b(?:more|questions?|hints?|clues?|please|exercises?|tasks?|papers?|next)\b")


FIND = re.compile(
    r"^\W*(?:please )?(?:find|search|look for|look up|list|recommend|suggest|show me|get me)\b"
    r".{0,60}\bpapers?\b"
)


def match_rule(low: str, context: RouteContext) -> tuple[Intent, float] | None:
    """The intent and a confidence, or None where the wording leaves doubt."""
    words = low.split()
    if not re.search(r"\w", low):
        # Emoji alone; a lone "?" asks to go on with what was before.
        return ("explain", 0.4) if "?" in low and context.last_action else ("smalltalk", 0.5)
    if INJECTION.search(low) and not (re.match(_ASKS_ABOUT, low) and " your " not in low):
        return "out_of_scope", 0.95
    if context.open_question and (found := _rule_open(low, context, words)):
        return found
    if CLAIMS.match(low):
        return "answer_submission", 0.9
    summarize = bool(SUMMARIZE.search(low))
    if ARXIV_ID.search(low) and LIKE.search(low):
        return "find_papers", 0.9
    if ARXIV_ID.search(low) and (len(words) <= 3 or summarize):
        return "summarize_paper", 0.95
    if context.uploaded_pdf and (summarize or DOCUMENT.search(low)):
        return "summarize_paper", 0.95
    if SMALLTALK.search(low) and len(words) <= 6:
        return "smalltalk", 0.9
    if context.uploaded_pdf and LENGTH.match(low):
        return "summarize_paper", 0.8
    if context.last_action in ("quiz", "answer_submission") and MEANS.search(low):
        return "explain", 0.85
    last = GOES_ON.get(context.last_action or "")
    if last and MORE.match(low):
        return last, 0.9
    if (
        last
        and AND_WHAT.match(low)
        and len(words) <= 9
        and count_terms(low) + bool(find_stage(low))
    ):
        if last == "summarize_paper" and not find_paper(low):
            return "explain", 0.7
        return (last, 0.85) if last != "hint" else ("explain", 0.7)
    if last and BARE_PLACE.match(low):
        return last, 0.8
    if BARE_PLACE.match(low):
        return "plan_next", 0.5
    if re.match(r"^\W*help(?: me)?\W*$", low):
        return "smalltalk", 0.6
    if ABOUT_PAPER.search(low) or (is_guided(low) and (count_terms(low) or "guiding" in low)):
        return "explain", 0.85
    if ASKS_HINT.search(low):
        return "hint", 0.85
    for pattern, intent in _WORDING:
        if pattern.search(low) and not names_foreign_subject(low):
            return intent, 0.9
    if summarize and find_paper(low):
        return "summarize_paper", 0.9
    return None


_WORDING: tuple[tuple[re.Pattern[str], Intent], ...] = (
    (CODE, "code_exercise"),
    (QUIZ, "quiz"),
    (PAPERS, "find_papers"),
    (PROGRESS, "progress"),
    (PLAN, "plan_next"),
)


def names_foreign_subject(low: str) -> bool:
    """Whether a request names a subject, and that is nothing of the field."""
    named = count_terms(low) or find_stage(low) or find_module(low) or ARXIV_ID.search(low)
    return bool(SUBJECT.search(low)) and not named


def _rule_open(low: str, context: RouteContext, words: list[str]) -> tuple[Intent, float] | None:
    """The rules while a question waits for its answer."""
    if FIND.match(low):
        return "find_papers", 0.9
    if context.last_action == "hint" and MORE.match(low):
        return "hint", 0.9
    if not DIFFERENT.search(low) and (HINT.search(low) or GIVES_UP.search(low)):
        return "hint", 0.95
    if SKIPS.match(low) or DIFFERENT.search(low):
        return "quiz", 0.9
    if re.match(r"^\W*(?:where|how) (?:do|should|can|would) i (?:even )?(?:start|begin)\b", low):
        return "hint", 0.85
    if MEANS.search(low):
        return "explain", 0.85
    if (SHORT_ANSWER.search(low) and not WANTS.search(low)) or CLAIMS.match(low):
        return "answer_submission", 0.97
    if TENTATIVE.match(low) and len(words) <= 20:
        return "answer_submission", 0.8
    guess = (len(words) <= 4 and find_topic(low)) or (len(words) <= 8 and low.endswith("?"))
    if guess and not QUESTION.match(low):
        return "answer_submission", 0.7
    return None
