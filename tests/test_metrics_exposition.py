"""What a scrape is given: formats, families, labels; parsed back with prometheus_client's own parsers."""

from __future__ import annotations

import http.client
import os
import shutil
import subprocess
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from prometheus_client.openmetrics import parser as open_parser
from prometheus_client.parser import text_string_to_metric_families

from builders import NOON, process_sample, sample, thread_sample
from threadtop import __version__, rates
from threadtop.errors import UsageError
from threadtop.interest import Interest
from threadtop.metrics import families, listening, textfile
from threadtop.metrics.exposition import Exposition
from threadtop.metrics.families import FAMILIES, LABELS, Point, Published
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
HOSTILE = 'a"b\\c{d}\n# EOF\n\x1b[2J'
NAMES = ("server", HOSTILE, "caf\udce9", "漢字", "", "other")


def one_of_each() -> Published:
    """Every family with two points, their labels made up."""
    points = {}
    for at, family in enumerate(FAMILIES):
        if family in {families.BUILD, families.PASS_AGE}:
            continue  # the exposition's own
        count = 2 if family.labels else 1
        created = NOON if family.kind == "counter" else None
        points[family] = tuple(
            Point(tuple(f"{label}-{number}" for label in family.labels), at + number / 2, created)
            for number in range(count)
        )
    return Published(0, points)


def test_every_family_follows_the_conventions() -> None:
    """Names begin alike, have their base unit behind, and no suffix that another type has; labels are explained."""
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)
    for family in FAMILIES:
        assert family.name.startswith("threadtop_")
        assert not family.unit or family.name.endswith(f"_{family.unit}")
        assert family.unit in {"", "seconds", "bytes"}
        assert not family.name.endswith(("_total", "_count", "_sum", "_info", "_created"))
        assert family.help.endswith(".")
        assert set(family.labels) <= LABELS.keys()
    assert set(LABELS) == {label for family in FAMILIES for label in family.labels}
    listed = "\n".join(families.lines())
    assert all(family.sample_name in listed and family.help in listed for family in FAMILIES)


def test_openmetrics_can_be_parsed_back() -> None:
    """Every family comes back with its type, unit, help, labels, values, and when its counters began."""
    published = one_of_each()
    answer = Exposition().answer(published, OPEN, 1.25)
    assert answer.content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert answer.body.endswith(b"\n# EOF\n")
    assert answer.body.count(b"# EOF") == 1
    parsed = {metric.name: metric for metric in open_parser.text_string_to_metric_families(answer.body.decode())}
    assert parsed.keys() == {family.name for family in FAMILIES}
    for family in FAMILIES:
        metric = parsed[family.name]
        assert (metric.type, metric.unit, metric.documentation) == (family.kind, family.unit, family.help)
        values = [
            (tuple(found.labels[label] for label in family.labels), found.value)
            for found in metric.samples
            if found.name == family.sample_name
        ]
        created = [found.value for found in metric.samples if found.name.endswith("_created")]
        if family is families.PASS_AGE:
            assert values == [((), 1.25)]
        elif family is families.BUILD:
            assert values == [((__version__,), 1.0)]
        else:
            assert values == [(point.labels, point.value) for point in published.points[family]]
            assert created == ([NOON] * len(values) if family.kind == "counter" else [])


def test_the_plain_format_has_no_series_of_beginnings() -> None:
    """Who does not speak OpenMetrics is given counters alone."""
    answer = Exposition().answer(one_of_each(), "", 2.0)
    assert answer.content_type.startswith("text/plain; version=0.0.4")
    assert b"_created" not in answer.body
    assert b"EOF" not in answer.body
    parsed = list(text_string_to_metric_families(answer.body.decode()))
    assert {found.name for metric in parsed for found in metric.samples} == {family.sample_name for family in FAMILIES}


@pytest.mark.parametrize(
    "accept", ["application/openmetrics-text; version=1.x", "text/plain;version=9..", "*/*", "\xff"]
)
def test_an_odd_accept_header_is_answered(accept: str) -> None:
    """What a client asks for cannot break the answer."""
    assert b"threadtop_build" in Exposition().answer(None, accept, None).body


def test_before_the_first_pass_there_is_the_version() -> None:
    """A scrape that comes too soon is no error, and knows no age."""
    body = Exposition().answer(None, OPEN, None).body
    names = [metric.name for metric in open_parser.text_string_to_metric_families(body.decode())]
    assert names == ["threadtop_build"]


@pytest.mark.parametrize("accept", ["", OPEN])
def test_hostile_names_are_values_of_labels(accept: str) -> None:
    """Names with quotes, line ends, escapes and odd bytes come back as one series each, and hide no other."""
    played = sample(
        0,
        *(
            process_sample(pid, thread_sample(pid), thread_sample(pid + 50, name=name), name=name)
            for pid, name in enumerate(NAMES, 100)
        ),
    )
    published = Totals(Grouping()).add(played, rates.snapshot(None, played))
    body = Exposition().answer(published, accept, 0.0).body.decode("utf-8")
    parse = open_parser.text_string_to_metric_families if accept else text_string_to_metric_families
    metrics = {metric.name: metric for metric in parse(body)}
    shown = {"server", 'a"b\\c{d}^J# EOF^J^[[2J', "caf\\xe9", "漢字", "-", "other"}
    assert {found.labels["group"] for found in metrics["threadtop_processes"].samples} == shown
    assert "\x1b" not in body
    assert [found.labels for found in metrics["threadtop_build" + ("" if accept else "_info")].samples] == [
        {"version": __version__}
    ]


def test_each_pass_is_put_into_words_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several scrapes of one pass do its work once; a new pass is said anew."""
    collected: list[object] = []
    from threadtop.metrics import exposition as module  # noqa: PLC0415 its class is replaced

    class Counting(module._Points):
        def __init__(self, points: object, *, has_created: bool) -> None:
            collected.append(points)
            super().__init__(points, has_created=has_created)

    monkeypatch.setattr(module, "_Points", Counting)
    exposition, first, second = Exposition(), one_of_each(), one_of_each()
    bodies = [exposition.answer(first, OPEN, age).body for age in (1.0, 2.0, 3.0)]
    assert sum(families.PASSES in points for points in collected) == 1
    assert [b"pass_age_seconds %d.0" % age in body for age, body in enumerate(bodies, 1)] == [True] * 3
    exposition.answer(second, OPEN, 0.0)
    assert sum(families.PASSES in points for points in collected) == 2


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


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian: prometheus) is not here")
def test_promtool_finds_nothing_wrong() -> None:
    """The real linter has no word against names, units, types and help."""
    body = Exposition().answer(one_of_each(), "", 1.0).body
    done = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
