import logging
from pathlib import Path
from typing import Any

import pytest

from serving import config_files
from serving.config_watch import ConfigWatch
from serving.errors import Code, ServingError

ONE = "model_config_list { config { name: 'one' base_path: '/one' model_platform: 'tensorflow' } }"


def test_only_changes_are_applied_and_mistakes_are_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "models.config"
    path.write_text(ONE)
    applied: list[str] = []

    def apply(config: Any) -> None:
        name = config.model_config_list.config[0].name
        if name == "bad":
            raise ServingError(Code.INVALID_ARGUMENT, "refused")
        applied.append(name)

    first = config_files.read(path, config_files.ModelServerConfig, "--model_config_file")
    watch = ConfigWatch(path, apply, first, 60)
    watch.look()
    assert applied == []
    path.write_text(ONE.replace("one", "two"))
    watch.look()
    watch.look()
    assert applied == ["two"]

    for content, said in (("model_config_list {", "--model_config_file"), (ONE.replace("one", "bad"), "refused")):
        with caplog.at_level(logging.ERROR):
            path.write_text(content)
            watch.look()
            watch.look()
        assert caplog.text.count("What was served before stays") == 1
        assert said in caplog.text
        caplog.clear()
    path.write_text(ONE)
    watch.look()
    assert applied == ["two", "one"]
