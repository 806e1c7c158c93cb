"""Check the content: `python -m corpus.check [--stage N] [--no-run] [--labs]`.

Prints one line a problem and exits with 1 if there is any. With --labs it runs every lab's solution
and mutants against the hidden tests instead. What a schema can't say stands here:
lesson lengths, code blocks whose printed output must match, keys recomputed, sources that resolve,
and shortcuts (longest option, absolute words) that must not pay.
"""

from __future__ import annotations

import argparse
import ast
import math
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from corpus.exercises import ChoiceItem, NumericItem, TextItem, load_items
from corpus.labs import Lab, load_labs
from corpus.lessons import SECTIONS, Lesson, load_lessons
from corpus.loading import CorpusError
from corpus.papers import load_papers
from corpus.roadmap import load_roadmap
from corpus.trials import Trial, try_labs

ABSOLUTES = re.compile(r"\b(always|never|all of the above|none of the above)\b", re.IGNORECASE)
BLOCK_S = 300  # importing torch alone takes a minute on a busy machine
CODE_BLOCK = re.compile(r"```python\n(.*?)```\s*```output\n(.*?)```", re.DOTALL)


def word_count(text: str) -> int:
    """Words of prose; code blocks do not count."""
    return len(re.sub(r"```.*?```", " ", text, flags=re.DOTALL).split())


def run_block(code: str) -> str:
    """What a lesson's code block prints, or its error."""
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "OMP_NUM_THREADS": "1",
        "HOME": "/nonexistent",
    }
    with tempfile.TemporaryDirectory() as folder:
        try:
            result = subprocess.run(
                [sys.executable, "-c", code],
                capture_output=True, text=True, timeout=BLOCK_S, cwd=folder, env=environment,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return f"nothing within {BLOCK_S} s"
    return result.stdout if result.returncode == 0 else result.stderr[-500:]


def check_lesson(lesson: Lesson, run: bool = True) -> Iterator[str]:
    """Problems of one lesson."""
    short = word_count(lesson.sections["In short"])
    if not 80 <= short <= 150:
        yield f"'In short' has {short} words, not 80-150"
    missing = [section for section in SECTIONS if section not in lesson.sections]
    if missing:
        yield f"sections missing: {', '.join(missing)}"
        return
    if not 500 <= word_count(lesson.markdown) <= 1150:
        yield f"has {word_count(lesson.markdown)} words, not 500-1,150"
    if lesson.sections["What people get wrong"].count("**Misconception.**") < 2:
        yield "names fewer than two misconceptions"
    named = set(re.findall(r"arXiv:(\d{4}\.\d{4,5})", lesson.markdown)) | set(lesson.papers)
    for paper in sorted(named - set(load_papers())):
        yield f"arXiv:{paper} is not in papers.yaml"
    blocks = CODE_BLOCK.findall(lesson.sections["Worked example"])
    if not blocks:
        yield "the worked example has no python block with its output block"
    for code, output in blocks if run else ():
        printed = run_block(code)
        if printed.strip() != output.strip():
            yield f"the worked example prints {printed.strip()[:200]!r} instead of its output block"


def evaluate(expression: str) -> float:
    """Recompute a key. Expressions are the corpus' own, never a learner's."""
    names = {"math": math, "np": np, "__builtins__": {
        "sum": sum, "max": max, "min": min, "round": round, "abs": abs, "len": len, "range": range,
        "float": float, "int": int, "sorted": sorted, "zip": zip, "pow": pow, "list": list,
        "set": set, "enumerate": enumerate, "bool": bool, "str": str, "any": any, "all": all,
    }}  # fmt: skip
    return float(eval(expression, names))


def check_item(item: ChoiceItem | NumericItem | TextItem) -> Iterator[str]:
    """Problems of one item."""
    target, _, section = item.source.partition("#")
    kind, _, name = target.partition(":")
    if kind == "arxiv" and name not in load_papers():
        yield f"its source {target} is not in papers.yaml"
    if kind == "lesson":
        lesson = load_lessons().get(name)
        if lesson is None:
            yield f"its source {target} does not exist"
        elif section and section not in lesson.sections:
            yield f"its source has no section '{section}'"
    if isinstance(item, ChoiceItem):
        for option in item.options:
            if ABSOLUTES.search(option.text):
                yield f"option with an absolute word: {option.text[:60]!r}"
    if isinstance(item, NumericItem):
        try:
            value = evaluate(item.check)
        except Exception as error:  # any failure of the expression is the finding
            yield f"its check does not run: {error}"
        else:
            if not math.isclose(
                value, item.answer, rel_tol=1e-9, abs_tol=max(item.tolerance, 1e-12)
            ):
                yield f"its key {item.answer} is recomputed as {value}"
        if item.tolerance > 0.1 * abs(item.answer) + 0.01:
            yield f"its tolerance {item.tolerance} is wide for {item.answer}"
    if isinstance(item, TextItem):
        scores = {sample.label: sample.score for sample in item.samples}
        if set(scores) != {"full", "partial", "wrong", "off-topic"}:
            yield "its samples lack a label"
        elif not scores["full"] > scores["partial"] > max(scores["wrong"], scores["off-topic"]):
            yield "its samples' scores are not ordered full > partial > wrong"


def check_lab(lab: Lab) -> Iterator[str]:
    """Problems of one lab that show without running it."""
    sources = {"starter.py": lab.starter, "solution.py": lab.solution, "test_hidden.py": lab.tests}
    sources |= {f"mutants/{name}.py": source for name, source in lab.mutants.items()}
    if len(lab.mutants) < 4:
        yield f"has {len(lab.mutants)} mutants, not at least 4"
    if not 150 <= len(lab.task.split()) <= 480:
        yield f"its task has {len(lab.task.split())} words, not 150-480"
    if "## Hints" not in lab.task:
        yield "its task gives no hints"
    for name, source in sources.items():
        try:
            tree = ast.parse(source)
        except SyntaxError as error:
            yield f"{name} line {error.lineno}: {error.msg}"
            continue
        if name.startswith("mutants/") and not ast.get_docstring(tree):
            yield f"{name} does not name its mistake"
        if name == "test_hidden.py":
            for node in ast.walk(tree):
                if isinstance(node, ast.Assert) and node.msg is None:
                    yield f"{name} line {node.lineno}: an assert teaches nothing"


def lab_problems(trials: Iterable[Trial]) -> list[str]:
    """What the runs of solutions, starters and mutants have brought to light."""
    found = []
    for trial in trials:
        if trial.candidate == "solution" and trial.failed is not None:
            found.append(f"lab {trial.lab}: its solution fails {trial.failed}: {trial.message}")
        elif trial.candidate != "solution" and trial.failed is None:
            found.append(f"lab {trial.lab}: {trial.candidate} passes all tests")
    return found


def longest_key_share(items: Iterable[ChoiceItem]) -> float:
    """How often picking the longest option finds the key (ties share the credit)."""
    hits = []
    for item in items:
        longest = max(len(option.text) for option in item.options)
        winners = [option for option in item.options if len(option.text) == longest]
        hits.append(sum(option.correct for option in winners) / len(winners))
    return sum(hits) / len(hits) if hits else 0.0


def problems(stages: set[int], run: bool = True) -> list[str]:
    """Every problem of the content of `stages`, each with the place where it stands."""
    roadmap = load_roadmap()
    found: list[str] = []
    lessons = [x for x in load_lessons().values() if roadmap.stage_of(x.topic) in stages]
    with ThreadPoolExecutor(2) as pool:
        results = pool.map(lambda lesson: list(check_lesson(lesson, run)), lessons)
    for lesson, lines in zip(lessons, results, strict=True):
        found += [f"lesson {lesson.topic}: {line}" for line in lines]
    items = [item for item in load_items().values() if roadmap.stage_of(item.topic) in stages]
    for item in items:
        found += [f"item {item.id}: {line}" for line in check_item(item)]
    for stage in sorted(stages):
        choices = [
            item for item in items
            if isinstance(item, ChoiceItem) and roadmap.stage_of(item.topic) == stage
        ]  # fmt: skip
        share = longest_key_share(choices)
        if share > 0.30:
            found.append(f"stage {stage}: the longest option is the key in {share:.0%} of items")
    for lab in load_labs().values():
        if roadmap.stage_of(lab.topic) in stages:
            found += [f"lab {lab.id}: {line}" for line in check_lab(lab)]
    prompts: dict[str, str] = {}
    for item in items:
        stem = " ".join(item.prompt.lower().split())
        if stem in prompts:
            found.append(f"item {item.id}: same stem as {prompts[stem]}")
        prompts[stem] = item.id
    for paper in load_papers().values():
        words = word_count(paper.note.text)
        if not 80 <= words <= 200:
            found.append(f"paper {paper.id}: its note has {words} words, not 80-200")
        for topic in paper.topics:
            if all(topic != known.id for known in roadmap.topics()):
                found.append(f"paper {paper.id}: there is no topic '{topic}'")
    return found


def main() -> int:
    """Print the problems; 0 if there are none."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stage", type=int, choices=range(1, 8), action="append")
    parser.add_argument("--no-run", action="store_true", help="do not run the code blocks")
    parser.add_argument("--labs", action="store_true", help="run the labs' solutions and mutants")
    options = parser.parse_args()
    try:
        if options.labs:
            trials = try_labs(load_labs().values())
            killed = sum(t.failed is not None for t in trials if t.candidate != "solution")
            print(f"{len(load_labs())} labs, {len(trials)} runs, {killed} wrong solutions caught")
        found = (
            lab_problems(trials)
            if options.labs
            else problems(set(options.stage or range(1, 8)), run=not options.no_run)
        )
    except CorpusError as error:
        found = [str(error)]
    print(*found, f"{len(found)} problems", sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
