"""L16, L17, L19 and the bonus: greedy text."""

import time

import torch
from grader.checks import assert_equal, check
from llama_fixtures import (
    checkpoint,
    greedy_case,
    make_model,
    make_tokenizer,
    random_ids,
    student_model,
    text_case,
)


def test_generate(student, rng, device):
    """Greedy tokens equal transformers'; generation stops after EOS, which is returned; lengths are exact."""
    model = make_model("gqa", rng.seed())
    theirs = student_model(student, model, device)
    for length in (1, 9, 20):
        prompt, tokens = greedy_case(model, rng.seed(), length, 32)
        assert_equal(student.generate(theirs, prompt.to(device), 32), tokens, what="32 greedy tokens")
    prompt = prompt.to(device)
    for n in (0, 1):
        assert_equal(student.generate(theirs, prompt, n), tokens[:, :n], what=f"max_new_tokens={n}")
    never = next(t for t in range(3, 259) if not (tokens == t).any())
    assert_equal(student.generate(theirs, prompt, 32, never), tokens, what="EOS that never comes")
    first = int(tokens[0, 0])
    assert_equal(student.generate(theirs, prompt, 32, first), tokens[:, :1], what="EOS as the first token")
    seen = tokens[0].tolist()
    late = next(t for i, t in enumerate(seen) if i >= 3 and t not in seen[:i])
    stop = seen.index(late) + 1
    assert_equal(student.generate(theirs, prompt, 32, late), tokens[:, :stop], what="EOS on the way")


def make_script(rng, model, steps):
    """Return a stand-in for a model that counts what it is fed and speaks a fixed text.

    It ignores cache and positions: what it says depends only on how often it was asked for a token.
    """
    fed: list[int] = []
    text = random_ids(rng, model, steps).tolist()

    def speak(input_ids, attention_mask=None, position_ids=None, cache=None):
        fed.append(input_ids.shape[1])
        logits = torch.zeros(*input_ids.shape, model.config.vocab_size)
        done = max(0, sum(fed) - prompt_length)  # new tokens fed so far, if nothing is fed twice
        logits[:, -1, text[min(done, steps - 1)]] = 1.0
        return logits

    prompt_length = 0

    def start(length):
        nonlocal prompt_length
        prompt_length = length
        fed.clear()

    return speak, fed, text, start
