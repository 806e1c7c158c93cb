"""Stage 5: prompts, attention maps, retrieval, context budgets and languages."""

from __future__ import annotations

import math
from random import Random

from tutor.exercises.parametric.family import Instance, family, listed, show


def _shares(rng: Random, parts: int) -> list[float]:
    """Shares in steps of 0.05 that sum to 1."""
    cuts = [0, *sorted(rng.sample(range(1, 20), parts - 1)), 20]
    return [round((b - a) / 20, 2) for a, b in zip(cuts, cuts[1:], strict=False)]


@family("contextual-calibration", "few-zero-shot", "Calibration by an empty input", 1)
def contextual_calibration(rng: Random) -> Instance:
    """Divide by the probabilities for an empty input and normalize (Zhao et al. 2021)."""
    said, empty = rng.sample([round(0.05 * n, 2) for n in range(4, 19)], 2)
    other, other_empty = round(1 - said, 2), round(1 - empty, 2)
    a, b = said / empty, other / other_empty
    return Instance(
        prompt=f"For a review, a prompt gives P(positive) = {show(said)} and P(negative) = "
        f"{show(other)}. For the empty input “N/A” it gives {show(empty)} and "
        f"{show(other_empty)}. What is the calibrated probability of “positive”, after dividing "
        "and normalizing (three decimals)?",
        key=a / (a + b),
        mistakes={
            "you did not calibrate": said,
            "you divided without normalizing": a,
            "you multiplied by the probabilities of the empty input": said
            * empty
            / (said * empty + other * other_empty),
        },
        explanation=f"{said:g}/{empty:g} = {a:.4f} and {other:g}/{other_empty:g} = {b:.4f}; "
        f"{a:.4f}/({a:.4f} + {b:.4f}) = {a / (a + b):.4f}.",
        given={"said": said, "other": other, "empty": empty, "other_empty": other_empty},
        tolerance=0.001,
        difficulty=3,
    )


@family("attention-entropy", "attention-visualization", "Entropy of a row of attention")
def attention_entropy(rng: Random) -> Instance:
    """-Σ A ln A."""
    weights = _shares(rng, rng.choice([3, 4]))
    key = -sum(a * math.log(a) for a in weights)
    return Instance(
        prompt=f"A row of an attention map is {listed(weights)}. Compute its entropy in nats "
        "(three decimals).",
        key=key,
        mistakes={
            "you used a logarithm to base 2": key / math.log(2),
            "you gave the entropy of a uniform row": math.log(len(weights)),
            "you did not weight the logarithms": -sum(map(math.log, weights)),
        },
        explanation=f"-Σ a·ln a = {key:.4f}; a uniform row would have ln {len(weights)} = "
        f"{math.log(len(weights)):.4f}.",
        given={"weights": weights},
        tolerance=0.001,
        unit="nats",
    )


@family("reciprocal-rank", "question-answering", "Mean reciprocal rank", 1)
def reciprocal_rank(rng: Random) -> Instance:
    """The mean of 1/rank, with 0 for a question without a relevant passage."""
    ranks = [rng.choice([1, 1, 2, 2, 3, 4, 5, 8, 10]) for _ in range(4)]
    total = sum(1 / rank for rank in ranks)
    return Instance(
        prompt="For four questions the first relevant passage stands at the ranks "
        f"{', '.join(map(str, ranks[:3]))} and {ranks[3]}; for a fifth one none is found. Compute "
        "the mean reciprocal rank over the five questions (three decimals).",
        key=total / 5,
        mistakes={
            "you left the question without a hit out of the mean": total / 4,
            "you took the reciprocal of the mean rank": 4 / sum(ranks),
            "you counted the questions with a hit at rank 1": ranks.count(1) / 5,
        },
        explanation=f"{' + '.join(f'1/{rank}' for rank in ranks)} + 0 = {total:.4f}, divided by 5 "
        f"is {total / 5:.4f}.",
        given={"ranks": ranks},
        tolerance=0.001,
    )


@family("history-budget", "dialog-systems", "Exchanges that fit the context")
def history_budget(rng: Random) -> Instance:
    """⌊(C - s - r - u - m)/t⌋."""
    window = rng.choice([4096, 8192, 16_384])
    system, passages = 10 * rng.randint(15, 60), 100 * rng.randint(4, 15)
    message, reply = 10 * rng.randint(5, 30), 100 * rng.randint(4, 10)
    each = 10 * rng.randint(9, 25)
    room = window - system - passages - message - reply
    return Instance(
        prompt=f"A chat model's context holds {show(window)} tokens. The system prompt takes "
        f"{system}, retrieved passages {passages}, the new message {message}, and {reply} are "
        f"reserved for the reply. An earlier exchange takes {each} tokens. How many whole "
        "exchanges fit?",
        key=float(room // each),
        mistakes={
            "you reserved nothing for the reply": float((room + reply) // each),
            "you left out the retrieved passages": float((room + passages) // each),
            "you divided the whole context": float(window // each),
        },
        explanation=f"{window} - {system} - {passages} - {message} - {reply} = {room} tokens are "
        f"left; {room}/{each} rounded down is {room // each}.",
        given={
            "window": window,
            "system": system,
            "passages": passages,
            "message": message,
            "reply": reply,
            "each": each,
        },
        tolerance=0.1,
        unit="exchanges",
    )


@family("language-sampling", "multilingual-models", "Sampling probability of a small language")
def language_sampling(rng: Random) -> Instance:
    """q^α / Σ q^α."""
    small, middle = rng.choice([1, 2, 3, 4, 5]), rng.choice([10, 15, 20, 25])
    shares = [100 - middle - small, middle, small]
    alpha = rng.choice([0.2, 0.3, 0.5, 0.7])
    powers = [(share / 100) ** alpha for share in shares]
    return Instance(
        prompt=f"Three languages hold {shares[0]}%, {middle}% and {small}% of the data. They are "
        f"sampled in proportion to share^{show(alpha)}. With which probability is the smallest "
        "one sampled, in percent (one decimal)?",
        key=100 * powers[2] / sum(powers),
        mistakes={
            "you sampled in proportion to the data": float(small),
            "you did not normalize": 100 * powers[2],
            "you sampled all languages equally often": 100 / 3,
        },
        explanation=f"{powers[2]:.4f}/({' + '.join(f'{p:.4f}' for p in powers)}) = "
        f"{powers[2] / sum(powers):.4f}.",
        given={"shares": shares, "alpha": alpha},
        tolerance=0.06,
        unit="%",
        difficulty=3,
    )
