"""Training steps on a tiny random model: exact loss, masked prompts, batches, export."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from finetune.export import CONFIG, SUMS, WEIGHTS, export
from finetune.sft import IGNORED, batches, encode, prefix_length, shared_prefix_loss
from tutor.errors import InputError, ModelError

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def model() -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    torch.set_num_threads(1)
    config = LlamaConfig(
        vocab_size=50, hidden_size=16, intermediate_size=32, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64,
        tie_word_embeddings=True,
    )  # fmt: skip
    return LlamaForCausalLM(config)


def batch(prompts: list[list[int]], replies: list[list[int]]) -> dict[str, Any]:
    """A right-padded batch with labels on the replies."""
    rows = [p + r for p, r in zip(prompts, replies, strict=True)]
    width = max(map(len, rows))
    padding = [width - len(row) for row in rows]
    labels = [[IGNORED] * len(p) + r for p, r in zip(prompts, replies, strict=True)]
    return {
        "input_ids": torch.tensor([r + [0] * n for r, n in zip(rows, padding, strict=True)]),
        "attention_mask": torch.tensor(
            [[1] * len(r) + [0] * n for r, n in zip(rows, padding, strict=True)]
        ),
        "labels": torch.tensor([x + [IGNORED] * n for x, n in zip(labels, padding, strict=True)]),
    }


@pytest.mark.parametrize(
    ("prompts", "replies"),
    [
        ([[1, 2, 3, 4, 5], [1, 2, 3, 9]], [[7, 8, 2], [6, 2]]),
        ([[1, 2, 3], [1, 2, 3]], [[7, 8], [9]]),
        ([[4, 5], [6, 7, 8]], [[9, 2], [2]]),
        ([[1, 2, 3]], [[4, 5, 6]]),
    ],
    ids=["shared start", "same prompt", "nothing shared", "one row"],
)
def test_shared_prefix_gives_the_plain_loss_and_gradients(
    model: Any, prompts: list[list[int]], replies: list[list[int]]
) -> None:
    inputs = batch(prompts, replies)
    model.zero_grad()
    plain = model(**inputs).loss
    plain.backward()
    gradients = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    loss, _, count = shared_prefix_loss(model, inputs)
    (loss / count).backward()
    assert (loss / count).item() == pytest.approx(plain.item(), rel=1e-5)
    for expected, p in zip(gradients, model.parameters(), strict=True):
        assert torch.allclose(expected, p.grad, atol=1e-5)


def test_prefix_leaves_the_token_that_guesses_the_reply() -> None:
    inputs = batch([[1, 2, 3], [1, 2, 3]], [[7], [7]])
    assert prefix_length(inputs["input_ids"], inputs["labels"]) == 2


class CharTokenizer:
    """A token a character, ChatML-like."""

    eos_token = "$"

    def apply_chat_template(
        self,
        messages: list[dict[str, str]],
        tokenize: bool = True,
        add_generation_prompt: bool = False,
    ) -> str:
        text = "".join(f"<{m['role'][0]}:{m['content']}$\n" for m in messages)
        return text + ("<a:" if add_generation_prompt else "")

    def __call__(self, text: str, add_special_tokens: bool = True) -> dict[str, list[int]]:
        return {"input_ids": [ord(c) for c in text]}


def test_labels_hold_the_reply_and_its_end_alone() -> None:
    record = {
        "prompt": [{"role": "user", "content": "Hi?"}],
        "completion": [{"role": "assistant", "content": "Yes."}],
    }
    encoded = encode(record, CharTokenizer())
    assert "".join(map(chr, encoded["input_ids"])) == "<u:Hi?$\n<a:Yes.$"
    assert [chr(x) for x in encoded["labels"] if x != IGNORED] == list("Yes.$")


def test_batches_share_a_system_prompt_and_repeat_with_their_seed() -> None:
    records = [{"task": task, "labels": [IGNORED] * n} for task in ("a", "b") for n in range(1, 14)]
    made = list(batches(records, 4, 0))
    assert all(len({r["task"] for r in part}) == 1 and len(part) == 4 for part in made)
    assert made == list(batches(records, 4, 0)) and made != list(batches(records, 4, 1))


def adapter(folder: Path) -> Path:
    """A run's folder with the smallest adapter there could be."""
    from safetensors.torch import save_file

    (folder / "adapter").mkdir(parents=True)
    save_file({"lora_A.weight": torch.ones(2, 3)}, folder / "adapter" / WEIGHTS)
    config = {"r": 2, "base_model_name_or_path": "/home/somebody/model"}
    (folder / "adapter" / CONFIG).write_text(json.dumps(config))
    (folder / "config.json").write_text('{"stage": "sft", "seed": 3}')
    return folder


def test_export_writes_half_precision_with_card_and_checksums(tmp_path: Path) -> None:
    import hashlib

    from safetensors.torch import load_file

    out = tmp_path / "out"
    export(adapter(tmp_path / "run"), "tuned", out)
    assert load_file(out / WEIGHTS)["lora_A.weight"].dtype == torch.float16
    assert "somebody" not in (out / CONFIG).read_text()
    assert "seed: 3" in (out / "README.md").read_text()
    for line in (out / SUMS).read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest


@pytest.mark.parametrize(
    ("base", "named"),
    [
        ("qwen2.5-coder-1.5b-instruct", "Qwen/Qwen2.5-Coder-1.5B-Instruct"),
        ("/home/somebody/my-model", "my-model"),
    ],
)
def test_export_names_the_base_and_not_its_place(tmp_path: Path, base: str, named: str) -> None:
    run = adapter(tmp_path / "run")
    (run / "config.json").write_text(json.dumps({"stage": "sft", "base": base}))
    export(run, "tuned", tmp_path / "out")
    config = json.loads((tmp_path / "out" / CONFIG).read_text())
    card = (tmp_path / "out" / "README.md").read_text()
    assert config["base_model_name_or_path"] == named
    assert f"adapter on {named.rpartition('/')[2]}" in card and "somebody" not in card
    assert ("(Apache-2.0)" in card) is (base != "/home/somebody/my-model")


def test_export_overwrites_nothing(tmp_path: Path) -> None:
    run = adapter(tmp_path / "run")
    export(run, "tuned", tmp_path / "out")
    with pytest.raises(ModelError, match="already"):
        export(run, "tuned", tmp_path / "out")


def test_export_of_a_folder_without_adapter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no adapter"):
        export(tmp_path, "tuned", tmp_path / "out")
