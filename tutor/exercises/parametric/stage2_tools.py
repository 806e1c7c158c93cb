"""Stage 2: counts behind stop words, classifiers, padding and the layers of a Transformer."""

from __future__ import annotations

import math
from random import Random

from tutor.exercises.parametric.family import Instance, draws, family, listed, show


@family("subsampling-kept", "stop-words", "Occurrences that subsampling keeps")
def subsampling_kept(rng: Random) -> Instance:
    """N·f·√(t/f) of N tokens."""
    million, percent = rng.randint(1, 20), rng.choice([0.1, 0.2, 0.5, 1, 2, 4, 5])
    t = rng.choice([1e-5, 2e-5, 5e-5, 1e-4])
    count = million * 1e6 * percent / 100
    share = math.sqrt(t / (percent / 100))
    return Instance(
        prompt=f"A corpus has {million} million tokens, and one word makes up {show(percent)}% of "
        "them. Word2Vec's subsampling keeps an occurrence with probability √(t/f), with "
        f"t = {show(t)}. How many occurrences of the word are kept on average (whole number)?",
        key=count * share,
        mistakes={
            "you gave the occurrences that are discarded": count * (1 - share),
            "you left out the square root": count * share**2,
            "you took the percentage for the share f": count * math.sqrt(t / percent),
        },
        explanation=f"{show(count)} occurrences, each kept with probability √({show(t)}/"
        f"{show(percent / 100)}) = {share:.5f}: {count * share:.1f}.",
        given={"million": million, "percent": percent, "t": t},
        tolerance=1.0,
        unit="occurrences",
        difficulty=3,
    )


@family("macro-f1", "text-classification", "Macro-F1 of a binary classifier", 1)
def macro_f1(rng: Random) -> Instance:
    """Mean of the F1 scores of both classes; the negative class has TN as its hits."""
    tp, fp, fn = rng.randint(5, 40), rng.randint(1, 30), rng.randint(1, 30)
    tn = 10 * rng.randint(5, 60)
    positive, negative = 2 * tp / (2 * tp + fp + fn), 2 * tn / (2 * tn + fp + fn)
    total = tp + fp + fn + tn
    return Instance(
        prompt=f"A spam filter has {tp} true positives, {fp} false positives, {fn} false negatives "
        f"and {tn} true negatives. Compute the macro-F1 over the classes spam and normal (three "
        "decimals).",
        key=(positive + negative) / 2,
        mistakes={
            "you gave the F1 score of the positive class": positive,
            "you gave the accuracy, which is micro-F1 here": (tp + tn) / total,
            "you weighted the classes by their size": (positive * (tp + fn) + negative * (tn + fp))
            / total,
        },
        explanation=f"F1 is {positive:.4f} for spam and {negative:.4f} for normal texts; their "
        f"mean is {(positive + negative) / 2:.4f}.",
        given={"tp": tp, "fp": fp, "fn": fn, "tn": tn},
        tolerance=0.001,
        difficulty=3,
    )


@family("encoder-decoder-weights", "transformer-architecture", "Weights of encoder and decoder")
def encoder_decoder_weights(rng: Random) -> Instance:
    """N·(4d² + 2df) + N·(8d² + 2df)."""
    d, layers = rng.choice([256, 512, 768, 1024]), rng.choice([2, 3, 4, 6, 8, 12])
    f = d * rng.choice([2, 4])
    encoder, decoder = 4 * d * d + 2 * d * f, 8 * d * d + 2 * d * f
    key = layers * (encoder + decoder)
    return Instance(
        prompt=f"An encoder-decoder Transformer has {layers} encoder and {layers} decoder layers "
        f"of width {d} with feed-forward size {f}. How many weights do the layers have in all? "
        "Leave out biases, layer norms and embeddings.",
        key=float(key),
        mistakes={
            "you left out cross-attention": float(2 * layers * encoder),
            "you counted the decoder alone": float(layers * decoder),
            "you left out the output projections of attention": float(key - layers * 3 * d * d),
            "you counted one layer of each": float(encoder + decoder),
        },
        explanation=f"An encoder layer has 4d² + 2d·f = {show(encoder)}, a decoder layer 8d² + "
        f"2d·f = {show(decoder)}; times {layers}: {show(key)}.",
        given={"layers": layers, "d": d, "f": f},
        tolerance=0.1,
        unit="parameters",
        difficulty=3,
    )


@family("layer-norm", "transformer-architecture", "Layer normalization of a vector", 1)
def layer_norm(rng: Random) -> Instance:
    """(x - mean) / √(population variance); scale 1, shift 0."""
    x = draws(rng, 4, -4, 6, 1)
    mean = sum(x) / 4
    variance = sum((value - mean) ** 2 for value in x) / 4
    key = (x[0] - mean) / math.sqrt(variance)
    return Instance(
        prompt=f"A token has the features {listed(x)}. Compute the first component after layer "
        "normalization with γ = 1, β = 0 and ε = 0 (population variance, three decimals).",
        key=key,
        mistakes={
            "you divided by the variance and not by its root": (x[0] - mean) / variance,
            "you did not subtract the mean": x[0] / math.sqrt(variance),
            "you divided the squares by n - 1": (x[0] - mean) / math.sqrt(variance * 4 / 3),
        },
        explanation=f"Mean {mean:g}, variance {variance:g}: ({show(x[0])} - {mean:g})/"
        f"√{variance:g} = {key:.4f}.",
        given={"x": x},
        tolerance=0.001,
        difficulty=3,
    )


@family("padding-mask", "transformers-library", "Zeros of an attention mask", 1)
def padding_mask(rng: Random) -> Instance:
    """Every text is filled up to the longest one of the batch."""
    lengths = rng.sample(range(4, 60), rng.choice([3, 4, 5]))
    limit = rng.choice([64, 128, 256])
    total, longest = sum(lengths), max(lengths)
    key = len(lengths) * longest - total
    return Instance(
        prompt=f"A batch has texts of {', '.join(map(str, lengths[:-1]))} and {lengths[-1]} tokens "
        f"(special tokens included). The tokenizer is called with `padding=True` and "
        f"`max_length={limit}`. How many zeros does the attention mask contain?",
        key=float(key),
        mistakes={
            "you counted the ones": float(total),
            "you padded to max_length": float(len(lengths) * limit - total),
            "you counted all positions": float(len(lengths) * longest),
        },
        explanation=f"{len(lengths)} texts are padded to {longest} tokens: {len(lengths)}·{longest}"
        f" - {total} = {key}.",
        given={"lengths": lengths, "limit": limit},
        tolerance=0.1,
        unit="zeros",
    )
