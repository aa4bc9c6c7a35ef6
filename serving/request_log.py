"""A sample of requests and answers, as TF Serving logs them: PredictionLog messages in TFRecord files.

What people send is in there, so nothing is logged unless it is asked for, and files are readable for their owner alone.
Calls never wait for the log: a thread writes it, and what it cannot keep up with is dropped and counted.
"""

import logging
import os
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, Full, Queue
from typing import Any, BinaryIO, Final

from schemas.errors import ConfigError
from schemas.tfrecords import write_record
from serving.interface import Array, Classes
from serving.protos import example_pb2, prediction_log_pb2
from serving.tensors import write

_QUEUE: Final = 1000
_LOOK_SECONDS: Final = 0.5

_log = logging.getLogger(__name__)

_Entry = tuple[str, Callable[[], bytes]]
"""A model's name, and what makes the record; that takes time, so the writing thread does it."""


@dataclass(frozen=True)
class RequestLogOptions:
    """What is logged, and where.

    Args:
        folder: `<folder>/<model>/requests-<time>-<process>-<number>.tfrecord` are the files.
        sampling_rate: the share of requests, in [0, 1].
        file_bytes: a file of more is finished, and another one begun.
        file_seconds: so is one that is older.
    """

    folder: Path
    sampling_rate: float = 0.01
    file_bytes: int = 64 << 20
    file_seconds: float = 300.0


class RequestLog:
    """Writes requests and answers down.

    A file has its name once it is finished; until then it begins with a dot.

    Args:
        options: what, and where.
        seed: of the sample; None for a different one each time.

    Raises:
        ConfigError: the folder cannot be written to.
    """

    def __init__(self, options: RequestLogOptions, seed: int | None = None) -> None:
        try:
            options.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise ConfigError(
                f"`--request_log` must be a folder that can be written to. Received: {options.folder}"
                f" ({error.strerror})"
            ) from error
        self._options, self._random = options, random.Random(seed)
        self._entries = Queue[_Entry | None](_QUEUE)
        self._files: dict[str, _File] = {}
        self._made, self._dropped, self._failing = 0, 0, False
        self._thread = threading.Thread(target=self._run, name="request-log", daemon=True)
        self._thread.start()

    def predicted(
        self, model: str, version: int, signature: str, inputs: Mapping[str, Array], outputs: Mapping[str, Array]
    ) -> None:
        """Notes a Predict, if it is in the sample."""
        if self._random.random() >= self._options.sampling_rate:
            return
        now = int(time.time())

        def record() -> bytes:
            entry = self._entry(now, model, version, signature)
            _fill(entry.predict_log.request.model_spec, model, version, signature)
            for alias, array in inputs.items():
                write(entry.predict_log.request.inputs[alias], array)
            for alias, array in outputs.items():
                write(entry.predict_log.response.outputs[alias], array)
            return bytes(entry.SerializeToString())

        self._note(model, record)

    def classified(self, model: str, version: int, signature: str, examples: Sequence[bytes], classes: Classes) -> None:
        """Notes a Classify, if it is in the sample."""
        if self._random.random() >= self._options.sampling_rate:
            return
        now = int(time.time())

        def record() -> bytes:
            entry = self._entry(now, model, version, signature)
            request = entry.classify_log.request
            _fill(request.model_spec, model, version, signature)
            _add(request.input, examples)
            for row in range(len(examples)):
                written = entry.classify_log.response.result.classifications.add()
                labels = [] if classes.labels is None else classes.labels[row].tolist()
                scores = [0.0] * len(labels) if classes.scores is None else classes.scores[row].tolist()
                for label, score in zip(labels or [b""] * len(scores), scores, strict=True):
                    written.classes.add(label=label.decode("utf-8", "replace"), score=score)
            return bytes(entry.SerializeToString())

        self._note(model, record)

    def regressed(self, model: str, version: int, signature: str, examples: Sequence[bytes], values: Array) -> None:
        """Notes a Regress, if it is in the sample."""
        if self._random.random() >= self._options.sampling_rate:
            return
        now = int(time.time())

        def record() -> bytes:
            entry = self._entry(now, model, version, signature)
            request = entry.regress_log.request
            _fill(request.model_spec, model, version, signature)
            _add(request.input, examples)
            for value in values.tolist():
                entry.regress_log.response.result.regressions.add(value=value)
            return bytes(entry.SerializeToString())

        self._note(model, record)

    def close(self) -> None:
        """Writes what waits, and finishes all files."""
        self._entries.put(None)
        self._thread.join()

    def _entry(self, now: int, model: str, version: int, signature: str) -> Any:
        entry = prediction_log_pb2.PredictionLog()
        metadata = entry.log_metadata
        _fill(metadata.model_spec, model, version, signature)
        metadata.sampling_config.sampling_rate, metadata.timestamp_secs = self._options.sampling_rate, now
        return entry

    def _note(self, model: str, record: Callable[[], bytes]) -> None:
        try:
            self._entries.put_nowait((model, record))
        except Full:
            self._dropped += 1
            if self._dropped & (self._dropped - 1) == 0:  # 1, 2, 4, 8, ...
                _log.warning("The request log cannot keep up: %d requests were left out so far", self._dropped)

    def _run(self) -> None:
        while True:
            try:
                entry = self._entries.get(timeout=_LOOK_SECONDS)
            except Empty:
                self._finish(lambda file: file.is_old)
                continue
            if entry is None:
                self._finish(lambda file: True)
                return
            try:
                self._write(*entry)
                self._failing = False
            except Exception as error:  # a full disk, say; answers do not depend on the log
                if not self._failing:
                    _log.error("The request log cannot be written to: %s", error)
                self._failing = True
            self._finish(lambda file: file.is_old or file.is_full)

    def _write(self, model: str, record: Callable[[], bytes]) -> None:
        file = self._files.get(model)
        if file is None:
            self._made += 1
            folder = self._options.folder / model
            folder.mkdir(exist_ok=True, mode=0o700)
            name = f"requests-{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}-{self._made}.tfrecord"
            file = self._files[model] = _File(folder / name, self._options)
        file.write(record())

    def _finish(self, which: Callable[["_File"], bool]) -> None:
        for model in [model for model, file in self._files.items() if which(file)]:
            try:
                self._files.pop(model).finish()
            except OSError as error:
                _log.error("A request log could not be finished: %s", error)


class _File:
    """A file that is being written."""

    def __init__(self, path: Path, options: RequestLogOptions) -> None:
        self._path, self._partial = path, path.with_name(f".{path.name}")
        self._options, self._since = options, time.monotonic()
        descriptor = os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._file: BinaryIO = os.fdopen(descriptor, "wb")

    @property
    def is_old(self) -> bool:
        return time.monotonic() - self._since > self._options.file_seconds

    @property
    def is_full(self) -> bool:
        return self._file.tell() > self._options.file_bytes

    def write(self, record: bytes) -> None:
        write_record(self._file, record)

    def finish(self) -> None:
        with self._file:
            self._file.flush()
            os.fsync(self._file.fileno())
        self._partial.rename(self._path)


def _fill(spec: Any, model: str, version: int, signature: str) -> None:
    spec.name, spec.version.value, spec.signature_name = model, version, signature


def _add(message: Any, examples: Sequence[bytes]) -> None:
    message.example_list.examples.extend(example_pb2.Example.FromString(example) for example in examples)
