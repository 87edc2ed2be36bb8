"""What a descriptor is open on, in words: paths, both ends of sockets and pipes, what an epoll watches; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop import text, waits
from threadtop.procfs import fdinfo, signals

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from threadtop.inside.files import Descriptor
    from threadtop.inside.holders import Holding
    from threadtop.procfs.fdinfo import Info, Kind
    from threadtop.waiting.sockets import Socket

MOST_WATCHED: Final = 200  # descriptors of an epoll by number


def target(one: Descriptor) -> str:
    """What a descriptor is open on, the decisive part first, with the locks that it holds."""
    said = plain_target(one)
    locks = one.info.locks if one.info is not None else ()
    return f"{said} ({', '.join(locks)})" if locks else said


def plain_target(one: Descriptor) -> str:
    """What a descriptor is open on, alone."""
    return _BY_KIND.get(one.kind, _link)(one)


def _link(one: Descriptor) -> str:
    """A path as it is; of what has none, its name."""
    if one.link.startswith("anon_inode:"):
        return one.link.removeprefix("anon_inode:").strip("[]")
    return one.link


def _memfd(one: Descriptor) -> str:
    return one.link.removeprefix("/memfd:").removesuffix(fdinfo.DELETED)


def _shared(one: Descriptor) -> str:
    return one.link.removesuffix(fdinfo.DELETED)


# -- sockets and pipes -------------------------------------------------------------------------------


def _socket(one: Descriptor) -> str:
    found = one.socket
    if found is None:
        return _of_no_table(one)
    if found.is_unix:
        return _unix(one, found)
    if found.peer:
        arrow = "<-" if one.is_accepted else "->"
        return " ".join(filter(None, (found.local, arrow, found.peer, found.words)))
    return " ".join(filter(None, (found.local, found.words)))


def _of_no_table(one: Descriptor) -> str:
    if one.protocol and not one.protocol.startswith(_IN_TABLES):
        return protocol(one.protocol)
    if one.is_sought:
        return f"{protocol(one.protocol) or one.link}, not looked up yet"
    if not one.protocol:
        return f"{one.link}, in no table of its network namespace"
    return f"{protocol(one.protocol)}, not bound, or of another network namespace"


_IN_TABLES: Final = ("TCP", "UDP", "UNIX", "NETLINK", "PACKET", "RAW")


def protocol(protocol: str) -> str:
    """``UNIX-STREAM`` is ``unix stream``, ``AF_VSOCK`` is ``vsock``."""
    return protocol.removeprefix("AF_").replace("-", " ").lower()


def _unix(one: Descriptor, found: Socket) -> str:
    """Its type and state, its own path, who is at the other end, and under which path."""
    held = _holders(one.holding) if one.holding is not None else ""
    if one.holding is not None and not held:
        held = _missing(one.holding)
    ends = " ".join(filter(None, (held, found.peer)))
    return " ".join(filter(None, (found.words, found.local, f"-> {ends}" if ends else "")))


def _pipe(one: Descriptor) -> str:
    """Who has the other end; whose writer or reader is gone reads the end of file, or dies of SIGPIPE."""
    if one.holding is None or one.info is None:
        return one.link
    arrow = "->" if fdinfo.mode(one.info.flags) == "w" else "<-"
    return f"{arrow} {_holders(one.holding) or _missing(one.holding)}"


def _missing(holding: Holding) -> str:
    if not holding.is_done:
        return "other end not found yet"
    return "nobody" if holding.is_settled else "nobody that may be seen"


def _holders(holding: Holding) -> str:
    names = [f"{name}[{pid}]" for pid, name in holding.others]
    if holding.is_itself:
        names.append("itself")
    more = f" and {holding.more} more" if holding.more else ""
    return ", ".join(names) + more


# -- what has no name --------------------------------------------------------------------------------


def _epoll(one: Descriptor) -> str:
    info = one.info
    if info is None:
        return "epoll"
    count = len(info.watched)
    head = f"{text.thousands(count)}{' or more' if info.is_cut else ''} {'fd' if count == 1 else 'fds'}"
    if not count:
        return "no fds"
    shown = " ".join(map(str, info.watched[:MOST_WATCHED]))
    return f"{head}: {shown}{' ...' if count > MOST_WATCHED else ''}"


def _more(one: Descriptor) -> Mapping[str, str]:
    return one.info.more if one.info is not None else {}


def _eventfd(one: Descriptor) -> str:
    more = _more(one)
    count = _number(more.get("eventfd-count"), 16)
    said = f"count {text.thousands(count)}" if count is not None else "eventfd"
    return f"{said}, semaphore" if more.get("eventfd-semaphore") == "1" else said


def _timerfd(one: Descriptor) -> str:
    """When it expires next, and how often; ``ticks`` that nobody has read yet."""
    more = _more(one)
    value_ns, interval_ns = _time_ns(more.get("it_value", "")), _time_ns(more.get("it_interval", ""))
    clock, ticks = _CLOCKS.get(more.get("clockid", ""), ""), _number(more.get("ticks"), 10) or 0
    if value_ns is None:
        return "timerfd"
    # Once it has fired the kernel neither counts nor goes on before it is read.
    parts = [f"in {waits.span(value_ns)}" if value_ns else "has fired, waits to be read" if ticks else "not set"]
    if interval_ns:
        parts.append(f"every {waits.span(interval_ns)}")
    if value_ns and ticks:
        parts.append(f"expired {'once' if ticks == 1 else f'{text.thousands(ticks)} times'}, not read")
    if clock:
        parts.append(clock)
    return ", ".join(parts)


_CLOCKS: Final = {"0": "real time", "7": "boot time", "8": "real time, wakes", "9": "boot time, wakes"}


def _time_ns(pair: str) -> int | None:
    """``(1, 500)``: seconds and nanoseconds."""
    try:
        seconds, rest_ns = (int(part) for part in pair.strip("()").split(","))
    except ValueError:
        return None
    return seconds * 1_000_000_000 + rest_ns


def _number(word: str | None, base: int) -> int | None:
    try:
        return int(word, base) if word else None
    except ValueError:
        return None


def _signalfd(one: Descriptor) -> str:
    found = signals.numbers(_more(one).get("sigmask", ""))
    if found is None:
        return "signalfd"
    return signals.words(found) if found else "no signals"


def _watches(one: Descriptor) -> str:
    if one.info is None:
        return one.kind
    count = one.info.watches
    return f"{text.thousands(count)}{' or more' if one.info.is_cut else ''} {'watch' if count == 1 else 'watches'}"


def _pidfd(one: Descriptor) -> str:
    pid = _more(one).get("Pid", "")
    if pid == "-1":
        return "a process that has ended"
    if pid == "0":
        return "a process of another pid namespace"
    return f"{one.process}[{pid}]" if pid else "pidfd"


def _io_uring(one: Descriptor) -> str:
    """How long its two queues are, and what is in them."""
    more = _more(one)
    numbers = {key: _number(more.get(key), 0) for key in _URING}
    said = "io_uring"
    submissions, completions = numbers["SqMask"], numbers["CqMask"]
    if submissions is None or completions is None:
        return said
    pending, ready = _span(numbers["SqTail"], numbers["SqHead"]), _span(numbers["CqTail"], numbers["CqHead"])
    said = f"submissions {pending} of {submissions + 1}, completions {ready} of {completions + 1}"
    thread = more.get("SqThread", "-1")
    return said if thread.startswith("-") else f"{said}, polled by thread {thread}"


_URING: Final = ("SqMask", "CqMask", "SqTail", "SqHead", "CqTail", "CqHead")


def _span(tail: int | None, head: int | None) -> int:
    """How much lies between two counters of 32 bits."""
    return (tail or 0) - (head or 0) & 0xFFFFFFFF


def _bpf(one: Descriptor) -> str:
    more = _more(one)
    ids = [
        f"{key.replace('_', ' ')} {more[key]}" for key in ("map_type", "map_id", "prog_type", "prog_id") if key in more
    ]
    return " ".join((_link(one), *ids))


_BY_KIND: Final[Mapping[Kind, Callable[[Descriptor], str]]] = {
    "socket": _socket,
    "pipe": _pipe,
    "epoll": _epoll,
    "eventfd": _eventfd,
    "timerfd": _timerfd,
    "signalfd": _signalfd,
    "inotify": _watches,
    "fanotify": _watches,
    "pidfd": _pidfd,
    "io_uring": _io_uring,
    "memfd": _memfd,
    "shared memory": _shared,
    "bpf": _bpf,
}


def position(info: Info | None, kind: Kind) -> int | None:
    """Where the next read or write goes, in bytes; None of what has no position."""
    return info.position if info is not None and kind in _WITH_POSITION else None


_WITH_POSITION: Final = frozenset(("file", "directory", "device", "memfd"))
