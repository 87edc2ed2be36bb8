"""The file format: an SQLite database of these tables, known by its application id and the version of its format.

A thread or process has a row in a tick only if something of it changed in it; in a key tick all have one.  So the
state at a tick is that of the key tick before it, with the rows of the ticks since.
"""

from __future__ import annotations

from typing import Final

APPLICATION_ID: Final = 0x54547201  # "TTr", 1: what file(1) and we know it by
VERSION: Final = 2  # of the format, in PRAGMA user_version; a newer one is refused
KEY_TICKS: Final = 60  # from one key tick to the next

TABLES: Final = """
CREATE TABLE meta (
    key TEXT PRIMARY KEY,         -- threadtop, hostname, machine, kernel, clock_ticks_per_s, page_bytes
    value TEXT
);
CREATE TABLE ticks (
    tick INTEGER PRIMARY KEY,     -- counts from 1
    time REAL NOT NULL,           -- seconds since 1970, UTC
    at_ns INTEGER NOT NULL,       -- CLOCK_MONOTONIC at the start of the pass: rates divide by its differences
    is_key INTEGER NOT NULL,      -- 1: every process and thread has a row in this tick
    first_process_row INTEGER NOT NULL,  -- process_row and thread_row from which
    first_thread_row INTEGER NOT NULL,   -- the rows of this tick stand
    rereads BLOB,                 -- packed (recording/packing.py), by tid: pid and read_ns of threads that were
                                  -- read again and had not changed
    host TEXT NOT NULL,           -- JSON: load, cpu and cores in seconds since boot, memory, pressure
    cost TEXT NOT NULL            -- JSON: what threadtop itself cost, and its notes
);
CREATE TABLE users (uid INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE processes (          -- what seldom changes: a new row where it did
    process_id INTEGER PRIMARY KEY,
    pid INTEGER NOT NULL,
    start_ticks INTEGER NOT NULL, -- since boot; pid and this name a process for good
    ppid INTEGER NOT NULL,
    uid INTEGER,
    name TEXT NOT NULL,           -- text that is not UTF-8 is a BLOB, here and below
    command TEXT NOT NULL,
    kernel INTEGER NOT NULL
);
CREATE TABLE process_samples (
    process_row INTEGER PRIMARY KEY,  -- counts on from tick to tick
    tick INTEGER NOT NULL,
    process_id INTEGER NOT NULL,
    state TEXT NOT NULL,
    cpu_ns INTEGER,               -- CPU time of all its threads, ended ones too
    rss_bytes INTEGER NOT NULL,
    vsize_bytes INTEGER NOT NULL,
    read_ns INTEGER NOT NULL      -- when, relative to at_ns of the tick
);
CREATE TABLE threads (
    thread_id INTEGER PRIMARY KEY,
    pid INTEGER NOT NULL,
    tid INTEGER NOT NULL,
    start_ticks INTEGER NOT NULL,
    name TEXT NOT NULL,
    priority INTEGER NOT NULL,
    nice INTEGER NOT NULL,
    rt_priority INTEGER NOT NULL,
    policy INTEGER NOT NULL       -- sched(7)
);
CREATE TABLE thread_samples (
    thread_row INTEGER PRIMARY KEY,  -- counts on from tick to tick
    tick INTEGER NOT NULL,
    thread_id INTEGER NOT NULL,
    state TEXT NOT NULL,
    run_ns INTEGER,               -- on a CPU, since it began (schedstat)
    wait_ns INTEGER,              -- in run queues, since it began
    utime_ticks INTEGER NOT NULL,
    stime_ticks INTEGER NOT NULL,
    vol INTEGER,                  -- context switches since it began; NULL was not read
    invol INTEGER,
    last_cpu INTEGER NOT NULL,
    wchan TEXT,
    read_ns INTEGER NOT NULL
);
CREATE TABLE ended (              -- tid 0: the process; else a thread of one that goes on
    tick INTEGER NOT NULL,
    pid INTEGER NOT NULL,
    tid INTEGER NOT NULL
);
CREATE TABLE looks (              -- what was looked at besides: NULL where it no longer was
    tick INTEGER NOT NULL,
    kind TEXT NOT NULL,           -- gil, waits, blocked, locks, gil_places
    pid INTEGER NOT NULL,
    tid INTEGER NOT NULL,         -- 0; in format 1 blocked had a row for each thread
    facts TEXT,                   -- JSON
    tallies BLOB,                 -- by thread, packed (recording/packing.py): in the first row of a
                                  -- pid since a key tick as they were, in others as differences to that
    moments BLOB                  -- JSON, deflated: who held the GIL when; what threads are blocked on, by tid, where
                                  -- that changed (null: no longer); locks, or as [place, count] those in the last row
                                  -- of the pid that told them whole, where tallies is not NULL
);
CREATE TABLE explanations (explanation_id INTEGER PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE findings (           -- of each tick
    tick INTEGER NOT NULL,
    kind TEXT NOT NULL,
    pid INTEGER NOT NULL,
    start_ticks INTEGER NOT NULL,
    process TEXT NOT NULL,
    severity REAL NOT NULL,       -- from 50 on a problem
    grade TEXT NOT NULL,          -- how sure it is
    title TEXT NOT NULL,
    explanation_id INTEGER NOT NULL,
    more TEXT NOT NULL            -- JSON: evidence, tids, next_command
);
CREATE INDEX ended_by_tick ON ended (tick);
CREATE INDEX looks_by_tick ON looks (tick);
CREATE INDEX findings_by_tick ON findings (tick);
CREATE VIEW thread_rows AS        -- for people: one thread in one tick, with its names
    SELECT tick, datetime(ticks.time, 'unixepoch') AS utc, pid, tid, threads.name, state, run_ns, wait_ns,
           vol, invol, last_cpu, wchan
    FROM thread_samples JOIN threads USING (thread_id) JOIN ticks USING (tick);
"""

PACKED: Final = """
-- Packed values (rereads, tallies) are deflated (zlib).  In them, low bytes first:
--   three integers of 64 bits: how many columns there are, how many rows that changed, how many that are gone;
--   then columns: each a byte, how many bytes an integer of it takes (0: all are 0; 1, 2, 4, 8), and its integers:
--   the tids of the rows that changed, then those of the rows that are gone (each less the one before it), then the
--   columns of the rows that changed, less the row of that tid in the first value of the pid since the key tick, or
--   since a NULL.
-- The columns of kind gil: is_python (0 not known, 1 no, 2 yes, -1 no tally), looks, held, asleep, waited, ran,
--   blocked; has_sleeps, short, other, near, sharp, longer, answered.  Counted since the watch began: a thread held it
--   between two ticks for the difference of held, of that of held + asleep + waited + ran + blocked.
-- The columns of kind waits: looks, then the rounds in which a thread was blocked, by the kinds that facts name.
-- threadtop export FILE --jsonl has the shares that these make, thread by thread.
"""

EXAMPLES: Final = """
-- Between ticks 5 and 15, which threads used most CPU.  What has no row in a tick had not changed in it.
SELECT pid, tid, max(name) AS name,
       (max(run_ns) - coalesce(max(CASE WHEN tick <= 5 THEN run_ns END), 0)) / 1e9 AS ran_s
FROM thread_samples JOIN threads USING (thread_id)
WHERE tick <= 15
GROUP BY pid, tid, start_ticks
ORDER BY ran_s DESC LIMIT 10;

-- When each finding began.
SELECT datetime(time, 'unixepoch') AS utc, tick, kind, pid, title
FROM findings JOIN ticks USING (tick)
WHERE NOT EXISTS (
    SELECT 1 FROM findings AS before
    WHERE before.tick = findings.tick - 1 AND before.kind = findings.kind AND before.pid = findings.pid
)
ORDER BY tick;
"""
