"""Attempts at delivery: repeated where that may help, after waits that grow."""

from collections.abc import Callable
from typing import Final

_FIRST_WAIT: Final = 0.5
_LONGEST_WAIT: Final = 30.0


class Undelivered(Exception):  # noqa: N818 - what became of the news
    """An attempt failed.

    Args:
        again: whether another one may succeed.
    """

    def __init__(self, why: str, *, again: bool) -> None:
        super().__init__(why)
        self.again = again


def retried(attempt: Callable[[], None], retries: int) -> None:
    """Makes an attempt, and repeats it while that may help; raises what the last one raised."""
    import tenacity

    tenacity.Retrying(
        stop=tenacity.stop_after_attempt(retries + 1),
        wait=tenacity.wait_exponential(multiplier=_FIRST_WAIT, max=_LONGEST_WAIT),
        retry=tenacity.retry_if_exception(lambda error: isinstance(error, Undelivered) and error.again),
        reraise=True,
    )(attempt)
