"""What is missing on this machine, before it hurts."""

from collections.abc import Iterator
from pathlib import Path

from pipeline.doctor import machine, software
from pipeline.doctor.check import Check

__all__ = ["Check", "diagnose"]


def diagnose(workspace: Path) -> Iterator[Check]:
    """Looks at everything that a run needs, one check after the other; the slow ones (TensorFlow) come last.

    Args:
        workspace: the folder that runs are to write to; need not exist, and is left as it is.
    """
    yield software.python()
    yield from machine.processor()
    yield machine.c_library()
    yield machine.memory()
    yield from machine.storage(workspace)
    yield from software.distributions()
    yield software.pip()
    yield from software.tensorflow()
