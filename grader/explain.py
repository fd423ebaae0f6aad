"""Say in words how a wrong tensor differs from the right one, without giving the right one away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from grader.job import NO_TEXT, Text

if TYPE_CHECKING:
    import torch

CLOSE = 1e-3  # two tensors count as the same pattern below this relative error
ALMOST = 0.1  # relative error beyond which no answer is nearly right, whatever the limit


def explain_difference(actual: torch.Tensor, expected: torch.Tensor, limit: float) -> Text:
    """Name the pattern of the difference between two finite tensors of one shape, if there is one."""
    a, e = actual.detach().double().nan_to_num(), expected.detach().double().nan_to_num()
    for pattern in (_degenerate, _scaled, _moved, _precision, _located):
        text = pattern(a, e, limit)
        if text:
            return text
    return NO_TEXT


_KINDS: Mapping[type, Text] = {
    type(None): Text("None", " None"),
    bool: Text("a bool", "布尔值"),
    int: Text("an int", "整数"),
    float: Text("a float", "浮点数"),
    str: Text("a string", "字符串"),
    bytes: Text("bytes", "字节串"),
    list: Text("a list", "列表"),
    tuple: Text("a tuple", "元组"),
    dict: Text("a dict", "字典"),
}


def kind_of(value: object) -> Text:
    """Say in a word or two what kind of value this is."""
    import torch

    if isinstance(value, torch.Tensor):
        return Text("a tensor", "张量")
    name = type(value).__name__
    return _KINDS.get(type(value), Text(f"an object ({name})", f"对象（{name}）"))


def _error(a: torch.Tensor, e: torch.Tensor) -> float:
    return float((a - e).norm() / e.norm().clamp_min(1e-300))


def _degenerate(a: torch.Tensor, e: torch.Tensor, limit: float) -> Text:
    if not bool(a.any()):
        return Text("Your output is all zeros.", "你的输出全为零。")
    if a.numel() > 1 and bool((a == a.flatten()[0]).all()):
        return Text("Your output is one constant everywhere.", "你的输出处处是同一个常数。")
    return NO_TEXT


def _scaled(a: torch.Tensor, e: torch.Tensor, limit: float) -> Text:
    factor = float((a * e).sum() / (e * e).sum().clamp_min(1e-300))
    if factor == 0 or e.numel() < 3 or _error(a / factor, e) > max(CLOSE, 2 * limit):
        return NO_TEXT
    if abs(factor + 1) < CLOSE:
        return Text("Your output is right except for its sign.", "你的输出只差一个负号。")
    if abs(factor - 1) < max(CLOSE, 2 * limit):
        return NO_TEXT
    return Text(
        "Your output is right except for one constant factor.", "你的输出与正确结果只差一个常数因子。"
    )


def _moved(a: torch.Tensor, e: torch.Tensor, limit: float) -> Text:
    for dim in range(a.dim()):
        if a.shape[dim] < 3:
            continue
        for step in (1, -1):
            inner = a.roll(step, dim).narrow(dim, 1, a.shape[dim] - 2)
            if _error(inner, e.narrow(dim, 1, a.shape[dim] - 2)) < CLOSE:
                return Text(
                    f"Your output is right but shifted by one along dimension {dim}.",
                    f"你的输出沿第 {dim} 维错位了一格。",
                )
    for i in range(a.dim()):
        for j in range(i + 1, a.dim()):
            if a.shape[i] == a.shape[j] > 1 and _error(a.transpose(i, j), e) < CLOSE:
                return Text(
                    f"Your output is right but dimensions {i} and {j} are exchanged.",
                    f"你的输出的第 {i} 维与第 {j} 维对调了。",
                )
    return NO_TEXT


def _precision(a: torch.Tensor, e: torch.Tensor, limit: float) -> Text:
    if _error(a, e) > min(100 * limit, ALMOST):
        return NO_TEXT
    return Text(
        "Almost right: look for a slightly different constant, or a computation in too low a precision.",
        "几乎正确：检查是否某个常数略有不同，或某一步的计算精度过低。",
    )


def _located(a: torch.Tensor, e: torch.Tensor, limit: float) -> Text:
    """Name the slices along one dimension that alone are wrong, where each is clearly wrong or right."""
    for dim in range(a.dim()):
        n = a.shape[dim]
        if n < 2:
            continue
        rows_a, rows_e = a.movedim(dim, 0).reshape(n, -1), e.movedim(dim, 0).reshape(n, -1)
        errors = (rows_a - rows_e).norm(dim=1) / rows_e.norm(dim=1).clamp_min(1e-300)
        wrong, right = errors > 10 * limit, errors <= 2 * limit
        indices = [int(i) for i in wrong.nonzero().flatten()]
        if 0 < len(indices) <= n // 2 and bool((wrong | right).all()):
            shown = ", ".join(map(str, indices[:5])) + (", ..." if len(indices) > 5 else "")
            return Text(
                f"Only part is wrong: index {shown} of dimension {dim} (size {n}).",
                f"只有一部分不对：第 {dim} 维（大小 {n}）的下标 {shown}。",
            )
    return NO_TEXT
