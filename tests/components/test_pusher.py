"""The Pusher on real folders and processes."""

import contextlib
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from components.component import Channel, Context
from components.pusher import Pusher
from components.versions import digest_of, push_version, republish, turn, versions
from components.warmup import WARMUP
from schemas.artifacts import Examples, Model, ModelBlessing, PushedModel
from schemas.config import PushConfig
from schemas.errors import ConfigError, RefusalError, TrainworksError
from schemas.manifest import MANIFEST, SIGNATURE, load_key, read_manifest, verify
from schemas.release_record import ReleaseRecord, RolledBack
from schemas.tfrecords import read_records
from schemas.verdict import RuleVerdict, Verdict
from serving.protos import prediction_log_pb2
from tests.components.conftest import DataSteps

PredictionLog = prediction_log_pb2.PredictionLog

_PUSH = "import sys; from pathlib import Path; from components.versions import push_version;"
_PUSH += "print(push_version(Path(sys.argv[1]), Path(sys.argv[2]), model='m').path.name)"


def _model(uri: Path, content: bytes = b"graph", files: int = 1) -> Model:
    model = Model(uri=uri)
    (model.serving / "variables").mkdir(parents=True)
    (model.serving / "saved_model.pb").write_bytes(content)
    for i in range(files):
        (model.serving / "variables" / f"variables.data-{i:05d}").write_bytes(content * 1000)
    return model


def _pusher(
    model: Model, blessing: ModelBlessing, output: Path, *, name: str = "news", key: str | None = None
) -> Pusher:
    producer = object.__new__(Pusher)
    component = Pusher(
        model=Channel(producer, "model", Model),
        blessing=Channel(producer, "blessing", ModelBlessing),
        push=PushConfig(directory="served", signing_key=key),
        model_name=name,
    )
    return component.bind({"model": model, "blessing": blessing}, {"pushed_model": PushedModel(output)})


def _blessing(uri: Path, *, blessed: bool = True) -> ModelBlessing:
    uri.mkdir()
    (uri / ("BLESSED" if blessed else "NOT_BLESSED")).touch()
    failed = RuleVerdict(rule="accuracy >= 0.9", expected="at least 0.9", found="0.5 [0.4, 0.6]", verdict="failed")
    Verdict(rules=() if blessed else (failed,)).save(uri)
    return ModelBlessing(uri)


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def _whole(version: Path) -> bool:
    """Whether a version holds exactly what its manifest says."""
    manifest = read_manifest(version)
    assert manifest is not None
    found = {name: hashlib.sha256(content).hexdigest() for name, content in _contents(version).items()}
    found.pop(str(MANIFEST))
    return found == manifest.files


def test_a_blessed_model_is_pushed_whole_with_its_manifest(tmp_path: Path, context: Context) -> None:
    model = _model(tmp_path / "model")
    before = int(time.time())
    pusher = _pusher(model, _blessing(tmp_path / "blessing"), tmp_path / "output")
    pusher.run(context)
    path = pusher.pushed_model.uri
    assert path.parent == tmp_path / "served" / "news"
    assert before <= pusher.pushed_model.version <= time.time()
    assert pusher.pushed_model.properties == {"pushed_version": int(path.name), "pushed_destination": str(path)}
    assert _whole(path)
    assert read_manifest(path).model == str(model.uri)
    copied = _contents(path)
    del copied[str(MANIFEST)]
    assert copied == _contents(model.serving)
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    assert pusher.still_valid()
    (path / "saved_model.pb").unlink()
    assert not pusher.still_valid()


def test_what_is_not_blessed_is_not_pushed(tmp_path: Path, context: Context) -> None:
    pusher = _pusher(_model(tmp_path / "model"), _blessing(tmp_path / "no", blessed=False), tmp_path / "output")
    with pytest.raises(TrainworksError, match=r"Only a blessed model is pushed.*accuracy >= 0.9: found 0.5"):
        pusher.run(context)
    assert not (tmp_path / "served").exists()


@pytest.mark.parametrize("name", ["../outside", "a/b", "", ".hidden"])
def test_the_name_cannot_lead_elsewhere(tmp_path: Path, context: Context, name: str) -> None:
    pusher = _pusher(_model(tmp_path / "model"), _blessing(tmp_path / "yes"), tmp_path / "output", name=name)
    with pytest.raises(ConfigError, match="`model_name` must be"):
        pusher.run(context)


def test_the_same_model_is_adopted_and_a_new_one_never_overwrites(tmp_path: Path) -> None:
    first = push_version(_model(tmp_path / "a").serving, tmp_path / "served", model="a")
    again = push_version(_model(tmp_path / "b").serving, tmp_path / "served", model="b")
    assert (again.path, again.adopted) == (first.path, True)
    before = _contents(first.path)
    second = push_version(_model(tmp_path / "c", b"other").serving, tmp_path / "served", model="c")
    assert not second.adopted
    assert int(second.path.name) > int(first.path.name)
    assert _contents(first.path) == before
    # The first model again: it is not the newest version any more, so it is a version of its own.
    third = push_version(_model(tmp_path / "d").serving, tmp_path / "served", model="d")
    assert list(versions(tmp_path / "served").values()) == [first.path, second.path, third.path]


@pytest.mark.parametrize("content", [None, b"", b"grapf"])
@pytest.mark.parametrize("name", ["saved_model.pb", "variables/variables.data-00000"])
def test_a_damaged_newest_version_is_not_adopted(tmp_path: Path, name: str, content: bytes | None) -> None:
    """Gone, cut, or of the same size with other bytes."""
    model = _model(tmp_path / "a")
    first = push_version(model.serving, tmp_path / "served", model="a")
    times = (first.path / name).stat().st_size // len(b"graph")
    (first.path / name).unlink()
    if content is not None:
        (first.path / name).write_bytes(content * times)
    second = push_version(model.serving, tmp_path / "served", model="a")
    assert not second.adopted
    assert int(second.path.name) > int(first.path.name)
    assert _whole(second.path)


def test_a_pushed_version_holds_until_another_is_served(tmp_path: Path, context: Context) -> None:
    """A, then B, then A again: what lineage remembers of the first push is not what servers answer with."""
    blessing = _blessing(tmp_path / "blessing")
    pushers = {name: _pusher(_model(tmp_path / name, name.encode()), blessing, tmp_path / "out") for name in "AB"}
    pushers["A"].run(context)
    first = pushers["A"].pushed_model.uri
    assert pushers["A"].still_valid()
    pushers["B"].run(context)
    assert pushers["B"].still_valid()
    assert not pushers["A"].still_valid()
    pushers["A"].run(context)
    assert pushers["A"].still_valid()
    assert not pushers["B"].still_valid()
    assert int(pushers["A"].pushed_model.uri.name) > int(pushers["B"].pushed_model.uri.name) > int(first.name)


def test_a_pushed_version_holds_while_it_is_whole(tmp_path: Path, context: Context) -> None:
    pusher = _pusher(_model(tmp_path / "model"), _blessing(tmp_path / "blessing"), tmp_path / "out")
    pusher.run(context)
    path = pusher.pushed_model.uri / "variables" / "variables.data-00000"
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    assert not pusher.still_valid()
    path.write_bytes(content)
    assert pusher.still_valid()
    shutil.rmtree(pusher.pushed_model.uri.parent)
    assert not pusher.still_valid()


def test_versions_increase_though_the_clock_steps_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = []
    for i, now in enumerate([2_000_000_000.9, 1_000_000_000.0, 1_999_999_999.0, 2_000_000_500.0]):
        monkeypatch.setattr(time, "time", lambda now=now: now)
        model = _model(tmp_path / f"model-{i}", str(i).encode())
        numbers.append(int(push_version(model.serving, tmp_path / "served", model="m").path.name))
    assert numbers == [2_000_000_000, 2_000_000_001, 2_000_000_002, 2_000_000_500]


def test_anything_with_a_number_for_a_name_counts_as_a_version(tmp_path: Path) -> None:
    served = tmp_path / "served"
    (served / "9000000000").mkdir(parents=True)
    (served / "9000000007").write_text("a file")
    for other in ("notes", "99999999999999999999999999", "٣", "-5", "1.5"):
        (served / other).mkdir()
    pushed = push_version(_model(tmp_path / "model").serving, served, model="m")
    assert pushed.path.name == "9000000008"


def test_links_and_missing_models_are_refused(tmp_path: Path) -> None:
    model = _model(tmp_path / "model")
    (model.serving / "assets").symlink_to("/etc")
    with pytest.raises(TrainworksError, match="must hold no links"):
        push_version(model.serving, tmp_path / "served", model="m")
    with pytest.raises(TrainworksError, match=r"no saved_model\.pb"):
        push_version(tmp_path / "nothing", tmp_path / "served", model="m")


def test_pushers_at_the_same_time_get_versions_of_their_own(tmp_path: Path) -> None:
    served = tmp_path / "served"
    models = [_model(tmp_path / f"model-{i}", bytes([i]), files=5) for i in range(4)]
    processes = [
        subprocess.Popen([sys.executable, "-c", _PUSH, m.serving, served], stdout=subprocess.PIPE, text=True)
        for m in models
    ]
    names = [process.communicate(timeout=60)[0].strip() for process in processes]
    assert [process.returncode for process in processes] == [0] * 4
    assert len(set(names)) == 4
    assert set(names) == {path.name for path in served.iterdir()}
    for name, model in zip(names, models, strict=True):
        assert _whole(served / name)
        assert (served / name / "saved_model.pb").read_bytes() == (model.serving / "saved_model.pb").read_bytes()


def test_a_number_taken_in_between_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without locks (some network file systems) a rename meets the other's folder and takes the next number."""
    served = tmp_path / "served"
    rename, taken = Path.rename, []

    def race(self: Path, target: Path) -> Path:
        if not taken:
            taken.append(target)
            target.mkdir()
            (target / "saved_model.pb").write_bytes(b"theirs")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", race)
    pushed = push_version(_model(tmp_path / "model").serving, served, model="m")
    assert int(pushed.path.name) == int(taken[0].name) + 1
    assert (taken[0] / "saved_model.pb").read_bytes() == b"theirs"


_FORKER = """
import os, sys
from pathlib import Path
from components.versions import push_version
for line in sys.stdin:
    pid = os.fork()
    if not pid:
        push_version(Path(sys.argv[1]), Path(sys.argv[2]), model="m")
        os._exit(0)
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""
"""Starts a pusher for every line it reads, and tells its process id and how it ended."""


def test_a_kill_at_any_moment_leaves_whole_versions_only(tmp_path: Path) -> None:
    """Kills pushers at random moments; what can be seen is always whole, and the next push leaves no rest."""
    seed = int(time.time())
    print(f"seed: {seed}")  # noqa: T201
    generator, served, codes = random.Random(seed), tmp_path / "served", []
    model = _model(tmp_path / "model", os.urandom(500), files=30)
    started = time.perf_counter()
    push_version(model.serving, served, model="m")
    usual = time.perf_counter() - started
    arguments = [sys.executable, "-c", _FORKER, model.serving, served]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as forker:
        for i in range(20):
            (model.serving / "saved_model.pb").write_bytes(str(i).encode())
            print(file=forker.stdin, flush=True)
            pid = int(forker.stdout.readline())
            time.sleep(generator.random() * usual * 1.2)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            codes.append(int(forker.stdout.readline()))
            assert all(_whole(path) for path in versions(served).values())
            assert all(path.name.isdigit() or path.name.startswith(".staged-") for path in served.iterdir())
    assert -signal.SIGKILL in codes
    pushed = push_version(model.serving, served, model="m")
    assert _whole(pushed.path)
    assert all(path.name.isdigit() for path in served.iterdir())


def test_a_disk_that_cannot_take_it_leaves_nothing(tmp_path: Path) -> None:
    model, served = _model(tmp_path / "model", os.urandom(2000)), tmp_path / "served"
    limited = subprocess.run(
        [sys.executable, "-c", _PUSH, model.serving, served],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "TrainworksError: The model cannot be pushed" in limited.stderr
    assert "File too large" in limited.stderr
    assert list(served.iterdir()) == []


def test_the_manifest_is_the_same_for_the_same_model(tmp_path: Path) -> None:
    model = _model(tmp_path / "model")
    texts = {(push_version(model.serving, tmp_path / f"s{i}", model="m").path / MANIFEST).read_text() for i in range(2)}
    assert len(texts) == 1
    assert list(json.loads(texts.pop())["files"]) == ["saved_model.pb", "variables/variables.data-00000"]


def test_a_version_is_signed_and_another_key_pushes_anew(tmp_path: Path, context: Context) -> None:
    pushed = []
    for secret in (b"s" * 32, b"s" * 32 + b"\n", b"t" * 32):
        (tmp_path / "push.key").write_bytes(secret)
        (tmp_path / "push.key").chmod(0o600)
        pusher = _pusher(
            _model(tmp_path / f"m{len(pushed)}"), ModelBlessing(tmp_path), tmp_path / "out", key="push.key"
        )
        assert pusher.external_inputs(context.base) == [Path("push.key")]
        (tmp_path / "BLESSED").touch()
        pusher.run(context)
        pushed.append(pusher.pushed_model.uri)
        assert verify(pushed[-1], load_key(tmp_path / "push.key")).files.keys() == _contents(pushed[-1]).keys() - {
            str(MANIFEST),
            str(SIGNATURE),
        }
    assert pushed[0] == pushed[1] != pushed[2]
    with pytest.raises(TrainworksError, match=r"signature of .* is wrong"):
        verify(pushed[0], b"t" * 32)


def test_an_unsigned_version_is_not_adopted_where_a_key_is_asked_for(tmp_path: Path) -> None:
    serving, served = _model(tmp_path / "model").serving, tmp_path / "served"
    unsigned = push_version(serving, served, model="m")
    signed = push_version(serving, served, model="m", key=b"k" * 32)
    assert not signed.adopted
    assert signed.path != unsigned.path
    assert push_version(serving, served, model="m") == type(signed)(signed.path, adopted=True)


def test_warm_up_requests_go_along(tmp_path: Path, context: Context, steps: DataSteps) -> None:
    examples = steps.examples({"test": [{"text": "one", "label": "a"}, {"text": "two", "label": "b"}]})
    producer = object.__new__(Pusher)

    def pushed(count: int, model: Model) -> Path:
        pusher = Pusher(
            model=Channel(producer, "model", Model),
            blessing=Channel(producer, "blessing", ModelBlessing),
            examples=Channel(producer, "examples", Examples),
            push=PushConfig(directory="served", warmup_examples=count),
            model_name="news",
            features={"words": "text"},
            split="test",
        )
        inputs = {"model": model, "blessing": ModelBlessing(tmp_path), "examples": examples}
        bound = pusher.bind(inputs, {"pushed_model": PushedModel(tmp_path / "out")})
        bound.run(context)
        return bound.pushed_model.uri

    (tmp_path / "BLESSED").touch()
    model = _model(tmp_path / "model")
    first = pushed(2, model)
    with (first / WARMUP).open("rb") as file:
        logs = [PredictionLog.FromString(record) for record in read_records(file)]
    values = [list(log.predict_log.request.inputs["words"].string_val) for log in logs]
    assert values == [[b"one"], [b"two"], [b"one", b"two"]]
    assert str(WARMUP) in verify(first).files
    # Other samples are no other model; a model's own requests come first.
    assert pushed(1, model) == first
    assert WARMUP.name not in {path.name for path in pushed(0, model).rglob("*")}
    (model.serving / WARMUP).parent.mkdir()
    (model.serving / WARMUP).write_bytes(b"its own")
    assert (pushed(2, model) / WARMUP).read_bytes() == b"its own"


def test_a_version_is_published_again_as_it_is(tmp_path: Path) -> None:
    served, key = tmp_path / "served", b"k" * 32
    first = push_version(_model(tmp_path / "a").serving, served, model="a", key=key, added={WARMUP: b"requests"}).path
    push_version(_model(tmp_path / "b", b"other").serving, served, model="b", key=key)
    with turn(served):
        again = republish(first, key)
    assert list(versions(served).values())[-1] == again
    assert _contents(again) == _contents(first)
    assert {str(MANIFEST), str(SIGNATURE), str(WARMUP)} < _contents(again).keys()


def test_what_is_damaged_or_signed_otherwise_is_not_published_again(tmp_path: Path) -> None:
    served = tmp_path / "served"
    version = push_version(_model(tmp_path / "a").serving, served, model="a", key=b"k" * 32).path
    with turn(served), pytest.raises(TrainworksError, match=r"signature of .* is wrong"):
        republish(version, b"other" * 8)
    (version / "saved_model.pb").write_bytes(b"cut")
    with turn(served), pytest.raises(TrainworksError, match=r"changed: saved_model\.pb"):
        republish(version, b"k" * 32)
    assert [path.name for path in served.iterdir()] == [version.name]


def test_a_model_that_was_rolled_back_is_not_pushed_whatever_goes_along(tmp_path: Path) -> None:
    serving, served = _model(tmp_path / "a").serving, tmp_path / "served"
    bad = push_version(serving, served, model="a", added={WARMUP: b"requests"}).path
    entry = RolledBack(version=int(bad.name), digest=digest_of(bad), at="2026-11-25", reason="wrong topics")
    ReleaseRecord().with_rolled_back([entry]).write(served)
    with pytest.raises(RefusalError, match=rf"as version {bad.name} of .*, on 2026-11-25 \(wrong topics\)"):
        push_version(serving, served, model="a")
    other = push_version(_model(tmp_path / "b", b"other").serving, served, model="b")
    assert list(versions(served).values()) == [bad, other.path]


def test_a_version_without_a_manifest_is_known_by_its_files(tmp_path: Path) -> None:
    serving = _model(tmp_path / "a").serving
    pushed = push_version(serving, tmp_path / "served", model="a", added={WARMUP: b"requests"}).path
    assert digest_of(serving) == digest_of(pushed)
