"""Numbers as people type them: fractions, powers, thousands, percent, units.

Nothing here evaluates code: an expression is cut into numbers, a few names and operators first, and
only a tree of those is computed, in floating point, so that 9**9**9 overflows instead of hanging.
"""

from __future__ import annotations

import ast
import math
import operator
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

_MAX_CHARS = 200
_MAX_TOKENS = 60

_OPERATORS: dict[type[ast.AST], Callable[[float, float], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_FUNCTIONS: dict[str, Callable[[float], float]] = {
    "sqrt": math.sqrt,
    "exp": math.exp,
    "ln": math.log,
    "log": math.log,
    "log2": math.log2,
    "log10": math.log10,
    "abs": abs,
}
_CONSTANTS = {"pi": math.pi, "e": math.e}

_NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d{1,3}(?![\w.]))?"
_TOKEN = re.compile(rf"\s*({_NUMBER}|sqrt|exp|log10|log2|log|ln|abs|pi\b|e\b|\*\*|[-+*/()])", re.I)
_SCALES = {
    "k": 1e3, "thousand": 1e3, "m": 1e6, "mio": 1e6, "million": 1e6, "millions": 1e6,
    "b": 1e9, "bn": 1e9, "billion": 1e9, "billions": 1e9, "t": 1e12, "trillion": 1e12,
    "trillions": 1e12,
}  # fmt: skip
_SCALE_WORD = re.compile(r"(k|thousand|M|mio|millions?|B|bn|billions?|T|trillions?)(?![\w/])\s*")
_UNIT = re.compile(r"[A-Za-zµμ%][A-Za-z µμ%/²'-]{0,40}")
_HEDGE = re.compile(
    r"^(?:(?:so|i think|i guess|i get|we get|it is|it's|its|the (?:final )?(?:answer|result|value)"
    r"(?: is| =|:)?|answer|result|is|about|around|approx(?:imately|\.)?|roughly|circa|ca\.|nearly|"
    r"almost|equals?|exactly)\b[\s:]*|[~≈≃=:]\s*)+",
    re.I,
)


@dataclass(frozen=True)
class Quantity:
    """A number that somebody typed.

    Attributes:
        value: The number with its multiplier, so 110M is 1.1e8; a percentage as written, 25% is 25.
        unit: What stood behind it, such as "GB" or "%"; empty if nothing did.
        scaled: Whether a multiplier word or letter was applied.
    """

    value: float
    unit: str = ""
    scaled: bool = False


def parse_quantity(text: str) -> Quantity | None:
    """Read the one number that a learner's text states.

    Args:
        text: Anything at all: "1/4", "25%", "1,024", "3·10^4", "sqrt(2)", "about 12 GB", "110M".

    Returns:
        The quantity, or None where no number, or no single one, can be made out.
    """
    cleaned = _clean(text)
    if not cleaned:
        return None
    whole = _read(cleaned)
    if whole is not None:
        return whole
    # "3 + 4 = 7" and "loss = 0.25": what stands behind the last equals sign counts.
    if "=" in cleaned:
        last = _read(cleaned.rsplit("=", 1)[1].strip())
        if last is not None:
            return last
    found = [quantity for quantity in map(_read, _spans(cleaned)) if quantity is not None]
    return found[0] if found and len({(q.value, q.unit) for q in found}) == 1 else None


def readings(quantity: Quantity, unit: str | None) -> list[float]:
    """The values a quantity can stand for, expressed in the question's unit.

    Args:
        unit: The question's unit, such as "GB", "%", "billion parameters" or "10^22 FLOPs".

    Returns:
        One value, or several where the notation is open; none if the units contradict each other.
    """
    scale, base = _split_unit(unit or "")
    percent = quantity.unit == "%"
    if base in {"%", "percent", "percentage points"}:
        fits = quantity.unit in {"", "%"} or quantity.unit.lower().startswith("per")
        return [quantity.value] if fits else []
    if percent:
        return [quantity.value / 100, quantity.value]
    if quantity.unit == "B" and base and not base.lower().endswith(("b", "byte", "bytes")):
        quantity = Quantity(quantity.value * 1e9, scaled=True)
    values = [quantity.value / scale]
    if scale != 1 and not quantity.scaled:
        # "31.4" and "3.14e23 FLOPs" both answer a question that asks for units of 10^22.
        values.append(quantity.value)
    if not base or not quantity.unit or _same_unit(quantity.unit, base):
        return values
    factor = _conversion(quantity.unit, base)
    if factor is None:
        return values
    return [quantity.value * factor / scale] if factor else []


def close(value: float, key: float, tolerance: float) -> bool:
    """Whether a value equals the key within the tolerance and floating-point noise."""
    return abs(value - key) <= tolerance + 1e-9 * max(1.0, abs(key))


def evaluate(expression: str) -> float | None:
    """Compute an expression of numbers, + - * / ** and a few functions.

    Returns:
        A finite number; None if the text is anything else.
    """
    tokens: list[str] = []
    position = 0
    while position < len(expression):
        match = _TOKEN.match(expression, position)
        if not match or len(tokens) > _MAX_TOKENS:
            return None
        token = match[1].lower()
        # Normalised here, so that ast never sees 007 or 1_000.
        tokens.append(repr(float(token)) if token[0].isdigit() or token[0] == "." else token)
        position = match.end()
    try:
        value = _compute(ast.parse(" ".join(tokens), mode="eval").body)
    except (SyntaxError, ValueError, ArithmeticError, TypeError, RecursionError, MemoryError):
        return None
    return value if math.isfinite(value) else None


def _compute(node: ast.expr) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, float):
        return node.value
    if isinstance(node, ast.Name) and node.id in _CONSTANTS:
        return _CONSTANTS[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        value = _compute(node.operand)
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        result = _OPERATORS[type(node.op)](_compute(node.left), _compute(node.right))
        # A negative number to a broken power is complex in Python.
        return float(result) if not isinstance(result, complex) else math.nan
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in _FUNCTIONS
        and len(node.args) == 1
        and not node.keywords
    ):
        return float(_FUNCTIONS[node.func.id](_compute(node.args[0])))
    raise ValueError("not an expression of numbers")


def _clean(text: str) -> str:
    """Bring typography and LaTeX to plain characters."""
    if len(text) > 20 * _MAX_CHARS:
        return ""
    for superscripts in re.findall(r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+", text):
        plain = unicodedata.normalize("NFKC", superscripts).replace("\u2212", "-")
        text = text.replace(superscripts, f"^({plain})", 1)
    text = re.sub(r"(\d)\s*([½¼¾⅓⅔⅛])", r"\1+\2", text)
    text = unicodedata.normalize("NFKC", text).replace("⁄", "/")
    text = re.sub(r"\\(?:left|right|,|;|!|quad)|[$`]|\\[()\[\]]|\*\*(?=\s*$)|^\s*\*\*", " ", text)
    text = re.sub(r"\\(?:boxed|text|mathrm|mathbf)\s*\{([^{}]*)\}", r" \1 ", text)
    text = re.sub(r"\\d?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}", r"((\1)/(\2))", text)
    text = re.sub(r"\\sqrt\s*\{([^{}]*)\}", r"sqrt(\1)", text)
    text = re.sub(r"√\s*(\d+(?:\.\d+)?)", r"sqrt(\1)", text).replace("√", "sqrt")
    text = re.sub(r"\^\s*\{([^{}]*)\}", r"^(\1)", text).replace("\\%", "%").replace("{,}", ",")
    for sign, plain in (
        ("\\cdot", "*"), ("\\times", "*"), ("\\approx", "≈"), ("×", "*"), ("·", "*"), ("⋅", "*"),
        ("∙", "*"), ("÷", "/"), ("−", "-"), ("–", "-"), ("π", "pi"), ("^", "**"), ("\u202f", " "),
    ):  # fmt: skip
        text = text.replace(sign, plain)
    text = re.sub(r"(?<=\d)(?:\s*[xX]\s*(?=10\s*\*\*)|\s+[xX]\s+(?=\d))", "*", text)
    # "3.3 10^18 FLOPs" repeats the question's unit behind the number.
    text = re.sub(r"(?<=\d)\s+(?=10\s*\*\*|1e-?\d)", "*", text)
    text = re.sub(r"\bminus\s+(?=[\d.])", "-", text, flags=re.I)
    text = re.sub(r"(?<![\d.,])(\d{1,3})((?:[, ']\d{3})+)(?![\d,])", _join_thousands, text)
    text = re.sub(r"(?<![\d.,])(\d+),(\d+)(?![\d,])", r"\1.\2", text)
    return " ".join(text.split())


def _join_thousands(match: re.Match[str]) -> str:
    # 0,125 is a decimal comma: no number starts with a thousands group of zero.
    if match[1].startswith("0"):
        return match[0]
    return match[1] + re.sub(r"[, ']", "", match[2])


def _read(text: str) -> Quantity | None:
    """A quantity that fills the whole text."""
    text = _HEDGE.sub("", text.strip()).strip().rstrip(".!?;,").strip()
    text = re.sub(r"^[A-Za-z]\w{0,15}(?:\([^()]*\))?\s*[=≈]\s*", "", text).strip()
    if not text or len(text) > _MAX_CHARS:
        return None
    value = evaluate(text)
    if value is not None:
        return Quantity(value)
    # The unit starts at the first letter or % behind which no digit or bracket follows.
    for match in re.finditer(r"(?<=[\d.)])\s*(?=[A-Za-zµμ%])(?!e[+-]?\d)", text):
        value = evaluate(text[: match.start()])
        if value is None:
            continue
        rest = text[match.end() :]
        scale = _SCALE_WORD.match(rest)
        if scale and not (scale[1] == "B" and len(text) == match.end() + 1 and " " in match[0]):
            factor = _SCALES[scale[1].lower()]
            rest = rest[scale.end() :]
            if not rest or _UNIT.fullmatch(rest):
                return Quantity(value * factor, rest.strip(), scaled=True)
        elif _UNIT.fullmatch(rest):
            return Quantity(value, rest.strip())
    return None


def _spans(text: str) -> list[str]:
    """The stretches of a sentence that could be a number with its unit."""
    number = rf"[-+]?{_NUMBER}(?:\s*(?:\*\*|[-*/+])\s*\(?[-+]?{_NUMBER}\)?)*"
    unit = r"(?:\s?%|\s?[kMGTP]?i?B\b|\s?(?:million|billion|trillion|[kMT])\b)?"
    return [match[0] for match in re.finditer(rf"(?<![\w.]){number}{unit}(?![\w%])", text, re.I)]


def _split_unit(unit: str) -> tuple[float, str]:
    """The multiplier and the base of a question's unit: "billion parameters", "10^22 FLOPs"."""
    match = re.match(r"(?:10\^\{?(-?\d+)\}?|1e(-?\d+))(?:\s+|$)", unit)
    if match:
        return 10.0 ** int(match[1] or match[2]), unit[match.end() :].strip()
    word, _, rest = unit.partition(" ")
    if len(word) > 2 and word.lower() in _SCALES:
        return _SCALES[word.lower()], rest.strip()
    return 1.0, unit.strip()


def _same_unit(given: str, base: str) -> bool:
    if given == base:
        return True
    # Short symbols differ by case (Mb, MB); words do not.
    if min(len(given), len(base)) <= 3:
        return False
    return given.lower().rstrip("s").startswith(base.lower().rstrip("s"))


@cache
def _registry() -> Any:
    import pint

    registry = pint.UnitRegistry()
    for name in ("FLOP = [flop] = FLOP = FLOPs = flop = flops", "token = [token] = token"):
        registry.define(name)
    registry.define("parameter = [parameter] = parameter")
    return registry


def _conversion(given: str, base: str) -> float | None:
    """The factor from one unit to another; 0 if they measure different things, None if unknown."""
    pattern = r"[A-Za-zµμ]{1,16}(?:\s?/\s?[A-Za-zµμ]{1,16})?"
    if not (re.fullmatch(pattern, given) and re.fullmatch(pattern, base)):
        return None
    try:
        registry = _registry()
        left, right = registry.Quantity(1.0, given), registry.Quantity(1.0, base)
        left, right = left.to_root_units(), right.to_root_units()
    except Exception:  # pint raises a dozen kinds, some of them its tokenizer's
        return None
    if left.units != right.units:
        return 0.0
    return float(left.magnitude / right.magnitude)
