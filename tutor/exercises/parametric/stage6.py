"""Stage 6: the figures by which a project is judged."""

from __future__ import annotations

import math
from random import Random

from tutor.exercises.parametric.family import Instance, family, show


@family("answer-latency", "project-text-generation-app", "Time until an answer is complete")
def answer_latency(rng: Random) -> Instance:
    """First token, then n - 1 more."""
    first, rate = rng.randint(2, 30) / 10, rng.choice([5, 8, 10, 16, 20, 25, 40])
    tokens = 10 * rng.randint(3, 40)
    key = first + (tokens - 1) / rate
    return Instance(
        prompt=f"The first token of an answer arrives after {show(first)} s; the following ones "
        f"come at {rate} tokens a second. After how many seconds is an answer of {tokens} tokens "
        "complete (three decimals)?",
        key=key,
        mistakes={
            "you counted the first token twice": first + tokens / rate,
            "you left out the time to the first token": (tokens - 1) / rate,
            "you took the time to the first token for every token": first * tokens,
        },
        explanation=f"{show(first)} + ({tokens} - 1)/{rate} = {key:.4f}.",
        given={"first": first, "rate": rate, "tokens": tokens},
        tolerance=0.002,
        unit="s",
    )


@family("false-refusals", "project-chatbot", "Rate of false refusals")
def false_refusals(rng: Random) -> Instance:
    """Refused requests among those that should be answered."""
    harmful, harmless = 10 * rng.randint(2, 10), 10 * rng.randint(3, 20)
    caught, refused = rng.randint(harmful // 2, harmful - 1), rng.randint(1, harmless // 3)
    return Instance(
        prompt=f"A refusal test has {harmful} requests that must be refused and {harmless} that "
        f"must be answered. A chatbot refuses {caught} of the first and {refused} of the second. "
        "What is its rate of false refusals in percent (one decimal)?",
        key=100 * refused / harmless,
        mistakes={
            "you gave the rate of missed refusals": 100 * (harmful - caught) / harmful,
            "you divided by all refusals": 100 * refused / (caught + refused),
            "you divided by all requests": 100 * refused / (harmful + harmless),
        },
        explanation=f"{refused} of {harmless} ordinary requests are refused: "
        f"{100 * refused / harmless:.2f}%.",
        given={"harmful": harmful, "harmless": harmless, "caught": caught, "refused": refused},
        tolerance=0.06,
        unit="%",
    )


@family("cohens-kappa", "project-custom-bert", "Cohen's kappa of two annotators")
def cohens_kappa(rng: Random) -> Instance:
    """(p_o - p_e)/(1 - p_e)."""
    both, neither = rng.randint(20, 90), rng.randint(20, 90)
    only_a, only_b = rng.randint(2, 25), rng.randint(2, 25)
    n = both + neither + only_a + only_b
    agreed = (both + neither) / n
    a, b = (both + only_a) / n, (both + only_b) / n
    chance = a * b + (1 - a) * (1 - b)
    return Instance(
        prompt=f"Two people label texts as positive or negative. Both say positive for {both} "
        f"texts, both say negative for {neither}, only the first says positive for {only_a} and "
        f"only the second for {only_b}. Compute Cohen's kappa (three decimals).",
        key=(agreed - chance) / (1 - chance),
        mistakes={
            "you gave the observed agreement": agreed,
            "you gave the agreement by chance": chance,
            "you did not divide by 1 - p_e": agreed - chance,
        },
        explanation=f"p_o = {agreed:.4f}, p_e = {chance:.4f}: ({agreed:.4f} - {chance:.4f})/"
        f"(1 - {chance:.4f}) = {(agreed - chance) / (1 - chance):.4f}.",
        given={"both": both, "neither": neither, "only_a": only_a, "only_b": only_b},
        tolerance=0.001,
        difficulty=3,
    )


@family("stability-index", "project-nlp-pipeline", "Population stability index")
def stability_index(rng: Random) -> Instance:
    """Σ (new - old)·ln(new/old) over two classes."""
    old, new = rng.sample(range(10, 95, 5), 2)
    pairs = [(old / 100, new / 100), (1 - old / 100, 1 - new / 100)]
    key = sum((b - a) * math.log(b / a) for a, b in pairs)
    return Instance(
        prompt=f"In training, {old}% of the tickets were of type A and the others of type B; this "
        f"week {new}% are of type A. Compute the population stability index, the sum over the "
        "types of (new - old)·ln(new/old), with shares between 0 and 1 (three decimals).",
        key=key,
        mistakes={
            "you summed over one type alone": (pairs[0][1] - pairs[0][0])
            * math.log(pairs[0][1] / pairs[0][0]),
            "you gave the KL divergence": sum(b * math.log(b / a) for a, b in pairs),
            "you summed the differences of the shares": sum(abs(b - a) for a, b in pairs),
        },
        explanation=f"Both terms have the same sign and sum to {key:.4f}; "
        f"{'below' if key < 0.25 else 'above'} 0.25, the usual mark of a large shift.",
        given={"old": old, "new": new},
        tolerance=0.001,
        difficulty=3,
    )


@family("bisection-time", "contribute-transformers", "Time that a bisection takes")
def bisection_time(rng: Random) -> Instance:
    """⌈log2 n⌉ runs of the test."""
    n, minutes = rng.randint(70, 4000), rng.randint(2, 15)
    runs = math.ceil(math.log2(n))
    return Instance(
        prompt=f"A bug entered somewhere in the last {n} commits, and one run of the test that "
        f"shows it takes {minutes} minutes. How many minutes does a bisection take at most, with "
        "⌈log2 n⌉ runs?",
        key=float(runs * minutes),
        mistakes={
            "you tested every commit": float(n * minutes),
            "you gave the number of runs": float(runs),
            "you rounded the number of runs down": float((runs - 1) * minutes),
        },
        explanation=f"log2 {n} = {math.log2(n):.2f}, so {runs} runs of {minutes} minutes: "
        f"{runs * minutes}.",
        given={"n": n, "minutes": minutes},
        tolerance=0.1,
        unit="minutes",
    )


@family("citation-precision", "paper-summarizer", "Citation precision and faithfulness")
def citation_precision(rng: Random) -> Instance:
    """s/N and (s + e)/N."""
    cited, elsewhere, none = rng.randint(10, 40), rng.randint(1, 9), rng.randint(1, 9)
    n = cited + elsewhere + none
    asked = rng.choice(["citation precision", "faithfulness"])
    precision, faithfulness = 100 * cited / n, 100 * (cited + elsewhere) / n
    right, other = (
        (precision, faithfulness) if asked != "faithfulness" else (faithfulness, precision)
    )
    return Instance(
        prompt=f"A summary makes {n} claims. The page that they cite supports {cited} of them, "
        f"another page of the paper supports {elsewhere}, and no page supports {none}. What is its "
        f"{asked} in percent (one decimal)?",
        key=right,
        mistakes={
            f"you gave the {'faithfulness' if asked != 'faithfulness' else 'citation precision'}": (
                other
            ),
            "you left out the claims that no page supports": 100 * cited / (cited + elsewhere),
            "you gave the share of unsupported claims": 100 * none / n,
        },
        explanation=f"Citation precision is {cited}/{n} = {precision:.2f}%, faithfulness "
        f"({cited} + {elsewhere})/{n} = {faithfulness:.2f}%.",
        given={"n": n, "cited": cited, "elsewhere": elsewhere, "none": none, "asked": asked},
        tolerance=0.06,
        unit="%",
    )


@family("ensemble-variance", "kaggle-nlp", "Error variance of an ensemble")
def ensemble_variance(rng: Random) -> Instance:
    """σ²·(ρ + (1 - ρ)/M)."""
    variance, rho = rng.choice([0.4, 0.5, 0.8, 1, 1.5, 2]), rng.randint(2, 18) / 20
    members = rng.choice([2, 3, 4, 5, 8, 10])
    key = variance * (rho + (1 - rho) / members)
    return Instance(
        prompt=f"{members} models have an error variance of {show(variance)} each, and any two of "
        f"them have errors with correlation {show(rho)}. What is the error variance of their "
        "average (three decimals)?",
        key=key,
        mistakes={
            "you took the errors for independent": variance / members,
            "you gave the limit for endlessly many models": variance * rho,
            "you took the correlation for complete": variance,
        },
        explanation=f"{show(variance)}·({show(rho)} + (1 - {show(rho)})/{members}) = {key:.4f}.",
        given={"members": members, "variance": variance, "rho": rho},
        tolerance=0.001,
        difficulty=3,
    )
