"""One thing looked at: what was found, and what to do if it will not do."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Check:
    """A line of the doctor's table.

    Args:
        name: what was looked at.
        status: `failed` means that runs will fail; `warning`, that something will be slow or missing.
        found: what is there.
        advice: what to do; empty when all is well.
    """

    name: str
    status: Literal["ok", "warning", "failed"]
    found: str
    advice: str = ""


def check(
    name: str, good: bool, found: str, advice: str, *, otherwise: Literal["warning", "failed"] = "failed"
) -> Check:
    """A check that is `ok` when `good`, and else has the status `otherwise` and carries the advice."""
    return Check(name, "ok", found) if good else Check(name, otherwise, found, advice)
