"""Containers by the paths of cgroups, as the tools that make them write those."""

from __future__ import annotations

import pytest

from threadtop.procfs.containers import Container, recognised

ID = "0123456789ab" + "cd" * 26


@pytest.mark.parametrize(
    ("path", "runtime", "short"),
    [
        (f"/docker/{ID}", "docker", "0123456789ab"),
        (f"/system.slice/docker-{ID}.scope", "docker", "0123456789ab"),
        (f"/machine.slice/libpod-{ID}.scope/container", "podman", "0123456789ab"),
        (f"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope", "podman", "0123456789ab"),
        (
            f"/kubepods.slice/kubepods-burstable-pod1a2b3c4d_0001_0002_0003_aabbccddeeff.slice/cri-containerd-{ID}.scope",
            "kubernetes",
            "0123456789ab",
        ),
        (f"/kubepods/besteffort/pod1a2b3c4d-0001-0002-0003-aabbccddeeff/{ID}", "kubernetes", "0123456789ab"),
        (
            "/kubepods/besteffort/pod1a2b3c4d-0001-0002-0003-aabbccddeeff",
            "kubernetes",
            "1a2b3c4d-0001-0002-0003-aabbccddeeff",
        ),
        (f"/system.slice/crio-{ID}.scope", "cri-o", "0123456789ab"),
        (f"/system.slice/nerdctl-{ID}.scope", "containerd", "0123456789ab"),
        ("/lxc.payload.web/system.slice", "lxc", "web"),
        ("/lxc/web", "lxc", "web"),
        ("/machine.slice/systemd-nspawn@build.service/payload", "systemd-nspawn", "build"),
        ("/machine.slice/machine-qemu.scope", "machine", "qemu"),
        (
            "/user.slice/snap.firefox.firefox-1a2b3c4d-0001-0002-0003-aabbccddeeff.scope",
            "snap",
            "firefox.firefox",
        ),
        ("/system.slice/snap.lxd.daemon.service", "snap", "lxd.daemon"),
        ("/user.slice/app.slice/app-flatpak-org.gnome.Maps-4211.scope", "flatpak", "org.gnome.Maps"),
        (f"/default/{ID}", "container", "0123456789ab"),
    ],
)
def test_a_container_is_recognised(path: str, runtime: str, short: str) -> None:
    """What runs it and a short id; an ordinary group beside it does not hide it."""
    found = recognised(["/", "/user.slice", path])
    assert found is not None
    assert (found.runtime, found.short) == (runtime, short)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "",
        "/system.slice/docker.service",
        "/process_api/2d7c809cddbdc9afa7806e1093aa46ed",
        "/a/dockerfile",
        "/lxcfs",
    ],
)
def test_an_ordinary_group_is_none(path: str) -> None:
    """A service of that name, and a short id of somebody else's, are no containers."""
    assert recognised([path]) is None


def test_the_whole_id_is_kept() -> None:
    """It is what other tools want."""
    assert recognised([f"/docker/{ID}"]) == Container("docker", ID)


def test_a_hostile_path_is_looked_at_quickly() -> None:
    """A path made to send patterns round is no container, and the look at it ends."""
    assert recognised(["/kubepods" * 100_000 + "/pod", "/docker-" * 100_000, "/snap." + "a-" * 100_000]) is None
