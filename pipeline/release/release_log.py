"""What lineage is told of a release, and what it knows of versions: an execution of a run of its own."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.digests import DigestCache
from pipeline.lineage.records import StoredArtifact, StoredExecution
from pipeline.lineage.store import Lineage
from pipeline.release.served import ServedModel
from pipeline.runner import new_run_id
from pipeline.workspace import Workspace
from schemas.artifacts import Artifact, Model, Property, PushedModel
from schemas.manifest import read_manifest

MODEL: Final = "model"
"""Name of the input of whatever pushes: the Model artifact."""


@dataclass(frozen=True)
class Entry:
    """An execution that goes on, and its run."""

    run_id: str
    execution: int


class ReleaseLog:
    """The lineage of one model's releases.

    Args:
        served: the model.
        workspace: where its lineage was kept.
        lineage: that lineage.
        node: name of the node, and of the executions' type.
    """

    def __init__(self, served: ServedModel, workspace: Workspace, lineage: Lineage, node: str) -> None:
        self._served, self._workspace, self._lineage, self._node = served, workspace, lineage, node

    def begin(self, inputs: Mapping[str, StoredArtifact | None], parameters: Mapping[str, str]) -> Entry:
        """Records that it begins; what lineage does not know among the inputs is left out.

        Inputs are ancestors of what serves in the end, so a model that goes is none of them.
        """
        run_id = new_run_id()
        self._lineage.start_run(self._served.name, run_id, str(self._served.file.resolve()))
        execution = self._lineage.start_execution(
            pipeline=self._served.name,
            run_id=run_id,
            node=self._node,
            component=self._node,
            inputs={name: artifact for name, artifact in inputs.items() if artifact is not None},
            parameters=parameters,
        )
        return Entry(run_id, execution)

    def end(self, entry: Entry, path: Path | None = None, said: Mapping[str, Property] | None = None) -> None:
        """Records that it is done.

        Args:
            path: the version that it made serve.
            said: further properties of that.
        """
        outputs: dict[str, tuple[Artifact, str]] = {}
        if path is not None:
            properties: dict[str, Property] = {"pushed_version": int(path.name), "pushed_destination": str(path)}
            digest = DigestCache(self._workspace.root).folder_digest(path)
            outputs["pushed_model"] = (PushedModel(path, {**properties, **(said or {})}), digest)
        self._lineage.publish(entry.execution, outputs, [])
        self._lineage.finish_run(entry.run_id, "succeeded")

    def fail(self, entry: Entry, error: BaseException) -> None:
        """Records that it failed, if that can still be recorded."""
        with suppress(Exception):
            self._lineage.fail(entry.execution, str(error))
            self._lineage.finish_run(entry.run_id, "failed")

    def unfinished(self) -> StoredExecution | None:
        """The newest execution, if its run was not brought to its end."""
        last = self._lineage.newest_execution(self._served.name, self._node)
        run = self._lineage.run(last.run_id) if last else None
        return None if run is None or run.status == "succeeded" else last

    def models(self, versions: Iterable[int]) -> list[StoredArtifact]:
        """The Model artifacts that versions were made from, as far as lineage knows them."""
        found = [self.model(number) for number in versions]
        return [model for model in found if model is not None]

    def model(self, version: int) -> StoredArtifact | None:
        pushed = self.pushed(version)
        made_by = self._lineage.producer(pushed.id) if pushed else None
        if made_by is not None and MODEL in made_by.inputs:
            return made_by.inputs[MODEL]
        manifest = read_manifest(self._served.folder / str(version))
        return self._known(Path(manifest.model), Model) if manifest else None

    def pushed(self, version: int) -> StoredArtifact | None:
        """The artifact of a version, served or not."""
        return self._known(self._served.folder / str(version), PushedModel)

    def _known(self, uri: Path, kind: type[Artifact]) -> StoredArtifact | None:
        artifact = self._lineage.artifact(uri)
        return artifact if artifact and (artifact.uri, artifact.type_name) == (uri, kind.type_name()) else None
