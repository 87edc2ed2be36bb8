"""The configuration file: kept whole, read back as it was, and never a reason to crash."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from threadtop import config
from threadtop.config import Preferences
from threadtop.errors import EXIT_FAILURE, ThreadtopError, UsageError
from threadtop.query import LAYOUTS, View


def written(folder: Path, content: str) -> Path:
    """A configuration file with this content."""
    file = folder / "config.ini"
    file.write_text(content, encoding="utf-8")
    return file


CHANGED = Preferences(
    view=View(
        columns=("tid", "cpu_pct", "command"),
        sort="vol_per_s",
        descending=False,
        layout="tree",
        threads=False,
        hide_idle=True,
        full_command=True,
    ),
    interval_s=0.25,
    theme="blue-yellow",
    per_core=True,
)


@pytest.mark.parametrize("preferences", [Preferences(), CHANGED], ids=["defaults", "changed"])
def test_round_trip(preferences: Preferences, tmp_path: Path) -> None:
    """What was written is what is read, in a folder that has yet to be made."""
    file = tmp_path / "new" / "threadtop" / "config.ini"
    config.save(file, preferences)
    assert config.load(file) == preferences


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_can_be_kept(layout: str, tmp_path: Path) -> None:
    """No layout that the screen has is refused by the file."""
    assert config.load(written(tmp_path, f"[screen]\nlayout = {layout}\n")).view.layout == layout


def test_every_part_of_the_changed_preferences_differs() -> None:
    """The round trip above tests every field that is kept."""
    default = Preferences()
    assert all(getattr(CHANGED, name) != getattr(default, name) for name in ("view", "interval_s", "theme", "per_core"))
    kept = ("columns", "sort", "descending", "layout", "threads", "hide_idle", "full_command")
    assert all(getattr(CHANGED.view, name) != getattr(default.view, name) for name in kept)


@pytest.mark.parametrize("content", ["", "[other]\nx = 1\n", "[screen]\n", "[screen]\nfuture = 1\n"])
def test_what_is_not_said_is_the_default(content: str, tmp_path: Path) -> None:
    """An empty file, another section and an unknown key change nothing."""
    assert config.load(written(tmp_path, content)) == Preferences()


def test_no_file_is_the_default(tmp_path: Path) -> None:
    """The first start finds no file, and says nothing of it."""
    assert config.load(tmp_path / "none.ini") == Preferences()


def test_columns_and_sort_by_any_name(tmp_path: Path) -> None:
    """Whoever edits the file may use titles and aliases; a sort key brings its own first order."""
    view = config.load(written(tmp_path, "[screen]\ncolumns = TID, %cpu ,cmd\nsort = pid\n")).view
    assert (view.columns, view.sort, view.descending) == (("tid", "cpu_pct", "command"), "pid", False)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        pytest.param("no section\n", "cannot be read", id="no-section"),
        pytest.param("[screen]\nsort = a\nsort = b\n", "cannot be read", id="twice"),
        pytest.param("[screen]\ncolumns = pid,nonsense\n", "there is no column 'nonsense'", id="column"),
        pytest.param("[screen]\nsort = nonsense\n", "there is no column 'nonsense'", id="sort"),
        pytest.param("[screen]\nlayout = spiral\n", "there is no layout 'spiral'", id="layout"),
        pytest.param("[screen]\nthreads = perhaps\n", "perhaps", id="boolean"),
        pytest.param("[screen]\ninterval_s = soon\n", "soon", id="number"),
    ],
)
def test_a_broken_file_is_named(content: str, what: str, tmp_path: Path) -> None:
    """A file that makes no sense raises UsageError that names it, what is wrong, in one line, and the remedy."""
    file = written(tmp_path, content)
    with pytest.raises(UsageError) as caught:
        config.load(file)
    assert str(file) in caught.value.what
    assert what in caught.value.what
    assert "\n" not in str(caught.value)
    assert caught.value.remedy == "mend or remove it"


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are a broken file too."""
    file = tmp_path / "config.ini"
    file.write_bytes(b"[screen]\ntheme = \xff\n")
    with pytest.raises(UsageError, match="cannot be read"):
        config.load(file)


def test_an_unwritable_folder_is_named(tmp_path: Path) -> None:
    """Where the folder cannot be made the error says which file, why, and that the choice still holds."""
    (tmp_path / "blocked").write_text("a file, not a folder")
    file = tmp_path / "blocked" / "threadtop" / "config.ini"
    with pytest.raises(ThreadtopError) as caught:
        config.save(file, Preferences())
    assert caught.value.what.startswith(f"{file} cannot be written: ")
    assert caught.value.remedy == "the choice holds until you quit"
    assert caught.value.exit_code == EXIT_FAILURE


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is replaced whole or not at all, and nothing else is left in its folder."""
    file = tmp_path / "config.ini"
    config.save(file, CHANGED)
    old = file.read_bytes()

    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(ThreadtopError, match="No space left on device"):
        config.save(file, Preferences())
    assert file.read_bytes() == old
    assert os.listdir(tmp_path) == ["config.ini"]


def test_a_write_leaves_nothing_beside_the_file(tmp_path: Path) -> None:
    """The temporary file becomes the file."""
    file = tmp_path / "config.ini"
    config.save(file, CHANGED)
    config.save(file, Preferences())
    assert os.listdir(tmp_path) == ["config.ini"]
    assert config.load(file) == Preferences()


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("/xdg", "/xdg/threadtop/config.ini"),
        ("", "/home/me/.config/threadtop/config.ini"),
        ("rel", "/home/me/.config/threadtop/config.ini"),
    ],
    ids=["set", "empty", "relative"],
)
def test_path(base: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """XDG_CONFIG_HOME counts only where it is absolute, as its specification says."""
    monkeypatch.setenv("XDG_CONFIG_HOME", base)
    monkeypatch.setenv("HOME", "/home/me")
    assert config.path() == Path(expected)


def test_an_unknown_theme_is_said(tmp_path: Path) -> None:
    """A theme that does not exist is told with those that do, not met as a crash of the screen."""
    file = tmp_path / "config.ini"
    file.write_text("[screen]\ntheme = neon\n", encoding="utf-8")
    with pytest.raises(UsageError, match="there is no theme 'neon'; use one of dark"):
        config.load(file)
