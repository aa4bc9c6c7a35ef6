"""What becomes of a trigger."""

from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where a trigger is on its way: it waits, a daemon runs it, or it has ended."""

    PENDING = "pending"
    RUNNING = "running"
    ENDED = "ended"


class Outcome(StrEnum):
    """How a trigger ended: as its run did, or without one."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"
    CANCELED = "canceled"
    SKIPPED = "skipped"
    """The pipeline was at work, or due to be (`overlap: skip`)."""
    MISSED = "missed"
    """No daemon was there when it was due."""
    SUPERSEDED = "superseded"
    """A newer one came before it was run (`overlap: cancel-previous`), or a newer span along with it."""


OF_A_RUN: Final = (Outcome.SUCCEEDED, Outcome.FAILED, Outcome.REFUSED, Outcome.CANCELED)
"""Outcomes of triggers that a run came of."""
