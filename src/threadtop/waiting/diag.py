"""UnixDiag: asks the kernel what a Unix socket is connected to (sock_diag(7), netlink(7))."""

from __future__ import annotations

import socket
import struct
from typing import Final

from threadtop.waiting import sockets

_NETLINK_SOCK_DIAG, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, _AF_UNIX = 4, 20, 1, 1
_SHOW_NAME, _SHOW_PEER = 1, 4
_UNIX_DIAG_NAME, _UNIX_DIAG_PEER = 0, 2
_HEADER: Final = struct.Struct("<IHHII")  # struct nlmsghdr
_REQUEST: Final = struct.Struct("<BBHIIIII")  # struct unix_diag_req
_ANSWER_BYTES: Final = 16  # struct unix_diag_msg
_ATTRIBUTE: Final = struct.Struct("<HH")
_ANY: Final = 0xFFFFFFFF


class UnixDiag:
    """Asks the kernel for single Unix sockets of our own network namespace (sock_diag(7)); anyone may."""

    def __init__(self) -> None:
        """Nothing is opened yet."""
        self._socket: socket.socket | None = None
        self._is_refused = False

    def close(self) -> None:
        """Close the netlink socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def peer(self, inode: int) -> int | None:
        """The inode of the socket that ``inode`` is connected to; None if there is none or it may not be known."""
        raw = self._attributes(inode, _SHOW_PEER).get(_UNIX_DIAG_PEER, b"")
        return int.from_bytes(raw[:4], "little") or None

    def path(self, inode: int) -> str:
        """The name that a socket is bound to; "" without one."""
        return sockets.path_of(self._attributes(inode, _SHOW_NAME).get(_UNIX_DIAG_NAME, b""))

    def _attributes(self, inode: int, show: int) -> dict[int, bytes]:
        if self._is_refused or not 0 < inode <= _ANY:
            return {}
        request = _REQUEST.pack(_AF_UNIX, 0, 0, _ANY, inode, show, _ANY, _ANY)
        header = _HEADER.pack(_HEADER.size + len(request), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, inode, 0)
        try:
            if self._socket is None:
                kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
                self._socket = socket.socket(socket.AF_NETLINK, kind, _NETLINK_SOCK_DIAG)
            self._socket.send(header + request)
            answer = self._socket.recv(4096)
        except OSError:  # a kernel without it, or a sandbox
            self.close()
            self._is_refused = True
            return {}
        return attributes(answer, inode)


def attributes(answer: bytes, inode: int) -> dict[int, bytes]:
    """The attributes of one answer by their numbers; none of an error, or of another socket's."""
    if len(answer) < _HEADER.size + _ANSWER_BYTES:
        return {}
    length, kind, _, sequence, _ = _HEADER.unpack_from(answer)
    if kind != _SOCK_DIAG_BY_FAMILY or sequence != inode or length > len(answer):
        return {}
    found: dict[int, bytes] = {}
    at = _HEADER.size + _ANSWER_BYTES
    while at + _ATTRIBUTE.size <= length:
        size, number = _ATTRIBUTE.unpack_from(answer, at)
        if size < _ATTRIBUTE.size or at + size > length:
            break
        found[number] = answer[at + _ATTRIBUTE.size : at + size]
        at += (size + 3) & ~3
    return found
