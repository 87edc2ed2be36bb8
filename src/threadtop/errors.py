"""What can go wrong on purpose: every expected failure says what happened and what to do next."""

from __future__ import annotations

EXIT_OK = 0
EXIT_FAILURE = 1
EXIT_USAGE = 2


class ThreadtopError(Exception):
    """An expected failure: one line of what happened, one of what to do about it, and an exit code."""

    exit_code = EXIT_FAILURE

    def __init__(self, what: str, remedy: str = "") -> None:
        """Keep ``what`` (no full stop) and ``remedy`` (an instruction, may be empty)."""
        super().__init__(what)
        self.what = what
        self.remedy = remedy

    def __str__(self) -> str:
        """Both parts in one line, as the command prints them."""
        return f"{self.what}; {self.remedy}" if self.remedy else self.what


class UsageError(ThreadtopError):
    """The command line, a filter expression, a column or the configuration file makes no sense."""

    exit_code = EXIT_USAGE


class TargetError(ThreadtopError):
    """The process to attach to has ended, or is none that can be looked at as asked."""


class AbsentError(TargetError):
    """Who was named is not there, may not be seen, or cannot be started: there is nobody to look at."""

    exit_code = EXIT_USAGE


class RecordingError(ThreadtopError):
    """A recording that cannot be read or written: no recording, a newer format, damaged, a full disk."""

    @classmethod
    def damaged(cls, what: str) -> RecordingError:
        """Something in it is not as it was written; ``what`` says where."""
        return cls(f"the recording is damaged ({what})", "copy it again from where it was made")


class DocumentError(ThreadtopError):
    """A JSON document that cannot be read: cut short, of another kind, of a version that is not known here."""


class GoneError(Exception):
    """A process or thread ended between two reads (ENOENT or ESRCH on its files)."""


class DeniedError(Exception):
    """The kernel refused a read (EACCES or EPERM); the caller knows which rule that was."""
