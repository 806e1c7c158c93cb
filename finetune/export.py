"""Put a trained adapter into the form that is served.

    python -m finetune.export RUN --name NAME --out DIR [--merge BASE] [--results FILE]

Writes the adapter as float16 safetensors with PEFT's config, a model card and SHA256SUMS. With
--merge it also writes the whole model, merged, to DIR/merged: a folder that TUTOR_MODEL can name.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from tutor.errors import InputError, ModelError, TutorError
from tutor.models.catalog import SMALL

WEIGHTS, CONFIG, SUMS = "adapter_model.safetensors", "adapter_config.json", "SHA256SUMS"
# Where the world finds the bases that the tutor knows, all of them under Apache-2.0; of another its
# own name is told.
HUB = {
    "smollm2-135m-instruct": "HuggingFaceTB/SmolLM2-135M-Instruct",
    "qwen2.5-coder-1.5b-instruct": "Qwen/Qwen2.5-Coder-1.5B-Instruct",
}


def main() -> int:
    """The command line above; 1 after an error in words."""
    parser = argparse.ArgumentParser(
        prog="finetune.export", formatter_class=argparse.RawTextHelpFormatter, description=__doc__
    )
    parser.add_argument("run", type=Path, help="folder of a run, or one of its checkpoints")
    parser.add_argument("--name", required=True, help="under which the model will be served")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--merge", type=Path, metavar="BASE", help="folder of the float base model")
    parser.add_argument("--results", type=Path, help="results.json of finetune.evaluate")
    options = parser.parse_args()
    try:
        export(options.run, options.name, options.out, options.results)
        if options.merge is not None:
            from tutor.models.convert import convert

            target = options.out / "merged"
            convert(
                target,
                "bf16",
                lambda stage, _: print(stage, file=sys.stderr),
                source=options.merge,
                adapter=options.out,
            )
            print(f"Merged into {target}: serve it with TUTOR_MODEL={target}")
    except TutorError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    print(f"Written to {options.out}.")
    return 0


def export(run: Path, name: str, out: Path, results: Path | None = None) -> None:
    """Write adapter, config, card and checksums into `out`.

    Raises:
        InputError: `run` holds no adapter, or the results can't be read.
        ModelError: `out` holds an adapter already.
    """
    from safetensors.torch import load_file, save_file

    source = run / "adapter" if (run / "adapter" / WEIGHTS).is_file() else run
    if not (source / WEIGHTS).is_file():
        raise InputError(f"{run} holds no adapter.", "Name the output folder of a finished run.")
    if (out / WEIGHTS).exists():
        raise ModelError(f"{out} holds an adapter already.", "Name another folder, or remove it.")
    settings = _settings(run)
    base = Path(settings.get("base", SMALL)).name  # a folder's place says nothing to others
    base = HUB.get(base, base)
    card = _card(name, base, settings, _figures(results))
    out.mkdir(parents=True, exist_ok=True)
    tensors = {
        key: tensor.half().contiguous() for key, tensor in load_file(source / WEIGHTS).items()
    }
    save_file(tensors, out / WEIGHTS, metadata={"format": "pt"})
    config: dict[str, Any] = json.loads((source / CONFIG).read_text("utf-8"))
    config |= {"base_model_name_or_path": base}
    (out / CONFIG).write_text(json.dumps(config, indent=1, sort_keys=True) + "\n", "utf-8")
    (out / "README.md").write_text(card, "utf-8")
    write_sums(out)


def write_sums(folder: Path) -> None:
    """SHA-256 of every file beside SHA256SUMS, in the form that sha256sum reads."""
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}"
        for path in sorted(folder.iterdir())
        if path.is_file() and path.name != SUMS
    ]
    (folder / SUMS).write_text("\n".join(lines) + "\n", "utf-8")
    for path in folder.iterdir():
        if path.is_file():
            path.chmod(0o644)  # safetensors writes 0600, whatever the umask


def _settings(run: Path) -> dict[str, Any]:
    for folder in (run, run.parent.parent):
        path = folder / "config.json"
        if path.is_file() and "stage" in (found := json.loads(path.read_text("utf-8"))):
            return dict(found)
    return {}


def _short(value: Any) -> Any:
    """A path as its run's name: the training machine's folders say nothing to others."""
    return f"of the run {Path(value).parent.name}" if isinstance(value, str) else value


def _figures(results: Path | None) -> str:
    from finetune.evaluate import table

    if results is None:
        return "Not measured."
    try:
        return table(json.loads(results.read_text("utf-8"))["models"])
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{results} can't be read: {error}.") from error


def _card(name: str, base: str, settings: dict[str, Any], figures: str) -> str:
    # A run that goes on from an adapter has that adapter's shape, whatever its config says of LoRA.
    last = "adapter" if settings.get("adapter") else "lora"
    keys = ("stage", "seed", "steps", "batch_size", "learning_rate", "max_tokens")
    shown = "\n".join(f"- {key}: {settings[key]}" for key in keys if key in settings)
    if last in settings:
        shown += f"\n- {last}: {_short(settings[last])}"
    licence = " (Apache-2.0)" if base in HUB.values() else ""
    return f"""# {name}

A LoRA adapter on {base.rpartition("/")[2]}{licence} for Tutor: answers from numbered facts, each
sentence with the number of its fact. Licence: Apache-2.0. Trained on rows assembled from this
project's lessons, paper notes and items alone (finetune/data); no model's text, no paper's text.

## Training
{shown}

## Measured on held-out topics
{figures}

## Limits
For English, and for the prompts of this project; knows no more than its base. What it writes is
checked by `tutor.support` before a learner sees it.
"""


if __name__ == "__main__":
    sys.exit(main())
