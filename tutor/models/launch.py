"""The command line and the environment that vLLM's server is started with.

All flags and tuning variables are here, each with its measured reason.
"""

from __future__ import annotations

import glob
import importlib.util
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from tutor.errors import ServerError
from tutor.models.catalog import Cpu
from tutor.settings import Settings

# Marks every process of a server, so that what a crash left behind can be told from anything else.
MARKER = "TUTOR_MODEL_SERVER"

MAX_SEQUENCES = 16
# Prompt lookup: answers quote their passages. 13 -> 41 tokens/s when copying, nothing lost else.
SPECULATION = {
    "method": "ngram",
    "num_speculative_tokens": 4,
    "prompt_lookup_max": 4,
    "prompt_lookup_min": 2,
}
_PRELOAD = (
    "/usr/lib/*/libtcmalloc_minimal.so.4",
    "/usr/lib64/libtcmalloc_minimal.so.4",
    f"{sys.prefix}/lib/libiomp5.so",
)
# Caches that vLLM and what it imports would spread over the home folder.
_CACHES = {
    "VLLM_CACHE_ROOT": "vllm",
    "VLLM_CONFIG_ROOT": "vllm-config",
    "TORCHINDUCTOR_CACHE_DIR": "inductor",
    "TRITON_CACHE_DIR": "triton",
    "NUMBA_CACHE_DIR": "numba",
    "OUTLINES_CACHE_DIR": "outlines",
    "HF_HOME": "huggingface",
    "XDG_CACHE_HOME": "xdg",
    "XDG_CONFIG_HOME": "xdg-config",
}


def vllm_command(
    folder: Path, name: str, port: int, settings: Settings, cpu: Cpu, *, gpu: bool
) -> list[str]:
    """Serves `folder` as `name` on 127.0.0.1:port; TUTOR_VLLM_ARGS come last, so they win.

    Raises:
        ServerError: vLLM is not installed.
    """
    command = [sys.executable, "-m", _entry_module(), "--model", str(folder)]
    command += ["--served-model-name", name, "--host", "127.0.0.1", "--port", str(port)]
    command += ["--max-model-len", str(_context_length(folder, settings))]
    # Sampling is Tutor's to decide, not the model folder's.
    command += ["--generation-config", "vllm", "--disable-uvicorn-access-log"]
    if not gpu:
        command += ["--max-num-seqs", str(MAX_SEQUENCES), "--dtype", _pick_dtype(cpu)]
        command += ["--speculative-config", json.dumps(SPECULATION)]
        # On plain AVX2 compiling added 80 s to a start on a busy machine. What it gains there is
        # not known (13 tokens/s eager without n-gram, 16 compiled with it, other prompts); with
        # AMX it pays (13.2 against 11.8 tokens/s, 46 s warm against 30 s).
        command += [] if cpu.fast_int8 else ["--enforce-eager"]
    return [*command, *settings.vllm_args]


def vllm_environment(settings: Settings, api_key: str, cpu: Cpu, *, gpu: bool) -> dict[str, str]:
    """The child's environment: no telemetry, no network, caches below TUTOR_HOME, tuning.

    Tuning variables that are set already stand. The key guards /v1 alone: what else vLLM answers
    on this loopback port (its health, its tokenizer) holds nothing of a learner's.
    """
    environment = _clean(os.environ)
    environment |= {name: str(settings.folder("cache", to)) for name, to in _CACHES.items()}
    environment |= {
        MARKER: str(settings.home),
        "VLLM_API_KEY": api_key,
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    if gpu:
        return environment
    tuning = {
        "VLLM_CPU_KVCACHE_SPACE": "1",
        # Binding keeps one core back by default, which halves the speed on two.
        "VLLM_CPU_NUM_OF_RESERVED_CPU": "0",
        # Never found again on a CPU; the inductor's own cache is (72 s cold, 46 s warm).
        "VLLM_USE_AOT_COMPILE": "0",
        # With numba's default layer n-gram speculation halves the speed.
        "NUMBA_THREADING_LAYER": "workqueue",
    }
    cores = sorted(os.sched_getaffinity(0))
    threads = settings.threads or _pick_threads(len(cores))
    if threads < len(cores):
        bound = ",".join(str(core) for core in cores[-threads:])
        tuning["VLLM_CPU_OMP_THREADS_BIND"] = bound
    # Without them the time to the first token is a third longer (2.3 s against 1.7 s).
    libraries = [path for pattern in _PRELOAD for path in glob.glob(pattern)]
    if libraries:
        tuning["LD_PRELOAD"] = ":".join(libraries)
    return tuning | environment


def _clean(environment: Mapping[str, str]) -> dict[str, str]:
    """Without Tutor's own settings (passwords among them) and without a thread count meant for
    the embedding model."""
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith("TUTOR_") and name != "OMP_NUM_THREADS"
    }


def _pick_dtype(cpu: Cpu) -> str:
    """Without AVX512-BF16 or AMX bfloat16 is emulated: on plain AVX2 the first token of an answer
    to 1,171 tokens took 24 s, in float32 3.9 s (135M, two cores)."""
    return "bfloat16" if cpu.fast_bf16 or cpu.fast_int8 else "float32"


def _pick_threads(cores: int) -> int:
    """All cores, but one less on a machine that is busy now: pinned threads wait for each other.
    Two gave 2-3 tokens/s at a load of 5, one 10-14 at 6 (single runs, load not controlled)."""
    busy = os.getloadavg()[0] >= cores
    return max(1, cores - 1) if busy else cores


def _entry_module() -> str:
    # Looked up as files: importing vLLM takes seconds and half a gigabyte.
    spec = importlib.util.find_spec("vllm")
    if spec is None or spec.origin is None:
        raise ServerError(
            "vLLM is not installed, so there is no model server.",
            "Install it with 'make setup', or point TUTOR_LLM_URL at a server.",
        )
    entry = Path(spec.origin).parent / "entrypoints" / "launchers" / "api_server" / "entry.py"
    if entry.is_file():
        return "vllm.entrypoints.launchers.api_server.entry"
    return "vllm.entrypoints.openai.api_server"


def _context_length(folder: Path, settings: Settings) -> int:
    """TUTOR_CONTEXT_LENGTH, or what the model was trained for where that is less."""
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
        limit = config.get("max_position_embeddings") or settings.context_length
    except (OSError, ValueError, AttributeError):
        return settings.context_length
    return min(settings.context_length, int(limit))
