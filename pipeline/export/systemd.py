"""A systemd unit of the daemon `trainworks schedule`, which may write where its pipelines do and nowhere else.

https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.templating import templates
from schemas.config import PipelineConfig
from schemas.errors import ConfigError


@dataclass(frozen=True)
class Daemon:
    """What the unit is to run.

    Args:
        program: path of `trainworks`.
        files: the pipeline files, with what they say.
        workspace: the workspace of all of them; unless given, `.trainworks` beside each file.
        user: who runs it; root unless given.
    """

    program: str
    files: Sequence[tuple[Path, PipelineConfig]]
    workspace: Path | None = None
    user: str | None = None


def unit(daemon: Daemon) -> str:
    """The unit file.

    Raises:
        ConfigError: a path that a unit file cannot say.
    """
    files = [str(path.resolve()) for path, _ in daemon.files]
    workspace = ["--workspace", str(daemon.workspace.resolve())] if daemon.workspace else []
    command = [_word(daemon.program), *map(_argument, ("schedule", *files, *workspace))]
    return (
        templates("export", html=False)
        .get_template("unit.service.j2")
        .render(
            names=", ".join(config.name for _, config in daemon.files),
            user=daemon.user,
            folder=_plain(str(daemon.files[0][0].resolve().parent)),
            command=" ".join(command),
            writable=" ".join(map(_word, written(daemon))),
        )
    )


def written(daemon: Daemon) -> list[str]:
    """The folders that runs write to, which must be there when systemd starts the daemon."""
    folders: list[Path] = [daemon.workspace.resolve()] if daemon.workspace else []
    for path, config in daemon.files:
        base = path.resolve().parent
        folders.append(base)
        if config.push is not None:
            folders.append((base / config.push.directory).resolve())
    return list(_outermost(map(str, folders)))


def _outermost(folders: Iterable[str]) -> Iterable[str]:
    """Folders without those that are in another of them."""
    kept: list[Path] = []
    for folder in sorted({Path(folder) for folder in folders}):
        if not any(folder.is_relative_to(other) for other in kept):
            kept.append(folder)
    return map(str, kept)


def _argument(text: str) -> str:
    """A word of a command line, where `$` stands for a variable."""
    return _word(text.replace("$", "$$"))


def _word(text: str) -> str:
    """A word in quotes (systemd.syntax(7)); `%` stands for a specifier."""
    escaped = _plain(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _plain(text: str) -> str:
    if not text.isprintable():
        raise ConfigError(f"A path in a systemd unit must be printable text. Received: {text!a}")
    return text.replace("%", "%%")
