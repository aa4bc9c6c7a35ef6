"""From pipeline files to a daemon that runs them."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline.lineage.database import whereabouts
from pipeline.lineage_url import open_lineage
from pipeline.schedule.child import MONITOR, RUN, Child, Job, Report
from pipeline.schedule.clock import Clock
from pipeline.schedule.drift_file import DriftFile
from pipeline.schedule.patience import Patience
from pipeline.schedule.pipeline_file import PipelineFile
from pipeline.schedule.span_watch import SpanWatch
from pipeline.schedule.triggers import Due, Trigger
from pipeline.schedule.worker import BEATS, Worker
from pipeline.workspace import Workspace
from schemas.errors import ConfigError

Ended = Callable[[PipelineFile, Patience, Trigger, Report], None]


def workers_for(
    files: Sequence[Path],
    *,
    workspace: Path | None = None,
    lineage: str | None = None,
    length: float = 30.0,
    clock: Clock | None = None,
    command: Sequence[str] = RUN,
    ended: Ended = lambda file, patience, trigger, report: None,
) -> list[Worker]:
    """A worker for each pipeline file, and one for each that looks for drift.

    Args:
        workspace: folder of artifacts, lineage and logs; `.trainworks` beside each file unless given.
        lineage: URL of the lineage's database.
        length: seconds of the lease.
        command: what runs a pipeline file; see `Child`.
        ended: told of every run that has come to its end.

    Raises:
        ConfigError: a file is wrong, two have the same name in one lineage, or a database cannot be used.
    """
    clock = clock or Clock()
    found = [PipelineFile(path, workspace) for path in files]
    databases = _Databases(lineage, length, clock)
    workers = []
    for file in found:
        patience = databases.of(file)
        launch = functools.partial(_launch, file, lineage)
        workers.append(
            Worker(
                file,
                patience,
                clock,
                functools.partial(launch, file.name, command),
                length=length,
                look=functools.partial(_spans, SpanWatch(file.path.parent, clock), file),
                ended=functools.partial(ended, file, patience),
            )
        )
        if file.schedule.on_drift:
            drift = DriftFile(file)
            monitor = functools.partial(launch, f"{file.name}.monitor", MONITOR)
            ending = functools.partial(drift.request, patience)
            workers.append(Worker(drift, patience, clock, monitor, length=length, ending=ending))
    return workers


class _Databases:
    """The databases of the files' lineages, each once."""

    def __init__(self, lineage: str | None, length: float, clock: Clock) -> None:
        self._lineage, self._length, self._clock = lineage, length, clock
        self._found: dict[str, Patience] = {}
        self._names: set[tuple[str, str]] = set()

    def of(self, file: PipelineFile) -> Patience:
        place = Workspace(file.workspace)
        where = whereabouts(self._lineage or place.database)
        if (where, file.name) in self._names:
            raise ConfigError(f"Pipelines of one lineage must have different names. Received twice: {file.name}")
        self._names.add((where, file.name))
        if where in self._found:
            open_lineage(place, self._lineage).close()  # for what it finds wrong: a workspace belongs to one lineage
        else:
            beat = self._length / BEATS
            self._found[where] = Patience(
                place,
                self._lineage,
                self._clock,
                longest_wait=max(beat, 1.0),
                lock_timeout=max(min(beat, 5.0), 0.5),
            )
        return self._found[where]


def _spans(watch: SpanWatch, file: PipelineFile) -> list[Due]:
    return watch.look(file.config)


def _launch(file: PipelineFile, lineage: str | None, name: str, command: Sequence[str], silence: float) -> Child:
    place = Workspace(file.workspace)
    return Child(Job(file.path, place.root, lineage, place.log(f"schedule-{name}")), silence, command)
