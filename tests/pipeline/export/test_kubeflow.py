"""The intermediate representation: what runs where, and that Kubeflow's own software reads it."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.pipeline.real.project import STEPS, Project, make_project

CONTAINER = ("--image", "registry.local/trainworks:1", "--claim", "project", "--lineage-secret", "lineage")
READ = """
import json, sys
from google.protobuf import json_format
from kfp.components import load_component_from_file
from kfp.kubernetes import kubernetes_executor_config_pb2 as kubernetes

loaded = load_component_from_file(sys.argv[1])
dag = loaded.pipeline_spec.root.dag
executors = loaded.platform_spec.platforms["kubernetes"].deployment_spec.executors
parsed = {
    name: json_format.ParseDict(json_format.MessageToDict(one), kubernetes.KubernetesExecutorConfig())
    for name, one in executors.items()
}
print(json.dumps({
    "name": loaded.pipeline_spec.pipeline_info.name,
    "schema": loaded.pipeline_spec.schema_version,
    "tasks": {key: [task.task_info.name, sorted(task.dependent_tasks)] for key, task in dag.tasks.items()},
    "cached": [key for key, task in dag.tasks.items() if task.caching_options.enable_cache],
    "retries": {key: task.retry_policy.max_retry_count for key, task in dag.tasks.items()},
    "mounts": sorted({(m.pvc_name_parameter.runtime_value.constant.string_value, m.mount_path)
                      for one in parsed.values() for m in one.pvc_mount}),
    "secrets": sorted({(s.secret_name_parameter.runtime_value.constant.string_value, k.secret_key, k.env_var)
                       for one in parsed.values() for s in one.secret_as_env for k in s.key_to_env}),
}))
"""


def documents(text: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(text))


def test_a_container_a_step_with_the_run_of_kubeflow(file: Path, export: Callable[..., str]) -> None:
    spec, _ = documents(export("kubeflow", file, *CONTAINER, "--set", "training.epochs=2"))
    tasks, executors = spec["root"]["dag"]["tasks"], spec["deploymentSpec"]["executors"]
    assert [task["taskInfo"]["name"] for task in tasks.values()] == list(STEPS)
    for task in tasks.values():
        component = spec["components"][task["componentRef"]["name"]]
        container = executors[component["executorLabel"]]["container"]
        assert (container["image"], container["command"]) == ("registry.local/trainworks:1", ["trainworks"])
        assert container["args"] == [
            "run-node",
            "/project/mail.yaml",
            task["taskInfo"]["name"],
            "--set",
            "training.epochs=2",
            "--run-id",
            "{{$.inputs.parameters['run_id']}}",
        ]
        assert component["inputDefinitions"]["parameters"] == {"run_id": {"parameterType": "STRING"}}
        given = task["inputs"]["parameters"]["run_id"]["runtimeValue"]
        assert given == {"constant": "{{$.pipeline_job_uuid}}"}


def test_a_gate_is_tried_once_and_all_else_as_the_file_has_it(file: Path, export: Callable[..., str]) -> None:
    tasks = documents(export("kubeflow", file, *CONTAINER))[0]["root"]["dag"]["tasks"]
    retries = {task["taskInfo"]["name"]: task.get("retryPolicy", {}).get("maxRetryCount", 0) for task in tasks.values()}
    gates = ("ExampleValidator", "Evaluator", "InfraValidator")
    assert retries == {name: 0 if name in gates else 4 if name == "Trainer" else 2 for name in STEPS}


def test_without_a_claim_and_a_secret_kubernetes_has_nothing_to_add(file: Path, export: Callable[..., str]) -> None:
    (spec,) = documents(export("kubeflow", file, "--image", "i", "--mount", "/srv/", "--workspace", "/data/w"))
    container = spec["deploymentSpec"]["executors"]["exec-trainer"]["container"]
    assert container["args"][1:5] == ["/srv/mail.yaml", "Trainer", "--workspace", "/data/w"]
    assert spec["schemaVersion"] == "2.1.0"


def test_names_are_such_that_kubernetes_takes_them(tmp_path: Path, file: Path, export: Callable[..., str]) -> None:
    text = export("kubeflow", file, "--image", "i", "--set", "name=Mail_of.today")
    assert documents(text)[0]["pipelineInfo"]["name"] == "mail-of-today"


@pytest.mark.slow
def test_kubeflow_reads_the_same_graph(
    installed: Callable[[str], Path], tmp_path: Path, file: Path, export: Callable[..., str]
) -> None:
    (tmp_path / "mail.pipeline.yaml").write_text(export("kubeflow", file, *CONTAINER), encoding="utf-8")
    python = installed("kfp") / "python"
    read = subprocess.run(
        [python, "-c", READ, tmp_path / "mail.pipeline.yaml"], capture_output=True, text=True, check=False
    )
    assert read.returncode == 0, read.stderr
    found = json.loads(read.stdout)
    keys = [name.lower() for name in STEPS]
    assert found["tasks"] == {
        key: [name, [before] if before else []] for key, name, before in zip(keys, STEPS, ["", *keys], strict=False)
    }
    assert (found["name"], found["schema"], found["cached"]) == ("mail", "2.1.0", [])
    assert (found["retries"]["trainer"], found["retries"]["evaluator"]) == (4, 0)
    assert found["mounts"] == [["project", "/project"]]
    assert found["secrets"] == [["lineage", "TRAINWORKS_LINEAGE", "TRAINWORKS_LINEAGE"]]


def in_order(tasks: dict[str, Any]) -> list[dict[str, Any]]:
    """Tasks, each after those that it depends on."""
    done: dict[str, dict[str, Any]] = {}
    while len(done) < len(tasks):
        ready = [key for key in tasks if key not in done and set(tasks[key].get("dependentTasks", ())) <= done.keys()]
        done |= {key: tasks[key] for key in ready}
    return list(done.values())


@pytest.mark.slow
def test_its_containers_do_the_run_and_share_the_cache_of_this_machine(tmp_path: Path) -> None:
    project: Project = make_project(tmp_path / "project")
    assert project.run().exit_code == 0
    exported = project.trainworks(
        "export", "kubeflow", "pipeline.yaml", "--image", "i", "--mount", project.folder, "--out", "run.yaml"
    )
    assert exported.exit_code == 0, exported.stderr
    (spec,) = documents((project.folder / "run.yaml").read_text(encoding="utf-8"))
    for task in in_order(spec["root"]["dag"]["tasks"]):
        label = spec["components"][task["componentRef"]["name"]]["executorLabel"]
        container = spec["deploymentSpec"]["executors"][label]["container"]
        assert container["command"] == ["trainworks"]
        arguments = ["job-1" if word.startswith("{{$.inputs") else word for word in container["args"]]
        assert project.trainworks(*arguments).exit_code == 0
    run = project.trainworks("show", "job-1", "--json").told
    assert run["status"] == "succeeded"
    assert [(step["name"], step["status"]) for step in run["components"]] == [(name, "cached") for name in STEPS]
