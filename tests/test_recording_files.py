"""Files of recordings: whose they are, what is refused and in which words, and what a full disk leaves."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from recorded import change, count, error_of, script, written
from threadtop.errors import RecordingError
from threadtop.recording.format import APPLICATION_ID, VERSION
from threadtop.recording.reader import Recording
from threadtop.recording.writer import Writer, created

if TYPE_CHECKING:
    from collections.abc import Iterator

WRITES = Path(__file__).parent / "programs" / "writes.py"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of the script."""
    return written(tmp_path_factory.mktemp("whole") / "a.ttr", script())


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    """One to be damaged."""
    return Path(shutil.copy(whole, tmp_path / "copy.ttr"))


@pytest.fixture(params=[0o000, 0o027, 0o777])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """A umask, for the length of a test."""
    old = os.umask(request.param)
    yield request.param
    os.umask(old)


# -- whose they are ----------------------------------------------------------------------------


def test_files_are_their_owners_only(tmp_path: Path, umask: int) -> None:
    """File and journal can be read by nobody else whatever the umask; a umask that takes more is heard."""
    out = Writer(created(tmp_path / "a"), "a")
    out.add(script()[0])
    found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    out.close()
    assert found == {"a": 0o600 & ~umask, "a-journal": 0o600 & ~umask}


def test_a_closed_file_stands_alone(tmp_path: Path) -> None:
    """No journal is left beside it: one file can be copied."""
    written(tmp_path / "a", script())
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_no_file_is_overwritten(tmp_path: Path) -> None:
    """Neither a file nor what a link points to; what is there stays as it is."""
    path = tmp_path / "a"
    path.write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    for taken in (path, tmp_path / "link"):
        with pytest.raises(RecordingError, match="is there already; choose another name, or remove it"):
            created(taken)
    assert path.read_text() == "mine"
    assert not (tmp_path / "nothing").exists()


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """No such directory, a file where one should be, a name that is too long: what is wrong, and what to do."""
    (tmp_path / "file").touch()
    for place, why in (
        (tmp_path / "none" / "a", "No such file or directory"),
        (tmp_path / "file" / "a", "Not a directory"),
        (tmp_path / ("a" * 300), "File name too long"),
    ):
        with pytest.raises(RecordingError, match=f"cannot write .*: {why}; choose another place with -o FILE"):
            created(place)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


@pytest.mark.parametrize("name", ["a?mode=memory", "100%41#b", "caf\udce9", "file:a", "-o \n"])
def test_any_name_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Characters that mean something in a URI, bytes that are not UTF-8: that file is made, and read."""
    monkeypatch.chdir(tmp_path)
    written(Path(name), script()[:2])
    assert os.listdir(tmp_path) == [name]
    assert error_of(Path(name)) == ""


# -- what is refused ---------------------------------------------------------------------------


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    """Nothing there, a directory, a pipe, no database, another's database: each in its words, without waiting."""
    (tmp_path / "text").write_text("SQLite?\n" * 99)
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "pipe")
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE ticks (tick)")
    connection.close()
    for name, why in (
        ("none", "cannot read .*: No such file or directory"),
        (".", "cannot read .*: Is a directory"),
        ("pipe", ".* is no file"),
        ("text", ".* is no recording"),
        ("empty", ".* is no recording"),
        ("other.db", ".* is a database, but no recording"),
    ):
        with pytest.raises(RecordingError, match=f"^{why}; name a file that threadtop record has made$"):
            Recording(tmp_path / name)


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        (f"PRAGMA user_version = {VERSION + 1}", f"has format {VERSION + 1}, and this threadtop knows {VERSION}; read"),
        ("PRAGMA user_version = 0", "is damaged: it lacks tables"),
        ("PRAGMA user_version = -1", "is damaged: it lacks tables"),
        (f"PRAGMA application_id = {APPLICATION_ID + 1}", "is a database, but no recording"),
        ("DROP TABLE looks", "is damaged: it lacks tables"),
        ("DROP TABLE meta", "is damaged: it lacks tables"),
        ("DELETE FROM ticks", "holds no tick"),
        ("UPDATE ticks SET is_key = 0", "holds no tick"),
    ],
)
def test_what_cannot_be_a_recording_of_ours_is_refused(copy: Path, statement: str, why: str) -> None:
    """A newer format above all: it may mean something else by the same names."""
    change(copy, statement)
    assert why in error_of(copy)


def test_a_view_in_place_of_a_table_is_refused(copy: Path) -> None:
    """A view can have rows without an end: reading them would never stop."""
    endless = "WITH RECURSIVE n (uid) AS (SELECT 1 UNION ALL SELECT uid + 1 FROM n) SELECT uid, uid name FROM n"
    change(copy, "DROP TABLE users", f"CREATE VIEW users AS {endless}")
    assert "it lacks tables" in error_of(copy)


def test_the_first_tick_must_have_been_written(tmp_path: Path) -> None:
    """A file that was killed before its first tick says so."""
    Writer(created(tmp_path / "a"), "a").close()
    assert error_of(tmp_path / "a").endswith("holds no tick; it ended before its first pass was over; record again")


def test_a_half_written_file_of_others(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a kill left half written is undone by who may write; others are told what to copy."""
    before = copy.read_bytes()
    kill = (
        "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "c.execute('PRAGMA cache_size = 1'); c.execute('BEGIN IMMEDIATE');"
        "c.execute('UPDATE thread_samples SET vol = vol + 1000000');"
        "c.execute('UPDATE processes SET command = hex(zeroblob(5000))'); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", kill, copy], check=True, timeout=60)
    assert copy.read_bytes() != before
    connect = sqlite3.connect

    def connect_reading(name: str, **said: bool) -> sqlite3.Connection:
        return connect(name.replace("mode=rw", "mode=ro"), **said)  # type: ignore[call-overload,no-any-return]

    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", connect_reading)
        assert "copy it with its -journal" in error_of(copy)
    assert error_of(copy) == ""
    assert copy.read_bytes() == before


# -- full disks --------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 4096, 100_000, 150_000, 300_001])
def test_a_full_disk_keeps_what_was_written(tmp_path: Path, limit: int) -> None:
    """Where no byte more fits (RLIMIT_FSIZE), recording ends with an error, and every tick before can be read."""
    path = tmp_path / "a"
    done = subprocess.run(
        [sys.executable, WRITES, path, str(limit)], capture_output=True, text=True, timeout=120, check=True
    )
    *ticks, error = done.stdout.splitlines()
    assert "cannot write" in error or "the disk is full" in error
    assert ("what was recorded before is kept" if ticks else "nothing was recorded") in error
    if ticks:
        assert error_of(path) == ""
        assert count(path) == int(ticks[-1])
    else:
        assert not list(tmp_path.iterdir()) or "holds no tick" in error_of(path)
    assert ticks or limit < 200_000
