"""Whether a text gives a question's key away, plainly or in disguise.

A hint is made from explanations that people, papers and models wrote; whichever way the key stands
in one, the hint is not shown. A false alarm costs a hint, a miss costs the question.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from tutor.exercises.numeric import close, evaluate, parse_quantity
from tutor.exercises.question import Question
from tutor.exercises.rubric import stems

_COVERED = 0.6  # share of the key's words from which on a text gives it away
_BITS = 3  # an option of fewer letters is no word that could be hidden

# Letters of other alphabets that look Latin.
_LOOKALIKES = str.maketrans(
    "АВЕКМНОРСТХаеорсухіјѕԁһɡΑΒΕΖΗΙΚΜΝΟΡΤΥΧαεικνορτυχ",
    "ABEKMHOPCTXaeopcyxijsdhgABEZHIKMNOPTYXaeiknoptux",
)
_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    " sixteen seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_VALUES = (
    {word: float(n) for n, word in enumerate(_ONES)}
    | {word: 10.0 * n for n, word in enumerate(_TENS, 2)}
    | {"dozen": 12.0, "twice": 2.0, "double": 2.0, "thrice": 3.0, "unity": 1.0, "nil": 0.0}
)
_SCALES = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
_PARTS = {"half": 2, "halves": 2, "third": 3, "fourth": 4, "quarter": 4, "fifth": 5, "sixth": 6,
          "eighth": 8, "tenth": 10, "hundredth": 100, "percent": 100}  # fmt: skip
_NUMBER = re.compile(r"[-−]?(?:\d[\d,_' ]*(?:\.\d+)?|\.\d+)(?:e[+-]?\d+)?(?:\s?(?:k|thousand|m|"
                     r"million|b|bn|billion|trillion)\b|\s?%)?", re.IGNORECASE)  # fmt: skip
_BASES = re.compile(r"\b0[xb][\da-f]+\b", re.IGNORECASE)
_ROMAN = re.compile(r"\b(?=[IVXLC]{2,})(?:C{0,3})(XC|XL|L?X{0,3})(IX|IV|V?I{0,3})\b")
_ATOM = r"(?:sqrt\s*)?\(?\d+(?:\.\d+)?(?:e[+-]?\d+)?\)?"
_EXPRESSION = re.compile(rf"{_ATOM}(?:\s*(?:\*\*|[-+*/^()])+\s*{_ATOM})+\)?|sqrt\s*\(?\d+\)?")
_SAID = {" times ": "*", " plus ": "+", " minus ": "-", " divided by ": "/", " over ": "/",
         " x ": "*", "×": "*", "·": "*", "÷": "/", "√": "sqrt ", " to the power of ": "^",
         " squared": "^2", " cubed": "^3"}  # fmt: skip
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")
_OPTION = r"(?:option|answer|choice|letter|key|solution|statement)"
_PICK = r"(?:pick|choose|take|select|mark|tick)"


def gives_away(text: str, question: Question) -> bool:
    """Whether a text states the key of a question, or nearly so, in whatever form."""
    return any(_tells(reading, question) for reading in dict.fromkeys(_readings(text)))


def _tells(text: str, question: Question) -> bool:
    if question.kind == "choice" and question.options and isinstance(question.key, int):
        return _points_at(text, question.options, question.key)
    if question.kind == "numeric":
        return _holds_number(text, float(question.key or 0), question.tolerance)
    if question.kind == "text":
        points = [*question.rubric, str(question.key or "")]
        return any(_states(text, point) for point in points if point.strip())
    return False


# --- choices and statements ----------------------------------------------------------------------


def _points_at(text: str, options: tuple[str, ...], key: int) -> bool:
    """Whether a text says the right option, names it, or leaves no other."""
    if _states(text, options[key]):
        return True
    letter, plain = chr(ord("A") + key), " ".join(text.split())
    # A small letter in a sentence is a word: "take a look".
    mark = rf"(?:{letter}\b|{letter.lower()}\W*$)"
    ways = (
        rf"(?i:{_OPTION}\W{{0,3}}(?:is|was|:|=|→)?\W{{0,3}})(?:{mark}|{key + 1}\b)",
        rf"(?i:\b{_PICK}\W{{1,3}}(?:{_OPTION}\W{{1,3}})?){mark}",
        rf"\({letter}\)|\bbut\W+{letter}\b(?!\s\w)|^\W*{letter}\W*$",
        rf"\b{letter}\s(?:is|was)\s(?:right|correct|true|it)\b",
    )
    if any(re.search(way, plain) for way in ways):
        return True
    places = [_ORDINALS[key], *(["last"] if key == len(options) - 1 else [])]
    if re.search(rf"(?i)\b(?:{'|'.join(places)})\s(?:one|of the options|{_OPTION})\b", plain):
        return True
    others = [place for place in range(len(options)) if place != key]
    lowered = plain.casefold()
    spoken = [" ".join(options[place].casefold().split()) in lowered for place in others]
    ruled_out = re.search(r"(?i)\b(?:wrong|not|rule|false|neither|except|but)\b", plain)
    letters = [re.search(rf"\b{chr(ord('A') + place)}\b", plain) for place in others]
    return all(spoken) or bool(ruled_out and len(others) > 1 and all(letters))


def _states(text: str, key: str) -> bool:
    """Whether a text says the key, in its words or most of them."""
    plain = " ".join(text.casefold().split())
    wanted = " ".join(key.casefold().split())
    if re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", plain):
        return True
    joined = re.sub(r"\W", "", wanted)
    if len(joined) > _BITS and joined in re.sub(r"\W", "", plain):
        return True
    stemmed, given = _stems(key), _stems(text)
    return bool(stemmed) and len(stemmed & given) >= _COVERED * len(stemmed)


@lru_cache(4096)
def _stems(text: str) -> frozenset[str]:
    return frozenset(stems(text))


# --- numbers -------------------------------------------------------------------------------------


def _holds_number(text: str, key: float, tolerance: float) -> bool:
    return any(
        close(sign * value * scale, key, tolerance)
        for value in _numbers(text)
        for sign in (1, -1)
        for scale in (1, 0.01)
    )


def _numbers(text: str) -> Iterator[float]:
    """Every number that a text states: in digits, words, fractions, powers and expressions."""
    text = re.sub(r"[⁻⁰¹²³⁴-⁹]+", lambda m: "^" + unicodedata.normalize("NFKC", m[0]), text)
    text = unicodedata.normalize("NFKC", text).replace("⁄", "/")
    for sign, operator in _SAID.items():
        text = text.replace(sign, operator)
    text = re.sub(r"\\[dt]?frac\s*\{([^{}]+)\}\s*\{([^{}]+)\}", r"(\1)/(\2)", text)
    text = text.replace("\\cdot", "*").replace("\\times", "*").replace("\\sqrt", "sqrt ")
    text = re.sub(r"\^\{([^{}]+)\}", r"^\1", text).replace("−", "-")
    text = re.sub(r"sqrt\s*[({]?\s*(\d+(?:\.\d+)?)\s*[)}]?", r"sqrt(\1)", text)
    text = re.sub(r"[\\{}$]", " ", text)
    for match in _NUMBER.finditer(text):
        for written in (match[0], re.sub(r"(?<=\d),(?=\d{1,2}\b)", ".", match[0])):
            quantity = parse_quantity(re.sub(r"(?<=\d)[ ,_'](?=\d{3})", "", written))
            if quantity is not None:
                yield quantity.value
        yield from (float(part) for part in re.findall(r"\d+(?:\.\d+)?", match[0]))
    for match in _EXPRESSION.finditer(text):
        for expression in (match[0], match[0].rstrip(")"), match[0].strip("()")):
            found = evaluate(expression.replace("^", "**"))
            if found is not None:
                yield found
    yield from (float(int(match[0], 0)) for match in _BASES.finditer(text))
    for match in _ROMAN.finditer(text):
        if match[0]:
            yield float(_roman(match[0]))
    yield from _spoken(re.findall(r"[a-z]+", text.lower()))


def _spoken(words: list[str]) -> Iterator[float]:
    """Numbers in words: "one hundred and five", "three quarters", "zero point two five"."""
    total = current = 0.0
    decimals, open_ = "", False
    for word in [*words, ""]:
        part = _PARTS.get(word.removesuffix("s") if word != "halves" else word)
        if decimals and word in _VALUES and _VALUES[word] < 10:
            decimals += str(int(_VALUES[word]))
            yield total + current + float(decimals)
        elif word in _VALUES:
            current, open_ = current + _VALUES[word], True
            yield _VALUES[word]
            yield total + current
        elif word in _SCALES:
            current = (current or 1.0) * _SCALES[word]
            yield total + current
            if _SCALES[word] > 100:
                total, current = total + current, 0.0
            open_ = True
        elif word == "point" and open_:
            decimals = "0."
        elif part:
            yield ((total + current) or 1.0) / part
            total = current = 0.0
            open_, decimals = False, ""
        elif not (word == "and" and open_):
            total = current = 0.0
            open_, decimals = False, ""


def _roman(text: str) -> int:
    values = [{"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}[letter] for letter in text]
    return sum(
        -one if one < two else one for one, two in zip(values, [*values[1:], 0], strict=True)
    )


# --- disguises -----------------------------------------------------------------------------------


def _readings(text: str) -> Iterator[str]:
    """A text as it stands, and as somebody reads it who looks for what is hidden."""
    plain = unicodedata.normalize("NFKD", text).translate(_LOOKALIKES)
    plain = "".join(c for c in plain if unicodedata.category(c) not in {"Cf", "Mn"})
    plain = re.sub(r"<!--|-->|</?\w[^>]*>", " ", plain)
    yield from (text, plain)
    bare = re.sub(r"[*_`~|\[\]]", "", plain)
    yield from (bare, bare[::-1], codecs.encode(bare, "rot13"))
    # s p e l l e d, s-p-e-l-l-e-d and s.p.e.l.l.e.d
    yield re.sub(r"(?<=\b\w)[ .\-](?=\w\b)", "", bare)
    yield "".join(word[0] for word in re.findall(r"\w+", bare))
    for token in re.findall(r"[A-Za-z0-9+/_-]{6,}={0,6}", plain):
        for decode in (_base64, bytes.fromhex, base64.b32decode):
            try:
                yield decode(token).decode()
            except (ValueError, binascii.Error):
                continue


def _base64(token: str) -> bytes:
    return base64.b64decode(token.rstrip("=") + "=" * (-len(token.rstrip("=")) % 4), b"-_")
