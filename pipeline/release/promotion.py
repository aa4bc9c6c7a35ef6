"""Promoting: a candidate gets its label once servers have loaded it, and is stable once it stood its probation.

Each call takes the next step that is due: `loading`, `waiting`, then `promoted` or `rolled back`. Labels are only ever
given to versions that every server has loaded, as model servers insist on.
"""

import time
from dataclasses import dataclass
from typing import Final, Literal

from components.release.labels import write_labels
from components.versions import turn
from pipeline.lineage.store import Lineage
from pipeline.release.probation import Judgement, judge, not_loaded
from pipeline.release.release_log import MODEL, ReleaseLog
from pipeline.release.rollback import Rollback
from pipeline.release.served import ServedModel
from pipeline.release.servers import Counts, Servers, VersionBroken
from pipeline.workspace import Workspace
from schemas.errors import ConfigError
from schemas.release_record import ReleaseRecord
from schemas.verdict import Verdict

NODE: Final = "Promotion"
"""Name of the node, and of the execution's type, in lineage."""

Status = Literal["stable", "loading", "waiting", "promoted", "rolled back"]


@dataclass(frozen=True)
class Promoted:
    """What a call came to.

    Args:
        status: `stable` where there is no candidate.
        stable: the version with that label now.
        candidate: the version that it was about; None where there was none.
        said: what is missing, or what was wrong.
        verdict: the rules of the probation, once it was looked at.
    """

    status: Status
    stable: int
    candidate: int | None = None
    said: str = ""
    verdict: Verdict | None = None


class Promotion:
    """Takes the next step of a candidate; see Rollback for the arguments."""

    def __init__(self, served: ServedModel, workspace: Workspace, lineage: Lineage) -> None:
        self._served, self._servers = served, Servers(served.push, served.name)
        self._rollback = Rollback(served, workspace, lineage)
        self._log = ReleaseLog(served, workspace, lineage, NODE)

    def step(self) -> Promoted:
        """Takes the step that is due.

        Raises:
            ConfigError: nothing was pushed under a policy with labels.
            TrainworksError: a server does not answer.
        """
        folder = self._served.folder
        if not folder.is_dir() or (stable := ReleaseRecord.read(folder).stable) is None:
            raise ConfigError(
                f"Something must have been pushed to {folder} under `push.policy: canary` to be promoted. Received: no"
                " version with a label."
            )
        with turn(folder):
            record = ReleaseRecord.read(folder)
            self._write_labels(record)
            if record.candidate is None or record.stable is None:
                return Promoted("stable", record.stable or stable)
            judged = self._judged(record, record.candidate)
            if isinstance(judged, Judgement) and judged.outcome == "failed":
                return self._roll_back(record, judged)
            return self._go_on(record, judged)

    def _judged(self, record: ReleaseRecord, candidate: int) -> Judgement | str:
        """The judgement of a candidate that has its label or can never have it; of any other one, what is missing."""
        if record.since is None:
            try:
                return self._servers.not_available(candidate)
            except VersionBroken as error:
                return not_loaded(str(error))
        rules = self._served.push.probation
        counts = self._servers.counts(candidate) if rules.requests else Counts()
        return judge(rules, counts, time.time() - record.since)

    def _go_on(self, record: ReleaseRecord, judged: Judgement | str) -> Promoted:
        """Labels the candidate that is loaded, promotes the one that passed, and waits for all others."""
        assert record.stable is not None
        if isinstance(judged, str):
            if judged:
                return Promoted("loading", record.stable, record.candidate, judged)
            self._set(record.labelled(time.time()))
            return Promoted("waiting", record.stable, record.candidate, "it has its label from now on")
        if judged.outcome == "waiting":
            return Promoted("waiting", record.stable, record.candidate, "", judged.verdict)
        return self._promote(record, judged)

    def _promote(self, record: ReleaseRecord, judged: Judgement) -> Promoted:
        assert record.candidate is not None and record.stable is not None
        inputs = {"candidate": self._log.pushed(record.candidate), MODEL: self._log.model(record.candidate)}
        said = {"verdict": judged.verdict.model_dump_json(), "stable_before": str(record.stable)}
        entry = self._log.begin(inputs, said)
        try:
            self._set(record.promoted())
        except BaseException as error:
            self._log.fail(entry, error)
            raise
        self._log.end(entry, self._served.folder / str(record.candidate), {"label": "stable"})
        return Promoted("promoted", record.candidate, record.candidate, "", judged.verdict)

    def _roll_back(self, record: ReleaseRecord, judged: Judgement) -> Promoted:
        assert record.stable is not None
        self._rollback.in_turn(record.stable, f"probation: {judged.reasons}")
        return Promoted("rolled back", record.stable, record.candidate, judged.reasons, judged.verdict)

    def _set(self, record: ReleaseRecord) -> None:
        record.write(self._served.folder)
        self._write_labels(record)

    def _write_labels(self, record: ReleaseRecord) -> None:
        write_labels(self._served.base, self._served.push, self._served.name, record)
