"""What names and maps say of a process: which files may hold a CPython, which version, which C library."""

from __future__ import annotations

import pytest

from threadtop.gil.identity import Identity, Image, by_name, identify, named_version

STATIC = b"""\
55d6a2a00000-55d6a2c00000 r--p 00000000 fe:01 1234 /usr/bin/python3.11
55d6a2c00000-55d6a3000000 r-xp 00200000 fe:01 1234 /usr/bin/python3.11
55d6a4000000-55d6a4100000 rw-p 00000000 00:00 0 [heap]
7f0000000000-7f0000100000 r--p 00000000 fe:01 77 /usr/lib/x86_64-linux-gnu/libc.so.6
7f0000200000-7f0000300000 r--p 00000000 fe:01 88 /usr/lib/python3.11/lib-dynload/_json.cpython-311-x86_64-linux-gnu.so
7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0 [stack]
"""


def line(address: int, path: bytes, offset: int = 0) -> bytes:
    """One mapping."""
    return b"%x-%x r--p %08x fe:01 99 %b\n" % (address, address + 4096, offset, path)


def test_static_program() -> None:
    """A program with Python in it is where its first byte is mapped."""
    found = identify(STATIC, b"/usr/bin/python3.11")
    assert found.images == (Image(b"/usr/bin/python3.11", 0x55D6A2A00000),)
    assert found.minors == (11,)
    assert found.is_glibc


def test_shared_library_comes_first() -> None:
    """Where libpython is mapped, it is tried before the program, whatever the order of the map."""
    maps = line(0x1000, b"/opt/bin/python3.12") + line(0x9000, b"/opt/lib/libpython3.12.so.1.0")
    maps += line(0x20000, b"/lib64/libc-2.17.so")
    found = identify(maps, b"/opt/bin/python3.12")
    assert [image.path for image in found.images] == [b"/opt/lib/libpython3.12.so.1.0", b"/opt/bin/python3.12"]
    assert found.minors == (12,)
    assert found.is_glibc


def test_stub_library_is_none() -> None:
    """libpython3.so has nothing in it but a name."""
    found = identify(line(0x1000, b"/usr/lib/libpython3.so") + line(0x9000, b"/usr/bin/app"), b"/usr/bin/app")
    assert [image.path for image in found.images] == [b"/usr/bin/app"]
    assert found.minors == ()


@pytest.mark.parametrize(
    ("name", "minor"),
    [
        (b"libpython3.8.so.1.0", 8),
        (b"libpython3.13t.so.1.0", 13),
        (b"libpython3.14d.so", 14),
        (b"libpython310.so", 10),
        (b"libpython3.9-abc123.so.1.0", 9),
    ],
)
def test_names_of_the_library(name: bytes, minor: int) -> None:
    """Each way to name the library tells its version."""
    found = identify(line(0x1000, b"/lib/" + name), b"/usr/bin/app")
    assert (found.images, found.minors) == ((Image(b"/lib/" + name, 0x1000),), (minor,))


def test_deleted_files() -> None:
    """A program or library that was replaced by an update is still known by its name."""
    program, library = b"/usr/bin/python3.10 (deleted)", b"/usr/lib/libpython3.10.so.1.0 (deleted)"
    maps = line(0x1000, program) + line(0x9000, library) + line(0x20000, b"/lib/libc.so.6 (deleted)")
    found = identify(maps, program)
    assert [image.path for image in found.images] == [library, program]
    assert (found.minors, found.is_glibc) == ((10,), True)


def test_embedded() -> None:
    """A program of any name may have Python in it; extension modules tell which."""
    module = b"/srv/env/lib/python3.9/site-packages/_speed.cpython-39-x86_64-linux-gnu.so"
    found = identify(line(0x5000, b"/usr/sbin/uwsgi") + line(0x9000, module), b"/usr/sbin/uwsgi")
    assert found.images == (Image(b"/usr/sbin/uwsgi", 0x5000),)
    assert found.minors == (9,)


def test_started_through_the_loader() -> None:
    """Started through ld.so, exe is the loader: a mapped file of Python's name is tried, too; musl is told."""
    maps = line(0x1000, b"/lib/ld-musl-x86_64.so.1") + line(0x9000, b"/opt/python3.11")
    found = identify(maps, b"/lib/ld-musl-x86_64.so.1")
    assert [image.path for image in found.images] == [b"/lib/ld-musl-x86_64.so.1", b"/opt/python3.11"]
    assert not found.is_glibc


def test_paths_with_blanks() -> None:
    """A path with blanks in it, even at its end, is one path."""
    path = b"/home/a b/my  python/bin/python3.12"
    assert identify(line(0x1000, path), path).images == (Image(path, 0x1000),)


def test_version_of_names_that_contradict() -> None:
    """The library's own name goes before those of paths, and each version is named once."""
    maps = line(0x1000, b"/env/python3.8/x.so") + line(0x9000, b"/lib/libpython3.12.so.1.0")
    maps += line(0x20000, b"/lib/python3.12/y.so")
    assert identify(maps, b"/app").minors == (12, 8)


def test_first_byte_must_be_mapped() -> None:
    """A file of which only a later part is mapped has no headers in memory."""
    assert identify(line(0x1000, b"/usr/bin/python3.11", offset=0x200000), b"/usr/bin/python3.11").images == ()


@pytest.mark.parametrize(
    "maps", [b"", b"\n\n", b"junk", b"xyz-abc r--p 00000000 00:00 1 /bin/python3.11\n", b"a b c d e"]
)
def test_maps_that_make_no_sense(maps: bytes) -> None:
    """Lines that are none are passed over."""
    found = identify(maps, b"/bin/python3.11")
    assert (found.images, found.is_glibc) == ((), False)


@pytest.mark.parametrize(
    ("arguments", "name", "version"),
    [
        (["/usr/bin/python3.12", "-m", "http.server"], "python3.12", "3.12"),
        (["python3", "app.py"], "python3", "3"),
        (["python"], "python", "3"),
        (["/opt/py/bin/python3.13t"], "x", "3.13t"),
        (["gunicorn: worker"], "python3.9", "3.9"),
        ([], "python3.8", "3.8"),
        (["/usr/bin/python2.7"], "python2.7", None),
        (["/usr/bin/node"], "node", None),
        (["pythonista"], "pythonista", None),
        ([""], "", None),
        ([], "", None),
    ],
)
def test_what_a_command_line_says(arguments: list[str], name: str, version: str | None) -> None:
    """Another user's process is known by its program's name alone, or its main thread's."""
    assert by_name(arguments, name) == version


@pytest.mark.parametrize(
    ("paths", "version"),
    [
        ([b"/usr/lib/libpython3.12.so.1.0 (deleted)", b"/usr/bin/uwsgi"], "3.12"),
        ([b"/usr/bin/app", b"/opt/libpython3.14t.so.1.0"], "3.14t"),
        ([b"/usr/bin/python3.9 (deleted)"], "3.9"),
        ([b"/usr/bin/app"], None),
        ([], None),
    ],
)
def test_what_mapped_names_say(paths: list[bytes], version: str | None) -> None:
    """A file that was replaced cannot be opened any more: its name still tells."""
    assert named_version(Identity(tuple(Image(path, 0) for path in paths), (), is_glibc=True)) == version
