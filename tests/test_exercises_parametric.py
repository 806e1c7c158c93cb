"""Every family against a second implementation, written from the definition."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import numpy as np
import pytest

from tutor.errors import NotFoundError
from tutor.exercises.grade import grade
from tutor.exercises.parametric import FAMILIES, families, family_ids, parametric_question
from tutor.exercises.parametric.family import show
from tutor.exercises.question import questions_by_id

SEEDS = 200

Given = dict[str, Any]
SECOND: dict[str, Callable[[Given, str], float | str]] = {}


def second(name: str) -> Callable[[Callable[..., float | str]], Callable[..., float | str]]:
    """Register the second implementation of a family; it gets the given numbers by name."""

    def register(function: Callable[..., float | str]) -> Callable[..., float | str]:
        SECOND[name] = lambda given, prompt: function(**given)
        return function

    return register


def sm(scores: Any) -> np.ndarray:
    exponentials = np.exp(np.asarray(scores, dtype=float))
    return np.asarray(exponentials / exponentials.sum())


def sig(z: float) -> float:
    return float(0.5 * (1 + math.tanh(z / 2)))


@second("matrix-product-shape")
def _(a: int, b: int, c: int, d: int) -> str:
    rows, columns = (np.ones((a, b)) @ np.ones((b, c)) @ np.ones((c, d))).T.shape
    return f"${rows} \\times {columns}$"


@second("eigenvalues-2x2")
def _(a: int, b: int, d: int) -> float:
    return float(np.linalg.eigvalsh([[a, b], [b, d]]).max())


@second("gradient-composed")
def _(a: int, b: int, n: int, x: int) -> float:
    polynomial = np.polynomial.Polynomial([b, a]) ** n
    return float(polynomial.deriv()(x))


@second("bayes-rule")
def _(prior: int, hit: int, alarm: int) -> float:
    spam, ham = prior * hit, (100 - prior) * alarm  # of 10,000 mails
    return spam / (spam + ham)


@second("bias-variance")
def _(predictions: list[float], truth: int, asked: str) -> float:
    p = np.array(predictions)
    return float(p.var() if asked == "variance" else (p.mean() - truth) ** 2)


@second("kfold-sizes")
def _(k: int, n: int, epochs: int) -> float:
    folds = np.array_split(np.arange(n), k)
    return float(sum(n - len(fold) for fold in folds) * epochs)


@second("precision-recall")
def _(tp: int, fp: int, fn: int, tn: int, asked: str) -> float:
    truth = [1] * tp + [0] * fp + [1] * fn + [0] * tn
    said = [1] * (tp + fp) + [0] * (fn + tn)
    hits = sum(t and s for t, s in zip(truth, said, strict=True))
    return hits / sum(said) if asked == "precision" else hits / sum(truth)


@second("f1-score")
def _(tp: int, fp: int, fn: int) -> float:
    precision, recall = tp / (tp + fp), tp / (tp + fn)
    return 2 / (1 / precision + 1 / recall)


@second("logistic-loss")
def _(w: float, x: float, b: float, label: int) -> float:
    margin = (w * x + b) * (1 if label else -1)
    return float(np.logaddexp(0, -margin))


@second("neuron-forward")
def _(w: list[float], x: list[float], b: float) -> float:
    return sig(float(np.dot(w, x)) + b)


@second("gradient-descent-step")
def _(w: float, x: float, t: float, rate: float) -> float:
    def loss(v: float) -> float:
        return (v * x - t) ** 2

    return w - rate * (loss(w + 1e-4) - loss(w - 1e-4)) / 2e-4


@second("backprop-step")
def _(x: float, w1: float, w2: float, t: float) -> float:
    def loss(v: float) -> float:
        return 0.5 * (w2 * sig(v * x) - t) ** 2

    return (loss(w1 + 1e-5) - loss(w1 - 1e-5)) / 2e-5


@second("adam-step")
def _(beta1: float, beta2: float, rate: float, g1: float, g2: float) -> float:
    m = v = step = 0.0
    for t, g in enumerate((g1, g2), 1):
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
        step = rate * (m / (1 - beta1**t)) / math.sqrt(v / (1 - beta2**t))
    return step


@second("softmax-temperature")
def _(logits: list[float], t: float) -> float:
    return float(sm(np.array(logits) / t)[0])


@second("cross-entropy")
def _(logits: list[float], target: int) -> float:
    return float(-np.log(sm(logits)[target - 1]))


@second("conv-output-size")
def _(n: int, k: int, s: int, p: int) -> float:
    return float(len(range(0, n + 2 * p - k + 1, s)))


@second("conv-parameters")
def _(k: int, cin: int, cout: int, n: int) -> float:
    return float(np.zeros((cout, cin, k, k)).size + cout)


@second("pooling-output-size")
def _(n: int, c: int, cout: int, window: int) -> float:
    return float(len(range(0, n - window + 1, window)) ** 2 * cout)


@second("rnn-parameters")
def _(d: int, h: int, steps: int) -> float:
    return float(d * h + h * h + h)


@second("lstm-parameters")
def _(d: int, h: int) -> float:
    return float(4 * h * d + 4 * h * h + 4 * h)


@second("bpe-merges")
def _(**counts: int) -> float:
    corpus = [list(word) for word, count in counts.items() for _ in range(count)]
    for _ in range(2):
        pairs = Counter(p for word in corpus for p in itertools.pairwise(word))
        top = max(pairs.values())
        left, right = min(pair for pair, count in pairs.items() if count == top)
        for word in corpus:
            place = 0
            while place < len(word) - 1:
                if word[place] == left and word[place + 1] == right:
                    word[place : place + 2] = [left + right]
                place += 1
    return float(sum(map(len, corpus)))


@second("unigram-segmentation")
def _(tokens: list[str], counts: list[int], total: int) -> float:
    word, p = "".join(tokens[:3]), dict(zip(tokens, counts, strict=True))
    best = [0.0] + [-math.inf] * len(word)
    for end in range(1, len(word) + 1):
        for start in range(end):
            if word[start:end] in p:
                best[end] = max(best[end], best[start] + math.log(p[word[start:end]] / total))
    return best[-1]


@second("tf-idf")
def _(tf: int, length: int, n: int, df: int) -> float:
    return tf * (math.log(n) - math.log(df)) / length


@second("cosine-similarity")
def _(a: list[int], b: list[int]) -> float:
    return float(np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b))


@second("bm25-score")
def _(tf: int, df: int, n: int, length: int, mean: int, k1: float, b: float) -> float:
    inverse = math.log((n + 1) / (df + 0.5))
    return inverse * tf * (k1 + 1) / (tf + k1 * (1 + b * (length / mean - 1)))


@second("bigram-smoothing")
def _(pair: int, context: int, vocabulary: int, k: float) -> float:
    return (pair + k) / (context + vocabulary * k)


@second("perplexity")
def _(p: list[float]) -> float:
    return float(np.prod(p) ** (-1 / len(p)))


@second("negative-sampling-loss")
def _(v: Any, context: Any, first: Any, second: Any) -> float:
    terms = [sig(np.dot(context, v)), sig(-np.dot(first, v)), sig(-np.dot(second, v))]
    return -math.log(math.prod(terms))


@second("positional-encoding")
def _(d: int, pos: int, dim: int) -> float:
    table = np.zeros(d)
    rates = np.exp(-np.arange(0, d, 2) * math.log(10000) / d)
    table[0::2], table[1::2] = np.sin(pos * rates), np.cos(pos * rates)
    return float(table[dim])


@second("attention-output")
def _(q: Any, keys: Any, values: Any) -> float:
    return float(sm(np.array(keys) @ np.array(q) / math.sqrt(len(q))) @ np.array(values))


@second("causal-mask")
def _(scores: list[float], row: int, column: int) -> float:
    masked = np.where(np.arange(5) < row, scores, -np.inf)
    return float(sm(masked)[column - 1])


@second("attended-pairs")
def _(n: int, heads: int, layers: int) -> float:
    return float(np.tril(np.ones((n, n))).sum() * heads * layers)


@second("entity-f1")
def _(gold: int, predicted: int, exact: int, border: int, spurious: int) -> float:
    precision, recall = exact / predicted, exact / gold
    return 2 * precision * recall / (precision + recall)


@second("viterbi-step")
def _(noun: float, verb: float, from_noun: float, from_verb: float, emission: float) -> float:
    return float(np.max(np.array([noun, verb]) * [from_noun, from_verb] * emission))


@second("attention-scale")
def _(heads: int, model: int) -> float:
    return float((model / heads) ** 0.5)


@second("multi-head-shapes")
def _(batch: int, heads: int, length: int, model: int) -> str:
    q = np.zeros((batch, length, heads, model // heads), dtype=np.int8).transpose(0, 2, 1, 3)
    return str((*q.shape[:3], q.shape[2]))


@second("multi-head-parameters")
def _(heads: int, d: int) -> float:
    size = d // heads
    return float(heads * 3 * d * size + heads * size * d)


@second("ffn-parameters")
def _(d: int, f: int, n: int) -> float:
    return float((d + 1) * f + (f + 1) * d)


def block(d: int, f: int) -> int:
    return 4 * (d + 1) * d + (d + 1) * f + (f + 1) * d + 2 * 2 * d


@second("block-parameters")
def _(d: int, f: int) -> float:
    return float(block(d, f))


@second("beam-search")
def _(first: Any, third: float, after_a: Any, after_b: Any, c: float) -> float:
    beam = sorted(
        [(first[0], after_a), (first[1], after_b), (third, [c])], key=lambda entry: -entry[0]
    )
    return float(max(p * q for p, after in beam[:2] for q in after))


@second("top-k-sampling")
def _(logits: Any, k: int, logit: float) -> float:
    masked = [z if z >= sorted(logits)[-k] else -np.inf for z in logits]
    return float(sm(masked)[logits.index(logit)])


@second("top-p-sampling")
def _(probabilities: Any, p: float) -> float:
    sums = np.cumsum(probabilities)
    kept = int(np.searchsorted(sums, p - 1e-9)) + 1
    return float(probabilities[0] / sums[kept - 1])


@second("bert-config-parameters")
def _(layers: int, d: int, vocabulary: int) -> float:
    return float(layers * block(d, 4 * d) + vocabulary * d)


@second("gpt2-parameters")
def _(layers: int, d: int, vocabulary: int, context: int) -> float:
    return float(vocabulary * d + context * d + layers * block(d, 4 * d) + 2 * d)


@second("bert-parameters")
def _(layers: int, d: int, vocabulary: int, context: int, segments: int) -> float:
    embeddings = (vocabulary + context + segments) * d + 2 * d
    return float(embeddings + layers * block(d, 4 * d) + d * (d + 1))


@second("masked-lm-counts")
def _(tokens: int, share: int, asked: str) -> float:
    return tokens * share * (80 if "MASK" in asked else 10) / 10_000


@second("span-corruption")
def _(length: int, spans: int, mean: int) -> float:
    source = ["kept"] * (length - spans * mean) + ["sentinel"] * spans
    target = (["sentinel"] + ["token"] * mean) * spans + ["sentinel"]
    return float(len(source + target))


@second("training-flops")
def _(n: float, tokens: int) -> float:
    return 6 * (n * 1e9) * (tokens * 1e9) / 1e21


@second("inference-flops")
def _(n: float, tokens: int) -> float:
    return 2 * (n * 1e9) * tokens / 1e12


@second("chinchilla-tokens")
def _(compute: float, ratio: int) -> float:
    return ratio * math.sqrt(compute * 1e18 / (6 * ratio)) / 1e9


@second("training-days")
def _(n: int, tokens: int, gpus: int, peak: int, use: int) -> float:
    return 6 * n * 1e9 * tokens * 1e9 / (gpus * peak * 1e12 * use * 0.01) / 3600 / 24


@second("training-memory")
def _(n: float, bytes: list[int]) -> float:
    half, single = bytes
    return n * (half + half + 3 * single)


@second("zero-shards")
def _(n: int, gpus: int, stage: int, bytes: list[int]) -> float:
    half, states = bytes
    shared = [half if stage < 3 else half / gpus, half if stage < 2 else half / gpus]
    return n * (sum(shared) + states / gpus)


@second("all-reduce-bytes")
def _(n: float, size: int, p: int) -> float:
    chunk = n * size / p
    return sum(chunk for _ in range(2 * (p - 1)))


@second("global-batch")
def _(gpus: int, micro: int, steps: int, length: int) -> float:
    return float(math.prod((gpus, micro, steps, length)))


@second("tensor-parallel-shard")
def _(d: int, f: int, ranks: int) -> float:
    columns = f // ranks
    return float(d * columns + columns + columns * d + d)


@second("pipeline-bubble")
def _(p: int, m: int) -> float:
    # Ticks of the forward phase: the last micro-batch leaves the last stage at m + p - 1.
    ticks = max(batch + stage for batch in range(m) for stage in range(p)) + 1
    return 1 - m / ticks


@second("activation-memory")
def _(layers: int, d: int, batch: int, length: int, bytes: int) -> float:
    return layers * d * batch * length * bytes / 1024 / 1024


@second("parallel-layout")
def _(layers: int, gpus: int, tensor: int, pipeline: int) -> float:
    return float(len(np.arange(gpus).reshape(-1, pipeline, tensor)))


@second("bradley-terry-loss")
def _(chosen: float, rejected: float) -> float:
    return -math.log(math.exp(chosen) / (math.exp(chosen) + math.exp(rejected)))


@second("dpo-loss")
def _(pc: float, pr: float, rc: float, rr: float, beta: float) -> float:
    return float(np.logaddexp(0, -(beta * (pc - rc) - beta * (pr - rr))))


@second("ppo-clip")
def _(ratio: float, advantage: float, eps: float) -> float:
    if advantage >= 0:
        return advantage * min(ratio, 1 + eps)
    return advantage * max(ratio, 1 - eps)


@second("kl-policies")
def _(p: Any, q: Any) -> float:
    return float(np.sum(np.array(p) * (np.log(p) - np.log(q))))


@second("lora-parameters")
def _(d: int, rank: int, layers: int, matrices: int) -> float:
    return float((np.zeros((rank, d)).size + np.zeros((d, rank)).size) * matrices * layers)


@second("distillation-loss")
def _(teacher: Any, student: Any, t: int) -> float:
    p, q = sm(np.array(teacher) / t), sm(np.array(student) / t)
    return float(t**2 * (p * np.log(p / q)).sum())


@second("rouge-score")
def _(reference: str, candidate: str, asked: str) -> float:
    gold, said = reference.split(), candidate.split()
    if asked == "ROUGE-1":
        hits = sum(min(gold.count(word), said.count(word)) for word in set(gold))
    else:
        hits = next(
            size
            for size in range(min(len(gold), len(said)), -1, -1)
            if {tuple(c) for c in itertools.combinations(gold, size)}
            & {tuple(c) for c in itertools.combinations(said, size)}
        )
    precision, recall = hits / len(said), hits / len(gold)
    return 2 * precision * recall / (precision + recall) if hits else 0.0


@second("bleu-score")
def _(reference: str, candidate: str) -> float:
    gold, said = reference.split(), candidate.split()
    logs = 0.0
    for n in (1, 2):
        left = [tuple(gold[i : i + n]) for i in range(len(gold) - n + 1)]
        grams = [tuple(said[i : i + n]) for i in range(len(said) - n + 1)]
        hits = 0
        for gram in grams:
            if gram in left:
                left.remove(gram)
                hits += 1
        logs += math.log(hits / len(grams)) / 2
    return math.exp(logs + min(0, 1 - len(gold) / len(said)))


@second("absmax-quantisation")
def _(x: Any, bits: int, levels: int) -> float:
    array = np.array(x)
    step = np.abs(array).max() / levels
    return float(np.abs(np.rint(array / step) * step - array).mean())


@second("zero-point-quantisation")
def _(low: float, high: float, value: float, levels: int) -> float:
    scale = (high - low) / levels
    return float(np.rint(value / scale) + np.rint(-low / scale))


@second("weight-memory")
def _(n: float, bits: int, group: int, scale: int) -> float:
    return (n * bits + n / group * scale) / 8


@second("kv-cache-bytes")
def _(layers: int, heads: int, kv: int, size: int, batch: int, length: int, bytes: int) -> float:
    key_bytes = batch * length * kv * size * bytes
    return layers * (key_bytes + key_bytes) / 1024**2


@second("gqa-saving")
def _(memory: int, layers: int, heads: int, kv: int, size: int, bytes: int) -> float:
    return float(math.floor(memory * 1024**3 / (layers * 2 * kv * size * bytes)))


@second("speculative-decoding")
def _(rate: float, k: int) -> float:
    return 1 + sum(rate**i for i in range(1, k + 1))


@second("arithmetic-intensity")
def _(b: int, d: int, bytes: int) -> float:
    return 2 * b * d * d / (bytes * (b * d + d * d + b * d))


@second("roofline")
def _(peak: float, bandwidth: float, intensity: float) -> float:
    return peak if intensity >= peak / bandwidth else bandwidth * intensity


@second("decode-speed")
def _(n: int, size: int, bandwidth: int, batch: int) -> float:
    seconds_a_step = n * size / bandwidth
    return batch / seconds_a_step


@second("batch-latency")
def _(fixed: int, each: float, batch: int, tokens: int) -> float:
    return sum((fixed + batch * each) / 1000 for _ in range(tokens))


@second("broadcast-bytes")
def _(n: int, m: int, d: int, dtype: str) -> float:
    shape = np.broadcast_shapes((n, 1, d), (1, m, d))
    return float(math.prod(shape) * np.dtype(dtype).itemsize)


@second("accumulated-gradient")
def _(w: int, n: int, a: int, b: int) -> float:
    polynomial = np.polynomial.Polynomial
    return float((polynomial([0, 1]) ** n * a + polynomial([0, b])).deriv()(w))


@second("subsampling-kept")
def _(million: int, percent: float, t: float) -> float:
    # N·f·√(t/f) = N·√(t·f)
    return million * 1e6 * math.sqrt(t * percent * 0.01)


@second("macro-f1")
def _(tp: int, fp: int, fn: int, tn: int) -> float:
    scores = []
    for hits, false, missed in ((tp, fp, fn), (tn, fn, fp)):
        precision, recall = hits / (hits + false), hits / (hits + missed)
        scores.append(2 * precision * recall / (precision + recall))
    return sum(scores) / 2


@second("encoder-decoder-weights")
def _(d: int, layers: int, f: int) -> float:
    attention = [(d, d)] * 4  # queries, keys, values, output
    feed_forward = [(d, f), (f, d)]
    matrices = attention + feed_forward + 2 * attention + feed_forward
    return float(layers * sum(rows * columns for rows, columns in matrices))


@second("layer-norm")
def _(x: list[float]) -> float:
    return float((np.array(x)[0] - np.mean(x)) / np.std(x))


@second("padding-mask")
def _(lengths: list[int], limit: int) -> float:
    rows = itertools.zip_longest(*[[1] * length for length in lengths], fillvalue=0)
    return float(sum(row.count(0) for row in rows))


@second("noam-rate")
def _(d: int, warmup: int, step: int) -> float:
    peak = (d * warmup) ** -0.5
    return 1e4 * peak * (step / warmup if step < warmup else math.sqrt(warmup / step))


@second("linear-schedule")
def _(peak: int, total: int, warmup: int, step: int) -> float:
    return float(np.interp(step, [0, warmup, total], [0, peak, 0]))


@second("training-updates")
def _(examples: int, batch: int, devices: int, accumulation: int, epochs: int) -> float:
    loads = len(range(0, examples, batch * devices))
    return float(epochs * len(range(0, loads, accumulation)))


@second("contextual-calibration")
def _(said: float, other: float, empty: float, other_empty: float) -> float:
    # In log-odds the empty input is subtracted.
    return sig(math.log(said / other) - math.log(empty / other_empty))


@second("attention-entropy")
def _(weights: list[float]) -> float:
    # ln n less the divergence from the uniform row.
    n = len(weights)
    return float(math.log(n) - sum(w * math.log(w * n) for w in weights))


@second("reciprocal-rank")
def _(ranks: list[int]) -> float:
    return float(np.mean(1 / np.array([*ranks, math.inf])))


@second("history-budget")
def _(window: int, system: int, passages: int, message: int, reply: int, each: int) -> float:
    count = 0
    while system + passages + message + reply + (count + 1) * each <= window:
        count += 1
    return float(count)


@second("language-sampling")
def _(shares: list[int], alpha: float) -> float:
    return float(100 * sm(alpha * np.log(shares))[-1])


@second("answer-latency")
def _(first: float, rate: int, tokens: int) -> float:
    return float(np.linspace(first, first + (tokens - 1) / rate, tokens)[-1])


@second("false-refusals")
def _(harmful: int, harmless: int, caught: int, refused: int) -> float:
    return 100 * float(np.mean([1] * refused + [0] * (harmless - refused)))


@second("cohens-kappa")
def _(both: int, neither: int, only_a: int, only_b: int) -> float:
    table = np.array([[both, only_a], [only_b, neither]], dtype=float)
    table /= table.sum()
    chance = float(np.trace(np.outer(table.sum(axis=1), table.sum(axis=0))))
    return float((np.trace(table) - chance) / (1 - chance))


@second("stability-index")
def _(old: int, new: int) -> float:
    # The difference of the shares times the difference of their log-odds.
    return (new - old) / 100 * (math.log(new / (100 - new)) - math.log(old / (100 - old)))


@second("bisection-time")
def _(n: int, minutes: int) -> float:
    runs = 0
    while n > 1:
        n, runs = n - n // 2, runs + 1
    return float(runs * minutes)


@second("citation-precision")
def _(n: int, cited: int, elsewhere: int, none: int, asked: str) -> float:
    return 100 - 100 * (none + (elsewhere if "precision" in asked else 0)) / n


@second("ensemble-variance")
def _(members: int, variance: float, rho: float) -> float:
    covariance = np.full((members, members), rho * variance)
    np.fill_diagonal(covariance, variance)
    weights = np.full(members, 1 / members)
    return float(weights @ covariance @ weights)


@second("reading-budget")
def _(titles: int, seconds: int, first: int, minutes: int, second: int, hours: float) -> float:
    return float(np.dot([titles, first, second], [seconds, 60 * minutes, 3600 * hours]) / 60)


@second("petaflop-days")
def _(n: float, tokens: int) -> float:
    return 6 * n * tokens * 1e3 / 24 / 3600


@second("equal-opportunity-gap")
def _(
    a: int, fit_a: int, hits_a: int, wrong_a: int, b: int, fit_b: int, hits_b: int, wrong_b: int
) -> float:
    missed = [(fit_a - hits_a) / fit_a, (fit_b - hits_b) / fit_b]
    return 100 * (missed[1] - missed[0])


@second("canary-exposure")
def _(rank: int, power: int) -> float:
    return math.log2(2**power / rank)


@second("image-tokens")
def _(patch: int, height: int, width: int) -> float:
    return float(len(range(0, height, patch)) * len(range(0, width, patch)) + 1)


@second("reliability")
def _(c: int, n: int, k: int) -> float:
    chosen = itertools.combinations([True] * c + [False] * (n - c), k)
    return float(np.mean([all(runs) for runs in chosen]))


def flat(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for entry in value:
            yield from flat(entry)
    else:
        yield value


def test_every_family_has_a_second_implementation() -> None:
    assert set(SECOND) == set(FAMILIES)
    assert len(FAMILIES) >= 100


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_family_agrees_with_its_second_implementation(name: str) -> None:
    family = FAMILIES[name]
    for seed in range(SEEDS):
        instance = family.make(Random(f"{name}:{seed}"))
        again = SECOND[name](dict(instance.given), instance.prompt)
        if instance.kind == "choice":
            assert again == instance.key
        else:
            assert isinstance(instance.key, int | float)
            # Numeric derivatives and rounding ties apart, the two agree far below the tolerance.
            slack = max(1e-9, 0.05 * instance.tolerance)
            assert math.isclose(float(again), instance.key, rel_tol=1e-9, abs_tol=slack)
        assert instance.distinct
        assert len(instance.mistakes) >= 2
        for number in flat(instance.given):
            shown = number if isinstance(number, str) else show(number)
            assert shown in instance.prompt, (seed, number)
        if instance.kind == "numeric":
            key = abs(float(instance.key))
            assert 0 < instance.tolerance <= max(0.1, 0.02 * key), seed
        assert instance.explanation and 1 <= instance.difficulty <= 5


def test_questions_are_reproducible_and_gradable() -> None:
    for name, seed in itertools.product(family_ids(), range(3)):
        question = parametric_question(name, seed)
        assert question == questions_by_id(question.id)
        if question.kind == "choice":
            assert question.options and len(set(question.options)) == 4
            assert isinstance(question.key, int)
            assert grade(question, question.options[question.key]).verdict == "correct"
            wrong = (question.key + 1) % 4
            result = grade(question, question.options[wrong])
            assert result.verdict == "incorrect" and "It looks as if you" in result.feedback
        else:
            assert grade(question, repr(question.key)).verdict == "correct"
            for mistake in question.mistakes:
                result = grade(question, repr(mistake.value))
                assert result.verdict == "partial", (name, seed, mistake)
                assert mistake.why[1:] in result.feedback


def test_seeds_give_different_questions() -> None:
    prompts = {
        name: {family.make(Random(f"{seed}")).prompt for seed in range(40)}
        for name, family in FAMILIES.items()
    }
    assert [name for name, found in prompts.items() if len(found) < 12] == []


def test_families_belong_to_topics_of_all_stages() -> None:
    stages = {parametric_question(name, 0).stage for name in FAMILIES}
    assert stages == set(range(1, 8))


def test_kind_filter_of_families() -> None:
    assert all(parametric_question(name, 1).kind == "choice" for name in families("choice"))
    assert "softmax-temperature" not in families("choice")
    assert families("text") == {}


def test_unknown_family_names_the_nearest() -> None:
    with pytest.raises(NotFoundError, match="param:softmax-temperature:0"):
        questions_by_id("param:softmax-temprature:1")
