"""A real checkpoint on disk: find out, before anything is loaded, whether submissions can be graded on it.

Only headers are read. What is wrong becomes one `UsageError` that says what to do.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from grader.errors import UsageError
from grader.job import Limits

ARCHITECTURE = "LlamaForCausalLM"
ROTATIONS = ("default", "llama3")
FLOATS = ("F32", "F16", "BF16")
INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
NEEDED = ("config.json", "tokenizer.json")
ALSO_SHOWN = (
    "generation_config.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "tokenizer.model", "chat_template.jinja", INDEX,
)  # fmt: skip
# Seconds for a billion parameters on one core: drawn and read, then a forward pass per new token.
CALL_SECONDS, JOB_SECONDS = 60.0, 400.0
_LFS = b"version https://git-lfs.github.com/spec/"
_SMALL = 16 << 20  # bytes of a file whose content goes into the digest; larger ones: header, size and time
_LONGEST_HEADER = 100 << 20  # as the safetensors library has it
_LISTED = 3  # names in a message


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A complete checkpoint of a Llama, in Hugging Face's layout.

    `files` is all of it that a student's code may read; `parameters` and `size` (bytes) are those of the
    weights; `digest` changes with any of the files.
    """

    path: Path
    files: tuple[Path, ...]
    parameters: int
    size: int
    digest: str

    @property
    def label(self) -> str:
        """Name it in a report."""
        return f"{self.path.name} ({self.digest[:8]})"

    @property
    def memory(self) -> int:
        """The bytes that loading it may take.

        A model with float32 weights drawn at random, as PyTorch makes it; the weights read; and a copy
        of them in the dtype and on the device that were asked for. One after the other, the reference
        and the library need no more.
        """
        return 4 * self.parameters + 2 * self.size

    def raise_limits(self, limits: Limits) -> Limits:
        """Return an exercise's limits with room and time for this checkpoint."""
        billions = self.parameters / 1e9
        return replace(
            limits,
            cpu=limits.cpu + JOB_SECONDS * billions,
            wall=limits.wall + JOB_SECONDS * billions,
            call=limits.call + CALL_SECONDS * billions,
            memory=limits.memory + math.ceil(self.memory / (1 << 20)),
        )

    def slots(self, limits: Limits, available: int | None) -> int | None:
        """Return how many slots fit into the `available` bytes (None: nobody knows), each with a job.

        Raises UsageError where not even one does.
        """
        if available is None:
            return None
        each = self.memory + (limits.memory << 20)
        if each > available:
            raise UsageError(
                f"{self.path}: {_gib(self.size)} of weights are too large for this machine: grading on them "
                f"takes up to {_gib(each)} of memory, {_gib(available)} are available"
            )
        return available // each


def read_checkpoint(path: Path) -> Checkpoint:
    """Examine a checkpoint without loading it. Raises UsageError."""
    path = path.resolve()
    present = {entry.name for entry in path.iterdir() if entry.is_file()}
    if "config.json" not in present:
        raise UsageError(f"{path} holds no config.json: name the folder of a checkpoint")
    known = (*NEEDED, *ALSO_SHOWN, *(name for name in present if name.endswith(".safetensors")))
    files = tuple(path / name for name in sorted(present.intersection(known)))
    _refuse_pointers(path, files)
    config = _read_json(path / "config.json")
    _refuse_other_models(path, config)
    weights = _find_weights(path, present)
    if missing := [name for name in NEEDED if name not in present]:
        raise UsageError(f"{path} holds no {_some(missing)}: the Engine needs a tokenizer")
    _refuse_unreadable(files)
    headers = {file: _read_header(file) for file in weights}
    return Checkpoint(
        path=path,
        files=files,
        parameters=sum(math.prod(shape) for header in headers.values() for shape in header.values()),
        size=sum(file.stat().st_size for file in weights),
        digest=_digest(files),
    )


def _refuse_pointers(path: Path, files: Iterable[Path]) -> None:
    pointers = [file.name for file in files if _begins(file, len(_LFS)) == _LFS]
    if pointers:
        raise UsageError(
            f"{path} holds Git LFS pointers instead of {_some(pointers)}: run `git lfs pull` there"
        )


def _refuse_other_models(path: Path, config: Mapping[str, object]) -> None:
    """Refuse what the exercise's Llama does not have to be."""
    kind, architectures = config.get("model_type"), config.get("architectures") or [ARCHITECTURE]
    if kind != "llama" or architectures != [ARCHITECTURE]:
        raise UsageError(f"{path}: unknown architecture {kind}, {architectures}; known: {ARCHITECTURE}")
    rope = config.get("rope_parameters") or config.get("rope_scaling")
    scaling = rope if isinstance(rope, dict) else {}
    rotation = scaling.get("rope_type") or scaling.get("type") or "default"
    extra = [name for name in ("attention_bias", "mlp_bias", "quantization_config") if config.get(name)]
    extra += [f"rope_type {rotation}"] if rotation not in ROTATIONS else []
    activation = config.get("hidden_act", "silu")
    extra += [f"hidden_act {activation}"] if activation != "silu" else []
    if extra:
        raise UsageError(f"{path}: this Llama has {', '.join(extra)}, which the exercise does not ask for")


def _find_weights(path: Path, present: set[str]) -> tuple[Path, ...]:
    """Return the files of the weights: those that the index names, or the only one."""
    found = {name for name in present if name.endswith(".safetensors")}
    named = {SINGLE}
    if INDEX in present:
        weight_map = _read_json(path / INDEX).get("weight_map")
        if not isinstance(weight_map, dict) or not weight_map:
            raise UsageError(f"{path / INDEX}: no weight_map in it; download it again")
        named = {str(name) for name in weight_map.values()}
    if missing := sorted(named - found):
        why = f", which {INDEX} names: download them" if INDEX in present else ": only these can be read"
        raise UsageError(f"{path} holds no {_some(missing)}{why}")
    if foreign := sorted(found - named):
        raise UsageError(f"{path} holds {_some(foreign)} besides the weights: move that elsewhere")
    return tuple(path / name for name in sorted(named))


def _refuse_unreadable(files: Iterable[Path]) -> None:
    """Refuse what a worker cannot open: started as root, it runs as somebody without rights."""
    for file in files:
        if not os.access(file, os.R_OK) or (os.geteuid() == 0 and not file.stat().st_mode & 0o004):
            raise UsageError(f"{file} cannot be read by students' code, which never runs as root: chmod o+r")


def _read_header(file: Path) -> dict[str, list[int]]:
    """Return the shapes of a safetensors file by name, and make sure that it is all there.

    The format: length of the header as u64, the header as JSON, the tensors at `data_offsets` behind it.
    """
    size = file.stat().st_size
    try:
        (length,) = struct.unpack("<Q", _begins(file, 8))
        if length > _LONGEST_HEADER:
            raise ValueError("a header that long")
        header = json.loads(_begins(file, 8 + length)[8:])
        header.pop("__metadata__", None)
        due = 8 + length + max(tensor["data_offsets"][1] for tensor in header.values())
        dtypes = {tensor["dtype"] for tensor in header.values()}
        shapes = {name: [int(n) for n in tensor["shape"]] for name, tensor in header.items()}
    except (struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{file}: damaged or no safetensors file ({error}); download it again") from None
    if size < due:
        raise UsageError(f"{file} is incomplete: {size} of {due} bytes; download it again")
    if others := sorted(dtypes.difference(FLOATS)):
        raise UsageError(f"{file}: weights of type {_some(others)}; known: {', '.join(FLOATS)}")
    return shapes


def _digest(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        state = file.stat()
        large = state.st_size > _SMALL
        content = hashlib.sha256(_begins(file, _SMALL)).hexdigest()
        changed = state.st_mtime_ns if large else 0
        digest.update(f"{file.name}\0{state.st_size}\0{changed}\0{content}\n".encode())
    return digest.hexdigest()


def _read_json(file: Path) -> dict[str, object]:
    try:
        content = json.loads(file.read_bytes())
    except (ValueError, OSError) as error:
        raise UsageError(f"{file}: cannot be read ({error})") from None
    if not isinstance(content, dict):
        raise UsageError(f"{file}: not a mapping of names to values")
    return content


def _begins(file: Path, count: int) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(count)
    except OSError as error:
        raise UsageError(f"{file}: cannot be read ({error.strerror})") from None


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


def _gib(count: int) -> str:
    return f"{count / (1 << 30):.1f} GiB"
