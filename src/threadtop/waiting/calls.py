"""What the arguments of a system call say of a wait: descriptor, futex, timeout, child; pure (syscalls(2)).

Arguments are as ``/proc/PID/syscall`` has them (proc(5)): registers, so that an int is the low half of one.  What only
the thread's memory can tell (a timeout behind a pointer, the one descriptor of a poll) is left as a ``Peek``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop.blocked import BlockedOn
from threadtop.procfs import syscalls
from threadtop.waiting.peeks import FUTEX_PRIVATE, WAITV, Peek

if TYPE_CHECKING:
    from collections.abc import Callable

    from threadtop.procfs.syscalls import Call
    from threadtop.waiting.peeks import Shape

NARROW: Final = frozenset({"i386", "arm"})  # 32-bit machines
_ALWAYS_WIDE: Final = frozenset({"futex_wait", "futex_waitv", "epoll_pwait2"})  # they are younger than _time64
MOST_SELECTED: Final = 1 << 16  # descriptors in a set of select: more is not read
_FUTEX_REALTIME = 256  # include/uapi/linux/futex.h
FUTEX_WAIT, FUTEX_LOCK_PI, FUTEX_WAIT_BITSET, FUTEX_WAIT_REQUEUE_PI, FUTEX_LOCK_PI2 = 0, 6, 9, 11, 13
_TIMER_ABSTIME: Final = 1
_P_PID, _P_PIDFD = 1, 3  # waitid(2)
_RESTARTED: Final = {"futex": "futex", "poll": "poll", "do_sys_poll": "poll", "do_poll": "poll"}


class Asked(NamedTuple):
    """A call as far as its registers tell, and what of it lies in memory."""

    blocked: BlockedOn
    peeks: tuple[Peek, ...] = ()


def asked(machine: str, call: Call, wchan: str | None = None) -> Asked:
    """What a thread of ``machine`` waits for in ``call``; ``wchan`` tells which call was taken up again.

    A call that runs again after a signal shows as ``restart_syscall`` with the registers of the one that it was.
    Outside of a call (a page fault) there is nothing to say.
    """
    if call.number is None or len(call.arguments) < _ARGUMENTS:
        return Asked(BlockedOn())
    name = plain_name(machine, call.number)
    is_wide = machine not in NARROW or syscalls.name(machine, call.number).endswith("_time64") or name in _ALWAYS_WIDE
    if name == "restart_syscall":
        name = next((old for beginning, old in _RESTARTED.items() if (wchan or "").startswith(beginning)), name)
    decode = _DECODERS.get(name)
    return decode(name, _Arguments(call.arguments, is_wide, machine in NARROW)) if decode else Asked(BlockedOn(name))


@lru_cache(maxsize=512)
def plain_name(machine: str, number: int) -> str:
    """A system call by the name that it has on all machines; ``old_select`` has its arguments in memory."""
    name = syscalls.name(machine, number).removesuffix("_time64")
    return _NARROW_NAMES.get(name, name) if machine in NARROW else name


_ARGUMENTS: Final = 6
_POLLFD_BYTES: Final = 8
_PATH_BYTES, _PAGE_BYTES = 256, 4096
# include/uapi/linux/net.h: socketcall(2) of 32-bit x86
_SOCKET_CALLS: Final = {
    3: "connect",
    5: "accept",
    9: "send",
    10: "recv",
    11: "sendto",
    12: "recvfrom",
    16: "sendmsg",
    17: "recvmsg",
    18: "accept4",
    19: "recvmmsg",
    20: "sendmmsg",
}
_IPC_CALLS: Final = {1: "semop", 4: "semtimedop", 11: "msgsnd", 12: "msgrcv"}  # ipc(2), include/uapi/linux/ipc.h
# 32-bit machines have a second call by another name where the first became too small.
_NARROW_NAMES: Final = {"_newselect": "select", "select": "old_select", "fcntl64": "fcntl", "sendfile64": "sendfile"}


class _Arguments(NamedTuple):
    """Registers; ``is_wide``: times have 64-bit seconds, ``is_narrow``: pointers have 32 bits."""

    words: tuple[int, ...]
    is_wide: bool
    is_narrow: bool

    def integer(self, at: int) -> int:
        """A signed int: the low 32 bits."""
        low = self.words[at] & 0xFFFFFFFF
        return low - (1 << 32) if low & 0x80000000 else low

    def pointer(self, at: int) -> int:
        """An address."""
        return self.words[at] & 0xFFFFFFFF if self.is_narrow else self.words[at]

    def time(self, at: int, shape: Shape = "timespec") -> Peek:
        """Where a timeout lies."""
        return Peek(shape, self.pointer(at), 16 if self.is_wide else 8, self.is_wide)


# -- one function for each way of waiting ------------------------------------------------------


def _timed(blocked: BlockedOn, arguments: _Arguments, at: int, *more: Peek) -> Asked:
    """A call with a pointer to the length of a timeout as argument ``at``: none is for ever."""
    if not arguments.pointer(at):
        return Asked(blocked._replace(is_forever=True), more)
    return Asked(blocked._replace(is_forever=False), (arguments.time(at), *more))


def _until(blocked: BlockedOn, arguments: _Arguments, at: int, clock: int, *more: Peek) -> Asked:
    """As ``_timed``, with a moment in place of the length; on a clock of CPU time nobody knows how long that is."""
    found, known = _timed(blocked, arguments, at), _CLOCKS.get(clock)
    peeks = tuple(peek._replace(clock=known) for peek in found.peeks if known is not None)
    return Asked(found.blocked, (*peeks, *more))


_REALTIME, _MONOTONIC, _BOOTTIME, _TAI = 0, 1, 7, 11  # include/uapi/linux/time.h
_REALTIME_ALARM, _BOOTTIME_ALARM = 8, 9
_CLOCKS: Final = {
    **{clock: clock for clock in (_REALTIME, _MONOTONIC, _BOOTTIME, _TAI)},
    _REALTIME_ALARM: _REALTIME,
    _BOOTTIME_ALARM: _BOOTTIME,
}
"""Clocks that go on while a thread sleeps, by that which has the same time."""


def _by_fd(name: str, arguments: _Arguments) -> Asked:
    return Asked(BlockedOn(name, fd=arguments.integer(0)))


def _recvmmsg(name: str, arguments: _Arguments) -> Asked:
    # Its timeout is looked at only once a datagram has come (recvmmsg(2), BUGS).
    return Asked(BlockedOn(name, fd=arguments.integer(0)))


def _futex(name: str, arguments: _Arguments) -> Asked:
    flags = arguments.integer(1)
    operation = flags & ~(FUTEX_PRIVATE | _FUTEX_REALTIME)
    blocked = BlockedOn(name, futex=arguments.pointer(0), is_shared=not flags & FUTEX_PRIVATE, operation=operation)
    if operation not in {FUTEX_WAIT, FUTEX_LOCK_PI, FUTEX_WAIT_BITSET, FUTEX_WAIT_REQUEUE_PI, FUTEX_LOCK_PI2}:
        return Asked(blocked)
    if operation == FUTEX_WAIT:
        return _timed(blocked, arguments, 3)
    is_real = flags & _FUTEX_REALTIME or operation == FUTEX_LOCK_PI
    return _until(blocked, arguments, 3, _REALTIME if is_real else _MONOTONIC)


def _futex_wait(name: str, arguments: _Arguments) -> Asked:
    blocked = BlockedOn(
        name,
        futex=arguments.pointer(0),
        is_shared=not arguments.integer(3) & FUTEX_PRIVATE,
        operation=FUTEX_WAIT_BITSET,
    )
    return _until(blocked, arguments, 4, arguments.integer(5))


def _futex_waitv(name: str, arguments: _Arguments) -> Asked:
    count = arguments.integer(1)
    blocked = BlockedOn(name, operation=FUTEX_WAIT_BITSET, descriptors=count)
    one = (Peek("futex_waitv", arguments.pointer(0), WAITV.size),) if count == 1 else ()
    return _until(blocked, arguments, 3, arguments.integer(4), *one)


def _milliseconds(blocked: BlockedOn, timeout_ms: int) -> BlockedOn:
    if timeout_ms < 0:
        return blocked._replace(is_forever=True)
    return blocked._replace(is_forever=False, timeout_ns=timeout_ms * 1_000_000)


def _polled(name: str, arguments: _Arguments) -> tuple[BlockedOn, tuple[Peek, ...]]:
    count = arguments.words[1] & 0xFFFFFFFF
    one = (Peek("poll", arguments.pointer(0), _POLLFD_BYTES),) if count == 1 else ()
    return BlockedOn(name, descriptors=count), one


def _poll(name: str, arguments: _Arguments) -> Asked:
    blocked, one = _polled(name, arguments)
    return Asked(_milliseconds(blocked, arguments.integer(2)), one)


def _ppoll(name: str, arguments: _Arguments) -> Asked:
    blocked, one = _polled(name, arguments)
    return _timed(blocked, arguments, 2, *one)


def _select(name: str, arguments: _Arguments) -> Asked:
    count = arguments.integer(0)
    blocked = BlockedOn(name, descriptors=0)
    sets = [arguments.pointer(at) for at in (1, 2, 3) if arguments.pointer(at)]
    peeks: list[Peek] = []
    if not arguments.pointer(4):
        blocked = blocked._replace(is_forever=True)
    else:
        blocked = blocked._replace(is_forever=False)
        peeks.append(arguments.time(4, "timeval" if name == "select" else "timespec"))
    if sets and 0 < count <= MOST_SELECTED:
        blocked = blocked._replace(descriptors=None)  # until the sets are read, only the highest number is known
        size = (count + 31) // 32 * 4  # sets are read by whole words
        peeks.append(Peek("select", sets[0], size, further=tuple(sets[1:]), bits=count))
    return Asked(blocked, tuple(peeks))


def _old_select(_name: str, arguments: _Arguments) -> Asked:
    del arguments  # all five are in memory, behind a pointer: old programs of 32-bit x86
    return Asked(BlockedOn("select"))


def _epoll(name: str, arguments: _Arguments) -> Asked:
    return Asked(_milliseconds(BlockedOn(name, fd=arguments.integer(0)), arguments.integer(3)))


def _epoll_pwait2(name: str, arguments: _Arguments) -> Asked:
    return _timed(BlockedOn(name, fd=arguments.integer(0)), arguments, 3)


def _nanosleep(name: str, arguments: _Arguments) -> Asked:
    return Asked(BlockedOn(name, is_forever=False), (arguments.time(0),))


def _clock_nanosleep(name: str, arguments: _Arguments) -> Asked:
    if arguments.integer(1) & _TIMER_ABSTIME:
        return _until(BlockedOn(name), arguments, 2, arguments.integer(0))
    return _timed(BlockedOn(name), arguments, 2)


def _wait4(name: str, arguments: _Arguments) -> Asked:
    pid = arguments.integer(0)
    return Asked(BlockedOn(name, pid=pid if pid > 0 else None))


def _waitid(name: str, arguments: _Arguments) -> Asked:
    which, number = arguments.integer(0), arguments.integer(1)
    return Asked(BlockedOn(name, fd=number if which == _P_PIDFD else None, pid=number if which == _P_PID else None))


def _for_ever(name: str, _arguments: _Arguments) -> Asked:
    return Asked(BlockedOn(name, is_forever=True))


def _sigtimedwait(name: str, arguments: _Arguments) -> Asked:
    return _timed(BlockedOn(name), arguments, 2)


def _io_getevents(name: str, arguments: _Arguments) -> Asked:
    return _timed(BlockedOn(name), arguments, 4)


def _set(name: str, arguments: _Arguments) -> Asked:
    blocked = BlockedOn(name, target=f"semaphore set {arguments.integer(0)}")
    return _timed(blocked, arguments, 3) if name == "semtimedop" else Asked(blocked._replace(is_forever=True))


def _queue(name: str, arguments: _Arguments) -> Asked:
    return Asked(BlockedOn(name, target=f"message queue {arguments.integer(0)}", is_forever=True))


def _posix_queue(name: str, arguments: _Arguments) -> Asked:
    return _until(BlockedOn(name, fd=arguments.integer(0)), arguments, 4, _REALTIME)


def _open(name: str, arguments: _Arguments) -> Asked:
    path = arguments.pointer(1 if name.startswith("openat") else 0)
    size = min(_PATH_BYTES, _PAGE_BYTES - path % _PAGE_BYTES)  # what follows the page may not be mapped
    return Asked(BlockedOn(name), (Peek("path", path, size),))


def _socketcall(name: str, arguments: _Arguments) -> Asked:
    which = _SOCKET_CALLS.get(arguments.integer(0))
    if which is None:
        return Asked(BlockedOn(name))
    return Asked(BlockedOn(which), (Peek("socketcall", arguments.pointer(1), 4),))


def _ipc(name: str, arguments: _Arguments) -> Asked:
    which = _IPC_CALLS.get(arguments.integer(0) & 0xFFFF)
    if which is None:
        return Asked(BlockedOn(name))
    what = "semaphore set" if which.startswith("sem") else "message queue"
    return Asked(BlockedOn(which, target=f"{what} {arguments.integer(1)}"))


_FD_CALLS: Final = (
    *("read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "preadv2", "pwritev2"),
    *("recv", "recvfrom", "recvmsg", "send", "sendto", "sendmsg", "sendmmsg", "sendfile", "accept", "accept4"),
    *("connect", "flock", "fcntl", "fsync", "fdatasync", "syncfs", "sync_file_range", "fallocate", "ftruncate"),
    *("ftruncate64", "getdents", "getdents64", "fstat", "fstat64", "newfstat", "lseek", "_llseek", "ioctl", "close"),
    *("splice", "tee", "vmsplice", "copy_file_range", "readahead", "fadvise64", "io_uring_enter", "fstatfs"),
    *("arm_sync_file_range", "sync_file_range2", "fchmod", "fchown", "fsetxattr", "fgetxattr", "shutdown"),
)
_DECODERS: Final[dict[str, Callable[[str, _Arguments], Asked]]] = {
    **dict.fromkeys(_FD_CALLS, _by_fd),
    "recvmmsg": _recvmmsg,
    "futex": _futex,
    "futex_wait": _futex_wait,
    "futex_waitv": _futex_waitv,
    "poll": _poll,
    "ppoll": _ppoll,
    "select": _select,
    "pselect6": _select,
    "old_select": _old_select,
    "epoll_wait": _epoll,
    "epoll_pwait": _epoll,
    "epoll_pwait2": _epoll_pwait2,
    "nanosleep": _nanosleep,
    "clock_nanosleep": _clock_nanosleep,
    "wait4": _wait4,
    "waitpid": _wait4,
    "waitid": _waitid,
    "pause": _for_ever,
    "rt_sigsuspend": _for_ever,
    "sigsuspend": _for_ever,
    "rt_sigtimedwait": _sigtimedwait,
    "io_getevents": _io_getevents,
    "io_pgetevents": _io_getevents,
    "semop": _set,
    "semtimedop": _set,
    "msgrcv": _queue,
    "msgsnd": _queue,
    "mq_timedsend": _posix_queue,
    "mq_timedreceive": _posix_queue,
    "open": _open,
    "openat": _open,
    "openat2": _open,
    "creat": _open,
    "socketcall": _socketcall,
    "ipc": _ipc,
}
