"""An answer beside its reference, as numbers: what of the reference it holds, and what it adds.

The numbers are the inputs of the fitted score (`scoring.py`). Token alignment follows BERTScore
(Zhang et al., 2020, section 3): each token of one text takes its nearest token of the other. What
the question itself would reach is taken off, so that repeating it earns nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tutor.exercises.rubric import (
    STOP_WORDS,
    contradicts,
    negations,
    reference_points,
    share_of,
    stems,
)
from tutor.exercises.screening import sentences

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tutor.models.embed import Embedder

WORDS = (
    "recall", "precision", "f1", "points", "made", "weakest", "points_n", "contradicted",
    "negations", "negations_expected", "length", "length_ratio", "sentences", "numbers", "letters",
    "new_words",
)  # fmt: skip
# What the answer is about, whatever was asked: the mean of its token vectors along the first axes.
CONTENT = tuple(f"content_{axis}" for axis in range(24))
MEANING = (
    *WORDS, "token_recall", "token_gain", "token_near", "token_precision", "token_precision_gain",
    "token_mass", "token_rest", "cosine", "cosine_gain", "cosine_beyond", "token_pairs", *CONTENT,
)  # fmt: skip
_NEAR = 0.5  # cosine of two tokens that mean the same here, set on other data than is reported
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def describe(
    answer: str,
    prompt: str,
    reference: str,
    rubric: Sequence[str] = (),
    embedder: Embedder | None = None,
) -> dict[str, float]:
    """The numbers of one answer: those named in WORDS; with an embedder those in MEANING.

    Args:
        answer: Screened; not empty.
        rubric: The points to make; empty takes the reference's own sentences.
    """
    found = _words(answer, prompt, reference, list(rubric) or reference_points(reference))
    if embedder is not None:
        found |= _meaning(answer, prompt, reference, embedder)
    return found


def _words(answer: str, prompt: str, reference: str, points: list[str]) -> dict[str, float]:
    asked, said, meant = set(stems(prompt)), stems(answer), stems(reference)
    given, parts = set(said), sentences(answer) or [answer]
    recall, precision = share_of(meant, given, asked), share_of(said, set(meant), asked)
    shares, contradicted = [], 0
    by_part = [set(stems(part)) for part in parts]
    for point in points:
        wanted = stems(point)
        near = [share_of(wanted, words, asked) for words in by_part]
        best = max(range(len(parts)), key=near.__getitem__)
        shares.append(max(near[best], 0.9 * share_of(wanted, given, asked)))
        contradicted += near[best] >= 0.35 and contradicts(parts[best], point)
    numbers, told = set(_NUMBER.findall(reference)), set(_NUMBER.findall(answer))
    grams, own = _letters(reference), _letters(answer)
    length, expected = math.log1p(len(answer.split())), math.log1p(len(reference.split()))
    return {
        "recall": recall,
        "precision": precision,
        "f1": 2 * recall * precision / (recall + precision + 1e-9),
        "points": sum(shares) / len(shares),
        "made": sum(share > 0.5 for share in shares) / len(shares),
        "weakest": min(shares),
        "points_n": float(len(points)),
        "contradicted": contradicted / len(points),
        "negations": negations(answer) / len(parts),
        "negations_expected": negations(reference) / max(1, len(sentences(reference))),
        "length": length,
        "length_ratio": length - expected,
        "sentences": math.log1p(len(parts)),
        "numbers": len(numbers & told) / len(numbers) if numbers else 0.5,
        "letters": len(grams & own) / max(1, len(grams)),
        "new_words": len(given - set(meant) - asked) / (len(given) + 1),
    }


def _letters(text: str) -> set[str]:
    plain = re.sub(r"\W+", " ", text.lower())
    return {plain[i : i + 4] for i in range(len(plain) - 3)}


def _meaning(answer: str, prompt: str, reference: str, embedder: Embedder) -> dict[str, float]:
    import numpy as np

    vectors, tokens = embedder.embed_tokens([prompt, reference, answer], STOP_WORDS)
    asked, meant, said = (t if len(t) else np.zeros((1, t.shape[1]), np.float32) for t in tokens)
    recall, floor = _nearest(meant, said), _nearest(meant, asked)
    precision, base = _nearest(said, meant), _nearest(said, asked)
    question, expected, given = vectors
    beyond = [v - float(v @ question) * question for v in (expected, given)]
    lengths = float(np.linalg.norm(beyond[0]) * np.linalg.norm(beyond[1]))
    content = [*map(float, said.mean(axis=0)[: len(CONTENT)]), *[0.0] * len(CONTENT)]
    return {
        "token_recall": float(recall.mean()),
        "token_gain": _gain(recall, floor),
        "token_near": float((recall > _NEAR).mean()),
        "token_precision": float(precision.mean()),
        "token_precision_gain": _gain(precision, base),
        "token_mass": math.log1p(float((precision > _NEAR).sum())),
        "token_rest": math.log1p(float((precision <= _NEAR).sum())),
        "cosine": float(expected @ given),
        "cosine_gain": float(expected @ given - expected @ question),
        "cosine_beyond": float(beyond[0] @ beyond[1]) / (lengths + 1e-9),
        "token_pairs": _paired(meant, said),
        **dict(zip(CONTENT, content, strict=False)),
    }


def _nearest(these: NDArray[np.float32], those: NDArray[np.float32]) -> NDArray[np.float32]:
    """For each row of `these`, the cosine of its nearest row of `those`."""
    nearest: NDArray[np.float32] = (these @ those.T).max(axis=1)
    return nearest


def _paired(meant: NDArray[np.float32], said: NDArray[np.float32]) -> float:
    """Mean cosine of the reference's tokens with a token of the answer that is theirs alone."""
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    close = np.maximum(0, meant @ said.T)
    return float(close[linear_sum_assignment(close, maximize=True)].sum()) / len(meant)


def _gain(reached: NDArray[np.float32], floor: NDArray[np.float32]) -> float:
    """How much of what the question leaves open is reached, 0 to 1."""
    import numpy as np

    return float(np.maximum(0, reached - floor).sum() / np.maximum(0.05, 1 - floor).sum())
