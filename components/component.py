"""A step of a pipeline: typed inputs and outputs as declared fields, and one `run`.

    class StatisticsGen(Component):
        examples: Input[Examples]
        statistics: Output[ExampleStatistics]

        def run(self, context: Context) -> None: ...

`StatisticsGen(examples=example_gen.examples)` wires it. Composed, a component's inputs and outputs are channels; the
runner makes a bound copy whose fields are artifacts on disk, and calls `run` on that. A component never sees the
orchestrator, the database or another component.
"""

import copy
import logging
import typing
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Protocol, Self, TypeVar

from pydantic import TypeAdapter, ValidationError

from schemas.artifacts import Artifact, Examples, Model
from schemas.config import BeamConfig
from schemas.errors import ConfigError

ArtifactT = TypeVar("ArtifactT", bound=Artifact)

_INPUT, _OUTPUT = "input", "output"
Input = Annotated[ArtifactT, _INPUT]
Output = Annotated[ArtifactT, _OUTPUT]


@dataclass(frozen=True)
class Channel:
    """The promise of an artifact: an output of a component that has not run yet."""

    producer: "Component"
    output: str
    type: type[Artifact]


@dataclass(frozen=True)
class LatestBlessed:
    """A promise that lineage keeps: the newest blessed model of this pipeline that is not the artifact of `other_than`.

    It resolves to None when there is none, so it only fits an optional input.
    """

    other_than: Channel


@dataclass(frozen=True)
class LatestAccepted:
    """A promise that lineage keeps to a gate: what it was given as `input` when it last let something else pass.

    The newest such artifact that is not the one given now, so a run in which nothing changed is promised the same
    again. It resolves to None when there is none, so it only fits an optional input.
    """

    input: str


@dataclass(frozen=True)
class PreviousBlessed:
    """A promise that lineage keeps: the newest blessed model that the step itself did not make of what it is given now.

    So a step can go on from the champion, and never from its own result: where nothing changed, the promise is the same
    again. It resolves to None when there is none, so it only fits an optional input.

    Args:
        output: the step's own output that the model was.
    """

    output: str = "model"


@dataclass(frozen=True)
class BlessedBefore:
    """A promise that lineage keeps: the newest blessed model that was not made of what this step is given as `input`.

    So a step before the training may ask the champion, and where nothing changed the promise is the same again. It
    resolves to None when there is none, so it only fits an optional input.
    """

    input: str


Promise = Channel | LatestBlessed | LatestAccepted | PreviousBlessed | BlessedBefore


@dataclass(frozen=True)
class FileGroup:
    """Files that count as one, since there are too many to name each: those of a folder of pictures, say.

    Args:
        folder: whose name stands for them.
        names: relative to the folder, in the order in which they are read. A file need not be there.
    """

    folder: Path
    names: tuple[str, ...]


@dataclass(frozen=True)
class Volume:
    """How much data a step reads, and into how many parts its work falls."""

    bytes: int
    parts: int

    @classmethod
    def of_examples(cls, examples: Examples) -> "Volume":
        """All shards, each of which is a part."""
        shards = [path for split in examples.splits() for path in examples.shards(split)]
        return cls(sum(path.stat().st_size for path in shards), len(shards))


class Progress(Protocol):
    """A bar for long work."""

    def advance(self, steps: int = 1, **shown: float) -> None: ...


class Context(Protocol):
    """What a running component may know of its surroundings."""

    @property
    def pipeline(self) -> str:
        """Name of the pipeline."""

    @property
    def run_id(self) -> str: ...

    @property
    def base(self) -> Path:
        """Folder of the pipeline file; relative paths in parameters are relative to it."""

    @property
    def beam(self) -> BeamConfig: ...

    @property
    def scratch(self) -> Path:
        """A folder that survives a kill: the same for the same fingerprint, removed once the outputs are published."""

    @property
    def partials(self) -> Path:
        """A folder that survives runs, for results of parts of the work (see `components/partials.py`).

        It belongs to this component of this pipeline, and is empty where nothing may be used again (`--no-cache`).
        """

    @property
    def code(self) -> str:
        """Digest of the code, and the libraries' versions, that decide this component's results."""

    def digest(self, path: Path) -> str:
        """SHA-256 of a file that is read from outside the pipeline, remembered while the file stays as it is."""

    @property
    def tensorboard(self) -> Path:
        """TensorBoard log folder of this run of this component."""

    @property
    def logger(self) -> logging.Logger:
        """Warnings are shown to the person too; everything goes to the run's log file."""

    def progress(self, description: str, total: int | None = None) -> AbstractContextManager[Progress]: ...


class Component:
    """Base of every step.

    Subclasses annotate fields: `Input[T]` and `Input[T] | None` are artifacts to read, `Output[T]` artifacts to write,
    everything else is a parameter, checked against its annotation when the component is made. Parameters must be
    JSON-serializable through pydantic: they are part of the fingerprint.

    Args:
        name: the node's name in the pipeline; the class name unless given.
        **fields: inputs (channels of other components) and parameters.
    """

    gate: ClassVar[str | None] = None
    """Name of the output that holds `verdict.json`, when this component is a gate."""

    libraries: ClassVar[tuple[str, ...]] = ()
    """Distributions whose versions decide the result; part of the fingerprint."""

    spread_modules: ClassVar[tuple[str, ...]] = ()
    """Modules that its run imports, when its Beam work may be spread over processes."""

    def __init__(self, *, name: str | None = None, **fields: object) -> None:
        self.name = name or type(self).__name__
        self.inputs: dict[str, Promise] = {}
        self.parameters: dict[str, object] = {}
        declared = dict(_fields(type(self)))
        self._reject_unknown(fields, declared)
        for field in declared.values():
            if field.role == _OUTPUT:
                setattr(self, field.name, Channel(self, field.name, field.artifact))
            elif field.role == _INPUT:
                self._wire(field, fields)
            else:
                self._set_parameter(field, fields)

    def run(self, context: Context) -> None:
        """Reads the inputs, fills the outputs' folders. Raises a `TrainworksError` for what a person must act on."""
        raise TypeError(f"{type(self).__name__} must define `run`.")

    def sources(self) -> Sequence[str]:
        """Modules beyond the component's own imports that decide the result, such as that of the family in use."""
        return ()

    def external_inputs(self, base: Path) -> "Sequence[Path | FileGroup]":
        """Files outside the pipeline that are read; their contents are part of the fingerprint."""
        return ()

    def resolved(self, base: Path) -> Self:
        """A copy that has decided what it reads, where that may change at any time; called once, before all else.

        Its external inputs, and what it reads when it runs, then stay the same for the rest of the run.
        """
        return self

    def external_outputs(self, base: Path) -> Sequence[Path]:
        """Those of its external inputs that a run of this component may itself write, such as a schema it freezes.

        Its result then also stands for the file that it wrote, so the next run finds it unchanged.
        """
        return ()

    def still_valid(self) -> bool:
        """Whether a cached execution's effects outside the workspace are still there. Called on a bound component."""
        return True

    def volume(self, base: Path) -> Volume | None:
        """What there is to spread over processes; None keeps it in the run's own. Called on a component whose
        inputs are bound."""
        return None

    @property
    def outputs(self) -> dict[str, type[Artifact]]:
        """Output names and their types, in order of declaration."""
        return {f.name: f.artifact for f in _fields(type(self)).values() if f.role == _OUTPUT}

    def bind(self, inputs: Mapping[str, Artifact | None], outputs: Mapping[str, Artifact]) -> Self:
        """A copy that is ready to run: every declared artifact field holds an artifact."""
        bound = copy.copy(self)
        for name, artifact in {**inputs, **outputs}.items():
            setattr(bound, name, artifact)
        return bound

    def upstream(self) -> Iterator["Component"]:
        """The components whose outputs this one reads."""
        for promise in self.inputs.values():
            if not isinstance(promise, PreviousBlessed):
                yield self.channel(promise).producer

    def channel(self, promise: Promise) -> Channel:
        """A promised artifact's channel; for what lineage promises, the one that it must differ from."""
        if isinstance(promise, LatestAccepted):
            return self.channel(self.inputs[promise.input])
        if isinstance(promise, BlessedBefore):
            return replace(self.channel(self.inputs[promise.input]), type=Model)
        if isinstance(promise, PreviousBlessed):
            return Channel(self, promise.output, self.outputs[promise.output])
        return promise.other_than if isinstance(promise, LatestBlessed) else promise

    def _reject_unknown(self, fields: Mapping[str, object], declared: Mapping[str, "_Field"]) -> None:
        settable = [name for name, field in declared.items() if field.role != _OUTPUT]
        for name in fields:
            if name not in settable:
                raise ConfigError(f"{self.name} takes {', '.join(f'`{s}`' for s in settable)}. Received: {name}=...")

    def _wire(self, field: "_Field", fields: Mapping[str, object]) -> None:
        promise = fields.get(field.name)
        setattr(self, field.name, None)
        if promise is None:
            if not field.optional:
                raise ConfigError(f"{self.name} needs input `{field.name}` of type {field.artifact.type_name()}.")
            return
        if isinstance(promise, Channel):
            fits = issubclass(promise.type, field.artifact)
        else:
            fits = isinstance(promise, Promise) and field.optional
        if not fits:
            raise ConfigError(
                f"{self.name}: input `{field.name}` must be an output of type {field.artifact.type_name()}. "
                f"Received: {getattr(promise, 'type', type(promise)).__name__}"
            )
        assert isinstance(promise, Promise)
        self.inputs[field.name] = promise

    def _set_parameter(self, field: "_Field", fields: Mapping[str, object]) -> None:
        value = fields.get(field.name, getattr(type(self), field.name, ...))
        if value is ...:
            raise ConfigError(f"{self.name} needs parameter `{field.name}`.")
        try:
            value = TypeAdapter(field.annotation).validate_python(value)
        except ValidationError as error:
            raise ConfigError(
                f"{self.name}: parameter `{field.name}`: {error.errors()[0]['msg']}. Received: {value!r}"
            ) from error
        self.parameters[field.name] = value
        setattr(self, field.name, value)


@dataclass(frozen=True)
class _Field:
    name: str
    role: str
    annotation: Any  # any type form that pydantic's TypeAdapter takes
    artifact: type[Artifact] = Artifact
    optional: bool = False


def _fields(component: type[Component]) -> dict[str, _Field]:
    """Declared fields of a component class and its bases, in order."""
    hints = typing.get_type_hints(component, include_extras=True)
    return {name: _field(name, hint) for name, hint in hints.items() if typing.get_origin(hint) is not ClassVar}


def _field(name: str, hint: Any) -> _Field:
    options = [option for option in typing.get_args(hint) if option is not type(None)]
    optional = typing.get_origin(hint) is not Annotated and type(None) in typing.get_args(hint)
    inner = options[0] if optional and len(options) == 1 else hint
    role = next((m for m in getattr(inner, "__metadata__", ()) if m in (_INPUT, _OUTPUT)), "parameter")
    if role == "parameter":
        return _Field(name, role, hint)
    return _Field(name, role, hint, typing.get_args(inner)[0], optional)
