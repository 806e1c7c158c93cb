"""Stage 4: sizes and objectives of GPT, BERT and T5."""

from __future__ import annotations

from random import Random

from tutor.exercises.parametric.family import Instance, family, show
from tutor.exercises.parametric.stage3 import block_parameters


@family("gpt2-parameters", "gpt-architecture", "Parameters of GPT-2")
def gpt2_parameters(rng: Random) -> Instance:
    """Tied output, learned positions, a final layer norm."""
    layers, d = rng.choice([(12, 768), (24, 1024), (36, 1280), (48, 1600), (6, 384), (8, 512)])
    vocabulary, context = rng.choice([50_257, 32_000, 16_384]), rng.choice([256, 512, 1024])
    block = sum(block_parameters(d, 4 * d).values())
    key = layers * block + (vocabulary + context) * d + 2 * d
    return Instance(
        prompt=f"A GPT-2-like model has {layers} blocks of width {d} (feed-forward 4x as wide, "
        f"biases, two layer norms a block), a vocabulary of {show(vocabulary)}, learned positions "
        f"for {context} tokens, a final layer norm, and an output layer tied to the token "
        "embeddings. How many parameters does it have?",
        key=float(key),
        mistakes={
            "you counted the tied output layer again": float(key + vocabulary * d),
            "you left out the position embeddings": float(key - context * d),
            "you left out the token embeddings": float(key - vocabulary * d),
            "you left out the final layer norm": float(key - 2 * d),
        },
        explanation=f"Blocks {layers}·{block}, embeddings ({vocabulary} + {context})·{d}, final "
        f"norm {2 * d}: {key}.",
        given={"layers": layers, "d": d, "vocabulary": vocabulary, "context": context},
        tolerance=0.1,
        unit="parameters",
        difficulty=4,
    )


@family("bert-parameters", "bert-architecture", "Parameters of BERT")
def bert_parameters(rng: Random) -> Instance:
    """Three embeddings with a norm, blocks, pooler."""
    layers, d = rng.choice([(12, 768), (24, 1024), (4, 256), (6, 512), (2, 128)])
    vocabulary, context = rng.choice([30_522, 28_996, 21_128]), rng.choice([128, 256, 512])
    block = sum(block_parameters(d, 4 * d).values())
    embeddings = (vocabulary + context + 2) * d + 2 * d
    key = layers * block + embeddings + d * d + d
    return Instance(
        prompt=f"A BERT-like encoder has {layers} blocks of width {d} (feed-forward 4x as wide, "
        f"biases, two layer norms a block), embeddings for {show(vocabulary)} tokens, {context} "
        "positions and 2 segments followed by a layer norm, and a pooler (one dense layer with "
        "bias). How many parameters does it have?",
        key=float(key),
        mistakes={
            "you left out the pooler": float(key - d * d - d),
            "you left out the position and segment embeddings": float(key - (context + 2) * d),
            "you left out the embeddings": float(key - embeddings),
            "you counted an untied output layer too": float(key + vocabulary * d),
        },
        explanation=f"Blocks {layers}·{block}, embeddings {embeddings}, pooler {d * d + d}: {key}.",
        given={
            "layers": layers,
            "d": d,
            "vocabulary": vocabulary,
            "context": context,
            "segments": 2,
        },
        tolerance=0.1,
        unit="parameters",
        difficulty=4,
    )


@family("masked-lm-counts", "bert-architecture", "Corruption counts of masked LM", 1)
def masked_lm_counts(rng: Random) -> Instance:
    """80/10/10 of the chosen tokens."""
    share = rng.choice([10, 15, 20, 30, 40])
    tokens = 2000 * rng.randint(1, 60)
    chosen = tokens * share / 100
    asked, part = rng.choice(
        [("replaced by [MASK]", 0.8), ("replaced by a random token", 0.1), ("left unchanged", 0.1)]
    )
    return Instance(
        prompt=f"Masked language modeling corrupts a text of {show(tokens)} tokens: {share}% of "
        "the tokens are chosen for prediction; of these 80% turn into [MASK], 10% into a random "
        "token, and 10% stay as they are. How many of the chosen tokens are expected to be "
        f"{asked}?",
        key=chosen * part,
        mistakes={
            "you gave all chosen tokens": chosen,
            "you took the share of all tokens and not of the chosen ones": tokens * part,
            "you swapped the shares of masked and of other tokens": chosen * (0.9 - part),
        },
        explanation=f"{share}% of {tokens} is {chosen:g}; {part:.0%} of that is {chosen * part:g}.",
        given={"tokens": tokens, "share": share, "asked": asked},
        tolerance=0.1,
        unit="tokens",
        difficulty=1,
    )


@family("span-corruption", "t5-architecture", "Lengths under span corruption")
def span_corruption(rng: Random) -> Instance:
    """Encoder input length: kept tokens plus one sentinel a span."""
    spans, mean = rng.randint(3, 30), rng.choice([2, 3, 4, 5])
    removed = spans * mean
    length = removed * rng.randint(4, 9)
    return Instance(
        prompt=f"T5 corrupts a text of {length} tokens by replacing {spans} spans of {mean} tokens "
        "each by one sentinel token per span. The target lists every span behind its sentinel, "
        "and one more sentinel ends it. How many tokens do input and target have together "
        "(without an end-of-sequence token)?",
        key=float(length - removed + spans + removed + spans + 1),
        mistakes={
            "you left out the final sentinel of the target": float(length + 2 * spans),
            "you left out the sentinels of the input": float(length + spans + 1),
            "you left the removed tokens in the input": float(length + removed + 2 * spans + 1),
        },
        explanation=f"Input {length} - {removed} + {spans}, target {removed} + {spans} + 1.",
        given={"length": length, "spans": spans, "mean": mean},
        tolerance=0.1,
        unit="tokens",
        difficulty=3,
    )
