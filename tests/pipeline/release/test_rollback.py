"""Rolling back: what serves, what lineage says, and what does not come back."""

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from components.versions import versions
from schemas.errors import ConfigError, RefusalError
from tests.pipeline.release.conftest import Project

Files = Callable[[Path], dict[str, bytes]]


def test_the_last_good_version_serves_again_byte_for_byte(news: Project, three: list[int], files: Files) -> None:
    done = news.roll_back()
    assert (done.from_version, done.to_version, done.taken_back) == (three[2], three[1], (three[2],))
    assert list(news.served().values()) == ["A", "B", "C", "B"]
    assert done.path == versions(news.folder)[done.serving] == list(versions(news.folder).values())[-1]
    assert files(done.path) == files(news.folder / str(three[1]))
    assert not list(news.folder.glob(".staged-*"))


def test_several_steps_back_one_by_one(news: Project, three: list[int]) -> None:
    news.roll_back()
    done = news.roll_back()
    assert list(news.served().values()) == ["A", "B", "C", "B", "A"]
    assert (done.to_version, done.taken_back) == (three[0], (three[1],))
    with pytest.raises(ConfigError, match="Nothing to roll back to"):
        news.roll_back()
    assert list(news.served().values()) == ["A", "B", "C", "B", "A"]


def test_a_version_that_is_named_takes_back_all_models_after_it(news: Project, three: list[int]) -> None:
    done = news.roll_back(to=three[0])
    assert list(news.served().values())[-1] == "A"
    assert done.taken_back == tuple(three[1:])
    for content in "BC":
        assert news.run(content).status == "refused"
    assert news.champion() == "A"


def test_the_model_is_never_champion_nor_pushed_again(news: Project, three: list[int]) -> None:
    assert news.champion() == "C"
    done = news.roll_back()
    assert news.champion() == "B"
    result = news.run_again()
    assert (result.status, result.exit_code, result.pushed_version) == ("refused", 3, None)
    assert [step.status for step in result.components] == ["cached", "cached", "failed"]
    assert result.refused_by is not None and result.refused_by.name == "Pusher"
    assert isinstance(result.error, RefusalError)
    assert f"rollback FILE --forgive {three[2]}" in result["Pusher"].reason
    assert "(it was bad)" in result["Pusher"].reason
    assert max(news.served()) == done.serving
    assert news.champion() == "B"
    news.run("D")
    assert (news.champion(), list(news.served().values())[-1]) == ("D", "D")


def test_the_model_that_serves_again_is_taken_for_what_it_is(news: Project, three: list[int]) -> None:
    done = news.roll_back()
    again = news.run("B")
    assert (again.status, again.pushed_version) == ("succeeded", done.serving)
    assert news.run_again()["Pusher"].status == "cached"


def test_a_model_that_comes_from_another_workspace_is_not_pushed_either(news: Project, three: list[int]) -> None:
    news.roll_back()
    shutil.rmtree(news.workspace)
    assert news.run_again().status == "refused"
    assert list(news.served().values())[-1] == "B"


def test_damaged_versions_are_passed_over(news: Project, three: list[int], caplog: pytest.LogCaptureFixture) -> None:
    (news.folder / str(three[1]) / "saved_model.pb").write_text("cut")
    assert news.roll_back().to_version == three[0]
    assert f"version {three[1]} is passed over" in caplog.text


def test_lineage_has_the_story(news: Project, three: list[int]) -> None:
    done = news.roll_back()
    with closing(news.lineage()) as lineage:
        run = lineage.run(done.run_id)
        assert run is not None and (run.status, run.pipeline, run.file) == ("succeeded", "news", str(news.file))
        (execution,) = lineage.for_run(done.run_id)
        assert (execution.type_name, execution.node, execution.state) == ("Rollback", "Rollback", "complete")
        assert execution.inputs["restored"].uri.name == str(three[1])
        assert execution.parameters["from_version"] == str(three[2])
        assert execution.parameters["reason"] == "it was bad"
        pushed = execution.outputs["pushed_model"]
        assert (pushed.type_name, pushed.uri) == ("PushedModel", done.path)
        assert pushed.properties["restored_version"] == three[1]
        gone = lineage.artifact(news.folder / str(three[2]))
        assert gone is not None
        pusher = lineage.producer(gone.id)
        assert pusher is not None
        model = pusher.inputs["model"]
        assert str(model.properties["rolled_back"]).endswith(": it was bad")
        assert model.id not in {relative.artifact.id for relative in lineage.ancestors(pushed.id)}


def test_what_cannot_be_is_told(news: Project) -> None:
    with pytest.raises(ConfigError, match="must be a pushed version to roll back from"):
        news.roll_back()
    news.run("A")
    with pytest.raises(ConfigError, match=r"Nothing to roll back to: version .* serves, and it is the only one"):
        news.roll_back()
    news.run("B")
    first, second = news.served()
    with pytest.raises(ConfigError, match=rf"`--to` must be one of the versions {first}, {second}. Received: 7"):
        news.roll_back(to=7)
    with pytest.raises(ConfigError, match=f"`--to` must be another model's: version {second} serves"):
        news.roll_back(to=second)
    news.roll_back()
    with pytest.raises(ConfigError, match=f"was not rolled back itself, and {second} was"):
        news.roll_back(to=second)
    with pytest.raises(ConfigError, match=f"version .*, whose model is that of version {first}, serves"):
        news.roll_back(to=first)


def test_a_broken_record_forgets_nothing(news: Project, three: list[int]) -> None:
    news.roll_back()
    (news.folder / ".release.json").write_text("{")
    result = news.run_again()
    assert result.status == "failed"
    assert ".release.json must be the record of releases" in result["Pusher"].reason
    assert list(news.served().values())[-1] == "B"
