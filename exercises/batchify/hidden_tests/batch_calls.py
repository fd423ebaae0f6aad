"""How the tests talk to a student's batch: through a model that stays with the judge, or through his own."""

import torch
from batch_fixtures import MOST_TOKENS, Counter, make_model, make_rows

from grader.checks import WrongAnswer, as_lists, assert_equal, assert_form, check, clue, put_right

MOST_CALLS = 1000


def ask(student, expose, reference, model, rows, n, **options):
    """Let the student continue rows with a counting model; return the answer and the counter."""
    counter = Counter(reference, model)
    lent = expose(counter, counter.validate, most=4 * MOST_TOKENS, max_calls=MOST_CALLS)
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
    lengths, lengths_zh = "", ""
    if min(longer) > 0:
        lengths, lengths_zh = ", too long", "，过长"
    elif max(longer) < 0:
        lengths, lengths_zh = ", too short", "，过短"
    shuffled = sorted(map(str, answer)) == sorted(map(str, due))
    check(
        False,
        f"{what}: the new tokens of {len(wrong)} of {len(due)} rows are not those of the row alone{lengths}"
        + (" (right rows, wrong order)" if shuffled else ""),
        f"{what}：{len(due)} 行中有 {len(wrong)} 行的新 token 与该行单独生成的不同{lengths_zh}"
        + ("（内容正确，顺序不对）" if shuffled else ""),
    )


def check_transcript(answer, counter, rows, n):
    """Fail unless every prompt went through the model, and what is returned is what the model then said.

    Right or wrong is of no concern here: the rows of the batch may stand in any order, padding on any side,
    and the last token may be fed, too.
    """
    answer = as_lists(answer)
    check(
        isinstance(answer, list)
        and len(answer) == len(rows)
        and all(isinstance(new, list) and len(new) == n for new in answer),
        f"generate_batch did not return {n} new tokens for each of {len(rows)} prompts",
        f"generate_batch 没有为 {len(rows)} 个提示各返回 {n} 个新 token",
    )
    for row, new in zip(rows, answer, strict=True):
        places = [b for b in range(len(rows)) if was_said(counter, b, new)]
        check(
            bool(places),
            f"the {n} tokens returned for a prompt are no argmax of logits that one row got in {n} forward "
            "passes one after the other",
            f"为某个提示返回的 {n} 个 token，不是某一行在连续 {n} 次前向中所得 logits 的 argmax",
        )
        check(
            any(was_fed(counter, b, (*row.prompt, *new[:-1])) for b in places),
            "a prompt, followed by its new tokens, was not fed to the model",
            "有的提示（及其后的新 token）没有输入模型",
        )


def was_said(counter, b, new):
    """Say whether row b got these tokens in passes one after the other, at any of their columns."""
    starts = range(len(counter.said) - len(new) + 1)
    return any(all(t in counter.said[k + i][b] for i, t in enumerate(new)) for k in starts)


def was_fed(counter, b, tokens):
    """Say whether row b was fed these tokens in this order, whatever stood between them."""
    stream = iter([token for ids in counter.ids for token in ids[b].tolist()])
    return all(token in stream for token in tokens)


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
    found = put_right(student.make_position_ids(mask.to(device)), torch.empty_like(mask, device="meta"))
    assert_form(found, tuple(mask.shape), torch.int64, "position ids")
    return found.to(device)


def check_numbering(student, expose, reference, device, seed):
    """Fail unless positions are as promised, or numbered otherwise and rows of unequal length come out right.

    RoPE sees distances only, so that numbers of columns, which take no work, do in every test of logits. They
    do for generation, too: who has come so far pays in B2a alone.
    """
    lengths = 3, 9
    due = torch.tensor([[max(0, t - (9 - n)) for t in range(9)] for n in lengths])
    _, mask = left_padded([[0] * n for n in lengths], lambda n: [0] * n)
    if torch.equal(positions(student, mask, device).cpu(), due):
        return
    model = make_model("small", seed)
    rows = make_rows(reference, model, seed, lengths, 4)
    what = "rows of unequal length, while position ids are not as promised"
    continue_and_check(student, expose, reference, model, rows, 4, what)
