from __future__ import annotations

import json
from typing import Any

import pytest

import test_schema
from builders import NOON, snapshot
from compared import OTHER, STARVED, gil, moments, server, side, worker
from threadtop import export, query
from threadtop.comparing import documents
from threadtop.comparing.changes import compare, matching
from threadtop.comparing.entries import MEASURES
from threadtop.errors import DocumentError
from threadtop.gil_rows import Estimate
from threadtop.query import View

SHOTS = moments(
    *[(server(worker(101), worker(102, cpu=cpu, gil=gil(30.0, is_estimate=True))), OTHER) for cpu in (10.0, 60.0)],
    findings=(STARVED,),
)


def printed(*shots: Any, **view: Any) -> str:  # noqa: ANN401
    """As --jsonl prints them."""
    return "".join(export.to_json(shot, query.table(shot, View(**view))) + "\n" for shot in shots)


def test_documents_say_what_their_snapshots_say() -> None:
    """Figures of threads and processes, findings and the machine are the same, but for what documents do not tell."""
    read, live = side(*documents.snapshots("a", printed(*SHOTS))), side(*SHOTS)
    for mine, its in zip(
        (*sorted(read.threads), *sorted(read.processes)), (*sorted(live.threads), *sorted(live.processes)), strict=True
    ):
        assert mine._replace(start_ticks=1000) == its
    assert isinstance(next(one for one in read.threads if one.tid == 102).gil_wait_pct, Estimate)
    assert read.findings == (STARVED._replace(start_ticks=0),)
    assert (read.machine, read.begin, read.end, read.host) == (live.machine, live.begin, live.end, "box")
    assert (live.has_starts, read.has_starts) == (True, False)
    assert matching(read, live) == "ids"
    found = compare(live, read)
    assert (found.changed, found.new, found.gone, found.both) == ((), (), (), 4)


@pytest.mark.parametrize("name", [name for name in test_schema.DOCUMENTS if not name.startswith(("diff", "pane"))])
def test_every_document_can_be_read(name: str) -> None:
    """Whatever --json prints of threads: with unknown figures, hostile names, reports, a first reading."""
    whole = json.dumps(test_schema.DOCUMENTS[name]())
    [shot] = documents.snapshots("a", whole)
    found = side(shot)
    assert {one.tid for one in found.threads} == {
        thread["tid"] for process in json.loads(whole)["processes"] for thread in process["threads"]
    }


def test_unknown_stays_unknown() -> None:
    """What is null is None, in a first reading for all."""
    found = side(*documents.snapshots("a", printed(snapshot(OTHER, interval_s=None))))
    [entry] = found.threads
    assert [entry.figure(measure) for measure in MEASURES] == [None] * len(MEASURES)


def test_one_document_may_be_laid_out() -> None:
    """A file of one document over several lines (jq, an editor) is read, too."""
    whole = json.dumps(json.loads(printed(SHOTS[0])), indent=2)
    assert documents.snapshots("a", whole) == documents.snapshots("a", printed(SHOTS[0]))
    assert [shot.time for shot in documents.snapshots("a", printed(*SHOTS))] == [NOON, NOON + 1]


def changed(change: Any) -> str:  # noqa: ANN401
    """A document after ``change`` was done to it."""
    document = json.loads(printed(SHOTS[0]))
    change(document)
    return json.dumps(document)


WHOLE = printed(SHOTS[0])
PANE = json.dumps(test_schema.paned("threads"))


@pytest.mark.parametrize(
    ("whole", "says"),
    [
        ("", "a is empty; write it anew with threadtop --once --json"),
        ("\n \n", "a is empty; write it anew"),
        ("hello", "a is neither a recording nor JSON; write it anew"),
        ("hello\nworld\n", "a, line 1 is neither a recording nor JSON; write it anew"),
        (WHOLE[:-20], "a is cut short, or no JSON; write it anew"),
        (WHOLE + WHOLE[:50], "a, line 2 is cut short, or no JSON; remove that line"),
        ("[" * 100_000, "a is cut short, or no JSON; "),
        (WHOLE.replace('"wait_pct":1.0', '"wait_pct":NaN', 1), "a is cut short, or no JSON; "),
        ("[]", "a is JSON, but no document of threadtop; compare what threadtop --once --json"),
        ("3", "a is JSON, but no document of threadtop; "),
        ('{"a": 1}', "a is JSON, but no document of threadtop; "),
        ('{"schema": 1}', "a is JSON, but no document of threadtop; "),
        ('{"schema": "threadtop/2"}', "a is of schema 'threadtop/2', and this threadtop compares threadtop/1; use a"),
        ('{"schema": "threadtop/0"}', "a is of schema 'threadtop/0', and this threadtop compares threadtop/1; write"),
        ('{"schema": "threadtop-diff/1"}', "a is of schema 'threadtop-diff/1', and this threadtop compares "),
        ('{"schema": "\\u001b[2J"}', "a is of schema '\\x1b[2J', and this threadtop compares threadtop/1; compare"),
        (PANE, "a is a document of threadtop, but of one pane: only whole ones are compared; compare what"),
        (changed(lambda it: it.pop("time")), "a is not as threadtop writes it (it has no 'time'); write it anew"),
        (changed(lambda it: it.update(time="yesterday")), "a is not as threadtop writes it; write it anew"),
        (changed(lambda it: it.update(interval_s=-1)), "a is not as threadtop writes it; "),
        (changed(lambda it: it.update(processes=3)), "a is not as threadtop writes it; "),
        (changed(lambda it: it.update(processes=[3])), "a is not as threadtop writes it; "),
        (changed(lambda it: it["processes"][0].update(pid="1")), "a is not as threadtop writes it; "),
        (changed(lambda it: it["processes"][0].update(pid=True)), "a is not as threadtop writes it; "),
        (changed(lambda it: it["processes"][0]["threads"][0].update(cpu_pct="9")), "a is not as threadtop writes it; "),
        (changed(lambda it: it["processes"][0]["threads"][0].update(name=None)), "a is not as threadtop writes it; "),
        (changed(lambda it: it["processes"][0]["threads"][0].update(gil=7)), "a is not as threadtop writes it; "),
        (changed(lambda it: it["findings"][0].update(grade="sure")), "a is not as threadtop writes it; "),
        (changed(lambda it: it["machine"].update(uptime_s=10**400)), "a is not as threadtop writes it; "),
        (changed(lambda it: it["machine"].update(cores=10**30)), "a is not as threadtop writes it; "),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_what_cannot_be_read(whole: str, says: str) -> None:
    """One line that says what is wrong, where, and what to do."""
    with pytest.raises(DocumentError) as raised:
        documents.snapshots("a", whole)
    assert str(raised.value).startswith(says)
    assert "\n" not in str(raised.value)
    assert raised.value.exit_code == 1
