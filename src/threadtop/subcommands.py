"""Commands that are a word of their own, as ``threadtop gil``; each is imported only where it is run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def main_of(word: str) -> Callable[[Sequence[str]], int] | None:
    """What runs with the arguments behind ``word``; None where that is no such command.

    A process that is really called so is attached to by ``threadtop -p PID``.
    """
    if word == "gil":
        from threadtop import gil_report  # noqa: PLC0415

        return gil_report.main
    if word == "metrics":
        from threadtop import metrics_command  # noqa: PLC0415

        return metrics_command.main
    return None
