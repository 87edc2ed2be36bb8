"""Every touch of Textual that is private or bound to a version, with its reason."""

from __future__ import annotations

from base64 import b64encode
from codecs import getincrementaldecoder
from typing import TYPE_CHECKING, Any, Final

from textual._xterm_parser import XTermParser

from threadtop import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.color import ColorSystem
    from textual.app import App
    from textual.message import Message
    from textual.widget import Widget

MOST_COPIED: Final = 64 << 10  # bytes: terminals take no more by OSC 52
_SYNC_START, _SYNC_END = "\x1b[?2026h", "\x1b[?2026l"


def color_system(app: App[Any]) -> ColorSystem:
    """What colours the terminal can do: the console's own finding has no public name."""
    from rich.color import ColorSystem  # noqa: PLC0415 a type elsewhere

    found = app.console._color_system  # noqa: SLF001
    return ColorSystem.TRUECOLOR if found is None else found


def can_paint(widget: Widget) -> bool:
    """Whether a widget may write to the terminal itself.

    The compositor only knows whole lines from a widget's left edge; our own difference is smaller.  It
    is right only while the widget's screen is the one shown, nothing lies on it and no layout is due:
    these are private flags of App and Screen.
    """
    app = widget.app
    driver = app._driver  # noqa: SLF001
    if driver is None or driver.is_headless or app._batch_count or not app._running:  # noqa: SLF001
        return False
    screen = widget.screen
    return screen is app.screen and not screen._layout_required and widget.is_on_screen  # noqa: SLF001


def write(app: App[Any], data: str) -> None:
    """Write to the terminal between the marks of a synchronised update, where it knows them.

    One write for both marks and the data; the driver's queue is bounded by the number of writes.
    """
    driver = app._driver  # noqa: SLF001
    if driver is not None:
        driver.write(f"{_SYNC_START}{data}{_SYNC_END}" if app._sync_available else data)  # noqa: SLF001
        driver.flush()


def copy(app: App[Any], value: str) -> int:
    """Hand a value to the terminal's clipboard (OSC 52, which goes through SSH); returns how many bytes.

    Our own: Textual's copy_to_clipboard encodes UTF-8 strictly, and bytes that are none must not end the program.
    """
    raw = text.pasteable(value).encode("utf-8", "surrogateescape")[:MOST_COPIED]
    write(app, f"\x1b]52;c;{b64encode(raw).decode('ascii')}\a")
    return len(raw)


def is_behind(app: App[Any]) -> bool:
    """Whether earlier output has not yet left: the link is slower than what we send (our own Terminal knows)."""
    return bool(getattr(app._driver, "is_behind", False))  # noqa: SLF001


def fail(app: App[Any], error: Exception) -> None:
    """End the app with an error that Textual has not seen: one in a callback of the loop."""
    try:
        raise error  # noqa: TRY301 it prints the error that is being handled
    except Exception as seen:  # noqa: BLE001 whatever it was
        app._handle_exception(seen)  # noqa: SLF001


def failure(app: App[Any]) -> BaseException | None:
    """The error that ended the app."""
    return app._exception  # noqa: SLF001


def forget_traceback(app: App[Any]) -> None:
    """Print none of Textual's tracebacks at the end: they show every local value, command lines with them."""
    app._exit_renderables.clear()  # noqa: SLF001


class KeyParser:
    """Bytes of the terminal to Textual's messages; its parser has no public name."""

    def __init__(self) -> None:
        """Nothing read yet."""
        self._parser = XTermParser()
        self._decode = getincrementaldecoder("utf-8")("replace").decode

    def messages(self, raw: bytes | None) -> Iterator[Message]:
        """The messages in ``raw``; with None, what an escape sequence that never ended amounts to."""
        if raw is not None:
            yield from self._parser.feed(self._decode(raw))
        yield from self._parser.tick()
