import copy
import math

import submission as s
import torch
from torch import nn
from torch.nn import functional as F

torch.set_num_threads(1)


def make(seed, n_classes=3, dropout=0.0, **sizes):
    torch.manual_seed(seed)
    return s.Classifier(s.TinyBert(**sizes), n_classes, dropout)


def data(seed, sizes, n=7, n_classes=3, vocab=40):
    g = torch.Generator().manual_seed(seed)
    out = []
    for b in sizes:
        ids = torch.randint(2, vocab, (b, n), generator=g)
        ids[:, 0] = 1
        ids[0, n - 2 :] = 0
        out.append((ids, torch.randint(n_classes, (b,), generator=g)))
    return out


def trainable_names(model):
    return {name for name, p in model.named_parameters() if p.requires_grad}


def test_classifier_forward():
    model = make(0, n_classes=5).eval()
    ids, _ = data(0, [4])[0]
    got = model(ids)
    assert tuple(got.shape) == (4, 5), "The logits must have shape (b, n_classes)."
    want = model.head(model.encoder(ids)[:, 0])
    assert torch.allclose(got, want, atol=1e-5), (
        "The head must read the encoder's state at position 0 ([CLS]), not another position or a "
        "mean, and give plain logits without softmax."
    )
    ids2 = torch.cat([ids, torch.zeros(4, 3, dtype=torch.long)], dim=1)
    assert torch.allclose(model(ids2), got, atol=1e-4), "More padding must not change the logits."


def test_classifier_dropout():
    model = make(1, dropout=0.5)
    ids, _ = data(1, [6])[0]
    model.train()
    assert not torch.allclose(model(ids), model(ids)), "In training mode dropout must be active."
    model.eval()
    assert torch.allclose(model(ids), model(ids)), "In eval mode dropout must be off."


def test_set_trainable_top_layers():
    model = make(2, n_layers=4)
    every = {name for name, _ in model.named_parameters()}
    for k in (0, 1, 2, 0, 4):
        s.set_trainable(model, k)
        keep = tuple(f"encoder.layers.{i}." for i in range(4 - k, 4))
        want = {n for n in every if n.startswith("head.") or (k and n.startswith(keep))}
        got = trainable_names(model)
        assert not (want - got), (
            f"n_top_layers={k}: {sorted(want - got)[:2]} … should be trainable. The head always "
            "is, and the TOP layers are the last ones."
        )
        assert got == want, (
            f"n_top_layers={k}: {sorted(got - want)[:2]} … should be frozen. Freeze everything "
            "first (embeddings too), and mind that a slice [-0:] takes the whole list."
        )
    s.set_trainable(model, None)
    assert trainable_names(model) == every, "None must make every parameter trainable."


def test_param_groups():
    model = make(3)
    s.set_trainable(model, None)
    groups = s.param_groups(model, 1e-5, 1e-3, 0.1)
    ids = [id(p) for g in groups for p in g["params"]]
    assert len(ids) == len(set(ids)), "A parameter occurs in two groups."
    assert set(ids) == {id(p) for p in model.parameters()}, "Some trainable parameter is missing."
    head = {id(p) for p in model.head.parameters()}
    for group in groups:
        for p in group["params"]:
            want = 1e-3 if id(p) in head else 1e-5
            assert group["lr"] == want, "The head gets head_lr, the encoder encoder_lr."
            want = 0.1 if p.ndim >= 2 else 0.0
            assert group["weight_decay"] == want, (
                "Matrices get weight decay; biases and layer norms (vectors) get none."
            )
    torch.optim.AdamW(groups)


def test_param_groups_skip_frozen():
    model = make(4)
    s.set_trainable(model, 1)
    groups = s.param_groups(model, 1e-5, 1e-3, 0.1)
    got = {id(p) for g in groups for p in g["params"]}
    want = {id(p) for p in model.parameters() if p.requires_grad}
    assert got == want, "Only trainable parameters belong into the groups: check requires_grad."
    s.set_trainable(model, 0)
    groups = s.param_groups(model, 1e-5, 1e-3, 0.1)
    assert all(g["params"] for g in groups), "Leave out empty groups."


def test_schedule():
    got = [s.warmup_linear(i, 4, 10) for i in (0, 1, 4, 7, 10, 12)]
    want = [0.0, 0.25, 1.0, 0.5, 0.0, 0.0]
    assert all(math.isclose(a, b, abs_tol=1e-9) for a, b in zip(got, want)), (
        f"warmup_linear(step, 4, 10) at 0, 1, 4, 7, 10, 12 gives {got}: up to 1 at step 4, down to "
        "0 at step 10, and never negative."
    )
    assert s.warmup_linear(0, 0, 5) == 1.0, "Without warmup, step 0 runs at the full rate."


def reference_epoch(model, batches, lr, max_norm):
    params = [p for p in model.parameters() if p.requires_grad]
    losses = []
    for ids, labels in batches:
        loss = F.cross_entropy(model(ids), labels)
        grads = torch.autograd.grad(loss, params)
        norm = torch.sqrt(sum(g.pow(2).sum() for g in grads))
        scale = min(1.0, max_norm / float(norm))
        with torch.no_grad():
            for p, g in zip(params, grads):
                p -= lr * scale * g
        losses += [loss.item()] * len(labels)
    return sum(losses) / len(losses)


def epoch_case(seed, max_norm, top, msg):
    model = make(seed)
    s.set_trainable(model, top)
    twin = copy.deepcopy(model)
    batches = data(seed, [6, 6, 2])
    params = [p for p in model.parameters() if p.requires_grad]
    got = s.train_epoch(model, batches, torch.optim.SGD(params, lr=0.5), max_norm=max_norm)
    want = reference_epoch(twin.train(), batches, 0.5, max_norm)
    worst = max((p - q).abs().max().item() for p, q in zip(model.parameters(), twin.parameters()))
    assert worst < 1e-3, msg
    return got, want


def test_updates_without_clipping():
    got, want = epoch_case(
        5, 1e6, None,
        "After three SGD steps the weights differ from one update per batch: are gradients cleared "
        "before each backward, and is each batch used once?",
    )
    assert isinstance(got, float), "train_epoch must return a float."
    assert math.isclose(got, want, rel_tol=1e-3), (
        "The mean loss is off: average over EXAMPLES; the last batch is smaller than the others."
    )


def test_updates_with_clipping():
    epoch_case(
        6, 0.05, None,
        "With max_norm = 0.05 the weights are off: clip the total norm of all gradients together, "
        "between backward and step.",
    )


def test_frozen_weights_stay():
    model = make(7)
    s.set_trainable(model, 1)
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    optimizer = torch.optim.AdamW(s.param_groups(model, 1e-2, 1e-2, 0.1))
    s.train_epoch(model, data(7, [8, 8]), optimizer)
    for name, p in model.named_parameters():
        if p.requires_grad:
            continue
        assert torch.equal(p, before[name]), f"{name} was frozen but has changed."
    assert not torch.equal(model.head.weight, before["head.weight"]), "The head has not learned."


class Probe(nn.Module):
    """Answers every example with class ids[:, 1], and records in which mode it was called."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.ones(1))
        self.calls = []

    def forward(self, ids):
        self.calls.append((self.training, torch.is_grad_enabled()))
        return F.one_hot(ids[:, 1], 4).float() * self.w


def test_modes():
    model = Probe().eval()
    batches = [(torch.tensor([[1, 2], [1, 3]]), torch.tensor([2, 0]))]
    s.train_epoch(model, batches, torch.optim.SGD(model.parameters(), lr=0.1))
    assert model.calls[0][0], "train_epoch must put the model into training mode: dropout is on."
    model.train()
    model.calls.clear()
    s.evaluate(model, batches)
    assert not model.calls[0][0], "evaluate must use eval mode: dropout would blur the answers."
    assert not model.calls[0][1], "evaluate must not record gradients: use torch.no_grad()."


def test_accuracy_over_examples():
    batches = [
        (torch.tensor([[1, 0], [1, 1], [1, 2], [1, 3]]), torch.tensor([0, 1, 2, 3])),
        (torch.tensor([[1, 2]]), torch.tensor([3])),
    ]
    got = s.evaluate(Probe(), batches)
    assert math.isclose(got, 0.8, abs_tol=1e-6), (
        f"Four of five answers are right, evaluate says {got}: count examples; a mean of the "
        "batches' accuracies gives a small batch too much weight."
    )


def test_fine_tuning_works():
    # class 1 if and only if token 5 occurs somewhere after [CLS]
    g = torch.Generator().manual_seed(8)
    ids = torch.randint(6, 40, (160, 6), generator=g)
    ids[:, 0] = 1
    labels = torch.arange(160) % 2
    where = torch.randint(1, 6, (160,), generator=g)
    ids[labels == 1, where[labels == 1]] = 5
    batches = [(ids[i : i + 16], labels[i : i + 16]) for i in range(0, 160, 16)]
    model = make(9, n_classes=2, dropout=0.1)
    s.set_trainable(model, None)
    optimizer = torch.optim.AdamW(s.param_groups(model, 3e-3, 1e-2, 0.01))
    first = s.train_epoch(model, batches, optimizer)
    for _ in range(11):
        last = s.train_epoch(model, batches, optimizer)
    assert last < first, "The training loss did not fall over twelve epochs."
    accuracy = s.evaluate(model, batches)
    assert accuracy > 0.9, (
        f"After twelve epochs the classifier is right in {accuracy:.0%} of its own training "
        "examples; more than 90% is easy for this task."
    )
