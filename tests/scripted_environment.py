"""Made-up facts of the Environment pane: secrets, escapes, bytes that are no UTF-8, a limit nearly used up."""

from __future__ import annotations

from threadtop.inside.environment import EnvironmentFacts

VARIABLES = (
    ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ("DB_PASSWORD", "hunter2"),
    ("DATABASE_URL", "postgres://shop:hunter2@db.internal:5432/shop"),
    ("LANG", "de_DE.UTF-8"),
    ("PS1", "\x1b[31mred\x1b[0m"),
    ("ODD", "caf\udce9"),
    ("NOTHING", ""),
    ("SSH_AUTH_SOCK", "/run/user/1000/agent"),
    ("BUILD", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
)
LIMITS = {
    "Max cpu time": ("unlimited", "unlimited", "seconds"),
    "Max stack size": ("8388608", "unlimited", "bytes"),
    "Max processes": ("62832", "62832", "processes"),
    "Max open files": ("1024", "65536", "files"),
    "Max locked memory": ("8388608", "8388608", "bytes"),
    "Max pending signals": ("62832", "62832", "signals"),
    "Max nice priority": ("0", "0", ""),
}


def facts() -> EnvironmentFacts:
    """1,000 of 1,024 descriptors are open."""
    return EnvironmentFacts(
        variables=VARIABLES,
        is_cut=False,
        is_overwritten=False,
        limits=LIMITS,
        status={"SigQ": "3/62832", "VmStk": "140 kB", "VmLck": "7000 kB", "VmSize": "1300000 kB"},
        descriptors=1000,
        user_threads=512,
        denials=(),
    )
