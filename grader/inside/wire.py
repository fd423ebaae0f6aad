"""The words of the conversation between judge and worker, and the frames that carry them.

A frame is `u32 little-endian header length | msgpack header | raw blobs, one after another`. The
header is one message; it says how long each blob is. There is no pickle, and nothing here can make
the reader recurse, allocate before a size was checked, or accept a field it does not know: what a
worker sends is hostile until proven otherwise.

A value crosses as a `tree`: its nodes level by level, the root first. A container says how many
children it has; they are the next nodes that nobody has claimed yet. Lists of numbers thus cost one
byte per small number, and no nesting exists that a decoder could choke on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias, TypeVar

import msgspec
import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

MAX_DEPTH = 64  # nesting of containers
MAX_NODES = 1 << 17  # values in one tree; the judge reads so many in 0.3 s, tensors carry what is more
MAX_BLOBS = 1024  # tensors and byte strings in one message
MAX_DIMS = 8
MAX_TEXT = 64 * 1024  # characters of a string
MAX_FILES = 1024
_SKIPPED = 64 << 10  # bytes of a blob that nobody wants, at a time
ALIGNMENT = 64  # what torch's own allocator gives; kernels may round differently below it

ITEM_SIZES = {
    "float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "float8_e4m3fn": 1, "float8_e5m2": 1,
    "int64": 8, "int32": 4, "int16": 2, "int8": 1, "uint8": 1, "bool": 1, "complex64": 8,
}  # fmt: skip

Blob: TypeAlias = NDArray[np.uint8]
Buffer: TypeAlias = bytes | memoryview


class ProtocolError(Exception):
    """What arrived is not what the protocol allows. Nothing after it can be trusted."""


@dataclass(frozen=True, slots=True)
class FrameLimits:
    """How large a frame may be, in bytes. Checked before anything is allocated."""

    header: int = 4 << 20
    payload: int = 256 << 20


ANSWER_LIMITS = FrameLimits()
QUESTION_LIMITS = FrameLimits(header=64 << 20, payload=1 << 30)  # questions come from our side

Id = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Index = Annotated[int, Meta(ge=0, lt=MAX_BLOBS)]
Size = Annotated[int, Meta(ge=0, le=MAX_NODES)]
Text = Annotated[str, Meta(max_length=MAX_TEXT)]
Name = Annotated[str, Meta(max_length=200)]
Message4K = Annotated[str, Meta(max_length=4096)]
Path = Annotated[str, Meta(min_length=1, max_length=512)]
Dims = Annotated[list[Annotated[int, Meta(ge=0, le=2**40)]], Meta(max_length=MAX_DIMS)]
Names = Annotated[list[Name], Meta(max_length=1024)]
Lengths = Annotated[list[Annotated[int, Meta(ge=0, le=2**40)]], Meta(max_length=MAX_BLOBS)]
Paths = Annotated[list[Path], Meta(max_length=MAX_FILES)]
DtypeName = Literal[
    "float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2",
    "int64", "int32", "int16", "int8", "uint8", "bool", "complex64",
]  # fmt: skip
DeviceName = Annotated[str, Meta(pattern="^(cpu|cuda|meta)(:[0-9]{1,2})?$")]


# ---------------------------------------------------------------------------------------- values
class List(Struct, array_like=True, forbid_unknown_fields=True, tag="list"):
    """A list of the next `size` unclaimed nodes."""

    size: Size


class Tuple(Struct, array_like=True, forbid_unknown_fields=True, tag="tuple"):
    """A tuple of the next `size` unclaimed nodes."""

    size: Size


class Dict(Struct, array_like=True, forbid_unknown_fields=True, tag="dict"):
    """A dict of the next `2 * size` unclaimed nodes: key, value, key, value ..."""

    size: Size


class Config(Struct, array_like=True, forbid_unknown_fields=True, tag="config"):
    """A transformers configuration: what its config.json would hold."""

    cls: Annotated[str, Meta(pattern="^[A-Za-z0-9_]{1,80}Config$")]
    json: Text


class Bytes(Struct, array_like=True, forbid_unknown_fields=True, tag="bytes"):
    """A byte string: one blob."""

    blob: Index


class Tensor(Struct, array_like=True, forbid_unknown_fields=True, tag="tensor"):
    """A plain contiguous CPU tensor, on its way to the judge: one blob."""

    blob: Index
    dtype: DtypeName
    shape: Dims


class Strided(Struct, array_like=True, forbid_unknown_fields=True, tag="strided"):
    """A tensor with its layout, on its way to the worker; tensors of one storage share the blob."""

    blob: Index
    dtype: DtypeName
    shape: Dims
    stride: Dims
    offset: Annotated[int, Meta(ge=0, le=2**40)]
    device: DeviceName


class Dtype(Struct, array_like=True, forbid_unknown_fields=True, tag="dtype"):
    """A torch.dtype."""

    name: DtypeName


class Device(Struct, array_like=True, forbid_unknown_fields=True, tag="device"):
    """A torch.device."""

    name: DeviceName


class Generator(Struct, array_like=True, forbid_unknown_fields=True, tag="generator"):
    """A torch.Generator: made from its seed where its key is new, kept from then on."""

    key: Id
    seed: Int64
    device: DeviceName


class Handle(Struct, array_like=True, forbid_unknown_fields=True, tag="handle"):
    """An object that stays in the worker."""

    id: Id
    cls: Name


class Exposed(Struct, array_like=True, forbid_unknown_fields=True, tag="exposed"):
    """An object that stays with the judge; the worker has a stand-in with these methods."""

    id: Id
    methods: Names


Scalar: TypeAlias = bool | Int64 | float | Text | None
AnswerNode: TypeAlias = Scalar | List | Tuple | Dict | Bytes | Tensor | Dtype | Device | Handle | Exposed
QuestionNode: TypeAlias = (
    Scalar | List | Tuple | Dict | Config | Bytes | Strided | Dtype | Device | Generator | Handle | Exposed
)
Node: TypeAlias = AnswerNode | QuestionNode
AnswerTree = Annotated[list[AnswerNode], Meta(min_length=1, max_length=MAX_NODES)]
QuestionTree = Annotated[list[QuestionNode], Meta(min_length=1, max_length=MAX_NODES)]


# -------------------------------------------------------------------------------------- messages
class Message(Struct, kw_only=True, forbid_unknown_fields=True):
    """What a header holds. `id` is the judge's question; an answer must repeat it."""

    id: Id
    blobs: Lengths = []


class Load(Message, tag="load"):
    """Write files (one blob each) below the work folder and import one module of them.

    `opened` are the modules that the import policy adds, `names` what alone is open of some; without a
    policy `opened` is None.
    """

    paths: Paths
    module: Name
    functions: Names
    classes: Annotated[dict[Name, Names], Meta(max_length=256)]
    opened: Names | None
    names: Annotated[dict[Name, Names], Meta(max_length=256)]
    poison: Names
    banned: Names
    device: DeviceName
    seed: Id
    answer_header: Id
    answer_payload: Id


class Inspect(Message, tag="inspect"):
    """Check sources (one blob each) against a policy, without running any of them."""

    paths: Paths
    spec: QuestionTree


class Compile(Struct, array_like=True, forbid_unknown_fields=True):
    """Options of torch.compile, as it has them."""

    fullgraph: bool
    dynamic: bool | None


class Call(Message, tag="call"):
    """Call a declared function or class, or a method of the object behind a handle.

    With `compile`, a function is called through its torch.compile wrapper, made once per options.
    """

    name: Name
    handle: Id | None
    arguments: QuestionTree  # (args, kwargs)
    inference: bool
    observe: bool
    compile: Compile | None = None


class Upload(Message, tag="upload"):
    """Write files (one blob each) into a new folder of the private disk."""

    paths: Paths


class Hold(Message, tag="hold"):
    """Read the memory of all tensors that an object reached when this was first asked of it.

    With `contents`, a list of flat tensors, these are written there before.
    """

    handle: Id
    contents: QuestionTree


class Forget(Message, tag="forget"):
    """Drop every handle and generator: a test has ended."""


class Reply(Message, tag="reply"):
    """What a callback returned, or why it was refused."""

    value: QuestionTree
    error: Message4K | None


class Ready(Message, tag="ready"):
    """The worker is confined and waits for its first question. Its id is 0."""


class Evidence(Struct, forbid_unknown_fields=True):
    """What the worker saw around one call. Not proof: the code it observed could forge it."""

    inputs_changed: Annotated[list[Message4K], Meta(max_length=64)]
    rng_changed: bool
    new_files: Annotated[list[Message4K], Meta(max_length=64)]


class Frame(Struct, array_like=True, forbid_unknown_fields=True):
    """One frame of a traceback, in the student's own files: the worker's word, which the judge checks."""

    file: Path
    line: Annotated[int, Meta(ge=0, le=10**9)]
    function: Name


Violations = Annotated[list[Name], Meta(max_length=64)]
Kind = Literal["error", "answer", "violation", "memory", "processes", "files", "scratch"]


class Return(Message, tag="return"):
    """The question's answer.

    `violations` lists the banned things used since the last answer; `graphs` is how many torch.compile
    made meanwhile. Both are evidence, not proof, as `evidence` is.
    """

    value: AnswerTree
    evidence: Evidence | None = None
    violations: Violations = []
    graphs: Size = 0


class Raise(Message, tag="raise"):
    """The question ended in an exception of the student's code, or its answer cannot be sent."""

    kind: Kind
    type_name: Name
    mro: Annotated[list[Name], Meta(max_length=32)]
    message: Message4K
    frames: Annotated[list[Frame], Meta(max_length=32)]
    evidence: Evidence | None = None
    violations: Violations = []
    graphs: Size = 0


class Callback(Message, tag="callback"):
    """Call a method of an exposed object while the question `id` is being answered."""

    target: Id
    method: Name
    arguments: AnswerTree  # (args, kwargs)


Question: TypeAlias = Load | Inspect | Call | Upload | Hold | Forget | Reply
Answer: TypeAlias = Ready | Return | Raise | Callback

question_decoder: msgspec.msgpack.Decoder[Question] = msgspec.msgpack.Decoder(Question)
answer_decoder: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)
_encoder = msgspec.msgpack.Encoder()


# ---------------------------------------------------------------------------------------- frames
M = TypeVar("M", bound=Message)


def pack(message: Message, blobs: Sequence[Buffer]) -> list[Buffer]:
    """Return the buffers of one frame, to be sent in order."""
    message.blobs = [len(blob) for blob in blobs]
    header = _encoder.encode(message)
    return [len(header).to_bytes(4, "little") + header, *blobs]


def read_frame(
    receive_into: Callable[[memoryview], None], decoder: msgspec.msgpack.Decoder[M], limits: FrameLimits
) -> tuple[M, list[Blob]]:
    """Read one frame: its message and its blobs. Raises ProtocolError, see `read_message`."""
    message = read_message(receive_into, decoder, limits)
    return message, read_blobs(receive_into, message)


def read_message(
    receive_into: Callable[[memoryview], None], decoder: msgspec.msgpack.Decoder[M], limits: FrameLimits
) -> M:
    """Read the message of a frame, which says how long its blobs are. These must be read or skipped next.

    `receive_into` fills the whole buffer it is given or raises. Raises ProtocolError for anything
    that is not a frame of `decoder`'s messages within the limits.
    """
    prefix = bytearray(4)
    receive_into(memoryview(prefix))
    length = int.from_bytes(prefix, "little")
    if not 0 < length <= limits.header:
        raise ProtocolError(f"a header of {length} bytes; at most {limits.header} are allowed")
    header = bytearray(length)
    receive_into(memoryview(header))
    message = _decode(header, decoder)
    if (total := sum(message.blobs)) > limits.payload:
        raise ProtocolError(f"{total} bytes of data; at most {limits.payload} are allowed")
    return message


def read_blobs(receive_into: Callable[[memoryview], None], message: Message) -> list[Blob]:
    """Read the blobs that belong to a message."""
    return [_receive_blob(receive_into, size) for size in message.blobs]


def skip_blobs(receive_into: Callable[[memoryview], None], message: Message) -> None:
    """Let the blobs that belong to a message pass, in little room."""
    left, room = sum(message.blobs), memoryview(bytearray(_SKIPPED))
    while left:
        part = room[: min(left, len(room))]
        receive_into(part)
        left -= len(part)


def _decode(header: bytearray, decoder: msgspec.msgpack.Decoder[M]) -> M:
    try:
        return decoder.decode(header)
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:  # msgspec's are ValueErrors
        raise ProtocolError(f"malformed header: {str(error)[:200]}") from error


def _receive_blob(receive_into: Callable[[memoryview], None], size: int) -> Blob:
    room = np.empty(size + ALIGNMENT, np.uint8)  # not zeroed: it is overwritten at once
    start = -room.ctypes.data % ALIGNMENT
    blob = room[start : start + size]
    if size:
        receive_into(blob.data)
    return blob
