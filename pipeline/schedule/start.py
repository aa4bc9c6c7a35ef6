"""From pipeline files to a daemon that runs them."""

import functools
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from pipeline.lineage.database import whereabouts
from pipeline.lineage_url import open_lineage
from pipeline.schedule.child import RUN, Child, Job, Report
from pipeline.schedule.clock import Clock
from pipeline.schedule.patience import Patience
from pipeline.schedule.pipeline_file import PipelineFile
from pipeline.schedule.triggers import Trigger
from pipeline.schedule.worker import BEATS, Worker
from pipeline.workspace import Workspace
from schemas.errors import ConfigError

_LONGEST_WAIT = 60.0

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
    """A worker for each pipeline file.

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
    databases: dict[str, Patience] = {}
    workers, taken = [], set[tuple[str, str]]()
    for file in found:
        place = Workspace(file.workspace)
        where = whereabouts(lineage or place.database)
        if (where, file.name) in taken:
            raise ConfigError(f"Pipelines of one lineage must have different names. Received twice: {file.name}")
        taken.add((where, file.name))
        if where in databases:
            with closing(open_lineage(place, lineage)):  # a workspace belongs to one lineage
                pass
        else:
            wait, timeout = max(length / BEATS, 1.0), max(min(length / BEATS, 5.0), 0.5)
            databases[where] = Patience(
                place, lineage, clock, longest_wait=min(wait, _LONGEST_WAIT), lock_timeout=timeout
            )
        patience = databases[where]
        job = Job(file.path, place.root, lineage, place.log(f"schedule-{file.name}"))
        workers.append(
            Worker(
                file,
                patience,
                clock,
                functools.partial(_launch, job, command),
                length=length,
                ended=functools.partial(ended, file, patience),
            )
        )
    return workers


def _launch(job: Job, command: Sequence[str], silence: float) -> Child:
    return Child(job, silence, command)
