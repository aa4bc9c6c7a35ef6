"""Models that are loaded once and for all, for tests of a front alone."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from serving.errors import Code, ServingError
from serving.interface import Array, Classes, VersionStatus


class LoadedServable:
    def __init__(self, name: str, path: Path) -> None:
        import tensorflow as tf
        from tensorflow.core.protobuf import saved_model_pb2

        self.name, self.version = name, int(path.name)
        self._model = tf.saved_model.load(str(path))
        self.meta_graph = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes()).meta_graphs[0]

    def inputs(self, signature_name: str) -> dict[str, int]:
        definition = self.meta_graph.signature_def[signature_name]
        return {alias: info.dtype for alias, info in definition.inputs.items()}

    def predict(
        self, signature_name: str, inputs: Mapping[str, Array], output_filter: Sequence[str]
    ) -> dict[str, Array]:
        import tensorflow as tf

        signature = self._model.signatures.get(signature_name)
        if signature is None:
            raise ServingError(Code.FAILED_PRECONDITION, f'Serving signature key "{signature_name}" not found.')
        outputs = signature(**{name: tf.constant(value) for name, value in inputs.items()})
        return {
            name: np.asarray(v.numpy()) for name, v in outputs.items() if not output_filter or name in output_filter
        }

    def classify(self, signature_name: str, examples: Sequence[bytes]) -> Classes:
        out = self._run(signature_name, examples)
        return Classes(out["classes"], out["scores"])

    def regress(self, signature_name: str, examples: Sequence[bytes]) -> Array:
        return self._run(signature_name, examples)["outputs"].reshape(-1)

    def unwatched(self) -> "LoadedServable":
        return self

    def is_quick(self, signature_name: str) -> bool:
        return True

    def _run(self, signature_name: str, examples: Sequence[bytes]) -> dict[str, Array]:
        if signature_name not in self._model.signatures:
            raise ServingError(Code.INVALID_ARGUMENT, f"No signature was found with the name: {signature_name}")
        return self.predict(signature_name, {"inputs": np.array(examples, object)}, ())


class LoadedModels:
    def __init__(self, **models: LoadedServable) -> None:
        self.models = models
        self.applied: list[Any] = []

    @contextmanager
    def acquire(self, name: str, version: int | None = None, label: str | None = None) -> Iterator[LoadedServable]:
        found = self.models.get(name)
        if label is not None and label != "stable":
            raise ServingError(Code.INVALID_ARGUMENT, f"Unrecognized servable version label: {label}")
        if found is None or version not in (None, found.version):
            raise ServingError(Code.NOT_FOUND, f"Servable not found for request: Latest({name})")
        yield found

    def status(self, name: str, version: int | None = None) -> Sequence[VersionStatus]:
        if name not in self.models:
            raise ServingError(Code.NOT_FOUND, f"Could not find any versions of model {name}")
        return [VersionStatus(self.models[name].version, "AVAILABLE")]

    def apply(self, config: Any) -> None:
        self.applied.append(config)
