import submission as s
import torch
from torch import nn

torch.set_num_threads(1)


def make(seed, i=7, o=5, r=3, alpha=6.0, bias=True, **kw):
    torch.manual_seed(seed)
    base = nn.Linear(i, o, bias=bias)
    weight = base.weight.detach().clone()
    return s.LoRALinear(base, r, alpha, **kw), weight


def fill(layer, seed=0):
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        layer.B.copy_(torch.randn(layer.B.shape, generator=g))
    return layer


def same(got, want, msg, tol=1e-5):
    assert got.shape == want.shape, f"{msg} [shape {tuple(got.shape)} != {tuple(want.shape)}]"
    assert torch.allclose(got, want, atol=tol, rtol=1e-4), msg


def formula(layer, weight, x, scaling):
    y = x @ weight.T + scaling * (x @ layer.A.T @ layer.B.T)
    return y if layer.base.bias is None else y + layer.base.bias


def test_shapes_and_frozen_base():
    layer, _ = make(0)
    assert tuple(layer.A.shape) == (3, 7), "A must have shape (r, in_features)."
    assert tuple(layer.B.shape) == (5, 3), "B must have shape (out_features, r)."
    got = {n for n, p in layer.named_parameters() if p.requires_grad}
    assert got == {"A", "B"}, (
        f"Only A and B may be trainable, these are: {sorted(got)}. Freeze the base's weight and "
        "bias; A and B must be nn.Parameters."
    )


def test_start_changes_nothing():
    layer, weight = make(1)
    x = torch.randn(4, 7, generator=torch.Generator().manual_seed(1))
    same(layer(x), x @ weight.T + layer.base.bias, "A fresh adapter must not change the output.")
    assert float(layer.A.detach().abs().sum()) > 0, (
        "A is zero like B: then neither of them gets a gradient and nothing can ever be learned."
    )
    layer(x).pow(2).sum().backward()
    assert layer.B.grad is not None and float(layer.B.grad.abs().sum()) > 0, (
        "B must receive a gradient in the first step."
    )


def test_forward_formula():
    for seed, kw in ((2, {}), (3, {"r": 2, "alpha": 16.0, "bias": False})):
        layer, weight = make(seed, **kw)
        fill(layer)
        x = torch.randn(2, 3, 7, generator=torch.Generator().manual_seed(seed))
        scaling = kw.get("alpha", 6.0) / kw.get("r", 3)
        same(
            layer(x),
            formula(layer, weight, x, scaling),
            "The output is off: base output plus (alpha / r) times x A^T B^T.",
        )


def test_merge_and_unmerge():
    layer, weight = make(4)
    fill(layer)
    x = torch.randn(6, 7, generator=torch.Generator().manual_seed(4))
    want = layer(x).detach()
    layer.merge()
    assert layer.merged, "merge must set merged."
    same(
        layer.base.weight.detach(),
        weight + 2.0 * (layer.B @ layer.A).detach(),
        "After merge, base.weight must hold W + (alpha / r) B A.",
    )
    same(
        layer(x).detach(),
        want,
        "Merging changed the output: once merged, forward must not add the adapter again.",
    )
    layer.unmerge()
    assert not layer.merged, "unmerge must reset merged."
    same(layer.base.weight.detach(), weight, "unmerge must restore the base weight.")
    same(layer(x).detach(), want, "After unmerge, forward must use the adapter again.")


def test_merge_twice():
    layer, weight = make(5)
    fill(layer)
    layer.unmerge()
    same(layer.base.weight.detach(), weight, "unmerge without merge must do nothing.")
    layer.merge()
    layer.merge()
    same(
        layer.base.weight.detach(),
        weight + 2.0 * (layer.B @ layer.A).detach(),
        "Calling merge twice added the update twice: check the flag first.",
    )
    layer.unmerge()
    layer.unmerge()
    same(layer.base.weight.detach(), weight, "Calling unmerge twice must not subtract twice.")
    assert layer.base.weight.is_leaf, "base.weight must stay a parameter: merge without gradients."


def test_dropout_on_adapter_input():
    layer, weight = make(6, dropout=0.5)
    x = torch.randn(3, 7, generator=torch.Generator().manual_seed(6))
    layer.train()
    same(
        layer(x),
        x @ weight.T + layer.base.bias,
        "With B = 0, dropout must be invisible: it belongs to the adapter path, not to the base.",
    )
    fill(layer)
    # one-dimensional rank test: with dropout on the input, inputs are zeroed or doubled
    probe = torch.zeros(400, 7)
    probe[:, 0] = 1.0
    out = (layer(probe) - layer.base(probe)).detach()
    full = 2.0 * 2.0 * (layer.A[:, 0] @ layer.B.T).detach()
    zero, double = out.abs().amax(1) < 1e-5, (out - full).abs().amax(1) < 1e-4
    assert bool(zero.any()) and bool(double.any()), "In training mode dropout must be active."
    assert bool((zero | double).all()), (
        "Dropout must act on the adapter's input: an input with one nonzero entry is then dropped "
        "as a whole or doubled as a whole."
    )
    layer.eval()
    same(layer(x), formula(layer, weight, x, 2.0), "In eval mode dropout must be off.")


def test_training_learns_the_adapter_only():
    layer, weight = make(7, r=2, alpha=4.0)
    bias = layer.base.bias.detach().clone()
    g = torch.Generator().manual_seed(7)
    x, y = torch.randn(32, 7, generator=g), torch.randn(32, 5, generator=g)
    optimizer = torch.optim.Adam([p for p in layer.parameters() if p.requires_grad], lr=0.02)
    losses = []
    for _ in range(60):
        loss = (layer(x) - y).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.05, "Training the adapter does not lower the loss."
    assert torch.equal(layer.base.weight, weight), "The base weight changed during training."
    assert torch.equal(layer.base.bias, bias), "The base bias changed during training."


class Att(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(6, 6) for _ in range(3))

    def forward(self, x):
        return self.q(x) + self.k(x) * self.v(x)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.q = nn.Embedding(9, 6)  # same name as a target, but not a linear layer
        self.blocks = nn.ModuleList(
            nn.ModuleDict({"att": Att(), "base": nn.Linear(6, 6)}) for _ in range(2)
        )
        self.out = nn.Linear(6, 9, bias=False)

    def forward(self, ids):
        x = self.q(ids)
        for b in self.blocks:
            x = torch.tanh(b["base"](b["att"](x)))
        return self.out(x)


def lora_model(seed, targets=("q", "v"), r=2):
    torch.manual_seed(seed)
    model = Model()
    ids = torch.randint(9, (2, 4))
    before = model(ids).detach()
    return model, ids, before, s.add_lora(model, targets, r, 4.0)


def test_add_lora():
    model, ids, before, n = lora_model(8)
    assert n == 4, f"Two blocks with q and v: 4 layers expected, add_lora replaced {n}."
    for b in model.blocks:
        assert isinstance(b["att"].q, s.LoRALinear), "Nested layers with a target name count too."
        assert isinstance(b["att"].v, s.LoRALinear), "Every target name must be handled."
        assert type(b["att"].k) is nn.Linear, "Layers whose name is no target stay as they are."
    assert type(model.q) is nn.Embedding, "Only nn.Linear layers may be wrapped."
    same(model(ids), before, "add_lora changed the output of the model.")
    for name, p in model.named_parameters():
        want = name.endswith((".A", ".B"))
        assert p.requires_grad == want, f"{name}: requires_grad should be {want}."


def test_add_lora_with_awkward_names():
    model, _, _, n = lora_model(9, targets=["base", "out"])
    assert n == 3, f"Two 'base' layers and 'out': 3 expected, got {n}."
    assert type(model.blocks[0]["base"].base) is nn.Linear, (
        "The linear layer inside an adapter was wrapped again: collect first, then replace."
    )


def test_count_parameters():
    model, _, _, _ = lora_model(10)
    trainable, total = s.count_parameters(model)
    assert trainable == 4 * 2 * (6 + 6), "Trainable: r * (in + out) for each adapter."
    assert total == sum(p.numel() for p in model.parameters()), "All: frozen parameters as well."


def test_lora_state_dict():
    model, ids, _, _ = lora_model(11)
    for m in model.modules():
        if isinstance(m, s.LoRALinear):
            fill(m, 3)
    state = s.lora_state_dict(model)
    want = {f"blocks.{i}.att.{n}.{x}" for i in (0, 1) for n in "qv" for x in "AB"}
    assert set(state) == want, f"Keys differ: {sorted(set(state) ^ want)[:3]}."
    twin = Model()
    with torch.no_grad():
        s.add_lora(twin, ("q", "v"), 2, 4.0)
        full = {k: v for k, v in model.state_dict().items() if k not in want}
        twin.load_state_dict(full, strict=False)
        twin.load_state_dict(state, strict=False)
        same(twin(ids), model(ids), "Loading the adapters into the base gives another model.")
