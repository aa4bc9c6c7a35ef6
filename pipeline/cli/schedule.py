"""`trainworks schedule`: the retraining daemon, and what people ask and tell it."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.workspace_option import json_option, lineage_option, stored_lineage
from schemas.errors import ConfigError

if TYPE_CHECKING:
    from pipeline.lineage.store import Lineage
    from pipeline.schedule.status import Status

_TELLING_SECONDS = 30.0
"""How long a daemon that ends waits for notifications on their way."""


@click.command("schedule")
@click.argument("files", metavar="FILE...", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--workspace",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of artifacts, lineage and logs.  [default: .trainworks beside FILE, or here]",
)
@lineage_option
@click.option("--once", is_flag=True, help="Run what is due and what waits, and end.")
@click.option(
    "--grace",
    type=click.FloatRange(min=0),
    default=30,
    show_default=True,
    help="Seconds that a run may take to its end after SIGTERM; then it is handed over.",
)
@click.option(
    "--lease",
    type=click.FloatRange(min=1),
    default=30,
    show_default=True,
    help="Seconds of silence after which another daemon takes over a run.",
)
@click.option("--status", is_flag=True, help="Show what runs, what waits, what comes next and how it went.")
@click.option("--pause", metavar="NAME", help="Start no runs of this pipeline; its fire times pass by.")
@click.option("--resume", metavar="NAME", help="Start runs of it again.")
@click.option("--trigger", metavar="NAME", help="Ask for a run of it, as soon as it is at rest.")
@click.option("--reason", help="With --trigger: why, for whoever reads it later.")
@json_option
def command(
    *,
    files: tuple[Path, ...],
    workspace: Path | None,
    lineage: str | None,
    once: bool,
    grace: float,
    lease: float,
    status: bool,
    pause: str | None,
    resume: str | None,
    trigger: str | None,
    reason: str | None,
    as_json: bool,
) -> None:
    """Run the pipelines of FILEs as their sections `schedule` say, until SIGTERM or Ctrl-C.

    Several daemons may share a lineage: each start is run once, by one of them, and where one dies another takes over.
    A second signal hands over what runs at once.

    With --status, --pause, --resume or --trigger, ask or tell the daemons of a lineage: that of --lineage, of
    --workspace, or of FILE. NAME is a pipeline's name, or its file.
    """
    told = [pause, resume, trigger]
    if sum(option is not None for option in told) + status > 1:
        raise ConfigError("Only one of `--status`, `--pause`, `--resume` and `--trigger` may be given.")
    if reason is not None and trigger is None:
        raise ConfigError("`--reason` must go along with `--trigger`.")
    if status:
        with _lineage(files, workspace, lineage) as store:
            _show_status(store, as_json)
    elif any(option is not None for option in told):
        _tell(files, workspace, lineage, pause=pause, resume=resume, trigger=trigger, reason=reason)
    elif not files:
        raise ConfigError("`FILE...` must name a pipeline file, or several. `trainworks schedule --help` says more.")
    else:
        sys.exit(_run(files, workspace, lineage, once=once, grace=grace, lease=lease))


def _run(
    files: tuple[Path, ...], workspace: Path | None, lineage: str | None, *, once: bool, grace: float, lease: float
) -> int:
    from pipeline.schedule.clock import Clock
    from pipeline.schedule.daemon import Daemon, Pace
    from pipeline.schedule.events import tell_events
    from pipeline.schedule.reporting import Reporter
    from pipeline.schedule.start import workers_for
    from pipeline.schedule.worker import BEATS

    tell_events()
    clock = Clock()
    reporter = Reporter()
    workers = workers_for(files, workspace=workspace, lineage=lineage, length=lease, clock=clock, ended=reporter)
    daemon = Daemon(workers, clock, Pace(tick=min(1.0, lease / BEATS), grace=grace), once=once)
    daemon.run()
    reporter.wait(_TELLING_SECONDS)
    return daemon.exit_code if once else 0


def _tell(
    files: tuple[Path, ...],
    workspace: Path | None,
    lineage: str | None,
    *,
    pause: str | None,
    resume: str | None,
    trigger: str | None,
    reason: str | None,
) -> None:
    from pipeline.schedule.requests import request
    from pipeline.schedule.schedules import check_known, pause_pipeline

    name = next(option for option in (pause, resume, trigger) if option is not None)
    file = Path(name) if Path(name).is_file() else None
    with _lineage((file,) if file else files, workspace, lineage) as store:
        if file is not None:
            name = _name_in(file)
        check_known(store.engine, name)
        if trigger is not None:
            number = request(store.engine, name, reason=reason or "by hand")
            click.echo(f"{name}: asked for (request {number})")
        else:
            pause_pipeline(store.engine, name, paused=pause is not None)
            click.echo(f"{name}: {'paused' if pause is not None else 'goes on'}")


def _name_in(file: Path) -> str:
    from schemas.pipeline_file import load

    return load(file).name


@contextmanager
def _lineage(files: tuple[Path, ...], workspace: Path | None, url: str | None) -> "Iterator[Lineage]":
    """The lineage that is meant, which must be there."""
    from pipeline.runner import WORKSPACE

    places = {path.resolve().parent / WORKSPACE for path in files} if workspace is None and url is None else set()
    if len(places) > 1:
        raise ConfigError("`FILE...` must be of one lineage here. Ask for each by itself, or give `--lineage`.")
    with stored_lineage(workspace or next(iter(places), Path(WORKSPACE)), url) as store:
        yield store


def _show_status(store: "Lineage", as_json: bool) -> None:
    from pipeline.schedule.status import statuses
    from pipeline.tables import printable, write_table

    found = statuses(store.engine)
    if as_json:
        click.echo(json.dumps({"pipelines": [_described(status) for status in found]}))
        return
    if not found:
        click.echo("No pipeline of this lineage is scheduled: start `trainworks schedule FILE`.", err=True)
    columns = ("pipeline", "starts", "next", "now", ">waiting", "last", "when", "run")
    write_table(sys.stdout, columns, [_row(status) for status in found])
    for status in found:
        if status.last and status.last.detail:
            click.echo(printable(f"{status.pipeline}: {status.last.outcome}: {status.last.detail}"))


def _row(status: "Status") -> tuple[str, ...]:
    upcoming = f"{status.next_fire:%Y-%m-%d %H:%M:%S %Z}" if status.next_fire else ""
    now = f"runs ({status.running}), {status.holder}" if status.running and status.holder else status.running
    if status.running and not status.holder:
        now = f"to be taken up again ({status.running})"
    last = status.last
    when = f"{last.finished:%Y-%m-%d %H:%M:%S}" if last else ""
    return (
        status.pipeline,
        status.starts,
        "paused" if status.paused else upcoming,
        now,
        str(status.waiting),
        last.outcome if last else "",
        when,
        (last.run_id or "") if last else "",
    )


def _described(status: "Status") -> dict[str, Any]:  # JSON's own object
    last = status.last
    return {
        "pipeline": status.pipeline,
        "file": status.file,
        "starts": status.starts,
        "paused": status.paused,
        "next": status.next_fire.isoformat() if status.next_fire else None,
        "running": status.running or None,
        "holder": status.holder or None,
        "waiting": status.waiting,
        "last": None
        if last is None
        else {
            "kind": last.kind,
            "reason": last.reason,
            "outcome": last.outcome,
            "finished": last.finished.isoformat(timespec="seconds"),
            "run_id": last.run_id,
            "detail": last.detail,
        },
    }
