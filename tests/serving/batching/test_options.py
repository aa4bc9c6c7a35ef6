import pytest
from google.protobuf import text_format

from schemas.errors import ConfigError
from serving.batching.options import BatchingOptions
from serving.config_files import BatchingParameters


def _options(text: str) -> BatchingOptions:
    return BatchingOptions.from_message(text_format.Parse(text, BatchingParameters()))


def test_what_is_left_out_has_its_default() -> None:
    assert _options("") == BatchingOptions()
    given = _options(
        "max_batch_size { value: 32 } batch_timeout_micros { value: 500 } max_enqueued_batches { value: 7 }"
        ' num_batch_threads { value: 3 } thread_pool_name { value: "t" } allowed_batch_sizes: 8'
        " allowed_batch_sizes: 16 pad_variable_length_inputs: true enable_large_batch_splitting { value: true }"
        " max_execution_batch_size { value: 16 }"
    )
    assert given == BatchingOptions(32, 500, 7, 3, (8, 16), True, True, 16)
    assert [given.padded(rows) for rows in (1, 8, 9, 16)] == [8, 8, 16, 16]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("max_batch_size { value: 0 }", "`max_batch_size` must be at least 1. Received: 0"),
        ("num_batch_threads { value: -1 }", "`num_batch_threads` must be at least 1"),
        ("batch_timeout_micros { value: -1 }", "must not be negative"),
        ("max_execution_batch_size { value: 2000 }", r"must be at most `max_batch_size` \(1000\)"),
        ("max_batch_size { value: 8 } allowed_batch_sizes: 4", r"end with the size of the largest batch \(8\)"),
        ("max_batch_size { value: 8 } allowed_batch_sizes: 8 allowed_batch_sizes: 4", "must increase"),
    ],
)
def test_what_does_not_go_together_is_told(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=f"--batching_parameters_file: .*{said}"):
        _options(text)
