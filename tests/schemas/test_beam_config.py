import pytest
from pydantic import ValidationError

from schemas.config import BeamConfig


def test_workers_are_left_to_the_machine_unless_given() -> None:
    assert BeamConfig().workers is None
    assert BeamConfig(workers=4).workers == 4


@pytest.mark.parametrize("workers", [0, -1])
def test_there_is_a_worker_at_least(workers: int) -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        BeamConfig(workers=workers)


def test_workers_are_the_direct_runners() -> None:
    with pytest.raises(
        ValidationError, match=r"`workers` goes with `runner: direct`.*Received: runner=flink, workers=2"
    ):
        BeamConfig(runner="flink", workers=2)
