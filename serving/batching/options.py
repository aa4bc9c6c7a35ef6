"""How requests are joined: TF Serving's BatchingParameters, checked."""

from dataclasses import dataclass
from typing import Any, Final

from schemas.errors import ConfigError

_FLAG: Final = "--batching_parameters_file"


@dataclass(frozen=True)
class BatchingOptions:
    """How requests are joined; the names and defaults are TF Serving's.

    Args:
        max_batch_size: rows that a batch has at most.
        batch_timeout_micros: how long the first request of a batch waits for others, in microseconds.
        max_enqueued_batches: batches that may wait, beyond which requests fail with RESOURCE_EXHAUSTED.
        num_batch_threads: batches of a signature that are computed at once.
        allowed_batch_sizes: batches are filled up to one of these sizes; empty for any.
        pad_variable_length_inputs: whether rows of different shapes go together, filled up with zeros.
        enable_large_batch_splitting: whether requests of more than `max_execution_batch_size` rows are cut up.
        max_execution_batch_size: rows that are computed at once, where requests are cut; 0 for `max_batch_size`.
    """

    max_batch_size: int = 1000
    batch_timeout_micros: int = 0
    max_enqueued_batches: int = 10
    num_batch_threads: int = 2
    allowed_batch_sizes: tuple[int, ...] = ()
    pad_variable_length_inputs: bool = False
    enable_large_batch_splitting: bool = False
    max_execution_batch_size: int = 0

    def __post_init__(self) -> None:
        for name in ("max_batch_size", "max_enqueued_batches", "num_batch_threads"):
            if getattr(self, name) < 1:
                raise ConfigError(f"`{name}` must be at least 1. Received: {getattr(self, name)}")
        if self.batch_timeout_micros < 0:
            raise ConfigError(f"`batch_timeout_micros` must not be negative. Received: {self.batch_timeout_micros}")
        if not 0 <= self.max_execution_batch_size <= self.max_batch_size:
            raise ConfigError(
                f"`max_execution_batch_size` must be at most `max_batch_size` ({self.max_batch_size})."
                f" Received: {self.max_execution_batch_size}"
            )
        sizes = self.allowed_batch_sizes
        if sizes and (list(sizes) != sorted(set(sizes)) or sizes[0] < 1 or sizes[-1] != self.largest):
            raise ConfigError(
                f"`allowed_batch_sizes` must increase, and end with the size of the largest batch ({self.largest})."
                f" Received: {list(sizes)}"
            )

    @property
    def largest(self) -> int:
        """Rows that are computed at once, at most."""
        if self.enable_large_batch_splitting and self.max_execution_batch_size:
            return self.max_execution_batch_size
        return self.max_batch_size

    def padded(self, rows: int) -> int:
        """The size that a batch of so many rows is filled up to."""
        return next((size for size in self.allowed_batch_sizes if size >= rows), rows)

    @classmethod
    def from_message(cls, message: Any) -> "BatchingOptions":
        """From a BatchingParameters message; what it leaves out has its default.

        Raises:
            ConfigError: values that cannot be, or do not go together.
        """
        given: dict[str, Any] = {
            field.name: value if field.message_type is None else value.value
            for field, value in message.ListFields()
            if field.name not in ("allowed_batch_sizes", "thread_pool_name")
        }
        try:
            return cls(**given, allowed_batch_sizes=tuple(message.allowed_batch_sizes))
        except ConfigError as error:
            raise ConfigError(f"{_FLAG}: {error}") from error
