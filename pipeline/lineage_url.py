"""Lineage in a database that several workspaces share: by `--lineage URL`, or by an environment variable.

Artifacts' folders are named by the ids of a lineage's executions, so a workspace belongs to one lineage for good.
"""

import os
from typing import Final

from pipeline.lineage.database import whereabouts
from pipeline.lineage.store import LOCK_TIMEOUT, Lineage
from pipeline.workspace import Workspace
from schemas.errors import ConfigError

LINEAGE_VARIABLE: Final = "TRAINWORKS_LINEAGE"


def open_lineage(workspace: Workspace, url: str | None = None, *, lock_timeout: float = LOCK_TIMEOUT) -> Lineage:
    """The lineage of a workspace, to write to: by URL, else that of the environment variable, else its own database.

    Args:
        lock_timeout: seconds to wait for another process's transaction.

    Raises:
        ConfigError: the workspace belongs to another lineage, or the database cannot be used.
    """
    url = url or os.environ.get(LINEAGE_VARIABLE)
    own = whereabouts(workspace.database)
    wanted = whereabouts(url) if url else own
    known = workspace.lineage_elsewhere or (own if workspace.database.is_file() else wanted)
    if wanted != known:
        raise ConfigError(
            f"`--lineage` must stay what it was for a workspace. The lineage of {workspace.root} is in {known}."
            f" Received: {wanted}. Give the former, as `--lineage` or {LINEAGE_VARIABLE}, or another `--workspace`."
        )
    lineage = Lineage(workspace.database if wanted == own else str(url), lock_timeout=lock_timeout)
    if wanted != own:
        workspace.remember_lineage(wanted)
    return lineage
