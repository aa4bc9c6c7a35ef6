"""What a failed step says."""

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.failure import Failure, explain, out_of_space
from schemas.errors import ConfigError, DataError, TrainworksError


def explained(error: BaseException) -> Failure:
    return explain(error, node="Gen", inputs={"rows": Path("/in")}, workspace=Path("/w"), log=Path("/w/logs/1.log"))


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause
    except BaseException as caught:
        return caught


def test_an_error_of_ours_is_itself() -> None:
    assert explained(DataError("`label` must be there.")) == Failure("Gen failed: `label` must be there.", 2)
    assert explained(TrainworksError("no")).exit_code == 1


def test_an_error_of_ours_is_found_behind_others() -> None:
    assert explained(raised(RuntimeError("outer"), ConfigError("inner"))) == Failure("Gen failed: inner", 2)
    group = ExceptionGroup("several", [ValueError("x"), DataError("inner")])
    assert explained(group) == Failure("Gen failed: inner", 2)


def test_an_error_of_ours_is_found_in_the_text_of_a_traceback() -> None:
    text = (
        'Traceback (most recent call last):\n  File "worker.py", line 1, in process\n'
        "schemas.errors.DataError: `label` must be there.\nReceived: nothing [while running 'Ingest/Map(f)']\n"
    )
    assert explained(RuntimeError(text)) == Failure("Gen failed: `label` must be there.\nReceived: nothing", 2)
    told = explained(RuntimeError(f"{text}\nDuring handling of the above exception, another exception occurred:"))
    assert told.message == "Gen failed: `label` must be there.\nReceived: nothing"


def test_words_that_only_look_like_an_error_of_ours_are_not_one() -> None:
    assert explained(ValueError("see schemas.errors.DataError: it says why")).message.startswith(
        "Gen failed: ValueError: see schemas.errors.DataError"
    )


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "the disk quota is used up"),
        (OSError("[Errno 28] No space left on device [while running 'Write']"), "the disk is full"),
        (RuntimeError("... ResourceExhaustedError: /w/tmp/x; No space left on device"), "the disk is full"),
        (raised(RuntimeError("outer"), OSError(errno.ENOSPC, "")), "the disk is full"),
        (OSError(errno.ENOENT, "No such file or directory"), None),
        (ValueError("space"), None),
    ],
)
def test_a_full_disk_is_recognized_in_every_wrapping(error: BaseException, meaning: str | None) -> None:
    assert out_of_space(error) == meaning
    if meaning:
        assert explained(error).message.startswith(f"Gen failed: {meaning}. Make room in /w, or give a `--workspace`")


def test_what_is_unexpected_names_input_log_and_what_to_do() -> None:
    assert explained(KeyError("x")).message.splitlines() == [
        "Gen failed: KeyError: 'x'",
        "  its input `rows`: /in",
        "  the traceback: /w/logs/1.log",
        "  Finished steps stay; once the cause is mended, the next run carries on from this step.",
    ]
    assert len(explained(ValueError("x" * 10_000)).message) < 1000


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["own", "full"])
def test_errors_come_through_beam(start: Callable[..., Any], kind: str) -> None:
    process = start(f"""
        import apache_beam as beam
        from components.transforms.beam import beam_pipeline
        from schemas.config import BeamConfig
        from schemas.errors import DataError

        def failing(row):
            raise DataError("`label` must be there.") if {kind!r} == "own" else OSError(28, "No space left on device")

        class Beamed(ToyGen):
            def run(self, context):
                with beam_pipeline(context.beam) as pipeline:
                    pipeline | beam.Create([1]) | beam.Map(failing)

        sys.exit(run_pipeline(Pipeline("beamed", [Beamed(source="rows.txt")], base=base)).exit_code)
    """).popen
    _, told = process.communicate(timeout=120)
    expected = {
        "own": "error: Beamed failed: `label` must be there.\n",
        "full": "error: Beamed failed: the disk is full.",
    }
    assert expected[kind] in told
    assert "Traceback" not in told
    assert process.returncode == {"own": 2, "full": 1}[kind]
