"""What is there to learn and to practise on each topic: `python -m eval.coverage` writes the table.

A topic is covered by a lesson, at least 5 choice and 2 text items and, where its bank asks for a
number, a parametric family. The table lies in docs/coverage.md; a test keeps it true.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from corpus.check import word_count
from corpus.exercises import load_items
from corpus.labs import labs_of, load_labs
from corpus.lessons import load_lessons
from corpus.roadmap import load_roadmap
from tutor.exercises.parametric import FAMILIES

COVERAGE = Path(__file__).parent.parent / "docs" / "coverage.md"
CHOICE_ITEMS = 5
TEXT_ITEMS = 2

HEAD = """# Coverage

What each topic has: words of its lesson, items by kind, parametric families (each gives unlimited
questions, its key computed) and labs. Written by `python -m eval.coverage`; a test fails when it
is out of date.

| topic | words | choice | text | numeric | families | labs |
|---|---|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Row:
    """What there is on one topic.

    Attributes:
        words: Words of the lesson; 0 without one.
        families: Names of the topic's parametric families.
        labs: Titles of the topic's labs.
    """

    topic: str
    title: str
    stage: int
    words: int
    choice: int
    text: int
    numeric: int
    families: tuple[str, ...]
    labs: tuple[str, ...]

    @property
    def gaps(self) -> list[str]:
        """What is missing."""
        found = []
        if not self.words:
            found.append("no lesson")
        if self.choice < CHOICE_ITEMS:
            found.append(f"{self.choice} choice items, not at least {CHOICE_ITEMS}")
        if self.text < TEXT_ITEMS:
            found.append(f"{self.text} text items, not at least {TEXT_ITEMS}")
        if self.numeric and not self.families:
            found.append("asks for numbers but has no parametric family")
        return found


def coverage() -> list[Row]:
    """A row for each topic, in roadmap order."""
    kinds = Counter((item.topic, item.kind) for item in load_items().values())
    roadmap, lessons = load_roadmap(), load_lessons()
    return [
        Row(
            topic.id,
            topic.title,
            roadmap.stage_of(topic.id),
            word_count(lessons[topic.id].markdown) if topic.id in lessons else 0,
            kinds[topic.id, "choice"],
            kinds[topic.id, "text"],
            kinds[topic.id, "numeric"],
            tuple(name for name, family in FAMILIES.items() if family.topic == topic.id),
            tuple(lab.title for lab in labs_of(topic.id)),
        )
        for topic in roadmap.topics()
    ]


def coverage_markdown(rows: list[Row]) -> str:
    """The page: a line a topic, and the sums."""
    lines = []
    for stage in load_roadmap().stages:
        lines.append(f"| **{stage.n} {stage.title}** | | | | | | |")
        for row in rows:
            if row.stage == stage.n:
                cells = (row.words, row.choice, row.text, row.numeric, len(row.families))
                labs = ", ".join(row.labs)
                lines.append(f"| {row.title} | {' | '.join(map(str, cells))} | {labs} |")
    sums = [
        f"{sum(row.words for row in rows):,}",
        *(sum(getattr(row, kind) for row in rows) for kind in ("choice", "text", "numeric")),
        len(FAMILIES),
        len(load_labs()),
    ]
    lines.append(f"| **all {len(rows)}** | {' | '.join(f'**{n}**' for n in sums)} |")
    return HEAD + "\n".join(lines) + "\n"


def main() -> int:
    """Write the table and print what is missing; 1 if anything is."""
    rows = coverage()
    COVERAGE.write_text(coverage_markdown(rows), "utf-8")
    gaps = [f"{row.topic}: {gap}" for row in rows for gap in row.gaps]
    print(*gaps, f"{COVERAGE.name} written, {len(gaps)} gaps", sep="\n")
    return 1 if gaps else 0


if __name__ == "__main__":
    sys.exit(main())
