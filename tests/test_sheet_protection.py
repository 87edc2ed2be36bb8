"""The Protection pane's sheet by values: what is none, what may not be read, what is not told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import scripted
import scripted_protection
from threadtop.inside.asked import Denial
from threadtop.sheets import protection
from threadtop.sheets.sheet import Subject

if TYPE_CHECKING:
    from threadtop.sheets.sheet import Entry

DENIED = (Denial("attr/current", "a rule"),)


def entries(section: str, **facts: object) -> dict[str, Entry]:
    """The entries of a section by key, some facts changed."""
    shot = scripted.ticks(1)[0]
    made = protection.sheet(
        Subject(shot, shot.processes[scripted.GUNICORN], scripted_protection.facts()._replace(**facts))
    )
    return {entry.key: entry for one in made.sections if one.key == section for entry in one.entries}


def test_ids_have_their_names() -> None:
    """Each kind of id its own; one that is nobody's stands alone, and is told once."""
    shown = entries("identity", status={**scripted_protection.STATUS, "Uid": "0\t33\t54321\t33", "Gid": "7\t7\t7\t7"})
    assert shown["uids"].shown == "real 0 root, effective 33 www-data, saved 54321, file system 33 www-data"
    assert shown["uids"].more == {
        "uid_names": {"real": "root", "effective": "www-data", "saved": None, "filesystem": "www-data"}
    }
    assert (shown["gids"].shown, shown["gids"].note) == ("7", "real, effective, saved and file system")
    assert shown["groups"].shown == "4 adm, 33 www-data, 1001"
    assert (shown["groups"].value, shown["groups"].more) == ([4, 33, 1001], {"group_names": ["adm", "www-data", None]})
    assert (shown["login_uid"].shown, shown["login_uid"].note) == ("1000", "anna")


@pytest.mark.parametrize(("filters", "note"), [("1", "1 filter"), ("3", "3 filters"), ("0", ""), ("", ""), ("x", "")])
def test_filters_of_system_calls(filters: str, note: str) -> None:
    """How many there are, one by one; an older kernel does not say."""
    assert entries("confinement", status={"Seccomp": "2", "Seccomp_filters": filters})["seccomp"].note == note


@pytest.mark.parametrize(
    ("label", "denials", "shown", "value", "note"),
    [
        ("docker-default (enforce)", (), "docker-default (enforce)", "docker-default (enforce)", ""),
        (None, DENIED, "-", None, "may not be read: see below"),
        (None, (), "none", None, "no security module keeps one"),
        ("", (), "none", None, "no security module keeps one"),
    ],
)
def test_the_label(label: str | None, denials: tuple[Denial, ...], shown: str, value: str | None, note: str) -> None:
    """One that may not be read differs from none: without a security module there is no label."""
    entry = entries("confinement", label=label, denials=denials)["label"]
    assert (entry.shown, entry.value, entry.note) == (shown, value, note)


@pytest.mark.parametrize(
    ("pid", "name", "shown", "value", "tracer_name"),
    [("4211", "gdb", "4211 gdb", 4211, "gdb"), ("4211", "", "4211", 4211, None), ("0", "", "none", None, None)],
)
def test_the_tracer(pid: str, name: str, shown: str, value: int | None, tracer_name: str | None) -> None:
    """By pid and name; none is not told as somebody called nobody."""
    status = {**scripted_protection.STATUS, "TracerPid": pid}
    entry = entries("confinement", status=status, tracer=name)["tracer"]
    assert (entry.shown, entry.value, entry.more) == (shown, value, {"tracer_name": tracer_name})


@pytest.mark.parametrize(
    ("is_dumpable", "memory", "shown", "note"),
    [
        (True, {"VmSize": "9 kB"}, "yes", ""),
        (False, {"VmSize": "9 kB"}, "no: only root may read its memory", ""),
        (None, {"VmSize": "9 kB"}, "-", "of root's processes that cannot be told"),
        (None, {}, "-", "it has no memory of its own"),
    ],
)
def test_dumpable(*, is_dumpable: bool | None, memory: dict[str, str], shown: str, note: str) -> None:
    """Where it cannot be told, why."""
    status = {**scripted_protection.STATUS, **memory}
    entry = entries("confinement", status=status, is_dumpable=is_dumpable)["dumpable"]
    assert (entry.shown, entry.value, entry.note) == (shown, is_dumpable, note)
