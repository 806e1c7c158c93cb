import copy

import submission as s
import torch
from torch import nn
from torch.nn import functional as F

torch.set_num_threads(1)


def mlp(seed, sizes=(6, 10, 4)):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(sizes[0], sizes[1]), nn.ReLU(), nn.Linear(sizes[1], sizes[2]))


def test_mask_prunes_the_smallest():
    g = torch.Generator().manual_seed(0)
    for shape, sparsity in (((5, 8), 0.5), ((3, 4, 2), 0.3), ((7, 3), 0.0), ((4, 4), 0.99)):
        w = torch.randn(shape, generator=g)
        mask = s.magnitude_mask(w, sparsity)
        assert mask.shape == w.shape, "The mask must have the shape of w."
        assert mask.dtype == torch.bool, "The mask must be boolean (True = keep)."
        n = int(sparsity * w.numel())
        assert int((~mask).sum()) == n, (
            f"With sparsity {sparsity} and {w.numel()} entries exactly {n} must be pruned (rounded "
            f"down), the mask prunes {int((~mask).sum())}. True means keep."
        )
        if n:
            assert w.abs()[~mask].max() <= w.abs()[mask].min(), (
                "A kept entry is smaller in ABSOLUTE value than a pruned one: large negative "
                "weights matter as much as large positive ones."
            )


def test_mask_with_ties():
    w = torch.tensor([[1.0, -1.0, 1.0, 1.0], [2.0, 1.0, -1.0, 0.5]])
    for sparsity in (0.25, 0.5, 0.75):
        got = int((~s.magnitude_mask(w, sparsity)).sum())
        assert got == int(8 * sparsity), (
            f"With tied values, sparsity {sparsity} of 8 entries prunes {got}: a comparison with a "
            "threshold cannot cut between equal values. Use ranks."
        )


def test_mask_leaves_weights_alone():
    w = torch.randn(4, 5, generator=torch.Generator().manual_seed(1))
    before = w.clone()
    s.magnitude_mask(w, 0.5)
    assert torch.equal(w, before), "magnitude_mask must only look at w, not change it."


def test_global_masks():
    model = mlp(2, (7, 9, 5))
    with torch.no_grad():
        model[2].weight *= 0.1  # small weights here: ranked together, this layer loses more
    weights = {"0.weight": model[0].weight, "2.weight": model[2].weight}
    masks = s.global_masks(model, 0.4)
    assert set(masks) == set(weights), "Masks for weights with two or more axes only, by name."
    assert all(masks[n].shape == w.shape for n, w in weights.items()), "Keep the weights' shapes."
    pruned = torch.cat([w.detach().abs()[~masks[n]] for n, w in weights.items()])
    kept = torch.cat([w.detach().abs()[masks[n]] for n, w in weights.items()])
    assert len(pruned) == int(0.4 * (63 + 45)), (
        f"{len(pruned)} entries are pruned, expected floor(0.4 * 108) over all layers together."
    )
    assert pruned.max() <= kept.min(), (
        "A kept weight is smaller than a pruned one of another layer: rank all layers together "
        "instead of giving each the same share."
    )


def test_apply_masks():
    model = mlp(3)
    optimizer_view = list(model.parameters())
    old = {n: p.detach().clone() for n, p in model.named_parameters()}
    masks = s.global_masks(model, 0.5)
    s.apply_masks(model, masks)
    assert all(a is b for a, b in zip(optimizer_view, model.parameters())), (
        "Parameters were replaced by new objects: an optimizer would go on changing the old ones."
    )
    for name, p in model.named_parameters():
        want = old[name] * masks[name] if name in masks else old[name]
        assert torch.equal(p, want), f"{name}: pruned entries must be 0, all others as before."
        assert p.is_leaf and p.requires_grad, f"{name} must stay a trainable leaf: use no_grad."


def test_sparsity_of():
    model = mlp(4, (4, 5, 2))
    with torch.no_grad():
        model[0].weight[:2] = 0
        model[0].bias.zero_()
    got = s.sparsity_of(model)
    assert abs(got - 8 / 30) < 1e-6, (
        f"8 of 30 weights are 0, sparsity_of says {got}: biases do not count, and layers are "
        "weighted by their size."
    )


def run_steps(make_optimizer, msg):
    model = mlp(5)
    g = torch.Generator().manual_seed(5)
    x, y = torch.randn(16, 6, generator=g), torch.randint(4, (16,), generator=g)
    optimizer = make_optimizer(model.parameters())
    F.cross_entropy(model(x), y).backward()  # dense step: fills the optimizer's memory
    optimizer.step()
    masks = s.global_masks(model, 0.6)
    s.apply_masks(model, masks)
    losses = []
    for _ in range(12):
        losses.append(s.masked_step(model, masks, optimizer, F.cross_entropy, x, y))
        for name, mask in masks.items():
            p = dict(model.named_parameters())[name]
            assert float(p.detach()[~mask].abs().sum()) == 0.0, msg
    assert isinstance(losses[0], float), "masked_step must return the loss as a float."
    assert losses[-1] < losses[0], "Twelve steps did not lower the loss: is the step taken?"
    kept = dict(model.named_parameters())["0.weight"].detach()[masks["0.weight"]]
    assert float((kept == 0).float().mean()) < 0.05, "Weights that were kept must stay alive."


def test_masked_step_sgd():
    run_steps(
        lambda p: torch.optim.SGD(p, lr=0.1),
        "After a plain SGD step pruned weights are alive again: their gradient is not zero.",
    )


def test_masked_step_with_memory():
    run_steps(
        lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9),
        "With momentum, pruned weights moved although they were masked: the optimizer remembers "
        "earlier gradients. Make sure of the zeros after the step.",
    )
    run_steps(
        lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1),
        "With AdamW, pruned weights moved: make sure of the zeros after the step.",
    )


def test_masked_step_is_an_ordinary_step():
    model = mlp(6)
    twin = copy.deepcopy(model)
    g = torch.Generator().manual_seed(6)
    data = [(torch.randn(8, 6, generator=g), torch.randn(8, 4, generator=g)) for _ in range(3)]
    masks = {n: torch.ones_like(p).bool() for n, p in model.named_parameters() if p.ndim == 2}
    a = torch.optim.SGD(model.parameters(), lr=0.1)
    b = torch.optim.SGD(twin.parameters(), lr=0.1)
    for x, y in data:
        got = s.masked_step(model, masks, a, F.mse_loss, x, y)
        b.zero_grad()
        loss = F.mse_loss(twin(x), y)
        loss.backward()
        b.step()
        assert abs(got - loss.item()) < 1e-4, "The loss is not that of this batch before the step."
    for p, q in zip(model.parameters(), twin.parameters()):
        assert torch.allclose(p, q, atol=1e-5), (
            "With nothing pruned, the step must equal a usual one: are gradients cleared?"
        )


def test_neurons_to_keep():
    layer = nn.Linear(3, 5)
    with torch.no_grad():
        layer.weight.copy_(
            torch.tensor(
                [[3.0, 0, 0], [0.1, 0.1, 0.1], [2.0, -2.0, -2.0], [-1.9, 1.9, 0.5], [1.0, 1, 1]]
            )
        )
        layer.bias.copy_(torch.tensor([0.0, 99.0, 0, 0, 0]))
    for n, want in ((1, [2]), (2, [0, 2]), (3, [0, 2, 3]), (5, [0, 1, 2, 3, 4])):
        got = s.neurons_to_keep(layer, n).tolist()
        assert got == want, (
            f"n_keep={n}: expected {want}, got {got}. A neuron is a row of weight (out, in); "
            "rank by the L2 norm (squares, so that signs do not cancel) without bias; sort the "
            "indices."
        )


def test_shrink():
    for seed, biases in ((7, (True, True)), (8, (False, True)), (9, (True, False))):
        torch.manual_seed(seed)
        first, second = nn.Linear(6, 9, bias=biases[0]), nn.Linear(9, 4, bias=biases[1])
        keep = torch.tensor([0, 3, 4, 7])
        x = torch.randn(5, 6)
        hidden = torch.sigmoid(first(x))
        off = torch.ones(9)
        off[keep] = 0
        want = second(hidden * (1 - off))
        before = [p.detach().clone() for p in (*first.parameters(), *second.parameters())]
        a, b = s.shrink(first, second, keep)
        assert tuple(a.weight.shape) == (4, 6) and tuple(b.weight.shape) == (4, 4), (
            "The first layer loses rows and the second columns."
        )
        assert (a.bias is not None, b.bias is not None) == biases, "Keep biases as they were."
        got = b(torch.sigmoid(a(x)))
        assert torch.allclose(got, want, atol=1e-5), (
            "The small network differs from the old one with these neurons silenced: the first "
            "bias loses the same entries as the rows, the second bias stays whole."
        )
        assert all(isinstance(m, nn.Linear) for m in (a, b)), "Return two nn.Linear layers."
        with torch.no_grad():
            a.weight.zero_()
            b.weight.zero_()
        after = (*first.parameters(), *second.parameters())
        assert all(torch.equal(p, q) for p, q in zip(after, before)), (
            "The new layers share memory with the old ones: copy the kept entries."
        )
