"""Recording from the screen: what was just seen, and what comes, into a file; until the key is pressed once more."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from textual.app import App

from threadtop import text
from threadtop.errors import ThreadtopError, UsageError
from threadtop.recording.writer import default_name
from threadtop.tui.asking import asked
from threadtop.tui.table_screen import TableScreen

if TYPE_CHECKING:
    from threadtop.recording.ring import Recorder
    from threadtop.snapshot import Snapshot

_NOTHING: Final = "there is nothing to record here"


class Keeping(App[int]):
    """The part of the app that records; ``recorder`` is None where what is shown is no live machine."""

    recorder: Recorder | None = None
    is_lost = False
    """Whether a recording ended because it could not be written, and nobody has begun another."""

    snapshot: Snapshot | None

    if TYPE_CHECKING:

        def say(self, message: str, role: str = " ") -> None: ...  # noqa: D102 the app has it

    def action_record(self) -> None:
        """Ask for the file, or end what is being recorded."""
        if self.recorder is None or self.snapshot is None:
            self.say(_NOTHING)
            return
        self.is_lost = False
        status = self.recorder.status
        if status.path:
            self.recorder.end()
            self.say(f"recorded {text.size(status.size_bytes)} to {status.path}: threadtop replay shows it")
        elif isinstance(self.screen, TableScreen):
            label = f"record with the last {text.duration(status.ring_s)} ({text.size(status.ring_bytes)}) to"
            name = default_name(self.snapshot.host.hostname, self.snapshot.time)
            self.screen.ask("record", label, "a file that is not there yet", name)

    def take_record(self, value: str) -> str:
        """Record to the file that was typed; raises UsageError for none."""
        if self.recorder is None:
            return _NOTHING
        if not value:
            message = "a recording wants a file"
            raise UsageError(message, "type a name, or Esc")
        path = Path(value).expanduser()
        asked("record", partial(self.recorder.begin, path), partial(self._begun, path))
        return ""

    def _begun(self, path: Path, answer: ThreadtopError | None) -> None:
        if isinstance(answer, ThreadtopError):
            self.say(str(answer), "r")
        else:
            self.say(f"recording to {path}; r ends it")

    def recording_words(self) -> str:
        """What the header says of it, "" for nothing; why a file could not be written is told once."""
        if self.recorder is None:
            return ""
        if self.recorder.failure is not None:
            self.say(str(self.recorder.failure), "r")
            self.recorder.failure = None
            self.is_lost = True
        size = self.recorder.file_bytes
        return "" if size is None else f"rec {text.size(size)}"
