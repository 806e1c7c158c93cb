import math

import submission as s
import torch

torch.set_num_threads(1)


def close(got, want, msg, tol=1e-5):
    assert isinstance(got, torch.Tensor), "Return a torch tensor."
    assert got.shape == want.shape, f"{msg} [shape {tuple(got.shape)} != {tuple(want.shape)}]"
    assert not torch.isnan(got).any(), f"{msg} [the result contains NaN]"
    assert torch.allclose(got, want, atol=tol, rtol=1e-4), msg


def encoder(seed, **sizes):
    torch.manual_seed(seed)
    return s.TinyEncoder(**sizes)


def batch(seed, b, n, vocab=30):
    ids = torch.randint(1, vocab, (b, n), generator=torch.Generator().manual_seed(seed))
    ids[-1, n - 2 :] = 0
    return ids


def random_maps(seed, layers, b, h, n, sharp=1.5):
    g = torch.Generator().manual_seed(seed)
    return torch.softmax(sharp * torch.randn(layers, b, h, n, n, generator=g), dim=-1)


def slow_maps(model, ids):
    """Recomputes every map from the weights, without hooks or dropout."""
    maps = []
    with torch.no_grad():
        x = model.tok(ids) + model.pos.weight[: ids.shape[1]]
        for layer in model.layers:
            att = layer.attention
            b, n, d = x.shape
            q, k, v = att.qkv(layer.norm(x)).view(b, n, 3, att.n_heads, -1).unbind(2)
            sc = torch.einsum("bihd,bjhd->bhij", q, k) / math.sqrt(d / att.n_heads)
            a = sc.masked_fill((ids == 0)[:, None, None], -1e30).softmax(-1)
            maps.append(a)
            x = x + att.out(torch.einsum("bhij,bjhd->bihd", a, v).reshape(b, n, d))
            x = x + layer.mlp(x)
    return torch.stack(maps)


def count_hooks(model):
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


def test_maps_values():
    for seed, sizes in ((0, {}), (1, {"n_heads": 2, "n_layers": 2, "d_model": 12})):
        model, ids = encoder(seed, **sizes).eval(), batch(seed, 3, 6)
        got = s.attention_maps(model, ids)
        want = slow_maps(model, ids)
        close(
            got,
            want,
            "The maps are off: take the OUTPUT of each layer's softmax, first layer first, and "
            "stack them to (layers, b, heads, n, n).",
        )
        assert not got.requires_grad, "The maps must not carry gradients: detach or use no_grad."


def test_maps_without_dropout():
    model, ids = encoder(2, dropout=0.5).train(), batch(2, 2, 7)
    want = slow_maps(model, ids)
    close(
        s.attention_maps(model, ids),
        want,
        "For a model in training mode the maps are noisy: dropout in layer 1 disturbs what layer 2 "
        "sees. Switch to eval mode while extracting.",
    )
    assert model.training, "The model was in training mode; put it back when you are done."
    assert model.layers[0].attention.dropout.training, "Submodules must be back in training mode."
    model.eval()
    s.attention_maps(model, ids)
    assert not model.training, "The model was in eval mode and must stay in it."


def test_no_hooks_left():
    model, ids = encoder(3), batch(3, 2, 5)
    for _ in range(2):
        assert s.attention_maps(model, ids).shape[0] == 3, "One map per layer, at every call."
    assert count_hooks(model) == 0, (
        "Hooks are left on the model: they keep every later map in memory. Call remove()."
    )
    try:
        s.attention_maps(model, torch.full((1, 4), 999))
    except IndexError:
        pass
    assert count_hooks(model) == 0, "After an error in the model, hooks must be gone as well."


def test_entropy_extremes():
    n = 5
    one = torch.eye(n).expand(1, 2, 1, n, n)
    even = torch.full((1, 2, 1, n, n), 1 / n)
    maps = torch.cat([one, even], dim=2)
    got = s.head_entropy(maps, torch.ones(2, n, dtype=torch.bool))
    assert tuple(got.shape) == (1, 2), "head_entropy must have shape (layers, heads)."
    assert not torch.isnan(got).any(), "0 ln 0 counts as 0: a one-hot row must not give NaN."
    close(
        got,
        torch.tensor([[0.0, math.log(n)]]),
        "A one-hot head has entropy 0 and an even one ln n, in nats and without a minus sign left "
        "over: sum over the keys, then average over the queries.",
    )


def test_entropy_values():
    maps = random_maps(4, 2, 3, 4, 6)
    got = s.head_entropy(maps, torch.ones(3, 6, dtype=torch.bool))
    ent = -(maps * maps.log()).sum(-1)
    close(got, ent.mean(dim=(1, 3)), "head_entropy must average over batch and query positions.")


def test_entropy_ignores_padding():
    maps = random_maps(5, 2, 2, 3, 6)
    keep = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 0, 0, 0, 0]]).bool()
    got = s.head_entropy(maps, keep)
    ent = -(maps * maps.log()).sum(-1).transpose(1, 2)  # (layers, heads, b, n)
    want = ent[:, :, keep].mean(-1)
    close(
        got,
        want,
        "Padded queries must not count, neither in the sum nor in the number you divide by; every "
        "real token of the batch has the same weight.",
    )


def test_rollout_of_identity():
    maps = torch.eye(4).expand(3, 2, 2, 4, 4)
    close(
        s.attention_rollout(maps),
        torch.eye(4).expand(2, 4, 4),
        "If every token looks at itself, rollout is the identity.",
    )


def test_rollout_one_layer():
    maps = random_maps(6, 1, 2, 3, 5)
    want = 0.5 * maps[0].mean(dim=1) + 0.5 * torch.eye(5)
    close(
        s.attention_rollout(maps),
        want,
        "One layer: the MEAN over heads, half and half with the identity (the residual path).",
    )


def test_rollout_order():
    maps = random_maps(7, 3, 2, 2, 5, sharp=3.0)
    a = [0.5 * m.mean(dim=1) + 0.5 * torch.eye(5) for m in maps]
    got = s.attention_rollout(maps)
    close(got.sum(-1), torch.ones(2, 5), "Each row of a rollout must sum to 1.")
    close(
        got,
        a[2] @ a[1] @ a[0],
        "Several layers: later layers multiply from the left, since they read what earlier layers "
        "have written. It is a matrix product, with the residual path in every layer.",
    )


def test_rollout_normalizes_rows():
    maps = random_maps(8, 2, 1, 2, 4) * 0.6  # rows that sum to 0.6, as after removing weak links
    got = s.attention_rollout(maps)
    a = [0.5 * m.mean(dim=1) + 0.5 * torch.eye(4) for m in maps]
    a = [m / m.sum(-1, keepdim=True) for m in a]
    close(got, a[1] @ a[0], "Divide each row by its sum after adding the residual path.")


def test_strongest_links():
    m = torch.tensor([[0.9, 0.06, 0.04], [0.3, 0.2, 0.5], [0.35, 0.05, 0.6]])
    got = s.strongest_links(m, 3)
    assert [tuple(x[:2]) for x in got] == [(1, 2), (2, 0), (1, 0)], (
        "Expected the largest off-diagonal entries as (query, key, weight): rows are queries, "
        "the diagonal is left out, the largest comes first."
    )
    assert abs(got[0][2] - 0.5) < 1e-6, "The third entry is the attention weight."
    assert all(isinstance(x[0], int) and isinstance(x[2], float) for x in got), (
        "Return plain ints and floats, not tensors."
    )
    assert len(s.strongest_links(m, 50)) == 6, "A 3 x 3 map has six off-diagonal entries at most."
    assert m[0, 0] == 0.9, "strongest_links changed the map it was given."
