"""From the scores of all tokens to the one that is drawn: temperature, top-k, top-p.

Top-k is Fan et al. 2018 (arXiv:1805.04833), section 5.4; top-p (nucleus sampling) is Holtzman et
al. 2020 (arXiv:1904.09751), section 3.1. They are applied in the order in which vLLM and
transformers apply them: temperature, then k, then p on what k left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tutor.errors import InputError
from tutor.inside.tokens import Token, name_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class NextToken:
    """A candidate: its probability as the model gives it, and after the filters."""

    token: Token
    raw: float
    after: float
    kept: bool


@dataclass(frozen=True)
class NextTokens:
    """The likeliest candidates.

    Attributes:
        rows: Likeliest first.
        kept: Tokens that can be drawn, those that are not among the rows included.
        others: Tokens that are not among the rows …
        others_raw, others_after: … and their probability in all, before and after.
        entropy: Of the raw distribution, in bits.
    """

    rows: tuple[NextToken, ...]
    kept: int
    others: int
    others_raw: float
    others_after: float
    entropy: float


def softmax(logits: NDArray[np.float32], temperature: float = 1.0) -> NDArray[np.float64]:
    """Probabilities [vocabulary] of the scores [vocabulary], at a temperature above 0."""
    import numpy as np

    with np.errstate(over="ignore"):  # next to 0 the distances are infinite, and that is right
        distances = (logits.astype(np.float64) - float(logits.max())) / temperature
    powers = np.exp(distances)
    return np.asarray(powers / powers.sum())


def filtered(
    logits: NDArray[np.float32], temperature: float, top_k: int, top_p: float
) -> NDArray[np.float64]:
    """Probabilities [vocabulary] after temperature, top-k and top-p; 0 for what was cut.

    Args:
        logits: Scores [vocabulary].
        temperature: 0 or more; 0 leaves the likeliest token alone.
        top_k: Tokens that stay; 0 keeps all.
        top_p: Share of the probability that stays, above 0 up to 1; the token that reaches it
            stays too, so there is always one.

    Raises:
        InputError: A value is out of its range.
    """
    import numpy as np

    if not (temperature >= 0 and top_k >= 0 and 0 < top_p <= 1):
        raise InputError(
            "Temperature and top-k must be 0 or more, top-p above 0 and at most 1.",
            "Move the sliders back.",
        )
    # Sorted once, ties by number: the same settings keep the same tokens.
    order = np.argsort(-logits, kind="stable")
    kept = np.zeros(len(logits), dtype=np.float64)
    if temperature == 0:
        kept[order[0]] = 1.0
        return kept
    ranked = softmax(logits[order], temperature)
    if 0 < top_k < len(ranked):
        ranked[top_k:] = 0.0
        ranked /= ranked.sum()
    if top_p < 1:
        before = np.concatenate([[0.0], np.cumsum(ranked)[:-1]])
        ranked[before >= top_p] = 0.0
        ranked /= ranked.sum()
    kept[order] = ranked
    return kept


def next_tokens(
    tokenizer: Any, logits: NDArray[np.float32], after: NDArray[np.float64], shown: int
) -> NextTokens:
    """The `shown` likeliest tokens, and the others summed up.

    Args:
        logits: Scores [vocabulary].
        after: What `filtered` made of them.
    """
    import numpy as np

    raw = softmax(logits)
    order = np.argsort(-logits, kind="stable")
    top, rest = order[:shown], order[shown:]
    some = raw[raw > 0]
    return NextTokens(
        rows=tuple(
            NextToken(
                name_of(tokenizer, int(i)), float(raw[i]), float(after[i]), bool(after[i] > 0)
            )
            for i in top
        ),
        kept=int((after > 0).sum()),
        others=len(rest),
        others_raw=float(raw[rest].sum()),
        others_after=float(after[rest].sum()),
        entropy=float(-(some * np.log2(some)).sum()),
    )
