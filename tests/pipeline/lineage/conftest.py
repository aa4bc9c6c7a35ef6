"""A store in a temporary folder, the shortest ways to fill it, and processes that end badly."""

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pipeline.lineage.records import StoredArtifact
from pipeline.lineage.store import Lineage
from schemas.artifacts import Artifact


@dataclass
class Scribe:
    """Writes executions of one run of one pipeline."""

    lineage: Lineage
    folder: Path
    pipeline: str = "news"
    run_id: str = "run-1"
    made: int = field(default=0)

    def begin(self) -> "Scribe":
        self.lineage.start_run(self.pipeline, self.run_id, "news.yaml")
        return self

    def start(self, node: str, inputs: Mapping[str, StoredArtifact] | None = None) -> int:
        return self.lineage.start_execution(
            pipeline=self.pipeline,
            run_id=self.run_id,
            node=node,
            component=node,
            inputs=inputs or {},
            parameters={"epochs": "3"},
        )

    def folder_of(self, kind: type[Artifact], **properties: int | float | str) -> Artifact:
        self.made += 1
        path = self.folder / f"{kind.type_name()}-{self.run_id}-{self.made}"
        path.mkdir(parents=True)
        return kind(path, properties)

    def step(
        self,
        node: str,
        outputs: Mapping[str, Artifact],
        inputs: Mapping[str, StoredArtifact] | None = None,
        fingerprint: str = "",
    ) -> dict[str, StoredArtifact]:
        """A complete execution; an output's digest is the name of its folder."""
        execution_id = self.start(node, inputs)
        with_digests = {name: (artifact, artifact.uri.name) for name, artifact in outputs.items()}
        return self.lineage.publish(execution_id, with_digests, [fingerprint] if fingerprint else [])


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "metadata.sqlite"


@pytest.fixture
def lineage(database: Path) -> Iterator[Lineage]:
    store = Lineage(database)
    yield store
    store.close()


@pytest.fixture
def scribe(lineage: Lineage, tmp_path: Path) -> Scribe:
    return Scribe(lineage, tmp_path / "artifacts").begin()


@pytest.fixture
def scribe_of(tmp_path: Path) -> Callable[[Lineage, str], Scribe]:
    """Makes the scribe of another run, in another process say."""
    return lambda lineage, run_id: Scribe(lineage, tmp_path / "artifacts", run_id=run_id).begin()


@pytest.fixture
def kill() -> Callable[[Callable[[], None], float], None]:
    """Runs a function in a process of its own, and kills that after some seconds, if it still runs then."""

    def killed(work: Callable[[], None], after: float) -> None:
        process = multiprocessing.get_context("fork").Process(target=work)
        process.start()
        process.join(after)
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL, "the process ended by itself"

    return killed
