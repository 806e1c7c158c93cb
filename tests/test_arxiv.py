"""The arXiv client against a loopback server that replays Atom feeds written for the purpose."""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tutor.errors import InputError, NetworkError, NotFoundError
from tutor.index import IndexedDocument
from tutor.ingest.arxiv import ArxivClient, ArxivPaper, parse_arxiv_id
from tutor.ingest.identifiers import mentioned_arxiv_ids, mentioned_dois, parse_doi, squeeze
from tutor.library import Library
from tutor.library.listings import Listings
from tutor.library.papers import refresh_papers
from tutor.settings import Settings

ENTRY = """<entry><id>http://arxiv.org/abs/{id}</id><title>A  paper
  on foxes</title><updated>2021-05-26T17:59:46Z</updated><published>2020-05-26T17:59:46Z</published>
<summary>We study foxes.</summary><author><name>Jane Doe</name></author>
<author><name>Łukasz Roe</name></author><category term="cs.CL"/>
<link href="https://arxiv.org/pdf/{id}" rel="related" type="application/pdf" title="pdf"/>
</entry>"""


def feed(*ids: str) -> bytes:
    entries = "".join(ENTRY.format(id=name) for name in ids)
    return (
        '<?xml version="1.0" encoding="UTF-8"?><feed xmlns="http://www.w3.org/2005/Atom" '
        'xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/">'
        f"<opensearch:totalResults>{len(ids)}</opensearch:totalResults>"
        "<opensearch:startIndex>0</opensearch:startIndex>"
        f"<opensearch:itemsPerPage>{len(ids)}</opensearch:itemsPerPage>{entries}</feed>"
    ).encode()


Reply = tuple[int, dict[str, str], bytes]


class Server(ThreadingHTTPServer):
    """Answers with a queue of replies, the last of which stays."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies: list[Reply] = []
        self.requests: list[str] = []

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        self.server.requests.append(self.path)
        replies = self.server.replies
        status, headers, body = replies.pop(0) if len(replies) > 1 else replies[0]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def client(server: Server, home: Path) -> ArxivClient:
    return ArxivClient(
        Settings(home=home),
        query_url_format=f"http://{server.address}/api/query?{{}}",
        pdf_url_format=f"http://{server.address}/pdf/{{}}",
        delay_s=0.0,
    )


def arguments(server: Server) -> dict[str, list[str]]:
    return parse_qs(urlsplit(server.requests[-1]).query)


def test_search_gives_clean_papers(server: Server, client: ArxivClient) -> None:
    server.replies = [(200, {}, feed("2005.00001v3"))]
    [paper] = client.search("red foxes", max_results=5)
    assert (paper.arxiv_id, paper.version, paper.year) == ("2005.00001", 3, 2020)
    assert paper.title == "A paper on foxes"
    assert paper.authors == ("Jane Doe", "Łukasz Roe")
    assert paper.to_dict()["published"].startswith("2020-05-26")
    assert arguments(server)["search_query"] == ['ti:"red foxes" OR (all:red AND all:foxes)']


def test_search_words_can_not_break_out_of_the_query(server: Server, client: ArxivClient) -> None:
    server.replies = [(200, {}, feed())]
    client.search('foxes") OR hounds &start=5')
    assert arguments(server)["start"] == ["0"]
    assert arguments(server)["search_query"][0].count('"') == 2


def test_an_empty_query_is_rejected(client: ArxivClient) -> None:
    with pytest.raises(InputError, match="no word"):
        client.search(" ?! ")


def test_replies_are_cached_for_a_day(server: Server, client: ArxivClient, home: Path) -> None:
    server.replies = [(200, {}, feed("2005.00001v1"))]
    assert client.get(["2005.00001"]) == client.get(["2005.00001"])
    assert len(server.requests) == 1
    [cached] = (home / "cache" / "arxiv").iterdir()
    old = time.time() - 25 * 3600
    os.utime(cached, (old, old))
    client.get(["2005.00001"])
    assert len(server.requests) == 2


def test_latest_asks_for_the_period_newest_first(server: Server, client: ArxivClient) -> None:
    server.replies = [(200, {}, feed("2005.00001v1"))]
    assert len(client.latest(["cs.CL", "cs.LG"], days=3)) == 1
    query = arguments(server)
    assert query["search_query"][0].startswith("(cat:cs.CL OR cat:cs.LG) AND submittedDate:[")
    assert query["sortBy"] == ["submittedDate"]
    with pytest.raises(InputError):
        client.latest(["cs.CL"], days=0)


def test_busy_server_is_asked_again_after_the_time_it_names(
    server: Server, client: ArxivClient
) -> None:
    server.replies = [(429, {"Retry-After": "1"}, b""), (503, {}, b""), (200, {}, feed())]
    start = time.monotonic()
    assert client.search("foxes") == []
    assert time.monotonic() - start >= 1.0
    assert len(server.requests) == 3


def test_it_gives_up_on_a_busy_server(server: Server, client: ArxivClient) -> None:
    server.replies = [(503, {}, b"")]
    with pytest.raises(NetworkError, match="busy"):
        client.search("foxes")
    assert len(server.requests) == 4


def test_a_long_wait_is_reported_not_sat_out(server: Server, client: ArxivClient) -> None:
    server.replies = [(429, {"Retry-After": "3600"}, b"")]
    with pytest.raises(NetworkError, match="wait 3600 s"):
        client.search("foxes")
    assert len(server.requests) == 1


def test_a_page_that_is_no_feed_is_not_cached(server: Server, client: ArxivClient) -> None:
    server.replies = [(200, {}, b"<html>maintenance</html>"), (200, {}, feed("2005.00001v1"))]
    with pytest.raises(NetworkError, match="no list"):
        client.search("foxes")
    assert len(client.search("foxes")) == 1


def test_error_entries_and_bad_requests_are_input_errors(
    server: Server, client: ArxivClient
) -> None:
    error = feed("x").replace(b"http://arxiv.org/abs/x", b"https://arxiv.org/api/errors#bad")
    server.replies = [(200, {}, error)]
    with pytest.raises(InputError, match="does not understand"):
        client.search("foxes")
    server.replies = [(400, {}, error)]
    with pytest.raises(InputError, match="does not understand"):
        client.search("hounds")


def test_redirects_leave_arxiv_for_nowhere(server: Server, client: ArxivClient) -> None:
    server.replies = [(302, {"Location": "http://localhost:1/steal"}, b"")]
    with pytest.raises(NetworkError, match="not a host of arXiv"):
        client.search("foxes")


def test_redirects_within_are_followed_but_not_forever(server: Server, client: ArxivClient) -> None:
    server.replies = [(301, {"Location": "/api/other"}, b""), (200, {}, feed("2005.00001v1"))]
    assert len(client.search("foxes")) == 1
    server.replies = [(301, {"Location": "/api/other"}, b"")]
    with pytest.raises(NetworkError, match="circle"):
        client.search("hounds")


def test_requests_keep_their_distance(server: Server, home: Path) -> None:
    client = ArxivClient(
        Settings(home=home),
        query_url_format=f"http://{server.address}/api/query?{{}}",
        delay_s=0.3,
    )
    server.replies = [(200, {}, feed())]
    start = time.monotonic()
    threads = [threading.Thread(target=client.search, args=(word,)) for word in ("a1", "b2", "c3")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - start >= 0.6
    assert len(server.requests) == 3


def test_pdf_is_stored_with_its_checksum_and_fetched_once(
    server: Server, client: ArxivClient, home: Path
) -> None:
    server.replies = [(200, {}, feed("2005.00001v3")), (200, {}, b"%PDF-1.4 content")]
    path = client.fetch_pdf("arXiv:2005.00001")
    assert path == home / "papers" / "2005.00001v3.pdf"
    wanted = hashlib.sha256(b"%PDF-1.4 content").hexdigest()
    assert path.with_name(path.name + ".sha256").read_text().strip() == wanted
    assert client.fetch_pdf("2005.00001v3") == path
    assert len(server.requests) == 2


def test_a_damaged_pdf_is_fetched_again(server: Server, client: ArxivClient) -> None:
    server.replies = [(200, {}, b"%PDF-1.4 content")]
    path = client.fetch_pdf("cs/0112017v1")
    path.write_bytes(b"%PDF-1.4 cont")
    assert client.fetch_pdf("cs/0112017v1").read_bytes() == b"%PDF-1.4 content"
    assert path.name == "cs_0112017v1.pdf"


def test_key_papers_come_in_the_noted_version(server: Server, client: ArxivClient) -> None:
    server.replies = [(200, {}, b"%PDF-1.4 content")]
    assert client.fetch_pdf("1706.03762").name == "1706.03762v7.pdf"


@pytest.mark.parametrize("body", [b"<html>no pdf</html>", b""])
def test_what_is_no_pdf_leaves_nothing_behind(
    server: Server, client: ArxivClient, home: Path, body: bytes
) -> None:
    server.replies = [(200, {}, body)]
    with pytest.raises(NetworkError, match="not a PDF"):
        client.fetch_pdf("2005.00001v1")
    assert list((home / "papers").iterdir()) == []


def test_too_large_a_pdf_leaves_nothing_behind(
    server: Server, client: ArxivClient, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tutor.ingest.arxiv.MAX_PDF_MB", 1)
    server.replies = [(200, {}, b"%PDF-" + bytes(2**21))]
    with pytest.raises(NetworkError, match="larger than 1 MB"):
        client.fetch_pdf("2005.00001v1")
    assert list((home / "papers").iterdir()) == []


def test_unknown_papers(server: Server, client: ArxivClient) -> None:
    server.replies = [(200, {}, feed())]
    with pytest.raises(NotFoundError, match="no paper 2005.00001"):
        client.fetch_pdf("2005.00001")
    server.replies = [(404, {}, b"")]
    with pytest.raises(NotFoundError):
        client.fetch_pdf("2005.00001v9")
    with pytest.raises(InputError, match="not an arXiv id"):
        client.fetch_pdf("../etc/passwd")


def test_offline_says_so_but_serves_what_is_there(
    server: Server, client: ArxivClient, home: Path
) -> None:
    server.replies = [(200, {}, b"%PDF-1.4 content")]
    path = client.fetch_pdf("2005.00001v2")
    offline = ArxivClient(Settings(home=home, offline=True))
    assert offline.fetch_pdf("2005.00001") == path
    with pytest.raises(NetworkError, match="offline"):
        offline.search("foxes")


def test_an_unreachable_host_is_a_network_error(home: Path) -> None:
    client = ArxivClient(
        Settings(home=home), query_url_format="http://127.0.0.1:9/api?{}", delay_s=0.0
    )
    with pytest.raises(NetworkError, match="can't be reached") as caught:
        client.search("foxes")
    assert caught.value.cure


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1706.03762", "1706.03762"),
        (" arXiv:1706.03762v7 ", "1706.03762"),
        ("https://arxiv.org/abs/1706.03762v1", "1706.03762"),
        ("http://export.arxiv.org/pdf/1706.03762.pdf", "1706.03762"),
        ("arxiv.org/pdf/2305.18290v2#page=3", "2305.18290"),
        ("cs/0112017", "cs/0112017"),
        ("https://arxiv.org/abs/quant-ph/0201082v1", "quant-ph/0201082"),
        ("math.GT/0309136v2", "math/0309136"),
        ("10.48550/arXiv.1706.03762", "1706.03762"),
        ("https://doi.org/10.48550/arXiv.2305.18290", "2305.18290"),
        ("0000.0000", None),
        ("1713.12345", None),
        ("https://example.org/abs/1706.03762", None),
        ("1706.03762; rm -rf", None),
        ("file:d9d852e28945", None),
        ("", None),
    ],
)
def test_parse_arxiv_id(text: str, expected: str | None) -> None:
    assert parse_arxiv_id(text) == expected


@settings(deadline=None)
@given(st.text(max_size=40))
def test_parse_arxiv_id_of_anything_is_safe_in_a_path(text: str) -> None:
    found = parse_arxiv_id(text)
    assert found is None or ".." not in found and not found.startswith("/")


# --- other names of papers --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.1162/neco.1997.9.8.1735", "10.1162/neco.1997.9.8.1735"),
        ("https://doi.org/10.18653/v1/N19-1423", "10.18653/v1/n19-1423"),
        ("doi:10.1002/(SICI)1097-4571(199009)41:6<391::AID-ASI1>3.0.CO;2-9", "x"),
        ("10.12/3", None),
        ("Attention", None),
    ],
)
def test_parse_doi(text: str, expected: str | None) -> None:
    found = parse_doi(text)
    assert found == expected or (expected == "x" and found and found.startswith("10.1002/(sici)"))


def test_ids_and_dois_are_read_out_of_running_text() -> None:
    text = (
        "Adam. arXiv preprint arXiv:1412.6980, 2014. See (https://doi.org/10.1162/neco.1997.9.8)."
        " CoRR, abs/1706.03762; doi:10.48550/arXiv.1810.04805. Pages 2001.12345 of no list."
    )
    assert set(mentioned_arxiv_ids(text)) == {"1412.6980", "1810.04805"}
    assert "10.1162/neco.1997.9.8" in mentioned_dois(text)


def test_titles_compare_without_case_accents_and_punctuation() -> None:
    assert squeeze("Garc´ıa–Durán: Pre-training") == squeeze("garcia duran pretraining")


def test_paper_is_found_by_its_title(server: Server, client: ArxivClient) -> None:
    other = feed("2005.00002v1").replace(b"A  paper\n  on foxes", b"A paper on foxes and hounds")
    both = other.replace(b"</feed>", feed("2005.00001v1").partition(b"PerPage>")[2])
    server.replies = [(200, {}, both.replace(b"1</opensearch:itemsPerPage>", b"", 1))]
    [paper] = client.find_title('A Paper on "Foxes"')
    assert paper.arxiv_id == "2005.00001"
    assert arguments(server)["search_query"] == ['ti:"A Paper on Foxes"']


def test_paper_is_found_by_its_doi_and_by_no_other(server: Server, client: ArxivClient) -> None:
    doi = b'<arxiv:doi xmlns:arxiv="http://arxiv.org/schemas/atom">10.1000/FOX</arxiv:doi></entry>'
    server.replies = [(200, {}, feed("2005.00001v1").replace(b"</entry>", doi))]
    found = client.find_doi("10.1000/fox")
    assert found is not None and found.arxiv_id == "2005.00001"
    assert client.find_doi("10.1000/hound") is None, "arXiv's nearest is not what was asked for"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<author>", b'<arxiv:comment xmlns:arxiv="http://arxiv.org/schemas/atom">This paper has '
         b"been withdrawn by the author due to a crucial error</arxiv:comment><author>"),
        (b"We study foxes.", b"This paper has been withdrawn due to a crucial error."),
    ],
)  # fmt: skip
def test_withdrawn_paper_is_not_fetched_but_its_earlier_version_is_named(
    server: Server, client: ArxivClient, old: bytes, new: bytes
) -> None:
    server.replies = [(200, {}, feed("2005.00001v2").replace(old, new, 1))]
    with pytest.raises(NotFoundError, match="withdrawn.*error.*2005.00001v1"):
        client.fetch_pdf("2005.00001")
    assert client.get(["2005.00001"])[0].to_dict()["withdrawn"] is True


def test_paper_about_withdrawals_is_not_withdrawn(server: Server, client: ArxivClient) -> None:
    body = feed("2005.00001v1").replace(b"We study foxes.", b"Drugs that were withdrawn early.")
    server.replies = [(200, {}, body)]
    [paper] = client.get(["2005.00001"])
    assert not paper.withdrawn
    assert ArxivPaper.from_dict(json.loads(json.dumps(paper.to_dict()))) == paper


# --- replies that arXiv really gave -----------------------------------------------------------


def recorded(shared: Path) -> list[dict[str, str]]:
    folder = shared / "data" / "arxiv_api" / "tests" / "fixtures"
    return [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))]


def test_every_recorded_reply_is_read_as_it_stands(
    server: Server, client: ArxivClient, shared: Path
) -> None:
    replies = recorded(shared)
    assert len(replies) >= 20 and any(reply["status_code"] != 200 for reply in replies)
    for number, reply in enumerate(replies):
        body = reply["body"].encode("latin-1")
        names = re.findall(r"<id>https?://arxiv\.org/abs/(\S+?)</id>", reply["body"])
        server.replies = [(int(reply["status_code"]), {}, body)]
        if reply["status_code"] != 200:
            with pytest.raises(InputError):
                client.search(f"refused {number}")
            continue
        found = client.search(f"testing {number}", max_results=max(len(names), 1))
        assert [p.arxiv_id for p in found] == [parse_arxiv_id(name) for name in names], reply["url"]
        for paper in found:
            assert paper.title and paper.authors and paper.abstract and paper.version >= 1
            assert "\n" not in paper.title and 1991 <= paper.year <= 2030
            assert not paper.doi or parse_doi(paper.doi) == paper.doi, paper.doi


def test_recorded_replies_come_behind_a_busy_server(
    server: Server, client: ArxivClient, shared: Path
) -> None:
    body = next(r["body"] for r in recorded(shared) if "id_list=1605.08386" in r["url"])
    server.replies = [
        (503, {"Retry-After": "0"}, b"busy"), (429, {}, b"Rate exceeded."),
        (200, {}, body.encode("latin-1")),
    ]  # fmt: skip
    [paper] = client.get(["1605.08386"])
    assert (paper.arxiv_id, paper.version) == ("1605.08386", 1) and not paper.withdrawn


def test_recorded_empty_reply_means_that_the_paper_is_unknown(
    server: Server, client: ArxivClient, shared: Path
) -> None:
    body = next(r["body"] for r in recorded(shared) if "id_list=0000.0000" in r["url"])
    server.replies = [(200, {}, body.encode("latin-1"))]
    with pytest.raises(NotFoundError, match="no paper 2005.00001"):
        client.fetch_pdf("2005.00001")


@pytest.mark.live
def test_arxiv_itself_answers(home: Path) -> None:
    client = ArxivClient(Settings(home=home))
    [paper] = client.get(["1706.03762"])
    assert paper.title == "Attention Is All You Need" and paper.version >= 7
    assert client.find_title(paper.title)[0].arxiv_id == "1706.03762"
    assert client.fetch_pdf("1706.03762v1").stat().st_size > 100_000


def test_library_is_refreshed_from_a_recorded_reply(
    server: Server, client: ArxivClient, shared: Path, home: Path
) -> None:
    folder = shared / "data" / "arxiv_api" / "tests" / "fixtures"
    [path] = folder.glob("id_1707.08567_s0*.json")
    body = json.loads(path.read_text("utf-8"))["body"]
    server.replies = [(200, {}, body.encode("latin-1"))]
    row = IndexedDocument(
        "arxiv:1707.08567", "paper", "A title off the PDF", ("Ed Itor",), 2017, "1707.08567", "",
        9, 9, 9, "x.pdf", version=1,
    )  # fmt: skip
    listings = Listings(Settings(home=home))
    library = SimpleNamespace(
        listings=listings, documents=lambda: [listings.describe(row)]
    )  # what a refresh uses of it
    [found] = refresh_papers(cast(Library, library), client, ["1707.08567"])
    assert arguments(server)["id_list"] == ["1707.08567"] and len(server.requests) == 1
    [paper] = client.get(["1707.08567"])
    assert found["title"] == paper.title != row.title
    assert found["authors"] == list(paper.authors) and found["latest_version"] == paper.version
    assert bool(found["news"]) == bool(paper.version > 1 or paper.doi or paper.journal)


def test_many_ids_go_in_few_requests(server: Server, client: ArxivClient) -> None:
    server.replies = [(200, {}, feed("2005.00001v1"))]
    client.get([f"2005.{number:05}" for number in range(1, 302)])
    assert len(server.requests) == 2 and all(len(path) < 4000 for path in server.requests)
