"""What --schema prints describes every JSON document: all keys, their types, what can be null, and nothing else."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
import shutil
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

import compared
import scripted
import scripted_findings
import scripted_gil
import scripted_sheets
import scripted_stacks
import test_explain
import test_export
import test_export_gil
import test_export_time
import test_gil_report_text
from builders import host_row, process_row, snapshot, thread_row
from lock_scene import CHAIN, FIRST, TWO, deadlocked, lock, locks, parked, wait
from threadtop import explain, export, fields, gil_report, pane_report, query, schema, traces
from threadtop.blocked import BlockedOn
from threadtop.cli import Options, main
from threadtop.comparing import document as comparing
from threadtop.query import View
from threadtop.sheets import BY_NAME
from threadtop.snapshot import CgroupRow, ProcessRow, ThreadRow
from threadtop.source import ScriptedSource
from threadtop.traces import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from threadtop.snapshot import Snapshot

VALIDATOR = jsonschema.Draft202012Validator(schema.schema())
STACKS = scripted_stacks.facts()
MAPS = {"reads", "thread_states", "error_points", "parts"}
"""Objects whose keys are the machine's, not ours."""

RICH = snapshot(
    process_row(
        100,
        thread_row(
            100,
            gil=test_export_gil.SHARE._replace(without_pct=1.0, why_not="denied"),
            sampled=test_export_time.SAMPLED._replace(why_not="denied"),
            blocked=BlockedOn(
                call="futex",
                fd=3,
                target="socket:[1]",
                local="a",
                peer="b",
                status="tcp",
                futex=0x7F00,
                is_shared=False,
                timeout_ns=5,
                is_forever=False,
                pid=7,
                descriptors=2,
                why_not="denied",
            ),
            left_ns=5,
            name="GC Thread#0",
            reason="lock",
            wchan="futex_do_wait",
        ),
        process="java",
        gil=test_export_gil.GIL._replace(why_not="denied", remedy="be root"),
        locks=locks(
            *TWO,
            lock(FIRST, 5, wait(5, timeout_s=1.5, waited_s=0.1, left_s=0.5), shared="1:2", ended_tid=9),
            deadlocks=(CHAIN,),
            suspected=(CHAIN,),
            why_not="denied",
            remedy="be root",
        ),
    ),
    findings=(test_export_gil.FOUND,),
    notes=("no schedstat here",),
    watch_pct=1.0,
    watch_per_s=100.0,
    wait_watch_pct=1.0,
    wait_watch_per_s=25.0,
    host=host_row(cgroup=CgroupRow(1.5, 3.0), pressure_cpu=0.0, pressure_io=1.0, pressure_memory=2.0),
)


def document(shot: Snapshot, **view: object) -> dict[str, Any]:
    """A snapshot's document, read back."""
    read: dict[str, Any] = json.loads(export.to_json(shot, query.table(shot, View(**view))))
    return read


def explained() -> dict[str, Any]:
    """The document of --explain --json of a target that ended early."""
    seen, _ = test_explain.watched(test_explain.FIRST, test_explain.shot(test_explain.BAD))
    return json.loads(json.dumps(explain.document(seen._replace(ended="it ended"))))


def measured() -> dict[str, Any]:
    """The document of gil --json of a target that ended early."""
    seen = test_gil_report_text.measured(test_gil_report_text.BUSY, test_gil_report_text.BOUND, ended="it ended")
    return json.loads(json.dumps(gil_report.document(seen)))


def difference(**how: object) -> dict[str, Any]:
    """The document of diff --json."""
    return json.loads(json.dumps(comparing.document(compared.compared(**how), 1)))


def paned(name: str) -> dict[str, Any]:
    """The document of --pane NAME --json."""
    kind = BY_NAME.get(name)
    shot, tid = scripted_findings.ticks(8)[-1], scripted.GUNICORN if name == "thread" else 0
    if kind is not None:
        shot = scripted_sheets.shown(shot, kind, tid=tid)
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patched, contextlib.redirect_stdout(said):
        patched.setattr(pane_report, "time", SimpleNamespace(sleep=lambda _: None, monotonic=lambda: 0.0))
        patched.setattr(traces, "read", lambda *_: Answer(STACKS.traces, STACKS.others, "py-spy"))
        asked = Options(pane=name, pids=frozenset({scripted.GUNICORN}), headless=True, json=True)
        assert pane_report.run(asked, source_=ScriptedSource([shot] * 3)) == 0
    made: dict[str, Any] = json.loads(said.getvalue())
    return made


DOCUMENTS: dict[str, Callable[[], dict[str, Any]]] = {
    "rich": lambda: document(RICH),
    "nothing": lambda: document(snapshot()),
    "first": lambda: document(scripted_findings.ticks()[0]),
    "findings": lambda: document(scripted_findings.ticks()[-1]),
    "processes": lambda: document(scripted_findings.ticks()[-1], threads=False),
    "tree": lambda: document(scripted_findings.ticks()[-1], layout="tree"),
    "names": lambda: document(scripted_findings.ticks()[-1], layout="names"),
    **{f"pane {name}": lambda name=name: paned(name) for name in pane_report.NAMES},
    **{
        f"gil {kind}": lambda kind=kind: document(scripted_gil.ticks(kind=kind)[-1])
        for kind in ("exact", "asleep", "estimate", "denied", "off", "subinterpreters")
    },
    "deadlock": lambda: document(deadlocked()),
    "parked": lambda: document(parked()),
    "time": lambda: document(test_export_time.SHOT),
    "unread": lambda: document(test_export.SHOT),
    "hostile": lambda: document(
        snapshot(
            process_row(
                100,
                thread_row(100, name=test_export.HOSTILE),
                thread_row(101, name="·"),
                process=test_export.HOSTILE,
                command=test_export.HOSTILE,
            )
        )
    ),
    "explain": explained,
    "gil report": measured,
    "diff": difference,
    "diff by names": lambda: difference(by="names"),
    "diff of processes": lambda: difference(threads=False),
    "diff of nothing": lambda: difference(keep=lambda _: False),
}


def complaints(whole: object) -> list[str]:
    """What the schema has against a document, with the place."""
    return [f"{error.json_path}: {error.message[:300]}" for error in VALIDATOR.iter_errors(whole)]


def test_it_is_a_schema() -> None:
    """It is one of draft 2020-12, and names the version that documents carry."""
    jsonschema.Draft202012Validator.check_schema(schema.schema())
    assert (
        schema.schema()["$defs"]["document"]["properties"]["schema"]["const"]
        == export.SCHEMA
        == document(RICH)["schema"]
    )


def test_it_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """--schema prints it, as ASCII, and ends with 0."""
    assert main(["--schema"]) == 0
    printed = capsys.readouterr().out
    assert json.loads(printed) == schema.schema()
    assert printed.isascii()


@pytest.mark.parametrize("made", DOCUMENTS.values(), ids=DOCUMENTS)
def test_scripted_documents_are_of_it(made: Callable[[], dict[str, Any]]) -> None:
    """Each kind of document is described: with and without a GIL, locks, findings, and where they are denied."""
    assert complaints(made()) == []


def objects(part: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The places of all objects with keys of ours in a document."""
    if isinstance(part, dict):
        if not (path and path[-1] in MAPS):
            yield path
        for key, value in part.items():
            yield from objects(value, (*path, key))
    elif isinstance(part, list):
        for index, value in enumerate(part[:1]):
            yield from objects(value, (*path, index))


def at(whole: Any, path: tuple[str | int, ...]) -> Any:  # noqa: ANN401 parts of JSON
    """The part of a document at a place."""
    for step in path:
        whole = whole[step]
    return whole


CASES = [
    (name, path)
    for name, made in (
        ("rich", lambda: document(RICH)),
        ("explain", explained),
        ("gil report", measured),
        ("diff", difference),
    )
    for path in objects(made())
    if name in ("rich", "diff") or path[:1] in (("explain",), ("measurement",), ())
]


@pytest.mark.parametrize(("name", "path"), CASES, ids=lambda case: "/".join(map(str, case)) or "whole")
def test_a_key_that_was_forgotten_fails(name: str, path: tuple[str | int, ...]) -> None:
    """In every object a key that the schema does not know is refused, and each that it knows must be there."""
    whole = DOCUMENTS[name]()
    changed = copy.deepcopy(whole)
    at(changed, path)["surprise"] = 1
    assert complaints(changed), f"a new key at {path} is not noticed"
    for key in at(whole, path):
        if not path and key in ("explain", "measurement"):
            continue
        changed = copy.deepcopy(whole)
        del at(changed, path)[key]
        assert complaints(changed), f"{key} may be missing at {path}"


@pytest.mark.parametrize("name", pane_report.NAMES)
def test_a_pane_has_its_head_and_no_other_field(name: str) -> None:
    """No pane lacks what all have, none has a section or a field that is not explained, or is called another's."""
    whole = paned(name)
    for key in ("schema", "time", "pane", "pid", "process", "notes", "denied"):
        assert complaints({**whole, key: None}), key
        assert complaints({other: value for other, value in whole.items() if other != key}), key
    for wrong in ({"surprise": 1}, {"surprise": {"surprise": 1}}, {"surprise": [{"surprise": 1}]}, {"tid": 0}):
        assert complaints({**whole, **wrong}), wrong
    assert complaints({**whole, "pane": "nothing"})
    assert complaints({**whole, "schema": export.SCHEMA})


def described(part: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:  # noqa: ANN401 parts of JSON Schema
    """Every key of the schema, with what it says of it."""
    if isinstance(part, dict):
        for key, value in part.get("properties", {}).items():
            yield f"{path}.{key}", value
        for key, value in part.items():
            yield from described(value, f"{path}.{key}" if key not in ("properties", "$defs", "items") else path)
    elif isinstance(part, list):
        for value in part:
            yield from described(value, path)


def test_every_key_is_explained() -> None:
    """Each has a description, its own or that of what it refers to, and a type."""
    whole = schema.schema()
    keys = dict(described(whole))
    assert len(keys) > 150
    for name, said in keys.items():
        target = whole["$defs"][said["$ref"].rpartition("/")[2]] if "$ref" in said else said
        assert target["description"], name
        assert {"type", "enum", "const", "anyOf"} & target.keys(), name


def known(part: object, path: str = "") -> Iterator[str]:
    """The keys of a document that are not null, without places in lists."""
    if isinstance(part, dict):
        for key, value in part.items():
            if value is not None and value != []:
                yield f"{path}.{key}"
            yield from known(value, f"{path}.{key}")
    elif isinstance(part, list):
        for value in part:
            yield from known(value, path)


def test_every_key_has_been_seen_with_a_value() -> None:
    """No type in the schema goes untested: the rich document and the reports have a value for each key."""
    whole = (document(RICH), explained(), measured(), difference(), difference(by="names"))
    seen = {path for made in whole for path in known(made)}
    every = {path for made in whole for path in keys_of(made)}
    assert every - seen == set()


def keys_of(part: object, path: str = "") -> Iterator[str]:
    """All keys of a document, without places in lists."""
    if isinstance(part, dict):
        for key, value in part.items():
            yield f"{path}.{key}"
            yield from keys_of(value, f"{path}.{key}")
    elif isinstance(part, list):
        for value in part:
            yield from keys_of(value, path)


@pytest.mark.parametrize(
    ("kind", "key"),
    [*((ThreadRow, key) for key in fields.JSON_THREAD), *((ProcessRow, key) for key in fields.JSON_PROCESS)],
)
def test_null_is_what_a_row_can_lack(kind: type, key: str) -> None:
    """A key is never null exactly where no row can have None there."""
    stored = kind.__annotations__.get(key)
    said = getattr(stored, "__forward_arg__", stored)
    if said is None:
        said = getattr(kind, key).fget.__annotations__["return"]
    may_lack = "None" in said
    rows = [one for one, keys in ((ThreadRow, fields.JSON_THREAD), (ProcessRow, fields.JSON_PROCESS)) if key in keys]
    assert not (may_lack and key in fields.ALWAYS_KNOWN)
    if len(rows) == 1:
        assert may_lack == (key not in fields.ALWAYS_KNOWN)


# -- live --------------------------------------------------------------------------------------

THREADTOP = (sys.executable, "-m", "threadtop")
ANOTHER = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all")
PANES = [["--pane", name, "--once", "--json", "-d", "0.1", "-p", str(os.getpid())] for name in pane_report.NAMES]
LIVE = (
    *PANES,
    ["--once", "--json", "-d", "0.3"],
    ["-b", "-n", "3", "--jsonl", "-d", "0.3", "-p", str(os.getpid())],
    ["--explain", "--json", "-d", "1"],
    ["--explain", "--json", "-d", "1", "-p", str(os.getpid())],
    ["gil", "--json", "-d", "0.6", str(os.getpid())],
)


@pytest.mark.live
@pytest.mark.every_python
@pytest.mark.parametrize("arguments", LIVE, ids=lambda arguments: " ".join(arguments[:3]))
@pytest.mark.parametrize("prefix", [(), ANOTHER], ids=["own", "another user"])
def test_live_documents_are_of_it(prefix: tuple[str, ...], arguments: list[str]) -> None:
    """All processes of this machine, and one closely, as the user of the tests and as one who may read little."""
    if prefix:
        _require_another_user()
    done = subprocess.run([*prefix, *THREADTOP, *arguments], capture_output=True, timeout=120, check=False)
    if "stacks" in arguments and done.returncode:
        pytest.skip(f"py-spy is not here, or may not read this process: {done.stderr.decode()}")
    assert done.stderr == b""
    documents = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(documents) == (3 if "--jsonl" in arguments else 1)
    assert [found for whole in documents for found in complaints(whole)] == []
    if arguments[0] == "--once":
        assert os.getpid() in {process["pid"] for process in documents[0]["processes"]}


def _require_another_user() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    if shutil.which("setpriv") is None:
        pytest.skip("there is no setpriv here")
    can_run = subprocess.run([*ANOTHER, *THREADTOP, "--version"], capture_output=True, timeout=60, check=False)
    if can_run.returncode != 0:
        pytest.skip("another user cannot read this checkout or its Python")
