"""Scores of several searches, made comparable and joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def scaled(scores: Mapping[int, float]) -> dict[int, float]:
    """Min-max scaling to 0.05..1; the lowest keeps a little, for it was found after all."""
    if not scores:
        return {}
    low, high = min(scores.values()), max(scores.values())
    span = (high - low) or 1.0
    return {i: 0.05 + 0.95 * (score - low) / span for i, score in scores.items()}


def fuse(parts: Sequence[tuple[float, Mapping[int, float]]]) -> dict[int, float]:
    """Convex combination of scaled scores (Bruch et al., 2023, section 3): 0..1 by position.

    A part that found nothing gives its weight to the others; what one part did not find counts
    0 there.

    Args:
        parts: Weight and scores by position of each search.
    """
    present = [(weight, scaled(scores)) for weight, scores in parts if scores and weight > 0]
    total = sum(weight for weight, _ in present)
    fused: dict[int, float] = {}
    for weight, scores in present:
        for i, score in scores.items():
            fused[i] = fused.get(i, 0.0) + weight / total * score
    return fused
