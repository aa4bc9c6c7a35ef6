"""Paths and names as a container has them."""

from pathlib import Path

import pytest

from pipeline.export.container import Container, label
from schemas.errors import ConfigError


@pytest.mark.parametrize(
    ("mount", "workspace", "found"),
    [("/project", None, None), ("/srv/", "work", "/srv/work"), ("/srv", "/data/work", "/data/work")],
)
def test_the_file_and_the_workspace_are_found_from_the_mount(
    mount: str, workspace: str | None, found: str | None
) -> None:
    command = Container("i", mount=mount, workspace=workspace).command(Path("here/mail.yaml"), ("a=1",))
    assert (command.file, command.workspace, command.overrides) == (f"{mount.rstrip('/')}/mail.yaml", found, ("a=1",))


def test_a_mount_has_an_absolute_path() -> None:
    with pytest.raises(ConfigError, match=r"`--mount` must be an absolute path in the container\. Received: project"):
        Container("i", mount="project").command(Path("mail.yaml"), ())


def test_names_are_those_of_kubernetes() -> None:
    assert label("Mail_of.today") == "mail-of-today"
    assert label("x" * 70) == "x" * 63
    assert label("a" * 62 + ".b") == "a" * 62  # none ends with a `-`
    with pytest.raises(ConfigError, match="Received: ___"):
        label("___")
