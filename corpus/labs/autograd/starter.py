"""Starter: scalar reverse-mode automatic differentiation. Fill in the functions."""

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
        raise NotImplementedError("Write __add__.")

    def __radd__(self, other: float) -> Value:
        """Return other + self for a plain number."""
        raise NotImplementedError("Write __radd__.")

    def __mul__(self, other: Value | float) -> Value:
        """Return self * other."""
        raise NotImplementedError("Write __mul__.")

    def __rmul__(self, other: float) -> Value:
        """Return other * self for a plain number."""
        raise NotImplementedError("Write __rmul__.")

    def __neg__(self) -> Value:
        """Return -self."""
        raise NotImplementedError("Write __neg__.")

    def __sub__(self, other: Value | float) -> Value:
        """Return self - other."""
        raise NotImplementedError("Write __sub__.")

    def __rsub__(self, other: float) -> Value:
        """Return other - self for a plain number."""
        raise NotImplementedError("Write __rsub__.")

    def __pow__(self, n: float) -> Value:
        """Return self ** n for a plain number n."""
        raise NotImplementedError("Write __pow__.")

    def __truediv__(self, other: Value | float) -> Value:
        """Return self / other."""
        raise NotImplementedError("Write __truediv__.")

    def __rtruediv__(self, other: float) -> Value:
        """Return other / self for a plain number."""
        raise NotImplementedError("Write __rtruediv__.")

    def exp(self) -> Value:
        """Return e to the power of self."""
        raise NotImplementedError("Write exp.")

    def log(self) -> Value:
        """Return the natural logarithm of self."""
        raise NotImplementedError("Write log.")

    def tanh(self) -> Value:
        """Return the hyperbolic tangent of self."""
        raise NotImplementedError("Write tanh.")

    def relu(self) -> Value:
        """Return max(0, self); the slope at 0 is 0."""
        raise NotImplementedError("Write relu.")

    def backward(self) -> None:
        """Set grad of every node self depends on to d self / d node (old grads are discarded)."""
        raise NotImplementedError("Write backward.")


def numerical_gradient(
    f: Callable[[list[Value]], Value], xs: list[float], eps: float = 1e-5
) -> list[float]:
    """Return the central-difference estimate of the gradient of f at xs."""
    raise NotImplementedError("Write numerical_gradient.")
