"""How a version that was pushed takes over: at once, or on probation beside the one that serves."""

from pathlib import Path

from components.release.labels import write_labels
from components.versions import Pushed, digest_of, turn, versions
from schemas.config import PushConfig
from schemas.release_record import ReleaseRecord


def take_over(base: Path, push: PushConfig, name: str, pushed: Pushed) -> str:
    """Has servers told of a pushed version as the policy wants it; returns what becomes of it, in words.

    Args:
        base: the folder that `push.directory` starts from.
        push: the pipeline's section.
        name: the model's.
        pushed: the version.

    Raises:
        ConfigError: the ModelServerConfig that is there cannot be read.
    """
    folder, version = pushed.path.parent, int(pushed.path.name)
    with turn(folder):
        before = ReleaseRecord.read(folder)
        if push.policy == "direct":
            if before.stable is None:
                return ""
            after = before.without_labels()
            said = "serves, and no label is left: `push.policy` is `direct` now, and clients must ask for none"
        else:
            served = version if pushed.adopted else _served_before(folder, version, before)
            after = before.with_pushed(version, served, shadow=push.policy == "shadow")
            said = _told(after, version)
        if after != before:
            after.write(folder)
        write_labels(base, push, name, after)
        return said


def _served_before(folder: Path, version: int, record: ReleaseRecord) -> int | None:
    """The version that servers took as the newest until now."""
    older = {number: path for number, path in versions(folder).items() if number < version}
    good = [number for number, path in older.items() if record.entry(digest_of(path)) is None]
    return max(good, default=None)


def _told(record: ReleaseRecord, version: int) -> str:
    if record.candidate == version:
        return (
            f"is a candidate beside version {record.stable}: `trainworks promote` decides once it stood its probation"
        )
    return "is stable: there is no other that it could be held against"
