"""A file that a command writes where it was told to."""

from pathlib import Path

import pytest

from pipeline.cli.written_file import check_target, write_target
from schemas.errors import ConfigError


def test_it_is_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("before")
    check_target(path, "--out")
    write_target("Größe \ud800", path, "--out")
    assert path.read_text(encoding="utf-8") == "Größe \\ud800"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_no_file_and_is_not_made(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none" / "page.html"):
        with pytest.raises(ConfigError, match=rf"`--html` must be a file in a folder that is there. Received: {path}"):
            check_target(path, "--html")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder in which nobody may write")
def test_a_file_that_cannot_be_written() -> None:
    with pytest.raises(ConfigError, match=r"`--out` must be a file that can be written. Received: /proc/page.html \("):
        write_target("", Path("/proc/page.html"), "--out")
