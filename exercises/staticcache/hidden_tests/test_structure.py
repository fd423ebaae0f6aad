"""K5, K7, K8: the buffers stay, slots are written once, and one graph serves all positions."""

import torch
from static_fixtures import (
    LOGITS,
    STORED,
    Decoder,
    Slots,
    contents,
    make_cache,
    make_model,
    oracle,
    poison,
    random_ids,
    stored,
    student_model,
)

from grader.checks import assert_close, assert_equal, check

T, STEPS = 32, 12


def test_buffers_stay(student, rng, device):
    """Both buffers keep shape, dtype and place in memory from the first prefill to the last step."""
    model = make_model("base", rng.seed())
    theirs = student_model(student, model, device)
    for dtype in (torch.bfloat16, torch.float32):
        cache = student.StaticCache(model.config, 2, T, dtype, device)
        student.held(cache)
        for name, value in contents(cache, exact=True).items():
            assert_equal(value, torch.zeros(2, 2, 2, T, 16, dtype=dtype), what=f"{name} of a new cache")
    slots = Slots(rng, student, cache, model, 2, T)
    ids = random_ids(rng, model, 2, 5 + STEPS)
    decoder = Decoder(student.decode_step, theirs, cache, device)
    for _ in range(2):
        student.prefill(theirs, ids[:, :5].to(device), cache)
        slots.assert_stay("in prefill", "prefill 之后")
        for p in range(5, 5 + STEPS):
            decoder.feed(ids[:, p : p + 1], p)
            slots.assert_stay("in decode_step", "decode_step 之后")
            shapes = {tuple(value.shape) for value in contents(cache).values()}
            check(
                shapes == {(2, 2, 2, T, 16)},
                "k or v has changed its shape in decode_step",
                "decode_step 改变了 k 或 v 的形状",
            )
        cache.reset()
        slots.assert_stay("in reset", "reset 之后")
    token, other = ids[:, 5:6], make_cache(student, model, 2, T, device)
    for each in (cache, other):
        student.prefill(theirs, ids[:, :5].to(device), each)
    other.load_state_dict({name: torch.zeros_like(value) for name, value in contents(other).items()})
    full, empty = decoder.feed(token, 5), Decoder(student.decode_step, theirs, other, device).feed(token, 5)
    slots.clear()  # behind its back: the next step must see it
    cleared = decoder.feed(token, 5)
    check(
        same_logits(cleared, empty) and not same_logits(cleared, full),
        "decode_step does not read the buffers that the cache was made with: it did not notice that the "
        "grader had zeroed them where they lie",
        "decode_step 没有读取缓存创建时的缓冲区：评分器已在原处把它们清零，它却没有察觉",
    )


def same_logits(a, b):
    """Say whether two of the student's own answers agree."""
    alike = torch.is_tensor(a) and torch.is_tensor(b) and a.shape == b.shape
    return alike and float((a.double() - b.double()).norm()) <= LOGITS * float(b.double().norm())


def check_slots(cache, due, poisoned, used, when):
    """Slots below `used` hold the keys and values of the sequence, the others what they held before."""
    state = contents(cache)
    keys, values = due
    for name in ("k", "v"):
        rest = state[name][:, :, :, used:]
        assert_equal(rest, poisoned[name][:, :, :, used:], what=f"{name}, slots not used yet, {when}")
    assert_close(
        state["v"][:, :, :, :used],
        values[:, :, :, :used],
        STORED,
        what=f"v, slots in use, {when}",
        dtype=torch.float32,
    )
    sizes = state["k"][:, :, :, :used].double().norm(dim=-1)  # rotation keeps them: rotated or not is free
    due_sizes = keys[:, :, :, :used].norm(dim=-1)
    assert_close(sizes, due_sizes, STORED, what=f"lengths of the keys in k, slots in use, {when}")


def test_slots_written(student, reference, rng, device):
    """Slot p of every layer holds the key and value of token p; slots not used yet are left alone."""
    model = make_model("base", rng.seed())
    theirs = student_model(student, model, device)
    cache = make_cache(student, model, 2, T, device)
    poisoned = poison(rng, cache, model, 2, T)
    ids = random_ids(rng, model, 2, 11)
    due = stored(reference, model, ids)
    student.prefill(theirs, ids[:, :7].to(device), cache)
    check_slots(cache, due, poisoned, 7, "after prefill")
    decoder = Decoder(student.decode_step, theirs, cache, device)
    for p in range(7, 11):
        decoder.feed(ids[:, p : p + 1], p)
        check_slots(cache, due, poisoned, p + 1, "after decode_step")


def decode_compiled(student, reference, rng, device, step):
    """Decode two sequences with two caches through `step`, going back once, all in one graph."""
    model = make_model("base", rng.seed())
    theirs = student_model(student, model, device)
    for first in (5, 9):
        cache = make_cache(student, model, 1, T, device)
        ids = random_ids(rng, model, 1, first + STEPS)
        due = oracle(reference, model, ids)
        student.prefill(theirs, ids[:, :first].to(device), cache)
        decoder = Decoder(step, theirs, cache, device)
        decoder.follow(ids, first, due, "logits of the compiled decode_step", graphs=1)
        back = ids[:, : first + 2]
        decoder.follow(back, first, due, "logits of the compiled decode_step, going back", graphs=1)
    check(
        step.graphs == 1,
        f"decode_step was captured in {step.graphs} graphs, due is 1",
        f"decode_step 被捕获为 {step.graphs} 个计算图，应为 1 个",
    )


def test_one_graph(student, reference, rng, device):
    """Under torch.compile(fullgraph=True, dynamic=False) one graph serves 12 positions of two sequences."""
    step = student.compiled("decode_step", fullgraph=True, dynamic=False)
    decode_compiled(student, reference, rng, device, step)


def test_no_breaks(student, reference, rng, device):
    """Under plain torch.compile it is one graph, too: nothing in the step asks for a tensor's value."""
    decode_compiled(student, reference, rng, device, student.compiled("decode_step"))
