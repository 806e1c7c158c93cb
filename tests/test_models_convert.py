"""Conversion of a tiny random Llama."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tutor.errors import InputError, ModelError
from tutor.models.convert import convert, main, quantise, quantise_channels

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=True,
    )
    folder = tmp_path_factory.mktemp("tiny") / "model"
    LlamaForCausalLM(config).bfloat16().save_pretrained(folder)
    return folder


def test_channels_dequantise_within_half_a_step() -> None:
    torch.manual_seed(1)
    weight = torch.randn(16, 64) * torch.logspace(-4, 2, 16)[:, None]
    integers, scale = quantise_channels(weight)
    assert integers.dtype == torch.int8 and scale.shape == (16, 1)
    error = (integers.float() * scale.float() - weight).abs()
    # Half a step; the largest value may be clamped by the scale's rounding to bf16.
    assert bool((error <= 0.5 * scale.float() + weight.abs() * 2**-8).all())


def test_zero_channel_stays_zero() -> None:
    integers, scale = quantise_channels(torch.zeros(2, 8))
    assert not integers.any() and bool((scale > 0).all())


def test_w8a8_folder_is_what_it_was_within_rounding(tiny: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    fractions: list[float] = []
    quantise(tiny, tmp_path / "q", fractions.append)
    before = load_file(tiny / "model.safetensors")
    after = load_file(tmp_path / "q/model.safetensors")
    assert fractions == sorted(fractions) and fractions[-1] == 1.0
    linear = [name for name in before if name.endswith("_proj.weight")]
    assert len(linear) == 14
    for name in [*linear, "lm_head.weight"]:
        original = before.get(name, before["model.embed_tokens.weight"]).float()
        restored = after[name].float() * after[f"{name}_scale"].float()
        assert after[name].dtype == torch.int8
        assert (restored - original).norm() / original.norm() < 0.01
    assert torch.equal(after["model.norm.weight"], before["model.norm.weight"])
    config = json.loads((tmp_path / "q/config.json").read_text())
    assert config["tie_word_embeddings"] is False
    assert config["quantization_config"]["quant_method"] == "compressed-tensors"


def test_compressed_tensors_reads_the_scheme(tiny: Path, tmp_path: Path) -> None:
    from compressed_tensors.quantization import QuantizationConfig

    quantise(tiny, tmp_path / "q", lambda _part: None)
    config = json.loads((tmp_path / "q/config.json").read_text())["quantization_config"]
    group = QuantizationConfig.model_validate(config).config_groups["group_0"]
    assert group.weights.num_bits == 8 and group.weights.strategy == "channel"
    assert group.input_activations.dynamic and group.input_activations.strategy == "token"


def test_quantising_twice_is_refused(tiny: Path, tmp_path: Path) -> None:
    quantise(tiny, tmp_path / "q", lambda _part: None)
    with pytest.raises(InputError, match="already"):
        quantise(tmp_path / "q", tmp_path / "q2", lambda _part: None)


def test_folder_without_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no model"):
        convert(tmp_path / "out", "w8a8", lambda *_: None, source=tmp_path)
    assert not (tmp_path / "out").exists()


def test_target_in_use_is_refused(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    with pytest.raises(ModelError, match="not empty"):
        convert(tmp_path, "w8a8", lambda *_: None, source=tiny)


def test_command_line_reports_json(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "out"
    assert main(["--source", str(tiny), "--target", str(target), "--format", "w8a8"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert events[-1] == {"stage": "Converted", "fraction": 1.0}
    assert (target / "model.safetensors").stat().st_mode & 0o777 == 0o644
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_truncated_gguf_is_an_error_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "x.gguf"
    broken.write_bytes(b"GGUF\x03\x00\x00\x00")
    target = tmp_path / "out"
    assert main(["--gguf", str(broken), "--target", str(target), "--format", "bf16"]) == 1
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert "can't be read" in last["error"]
    assert not target.exists()


def test_adapter_is_merged_before_writing(tiny: Path, tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    from safetensors.torch import load_file
    from tokenizers import Tokenizer, models
    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

    source = tmp_path / "base"
    model = AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.float32)
    model.save_pretrained(source)
    words = Tokenizer(models.WordLevel({"a": 0}, unk_token="a"))
    PreTrainedTokenizerFast(tokenizer_object=words).save_pretrained(source)
    tuned = peft.get_peft_model(
        model, peft.LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False)
    )
    tuned.save_pretrained(tmp_path / "adapter")
    convert(
        tmp_path / "out",
        "bf16",
        lambda *_: None,
        source=source,
        adapter=tmp_path / "adapter",
    )
    merged, plain = (load_file(p / "model.safetensors") for p in (tmp_path / "out", source))
    name = "model.layers.0.self_attn.q_proj.weight"
    assert (merged[name].float() - plain[name]).abs().max() > 1e-3
    other = "model.layers.0.self_attn.k_proj.weight"
    assert torch.equal(merged[other], plain[other].bfloat16())
