"""`trainworks promote`: a candidate takes over once it has stood its probation."""

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from pipeline.cli.run_options import place_option
from pipeline.cli.workspace_option import json_option, lineage_option, stored_lineage

if TYPE_CHECKING:
    from pipeline.release.promotion import Promoted

_VERDICTS: Final = {"skipped": "not yet"}


@click.command("promote")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--wait", is_flag=True, help="Do not end before the candidate was promoted or rolled back.")
@click.option(
    "--poll-seconds", type=click.FloatRange(min=0.1), default=5.0, show_default=True, help="How often --wait looks."
)
@place_option
@lineage_option
@json_option
def command(
    file: Path, *, wait: bool, poll_seconds: float, workspace: Path | None, lineage: str | None, as_json: bool
) -> None:
    """Take the next step of the candidate that FILE pushed under a policy with labels.

    Once every server of `push.servers` has loaded it, it has its label; once it has stood its probation, it is stable;
    if it breaks a limit, it is rolled back, and never pushed again. Meant to be run again and again, by cron say.
    Exit codes: 0 done, or not decided yet; 1 a server does not answer; 2 there is nothing with labels; 3 it was rolled
    back.
    """
    from pipeline.release.promotion import Promotion
    from pipeline.release.served import ServedModel
    from pipeline.workspace import Workspace

    served = ServedModel.of(file)
    place = workspace or served.base / ".trainworks"
    with stored_lineage(place, lineage) as store:
        promotion = Promotion(served, Workspace(place), store)
        done = promotion.step()
        while wait and done.status in ("loading", "waiting"):
            time.sleep(poll_seconds)
            done = promotion.step()
    if as_json:
        click.echo(json.dumps(_described(done, served.name)))
    else:
        _tell(done, served.name)
    sys.exit(3 if done.status == "rolled back" else 0)


def _described(done: "Promoted", model: str) -> dict[str, object]:
    return {
        "status": done.status,
        "model": model,
        "stable": done.stable,
        "candidate": done.candidate,
        "reason": done.said,
        "verdict": None if done.verdict is None else done.verdict.model_dump(mode="json"),
    }


def _tell(done: "Promoted", model: str) -> None:
    from pipeline.tables import write_table

    if done.verdict is not None:
        rows = [
            (rule.rule, rule.expected, rule.found, _VERDICTS.get(rule.verdict, rule.verdict))
            for rule in done.verdict.rules
        ]
        title = f"{model} version {done.candidate}: {done.status}"
        write_table(sys.stdout, ("rule", "expected", "found", "verdict"), rows, title=title)
    said = {
        "stable": f"{model}: version {done.stable} is stable, and there is no candidate.",
        "loading": f"{model}: version {done.candidate} has no label yet: {done.said}. Version {done.stable} is stable.",
        "waiting": f"{model}: version {done.candidate} is on probation. Version {done.stable} is stable.",
        "promoted": f"{model}: version {done.stable} stood its probation, and is stable.",
        "rolled back": f"{model}: version {done.candidate} was rolled back. Version {done.stable} is stable.",
    }
    click.echo(said[done.status])
