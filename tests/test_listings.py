"""What arXiv said: kept, told, and put before what a PDF seems to say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tiny_corpus import a_document

from tutor.errors import StoreError
from tutor.ingest.arxiv import with_fetched_id
from tutor.ingest.entry import ArxivPaper
from tutor.library.listings import Listings
from tutor.settings import Settings

NOW = datetime(2024, 1, 2, 3, 4, tzinfo=UTC)
FOXES = ArxivPaper(
    "2401.00001", 2, "On Red Foxes", ("Jane Doe", "Max Roe"), "", NOW, NOW, ("cs.CL",),
    "10.1000/fox", None,
)  # fmt: skip


def test_listing_is_kept_for_the_next_process(settings: Settings) -> None:
    Listings(settings).save([FOXES], NOW)
    Listings(settings).save([replace(FOXES, arxiv_id="2401.00002")], NOW)
    known = Listings(settings).load()
    assert list(known) == ["2401.00001", "2401.00002"]
    assert known["2401.00001"].paper == FOXES and known["2401.00001"].checked == NOW


def test_what_another_process_wrote_is_seen(settings: Settings) -> None:
    mine = Listings(settings)
    assert mine.load() == {}
    Listings(settings).save([FOXES], NOW)
    assert "2401.00001" in mine.load()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"a": 1}', '{"a": {"paper": {}}}', "\x00"])
def test_damaged_file_is_as_good_as_none(settings: Settings, content: str) -> None:
    (settings.folder("papers") / "listings.json").write_text(content)
    listings = Listings(settings)
    assert listings.load() == {}
    listings.save([FOXES], NOW)
    assert list(listings.load()) == ["2401.00001"]


def test_folder_that_can_not_be_written_is_an_error_of_ours(settings: Settings) -> None:
    (settings.folder("papers") / "listings.json").mkdir()
    with pytest.raises(StoreError, match="listings.json"):
        Listings(settings).save([FOXES], NOW)


def test_arxiv_goes_before_what_the_pdf_seems_to_say(settings: Settings) -> None:
    listings = Listings(settings)
    document = a_document("arxiv:2401.00001", arxiv_id="2401.00001", authors=("Ed Itor",))
    assert listings.describe(document) == document
    listings.save([FOXES], NOW)
    told = listings.describe(document)
    assert (told.title, told.authors, told.year) == ("On Red Foxes", FOXES.authors, 2024)
    assert told.doi == "10.1000/fox" and told.sections == document.sections
    other = a_document("file:abc")
    assert listings.describe(other) == other


def test_key_paper_keeps_the_facts_that_people_checked(settings: Settings) -> None:
    listings = Listings(settings)
    listings.save([replace(FOXES, arxiv_id="1706.03762")], NOW)
    document = a_document("arxiv:1706.03762", arxiv_id="1706.03762", title="Attention")
    assert listings.describe(document) == replace(document, doi="10.1000/fox")


def test_fetched_file_has_its_id_without_a_stamp(settings: Settings) -> None:
    folder = settings.folder("papers")
    document = a_document("file:abc")
    known = with_fetched_id(document, folder / "2401.00001v2.pdf", settings)
    assert (known.doc_id, known.arxiv_id, known.version) == ("arxiv:2401.00001", "2401.00001", 2)
    old = with_fetched_id(document, folder / "cs_0112017v1.pdf", settings)
    assert old.arxiv_id == "cs/0112017"


def test_name_of_a_file_from_elsewhere_says_nothing(settings: Settings, tmp_path: Path) -> None:
    document = a_document("file:abc")
    assert with_fetched_id(document, tmp_path / "2401.00001v2.pdf", settings) == document
    stamped = a_document("arxiv:2401.00007", arxiv_id="2401.00007")
    path = settings.folder("papers") / "2401.00001v2.pdf"
    assert with_fetched_id(stamped, path, settings) == stamped, "its stamp names another paper"
