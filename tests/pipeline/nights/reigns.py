"""Whether an answer came from a model that was blessed when it was given."""

import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.lineage.store import Lineage
from tests.pipeline.nights.clients import Answered, Clients, Fingerprint
from tests.pipeline.nights.nights import Nights
from tests.serving.clients import Served, until


@dataclass(frozen=True)
class Origin:
    """Where a version comes from.

    Args:
        version: the one that its model was pushed as first; a rollback pushes it again.
        blessed: when its model was, in seconds since the epoch.
    """

    version: int
    blessed: float


@dataclass
class Reigns:
    """When which version may answer.

    From its model's blessing, which lineage knows, until the server says that its successor is available and it no
    longer is: that takes a look of the server at the folder (`--file_system_poll_wait_seconds`), and the time in which
    it loads the successor and lets the last calls end.
    """

    nights: Nights
    served: Served
    over: dict[int, float] = field(default_factory=dict)
    """Version to the end of its reign, in seconds since the epoch."""

    def settle(self) -> int:
        """Waits until the server has only the newest version; all others have reigned."""
        newest = max(self.nights.pushed())
        until(lambda: available(self.served) == [newest], self.served.log, seconds=120)
        for version in self.nights.pushed():
            if version != newest:
                self.over.setdefault(version, time.time())
        return newest

    def wrong(self, clients: Clients) -> list[Answered]:
        """Answers of models that were not blessed, or no longer served."""
        origins, told = self._origins(), clients.versions()
        return [
            answer
            for answer in clients.answers
            if not any(
                origins[version].blessed <= answer.answered and answer.asked <= self.over.get(version, answer.asked)
                for version in _possible(answer, told, origins)
            )
        ]

    def _origins(self) -> dict[int, Origin]:
        with closing(self.nights.lineage()) as lineage:
            return {version: _origin(lineage, path) for version, path in self.nights.pushed().items()}


def available(served: Served) -> list[int]:
    """The versions that the server says are available."""
    answer = served.ask("GET", "/v1/models/tickets")
    told = answer.json["model_version_status"] if answer.status == 200 else []
    return [int(one["version"]) for one in told if one["state"] == "AVAILABLE"]


def _possible(answer: Answered, told: dict[Fingerprint, set[int]], origins: dict[int, Origin]) -> set[int]:
    """The version that answered; where it is not said, all those of the model that answers so."""
    if answer.version is not None:
        return {answer.version}
    models = {origins[version].version for version in told.get(answer.fingerprint, ())}
    return {version for version, origin in origins.items() if origin.version in models}


def _origin(lineage: Lineage, folder: Path) -> Origin:
    pushed = lineage.artifact(folder)
    assert pushed is not None, folder
    pusher = lineage.producer(pushed.id)
    assert pusher is not None, folder
    if "restored" in pusher.inputs:
        return _origin(lineage, pusher.inputs["restored"].uri)
    blessing = pusher.inputs["blessing"]
    judge = lineage.producer(blessing.id)
    assert blessing.properties["blessed"] == 1 and judge is not None and judge.finished is not None, folder
    return Origin(int(folder.name), judge.finished / 1000)
