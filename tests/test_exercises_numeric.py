"""Numbers as people write them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tutor.exercises.numeric import Quantity, close, evaluate, parse_quantity, readings


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1/4", 0.25),
        ("2.5e-3", 0.0025),
        ("1,024", 1024),
        ("1 024", 1024),
        ("1,234,567.5", 1234567.5),
        ("0,25", 0.25),
        ("0,125", 0.125),
        ("3·10^4", 30_000),
        ("3 × 10⁴", 30_000),
        ("3.14x10^-2", 0.0314),
        ("2^10", 1024),
        ("2**10", 1024),
        ("sqrt(2)", math.sqrt(2)),
        ("√2", math.sqrt(2)),
        ("1½", 1.5),
        ("−0.5", -0.5),
        ("minus 3", -3),
        ("about 0.25", 0.25),
        ("≈ 7.2", 7.2),
        ("the answer is 12.", 12),
        ("x = 3 + 4 = 7", 7),
        ("loss = 0.25", 0.25),
        (r"$\frac{1}{4}$", 0.25),
        (r"\boxed{0.5}", 0.5),
        ("**0.25**", 0.25),
        ("I think it's 0.25 because two of eight are red", 0.25),
        ("110M", 110e6),
        ("7B", 7e9),
        ("1.5 billion", 1.5e9),
        ("-ln(0.5)", math.log(2)),
    ],
)
def test_value_of(text: str, value: float) -> None:
    quantity = parse_quantity(text)
    assert quantity is not None
    assert quantity.value == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    "text",
    ["", "   ", "no idea", "0.5 or 0.25", "nan", "inf", "9**9**9**9", "(-1)**0.5", "1/0",
     "__import__('os').system('true')", "0x10", "(" * 150, "9" * 5000],
)  # fmt: skip
def test_no_single_number_in(text: str) -> None:
    assert parse_quantity(text) is None


def test_huge_power_overflows_instead_of_hanging() -> None:
    assert evaluate("9**9**9**9**9") is None
    assert evaluate("10**300") == 1e300


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("12 GB", "GB", 12),
        ("12 GiB", "GB", 12 * 1.024**3),
        ("2 min", "s", 120),
        ("25%", "%", 25),
        ("25", "%", 25),
        ("25%", None, 0.25),
        ("4096 tokens", "tokens", 4096),
        ("110M", "parameters", 110e6),
        ("110 million parameters", "parameters", 110e6),
        ("7 B", "billion parameters", 7),
        ("7", "billion parameters", 7),
        ("3.14e23 FLOPs", "10^22 FLOPs", 31.4),
        ("31.4", "10^22 FLOPs", 31.4),
        ("31.4 10^22 FLOPs", "10^22 FLOPs", 31.4),
        ("5.7 10^-4", "10^-4", 5.7),
        ("2 1e-5", "1e-5", 2),
        ("3 TFLOPs", "FLOPs", 3e12),
        ("12 in total", "GB", 12),
    ],
)
def test_reading_in_the_questions_unit(text: str, unit: str | None, value: float) -> None:
    quantity = parse_quantity(text)
    assert quantity is not None
    assert any(math.isclose(reading, value, rel_tol=1e-9) for reading in readings(quantity, unit))


def test_units_of_another_kind_have_no_reading() -> None:
    assert readings(Quantity(12, "s"), "GB") == []
    assert readings(Quantity(12, "tokens"), "GB") == []


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e12, max_value=1e12))
def test_round_trip_of_any_number(value: float) -> None:
    quantity = parse_quantity(repr(value))
    assert quantity is not None and quantity.value == value


@given(st.integers(-(10**12), 10**12))
def test_round_trip_with_thousands_separators(value: int) -> None:
    quantity = parse_quantity(f"{value:,}")
    assert quantity is not None and quantity.value == value


@given(st.integers(-999, 999), st.integers(1, 999))
def test_round_trip_of_fractions(numerator: int, denominator: int) -> None:
    quantity = parse_quantity(f"{numerator}/{denominator}")
    assert quantity is not None and close(quantity.value, numerator / denominator, 0)


@settings(max_examples=400, deadline=500)
@given(st.text(max_size=300) | st.text("0123456789.,+-*/^()eE %kMGBxX·√²½ ", max_size=120))
def test_any_text_gives_a_finite_number_or_none(text: str) -> None:
    quantity = parse_quantity(text)
    if quantity is not None:
        assert math.isfinite(quantity.value)
        assert all(math.isfinite(value) for value in readings(quantity, "GB"))
        assert all(math.isfinite(value) for value in readings(quantity, "10^22 FLOPs"))
