"""The small model in this process: loaded late, one base for all adapters, let go when idle.

vLLM serves the tutor's chat, but shows neither attention nor whole distributions; this model is for
looking. In float32 on one thread it takes about 600 MB.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tutor.errors import ModelError, NotFoundError, TutorError
from tutor.models.catalog import ADAPTERS, MODELS, SMALL
from tutor.models.fetch import Progress
from tutor.models.resolve import adapter_folder, is_prepared, prepare
from tutor.settings import Settings

logger = logging.getLogger(__name__)

BASE = "base"
IDLE_S = 300.0  # without use, after which the weights are let go
WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
STAGES = {
    "sft": "Supervised fine-tuning (SFT) on examples of good replies.",
    "dpo": "Direct preference optimization (DPO) on pairs of a better and a worse reply.",
    "grpo": "Reinforcement learning (GRPO) from the tutor's own checks.",
}


@dataclass(frozen=True)
class Variant:
    """The base model, or the base with one LoRA adapter.

    Attributes:
        name: "base", a name of the catalog, or that of a run's folder.
        description: What was done to it, in a sentence.
        adapter: Folder of a run's adapter; None for the base and for the catalog's.
    """

    name: str
    description: str
    adapter: Path | None = None


def find_variants(settings: Settings) -> tuple[Variant, ...]:
    """The base, the catalog's adapters on it, and those of the runs in TUTOR_RUNS."""
    base = MODELS[SMALL]
    found = [Variant(BASE, f"{SMALL}: trained to chat by its makers, not by this project.")]
    for spec in MODELS.values():
        if spec.adapter and spec.sha256 == base.sha256:
            if (ADAPTERS / spec.adapter / WEIGHTS).is_file():
                found.append(Variant(spec.name, spec.description))
    if settings.runs is not None:
        for folder in sorted(settings.runs.glob("*/adapter")):
            if _adapts_language_model(folder):
                found.append(Variant(folder.parent.name, _story(folder.parent), folder))
    return tuple({variant.name: variant for variant in reversed(found)}.values())[::-1]


def _adapts_language_model(folder: Path) -> bool:
    """Whether an adapter makes text: a reward model's gives a score instead."""
    try:
        config = json.loads((folder / CONFIG).read_text("utf-8"))
        return bool(config["task_type"] == "CAUSAL_LM") and (folder / WEIGHTS).is_file()
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _story(run: Path) -> str:
    try:
        stage = json.loads((run / "config.json").read_text("utf-8"))["stage"]
    except (OSError, ValueError, KeyError, TypeError):
        stage = ""
    return STAGES.get(stage, "An adapter from a run of fine-tuning.")


class LocalModel:
    """One model in memory, used by one caller at a time.

    Args:
        settings: Where the prepared model and further adapters lie.
        idle_s: Seconds without use after which the weights are let go.
    """

    def __init__(self, settings: Settings, idle_s: float = IDLE_S) -> None:
        self.settings = settings
        self._idle_s = idle_s
        self._lock = threading.Lock()
        self._model: Any = None
        self._active = BASE
        self._adapters: set[str] = set()
        self._used = 0.0
        self._watch: threading.Timer | None = None

    @property
    def variants(self) -> tuple[Variant, ...]:
        """What can be looked at; found anew each time, so that a finished run shows up."""
        return find_variants(self.settings)

    @property
    def ready(self) -> bool:
        """Whether the files are there, so that nothing has to be fetched."""
        return is_prepared(SMALL, self.settings, "bf16")

    @property
    def loaded(self) -> bool:
        """Whether the weights are in memory."""
        return self._model is not None

    def prepare(self, progress: Progress | None = None) -> Path:
        """Fetch and convert the float model; at once where it is there. See `resolve.prepare`."""
        return prepare(SMALL, self.settings, progress, format="bf16")

    @cached_property
    def tokenizer(self) -> Any:
        """The model's tokenizer; small, so it stays.

        Raises:
            ModelError: The model is not prepared, or damaged.
        """
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        folder = self._folder()
        from transformers import AutoTokenizer

        try:
            return AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, KeyError) as error:
            raise _damaged(folder, error) from error

    @contextmanager
    def weights(self, name: str = BASE) -> Iterator[Any]:
        """The model with an adapter switched on, for one computation.

        No caller may hold it while it waits for anything else.

        Raises:
            NotFoundError: There is no such variant.
            ModelError: The model or the adapter can't be loaded.
        """
        with self._lock:
            if self._model is None:
                self._model = self._load()
            self._switch(name)
            try:
                yield self._model
            finally:
                self._used = time.monotonic()
                self._watch_idle()

    def release(self) -> None:
        """Let the weights go; the next use loads them again."""
        with self._lock:
            self._drop()

    def _folder(self) -> Path:
        if not self.ready:
            raise ModelError(
                f"The small model, {SMALL}, is not prepared in 16 bit.",
                "Prepare it with the button on this page; it downloads 98 MB where it must.",
            )
        return self.prepare()

    def _load(self) -> Any:
        folder = self._folder()
        import torch
        from transformers import AutoModelForCausalLM

        torch.set_num_threads(1)
        try:
            # Fused attention never forms the weights that are to be seen.
            model = AutoModelForCausalLM.from_pretrained(
                folder, dtype=torch.float32, attn_implementation="eager", local_files_only=True
            )
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise _damaged(folder, error) from error
        self._active, self._adapters = BASE, set()
        return model.eval()

    def _switch(self, name: str) -> None:
        """Switch adapters on the loaded base; each is read when first asked for."""
        if name == self._active:
            return
        variant = next((v for v in self.variants if v.name == name), None)
        if variant is None:
            raise NotFoundError(f"There is no adapter {name!r}.", "Choose one of the list.")
        if name == BASE:
            self._model.base_model.disable_adapter_layers()
        else:
            known = name.replace(".", "-")  # a module's name holds no dot
            if known not in self._adapters:
                self._add(known, variant)
            self._model.base_model.enable_adapter_layers()
            self._model.set_adapter(known)
            self._model.eval()
        self._active = name

    def _add(self, known: str, variant: Variant) -> None:
        from peft import PeftModel

        folder = variant.adapter or adapter_folder(MODELS[variant.name])
        try:
            if self._adapters:
                self._model.load_adapter(folder, adapter_name=known)
            else:
                self._model = PeftModel.from_pretrained(
                    self._model, str(folder), adapter_name=known
                )
        except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
            # Half of it may be in the model already, so the next use begins afresh.
            self._model = None
            raise ModelError(
                f"The adapter {variant.name} does not fit {SMALL}: {_first_line(error)}",
                "Only adapters trained on that model can be shown here.",
            ) from error
        self._adapters.add(known)

    def _watch_idle(self) -> None:
        if self._watch is None:
            self._watch = threading.Timer(self._idle_s, self._release_if_idle)
            self._watch.daemon = True
            self._watch.start()

    def _release_if_idle(self) -> None:
        with self._lock:
            self._watch = None
            left = self._used + self._idle_s - time.monotonic()
            if left <= 0:
                self._drop()
                return
            self._watch = threading.Timer(left, self._release_if_idle)
            self._watch.daemon = True
            self._watch.start()

    def _drop(self) -> None:
        if self._model is not None:
            self._model = None
            gc.collect()
            logger.info("The model of the page 'Inside' was let go.")


def _damaged(folder: Path, error: Exception) -> TutorError:
    return ModelError(
        f"The model in {folder} can't be loaded: {_first_line(error)}",
        "Remove that folder and prepare the model again; it takes 600 MB of memory.",
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
