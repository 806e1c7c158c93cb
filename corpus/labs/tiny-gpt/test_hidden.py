import math

import submission as s
import torch
from torch.nn import functional as F

torch.set_num_threads(1)

TEXT = (
    "the cat sat by the door and saw the rain.\n"
    "a small wind blew over the long gray hill.\n"
    "nobody came, so the kettle sang on its own.\n"
    "when evening fell, the lamp drew a warm ring.\n"
    "two moths flew round it and cast large shadows.\n"
    "the cat looked up once, yawned, and fell asleep.\n"
    "far away a train called, and then it was quiet.\n"
    "in the morning the hill was green and wet.\n"
)
CHARS = sorted(set(TEXT))
DATA = torch.tensor([CHARS.index(c) for c in TEXT])
BLOCK = 24
TRAINED = {}


def trained():
    if not TRAINED:
        torch.manual_seed(1)
        model = s.TinyGPT(len(CHARS), BLOCK)
        TRAINED["losses"] = s.train(model, DATA, steps=300)
        TRAINED["model"] = model
    return TRAINED["model"], TRAINED["losses"]


def small_model(seed=0, vocab=11, block=9):
    torch.manual_seed(seed)
    return s.TinyGPT(vocab, block, d_model=16, n_heads=2, n_layers=2)


def test_batch_is_shifted_by_one():
    data = torch.arange(50)
    x, y = s.get_batch(data, 7, 5, torch.Generator().manual_seed(0))
    assert tuple(x.shape) == (5, 7) and tuple(y.shape) == (5, 7), (
        "x and y must both have shape (batch_size, block_size)."
    )
    assert torch.equal(x[:, 1:], x[:, :-1] + 1), "A row of x must be consecutive tokens of data."
    assert torch.equal(y, x + 1), (
        "y must hold the token AFTER each token of x: the same window, shifted by one."
    )


def test_batch_covers_all_starts():
    data = torch.arange(12)
    g = torch.Generator().manual_seed(1)
    starts = set()
    for _ in range(60):
        x, y = s.get_batch(data, 8, 4, g)
        assert int(y.max()) <= 11, "The targets run beyond the data."
        starts |= set(x[:, 0].tolist())
    assert len(starts) > 1, "The windows must start at random places."
    assert starts == {0, 1, 2, 3}, (
        f"With 12 tokens and blocks of 8, windows start at 0, 1, 2 or 3; yours: {sorted(starts)}."
    )
    a = s.get_batch(data, 8, 4, torch.Generator().manual_seed(7))[0]
    b = s.get_batch(data, 8, 4, torch.Generator().manual_seed(7))[0]
    assert torch.equal(a, b), "Use the given generator: the same seed must give the same batch."


def test_logits_shape_and_length_check():
    model = small_model()
    assert model.block_size == 9, "Store block_size as an attribute of the model."
    for t in (1, 5, 9):
        shape = tuple(model(torch.randint(11, (3, t))).shape)
        assert shape == (3, t, 11), f"Logits must be (b, t, vocab_size), got {shape} for t={t}."
    try:
        model(torch.randint(11, (1, 10)))
    except ValueError:
        return
    except Exception as error:
        raise AssertionError(f"An input beyond block_size must raise ValueError, not {error!r}")
    assert False, "An input longer than block_size must raise ValueError."


def test_model_is_causal():
    model = small_model(2)
    ids = torch.randint(11, (2, 9), generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        before = model(ids)
        for cut in (1, 4, 8):
            other = ids.clone()
            other[:, cut:] = (other[:, cut:] + 3) % 11
            assert torch.allclose(model(other)[:, :cut], before[:, :cut], atol=1e-5), (
                f"Changing the tokens from position {cut} on changed earlier logits: the model "
                "looks into the future. Check which entries of the scores are masked."
            )
        other = ids.clone()
        other[:, 0] = (other[:, 0] + 5) % 11
        assert not torch.allclose(model(other)[:, 5], before[:, 5], atol=1e-6), (
            "The first token has no influence on later logits: attention must reach back."
        )


def test_last_position_sees_itself():
    model = small_model(4)
    ids = torch.randint(11, (1, 6), generator=torch.Generator().manual_seed(5))
    other = ids.clone()
    other[0, -1] = (other[0, -1] + 1) % 11
    with torch.no_grad():
        same = torch.allclose(model(ids)[0, -1], model(other)[0, -1], atol=1e-6)
    assert not same, "The last token must influence the logits at its own position."


def test_lm_loss():
    targets = torch.randint(7, (3, 5), generator=torch.Generator().manual_seed(6))
    flat = s.lm_loss(torch.zeros(3, 5, 7), targets)
    assert flat.shape == (), "lm_loss must be a scalar: the mean over all positions."
    assert math.isclose(float(flat), math.log(7), rel_tol=1e-5), (
        "Equal logits over 7 tokens must cost ln 7: mean, not sum, and nats, not bits."
    )
    logits = torch.randn(3, 5, 7, generator=torch.Generator().manual_seed(7)) * 3
    logp = torch.log_softmax(logits, dim=-1)
    want = -sum(logp[b, t, targets[b, t]] for b in range(3) for t in range(5)) / 15
    assert torch.isclose(s.lm_loss(logits, targets), want, rtol=1e-4), (
        "The loss mixes up positions: logits (b, t, V) must be flattened to (b * t, V) together "
        "with the targets; a view or reshape that moves V elsewhere scrambles them."
    )


def test_loss_at_start():
    torch.manual_seed(0)
    model = s.TinyGPT(len(CHARS), BLOCK)
    x, y = DATA[:BLOCK][None], DATA[1 : BLOCK + 1][None]
    loss = F.cross_entropy(model(x)[0], y[0]).item()
    assert loss < 2 * math.log(len(CHARS)), (
        f"An untrained model should cost about ln V = {math.log(len(CHARS)):.1f} nats, yours costs "
        f"{loss:.1f}: the logits are too large at the start."
    )


def test_one_update_per_step():
    model = small_model(8, block=6)
    data = torch.randint(11, (40,), generator=torch.Generator().manual_seed(9))
    before = [p.detach().clone() for p in model.parameters()]
    losses = s.train(model, data, steps=3, lr=1e-3)
    assert len(losses) == 3, "train must return one loss per step."
    assert all(isinstance(v, float) for v in losses), "Losses must be floats: use .item()."
    moved = [(p - q).abs().max().item() for p, q in zip(model.parameters(), before)]
    assert max(moved) > 1e-4, "Training changed no parameter: backward and step, in this order."
    # the first steps of AdamW move a parameter by about lr each
    assert max(moved) < 6e-3, "Three steps with lr=1e-3 moved too far: is lr used, once per step?"


def test_gradients_are_cleared():
    model = small_model(10, block=6)
    data = torch.randint(11, (7,), generator=torch.Generator().manual_seed(11))  # one window
    s.train(model, data, steps=4, batch_size=2, lr=0.0)
    got = [p.grad for p in model.parameters()]
    if all(g is None or float(g.abs().max()) == 0 for g in got):
        return  # cleared after the step: fine as well
    got = [None if g is None else g.clone() for g in got]
    model.zero_grad()
    F.cross_entropy(model(data[None, :6])[0], data[1:]).backward()
    for g, p in zip(got, model.parameters()):
        if g is not None and p.grad is not None:
            assert torch.allclose(g, p.grad, atol=1e-4, rtol=1e-2), (
                "After four steps on one and the same window, the stored gradient is not the "
                "gradient of one step: gradients of earlier steps were never cleared."
            )


def test_training_reaches_the_goal():
    model, losses = trained()
    assert len(losses) == 300, "train must run exactly the given number of steps."
    with torch.no_grad():
        x = torch.stack([DATA[i : i + BLOCK] for i in range(len(DATA) - BLOCK)])
        y = torch.stack([DATA[i + 1 : i + BLOCK + 1] for i in range(len(DATA) - BLOCK)])
        loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten()).item()
    assert loss < 0.5, (
        f"After 300 steps the mean loss over all windows is {loss:.2f} nats, the goal is 0.5. If "
        f"your own list ends near it ({losses[-1]:.2f}), training and evaluation see different "
        "things (a shift, a mask); if not, something keeps the model from learning."
    )


def test_positions_matter():
    model, _ = trained()
    with torch.no_grad():
        logits = model(torch.full((1, 12), 3))
    assert (logits[0, 2] - logits[0, 9]).abs().max() > 1e-3, (
        "Twelve equal tokens give equal logits at every position: the model knows no positions."
    )


def test_generate_recites():
    model, _ = trained()
    start = TEXT.index("nobody")
    ids = DATA[start : start + 14][None]
    out = s.generate(model, ids, 10)
    assert tuple(out.shape) == (1, 24), "generate must return (b, t + n_new)."
    assert torch.equal(out[:, :14], ids), "The prompt must be kept at the front."
    got = "".join(CHARS[i] for i in out[0, 14:].tolist())
    want = TEXT[start + 14 : start + 24]
    hits = sum(a == b for a, b in zip(got, want))
    assert hits >= 6, (
        f"The trained model continues 'nobody came, s' with {got!r}: greedy decoding must take the "
        "best token of the LAST position and feed it back."
    )


def test_generate_beyond_the_block():
    model = small_model(12)
    ids = torch.randint(11, (2, 7), generator=torch.Generator().manual_seed(13))
    before = ids.clone()
    try:
        out = s.generate(model, ids, 8)
    except (ValueError, IndexError) as error:
        raise AssertionError(f"generate must shorten the context to block_size tokens: {error}")
    assert tuple(out.shape) == (2, 15), "generate must keep all tokens, also beyond block_size."
    assert torch.equal(ids, before), "generate must not change the prompt in place."
    with torch.no_grad():
        for t in range(7, 15):
            want = model(out[:, max(0, t - 9) : t])[:, -1].argmax(dim=-1)
            assert torch.equal(out[:, t], want), (
                "A generated token is not the greedy choice given the last block_size tokens."
            )
