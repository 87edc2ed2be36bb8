"""How metrics are handed out: two pages over HTTP, on an address that was named, and a file that is never half."""

from __future__ import annotations

import http.client
import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from builders import process_sample, sample
from threadtop import rates
from threadtop.errors import UsageError
from threadtop.interest import Interest
from threadtop.metrics import listening, textfile
from threadtop.metrics.exposition import Exposition
from threadtop.metrics.groups import Grouping
from threadtop.metrics.listening import Address, Server
from threadtop.metrics.passes import Passes
from threadtop.metrics.totals import Totals

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from threadtop.sample import Sample
    from threadtop.snapshot import Snapshot

OPEN = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"


# -- over HTTP ---------------------------------------------------------------------------------


class Counted:
    """A live source that counts how often it is read, and gives the same pass each time."""

    def __init__(self) -> None:
        """Not yet read."""
        self.reads = 0
        self.sample: Sample | None = None

    def read(self, interest: Interest) -> Snapshot:
        """One more pass."""
        assert not interest.everything
        self.reads += 1
        self.sample = sample(5 * self.reads, process_sample(100))
        return rates.snapshot(None, self.sample)

    def close(self) -> None:
        """Nothing to give back."""


@contextmanager
def serving(passes: Passes) -> Iterator[Server]:
    """A server of what ``passes`` published, on a free port of this machine."""
    exposition = Exposition()
    server = Server(Address("127.0.0.1", 0), lambda accept: exposition.answer(passes.published, accept, 0.5))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def asked(server: Server, method: str = "GET", path: str = "/metrics", **headers: str) -> tuple[int, str, bytes]:
    """Status, content type and body of an answer."""
    connection = http.client.HTTPConnection(server.where.host, server.where.port, timeout=30)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers["Content-Type"], answer.read()
    finally:
        connection.close()


def test_a_scrape_never_starts_a_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it is scraped, /proc is read by passes alone: a scrape opens none of its files."""
    live = Counted()
    passes = Passes(live, Totals(Grouping()))
    passes.read(Interest())
    passes.read(Interest())
    opened: list[str] = []
    really = os.open
    monkeypatch.setattr(os, "open", lambda path, *more, **said: opened.append(str(path)) or really(path, *more, **said))
    with serving(passes) as server:
        bodies = [asked(server)[2] for _ in range(5)]
    assert live.reads == 2
    assert not [path for path in opened if path.startswith("/proc")]
    assert all(b"threadtop_passes_total 2.0" in body for body in bodies)


def test_formats_are_negotiated() -> None:
    """Prometheus is given OpenMetrics, curl the plain text, and both are UTF-8."""
    passes = Passes(Counted(), Totals(Grouping()))
    passes.read(Interest())
    with serving(passes) as server:
        status, kind, body = asked(server, Accept=OPEN)
        assert (status, kind) == (
            200,
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores",
        )
        assert body.endswith(b"# EOF\n")
        status, kind, body = asked(server)
        assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
        assert b"threadtop_processes{" in body


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/metrics?name[]=x", 200),
        ("HEAD", "/metrics", 200),
        ("GET", "/", 200),
        ("GET", "/proc/1/environ", 404),
        ("GET", "/../../etc/passwd", 404),
        ("POST", "/metrics", 405),
        ("DELETE", "/", 405),
    ],
)
def test_only_two_pages_are_served(method: str, path: str, status: int) -> None:
    """There is nothing but the metrics and a page that leads there, and nothing to be sent."""
    with serving(Passes(Counted(), Totals(Grouping()))) as server:
        got, _, body = asked(server, method, path)
    assert got == status
    assert (body == b"") == (method == "HEAD")


def test_so_many_clients_at_a_time() -> None:
    """Connections that only hold on are bounded: one more is closed, and the others go on being answered."""
    with serving(Passes(Counted(), Totals(Grouping()))) as server:
        held = [
            http.client.HTTPConnection("127.0.0.1", server.where.port, timeout=30)
            for _ in range(listening.MOST_CLIENTS)
        ]
        for connection in held:
            connection.connect()
        for _ in range(listening.MOST_CLIENTS + 1):
            with pytest.raises((ConnectionError, http.client.HTTPException)):
                asked(server)
        for connection in held:
            connection.close()
        answered = 0
        for _ in range(5000):
            try:
                answered += asked(server)[0] == 200
            except (ConnectionError, http.client.HTTPException):
                continue
            if answered > 2 * listening.MOST_CLIENTS:
                break
        else:
            pytest.fail("clients are not answered any more")


def test_a_port_in_use_is_told() -> None:
    """Who listens there first is left alone, and one line says what to do."""
    with serving(Passes(Counted(), Totals(Grouping()))) as server:
        with pytest.raises(UsageError) as error:
            Server(server.where, lambda _accept: pytest.fail("nobody asks"))
        assert str(server.where.port) in str(error.value)
        assert "in use" in str(error.value)
        assert "--listen" in error.value.remedy


@pytest.mark.parametrize(
    ("failure", "word", "remedy"),
    [
        (PermissionError(13, "Permission denied"), "denied", "from 1024 on"),
        (OSError(99, "Cannot assign requested address"), "assign", "address of this machine"),
    ],
)
def test_an_address_that_may_not_be_used_is_told(
    monkeypatch: pytest.MonkeyPatch, failure: OSError, word: str, remedy: str
) -> None:
    """A port without the right to it and an address that is not ours each say what to do."""

    def bind(_server: Server) -> None:
        raise failure

    monkeypatch.setattr(Server, "server_bind", bind)
    with pytest.raises(UsageError) as error:
        Server(Address("::1", 80), lambda _accept: pytest.fail("nobody asks"))
    assert "[::1]:80" in str(error.value)
    assert word in str(error.value)
    assert remedy in error.value.remedy


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ("9999", "127.0.0.1:9999"),
        ("localhost:1", "127.0.0.1:1"),
        ("0.0.0.0:9878", "0.0.0.0:9878"),
        ("[::1]:9878", "[::1]:9878"),
        (":9878", None),
        ("example.org:9878", None),
        ("127.0.0.1", None),
        ("127.0.0.1:65536", None),
        ("127.0.0.1:-1", None),
        ("127.0.0.1:٣", None),
        ("", None),
    ],
)
def test_addresses_are_numeric(value: str, where: str | None) -> None:
    """No name is looked up in a network; a port alone is on the loopback."""
    if where is None:
        with pytest.raises(UsageError, match="--listen wants"):
            listening.address(value)
    else:
        assert str(listening.address(value)) == where


# -- as a file ---------------------------------------------------------------------------------


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    """While it is written over and over, each reading of the file is one whole content."""
    file = textfile.checked(str(tmp_path / "threadtop.prom"))
    contents = [b"%d\n" % number * 200_000 for number in range(4)]
    textfile.write(file, contents[0])
    is_over = threading.Event()

    def write() -> None:
        for turn in range(200):
            textfile.write(file, contents[turn % 4])
        is_over.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = 0
    while not is_over.is_set() or not seen:
        with open(file, "rb") as read:
            assert read.read() in contents
        seen += 1
    writer.join()
    assert os.listdir(tmp_path) == ["threadtop.prom"]
    assert os.stat(file).st_mode & 0o777 == 0o644


def test_a_link_to_a_file_stays_one(tmp_path: Path) -> None:
    """A file that is kept elsewhere is replaced there."""
    (tmp_path / "kept").mkdir()
    link = tmp_path / "threadtop.prom"
    link.symlink_to(tmp_path / "kept" / "real.prom")
    textfile.write(textfile.checked(str(link)), b"x\n")
    assert link.is_symlink()
    assert link.read_bytes() == b"x\n"


@pytest.mark.parametrize(
    ("name", "word"),
    [("threadtop.txt", ".prom"), ("missing/threadtop.prom", "no such file"), ("folder.prom", "directory")],
)
def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path, name: str, word: str) -> None:
    """A name that node_exporter skips, a folder that is not there and a folder instead of a file are told at once."""
    (tmp_path / "folder.prom").mkdir()
    with pytest.raises(UsageError, match=word) as error:
        textfile.checked(str(tmp_path / name))
    assert error.value.remedy
    assert os.listdir(tmp_path) == ["folder.prom"]


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk costs neither the old content nor leaves a rest."""
    file = str(tmp_path / "threadtop.prom")
    textfile.write(file, b"old\n")

    def full(_old: str, _new: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        textfile.write(file, b"new\n")
    assert os.listdir(tmp_path) == ["threadtop.prom"]
    with open(file, "rb") as read:
        assert read.read() == b"old\n"
