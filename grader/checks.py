"""What a hidden test can assert. Every failure is a sentence for the student, in both languages.

A message never contains an input, an expected value or a seed: only shapes, dtypes, kinds of
mistake and the magnitude of an error. Inputs to these functions are hostile: form is checked
before values, and comparison is done here, in float64, never by anything of the student's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from grader.explain import explain_difference, kind_of
from grader.job import Text
from grader.likeness import Draws

if TYPE_CHECKING:
    import torch

SIGNIFICANCE = 1e-6  # of the chi-square test; confirmed once with a fresh sample
DRAWS = 24  # samples that a test must be able to draw
MIN_EXPECTED = 25.0  # cells are pooled until this many draws are expected in each
PEAK = 12.0  # the largest error may be this many times the root mean square limit
RETURNED_NOTHING = Text("{} returned None: is a `return` missing?", "{} 返回了 None：是否漏写了 return？")


ALL = 1 << 30  # answers: more than any test has


class WrongAnswer(Exception):  # noqa: N818  # a verdict, not a fault
    """The student's answer is not right; `text` says how."""

    def __init__(self, text: Text) -> None:
        super().__init__(text.en)
        self.text = text


class WrongForm(WrongAnswer):
    """The answer has another shape: whatever else a test is about, that is what has to be mended."""


class WrongKind(WrongForm):
    """The answer is no tensor."""


MOST_ROWS, MOST_NUMBERS = 1 << 16, 1 << 20  # of one answer, made into as many Python objects


def bound_walks(tensor: type[torch.Tensor]) -> None:
    """Have a tensor refuse to become more Python objects than any test looks at, half a kilobyte each.

    A test may unpack an answer, or walk through it, before it has looked at its shape. For processes that
    hold answers, not for those that hold students' code.
    """
    import functools

    def bounded(name: str, size: Callable[[torch.Tensor], int], most: int) -> None:
        walk = getattr(tensor, name)

        @functools.wraps(walk)
        def bound(self: torch.Tensor, *args: object, **kwargs: object) -> object:
            if size(self) > most:
                raise WrongForm(
                    Text(
                        f"an answer of {size(self)} parts is too large to be looked at one by one",
                        f"返回值有 {size(self)} 个部分，过大，无法逐个检查",
                    )
                )
            return walk(self, *args, **kwargs)

        setattr(tensor, name, bound)

    bounded("__iter__", lambda t: t.shape[0] if t.dim() else 0, MOST_ROWS)
    bounded("tolist", lambda t: t.numel(), MOST_NUMBERS)


class NothingRaised(WrongAnswer):
    """There should have been no answer, but an exception."""


class StudentRaised(Exception):  # noqa: N818
    """The student's code raised; `mro` are the names of the exception's classes."""

    mro: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """One typical use of a public name, from which the shared tests Z1 to Z6 are made.

    `run(module, *tensors)` is called with the student's module, and with the reference, whose answer says
    which form is due. `same` says whether the student's own answers must agree (to 1e-4) however they are
    asked for, or only in form, as random draws. `prepare(module)` comes before, and is not judged: making a
    module of the student's, which draws initial weights, where using it must not. No sample may belong to a
    bonus name: these tests are worth required points.
    """

    name: str
    run: Callable[..., object]
    tensors: tuple[torch.Tensor, ...] = ()
    same: bool = True
    prepare: Callable[..., object] = lambda module: None


# Measured error / limit of every comparison of the running test, for `grader verify`.
_margins: ContextVar[list[tuple[str, float]] | None] = ContextVar("margins", default=None)


@contextmanager
def recording_margins() -> Iterator[list[tuple[str, float]]]:
    """Collect (what, measured / limit) of the comparisons made inside."""
    found: list[tuple[str, float]] = []
    token = _margins.set(found)
    try:
        yield found
    finally:
        _margins.reset(token)


# Who wants to know, of the running test, what `clue` is told.
_clues: ContextVar[Callable[[object, int], None] | None] = ContextVar("clues", default=None)


@contextmanager
def recording_clues(take: Callable[[object, int], None]) -> Iterator[None]:
    """Pass on what the tests inside give as clues."""
    token = _clues.set(take)
    try:
        yield
    finally:
        _clues.reset(token)


def clue(value: object, *, replaces: int = 0) -> None:
    """Say in plain values what is special about the last `replaces` answers (or ALL), to name the mistake.

    Other code with the same mistake must give the same clue, too. It is for answers that it would not
    repeat, such as random draws, and for what shows in the answers of no call.
    """
    take = _clues.get()
    if take is not None:
        take(value, replaces)


def _record(what: str, ratio: float) -> None:
    margins = _margins.get()
    if margins is not None:
        margins.append((what, ratio))


def check(condition: bool, en: str, zh: str) -> None:
    """Fail with this sentence unless the condition holds."""
    if not condition:
        raise WrongAnswer(Text(en, zh))


def within(actual: float, limit: float, what: str) -> None:
    """Fail unless `actual <= limit`; the ratio counts as a margin."""
    _record(what, actual / limit if limit else float(actual > 0))
    got, _ = apart(actual, limit)
    check(
        actual <= limit,
        f"{what}: {got.en} is over the limit of {limit:g}",
        f"{what}：{got.zh} 超过上限 {limit:g}",
    )


def apart(actual: float, limit: float) -> tuple[Text, str]:
    """Write two magnitudes so that they differ: with one digit, or two, or in words.

    More digits of an error than that would tell something of the value that it is the error of.
    """
    for digits in range(2):
        got, most = f"{actual:.{digits}e}", f"{limit:.{digits}e}"
        if got != most:
            return Text(got, got), most
    most = f"{limit:.0e}"
    return Text(f"a little over {most}", f"略大于 {most}"), most


def assert_form(actual: object, shape: tuple[int, ...], dtype: torch.dtype | None, what: str) -> None:
    """Fail unless `actual` is a tensor of exactly this shape and (if given) dtype."""
    import torch

    if not isinstance(actual, torch.Tensor):
        kind = kind_of(actual)
        if actual is None:
            raise WrongKind(Text(RETURNED_NOTHING.en.format(what), RETURNED_NOTHING.zh.format(what)))
        raise WrongKind(
            Text(f"{what}: expected a tensor, got {kind.en}", f"{what}：应为张量，得到的是{kind.zh}")
        )
    if tuple(actual.shape) != tuple(shape):
        got, due = list(actual.shape), list(shape)
        raise WrongForm(Text(f"{what}: shape {got}, expected {due}", f"{what}：形状为 {got}，应为 {due}"))
    if dtype is not None and actual.dtype != dtype:
        raise WrongAnswer(
            Text(
                f"{what}: dtype {actual.dtype}, expected {dtype}",
                f"{what}：dtype 为 {actual.dtype}，应为 {dtype}",
            )
        )


def put_right(answer: object, like: torch.Tensor) -> object:
    """Return an answer in the form of `like`, where one `reshape` or one cast is all that it lacks.

    Axes of size 1 are added or taken away; floating point that is at least as precise becomes the dtype of
    `like`, and so do integers. Everything else is returned as it is, to be refused by what compares it: an
    axis that stands elsewhere, or precision that is lost, is a wrong value. With that one line more a
    solution passes the test of the form as well, so nobody gains by leaving it out.
    """
    import torch

    if not isinstance(answer, torch.Tensor):
        return answer
    if _without_ones(answer) == _without_ones(like):
        answer = answer.reshape(like.shape)
    return answer.to(like.dtype) if _holds(answer.dtype, like.dtype) else answer


def _without_ones(tensor: torch.Tensor) -> list[int]:
    return [size for size in tensor.shape if size != 1]


def _holds(got: torch.dtype, due: torch.dtype) -> bool:
    """Say whether casting from `got` to `due` loses nothing that `due` asks for."""
    import torch

    if got.is_floating_point and due.is_floating_point:
        return torch.finfo(got).eps <= torch.finfo(due).eps
    whole = {torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64}
    return got in whole and due in whole


def assert_close(
    actual: object, expected: torch.Tensor, limit: float, *, what: str, dtype: torch.dtype | None = None
) -> None:
    """Fail unless `actual` has the form of `expected` and differs by at most `limit`.

    The measure is the relative Frobenius error |a - e| / |e| in float64, together with a bound of
    12 x rms(e) x limit on the largest single error, which catches one wrong row among many right ones.
    Where `expected` is infinite `actual` must be the same infinity; NaN never matches.
    """
    import torch

    expected = expected.detach().cpu()
    assert_form(actual, tuple(expected.shape), dtype or expected.dtype, what)
    assert isinstance(actual, torch.Tensor)
    if expected.is_complex():  # `double` would drop the imaginary parts
        actual, expected = (torch.view_as_real(x.resolve_conj()) for x in (actual, expected))
    a, e = actual.double(), expected.double()
    difference = a - e
    if not bool(difference.isfinite().all()):
        finite = e.isfinite()
        if not bool(a[finite].isfinite().all()) or not torch.equal(a[~finite], e[~finite]):
            raise WrongAnswer(_explain_nonfinite(a, e, what))
        e, difference = e[finite], a[finite] - e[finite]
    if e.numel() == 0:
        return
    norm, peak = float(e.norm()), float(difference.abs().max())
    error = float(difference.norm()) / norm if norm else peak
    scale = norm / e.numel() ** 0.5 if norm else 1.0
    ratio = max(error / limit, peak / (PEAK * scale * limit))
    _record(what, ratio)
    if not ratio <= 1.0:
        why = explain_difference(actual, expected, limit)
        got, most = apart(error, limit)
        head = f"{what}: relative error {got.en}, allowed {most}"
        head_zh = f"{what}：相对误差 {got.zh}，允许 {most}"
        if error <= limit:  # right but for a few values
            got, most = apart(peak / scale, PEAK * limit)
            head = f"{what}: the largest single error is {got.en} of a typical value, allowed {most}"
            head_zh = f"{what}：最大的单个误差是典型数值的 {got.zh}，允许 {most}"
        raise WrongAnswer(Text(f"{head}. {why.en}".strip(), f"{head_zh}。{why.zh}".strip()))


def _explain_nonfinite(a: torch.Tensor, e: torch.Tensor, what: str) -> Text:
    nan, total = int(a.isnan().sum()), a.numel()
    if nan:
        return Text(f"{what}: {nan} of {total} values are NaN", f"{what}：{total} 个值中有 {nan} 个是 NaN")
    if bool(e.isfinite().all()):
        return Text(
            f"{what}: contains infinite values where finite ones are due",
            f"{what}：应为有限值的位置出现了无穷大",
        )
    return Text(
        f"{what}: the infinite values (masked positions) are not where they should be",
        f"{what}：无穷大（被屏蔽的位置）出现的位置不对",
    )


def as_lists(value: object) -> object:
    """Return a value with a list for every tuple in it: to all tests the two kinds of sequences are one."""
    if isinstance(value, list | tuple):
        return [as_lists(item) for item in value]
    if isinstance(value, dict):
        return {key: as_lists(item) for key, item in value.items()}
    return value


def assert_equal(actual: object, expected: Any, *, what: str) -> None:  # noqa: ANN401
    """Fail unless `actual` equals `expected`: tensors in shape, dtype and value, data in type and value.

    A list and a tuple are the same.
    """
    import torch

    if isinstance(expected, torch.Tensor):
        expected = expected.detach().cpu()
        assert_form(actual, tuple(expected.shape), expected.dtype, what)
        assert isinstance(actual, torch.Tensor)
        if torch.equal(actual, expected):
            return
        wrong = int((actual != expected).sum())
        total = expected.numel()
        raise WrongAnswer(
            Text(f"{what}: {wrong} of {total} values are wrong", f"{what}：{total} 个值中有 {wrong} 个不对")
        )
    actual, expected = as_lists(actual), as_lists(expected)
    if type(actual) is not type(expected):
        got, due = kind_of(actual), kind_of(expected)
        raise WrongAnswer(
            Text(
                f"{what}: expected {due.en}, got {got.en}",
                f"{what}：应为{due.zh}，得到的是{got.zh}",
            )
        )
    if not _alike(actual, expected):
        raise WrongAnswer(_explain_unequal(actual, expected, what))


def _alike(actual: object, expected: object) -> bool:
    """Say whether two values are equal and of equal types throughout: [1.0] is not [1]."""
    if type(actual) is not type(expected):
        return False
    if isinstance(actual, list) and isinstance(expected, list):
        return len(actual) == len(expected) and all(map(_alike, actual, expected))
    if isinstance(actual, dict) and isinstance(expected, dict):
        return actual.keys() == expected.keys() and all(_alike(actual[k], expected[k]) for k in expected)
    return bool(actual == expected)


def _explain_unequal(actual: object, expected: object, what: str) -> Text:
    if isinstance(actual, list | str) and isinstance(expected, list | str):
        if len(actual) != len(expected):
            got, due = len(actual), len(expected)
            return Text(f"{what}: length {got}, expected {due}", f"{what}：长度为 {got}，应为 {due}")
        first = next(i for i, (a, e) in enumerate(zip(actual, expected, strict=True)) if not _alike(a, e))
        return Text(f"{what}: wrong from position {first} on", f"{what}：从第 {first} 个位置开始不对")
    return Text(f"{what}: wrong value", f"{what}：值不对")


@contextmanager
def expect_raises(*names: str) -> Iterator[None]:
    """Fail unless the student's call inside raises one of these exceptions (or a subclass)."""
    wanted = " or ".join(names)
    try:
        yield
    except StudentRaised as error:
        got = error.mro[0] if error.mro else "?"
        check(
            any(name in error.mro for name in names),
            f"expected {wanted}, but {got} was raised",
            f"应抛出 {wanted}，实际抛出了 {got}",
        )
    else:
        raise NothingRaised(
            Text(f"expected {wanted}, but nothing was raised", f"应抛出 {wanted}，实际没有抛出异常")
        )


def assert_distribution(draw: Callable[[int], object], probs: torch.Tensor, *, what: str) -> None:
    """Fail unless the drawn tokens follow `probs` [V] (Pearson chi-square, exact support).

    `draw(i)` returns int64 tokens [N] of the i-th independent sample, i < DRAWS. A token of probability zero
    fails at once. Otherwise p < 1e-6 must be seen on two independent samples, so a correct sampler
    fails with probability below 1e-10 (measured tail of one test: at most 1e-5).
    """
    samples: list[torch.Tensor] = []
    verdicts = (_p_value(draw(i), probs.double(), what, samples) for i in range(2))
    if all(p < SIGNIFICANCE for p in verdicts):
        if all(int((counts > 0).sum()) == 1 for counts in samples):
            _tell_single_token(draw)
        raise WrongAnswer(
            Text(
                f"{what}: the tokens drawn do not follow the right distribution (chi-square test, twice)",
                f"{what}：采样得到的 token 不服从应有的分布（卡方检验，两次独立样本）",
            )
        )


def _tell_single_token(draw: Callable[[int], object]) -> None:
    """Give as a clue whether all rows always get this one token, or one that is drawn for all of them."""
    seen = set()
    for i in range(DRAWS):
        seen.add(str(draw(i)))
        clue("drawn once more", replaces=1)
    told = f"always {seen.pop()}" if len(seen) == 1 else "one token for all rows"
    clue(told, replaces=2 + DRAWS)


def _p_value(tokens: object, probs: torch.Tensor, what: str, samples: list[torch.Tensor]) -> float:
    import torch

    assert_form(
        tokens, tuple(tokens.shape[:1]) if isinstance(tokens, torch.Tensor) else (), torch.int64, what
    )
    assert isinstance(tokens, torch.Tensor)
    V, N = probs.numel(), tokens.numel()
    check(
        N > 0 and int(tokens.min()) >= 0 and int(tokens.max()) < V,
        f"{what}: token ids outside the vocabulary",
        f"{what}：token id 超出词表范围",
    )
    counts = torch.bincount(tokens, minlength=V).double()
    samples.append(counts)
    clue(Draws(counts), replaces=1)
    check(
        not bool((counts[probs == 0] > 0).any()),
        f"{what}: a token was drawn that has probability zero",
        f"{what}：采到了概率为零的 token",
    )
    return chi_square(counts, probs * N)


def chi_square(counts: torch.Tensor, expected: torch.Tensor) -> float:
    """Return the p-value of Pearson's test, small cells pooled until 25 draws are expected in each."""
    import torch

    order = expected.argsort(descending=True)
    cells: list[tuple[float, float]] = []
    seen = due = 0.0
    for c, e in zip(counts[order].tolist(), expected[order].tolist(), strict=True):
        seen, due = seen + c, due + e
        if due >= MIN_EXPECTED:
            cells.append((seen, due))
            seen = due = 0.0
    if due and cells:  # the rest joins the last cell
        cells[-1] = (cells[-1][0] + seen, cells[-1][1] + due)
    if len(cells) < 2:
        return 1.0
    statistic = sum((c - e) ** 2 / e for c, e in cells)
    half = torch.tensor([(len(cells) - 1) / 2, statistic / 2], dtype=torch.float64)
    return float(torch.special.gammaincc(half[0], half[1]))
