"""Recordings that are hostile or damaged: whatever stands in them, damage is told as such, or something is shown."""

from __future__ import annotations

import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from recorded import change, error_of, script, written
from threadtop.errors import RecordingError
from threadtop.recording.replay import Replay

SEEDS = 200


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of the script."""
    return written(tmp_path_factory.mktemp("whole") / "a.ttr", script())


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    """One to be damaged."""
    return Path(shutil.copy(whole, tmp_path / "copy.ttr"))


# -- hostile values ----------------------------------------------------------------------------

HOSTILE = [
    "UPDATE ticks SET time = 'noon'",
    "UPDATE ticks SET time = 9e99",
    "UPDATE ticks SET time = -1.0",
    "UPDATE ticks SET time = x'00'",
    "UPDATE ticks SET at_ns = 'x'",
    "UPDATE ticks SET is_key = 'x'",
    "UPDATE ticks SET first_thread_row = 1.5",
    "UPDATE ticks SET rereads = 'text'",
    "UPDATE ticks SET rereads = x'00'",
    "UPDATE ticks SET host = x'00'",
    "UPDATE ticks SET host = '{}'",
    "UPDATE ticks SET cost = '[]'",
    "UPDATE processes SET pid = 'x'",
    "UPDATE processes SET name = 7.5",
    "UPDATE processes SET command = 1e300",
    "UPDATE processes SET uid = 'root'",
    "UPDATE process_samples SET cpu_ns = 'much'",
    "UPDATE process_samples SET state = x'41'",
    "UPDATE process_samples SET rss_bytes = 0.5",
    "UPDATE threads SET tid = 'x'",
    "UPDATE threads SET start_ticks = x'00'",
    "UPDATE threads SET policy = 0.5",
    "UPDATE thread_samples SET run_ns = 'much'",
    "UPDATE thread_samples SET vol = x'00'",
    "UPDATE thread_samples SET wchan = x'00'",
    "UPDATE thread_samples SET read_ns = 'now'",
    "UPDATE thread_samples SET read_ns = NULL",
    "UPDATE ended SET pid = 'x'",
    "UPDATE looks SET facts = x'00'",
    "UPDATE looks SET tallies = 'text'",
    "UPDATE looks SET moments = 7",
    "UPDATE looks SET facts = '{}' WHERE kind = 'gil'",
    "UPDATE looks SET moments = x'00' WHERE kind = 'gil'",
    "UPDATE looks SET tallies = NULL WHERE kind = 'waits' AND facts IS NOT NULL",
    "UPDATE looks SET kind = 'locks' WHERE kind = 'blocked'",
    "UPDATE looks SET kind = 7.5",
    "UPDATE looks SET tid = 'x'",
    "UPDATE findings SET severity = 'bad'",
    "UPDATE findings SET severity = NULL",
    "UPDATE findings SET grade = 7",
    "UPDATE findings SET more = '{}'",
    "UPDATE findings SET title = 7",
    "UPDATE explanations SET text = 7",
    "UPDATE process_samples SET state = '\x1b[2J'",
    "UPDATE thread_samples SET state = ''",
    "UPDATE thread_samples SET state = 'SS'",
    "UPDATE thread_samples SET wchan = '\x1b[2J'",
    "UPDATE findings SET kind = '\x1b[2J'",
    "UPDATE findings SET grade = 'very'",
    """UPDATE looks SET facts = replace(facts, '"exact"', '"sure"') WHERE kind = 'gil'""",
    "UPDATE looks SET moments = x'00' WHERE kind = 'locks'",
    "UPDATE users SET name = 7.5",
    "UPDATE users SET uid = 'x'",
    "UPDATE meta SET value = NULL",
]
SAMPLED = (
    "tick", "thread_id", "state", "run_ns", "wait_ns", "utime_ticks", "stime_ticks", "vol", "invol", "last_cpu",
    "wchan", "read_ns",
)  # fmt: skip
HARMLESS = [
    "UPDATE thread_samples SET tick = tick + 1000",
    "UPDATE process_samples SET tick = -tick",
    "UPDATE looks SET tick = 9223372036854775807",
    "UPDATE ticks SET first_thread_row = 9223372036854775807",
    "UPDATE ticks SET first_thread_row = -first_thread_row, first_process_row = 0",
    "UPDATE thread_samples SET thread_id = 1",
    "UPDATE process_samples SET process_id = 99999",
    "UPDATE threads SET tid = 9223372036854775807, start_ticks = -9223372036854775808",
    "UPDATE threads SET pid = pid + 1",
    "UPDATE thread_samples SET run_ns = 9223372036854775807, vol = -9223372036854775808 WHERE thread_row % 2",
    "UPDATE thread_samples SET read_ns = 9223372036854775807",
    "UPDATE ticks SET at_ns = 9223372036854775807 - at_ns * (tick % 2)",
    "UPDATE ticks SET at_ns = -at_ns",
    "UPDATE ticks SET time = 5",
    "UPDATE processes SET ppid = pid",
    "UPDATE threads SET name = x'fffe00'",
    "UPDATE looks SET kind = 'of the future'",
    "UPDATE looks SET pid = pid + 1",
    "DELETE FROM thread_samples WHERE thread_row % 2",
    "DELETE FROM threads WHERE thread_id % 2",
    "DELETE FROM explanations",
    "DELETE FROM users",
    "DELETE FROM ticks WHERE tick IN (5, 6, 11)",
    "INSERT INTO ended SELECT tick, pid, 0 FROM ticks, processes",
    f"INSERT INTO thread_samples SELECT NULL, {', '.join(SAMPLED)} FROM thread_samples",  # noqa: S608
]
TABLES = ("meta", "ticks", "users", "processes", "process_samples", "threads", "thread_samples", "ended", "looks")


@pytest.mark.parametrize("statement", HOSTILE)
def test_values_of_another_type_are_told_as_damage(copy: Path, statement: str) -> None:
    """SQLite lets anything stand anywhere: what is no such value is never handed on."""
    _loosen(copy)
    change(copy, statement)
    assert "the recording is damaged" in error_of(copy)


@pytest.mark.parametrize("statement", HARMLESS)
def test_rows_that_make_no_sense_do_no_harm(copy: Path, statement: str) -> None:
    """Missing ticks and numbers, ids twice, figures without measure: something is shown, or damage is told."""
    _loosen(copy)
    change(copy, statement)
    assert error_of(copy) in ("", _damaged(error_of(copy)))


def _damaged(error: str) -> str:
    return error if "the recording is damaged" in error else "no traceback, but another error"


def _loosen(path: Path) -> None:
    """The same tables without types, keys and constraints: what a hostile file would have."""
    connection = sqlite3.connect(path)
    for table in (*TABLES, "findings", "explanations"):
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        connection.execute(f"CREATE TABLE loose ({', '.join(columns)})")
        connection.execute(f"INSERT INTO loose SELECT * FROM {table}")  # noqa: S608
        connection.execute("DROP VIEW IF EXISTS thread_rows")
        connection.execute(f"DROP TABLE {table}")
        connection.execute(f"ALTER TABLE loose RENAME TO {table}")
    connection.commit()
    connection.close()


# -- damage ------------------------------------------------------------------------------------


def test_a_file_that_is_cut_short_is_told_or_reads_well(whole: Path, tmp_path: Path) -> None:
    """Wherever a copy ended: a RecordingError that says that it is cut or damaged, or what is there."""
    content = whole.read_bytes()
    ends = [*range(0, 120, 7), *range(120, len(content), max(1, len(content) // 60)), len(content) - 1]
    for end in ends:
        path = tmp_path / "cut"
        path.write_bytes(content[:end])
        assert error_of(path), end
    assert error_of(whole) == ""


def test_flipped_bytes_never_end_in_a_traceback(whole: Path, tmp_path: Path) -> None:
    """Bytes changed at random, in one place or several: only a RecordingError, or a result."""
    content = whole.read_bytes()
    told = 0
    for seed in range(SEEDS):
        chance = random.Random(seed)  # noqa: S311 a reproducible choice, no secret
        damaged = bytearray(content)
        for _ in range(chance.choice((1, 3, 30, 300))):
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        path = tmp_path / "flipped"
        path.write_bytes(damaged)
        told += bool(error_of(path, seeks=(9, 2)))
    assert SEEDS / 10 < told < SEEDS


def test_ticks_behind_damage_can_be_read(copy: Path) -> None:
    """One tick is damaged: that is told as it is reached, and reading goes on with the next."""
    change(copy, "UPDATE ticks SET host = '{}' WHERE tick = 6")
    replay = Replay(copy)
    shots, errors = [], []
    for _ in range(len(replay)):
        try:
            shots.append(replay.read(None))  # type: ignore[arg-type]
        except RecordingError as error:
            errors.append(str(error))
    replay.close()
    assert [error.partition(";")[0] for error in errors] == ["the recording is damaged (host)"]
    assert [shot.time for shot in shots if shot] == [
        moment.sample.time for moment in script() if moment.sample.at_ns != 5 * 10**9
    ]
