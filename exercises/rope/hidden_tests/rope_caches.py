"""Caches and rotations of the judge's own, which the student's model must work with unchanged.

They stay with the judge; the model calls them over the wire. They cannot call the student in turn, so they
rotate keys by themselves. The caches note what they are asked.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from rope_fixtures import rope64
from torch import Tensor

from grader.checks import assert_form, check

SHIFT = 37  # of all positions in `ShiftedCache`: a rotation depends on differences only
MOST = 10_000  # values in one call of theirs


class NoRope:
    """A rotation that does not rotate."""

    def __init__(self, device: str) -> None:
        self.device = device

    def __call__(self, x: Tensor, position_ids: Tensor) -> Tensor:
        """Return x [B, h, S, D] as it is."""
        return x.to(self.device)

    def validate(self, x: Tensor, position_ids: Tensor) -> None:
        """Fail unless this is something to rotate, and where."""
        what = "x passed to rope"
        check(
            isinstance(x, Tensor) and x.dim() == 4,
            f"{what} must be [B, h, S, D]",
            f"{what} 应为 [B, h, S, D]",
        )
        assert_form(position_ids, (x.shape[0], x.shape[2]), torch.int64, "position_ids passed to rope")


class TrueRope(NoRope):
    """The rotation of a config; it notes how many positions it is asked to turn."""

    def __init__(self, config: object, device: str) -> None:
        super().__init__(device)
        self.config, self.turned = config, 0

    def __call__(self, x: Tensor, position_ids: Tensor) -> Tensor:
        """Rotate x [B, h, S, D] to positions [B, S]."""
        out = super().__call__(x, position_ids)
        self.turned += x.shape[2]
        return rope64(out.cpu(), position_ids, self.config).to(out)


class ForeignCache:
    """What the judge's caches have in common: they check and note every call, and rotate by themselves.

    `rope` is the judge's rotation that the model was made with, if any: then keys are not rotated.
    """

    def __init__(self, config: object, device: str, rope: object = None) -> None:
        self.config, self.rope, self.device = config, rope, device
        self.keys: dict[int, Tensor] = {}
        self.values: dict[int, Tensor] = {}
        self.seen = 0
        self.form = (0, 0)  # [B, S] of the forward pass under way
        self.passes: list[list[str]] = []  # what each forward pass asked, in order
        self.positions: list[Tensor] = []  # position_ids of each update

    def __len__(self) -> int:
        return self.seen

    @property
    def checks(self) -> dict[str, Callable[..., object]]:
        """What the student's model may call, and what has to hold for what it is called with."""
        checks = {"query_positions": self.validate_positions, "update": self.validate}
        return {"__len__": lambda: None, **checks}

    def begin(self, input_ids: Tensor) -> None:
        """Note that a forward pass with these tokens begins."""
        self.form = tuple(input_ids.shape)
        self.passes.append([])

    def query_positions(self, position_ids: Tensor) -> Tensor:
        """Answer with positions that are not those asked with."""
        self.passes[-1].append("query_positions")
        return self.where(position_ids).to(self.device)

    def update(
        self, layer: int, k: Tensor, v: Tensor, position_ids: Tensor, rope: object
    ) -> tuple[Tensor, Tensor]:
        """Take in keys and values of a layer; return rotated keys and values, oldest first."""
        self.passes[-1].append(f"update({layer})")
        self.positions.append(position_ids)
        if layer == 0:
            self.seen += position_ids.shape[1]
        keys, values = self.keep(layer, k, v, position_ids)
        return keys.float().to(self.device), values.to(self.device)

    def validate_positions(self, position_ids: Tensor) -> None:
        """Fail unless these are the positions of the tokens of the forward pass under way."""
        assert_form(position_ids, self.form, torch.int64, "position_ids passed to query_positions")

    def validate(self, layer: int, k: Tensor, v: Tensor, position_ids: Tensor, rope: object) -> None:
        """Fail unless this is what one layer of the forward pass under way has to store."""
        B, S = self.form
        form = (B, self.config.num_key_value_heads, S, self.config.head_dim)
        assert_form(k, form, torch.float32, "keys passed to update")
        assert_form(v, form, torch.float32, "values passed to update")
        assert_form(position_ids, (B, S), torch.int64, "position_ids passed to update")
        check(
            type(layer) is int and 0 <= layer < self.config.num_hidden_layers,
            "the layer passed to update must be the number of a layer, from 0 on",
            "传给 update 的 layer 应为层号，从 0 开始",
        )
        check(
            rope is not None if self.rope is None else rope is self.rope,
            "the rope passed to update is not the model's own",
            "传给 update 的 rope 不是模型自己的那一个",
        )

    def where(self, position_ids: Tensor) -> Tensor:
        """Return the positions of the queries."""
        raise NotImplementedError

    def keep(self, layer: int, k: Tensor, v: Tensor, position_ids: Tensor) -> tuple[Tensor, Tensor]:
        """Store keys and values; return what is visible."""
        raise NotImplementedError


class ShiftedCache(ForeignCache):
    """Everything is stored backwards, and lives SHIFT positions away from where the model thinks it does."""

    def where(self, position_ids: Tensor) -> Tensor:
        """Shift them."""
        return position_ids + SHIFT

    def keep(self, layer: int, k: Tensor, v: Tensor, position_ids: Tensor) -> tuple[Tensor, Tensor]:
        """Put new tokens, newest first, in front of the old ones; turn everything round to return it."""
        if self.rope is None:
            k = rope64(k, position_ids + SHIFT, self.config)
        for store, new in ((self.keys, k), (self.values, v)):
            store[layer] = torch.cat((new.flip(2), store[layer]) if layer in store else (new.flip(2),), dim=2)
        return self.keys[layer].flip(2), self.values[layer].flip(2)


class ForgettingCache(ForeignCache):
    """Keeps the first tokens and the latest, and counts the kept ones from 0 in every step."""

    def __init__(self, config: object, device: str, sinks: int, window: int) -> None:
        super().__init__(config, device)
        self.sinks, self.window = sinks, window

    def where(self, position_ids: Tensor) -> Tensor:
        """Return the last places among the kept tokens: it has not taken in the new ones yet."""
        S = position_ids.shape[1]
        past = min(self.seen, self.sinks + max(self.window - S, 0))
        return torch.arange(past, past + S).expand_as(position_ids)

    def keep(self, layer: int, k: Tensor, v: Tensor, position_ids: Tensor) -> tuple[Tensor, Tensor]:
        """Keep everything, but show only the first and the latest."""
        S = k.shape[2]
        for store, new in ((self.keys, k), (self.values, v)):
            store[layer] = torch.cat((store[layer], new) if layer in store else (new,), dim=2)
        T = self.keys[layer].shape[2]
        shown = [t for t in range(T) if t < self.sinks or t >= T - max(self.window, S)]
        places = torch.arange(len(shown)).expand(k.shape[0], -1)
        return rope64(self.keys[layer][:, :, shown], places, self.config), self.values[layer][:, :, shown]
