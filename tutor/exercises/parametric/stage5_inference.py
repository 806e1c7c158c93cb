"""Stage 5: compression and efficient inference."""

from __future__ import annotations

import math
from random import Random

from tutor.exercises.parametric.family import Instance, draws, family, listed, show


@family("absmax-quantisation", "model-compression", "Error of absmax quantization", 0)
def absmax_quantisation(rng: Random) -> Instance:
    """Mean absolute error of a vector at a few bits."""
    x, bits = draws(rng, 4, -3, 3, 0.1), rng.choice([3, 4])
    levels = 2 ** (bits - 1) - 1
    scale = max(map(abs, x)) / levels

    def error(step: float, rounding: bool = True) -> float:
        grid = [(round(v / step) if rounding else math.trunc(v / step)) * step for v in x]
        return sum(abs(a - b) for a, b in zip(x, grid, strict=True)) / len(x)

    return Instance(
        prompt=f"Quantize {listed(x)} by symmetric absmax to {bits} bits (integers from "
        f"-{levels} to {levels}, rounded to the nearest) and back. What is the mean absolute "
        "error (four decimals)?",
        key=error(scale),
        mistakes={
            "you cut off instead of rounding": error(scale, rounding=False),
            f"you used {2**bits - 1} positive levels": error(max(map(abs, x)) / (2**bits - 1)),
            "you gave the sum of the errors and not their mean": 4 * error(scale),
        },
        explanation=f"The step is {max(map(abs, x)):g}/{levels} = {scale:.5f}; the mean error is "
        f"{error(scale):.5f}.",
        given={"x": x, "bits": bits, "levels": levels},
        tolerance=0.0005,
        difficulty=4,
    )


@family("zero-point-quantisation", "model-compression", "Zero point of asymmetric quantization", 0)
def zero_point_quantisation(rng: Random) -> Instance:
    """Integer that a value becomes with scale and zero point."""
    low, high = -rng.randint(2, 40) / 10, rng.randint(5, 80) / 10
    value = round(rng.uniform(low, high), 1)
    scale = (high - low) / 255
    zero = round(-low / scale)
    key = round(value / scale) + zero
    return Instance(
        prompt=f"Values from {show(low)} to {show(high)} are quantized to 8 bits (0 to 255): scale "
        "= (max - min)/255, zero point = round(-min/scale), q = round(x/scale) + zero point. "
        f"Which integer does {show(value)} become?",
        key=float(key),
        mistakes={
            "you left out the zero point": float(round(value / scale)),
            "you subtracted the zero point": float(round(value / scale) - zero),
            "you used the symmetric scale of absmax": float(round(value / (max(-low, high) / 127))),
        },
        explanation=f"scale {scale:.5f}, zero point {zero}: {round(value / scale)} + {zero} = "
        f"{key}.",
        given={"low": low, "high": high, "value": value, "levels": 255},
        tolerance=0.1,
        difficulty=3,
    )


@family("weight-memory", "model-compression", "Memory of weights by precision", 0)
def weight_memory(rng: Random) -> Instance:
    """Including the scales of group-wise quantization."""
    n, bits = rng.choice([1, 1.5, 3, 7, 8, 13, 34, 70]), rng.choice([4, 8])
    group = rng.choice([32, 64, 128])
    key = n * (bits + 16 / group) / 8
    return Instance(
        prompt=f"A model of {show(n)} billion parameters is stored as int{bits} with one fp16 "
        f"(16-bit) scale for every group of {group} weights. How many GB (10^9 bytes) do weights "
        "and scales take (three decimals)?",
        key=key,
        mistakes={
            "you left out the scales": n * bits / 8,
            "you gave fp16 weights": 2.0 * n,
            "you counted the bits as bytes": n * (bits + 16 / group),
        },
        explanation=f"({bits} + 16/{group})/8 = {(bits + 16 / group) / 8:g} bytes a weight: "
        f"{key:g} GB.",
        given={"n": n, "bits": bits, "group": group, "scale": 16},
        tolerance=0.003 * n,
        unit="GB",
    )


@family("kv-cache-bytes", "efficient-inference", "Bytes of the KV cache", 0)
def kv_cache_bytes(rng: Random) -> Instance:
    """2 · layers · kv heads · head size · length · batch · 2 bytes."""
    layers, heads = rng.choice([16, 24, 32, 40]), rng.choice([16, 32])
    variant, kv = rng.choice([("multi-head", heads), ("grouped-query", 8), ("multi-query", 1)])
    size, length = rng.choice([64, 128]), rng.choice([1024, 2048, 4096])
    batch = rng.choice([3, 4, 6, 8])
    key = 2 * layers * kv * size * length * batch * 2 / 2**20
    other = 1 if kv == heads else heads
    return Instance(
        prompt=f"A model with {layers} layers uses {variant} attention: {heads} query heads and "
        f"{kv} key-value heads of size {size}. How many MiB (2^20 bytes) does its KV cache take "
        f"at 2 bytes a value for a batch of {batch} sequences of {length} tokens?",
        key=key,
        mistakes={
            "you stored keys but no values": key / 2,
            "you counted one layer": key / layers,
            f"you used {other} key-value heads": key * other / kv,
            "you counted values and not bytes (and keys alone)": key / 4,
        },
        explanation=f"2·{layers}·{kv}·{size}·{length}·{batch}·2 bytes = {key:g} MiB.",
        given={
            "layers": layers,
            "heads": heads,
            "kv": kv,
            "size": size,
            "batch": batch,
            "length": length,
            "bytes": 2,
        },
        tolerance=0.001 * key,
        unit="MiB",
        difficulty=3,
    )


@family("gqa-saving", "efficient-inference", "Longest context that fits a KV cache", 0)
def gqa_context(rng: Random) -> Instance:
    """Tokens of cache in a given memory."""
    layers, kv, size = rng.choice([24, 32, 48]), rng.choice([2, 4, 8]), rng.choice([64, 128])
    memory, heads = rng.choice([2, 4, 6, 8]), rng.choice([16, 32])
    per_token = 2 * layers * kv * size * 2
    key = memory * 2**30 // per_token
    return Instance(
        prompt=f"{memory} GiB (2^30 bytes each) are free for the KV cache of a model with {layers} "
        f"layers, {heads} query heads, {kv} key-value heads of size {size}, and 2 bytes a value. "
        "How many whole tokens fit?",
        key=float(key),
        mistakes={
            "you stored keys but no values": float(memory * 2**30 // (per_token // 2)),
            "you counted the query heads": float(memory * 2**30 // (per_token // kv * heads)),
            "you counted one layer": float(memory * 2**30 // (per_token // layers)),
        },
        explanation=f"A token takes {per_token} bytes; {memory}·2^30/{per_token} = {key}.",
        given={
            "memory": memory,
            "layers": layers,
            "heads": heads,
            "kv": kv,
            "size": size,
            "bytes": 2,
        },
        tolerance=1.0,
        unit="tokens",
        difficulty=3,
    )


@family("speculative-decoding", "efficient-inference", "Tokens per pass in speculative decoding", 1)
def speculative_decoding(rng: Random) -> Instance:
    """(1 - a^(k + 1)) / (1 - a)."""
    rate, k = rng.choice([0.5, 0.6, 0.7, 0.75, 0.8, 0.9]), rng.randint(2, 8)
    key = (1 - rate ** (k + 1)) / (1 - rate)
    return Instance(
        prompt=f"A draft model proposes {k} tokens; each is accepted independently with "
        f"probability {show(rate)}, up to the first rejection. The target model adds one token of "
        "its own. How many tokens does one pass of the target model yield on average (three "
        "decimals)?",
        key=key,
        mistakes={
            "you left out the target model's own token": key - 1,
            "you multiplied, as if a rejection did not end the run": k * rate + 1,
            "you took the chance that all are accepted": rate**k,
        },
        explanation=f"(1 - {rate:g}^{k + 1})/(1 - {rate:g}) = {key:.4f}.",
        given={"rate": rate, "k": k},
        tolerance=0.002,
        difficulty=4,
    )


@family("arithmetic-intensity", "efficient-inference", "Intensity of a matrix product", 1)
def arithmetic_intensity(rng: Random) -> Instance:
    """FLOPs by bytes moved, for (b x d)(d x d) in 2 bytes."""
    b, d = rng.choice([1, 4, 8, 16, 32, 64, 128]), rng.choice([1024, 2048, 4096])
    flops, moved = 2 * b * d * d, 2 * (d * d + 2 * b * d)
    return Instance(
        prompt=f"A {b}x{d} matrix of activations is multiplied by a {d}x{d} weight matrix; all "
        "values have 2 bytes, and each matrix is moved once (two read, one written). What is the "
        "arithmetic intensity in FLOPs per byte (two decimals)?",
        key=flops / moved,
        mistakes={
            "you counted values and not bytes": 2 * flops / moved,
            "you counted one FLOP for multiply and add": flops / moved / 2,
            "you turned the fraction over": moved / flops,
        },
        explanation=f"{flops} FLOPs / {moved} bytes = {flops / moved:.4f}.",
        given={"b": b, "d": d, "bytes": 2},
        tolerance=0.01,
        difficulty=3,
    )


@family("roofline", "efficient-inference", "Attainable speed on the roofline", 1)
def roofline(rng: Random) -> Instance:
    """min(peak, bandwidth · intensity)."""
    peak, bandwidth = rng.choice([100, 312, 400, 990]), rng.choice([0.5, 0.9, 1.5, 2, 3.35])
    intensity = rng.choice([1, 4, 16, 60, 150, 600, 1200])
    bound = bandwidth * intensity
    return Instance(
        prompt=f"An accelerator has a peak of {peak} TFLOP/s and {show(bandwidth)} TB/s of memory "
        f"bandwidth. Which speed in TFLOP/s can a kernel of {intensity} FLOPs per byte reach at "
        "most (two decimals)?",
        key=min(float(peak), bound),
        mistakes={
            "you took the larger of the two bounds": max(float(peak), bound),
            "you gave the ridge point, in FLOPs per byte": peak / bandwidth,
            "you divided the bandwidth by the intensity": bandwidth / intensity,
        },
        explanation=f"min({peak}, {bandwidth:g}·{intensity}) = {min(float(peak), bound):g}.",
        given={"peak": peak, "bandwidth": bandwidth, "intensity": intensity},
        tolerance=0.01,
        difficulty=3,
    )


@family("decode-speed", "efficient-inference", "Decoding speed bound by memory", 1)
def decode_speed(rng: Random) -> Instance:
    """Batch · bandwidth / bytes of weights."""
    n, size = rng.choice([1, 3, 7, 8, 13]), rng.choice([1, 2])
    bandwidth, batch = rng.choice([100, 400, 900, 2000]), rng.choice([4, 8, 16])
    single = bandwidth / (n * size)
    return Instance(
        prompt=f"Decoding reads all weights of a model with {n} billion parameters ({size} byte(s) "
        f"each) once a step, at {bandwidth} GB/s; all else is neglected. How many tokens per "
        f"second does a batch of {batch} sequences yield in all (one decimal)?",
        key=batch * single,
        mistakes={
            "you gave the speed of one sequence": single,
            "you divided by the batch, but it shares the reading": single / batch,
            "you left out the batch and turned the fraction over": 1 / single,
        },
        explanation=f"{bandwidth}/({n}·{size}) = {single:.4g} steps a second, {batch} tokens each: "
        f"{batch * single:.5g}.",
        given={"n": n, "size": size, "bandwidth": bandwidth, "batch": batch},
        tolerance=0.05 + 0.001 * batch * single,
        unit="tokens/s",
        difficulty=3,
    )


@family("batch-latency", "efficient-inference", "Throughput against latency", 1)
def batch_latency(rng: Random) -> Instance:
    """A step takes a fixed time and some for each sequence."""
    fixed, each = rng.choice([10, 15, 20, 30]), rng.choice([0.5, 1, 1.5, 2])
    batch, tokens = rng.choice([4, 8, 16, 32, 64]), rng.choice([50, 100, 200])
    step = fixed + each * batch
    return Instance(
        prompt=f"A decoding step takes {fixed} ms plus {show(each)} ms for each sequence in the "
        f"batch. With a batch of {batch}, after how many seconds has each sequence got its "
        f"{tokens} tokens (two decimals)?",
        key=tokens * step / 1000,
        mistakes={
            "you gave the throughput of the batch in tokens per second": batch * 1000 / step,
            "you left out what the batch adds to a step": tokens * fixed / 1000,
            "you let the sequences wait for one another": batch * tokens * step / 1000,
        },
        explanation=f"A step takes {step:g} ms; {tokens} steps take {tokens * step / 1000:g} s.",
        given={"fixed": fixed, "each": each, "batch": batch, "tokens": tokens},
        tolerance=0.01,
        unit="s",
    )
