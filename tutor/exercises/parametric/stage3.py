"""Stage 3: heads, blocks, pretrained models and decoding."""

from __future__ import annotations

import math
from random import Random

from tutor.exercises.parametric.family import Instance, draws, family, listed, show
from tutor.exercises.parametric.stage2_models import softmax


def block_parameters(d: int, f: int) -> dict[str, int]:
    """Parameters of a Transformer block with biases and two layer norms, by part."""
    return {"attention": 4 * (d * d + d), "ffn": 2 * d * f + f + d, "norms": 4 * d}


@family("attention-scale", "query-key-value", "Variance of unscaled scores")
def attention_scale(rng: Random) -> Instance:
    """Why scores are divided by the square root of the head's size."""
    heads, size = rng.choice([4, 6, 8, 12, 16]), rng.choice([16, 32, 48, 64, 96, 128])
    model = heads * size
    return Instance(
        prompt=f"A model of width {model} has {heads} heads. Queries and keys have independent "
        "entries of mean 0 and variance 1. What is the standard deviation of an unscaled score "
        "q·k within a head (two decimals)?",
        key=math.sqrt(size),
        mistakes={
            "you gave the variance": float(size),
            "you used the model's width instead of the head's": math.sqrt(model),
            "you gave it after scaling, where it is 1": 1.0,
        },
        explanation=f"A head has {model}/{heads} = {size} dimensions; the variances add up to "
        f"{size}, so the deviation is √{size} = {math.sqrt(size):.3f}.",
        given={"heads": heads, "model": model},
        tolerance=0.01,
    )


@family("multi-head-shapes", "multi-head-attention", "Shapes in multi-head attention")
def multi_head_shapes(rng: Random) -> Instance:
    """(batch, heads, length, length)."""
    batch, heads = rng.choice([2, 4, 6]), rng.choice([8, 12, 16])
    length, size = rng.choice([10, 50, 100, 128]), rng.choice([32, 64, 80])
    model = heads * size
    return Instance(
        prompt=f"Multi-head self-attention with {heads} heads gets a batch of {batch} sequences of "
        f"{length} tokens with width {model}. What is the shape of the attention weights?",
        kind="choice",
        key=f"({batch}, {heads}, {length}, {length})",
        mistakes={
            "you gave the shape of the queries": f"({batch}, {heads}, {length}, {size})",
            "you forgot that every head has its own weights": f"({batch}, {length}, {length})",
            "you compared dimensions and not positions": f"({batch}, {heads}, {size}, {size})",
        },
        explanation=f"Every head weighs every position against every position: {length} x "
        f"{length} for each of {heads} heads and {batch} sequences.",
        given={"batch": batch, "heads": heads, "length": length, "model": model},
        difficulty=1,
    )


@family("multi-head-parameters", "multi-head-attention", "Parameters of multi-head attention")
def multi_head_parameters(rng: Random) -> Instance:
    """4·d² without biases, whatever the number of heads."""
    heads, size = rng.choice([2, 4, 6, 8, 12, 16]), rng.choice([32, 48, 64, 96, 128])
    d = heads * size
    return Instance(
        prompt=f"Multi-head attention of width {d} with {heads} heads has query, key, value and "
        "output projections without biases. How many parameters is that?",
        key=float(4 * d * d),
        mistakes={
            "you left out the output projection": float(3 * d * d),
            "you gave every head projections of full width": float(3 * heads * d * d + d * d),
            "you counted one head": float(3 * d * size + d * d),
        },
        explanation=f"The heads share the width: 4·{d}² = {4 * d * d}.",
        given={"heads": heads, "d": d},
        tolerance=0.1,
        unit="parameters",
    )


@family("ffn-parameters", "position-wise-ffn", "Parameters of the feed-forward layer")
def ffn_parameters(rng: Random) -> Instance:
    """2·d·f + f + d."""
    d, times = rng.choice([128, 256, 384, 512, 768, 1024]), rng.choice([2, 3, 4])
    f, n = times * d, rng.choice([64, 128, 512])
    key = 2 * d * f + f + d
    return Instance(
        prompt=f"A position-wise feed-forward layer with biases goes from width {d} to {f} and "
        f"back, on sequences of {n} tokens. How many parameters does it have?",
        key=float(key),
        mistakes={
            "you left out the biases": float(2 * d * f),
            "you counted one of the two matrices": float(d * f + f),
            "you multiplied by the tokens, but all positions share the weights": float(key * n),
        },
        explanation=f"{d}·{f} + {f} + {f}·{d} + {d} = {key}.",
        given={"d": d, "f": f, "n": n},
        tolerance=0.1,
        unit="parameters",
        difficulty=1,
    )


@family("block-parameters", "transformer-from-scratch", "Parameters of a Transformer block")
def transformer_block(rng: Random) -> Instance:
    """Attention, feed-forward and two layer norms, all with biases."""
    d = rng.choice([64, 128, 256, 384, 512, 640, 768, 1024])
    f = d * rng.choice([2, 4])
    parts = block_parameters(d, f)
    key = sum(parts.values())
    return Instance(
        prompt=f"A Transformer block of width {d} has multi-head attention (four projections), a "
        f"feed-forward layer of inner width {f} and two layer norms, all with biases. How many "
        "parameters does it have?",
        key=float(key),
        mistakes={
            "you left out the layer norms": float(key - parts["norms"]),
            "you left out the feed-forward layer": float(key - parts["ffn"]),
            "you left out all biases": float(4 * d * d + 2 * d * f + 2 * d),
            "you left out the output projection": float(key - d * d - d),
        },
        explanation=f"{parts['attention']} + {parts['ffn']} + {parts['norms']} = {key}.",
        given={"d": d, "f": f},
        tolerance=0.1,
        unit="parameters",
        difficulty=3,
    )


@family("beam-search", "hands-on-bert-gpt", "Beam search over two steps", 1)
def beam_search(rng: Random) -> Instance:
    """Best probability that a beam of two finds; greedy may miss it."""
    first = [n / 100 for n in (rng.randint(42, 55), rng.randint(30, 38))]
    after_a, after_b = draws(rng, 2, 0.2, 0.6, 0.05), draws(rng, 2, 0.3, 0.95, 0.05)
    third = round(1 - sum(first), 2)
    a, b = first[0] * max(after_a), first[1] * max(after_b)
    return Instance(
        prompt=f"At step 1 a model gives A {first[0]}, B {first[1]} and C {third}. After A the two "
        f"best tokens have {listed(after_a)}, after B {listed(after_b)}, and after C the best one "
        "has 0.99. Which probability does the best two-token sequence have that beam search with "
        "a beam of 2 finds (four decimals)?",
        key=max(a, b),
        mistakes={
            "you took the best first token and then its best successor, which is greedy"
            if b > a
            else "you took the best sequence that starts with B": min(a, b),
            "you kept C, which a beam of 2 drops": third * 0.99,
            "you added the probabilities": max(first[0] + max(after_a), first[1] + max(after_b)),
        },
        explanation=f"A and B stay in the beam: {first[0]}·{max(after_a):g} = {a:.4f}, {first[1]}·"
        f"{max(after_b):g} = {b:.4f}.",
        given={"first": first, "third": third, "after_a": after_a, "after_b": after_b, "c": 0.99},
        tolerance=0.0002,
        difficulty=3,
    )


@family("top-k-sampling", "hands-on-bert-gpt", "Probability under top-k sampling", 1)
def top_k_sampling(rng: Random) -> Instance:
    """Renormalized softmax over the k largest logits."""
    logits = sorted(draws(rng, 5, -1, 4, 0.5), reverse=True)
    k, rank = rng.choice([(2, 1), (2, 2), (3, 1), (3, 2), (3, 3), (4, 2), (4, 3)])
    full = softmax(logits)
    key = softmax(logits[:k])[rank - 1]
    return Instance(
        prompt=f"A model's logits for five tokens are {listed(logits)}. With top-k sampling, k = "
        f"{k}, what is the probability of the token with logit {show(logits[rank - 1])} "
        "(three decimals)?",
        key=key,
        mistakes={
            "you did not renormalize after cutting": full[rank - 1],
            "you gave the k tokens equal probability": 1 / k,
            "you normalized the logits without the exponential": logits[rank - 1]
            / sum(map(abs, logits[:k])),
        },
        explanation=f"Softmax over {listed(logits[:k])} alone gives {key:.4f}.",
        given={"logits": logits, "k": k, "logit": logits[rank - 1]},
        tolerance=0.001,
    )


@family("top-p-sampling", "hands-on-bert-gpt", "Probability under top-p sampling", 1)
def top_p_sampling(rng: Random) -> Instance:
    """Smallest set with mass p, renormalized."""
    cuts = sorted(rng.sample(range(1, 20), 4))
    shares = sorted((b - a for a, b in zip([0, *cuts], [*cuts, 20], strict=True)), reverse=True)
    probabilities = [round(share / 20, 2) for share in shares]
    p = rng.choice([0.6, 0.72, 0.8, 0.88, 0.93])
    kept, mass = 0, 0.0
    while mass < p - 1e-9:
        mass += probabilities[kept]
        kept += 1
    key = probabilities[0] / mass
    return Instance(
        prompt=f"A model's next-token probabilities are {listed(probabilities)}. With top-p "
        f"sampling, p = {show(p)}, what is the probability of the most likely token (three "
        "decimals)?",
        key=key,
        mistakes={
            "you did not renormalize after cutting": probabilities[0],
            "you left out the token that crosses the threshold": probabilities[0]
            / max(1e-9, mass - probabilities[kept - 1]),
            "you divided by p instead of the mass that was kept": probabilities[0] / p,
        },
        explanation=f"The first {kept} tokens hold {mass:.2f} >= {p:g}; "
        f"{probabilities[0]:g}/{mass:.2f} = {key:.4f}.",
        given={"probabilities": probabilities, "p": p},
        tolerance=0.001,
        difficulty=3,
    )


@family("bert-config-parameters", "pretrained-models", "Parameters of a BERT-like encoder")
def bert_config_parameters(rng: Random) -> Instance:
    """Token embeddings and blocks; the counts of small published configurations."""
    layers, d = rng.choice([(2, 128), (4, 256), (4, 512), (8, 512), (6, 768), (12, 768)])
    vocabulary = rng.choice([8_000, 16_000, 30_522, 32_000])
    block = sum(block_parameters(d, 4 * d).values())
    embeddings = vocabulary * d
    return Instance(
        prompt=f"An encoder has {layers} Transformer blocks of width {d} with a feed-forward layer "
        "four times as wide (biases and two layer norms in every block), and token embeddings "
        f"for {show(vocabulary)} tokens. How many parameters do blocks and token embeddings "
        "have together?",
        key=float(layers * block + embeddings),
        mistakes={
            "you left out the embeddings": float(layers * block),
            "you counted one block": float(block + embeddings),
            "you left out the feed-forward layers": float(
                layers * (block - block_parameters(d, 4 * d)["ffn"]) + embeddings
            ),
        },
        explanation=f"{layers}·{block} + {vocabulary}·{d} = {layers * block + embeddings}.",
        given={"layers": layers, "d": d, "vocabulary": vocabulary},
        tolerance=0.1,
        unit="parameters",
        difficulty=3,
    )
