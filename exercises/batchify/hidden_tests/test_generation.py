"""B3 to B5, B13: a batch says what its rows say alone. B8, B14, B15: when rows end.

Judged through a model of the course, but for B3b and the Engine, which run the student's own Llama.
"""

from batch_calls import ask, check_rows, check_whole, continue_and_check, own_or_due
from batch_fixtures import decode, make_ending, make_model, make_rows, student_model, swap_tokens, text_case

from grader.checks import as_lists, assert_equal, check, expect_raises

UNEQUAL = ((3, 9), (1, 24, 7, 7, 13))
EXAMPLES = 25


def test_unequal_lengths(student, expose, reference, rng):
    """Rows of unequal length say in a batch what each of them says alone."""
    model = make_model("small", rng.seed())
    for lengths in UNEQUAL:
        rows = make_rows(reference, model, rng.seed(), lengths, 16)
        pad = rows[-1].prompt[rng.integer(0, lengths[-1])]  # a real token that looks like padding
        for options in ({}, {"pad_token_id": pad}):
            continue_and_check(
                student, expose, reference, model, rows, 16, "rows of unequal length", **options
            )


def test_own_model(student, expose, reference, rng):
    """The same with your own Llama and your own KVCache, which see padding only if rows go together."""
    model = make_model("small", rng.seed())
    theirs = student_model(student, model, "cpu")
    for lengths in UNEQUAL:
        rows = make_rows(reference, model, rng.seed(), lengths, 16)
        answer = student.generate_batch(theirs, [list(row.prompt) for row in rows], 16)
        due = own_or_due(theirs, rows, [list(row.new) for row in rows], answer, 16)
        check_rows(answer, due, "rows of unequal length, with your own Llama")
    _, counter = ask(student, expose, reference, model, rows, 1)
    check_whole(counter, rows)


def test_batch_sizes(student, expose, reference, rng):
    """A batch of equal lengths, a batch of one row, a batch of nine, prompts of a single token."""
    model = make_model("small", rng.seed())
    for what, lengths in (
        ("three rows of equal length", (6, 6, 6)),
        ("a single row", (8,)),
        ("nine rows", (2, 11, 5, 5, 1, 9, 3, 7, 4)),
        ("prompts of one token", (1, 1)),
    ):
        rows = make_rows(reference, model, rng.seed(), lengths, 8)
        continue_and_check(student, expose, reference, model, rows, 8, what)


def test_row_order(student, expose, reference, rng):
    """Results come in the order of the prompts; a prompt that is there twice gives its result twice."""
    model = make_model("small", rng.seed())
    rows = make_rows(reference, model, rng.seed(), (12, 2, 7, 4, 9), 8)
    orders = [rng.permutation(5).tolist() for _ in range(2)]
    orders += [[4, 3, 2, 1, 0], [0, 1, 0, 2, 2, 3, 4]]
    for order in orders:
        shuffled = [rows[i] for i in order]
        continue_and_check(student, expose, reference, model, shuffled, 8, "rows in another order")


def test_random_batches(student, expose, reference, rng):
    """25 random batches of up to five prompts of 1 to 20 tokens."""
    model = make_model("small", rng.seed())
    lengths = tuple(rng.integers(1, 21, (40,)).tolist())
    pool = make_rows(reference, model, rng.seed(), lengths, 4)
    for _ in range(EXAMPLES):
        rows = [rng.choice(pool) for _ in range(rng.integer(1, 6))]
        pad = rng.integer(0, 97)
        continue_and_check(student, expose, reference, model, rows, 4, "random batches", pad_token_id=pad)


def shuffle(rng, rows):
    """Return rows in another order."""
    return [rows[i] for i in rng.permutation(len(rows)).tolist()]


def test_eos(student, expose, reference, rng):
    """Each row ends with its own EOS, at its own step, whatever the other rows do."""
    model = make_model("small", rng.seed())
    ending = make_ending(reference, model, rng.seed())
    eos, rows = ending.eos, shuffle(rng, ending.rows)

    def judge(what, some, **options):
        continue_and_check(student, expose, reference, model, some, 24, what, **options)

    judge("rows that end at different steps", rows, eos_token_id=eos)
    first, second = sorted(ending.rows[:-2], key=lambda row: row.new.index(eos))[:2]
    some = [first, second, ending.rows[-2]]  # the last one goes on
    for i in range(3):  # no place in the batch may decide
        judge("rows that end at different steps, in another order", some[i:] + some[:i], eos_token_id=eos)
    judge("an EOS that is the pad token, too", rows, eos_token_id=eos, pad_token_id=eos)
    often = max(rows[0].new, key=rows[0].new.count)  # a token said by a row that also serves as padding
    judge("a pad token that rows say", rows, eos_token_id=eos, pad_token_id=often)
    absent = next(t for t in range(97) if not any(t in row.new for row in ending.rows[-1:]))
    judge("an EOS that never comes", ending.rows[-1:], eos_token_id=absent)
    judge("no EOS", rows[:3])
    zero = swap_tokens(model, 0, eos)
    swapped = [row.swapped(0, eos) for row in rows]
    continue_and_check(
        student, expose, reference, zero, swapped, 24, "EOS with the token id 0", eos_token_id=0
    )


def test_engine(student, reference, rng):
    """`execute` continues prompts of unequal length in one batch, each up to its EOS."""
    n = 16
    case = text_case(reference, rng.seed(), n)
    engine = student.Engine(student.upload(case.files))
    theirs = None

    def judge(picks, n, what, **options):
        nonlocal theirs
        rows, prompts = [case.rows[i] for i in picks], [case.prompts[i] for i in picks]
        due = [decode(row, n) for row in rows]
        answer = as_lists(engine.execute(prompts, n, **options))
        if answer != due and isinstance(answer, list):  # the model's mistakes are another exercise's
            if theirs is None:
                theirs = student_model(student, case.model, "cpu")
            new = own_or_due(theirs, rows, [row.until(2, n) for row in rows], None, n, 2)
            due = [decode(row, n, tokens) for row, tokens in zip(rows, new, strict=True)]
        assert_equal(answer, due, what=what)

    judge(range(5), n, "texts of five prompts")
    judge([4, 2, 0], n, "texts of three prompts, in another order", temperature=0.0)
    judge([1], n, "text of one prompt")
    judge([3, 1], 0, "texts with no new token")
    assert_equal(engine.execute([], 5), [], what="no prompts")


def test_edges(student, expose, reference, rng):
    """No new tokens, one new token, EOS as the very first token, no prompts, an empty prompt."""
    model = make_model("small", rng.seed())
    rows = make_rows(reference, model, rng.seed(), (5, 1, 8), 6)
    counter = continue_and_check(student, expose, reference, model, rows, 0, "max_new_tokens=0")
    check(
        not counter.fed,
        "with max_new_tokens=0 the model need not be called",
        "max_new_tokens=0 时不必调用模型",
    )
    continue_and_check(student, expose, reference, model, rows, 1, "max_new_tokens=1")
    for row in rows:
        continue_and_check(
            student, expose, reference, model, rows, 6, "EOS as a first token", eos_token_id=row.new[0]
        )
    continue_and_check(student, expose, reference, model, [], 5, "no prompts")
    with expect_raises("ValueError"):
        continue_and_check(
            student, expose, reference, model, [rows[0], type(rows[0])((), ())], 3, "an empty prompt"
        )
