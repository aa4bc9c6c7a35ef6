"""A pipeline for Kubeflow Pipelines 2: its intermediate representation in YAML, a container a step.

The format is that of `pipeline_spec.proto`; a second document says what Kubernetes is to mount, as of
`kubernetes_executor_config.proto`. https://www.kubeflow.org/docs/components/pipelines/user-guides/core-functions/compile-a-pipeline/

Kubeflow's own cache is off: ours knows what a step depends on. It cannot tell exit codes apart, so that a gate is
tried once.
"""

from collections.abc import Mapping
from typing import Any, Final

import yaml

from pipeline.export.command import Command
from pipeline.export.container import Container, label
from pipeline.export.tasks import Task, tasks_of
from pipeline.lineage_url import LINEAGE_VARIABLE
from pipeline.pipeline import Pipeline
from schemas.config import StepConfig

_SCHEMA_VERSION: Final = "2.1.0"
_WRITTEN_FOR: Final = "kfp-2.17.0"
_RUN_ID: Final = "run_id"
_JOB: Final = "{{$.pipeline_job_uuid}}"
"""What Kubeflow replaces by the id of its run."""

Json = dict[str, Any]  # as YAML has it


def workflow(pipeline: Pipeline, container: Container, command: Command) -> str:
    """The YAML, for `kfp run create` or the upload page."""
    tasks = tasks_of(pipeline)
    keys = _keys(tasks)
    spec: Json = {
        "components": {f"comp-{key}": _component(key) for key in keys.values()},
        "deploymentSpec": {
            "executors": {f"exec-{keys[task.name]}": _executor(task, container, command) for task in tasks}
        },
        "pipelineInfo": {"name": label(pipeline.name), "description": f"Trainworks pipeline {pipeline.name}"},
        "root": {"dag": {"tasks": {keys[task.name]: _task(task, keys) for task in tasks}}},
        "schemaVersion": _SCHEMA_VERSION,
        "sdkVersion": _WRITTEN_FOR,
    }
    documents = [spec]
    platform = {f"exec-{keys[task.name]}": _platform(task, container) for task in tasks}
    if any(platform.values()):
        documents.append({"platforms": {"kubernetes": {"deploymentSpec": {"executors": platform}}}})
    return yaml.safe_dump_all(documents, sort_keys=False, allow_unicode=True, width=120)


def _keys(tasks: tuple[Task, ...]) -> dict[str, str]:
    """Task names that Kubernetes takes, all different."""
    keys: dict[str, str] = {}
    for task in tasks:
        key, number = label(task.name), 1
        while key in keys.values():
            number += 1
            key = f"{label(task.name)}-{number}"
        keys[task.name] = key
    return keys


def _component(key: str) -> Json:
    parameters = {_RUN_ID: {"parameterType": "STRING"}}
    return {"executorLabel": f"exec-{key}", "inputDefinitions": {"parameters": parameters}}


def _executor(task: Task, container: Container, command: Command) -> Json:
    program, *arguments = command.run_node(task.name, f"{{{{$.inputs.parameters['{_RUN_ID}']}}}}")
    resources = {
        "resourceCpuRequest": container.cpu,
        "resourceMemoryRequest": container.memory,
        "resourceMemoryLimit": container.memory,
    }
    return {"container": {"image": container.image, "command": [program], "args": arguments, "resources": resources}}


def _task(task: Task, keys: Mapping[str, str]) -> Json:
    made: Json = {
        "cachingOptions": {},
        "componentRef": {"name": f"comp-{keys[task.name]}"},
        "inputs": {"parameters": {_RUN_ID: {"runtimeValue": {"constant": _JOB}}}},
        "taskInfo": {"name": task.name},
    }
    if task.after:
        made["dependentTasks"] = [keys[before] for before in task.after]
    if task.attempts.retries and not task.gate:
        made["retryPolicy"] = _retry_policy(task.attempts)
    return made


def _retry_policy(attempts: StepConfig) -> Json:
    return {
        "maxRetryCount": attempts.retries,
        "backoffDuration": f"{attempts.backoff_seconds:g}s",
        "backoffFactor": attempts.backoff_factor,
        "backoffMaxDuration": f"{attempts.max_backoff_seconds:g}s",
    }


def _platform(task: Task, container: Container) -> Json:
    """What Kubernetes adds to a step's container."""
    added: Json = {}
    if container.claim:
        claim = {"runtimeValue": {"constant": container.claim}}
        added["pvcMount"] = [{"constant": container.claim, "mountPath": container.mount, "pvcNameParameter": claim}]
    if container.lineage_secret:
        secret = {"runtimeValue": {"constant": container.lineage_secret}}
        variable = {"envVar": LINEAGE_VARIABLE, "secretKey": LINEAGE_VARIABLE}
        added["secretAsEnv"] = [
            {"secretName": container.lineage_secret, "secretNameParameter": secret, "keyToEnv": [variable]}
        ]
    return added
