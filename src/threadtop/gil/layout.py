"""Where CPython keeps its interpreters, thread states and GIL, by version; pure.

3.13 and later say it themselves in a table at ``_PyRuntime`` (``_Py_DebugOffsets``, PEP 768); before, the
places are fixed per minor version (offsetof from CPython's own headers).  The table is another program's
memory: every figure of it is checked.
"""

from __future__ import annotations

import struct
from typing import Any, Final, NamedTuple

OLDEST_MINOR, NEWEST_MINOR = 8, 15
COOKIE: Final = b"xdebugpy"
MAX_OFFSET: Final = 1 << 20  # of anything in a structure; the real ones stay below 256 KiB

_HEAD: Final = struct.Struct("<8sQQ")  # cookie, PY_VERSION_HEX, free_threaded
HEAD_SIZE: Final = _HEAD.size

_LEVELS: Final = {0xA: "alpha", 0xB: "beta", 0xC: "candidate", 0xF: "final"}

# The fields of _Py_DebugOffsets after its head, in order, up to the last one used: pycore_runtime.h of 3.13,
# pycore_debug_offsets.h of 3.14 and 3.15.  r, i and t: of the runtime, an interpreter, a thread state.
_FIELDS_3_13: Final = (
    "r.size r.finalizing r.interpreters_head "
    "i.size i.id i.next i.threads_head i.gc i.imports_modules i.sysdict i.builtins "
    "i.ceval_gil i.gil i.gil_enabled i.gil_locked i.gil_holder "
    "t.size t.prev t.next t.interp t.current_frame t.thread_id t.native_thread_id t.datastack_chunk t.status"
)
_FIELDS_3_14: Final = (
    "r.size r.finalizing r.interpreters_head "
    "i.size i.id i.next i.threads_head i.threads_main i.gc i.imports_modules i.sysdict i.builtins "
    "i.ceval_gil i.gil i.gil_enabled i.gil_locked i.gil_holder i.code_object_generation i.tlbc_generation "
    "t.size t.prev t.next t.interp t.current_frame t.thread_id t.native_thread_id t.datastack_chunk t.status"
)
_FIELDS_3_15: Final = (
    "r.size r.finalizing r.interpreters_head "
    "i.size i.id i.next i.threads_head i.threads_main i.gc i.imports_modules i.sysdict i.builtins "
    "i.ceval_gil i.gil i.gil_enabled i.gil_locked i.gil_holder i.code_object_generation i.tlbc_generation "
    "t.size t.prev t.next t.interp t.current_frame t.base_frame t.last_profiled_frame t.last_profiled_frame_seq "
    "t.thread_id t.native_thread_id t.datastack_chunk t.status t.holds_gil t.gil_requested"
)
_USED: Final = (
    *("r.interpreters_head", "i.id", "i.next", "i.threads_head"),
    *("i.ceval_gil", "i.gil", "i.gil_enabled", "i.gil_locked", "i.gil_holder"),
    *("t.next", "t.interp", "t.thread_id", "t.native_thread_id", "t.holds_gil", "t.gil_requested"),
)
_INTS: Final = {"i.gil_enabled", "i.gil_locked", "t.holds_gil", "t.gil_requested"}  # the others: 8 bytes
_FIELDS: Final = {13: _FIELDS_3_13.split(), 14: _FIELDS_3_14.split(), 15: _FIELDS_3_15.split()}
DEBUG_OFFSETS_SIZE: Final = HEAD_SIZE + 8 * max(map(len, _FIELDS.values()))


class LayoutError(ValueError):
    """Not a CPython whose structures are known, or its table cannot be right; says which."""


class Version(NamedTuple):
    """A release of CPython out of PY_VERSION_HEX; ``level`` is alpha, beta, candidate or final."""

    major: int
    minor: int
    micro: int
    level: str

    def __str__(self) -> str:
        """As CPython writes it, without the serial of a pre-release."""
        tail = "" if self.level == "final" else f" {self.level}"
        return f"{self.major}.{self.minor}.{self.micro}{tail}"


class Head(NamedTuple):
    """The beginning of ``_Py_DebugOffsets``: which CPython this is, and whether it was built free-threaded."""

    version: Version
    is_free_threaded: bool


class Gil(NamedTuple):
    """Offsets in ``struct _gil_runtime_state``: interval in us, holder's thread state, lock word, and the rest."""

    interval: int
    last_holder: int
    locked: int
    switch_number: int
    cond: int
    switch_cond: int
    size: int


class Layout(NamedTuple):
    """Offsets in bytes, in the structure that the name begins with; None: that version has no such field.

    ``runtime_gil`` is the GIL's own offset in ``_PyRuntime`` (3.8 to 3.11), ``interpreter_gil`` that of a
    pointer to it (3.12 and later).  ``thread_id`` holds the pthread address (unsigned long),
    ``native_thread_id`` the TID (unsigned long); ``gil_interval`` unsigned long us, ``gil_last_holder`` a pointer,
    ``gil_locked`` int, ``gil_switch_number`` unsigned long, ``gil_enabled``, ``gil_requested`` and ``holds_gil`` int.
    """

    version: tuple[int, int]
    is_free_threaded: bool
    interpreters_head: int
    interpreter_next: int
    interpreter_id: int
    interpreter_threads: int
    runtime_gil: int | None
    interpreter_gil: int | None
    thread_next: int
    thread_interp: int
    thread_id: int
    native_thread_id: int | None
    gil_requested: int | None
    holds_gil: int | None
    gil_enabled: int | None
    gil_interval: int
    gil_last_holder: int
    gil_locked: int
    gil_switch_number: int
    gil_cond: int
    gil_switch_cond: int
    gil_size: int


class _Fixed(NamedTuple):
    """What the headers of one minor version before 3.13 give."""

    interpreters_head: int
    interpreter_id: int
    interpreter_threads: int
    runtime_gil: int | None
    interpreter_gil: int | None
    thread_id: int
    native_thread_id: int | None


_FIXED: Final = {
    8: _Fixed(32, 16, 8, 1152, None, 176, None),
    9: _Fixed(32, 24, 8, 352, None, 176, None),
    10: _Fixed(32, 24, 8, 352, None, 176, None),
    11: _Fixed(40, 48, 16, 360, None, 152, 160),
    12: _Fixed(40, 8, 72, None, 384, 136, 144),
}
_INTERPRETER_NEXT, _THREAD_NEXT, _THREAD_INTERP = 0, 8, 16  # 3.8 to 3.12

_COND_BYTES: Final = 48  # sizeof(pthread_cond_t), glibc and musl
_MUTEX_BYTES: Final = {"x86_64": 40, "aarch64": 48}  # sizeof(pthread_mutex_t), glibc
_MUTEX_BYTES_MUSL: Final = 40  # on all 64-bit machines


def for_version(minor: int, machine: str, *, is_musl: bool = False) -> Layout:
    """The layout of CPython 3.``minor`` before 3.13, on ``machine`` (x86_64, aarch64)."""
    fixed = _FIXED.get(minor)
    if fixed is None:
        raise LayoutError(
            f"CPython 3.{minor} describes itself" if minor in _FIELDS else _unknown((3, minor)),
        )
    gil = _gil(machine, is_free_threaded=False, is_musl=is_musl)
    return Layout(
        version=(3, minor),
        is_free_threaded=False,
        interpreters_head=fixed.interpreters_head,
        interpreter_next=_INTERPRETER_NEXT,
        interpreter_id=fixed.interpreter_id,
        interpreter_threads=fixed.interpreter_threads,
        runtime_gil=fixed.runtime_gil,
        interpreter_gil=fixed.interpreter_gil,
        thread_next=_THREAD_NEXT,
        thread_interp=_THREAD_INTERP,
        thread_id=fixed.thread_id,
        native_thread_id=fixed.native_thread_id,
        gil_requested=None,
        holds_gil=None,
        gil_enabled=None,
        **_fields(gil),
    )


def version_of(version_hex: int) -> Version:
    """A release out of its PY_VERSION_HEX (``Py_Version``, since 3.11); LayoutError if it cannot be one."""
    level = _LEVELS.get(version_hex >> 4 & 0xF)
    if level is None or not 0 <= version_hex <= 0xFFFFFFFF:  # noqa: PLR2004 (32 bits)
        message = f"{version_hex:#x} is no version of CPython"
        raise LayoutError(message)
    return Version(version_hex >> 24, version_hex >> 16 & 0xFF, version_hex >> 8 & 0xFF, level)


def head_of(raw: bytes) -> Head | None:
    """What the first ``HEAD_SIZE`` bytes of ``_PyRuntime`` say; None before 3.13: no table there."""
    if len(raw) < HEAD_SIZE or not raw.startswith(COOKIE):
        return None
    _, version_hex, free_threaded = _HEAD.unpack_from(raw)
    if free_threaded > 1:
        message = f"free_threaded is {free_threaded}"
        raise LayoutError(message)
    return Head(version_of(version_hex), bool(free_threaded))


def from_debug_offsets(raw: bytes, machine: str, *, is_musl: bool = False) -> Layout:
    """The layout that CPython 3.13 or later gives of itself; ``raw``: ``DEBUG_OFFSETS_SIZE`` bytes of _PyRuntime."""
    head = head_of(raw)
    if head is None:
        message = "no debug offsets (xdebugpy) at _PyRuntime"
        raise LayoutError(message)
    version = head.version
    names = _FIELDS.get(version.minor) if version.major == 3 else None  # noqa: PLR2004 (Python 3)
    if names is None:
        raise LayoutError(_unknown((version.major, version.minor)))
    if version.level != "final":
        message = f"CPython {version} is a pre-release: its structures are not settled"
        raise LayoutError(message)
    if len(raw) < HEAD_SIZE + 8 * len(names):
        message = f"debug offsets cut short: {len(raw)} bytes"
        raise LayoutError(message)
    table = dict(zip(names, struct.unpack_from(f"<{len(names)}Q", raw, HEAD_SIZE), strict=True))
    gil = _gil(machine, is_free_threaded=head.is_free_threaded, is_musl=is_musl)
    # Each structure is given a size, and what is in it ends before that.
    at = {name: _checked(name, table) for name in _USED if name in table}
    _expect("i.gil_locked", at["i.gil_locked"], at["i.gil"] + gil.locked)
    _expect("i.gil_holder", at["i.gil_holder"], at["i.gil"] + gil.last_holder)
    _expect("i.gil_enabled", at["i.gil_enabled"], 0)  # of the GIL, of which it is the first field, if any
    return Layout(
        version=(version.major, version.minor),
        is_free_threaded=head.is_free_threaded,
        interpreters_head=at["r.interpreters_head"],
        interpreter_next=at["i.next"],
        interpreter_id=at["i.id"],
        interpreter_threads=at["i.threads_head"],
        runtime_gil=None,
        interpreter_gil=at["i.ceval_gil"],
        thread_next=at["t.next"],
        thread_interp=at["t.interp"],
        thread_id=at["t.thread_id"],
        native_thread_id=at["t.native_thread_id"],
        gil_requested=at.get("t.gil_requested"),
        holds_gil=at.get("t.holds_gil"),
        gil_enabled=at["i.gil_enabled"] if head.is_free_threaded else None,
        **_fields(gil),
    )


def _fields(gil: Gil) -> dict[str, Any]:
    """Its places as they are called in a Layout."""
    return {f"gil_{name}": offset for name, offset in gil._asdict().items()}


def _gil(machine: str, *, is_free_threaded: bool, is_musl: bool) -> Gil:
    """``struct _gil_runtime_state``: the same from 3.8 to 3.15; free-threaded builds put ``enabled`` before it."""
    mutex_bytes = _MUTEX_BYTES.get(machine)
    if mutex_bytes is None:
        message = f"machine {machine!r} is neither x86_64 nor aarch64"
        raise LayoutError(message)
    if is_musl:
        mutex_bytes = _MUTEX_BYTES_MUSL
    start = 8 if is_free_threaded else 0
    cond = start + 32
    switch_cond = cond + _COND_BYTES + mutex_bytes
    size = switch_cond + _COND_BYTES + mutex_bytes
    return Gil(start, start + 8, start + 16, start + 24, cond, switch_cond, size)


def _checked(name: str, table: dict[str, int]) -> int:
    """The offset ``name`` of the table, if it can be one."""
    offset, size = table[name], table[f"{name[0]}.size"]
    width = 4 if name in _INTS else 8
    if offset % width or offset > MAX_OFFSET or offset + width > size:
        message = f"debug offset {name} is {offset}, of {size} bytes"
        raise LayoutError(message)
    return offset


def _expect(name: str, offset: int, expected: int) -> None:
    if offset != expected:
        message = f"debug offset {name} is {offset}, not {expected}"
        raise LayoutError(message)


def _unknown(version: tuple[int, int]) -> str:
    major, minor = version
    return f"CPython {major}.{minor} is not known; 3.{OLDEST_MINOR} to 3.{NEWEST_MINOR} are"
