"""Where a step runs: in this process, or, where its Beam work is large, in one of its own with others beside it.

Such processes are forked from a template (`template.py`), which imports Beam while the first step's input is digested
and TensorFlow while that is read, and ends after the last step that needs it. A step's process ends with the step, and
at once when this one goes away.
"""

import gc
import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from components.component import Component, Volume
from pipeline.context import RunContext
from pipeline.digests import DigestCache
from schemas.config import BeamConfig

if TYPE_CHECKING:
    import socket
    import subprocess

LEAST_BYTES: Final = 128 << 20
"""Data from which on several processes pay: two full shards."""

_PATIENCE_SECONDS: Final = 0.5
_CAN_FORK: Final = sys.platform == "linux" and bool(sys.executable)
"""Whether forked processes are sure to end with the one that forked them."""
_CPU_LIMIT: Final = Path("/sys/fs/cgroup/cpu.max")

_START: Final = "import sys; sys.path[:] = sys.argv[4:]; from pipeline.apart.template import main; main(*sys.argv[1:4])"
_ENVIRONMENT: Final = {"CUDA_VISIBLE_DEVICES": "-1", "HIP_VISIBLE_DEVICES": "-1"}
"""Processes that prepare data leave accelerators alone, of which each would take all memory."""


class Apart:
    """Runs the steps of a run.

    Args:
        beam: the Beam runner, and how many processes there may be.
        steps: the steps that may come.
    """

    def __init__(self, beam: BeamConfig, steps: Sequence[Component]) -> None:
        self._beam, self._steps = beam, list(steps)
        self._template: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def expect(self, component: Component, base: Path, digests: DigestCache) -> None:
        """Has the template begin to import what a step needs, where large files that it reads have yet to be digested.

        Such a step will hardly be found unchanged. What it reads of other steps has its digest.
        """
        if component.inputs or not (component.spread_modules and self._fits(component)):
            return
        volume = component.volume(base)
        if volume and volume.bytes >= LEAST_BYTES and self._workers(volume) > 1:
            files = [base / path for path in component.external_inputs(base) if isinstance(path, Path)]
            if not all(map(digests.remembers, files)):
                self._command(component.spread_modules)

    def run(self, component: Component, context: RunContext) -> None:
        """Runs a bound component; its outputs are then as if it had run here.

        Raises:
            Exception: what the component raised.
            TrainworksError: its process was killed.
        """
        volume = component.volume(context.base) if self._fits(component) else None
        workers = self._workers(volume)
        later = [name for step in self._later(component) for name in step.spread_modules]
        if not (later or component.spread_modules):
            self.close()  # a training has more use for the memory
        try:
            if volume and workers > 1:
                self._run_apart(component, context, workers, later)
                return
            if later and volume and volume.bytes >= LEAST_BYTES and self._most() > 1:
                self._command(later)
            component.run(context)
        finally:
            if not later:
                self.close()

    def close(self) -> None:
        """Ends the template."""
        if self._control and self._template:
            import subprocess

            self._control.close()
            try:
                self._template.wait(_PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:  # it imports what is no longer needed
                self._kill()
        self._control = self._template = None

    def _kill(self) -> None:
        if self._control and self._template:
            self._control.close()
            self._template.kill()
            self._template.wait()
        self._control = self._template = None

    def _fits(self, component: Component) -> bool:
        """A class that was typed in, or stands in a script, cannot be imported elsewhere."""
        module = sys.modules.get(type(component).__module__)
        importable = module is not None and module.__name__ != "__main__" and hasattr(module, "__file__")
        spread_by_beam = self._beam.runner != "direct" or any("direct_" in option for option in self._beam.options)
        return importable and not spread_by_beam and _CAN_FORK

    def _later(self, component: Component) -> list[Component]:
        names = [step.name for step in self._steps]
        return self._steps[names.index(component.name) + 1 :] if component.name in names else []

    def _most(self) -> int:
        return self._beam.workers or _cores()

    def _workers(self, volume: Volume | None) -> int:
        if volume is None or (self._beam.workers is None and volume.bytes < LEAST_BYTES):
            return 1
        return min(self._most(), volume.parts)

    def _run_apart(self, component: Component, context: RunContext, workers: int, later: Sequence[str]) -> None:
        import socket
        from multiprocessing.connection import Connection

        from pipeline.apart.conversation import Conversation, job_of, wait_for_end

        near, far = socket.socketpair()
        with far, Connection(near.detach()) as connection:
            self._command(component.spread_modules, far)
            far.close()
            if later:
                self._command(later)
            try:
                outcome = Conversation(connection, context).outcome(job_of(component, context, workers))
            except BaseException:
                self._kill()  # and with it what it forked
                raise
            finally:
                wait_for_end(connection)
        if isinstance(outcome, BaseException):
            raise outcome
        for name, output in outcome.items():
            setattr(component, name, output)

    def _command(self, modules: Sequence[str], job: "socket.socket | None" = None) -> None:
        """Has the template import modules, and then, where a socket is given, run the job that comes through it."""
        import socket

        control = self._control or self._start()
        command = json.dumps({"import": list(modules)}).encode()
        with suppress(OSError):  # it was killed; whoever waits for the job's end learns of it
            socket.send_fds(control, [command], [job.fileno()] if job else [])

    def _start(self) -> "socket.socket":
        import socket
        import subprocess

        self._control, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with far:
            self._template = subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    _START,
                    *map(str, (far.fileno(), os.getpid(), gc.get_threshold()[0])),
                    *sys.path,
                ],
                pass_fds=[far.fileno()],
                stdin=subprocess.DEVNULL,
                env={**os.environ, **_ENVIRONMENT},
            )
        return self._control


def _cores() -> int:
    """Cores that this process may use, as its affinity and its control group (version 2) have it."""
    cores = len(os.sched_getaffinity(0))
    with suppress(OSError, ValueError):
        quota, period = map(int, _CPU_LIMIT.read_text().split())
        cores = min(cores, max(1, round(quota / period)))
    return cores
