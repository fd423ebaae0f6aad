"""What a solution may import, and which names are doors to everything else.

`torch` alone exposes builtins, ctypes, importlib, inspect, os and sys as attributes, and other modules do
likewise. So imports alone say nothing; what counts is which attributes of which module are read.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from types import ModuleType


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Modules of Python's own that reach no file, process, network or interpreter, and unpack no data.
STDLIB = _words("""
    __future__ abc argparse array bisect calendar cmath collections collections.abc contextlib contextvars
    copy csv dataclasses datetime decimal difflib enum fractions functools graphlib hashlib heapq io
    itertools json logging math numbers operator pprint queue random re statistics string struct textwrap
    time types typing unicodedata warnings weakref
""")
TORCH = _words("""
    torch torch.amp torch.backends torch.backends.cuda torch.backends.mps torch.cuda torch.distributions
    torch.fft torch.linalg torch.nn torch.nn.functional torch.nn.init torch.nn.parameter torch.random
    torch.special torch.testing torch.types
""")
# All that these offer.
ONLY: Mapping[str, frozenset[str]] = {
    "io": _words("StringIO BytesIO"),
    "types": _words("SimpleNamespace MappingProxyType NoneType EllipsisType GenericAlias UnionType"),
    "torch.testing": _words("assert_close"),
}
# Names of the others that run strings, read attributes by name, open files or hand out modules.
CLOSED: Mapping[str, frozenset[str]] = {
    "typing": _words("get_type_hints ForwardRef evaluate_forward_ref"),
    "functools": _words("singledispatch singledispatchmethod"),  # they evaluate annotations
    "dataclasses": _words("make_dataclass"),
    "contextlib": _words("chdir"),
    "operator": _words("attrgetter methodcaller"),
    "string": _words("Formatter"),
    "logging": _words("FileHandler currentframe"),
    "argparse": _words("FileType"),
    "hashlib": _words("file_digest"),
    "enum": _words("property global_enum global_enum_repr global_flag_repr global_str"),
    "torch": _words("""
        load save from_file compile fork wait import_ir_module import_ir_module_from_buffer parse_ir
        parse_schema parse_type_comment get_file_path get_device_module PyTorchFileReader PyTorchFileWriter
        DeserializationStorageContext SerializationStorageContext CompilationUnit FileCheck ScriptModule
        ScriptModuleSerializer ScriptFunction ScriptMethod LiteScriptModule StaticModule ThroughputBenchmark
        ConcreteModuleType ConcreteModuleTypeBuilder CUDAPluggableAllocator cudart check_error
        boolean_dispatch typename
    """),
}
# Harmless with that many arguments: further ones name the attributes to be copied.
MOST_ARGUMENTS = {"functools.wraps": 1, "functools.update_wrapper": 2}
# Bound in a class, they have dataclasses make code and patterns read any attribute.
BINDINGS = ("__annotations__", "__match_args__")
# A constant may be assigned to what is below these.
SETTINGS = ("torch.backends.", "torch._dynamo.config.", "torch._inductor.config.")
BACKENDS = _words("inductor eager aot_eager cudagraphs")  # of torch.compile, which may be named

DENIED_BUILTINS = _words("eval exec compile __import__ open breakpoint globals locals help")
BY_NAME = _words("getattr setattr delattr hasattr")
# Names that nobody writes but to reach frames, code, all classes, other modules.
_INTERNAL = _words("""
    __globals__ __builtins__ __subclasses__ __code__ __closure__ __getattribute__ __self__ __loader__
    __spec__ __import__ f_back f_globals f_locals f_builtins f_code f_trace tb_frame tb_next gi_frame
    gi_code gi_yieldfrom cr_frame cr_code cr_await cr_origin ag_frame ag_code ag_await co_code co_consts
    co_names trust_remote_code __reduce__ __reduce_ex__ _old_targets
""")
# These are doors on what is not the student's own.
_DOORS = _words("""
    os sys importlib builtins ctypes inspect subprocess ops hub obj _C _evaluate _load_from_bytes
    cpp_extension load_library load_inline from_file get_objects get_referrers
""")
_ORDINARY = frozenset(
    name for kind in (object, int, float, dict, list, set, str, type(_words)) for name in dir(kind)
) | _words("""
    __all__ __author__ __bool__ __class_getitem__ __debug__ __del__ __delete__ __enter__ __exit__ __file__
    __future__ __get__ __getattr__ __init_subclass__ __instancecheck__ __invert__ __main__ __matmul__
    __imatmul__ __missing__ __next__ __package__ __post_init__ __set__ __set_name__ __slots__
    __subclasshook__ __torch_function__ __version__ __weakref__ __index__ __aenter__ __aexit__ __path__
    __traceback__ __cause__ __context__
""")


# Of these no definition of the student's own makes an honest name on an object that may be anything.
MODULES = _words("os sys importlib builtins ctypes _C")


def is_internal(name: str) -> bool:
    """Say whether a name is the interpreter's own, which leads out of the exercise on any object."""
    return name in _INTERNAL


def is_door(name: str) -> bool:
    """Say whether reading this attribute of what is not the student's own leads out of the exercise."""
    return name in _INTERNAL or name in _DOORS


def is_odd(name: str) -> bool:
    """Say whether a name is `__like_this__` and none that is commonly used."""
    return len(name) > 4 and name.startswith("__") and name.endswith("__") and name not in _ORDINARY


def allowed_roots(opened: Iterable[str]) -> frozenset[str]:
    """Return the top-level packages that are answerable themselves for what they do when they are called."""
    known = _words("""
        abc argparse bisect collections contextlib copy dataclasses enum heapq itertools logging math time
        torch typing warnings
    """)
    return known | {module.partition(".")[0] for module in opened}


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
        opened = {name for name in self.opened if name.partition(".")[2] not in CLOSED["torch"]}
        self.allowed = STDLIB | TORCH | opened | self.restricted.keys()
        self.banned = tuple(banned)
        self.banned_leaves = frozenset(name.rpartition(".")[2] for name in self.banned)
        self._packages = frozenset(
            module[:i] for module in self.allowed for i, c in enumerate(f"{module}.") if c == "."
        )

    @property
    def compiles(self) -> bool:
        """Whether torch.compile is open."""
        return "torch.compile" in self.opened

    def is_module(self, path: str) -> bool:
        """Say whether a dotted path is an allowed module, or a package around one."""
        return path in self._packages

    def refuses(self, module: str, name: str) -> bool:
        """Say whether attribute `name` of an allowed module may not be used."""
        path = f"{module}.{name}"
        if path in self.opened or self.is_module(path):
            return False
        offered = self.restricted.get(module, ONLY.get(module))
        if offered is not None:
            return name not in offered
        if module not in self.allowed and module not in self.opened:
            return True  # a package around allowed modules
        if name in CLOSED.get(module, ()) or (module.startswith("torch") and name in CLOSED["torch"]):
            return True
        return (name.startswith("_") and name not in _offered(module)) or _holds_module(module, name)

    def is_banned(self, path: str) -> bool:
        """Say whether a path is banned, by its own name or under another one of the same library."""
        if any(f"{path}.".startswith(f"{name}.") for name in self.banned):
            return True
        return path.startswith("torch.") and not self.banned_leaves.isdisjoint(path.split("."))

    def is_partly_open(self, path: str) -> bool:
        """Say whether of this thing's library only single names are open."""
        return path.partition(".")[0] in self.restricted

    def choices(self, module: str) -> str:
        """List the allowed names of a restricted module, for a message."""
        return ", ".join(sorted(self.restricted.get(module, ONLY.get(module, ()))))


@cache
def _offered(module: str) -> frozenset[str]:
    """Return the names with an underscore in front that a module offers nevertheless, such as `os._exit`."""
    return frozenset(getattr(_loaded(module), "__all__", ())) | {"__version__"}


@cache
def _holds_module(module: str, name: str) -> bool:
    """Say whether this attribute of a library's module is a module: its own, or one it happens to import."""
    try:
        loaded = _loaded(module)
        if loaded is not None and isinstance(vars(loaded).get(name), ModuleType):
            return True
        return importlib.util.find_spec(f"{module}.{name}") is not None
    except (ImportError, AttributeError, ValueError):  # there is no such thing
        return f"{module}.{name}" in sys.modules


@cache
def has(module: str, name: str) -> bool:
    """Say whether a library's module has this attribute; of what is not loaded nobody can say."""
    return name in dir(_loaded(module))


def _loaded(module: str) -> ModuleType | None:
    """Return a module. Large libraries are only looked at where a job has them loaded from the beginning."""
    root = module.partition(".")[0]
    return importlib.import_module(module) if root in sys.stdlib_module_names else sys.modules.get(module)
