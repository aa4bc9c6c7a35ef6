"""When a call that failed is tried again: exponential back-off with full jitter, within a deadline.

https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from serving.errors import Code, ServingError

_AGAIN: Final = (Code.UNAVAILABLE, Code.RESOURCE_EXHAUSTED)
"""What passes: a server that is starting, ending or not reached (HTTP 503), and too many requests (HTTP 429)."""


@dataclass(frozen=True)
class Retries:
    """How often and how fast a call is tried again.

    Args:
        attempts: at most so many, the first included.
        first_seconds: the longest wait after the first attempt; it doubles with each.
        most_seconds: the longest wait there is.
    """

    attempts: int = 5
    first_seconds: float = 0.05
    most_seconds: float = 2.0


class Attempts:
    """The attempts of one call.

    Args:
        retries: how often and how fast.
        timeout: seconds for all of them.
    """

    def __init__(self, retries: Retries, timeout: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._retries, self._made, self._clock = retries, 0, clock
        self._deadline = clock() + timeout

    @property
    def seconds_left(self) -> float:
        """What is left for the next attempt."""
        return max(self._deadline - self._clock(), 0.0)

    def pause(self, error: ServingError) -> float:
        """Seconds to wait before the next attempt.

        Raises:
            ServingError: `error`, if trying again would not help, or there is no time or attempt left.
        """
        self._made += 1
        longest = min(self._retries.first_seconds * 2 ** (self._made - 1), self._retries.most_seconds)
        pause = random.uniform(0, longest)
        if error.code not in _AGAIN or self._made >= self._retries.attempts or pause >= self.seconds_left:
            raise error
        return pause
