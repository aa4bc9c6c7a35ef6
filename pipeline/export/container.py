"""Where a pipeline file is, and what its process needs, in a container."""

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pipeline.export.command import Command
from schemas.errors import ConfigError

_LABEL = 63
"""Characters of a name in Kubernetes (RFC 1123)."""


@dataclass(frozen=True)
class Container:
    """A container that runs the command line.

    Args:
        image: with `trainworks` on its path.
        mount: the folder of the pipeline file, as the container sees it.
        claim: the persistent volume claim that is mounted there; without it, the image has the folder.
        workspace: in the container, from the file's folder; unless given, `.trainworks` there.
        lineage_secret: the Kubernetes secret whose key TRAINWORKS_LINEAGE is the URL of the lineage's database.
        cpu, memory: what is asked for, in Kubernetes' words.
    """

    image: str
    mount: str = "/project"
    claim: str | None = None
    workspace: str | None = None
    lineage_secret: str | None = None
    cpu: str = "1"
    memory: str = "4Gi"

    def command(self, file: Path, overrides: tuple[str, ...]) -> Command:
        """The command line in the container, for a file of this machine.

        Raises:
            ConfigError: the folder has no absolute path.
        """
        folder = PurePosixPath(self.mount)
        if not folder.is_absolute():
            raise ConfigError(f"`--mount` must be an absolute path in the container. Received: {self.mount}")
        workspace = None if self.workspace is None else str(folder / self.workspace)
        return Command("trainworks", str(folder / file.name), workspace, overrides)


def label(name: str, longest: int = _LABEL) -> str:
    """A name as Kubernetes takes it: small letters, digits and `-`.

    Raises:
        ConfigError: nothing of it is left.
    """
    kept = re.sub(r"[^a-z0-9]+", "-", name.lower())[:longest].strip("-")
    if not kept:
        raise ConfigError(f"A name in Kubernetes needs a letter or a digit of a to z and 0 to 9. Received: {name}")
    return kept
