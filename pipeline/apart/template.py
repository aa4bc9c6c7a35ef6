"""The process that others are forked from: it has imported what steps need, and has no thread of Python's but one.

It reads commands from a socket, and ends when that does; with it, all that it forked.
"""

import contextlib
import gc
import importlib
import json
import os
import signal
import socket
from functools import partial

from components.processes import end_with, forked
from pipeline.apart.child import run_job

COMMAND_BYTES = 1 << 16


def main(descriptor: str, parent: str, objects: str) -> None:
    """Obeys commands, each a JSON object: modules to `import`, then, where a socket comes along, a job to run.

    Args:
        descriptor: of the socket.
        parent: id of the run's process.
        objects: from so many on it looks for garbage.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the run's own process decides what Ctrl-C means
    end_with(int(parent))
    control = socket.socket(fileno=int(descriptor))
    gc.set_threshold(int(objects))
    while True:
        command, descriptors, *_ = socket.recv_fds(control, COMMAND_BYTES, 1)
        _bury(os.WNOHANG if command else 0)
        if not command:
            os._exit(0)
        for module in json.loads(command)["import"]:
            importlib.import_module(module)
        gc.freeze()  # what is imported lives on; going through it in each process would copy its memory, too
        for job in descriptors:
            forked(partial(_child, control, job))
            os.close(job)


def _child(control: socket.socket, job: int) -> None:
    control.close()
    run_job(job)


def _bury(options: int) -> None:
    """Takes note of children that have ended, so that their time counts as the run's."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, options)[0]:
            pass
