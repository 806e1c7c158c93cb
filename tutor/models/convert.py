"""Turns a GGUF file or a float model folder into what vLLM serves.

    python -m tutor.models.convert (--gguf FILE | --source FOLDER) [--adapter FOLDER]
        --target FOLDER --format w8a8|bf16

GGUF -> transformers in bf16 -> (a LoRA adapter merged in) -> W8A8 in the compressed-tensors layout:
weights INT8, symmetric, one scale per output channel; activations INT8 per token at run time; the
output layer included. Plain rounding costs 1% of perplexity and takes seconds. Run as a child:
its memory (twice the model) goes back to the system at its end. Prints one JSON object a line:
{"stage", "fraction"}, at the end maybe {"error"}.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tutor.errors import InputError, ModelError

if TYPE_CHECKING:
    from torch import Tensor

Report = Callable[[str, float], None]

# The layers that hold nearly all weights of Llama- and Qwen-like models.
LINEAR = re.compile(r".*_proj\.weight|lm_head\.weight")
QUANTIZATION = {
    "quant_method": "compressed-tensors",
    "format": "int-quantized",
    "quantization_status": "compressed",
    "ignore": [],
    "config_groups": {
        "group_0": {
            "targets": ["re:.*_proj$", "re:.*lm_head$"],
            "format": "int-quantized",
            "weights": {
                "num_bits": 8,
                "type": "int",
                "symmetric": True,
                "strategy": "channel",
                "dynamic": False,
            },
            "input_activations": {
                "num_bits": 8,
                "type": "int",
                "symmetric": True,
                "strategy": "token",
                "dynamic": True,
            },
        }
    },
}


def convert(
    target: Path,
    format: str,
    report: Report,
    *,
    gguf: Path | None = None,
    source: Path | None = None,
    adapter: Path | None = None,
) -> None:
    """Writes the model into the folder `target`, which appears only when it is complete.

    Args:
        target: Must be missing or empty.
        format: "w8a8" or "bf16".
        gguf, source: One of them: a GGUF file, or a folder in the transformers layout.
        adapter: A LoRA adapter (PEFT layout) to merge before quantising.

    Raises:
        InputError: The source can't be read.
        ModelError: The target is in use.
    """
    if target.exists() and any(target.iterdir()):
        raise ModelError(f"{target} is not empty.", "Name a new folder.")
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="convert-", dir=target.parent))
    try:
        plain = source
        if gguf is not None or adapter is not None:
            plain = work / "bf16"
            _write_plain(gguf, source, adapter, plain, report)
        assert plain is not None
        finished = plain
        if format == "w8a8":
            finished = work / "w8a8"
            quantise(plain, finished, lambda part: report("Quantising to INT8", 0.4 + 0.6 * part))
        elif plain == source:
            raise InputError(f"{source} is in that format already.", "Use it as it is.")
        _make_readable(finished)
        os.replace(finished, target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    report("Converted", 1.0)


def _write_plain(
    gguf: Path | None, source: Path | None, adapter: Path | None, plain: Path, report: Report
) -> None:
    """Loads a model, merges the adapter, and saves it in bf16 with its tokenizer."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    report("Reading the model", 0.0)
    try:
        if gguf is not None:
            from transformers.utils.quantization_config import GgufConfig

            where: dict[str, Any] = {"gguf_file": gguf.name}
            folder = gguf.parent
            options = {**where, "quantization_config": GgufConfig(dequantize=True)}
        else:
            assert source is not None
            where, options, folder = {}, {}, source
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.bfloat16, local_files_only=True, **options
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, **where)
    # Readers of foreign formats raise whatever a damaged file makes them stumble over.
    except Exception as error:
        name = gguf or source
        raise InputError(f"{name} can't be read: {error}.", "Fetch the file again.") from error
    if adapter is not None:
        from peft import PeftModel

        report("Merging the adapter", 0.25)
        model = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
    report("Writing the model in bf16", 0.3)
    if gguf is not None:
        _repair_tokenizer(gguf, tokenizer)
    model.save_pretrained(plain)
    tokenizer.save_pretrained(plain)


def _repair_tokenizer(gguf: Path, tokenizer: Any) -> None:
    """SmolLM2 splits numbers into digits; transformers does not take that over from a GGUF."""
    from gguf import GGUFReader
    from tokenizers import pre_tokenizers

    field = GGUFReader(gguf).get_field("tokenizer.ggml.pre")
    if field is not None and field.contents() == "smollm":
        steps = [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)


def quantise(source: Path, target: Path, progress: Callable[[float], None]) -> None:
    """Quantises a float model folder to W8A8, one tensor in memory at a time.

    Raises:
        InputError: There are no safetensors files, or no config.json.
    """
    from safetensors.torch import save_file

    if not (source / "config.json").is_file() or not list(source.glob("*.safetensors")):
        raise InputError(f"{source} holds no model.", "It needs config.json and *.safetensors.")
    config = json.loads((source / "config.json").read_text("utf-8"))
    if "quantization_config" in config:
        raise InputError(f"{source} is quantised already.", "Start from the float model.")
    target.mkdir(parents=True)
    tensors: dict[str, Tensor] = {}
    for name, tensor, part in _read_tensors(source):
        if LINEAR.fullmatch(name):
            tensors[name], tensors[f"{name}_scale"] = quantise_channels(tensor)
        else:
            tensors[name] = tensor.bfloat16().contiguous()
        progress(0.9 * part)
    if "lm_head.weight" not in tensors:
        # Tied to the embedding, which stays in 16 bit; the copy for the output layer is INT8.
        weight = tensors["model.embed_tokens.weight"]
        tensors["lm_head.weight"], tensors["lm_head.weight_scale"] = quantise_channels(weight)
    config |= {"tie_word_embeddings": False, "quantization_config": QUANTIZATION}
    save_file(tensors, target / "model.safetensors", metadata={"format": "pt"})
    for path in source.iterdir():
        if path.is_file() and ".safetensors" not in path.name:
            shutil.copyfile(path, target / path.name)
    (target / "config.json").write_text(json.dumps(config, indent=1), "utf-8")
    progress(1.0)


def quantise_channels(weight: Tensor) -> tuple[Tensor, Tensor]:
    """INT8 weights [out, in] and their bf16 scales [out, 1]; weight ~ integers * scale."""
    import torch

    # Rounded to bf16 first: the integers must fit the scale that is stored.
    scale = (weight.float().abs().amax(1, keepdim=True) / 127).clamp_min(1e-8).bfloat16()
    integers = torch.round(weight.float() / scale.float()).clamp(-127, 127).to(torch.int8)
    return integers, scale


def _read_tensors(source: Path) -> Iterator[tuple[str, Tensor, float]]:
    """Name, tensor, and the fraction done after it."""
    from safetensors import safe_open

    files = sorted(source.glob("*.safetensors"))
    for number, path in enumerate(files):
        with safe_open(path, "pt") as stream:
            names = list(stream.keys())
            for index, name in enumerate(names, 1):
                yield name, stream.get_tensor(name), (number + index / len(names)) / len(files)


def _make_readable(folder: Path) -> None:
    # safetensors writes with mode 0600, whatever the umask.
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def main(arguments: Sequence[str]) -> int:
    """The command line above; 1 after an {"error": …} line."""
    parser = argparse.ArgumentParser(prog="tutor.models.convert")
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("--gguf", type=Path)
    given.add_argument("--source", type=Path)
    parser.add_argument("--adapter", type=Path)
    parser.add_argument("--target", type=Path, required=True)
    parser.add_argument("--format", choices=("w8a8", "bf16"), required=True)
    options = parser.parse_args(arguments)

    def write(event: dict[str, object]) -> None:
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()

    try:
        convert(
            options.target,
            options.format,
            lambda stage, part: write({"stage": stage, "fraction": round(part, 3)}),
            gguf=options.gguf,
            source=options.source,
            adapter=options.adapter,
        )
    except (InputError, ModelError) as error:
        write({"error": error.message})
        return 1
    except OSError as error:
        write({"error": f"{error.strerror or error}"})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
