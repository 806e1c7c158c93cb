"""Graded examples: an answer that says what a scored sample of the bank says is worth as much.

Words and vectors tell a wrong answer in the right words badly from a partial one. The bank's
authors wrote the typical wrong answer to each text item down, so what comes near to it is known.
"""

from __future__ import annotations

from corpus.exercises import TextItem, load_items
from tutor.exercises.rubric import stems

# Overlap (Dice, 1945) of two answers' stems: from where on they say alike, and where the same.
_ALIKE, _SAME = 0.6, 0.9


def anchored(question_id: str, answer: str, score: float) -> float:
    """The score of a text answer, drawn to that of the nearest sample the nearer it is.

    Args:
        question_id: Only questions of the bank (`bank:<item>[:<seed>]`) have samples.
        answer: Screened.
        score: What the answer is worth by itself, 0 to 1.
    """
    source, _, rest = question_id.partition(":")
    item = load_items().get(rest.partition(":")[0]) if source == "bank" else None
    if not isinstance(item, TextItem):
        return score
    said = set(stems(answer))
    near = max(item.samples, key=lambda sample: _overlap(said, set(stems(sample.text))))
    overlap = _overlap(said, set(stems(near.text)))
    pull = min(1.0, max(0.0, (overlap - _ALIKE) / (_SAME - _ALIKE)))
    return (1 - pull) * score + pull * near.score


def _overlap(one: set[str], other: set[str]) -> float:
    return 2 * len(one & other) / (len(one) + len(other)) if one and other else 0.0
