"""Made-up facts of the Protection pane: a worker that was given up root's rights for one."""

from __future__ import annotations

from threadtop.inside.asked import Denial
from threadtop.inside.protection import ProtectionFacts

STATUS = {
    "Uid": "0\t33\t33\t33",
    "Gid": "33\t33\t33\t33",
    "Groups": "4 33 1001",
    "Umask": "0027",
    "CapInh": "0000000000000000",
    "CapPrm": "0000000000000400",
    "CapEff": "0000000000000400",
    "CapBnd": "000001fffeffffff",
    "CapAmb": "0000000000000400",
    "NoNewPrivs": "1",
    "Seccomp": "2",
    "Seccomp_filters": "3",
    "TracerPid": "4211",
    "CoreDumping": "0",
}


def facts() -> ProtectionFacts:
    """Root's rights but for binding low ports dropped, a filter, a tracer; the label may not be read."""
    return ProtectionFacts(
        status=STATUS,
        label=None,
        login_uid=1000,
        is_dumpable=False,
        tracer="gdb",
        users={0: "root", 33: "www-data", 1000: "anna"},
        groups={4: "adm", 33: "www-data"},
        denials=(Denial("attr/current", "it is another user's process", "run threadtop as that user or as root"),),
    )
