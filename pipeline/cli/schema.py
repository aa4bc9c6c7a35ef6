"""`trainworks schema`: the pipeline file's JSON Schema on standard output."""

import json

import click

from pipeline.editor_schema import editor_schema


@click.command(help="Print the JSON Schema of the pipeline file, for editors.")
def command() -> None:
    """Saved as `trainworks.schema.json`, a file's first line `# yaml-language-server: $schema=trainworks.schema.json`
    gives completion and checks in editors."""
    click.echo(json.dumps(editor_schema(), indent=2))
