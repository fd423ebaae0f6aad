"""How the tests talk to a student's batch: through a model that stays with the judge, or through his own."""

import torch
from batch_fixtures import Counter

from grader.checks import WrongAnswer, as_lists, assert_equal, assert_form, check, clue

MOST_CALLS = 1000


def ask(student, expose, reference, model, rows, n, **options):
    """Let the student continue rows with a counting model; return the answer and the counter."""
    counter = Counter(reference, model)
    lent = expose(counter, check=counter.validate, max_calls=MOST_CALLS)
    try:
        return student.generate_batch(lent, [list(row.prompt) for row in rows], n, **options), counter
    except WrongAnswer as refusal:  # there is no answer that could tell which mistake it was
        clue(refusal.text.en)
        raise


def check_whole(counter, rows):
    """Fail unless every forward pass had all rows."""
    odd = next((B for B, _ in counter.fed if len(rows) != B), len(rows))
    check(
        odd == len(rows),
        f"a forward pass had {odd} rows instead of {len(rows)}: all rows go through the model together, "
        "in every step",
        f"有一次前向是 {odd} 行，应为 {len(rows)} 行：每一步都应让所有行一起通过模型",
    )


def continue_and_check(student, expose, reference, model, rows, n, what, **options):
    """Compare the student's continuation of a batch with what every row says alone; return the counter."""
    answer, counter = ask(student, expose, reference, model, rows, n, **options)
    due = [row.until(options.get("eos_token_id"), n) for row in rows]
    check_rows(answer, due, what)
    check_whole(counter, rows)
    return counter


def check_rows(answer, due, what):
    """Fail unless these are the new tokens of every row; say how they are wrong."""
    answer = as_lists(answer)
    check(
        isinstance(answer, list) and all(isinstance(row, list) for row in answer),
        f"{what}: generate_batch must return a list with a list of ints per prompt",
        f"{what}：generate_batch 应返回列表，每个提示对应一个整数列表",
    )
    assert_equal(len(answer), len(due), what=f"{what}: number of rows")
    wrong = [i for i, (a, d) in enumerate(zip(answer, due, strict=True)) if a != d]
    if not wrong:
        return
    longer = [len(answer[i]) - len(due[i]) for i in wrong]
    lengths = "" if not any(longer) else (", too long" if max(longer) > 0 else ", too short")
    lengths_zh = "" if not any(longer) else ("，过长" if max(longer) > 0 else "，过短")
    shuffled = sorted(map(str, answer)) == sorted(map(str, due))
    check(
        False,
        f"{what}: the new tokens of {len(wrong)} of {len(due)} rows are not those of the row alone{lengths}"
        + (" (right rows, wrong order)" if shuffled else ""),
        f"{what}：{len(due)} 行中有 {len(wrong)} 行的新 token 与该行单独生成的不同{lengths_zh}"
        + ("（内容正确，顺序不对）" if shuffled else ""),
    )


def check_transcript(answer, counter, n):
    """Fail unless the answer is what the model said in the last n forward passes, right or wrong."""
    said = [list(row) for row in zip(*counter.said[-n:], strict=True)] if n else []
    check(
        answer == said,
        "the tokens returned are not the argmax of the model's last logits, step by step",
        "返回的 token 不是模型每一步最后一个 logits 的 argmax",
    )


def own_tokens(theirs, prompt, n, eos=None):
    """Continue one prompt with the student's own Llama, without cache, mask or explicit positions."""
    new = []
    while len(new) < n and (not new or new[-1] != eos):
        logits = theirs(torch.tensor([[*prompt, *new]]))
        if not isinstance(logits, torch.Tensor) or logits.dim() != 3:
            return []
        new.append(int(logits[0, -1].argmax()))
    return new


def own_or_due(theirs, rows, due, answer, n, eos=None):
    """Return what is due, or, where the answer differs, what the student's own Llama says row by row.

    Mistakes inside the model are another exercise's: here only batching counts. A model that says next to
    nothing has no say.
    """
    if as_lists(answer) == due:
        return due
    own = [own_tokens(theirs, row.prompt, n, eos) for row in rows]
    return own if len({token for row in own for token in row}) > len(rows) else due


def left_padded(rows, fill):
    """Return ids and mask [B, S] of token lists; `fill(n)` gives n ids to pad with."""
    S = max(map(len, rows))
    ids = [fill(S - len(row)) + list(row) for row in rows]
    mask = [[0] * (S - len(row)) + [1] * len(row) for row in rows]
    return torch.tensor(ids), torch.tensor(mask)


def positions(student, mask, device):
    """Return the student's position ids for a mask, in a form that a model can use."""
    found = student.make_position_ids(mask.to(device))
    assert_form(found, tuple(mask.shape), torch.int64, "position ids")
    return found.to(device)
