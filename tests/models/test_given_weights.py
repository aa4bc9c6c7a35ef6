from pathlib import Path

import pytest

from models.given_weights import read, served_version
from schemas.errors import ConfigError
from schemas.release_record import ReleaseRecord


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("my/folder", r"^`model\.weights`: cannot read my/folder: OSError: no route\.$"),
        ("bert_tiny_en", r"cannot read bert_tiny_en: OSError: no route\. A preset can be fetched on another machine"),
    ],
)
def test_what_cannot_be_read(weights: str, message: str) -> None:
    def load() -> None:
        raise OSError("no route.\nand more")

    with pytest.raises(ConfigError, match=message):
        read(load, weights)


def test_of_versions_the_one_that_serves_is_taken(tmp_path: Path) -> None:
    assert served_version(tmp_path) == tmp_path
    for number in (9, 10, 11):
        (tmp_path / str(number)).mkdir()
    assert served_version(tmp_path) == tmp_path / "11"
    ReleaseRecord(stable=9, candidate=11).write(tmp_path)
    assert served_version(tmp_path) == tmp_path / "9"
