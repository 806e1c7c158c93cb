"""What a tokenizer makes of a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tutor.errors import InputError

CHARACTERS_A_TOKEN = 40  # no text has more, so what is longer is refused before it is split
REPLACEMENT = "\ufffd"


@dataclass(frozen=True)
class Token:
    """One token.

    Attributes:
        id: Its number in the vocabulary.
        text: What it stands for; of a part, the whole character.
        kind: "part" is some of the bytes of one character, "special" a sign of the chat template.
    """

    id: int
    text: str
    kind: Literal["text", "part", "special"] = "text"


def split_tokens(tokenizer: Any, text: str, most: int) -> list[Token]:
    """The tokens of a text, in order.

    Args:
        tokenizer: A fast tokenizer of transformers.
        most: Tokens allowed.

    Raises:
        InputError: The text is empty or longer than `most` tokens.
    """
    if not text.strip():
        raise InputError("There is no text.", "Type some.")
    too_long = InputError(
        f"The text is longer than {most} tokens, which is what fits here.", "Shorten it."
    )
    if len(text) > CHARACTERS_A_TOKEN * most:
        raise too_long
    split = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    if len(split["input_ids"]) > most:
        raise too_long
    tokens = []
    for number, (start, end) in zip(split["input_ids"], split["offset_mapping"], strict=True):
        shown = name_of(tokenizer, number)
        # Bytes that are no character by themselves are decoded to a replacement.
        if shown.kind == "part":
            shown = Token(number, text[start:end], "part")
        tokens.append(shown)
    return tokens


def name_of(tokenizer: Any, number: int) -> Token:
    """The token with this number, without a text around it."""
    if number in tokenizer.all_special_ids:
        return Token(number, tokenizer.convert_ids_to_tokens(number), "special")
    text = str(tokenizer.decode([number]))
    return Token(number, text, "part" if REPLACEMENT in text else "text")


def ids_of(tokens: Sequence[Token]) -> list[int]:
    """Their numbers."""
    return [token.id for token in tokens]
