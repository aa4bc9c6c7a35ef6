"""The model that a pipeline file pushes: where its versions stand."""

from dataclasses import dataclass
from pathlib import Path

from schemas.config import PipelineConfig, PushConfig
from schemas.errors import ConfigError
from schemas.manifest import load_key
from schemas.pipeline_file import load


@dataclass(frozen=True)
class ServedModel:
    """A pipeline's model, as servers see it.

    Args:
        name: the pipeline's name, which is the model's.
        base: the folder of the pipeline file.
        push: the file's section.
        file: the pipeline file, for messages and lineage.
    """

    name: str
    base: Path
    push: PushConfig
    file: Path

    @classmethod
    def of(cls, file: Path) -> "ServedModel":
        """The model of a pipeline file.

        Raises:
            ConfigError: the file is wrong, or pushes nothing.
        """
        config: PipelineConfig = load(file)
        if config.push is None:
            raise ConfigError(f"{file} must have a section `push`, or nothing of it is served. Received: none")
        return cls(config.name, file.resolve().parent, config.push, file)

    @property
    def folder(self) -> Path:
        """The folder of its versions; it need not exist."""
        return self.base / self.push.directory / self.name

    def key(self) -> bytes | None:
        """What its versions are signed with."""
        return None if self.push.signing_key is None else load_key(self.base / self.push.signing_key)
