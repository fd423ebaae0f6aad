"""What a solution may import, and which names and attributes are doors to everything else.

Measured on torch 2.13: `torch` alone exposes builtins, ctypes, glob, importlib, inspect, os, platform,
sys and threading as attributes, `torch.nn.functional` exposes importlib, `torch.cuda` exposes os. So
imports alone say nothing; what counts is which attributes of which module are read.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Mapping
from types import ModuleType


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_STDLIB = (
    "__future__", "abc", "bisect", "collections", "collections.abc", "contextlib", "copy", "dataclasses",
    "enum", "functools", "heapq", "itertools", "math", "time", "typing",
)  # fmt: skip
_TORCH = (
    "torch", "torch.amp", "torch.backends", "torch.backends.cuda", "torch.backends.mps", "torch.cuda",
    "torch.fft", "torch.linalg", "torch.nn", "torch.nn.functional", "torch.nn.init", "torch.nn.parameter",
    "torch.random", "torch.special",
)  # fmt: skip

# Public names of allowed standard modules that evaluate strings, reach other modules or change the process.
_STDLIB_DOORS: Mapping[str, frozenset[str]] = {
    "typing": frozenset({"get_type_hints", "ForwardRef", "evaluate_forward_ref"}),
    # They evaluate string annotations, and copy attributes by name.
    "functools": frozenset({"singledispatch", "singledispatchmethod", "update_wrapper"}),
    "dataclasses": frozenset({"make_dataclass"}),
    "enum": frozenset({"global_enum", "global_enum_repr", "global_flag_repr", "global_str"}),
    "contextlib": frozenset({"chdir", "redirect_stdout", "redirect_stderr"}),
    "time": frozenset({"sleep", "tzset", "clock_settime", "clock_settime_ns"}),
}

# Modules that hang on torch's modules and are not allowed unless the exercise opens them.
_TORCH_MODULES = _words("""
    _C accelerator ao attention autocast_mode autograd classes compiler cpp cpu distributed distributions
    export func functional futures fx grad_scaler graphs green_contexts gds hub intrinsic jit jiterator
    library linalg masked memory modules monitor mps mtia multiprocessing nccl nested np numpy nvtx ops
    optim overrides package parallel profiler qat quantizable quantization quantized quasirandom random
    return_types serialization signal sparse storage streams testing torch torch_version tunable utils
    windows xpu
""")
# Functions and classes of torch that read files, run other code or hand out modules.
_TORCH_CALLS = _words("""
    load save from_file compile fork wait import_ir_module import_ir_module_from_buffer parse_ir
    parse_schema parse_type_comment get_file_path get_device_module PyTorchFileReader PyTorchFileWriter
    DeserializationStorageContext SerializationStorageContext CompilationUnit FileCheck ScriptModule
    ScriptModuleSerializer ScriptFunction ScriptMethod LiteScriptModule StaticModule ThroughputBenchmark
    ConcreteModuleType ConcreteModuleTypeBuilder CUDAPluggableAllocator cudart check_error
    boolean_dispatch typename
""")
_TORCH_DOORS = _TORCH_MODULES | _TORCH_CALLS | (sys.stdlib_module_names - {"chunk", "select", "trace"})

# Of these, only a call with one argument is harmless: others name the attributes to be copied.
ONE_ARGUMENT = frozenset({"functools.wraps"})

DENIED_BUILTINS = _words("""
    eval exec compile __import__ open input breakpoint globals locals vars help exit quit license copyright
    credits
""")
# Bound in a class, they have dataclasses evaluate text and patterns read any attribute.
DENIED_BINDINGS = frozenset({"__annotations__", "__match_args__"})
BY_LITERAL_NAME = frozenset({"getattr", "setattr", "delattr", "hasattr"})

# Doors on any object: other modules, frames, code objects, loaders of files.
_DENIED_ATTRIBUTES = _words("""
    os sys importlib builtins ctypes inspect subprocess glob platform threading posix nt runpy pickle
    marshal shutil socket gc multiprocessing
    hub package ops _C cpp_extension load_library load_inline from_file _load_from_bytes get_objects
    get_referrers trust_remote_code mro obj tofile
    f_back f_globals f_locals f_builtins f_code f_trace tb_frame tb_next gi_frame gi_code gi_yieldfrom
    cr_frame cr_code cr_await cr_origin ag_frame ag_code ag_await co_code co_consts co_names
    _evaluate
""")
_ALLOWED_DUNDERS = _words("""
    init new post_init name qualname class doc version len call getitem setitem delitem contains iter next
    enter exit repr str format bool int float index hash eq ne lt le gt ge add radd iadd sub rsub isub mul
    rmul imul matmul rmatmul truediv rtruediv floordiv mod pow neg pos abs and or xor invert all
    slots init_subclass class_getitem future main
""")


def attribute_is_door(name: str) -> bool:
    """Say whether reading this attribute of some object may lead out of the exercise."""
    return name in _DENIED_ATTRIBUTES or dunder_is_door(name)


def dunder_is_door(name: str) -> bool:
    """Say whether a name is `__like_this__` and not among the harmless ones."""
    return (
        name.startswith("__") and name.endswith("__") and len(name) > 4 and name[2:-2] not in _ALLOWED_DUNDERS
    )


def allowed_roots(opened: Iterable[str]) -> frozenset[str]:
    """Return the top-level packages a solution may use, with those that its exercise opens."""
    return frozenset(module.partition(".")[0] for module in (*_STDLIB, *_TORCH, *opened))


def _public_names(module: str) -> frozenset[str]:
    """Return what an allowed standard module offers; the modules that it happens to import are left out."""
    loaded = importlib.import_module(module)
    names: Iterable[str] = getattr(loaded, "__all__", None) or (n for n in vars(loaded) if n[0] != "_")
    found = {n for n in names if not isinstance(getattr(loaded, n, None), ModuleType)}
    return frozenset(found) - _STDLIB_DOORS.get(module, frozenset())


class Rules:
    """What one exercise allows.

    `imports` adds modules (or single doors such as `torch.compile`), `names` restricts a module to the
    names given, `banned` are dotted names that may not be used under any spelling, `ancestors` are the
    earlier exercises whose solution may be imported.
    """

    def __init__(
        self,
        imports: Iterable[str] = (),
        names: Mapping[str, Iterable[str]] | None = None,
        banned: Iterable[str] = (),
        ancestors: Iterable[str] = (),
    ) -> None:
        self.ancestors = frozenset(ancestors)
        self.opened = frozenset(imports)
        self.restricted = {module: frozenset(allowed) for module, allowed in (names or {}).items()}
        modules = {n for n in self.opened if not (n.startswith("torch.") and _last(n) in _TORCH_CALLS)}
        self.allowed = tuple(sorted({*_STDLIB, *_TORCH, *modules, *self.restricted}))
        self.banned = tuple(banned)
        self.banned_leaves = frozenset(_last(name) for name in self.banned)
        self._modules = {module: self._offered(module) for module in self.allowed}

    def is_module(self, path: str) -> bool:
        """Say whether a dotted path is an allowed module, or a package around one."""
        return path in self._modules or any(m.startswith(f"{path}.") for m in self.allowed)

    def refuses(self, module: str, name: str) -> bool:
        """Say whether attribute `name` of an allowed module may not be used."""
        path = f"{module}.{name}"
        if path in self.opened or self.is_module(path):
            return False
        offered = self._modules.get(module, frozenset())
        if offered is not None:
            return name not in offered
        return (name.startswith("_") and name != "__version__") or name in _TORCH_DOORS

    def is_banned(self, path: str) -> bool:
        """Say whether a path is banned, by its own name or under another one of the same library."""
        if any(f"{path}.".startswith(f"{name}.") for name in self.banned):
            return True
        return path.startswith("torch.") and any(part in self.banned_leaves for part in path.split("."))

    def choices(self, module: str) -> str:
        """List the allowed names of a restricted module, for a message; empty where there are too many."""
        names = self.restricted.get(module, frozenset())
        return ", ".join(sorted(names)) if len(names) <= 20 else ""

    def _offered(self, module: str) -> frozenset[str] | None:
        """Return the names a module offers, None where all public ones but doors are."""
        if module in self.restricted:
            return self.restricted[module]
        if module.partition(".")[0] in sys.stdlib_module_names:
            return _public_names(module)
        return None


def _last(path: str) -> str:
    return path.rpartition(".")[2]
