"""How many requests a key may send: a bucket of tokens for each."""

import threading
import time
from collections.abc import Callable


class TokenBucket:
    """Lets `per_second` requests through in the long run, and at most a second's worth at once.

    Args:
        per_second: above 0; with fewer than one, a request a bucketful.
        clock: seconds that never go back.
    """

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_second = per_second
        self._size = max(per_second, 1.0)
        self._tokens = self._size
        self._clock, self._filled = clock, clock()
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Takes a token; False if there is none."""
        with self._lock:
            now = self._clock()
            self._tokens = min(self._size, self._tokens + (now - self._filled) * self.per_second)
            self._filled = now
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True
