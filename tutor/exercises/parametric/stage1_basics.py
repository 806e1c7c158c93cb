"""Stage 1: mathematics and classical machine learning."""

from __future__ import annotations

import math
from random import Random

from tutor.exercises.parametric.family import Instance, draws, family, listed, show


@family("matrix-product-shape", "math-for-ml", "Shape of a matrix product")
def matrix_product_shape(rng: Random) -> Instance:
    """(a x b)(b x c)(c x d): inner sizes cancel."""
    a, b, c, d = (int(n) for n in draws(rng, 4, 2, 12, 1))
    return Instance(
        prompt=f"$A$ is ${a} \\times {b}$, $B$ is ${b} \\times {c}$ and $C$ is ${c} \\times {d}$. "
        "What is the shape of $(ABC)^T$?",
        kind="choice",
        key=f"${d} \\times {a}$",
        mistakes={
            "you forgot the transpose": f"${a} \\times {d}$",
            "you kept the inner sizes and not the outer ones": f"${c} \\times {b}$",
            "you stopped after $AB$": f"${c} \\times {a}$",
        },
        explanation=f"The inner sizes cancel, so $ABC$ is ${a} \\times {d}$; "
        f"the transpose is ${d} \\times {a}$.",
        given={"a": a, "b": b, "c": c, "d": d},
        difficulty=1,
    )


@family("eigenvalues-2x2", "math-for-ml", "Eigenvalues of a 2x2 matrix")
def eigenvalues(rng: Random) -> Instance:
    """The larger eigenvalue of a symmetric matrix."""
    a, d = rng.randint(-5, 9), rng.randint(-5, 9)
    b = rng.choice([-4, -3, -2, 2, 3, 4])
    mean, spread = (a + d) / 2, math.hypot((a - d) / 2, b)
    return Instance(
        prompt=f"Compute the larger eigenvalue of the matrix $[[{a}, {b}], [{b}, {d}]]$ "
        "(two decimals).",
        key=mean + spread,
        mistakes={
            "you gave the smaller eigenvalue": mean - spread,
            "you read the eigenvalues off the diagonal": float(max(a, d)),
            "you gave the trace, which is the sum of both eigenvalues": float(a + d),
            "you gave the determinant, which is their product": float(a * d - b * b),
        },
        explanation=r"$\lambda^2 - \mathrm{tr}\,\lambda + \det = 0$ with trace "
        f"{a + d} and determinant {a * d - b * b}; the larger root is {mean + spread:.4f}.",
        given={"a": a, "b": b, "d": d},
        tolerance=0.01,
        difficulty=3,
    )


@family("gradient-composed", "math-for-ml", "Derivative of a composed function", 1)
def gradient_composed(rng: Random) -> Instance:
    """d/dx (ax + b)^n at a point, by the chain rule."""
    a, b, n, x = rng.randint(2, 5), rng.randint(-3, 4), rng.randint(2, 4), rng.randint(1, 3)
    inner = a * x + b
    return Instance(
        prompt=f"Let $f(x) = ({a}x + ({b}))^{{{n}}}$. Compute $f'({x})$.",
        key=float(n * inner ** (n - 1) * a),
        mistakes={
            "you left out the inner derivative": float(n * inner ** (n - 1)),
            "you left out the outer derivative's factor, the exponent": float(inner ** (n - 1) * a),
            "you computed the value of f instead of its derivative": float(inner**n),
        },
        explanation=f"Outer derivative times inner derivative: "
        f"${n}({inner})^{{{n - 1}}} \\cdot {a} = {n * inner ** (n - 1) * a}$.",
        given={"a": a, "b": b, "n": n, "x": x},
        tolerance=1e-6,
    )


@family("bayes-rule", "math-for-ml", "Bayes' rule", 2)
def bayes_rule(rng: Random) -> Instance:
    """P(spam | flagged) from prior, hit rate and false alarms."""
    prior, hit, alarm = (
        rng.randint(1, 40),
        rng.randint(70, 99),
        rng.randint(1, 20),
    )
    p, h, f = prior / 100, hit / 100, alarm / 100
    evidence = p * h + (1 - p) * f
    return Instance(
        prompt=f"{prior}% of all e-mails are spam. A filter flags {hit}% of the spam and {alarm}% "
        "of the normal mail. What is the probability that a flagged e-mail is spam "
        "(a number from 0 to 1, three decimals)?",
        key=p * h / evidence,
        mistakes={
            "you gave P(flagged | spam) instead of P(spam | flagged)": h,
            "you gave the joint probability without dividing by that of a flag": p * h,
            "you gave the probability of a flag": evidence,
            "you weighted false alarms with the share of spam": p * h / (p * h + p * f),
        },
        explanation=f"{p:g}·{h:g} / ({p:g}·{h:g} + {1 - p:g}·{f:g}) = {p * h / evidence:.4f}.",
        given={"prior": prior, "hit": hit, "alarm": alarm},
        tolerance=0.001,
        difficulty=3,
    )


@family("bias-variance", "ml-algorithms", "Bias and variance from samples", 2)
def bias_variance(rng: Random) -> Instance:
    """Squared bias or variance of four models' predictions at one point."""
    predictions = draws(rng, 4, 1, 9, 0.5)
    truth = rng.randint(2, 8)
    mean = sum(predictions) / 4
    bias2 = (mean - truth) ** 2
    variance = sum((p - mean) ** 2 for p in predictions) / 4
    error = sum((p - truth) ** 2 for p in predictions) / 4
    asked = rng.choice(["squared bias", "variance"])
    values = {"squared bias": bias2, "variance": variance}
    other = "variance" if asked == "squared bias" else "squared bias"
    return Instance(
        prompt="Four models, trained on four samples of the data, predict "
        f"{listed(predictions)} at the same point, where the true value is {truth}. "
        f"Estimate the {asked} there (divide by 4, three decimals).",
        key=values[asked],
        mistakes={
            f"you gave the {other}": values[other],
            "you gave the mean squared error, which is squared bias plus variance": error,
            "you did not square": abs(mean - truth) if asked == "squared bias" else variance**0.5,
        },
        explanation=f"The mean prediction is {mean:g}; squared bias ({mean:g} - {truth})² = "
        f"{bias2:g}, variance {variance:g}.",
        given={"predictions": predictions, "truth": truth, "asked": asked},
        tolerance=0.001,
        difficulty=3,
    )


@family("kfold-sizes", "ml-algorithms", "Sizes in k-fold cross-validation", 3)
def kfold_sizes(rng: Random) -> Instance:
    """Training examples per round."""
    k = rng.choice([4, 5, 8, 10])
    n = k * rng.randint(12, 400)
    epochs = rng.randint(2, 6)
    return Instance(
        prompt=f"You run {k}-fold cross-validation on {show(n)} examples and train each model for "
        f"{epochs} epochs. How many training examples are processed in all rounds together?",
        key=float((n - n // k) * k * epochs),
        mistakes={
            "you trained on the validation fold too": float(n * k * epochs),
            "you counted one round": float((n - n // k) * epochs),
            "you counted one epoch": float((n - n // k) * k),
        },
        explanation=f"Each round trains on {n} - {n // k} = {n - n // k} examples; times {k} "
        f"rounds and {epochs} epochs.",
        given={"k": k, "n": n, "epochs": epochs},
        tolerance=0.1,
        unit="examples",
        difficulty=1,
    )


@family("precision-recall", "ml-algorithms", "Precision and recall", 3)
def precision_recall(rng: Random) -> Instance:
    """One of the two from a confusion matrix."""
    tp, fp, fn, tn = (int(n) for n in draws(rng, 4, 5, 200, 1))
    asked = rng.choice(["precision", "recall"])
    values = {"precision": tp / (tp + fp), "recall": tp / (tp + fn)}
    other = "recall" if asked == "precision" else "precision"
    return Instance(
        prompt=f"A classifier has {tp} true positives, {fp} false positives, {fn} false negatives "
        f"and {tn} true negatives. Compute its {asked} (three decimals).",
        key=values[asked],
        mistakes={
            f"you computed {other}": values[other],
            "you computed accuracy": (tp + tn) / (tp + fp + fn + tn),
            "you computed specificity": tn / (tn + fp),
        },
        explanation="Precision is TP/(TP+FP), recall TP/(TP+FN): "
        f"{values['precision']:.4f} and {values['recall']:.4f}.",
        given={"tp": tp, "fp": fp, "fn": fn, "tn": tn, "asked": asked},
        tolerance=0.001,
        difficulty=1,
    )


@family("f1-score", "ml-algorithms", "F1 from a confusion matrix", 3)
def f1_score(rng: Random) -> Instance:
    """Harmonic mean of precision and recall."""
    tp, fp, fn = (int(n) for n in draws(rng, 3, 5, 120, 1))
    precision, recall = tp / (tp + fp), tp / (tp + fn)
    key = 2 * tp / (2 * tp + fp + fn)
    return Instance(
        prompt=f"A classifier has {tp} true positives, {fp} false positives and {fn} false "
        "negatives. Compute its F1 score (three decimals).",
        key=key,
        mistakes={
            "you took the arithmetic mean of precision and recall": (precision + recall) / 2,
            "you gave precision": precision,
            "you gave recall": recall,
            "you left out the factor 2 of the harmonic mean": key / 2,
        },
        explanation=f"2·TP / (2·TP + FP + FN) = {2 * tp}/{2 * tp + fp + fn} = {key:.4f}.",
        given={"tp": tp, "fp": fp, "fn": fn},
        tolerance=0.001,
    )


@family("logistic-loss", "ml-algorithms", "Loss of logistic regression", 0)
def logistic_loss(rng: Random) -> Instance:
    """Negative log-likelihood of one example, from its score."""
    w, x, b = draws(rng, 3, -2, 2, 0.25)
    label = rng.randint(0, 1)
    z = w * x + b
    p = 1 / (1 + math.exp(-z))
    q = p if label else 1 - p
    return Instance(
        prompt=f"Logistic regression has weight {show(w)} and bias {show(b)}. For the input "
        f"{show(x)} with label {label}, compute the log loss (natural log, three decimals).",
        key=-math.log(q),
        mistakes={
            "you took the loss of the other label": -math.log(1 - q),
            "you gave the probability of the label": q,
            "you used a logarithm to base 2": -math.log2(q),
            "you took squared error": (label - p) ** 2,
        },
        explanation=f"z = {z:g}, σ(z) = {p:.4f}, so the loss is -ln {q:.4f} = {-math.log(q):.4f}.",
        given={"w": w, "x": x, "b": b, "label": label},
        tolerance=0.001,
        unit="nats",
        difficulty=3,
    )
