"""The data steps give the same bytes whatever the number of processes."""

from hashlib import sha256
from pathlib import Path

import pytest

from tests.pipeline.real.project import PIPELINE, ROWS, Project, as_csv, make_project

FILES = 3
SETTINGS = {
    **PIPELINE,
    "data": {**PIPELINE["data"], "splits": {"train": "data/part-*.csv"}},
    "model": {"family": "lstm"},
}


def prepared(folder: Path, workers: int) -> tuple[Project, str]:
    project = make_project(folder, SETTINGS)
    for part in range(FILES):
        (folder / "data" / f"part-{part}.csv").write_bytes(as_csv(ROWS[part::FILES]))
    finished = project.run("--to", "Transform", "--set", f"beam.workers={workers}")
    assert finished.exit_code == 0, finished.stderr
    return project, project.log(finished)


def graph_files(project: Project) -> set[Path]:
    """The names of the graph's files."""
    graphs = [path for folder in project.published() for path in folder.rglob("transform_fn")]
    return {path.relative_to(graph) for graph in graphs for path in graph.rglob("*")}


def contents(project: Project) -> dict[str, bytes]:
    """Every file of what the steps published, but the graph's, which TensorFlow never writes the same twice."""
    return {
        f"{folder.parent.parent.name} {folder.parent.name}: {path.relative_to(folder)}": path.read_bytes()
        for folder in project.published()
        for path in folder.rglob("*")
        if path.is_file() and "transform_fn" not in path.parts
    }


@pytest.mark.slow
def test_one_process_and_several_give_the_same_bytes(tmp_path: Path) -> None:
    alone, log_alone = prepared(tmp_path / "alone", 1)
    spread, log_spread = prepared(tmp_path / "spread", 3)

    found = contents(spread)
    assert found == contents(alone)
    assert Path("saved_model.pb") in graph_files(spread) == graph_files(alone)
    shards = [name for name in found if "data_tfrecord-" in name]
    assert {name.partition(":")[0] for name in shards} == {"ExampleGen examples", "Transform transformed_examples"}
    assert len([name for name in shards if name.startswith("ExampleGen") and "Split-train" in name]) == FILES
    for said in ("read 3 of 3 units", "looked at 9 of 9 shards", "analyzed 3 of 3 shards", "transformed 9 of 9 shards"):
        assert said in log_alone
        assert said in log_spread


@pytest.mark.slow
def test_a_large_csv_gives_the_same_bytes_in_one_process_and_several(tmp_path: Path) -> None:
    found, read = [], []
    for workers in (1, 2):
        project = make_project(tmp_path / str(workers), SETTINGS)
        with (project.folder / "data" / "part-0.csv").open("wb") as file:
            file.write(b"text,topic\n")
            for number in range(130):
                file.write(b'"%d ""quoted""\nand broken",earn\nragged\n' % number)
                file.write(b"%d %b,acq\n" % (number, b"word " * 209_000))
        finished = project.run("--to", "ExampleGen", "--set", f"beam.workers={workers}")
        assert finished.exit_code == 0, finished.stderr
        found.append({name: sha256(content).hexdigest() for name, content in contents(project).items()})
        read.append("read 4 of 4 units" in project.log(finished))

    assert found[0] == found[1]
    assert len([name for name in found[0] if "Split-train" in name]) == 4
    assert read == [True, True]


@pytest.mark.slow
def test_what_one_process_kept_several_use(tmp_path: Path) -> None:
    project, _ = prepared(tmp_path / "project", 1)
    (project.folder / "data" / "part-9.csv").write_bytes(as_csv(ROWS[: len(ROWS) // 2]))

    finished = project.run("--to", "StatisticsGen", "--set", "beam.workers=2")

    assert finished.exit_code == 0, finished.stderr
    log = project.log(finished)
    assert "read 1 of 4 units" in log
    assert "looked at 3 of 12 shards" in log
