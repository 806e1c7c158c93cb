import copy

import submission as s
import torch
from torch import nn
from torch.nn import functional as F

torch.set_num_threads(1)


def logits(seed, b=5, c=7, size=2.0):
    g = torch.Generator().manual_seed(seed)
    return size * torch.randn(b, c, generator=g), size * torch.randn(b, c, generator=g)


def slow_soft(student, teacher, t):
    total = 0.0
    for zs, zt in zip(student.double(), teacher.double()):
        q, p = torch.softmax(zs / t, 0), torch.softmax(zt / t, 0)
        total += float((p * (p.log() - q.log())).sum())
    return t * t * total / len(student)


def near(got, want, msg, tol=1e-4):
    got = torch.as_tensor(got)
    assert got.ndim == 0, f"{msg} [a scalar is expected, not shape {tuple(got.shape)}]"
    assert torch.isfinite(got), f"{msg} [the result is NaN or infinite]"
    assert abs(float(got) - float(want)) <= tol * max(1.0, abs(float(want))), msg


def test_soft_targets():
    z, _ = logits(0)
    for t in (0.5, 1.0, 4.0):
        got = s.soft_targets(z, t)
        assert got.shape == z.shape, "soft_targets must keep the shape of the logits."
        assert torch.allclose(got.sum(-1), torch.ones(5)), "Each row must sum to 1 over classes."
        assert torch.allclose(got, torch.softmax(z / t, dim=-1), atol=1e-6), (
            "Divide the logits by the temperature: a high one must flatten the distribution."
        )


def test_soft_loss_at_temperature_one():
    a, b = logits(1)
    near(
        s.soft_loss(a, b, 1.0),
        slow_soft(a, b, 1.0),
        "At T = 1 the soft loss is KL(teacher || student): weighted by the TEACHER's "
        "probabilities, summed over classes, averaged over the batch (not over all b * C entries).",
    )
    near(s.soft_loss(a, a.clone(), 1.0), 0.0, "If student and teacher agree, the KL term is 0.")


def test_soft_loss_at_higher_temperatures():
    for seed, t in ((2, 2.0), (3, 5.0), (4, 0.7)):
        a, b = logits(seed, b=3 + seed, c=4)
        near(
            s.soft_loss(a, b, t),
            slow_soft(a, b, t),
            f"Right at T = 1 but off at T = {t}: both logits are divided by T, and the result is "
            "multiplied by T squared.",
        )


def test_gradient_does_not_vanish():
    a, b = logits(5, size=0.5)
    norms = []
    for t in (5.0, 50.0):
        z = a.clone().requires_grad_()
        s.soft_loss(z, b, t).backward()
        norms.append(float(z.grad.norm()))
    assert 0.5 < norms[0] / norms[1] < 2.0, (
        "The student's gradient depends strongly on T: the factor T^2 should keep its size."
    )


def test_no_gradient_into_the_teacher():
    a, b = logits(6)
    a.requires_grad_()
    b.requires_grad_()
    s.soft_loss(a, b, 2.0).backward()
    assert a.grad is not None, "The student's logits must receive a gradient."
    assert b.grad is None or float(b.grad.abs().sum()) == 0, (
        "The teacher's logits received a gradient: the teacher is a fixed target, detach it."
    )


def test_soft_loss_is_stable():
    a = torch.tensor([[1000.0, -1000.0, 0.0]])
    b = torch.tensor([[-500.0, 1000.0, 0.0]])
    near(
        s.soft_loss(a, b, 1.0),
        2000.0,
        "Large logits give NaN, infinity or a wrong value: a softmax underflows to 0 and its "
        "logarithm is -inf. Stay with log-probabilities.",
    )
    z = a.clone().requires_grad_()
    s.soft_loss(z, b, 1.0).backward()
    assert torch.isfinite(z.grad).all(), "Gradients must be finite for large logits as well."


def test_distillation_loss():
    for seed, t, alpha in ((7, 3.0, 0.3), (8, 2.0, 0.9), (9, 4.0, 0.0), (10, 4.0, 1.0)):
        a, b = logits(seed, b=6, c=5)
        y = torch.randint(5, (6,), generator=torch.Generator().manual_seed(seed))
        soft, hard = slow_soft(a, b, t), float(F.cross_entropy(a, y))
        near(
            s.distillation_loss(a, b, y, t, alpha),
            alpha * soft + (1 - alpha) * hard,
            f"The mixed loss is off for alpha={alpha}: alpha belongs to the soft part, 1 - alpha "
            "to the cross-entropy with the labels, which does not use the temperature.",
        )


def net(seed, hidden, dropout=0.0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(8, hidden), nn.Tanh(), nn.Dropout(dropout), nn.Linear(hidden, 3))


def test_step_updates_the_student_only():
    student, teacher = net(11, 4), net(12, 16)
    twin = copy.deepcopy(student)
    old = [p.detach().clone() for p in teacher.parameters()]
    g = torch.Generator().manual_seed(11)
    opt = torch.optim.SGD(student.parameters(), lr=0.3)
    opt2 = torch.optim.SGD(twin.parameters(), lr=0.3)
    for _ in range(3):
        x, y = torch.randn(10, 8, generator=g), torch.randint(3, (10,), generator=g)
        got = s.distill_step(student, teacher, opt, x, y, temperature=2.0, alpha=0.4)
        assert isinstance(got, float), "distill_step must return the loss as a float."
        with torch.no_grad():
            target = torch.softmax(teacher(x) / 2, -1)
        soft = 4 * F.kl_div(F.log_softmax(twin(x) / 2, -1), target, reduction="batchmean")
        loss = 0.4 * soft + 0.6 * F.cross_entropy(twin(x), y)
        opt2.zero_grad()
        loss.backward()
        opt2.step()
        assert abs(got - loss.item()) < 1e-4, "distill_step returns another loss than expected."
    for p, q in zip(student.parameters(), twin.parameters()):
        assert torch.allclose(p, q, atol=1e-5), (
            "After three steps the student differs from ordinary SGD on this loss: are gradients "
            "cleared, and is there one update per call?"
        )
    for p, q in zip(teacher.parameters(), old):
        assert torch.equal(p, q), "The teacher changed."
        assert p.grad is None, "Gradients were computed for the teacher: wrap it in no_grad."


def test_modes():
    student, teacher = net(13, 4), net(14, 32, dropout=0.5)
    teacher.train()
    student.eval()
    seen = {}
    student[2].register_forward_hook(lambda m, i, o: seen.update(student=m.training))
    teacher[2].register_forward_hook(lambda m, i, o: seen.update(teacher=m.training))
    x, y = torch.randn(4, 8), torch.tensor([0, 1, 2, 0])
    s.distill_step(student, teacher, torch.optim.SGD(student.parameters(), lr=0.1), x, y)
    assert seen.get("teacher") is False, (
        "The teacher predicted in training mode: its dropout makes the targets noisy."
    )
    assert seen.get("student") is True, "The student must be in training mode."


def test_agreement():
    a = torch.tensor([[2.0, 1.0], [0.0, 3.0], [5.0, 4.0], [1.0, 0.0]])
    b = torch.tensor([[9.0, 1.0], [4.0, 3.0], [0.1, 0.0], [0.0, 7.0]])
    got = s.agreement(a, b)
    assert isinstance(got, float), "agreement must be a float."
    assert abs(got - 0.5) < 1e-6, "Two of these four predictions agree: compare the classes."


def test_student_learns_without_labels():
    teacher, student = net(15, 32), net(16, 8)
    with torch.no_grad():
        teacher[3].weight *= 4
    g = torch.Generator().manual_seed(15)
    x = torch.randn(256, 8, generator=g)
    wrong = torch.zeros(256, dtype=torch.long)  # with alpha = 1 the labels must not matter
    optimizer = torch.optim.Adam(student.parameters(), lr=0.02)
    for _ in range(150):
        s.distill_step(student, teacher, optimizer, x, wrong, temperature=2.0, alpha=1.0)
    with torch.no_grad():
        got = s.agreement(student(x), teacher(x))
    assert got > 0.85, f"After 150 steps the student agrees with the teacher in {got:.0%} only."
