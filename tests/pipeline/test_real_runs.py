"""The real pipeline, through the real command line, with real TensorFlow, on the shipped template's data.

The fixtures below are one story in one project; each is a run that begins where the one before ended.
"""

import itertools
import json
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipeline.real.curves import curves
from tests.pipeline.real.project import DATA, PIPELINE, ROWS, STEPS, Finished, Project, as_csv, make_project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The shipped template, as `init` writes it."""
    parent = tmp_path_factory.mktemp("real")
    made = Project(parent).trainworks("init", "tickets", "--task", "text")
    assert made.exit_code == 0, made.stderr
    return Project(parent / "tickets")


@pytest.fixture(scope="module")
def first(project: Project) -> Finished:
    return project.run()


@pytest.fixture(scope="module")
def again(project: Project, first: Finished) -> Finished:
    return project.run(env={"PYTHONPROFILEIMPORTTIME": "1"})


@pytest.fixture(scope="module")
def refused(project: Project, again: Finished) -> tuple[Finished, Finished]:
    """A rule that no model keeps: once judged, once from cache."""
    rule = "evaluation.require=[{metric: accuracy, at_least: 1.01}]"
    return project.run("--set", rule), project.run("--set", rule)


@pytest.fixture(scope="module")
def retrained(project: Project, refused: tuple[Finished, Finished]) -> Finished:
    return project.run("--set", "training.seed=2")


def test_a_run_ends_with_a_pushed_model(project: Project, first: Finished) -> None:
    assert first.exit_code == 0, first.stderr
    told = first.told
    keys = ["run_id", "status", "blessed", "pushed_version", "pushed_path", "metrics", "spans", "components"]
    assert list(told) == keys
    assert (told["status"], told["blessed"]) == ("succeeded", True)
    assert first.fates == dict.fromkeys(STEPS, "executed")
    assert [step["reason"] for step in told["components"]] == ["first run"] * len(STEPS)
    assert 0.5 < told["metrics"]["accuracy"] < 1
    pushed = Path(told["pushed_path"])
    assert pushed == project.folder / "served" / "tickets" / str(told["pushed_version"])
    assert (pushed / "saved_model.pb").is_file()
    assert (pushed / "assets" / "labels.txt").read_text() == "account\nbilling\ndelivery\ntechnical\n"
    assert project.half_written() == []


def test_libraries_chatter_goes_to_the_log_alone(project: Project, first: Finished) -> None:
    assert len(first.stdout.splitlines()) == 1
    lines = first.stderr.splitlines()
    assert [line.split()[0] for line in lines if re.match(r"  \w", line)] == list(STEPS)
    assert not [line for line in lines if re.search("tensorflow|apache_beam|absl|WARNING|cuda", line)]
    assert "INFO trainworks.Trainer: exporting the weights of epoch " in project.log(first)


def test_a_first_run_says_what_becomes_of_rules_on_the_champion(first: Finished, again: Finished) -> None:
    note = (
        "note: Evaluator: no model has been blessed yet: rules against the champion are skipped"
        " (`evaluation.first_run: bless`)"
    )
    assert first.stderr.splitlines().count(note) == again.stderr.splitlines().count(note) == 1


def test_show_and_lineage_know_the_run(project: Project, first: Finished) -> None:
    run = first.told
    shown = project.trainworks("show", run["run_id"], "--json").told
    assert (shown["run_id"], shown["status"]) == (run["run_id"], "succeeded")
    steps = {step["name"]: step for step in shown["components"]}
    assert tuple(steps) == STEPS
    assert steps["Evaluator"]["metrics"] == run["metrics"]
    assert steps["Pusher"]["outputs"]["pushed_model"]["path"] == run["pushed_path"]

    origin = project.trainworks("lineage", run["pushed_path"], "--json").told
    assert (origin["type"], origin["step"], origin["run_id"]) == ("PushedModel", "Pusher", run["run_id"])
    assert str(project.folder / DATA) in origin["raw_files"]
    made_from = {artifact["type"] for artifact in origin["made_from"]}
    assert {"Examples", "ExampleStatistics", "Schema", "TransformGraph", "Model", "ModelBlessing"} <= made_from


def test_people_can_read_show_and_lineage(project: Project, first: Finished) -> None:
    run = first.told
    shown = project.trainworks("show", run["run_id"])
    assert shown.exit_code == 0
    assert f"accuracy  {run['metrics']['accuracy']:.4f}" in re.sub(" {2,}", "  ", shown.stdout)
    assert "skipped: no model has been blessed yet" in shown.stdout
    origin = project.trainworks("lineage", run["pushed_path"])
    assert origin.exit_code == 0
    raw = origin.stdout.partition("raw files\n")[2]
    assert raw.split() == [str(DATA), "schemas/tickets.pbtxt"]


def test_the_pushed_model_predicts(first: Finished, project: Project) -> None:
    text = "I was charged twice for my subscription"
    answered = project.trainworks("predict", "served/tickets", text, "Where is my parcel?", "--json")
    assert answered.exit_code == 0, answered.stderr
    answers = [json.loads(line) for line in answered.stdout.splitlines()]
    assert [answer["label"] for answer in answers] == ["billing", "delivery"]
    assert answers[0]["input"] == text
    assert sorted(answers[0]["scores"]) == ["account", "billing", "delivery", "technical"]
    assert sum(answers[0]["scores"].values()) == pytest.approx(1)
    assert answered.stderr == ""


def test_tensorboard_has_the_curves(project: Project, first: Finished) -> None:
    logs = project.workspace / "tensorboard" / "tickets" / first.told["run_id"] / "Trainer"
    for folder in (logs, project.output("Trainer", "model_run")):
        train, validation = curves(folder / "train"), curves(folder / "validation")
        epochs = max(map(int, re.findall(r"Trainer: epoch (\d+): loss", project.log(first))))
        for found in (train["epoch_loss"], train["epoch_accuracy"], validation["epoch_loss"]):
            assert list(found) == list(range(epochs))
        assert train["epoch_loss"][epochs - 1] < 0.5 * train["epoch_loss"][0]


READ_RAW = """
import csv, json, sys
import tensorflow as tf
import tensorflow_text

pushed, data, *shards = sys.argv[1:]
origins = []
for record in tf.data.TFRecordDataset(shards).as_numpy_iterator():
    feature = tf.train.Example.FromString(record).features.feature
    origins.append(int(feature["_source"].bytes_list.value[0].decode().rpartition(":")[2]))
with open(data, newline="", encoding="utf-8") as file:
    reader = csv.DictReader(file)
    rows = {reader.line_num: row for row in reader}
judged = [rows[line] for line in origins]
serve = tf.saved_model.load(pushed).signatures["serving_default"]
answers = serve(text=tf.constant([row["text"] for row in judged]))
labels = [label.decode() for label in answers["label"].numpy()]
right = sum(label == row["topic"] for label, row in zip(labels, judged))
ours = {"models", "components", "pipeline", "schemas"} & {name.partition(".")[0] for name in sys.modules}
print(json.dumps({"right": right, "examples": len(judged), "ours": sorted(ours)}))
"""


def test_serving_answers_as_the_evaluator_saw_it(project: Project, first: Finished) -> None:
    """No skew: raw rows of the csv file, asked of the pushed model without our code, give the run's own accuracy."""
    shards = sorted((project.output("ExampleGen", "examples") / "Split-test").iterdir())
    command = [sys.executable, "-c", READ_RAW, first.told["pushed_path"], project.folder / DATA, *shards]
    finished = subprocess.run(command, cwd="/", capture_output=True, text=True, check=True)
    found = json.loads(finished.stdout)
    assert found["ours"] == []
    assert 30 < found["examples"] < 70
    assert found["right"] / found["examples"] == first.told["metrics"]["accuracy"]


def test_nothing_changed_and_tensorflow_stays_away(project: Project, first: Finished, again: Finished) -> None:
    assert again.exit_code == 0, again.stderr
    assert again.fates == dict.fromkeys(STEPS, "cached")
    for name in ("blessed", "pushed_version", "pushed_path", "metrics"):
        assert again.told[name] == first.told[name]
    assert len(project.versions()) == 1
    profile = again.stderr + project.log(again)
    imported = set(re.findall(r"^import time:.*\| *(\S+)$", profile, flags=re.MULTILINE))
    assert {"components.trainer", "pipeline.runner"} <= imported
    assert imported.isdisjoint({"tensorflow", "keras", "apache_beam", "numpy", "pandas", "pyarrow"})


def test_a_model_that_is_not_good_enough_is_not_pushed(
    project: Project, first: Finished, refused: tuple[Finished, Finished]
) -> None:
    for finished, fate in zip(refused, ("executed", "cached"), strict=True):
        assert finished.exit_code == 3
        told = finished.told
        assert (told["status"], told["blessed"], told["pushed_version"]) == ("refused", False, None)
        assert told["metrics"] == first.told["metrics"]
        assert finished.fates == {
            **dict.fromkeys(STEPS, "cached"),
            "Evaluator": fate,
            "InfraValidator": "skipped",
            "Pusher": "skipped",
        }
        said = re.sub(" {2,}", "  ", finished.stderr)
        assert f"accuracy >= 1.01  at least 1.01  {told['metrics']['accuracy']:.4g} [" in said
        assert "Refused by Evaluator; nothing after it was run." in said
    assert project.versions() == [str(first.told["pushed_version"])]


def test_a_second_training_is_compared_with_the_champion(
    project: Project, first: Finished, retrained: Finished
) -> None:
    assert retrained.exit_code == 0, retrained.stderr
    trained_again = ("Trainer", "Evaluator", "InfraValidator", "Pusher")
    assert retrained.fates == {step: "executed" if step in trained_again else "cached" for step in STEPS}
    assert (
        next(s["reason"] for s in retrained.told["components"] if s["name"] == "Trainer")
        == "changed: parameter training"
    )
    shown = project.trainworks("show", "latest", "--json").told
    verdict = next(step["verdict"] for step in shown["components"] if step["name"] == "Evaluator")
    (rule,) = (rule for rule in verdict["rules"] if "champion" in rule["rule"])
    assert (rule["rule"], rule["verdict"]) == ("accuracy >= champion - 0.05", "passed")
    candidate, champion = retrained.told["metrics"]["accuracy"], first.told["metrics"]["accuracy"]
    assert rule["found"].startswith(f"{candidate:.4g} [")
    assert f"champion {champion:.4g} [" in rule["found"]
    assert f"difference {candidate - champion:.4g} [" in rule["found"]
    versions = [str(finished.told["pushed_version"]) for finished in (first, retrained)]
    assert project.versions() == versions == sorted(versions, key=int)


def test_a_curated_schema_is_what_data_are_held_against(project: Project, retrained: Finished) -> None:
    """One that leaves a class out: its rows are named, and nothing after the validator runs."""
    inferred = (project.folder / "schemas" / "tickets.pbtxt").read_text(encoding="utf-8")
    curated = project.folder / "schemas" / "curated.pbtxt"
    curated.write_text(re.sub(r' *value: "technical"\n', "", inferred), encoding="utf-8")
    finished = project.run("--set", "schema=schemas/curated.pbtxt")
    assert finished.exit_code == 3
    assert [finished.fates[step] for step in STEPS[:5]] == ["cached", "cached", "executed", "executed", "skipped"]
    assert "unknown_label" in finished.stderr
    assert "`technical`" in finished.stderr
    named = re.findall(rf"{DATA}:(\d+)", finished.stderr)
    assert {ROWS[int(line) - 2][1] for line in named} == {"technical"}
    assert len(project.versions()) == 2


def test_regression(tmp_path: Path) -> None:
    """Stars by the words of a review; words are drawn with a fixed seed."""
    draw = random.Random(7)
    weight = {"great": 2.0, "lovely": 1.0, "fine": 0.5, "slow": -0.5, "dull": -1.0, "broken": -2.0}
    rows = []
    for number in range(240):
        words = draw.choices(list(weight), k=4)
        rows.append((f"{' '.join(words)} item {number}", 5 + sum(weight[word] for word in words)))
    data, training = {**PIPELINE["data"], "label": "stars"}, {"min_steps": 200}
    settings = {**PIPELINE, "task": "regression", "data": data, "training": training}
    project = make_project(tmp_path / "stars", settings, as_csv(rows, ("text", "stars")))
    finished = project.run()
    assert finished.exit_code == 0, finished.stderr
    metrics = finished.told["metrics"]
    assert list(metrics) == ["mse", "rmse", "mae", "r2"]
    assert metrics["rmse"] == pytest.approx(metrics["mse"] ** 0.5)
    assert metrics["r2"] > 0.8
    answered = project.trainworks(
        "predict", "served/tickets", "great great lovely fine", "broken dull dull slow", "--json"
    )
    high, low = (json.loads(line)["prediction"] for line in answered.stdout.splitlines())
    assert high > 8
    assert low < 2


CHINESE = {
    "账单": ("{}被重复扣款了", "{}的发票金额不对", "买{}的钱什么时候退款", "{}的优惠券没有抵扣", "为什么{}多收了运费"),
    "物流": (
        "{}什么时候发货",
        "{}的快递一直没有到",
        "{}的包裹送错地址了",
        "能不能改{}的收货地址",
        "{}的快递员没有打电话",
    ),
    "故障": ("{}无法开机", "{}的屏幕坏了", "{}总是死机", "{}充不进电了", "更新以后{}很卡"),
}
THINGS = ("手机", "电脑", "耳机", "相机", "键盘", "冰箱", "电视", "手表", "音箱", "平板", "路由器", "打印机")


@pytest.mark.slow
def test_chinese(tmp_path: Path) -> None:
    """Text without spaces is split by character; labels are words of any script."""
    rows = [
        (sentence.format(thing), label)
        for thing, (label, sentences) in itertools.product(THINGS, CHINESE.items())
        for sentence in sentences
    ]
    project = make_project(tmp_path / "tickets", data=as_csv(rows))
    finished = project.run()
    assert finished.exit_code == 0, finished.stderr
    assert finished.told["metrics"]["accuracy"] > 0.9
    answered = project.trainworks("predict", "served/tickets", "鼠标的快递什么时候到", "鼠标开机以后死机", "--json")
    assert [json.loads(line)["label"] for line in answered.stdout.splitlines()] == ["物流", "故障"]
    facts = project.output("Transform", "transform_graph") / "facts"
    known = "\n".join(path.read_text(encoding="utf-8") for path in facts.glob("*.txt")).split()
    assert {"快", "递", "机"} <= set(known)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_formats_do_not_matter(kind: str, first: Finished, tmp_path: Path) -> None:
    """The same rows make the same splits, the same training and the same numbers."""
    data = {**PIPELINE["data"], "format": kind, "splits": {"train": f"data/tickets.{kind}"}}
    project = make_project(tmp_path / "tickets", {**PIPELINE, "data": data})
    records = [{"text": text, "topic": topic} for text, topic in ROWS]
    if kind == "jsonl":
        lines = "".join(f"{json.dumps(record)}\n" for record in records)
        (project.folder / "data" / "tickets.jsonl").write_text(lines, encoding="utf-8")
    else:
        import pyarrow as pa
        from pyarrow import parquet

        parquet.write_table(pa.Table.from_pylist(records), project.folder / "data" / "tickets.parquet")
    finished = project.run()
    assert finished.exit_code == 0, finished.stderr
    assert finished.told["metrics"] == first.told["metrics"]


@pytest.mark.slow
def test_a_curated_schema_may_know_more_classes(tmp_path: Path) -> None:
    """A class that has no example yet is one of the model's answers already."""
    project = make_project(tmp_path / "tickets", {**PIPELINE, "schema": "curated.pbtxt"})
    project.run("--set", "schema=null", "--to", "SchemaGen")
    inferred = (project.folder / "schemas" / "tickets.pbtxt").read_text(encoding="utf-8")
    curated = inferred.replace('value: "technical"', 'value: "returns"\n    value: "technical"')
    (project.folder / "curated.pbtxt").write_text(curated, encoding="utf-8")
    finished = project.run()
    assert finished.exit_code == 0, finished.stderr
    labels = Path(finished.told["pushed_path"]) / "assets" / "labels.txt"
    assert labels.read_text(encoding="utf-8").split() == ["account", "billing", "delivery", "returns", "technical"]


@pytest.mark.slow
def test_lstm(tmp_path: Path) -> None:
    """The other family, from its name alone; `linear` is what the tests above train."""
    project = make_project(tmp_path / "tickets", {**PIPELINE, "model": {"family": "lstm"}})
    finished = project.run()
    assert finished.exit_code == 0, finished.stderr
    assert finished.told["metrics"]["accuracy"] > 0.5
    answered = project.trainworks("predict", "served/tickets", "I was charged twice for my subscription", "--json")
    assert json.loads(answered.stdout)["label"] == "billing"
