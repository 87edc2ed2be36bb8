"""Runtime: a live CPython found in a process's memory: its interpreters, their GILs and thread states.

Everything read is untrusted: walks are bounded, pointers are checked to point back, and what does not check is
refused (NotReadyError, UnknownError) rather than guessed.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop.gil import elf, layout
from threadtop.gil.memory import BadAddressError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import TypeAlias

    from threadtop.gil.identity import Identity, Image
    from threadtop.gil.layout import Layout
    from threadtop.gil.memory import Memory

    Tasks: TypeAlias = Mapping[int, int]

MOST_INTERPRETERS: Final = 256
MOST_THREADS: Final = 32_768
MOST_INTERVAL_US: Final = 100_000_000
OLD_MINORS: Final = (12, 11, 10, 9, 8)  # those without debug offsets, tried in turn where no name tells
PTHREAD_BYTES: Final = 1024  # of struct pthread, which holds the tid somewhere
MUSL_WAITERS: Final = 4096
PTHREAD_TIDS: Final = {("x86_64", True): 720, ("aarch64", True): 208, ("x86_64", False): 48, ("aarch64", False): 32}
MOST_TID: Final = 1 << 22  # PID_MAX_LIMIT (include/linux/threads.h)
TRIES: Final = 3  # a list may change while we walk it
SYMBOLS: Final = (b"_PyRuntime", b"Py_Version")
FUTEX: Final = {"x86_64": 202, "aarch64": 98}
_INT: Final = struct.Struct("<i")
_MUSL_COND: Final = struct.Struct("<8xQ24xQ")  # pthread_cond_t: _c_head at 8, _c_tail at 40 (src/thread)
_MUSL_NEXT: Final = 8  # of a waiter, which lies on the waiting thread's stack: prev, next, state, barrier
_MUSL_BARRIER: Final = 20


class NotPythonError(Exception):
    """No mapped file has ``_PyRuntime``."""


class NotReadyError(Exception):
    """There is a CPython, but it is starting or ending: no interpreter, or no thread of it yet."""


class UnknownError(Exception):
    """There is a CPython whose layout we do not know, or that does not check."""


class Lock(NamedTuple):
    """One GIL: its address, whose it is, whether it is in use, its switch interval."""

    address: int
    interpreters: tuple[int, ...]
    is_enabled: bool
    interval_us: int


class State(NamedTuple):
    """What a GIL's own words say: the address of the last holder's thread state, and its counter of hand-overs."""

    holder: int
    is_locked: bool
    switches: int


class Place(NamedTuple):
    """Where a CPython is and what it is: ``address`` is that of ``_PyRuntime``."""

    machine: str
    address: int
    version: str
    is_glibc: bool


class Runtime:
    """One attached CPython; ``refresh`` walks its lists anew.

    ``Tasks`` map the tids that the target knows its threads by to ours: they differ where it has a pid
    namespace of its own (a container seen from its host).  ``idents`` are our tids by ``threading.get_ident()``,
    where that is all that Python's own tools know a thread by (before 3.11).
    """

    def __init__(self, memory: Memory, place: Place, form: Layout) -> None:
        """A runtime that has not been looked at yet."""
        self.layout = form
        self.version = place.version
        self.is_glibc = place.is_glibc
        self.machine = place.machine
        self.futex = FUTEX[place.machine]
        self.locks: tuple[Lock, ...] = ()
        self.tids: frozenset[int] = frozenset()
        self.idents: dict[int, int] = {}
        self._memory = memory
        self._address = place.address
        self._tid_offset: int | None = None
        self._likely_offset = PTHREAD_TIDS[place.machine, place.is_glibc]
        first = form.gil_last_holder
        self.words = struct.Struct(
            f"<Q{form.gil_locked - first - 8}xi{form.gil_switch_number - form.gil_locked - 4}xQ"
        )  # last_holder, locked, switch_number, in this order in every version
        self.words_offset = first
        self.name_offset = form.native_thread_id  # of a thread state: its tid; None before 3.11
        # What a walk needs of a thread state, in one read.
        fields = form.thread_next, form.thread_interp, self._thread_id
        self._span, self._span_start = _words_at(fields), min(fields)
        self._span_order = tuple(sorted(fields).index(field) for field in fields)

    # -- walks ---------------------------------------------------------------------------------------

    def refresh(self, tasks: Tasks) -> None:
        """Read interpreters, locks and thread states again.

        Raises NotReadyError, UnknownError or GoneError.
        """
        for left in reversed(range(TRIES)):
            try:
                return self._refresh(tasks)
            except BadAddressError as error:
                if not left:
                    raise NotReadyError from error
            except (NotReadyError, UnknownError):
                if not left:
                    raise
        return None

    def _refresh(self, tasks: Tasks) -> None:
        interpreters = self._interpreters()
        idents = self._walk_threads(interpreters, tasks)
        if not idents:
            raise NotReadyError
        owners: dict[int, list[int]] = {}
        for interpreter, number in interpreters.items():
            address = self._gil_address(interpreter)
            if address:  # one that is being made has none yet
                owners.setdefault(address, []).append(number)
        locks = [self._lock(address, tuple(sorted(ids))) for address, ids in owners.items()]
        self.tids = frozenset(idents.values())
        self.idents = idents if self.layout.native_thread_id is None else {}
        self.locks = tuple(sorted((lock for lock in locks if lock is not None), key=lambda lock: lock.interpreters))
        if not self.locks:
            raise NotReadyError

    def _interpreters(self) -> dict[int, int]:
        """The interpreters' ids by address."""
        form, memory = self.layout, self._memory
        interpreters: dict[int, int] = {}
        at = memory.word(self._address + form.interpreters_head)
        while at:
            if at in interpreters or len(interpreters) >= MOST_INTERPRETERS:
                break  # a list that bites its tail is being changed
            number = memory.word(at + form.interpreter_id)
            interpreters[at] = number if number < MOST_INTERPRETERS * MOST_INTERPRETERS else len(interpreters)
            at = memory.word(at + form.interpreter_next)
        return interpreters

    def _walk_threads(self, interpreters: Iterable[int], tasks: Tasks) -> dict[int, int]:
        """Our tids of the threads that have a state in one of these interpreters, by what CPython names them by."""
        form, read, span, start = self.layout, self._memory.read, self._span, self._span_start
        following_at, owner_at, identifier_at = self._span_order
        is_named = form.native_thread_id is not None
        idents: dict[int, int] = {}
        states = 0
        for interpreter in interpreters:
            seen = set()
            at = self._memory.word(interpreter + form.interpreter_threads)
            while at and at not in seen and states < MOST_THREADS:
                seen.add(at)
                states += 1
                said = span.unpack(read(at + start, span.size))
                identifier = said[identifier_at]
                if said[owner_at] != interpreter:
                    if len(seen) == 1:
                        message = "a thread state does not point back to its interpreter"
                        raise UnknownError(message)
                    break  # freed while we walked
                tid = tasks.get(identifier if is_named else self._named(identifier, tasks))
                if tid is not None:
                    idents[identifier] = tid
                at = said[following_at]
        return idents

    def _gil_address(self, interpreter: int) -> int:
        form = self.layout
        if form.runtime_gil is not None:
            return self._address + form.runtime_gil
        if form.interpreter_gil is None:
            message = "the layout names no GIL"
            raise UnknownError(message)
        return self._memory.word(interpreter + form.interpreter_gil)

    def _lock(self, address: int, interpreters: tuple[int, ...]) -> Lock | None:
        """A GIL as it is now; None where create_gil() has not come so far."""
        form = self.layout
        raw = self._memory.read(address, form.gil_size)
        interval_us = int.from_bytes(raw[form.gil_interval : form.gil_interval + 8], "little")
        (locked,) = _INT.unpack_from(raw, form.gil_locked)
        if locked == -1:
            return None
        if not 1 <= interval_us <= MOST_INTERVAL_US or locked not in (0, 1):
            message = "the GIL's fields hold what they never do"
            raise UnknownError(message)
        is_enabled = True
        if form.gil_enabled is not None:
            is_enabled = _INT.unpack_from(raw, form.gil_enabled)[0] != 0
        return Lock(address, interpreters, is_enabled, interval_us)

    # -- a look --------------------------------------------------------------------------------------

    def state(self, lock: Lock) -> State:
        """Who holds a lock, in one read; raises BadAddressError or GoneError."""
        holder, locked, switches = self.words.unpack(
            self._memory.read(lock.address + self.words_offset, self.words.size)
        )
        return State(holder, locked == 1, switches)

    def tid(self, state: int, tasks: Tasks) -> int | None:
        """Our tid of a thread state, read anew: states are freed and used again; None if it is none of ``tasks``."""
        try:
            return tasks.get(self._named(self._memory.word(state + self._thread_id), tasks))
        except BadAddressError:
            return None

    @property
    def _thread_id(self) -> int:
        """The word of a thread state that names its thread: its tid since 3.11, its pthread before."""
        form = self.layout
        return form.thread_id if form.native_thread_id is None else form.native_thread_id

    def _named(self, identifier: int, tasks: Tasks) -> int:
        """The tid, as the target knows it, of what a thread state names its thread by."""
        if self.layout.native_thread_id is not None or not identifier:
            return identifier
        try:
            if self._tid_offset is None:
                return self._search_tid(identifier, tasks)
            (tid,) = _INT.unpack(self._memory.read(identifier + self._tid_offset, 4))
        except BadAddressError:  # its thread has ended
            return 0
        return int(tid)

    def _search_tid(self, pthread: int, tasks: Tasks) -> int:
        """Find where ``struct pthread``, which is the C library's own, has the tid.

        What looks like a tid in the place that is known is taken for that of a thread not listed yet.  Only where
        it does not, all of it is searched: in a container tids are small numbers, as much else is.
        """
        raw = self._memory.read(pthread, PTHREAD_BYTES)
        for offset in (self._likely_offset, *range(0, PTHREAD_BYTES, 4)):
            (word,) = _INT.unpack_from(raw, offset)
            if word in tasks:
                self._tid_offset = offset
                return int(word)
            if offset == self._likely_offset and 0 < word < MOST_TID:
                return 0
        return 0

    def waiters(self, lock: Lock) -> frozenset[int]:
        """The futex words of those that wait for a lock, where they are not in the lock itself.

        glibc waits on words of the condition variable; musl's lie on the waiters' own stacks, linked from the
        condition variable (src/thread/pthread_cond_timedwait.c).
        """
        words: set[int] = set()
        if self.is_glibc:
            return frozenset()
        try:
            for condition in (self.layout.gil_cond, self.layout.gil_switch_cond):
                at, tail = _MUSL_COND.unpack(self._memory.read(lock.address + condition, _MUSL_COND.size))
                while at and at + _MUSL_BARRIER not in words and len(words) < MUSL_WAITERS:
                    words.add(at + _MUSL_BARRIER)
                    at = 0 if at == tail else self._memory.word(at + _MUSL_NEXT)
        except BadAddressError:
            pass  # a waiter left while we walked: what we have stands
        return frozenset(words)


def _words_at(offsets: tuple[int, ...]) -> struct.Struct:
    """Words of 64 bits at these offsets from the least of them, in their order."""
    form, end = "<", min(offsets)
    for offset in sorted(offsets):
        form += f"{offset - end}xQ"
        end = offset + 8
    return struct.Struct(form)


def attach(memory: Memory, identity: Identity, tasks: Tasks) -> Runtime:
    """The CPython in a process's memory, checked; raises NotPythonError, NotReadyError, UnknownError or GoneError."""
    for image in identity.images:
        try:
            found = _found(memory, image)
        except (elf.ElfError, BadAddressError):
            continue
        if found is None:
            continue
        failure: Exception = NotReadyError()
        try:
            layouts = _layouts(memory, found, identity)
        except BadAddressError:
            raise NotReadyError from None
        for form, version in layouts:
            place = Place(found.machine, found.runtime, version, identity.is_glibc)
            runtime = Runtime(memory, place, form)
            try:
                runtime.refresh(tasks)
            except (NotReadyError, UnknownError) as error:
                failure = error
            else:
                return runtime
        raise failure
    raise NotPythonError


class _Found(NamedTuple):
    """Where an image's symbols lie in memory."""

    machine: str
    runtime: int
    version: int | None


def _found(memory: Memory, image: Image) -> _Found | None:
    """``_PyRuntime`` and ``Py_Version`` (3.11 and later) by the image's own dynamic symbols, as it is mapped."""
    header = elf.header(lambda offset, size: memory.read(image.base + offset, size))
    bias = elf.load_bias(header, image.base)
    symbols = elf.find_symbols(lambda vaddr, size: memory.read(bias + vaddr, size), header, SYMBOLS, bias)
    runtime, version = map(symbols.get, SYMBOLS)
    if runtime is None:
        return None
    return _Found(header.machine, bias + runtime.vaddr, bias + version.vaddr if version else None)


def _layouts(memory: Memory, found: _Found, identity: Identity) -> list[tuple[Layout, str]]:
    """The layouts that may fit, the likeliest first, each with its version in words; raises UnknownError."""
    machine, is_musl = found.machine, not identity.is_glibc
    try:
        raw = memory.read(found.runtime, layout.DEBUG_OFFSETS_SIZE)
        head = layout.head_of(raw)
        if head is not None:
            form = layout.from_debug_offsets(raw, machine, is_musl=is_musl)
            return [(form, words(head.version, is_free_threaded=head.is_free_threaded))]
        if found.version is not None:
            version = layout.version_of(memory.word(found.version))
            return [(layout.for_version(version.minor, machine, is_musl=is_musl), words(version))]
        known = [minor for minor in identity.minors if minor in OLD_MINORS]
        if identity.minors and not known:
            layout.for_version(identity.minors[0], machine)  # raises, and says which versions are known
        return [(layout.for_version(minor, machine, is_musl=is_musl), f"3.{minor}") for minor in known or OLD_MINORS]
    except layout.LayoutError as error:
        raise UnknownError(str(error)) from error


def words(version: layout.Version, *, is_free_threaded: bool = False) -> str:
    """A version as ``3.12.1``; a free-threaded build has a ``t``, as its program has."""
    return f"{version.major}.{version.minor}.{version.micro}{'t' if is_free_threaded else ''}"
