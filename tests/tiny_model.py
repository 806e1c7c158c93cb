"""A random Llama with a byte-level tokenizer, made in a moment: shapes and code paths are real."""

from __future__ import annotations

import json
from pathlib import Path

from tutor.models.catalog import SMALL

TEXT = [
    "The animal did not cross the street because it was too tired.",
    "Attention weighs tokens. A token is a piece of text. Facts: Question: Answer:",
]
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LAYERS, HEADS = 2, 4


def make_tiny_model(home: Path) -> Path:
    """Put it where the small model lies when it is prepared in 16 bit; its folder."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    bytewise = Tokenizer(models.BPE())
    bytewise.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytewise.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bytewise.train_from_iterator(TEXT, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bytewise, bos_token="<|im_start|>", eos_token="<|im_end|>",
        pad_token="<|im_end|>", chat_template=TEMPLATE,
    )  # fmt: skip
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, head_dim=8,
            num_hidden_layers=LAYERS, num_attention_heads=HEADS, num_key_value_heads=2,
            max_position_embeddings=4096, bos_token_id=1, eos_token_id=2, pad_token_id=2,
            tie_word_embeddings=True, initializer_range=0.5,
        )
    )  # fmt: skip
    folder = home / "models" / SMALL / "bf16"
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "manifest.json").write_text(json.dumps({"name": SMALL, "files": {}}))
    return folder


def make_run(runs: Path, name: str, base: Path, *, stage: str = "sft", rank: int = 2) -> Path:
    """A run's folder with a random adapter on the tiny model."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_pretrained(base)
    config = LoraConfig(
        r=rank, target_modules=["q_proj", "down_proj"], task_type="CAUSAL_LM",
        init_lora_weights=False,
    )  # fmt: skip
    get_peft_model(model, config).save_pretrained(runs / name / "adapter")
    (runs / name / "config.json").write_text(json.dumps({"stage": stage}))
    return runs / name
