"""Late interaction: every word of a query looks for its best match in a passage.

MaxSim of ColBERT (Khattab and Zaharia, 2020, section 3.3), over the token vectors that the
embedding model makes anyway before it averages them. Nothing was trained for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


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
