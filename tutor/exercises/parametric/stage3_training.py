"""Stage 3: learning-rate schedules and the number of updates."""

from __future__ import annotations

import math
from random import Random

from tutor.exercises.parametric.family import Instance, family, show


@family("noam-rate", "attention-is-all-you-need", "The Transformer's learning rate", 1)
def noam_rate(rng: Random) -> Instance:
    """d^(-0.5) · min(s^(-0.5), s · w^(-1.5)), in units of 1e-4."""
    d, warmup = rng.choice([256, 512, 1024]), rng.choice([2000, 4000, 8000])
    step = rng.choice([500, 1000, 3000, 6000, 10_000, 20_000, 50_000, 100_000])
    rising, falling = step * warmup**-1.5, step**-0.5
    unit = 1e4 / math.sqrt(d)
    key = unit * min(rising, falling)
    return Instance(
        prompt="The Transformer's learning rate is d^(-0.5) · min(s^(-0.5), s · w^(-1.5)). With "
        f"width d = {d}, w = {warmup} warm-up steps and step s = {show(step)}, what is it in units "
        "of 10^-4 (two decimals)?",
        key=key,
        mistakes={
            "you took the larger of the two terms": unit * max(rising, falling),
            "you gave the peak of the schedule": unit * warmup**-0.5,
            "you left out the width": key * math.sqrt(d),
        },
        explanation=f"Step {show(step)} lies {'before' if step < warmup else 'after'} the end of "
        f"the warm-up: {key:.4f}.",
        given={"d": d, "warmup": warmup, "step": step},
        tolerance=0.006,
        unit="1e-4",
        difficulty=3,
    )


@family("linear-schedule", "fine-tuning-pretrained", "Linear schedule with warm-up", 1)
def linear_schedule(rng: Random) -> Instance:
    """Peak · min(s/w, (T - s)/(T - w)), in units of 1e-5."""
    peak, total = rng.choice([1, 2, 3, 4, 5]), 100 * rng.randint(8, 50)
    warmup = rng.choice([50, 100, 200])
    step = warmup + 50 * rng.randint(1, (total - warmup) // 50 - 1)
    key = peak * (total - step) / (total - warmup)
    return Instance(
        prompt=f"A linear schedule rises to a peak of {peak}e-5 in {warmup} warm-up steps and "
        f"falls to 0 at step {total}. What is the learning rate at step {step}, in units of 1e-5 "
        "(two decimals)?",
        key=key,
        mistakes={
            "you let the decay begin at step 0": peak * (total - step) / total,
            "you gave what the rate has lost since the peak": peak - key,
            "you continued the rise of the warm-up": peak * step / warmup,
        },
        explanation=f"{peak}·({total} - {step})/({total} - {warmup}) = {key:.4f}.",
        given={"peak": peak, "total": total, "warmup": warmup, "step": step},
        tolerance=0.006,
        unit="1e-5",
    )


@family("training-updates", "hf-loading-fine-tuning", "Optimizer updates of a training run", 1)
def training_updates(rng: Random) -> Instance:
    """E · D / (B·G·a), with D a multiple of the effective batch."""
    batch, devices = rng.choice([4, 8, 16, 32]), rng.choice([2, 4, 8])
    accumulation, epochs = rng.choice([2, 4, 8]), rng.randint(2, 6)
    effective = batch * devices * accumulation
    examples = effective * rng.randint(20, 150)
    key = epochs * examples // effective
    return Instance(
        prompt=f"{show(examples)} examples are trained for {epochs} epochs on {devices} devices "
        f"with batches of {batch} per device and {accumulation} accumulation steps. How many "
        "optimizer updates take place?",
        key=float(key),
        mistakes={
            "you left out gradient accumulation": float(key * accumulation),
            "you counted one device": float(key * devices),
            "you counted one epoch": key / epochs,
        },
        explanation=f"The effective batch is {batch}·{devices}·{accumulation} = {effective}; "
        f"{epochs}·{show(examples)}/{effective} = {key}.",
        given={
            "examples": examples,
            "batch": batch,
            "devices": devices,
            "accumulation": accumulation,
            "epochs": epochs,
        },
        tolerance=0.1,
        unit="updates",
    )
