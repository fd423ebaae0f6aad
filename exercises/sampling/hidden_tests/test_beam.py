"""Beam search on small language models that stay with the judge: exhaustive search, stories, counters.

A story is a tree of conditional probabilities in which one particular mistake changes the outcome.
Token names and the prefix are drawn afresh, so the answer cannot be remembered.
"""

import math

import pytest
from beam_fixtures import CLOSE, MOST, all_sequences, plain_search, random_model, story_model, well_formed

from grader.checks import assert_equal, check, clue, within

SCORE = 1e-4  # absolute; a correct float32 sum is off by less than 1e-6


def search(student, expose, model, num_beams, max_new_tokens, length_penalty=0.0):
    """Run the student's search on the model and check the form of the answer; return (tokens, score)."""
    model.longest = max_new_tokens - 1
    answer = student.beam_search(
        expose(model, model.validate, most=MOST, max_calls=4 * num_beams * max_new_tokens + 8),
        model.prefix,
        num_beams,
        max_new_tokens,
        eos_token_id=model.eos,
        length_penalty=length_penalty,
    )
    tokens, score = well_formed(answer)
    if score == -math.inf:  # which one wins is chance
        clue("an impossible sequence", replaces=1)
    return tokens, score


def assert_found(answer, expected, what):
    """Compare (tokens, score) of a search with the expected ones."""
    check(math.isfinite(answer[1]), f"{what}: the score is not finite", f"{what}：分数不是有限值")
    assert_equal(answer[0], expected[0], what=f"{what}: tokens")
    within(abs(answer[1] - expected[1]), SCORE, f"{what}: score")


def assert_told(stories, what="beam search"):
    """Judge answers (model, due, answer), all of which were asked for first: together they show a mistake."""
    for _, due, answer in stories:
        assert_found(answer, due, what)


def tell(student, reference, rng, expose, letters, story, expected, *, beams, steps, penalty=0.0):
    """Tell a story, in which the reference finds the expected letters; return the model, due and answer."""
    model, ids = story_model(rng, letters, story)
    new = [ids[letter] for letter in expected]
    due = (model.prefix + new, model.total(new) / max(len(new), 1) ** penalty)
    ours = reference.beam_search(
        model, model.prefix, beams, steps, eos_token_id=model.eos, length_penalty=penalty
    )
    assert ours[0] == due[0]
    model.calls.clear()
    return model, due, search(student, expose, model, beams, steps, penalty)


def clear_model(rng, V, length, eos, length_penalty):
    """Draw a model with one best sequence, by more than rounding; return it with that (tokens, score)."""
    while True:
        model = random_model(rng, V, length, eos)
        best, second = all_sequences(model, length, length_penalty)[:2]
        if best[1] - second[1] > CLOSE:
            return model, best


@pytest.mark.parametrize("length_penalty", [0.0, 1.0])
@pytest.mark.parametrize("with_eos", [False, True])
def test_beam_exhaustive(student, rng, expose, with_eos, length_penalty):
    """With as many beams as there are prefixes, beam search finds the best of all sequences."""
    told = []
    for V, length in ((2, 4), (4, 3), (5, 3)):
        eos = rng.integer(0, V) if with_eos else None
        model, due = clear_model(rng, V, length, eos, length_penalty)
        told.append((model, due, search(student, expose, model, V ** (length - 1), length, length_penalty)))
    assert_told(told, "search with all beams")


def test_beam_one_is_greedy(student, rng, expose):
    """One beam is greedy decoding; no new tokens at all give the prefix with score 0."""
    told = []
    for _ in range(4):
        found = None
        while found is None:
            model = random_model(rng, 6, 5)
            found = plain_search(model, model.prefix, 1, 5, None)
        told.append((model, found, search(student, expose, model, 1, 5)))
    assert_told(told, "search with one beam")
    assert_found(search(student, expose, model, 3, 0), (model.prefix, 0.0), "search for no new tokens")


def test_beam_wider_is_better(student, reference, rng, expose):
    """On a tree made for it greedy < two beams < three beams, and beams compete across parents."""
    widening = {
        "": {"A": 0.45, "B": 0.30, "C": 0.25},
        "A": {"A": 0.35, "B": 0.33, "C": 0.32},
        "B": {"A": 0.60, "B": 0.25, "C": 0.15},
        "C": {"A": 0.90, "B": 0.06, "C": 0.04},
    }
    told = [
        tell(student, reference, rng, expose, "ABC", widening, expected, beams=beams, steps=2)
        for beams, expected in ((1, "AA"), (2, "BA"), (3, "CA"))
    ]
    one_parent = {  # both survivors of step 2 come from A
        "": {"A": 0.60, "B": 0.40},
        "A": {"A": 0.52, "B": 0.47},
        "B": {"A": 0.40, "B": 0.30},
        "AA": {"A": 0.40, "B": 0.35},
        "AB": {"C": 0.95},
        "BA": {"A": 0.98},
    }
    told.append(tell(student, reference, rng, expose, "ABC", one_parent, "ABC", beams=2, steps=3))
    assert_told(told)


def test_beam_random_models(student, reference, rng, expose):
    """On random models with EOS, few beams and all penalties, tokens and score follow the rules."""
    told = []
    for _ in range(30):
        beams, penalty = rng.integer(2, 5), rng.choice([0.0, 0.5, 1.0, 2.0])
        model, expected = telling_model(rng, beams, penalty)
        ours = reference.beam_search(model, model.prefix, beams, 4, model.eos, penalty)
        assert ours[0] == expected[0]
        model.calls.clear()
        told.append((model, expected, search(student, expose, model, beams, 4, penalty)))
    assert_told(told)


def telling_model(rng, beams, penalty):
    """Draw a model on which greedy search and search without EOS find something else."""
    while True:
        model = random_model(rng, 6, 4, eos=rng.integer(0, 6))
        found, greedy, endless = (
            plain_search(model, model.prefix, n, 4, eos, penalty)
            for n, eos in ((beams, model.eos), (1, model.eos), (beams, None))
        )
        if found and found[0] not in [other[0] for other in (greedy, endless) if other]:
            return model, found


def test_beam_eos(student, reference, rng, expose):
    """A beam that ends in EOS is finished: it can win over longer ones and is never extended."""
    short_wins = {"": {"A": 0.6, "B": 0.4}, "A": {"A": 0.4, "B": 0.3, "E": 0.05}, "B": {"E": 0.9}}
    first_is_not_best = {"": {"A": 0.7, "E": 0.2}, "A": {"A": 0.95, "E": 0.001}, "AA": {"E": 0.95}}
    certain_end = {"": {"A": 1.0}, "A": {"E": 1.0}}
    tempting = {"": {"A": 0.9}, "A": {"E": 0.9}, "AE": {"A": 0.999}, "AEA": {"A": 0.999}}
    told = [
        tell(student, reference, rng, expose, "ABCE", story, due, beams=beams, steps=4, penalty=penalty)
        for story, due, beams, penalty in (
            (short_wins, "BE", 2, 0.0),
            (first_is_not_best, "AAE", 2, 0.0),
            (certain_end, "AE", 3, 0.0),
            (tempting, "AE", 2, 1.0),
        )
    ]
    assert_told(told)
    for model, _, _ in told:
        extended = any(model.eos in tokens[len(model.prefix) :] for call in model.calls for tokens in call)
        check(
            not extended,
            "a sequence that had already ended in EOS was extended",
            "已经以 EOS 结束的序列被继续扩展了",
        )


def test_beam_stopping(student, reference, rng, expose):
    """EOS counts only among the best num_beams; num_beams finished beams end the search, fewer do not.

    While it runs num_beams beams stay live; at the limit they count, too; impossible candidates never do.
    """
    low_rank = {  # EOS is third at first, so with two beams that candidate is dropped
        "": {"A": 0.50, "B": 0.30, "E": 0.20},
        "A": {"A": 0.36, "B": 0.33, "C": 0.31},
        "B": {"A": 0.36, "B": 0.33, "C": 0.31},
    }
    enough = {  # after two steps two beams have finished; going on would find A A A A
        "": {"A": 0.60, "E": 0.30},
        "A": {"A": 0.70, "E": 0.20},
        "AA": {"A": 0.95},
        "AAA": {"A": 0.95},
    }
    live_wins = {
        "": {"A": 0.75, "E": 0.20},
        "A": {"A": 0.95, "E": 0.001},
        "AA": {"A": 0.95, "E": 0.001},
    }
    never_ends = {"": {"A": 1.0, "E": 0.0}, "A": {"A": 1.0, "E": 0.0}, "AA": {"A": 0.6, "E": 0.4}}
    refilled = {  # E wins; but B goes on beside A, in the place of the beam that finished at once
        "": {"A": 0.40, "E": 0.35, "B": 0.25, "C": 0.0},
        "A": {"A": 0.36, "B": 0.33, "C": 0.31},
        "B": {"A": 0.98, "E": 0.001},
        "AA": {"A": 0.50, "E": 0.001},
        "BA": {"A": 0.98, "E": 0.001},
    }
    told = [
        tell(student, reference, rng, expose, letters, story, due, beams=beams, steps=steps)
        for letters, story, due, beams, steps in (
            ("ABCE", low_rank, "AA", 2, 2),
            ("ABCE", enough, "E", 2, 4),
            ("ABCE", live_wins, "AAA", 3, 3),
            ("AE", never_ends, "AAA", 2, 3),
            ("ABCE", refilled, "E", 2, 3),
        )
    ]
    clue([[len(call) for call in model.calls] for model, _, _ in told])
    assert_told(told)
    enough_calls, refilled_calls = told[1][0].calls, told[4][0].calls
    check(
        len(enough_calls) == 2,
        "log_prob_fn was called again after num_beams beams had finished: the search must stop there",
        "已有 num_beams 个 beam 完成后仍调用了 log_prob_fn：此时搜索应当停止",
    )
    check(
        [len(call) for call in refilled_calls] == [1, 2, 2],
        "after one beam had finished, the others were not num_beams any more (or less than all went on)",
        "一个 beam 完成后，继续的 beam 不再是 num_beams 个",
    )


def test_beam_length_penalty(student, reference, rng, expose):
    """The score is the sum / (new tokens, EOS included) ** penalty: each penalty has its own winner."""
    story = {
        "": {"E": 0.36, "A": 0.55},
        "A": {"E": 0.45, "A": 0.50},
        "AA": {"E": 0.35, "A": 0.33, "B": 0.30},
    }
    told = [
        tell(student, reference, rng, expose, "ABCE", story, due, beams=3, steps=3, penalty=penalty)
        for penalty, due in ((0.0, "E"), (1.0, "AE"), (2.0, "AAE"))
    ]
    always_two = {
        "": {"A": 0.9},
        "A": {"E": 0.9},
    }  # one that ignores the penalty finds it, with another score
    told.append(
        tell(student, reference, rng, expose, "ABCE", always_two, "AE", beams=2, steps=2, penalty=1.0)
    )
    assert_told(told)


def test_beam_calls(student, rng, expose):
    """One call per step with at most num_beams different sequences; the first call has the prefix alone.

    It counts where the search finds what is due.
    """
    for beams, steps in ((1, 3), (3, 4), (4, 5)):
        due = None
        while due is None:
            model = random_model(rng, 5, steps)
            due = plain_search(model, model.prefix, beams, steps, None)
        found = search(student, expose, model, beams, steps)
        check(
            len(model.calls) <= steps,
            "log_prob_fn was called more than once per new token: give it all beams in one call",
            "每生成一个 token 调用了不止一次 log_prob_fn：请把所有 beam 放进同一次调用",
        )
        check(
            model.calls[0] == [model.prefix],
            "the first call of log_prob_fn must hold the prefix exactly once",
            "第一次调用 log_prob_fn 时应恰好只有一份 prefix",
        )
        distinct = all(len({*map(tuple, call)}) == len(call) for call in model.calls)
        check(
            distinct and max(map(len, model.calls)) <= beams,
            "a call of log_prob_fn had more than num_beams sequences, or the same sequence twice",
            "某次调用 log_prob_fn 的序列多于 num_beams 条，或包含重复的序列",
        )
        assert_found(found, due, "search whose calls are counted")
