"""The documented schema of recordings: what other tools ask of one by SQL, and files of each format there was."""

from __future__ import annotations

import io
import re
import shutil
import sqlite3
import struct
import subprocess
import zlib
from itertools import accumulate
from pathlib import Path

import pytest

from builders import NOON
from recorded import error_of, script, written
from threadtop import record_command
from threadtop.recording.format import APPLICATION_ID, EXAMPLES, PACKED, TABLES, VERSION
from threadtop.recording.reader import Recording
from threadtop.sample import GilTally, SleepTally

OLD = sorted((Path(__file__).parent / "recordings").glob("format-*.sql"))
GIL_COLUMNS = [*GilTally._fields, "has_sleeps", *SleepTally._fields]
MOST_CPU, BEGINNINGS = (part.strip() for part in EXAMPLES.strip().split("\n\n"))


@pytest.fixture
def database(tmp_path: Path) -> sqlite3.Connection:
    """A recording of the script, as any tool opens it."""
    return sqlite3.connect(written(tmp_path / "a", script()))


# -- packed values -----------------------------------------------------------------------------


def unpacked(blob: bytes) -> tuple[list[int], list[int], list[tuple[int, ...]]]:
    """By what the schema says of them, in another hand than ours: tids that changed, that are gone, and rows."""
    data = io.BytesIO(zlib.decompress(blob))
    width, changed, gone = struct.unpack("<3q", data.read(24))

    def column(count: int) -> list[int]:
        size = data.read(1)[0]
        raw = (data.read(size) for _ in range(count)) if size else (b"" for _ in range(count))
        return [int.from_bytes(each, "little", signed=True) for each in raw]

    tids, gone_tids = (list(accumulate(column(count))) for count in (changed, gone))
    rows = list(zip(*(column(changed) for _ in range(width)), strict=True))
    assert not data.read()
    return tids, gone_tids, rows


def test_packed_values_are_as_the_schema_says(database: sqlite3.Connection) -> None:
    """Tallies of the GIL, and their columns by name, can be read by who knows the documented layout only."""
    found = database.execute(
        "SELECT tick, (SELECT max(tick) FROM ticks WHERE is_key AND tick <= looks.tick), pid, tallies"
        " FROM looks WHERE kind = 'gil' ORDER BY tick"
    ).fetchall()
    database.close()
    firsts: dict[tuple[int, int], dict[int, tuple[int, ...]]] = {}
    checked = 0
    for tick, key, pid, tallies in found:
        if tallies is None:
            firsts.pop((key, pid), None)
            continue
        moment = script()[tick - 1]
        tids, gone, rows = unpacked(tallies)
        before = firsts.get((key, pid), {})
        now = {tid: row for tid, row in before.items() if tid not in gone}
        for tid, row in zip(tids, rows, strict=True):
            now[tid] = tuple(map(sum, zip(row, before.get(tid, (0,) * len(row)), strict=True)))
        firsts.setdefault((key, pid), now)
        for tid, tally in moment.sample.gils[pid].threads.items():
            named = dict(zip(GIL_COLUMNS, now[tid], strict=True))
            assert [named[name] for name in GilTally._fields[1:]] == list(tally[1:])
            assert {0: None, 1: False, 2: True}[named["is_python"]] is tally.is_python
            checked += 1
        for tid, sleeps in moment.sample.gils[pid].sleeps.items():
            assert now[tid][-len(SleepTally._fields) :] == tuple(sleeps)
    assert checked > 10


def test_the_columns_are_named() -> None:
    """The text has the columns in their order."""
    said = " ".join(PACKED.replace("--", " ").split())
    gil = re.sub(r" \([^)]*\)", "", said.split("columns of kind gil: ")[1].split(".")[0])
    assert re.split(r"[,;] ", gil) == GIL_COLUMNS


# -- examples ----------------------------------------------------------------------------------


def test_which_threads_used_most_cpu_between_two_ticks(database: sqlite3.Connection) -> None:
    """By the example: what they ran more than at the first tick; all of it for those that began after it."""
    before, after = {}, {}
    for tick, moment in enumerate(script()[:15], 1):
        for pid, process in moment.sample.processes.items():
            for thread in process.threads.values():
                if thread.run_ns is not None:
                    after[pid, thread.tid, thread.start_ticks] = thread.run_ns
        if tick == 5:
            before = dict(after)
    expected = [(run_ns - before.get(key, 0)) / 1e9 for key, run_ns in after.items()]
    rows = database.execute(MOST_CPU).fetchall()
    database.close()
    assert [row[0:2] for row in rows[:3]] == [(100, 101), (300, 300), (400, 400)]
    assert [row[3] for row in rows[:3]] == pytest.approx(sorted(expected, reverse=True)[:3])
    assert [row[3] for row in rows[:3]] == pytest.approx([0.999, 0.1, 0.005])


def test_when_each_finding_began(database: sqlite3.Connection, tmp_path: Path) -> None:
    """By the example: one row for each run of a finding, as the marks of a replay are."""
    rows = database.execute(BEGINNINGS).fetchall()
    database.close()
    recording = Recording(tmp_path / "a")
    assert sorted(row[1:4] for row in rows) == sorted(mark[:3] for mark in recording.marks())
    recording.close()
    assert rows[0][0] == "2026-01-01 12:00:01"
    assert len(rows) == 4


def test_the_view_for_people(database: sqlite3.Connection) -> None:
    """Threads by name with the wall clock of their tick."""
    rows = database.execute("SELECT * FROM thread_rows WHERE tick = 5 AND tid = 102").fetchall()
    database.close()
    assert rows == [(5, "2026-01-01 12:00:04", 100, 102, "worker", "S", 0, 0, 0, 0, 0, None)]
    assert NOON == 1767268800.0


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="no sqlite3 here")
def test_the_sqlite3_shell_runs_what_schema_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What ``--schema`` prints is whole: it makes the tables and asks them."""
    with pytest.raises(SystemExit):
        record_command.parse(["--schema"])
    done = subprocess.run(
        ["sqlite3", tmp_path / "a"], input=capsys.readouterr().out, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_schema_prints_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """It makes the tables, and the examples can be asked of them."""
    with pytest.raises(SystemExit):
        record_command.parse(["--schema"])
    connection = sqlite3.connect(":memory:")
    connection.executescript(capsys.readouterr().out)
    made = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert made == set(re.findall(r"CREATE TABLE (\w+)", TABLES))
    connection.close()


def test_each_column_is_explained_or_says_itself() -> None:
    """Units stand in names; what is packed or counted from somewhere has a remark."""
    columns = re.findall(r"^    (\w+) \w+.*$", TABLES.split("CREATE INDEX")[0], re.MULTILINE)
    assert len(columns) > 60
    for line in TABLES.split("CREATE INDEX")[0].splitlines():
        if "BLOB" in line or "_row" in line:
            assert "--" in line, line


# -- formats -----------------------------------------------------------------------------------


def test_there_is_a_file_of_each_format() -> None:
    """One that is changed gets a new number, and a file of the one before is kept here."""
    assert [path.name for path in OLD] == [f"format-{number}.sql" for number in range(1, VERSION + 1)]


@pytest.mark.parametrize("path", OLD, ids=lambda path: path.stem)
def test_older_formats_stay_readable(tmp_path: Path, path: Path) -> None:
    """A file of a released format reads as what it was made of: the script, by whatever wrote it then."""
    connection = sqlite3.connect(tmp_path / "a")
    connection.executescript(path.read_text(encoding="utf-8"))
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {path.stem.removeprefix('format-')}")
    connection.close()
    assert error_of(tmp_path / "a") == ""
    moments = script()
    recording = Recording(tmp_path / "a")
    found = list(recording.moments(0, len(recording.ticks)))
    recording.close()
    assert [one.sample._replace(users={}) for one in found] == [one.sample._replace(users={}) for one in moments]
    assert [one[1:] for one in found] == [one[1:] for one in moments]
