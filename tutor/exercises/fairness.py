"""Whether a submission plays fair: what no lab needs, but forging a result would.

Hidden tests and the learner's code share a process, so code could reach for the tests' own parts.
This is about honest grades. What keeps the machine safe is the sandbox.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

MODULES = frozenset(
    {
        "__future__", "abc", "array", "bisect", "cmath", "collections", "contextlib", "copy",
        "dataclasses", "decimal", "enum", "fractions", "functools", "hashlib", "heapq",
        "itertools", "math", "numbers", "random", "re", "statistics", "string", "time", "typing",
        "unicodedata",
    }
)  # fmt: skip
FORBIDDEN_NAMES = frozenset(
    {
        "__builtins__", "__import__", "__loader__", "__spec__", "breakpoint", "compile", "eval",
        "exec", "exit", "globals", "input", "locals", "memoryview", "quit", "vars",
    }
)  # fmt: skip
# Attributes by which objects lead to frames, code, other modules, files and processes.
FORBIDDEN_ATTRIBUTES = frozenset(
    {
        "attrgetter", "bltns", "builtins", "cpp_extension", "cr_frame", "ctypes", "ctypeslib",
        "dump", "f2py", "f_back", "f_builtins", "f_globals", "f_locals", "fromfile", "gc",
        "genfromtxt", "gi_frame", "hub", "importlib", "inspect", "io", "jit", "library", "load",
        "load_library", "loadtxt", "memmap", "methodcaller", "multiprocessing", "ops", "os",
        "pickle", "save", "set_string_function", "subprocess", "sys", "tb_frame", "tb_next",
        "threading", "tofile", "types", "with_traceback",
    }
)  # fmt: skip
# Of these the ones that a learner's own class may well use for its fields and methods.
_PLAIN_WORDS = frozenset({"dump", "hub", "io", "library", "load", "ops", "save", "types"})
# Values that decide themselves how they compare: their subclasses could say what they like.
FORBIDDEN_BASES = frozenset({"MaskedArray", "Parameter", "Tensor", "matrix", "ndarray"})
# Special methods that a class may define: arithmetic, containers, calls. Comparisons are not among
# them, because an object that equals everything passes every test.
SPECIAL_METHODS = frozenset(
    f"__{name}__"
    for name in (
        "abs add call contains enter exit floordiv getitem hash iadd imul init isub iter itruediv "
        "len matmul mod mul neg next pos post_init pow radd repr reversed rfloordiv rmatmul rmod "
        "rmul rpow rsub rtruediv setitem slots str sub truediv"
    ).split()
)
_READABLE = SPECIAL_METHODS | {"__class__", "__doc__", "__name__"}


def unfair_means(source: str, packages: Sequence[str]) -> str | None:
    """What in the source is not allowed in a lab, as a sentence; None if all is.

    Code that can't be parsed passes: the tests will say where its error is.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    allowed = MODULES | set(packages)
    imported = _imported(tree)
    for node in ast.walk(tree):
        for found in _means(node, allowed, imported):
            line = getattr(node, "lineno", 1)
            return f"Line {line} uses {found}, which labs don't allow: nothing was run."
    return None


def _means(node: ast.AST, allowed: frozenset[str] | set[str], imported: set[str]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (f"'import {a.name}'" for a in node.names if not _may(a.name, allowed))
    elif isinstance(node, ast.ImportFrom):
        if node.level or not _may(node.module or "", allowed):
            yield f"'from {node.module or '.'} import'"
        yield from (f"'{a.name}'" for a in node.names if _forbidden(a.name))
    elif isinstance(node, ast.Name) and node.id in FORBIDDEN_NAMES:
        yield f"'{node.id}'"
    elif isinstance(node, ast.Call):
        yield from _calls(node)
    elif isinstance(node, ast.Attribute):
        own = isinstance(node.value, ast.Name) and node.value.id == "self"
        if _forbidden(node.attr) and not (own and node.attr in _PLAIN_WORDS):
            yield f"'.{node.attr}'"
        elif not isinstance(node.ctx, ast.Load) and _root(node) in imported:
            yield f"an assignment to '{_root(node)}…{node.attr}'"
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        if _special(node.name) and node.name not in SPECIAL_METHODS:
            yield f"the special method '{node.name}'"
    elif isinstance(node, ast.ClassDef):
        for item in node.body:
            for name in _assigned(item):
                if _special(name) and name not in SPECIAL_METHODS:
                    yield f"'{name}'"
        for base in node.bases:
            if isinstance(base, ast.Name | ast.Attribute) and _last(base) in FORBIDDEN_BASES:
                yield f"a subclass of '{_last(base)}'"
        if node.keywords:
            yield "a metaclass"
    elif isinstance(node, ast.MatchClass):
        yield from (f"'{name}'" for name in node.kwd_attrs if _forbidden(name))


def _calls(node: ast.Call) -> Iterator[str]:
    if not isinstance(node.func, ast.Name):
        return
    name = node.func.id
    if name == "open":
        yield "'open'"
    elif name == "type" and len(node.args) != 1:
        yield "'type' to make a class"
    elif name in {"getattr", "setattr", "delattr", "hasattr"} and len(node.args) > 1:
        attribute = node.args[1]
        if isinstance(attribute, ast.Constant) and isinstance(attribute.value, str):
            if _forbidden(attribute.value):
                yield f"{name} of '{attribute.value}'"
        elif name == "getattr":
            yield "'getattr' with a computed name"


def _may(module: str, allowed: frozenset[str] | set[str]) -> bool:
    first, *rest = module.split(".")
    return first in allowed and not any(_forbidden(part) for part in rest)


def _forbidden(attribute: str) -> bool:
    """Whether an attribute may not be read; modules hide others behind an underscore."""
    if _special(attribute):
        return attribute not in _READABLE
    return attribute == "_C" or attribute.lstrip("_") in FORBIDDEN_ATTRIBUTES


def _last(node: ast.Name | ast.Attribute) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr


def _imported(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return names


def _assigned(node: ast.stmt) -> Iterator[str]:
    targets = node.targets if isinstance(node, ast.Assign) else []
    if isinstance(node, ast.AnnAssign):
        targets = [node.target]
    yield from (target.id for target in targets if isinstance(target, ast.Name))


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")
