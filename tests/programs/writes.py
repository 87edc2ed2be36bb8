"""Record made-up moments as fast as can be, saying each tick once it is written: writes.py PATH [BYTES].

The file may not grow beyond BYTES; why it ended is the last line.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from recorded import script
from threadtop.errors import RecordingError
from threadtop.recording.writer import Writer, created

path = Path(sys.argv[1])
if len(sys.argv) > 2:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
moments = script()
try:
    out = Writer(created(path), path)
    try:
        while out.ticks < 100_000:
            out.add(moments[out.ticks % len(moments)])
            os.write(1, f"{out.ticks}\n".encode())
    finally:
        out.close()
except RecordingError as error:
    os.write(1, f"{error}\n".encode())
