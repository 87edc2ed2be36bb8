"""Record made-up moments into a file that may not grow beyond a size; say how many fitted, and why no more."""

from __future__ import annotations

import resource
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from recorded import script
from threadtop.errors import RecordingError
from threadtop.recording.writer import Writer, created

path, limit = Path(sys.argv[1]), int(sys.argv[2])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
ticks = 0
try:
    out = Writer(created(path), path)
    try:
        while ticks < 10_000:
            for moment in script():
                out.add(moment)
                ticks = out.ticks
    finally:
        out.close()
except RecordingError as error:
    print(ticks, error)
