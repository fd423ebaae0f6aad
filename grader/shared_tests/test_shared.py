"""The tests every exercise has. exercise.yaml's `shared:` table says what each is worth.

Z1 to Z6 are about the exercise's samples (hidden_tests/samples.py), most of them about one and the same
run of these. What they learn from inside the worker (inputs changed, files written) is evidence against
the careless, not proof against a forger: none of it can earn more than its own point.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from grader.checks import (
    ALL,
    StudentRaised,
    WrongAnswer,
    as_lists,
    assert_close,
    assert_equal,
    assert_form,
    check,
    clue,
)
from grader.exercise import FULL_SIZE, LONGEST_LINE, ZERO_SIZE
from grader.job import Text

MOST_ODD = 5  # suspicious places that are told
SAME = 1e-4


@dataclass(frozen=True, slots=True)
class Seen:
    """What a solution did with a sample whose plain call works."""

    number: int  # among the samples
    name: str
    misfit: Text | str  # what is wrong with the form of its answer
    answer: object  # None where its form is wrong: it may be huge
    steady: bool  # the same call gave the same answer again
    evidence: tuple[object, ...]  # what was seen of each of its calls
    printed: str


def survey(samples, expected, student, printed):
    """Run every sample, then all once more under observation; what raises is judged by other tests.

    Observed are second calls, as a solution may prepare itself in the first, and none right after its first:
    a seed that is set again would leave the state as it found it.
    """
    working = []
    for number, sample in enumerate(samples):
        try:
            sample.prepare(student)
            answer = sample.run(student, *sample.tensors)
        except StudentRaised:
            continue
        misfit = _misfit(sample, answer, expected[number])
        working.append((number, sample, misfit, None if misfit else answer))
    check(bool(working), "none of the functions works yet", "目前还没有可用的函数")
    seen = []
    for number, sample, misfit, answer in working:
        printed()
        with student.observing() as evidence:
            again = sample.run(student, *sample.tensors)
        steady = not misfit and not difference(answer, again)
        seen.append(Seen(number, sample.name, misfit, answer, steady, tuple(evidence), printed()))
    return seen


def _misfit(sample, answer, expected):
    """Say what is wrong with an answer's form: a Text, or a plain word where it cannot even be compared."""
    try:
        check_form(answer, expected, sample.name)
    except WrongAnswer as error:
        return error.text
    except Exception as error:
        return repr(error)
    return ""


def check_form(answer, expected, what):
    """Compare kinds, lengths, dtypes and shapes of two values."""
    for got, due in _parts(as_lists(answer), as_lists(expected)):
        if isinstance(due, torch.Tensor):
            assert_form(got, tuple(due.shape), due.dtype, what)
        else:
            check(
                type(got) is type(due) and not isinstance(got, list | dict),
                f"{what}: wrong kind or length of result",
                f"{what}：返回值的类型或长度不对",
            )


def difference(before, now):
    """Say how an answer differs from an earlier one to the same question: a Text, empty if it does not.

    Right or wrong is of no concern here. NaN equals NaN.
    """
    try:
        for old, new in _parts(as_lists(before), as_lists(now)):
            if isinstance(old, torch.Tensor) and old.is_floating_point():
                assert_form(new, tuple(old.shape), old.dtype, "")
                assert_equal(new.isnan(), old.isnan(), what="NaN")
                assert_close(_without_nan(new), _without_nan(old), SAME, what="")
            else:
                assert_equal(new, old, what="")
    except WrongAnswer as error:
        return Text(error.text.en.removeprefix(": "), error.text.zh.removeprefix("："))
    return Text("", "")


def _without_nan(x):
    return x.where(~x.isnan(), 0)


def _parts(before, now) -> Iterator[tuple[object, object]]:
    """Walk through two values side by side, down to where they are no lists or dicts with the same places."""
    if isinstance(before, dict) and isinstance(now, dict) and before.keys() == now.keys():
        before, now = list(before.values()), [now[key] for key in before]
    if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for old, new in zip(before, now, strict=True):
            yield from _parts(old, new)
    else:
        yield before, now


def answers_alike(sample, seen, answer, en, zh):
    """Fail unless a call made in another way was answered as the plain call was.

    What the plain call loses is lost there: neither wrong values nor a wrong form are charged again, and
    what is another answer each time cannot be compared.
    """
    if seen.misfit:
        return
    why = difference(seen.answer, answer) if sample.same and seen.steady else Text("", "")
    check(not why, f"{seen.name} answers otherwise {en}: {why.en}", f"{seen.name} {zh}结果不同：{why.zh}")


def strided(tensor):
    """Return an equal tensor whose elements are not adjacent in memory."""
    if tensor.dim() == 0 or tensor.numel() == 0:
        return tensor
    if tensor.dim() == 1:
        return torch.stack((tensor, tensor), dim=-1)[:, 0]
    return tensor.transpose(0, -1).contiguous().transpose(0, -1)


def test_inputs_unmodified(student, samples, expected, printed, once):
    """A function must not change the tensors it is given."""
    for seen in once(survey, samples, expected, student, printed):
        clue(seen.name, replaces=ALL)
        check(
            not any(evidence.inputs_changed for evidence in seen.evidence),
            f"{seen.name} changes its input in place; work on a copy",
            f"{seen.name} 就地修改了输入；请在副本上操作",
        )


def test_output_form(student, samples, expected, printed, once):
    """Outputs have exactly the dtype and shape that the handout states."""
    for seen in once(survey, samples, expected, student, printed):
        clue(seen.name, replaces=ALL)
        if isinstance(seen.misfit, Text):
            raise WrongAnswer(seen.misfit)
        assert not seen.misfit, seen.misfit  # the judge is at fault, or the answer is


def test_inference_mode(student, samples, expected, printed, once):
    """Everything works under torch.inference_mode(), as it will be used for serving."""
    for seen in once(survey, samples, expected, student, printed):
        sample = samples[seen.number]
        sample.prepare(student)
        with student.inference_mode():
            actual = sample.run(student, *sample.tensors)
        answers_alike(
            sample,
            seen,
            actual,
            "under torch.inference_mode() than without it",
            "在 torch.inference_mode() 下",
        )


def test_noncontiguous_inputs(student, samples, expected, printed, once):
    """Transposed and sliced inputs give the same result as contiguous ones."""
    for seen in once(survey, samples, expected, student, printed):
        sample = samples[seen.number]
        sample.prepare(student)
        try:
            actual = sample.run(student, *map(strided, sample.tensors))
        except StudentRaised as error:
            view = error.mro[:1] == ("RuntimeError",)
            text = Text(
                f"{sample.name} raises {error.mro[0]} on a non-contiguous input"
                + " (view needs contiguous memory, reshape does not)" * view,
                f"{sample.name} 在非连续输入上抛出 {error.mro[0]}"
                + "（view 要求内存连续，reshape 不要求）" * view,
            )
            raise WrongAnswer(text) from None
        answers_alike(sample, seen, actual, "when its input is not contiguous", "在输入不连续时")


def test_global_rng_untouched(student, samples, expected, printed, once):
    """A deterministic function consumes no global randomness."""
    for seen in once(survey, samples, expected, student, printed):
        clue(seen.name, replaces=ALL)
        check(
            not any(evidence.rng_changed for evidence in seen.evidence),
            f"{seen.name} changes the global random state",
            f"{seen.name} 改变了全局随机状态",
        )


def test_silent(student, samples, expected, printed, once):
    """A library function prints nothing and leaves no files behind."""
    for seen in once(survey, samples, expected, student, printed):
        clue(seen.name, replaces=ALL)
        check(not seen.printed, f"{seen.name} prints something", f"{seen.name} 打印了内容")
        check(
            not any(evidence.new_files for evidence in seen.evidence),
            f"{seen.name} writes files",
            f"{seen.name} 写了文件",
        )


def test_import_policy(inspection, earn):
    """Only allowed modules and names are used. What only looks odd is told, to student and instructor."""
    if inspection.errors:
        raise WrongAnswer(inspection.errors[0])
    first = inspection.violations[0] if inspection.violations else None
    check(first is None, f"{first and first.en}", f"{first and first.zh}")
    if odd := inspection.suspicions[:MOST_ODD]:
        en, zh = "\n".join(found.en for found in odd), "\n".join(found.zh for found in odd)
        earn(1.0, Text(f"looks odd, and costs nothing:\n{en}", f"看起来不寻常，但不扣分：\n{zh}"))


def test_pseudocode(inspection, earn):
    """PSEUDOCODE.md says, with shapes, what each public name does."""
    earn(inspection.pseudocode)
    if inspection.pseudocode < 1:
        problems = inspection.pseudocode_problems
        en, zh = "; ".join(p.en for p in problems[:5]), ";".join(p.zh for p in problems[:5])
        raise WrongAnswer(Text(en or "PSEUDOCODE.md is not filled in", zh or "PSEUDOCODE.md 尚未填写"))


def test_signatures(inspection, reference_inspection, exercise):
    """Names, order and defaults of the parameters are the starter's; bonus names have tests of their own."""
    for name, due in reference_inspection.signatures.items():
        if name.partition(".")[0] not in exercise.interface.required:
            continue
        got = inspection.signatures.get(name)
        if got is None and "." in name:
            continue
        check(
            got == due,
            f"signature of {name}: {got or 'missing'}, expected {due}",
            f"{name} 的签名为 {got or '缺失'}，应为 {due}",
        )


def test_code_size(inspection, reference_inspection, earn):
    """Less code is better: full points up to 1.25 times the reference's, none from 2.5 times on."""
    yours, ours = inspection.size, reference_inspection.size
    ratio = max(yours.statements / ours.statements, yours.tokens / ours.tokens)
    long = yours.longest_line > LONGEST_LINE
    statements, tokens = f"{yours.statements}/{ours.statements}", f"{yours.tokens}/{ours.tokens}"
    note = Text(
        f"yours/reference: {statements} statements, {tokens} tokens",
        f"你的/参考：语句数 {statements}，token 数 {tokens}",
    )
    earn(0.0 if long else (ZERO_SIZE - ratio) / (ZERO_SIZE - FULL_SIZE), note)
    file, number = yours.longest_file.split("/", 2)[-1], yours.longest_number
    check(
        not long,
        f"{file}, line {number}: has {yours.longest_line} characters, more than {LONGEST_LINE}; {note.en}",
        f"{file} 第 {number} 行：有 {yours.longest_line} 个字符，超过 {LONGEST_LINE}；{note.zh}",
    )
    check(
        ratio <= FULL_SIZE,
        f"{note.en}; full points up to {FULL_SIZE} times",
        f"{note.zh}；不超过 {FULL_SIZE} 倍得满分",
    )
