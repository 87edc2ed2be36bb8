"""The Protection pane: who a process is to the kernel and what it may do; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop import text
from threadtop.inside.protection import ProtectionFacts, numbers
from threadtop.procfs import capabilities
from threadtop.sheets.sheet import NOT_YET, Entry, Link, Section, Sheet, Term, by_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from threadtop.sheets.sheet import Subject

TERMS: Final = by_key(
    Term(
        "uids",
        "user ids",
        "Real, effective, saved and file-system uid. The effective one decides what the process may do; a set-user-id "
        "program has one that differs from the real one.",
        "/proc/PID/status Uid; getpwuid(3); credentials(7)",
    ),
    Term(
        "gids",
        "group ids",
        "Real, effective, saved and file-system gid. They work as the user ids do.",
        "/proc/PID/status Gid; getgrgid(3); credentials(7)",
    ),
    Term(
        "groups",
        "groups",
        "Supplementary groups: further groups whose files it may use. They are set at login or by the service manager.",
        "/proc/PID/status Groups; getgrgid(3); credentials(7)",
    ),
    Term(
        "login_uid",
        "login uid",
        "The user who logged in, however often the process changed its uid since. A service that nobody logged in for "
        "has none.",
        "/proc/PID/loginuid; audit",
    ),
    Term(
        "cap_effective",
        "effective",
        "Capabilities in force: the powers of root, cut into pieces. With none of them the process is an ordinary "
        "user's, whatever its uid.",
        "/proc/PID/status CapEff; capabilities(7)",
    ),
    Term(
        "cap_permitted",
        "permitted",
        "Capabilities that it may take into force. What is dropped from here does not come back.",
        "/proc/PID/status CapPrm; capabilities(7)",
    ),
    Term(
        "cap_inheritable",
        "inheritable",
        "Capabilities that a program with matching file capabilities keeps over execve(2). Mostly empty.",
        "/proc/PID/status CapInh; capabilities(7)",
    ),
    Term(
        "cap_bounding",
        "bounding",
        "The most that any program started from here can gain. A container's is cut down.",
        "/proc/PID/status CapBnd; capabilities(7)",
    ),
    Term(
        "cap_ambient",
        "ambient",
        "Capabilities that even programs without file capabilities keep over execve(2). Service managers give them to "
        "services that do not run as root.",
        "/proc/PID/status CapAmb; capabilities(7)",
    ),
    Term(
        "no_new_privs",
        "no new privileges",
        "Whether execve(2) can give it no more rights than it has: set-user-id bits and file capabilities do nothing "
        "then. Sandboxes set it, and it cannot be taken back.",
        "/proc/PID/status NoNewPrivs; prctl(2)",
    ),
    Term(
        "seccomp",
        "seccomp",
        "Whether a filter decides which system calls it may make. A call that is denied fails, or kills the process.",
        "/proc/PID/status Seccomp; seccomp(2)",
    ),
    Term(
        "label",
        "security label",
        "What the security module (AppArmor, SELinux, Smack) calls it. Its rules deny things that uids would allow.",
        "/proc/PID/attr/current",
    ),
    Term(
        "dumpable",
        "dumpable",
        "Whether its own user may read its memory and descriptors and get a core dump. A program that changed its ids, "
        "gained capabilities or asked for it is not: its files in /proc belong to root.",
        "owner of /proc/PID/stat; prctl(2), PR_SET_DUMPABLE",
    ),
    Term(
        "tracer",
        "traced by",
        "The process that traces it with ptrace(2): a debugger or strace. There can be only one, and it can stop it.",
        "/proc/PID/status TracerPid",
    ),
    Term(
        "core_dumping",
        "dumping core",
        "Whether the kernel is writing its core dump now. It ends as soon as that is done.",
        "/proc/PID/status CoreDumping",
    ),
    Term(
        "umask",
        "umask",
        "The permission bits that new files do not get. 0022 lets others read what it makes.",
        "/proc/PID/status Umask; umask(2)",
    ),
)
_SETS: Final = (
    ("cap_effective", "CapEff"),
    ("cap_permitted", "CapPrm"),
    ("cap_inheritable", "CapInh"),
    ("cap_bounding", "CapBnd"),
    ("cap_ambient", "CapAmb"),
)
_SECCOMP: Final = {"0": "off", "1": "strict: read, write, exit only", "2": "filter"}
_KINDS: Final = ("real", "effective", "saved", "file system")
_KEYS: Final = ("real", "effective", "saved", "filesystem")
_NOBODY: Final = 0xFFFFFFFF  # (uid_t) -1: not set
_ALL: Final = len(capabilities.NAMES)


def sheet(subject: Subject) -> Sheet:
    """What is known of a process's rights."""
    facts = subject.facts
    if not isinstance(facts, ProtectionFacts):
        return NOT_YET
    status = facts.status
    return Sheet(
        (
            Section("identity", "Identity", tuple(_identity(facts))),
            Section("capabilities", "Capabilities", tuple(_capability(key, name, status) for key, name in _SETS)),
            Section("confinement", "Confinement", tuple(_confinement(facts))),
        ),
        denials=facts.denials,
    )


def _identity(facts: ProtectionFacts) -> list[Entry]:
    status = facts.status
    login = facts.login_uid
    groups = numbers(status.get("Groups"))
    return [
        _ids("uids", status.get("Uid"), facts.users),
        _ids("gids", status.get("Gid"), facts.groups),
        Entry(
            "groups",
            ", ".join(f"{one} {facts.groups.get(one, '')}".rstrip() for one in groups) or "none",
            groups,
            more={"group_names": [facts.groups.get(one) for one in groups]},
        ),
        Entry(
            "login_uid",
            "-" if login is None else "none" if login == _NOBODY else str(login),
            None if login in {None, _NOBODY} else login,
            facts.users.get(login, "") if login is not None else "",
        ),
        Entry("umask", status.get("Umask", "-"), status.get("Umask")),
    ]


def _ids(key: str, words: str | None, names: Mapping[int, str]) -> Entry:
    """Four ids as one where they are the same: an ordinary process."""
    ids = numbers(words)
    if len(ids) != len(_KINDS):
        return Entry(key, "-", None)
    value = dict(zip(_KEYS, ids, strict=True))
    more = {f"{key.removesuffix('s')}_names": dict(zip(_KEYS, map(names.get, ids), strict=True))}
    called = [f"{number} {names.get(number, '')}".rstrip() for number in ids]
    if len(set(ids)) == 1:
        return Entry(key, called[0], value, "real, effective, saved and file system", more=more)
    shown = ", ".join(f"{kind} {one}" for kind, one in zip(_KINDS, called, strict=True))
    return Entry(key, shown, value, role="y", more=more)


def _capability(key: str, name: str, status: Mapping[str, str]) -> Entry:
    held = capabilities.names(status.get(name, ""))
    if held is None:
        return Entry(key, "-", None)
    if len(held) >= _ALL:
        return Entry(key, "all", held, f"{len(held)} of {_ALL}")
    missing = [one for one in capabilities.NAMES if one not in held]
    if len(missing) < len(held) and len(missing) <= len(_SETS):
        return Entry(key, f"all but {', '.join(missing)}", held, f"{len(held)} of {_ALL}")
    return Entry(key, ", ".join(held) or "none", held, f"{len(held)} of {_ALL}" if held else "")


def _confinement(facts: ProtectionFacts) -> list[Entry]:
    status = facts.status
    filters = status.get("Seccomp_filters", "")
    tracer = int(status.get("TracerPid", "0") or 0)
    return [
        _flag("no_new_privs", status.get("NoNewPrivs")),
        Entry(
            "seccomp",
            _SECCOMP.get(status.get("Seccomp", ""), "-"),
            {"0": "off", "1": "strict", "2": "filter"}.get(status.get("Seccomp", "")),
            text.many(int(filters), "filter") if filters.isdecimal() and int(filters) else "",
        ),
        _label(facts),
        Entry(
            "dumpable",
            {True: "yes", False: "no: only root may read its memory", None: "-"}[facts.is_dumpable],
            facts.is_dumpable,
            "" if facts.is_dumpable is not None else _not_told(status),
        ),
        Entry(
            "tracer",
            f"{tracer} {facts.tracer}".rstrip() if tracer else "none",
            tracer or None,
            role="y" if tracer else " ",
            link=Link(tracer) if tracer else None,
            more={"tracer_name": facts.tracer or None},
        ),
        _flag("core_dumping", status.get("CoreDumping")),
    ]


def _label(facts: ProtectionFacts) -> Entry:
    if facts.label:
        return Entry("label", facts.label, facts.label)
    if any(denial.what == "attr/current" for denial in facts.denials):
        return Entry("label", "-", None, "may not be read: see below")
    return Entry("label", "none", None, "no security module keeps one")


def _not_told(status: Mapping[str, str]) -> str:
    return "of root's processes that cannot be told" if "VmSize" in status else "it has no memory of its own"


def _flag(key: str, word: str | None) -> Entry:
    return Entry(key, {"0": "no", "1": "yes"}.get(word or "", "-"), {"0": False, "1": True}.get(word or ""))
