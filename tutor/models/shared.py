"""The record by which processes of one TUTOR_HOME share a model server: run/server.json.

It names the address, the key and the process, and is readable by its owner alone (mode 0600).
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from tutor.errors import ModelError, ServerError
from tutor.models.client import ServedModel, VllmClient, connect
from tutor.settings import Settings

if TYPE_CHECKING:
    from tutor.models.llm import LLM

log = logging.getLogger(__name__)


def running_llm(settings: Settings) -> LLM | None:
    """The model of TUTOR_LLM_URL, or of a server that another Tutor runs; None without one."""
    if not settings.llm_url:
        return shared_llm(settings)
    try:
        return connect(settings)
    except ServerError as error:
        log.warning("%s", error)
        return None


def record_path(settings: Settings) -> Path:
    """run/server.json of this TUTOR_HOME."""
    return settings.folder("run") / "server.json"


def write_record(settings: Settings, record: dict[str, object]) -> None:
    """Write the record at once and for the owner's eyes alone (it holds the key)."""
    path = record_path(settings)
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(record, stream)
    os.replace(partial, path)


def client_of(settings: Settings, record: dict[str, object]) -> VllmClient:
    """A client of the server that a record names.

    Raises:
        ModelError: The record is malformed.
    """
    try:
        model = ServedModel(str(record["model"]), int(str(record["context_length"])))
        tokenizer = Path(str(record["tokenizer"])) if record.get("tokenizer") else None
        return VllmClient(
            str(record["url"]),
            str(record["key"]),
            model,
            timeout_s=settings.llm_timeout_s,
            tokenizer=tokenizer,
        )
    except (KeyError, ValueError) as error:
        raise ModelError(f"run/server.json is malformed: {error}.") from error


def read_live_record(settings: Settings) -> dict[str, object] | None:
    """The record of a server whose process lives and answers, else None."""
    try:
        record = json.loads((settings.home / "run" / "server.json").read_text("utf-8"))
        os.kill(int(record["pid"]), 0)
        return record if is_healthy(str(record["url"])) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def is_alive(settings: Settings) -> bool:
    """Whether the recorded server lives and answers."""
    return read_live_record(settings) is not None


def shared_llm(settings: Settings) -> LLM | None:
    """The model of a server that another process of this TUTOR_HOME runs; None without one."""
    record = read_live_record(settings)
    try:
        return None if record is None else client_of(settings, record)
    except ModelError as error:
        log.warning("%s", error)
        return None


def is_healthy(url: str) -> bool:
    """Whether the server answers its health check within ten seconds."""
    import httpx

    try:
        return httpx.get(f"{url}/health", timeout=10.0, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
