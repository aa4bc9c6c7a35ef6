"""A candidate's steps, as servers answer; tests/pipeline/release/test_serving.py takes them with a real server."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from components.release.labels import CONFIG
from pipeline.release.promotion import NODE, Promoted, Promotion
from pipeline.release.served import ServedModel
from pipeline.workspace import Workspace
from schemas.errors import ConfigError, TrainworksError
from schemas.release_record import ReleaseRecord
from serving.calls import Call
from serving.errors import Code
from tests.pipeline.release.conftest import Project
from tests.pipeline.release.test_servers import METRICS, answering, metrics_of, status_of

STATUS = "/v1/models/news"


@dataclass(frozen=True)
class Trial:
    """A project with A stable and B a candidate, and what its server answers."""

    project: Project
    pages: dict[str, bytes]
    stable: int
    candidate: int

    def step(self) -> Promoted:
        with closing(self.project.lineage()) as lineage:
            return Promotion(ServedModel.of(self.project.file), Workspace(self.project.workspace), lineage).step()

    def loaded(self) -> None:
        """The server has loaded both versions."""
        self.pages[STATUS] = status_of(**{f"v{self.stable}": "AVAILABLE", f"v{self.candidate}": "AVAILABLE"})

    def asked(self, times: int, failing: int = 0) -> None:
        """The candidate was asked so many times."""
        good, bad = (
            Call("rest", "Predict", "", "", "news", self.candidate, code=code) for code in (Code.OK, Code.INTERNAL)
        )
        self.pages[METRICS] = metrics_of(*[good] * (times - failing), *[bad] * failing)

    def labels(self) -> str:
        return (self.project.base / "served" / CONFIG).read_text()

    def record(self) -> ReleaseRecord:
        return ReleaseRecord.read(self.project.folder)


@pytest.fixture
def trial(news: Project) -> Iterator[Trial]:
    pages: dict[str, bytes] = {}
    with answering(pages) as url:
        news.set_push(
            f"{{directory: served, policy: canary, servers: ['{url}'], probation: {{seconds: 0, requests: 10}}}}"
        )
        news.run("A")
        news.run("B")
        yield Trial(news, pages, *news.served())


def test_nothing_is_labelled_before_it_is_loaded(trial: Trial) -> None:
    done = trial.step()
    assert (done.status, done.candidate) == ("loading", trial.candidate)
    assert f"version {trial.candidate} is not known" in done.said
    assert "canary" not in trial.labels()
    trial.loaded()
    assert trial.step().status == "waiting"
    assert "canary" in trial.labels()
    trial.asked(9)
    assert trial.step().status == "waiting"


def test_a_candidate_that_passes_is_stable_and_lineage_says_why(trial: Trial) -> None:
    trial.loaded()
    trial.step()
    trial.asked(10)
    done = trial.step()
    assert (done.status, done.stable) == ("promoted", trial.candidate)
    assert trial.record() == ReleaseRecord(stable=trial.candidate, previous=trial.stable)
    with closing(trial.project.lineage()) as lineage:
        execution = lineage.newest_execution("news", NODE)
        assert execution is not None and (execution.type_name, execution.state) == ("Promotion", "complete")
        assert execution.inputs["candidate"].uri.name == str(trial.candidate)
        assert execution.outputs["pushed_model"].properties["label"] == "stable"
        assert '"rule":"requests"' in execution.parameters["verdict"]
    assert trial.step() == Promoted("stable", trial.candidate)
    assert trial.project.run_again()["Pusher"].status == "cached"


def test_a_candidate_that_fails_is_rolled_back_and_not_champion(trial: Trial) -> None:
    trial.loaded()
    trial.step()
    trial.asked(10, failing=1)
    done = trial.step()
    assert (done.status, done.stable) == ("rolled back", trial.stable)
    assert done.said == "error_rate 10.00%, where at most 1.00% was asked"
    assert "canary" not in trial.labels()
    assert trial.project.champion() == "A"
    assert trial.project.run_again().status == "refused"
    assert trial.record().rolled_back[0].reason == f"probation: {done.said}"


def test_a_rollback_takes_the_candidate_first_and_then_what_is_stable(trial: Trial) -> None:
    done = trial.project.roll_back()
    assert (done.from_version, done.serving) == (trial.candidate, trial.stable)
    with pytest.raises(ConfigError, match="Nothing to roll back to"):
        trial.project.roll_back()


def test_labels_that_a_killed_process_did_not_write_are_written(trial: Trial) -> None:
    trial.record().promoted().write(trial.project.folder)
    assert f'key: "stable"\n      value: {trial.stable}' in trial.labels()
    assert trial.step().status == "stable"
    assert f'key: "stable"\n      value: {trial.candidate}' in trial.labels()


def test_a_rollback_that_died_before_it_wrote_the_labels_is_finished(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    trial.loaded()
    trial.step()
    with monkeypatch.context() as patched:
        patched.setattr("pipeline.release.rollback.write_labels", die)
        with pytest.raises(KeyboardInterrupt):
            trial.project.roll_back()
    assert "canary" in trial.labels()
    done = trial.project.roll_back()
    assert (done.finished, done.serving) == (True, trial.stable)
    assert "canary" not in trial.labels()


def test_a_rollback_to_what_cannot_be_loaded_changes_nothing(trial: Trial) -> None:
    only = ReleaseRecord(stable=trial.candidate)
    only.write(trial.project.folder)
    assert trial.step().status == "stable"
    before = trial.labels()
    trial.pages[STATUS] = status_of(**{f"v{trial.candidate}": "AVAILABLE", f"v{trial.stable}": "END"}).replace(
        b'"error_message": ""', b'"error_message": "no memory"'
    )
    with pytest.raises(TrainworksError, match="no memory"):
        trial.project.roll_back(to=trial.stable)
    assert (trial.record(), trial.labels(), trial.project.champion()) == (only, before, "B")


def test_a_server_that_does_not_answer_decides_nothing(trial: Trial) -> None:
    before = trial.record()
    trial.project.set_push("{directory: served, policy: canary, servers: ['http://127.0.0.1:1']}")
    with pytest.raises(TrainworksError, match="must answer"):
        trial.step()
    assert trial.record() == before


def test_without_labels_there_is_nothing_to_promote(news: Project, tmp_path: Path) -> None:
    news.run("A")
    with closing(news.lineage()) as lineage, pytest.raises(ConfigError, match="no version with a label"):
        Promotion(ServedModel.of(news.file), Workspace(news.workspace), lineage).step()
