"""Stage 2: embeddings, positions and attention."""

from __future__ import annotations

import math
from random import Random

from tutor.exercises.parametric.family import Instance, draws, family, listed, show


def softmax(scores: list[float]) -> list[float]:
    """Probabilities from scores."""
    weights = [math.exp(score - max(scores)) for score in scores]
    return [weight / sum(weights) for weight in weights]


@family("negative-sampling-loss", "word-embeddings", "Loss of skip-gram with negative samples")
def negative_sampling_loss(rng: Random) -> Instance:
    """-ln σ(u·v) - Σ ln σ(-u_k·v)."""
    v = draws(rng, 2, -1, 2, 0.5)
    context, first, second = (draws(rng, 2, -1.5, 1.5, 0.5) for _ in range(3))

    def loss(vector: list[float], sign: float) -> float:
        dot = vector[0] * v[0] + vector[1] * v[1]
        return math.log(1 + math.exp(-sign * dot))

    key = loss(context, 1) + loss(first, -1) + loss(second, -1)
    return Instance(
        prompt=f"Skip-gram with negative sampling: the center word has the vector {listed(v)}, its "
        f"true context word {listed(context)}, and two negative samples {listed(first)} and "
        f"{listed(second)}. Compute the loss (natural log, three decimals).",
        key=key,
        mistakes={
            "you left out the negative samples": loss(context, 1),
            "you did not turn the sign for the negative samples": loss(context, 1)
            + loss(first, 1)
            + loss(second, 1),
            "you averaged the three terms instead of adding them": key / 3,
        },
        explanation=f"-ln σ(u·v) for the true word, -ln σ(-u·v) for each negative: {key:.4f}.",
        given={"v": v, "context": context, "first": first, "second": second},
        tolerance=0.001,
        difficulty=4,
    )


@family("positional-encoding", "positional-encoding", "Value of a sinusoidal encoding", 1)
def positional_encoding(rng: Random) -> Instance:
    """PE(pos, 2i) = sin, PE(pos, 2i + 1) = cos."""
    d = rng.choice([8, 16, 64, 512])
    pos, pair = rng.randint(1, 40), rng.randint(1, min(d // 2 - 1, 12))
    odd = rng.randint(0, 1)
    dim = 2 * pair + odd
    angle = pos / 10000 ** (2 * pair / d)
    wave, other = (math.cos, math.sin) if odd else (math.sin, math.cos)
    return Instance(
        prompt="The sinusoidal encoding is $PE(pos, 2i) = \\sin(pos/10000^{2i/d})$ and "
        f"$PE(pos, 2i+1) = \\cos(pos/10000^{{2i/d}})$. For $d = {d}$, compute dimension {dim} "
        f"(counting from 0) at position {pos} (radians, three decimals).",
        key=wave(angle),
        mistakes={
            "you swapped sine and cosine": other(angle),
            "you left out the division by a power of 10000": wave(pos),
            "you used the dimension's number as i": wave(pos / 10000 ** (2 * dim / d)),
        },
        explanation=f"i = {pair}, so the angle is {pos}/10000^({2 * pair}/{d}) = {angle:.5f} and "
        f"the value {wave(angle):.4f}.",
        given={"d": d, "pos": pos, "dim": dim},
        tolerance=0.001,
        difficulty=3,
    )


@family("attention-output", "self-attention", "Scaled dot-product attention by hand")
def attention_output(rng: Random) -> Instance:
    """First component of the output for one query and three keys."""
    q = draws(rng, 4, -1, 2, 0.5)
    keys = [draws(rng, 4, -1, 2, 0.5) for _ in range(3)]
    values = draws(rng, 3, -4, 6, 1)
    scores = [sum(a * b for a, b in zip(q, k, strict=True)) for k in keys]

    def output(weights: list[float]) -> float:
        return sum(w * v for w, v in zip(weights, values, strict=True))

    key = output(softmax([s / 2 for s in scores]))
    return Instance(
        prompt=f"A query is {listed(q)}; the keys are {listed(keys[0])}, {listed(keys[1])} and "
        f"{listed(keys[2])}, with the scalar values {listed(values)}. Compute the output of scaled "
        "dot-product attention (three decimals).",
        key=key,
        mistakes={
            "you left out the division by the square root of the dimension": output(
                softmax(scores)
            ),
            "you divided by the dimension and not by its square root": output(
                softmax([s / 4 for s in scores])
            ),
            "you averaged the values, as if all weights were equal": sum(values) / 3,
            "you took the value of the best key alone": values[scores.index(max(scores))],
        },
        explanation=f"Scores {listed([s / 2 for s in scores])} after division by √4; softmax and "
        f"weighted sum give {key:.4f}.",
        given={"q": q, "keys": keys, "values": values},
        tolerance=0.002,
        difficulty=4,
    )


@family("causal-mask", "self-attention", "Attention weight under a causal mask", 1)
def causal_mask(rng: Random) -> Instance:
    """Weight of an earlier position when later ones are masked."""
    scores = draws(rng, 5, -1, 3, 0.5)
    row = rng.randint(2, 4)
    column = rng.randint(1, row - 1)
    seen = scores[:row]
    key = softmax(seen)[column - 1]
    zeroed = softmax([*seen, *[0.0] * (5 - row)])[column - 1]
    return Instance(
        prompt=f"In a decoder the scaled scores of the query at position {row} with the keys at "
        f"positions 1 to 5 are {listed(scores)}. Under a causal mask, which weight does "
        f"position {column} get (three decimals)?",
        key=key,
        mistakes={
            "you left out the mask": softmax(scores)[column - 1],
            "you set masked scores to 0 instead of minus infinity": zeroed,
            "you masked the position itself too": softmax(scores[: row - 1])[column - 1],
        },
        explanation=f"Positions 1 to {row} remain; softmax over {listed(seen)} gives {key:.4f}.",
        given={"scores": scores, "row": row, "column": column},
        tolerance=0.001,
        difficulty=3,
    )


@family("attended-pairs", "self-attention", "Pairs of positions that attention compares", 1)
def attended_pairs(rng: Random) -> Instance:
    """n(n + 1)/2 with a causal mask, per head and layer."""
    n = rng.choice([8, 16, 32, 64, 128, 256, 512]) + rng.randint(0, 7)
    heads, layers = rng.choice([4, 8, 12]), rng.choice([2, 6, 12])
    pairs = n * (n + 1) // 2
    return Instance(
        prompt=f"A decoder with {layers} layers of {heads} heads reads {n} tokens under a causal "
        "mask. How many query-key pairs are not masked, over all heads and layers?",
        key=float(pairs * heads * layers),
        mistakes={
            "you left out the mask": float(n * n * heads * layers),
            "you left out each position's attention to itself": float(
                n * (n - 1) // 2 * heads * layers
            ),
            "you counted one head": float(pairs * layers),
        },
        explanation=f"{n}·{n + 1}/2 = {pairs} pairs a head, times {heads}·{layers}.",
        given={"n": n, "heads": heads, "layers": layers},
        tolerance=0.1,
        unit="pairs",
    )


@family("entity-f1", "ner", "F1 of exact entity spans", 1)
def entity_f1(rng: Random) -> Instance:
    """Entities count as right only with exact borders and type."""
    gold, exact = rng.randint(20, 80), rng.randint(5, 19)
    border, spurious = rng.randint(2, 15), rng.randint(2, 15)
    predicted = exact + border + spurious
    return Instance(
        prompt=f"A text has {gold} entities. A tagger predicts {predicted}: {exact} with the right "
        f"span and type, {border} that overlap an entity but miss its borders, and {spurious} "
        "where there is none. Compute F1 over exact spans (three decimals).",
        key=2 * exact / (gold + predicted),
        mistakes={
            "you counted overlaps as right": 2 * (exact + border) / (gold + predicted),
            "you gave precision": exact / predicted,
            "you gave recall": exact / gold,
        },
        explanation=f"2·{exact}/({gold} + {predicted}) = {2 * exact / (gold + predicted):.4f}.",
        given={
            "gold": gold,
            "predicted": predicted,
            "exact": exact,
            "border": border,
            "spurious": spurious,
        },
        tolerance=0.001,
    )


@family("viterbi-step", "pos-tagging", "One step of Viterbi", 1)
def viterbi_step(rng: Random) -> Instance:
    """max over previous tags of score · transition, times emission."""
    noun, verb = draws(rng, 2, 0.05, 0.6, 0.05)
    from_noun, from_verb = draws(rng, 2, 0.1, 0.9, 0.1)
    emission = rng.choice([0.1, 0.2, 0.3, 0.4])
    a, b = noun * from_noun, verb * from_verb
    return Instance(
        prompt=f"At the first word the best scores are {show(noun)} for NOUN and {show(verb)} for "
        f"VERB. P(VERB | NOUN) = {show(from_noun)}, P(VERB | VERB) = {show(from_verb)}, and VERB "
        f"emits the second word with probability {show(emission)}. What is the Viterbi score "
        "of VERB at the second word (five decimals)?",
        key=max(a, b) * emission,
        mistakes={
            "you added the paths, which is the forward algorithm": (a + b) * emission,
            "you followed the worse path": min(a, b) * emission,
            "you left out the emission": max(a, b),
        },
        explanation=f"max({a:.4f}, {b:.4f}) · {emission:g} = {max(a, b) * emission:.5f}.",
        given={
            "noun": noun,
            "verb": verb,
            "from_noun": from_noun,
            "from_verb": from_verb,
            "emission": emission,
        },
        tolerance=0.00005,
        difficulty=3,
    )
