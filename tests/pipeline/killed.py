"""Work in a process of its own that is killed in the middle of it."""

import os
import signal
import sys
from collections.abc import Callable

from tests.pipeline.test_kills import forked, is_act


def killed_before(act: int, work: Callable[[], object]) -> bool:
    """Does work in a process that kills itself before its nth act upon the outside, from 0; whether it came to that."""
    return acts_of(work, most=act) is None


def acts_of(work: Callable[[], object], most: int = 1_000_000) -> int | None:
    """How many acts the work took in a process of its own; None where that was killed before it took more."""
    reader, writer = os.pipe()

    def counted() -> None:
        seen = 0

        def hook(event: str, arguments: object) -> None:
            nonlocal seen
            if is_act(event):
                seen += 1
                if seen > most:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        work()
        os.write(writer, str(seen).encode())

    _, status = os.waitpid(forked(counted), 0)
    os.close(writer)
    with os.fdopen(reader) as said:
        return None if os.WIFSIGNALED(status) else int(said.read())
