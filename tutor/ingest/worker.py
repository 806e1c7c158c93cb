"""Parsing in processes of their own, which a hostile file may crash, fill or hang.

    python -m tutor.ingest.worker 1024        (started by this module alone)

A worker reads one JSON object a line, {"path": …}, and answers with one, {"document": …} or
{"error": …, "cure": …}; with {"path", "page", "quote"} it draws that page, {"drawn": …}. It lives
under limits on memory, time and file size.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from threading import Event
from types import TracebackType
from typing import IO, Any

from tutor.errors import DocumentError
from tutor.ingest.document import Document, parse_file, read_bytes
from tutor.ingest.page_image import PageImage, draw_page

TIMEOUT_S = 60.0
DRAW_TIMEOUT_S = 40.0  # somebody waits for the page; on a busy machine the start alone takes long
MEMORY_MB = 1024
_POLL_S = 0.05


class Worker:
    """A process that parses one file after the other; it is replaced when it dies.

    Args:
        memory_mb: Limit of its address space.
    """

    def __init__(self, memory_mb: int = MEMORY_MB) -> None:
        self._memory_mb = memory_mb
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Kill the process."""
        process, self._process = self._process, None
        if process:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream:
                    stream.close()

    def _start(self) -> subprocess.Popen[bytes]:
        if self._process and self._process.poll() is None:
            return self._process
        self.stop()
        root = str(Path(__file__).parents[2])
        inherited = os.environ.get("PYTHONPATH")
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "LANG": "C.UTF-8",
            "PYTHONPATH": f"{root}{os.pathsep}{inherited}" if inherited else root,
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tutor.ingest.worker", str(self._memory_mb)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        return self._process

    def parse(
        self,
        path: Path | str,
        timeout_s: float = TIMEOUT_S,
        cancel: Event | None = None,
    ) -> Document:
        """Parse one file.

        Args:
            path: A PDF, Markdown or text file.
            timeout_s: Seconds after which the process is killed.
            cancel: Setting it kills the process within a tenth of a second.

        Raises:
            DocumentError: The file can't be read, takes too long or too much memory, or the
                parsing was cancelled.
        """
        from tutor.ingest.corpus import with_known_facts

        reply = self._ask({}, Path(path), timeout_s, cancel)
        return with_known_facts(Document.from_dict(reply["document"]))

    def draw(
        self, path: Path | str, number: int, quote: str = "", timeout_s: float = DRAW_TIMEOUT_S
    ) -> PageImage:
        """Draw a page of a PDF with the boxes of a quote; see `draw_page`.

        Raises:
            DocumentError: The page can't be drawn, or takes too long or too much memory.
        """
        reply = self._ask({"page": number, "quote": quote}, Path(path), timeout_s, None)
        return PageImage.from_dict(reply["drawn"])

    def _ask(
        self, request: dict[str, Any], path: Path, timeout_s: float, cancel: Event | None
    ) -> dict[str, Any]:
        path = path.absolute()
        process = self._start()
        assert process.stdin and process.stdout
        try:
            wanted = {"path": os.fspath(path), **request}
            process.stdin.write(json.dumps(wanted).encode() + b"\n")
            process.stdin.flush()
            line = self._read_line(process.stdout, path, timeout_s, cancel)
        except BrokenPipeError:
            line = b""
        except BaseException:
            # Also on Ctrl-C: an answer that comes later would be taken for the next file's.
            self.stop()
            raise
        if not line:
            self.stop()
            raise DocumentError(
                f"{path.name} crashed the parser or exceeded its {self._memory_mb} MB of memory.",
                "Open it in a viewer and print it to a new PDF.",
            )
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            raise DocumentError(reply["error"], reply["cure"])
        return reply

    def _read_line(
        self, stream: IO[bytes], path: Path, timeout_s: float, cancel: Event | None
    ) -> bytes:
        deadline = time.monotonic() + timeout_s
        pieces: list[bytes] = []
        with selectors.DefaultSelector() as selector:
            selector.register(stream, selectors.EVENT_READ)
            while True:
                if cancel and cancel.is_set():
                    raise DocumentError(f"Reading {path.name} was cancelled.")
                if time.monotonic() > deadline:
                    raise DocumentError(
                        f"{path.name} took longer than {timeout_s:g} s to read.",
                        "Split it, or open it in a viewer and print it to a new PDF.",
                    )
                if selector.select(_POLL_S):
                    piece = os.read(stream.fileno(), 1 << 20)
                    pieces.append(piece)
                    if not piece:
                        return b""
                    if piece.endswith(b"\n"):
                        return b"".join(pieces)


def parse(
    path: Path | str,
    timeout_s: float = TIMEOUT_S,
    memory_mb: int = MEMORY_MB,
    cancel: Event | None = None,
) -> Document:
    """Parse one file in a process of its own.

    Args:
        path: A PDF, Markdown or text file.
        timeout_s: Seconds after which the process is killed.
        memory_mb: Limit of its address space.
        cancel: Setting it kills the process within a tenth of a second.

    Raises:
        DocumentError: The file can't be read, takes too long or too much memory, or the parsing
            was cancelled.
    """
    with Worker(memory_mb) as worker:
        return worker.parse(path, timeout_s, cancel)


def parse_many(
    paths: Sequence[Path],
    jobs: int = 1,
    timeout_s: float = TIMEOUT_S,
    memory_mb: int = MEMORY_MB,
    cancel: Event | None = None,
) -> Iterator[tuple[Path, Document | DocumentError]]:
    """Parse many files in `jobs` processes that stay warm; results come in the order of `paths`.

    A file that can't be read yields its error in place of a document.
    """
    idle: SimpleQueue[Worker] = SimpleQueue()
    workers = [Worker(memory_mb) for _ in range(max(1, min(jobs, len(paths))))]
    for worker in workers:
        idle.put(worker)

    def run(path: Path) -> Document | DocumentError:
        worker = idle.get()
        try:
            return worker.parse(path, timeout_s, cancel)
        except DocumentError as error:
            return error
        finally:
            idle.put(worker)

    waiting: deque[tuple[Path, Future[Document | DocumentError]]] = deque()
    with ThreadPoolExecutor(len(workers)) as pool:
        try:
            for path in paths:
                # A bounded look-ahead keeps thousands of parsed papers out of memory.
                if len(waiting) >= 2 * len(workers):
                    done, future = waiting.popleft()
                    yield done, future.result()
                waiting.append((path, pool.submit(run, path)))
            while waiting:
                done, future = waiting.popleft()
                yield done, future.result()
        finally:
            for _, future in waiting:
                future.cancel()
            for worker in workers:
                worker.stop()


def _limit(memory_mb: int) -> None:
    import resource

    size = memory_mb * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _answer(request: dict[str, Any], memory_mb: int) -> dict[str, Any]:
    path = Path(request["path"])
    try:
        if "page" in request:
            data = read_bytes(path)
            drawn = draw_page(data, path.name, request["page"], request["quote"])
            return {"drawn": drawn.to_dict()}
        return {"document": parse_file(path).to_dict()}
    except DocumentError as error:
        return {"error": error.message, "cure": error.cure}
    except MemoryError:
        return {
            "error": f"{path.name} needs more than {memory_mb} MB of memory.",
            "cure": "Split it into smaller files.",
        }
    except Exception as error:  # the boundary at which a parser's failures become ours
        return {
            "error": f"{path.name} can't be parsed ({type(error).__name__}).",
            "cure": "Open it in a viewer and print it to a new PDF.",
        }


def main() -> None:
    """Answer requests until the parent closes the pipe."""
    memory_mb = int(sys.argv[1])
    _limit(memory_mb)
    # Whatever a library prints must not end up among the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    for line in sys.stdin.buffer:
        reply = _answer(json.loads(line), memory_mb)
        answers.write(json.dumps(reply).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    main()
