"""The Environment pane: what a program was started with, secrets masked, and how near its limits are; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop import text
from threadtop.inside.environment import EnvironmentFacts
from threadtop.sheets import endings, secret_signs
from threadtop.sheets.sheet import NOT_YET, Column, Record, Request, Section, Sheet, Table, Term, by_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from threadtop.sheets.sheet import Subject

MASK: Final = "********"
SECRETS: Final = Request("v", "secrets", "secrets", "show values that look like secrets, or mask them again")
_ATTACHED: Final = "attached: what else its user runs is not counted; without -p it is"
UNLIMITED: Final = "unlimited"
_WITHOUT: Final = {False: "none: it was started without any", True: "none is left"}
NEAR, FULL = 80.0, 95.0  # % of a limit from which it is news, and a danger

TERMS: Final = by_key(
    Term(
        "limit",
        "limit",
        "What the kernel bounds for this process (getrlimit(2)). What it starts inherits the limits.",
        "/proc/PID/limits",
    ),
    Term(
        "used",
        "used",
        "How much of it is used now, where there is such a figure. It is compared with the soft limit.",
        "/proc/PID/status, fd, stat",
    ),
    Term(
        "used_pct",
        "%",
        "The share of the soft limit that is used. Above 80 % it is time to look, at 100 % calls fail.",
        "used / soft",
    ),
    Term(
        "soft",
        "soft",
        "The limit in force. The process may raise it up to the hard one.",
        "/proc/PID/limits",
    ),
    Term(
        "hard",
        "hard",
        "The most that the soft limit may be raised to. Only CAP_SYS_RESOURCE raises this one.",
        "/proc/PID/limits",
    ),
    Term(
        "unit",
        "unit",
        "What the limit counts. Bytes unless it says otherwise.",
        "/proc/PID/limits",
    ),
    Term(
        "name",
        "variable",
        "A variable of the environment that the program was started with. What it set later by setenv(3) is not "
        "seen here: that is in its own memory.",
        "/proc/PID/environ; environ(7)",
    ),
    Term(
        "value",
        "value",
        "Its value as it was at the start, unless the program has written over it. What looks like a secret is masked "
        "until v is pressed (--want secrets).",
        "/proc/PID/environ",
    ),
)


def sheet(subject: Subject) -> Sheet:
    """Limits, the fullest first, and the environment by name."""
    facts = subject.facts
    if not isinstance(facts, EnvironmentFacts):
        return NOT_YET
    notes = endings.why(subject.process, "it was started without an environment", "its environment is gone")
    made = _environment(facts, shows_secrets="secrets" in subject.wants)
    return Sheet((_limits(facts), made), notes, facts.denials)


# -- limits ------------------------------------------------------------------------------------


def _used(facts: EnvironmentFacts) -> dict[str, float | None]:
    """What is used of each limit, in its unit; None is not known."""
    status = facts.status

    def kib(name: str) -> int | None:
        word = status.get(name, "").split(" ")[0]
        return int(word) * 1024 if word.isdigit() else None

    queued = status.get("SigQ", "").partition("/")[0]
    return {
        "Max open files": facts.descriptors,
        "Max processes": facts.user_threads,
        "Max address space": kib("VmSize"),
        "Max data size": kib("VmData"),
        "Max stack size": kib("VmStk"),
        "Max locked memory": kib("VmLck"),
        "Max resident set": kib("VmRSS"),
        "Max pending signals": int(queued) if queued.isdigit() else None,
    }


def _limits(facts: EnvironmentFacts) -> Section:
    used = _used(facts)
    rows = []
    for name, (soft, hard, unit) in facts.limits.items():
        now = used.get(name)
        share = now / int(soft) * 100 if now is not None and soft.isdigit() and int(soft) else None
        rows.append((share if share is not None else -1.0, name, soft, hard, unit, now, share))
    rows.sort(key=lambda row: -row[0])
    records = [
        Record(
            name,
            (
                name.removeprefix("Max ").lower(),
                _amount(now, unit),
                text.percent(share),
                _amount(_number(soft), unit) if soft.isdigit() else soft,
                _amount(_number(hard), unit) if hard.isdigit() else hard,
                unit,
            ),
            (name, now, None if share is None else round(share, 2), limit(soft), limit(hard), unit),
            role="r" if (share or 0) >= FULL else "y" if (share or 0) >= NEAR else " ",
        )
        for _, name, soft, hard, unit, now, share in rows
    ]
    columns = (
        Column("limit", 20),
        *(Column(key, 12, right=True) for key in ("used", "used_pct", "soft")),
        Column("hard", 12, right=True, is_spare=True),
    )
    notes = () if facts.user_threads is not None else (_ATTACHED,)
    table = Table((*columns, Column("unit", 10, is_spare=True)), records)
    return Section("limits", "Limits, the fullest first", table=table, notes=notes)


def limit(words: str) -> int | str | None:
    """A limit as JSON has it: null is not known, and "unlimited" is."""
    return words if words == UNLIMITED else _number(words)


def _number(words: str) -> int | None:
    return int(words) if words.isdigit() else None


def _amount(value: float | None, unit: str) -> str:
    if value is None:
        return text.UNKNOWN
    return text.size(value) if unit == "bytes" else text.thousands(value)


# -- environment -------------------------------------------------------------------------------


def _environment(facts: EnvironmentFacts, *, shows_secrets: bool) -> Section:
    if facts.variables is None:
        is_denied = any(one.what == "environ" for one in facts.denials)
        return Section(
            "environment", "Environment", notes=("may not be read: see below" if is_denied else "it has none",)
        )
    records = []
    masked = 0
    for name, value in sorted(facts.variables):
        is_masked = not shows_secrets and secret_signs.is_secret(name, value)
        masked += is_masked
        shown = MASK if is_masked else value
        records.append(Record(name, (name, shown), (name, shown), role="y" if is_masked else " "))
    notes = tuple(_notes(facts, masked))
    columns = (Column("name"), Column("value"))
    table = Table(columns, records, empty=_WITHOUT[facts.is_overwritten], copies="value")
    return Section("environment", "Environment, from its start", table=table, notes=notes)


def _notes(facts: EnvironmentFacts, masked: int) -> Iterator[str]:
    if masked:
        which = "1 value that looks like a secret is" if masked == 1 else f"{masked} values that look like secrets are"
        yield f"{which} masked: {SECRETS.key} shows {'it' if masked == 1 else 'them'} (--want {SECRETS.name})"
    if facts.is_cut:
        yield "there is more than 1 MiB of it: the rest is left out"
    if facts.is_overwritten:
        which = "the rest of it" if facts.variables else "it"
        yield f"the program has written over {which} (setproctitle), as it does to show a title"
