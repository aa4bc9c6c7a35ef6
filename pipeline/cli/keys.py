"""`trainworks keys`: the API keys that a model server accepts."""

from pathlib import Path

import click

from serving.access.keys import ROLES, KeyFile, Role

file_argument = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))


@click.group()
def command() -> None:
    """Make and remove the API keys of a model server.

    FILE holds their hashes, and is what `trainworks serve --keys` reads. A server sees a change within a second or two.
    """


@command.command()
@file_argument
@click.argument("name")
@click.option(
    "--role",
    "roles",
    type=click.Choice(ROLES),
    multiple=True,
    default=("predict",),
    show_default=True,
    help="What the key is good for; may be given several times.",
)
@click.option(
    "--requests-per-second",
    type=click.FloatRange(min=0, min_open=True),
    help="How many requests it may send.  [default: as many as it likes]",
)
def add(file: Path, name: str, roles: tuple[Role, ...], requests_per_second: float | None) -> None:
    """Make a key for NAME, and print it: it is kept nowhere."""
    keys, secret = (KeyFile.load(file) if file.exists() else KeyFile()).with_new(name, roles, requests_per_second)
    keys.save(file)
    click.echo(secret)
    click.echo(f"This key is shown only now. {file} has its hash.", err=True)


@command.command("list")
@file_argument
def list_keys(file: Path) -> None:
    """List the names, roles and limits of keys."""
    for key in KeyFile.load(file).keys:
        limit = "" if key.requests_per_second is None else f"  {key.requests_per_second:g}/s"
        click.echo(f"{key.name}  {','.join(key.roles)}  {key.created:%Y-%m-%d}{limit}")


@command.command()
@file_argument
@click.argument("name")
def remove(file: Path, name: str) -> None:
    """Take NAME's key away."""
    KeyFile.load(file).without(name).save(file)
