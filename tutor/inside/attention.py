"""Attention weights of a sentence: all layers and heads, and the heads with a pattern.

The patterns are those that Clark et al. 2019 (arXiv:1906.04341, section 3) found in BERT, for a
model that looks back only; attention resting on the first token is the sink of Xiao et al. 2023
(arXiv:2309.17453, section 3.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tutor.inside.tokens import Token, ids_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EVENLY = "all tokens about evenly"


@dataclass(frozen=True)
class AttentionMaps:
    """All maps of one sentence.

    Attributes:
        tokens: Of the sentence.
        weights: float32 [layers, heads, queries, keys]; each row of keys adds up to 1.
    """

    tokens: tuple[Token, ...]
    weights: NDArray[np.float32]


@dataclass(frozen=True)
class Pattern:
    """A head that stands out.

    Attributes:
        layer, head: Counted from 1.
        share: Of its attention that follows the pattern; of EVENLY, its entropy over the largest
            that it could have.
    """

    label: str
    layer: int
    head: int
    share: float


def attention_maps(model: Any, tokens: list[Token]) -> AttentionMaps:
    """One pass of the model over the tokens.

    Args:
        model: Loaded with eager attention: fused kernels give no weights.
    """
    import numpy as np
    import torch

    with torch.inference_mode():
        output = model(torch.tensor([ids_of(tokens)]), output_attentions=True, use_cache=False)
    weights = np.stack([layer[0].float().numpy() for layer in output.attentions])
    return AttentionMaps(tuple(tokens), weights)


def strongest(row: NDArray[np.float32], most: int = 3) -> list[tuple[int, float]]:
    """(place, weight) of the tokens that a row looks at most."""
    places = sorted(range(len(row)), key=lambda i: (-float(row[i]), i))[:most]
    return [(i, float(row[i])) for i in places if row[i] > 0]


def find_patterns(maps: AttentionMaps) -> list[Pattern]:
    """For each pattern the head that follows it most; the first row has no choice, so it is out."""
    import numpy as np

    weights, count = maps.weights, len(maps.tokens)
    if count < 3:
        return []
    later = np.arange(1, count)

    # How evenly a row spreads: its entropy over that of an even row of the same length.
    positive = np.where(weights > 0, weights, 1.0)
    entropy = -(positive * np.log(positive)).sum(-1)[..., 1:] / np.log(later + 1)
    before = later[1:]  # the second token's previous one is the first: that is the sink's pattern
    shares = {
        "the token before": weights[..., before, before - 1].mean(-1),
        "the token itself": weights[..., later, later].mean(-1),
        "the first token": weights[..., later, 0].mean(-1),
        EVENLY: entropy.mean(-1),
    }  # each [layers, heads]
    patterns = []
    for label, share in shares.items():
        layer, head = np.unravel_index(int(share.argmax()), share.shape)
        found = Pattern(label, int(layer) + 1, int(head) + 1, float(share[layer, head]))
        patterns.append(found)
    return patterns
