"""Stage 4: compute, memory and communication of training."""

from __future__ import annotations

from random import Random

from tutor.exercises.parametric.family import Instance, family, show


@family("training-flops", "training-from-scratch", "Training FLOPs by 6ND")
def training_flops(rng: Random) -> Instance:
    """In units of 10^21."""
    n, tokens = rng.choice([0.5, 1.5, 3, 7, 13, 34, 70]), rng.choice([20, 50, 100, 300, 1000])
    return Instance(
        prompt=f"Estimate the FLOPs of training a dense model with {show(n)} billion parameters "
        f"on {tokens} billion tokens by C = 6ND. Answer in units of 10^21 FLOPs.",
        key=6 * n * tokens / 1000,
        mistakes={
            "you counted the forward pass alone, 2ND": 2 * n * tokens / 1000,
            "you counted the backward pass alone, 4ND": 4 * n * tokens / 1000,
            "you left out the factor 6": n * tokens / 1000,
        },
        explanation=f"6 · {n:g}·10^9 · {tokens}·10^9 = {6 * n * tokens / 1000:g}·10^21.",
        given={"n": n, "tokens": tokens},
        tolerance=0.0005 * n * tokens / 1000,
        unit="10^21 FLOPs",
    )


@family("inference-flops", "training-from-scratch", "FLOPs per generated token by 2N")
def inference_flops(rng: Random) -> Instance:
    """2N a token, in units of 10^12."""
    n, tokens = rng.choice([1, 3, 7, 8, 13, 34, 70]), rng.choice([100, 250, 500, 800, 2000])
    return Instance(
        prompt=f"A dense model has {n} billion parameters. About how many FLOPs does it need to "
        f"process {tokens} tokens in the forward pass (2N per token, attention neglected)? "
        "Answer in units of 10^12 FLOPs.",
        key=2 * n * tokens / 1000,
        mistakes={
            "you used 6N, which includes the backward pass": 6 * n * tokens / 1000,
            "you counted one FLOP a parameter, but multiply and add are two": n * tokens / 1000,
            "you counted one token": 2 * n / 1000,
        },
        explanation=f"2 · {n}·10^9 · {tokens} = {2 * n * tokens / 1000:g}·10^12.",
        given={"n": n, "tokens": tokens},
        tolerance=0.0004 * n,
        unit="10^12 FLOPs",
        difficulty=1,
    )


@family("chinchilla-tokens", "training-from-scratch", "Compute-optimal model size")
def chinchilla_tokens(rng: Random) -> Instance:
    """C = 6ND with D = 20N: N = sqrt(C/120)."""
    n = rng.randint(1, 80) / 2
    compute = 120 * n * n
    tokens = 20 * n
    return Instance(
        prompt=f"You have {show(compute)}·10^18 FLOPs. With C = 6ND and 20 tokens a parameter, how "
        "many billion tokens is the compute-optimal amount of data?",
        key=tokens,
        mistakes={
            "you gave the number of parameters": n,
            "you used C = 2ND": 20 * (compute / 40) ** 0.5,
            "you used one token a parameter": (compute / 6) ** 0.5,
        },
        explanation=f"C = 6·N·20N, so N = √(C/120) = {n:g}·10^9 and D = 20N = {tokens:g}·10^9.",
        given={"compute": compute, "ratio": 20},
        tolerance=0.01 * n,
        unit="billion tokens",
        difficulty=3,
    )


@family("training-days", "training-from-scratch", "Days of training")
def training_days(rng: Random) -> Instance:
    """6ND / (GPUs · peak · utilization)."""
    n, tokens = rng.choice([1, 3, 7, 13]), rng.choice([100, 200, 300, 1000])
    gpus, peak = rng.choice([64, 128, 256, 512]), rng.choice([312, 400, 990])
    use = rng.choice([30, 35, 40, 50])
    seconds = 6 * n * tokens * 1e18 / (gpus * peak * 1e12 * use / 100)
    days = seconds / 86_400
    return Instance(
        prompt=f"You train {n} billion parameters on {tokens} billion tokens (6ND) with {gpus} "
        f"GPUs of {peak} TFLOP/s peak at {use}% utilization. How many days does it take (two "
        "decimals)?",
        key=days,
        mistakes={
            "you left out the utilization": days * use / 100,
            "you counted the forward pass alone": days / 3,
            "you counted hours": days * 24,
        },
        explanation=f"6ND = {6 * n * tokens:g}·10^18 FLOPs; at {gpus * peak * use / 100:g} TFLOP/s "
        f"that takes {seconds:.6g} s = {days:.4f} days.",
        given={"n": n, "tokens": tokens, "gpus": gpus, "peak": peak, "use": use},
        tolerance=max(0.01, 0.002 * days),
        unit="days",
        difficulty=3,
    )


@family("training-memory", "distributed-training", "Memory of weights, gradients and Adam")
def training_memory(rng: Random) -> Instance:
    """Mixed precision: 2 + 2 + 4 + 4 + 4 bytes a parameter."""
    n = rng.randint(1, 140) / 2
    return Instance(
        prompt=f"A model of {show(n)} billion parameters trains in mixed precision with Adam: fp16 "
        "weights and gradients (2 bytes each), and in fp32 (4 bytes each) master weights, "
        "momentum and variance. How many GB (10^9 bytes) is that without activations?",
        key=16 * n,
        mistakes={
            "you counted the weights alone": 2 * n,
            "you left out the optimizer states": 8 * n,
            "you left out the fp32 master weights": 12 * n,
        },
        explanation=f"2 + 2 + 4 + 4 + 4 = 16 bytes a parameter: {16 * n:g} GB.",
        given={"n": n, "bytes": [2, 4]},
        tolerance=0.05 * n,
        unit="GB",
        difficulty=2,
    )


@family("zero-shards", "distributed-training", "Memory per GPU under ZeRO")
def zero_shards(rng: Random) -> Instance:
    """Stage 1: optimizer states sharded; stage 2: gradients too; stage 3: all."""
    n, gpus = rng.choice([1, 3, 7, 13, 20]), rng.choice([4, 8, 16, 32, 64])
    stage = rng.choice([1, 2, 3])
    by_stage = {1: 4 * n + 12 * n / gpus, 2: 2 * n + 14 * n / gpus, 3: 16 * n / gpus}
    what = {
        1: "the optimizer states",
        2: "optimizer states and gradients",
        3: "optimizer states, gradients and weights",
    }
    other = {1: 3, 2: 3, 3: 1}[stage]
    return Instance(
        prompt=f"A model of {n} billion parameters needs 2 bytes a parameter for weights, 2 for "
        f"gradients and 12 for optimizer states. Data parallelism over {gpus} GPUs shards "
        f"{what[stage]} (ZeRO stage {stage}). How many GB does each GPU hold (two decimals)?",
        key=by_stage[stage],
        mistakes={
            "you sharded nothing": 16.0 * n,
            f"you computed stage {other}": by_stage[other],
            "you left out the optimizer states": by_stage[stage] - 12 * n / gpus,
        },
        explanation=f"Stage {stage}: {by_stage[stage]:.4f} GB of {16 * n} GB.",
        given={"n": n, "gpus": gpus, "stage": stage, "bytes": [2, 12]},
        tolerance=0.02,
        unit="GB",
        difficulty=3,
    )


@family("all-reduce-bytes", "distributed-training", "Bytes that a ring all-reduce sends")
def all_reduce_bytes(rng: Random) -> Instance:
    """2·(p - 1)/p of the gradient's size from every worker."""
    n, size = rng.choice([0.5, 1, 2, 7, 13]), rng.choice([2, 4])
    p = rng.choice([4, 8, 16, 32])
    key = 2 * (p - 1) / p * n * size
    return Instance(
        prompt=f"Gradients of {show(n)} billion parameters in {size} bytes each are averaged over "
        f"{p} workers by a ring all-reduce. How many GB does each worker send (three decimals)?",
        key=key,
        mistakes={
            "you counted reduce-scatter without all-gather": key / 2,
            "you had each worker send all its gradients to all the others": (p - 1) * n * size,
            "you left out the factor (p - 1)/p": 2 * n * size,
        },
        explanation=f"2·{p - 1}/{p}·{n * size:g} GB = {key:.4f} GB.",
        given={"n": n, "size": size, "p": p},
        tolerance=0.002,
        unit="GB",
        difficulty=3,
    )


@family("global-batch", "distributed-training", "Tokens per optimizer step")
def global_batch(rng: Random) -> Instance:
    """GPUs · micro batch · accumulation · length."""
    gpus, micro = rng.choice([8, 16, 32, 64]), rng.choice([2, 3, 5, 6])
    steps, length = rng.choice([4, 7, 12]), rng.choice([512, 1024, 2048])
    key = gpus * micro * steps * length
    return Instance(
        prompt=f"Data parallelism runs on {gpus} GPUs with a micro-batch of {micro} sequences of "
        f"{length} tokens and {steps} steps of gradient accumulation. How many tokens does one "
        "optimizer step see?",
        key=float(key),
        mistakes={
            "you left out gradient accumulation": float(key // steps),
            "you counted one GPU": float(key // gpus),
            "you counted sequences and not tokens": float(key // length),
        },
        explanation=f"{gpus}·{micro}·{steps}·{length} = {key}.",
        given={"gpus": gpus, "micro": micro, "steps": steps, "length": length},
        tolerance=0.1,
        unit="tokens",
        difficulty=1,
    )


@family("tensor-parallel-shard", "model-parallelism", "Shard of a feed-forward layer")
def tensor_parallel_shard(rng: Random) -> Instance:
    """Matrices split over ranks; the second bias is replicated."""
    d, ranks = rng.choice([1024, 2048, 4096, 8192]), rng.choice([2, 4, 8])
    f = 4 * d
    key = 2 * d * f // ranks + f // ranks + d
    return Instance(
        prompt=f"A feed-forward layer goes from width {d} to {show(f)} and back, with biases. "
        f"Tensor parallelism over {ranks} ranks splits the first matrix and its bias by columns "
        "and the second matrix by rows; its bias is kept whole on every rank. How many "
        "parameters does a rank hold?",
        key=float(key),
        mistakes={
            "you split the second bias too": float((2 * d * f + f + d) / ranks),
            "you split one of the two matrices": float(d * f // ranks + d * f + f // ranks + d),
            "you gave the whole layer": float(2 * d * f + f + d),
        },
        explanation=f"{2 * d * f // ranks} + {f // ranks} + {d} = {key}.",
        given={"d": d, "f": f, "ranks": ranks},
        tolerance=0.1,
        unit="parameters",
        difficulty=3,
    )


@family("pipeline-bubble", "model-parallelism", "Idle share of a pipeline")
def pipeline_bubble(rng: Random) -> Instance:
    """(p - 1)/(m + p - 1)."""
    p, m = rng.choice([2, 4, 6, 8, 16]), rng.randint(3, 64)
    key = (p - 1) / (m + p - 1)
    return Instance(
        prompt=f"A pipeline of {p} equal stages runs {m} micro-batches (all forward, then all "
        "backward). Which share of the time is a stage idle (three decimals)?",
        key=key,
        mistakes={
            "you gave the bubble relative to the useful time": (p - 1) / m,
            "you forgot that one stage is always at work": p / (m + p),
            "you gave the busy share": 1 - key,
        },
        explanation=f"({p} - 1)/({m} + {p} - 1) = {key:.4f}.",
        given={"p": p, "m": m},
        tolerance=0.001,
        difficulty=3,
    )


@family("activation-memory", "model-parallelism", "Memory of stored activations")
def activation_memory(rng: Random) -> Instance:
    """Block inputs under checkpointing, in MiB."""
    layers, d = rng.choice([12, 24, 32, 40]), rng.choice([1024, 2048, 4096])
    batch, length = rng.choice([1, 2, 4, 6]), rng.choice([512, 1024, 2048])
    mib = batch * length * d * 2 * layers / 2**20
    return Instance(
        prompt=f"With activation checkpointing a model of {layers} blocks and width {d} keeps only "
        f"each block's input, in 2 bytes a value. How many MiB (2^20 bytes) is that for a batch "
        f"of {batch} sequences of {length} tokens?",
        key=mib,
        mistakes={
            "you counted one block": mib / layers,
            "you counted values and not bytes": mib / 2,
            "you counted 4 bytes a value": 2 * mib,
        },
        explanation=f"{batch}·{length}·{d}·2 bytes·{layers} = {mib:g} MiB.",
        given={"layers": layers, "d": d, "batch": batch, "length": length, "bytes": 2},
        tolerance=0.001 * mib,
        unit="MiB",
        difficulty=2,
    )


@family("parallel-layout", "model-parallelism", "Data-parallel replicas of a 3D layout")
def parallel_layout(rng: Random) -> Instance:
    """GPUs = data · tensor · pipeline."""
    tensor, pipeline, data = rng.choice([2, 4, 8]), rng.choice([2, 3, 4, 6]), rng.randint(5, 40)
    layers = pipeline * rng.choice([4, 5, 8])
    gpus = tensor * pipeline * data
    return Instance(
        prompt=f"A model of {layers} layers trains on {gpus} GPUs with tensor parallelism "
        f"{tensor} and {pipeline} pipeline stages; what is left is data parallelism. How many "
        "data-parallel replicas are there?",
        key=float(data),
        mistakes={
            "you left out the pipeline": float(data * pipeline),
            "you left out tensor parallelism": float(data * tensor),
            "you added the two degrees instead of multiplying": gpus / (tensor + pipeline),
        },
        explanation=f"{gpus} / ({tensor}·{pipeline}) = {data}.",
        given={"layers": layers, "gpus": gpus, "tensor": tensor, "pipeline": pipeline},
        tolerance=0.1,
        unit="replicas",
        difficulty=1,
    )
