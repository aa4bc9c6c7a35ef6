"""What earlier runs of a pipeline published: to say why a step runs again, and to start a run in the middle.

Beside a component's parameters, lineage remembers of each execution the files that it read and what its fingerprint was
made of (see `fingerprint.ingredients`).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

from components.component import Component
from pipeline.lineage.records import StoredExecution
from pipeline.lineage.store import Lineage
from schemas.errors import ConfigError

FILE: Final = "file "
"""How the names of those ingredients begin that are files: `file <number> <path relative to the pipeline's base>`."""

_FILES, _INGREDIENTS = "external_inputs", "ingredients"
"""Names in lineage."""
_RUNS_BACK: Final = 100
"""Runs of the pipeline that are looked at."""
_MOST_FILES: Final = 10_000
_NAMED: Final = 2
"""Changes that are named before `...`."""


def files_in(parts: Mapping[str, str], base: Path) -> dict[Path, str]:
    """The files among ingredients, with their digests."""
    return {(base / name.split(" ", 2)[2]).resolve(): part for name, part in parts.items() if name.startswith(FILE)}


def remembered(parts: Mapping[str, str], base: Path) -> dict[str, str]:
    """What lineage keeps of ingredients. Their values are shortened: they are only ever compared."""
    files = sorted(map(str, files_in(parts, base)))[:_MOST_FILES]
    short = {name: _short(part) for name, part in parts.items()}
    return {_FILES: json.dumps(files), _INGREDIENTS: json.dumps(short)}


def _short(part: str) -> str:
    return hashlib.sha256(part.encode()).hexdigest()[:12]


def made_of(execution: StoredExecution, parts: Mapping[str, str], *, but: str) -> bool:
    """Whether an execution that ran was made of these ingredients, one of them aside."""
    then = json.loads(execution.parameters.get(_INGREDIENTS, "{}"))
    now = json.loads(remembered(parts, Path())[_INGREDIENTS])
    return {**then, but: ""} == {**now, but: ""}


_ABSENT: Final = _short("missing")
"""A file that was not there before the step ran; most likely the step itself wrote it, so it is named last."""


def raw_files(execution: StoredExecution) -> list[str]:
    """The files outside the pipeline that an execution read."""
    return list(json.loads(execution.parameters.get(_FILES, "[]")))


class History:
    """The finished executions of a pipeline's newest runs, read when first asked for."""

    def __init__(self, lineage: Lineage, pipeline: str, run_id: str) -> None:
        self._lineage, self._pipeline, self._run_id = lineage, pipeline, run_id

    def why(self, node: str, parts: Mapping[str, str]) -> str:
        """Why a step whose fingerprint is unknown must run: what changed since it last finished."""
        for run_id in self._runs:
            before = self._finished(run_id).get(node)
            if before is None:
                continue
            old = json.loads(self._origin(before).parameters.get(_INGREDIENTS, "{}"))
            new = json.loads(remembered(parts, Path())[_INGREDIENTS])
            changed = sorted(_different(old, new), key=lambda name: (old.get(name) == _ABSENT, *_order(name)))
            if not changed:
                return "files changed while it last ran"
            more = ", ..." if len(changed) > _NAMED else ""
            return f"changed: {', '.join(map(_told, changed[:_NAMED]))}{more}"
        return "first run"

    def reusable(self, components: Sequence[Component]) -> dict[str, StoredExecution]:
        """Executions of all the components in one run, the newest in which all of them finished and are still on disk.

        From one run, since only then the gates among them judged what the others hold.

        Raises:
            ConfigError: there is no such run.
        """
        names = [component.name for component in components]
        for run_id in self._runs if names else ():
            finished = self._finished(run_id)
            if all(name in finished and on_disk(finished[name]) for name in names):
                return {name: finished[name] for name in names}
        if names:
            raise ConfigError(
                f"`--from` takes the results of the steps before it ({', '.join(names)}) from an earlier run, and there"
                " is none in which all of them finished. Run without `--from`."
            )
        return {}

    @cached_property
    def _runs(self) -> list[str]:
        runs = self._lineage.runs(_RUNS_BACK, pipeline=self._pipeline)
        return [run.run_id for run in runs if run.run_id != self._run_id]

    def _finished(self, run_id: str) -> dict[str, StoredExecution]:
        if run_id not in self._read:
            executions = self._lineage.for_run(run_id)
            self._read[run_id] = {e.node: e for e in executions if e.state in ("complete", "cached")}
        return self._read[run_id]

    @cached_property
    def _read(self) -> dict[str, dict[str, StoredExecution]]:
        return {}

    def _origin(self, execution: StoredExecution) -> StoredExecution:
        """The execution that made the outputs; one from cache remembers no ingredients."""
        made = [self._lineage.producer(artifact.id) for artifact in execution.outputs.values()]
        return next((origin for origin in made if origin is not None), execution)


def on_disk(execution: StoredExecution) -> bool:
    """Whether all outputs of an execution are still there."""
    return all(artifact.uri.is_dir() for artifact in execution.outputs.values())


def _different(old: Mapping[str, str], new: Mapping[str, str]) -> set[str]:
    """Names of ingredients that differ; files that only have another place among the files, where nothing else does."""
    different = {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
    before, after = ({_told(name): part for name, part in parts.items() if _is_file(name)} for parts in (old, new))
    moved = {name for name in different if _is_file(name) and before.get(_told(name)) == after.get(_told(name))}
    return different - moved or different


def _is_file(ingredient: str) -> bool:
    return ingredient.startswith(FILE)


def _order(ingredient: str) -> tuple[int, str]:
    """What a person is most likely to have changed comes first."""
    kinds = ("parameter", "file", "input", "code", "library")
    kind = ingredient.partition(" ")[0]
    return (kinds.index(kind) if kind in kinds else len(kinds), ingredient)


def _told(ingredient: str) -> str:
    kind, _, name = ingredient.partition(" ")
    return name.partition(" ")[2] if kind == "file" else f"{kind} {name}".strip()
