"""Polite, bounded HTTP to arXiv: one request at a time, three seconds apart, known hosts only."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from tutor.errors import InputError, NetworkError, NotFoundError

if TYPE_CHECKING:
    import httpx
    import tenacity

HOSTS = frozenset(("arxiv.org", "www.arxiv.org", "export.arxiv.org"))
# arXiv's terms of use: no more than one request every three seconds, one connection at a time.
DELAY_S = 3.0
ATTEMPTS = 4
CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 30.0
LONGEST_WAIT_S = 120.0
CACHE_S = 24 * 3600
MAX_REPLY_MB = 20
MAX_REDIRECTS = 4
_USER_AGENT = "tutor (local study tool; one request per 3 s)"
_RETRIED = frozenset((429, 500, 502, 503, 504))

_turn = threading.Lock()
_last_request = 0.0


@dataclass(frozen=True)
class Reply:
    """What arXiv's client looks at in a response."""

    status_code: int
    content: bytes


class _Busy(Exception):
    """arXiv asks to come back later.

    Args:
        wait_s: Seconds it asks for; None leaves it to the backoff.
    """

    def __init__(self, reason: str, wait_s: float | None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class Transport:
    """Fetches from arXiv; stands in for the session of the `arxiv` package's client.

    Args:
        cache: Folder of cached replies, fresh for a day.
        offline: Serve from the cache alone.
        extra_hosts: More hosts to allow; the tests' loopback server.
        delay_s: Least seconds between two requests of this process, and base of the backoff.
    """

    def __init__(
        self,
        cache: Path,
        offline: bool = False,
        extra_hosts: frozenset[str] = frozenset(),
        delay_s: float = DELAY_S,
    ) -> None:
        self._cache = cache
        self._offline = offline
        self._extra_hosts = extra_hosts
        self._delay_s = delay_s

    def get(self, url: str, headers: object = None) -> Reply:
        """A reply of the query interface, from the cache if it is less than a day old.

        Args:
            url: Where to ask.
            headers: Ignored; the `arxiv` package passes its own.

        Raises:
            NetworkError: arXiv can't be reached, is busy, or does not answer with a feed.
        """
        cached = self._cache / f"{hashlib.sha256(url.encode()).hexdigest()[:32]}.xml"
        try:
            if time.time() - cached.stat().st_mtime < CACHE_S:
                return Reply(200, cached.read_bytes())
        except OSError:
            pass  # not there, or just replaced: ask arXiv
        content = b"".join(self.stream(url, MAX_REPLY_MB))
        if b"<feed" not in content[:4096]:
            raise NetworkError("arXiv's reply is no list of papers.", "Try again in a few minutes.")
        self._cache.mkdir(parents=True, exist_ok=True)
        partial = cached.with_suffix(f".{os.getpid()}.{threading.get_ident()}.partial")
        partial.write_bytes(content)
        os.replace(partial, cached)
        return Reply(200, content)

    def stream(self, url: str, limit_mb: int) -> Generator[bytes, None, None]:
        """The content behind a URL, in pieces; retried until the first piece is there.

        Args:
            url: Where to ask; redirects are followed on allowed hosts alone.
            limit_mb: Most megabytes to read.

        Raises:
            NetworkError: Not reachable, busy, too large, or redirected elsewhere.
            NotFoundError: arXiv has nothing there.
            InputError: arXiv does not understand the request.
        """
        import httpx

        if self._offline:
            raise NetworkError(
                "Tutor is offline, and arXiv would have to be asked.",
                "Unset TUTOR_OFFLINE, or use a paper that is in the library.",
            )
        with _turn:
            try:
                with self._opened(url) as response:
                    received = 0
                    for piece in response.iter_bytes(1 << 16):
                        received += len(piece)
                        if received > limit_mb * 2**20:
                            raise NetworkError(
                                f"{url} is larger than {limit_mb} MB.",
                                "Download it yourself and add the file.",
                            )
                        yield piece
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise NetworkError(
                    f"arXiv can't be reached ({type(error).__name__}).",
                    "Check the connection; papers in the library and notes work without it.",
                ) from error

    @contextmanager
    def _opened(self, url: str) -> Iterator[httpx.Response]:
        import httpx
        import tenacity

        timeout = httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
        headers = {"User-Agent": _USER_AGENT}
        with httpx.Client(timeout=timeout, headers=headers) as client:
            retrying = tenacity.Retrying(
                stop=tenacity.stop_after_attempt(ATTEMPTS),
                wait=self._wait,
                retry=tenacity.retry_if_exception_type((_Busy, httpx.TransportError)),
                reraise=True,
            )
            try:
                response = retrying(self._request, client, url)
            except _Busy as error:
                raise NetworkError(
                    f"arXiv is busy: {error}.", "Try again in some minutes."
                ) from error
            try:
                yield response
            finally:
                response.close()

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        backoff: float = self._delay_s * 2 ** (state.attempt_number - 1)
        asked = error.wait_s if isinstance(error, _Busy) else None
        return max(backoff, asked or 0.0)

    def _request(self, client: httpx.Client, url: str) -> httpx.Response:
        for _ in range(MAX_REDIRECTS + 1):
            self._check_host(url)
            _keep_distance(self._delay_s)
            response = client.send(client.build_request("GET", url), stream=True)
            if not response.is_redirect:
                break
            response.close()
            url = urljoin(url, response.headers["Location"])
        else:
            raise NetworkError("arXiv redirects in a circle.", "Try again in some minutes.")
        if response.status_code == 200:
            return response
        response.close()
        if response.status_code in _RETRIED:
            asked = _retry_after(response.headers.get("Retry-After", ""))
            if asked is not None and asked > LONGEST_WAIT_S:
                raise NetworkError(
                    f"arXiv asks to wait {asked:.0f} s.", "Try again after that time."
                )
            raise _Busy(f"HTTP {response.status_code}", asked)
        if response.status_code == 400:
            raise InputError(
                "arXiv does not understand the request.", "Check the ids or the words of the query."
            )
        if response.status_code == 404:
            raise NotFoundError(f"arXiv has nothing at {url}.", "Check the id and its version.")
        raise NetworkError(
            f"arXiv refuses the request (HTTP {response.status_code}).", "Try again later."
        )

    def _check_host(self, url: str) -> None:
        parts = urlsplit(url)
        host = parts.hostname or ""
        known = parts.scheme == "https" and host in HOSTS and parts.port in (None, 443)
        if not known and parts.netloc not in self._extra_hosts:
            raise NetworkError(
                f"{host or url} is not a host of arXiv, so nothing was fetched from it.",
                "Download the paper yourself and add the file.",
            )


def _keep_distance(delay_s: float) -> None:
    global _last_request
    pause = _last_request + delay_s - time.monotonic()
    if pause > 0:
        time.sleep(pause)
    _last_request = time.monotonic()


def _retry_after(value: str) -> float | None:
    """Seconds from a Retry-After header, which is a number or a date."""
    from email.utils import parsedate_to_datetime

    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError):
        return None
