"""Which container a cgroup's path names: docker, podman, Kubernetes, LXC, systemd-nspawn, snap, flatpak; pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

_SHORT = 12  # digits of an id, as docker ps shows them
_ID = r"(?P<id>[0-9a-f]{32,64})"
_NAME = r"(?P<id>[^/]+?)"
_PATTERNS = (
    ("podman", re.compile(rf"(?:^|/)libpod-(?:payload-)?{_ID}")),
    ("docker", re.compile(rf"(?:^|/)docker[-/]{_ID}")),
    ("containerd", re.compile(rf"(?:^|/)(?:cri-containerd|nerdctl)-{_ID}")),
    ("cri-o", re.compile(rf"(?:^|/)crio-{_ID}")),
    ("systemd-nspawn", re.compile(rf"(?:^|/)systemd-nspawn@{_NAME}\.service(?:/|$)")),
    ("machine", re.compile(rf"(?:^|/)machine-{_NAME}\.scope(?:/|$)")),
    ("lxc", re.compile(rf"(?:^|/)(?:lxc\.payload\.|lxc/){_NAME}(?:/|$)")),
    ("snap", re.compile(r"(?:^|/)snap\.(?P<id>[^/]+?)(?:-[0-9a-f-]{36})?\.(?:scope|service)(?:/|$)")),
    ("flatpak", re.compile(r"(?:^|/)app-flatpak-(?P<id>[^/]+?)-\d+\.scope(?:/|$)")),
    ("container", re.compile(r"(?:^|/)(?P<id>[0-9a-f]{64})(?:/|$)")),
)
_KUBERNETES = "kubepods"  # in the paths of all its pods; below the pod stands the runtime's part
_IN_POD = (
    re.compile(rf"(?:^|/)(?:[a-z-]{{1,32}}-)?{_ID}(?:\.scope)?(?:/|$)"),
    re.compile(r"(?:^|[/-])pod(?P<id>[0-9a-f][0-9a-f_-]{30,40})"),
)
_MOST = 4096  # characters of a path that are looked at


class Container(NamedTuple):
    """What runs it, as far as the path tells (``container``: that is all it tells), and the whole id or name."""

    runtime: str
    name: str

    @property
    def short(self) -> str:
        """The id as tools show it; a name is whole."""
        is_id = len(self.name) >= 32 and not set(self.name) - set("0123456789abcdef")  # noqa: PLR2004 an id's digits
        return self.name[:_SHORT] if is_id else self.name


def recognised(paths: Iterable[str]) -> Container | None:
    """The container that one of a process's cgroup paths names; None where none does."""
    looked_at = [path[:_MOST] for path in dict.fromkeys(paths)]
    pods = [path for path in looked_at if _KUBERNETES in path]
    for runtime, pattern, among in (
        *((("kubernetes", pattern, pods)) for pattern in _IN_POD),
        *((runtime, pattern, looked_at) for runtime, pattern in _PATTERNS),
    ):
        for path in among:
            found = pattern.search(path)
            if found is not None:
                return Container(runtime, found["id"])
    return None
