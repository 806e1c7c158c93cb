"""Stage 2: tokens, counts and weights of words."""

from __future__ import annotations

import math
from collections import Counter
from random import Random

from tutor.exercises.parametric.family import Instance, draws, family, listed, show

_WORDS = ("hug", "pug", "pun", "bun", "hugs", "low", "lower", "newest", "widest", "hot", "hotel")


def merge_pairs(counts: dict[str, int], merges: int) -> list[tuple[tuple[str, ...], int]]:
    """Byte-pair encoding of a tiny corpus; ties go to the alphabetically first pair."""
    words = [(tuple(word), count) for word, count in counts.items()]
    for _ in range(merges):
        pairs: Counter[tuple[str, str]] = Counter()
        for symbols, count in words:
            for pair in zip(symbols, symbols[1:], strict=False):
                pairs[pair] += count
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        words = [(_merge(symbols, best), count) for symbols, count in words]
    return words


def _merge(symbols: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    merged: list[str] = []
    for symbol in symbols:
        if merged and (merged[-1], symbol) == pair:
            merged[-1] += symbol
        else:
            merged.append(symbol)
    return tuple(merged)


@family("bpe-merges", "tokenization-lemmatization-stemming", "Byte-pair merges on a tiny corpus")
def bpe_merges(rng: Random) -> Instance:
    """Tokens of the corpus after two merges."""
    words = rng.sample(_WORDS, 3)
    counts = {word: rng.randint(2, 15) for word in words}

    def tokens(merges: int) -> float:
        return float(sum(len(s) * n for s, n in merge_pairs(counts, merges)))

    shown = ", ".join(f"“{word}” {count} times" for word, count in counts.items())
    return Instance(
        prompt=f"A corpus holds {shown}. Byte-pair encoding starts from single characters, never "
        "crosses word borders, and breaks ties in favor of the alphabetically first pair. How "
        "many tokens does the corpus have after two merges?",
        key=tokens(2),
        mistakes={
            "you stopped after the first merge": tokens(1),
            "you counted the characters, before any merge": tokens(0),
            "you did one merge too many": tokens(3),
            "you counted every word once, without its frequency": float(
                sum(len(s) for s, _ in merge_pairs(counts, 2))
            ),
        },
        explanation=f"{tokens(0):g} characters; the merges lower this to {tokens(1):g} and "
        f"{tokens(2):g}.",
        given=counts,
        tolerance=0.1,
        unit="tokens",
        difficulty=3,
    )


@family("unigram-segmentation", "tokenization-lemmatization-stemming", "Best unigram segmentation")
def unigram_segmentation(rng: Random) -> Instance:
    """Log probability of the most likely segmentation of a word."""
    prefix, stem, suffix = rng.choice(
        [("un", "like", "ly"), ("re", "use", "d"), ("un", "do", "ing")]
    )
    tokens = [prefix, stem, suffix, prefix + stem, stem + suffix]
    counts = [rng.randint(5, 90) * (3 if i < 3 else 1) for i in range(5)]
    total = rng.choice([1000, 2000, 5000])
    p = {token: count / total for token, count in zip(tokens, counts, strict=True)}
    ways = [[prefix, stem, suffix], [prefix + stem, suffix], [prefix, stem + suffix]]
    scores = sorted(sum(math.log(p[token]) for token in way) for way in ways)
    best = max(ways, key=lambda way: sum(math.log(p[token]) for token in way))
    shown = ", ".join(f"“{t}” {c}" for t, c in zip(tokens, counts, strict=True))
    return Instance(
        prompt=f"A unigram tokenizer estimates token probabilities from counts out of {total}: "
        f"{shown}. What is the natural-log probability of the best segmentation of "
        f"“{prefix}{stem}{suffix}” (three decimals)?",
        key=scores[2],
        mistakes={
            "you took the worst of the three segmentations": scores[0],
            "you took the second-best segmentation": scores[1],
            "you added the probabilities before taking the logarithm": math.log(
                sum(p[token] for token in best)
            ),
        },
        explanation=f"Best is {' + '.join(best)}: the logs of its token probabilities add up to "
        f"{scores[2]:.4f}.",
        given={"tokens": tokens, "counts": counts, "total": total},
        tolerance=0.001,
        difficulty=4,
    )


@family("tf-idf", "bow-tfidf", "TF-IDF weight", 1)
def tf_idf(rng: Random) -> Instance:
    """tf / length · ln(N / df)."""
    tf, length = rng.randint(2, 12), rng.randint(50, 300)
    n, df = rng.randint(100, 5000), rng.randint(2, 90)
    idf = math.log(n / df)
    return Instance(
        prompt=f"A word occurs {tf} times in a document of {length} words, and in {df} of {n} "
        "documents. Compute its TF-IDF weight, with term frequency as a share of the "
        "document and idf = ln(N/df) (four decimals).",
        key=tf / length * idf,
        mistakes={
            "you used the raw count and not the share": tf * idf,
            "you left out idf": tf / length,
            "you used a logarithm to base 10": tf / length * math.log10(n / df),
            "you turned the fraction in idf over": tf / length * -idf,
        },
        explanation=f"{tf}/{length} · ln({n}/{df}) = {tf / length * idf:.5f}.",
        given={"tf": tf, "length": length, "n": n, "df": df},
        tolerance=0.0002,
    )


@family("cosine-similarity", "bow-tfidf", "Cosine similarity of two documents", 1)
def cosine_similarity(rng: Random) -> Instance:
    """Of two count vectors."""
    a, b = ([rng.randint(0, 5) for _ in range(4)] for _ in range(2))
    a[0], b[0] = a[0] + 1, b[0] + 1
    dot = sum(i * j for i, j in zip(a, b, strict=True))
    na, nb = math.hypot(*a), math.hypot(*b)
    return Instance(
        prompt=f"Two documents have the count vectors {listed(a)} and {listed(b)}. Compute their "
        "cosine similarity (three decimals).",
        key=dot / (na * nb),
        mistakes={
            "you gave the dot product without dividing by the lengths": float(dot),
            "you divided by the squared lengths": dot / (na * nb) ** 2,
            "you gave the Euclidean distance": math.dist(a, b),
        },
        explanation=f"{dot} / ({na:.4f} · {nb:.4f}) = {dot / (na * nb):.4f}.",
        given={"a": a, "b": b},
        tolerance=0.001,
    )


@family("bm25-score", "bow-tfidf", "BM25 score of one term", 1)
def bm25_score(rng: Random) -> Instance:
    """Robertson's formula with the idf that is never negative."""
    tf, df, n = rng.randint(1, 8), rng.randint(1, 60), rng.choice([500, 1000, 2000])
    length, mean = (int(x) for x in draws(rng, 2, 40, 400, 20))
    k1, b = rng.choice([1.2, 1.5, 2]), rng.choice([0.5, 0.75])
    idf = math.log(1 + (n - df + 0.5) / (df + 0.5))

    def score(norm: float) -> float:
        return idf * tf * (k1 + 1) / (tf + k1 * norm)

    norm = 1 - b + b * length / mean
    return Instance(
        prompt=f"Score one query term with BM25, k1 = {show(k1)}, b = {show(b)} and idf = "
        f"ln(1 + (N - df + 0.5)/(df + 0.5)): it occurs {tf} times in a document of {length} "
        f"words (mean length {mean}) and in {df} of {n} documents. Use tf·(k1 + 1)/(tf + "
        "k1·(1 - b + b·length/mean)) (three decimals).",
        key=score(norm),
        mistakes={
            "you left out the length normalization": score(1.0),
            "you turned the length ratio over": score(1 - b + b * mean / length),
            "you left out idf": score(norm) / idf,
            "you did not saturate the term frequency": idf * tf,
        },
        explanation=f"idf = {idf:.4f}, length factor {norm:.4f}, score {score(norm):.4f}.",
        given={"tf": tf, "df": df, "n": n, "length": length, "mean": mean, "k1": k1, "b": b},
        tolerance=0.002,
        difficulty=4,
    )


@family("bigram-smoothing", "rnn-text-generation", "Smoothed bigram probability")
def bigram_smoothing(rng: Random) -> Instance:
    """Add-k."""
    pair, extra = rng.randint(0, 20), rng.randint(5, 200)
    context = pair + extra
    vocabulary = rng.choice([50, 100, 500, 1000])
    k = rng.choice([0.1, 0.5, 1])
    return Instance(
        prompt=f"In a corpus with a vocabulary of {vocabulary} words, “the” occurs {context} times "
        f"as the first word of a bigram, and {pair} times with “cat” behind it. Compute P(cat | "
        f"the) with add-k smoothing, k = {show(k)} (five decimals).",
        key=(pair + k) / (context + k * vocabulary),
        mistakes={
            "you did not smooth": pair / context,
            "you added k to the denominator once and not for every word": (pair + k)
            / (context + k),
            "you added nothing to the count of the bigram": pair / (context + k * vocabulary),
        },
        explanation=f"({pair} + {k:g}) / ({context} + {k:g}·{vocabulary}) = "
        f"{(pair + k) / (context + k * vocabulary):.6f}.",
        given={"pair": pair, "context": context, "vocabulary": vocabulary, "k": k},
        tolerance=0.00002,
    )


@family("perplexity", "rnn-text-generation", "Perplexity of a short text", 2)
def perplexity(rng: Random) -> Instance:
    """From the probabilities that the model gave to the tokens."""
    p = draws(rng, 4, 0.05, 0.9, 0.05)
    nats = -sum(map(math.log, p)) / 4
    return Instance(
        prompt=f"A language model gives the four tokens of a text the probabilities {listed(p)}. "
        "Compute its perplexity on the text (two decimals).",
        key=math.exp(nats),
        mistakes={
            "you gave the cross-entropy in nats": nats,
            "you gave the cross-entropy in bits": nats / math.log(2),
            "you did not divide by the number of tokens": math.exp(4 * nats),
            "you took one over the mean probability": 4 / sum(p),
        },
        explanation=f"The mean negative log is {nats:.4f} nats; exp of that is "
        f"{math.exp(nats):.4f}.",
        given={"p": p},
        tolerance=0.01,
    )
