"""Which artifacts and versions of a pipeline stay, whatever their age, and why."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from components.versions import versions
from pipeline.cleanup.limits import Limits
from pipeline.lineage.records import RunSummary, StoredArtifact, StoredExecution
from pipeline.lineage.standing import StandingArtifact
from pipeline.lineage.store import Lineage
from pipeline.release.target import Releases
from schemas.artifacts import ExampleAnomalies, Examples, PushedModel
from schemas.errors import ConfigError
from schemas.release_record import ReleaseRecord

MOST_RUNS: Final = 100_000
"""Runs of a pipeline that are looked at."""


@dataclass
class Kept:
    """What stays of one pipeline.

    Args:
        artifacts: id to reason.
        versions: folder of a version to reason.
        runs: ids of the runs whose logs and curves stay.
    """

    artifacts: dict[int, str] = field(default_factory=dict)
    versions: dict[Path, str] = field(default_factory=dict)
    runs: set[str] = field(default_factory=set)

    def keep(self, artifacts: Iterable[StoredArtifact], why: str) -> None:
        for artifact in artifacts:
            self.artifacts.setdefault(artifact.id, why)


def kept(lineage: Lineage, pipeline: str, standing: list[StandingArtifact], limits: Limits) -> Kept:
    """What stays: of the newest runs, of those under way, of the champion, and of versions that serve or could.

    Args:
        standing: the pipeline's artifacts.
    """
    found = Kept()
    for run, why in _runs(lineage.runs(MOST_RUNS, pipeline=pipeline), limits):
        found.runs.add(run.run_id)
        for execution in lineage.for_run(run.run_id):
            found.keep(_all(execution), why)
    champion = lineage.latest_blessed(pipeline, other_than=None)
    if champion is not None:
        found.keep(_of_champion(lineage, champion), "the latest blessed model")
    accepted = [one.artifact for one in standing if one.artifact.properties.get("accepted") == 1]
    if accepted and (passed := lineage.producer(accepted[-1].id)) is not None:
        found.keep(_all(passed), f"the latest that {passed.node} let pass")
    _keep_versions(lineage, standing, limits, found)
    return found


def _runs(runs: list[RunSummary], limits: Limits) -> Iterator[tuple[RunSummary, str]]:
    """Runs whose artifacts stay: what they took from cache is what the next run looks for."""
    for run in runs[: max(1, limits.keep_runs)]:
        yield run, "of one of the newest runs"
    for run in runs:
        if run.status == "running":
            yield run, "of a run that is under way"
    succeeded = next((run for run in runs if run.status == "succeeded"), None)
    if succeeded is not None:
        yield succeeded, "of the newest run that succeeded"


def _all(execution: StoredExecution) -> Iterator[StoredArtifact]:
    yield from execution.inputs.values()
    yield from execution.outputs.values()


def _of_champion(lineage: Lineage, champion: StoredArtifact) -> Iterator[StoredArtifact]:
    """The model, what its training made and read but for examples, and how it was judged."""
    yield champion
    made = lineage.producer(champion.id)
    if made is not None:
        yield from (one for one in _all(made) if one.type_name != Examples.type_name())
    for relative in lineage.descendants(champion.id):
        if relative.depth == 1 and relative.artifact.type_name not in (
            PushedModel.type_name(),
            ExampleAnomalies.type_name(),
        ):
            yield relative.artifact


def _keep_versions(lineage: Lineage, standing: list[StandingArtifact], limits: Limits, found: Kept) -> None:
    """Versions of every folder that was pushed to, and the models that they were made from."""
    pushed = [one.artifact for one in standing if one.artifact.type_name == PushedModel.type_name()]
    for folder in {artifact.uri.parent for artifact in pushed}:
        if folder.is_dir():
            found.versions.update(versions_to_keep(folder, limits.keep_versions))
    for artifact in pushed:
        why = found.versions.get(artifact.uri)
        made_by = lineage.producer(artifact.id) if why else None
        if why and made_by is not None:
            found.keep((one for name, one in made_by.inputs.items() if name == "model"), f"{why} {artifact.uri.name}")


def versions_to_keep(folder: Path, newest: int) -> dict[Path, str]:
    """Folder of a version to why it stays: it serves, a rollback would go back to it, or it is among the newest."""
    numbered = versions(folder)
    if not numbered:
        return {}
    record = ReleaseRecord.read(folder)
    serving, *beside = record.live(numbered)
    wanted = {serving: "the version that serves", **dict.fromkeys(beside, "a version that is loaded beside it")}
    with suppress(ConfigError):  # there is nothing to go back to
        wanted.setdefault(Releases(folder).target().version, "the version that a rollback goes back to")
    if record.previous is not None:
        wanted.setdefault(record.previous, "the version that was stable before")
    for number in sorted(numbered)[-max(1, newest) :]:
        wanted.setdefault(number, "one of the newest versions")
    return {numbered[number]: why for number, why in wanted.items() if number in numbered}
