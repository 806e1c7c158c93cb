"""What the page 'Inside' can look at: tokens, the next token's probabilities, attention.

Scores and maps of the last few texts are kept, so that a slider costs no pass of the model.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from tutor.inside.attention import AttentionMaps, attention_maps
from tutor.inside.sampling import NextTokens, filtered, next_tokens
from tutor.inside.tokens import Token, ids_of, split_tokens
from tutor.inside.weights import BASE, LocalModel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SPLIT_TOKENS, PROMPT_TOKENS, ATTENTION_TOKENS = 400, 256, 64  # longest texts
SHOWN = 12  # candidates for the next token
KEPT = 4  # texts whose maps are kept, 4 MB each at most

Made = TypeVar("Made")


class Microscope:
    """Looks at one local model.

    Args:
        local: The model; loaded at the first look that needs its weights.
    """

    def __init__(self, local: LocalModel) -> None:
        self.local = local
        self._logits: OrderedDict[tuple[str, str], NDArray[np.float32]] = OrderedDict()
        self._maps: OrderedDict[tuple[str, str], AttentionMaps] = OrderedDict()

    def tokens(self, text: str) -> list[Token]:
        """The tokens of any text; needs no weights.

        Raises:
            InputError: The text is empty or too long.
            ModelError: The model is not prepared.
        """
        return split_tokens(self.local.tokenizer, text, SPLIT_TOKENS)

    def next_tokens(
        self, prompt: str, temperature: float, top_k: int, top_p: float, name: str = BASE
    ) -> NextTokens:
        """The likeliest tokens behind a prompt, before and after the filters.

        Args:
            temperature, top_k, top_p: As in `sampling.filtered`.
            name: Of the variant that is asked.

        Raises:
            InputError: The prompt is empty or too long, or a setting out of its range.
            ModelError: The model can't be had.
        """
        logits = self._scores(prompt, name)
        after = filtered(logits, temperature, top_k, top_p)
        return next_tokens(self.local.tokenizer, logits, after, SHOWN)

    def draw(
        self, prompt: str, temperature: float, top_k: int, top_p: float, name: str = BASE
    ) -> str:
        """The prompt with one more token, drawn as often as the filters leave it probable.

        Raises:
            As `next_tokens`.
        """
        after = filtered(self._scores(prompt, name), temperature, top_k, top_p)
        [drawn] = random.choices(range(len(after)), weights=after.tolist())
        # Decoded together: a token may be half of a character.
        ids = [*ids_of(split_tokens(self.local.tokenizer, prompt, PROMPT_TOKENS)), drawn]
        return str(self.local.tokenizer.decode(ids))

    def attention(self, sentence: str, name: str = BASE) -> AttentionMaps:
        """The attention weights of a sentence in every layer and head.

        Raises:
            InputError: The sentence is empty or too long.
            ModelError: The model can't be had.
        """

        def look() -> AttentionMaps:
            tokens = split_tokens(self.local.tokenizer, sentence, ATTENTION_TOKENS)
            with self.local.weights(name) as model:
                return attention_maps(model, tokens)

        return _kept(self._maps, (name, sentence), look)

    def _scores(self, prompt: str, name: str) -> NDArray[np.float32]:
        """Scores [vocabulary] of the token behind a prompt."""

        def look() -> NDArray[np.float32]:
            import numpy as np
            import torch

            ids = ids_of(split_tokens(self.local.tokenizer, prompt, PROMPT_TOKENS))
            with self.local.weights(name) as model, torch.inference_mode():
                output = model(torch.tensor([ids]), use_cache=False, logits_to_keep=1)
                return np.asarray(output.logits[0, -1].float().numpy())

        return _kept(self._logits, (name, prompt), look)


def _kept(
    cache: OrderedDict[tuple[str, str], Made], key: tuple[str, str], make: Callable[[], Made]
) -> Made:
    """A value of the cache, made where it is missing; the oldest goes."""
    if key not in cache:
        cache[key] = make()
        while len(cache) > KEPT:
            cache.popitem(last=False)
    return cache[key]
