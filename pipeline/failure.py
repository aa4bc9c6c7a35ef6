"""What a failed step says to a person: what went wrong, where, with which input, and what to do.

Beam and TensorFlow wrap the exceptions of what they run, at times only as text: Beam appends `[while running 'step']`,
and what crossed a process comes back as the text of a traceback. An error of ours, and a full disk, are found again in
either form.
"""

import errno
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.cancellation import TimedOut
from schemas.errors import RefusalError, TrainingError, TrainworksError

_WHILE_RUNNING: Final = re.compile(r" \[while running '[^\n]*'\]")
_TRACEBACK_GOES_ON: Final = re.compile(
    r"\n\s*(?:Traceback \(most|During handling of|The above exception)|\n\n?  File \""
)
_LONGEST: Final = 600
"""Characters of an unexpected exception's message that are shown."""

_NO_SPACE: Final = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "a file grew larger than this process may write (`ulimit -f`)",
}
_NO_SPACE_TEXTS: Final = {
    "No space left on device": _NO_SPACE[errno.ENOSPC],
    "database or disk is full": _NO_SPACE[errno.ENOSPC],
    "Disk quota exceeded": _NO_SPACE[errno.EDQUOT],
    "File too large": _NO_SPACE[errno.EFBIG],
}


@dataclass(frozen=True)
class Failure:
    """Why a run ends: the message for the terminal and for lineage, and the exit code."""

    message: str
    exit_code: int


def explain(error: BaseException, *, node: str, inputs: Mapping[str, Path], workspace: Path, log: Path) -> Failure:
    """The failure that an exception of a step stands for.

    Args:
        node: name of the step.
        inputs: input name to the artifact that the step was given.
        workspace: folder that the step was writing to.
        log: file that has the traceback.
    """
    if isinstance(error, TimedOut):
        return Failure(
            f"{node} failed: it {error} (`timeout_seconds` of `steps.{node}` or `steps.default`). Nothing"
            " half-written was left; the next run carries on from this step.",
            1,
        )
    own = _own_error(error)
    if own:
        said = "said no" if own.exit_code == RefusalError.exit_code else "failed"
        return Failure(f"{node} {said}: {own.message}", own.exit_code)
    space = out_of_space(error)
    if space:
        return Failure(
            f"{node} failed: {space}. Make room in {workspace}, or give a `--workspace` elsewhere. Nothing half-written"
            " was left; the next run carries on from this step.",
            1,
        )
    kind, text = type(error).__name__, _WHILE_RUNNING.sub("", str(error)).strip()
    if isinstance(error, SystemExit):
        text = f"the code of this step called exit({text})"
    text = text if len(text) <= _LONGEST else text[:_LONGEST].rstrip() + " ..."
    lines = [
        f"{node} failed: {kind}: {text}" if text else f"{node} failed: {kind}",
        *(f"  its input `{name}`: {path}" for name, path in inputs.items()),
        f"  the traceback: {log}",
        "  Finished steps stay; once the cause is mended, the next run carries on from this step.",
    ]
    return Failure("\n".join(lines), 1)


def may_pass(error: BaseException) -> bool:
    """Whether trying again makes sense: not after a mistake of a person's, nor a training that diverged."""
    own = _own_error(error)
    return own is None or (own.exit_code == 1 and not any(isinstance(link, TrainingError) for link in chain_of(error)))


def out_of_space(error: BaseException) -> str | None:
    """What ran out, when an exception comes from a write that found no room; else None."""
    for link in chain_of(error):
        if isinstance(link, OSError) and link.errno in _NO_SPACE:
            return _NO_SPACE[link.errno]
        for text, meaning in _NO_SPACE_TEXTS.items():
            if text in str(link):
                return meaning
    return None


def _own_error(error: BaseException) -> Failure | None:
    for link in chain_of(error):
        if isinstance(link, TrainworksError):
            return Failure(_WHILE_RUNNING.sub("", str(link)), link.exit_code)
    return next((found for link in chain_of(error) if (found := _own_error_in(str(link)))), None)


def _own_error_in(text: str) -> Failure | None:
    """An error of ours in the text of a traceback: `module.Class: message`, up to where the traceback goes on."""
    for kind in _kinds(TrainworksError):
        for name in (f"{kind.__module__}.{kind.__qualname__}: ", f"{kind.__qualname__}: "):
            before, found, after = text.rpartition(name)
            if found and (not before or before[-1] == "\n"):
                message = _TRACEBACK_GOES_ON.split(after, maxsplit=1)[0]
                return Failure(_WHILE_RUNNING.split(message, maxsplit=1)[0].strip(), kind.exit_code)
    return None


def _kinds(kind: type[TrainworksError]) -> Iterator[type[TrainworksError]]:
    """The subclasses, the most special first, and the class itself."""
    for special in kind.__subclasses__():
        yield from _kinds(special)
    yield kind


def chain_of(error: BaseException) -> Iterator[BaseException]:
    """An exception and all that it came from, once each."""
    waiting, seen = [error], set[int]()
    while waiting:
        link = waiting.pop(0)
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        waiting += [e for e in (link.__cause__, link.__context__) if e is not None]
        if isinstance(link, BaseExceptionGroup):
            waiting += link.exceptions
