"""Stage 7: budgets of reading and training, fairness, image tokens and reliability."""

from __future__ import annotations

from math import comb, log
from random import Random

from tutor.exercises.parametric.family import Instance, family, show


@family("reading-budget", "reading-recent-papers", "A week's time for reading", 1)
def reading_budget(rng: Random) -> Instance:
    """T = n_t·t_t + n_1·t_1 + n_2·t_2."""
    titles, seconds = 10 * rng.randint(6, 30), rng.choice([3, 4, 5, 6, 10, 12])
    first, minutes = rng.randint(5, 20), rng.randint(5, 10)
    second, hours = rng.randint(1, 4), rng.choice([0.5, 1, 1.5])
    skim, passes, deep = titles * seconds / 60, first * minutes, second * hours * 60
    return Instance(
        prompt=f"In a week you skim {titles} titles at {seconds} seconds each, give {first} papers "
        f"a first pass of {minutes} minutes and {second} of them a second pass of {show(hours)} "
        "hours. How many minutes is that?",
        key=skim + passes + deep,
        mistakes={
            "you left out the titles": passes + deep,
            "you took the seconds for minutes": titles * seconds + passes + deep,
            "you left out the second passes": skim + passes,
        },
        explanation=f"{skim:g} + {passes} + {deep:g} = {skim + passes + deep:g} minutes.",
        given={
            "titles": titles,
            "seconds": seconds,
            "first": first,
            "minutes": minutes,
            "second": second,
            "hours": hours,
        },
        tolerance=0.1,
        unit="minutes",
        difficulty=1,
    )


@family("petaflop-days", "key-papers", "Training compute in petaflop/s-days", 2)
def petaflop_days(rng: Random) -> Instance:
    """6·N·D over 10^15 operations a second for a day."""
    n = rng.choice([0.35, 1.3, 2.7, 6.7, 13, 40, 70, 175])
    tokens = rng.choice([100, 200, 300, 400, 600, 1000])
    day = 1e15 * 86_400
    key = 6 * n * 1e9 * tokens * 1e9 / day
    return Instance(
        prompt=f"A decoder with {show(n)} billion parameters is trained on {tokens} billion "
        "tokens. Estimate the training compute by 6·N·D in petaflop/s-days, the unit of the GPT-3 "
        "paper: 10^15 operations a second for one day (one decimal).",
        key=key,
        mistakes={
            "you counted the forward pass alone, with 2·N·D": key / 3,
            "you took an hour for a day": key * 24,
            "you left out the factor 6": key / 6,
        },
        explanation=f"6·{show(n)}e9·{tokens}e9 = {show(6 * n * tokens)}e18 operations; a day at "
        f"10^15 a second has 8.64e19. That is {key:.2f}.",
        given={"n": n, "tokens": tokens},
        tolerance=0.06,
        unit="petaflop/s-days",
        difficulty=3,
    )


@family("equal-opportunity-gap", "ethical-ai", "Gap of equal opportunity")
def equal_opportunity_gap(rng: Random) -> Instance:
    """Difference of the true positive rates of two groups."""
    a, b = 10 * rng.randint(6, 15), 10 * rng.randint(6, 15)
    fit_a, fit_b = a // 2 + rng.randint(-10, 10), b // 2 + rng.randint(-10, 10)
    hits_a, hits_b = rng.randint(fit_a * 2 // 3, fit_a), rng.randint(fit_b // 3, fit_b * 3 // 5)
    wrong_a, wrong_b = rng.randint(1, 10), rng.randint(1, 10)
    key = 100 * (hits_a / fit_a - hits_b / fit_b)
    return Instance(
        prompt=f"A model screens applicants. Of {a} in group A, {fit_a} are qualified; it accepts "
        f"{hits_a} of those and {wrong_a} of the others. Of {b} in group B, {fit_b} are qualified; "
        f"it accepts {hits_b} of those and {wrong_b} of the others. By how many percentage points "
        "do the true positive rates differ (one decimal)?",
        key=key,
        mistakes={
            "you compared the shares of accepted applicants": 100
            * ((hits_a + wrong_a) / a - (hits_b + wrong_b) / b),
            "you compared the shares of qualified people among the accepted": 100
            * (hits_a / (hits_a + wrong_a) - hits_b / (hits_b + wrong_b)),
            "you divided by all applicants": 100 * (hits_a / a - hits_b / b),
        },
        explanation=f"{hits_a}/{fit_a} = {100 * hits_a / fit_a:.2f}% and {hits_b}/{fit_b} = "
        f"{100 * hits_b / fit_b:.2f}%: {key:.2f} points.",
        given={
            "a": a,
            "fit_a": fit_a,
            "hits_a": hits_a,
            "wrong_a": wrong_a,
            "b": b,
            "fit_b": fit_b,
            "hits_b": hits_b,
            "wrong_b": wrong_b,
        },
        tolerance=0.06,
        unit="percentage points",
        difficulty=3,
    )


@family("canary-exposure", "ethical-ai", "Exposure of a canary")
def canary_exposure(rng: Random) -> Instance:
    """log2 |R| - log2 rank."""
    power, rank = rng.randint(14, 30), rng.choice([2, 3, 5, 8, 10, 20, 50, 100, 400, 1000])
    key = power - log(rank) / log(2)
    return Instance(
        prompt=f"A secret inserted into the training data has rank {rank} by likelihood among "
        f"2^{power} candidates. Compute its exposure, in bits (two decimals).",
        key=key,
        mistakes={
            "you used natural logarithms": key * log(2),
            "you left out the rank": float(power),
            "you added the two logarithms": power + log(rank) / log(2),
        },
        explanation=f"log2 2^{power} - log2 {rank} = {power} - {power - key:.4f} = {key:.4f}.",
        given={"rank": rank, "power": power},
        tolerance=0.006,
        unit="bits",
    )


@family("image-tokens", "multimodal-llms", "Tokens of an image", 1)
def image_tokens(rng: Random) -> Instance:
    """(H/P)·(W/P) patches and a class token."""
    patch = rng.choice([14, 16, 32])
    height, width = (patch * rng.randint(8, 32) for _ in range(2))
    key = (height // patch) * (width // patch) + 1
    return Instance(
        prompt=f"A vision transformer cuts an image of {height} × {width} pixels with three color "
        f"channels into patches of {patch} × {patch} pixels and adds one class token. How many "
        "tokens does it process?",
        key=float(key),
        mistakes={
            "you left out the class token": float(key - 1),
            "you counted every channel by itself": float(3 * (key - 1) + 1),
            "you divided by the side of a patch once": float(height * width // patch + 1),
        },
        explanation=f"{height // patch}·{width // patch} patches and the class token: {key}.",
        given={"patch": patch, "height": height, "width": width},
        tolerance=0.1,
        unit="tokens",
    )


@family("reliability", "autonomous-agents", "Probability that all of k runs succeed", 1)
def reliability(rng: Random) -> Instance:
    """pass^k = C(c, k)/C(n, k)."""
    n = rng.choice([8, 10, 12, 16, 20])
    c, k = rng.randint(n // 2, n - 2), rng.choice([2, 3])
    return Instance(
        prompt=f"An agent solves a task in {c} of {n} runs. Estimate pass^{k}, the probability "
        f"that all of {k} runs succeed, without bias (three decimals).",
        key=comb(c, k) / comb(n, k),
        mistakes={
            "you took the power of the success rate, which is biased upward": (c / n) ** k,
            "you gave pass@k, the probability of at least one success": 1
            - comb(n - c, k) / comb(n, k),
            "you gave the success rate of one run": c / n,
        },
        explanation=f"C({c}, {k})/C({n}, {k}) = {comb(c, k)}/{comb(n, k)} = "
        f"{comb(c, k) / comb(n, k):.4f}.",
        given={"c": c, "n": n, "k": k},
        tolerance=0.001,
        difficulty=4,
    )
