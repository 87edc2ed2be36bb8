"""The tables of sockets, by values."""

from __future__ import annotations

import pytest

from threadtop.waiting import sockets
from threadtop.waiting.sockets import Socket

HEAD = b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
REST = (
    b"00000000:00000000 00:00000000 00000000     0        0 %d 1 0000000022a0a5f0 100 0 0 10 0                     \n"
)
TCP = (
    HEAD
    + b"   0: 00000000:1F90 00000000:0000 0A "
    + REST % 34
    + b"   1: 0100000A:9C40 0500000A:1538 01 "
    + b"00000000:00000000 02:000A7214 00000000  1000        0 35 2 0000000022a0a5f0 20 4 30 10 -1\n"
    + b"   2: 0100000A:9C41 0500000A:01BB 02 "
    + REST % 36
    + b"   3: 0100000A:9C42 0500000A:01BB 06 "
    + REST % 0
)
TCP6 = (
    HEAD
    + b"   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A "
    + REST % 40
    + b"   1: 0000000000000000FFFF00000100007F:1F90 0000000000000000FFFF00000200007F:9C40 01 "
    + REST % 41
    + b"   2: B80D0120000000000000000001000000:1F90 B80D0120000000000000000002000000:9C40 08 "
    + REST % 42
)
UDP = (
    HEAD
    + b" 1234: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000"
    + b"   101        0 50 2 0000000000000000 0\n"
)
UNIX = (
    b"Num       RefCount Protocol Flags    Type St Inode Path\n"
    b"00000000583a0377: 00000003 00000000 00000000 0001 03    30\n"
    b"000000008a55c669: 00000002 00000000 00010000 0001 01 31 /run/with blank.sock\n"
    b"000000008a55c669: 00000002 00000000 00010000 0005 01 32 @abstract\xff\n"
    b"000000008a55c669: 00000002 00000000 00000000 0002 01 33 /dev/log\n"
)
NETLINK = (
    b"sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n"
    b"00000000f06ee57c 0   4294962995 00000000 0        0        0     2        0        60      \n"
    b"00000000f06ee57c 77  0          00000000 0        0        0     2        0        61      \n"
)
PACKET = (
    b"sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n"
    b"0000000027bf2362 2      3    0000   0     0 0      0      70\n"
    b"0000000027bf2363 2      2    0003   2     1 0      0      71\n"
    b"0000000027bf2364 2      3    88cc   1     1 0      0      72\n"
)
RAW = (
    HEAD
    + b" 183: 00000000:0001 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 80 2 00 0\n"
    + b" 184: 0100000A:0059 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 81 2 00 0\n"
)


@pytest.mark.parametrize(
    ("table", "raw", "inode", "expected"),
    [
        ("tcp", TCP, 34, Socket("0.0.0.0:8080", "", "listening")),
        ("tcp", TCP, 35, Socket("10.0.0.1:40000", "10.0.0.5:5432", "established")),
        ("tcp", TCP, 36, Socket("10.0.0.1:40001", "10.0.0.5:443", "syn sent")),
        ("tcp6", TCP6, 40, Socket("[::]:8080", "", "listening")),
        ("tcp6", TCP6, 41, Socket("127.0.0.1:8080", "127.0.0.2:40000", "established")),
        ("tcp6", TCP6, 42, Socket("[2001:db8::1]:8080", "[2001:db8::2]:40000", "close wait")),
        ("udp", UDP, 50, Socket("0.0.0.0:53", "", "", "udp")),
        ("unix", UNIX, 30, Socket("", "", "connected", "unix stream")),
        ("unix", UNIX, 31, Socket("/run/with blank.sock", "", "listening", "unix stream")),
        ("unix", UNIX, 32, Socket("@abstract\udcff", "", "listening", "unix seqpacket")),
        ("unix", UNIX, 33, Socket("/dev/log", "", "", "unix dgram")),
        ("netlink", NETLINK, 60, Socket("", "", "", "netlink route")),
        ("netlink", NETLINK, 61, Socket("", "", "", "netlink 77")),
        ("packet", PACKET, 70, Socket("", "", "", "packet raw")),
        ("packet", PACKET, 71, Socket("interface 2", "", "all protocols", "packet dgram")),
        ("packet", PACKET, 72, Socket("interface 1", "", "protocol 0x88cc", "packet raw")),
        ("raw", RAW, 80, Socket("", "", "", "raw icmp")),
        ("raw", RAW, 81, Socket("10.0.0.1", "", "", "raw 89")),
    ],
)
def test_a_socket_by_its_inode(table: str, raw: bytes, inode: int, expected: Socket) -> None:
    """Addresses, ports and states as proc(5) has them; IPv4 in IPv6 is IPv4."""
    lines = sockets.parse(table, raw)
    assert sockets.socket(table, lines[inode]) == expected


def test_nobodys_sockets_are_left_out() -> None:
    """Those in time wait have inode 0."""
    assert set(sockets.parse("tcp", TCP)) == {34, 35, 36}


@pytest.mark.parametrize("table", sockets.TABLES)
@pytest.mark.parametrize("raw", [b"", b"\n\n", b"rubbish\n" * 9, b"\xff" * 300, b"0: " * 100, TCP[:170]])
def test_rubbish_has_no_sockets(table: str, raw: bytes) -> None:
    """A table that breaks off or is none."""
    assert sockets.parse(table, raw) == {}


def test_a_line_that_is_none() -> None:
    """Neither addresses nor numbers."""
    assert sockets.socket("tcp", b" 0: xx:yy 00:zz 0A") is None
    assert sockets.socket("tcp", b"") is None
    assert sockets.socket("tcp", b" 0: 01:0050 02:0050 01") is None


def test_names_of_unix_sockets() -> None:
    """An abstract name begins with NUL."""
    assert sockets.path_of(b"\0bus\0") == "@bus"
    assert sockets.path_of(b"/run/x\0") == "/run/x"
    assert sockets.path_of(b"") == ""
