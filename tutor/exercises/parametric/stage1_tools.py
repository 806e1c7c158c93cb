"""Stage 1: arrays in NumPy, gradients in PyTorch."""

from __future__ import annotations

from random import Random

from tutor.exercises.parametric.family import Instance, family, show

_BYTES = {"float16": 2, "float32": 4, "float64": 8}


@family("broadcast-bytes", "python-libraries", "Memory of a broadcast result")
def broadcast_bytes(rng: Random) -> Instance:
    """All pairs of rows: (n, 1, d) against (1, m, d) gives (n, m, d)."""
    n, m = 10 * rng.randint(2, 90), 10 * rng.randint(2, 90)
    d = rng.choice([3, 16, 50, 64, 100, 128])
    dtype = rng.choice(list(_BYTES))
    key = n * m * d * _BYTES[dtype]
    return Instance(
        prompt=f"A has shape ({n}, {d}) and B has shape ({m}, {d}), both {dtype}. How many bytes "
        "do the elements of `A[:, None, :] - B[None, :, :]` occupy?",
        key=float(key),
        mistakes={
            "you counted elements and not bytes": float(n * m * d),
            "you counted the two inputs and not the result": float((n + m) * d * _BYTES[dtype]),
            "you dropped the last axis": float(n * m * _BYTES[dtype]),
        },
        explanation=f"The result has shape ({n}, {m}, {d}), with {_BYTES[dtype]} bytes an element: "
        f"{show(key)}.",
        given={"n": n, "m": m, "d": d, "dtype": dtype},
        tolerance=0.1,
        unit="bytes",
        difficulty=3,
    )


@family("accumulated-gradient", "dl-frameworks", "Gradient after two backward passes")
def accumulated_gradient(rng: Random) -> Instance:
    """PyTorch adds gradients up until they are cleared."""
    w, n = rng.choice([-3, -2, 2, 3]), rng.choice([2, 3, 4])
    a, b = rng.randint(2, 6), rng.randint(2, 9)
    first = a * n * w ** (n - 1)
    return Instance(
        prompt=f"In PyTorch, `w = torch.tensor({w}., requires_grad=True)`. Then "
        f"`({a} * w**{n}).backward()` and `({b} * w).backward()` are called, without clearing "
        "gradients. What is `w.grad`?",
        key=float(first + b),
        mistakes={
            "you kept the gradient of the second call alone": float(b),
            "you kept the gradient of the first call alone": float(first),
            "you gave the sum of the two values": float(a * w**n + b * w),
        },
        explanation=f"Gradients add up: {a}·{n}·({w})^{n - 1} = {first}, plus {b} gives "
        f"{first + b}.",
        given={"w": w, "n": n, "a": a, "b": b},
        tolerance=0.001,
        difficulty=3,
    )
