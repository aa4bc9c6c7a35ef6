"""Stands in for `trainworks run` where a thousand runs are counted: on the same leash, with the same way of telling.

It writes a line to `journal` beside the pipeline file when it begins and when it ends, and `overlap` when another one
is at work; the operating system lets go of the lock of one that was killed.
"""

import fcntl
import json
import os
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))
from pipeline.schedule import leash


def write(journal: Path, line: str) -> None:
    with journal.open("a") as file:
        file.write(f"{line}\n")


def main() -> None:
    leash.put_on()
    folder = Path(sys.argv[1]).parent
    run_id = f"{os.getpid()}-{time.monotonic_ns()}"
    lock = os.open(folder / "at-work", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        write(folder / "journal", f"overlap {run_id}")
        raise
    write(folder / "journal", f"begin {run_id}")
    time.sleep(random.choice((0.0, 0.0, 0.01, 0.2)))
    write(folder / "journal", f"end {run_id}")
    print(json.dumps({"run_id": run_id, "status": "succeeded", "components": []}))  # noqa: T201


main()
