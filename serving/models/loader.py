"""From a version's folder to a servable that is verified, loaded and warmed up, or an error that says why not."""

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from schemas.errors import TrainworksError
from serving.batching.batcher import BatchRecord
from serving.batching.options import BatchingOptions
from serving.errors import Code, ServingError
from serving.models.folders import stamp_of
from serving.models.program import Program
from serving.models.servable import TensorflowServable
from serving.models.warmup import warm_up
from serving.watcher import Watcher

_log = logging.getLogger(__name__)


class Loader:
    """Loads versions.

    Args:
        verify: checks a version's files before they are read; raises TrainworksError.
        timeout_seconds: how long a call of a loaded model may take.
        batching: how calls are joined; None for each by itself.
        observer_of: for a model's name, what is told of its batches.
        watchers: told of what models answer, but for the requests that warm them up.
    """

    def __init__(
        self,
        verify: Callable[[Path], None],
        timeout_seconds: float,
        batching: BatchingOptions | None = None,
        observer_of: Callable[[str], Callable[[BatchRecord], None]] | None = None,
        watchers: Sequence[Watcher] = (),
    ) -> None:
        self._verify, self._timeout_seconds = verify, timeout_seconds
        self._batching, self._observer_of, self._watchers = batching, observer_of, watchers

    def load(self, name: str, version: int, folder: Path) -> TensorflowServable:
        """A version that is ready to answer.

        Raises:
            ServingError: it is not what its manifest says, does not load, fails on its warm-up requests, or its files
                changed meanwhile.
        """
        start = time.perf_counter()
        try:
            before = stamp_of(folder)
            self._verify(folder)
            program = Program(folder, self._timeout_seconds)
            observe = self._observer_of(name) if self._observer_of else None
            servable = TensorflowServable(name, version, program, self._batching, observe)
        except OSError as error:
            raise ServingError(Code.NOT_FOUND, f"{folder} cannot be read: {error.strerror or error}") from error
        except TrainworksError as error:
            raise ServingError(Code.DATA_LOSS, str(error)) from error
        try:
            requests = warm_up(servable, folder)
            if stamp_of(folder) != before:
                raise ServingError(Code.ABORTED, f"{folder} changed while it was read.")
        except BaseException as error:
            servable.close()
            if isinstance(error, OSError):
                raise ServingError(Code.ABORTED, f"{folder} went away while it was read.") from error
            raise
        servable.tell(self._watchers)
        seconds = time.perf_counter() - start
        _log.info("Loaded %s version %d in %.1f s, %d warm-up requests", name, version, seconds, requests)
        return servable
