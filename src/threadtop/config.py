"""The configuration file: the reader's columns, sort and layout, kept under XDG, written by W only."""

from __future__ import annotations

import configparser
import os
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, get_args

from threadtop import fields
from threadtop.cli import THEMES
from threadtop.errors import ThreadtopError, UsageError
from threadtop.feed import LEAST_INTERVAL_S, MOST_INTERVAL_S
from threadtop.query import Layout, View

SECTION: Final = "screen"


@dataclass(frozen=True, slots=True)
class Preferences:
    """What W keeps: the view, the interval in s, the theme's name and whether the cores are shown."""

    view: View = field(default_factory=View)
    interval_s: float = 1.0
    theme: str = ""
    per_core: bool = False


def path() -> Path:
    """``$XDG_CONFIG_HOME/threadtop/config.ini`` (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    root = Path(base) if base.startswith("/") else Path.home() / ".config"
    return root / "threadtop" / "config.ini"


def load(file: Path) -> Preferences:
    """The preferences in ``file``, or the defaults if there is none; raises UsageError if it makes no sense."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(file.read_text(encoding="utf-8"), str(file))
    except FileNotFoundError:
        return Preferences()
    except (configparser.Error, UnicodeDecodeError, OSError) as error:
        message = f"{file} cannot be read: {' '.join(str(error).split())}"
        raise UsageError(message, "mend or remove it") from error
    if SECTION not in parser:
        return Preferences()
    section = parser[SECTION]
    try:
        return _preferences(section)
    except (UsageError, ValueError) as error:
        message = f"{file}: {error}"
        raise UsageError(message, "mend or remove it") from error


def _preferences(section: configparser.SectionProxy) -> Preferences:
    preferences = Preferences()
    view = preferences.view
    if columns := section.get("columns", ""):
        view = replace(view, columns=tuple(found.key for found in fields.find_all(columns.split(","))))
    if sort := section.get("sort", ""):
        view = view.sorted_by(fields.find(sort).key)
    view = replace(
        view,
        descending=section.getboolean("descending", view.descending),
        layout=_layout(section.get("layout", view.layout)),
        threads=section.getboolean("threads", view.threads),
        hide_idle=section.getboolean("hide_idle", view.hide_idle),
        hide_kernel=section.getboolean("hide_kernel", view.hide_kernel),
        per_machine=section.getboolean("per_machine", view.per_machine),
        full_command=section.getboolean("full_command", view.full_command),
    )
    interval_s = section.getfloat("interval_s", preferences.interval_s)
    if not LEAST_INTERVAL_S <= interval_s <= MOST_INTERVAL_S:
        message = f"interval_s is {interval_s:g}, not {LEAST_INTERVAL_S:g} to {MOST_INTERVAL_S:g} seconds"
        raise UsageError(message)
    theme = section.get("theme", preferences.theme)
    if theme and theme not in THEMES:
        message = f"there is no theme {theme!r}"
        raise UsageError(message, f"use one of {', '.join(THEMES)}")
    return Preferences(
        view=view,
        interval_s=interval_s,
        theme=theme,
        per_core=section.getboolean("per_core", preferences.per_core),
    )


def _layout(name: str) -> Layout:
    for layout in get_args(Layout):
        if layout == name:
            return layout  # type: ignore[no-any-return]
    message = f"there is no layout {name!r}"
    raise UsageError(message, f"use one of {', '.join(get_args(Layout))}")


def save(file: Path, preferences: Preferences) -> None:
    """Write the preferences whole or not at all; raises ThreadtopError if they cannot be written."""
    view = preferences.view
    parser = configparser.ConfigParser(interpolation=None)
    parser[SECTION] = {
        "columns": ",".join(view.columns),
        "sort": view.sort,
        "descending": _word(view.descending),
        "layout": view.layout,
        "threads": _word(view.threads),
        "hide_idle": _word(view.hide_idle),
        "hide_kernel": _word(view.hide_kernel),
        "per_machine": _word(view.per_machine),
        "full_command": _word(view.full_command),
        "interval_s": f"{preferences.interval_s:g}",
        "theme": preferences.theme,
        "per_core": _word(preferences.per_core),
    }
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".config-", text=True)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as out:
                parser.write(out)
                out.flush()
                os.fsync(descriptor)
            Path(name).replace(file.resolve())  # a link to a file kept elsewhere stays a link
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        message = f"{file} cannot be written: {error.strerror}"
        raise ThreadtopError(message, "the choice holds until you quit") from error


def _word(value: bool) -> str:  # noqa: FBT001 a switch of the file
    return "yes" if value else "no"
