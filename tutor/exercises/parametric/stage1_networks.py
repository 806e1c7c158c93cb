"""Stage 1: neural networks, convolutions, recurrent layers, optimizers and losses."""

from __future__ import annotations

import math
from random import Random

from tutor.exercises.parametric.family import Instance, draws, family, listed, show


@family("neuron-forward", "neural-networks", "Output of a neuron")
def neuron_forward(rng: Random) -> Instance:
    """sigmoid(w·x + b)."""
    w, x = draws(rng, 3, -2, 2, 0.5), draws(rng, 3, -1, 2, 0.5)
    b = rng.choice([-1, -0.5, 0.5, 1])
    z = sum(i * j for i, j in zip(w, x, strict=True)) + b
    key = 1 / (1 + math.exp(-z))
    return Instance(
        prompt=f"A neuron with sigmoid activation has weights {listed(w)} and bias {show(b)}. "
        f"Compute its output for the input {listed(x)} (three decimals).",
        key=key,
        mistakes={
            "you left out the activation": z,
            "you left out the bias": 1 / (1 + math.exp(b - z)),
            "you used tanh": math.tanh(z),
        },
        explanation=f"w·x + b = {z:g}, and σ({z:g}) = {key:.4f}.",
        given={"w": w, "x": x, "b": b},
        tolerance=0.001,
        difficulty=1,
    )


@family("gradient-descent-step", "neural-networks", "One step of gradient descent", 1)
def gradient_descent_step(rng: Random) -> Instance:
    """L(w) = (wx - t)^2."""
    w, x, t = draws(rng, 3, -3, 4, 0.5)
    rate = rng.choice([0.01, 0.02, 0.05, 0.1])
    gradient = 2 * (w * x - t) * x
    return Instance(
        prompt=f"The loss is $L(w) = (w \\cdot {show(x)} - ({show(t)}))^2$ and $w = {show(w)}$. "
        f"Take one step of gradient descent with learning rate {show(rate)}: what is the new $w$ "
        "(four decimals)?",
        key=w - rate * gradient,
        mistakes={
            "you added the gradient instead of subtracting it": w + rate * gradient,
            "you left out the factor 2": w - rate * gradient / 2,
            "you left out the inner derivative": w - rate * 2 * (w * x - t),
            "you left out the learning rate": w - gradient,
        },
        explanation=f"The gradient is 2·({w * x - t:g})·{x:g} = {gradient:g}; "
        f"w - {rate:g}·{gradient:g} = {w - rate * gradient:.6g}.",
        given={"w": w, "x": x, "t": t, "rate": rate},
        tolerance=0.0002,
    )


@family("backprop-step", "neural-networks", "Backpropagation by hand", 1)
def backprop_step(rng: Random) -> Instance:
    """Gradient of the first weight of a two-layer network with sigmoid."""
    x, w1, w2, t = draws(rng, 4, -2, 2, 0.25)
    h = 1 / (1 + math.exp(-w1 * x))
    y = w2 * h
    key = (y - t) * w2 * h * (1 - h) * x
    return Instance(
        prompt=f"A network computes $h = \\sigma(w_1 x)$ and $y = w_2 h$ with loss "
        f"$\\frac12 (y - t)^2$. With $x = {show(x)}$, $w_1 = {show(w1)}$, $w_2 = {show(w2)}$ and "
        f"$t = {show(t)}$, compute $\\partial L / \\partial w_1$ (four decimals).",
        key=key,
        mistakes={
            "you left out the sigmoid's derivative": (y - t) * w2 * x,
            "you gave the gradient of the second weight": (y - t) * h,
            "you left out the factor of the second weight": (y - t) * h * (1 - h) * x,
            "you left out the factor of the input": (y - t) * w2 * h * (1 - h),
        },
        explanation=f"h = {h:.4f}, y = {y:.4f}; (y - t)·w2·h(1 - h)·x = {key:.5f}.",
        given={"x": x, "w1": w1, "w2": w2, "t": t},
        tolerance=0.0002,
        difficulty=4,
    )


@family("adam-step", "advanced-dl", "One step of Adam", 2)
def adam_step(rng: Random) -> Instance:
    """The second update of Adam; the first would be plain sign descent."""
    g1, g2 = draws(rng, 2, 0.2, 3, 0.2)
    rate = rng.choice([0.01, 0.05, 0.1])
    m = 0.9 * 0.1 * g1 + 0.1 * g2
    v = 0.999 * 0.001 * g1**2 + 0.001 * g2**2
    mc, vc = m / (1 - 0.9**2), v / (1 - 0.999**2)
    size = rate * mc / math.sqrt(vc)
    return Instance(
        prompt=f"Adam with β1 = 0.9, β2 = 0.999, ε = 0 and learning rate {show(rate)} starts at "
        f"m = v = 0. The gradient was {show(g1)} in step 1 and is {show(g2)} in step 2. By how "
        "much is the weight lowered in step 2 (four decimals)?",
        key=size,
        mistakes={
            "you left out bias correction": rate * m / math.sqrt(v),
            "you took a plain gradient step": rate * g2,
            "you divided by v without its square root": rate * mc / vc,
        },
        explanation=f"m = {m:.5f}, v = {v:.7f}; corrected {mc:.5f} and {vc:.5f}; "
        f"{rate:g}·{mc:.5f}/√{vc:.5f} = {size:.5f}.",
        given={"beta1": 0.9, "beta2": 0.999, "rate": rate, "g1": g1, "g2": g2},
        tolerance=0.0002,
        difficulty=4,
    )


@family("softmax-temperature", "advanced-dl", "Softmax with temperature", 3)
def softmax_temperature(rng: Random) -> Instance:
    """Probability of the first of three logits."""
    logits = draws(rng, 3, -1, 4, 0.5)
    t = rng.choice([0.5, 2, 4])

    def first(values: list[float]) -> float:
        return math.exp(values[0]) / sum(map(math.exp, values))

    key = first([z / t for z in logits])
    return Instance(
        prompt=f"Compute the probability of the first of three classes with logits "
        f"{listed(logits)} under a softmax with temperature {show(t)} (three decimals).",
        key=key,
        mistakes={
            "you left out the temperature": first(logits),
            "you multiplied by the temperature instead of dividing": first([z * t for z in logits]),
            "you normalized without the exponential": abs(logits[0]) / sum(map(abs, logits)),
        },
        explanation=f"exp(z/{t:g}) for each logit, divided by their sum: {key:.4f}.",
        given={"logits": logits, "t": t},
        tolerance=0.001,
        difficulty=3,
    )


@family("cross-entropy", "advanced-dl", "Cross-entropy of a prediction", 3)
def cross_entropy(rng: Random) -> Instance:
    """Cross-entropy from logits."""
    logits = draws(rng, 3, -2, 3, 0.5)
    target = rng.randint(1, 3)
    total = math.log(sum(map(math.exp, logits)))
    key = total - logits[target - 1]
    p = math.exp(-key)
    return Instance(
        prompt=f"A classifier puts out the logits {listed(logits)}; class {target} (counting from "
        "1) is right. Compute the cross-entropy loss (natural log, three decimals).",
        key=key,
        mistakes={
            "you gave the probability of the right class": p,
            "you took the negative logit without the softmax": -logits[target - 1],
            "you used a logarithm to base 2": key / math.log(2),
            "you took one minus the probability": 1 - p,
        },
        explanation=f"ln Σexp(z) - z = {total:.4f} - ({logits[target - 1]:g}) = {key:.4f}.",
        given={"logits": logits, "target": target},
        tolerance=0.001,
        unit="nats",
    )


@family("conv-output-size", "advanced-dl", "Output size of a convolution")
def conv_output_size(rng: Random) -> Instance:
    """floor((n + 2p - k) / s) + 1."""
    n, k = rng.randint(20, 128), rng.choice([3, 5, 7])
    s, p = rng.choice([2, 3]), rng.randint(2, 4)
    size = (n + 2 * p - k) // s + 1
    return Instance(
        prompt=f"A convolution with kernel {k}x{k}, stride {s} and padding {p} on each side gets a "
        f"{n}x{n} image. What is the width of its output?",
        key=float(size),
        mistakes={
            "you left out the + 1": float(size - 1),
            "you left out the stride": float(n + 2 * p - k + 1),
            "you left out the padding": float((n - k) // s + 1),
        },
        explanation=f"⌊({n} + 2·{p} - {k})/{s}⌋ + 1 = {size}.",
        given={"n": n, "k": k, "s": s, "p": p},
        tolerance=0.1,
        unit="pixels",
        difficulty=1,
    )


@family("conv-parameters", "advanced-dl", "Parameters of a convolution")
def conv_parameters(rng: Random) -> Instance:
    """(k·k·c_in + 1)·c_out."""
    k = rng.choice([1, 3, 5, 7])
    cin, cout = rng.choice([3, 16, 32, 64]), rng.choice([8, 24, 48, 96, 128])
    n = rng.choice([28, 56, 112])
    return Instance(
        prompt=f"A {k}x{k} convolution with bias maps {cin} channels of size {n}x{n} to {cout} "
        "channels. How many parameters does it have?",
        key=float((k * k * cin + 1) * cout),
        mistakes={
            "you left out the biases": float(k * k * cin * cout),
            "you left out the input channels": float((k * k + 1) * cout),
            "you counted a weight for every pixel, but weights are shared": float(
                (k * k * cin + 1) * cout * n * n
            ),
        },
        explanation=f"({k}·{k}·{cin} + 1)·{cout} = {(k * k * cin + 1) * cout}.",
        given={"k": k, "cin": cin, "cout": cout, "n": n},
        tolerance=0.1,
        unit="parameters",
    )


@family("pooling-output-size", "advanced-dl", "Convolution followed by pooling")
def pooling_output_size(rng: Random) -> Instance:
    """Values left after a same convolution and max pooling."""
    n, c = rng.choice([32, 48, 64, 96, 128]), rng.choice([3, 8, 16, 24])
    cout, window = rng.choice([20, 32, 40, 64]), rng.choice([2, 4])
    out = n // window
    return Instance(
        prompt=f"An image of {n}x{n} with {c} channels goes through a 3x3 convolution to {cout} "
        f"channels that keeps the size, then through {window}x{window} max pooling with stride "
        f"{window}. How many values does the output hold?",
        key=float(out * out * cout),
        mistakes={
            "you left out the pooling": float(n * n * cout),
            "you pooled in one direction only": float(n * out * cout),
            "you kept the input's channels": float(out * out * c),
        },
        explanation=f"{n}/{window} = {out}, so {out}·{out}·{cout} = {out * out * cout}.",
        given={"n": n, "c": c, "cout": cout, "window": window},
        tolerance=0.1,
        unit="values",
    )


@family("rnn-parameters", "advanced-dl", "Parameters of a recurrent layer", 1)
def rnn_parameters(rng: Random) -> Instance:
    """h·(d + h) + h."""
    d, h = (int(n) for n in draws(rng, 2, 16, 512, 16))
    steps = rng.choice([20, 50, 100])
    key = h * (d + h) + h
    return Instance(
        prompt=f"A simple RNN layer has inputs of size {d}, a hidden state of size {h}, one bias "
        f"vector, and runs over {steps} steps. How many parameters does it have?",
        key=float(key),
        mistakes={
            "you left out the recurrent weights": float(h * d + h),
            "you left out the bias": float(key - h),
            "you multiplied by the steps, but weights are shared in time": float(key * steps),
        },
        explanation=f"{h}·({d} + {h}) + {h} = {key}.",
        given={"d": d, "h": h, "steps": steps},
        tolerance=0.1,
        unit="parameters",
    )


@family("lstm-parameters", "advanced-dl", "Parameters of an LSTM", 1)
def lstm_parameters(rng: Random) -> Instance:
    """4·(h·(d + h) + h)."""
    d, h = (int(n) for n in draws(rng, 2, 16, 512, 16))
    one = h * (d + h) + h
    return Instance(
        prompt=f"An LSTM layer has inputs of size {d}, a hidden state of size {h} and one bias "
        "vector for each gate and the candidate. How many parameters does it have?",
        key=float(4 * one),
        mistakes={
            "you counted a simple RNN, without gates": float(one),
            "you counted three gates and forgot the candidate": float(3 * one),
            "you left out the biases": float(4 * (one - h)),
            "you left out the recurrent weights": float(4 * (h * d + h)),
        },
        explanation=f"Three gates and the candidate: 4·({h}·({d} + {h}) + {h}) = {4 * one}.",
        given={"d": d, "h": h},
        tolerance=0.1,
        unit="parameters",
        difficulty=3,
    )
