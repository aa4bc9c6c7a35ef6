"""What a process that runs a step is told, and what it may ask."""

from dataclasses import dataclass
from pathlib import Path

from components.component import Component
from schemas.config import BeamConfig


@dataclass(frozen=True)
class Surroundings:
    """What a component is told of them in so many words; see `Context`."""

    pipeline: str
    run_id: str
    node: str
    code: str
    base: Path
    beam: BeamConfig
    scratch: Path
    partials: Path
    tensorboard: Path


@dataclass(frozen=True)
class Job:
    """A bound component, its surroundings, and over how many processes its work may be spread."""

    component: Component
    workers: int
    import_path: tuple[str, ...]
    surroundings: Surroundings


@dataclass(frozen=True)
class AskedDigest:
    """The SHA-256 of a file is asked for."""

    path: Path


@dataclass(frozen=True)
class Bar:
    """Long work begins; `number` tells bars apart."""

    number: int
    description: str
    total: int | None


@dataclass(frozen=True)
class Advanced:
    """Long work has come on; where `ended`, to its end."""

    number: int
    steps: int = 0
    shown: tuple[tuple[str, float], ...] = ()
    ended: bool = False
