"""Sockets by inode: the tables ``tcp``, ``udp``, ``unix`` and others of ``/proc/PID/net``; pure (proc(5)).

A path of a Unix socket is another program's choice and may hold anything, line ends too: what does not fit is left out.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from typing import Final, NamedTuple

TABLES: Final = ("tcp", "tcp6", "unix", "udp", "udp6", "netlink", "packet", "raw", "raw6")
MOST_BYTES: Final = 4 << 20  # of one table

# include/net/tcp_states.h
_STATES: Final = {
    0x01: "established",
    0x02: "syn sent",
    0x03: "syn received",
    0x04: "fin wait 1",
    0x05: "fin wait 2",
    0x06: "time wait",
    0x07: "closed",
    0x08: "close wait",
    0x09: "last ack",
    0x0A: "listening",
    0x0B: "closing",
    0x0C: "syn received",
}
# include/linux/net.h: type and state of a Unix socket, and __SO_ACCEPTCON of include/uapi/linux/net.h
_TYPES: Final = {1: "stream", 2: "dgram", 3: "raw", 5: "seqpacket"}
_UNIX_STATES: Final = {2: "connecting", 3: "connected", 4: "disconnecting"}
_LISTENS_UNIX: Final = 0x10000
# include/uapi/linux/netlink.h
_NETLINK: Final = {
    0: "route",
    2: "usersock",
    4: "sock diag",
    5: "nflog",
    6: "xfrm",
    7: "selinux",
    9: "audit",
    11: "connector",
    12: "netfilter",
    15: "kobject uevent",
    16: "generic",
    21: "crypto",
}
_IP: Final = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6"}  # include/uapi/linux/in.h
_ALL_PROTOCOLS: Final = 3  # ETH_P_ALL
_NO_PORT: Final = 0
_WORD_BYTES, _ADDRESS_4, _ADDRESS_6 = 4, 4, 16


class Socket(NamedTuple):
    """The two ends of a socket, ``10.0.0.5:5432`` or a path, "" where it has none; ``status`` is its state.

    ``protocol`` is ``tcp``, ``udp``, ``unix stream``, ``netlink route``; ``status`` "" where that has no states.
    """

    local: str
    peer: str
    status: str
    protocol: str = "tcp"

    @property
    def is_unix(self) -> bool:
        """Whether both ends are of this machine."""
        return self.protocol.startswith("unix")

    @property
    def words(self) -> str:
        """Its state, and the protocol where that does not go without saying: ``established``, ``unix stream``."""
        return ", ".join(filter(None, ("" if self.protocol == "tcp" else self.protocol, self.status)))


def parse(table: str, raw: bytes) -> dict[int, bytes]:
    """The lines of a table by inode; one of inode 0 (time wait) is nobody's."""
    line = _LINES[table.removesuffix("6")]
    return {int(found[1]): found[0] for found in line.finditer(raw) if found[1] != b"0"}


def socket(table: str, line: bytes) -> Socket | None:
    """What a line of ``table`` says; None if it is none."""
    try:
        return _READ[table.removesuffix("6")](line, line.split())
    except (ValueError, IndexError):
        return None


def has_path(line: bytes) -> bool:
    """Whether the Unix socket of a line has a name."""
    return bool(_path(line))


def listened(raw: bytes) -> frozenset[str]:
    """The local ports of a TCP table that are listened on."""
    found = set()
    at = raw.find(_LISTENS)
    while at >= 0:
        head = raw[raw.rfind(b"\n", 0, at) + 1 : at].split()
        port = head[1].rpartition(b":")[2] if len(head) == _LISTENING_WORDS else b""
        if port.isalnum():
            found.add(str(int(port, 16)))
        at = raw.find(_LISTENS, at + 1)
    return frozenset(found)


def path_of(raw: bytes) -> str:
    """The name of a Unix socket as the kernel keeps it; an abstract one begins with NUL, shown as ``@`` (unix(7))."""
    return raw.rstrip(b"\0").replace(b"\0", b"@").decode("utf-8", "surrogateescape")


# sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode ...
_INET: Final = re.compile(
    rb"^ *\d+: [0-9A-F:]+ [0-9A-F:]+ [0-9A-F]{2} [0-9A-F:]+ [0-9A-F:]+ [0-9A-F]+ +\d+ +\d+ (\d+) .*$", re.MULTILINE
)
_LISTENS: Final = b":0000 0A "  # no port at the other end, and the state
_LISTENING_WORDS: Final = 3  # before it: number, own end, the other end's address
_LINES: Final = {
    "tcp": _INET,
    "udp": _INET,
    # Num: RefCount Protocol Flags Type St Inode Path
    "unix": re.compile(
        rb"^[0-9a-f]+: [0-9A-F]+ [0-9A-F]+ [0-9A-F]+ [0-9A-F]+ [0-9A-F]{2} +(\d+)(?: .*)?$", re.MULTILINE
    ),
    "raw": _INET,
    # sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode
    "netlink": re.compile(rb"^[0-9a-f]+ +\d+ .* (\d+) *$", re.MULTILINE),
    # sk RefCnt Type Proto Iface R Rmem User Inode
    "packet": re.compile(rb"^[0-9a-f]+ +\d+ +\d+ +[0-9a-f]{4} .* (\d+) *$", re.MULTILINE),
}
_UNIX_PATH: Final = 7  # fields before it


def _path(line: bytes) -> str:
    fields = line.split(None, _UNIX_PATH)
    return fields[_UNIX_PATH].decode("utf-8", "surrogateescape") if len(fields) > _UNIX_PATH else ""


def _tcp(_line: bytes, fields: list[bytes]) -> Socket:
    return Socket(_address(fields[1]), _address(fields[2]), _STATES.get(int(fields[3], 16), ""))


def _udp(_line: bytes, fields: list[bytes]) -> Socket:
    return Socket(_address(fields[1]), _address(fields[2]), "", "udp")


def _raw(_line: bytes, fields: list[bytes]) -> Socket:
    """A raw socket has the number of its protocol where others have their port."""
    local, number = fields[1].partition(b":")[0] + b":0000", int(fields[1].partition(b":")[2], 16)
    return Socket(_address(local).removesuffix(":*"), "", "", f"raw {_IP.get(number, number)}")


def _unix(line: bytes, fields: list[bytes]) -> Socket:
    kind, state = int(fields[4], 16), int(fields[5], 16)
    status = "listening" if int(fields[3], 16) & _LISTENS_UNIX else _UNIX_STATES.get(state, "")
    return Socket(_path(line), "", status, f"unix {_TYPES.get(kind, kind)}")


def _netlink(_line: bytes, fields: list[bytes]) -> Socket:
    number = int(fields[1])
    return Socket("", "", "", f"netlink {_NETLINK.get(number, number)}")


def _packet(_line: bytes, fields: list[bytes]) -> Socket:
    """A packet socket: of which interface by its number, and which protocol of Ethernet."""
    kind, protocol, interface = int(fields[2]), int(fields[3], 16), int(fields[4])
    what = "all protocols" if protocol == _ALL_PROTOCOLS else f"protocol {protocol:#06x}" if protocol else ""
    return Socket(f"interface {interface}" if interface else "", "", what, f"packet {_TYPES.get(kind, kind)}")


_READ: Final = {"tcp": _tcp, "udp": _udp, "raw": _raw, "unix": _unix, "netlink": _netlink, "packet": _packet}


def _address(field: bytes) -> str:
    """``0100007F:1F90`` is 127.0.0.1:8080: words of four bytes in the machine's order; "" if there is no other end."""
    words, _, port_hex = field.partition(b":")
    port = int(port_hex, 16)
    raw = bytes.fromhex(words.decode("ascii"))
    # The machines of this program are little-endian.
    packed = b"".join(raw[at : at + _WORD_BYTES][::-1] for at in range(0, len(raw), _WORD_BYTES))
    if len(packed) == _ADDRESS_4:
        host = ".".join(map(str, packed))
    elif len(packed) == _ADDRESS_6:
        address = IPv6Address(packed)
        host = str(address.ipv4_mapped) if address.ipv4_mapped else f"[{address}]"
    else:
        raise ValueError(words)
    return "" if port == _NO_PORT and not any(packed) else f"{host}:{port or '*'}"
