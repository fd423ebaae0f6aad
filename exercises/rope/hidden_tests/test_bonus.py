"""R9, R10, tree positions, many models' speeds at once: bonus."""

import torch
from rope_fixtures import (
    F32,
    LLAMA3,
    LOGITS,
    assert_values,
    both,
    feed,
    llama3_speed,
    logits64,
    make_config,
    make_model,
    plain,
    random_ids,
    random_split,
    rope64,
    streamed,
    student_model,
    turn_limit,
)

from grader.checks import assert_close, assert_equal, assert_form, put_right


def test_sink_kept(student, rng, device):
    """SinkCache keeps the first tokens and the last window, and no more, however long the text gets."""
    config = make_config("gqa")
    rope, layers = student.Rope(config), 2
    sinks, window = rng.integer(1, 4), rng.integer(3, 7)
    cache, given = student.SinkCache(sinks, window), [[] for _ in range(layers)]
    chunks = [sinks + window - 1, 1, 1, 2, window, 1, 2 * window, *[1] * (5 * window)]
    seen = 0
    for S in chunks:
        assert_equal(len(cache), seen, what="len(cache)")
        position_ids = torch.arange(seen, seen + S).expand(2, S)
        seen += S
        shown = [t for t in range(seen) if t < sinks or t >= seen - max(window, S)]
        kept = [t for t in range(seen) if t < sinks or t >= seen - window]
        places = torch.arange(len(shown)).expand(2, -1)
        asked = cache.query_positions(position_ids.to(device))
        assert_equal(asked, places[:, len(shown) - S :], what="query_positions")
        for layer in range(layers):
            k, v = rng.normal(2, 2, S, config.head_dim), rng.normal(2, 2, S, config.head_dim)
            given[layer].append((k, v))
            out = cache.update(layer, k.to(device), v.to(device), position_ids.to(device), rope)
            keys, values = both(out, "update")
            k, v = (torch.cat(side, dim=2) for side in zip(*given[layer], strict=True))
            assert_equal(values, v[:, :, shown], what="values returned by update")
            assert_close(
                keys,
                rope64(k[:, :, shown], places, config),
                turn_limit(len(shown)),
                what="keys returned by update",
                dtype=F32,
            )
            assert_equal(cache.raw_keys(layer), k[:, :, kept], what="raw_keys: the keys that are kept")
    assert_equal(len(cache), seen, what="len(cache)")


def stream(student, rng, device, model, sinks, window, chunks, what):
    """Compare the student's model and SinkCache with dense attention over the kept keys."""
    theirs, cache = student_model(student, model, device), student.SinkCache(sinks, window)
    ids = random_ids(rng, 2, sum(chunks))
    logits = feed(theirs, cache, ids, chunks, device)
    assert_values(logits, logits64(model, ids, *streamed(chunks, sinks, window)), LOGITS, what)
    assert_equal(len(cache), sum(chunks), what="len(cache)")


def test_sink_stream(student, rng, device):
    """A text five times as long as the window: dense attention over kept keys, positions counted anew."""
    model = make_model("gqa", rng.seed())
    for sinks, window in ((4, 8), (1, 6)):
        chunks = [window, *[1] * (5 * window)]
        stream(student, rng, device, model, sinks, window, chunks, "logits of a long text")


def test_sink_edges(student, rng, device):
    """Nothing forgotten yet; window 1; no sinks; chunks longer than the window or across its border."""
    model = make_model("gqa", rng.seed())
    for what, sinks, window, chunks in (
        ("before anything is forgotten", 3, 12, random_split(rng, 15)),
        ("window 1", 2, 1, [1] * 8),
        ("window 1, a prompt and a chunk", 2, 1, [5, 1, 3, 1]),
        ("no sinks", 0, 4, [3, 1, 1, 1, 2, 1]),
        ("a prompt longer than the window", 2, 4, [11, 1, 1, 1]),
        ("a prompt shorter than the sinks", 4, 3, [2, 5, 1, 1, 1]),
        ("chunks across the border", 2, 6, [5, 4, 3, 6, 7, 1]),
    ):
        stream(student, rng, device, model, sinks, window, chunks, what)


def tree(rng, root, parents):
    """Return mask bool [1, 1, S, root + S] and positions [1, S] of a tree of tokens behind `root` others.

    The tokens come in random order, children before their parents, too.
    """
    S = len(parents)
    mask = torch.cat((torch.ones(S, root), torch.eye(S)), dim=1).bool()
    depths = []
    for i, parent in enumerate(parents):
        if parent is not None:
            mask[i] |= mask[parent]
        depths.append(0 if parent is None else depths[parent] + 1)
    order = rng.permutation(S)
    mask = torch.cat((mask[order, :root], mask[order][:, root + order]), dim=1)
    return mask[None, None], root + torch.tensor([depths])[:, order]


def test_tree_positions(student, rng, device):
    """A tree of drafted tokens in one pass, siblings at one position: each branch equals its own sequence."""
    model, root = make_model("gqa", rng.seed()), 6
    theirs = student_model(student, model, device)
    parents = [None, None, 0, 0, 1, 2, 2, 4]
    ids, drafted = random_ids(rng, 1, root), random_ids(rng, 1, len(parents))
    mask, position_ids = tree(rng, root, parents)
    for name in ("PostRopeCache", "PreRopeCache"):
        cache = getattr(student, name)()
        feed(theirs, cache, ids, [root], device)
        out = theirs(
            drafted.to(device),
            attention_mask=mask.to(device),
            position_ids=position_ids.to(device),
            cache=cache,
        )
        out = put_right(out, torch.empty(1, len(parents), 131))
        assert_form(out, (1, len(parents), 131), F32, "logits")
        for leaf, logits in enumerate(out[0]):
            branch = [i for i in range(len(parents)) if mask[0, 0, leaf, root + i]]
            branch.sort(key=lambda i: int(position_ids[0, i]))  # root first
            alone = torch.cat((ids, drafted[:, branch]), dim=1)
            exact = logits64(model, alone, *plain(torch.arange(alone.shape[1])[None]))[0, -1]
            assert_close(logits, exact, LOGITS, what=f"a branch of a tree through {name}", dtype=F32)


def test_llama3_many(student, rng, device):
    """llama3 scaling of several models' speeds in one call: parameters may be tensors that broadcast."""
    D, n = 32, 4
    columns = {
        "factor": rng.uniform(n, 1, low=2.0, high=32.0),
        "low_freq_factor": rng.uniform(n, 1, low=0.8, high=1.5),
        "high_freq_factor": rng.uniform(n, 1, low=3.0, high=5.0),
        "original_max_position_embeddings": rng.integers(128, 9000, (n, 1)).float(),
    }
    plain_speeds = 500000.0 ** -(torch.arange(D // 2) * 2 / D)
    one = {name: float(LLAMA3[name]) for name in columns}
    rows = [{name: float(c[i]) for name, c in columns.items()} for i in range(n)]
    for what, rope, speeds, each in (
        ("speeds of one model", one, plain_speeds, [one]),
        ("speeds of four models", columns, plain_speeds.expand(n, -1), rows),
    ):
        given = {k: v.to(device) if isinstance(v, torch.Tensor) else v for k, v in rope.items()}
        out = student.llama3_scale(speeds.to(device), given)
        assert_form(out, tuple(speeds.shape), F32, what)
        exact = torch.tensor([[llama3_speed(f, r) for f in plain_speeds.tolist()] for r in each]).double()
        ratio = out.double() / exact  # every speed counts as much as the fastest
        assert_close(ratio.view(len(each), -1), torch.ones_like(exact), 1e-5, what=what, dtype=torch.float64)
