"""Reference solution: scalar reverse-mode automatic differentiation."""

from __future__ import annotations

import math
from collections.abc import Callable


class Value:
    """A float that remembers how it was computed."""

    def __init__(self, data: float, parents: tuple[tuple[Value, float], ...] = ()) -> None:
        """Store data; parents holds (operand, local derivative) pairs and is empty for a leaf."""
        self.data = float(data)
        self.grad = 0.0
        self._parents = parents

    def __add__(self, other: Value | float) -> Value:
        """Return self + other."""
        other = _wrap(other)
        return Value(self.data + other.data, ((self, 1.0), (other, 1.0)))

    def __radd__(self, other: float) -> Value:
        """Return other + self for a plain number."""
        return self + other

    def __mul__(self, other: Value | float) -> Value:
        """Return self * other."""
        other = _wrap(other)
        return Value(self.data * other.data, ((self, other.data), (other, self.data)))

    def __rmul__(self, other: float) -> Value:
        """Return other * self for a plain number."""
        return self * other

    def __neg__(self) -> Value:
        """Return -self."""
        return self * -1.0

    def __sub__(self, other: Value | float) -> Value:
        """Return self - other."""
        return self + -_wrap(other)

    def __rsub__(self, other: float) -> Value:
        """Return other - self for a plain number."""
        return _wrap(other) - self

    def __pow__(self, n: float) -> Value:
        """Return self ** n for a plain number n."""
        slope = n * self.data ** (n - 1) if n != 0 else 0.0
        return Value(self.data**n, ((self, slope),))

    def __truediv__(self, other: Value | float) -> Value:
        """Return self / other."""
        return self * _wrap(other) ** -1

    def __rtruediv__(self, other: float) -> Value:
        """Return other / self for a plain number."""
        return _wrap(other) / self

    def exp(self) -> Value:
        """Return e to the power of self."""
        e = math.exp(self.data)
        return Value(e, ((self, e),))

    def log(self) -> Value:
        """Return the natural logarithm of self."""
        return Value(math.log(self.data), ((self, 1.0 / self.data),))

    def tanh(self) -> Value:
        """Return the hyperbolic tangent of self."""
        t = math.tanh(self.data)
        return Value(t, ((self, 1.0 - t * t),))

    def relu(self) -> Value:
        """Return max(0, self); the slope at 0 is 0."""
        positive = self.data > 0
        return Value(self.data if positive else 0.0, ((self, float(positive)),))

    def backward(self) -> None:
        """Set grad of every node self depends on to d self / d node (old grads are discarded)."""
        order = _topological_order(self)
        for node in order:
            node.grad = 0.0
        self.grad = 1.0
        for node in reversed(order):
            for parent, local in node._parents:
                parent.grad += local * node.grad


def _wrap(x: Value | float) -> Value:
    """Turn a plain number into a Value."""
    return x if isinstance(x, Value) else Value(x)


def _topological_order(root: Value) -> list[Value]:
    """Return the nodes below root, operands before results, without recursion."""
    order: list[Value] = []
    seen: set[int] = set()
    stack = [(root, False)]
    while stack:
        node, done = stack.pop()
        if done:
            order.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            stack.extend((parent, False) for parent, _ in node._parents)
    return order


def numerical_gradient(
    f: Callable[[list[Value]], Value], xs: list[float], eps: float = 1e-5
) -> list[float]:
    """Return the central-difference estimate of the gradient of f at xs."""

    def at(i: int, shift: float) -> float:
        return f([Value(x + shift * (i == j)) for j, x in enumerate(xs)]).data

    return [(at(i, eps) - at(i, -eps)) / (2 * eps) for i in range(len(xs))]
