"""`trainworks` with a wall clock that is off by the seconds in a file: `clocked.py FILE COMMAND...`."""

import sys
import time
from pathlib import Path

from pipeline.cli import main
from pipeline.schedule.clock import Clock

offset = Path(sys.argv.pop(1))
Clock.__init__.__defaults__ = (lambda: time.time() + float(offset.read_text()), time.monotonic)
main()
