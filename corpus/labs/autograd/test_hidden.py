import math
import random

import submission as s


def _grads(f, xs):
    vs = [s.Value(x) for x in xs]
    out = f(vs)
    out.backward()
    return out.data, [v.grad for v in vs]


def _numeric(f, xs, eps=1e-6):
    def at(i, h):
        return f([s.Value(x + (h if i == j else 0)) for j, x in enumerate(xs)]).data
    return [(at(i, eps) - at(i, -eps)) / (2 * eps) for i in range(len(xs))]


def _close(a, b, tol=1e-5):
    return all(abs(x - y) <= tol * max(1.0, abs(y)) for x, y in zip(a, b, strict=True))


def test_leaf():
    v = s.Value(3)
    assert v.data == 3.0 and v.grad == 0.0, "A new Value holds its number and has grad 0.0."


def test_forward_values():
    a, b = s.Value(3.0), s.Value(-2.0)
    cases = {
        "a + b": ((a + b).data, 1.0), "a - b": ((a - b).data, 5.0), "a * b": ((a * b).data, -6.0),
        "a / b": ((a / b).data, -1.5), "-a": ((-a).data, -3.0), "a ** 3": ((a**3).data, 27.0),
        "a ** 0.5": ((a**0.5).data, math.sqrt(3)), "exp": (a.exp().data, math.exp(3)),
        "log": (a.log().data, math.log(3)), "tanh": (b.tanh().data, math.tanh(-2)),
        "relu(a)": (a.relu().data, 3.0), "relu(b)": (b.relu().data, 0.0),
    }
    for name, (got, want) in cases.items():
        assert math.isclose(got, want), f"The forward value of {name} is wrong."


def test_numbers_on_either_side():
    v = s.Value(4.0)
    cases = {
        "v + 1": (lambda: v + 1, 5), "1 + v": (lambda: 1 + v, 5),
        "v - 1": (lambda: v - 1, 3), "1 - v": (lambda: 1 - v, -3),
        "v * 3": (lambda: v * 3, 12), "3 * v": (lambda: 3 * v, 12),
        "v / 2": (lambda: v / 2, 2), "2 / v": (lambda: 2 / v, 0.5),
    }
    for name, (f, want) in cases.items():
        try:
            got = f().data
        except (TypeError, AttributeError):
            raise AssertionError(
                f"{name} failed. Wrap plain numbers in a Value, and define the reflected methods "
                "(__radd__, __rsub__, ...) for numbers on the left.") from None
        assert math.isclose(got, want), (
            f"{name} has the wrong value. For - and / the order matters: 1 - v is not v - 1.")


def test_local_derivatives():
    cases = {
        "+": (lambda v: v[0] + v[1], [1, 1]),
        "-": (lambda v: v[0] - v[1], [1, -1]),
        "*": (lambda v: v[0] * v[1], [-0.7, 1.3]),
        "/": (lambda v: v[0] / v[1], [1 / -0.7, -1.3 / 0.49]),
        "unary -": (lambda v: -v[0] + 0 * v[1], [-1, 0]),
        "number - Value": (lambda v: 5 - v[0] + 0 * v[1], [-1, 0]),
        "number / Value": (lambda v: 5 / v[0] + 0 * v[1], [-5 / 1.69, 0]),
        "** 3": (lambda v: v[1] ** 3 + 0 * v[0], [0, 3 * 0.49]),
        "** -2": (lambda v: v[0] ** -2 + 0 * v[1], [-2 * 1.3**-3, 0]),
        "exp": (lambda v: v[1].exp() + 0 * v[0], [0, math.exp(-0.7)]),
        "log": (lambda v: v[0].log() + 0 * v[1], [1 / 1.3, 0]),
        "tanh": (lambda v: v[0].tanh() + 0 * v[1], [1 - math.tanh(1.3) ** 2, 0]),
        "relu": (lambda v: v[0].relu() + 2 * v[1].relu(), [1, 0]),
    }
    for name, (f, want) in cases.items():
        _, got = _grads(f, [1.3, -0.7])
        assert _close(got, want, 1e-9), (
            f"The derivative through '{name}' is wrong. Work out its local derivative on paper and "
            "compare; remember to multiply by the gradient that arrives from above.")
    _, got = _grads(lambda v: v[0].relu(), [0.0])
    assert got == [0.0], "The task fixes the slope of relu at exactly 0 to be 0."


def test_chain_rule():
    f = lambda v: ((v[0] * v[1]).tanh() * 3 + v[2].exp()).log() ** 2 / v[1]  # noqa: E731
    xs = [0.4, 1.7, 0.9]
    _, got = _grads(f, xs)
    assert _close(got, _numeric(f, xs)), (
        "A nested expression has wrong gradients though single operations may be right. "
        "Is every local derivative multiplied by the gradient of the node's own output?")


def test_reused_nodes_accumulate():
    _, got = _grads(lambda v: v[0] * v[0] + v[0], [3.0])
    assert _close(got, [7.0]), (
        "v * v + v at 3 has slope 7. If you got less, a later use of a node overwrote what an "
        "earlier use had contributed: gradients must be added up.")


def test_diamond_order():
    def f(v):
        a = v[0] * 2
        b = a * a
        c = b + a
        d = c * b
        return d * c + a.tanh() * d
    _, got = _grads(f, [0.6])
    assert _close(got, _numeric(f, [0.6])), (
        "A graph with shared intermediate results has a wrong gradient. A node must not pass its "
        "gradient on before ALL its consumers have contributed: process the nodes in reverse "
        "topological order, each exactly once.")


def test_random_graphs():
    rng = random.Random(5)
    for _ in range(15):
        plan = [(rng.randrange(5), rng.random(), rng.random()) for _ in range(25)]

        def f(v, plan=plan):
            nodes = list(v)
            for op, i, j in plan:
                a, b = nodes[int(i * len(nodes))], nodes[int(j * len(nodes))]
                nodes.append([lambda: a + b, lambda: a * b, lambda: a - b,
                              lambda: a.tanh(), lambda: a / (b * b + 1)][op]().tanh())
            total = nodes[0]
            for n in nodes[1:]:
                total = total + n
            return total

        xs = [rng.uniform(-1, 1) for _ in range(3)]
        _, got = _grads(f, xs)
        assert _close(got, _numeric(f, xs), 1e-4), (
            "Gradients of a random graph disagree with central differences: look again at shared "
            "nodes, the order of visits and the accumulation.")


def test_backward_twice():
    x = s.Value(2.0)
    y = x * x
    z = y * 3
    z.backward()
    z.backward()
    assert (x.grad, y.grad, z.grad) == (12.0, 3.0, 1.0), (
        "Calling backward a second time must give the same gradients: reset the grad of all nodes "
        "below the output, intermediate ones included, before propagating.")
    w = y + x
    w.backward()
    assert (x.grad, y.grad) == (5.0, 1.0), (
        "backward on a second output must not mix with gradients left over from the first.")


def test_backward_on_intermediate():
    x = s.Value(1.5)
    y = x * x
    z = y * 10
    y.backward()
    assert y.grad == 1.0 and x.grad == 3.0, (
        "backward starts at the node on which it is called, not at the end of the graph.")
    assert z.grad == 0.0, "Nodes that the output does not depend on must stay untouched."


def test_deep_graph():
    x = s.Value(0.5)
    y = x
    for _ in range(20000):
        y = y + 0.0
    try:
        y.backward()
    except RecursionError:
        raise AssertionError(
            "backward ran out of recursion depth on a long chain (think of an RNN over a long "
            "text). Walk the graph with an explicit stack.") from None
    assert x.grad == 1.0, "The gradient must survive a chain of 20,000 additions unchanged."


def test_shared_graph_is_not_exponential():
    x = s.Value(1.0)
    y = x
    for _ in range(18):
        y = (y + y) * 0.5
    y.backward()
    assert math.isclose(x.grad, 1.0), (
        "Repeated sharing gives a wrong gradient: visit every node exactly once.")


def test_data_unchanged():
    a, b = s.Value(1.0), s.Value(2.0)
    c = a
    c += b
    (a * b - b / a).backward()
    assert a.data == 1.0 and b.data == 2.0, (
        "An operation changed its operand's data. Each operation must create a NEW node, "
        "otherwise derivatives are taken at the wrong point.")


def test_numerical_gradient():
    f = lambda v: v[0] * v[0] * v[1] + v[1].exp() * 0 + v[2] * v[2] * 3  # noqa: E731
    xs = [1.0, 2.0, -1.0]
    got = s.numerical_gradient(f, xs, eps=0.1)
    assert len(got) == 3, "numerical_gradient returns one number per input."
    assert _close(got, [4, 1, -6], 1e-9), (
        "For a quadratic the CENTRAL difference is exact even with a large eps. An error of the "
        "size of eps means a one-sided difference; a factor 2 means the wrong denominator; also "
        "shift only one input at a time.")
    assert xs == [1.0, 2.0, -1.0], "numerical_gradient must leave its input list as it was."
