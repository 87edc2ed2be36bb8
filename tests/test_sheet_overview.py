"""The Overview pane's sheet by values: processes against threads, limits of cgroups, containers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import scripted
import scripted_overview
from threadtop.cgroups import Bound, Limits
from threadtop.inside.footprint import Stacks
from threadtop.inside.siblings import Sibling, Siblings
from threadtop.procfs.smaps import Usage
from threadtop.sheets import BY_NAME, document, overview
from threadtop.sheets.sheet import Subject

if TYPE_CHECKING:
    from threadtop.inside.overview import OverviewFacts
    from threadtop.sheets.sheet import Entry, Sheet

MIB = 1 << 20
USAGE = Usage(rss_bytes=10 * MIB, pss_bytes=4 * MIB, private_dirty_bytes=3 * MIB)


def made(facts: OverviewFacts) -> Sheet:
    """The sheet of the scripted worker with these facts."""
    shot = scripted.ticks(1)[0]
    return overview.sheet(Subject(shot, shot.processes[scripted.GUNICORN], facts))


def entries(section: str, **facts: object) -> dict[str, Entry]:
    """The entries of a section by key, some facts changed."""
    sheet = made(scripted_overview.facts()._replace(**facts))
    return {entry.key: entry for one in sheet.sections if one.key == section for entry in one.entries}


def several(count: int, measured: int, tie: str = "parent", *, is_cut: bool = False) -> Siblings:
    """So many, of which some were measured."""
    members = (Sibling(100 + at, 1, 3, 10 * MIB, USAGE if at < measured else None) for at in range(count))
    return Siblings(tie, tuple(members), is_cut)  # type: ignore[arg-type]


# -- processes against threads -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "shown", "note"),
    [
        (None, "-", "not known: the executable of some that may be siblings may not be read"),
        (Siblings(None), "none", "no other process of its parent or session runs its program"),
        (Siblings(None, is_cut=True), "-", "still looking for them"),
        (several(4, 4), "4 processes with 12 threads", "of one parent, itself among them"),
        (several(1, 1, "children"), "1 process with 3 threads", "its children, itself not among them"),
        (
            several(64, 0, "session", is_cut=True),
            "more than 64 processes with 192 threads",
            "of one session, itself among them",
        ),
    ],
)
def test_siblings_in_words(found: Siblings | None, shown: str, note: str) -> None:
    """Not known, none, still looked for, and how many of what: four things that look different."""
    entry = entries("family", siblings=found)["siblings"]
    assert (entry.shown, entry.note) == (shown, note)


def test_a_program_that_may_not_be_read_has_no_known_siblings() -> None:
    """The note says whose executable it is."""
    entry = entries("family", siblings=None, executable=None)["siblings"]
    assert (entry.value, entry.note) == (None, "not known: its executable may not be read")


def test_what_siblings_take_together() -> None:
    """RSS added up, and the sum of PSS once each was measured; before that it is not known."""
    entry = entries("family", siblings=several(4, 4))["together"]
    assert entry.value == {"rss_bytes": 40 * MIB, "pss_bytes": 16 * MIB}
    assert entry.shown == "RSS adds up to 40.0M, really 16.0M"
    entry = entries("family", siblings=several(4, 3))["together"]
    assert entry.value == {"rss_bytes": 40 * MIB, "pss_bytes": None}
    assert entry.note == "3 of 4 measured so far"
    assert "together" not in entries("family", siblings=Siblings(None))


def test_one_more_process() -> None:
    """The mean of those measured; of a process alone its own is the most it can be; nothing where nothing is known."""
    entry = entries("family", siblings=several(4, 3))["one_process"]
    assert entry.value == {"uss_bytes": 3 * MIB, "pss_bytes": 4 * MIB, "measured": 3}
    assert entry.shown == "~3.0M of its own"
    entry = entries("family", siblings=Siblings(None), usage=USAGE)["one_process"]
    assert entry.value == {"uss_bytes": 3 * MIB, "pss_bytes": 4 * MIB, "measured": 1}
    assert entry.shown == "at most ~3.0M"
    assert entries("family", siblings=None, usage=None)["one_process"].value is None
    assert entries("family", siblings=several(4, 0))["one_process"].value is None


@pytest.mark.parametrize(
    ("stacks", "shown", "note"),
    [
        (None, "-", ""),
        (
            Stacks(3000, 32, 8 * MIB, 24 << 10, 8 * MIB),
            "~24.0K touched of 8.0M reserved",
            "estimate: median of 32 of 3,000 stacks; 16K in the kernel",
        ),
        (
            Stacks(1, 1, MIB, 8 << 10, 8 * MIB, is_hint=True),
            "~8.0K touched of 1.0M reserved",
            "estimate: median of 1 of 1 stack, by their pattern; 16K in the kernel",
        ),
        (Stacks(9, 9, MIB, None, 8 * MIB), "1.0M reserved", "what of it is touched may not be read"),
        (Stacks(9, limit_bytes=MIB), "1.0M reserved, by its limit", "its threads' stacks were not recognised"),
        (Stacks(9), "-", "its threads' stacks were not recognised"),
        (Stacks(0, limit_bytes=8 * MIB), "8.0M reserved, by its limit", "it has no other thread to measure"),
        (Stacks(0), "-", "it has no other thread to measure"),
    ],
)
def test_one_more_thread(stacks: Stacks | None, shown: str, note: str) -> None:
    """What stacks touch, of how much, told from how many; else what the limit says; else why it is not known."""
    entry = entries("family", stacks=stacks)["one_thread"]
    assert (entry.shown, entry.note) == (shown, note)


def test_a_thread_of_the_kernel_has_no_memory() -> None:
    """Sections on memory and siblings are left out, the others are there."""
    shot = scripted.ticks(1)[0]
    row = shot.processes[scripted.GUNICORN]._replace(kernel=True)
    sheet = overview.sheet(Subject(shot, row, scripted_overview.facts()))
    keys = {section.key for section in sheet.sections}
    assert {"memory", "family"} & keys == set()
    assert {"identity", "now", "accounting"} <= keys


def test_what_has_ended_has_no_figures() -> None:
    """Its memory is not known rather than none at all, and no siblings are looked for."""
    shot = scripted.ticks(1)[0]
    row = shot.processes[scripted.GUNICORN]
    ended = {tid: thread._replace(state="Z") for tid, thread in row.threads.items()}
    row = row._replace(state="Z", threads=ended, rss_bytes=0, vsize_bytes=0)
    sheet = overview.sheet(Subject(shot, row, scripted_overview.facts()._replace(status={}, usage=None)))
    assert "family" not in {section.key for section in sheet.sections}
    memory = {entry.key: entry for one in sheet.sections if one.key == "memory" for entry in one.entries}
    for key in ("rss_bytes", "vsize_bytes"):
        assert (memory[key].shown, memory[key].value) == ("-", None)


def test_its_memory_is_the_sum_of_its_parts() -> None:
    """Resident memory is that of status, as its parts and its peak are; that of stat is behind."""
    status = {"VmRSS": "102400 kB", "VmHWM": "102400 kB", "RssAnon": "40960 kB", "RssFile": "61440 kB"}
    assert entries("memory", status=status)["rss_bytes"].value == 100 * MIB
    assert (
        entries("memory", status={})["rss_bytes"].value == scripted.ticks(1)[0].processes[scripted.GUNICORN].rss_bytes
    )


@pytest.mark.parametrize("root", ["/", "/srv/jail"])
def test_its_root(root: str) -> None:
    """It is there whichever it is."""
    assert entries("identity", root=root)["root"].value == root


@pytest.mark.parametrize(
    ("user", "uid", "note"), [("anna", 1000, "uid 1000"), ("54321", 54321, "a uid without a name"), ("-", None, "")]
)
def test_its_user(user: str, uid: int | None, note: str) -> None:
    """A number without a name is told once."""
    shot = scripted.ticks(1)[0]
    row = shot.processes[scripted.GUNICORN]._replace(user=user, uid=uid)
    sheet = overview.sheet(Subject(shot, row, scripted_overview.facts()))
    assert {entry.key: entry.note for entry in sheet.sections[0].entries}["user"] == note


def test_a_session_outside_of_our_namespace() -> None:
    """The kernel shows it as 0; what that means is said."""
    assert entries("identity")["session"].note == ""
    stat = scripted_overview.STAT._replace(session=0, pgrp=0)
    assert entries("identity", stat=stat)["session"].note == "0 is outside of our pid namespace"


def test_json_has_what_the_notes_say() -> None:
    """The peak, the uid, modes of CPU, and a real-time priority: by keys beside those of the fields."""
    shot = scripted.ticks(2)[-1]
    row = shot.processes[scripted.GUNICORN]
    leader = row.threads[row.pid]._replace(policy=2, rt_priority=3)
    row = row._replace(user_pct=1.256, system_pct=2.0, uid=33, threads={**row.threads, row.pid: leader})
    facts = scripted_overview.facts()
    status = {**facts.status, "VmHWM": "900 kB"}
    stat = scripted_overview.STAT._replace(utime_ticks=150, stime_ticks=25)
    subject = Subject(shot, row, facts._replace(status=status, stat=stat))
    shown = document.document(BY_NAME["overview"], subject, overview.sheet(subject))
    assert (shown["identity"]["user"], shown["identity"]["uid"]) == (row.user, 33)
    assert (shown["now"]["user_pct"], shown["now"]["system_pct"]) == (1.26, 2.0)
    assert shown["memory"]["peak_bytes"] == 900 << 10
    assert shown["scheduling"]["policy"] == "rr"
    assert shown["scheduling"]["priority"]["rt_priority"] == 3
    assert (shown["accounting"]["user_s"], shown["accounting"]["system_s"]) == (1.5, 0.25)


# -- confinement -------------------------------------------------------------------------------------------------


GIB = 1 << 30
GROUP = "/sys/fs/cgroup/web"


def confined(**facts: object) -> dict[str, Entry]:
    """The entries on cgroup and namespaces."""
    return entries("confinement", **facts)


def test_memory_of_the_group() -> None:
    """Its use of the limit with least room left; from nine tenths on it is marked; who sets it is named."""
    limits = Limits(GIB // 2, Bound(GROUP, GIB, 2 * GIB))
    entry = confined(limits=limits)["group_memory"]
    assert (entry.shown, entry.role) == ("1.0G of 2.0G", " ")
    assert entry.note == f"the limit of {GROUP}, of which its own group uses 512M"
    assert entry.value == {"own_bytes": GIB // 2, "used_bytes": GIB, "limit_bytes": 2 * GIB, "path": GROUP}
    assert confined(limits=limits, cgroups={"": "/web"})["group_memory"].note == ""
    assert confined(limits=limits, cgroups={"": "/"})["group_memory"].note != ""
    entry = confined(limits=Limits(GIB, Bound(GROUP, int(1.8 * GIB) + 1, 2 * GIB)))["group_memory"]
    assert entry.role == "r"


def test_a_group_without_limits() -> None:
    """What it uses is said, and that nothing limits it; without the controller it is not known."""
    found = confined(limits=Limits(memory_bytes=GIB, tasks=1234))
    assert (found["group_memory"].shown, found["group_memory"].note) == ("1.0G", "no limit")
    assert (found["group_tasks"].shown, found["group_tasks"].note) == ("1,234", "no limit")
    assert "group_memory_high" not in found
    entry = confined(limits=Limits())["group_memory"]
    assert entry.shown == "-"
    assert entry.value == {"own_bytes": None, "used_bytes": None, "limit_bytes": None, "path": None}


@pytest.mark.parametrize(
    ("cgroups", "note"),
    [
        ({}, "it is in no group that counts this"),
        ({"cpu": "/"}, "it is in no group that counts this"),
        ({"": "/"}, "the root group is not counted"),
        ({"": "/web", "pids": "/"}, "the root group is not counted"),
        ({"": "/web"}, "the controller pids is not on for its group"),
        ({"": "/../web"}, "its group is outside of our cgroup namespace"),
    ],
)
def test_why_a_group_is_not_counted(cgroups: dict[str, str], note: str) -> None:
    """The kernel counts no root group, and others only where the controller is on."""
    entry = confined(limits=Limits(), cgroups=cgroups)["group_tasks"]
    assert (entry.shown, entry.note) == ("-", note)


@pytest.mark.parametrize(
    ("cgroups", "shown", "value"),
    [
        ({}, "-", {}),
        ({"": "/web"}, "/web", {"v2": "/web"}),
        ({"": "/", "cpu": "/", "pids": "/"}, "/ (cpu,pids,v2)", {"v2": "/", "cpu": "/", "pids": "/"}),
        ({"": "/web", "cpu": "/"}, "/web (v2), / (cpu)", {"v2": "/web", "cpu": "/"}),
    ],
)
def test_groups(cgroups: dict[str, str], shown: str, value: dict[str, str]) -> None:
    """The hierarchy of version 2 has no controller's name, but its own, which is left out where it is the only one."""
    entry = confined(cgroups=cgroups)["cgroup"]
    assert (entry.shown, entry.value) == (shown, value)


def test_slowed_down_before_the_limit() -> None:
    """memory.high is there where it is set."""
    entry = confined(limits=Limits(GIB, None, Bound(GROUP, GIB, GIB)))["group_memory_high"]
    assert (entry.shown, entry.role) == ("1.0G of 1.0G", "r")


def test_tasks_of_the_group() -> None:
    """How many of how many."""
    entry = confined(limits=Limits(tasks=7, tasks_max=Bound(GROUP, 90, 100)))["group_tasks"]
    assert entry.value == {"own": 7, "used": 90, "limit": 100, "path": GROUP}
    assert (entry.shown, entry.role) == ("90 of 100", "r")


def test_a_container_in_words() -> None:
    """Runtime and short id by the path; a kind that is not known by namespaces; else none that is known of."""
    entry = confined()["container"]
    assert entry.shown == "docker 0123456789ab"
    assert entry.value == {"runtime": "docker", "name": "0123456789abcdef" * 4}
    ours = {"pid": "pid:[1]", "mnt": "mnt:[1]"}
    entry = confined(cgroups={"": "/"}, namespaces={"pid": "pid:[2]", "mnt": "mnt:[2]"}, ours=ours)["container"]
    assert (entry.shown, entry.value) == ("some", {"runtime": None, "name": None})
    entry = confined(cgroups={"": "/"}, namespaces={"pid": "pid:[1]", "mnt": "mnt:[2]"}, ours=ours)["container"]
    assert (entry.shown, entry.value) == ("none that its cgroup names", None)
