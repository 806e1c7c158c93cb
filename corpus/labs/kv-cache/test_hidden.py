import numpy as np
import submission as s


def close(got, want, msg, tol=1e-8):
    got = np.asarray(got)
    assert got.shape == want.shape, f"{msg} [shape {got.shape}, expected {want.shape}]"
    assert np.isfinite(got).all(), f"{msg} [the result contains NaN or infinity]"
    assert np.allclose(got, want, atol=tol, rtol=tol), msg


def setting(seed, vocab=13, d=12, h=3, n_layers=3, max_len=16):
    p = s.init_params(vocab, d, h, n_layers, max_len, seed)
    ids = np.random.default_rng(seed).integers(vocab, size=10).tolist()
    return p, ids, s.KVCache(n_layers, h, max_len, d // h)


def slow_logits(p, ids):
    """An independent full forward pass, position by position."""
    h, rows = p["n_heads"], []
    d = p["tok"].shape[1]
    w = d // h

    def nrm(x):
        return (x - x.mean()) / np.sqrt(x.var() + 1e-5)

    xs = [p["tok"][t] + p["pos"][i] for i, t in enumerate(ids)]
    for layer in p["layers"]:
        q, k, v = ([nrm(x) @ layer[n] for x in xs] for n in ("w_q", "w_k", "w_v"))
        for i in range(len(xs)):
            parts = []
            for a in range(0, d, w):
                sc = np.array([q[i][a : a + w] @ k[j][a : a + w] for j in range(i + 1)])
                e = np.exp((sc - sc.max()) / np.sqrt(w))
                parts.append(sum(x * v[j][a : a + w] for j, x in enumerate(e / e.sum())))
            y = xs[i] + np.concatenate(parts) @ layer["w_o"]
            xs[i] = y + np.maximum(nrm(y) @ layer["w_1"], 0) @ layer["w_2"]
    for x in xs:
        rows.append(nrm(x) @ p["head"])
    return np.array(rows)


def test_write_and_advance():
    rng = np.random.default_rng(0)
    cache = s.KVCache(2, 3, 7, 4)
    assert cache.k.shape == (2, 3, 7, 4) and cache.v.shape == (2, 3, 7, 4), (
        "k and v must have shape (n_layers, n_heads, max_len, d_head)."
    )
    assert cache.length == 0, "A new cache holds 0 tokens."
    a = rng.normal(size=(2, 2, 3, 2, 4))  # layer, key or value, heads, tokens, d_head
    b = rng.normal(size=(2, 2, 3, 3, 4))
    for layer in range(2):
        k, v = cache.write(layer, a[layer, 0], a[layer, 1])
        close(k, a[layer, 0], "write must return all keys of THIS layer up to the new ones.")
        close(v, a[layer, 1], "write must return all values of THIS layer up to the new ones.")
        assert cache.length == 0, (
            "write must not change length: the next layer has to write at the same positions."
        )
    cache.advance(2)
    assert cache.length == 2, "advance(n) adds n to length."
    for layer in range(2):
        k, v = cache.write(layer, b[layer, 0], b[layer, 1])
        want = [np.concatenate([a[layer, i], b[layer, i]], axis=1) for i in (0, 1)]
        close(k, want[0], "A later write must append behind the stored tokens, not overwrite them.")
        close(v, want[1], "The values must be appended behind the stored ones, like the keys.")
    cache.advance(3)
    close(cache.k[1, :, :5], np.concatenate([a[1, 0], b[1, 0]], axis=1), "k must hold the keys.")
    close(cache.v[0, :, :5], np.concatenate([a[0, 1], b[0, 1]], axis=1), "v must hold the values.")


def test_write_rejects_overflow():
    cache = s.KVCache(1, 1, 4, 2)
    cache.write(0, np.ones((1, 4, 2)), np.ones((1, 4, 2)))  # exactly full is fine
    cache.advance(3)
    try:
        cache.write(0, np.ones((1, 2, 2)), np.ones((1, 2, 2)))
    except ValueError as error:
        assert "broadcast" not in str(error), "Check the space yourself and say what is missing."
        return
    assert False, "Writing beyond max_len must raise ValueError."


def test_caches_are_independent():
    a, b = s.KVCache(1, 1, 4, 2), s.KVCache(1, 1, 4, 2)
    a.write(0, np.ones((1, 2, 2)), np.ones((1, 2, 2)))
    a.advance(2)
    assert b.length == 0 and not b.k.any(), "Two caches share memory: create arrays in __init__."
    assert not np.shares_memory(a.k, a.v), "Keys and values need separate arrays."


def test_prefill():
    p, ids, cache = setting(1)
    got = s.cached_logits(p, ids, cache)
    close(
        got,
        slow_logits(p, ids),
        "The whole prompt at once gives other logits than full decoding: within the new tokens the "
        "causal mask still applies.",
    )
    assert cache.length == len(ids), "After the call, length must count the new tokens (once)."


def test_one_by_one():
    p, ids, cache = setting(2)
    want = slow_logits(p, ids)
    for i, t in enumerate(ids):
        close(
            s.cached_logits(p, [t], cache),
            want[i : i + 1],
            f"Token {i} alone gives other logits than full decoding: check its position embedding "
            "(it does not start at 0 again) and that each layer reads its own keys and values.",
        )
        assert cache.length == i + 1, "Each token must increase length by one, not once per layer."


def test_pieces():
    p, ids, _ = setting(3)
    want = slow_logits(p, ids)
    for sizes in ((3, 4, 3), (1, 9), (6, 1, 1, 2)):
        cache, at = s.KVCache(3, 3, 16, 4), 0
        for n in sizes:
            close(
                s.cached_logits(p, ids[at : at + n], cache),
                want[at : at + n],
                f"In pieces of {sizes} the logits differ from token {at} on: with stored tokens "
                "the mask is not square; new token i sees everything up to position length + i.",
            )
            at += n


def test_other_sizes():
    p, ids, cache = setting(4, vocab=7, d=8, h=1, n_layers=1, max_len=10)
    want = slow_logits(p, ids)
    close(s.cached_logits(p, ids[:4], cache), want[:4], "One head, one layer: prefill is off.")
    close(s.cached_logits(p, ids[4:], cache), want[4:], "One head, one layer: the rest is off.")


def test_the_cache_is_used():
    p, ids, cache = setting(5)
    s.cached_logits(p, ids[:6], cache)
    cache.v[:] = 0.0
    got = s.cached_logits(p, ids[6:7], cache)
    assert not np.allclose(got, slow_logits(p, ids[:7])[6:], atol=1e-6), (
        "Erasing the stored values changed nothing: old tokens are recomputed instead of read from "
        "the cache."
    )


def test_stored_tokens_do_not_change():
    p, ids, cache = setting(6)
    s.cached_logits(p, ids[:5], cache)
    k, v = cache.k[:, :, :5].copy(), cache.v[:, :, :5].copy()
    s.cached_logits(p, ids[5:8], cache)
    same = np.array_equal(cache.k[:, :, :5], k) and np.array_equal(cache.v[:, :, :5], v)
    assert same, "Keys and values of earlier tokens changed: new tokens must not overwrite them."
    assert all(cache.k[i, :, :8].any() for i in range(3)), "Every layer has to store its keys."


def test_overflow():
    p, ids, _ = setting(7)
    cache = s.KVCache(3, 3, 8, 4)
    s.cached_logits(p, ids[:6], cache)
    s.cached_logits(p, ids[6:8], cache)
    try:
        s.cached_logits(p, ids[8:9], cache)
    except ValueError:
        assert cache.length == 8, "A refused call must leave length as it was."
        return
    except Exception as error:
        raise AssertionError(f"A full cache must raise ValueError, not {error!r}")
    assert False, "A full cache must raise ValueError."


def test_generate():
    for seed, n in ((8, 6), (9, 1), (10, 0)):
        p, ids, _ = setting(seed)
        prompt = ids[: 4 + seed % 3]
        before = list(prompt)
        want = list(prompt)
        for _ in range(n):
            want.append(int(np.argmax(slow_logits(p, want)[-1])))
        got = s.generate(p, prompt, n)
        assert list(got) == want, (
            f"Greedy decoding with the cache gives {got}, full decoding {want}: take the LAST row "
            "of the logits, and feed only the new token in each step."
        )
        assert prompt == before, "generate must not change the prompt in place."


def test_generate_fills_all_positions():
    p, ids, _ = setting(11, max_len=9)
    got = s.generate(p, ids[:4], 5)
    assert len(got) == 9, "generate must be able to use every position of the model."


def test_generate_does_little_work():
    p, ids, _ = setting(12)
    rows = []
    original = s.norm

    def counting(x):
        rows.append(len(x))
        return original(x)

    s.norm = counting
    try:
        s.generate(p, ids[:5], 8)
    finally:
        s.norm = original
    # per pass: two norms per layer (or four, if written out) and a final one
    assert sum(rows) <= (5 + 8) * (4 * 3 + 1), (
        f"{sum(rows)} rows were normalized for 13 tokens: old tokens pass through the model again "
        "in every step."
    )


def test_cache_bytes():
    got = s.cache_bytes(32, 8, 128, 8192)
    assert got != 32 * 8 * 128 * 8192 * 2, "Keys AND values are stored: twice as many numbers."
    assert got == 1073741824, (
        "32 layers, 8 KV heads of width 128, 8,192 tokens, 2 bytes: exactly 1 GiB is expected."
    )
    assert s.cache_bytes(2, 3, 5, 7, batch=4, bytes_per_value=1) == 1680, (
        "Every argument is a factor: layers, heads, width, tokens, batch, bytes."
    )
