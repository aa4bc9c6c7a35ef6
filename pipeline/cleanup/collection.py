"""Collecting what may go, of one pipeline or of all in a workspace: seen, or deleted under the pipeline's lock."""

from dataclasses import dataclass, field

from pipeline.cleanup.deletion import delete as delete_items
from pipeline.cleanup.limits import Limits
from pipeline.cleanup.plan import Item, plan
from pipeline.lineage.store import Lineage
from pipeline.workspace import Workspace, WorkspaceBusy
from schemas.errors import ConfigError


@dataclass
class Collected:
    """What may go, or is gone, and the pipelines that were left alone because they run."""

    items: list[Item] = field(default_factory=list)
    busy: list[str] = field(default_factory=list)


def collect(
    workspace: Workspace, lineage: Lineage, limits: Limits, *, pipeline: str | None = None, delete: bool = False
) -> Collected:
    """Finds what may go and, with `delete`, deletes it.

    Args:
        pipeline: only this one's, and its monitor's; None for all that lineage knows.

    Raises:
        ConfigError: the pipeline has never run here.
    """
    known = lineage.pipelines()
    if pipeline is not None and pipeline not in known:
        raise ConfigError(f"Pipeline `{pipeline}` has never run with {workspace.root}; there is nothing to collect.")
    found = Collected()
    for name in known if pipeline is None else [name for name in known if name in (pipeline, f"{pipeline}.monitor")]:
        if not delete:
            found.items += plan(workspace, lineage, name, limits)
            continue
        try:
            with workspace.lock(name):
                items = plan(workspace, lineage, name, limits)
                found.items += delete_items(items, workspace, lineage, limits)
        except WorkspaceBusy:
            found.busy.append(name)
    return found
