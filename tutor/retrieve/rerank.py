"""What the vectors of single tokens say about a passage that the vector of the whole does not.

Two readings of the token vectors that the embedding model makes anyway before it averages them;
nothing was trained for either. Every word of a query looks for its best match (MaxSim of ColBERT,
Khattab and Zaharia, 2020, section 3.3), and the query as a whole for the part of the passage that
means the same, about a sentence: what one sentence says drowns in the mean of two hundred words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WINDOW = 16  # content words: of a sentence of about 25 words
STEP = 4  # words from the beginning of a window to that of the next


def max_sim(
    query: NDArray[np.float32], passages: Mapping[int, NDArray[np.int8]]
) -> dict[int, float]:
    """Sum over the query's tokens of the best match in each passage, by position.

    Args:
        query: Vectors [tokens, dimension], each as long as its token weighs.
        passages: Vectors [tokens, dimension] by position; 127 stands for 1. Passages without
            any token are left out.
    """
    import numpy as np

    kept = [i for i, tokens in passages.items() if len(tokens)]
    if not kept or not len(query):
        return {}
    stacked = np.concatenate([passages[i] for i in kept]).astype(np.float32)
    starts = np.cumsum([0, *(len(passages[i]) for i in kept[:-1])])
    # [tokens of all passages, tokens of the query] -> the best of each passage
    best = np.maximum.reduceat(stacked @ query.T, starts, axis=0)
    return {i: float(score) / 127 for i, score in zip(kept, best.sum(axis=1), strict=True)}


def best_part(
    query: NDArray[np.float32], passages: Mapping[int, NDArray[np.int8]]
) -> dict[int, float]:
    """Cosine of the query's mean with that of the nearest window of each passage, by position.

    Args:
        query: As of `max_sim`: the mean is weighed as its tokens are.
        passages: As of `max_sim`.
    """
    import numpy as np

    kept = [i for i, tokens in passages.items() if len(tokens)]
    if not kept or not len(query):
        return {}
    direction = query.sum(axis=0)
    direction /= max(float(np.linalg.norm(direction)), 1e-12)
    # A window is a few blocks of STEP tokens: sums of sums take a quarter of the time.
    blocks = [-(-len(passages[i]) // STEP) for i in kept]
    places = np.cumsum([0, *blocks])
    tokens = np.zeros((places[-1] * STEP, query.shape[1]), dtype=np.float32)
    for i, place in zip(kept, places, strict=False):
        tokens[place * STEP : place * STEP + len(passages[i])] = passages[i]
    sums = np.zeros((places[-1] + 1, query.shape[1]), dtype=np.float32)
    np.cumsum(sum(tokens[k::STEP] for k in range(STEP)), axis=0, out=sums[1:])
    wide = WINDOW // STEP
    begins = [p + np.arange(max(1, n - wide + 1)) for p, n in zip(places, blocks, strict=False)]
    ends = [np.minimum(b + wide, end) for b, end in zip(begins, places[1:], strict=True)]
    means = sums[np.concatenate(ends)] - sums[np.concatenate(begins)]
    near = means @ direction / np.maximum(np.linalg.norm(means, axis=1), 1e-12)
    best = np.maximum.reduceat(near, np.cumsum([0, *map(len, begins[:-1])]))
    return {i: float(score) for i, score in zip(kept, best, strict=True)}
