"""The store of lineage: every write is one transaction, so a kill leaves the old world or the new one."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.lineage.records import Relative, RunStatus, RunSummary, StoredArtifact, StoredExecution
from schemas.artifacts import Artifact


class Lineage:
    """Runs, executions and artifacts of pipelines.

    Args:
        url_or_path: path of a SQLite file (made when absent, its folder too), or an SQLAlchemy URL of SQLite,
            PostgreSQL or MySQL.
        lock_timeout: seconds to wait for another process's transaction.

    Raises:
        ConfigError: the database is locked, unreadable or of another schema version.
    """

    def __init__(self, url_or_path: str | Path, *, lock_timeout: float = 30.0) -> None:
        raise NotImplementedError

    def close(self) -> None:
        """Gives the database's connections back."""
        raise NotImplementedError

    def start_run(self, pipeline: str, run_id: str, file: str) -> None:
        """Records that this process runs the pipeline of `file`.

        Raises:
            ConfigError: a run of this id exists.
        """
        raise NotImplementedError

    def finish_run(self, run_id: str, status: RunStatus) -> None:
        raise NotImplementedError

    def start_execution(
        self,
        *,
        pipeline: str,
        run_id: str,
        node: str,
        component: str,
        inputs: Mapping[str, StoredArtifact],
        parameters: Mapping[str, str],
    ) -> int:
        """Records a running execution with its inputs; returns its id. `component` is the class name."""
        raise NotImplementedError

    def publish(
        self, execution_id: int, outputs: Mapping[str, tuple[Artifact, str]], fingerprints: Sequence[str]
    ) -> dict[str, StoredArtifact]:
        """Completes an execution in one transaction: its artifacts are live and found by its fingerprints from then on.

        Args:
            outputs: output name to the artifact in its final place and the digest of its contents.
            fingerprints: what `find_cached` finds this execution by.
        """
        raise NotImplementedError

    def fail(self, execution_id: int, message: str, *, canceled: bool = False) -> None:
        """Records that an execution ended without outputs, and why."""
        raise NotImplementedError

    def find_cached(self, pipeline: str, node: str, fingerprint: str) -> StoredExecution | None:
        """The newest complete execution of this node with this fingerprint whose outputs are all live."""
        raise NotImplementedError

    def record_cached(
        self,
        *,
        pipeline: str,
        run_id: str,
        node: str,
        component: str,
        inputs: Mapping[str, StoredArtifact],
        cached: StoredExecution,
    ) -> int:
        """Records that a node's outputs were taken from an earlier execution; returns the new execution's id."""
        raise NotImplementedError

    def latest_blessed(self, pipeline: str, *, other_than: StoredArtifact | None) -> StoredArtifact | None:
        """The newest blessed model of a pipeline that is still on disk and is not `other_than` by id, uri or digest."""
        raise NotImplementedError

    def abandon_running(self, pipeline: str) -> list[StoredExecution]:
        """Marks canceled what killed processes left running in a pipeline, runs and executions; returns the latter.

        Only what a process of this machine owned that is surely gone is touched, so it is safe at any time.
        """
        raise NotImplementedError

    def runs(self, limit: int) -> list[RunSummary]:
        """The newest runs, newest first."""
        raise NotImplementedError

    def run(self, run_id: str) -> RunSummary | None:
        raise NotImplementedError

    def for_run(self, run_id: str) -> list[StoredExecution]:
        """A run's executions in the order in which they started."""
        raise NotImplementedError

    def artifact(self, reference: int | str | Path) -> StoredArtifact | None:
        """An artifact by id or uri; the newest when several have the uri."""
        raise NotImplementedError

    def producer(self, artifact_id: int) -> StoredExecution | None:
        """The execution that made an artifact."""
        raise NotImplementedError

    def ancestors(self, artifact_id: int) -> list[Relative]:
        """What an artifact was made from, nearest first."""
        raise NotImplementedError

    def descendants(self, artifact_id: int) -> list[Relative]:
        """What was made from an artifact, nearest first."""
        raise NotImplementedError
