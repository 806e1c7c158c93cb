"""Stage 5: preference learning, adaptation, distillation and metrics of generated text."""

from __future__ import annotations

import math
from collections import Counter
from random import Random

from tutor.exercises.parametric.family import Instance, draws, family, listed, show
from tutor.exercises.parametric.stage2_models import softmax

_SUBJECTS = ("the model", "a transformer", "the encoder", "this network")
_VERBS = ("reads", "learns", "sees", "uses")
_OBJECTS = ("the whole text", "a long text", "many short texts", "the next word")
_ENDS = ("at once", "very well", "in parallel", "step by step")


def log_sigmoid(z: float) -> float:
    """ln σ(z)."""
    return -math.log(1 + math.exp(-z))


def _sentence(rng: Random) -> list[str]:
    parts = (rng.choice(words) for words in (_SUBJECTS, _VERBS, _OBJECTS, _ENDS))
    return " ".join(parts).split()


def _pair(rng: Random) -> tuple[list[str], list[str]]:
    """A reference, and a candidate that shares some of its words."""
    reference = _sentence(rng)
    others = _sentence(rng) + reference
    pairs = zip(reference, others, strict=False)
    candidate = [word if rng.random() < 0.65 else other for word, other in pairs]
    extra = rng.choice(reference)
    return reference, candidate[: rng.randint(4, len(candidate))] + [extra] * rng.randint(0, 2)


def _overlap(candidate: list[str], reference: list[str], n: int) -> tuple[int, int]:
    """Clipped n-gram matches, and the candidate's n-grams."""

    def grams(words: list[str]) -> Counter[tuple[str, ...]]:
        return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))

    got, wanted = grams(candidate), grams(reference)
    return sum((got & wanted).values()), sum(got.values())


def lcs_length(a: list[str], b: list[str]) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(b) + 1)
    for x in a:
        previous = row[:]
        for j, y in enumerate(b):
            row[j + 1] = previous[j] + 1 if x == y else max(previous[j + 1], row[j])
    return row[-1]


@family("bradley-terry-loss", "rlhf", "Loss of a reward model", 0)
def bradley_terry_loss(rng: Random) -> Instance:
    """-ln σ(r_chosen - r_rejected)."""
    chosen, rejected = draws(rng, 2, -2, 3, 0.25)
    margin = chosen - rejected
    return Instance(
        prompt=f"A reward model gives the chosen reply {show(chosen)} and the rejected one "
        f"{show(rejected)}. Compute its Bradley-Terry loss (natural log, three decimals).",
        key=-log_sigmoid(margin),
        mistakes={
            "you swapped chosen and rejected": -log_sigmoid(-margin),
            "you gave the probability that the chosen reply wins": math.exp(log_sigmoid(margin)),
            "you gave the negative margin without the sigmoid": -margin,
        },
        explanation=f"-ln σ({margin:g}) = {-log_sigmoid(margin):.4f}.",
        given={"chosen": chosen, "rejected": rejected},
        tolerance=0.001,
        unit="nats",
    )


@family("dpo-loss", "rlhf", "DPO loss of one pair", 1)
def dpo_loss(rng: Random) -> Instance:
    """-ln σ(β·((πc - ρc) - (πr - ρr)))."""
    pc, pr, rc, rr = draws(rng, 4, -30, -8, 0.5)
    beta = rng.choice([0.05, 0.1, 0.2, 0.5])
    margin = (pc - rc) - (pr - rr)
    return Instance(
        prompt=f"Log-probabilities under the policy are {show(pc)} for the chosen and {show(pr)} "
        f"for the rejected reply, under the reference model {show(rc)} and {show(rr)}. With "
        f"β = {show(beta)}, compute the DPO loss (three decimals).",
        key=-log_sigmoid(beta * margin),
        mistakes={
            "you left out the reference model": -log_sigmoid(beta * (pc - pr)),
            "you left out β": -log_sigmoid(margin),
            "you turned the sign of the margin": -log_sigmoid(-beta * margin),
        },
        explanation=f"Margin ({pc:g} - {rc:g}) - ({pr:g} - {rr:g}) = {margin:g}; "
        f"-ln σ({beta * margin:g}) = {-log_sigmoid(beta * margin):.4f}.",
        given={"pc": pc, "pr": pr, "rc": rc, "rr": rr, "beta": beta},
        tolerance=0.001,
        unit="nats",
        difficulty=4,
    )


@family("ppo-clip", "rlhf", "PPO's clipped objective", 1)
def ppo_clip(rng: Random) -> Instance:
    """min(r·A, clip(r)·A)."""
    ratio = rng.choice([0.4, 0.5, 0.6, 0.7, 1.3, 1.4, 1.5, 1.7])
    advantage = rng.choice([-3, -2, -1.5, -1, 1, 1.5, 2, 3])
    eps = rng.choice([0.1, 0.2])
    clipped = min(max(ratio, 1 - eps), 1 + eps)
    a, b = ratio * advantage, clipped * advantage
    far = (1 - eps if clipped > 1 else 1 + eps) * advantage
    return Instance(
        prompt=f"The probability ratio of an action is {show(ratio)}, its advantage "
        f"{show(advantage)} and ε = {show(eps)}. Compute PPO's clipped surrogate objective "
        "for it (three decimals).",
        key=min(a, b),
        mistakes={
            "you took the maximum of the two terms": max(a, b),
            "you left out the ratio": float(advantage),
            "you clipped to the wrong side": far,
        },
        explanation=f"min({a:g}, {b:g}) = {min(a, b):g}.",
        given={"ratio": ratio, "advantage": advantage, "eps": eps},
        tolerance=0.001,
        difficulty=3,
    )


@family("kl-policies", "rlhf", "KL divergence of two policies", 1)
def kl_policies(rng: Random) -> Instance:
    """Σ p ln(p/q) over three actions."""

    def policy() -> list[float]:
        cuts = sorted(rng.sample(range(1, 20), 2))
        return [round(n / 20, 2) for n in (cuts[0], cuts[1] - cuts[0], 20 - cuts[1])]

    p, q = policy(), policy()

    def kl(a: list[float], b: list[float]) -> float:
        return sum(x * math.log(x / y) for x, y in zip(a, b, strict=True))

    return Instance(
        prompt=f"A policy has probabilities {listed(p)} and the reference {listed(q)}. Compute "
        "KL(policy ‖ reference) in nats (three decimals).",
        key=kl(p, q),
        mistakes={
            "you swapped policy and reference": kl(q, p),
            "you used a logarithm to base 2": kl(p, q) / math.log(2),
            "you gave the cross-entropy": -sum(x * math.log(y) for x, y in zip(p, q, strict=True)),
        },
        explanation=f"Σ p·ln(p/q) = {kl(p, q):.4f}.",
        given={"p": p, "q": q},
        tolerance=0.001,
        unit="nats",
        difficulty=3,
    )


@family("lora-parameters", "transfer-learning", "Trainable parameters of LoRA")
def lora_parameters(rng: Random) -> Instance:
    """r·(d_in + d_out) for every adapted matrix."""
    d, rank = rng.choice([512, 768, 1024, 2048, 4096]), rng.choice([4, 8, 16, 32])
    layers, matrices = rng.choice([6, 12, 24, 32]), rng.choice([2, 3, 4])
    key = layers * matrices * 2 * d * rank
    return Instance(
        prompt=f"LoRA of rank {rank} is added to {matrices} square matrices of size {d}x{d} in "
        f"each of {layers} layers. How many parameters are trained?",
        key=float(key),
        mistakes={
            "you counted one of the two low-rank matrices": key / 2,
            "you counted the frozen matrices": float(layers * matrices * d * d),
            "you counted one layer": key / layers,
        },
        explanation=f"{rank}·({d} + {d}) = {2 * d * rank} a matrix, times {matrices}·{layers}.",
        given={"d": d, "rank": rank, "layers": layers, "matrices": matrices},
        tolerance=0.1,
        unit="parameters",
    )


@family("distillation-loss", "knowledge-distillation", "Soft-target loss of distillation")
def distillation_loss(rng: Random) -> Instance:
    """T² · KL(teacher ‖ student) at temperature T."""
    teacher, student = draws(rng, 3, -2, 4, 0.5), draws(rng, 3, -2, 4, 0.5)
    t = rng.choice([2, 3, 4])

    def kl(temperature: float) -> float:
        p = softmax([z / temperature for z in teacher])
        q = softmax([z / temperature for z in student])
        return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))

    return Instance(
        prompt=f"Teacher logits are {listed(teacher)}, student logits {listed(student)}. Compute "
        f"the distillation loss T²·KL(teacher ‖ student) with temperature T = {t} (natural log, "
        "three decimals).",
        key=t * t * kl(t),
        mistakes={
            "you left out the factor T²": kl(t),
            "you left out the temperature in the softmax": t * t * kl(1),
            "you left out the temperature altogether": kl(1),
        },
        explanation=f"KL of the softened distributions is {kl(t):.5f}; times {t * t} that is "
        f"{t * t * kl(t):.4f}.",
        given={"teacher": teacher, "student": student, "t": t},
        tolerance=0.002,
        difficulty=4,
    )


@family("rouge-score", "summarization", "ROUGE-1 or ROUGE-L of a summary")
def rouge_score(rng: Random) -> Instance:
    """F1 over unigrams or the longest common subsequence."""
    reference, candidate = _pair(rng)
    asked = rng.choice(["ROUGE-1", "ROUGE-L"])
    both = len(reference) + len(candidate)
    unigrams, common = _overlap(candidate, reference, 1)[0], lcs_length(candidate, reference)
    hits = {"ROUGE-1": unigrams, "ROUGE-L": common}[asked]
    return Instance(
        prompt=f"Reference: “{' '.join(reference)}”. Candidate: “{' '.join(candidate)}”. Compute "
        f"the {asked} F1 score (words, three decimals).",
        key=2 * hits / both,
        mistakes={
            "you gave recall": hits / len(reference),
            "you gave precision": hits / len(candidate),
        },
        explanation=f"{hits} of {len(candidate)} candidate and {len(reference)} reference words "
        f"match: 2·{hits}/{both} = {2 * hits / both:.4f}.",
        given={"reference": " ".join(reference), "candidate": " ".join(candidate), "asked": asked},
        tolerance=0.001,
        difficulty=3,
    )


@family("bleu-score", "text-generation", "BLEU with bigrams")
def bleu_score(rng: Random) -> Instance:
    """Geometric mean of clipped 1- and 2-gram precision, times brevity penalty."""
    while True:
        reference, candidate = _pair(rng)
        (a, b), (c, d) = _overlap(candidate, reference, 1), _overlap(candidate, reference, 2)
        if c and len(candidate) < len(reference):
            break
    mean = math.sqrt(a / b * c / d)
    brevity = math.exp(1 - len(reference) / len(candidate))
    return Instance(
        prompt=f"Reference: “{' '.join(reference)}”. Candidate: “{' '.join(candidate)}”. Compute "
        "BLEU with unigrams and bigrams (equal weights, clipped counts, brevity penalty, no "
        "smoothing; three decimals).",
        key=mean * brevity,
        mistakes={
            "you left out the brevity penalty": mean,
            "you took the arithmetic mean of the precisions": (a / b + c / d) / 2 * brevity,
            "you used unigrams alone": a / b * brevity,
        },
        explanation=f"√({a}/{b} · {c}/{d}) = {mean:.4f}, brevity penalty {brevity:.4f}: "
        f"{mean * brevity:.4f}.",
        given={"reference": " ".join(reference), "candidate": " ".join(candidate)},
        tolerance=0.001,
        difficulty=4,
    )
