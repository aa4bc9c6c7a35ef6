"""`trainworks doctor`: what is missing on this machine, before it hurts."""

import dataclasses
import json
import sys
from pathlib import Path

import click

from pipeline.doctor import Check, diagnose

_MARKS = {"ok": ("ok", "green"), "warning": ("warn", "yellow"), "failed": ("FAIL", "red")}


@click.command(help="Say what is missing on this machine, before it hurts.")
@click.option(
    "--workspace",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".trainworks"),
    show_default=True,
    help="The folder that runs are to write to.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one object instead of the table.")
def command(workspace: Path, as_json: bool) -> None:
    """Exit code 0 when runs will work, warnings or not; 1 when something that they need is missing."""
    checks: list[Check] = []
    for check in diagnose(workspace):
        checks.append(check)
        if not as_json:
            _show(check)
    failed = sum(check.status == "failed" for check in checks)
    if as_json:
        click.echo(json.dumps({"ok": not failed, "checks": [dataclasses.asdict(check) for check in checks]}))
    else:
        click.echo(f"\n{failed} of {len(checks)} checks failed." if failed else "\nAll that runs need is here.")
    sys.exit(1 if failed else 0)


def _show(check: Check) -> None:
    mark, color = _MARKS[check.status]
    click.echo(f"{click.style(f'{mark:<4}', fg=color)}  {check.name:<24}  {check.found}")
    if check.advice:
        click.echo(f"      {'':<24}  -> {check.advice}")
