"""Text from learners, papers and models is data: no HTML, no images, no links, no orders.

Whatever is shown or put into a prompt passes through here once, where it enters an answer, a
summary or a prompt.
"""

from __future__ import annotations

import re

_IMAGE = re.compile(r"!\[([^\]\n]*)\](\([^)\n]*\)|\[[^\]\n]*\])")
_LINK = re.compile(r"(?<!!)\[([^\]\n]+)\]\([^)\n]*\)")
# The beginning of a link's definition, which may stand in a quote, in a list, or on two lines.
_DEFINITION = re.compile(r"^([ \t>*+\-\d.)]*\[(?:[^\[\]\\]|\\.)+\]):", re.MULTILINE | re.DOTALL)
_TAG = re.compile(r"<(?=[a-zA-Z/!?])")
# An underscore is no part of a word here: Markdown takes it for emphasis and links what follows.
_SCHEME = re.compile(
    r"(?<![^\W_])(https?|ftp|javascript|data|file|vbscript):(?=\S)|:(?=//)", re.IGNORECASE
)
_WWW = re.compile(r"(?<![^\W_])www\.(?=\S)", re.IGNORECASE)
_MATH = re.compile(r"(\$\$[^$]+\$\$|\$[^$\n]+\$)")
# Zero-width and direction-changing characters hide text from the person who reads it.
_INVISIBLE = re.compile(
    "[\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\U000e0000-\U000e007f]"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SPECIAL_TOKEN = re.compile(r"<\|[^|>\n]{0,40}\|>|\[/?INST\]|<</?SYS>>|</?s>")

# Phrases by which a text addresses the model that reads it. Scientific prose has no use for them.
_PRAISE = r"(full|maximum|highest|top|perfect) (marks|score|points|grade)"
_ORDER = re.compile(
    r"\b(ignore|disregard|forget|override|bypass)\b.{0,40}"
    r"\b(previous|prior|above|all|your|the|any|earlier)\b.{0,40}"
    r"\b(instruction|prompt|rule|guideline|direction|context|polic|training|message)"
    r"|\b(you are|act as|pretend to be|roleplay as|you must now|from now on,? you)\b.{0,40}"
    r"\b(dan|jailbroken|unrestricted|chatgpt|model without|evil|hacker|pirate)\b"
    r"|\b(reveal|print|repeat|output|show|leak|display)\b.{0,30}"
    r"\b(system prompt|your (instructions|prompt|rules)|hidden (prompt|instructions))"
    rf"|\b{_PRAISE}\b.{{0,60}}\b(please|give|award|assign)"
    rf"|\b(give|award|assign)\b.{{0,40}}\b{_PRAISE}\b"
    r"|\bas an? (ai|language model|llm)\b.{0,40}\b(you (must|should|will)|do not|always)\b"
    r"|\b(new|updated) (system )?(instructions?|prompt)\s*:"
    r"|\bsystem\s*:\s*you\b|\bdo anything now\b|\bdeveloper mode\b",
    re.IGNORECASE | re.DOTALL,
)


def plain_text(text: str) -> str:
    """Remove what a reader can't see and what a chat template could take for its own tokens."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _SPECIAL_TOKEN.sub("", _INVISIBLE.sub("", _CONTROL.sub("", text)))
    # Removing a token can complete the one around it, which is broken up then.
    return _SPECIAL_TOKEN.sub(lambda match: f"{match[0][0]} {match[0][1:]}", text)


def safe_markdown(text: str) -> str:
    """Markdown in which nothing loads, nothing links and no tag opens; maths stays as it is."""
    pieces = _MATH.split(plain_text(text))
    pieces[::2] = (_unlinked(prose) for prose in pieces[::2])
    # Inside maths an entity would be shown as it stands, so the sign gets its TeX name there.
    pieces[1::2] = (formula.replace("<", r"\lt ") for formula in pieces[1::2])
    text = "".join(pieces)
    # Whatever is left and would make a link or an image is broken up; TeX does not mind the blank.
    text = _DEFINITION.sub(r"\1 :", text.replace("](", "] ("))
    text = _TAG.sub("&lt;", text)
    text = _SCHEME.sub(lambda match: f"{match[1] or ''}\u2236", text)
    return _WWW.sub(lambda match: match[0].replace(".", "\u2024"), text)


def _unlinked(text: str) -> str:
    """Images and links give way to their text."""
    # Repeated, because removing an inner construct can complete an outer one.
    for _ in range(3):
        before = text
        text = _LINK.sub(r"\1", _IMAGE.sub(r"\1", text))
        if text == before:
            break
    return text


def gives_orders(text: str) -> bool:
    """Whether a text tries to instruct the model that reads it."""
    return _ORDER.search(text) is not None
