"""B9, B10: how much goes through the model. What comes out of it is judged elsewhere."""

from batch_calls import ask, check_transcript, check_whole, continue_and_check
from batch_fixtures import make_ending, make_model, make_rows

from grader.checks import check

CASES = (((4, 11, 2, 7), 8), ((6, 3), 1), ((1, 9, 5), 5))


def test_one_pass_per_step(student, expose, reference, rng):
    """There are as many forward passes as new tokens, with all rows in each, however many rows there are."""
    model = make_model("small", rng.seed())
    for lengths, n in CASES:
        rows = make_rows(reference, model, rng.seed(), lengths, n)
        answer, counter = ask(student, expose, reference, model, rows, n)
        check(
            len(counter.fed) <= n,
            f"{n} new tokens for {len(rows)} rows took {len(counter.fed)} forward passes instead of {n}: "
            "do the rows go through the model together?",
            f"为 {len(rows)} 行各生成 {n} 个新 token 用了 {len(counter.fed)} 次前向，应为 {n} 次："
            "所有行是一起通过模型的吗？",
        )
        check_whole(counter, rows)
        check_transcript(answer, counter, rows, n)


def test_stops_when_done(student, expose, reference, rng):
    """When the last row has said EOS there is no further forward pass, though rows end at different steps."""
    model = make_model("small", rng.seed())
    ending = make_ending(reference, model, rng.seed())
    once = ending.rows[0]
    stops_after_last(student, expose, reference, model, (once, once), ending.eos)
    stops_after_last(student, expose, reference, model, ending.rows[:-2], ending.eos)


def stops_after_last(student, expose, reference, model, rows, eos):
    """Fail unless a batch whose rows all end, at the same step or not, ends with the last of them."""
    latest = max(len(row.until(eos)) for row in rows)
    counter = continue_and_check(
        student, expose, reference, model, rows, latest + 8, "rows that all end", eos_token_id=eos
    )
    check(
        len(counter.fed) == latest,
        f"the last row ended after {latest} tokens, but there were {len(counter.fed)} forward passes",
        f"最后一行在第 {latest} 个 token 结束，但一共做了 {len(counter.fed)} 次前向",
    )


def test_tokens_fed(student, expose, reference, rng):
    """A batch feeds its rectangle of prompts once, and then one column per step: the cache knows the rest."""
    model = make_model("small", rng.seed())
    for lengths, n in CASES:
        rows = make_rows(reference, model, rng.seed(), lengths, n)
        answer, counter = ask(student, expose, reference, model, rows, n)
        fed, most = sum(B * S for B, S in counter.fed), len(rows) * (max(lengths) + n - 1)
        check(
            fed <= most,
            f"{fed} tokens went through the model, padding included; {most} are enough: is the cache used?",
            f"一共有 {fed} 个 token（含填充）进入模型，{most} 个就够了：用到缓存了吗？",
        )
        check_whole(counter, rows)
        check_transcript(answer, counter, rows, n)
