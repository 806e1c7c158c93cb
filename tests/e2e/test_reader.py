"""The Papers tab in a real browser, without a model: pages beside summaries, quiz, reading list.

One server and one paper that is made here; the real papers too where TUTOR_SHARED has them.
"""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeLLM
from pdf_maker import column, make_pdf
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeout
from tiny_corpus import tiny_tutor

from tutor.app import Tutor
from tutor.errors import ServerError
from tutor.settings import Settings

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
WAIT_MS = 60_000

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]

PAPER = [
    ["A Study of Tiny Caches", "", "Ada Tester", "", "Abstract",
     "We study caches of keys and values in small language models. We find that a cache of",
     "sixteen entries keeps nine tenths of the accuracy of a full cache.", "", "1 Introduction",
     "Decoding with a full cache needs memory that grows with the length of the text.",
     "The problem is that small devices do not have this memory at their disposal."],
    ["2 Method", "We keep the sixteen entries with the largest attention weight, and no others.",
     "The entries are chosen again after every token of the text that is generated.",
     "", "3 Results",
     "Our method reaches 71.3 percent accuracy, and a full cache reaches 79.0 percent.",
     "The memory of the cache falls from 512 megabytes to 8 megabytes with our method."],
    ["4 Limitations", "We tested one small language model alone, and only text in English."],
]  # fmt: skip


@pytest.fixture(scope="module")
def tutor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tutor]:
    folder = tmp_path_factory.mktemp("reader")
    path = folder / "caches.pdf"
    path.write_bytes(make_pdf([column(page) for page in PAPER], title="A Study of Tiny Caches"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(folder / "uploads"))
        tutor = tiny_tutor(Settings(home=folder / "home", offline=True, port=0), patch)
        tutor.add_files([path])
        yield tutor


@pytest.fixture(scope="module")
def url(tutor: Tutor) -> Iterator[str]:
    from tutor.agent import Agent
    from tutor.ui.page import _launch, build_page

    agent = Agent(tutor)
    page = build_page(tutor, agent)
    yield _launch(page, tutor.settings)
    page.close(verbose=False)
    agent.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    arguments = [
        "--no-sandbox", "--disable-gpu", "--disable-background-networking",
        "--disable-component-update", "--disable-sync",
    ]  # fmt: skip
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    expect.set_options(timeout=WAIT_MS)
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(WAIT_MS)
    problems: list[str] = []
    context.on("weberror", lambda error: problems.append(str(error.error)))
    page = context.new_page()
    page.goto(url)
    expect(page.get_by_role("textbox", name="Your message")).to_be_visible()
    yield page
    context.close()
    assert problems == []


def choose(page: Page, title: str) -> None:
    expect(page.get_by_role("textbox", name="Your message")).to_be_visible()
    try:
        # Visible for a moment even on a phone, until the bar has been laid out.
        page.get_by_role("tab", name="Papers").click(timeout=WAIT_MS / 6)
    except PlaywrightTimeout:  # on a phone the last ones are behind a button
        page.get_by_role("button", name="More tabs").click()
        page.locator(".overflow-dropdown").get_by_role("button", name="Papers").click()
    paper = page.get_by_role("combobox", name="Paper", exact=True)
    paper.click()
    page.get_by_role("option", name=re.compile(re.escape(title))).click()
    expect(paper).to_have_value(re.compile(re.escape(title)))


def summarize(page: Page, title: str = "A Study of Tiny Caches") -> Locator:
    choose(page, title)
    page.locator("#summarize").click()
    chips = page.locator("#paper-view a.cite")
    expect(chips.first).to_be_visible()
    return chips


def sheet(page: Page) -> Locator:
    return page.locator("#page-pane .sheet")


def test_chip_shows_its_page_with_the_quote_marked(page: Page) -> None:
    chips = summarize(page)
    expect(sheet(page)).to_have_count(0)
    chip = chips.filter(has_text="p. 2").first
    chip.click()
    expect(sheet(page)).to_be_focused()
    assert sheet(page).get_attribute("aria-label") == "Page 2 of 3, with the quote marked"
    expect(sheet(page).locator(".mark")).not_to_have_count(0)
    picture = sheet(page).locator("img")
    assert picture.evaluate("image => image.naturalWidth") == 1200
    assert "Page 2 of 3" in (picture.get_attribute("alt") or "")
    # Beside the summary, not below it.
    assert chip.bounding_box()["x"] < picture.bounding_box()["x"]  # type: ignore[index]
    text = page.locator("#page-sheet details")
    text.locator("summary").click()
    expect(text.locator("blockquote")).to_contain_text("71.3 percent accuracy")


def test_pages_are_turned_and_the_mark_stays_on_its_own(page: Page) -> None:
    summarize(page).filter(has_text="p. 2").first.click()
    expect(sheet(page).locator(".mark")).not_to_have_count(0)
    page.locator("#page-next").click()
    expect(sheet(page)).to_have_attribute("aria-label", "Page 3 of 3")
    expect(sheet(page).locator(".mark")).to_have_count(0)
    expect(page.locator("#page-next")).to_be_disabled()
    expect(sheet(page)).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(sheet(page)).to_have_attribute("aria-label", "Page 2 of 3, with the quote marked")
    number = page.locator("#page-number input")
    number.fill("1")
    number.press("Enter")
    expect(sheet(page)).to_have_attribute("aria-label", "Page 1 of 3")
    expect(page.locator("#page-previous")).to_be_disabled()


def test_keyboard_alone_opens_a_page_and_goes_back_to_its_chip(page: Page) -> None:
    chip = summarize(page).first
    chip.focus()
    page.keyboard.press("Enter")
    expect(sheet(page)).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#page-pane")).to_be_hidden()
    expect(chip).to_be_focused()


def test_answer_within_the_paper_has_chips_too(page: Page) -> None:
    choose(page, "A Study of Tiny Caches")
    field = page.get_by_role("textbox", name="Ask within this paper")
    field.fill("Which accuracy does the method reach?")
    field.press("Enter")
    chip = page.locator("#paper-view a.cite").filter(has_text="p. 2").first
    expect(chip).to_be_visible()
    chip.click()
    expect(sheet(page).locator(".mark")).not_to_have_count(0)


def test_quiz_on_the_paper_runs_in_the_quiz_tab(page: Page) -> None:
    choose(page, "BERT: Pre-training")
    page.locator("#paper-quiz").click()
    expect(page.get_by_role("tab", name="Quiz")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#quiz-place")).to_contain_text("Question 1 of 5")
    expect(page.locator("#quiz-prompt")).not_to_be_empty()


def test_reading_list_is_kept_and_shown(page: Page, tutor: Tutor) -> None:
    choose(page, "A Study of Tiny Caches")
    page.get_by_role("radio", name="Reading", exact=True).check()
    page.get_by_role("combobox", name="Show", exact=True).click()
    page.get_by_role("option", name="My reading list", exact=True).click()
    page.get_by_role("combobox", name="Paper", exact=True).click()
    expect(page.get_by_role("option")).to_have_count(1)
    expect(page.get_by_role("option")).to_contain_text("reading")
    [row] = tutor.store.reading_list(tutor.settings.learner)
    assert (row["title"], row["status"]) == ("A Study of Tiny Caches", "reading")
    page.reload()
    choose(page, "A Study of Tiny Caches")
    expect(page.get_by_role("radio", name="Reading", exact=True)).to_be_checked()


def test_summary_can_be_stopped(page: Page, tutor: Tutor, monkeypatch: pytest.MonkeyPatch) -> None:
    held = threading.Event()

    class SlowModel(FakeLLM):
        """Never has its reply while the test runs."""

        def structured(self, *args: Any, **kwargs: Any) -> Any:
            held.wait(WAIT_MS / 1000)
            raise ServerError("The test is over.")

        complete = structured

    monkeypatch.setattr(tutor, "llm", SlowModel)
    try:
        choose(page, "A Study of Tiny Caches")
        stop = page.locator("#paper-stop")
        expect(stop).to_be_hidden()
        page.locator("#summarize").click()
        expect(stop).to_be_visible()
        stop.click()
        expect(page.locator("#paper-view")).to_contain_text("The summary was cancelled")
        expect(stop).to_be_hidden()
    finally:
        held.set()


def test_news_without_a_network_say_so(page: Page) -> None:
    choose(page, "A Study of Tiny Caches")
    page.locator("#paper-news").click()
    expect(page.locator("#paper-view")).to_contain_text("TUTOR_OFFLINE")


def test_topics_lead_to_the_roadmap_and_papers_to_themselves(page: Page) -> None:
    choose(page, "BERT: Pre-training")
    page.locator("#summarize").click()
    before = page.locator("#paper-view a.goto[href^='#paper-']").first
    expect(before).to_be_visible()
    title = before.inner_text()
    before.click()
    expect(page.get_by_role("combobox", name="Paper", exact=True)).to_have_value(
        re.compile(re.escape(title))
    )
    topic = page.locator("#paper-view a.goto[href='#topic-bert-architecture']")
    expect(topic).to_be_visible()
    name = topic.inner_text()
    topic.click()
    expect(page.get_by_role("tab", name="Roadmap")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#lesson h2")).to_have_text(name)


def test_phone_shows_the_page_below_the_summary(page: Page) -> None:
    page.set_viewport_size({"width": 375, "height": 740})
    summarize(page).first.click()
    expect(sheet(page)).to_be_focused()
    expect(sheet(page)).to_be_in_viewport()
    box = sheet(page).bounding_box()
    view = page.locator("#paper-view").bounding_box()
    assert box and view and box["y"] >= view["y"] + view["height"] and box["width"] <= 375
    width = page.evaluate(
        "[document.scrollingElement.scrollWidth, document.scrollingElement.clientWidth]"
    )
    assert width[0] <= width[1]


@pytest.mark.parametrize("name", ["1706.03762*.pdf", "hochreiter1997*.pdf"])
def test_quotes_of_real_papers_are_marked(
    page: Page, tutor: Tutor, shared: Path, name: str
) -> None:
    [path] = (shared / "papers").glob(name)
    [added] = tutor.library.ingest([path])
    chips = summarize(page, added.title[:40])
    for n in range(min(chips.count(), 4)):
        quote = page.locator("#page-sheet figcaption")
        before = quote.inner_text() if n else ""
        chips.nth(n).press("Enter")
        expect(quote).not_to_have_text(before)
        expect(sheet(page).locator(".mark").first).to_be_visible()
        expect(sheet(page)).to_have_attribute("aria-label", re.compile("with the quote marked"))
