"""Why a thread is not running, in words: by its state, the kernel function it sleeps in and its system call; pure.

What they say is one look at one moment: a hint, not a measured share.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop.procfs import reasons
from threadtop.procfs.reasons import words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from threadtop.blocked import BlockedOn

RUNNING, RUN_QUEUE, GIL = "running", "waits for a cpu", "waits for the GIL"

_STATES: Final = {
    "T": "stopped",
    "t": "traced",
    "Z": "ended, not reaped",
    "X": "dead",
    "x": "dead",
    "I": "idle",
    "P": "parked",
}


def reason(
    state: str,
    wchan: str | None,
    cpu_pct: float | None = None,
    wait_pct: float | None = None,
    *,
    kernel: bool = False,
) -> str | None:
    """Why a thread is not running, or that it runs; None where it may not be known.

    ``state`` is the letter of ``stat``, ``wchan`` the kernel function (None: not read or denied).
    R means runnable, not on a core: which of the two it mostly was is read off the measured shares.
    """
    if state == "R":
        return RUN_QUEUE if (wait_pct or 0.0) > (cpu_pct or 0.0) else RUNNING
    if state in _STATES:
        return _STATES[state]
    if kernel:
        return "kernel work" if state == "S" else "uninterruptible"
    if not wchan:
        return "uninterruptible" if state == "D" else None
    return words(wchan)


# -- the call that a thread sleeps in, in words ------------------------------------------------

FOR_EVER: Final = "for ever"
_TIMED: Final = "timed"
_TENTH_NS: Final = 100_000_000  # of a second
_SHORT: Final = {
    **dict.fromkeys(("readv", "pread64", "preadv", "preadv2"), "read"),
    **dict.fromkeys(("writev", "pwrite64", "pwritev", "pwritev2"), "write"),
    **dict.fromkeys(("recvfrom", "recvmsg", "recvmmsg"), "recv"),
    **dict.fromkeys(("sendto", "sendmsg", "sendmmsg"), "send"),
    **dict.fromkeys(("epoll_wait", "epoll_pwait", "epoll_pwait2"), "epoll"),
    **dict.fromkeys(("futex_wait", "futex_waitv"), "futex"),
    **dict.fromkeys(("open", "openat", "openat2", "creat"), "open"),
    **dict.fromkeys(("io_getevents", "io_pgetevents"), "aio"),
    "accept4": "accept",
    "ppoll": "poll",
    "pselect6": "select",
    "clock_nanosleep": "nanosleep",
    "io_uring_enter": "io_uring",
    "rt_sigsuspend": "sigsuspend",
    "rt_sigtimedwait": "sigtimedwait",
    "mq_timedreceive": "mq_receive",
    "mq_timedsend": "mq_send",
}
"""Calls by the name of what they do; their variants are told apart by nobody who waits."""
_WRITES: Final = frozenset(("write", "send", "sendfile", "connect", "vmsplice"))
_CHILD_CALLS: Final = frozenset(("vfork", "clone", "clone3"))
_PI: Final = frozenset((6, 11, 13))  # FUTEX_LOCK_PI, FUTEX_WAIT_REQUEUE_PI, FUTEX_LOCK_PI2
_SHOWN_DIGITS: Final = 0xFFFF
_TERMINALS: Final = ("/dev/pts/", "/dev/tty", "/dev/console")


def futex_name(address: int) -> str:
    """A futex by the end of its address, which tells those of one process apart: ``0x..5f40``."""
    return f"0x..{address & _SHOWN_DIGITS:04x}" if address > _SHOWN_DIGITS else f"{address:#x}"


def span(span_ns: int) -> str:
    """A timeout with its unit: ``0.5 s``, ``20 ms``, ``50 us``."""
    if span_ns >= 100_000_000:  # noqa: PLR2004 0.1 s
        seconds = span_ns / 1e9
        return f"{round(seconds, 1):.10g} s" if seconds >= 100 else f"{seconds:.3g} s"  # noqa: PLR2004 three digits
    if span_ns >= 1_000_000:  # noqa: PLR2004 1 ms
        return f"{span_ns / 1e6:.3g} ms"
    return f"{span_ns / 1e3:.3g} us"


def coarse(left_ns: int) -> int:
    """What is left of a timeout, in steps of 0.1 s, from 10 s on of 1 s, from 100 s on of 10 s: rows change seldom."""
    step = _TENTH_NS if left_ns < 100 * _TENTH_NS else 10 * _TENTH_NS if left_ns < 1000 * _TENTH_NS else 100 * _TENTH_NS
    return (left_ns + step // 2) // step * step or left_ns


def left(left_ns: int | None) -> str:
    """What is left of a timeout, coarsely; "" for nothing, or not known."""
    return f"{span(coarse(left_ns))} left" if left_ns else ""


def described(blocked: BlockedOn, state: str, wchan: str | None, left_ns: int | None = None) -> str | None:
    """What a thread waits for by the call that it sleeps in, the decisive part first; None where that is not known.

    ``left_ns`` is what is left of its timeout, where it asked for a moment.
    ``futex 0x..5f40 (for ever)``, ``recv fd 12 <- 10.0.0.5:5432 (established)``, ``disk: /var/lib/db/heap.3 (fsync)``.
    Names and paths are as the kernel has them: who shows them makes them harmless.
    """
    call = _SHORT.get(blocked.call, blocked.call)
    known = words(wchan) if wchan else ""
    if not call:  # asleep outside of a call: it touched memory that has to be read or is locked
        return None if blocked.why_not else f"{known or 'disk'}: page fault"
    kind = reasons.kind(state, wchan, blocked.call, blocked.target)
    timeout = left(left_ns) or _timeout(blocked)
    if kind == "disk":
        medium = known.partition(" ")[0] if wchan and reasons.kind("S", wchan) == "disk" else "disk"
        said = f"{medium}: {blocked.target} ({call})" if blocked.target else f"{medium} ({call})"
    elif known == "kernel lock":
        said = f"{known} ({call})"
    elif call in _BY_CALL:
        said = _BY_CALL[call](blocked, call, timeout)
    elif kind == "child" and call in _CHILD_CALLS:
        said = "vfork child"
    elif blocked.fd is not None:
        said = f"{call} {_descriptor(blocked, call)}"
    elif blocked.target:
        said = f"{call}: {blocked.target}{_in_brackets(timeout)}"
    else:
        said = f"{known} ({call})" if known else call
    return said


def _timeout(blocked: BlockedOn) -> str:
    """How long it waits at most; "" is not known."""
    if blocked.timeout_ns is not None:
        return span(blocked.timeout_ns)
    if blocked.is_forever is None or (not blocked.is_forever and blocked.why_not):
        return ""
    return FOR_EVER if blocked.is_forever else _TIMED


def _in_brackets(part: str) -> str:
    return f" ({part})" if part else ""


def _after_comma(part: str) -> str:
    return f", {part}" if part else ""


def _futex(blocked: BlockedOn, call: str, timeout: str) -> str:
    if blocked.futex is None:
        many = f" {blocked.descriptors} at once" if blocked.descriptors else ""
        return f"{call}{many}{_in_brackets(timeout)}"
    pi = " pi" if blocked.operation in _PI else ""
    shared = " shared" if blocked.is_shared else ""
    return f"{call} {futex_name(blocked.futex)}{pi}{shared}{_in_brackets(timeout)}"


def _epoll(blocked: BlockedOn, call: str, timeout: str) -> str:
    count = "" if blocked.descriptors is None else f": {_fds(blocked.descriptors)}"
    after = "" if blocked.is_forever else _after_comma(timeout)  # for ever is what servers do
    return f"{call} fd {blocked.fd}{count}{after}"


def _poll(blocked: BlockedOn, call: str, timeout: str) -> str:
    if blocked.descriptors == 0:  # a way to sleep: Python's time.sleep before 3.11
        return f"sleep {timeout} ({call})" if timeout else f"sleep ({call})"
    after = _after_comma(timeout)
    if blocked.fd is not None:
        return f"{call} {_descriptor(blocked, call)}{after}"
    return f"{call}{'' if blocked.descriptors is None else f' {_fds(blocked.descriptors)}'}{after}"


def _fds(count: int) -> str:
    return "no fds" if not count else "1 fd" if count == 1 else f"{count} fds"


def _sleep(blocked: BlockedOn, call: str, timeout: str) -> str:
    if blocked.timeout_ns is not None:
        return f"{call} {timeout}"
    return f"{call}{_in_brackets(timeout) if timeout in {'', _TIMED} else _after_comma(timeout)}"


def _wait(blocked: BlockedOn, call: str, _timeout: str) -> str:
    if blocked.pid is None and blocked.fd is not None:
        return f"{call} child of fd {blocked.fd}"
    if blocked.pid is None:
        return f"{call} {blocked.target or 'any child'}"
    return f"{call} child {blocked.pid}{_in_brackets(blocked.peer.removesuffix(f'[{blocked.pid}]'))}"


def _io_uring(blocked: BlockedOn, call: str, _timeout: str) -> str:
    return f"{call} fd {blocked.fd}"


def _signal(blocked: BlockedOn, call: str, timeout: str) -> str:
    return f"signal ({call}{'' if blocked.is_forever else _after_comma(timeout)})"


def _aio(_blocked: BlockedOn, call: str, timeout: str) -> str:
    return f"{call}{_in_brackets(timeout)}"


_BY_CALL: Final[Mapping[str, Callable[[BlockedOn, str, str], str]]] = {
    "futex": _futex,
    "epoll": _epoll,
    "poll": _poll,
    "select": _poll,
    "nanosleep": _sleep,
    **dict.fromkeys(("wait4", "waitid", "waitpid"), _wait),
    **dict.fromkeys(("pause", "sigsuspend", "sigtimedwait"), _signal),
    "aio": _aio,
    "io_uring": _io_uring,
}


def _descriptor(blocked: BlockedOn, call: str) -> str:
    """A descriptor and what is at its other end: ``fd 7 pipe <- worker[4242]``, ``fd 9: /run/x.lock``."""
    target, arrow = blocked.target, "->" if call in _WRITES else "<-"
    head = f"fd {blocked.fd}"
    if target.startswith("pipe:"):
        return f"{head} pipe{_other_end(blocked, arrow)}"
    if target.startswith("socket:"):
        # Who accepts listens, and who has somebody at the other end is connected.
        status = _in_brackets(blocked.status.removesuffix("listening").removesuffix("connected").removesuffix(", "))
        if blocked.peer:
            return f"{head}{_other_end(blocked, arrow)}{status}"
        return f"{head} on {blocked.local}{status}" if blocked.local else f"{head}{status or ' socket'}"
    if target.startswith("anon_inode:"):
        return f"{head} {target.removeprefix('anon_inode:').strip('[]')}"
    if target.startswith(_TERMINALS):
        return f"{head} terminal {target.removeprefix('/dev/')}"
    return f"{head}: {target}" if target else head


def _other_end(blocked: BlockedOn, arrow: str) -> str:
    if not blocked.peer:
        return ""
    return f" to {blocked.peer}" if blocked.peer == "itself" else f" {arrow} {blocked.peer}"
