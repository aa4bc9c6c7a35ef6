"""A step that failed is tried again, after a wait that grows."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from pipeline.cancellation import Cancellation, TimedOut
from pipeline.failure import may_pass
from schemas.config import StepConfig

if TYPE_CHECKING:
    from tenacity import RetryCallState

ResultT = TypeVar("ResultT")
Telling = Callable[[BaseException, float, int], None]


def attempted(work: Callable[[], ResultT], config: StepConfig, *, cancellation: Cancellation, tell: Telling) -> ResultT:
    """What `work` returns, tried as often as `config` allows.

    Args:
        work: raises what it fails with.
        cancellation: ends a wait, too.
        tell: called before each wait with the error, the seconds of the wait and the number of the retry, from 1.

    Raises:
        Canceled: a signal asked for it.
        BaseException: what the last attempt, or one that trying again cannot mend, raised.
    """
    if not config.retries:
        return work()
    import tenacity

    def wait(seconds: float) -> None:
        with cancellation.interruptible():
            time.sleep(seconds)

    def before_wait(state: "RetryCallState") -> None:
        error = state.outcome.exception() if state.outcome else None
        if error is not None and state.next_action is not None:
            tell(error, state.next_action.sleep, state.attempt_number)

    return tenacity.Retrying(
        stop=tenacity.stop_after_attempt(config.retries + 1),
        wait=tenacity.wait_exponential(
            multiplier=config.backoff_seconds, exp_base=config.backoff_factor, max=config.max_backoff_seconds
        ),
        retry=tenacity.retry_if_exception(_again),
        sleep=wait,
        before_sleep=before_wait,
        reraise=True,
    )(work)


def _again(error: BaseException) -> bool:
    return isinstance(error, TimedOut) or (isinstance(error, Exception | SystemExit) and may_pass(error))
