"""Markdown and plain text to documents."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tutor.errors import DocumentError
from tutor.ingest import read_document
from tutor.ingest.text import read_text

MARKDOWN = """# A Small Paper

Jane Doe

**Abstract**

We study small things. They are small.

## 1. Introduction

Attention is a mech-
anism. See _this_ and **that**.

### 1.1 Details

```python
# not a heading
x = 1
```

12

#### **References**

A. Author. A title that is long enough. 2017.
"""


def test_headings_make_sections_and_the_first_is_the_title() -> None:
    document = read_text(MARKDOWN.encode(), "x.md")
    assert document.title == "A Small Paper"
    assert [(s.number, s.title, s.level) for s in document.sections] == [
        ("", "Abstract", 1), ("1", "Introduction", 1), ("1.1", "Details", 2),
    ]  # fmt: skip
    assert document.abstract == "We study small things. They are small."
    assert document.doc_id == f"file:{document.sha256[:12]}"


def test_words_are_mended_and_emphasis_is_removed() -> None:
    document = read_text(MARKDOWN.encode(), "x.md")
    assert document.sections[1].text == "Attention is a mechanism. See this and that."


def test_code_keeps_its_lines_and_page_numbers_go() -> None:
    assert read_text(MARKDOWN.encode(), "x.md").sections[2].text == (
        "```python\n# not a heading\nx = 1\n```"
    )


def test_references_are_split_off() -> None:
    document = read_text(MARKDOWN.encode(), "x.md")
    assert document.references == ("A. Author. A title that is long enough. 2017.",)


def test_plain_text_has_sections_too() -> None:
    text = "My Notes\n\nINTRODUCTION\n\nHello there.\n\n2 Method\n\nWe do.\n"
    document = read_text(text.encode(), "notes.txt")
    assert document.title in ("My Notes", "INTRODUCTION")
    assert [s.title for s in document.sections][-2:] == ["INTRODUCTION", "Method"]


def test_contents_are_no_sections() -> None:
    text = "# T\n\n**Contents**\n\n**1** **Introduction** **3**\n\n2.1 Model . . . . 8\n\n" + (
        "**1** **Introduction**\n\nText here.\n"
    )
    assert [s.title for s in read_text(text.encode(), "x.md").sections] == ["Introduction"]


@pytest.mark.parametrize(
    "data",
    [
        "Grüße an alle.".encode("utf-8-sig"),
        "Grüße an alle.".encode("utf-16"),
        "Grüße an alle.".encode("utf-16-be"),
        "Grüße an alle.".encode("latin-1"),
        "Grüße an alle.\r\n".encode(),
    ],
)
def test_encodings(data: bytes) -> None:
    assert read_text(data, "x.txt").sections[0].text == "Grüße an alle."


@pytest.mark.parametrize("data", [b"\x7fELF\x02\x01\x00\x00\x01\x02", bytes(range(256)) * 4])
def test_binary_is_rejected(data: bytes) -> None:
    with pytest.raises(DocumentError, match="binary"):
        read_text(data, "x.txt")


def test_blank_file_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "blank.md"
    path.write_text(" \n\n")
    with pytest.raises(DocumentError, match="no text"):
        read_document(path)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_give_a_document_or_a_document_error(data: bytes) -> None:
    try:
        document = read_text(data, "x.txt")
    except DocumentError as error:
        assert error.cure
    else:
        assert document.title
