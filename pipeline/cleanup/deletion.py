"""Deleting what a plan names, so that a kill leaves nothing that claims to be live and is gone.

Lineage says first of all artifacts that they are about to go, in one transaction: from then on no run takes them from
cache. Each folder then loses its name, by a rename, before it loses a file. Lineage hears last that they are gone; what
a kill left marked is deleted by the next one.
"""

import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path

from components.versions import STAGED, turn, versions
from pipeline.cleanup.kept import versions_to_keep
from pipeline.cleanup.limits import Limits
from pipeline.cleanup.plan import Item
from pipeline.lineage.store import Lineage
from pipeline.workspace import Workspace
from schemas.errors import TrainworksError


def delete(items: Sequence[Item], workspace: Workspace, lineage: Lineage, limits: Limits) -> list[Item]:
    """Deletes the items of one pipeline, whose lock the caller holds; returns those that are gone now.

    A version that has come to be needed since the plan was made, by a rollback say, stays.

    Raises:
        TrainworksError: the operating system does not let something be deleted.
    """
    lineage.mark([id_ for item in items if item.kind == "artifact" for id_ in item.artifacts])
    gone: list[Item] = []
    try:
        for item in items:
            if _is_gone(item, workspace, lineage, limits):
                gone.append(item)
    finally:
        lineage.deleted([id_ for item in gone for id_ in item.artifacts])
    return gone


def _is_gone(item: Item, workspace: Workspace, lineage: Lineage, limits: Limits) -> bool:
    """Deletes an item, if it may still go; whether it did."""
    try:
        if item.kind == "version":
            return _delete_version(item, lineage, limits)
        _delete(item.path, workspace.root / "tmp" / item.pipeline)
        return True
    except OSError as error:
        raise TrainworksError(
            f"{item.path} must be allowed to be deleted. Received: {error.strerror}. What was deleted before is gone;"
            " mend this and run again."
        ) from error


def _delete_version(item: Item, lineage: Lineage, limits: Limits) -> bool:
    """Deletes a version in its folder's turn, in which nobody pushes or rolls back."""
    folder = item.path.parent
    if not folder.is_dir():
        lineage.mark(item.artifacts)
        return True
    with turn(folder):
        if item.path in versions_to_keep(folder, limits.keep_versions):
            return False
        lineage.mark(item.artifacts)
        if item.path in versions(folder).values():
            _delete(item.path, folder)
    return True


def _delete(path: Path, beside: Path) -> None:
    """Removes a file; or renames a folder to one that a sweep would remove, and removes that."""
    if not path.is_dir():
        path.unlink(missing_ok=True)
        return
    beside.mkdir(parents=True, exist_ok=True)
    doomed = beside / f"{STAGED}{uuid.uuid4().hex}"
    path.rename(doomed)
    shutil.rmtree(doomed)
