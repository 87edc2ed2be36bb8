"""Made-up facts of the Stacks pane: a worker that holds the GIL, a pool with one stack, names that are hostile."""

from __future__ import annotations

from scripted import GUNICORN
from threadtop.sheets.stacks import PAUSED, StacksFacts, Trace

ENCODE = ("iterencode encoder.py:261", "dumps __init__.py:238", "render views.py:77", "run threading.py:982")
WAIT = ("wait threading.py:327", "get queue.py:171", "run threading.py:982")
POOL = tuple(range(GUNICORN + 2, GUNICORN + 9))


def facts() -> StacksFacts:
    """Asked for with the process paused, twelve seconds ago."""
    return StacksFacts(
        how=PAUSED,
        traces=(
            Trace(GUNICORN, "MainThread", ("select selectors.py:468", "run base.py:90"), has_gil=False, state="S"),
            *(Trace(tid, f"worker-{tid - GUNICORN}", WAIT, has_gil=False, state="S") for tid in POOL),
            Trace(GUNICORN + 1, "worker-1\x1b[31m", ENCODE, has_gil=True, state="R"),
            Trace(0, "", (f"線程\x1b]0;x\x07\udcff {'y' * 300}.py:1",)),
        ),
        age_s=12.0,
        paused_s=0.0084,
        took_s=0.041,
        tool="py-spy",
        has_py_spy=True,
        native_tool="py-spy",
        others=(Trace(4220, "io-reader", (), state="S"), Trace(4221, "blas\n0", (), state="R")),
    )
