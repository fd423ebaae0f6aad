"""How alike the answers of two solutions are, to tell whether they made the same mistake.

Two programs with one mistake do not answer bit by bit the same: they round differently. What counts is
how much of the way from the right answer to the student's is explained by the known mistake.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

NEAR = 0.1  # of the deviation may stay unexplained
NOISE = 4.0  # times the squared error of what passed may a known mistake differ from it
ROUNDING = 1e-5  # relative error below which two float32 answers are the same
SAME_DRAWS = 1e-3  # least p-value at which two samples count as drawn alike
LIKELY_DRAWS = 0.01  # distance of such samples
SAME_FORM = 0.02  # distance at most of two tensors of one wrong form: what is in them matters less
LEAST_CELL = 10.0  # draws that two samples together must have in a cell of the chi-square test


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """How often each token was drawn: what other code with the same mistake draws alike, if not equally."""

    counts: torch.Tensor


@dataclass(slots=True)
class _Sums:
    """Squared relative errors against the known mistake and against the right answer."""

    unexplained: float = 0.0
    deviation: float = 0.0


def distance(seen: Sequence[object], known: Sequence[object], right: Sequence[object]) -> float:
    """Return the share of the deviation of `seen` from `right` that `known` leaves unexplained.

    0 is the same mistake, up to NEAR may be, infinity is another form, another choice, other tokens.
    Where `seen` is right, too, 0 says that `known` is as well. A test ends where an answer is wrong, so it
    is enough to explain the last one, if those before, which passed, are about as near to it as to right.
    """
    if len(seen) != len(known):
        return math.inf
    parts = [_Sums() for _ in seen]
    for i, sums in enumerate(parts):
        _add(sums, seen[i], known[i], right[i] if i < len(right) else None)
    off = [i for i, sums in enumerate(parts) if sums.deviation > ROUNDING**2]
    together = _share(parts)
    before, last = (parts[: off[-1]], parts[off[-1] :]) if off else ([], [])
    if last and sum(s.unexplained for s in before) <= NOISE * sum(s.deviation for s in before):
        return min(together, _share(last))
    return together


def _share(parts: Sequence[_Sums]) -> float:
    unexplained = math.sqrt(sum(sums.unexplained for sums in parts))
    deviation = math.sqrt(sum(sums.deviation for sums in parts))
    if unexplained == 0:
        return 0.0
    if unexplained == math.inf:
        return math.inf
    if deviation <= ROUNDING:
        return 0.0 if unexplained <= 2 * ROUNDING else math.inf
    return unexplained / deviation


def _add_items(sums: _Sums, seen: Sequence[object], known: Sequence[object], right: object) -> None:
    """Compare item by item; what has no right counterpart of its form deviates as a whole."""
    due = right if isinstance(right, list | tuple) else ()
    for i, (s, k) in enumerate(zip(seen, known, strict=True)):
        _add(sums, s, k, due[i] if i < len(due) else None)


def _add(sums: _Sums, seen: object, known: object, right: object) -> None:
    import torch

    if type(seen) is not type(known):
        sums.unexplained = math.inf
    elif isinstance(seen, Draws) and isinstance(known, Draws):
        _add_draws(sums, seen, known, right)
    elif isinstance(seen, torch.Tensor) and isinstance(known, torch.Tensor):
        _add_tensor(sums, seen, known, right)
    elif isinstance(seen, list | tuple) and isinstance(known, list | tuple):
        if len(seen) != len(known):
            sums.unexplained = math.inf
        else:
            sums.deviation += not isinstance(right, list | tuple) or len(right) != len(seen)
            _add_items(sums, seen, known, right)
    elif isinstance(seen, dict) and isinstance(known, dict):
        if seen.keys() != known.keys():
            sums.unexplained = math.inf
        else:
            due = right if isinstance(right, dict) else {}
            _add_items(
                sums, list(seen.values()), [known[key] for key in seen], [due.get(key) for key in seen]
            )
    elif isinstance(seen, float) and isinstance(known, float):
        goal = right if isinstance(right, float) else math.nan
        a, b, c = (torch.tensor(x, dtype=torch.float64) for x in (seen, known, goal))
        _add_tensor(sums, a, b, c)
    elif isinstance(seen, None | bool | int | str | bytes):  # two handles of one class are the same
        sums.unexplained += 0.0 if seen == known else math.inf
        sums.deviation += type(right) is not type(seen) or seen != right


def _add_tensor(sums: _Sums, seen: torch.Tensor, known: torch.Tensor, right: object) -> None:
    import torch

    if seen.shape != known.shape or seen.dtype != known.dtype:
        sums.unexplained = math.inf
        return
    if isinstance(right, torch.Tensor) and (right.shape, right.dtype) != (seen.shape, seen.dtype):
        sums.deviation += 1
        sums.unexplained += 0.0 if torch.equal(seen, known) else SAME_FORM**2
        return
    if seen.is_complex():
        seen, known = torch.view_as_real(seen), torch.view_as_real(known)
        right = torch.view_as_real(right) if isinstance(right, torch.Tensor) else right
    s, k = seen.double(), known.double()
    r = right.double() if isinstance(right, torch.Tensor) and right.shape == seen.shape else s * math.nan
    finite = s.isfinite()
    if not torch.equal(s[~finite].nan_to_num(), k[~finite].nan_to_num()) or not bool(
        k[finite].isfinite().all()
    ):
        sums.unexplained = math.inf
        return
    regular = finite & r.isfinite()
    sums.deviation += not torch.equal(s[~regular].nan_to_num(), r[~regular].nan_to_num())
    if not seen.is_floating_point():
        same = torch.equal(s, k)
        sums.unexplained += 0.0 if same else math.inf
        sums.deviation += not torch.equal(s, r)
        return
    scale = float(r[regular].norm()) or float(s[finite].norm()) or 1.0
    sums.unexplained += _squared(float((s[finite] - k[finite]).norm()) / scale)
    sums.deviation += _squared(float((s[regular] - r[regular]).norm()) / scale)


def _squared(error: float) -> float:
    return error * error  # infinite where `** 2` would raise


def _add_draws(sums: _Sums, seen: Draws, known: Draws, right: object) -> None:
    if seen.counts.shape != known.counts.shape:
        sums.unexplained = math.inf
        return
    if (seen.counts != known.counts).any():
        alike = _p_value(seen.counts, known.counts) >= SAME_DRAWS
        sums.unexplained += LIKELY_DRAWS**2 if alike else math.inf
    sums.deviation += not isinstance(right, Draws) or _p_value(seen.counts, right.counts) < SAME_DRAWS


def _p_value(a: torch.Tensor, b: torch.Tensor) -> float:
    """Return the p-value of the chi-square test that two samples are drawn from one distribution."""
    import torch

    a, b = a.double(), b.double()
    if a.shape != b.shape or not float(a.sum()) or not float(b.sum()):
        return 0.0
    large = a + b >= LEAST_CELL
    a, b = (torch.cat([x[large], x[~large].sum()[None]]) for x in (a, b))
    ratio = float((b.sum() / a.sum()).sqrt())
    terms = (a * ratio - b / ratio) ** 2 / (a + b).clamp(min=1)
    cells = int((a + b > 0).sum())
    if cells < 2:
        return 1.0
    half = torch.tensor([(cells - 1) / 2, float(terms.sum()) / 2], dtype=torch.float64)
    return float(torch.special.gammaincc(half[0], half[1]))
