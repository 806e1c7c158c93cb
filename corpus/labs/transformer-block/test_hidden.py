import submission as s
import torch
from torch import nn

torch.set_num_threads(1)


def close(got, want, msg, tol=1e-5):
    assert isinstance(got, torch.Tensor), "Return a torch tensor."
    assert got.shape == want.shape, f"{msg} [shape {tuple(got.shape)} != {tuple(want.shape)}]"
    assert torch.isfinite(got).all(), f"{msg} [the result contains NaN or infinity]"
    assert torch.allclose(got, want, atol=tol, rtol=1e-4), msg


def shapes(d, f):
    out = {f"w_{a}": (d, d) for a in "qkvo"} | {f"b_{a}": (d,) for a in "qkvo"}
    out |= {"w_1": (d, f), "b_1": (f,), "w_2": (f, d), "b_2": (d,)}
    return out | {f"ln{i}_{a}": (d,) for i in (1, 2) for a in ("gain", "bias")}


def random_params(d, f, seed):
    g = torch.Generator().manual_seed(seed)
    p = {k: 0.4 * torch.randn(v, generator=g) for k, v in shapes(d, f).items()}
    for i in (1, 2):
        p[f"ln{i}_gain"] += 1.0
    return p


def reference(d, f, heads, p, norm_first):
    layer = nn.TransformerEncoderLayer(
        d, heads, f, dropout=0.0, activation="gelu", batch_first=True, norm_first=norm_first
    )
    with torch.no_grad():
        att = layer.self_attn
        att.in_proj_weight.copy_(torch.cat([p["w_q"].T, p["w_k"].T, p["w_v"].T]))
        att.in_proj_bias.copy_(torch.cat([p["b_q"], p["b_k"], p["b_v"]]))
        att.out_proj.weight.copy_(p["w_o"].T)
        att.out_proj.bias.copy_(p["b_o"])
        layer.linear1.weight.copy_(p["w_1"].T)
        layer.linear1.bias.copy_(p["b_1"])
        layer.linear2.weight.copy_(p["w_2"].T)
        layer.linear2.bias.copy_(p["b_2"])
        for i, norm in ((1, layer.norm1), (2, layer.norm2)):
            norm.weight.copy_(p[f"ln{i}_gain"])
            norm.bias.copy_(p[f"ln{i}_bias"])
    return layer


def case(seed, b, n, d):
    return torch.randn(b, n, d, generator=torch.Generator().manual_seed(seed))


def test_init_params():
    p = s.init_params(20, 50, seed=3)
    want = shapes(20, 50)
    assert set(p) == set(want), f"Keys differ: {sorted(set(p) ^ set(want))}."
    for name, t in p.items():
        assert tuple(t.shape) == want[name], f"{name} must have shape {want[name]}."
        assert t.is_leaf and t.requires_grad, (
            f"{name} must be a leaf with requires_grad=True: set the flag last, since arithmetic "
            "on a tensor that already requires gradients gives a non-leaf."
        )
        if name.startswith("w_"):
            std = t.detach().std().item()
            assert 0.015 < std < 0.025, f"{name}: standard deviation {std:.3f}, expected 0.02."
        elif name.endswith("gain"):
            assert bool((t == 1).all()), f"{name} must start at 1, or the block erases its input."
        else:
            assert bool((t == 0).all()), f"{name} must start at 0."
    assert torch.equal(s.init_params(20, 50, seed=3)["w_q"], p["w_q"]), "Same seed, same values."
    assert not torch.equal(p["w_q"], p["w_k"]), "Each weight needs its own random values."


def test_layer_norm():
    x = case(0, 2, 3, 5) * 4 + 7
    gain, bias = case(1, 1, 1, 5)[0, 0], case(2, 1, 1, 5)[0, 0]
    want = nn.functional.layer_norm(x, (5,), gain, bias, 1e-5)
    close(
        s.layer_norm(x, gain, bias),
        want,
        "layer_norm is off: statistics over the last axis only, variance divided by d (torch.var "
        "divides by d - 1 unless told otherwise), then gain and bias.",
    )


def test_layer_norm_eps():
    x = case(3, 1, 4, 6) * 1e-3
    one, zero = torch.ones(6), torch.zeros(6)
    want = nn.functional.layer_norm(x, (6,), one, zero, 1e-3)
    close(
        s.layer_norm(x, one, zero, eps=1e-3),
        want,
        "For tiny inputs the place of eps matters: it is added to the variance, under the root.",
    )
    flat = s.layer_norm(torch.full((1, 6), 3.0), one, zero)
    assert torch.allclose(flat, torch.zeros(1, 6), atol=1e-4), "A constant vector gives zeros."


def test_gelu():
    x = torch.linspace(-4, 4, 33)
    close(s.gelu(x), nn.functional.gelu(x), "gelu must be the exact form with erf.", tol=2e-6)


def test_attention_alone():
    d, h = 12, 3
    p, x = random_params(d, 8, 4), case(5, 2, 5, d)
    att = reference(d, 8, h, p, True).self_attn
    want = att(x, x, x, need_weights=False)[0].detach()
    close(
        s.self_attention(x, p, h),
        want,
        "self_attention is off: check the scale (width of ONE head), the split into blocks of "
        "columns, the softmax over keys, and all four biases.",
    )


def test_attention_with_padding():
    d, h = 8, 2
    p, x = random_params(d, 8, 6), case(7, 3, 6, d)
    keep = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0], [0, 1, 1, 1, 1, 0]]).bool()
    got = s.self_attention(x, p, h, keep)
    assert got.shape == x.shape, "self_attention keeps the shape (b, n, d)."
    other = torch.where(keep[..., None], x, torch.full_like(x, 9.0))
    changed = s.self_attention(other, p, h, keep)
    close(
        changed[keep],
        got[keep],
        "What stands at padded positions must not change the outputs of real tokens: hide padding "
        "as KEYS (last axis of the scores), and mind that True means a real token.",
    )
    att = reference(d, 8, h, p, True).self_attn
    want = att(x, x, x, key_padding_mask=~keep, need_weights=False)[0].detach()
    close(got[keep], want[keep], "The masked attention is off for real tokens.")


def test_feed_forward():
    p, x = random_params(6, 10, 8), case(9, 2, 3, 6)
    want = nn.functional.gelu(x @ p["w_1"] + p["b_1"]) @ p["w_2"] + p["b_2"]
    close(s.feed_forward(x, p), want, "feed_forward is off: linear, GELU, linear, two biases.")


def block_against_torch(norm_first, msg):
    for seed, (b, n, d, f, h) in enumerate([(2, 5, 12, 20, 3), (3, 4, 8, 6, 4)]):
        p, x = random_params(d, f, 10 + seed), case(20 + seed, b, n, d)
        keep = torch.ones(b, n, dtype=torch.bool)
        keep[1, 2:] = False
        layer = reference(d, f, h, p, norm_first)
        close(s.encoder_block(x, p, h, norm_first=norm_first), layer(x).detach(), msg)
        want = layer(x, src_key_padding_mask=~keep).detach()
        got = s.encoder_block(x, p, h, keep, norm_first=norm_first)
        close(got[keep], want[keep], "The block ignores is_token or passes it on wrongly.")


def test_pre_norm_block():
    block_against_torch(
        True,
        "The pre-norm block is off: normalize only what enters a sublayer; the residual adds the "
        "sublayer's output to the unnormalized x. Each sublayer has its own norm.",
    )


def test_post_norm_block():
    block_against_torch(
        False,
        "The post-norm block is off: add first, then normalize the sum; the feed-forward network "
        "starts from the normalized result. Each sublayer has its own norm.",
    )


def test_default_is_pre_norm():
    p, x = random_params(8, 12, 30), case(31, 1, 3, 8)
    want = reference(8, 12, 2, p, True)(x).detach()
    close(s.encoder_block(x, p, 2), want, "norm_first must default to True.")


def test_gradients_reach_everything():
    p = s.init_params(8, 12)
    x = case(32, 2, 4, 8)
    before = x.clone()
    s.encoder_block(x, p, 2).pow(2).sum().backward()
    for name, t in p.items():
        assert t.grad is not None, f"No gradient reaches {name}: is it used, is anything detached?"
    assert torch.equal(x, before), "The block changed its input in place."
