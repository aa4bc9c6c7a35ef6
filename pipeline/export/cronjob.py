"""A Kubernetes CronJob that runs a whole pipeline in one pod, where neither a daemon nor an orchestrator is wanted.

https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/
"""

import re
from typing import Any, Final

import yaml

from pipeline.export.command import Command
from pipeline.export.container import Container, label
from pipeline.export.starts import Starts
from pipeline.lineage_url import LINEAGE_VARIABLE
from pipeline.result import REFUSED
from schemas.cron import Cron
from schemas.errors import ConfigError

_LONGEST_NAME: Final = 52
"""Kubernetes adds eleven characters for each job."""
_LATE_SECONDS: Final = 3600
"""How late a start may be that the controller missed."""

Json = dict[str, Any]  # as YAML has it


def cronjob(name: str, starts: Starts, container: Container, command: Command, *, replace: bool) -> str:
    """The YAML, for `kubectl apply -f`.

    Args:
        name: the pipeline's.
        replace: a start stops the run that is still going, rather than be dropped.

    Raises:
        ConfigError: nothing says when, or a period that a cron expression cannot say.
    """
    if starts.cron is None:
        received = "neither" if starts.seconds is None else f"every {starts.seconds} s"
        raise ConfigError(
            "A CronJob needs `schedule.cron` in the pipeline file, or `schedule.every` with a period that fits into an"
            f" hour or a day, such as `15m`, `6h` or `1d`. Received: {received}"
        )
    spec = {
        "schedule": _with_sunday_first(starts.cron),
        "timeZone": starts.timezone,
        "concurrencyPolicy": "Replace" if replace else "Forbid",
        "startingDeadlineSeconds": _LATE_SECONDS,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 7,
        "jobTemplate": {"spec": _job(label(name, _LONGEST_NAME), container, command)},
    }
    job = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": label(name, _LONGEST_NAME), "labels": {"app": "trainworks", "pipeline": label(name)}},
        "spec": spec,
    }
    return yaml.safe_dump(job, sort_keys=False, allow_unicode=True, width=120)


def _with_sunday_first(cron: str) -> str:
    """The expression with Sunday as 0, the only number that Kubernetes has for it, and as no range's end."""
    fields = cron.split()
    if len(fields) == 5 and re.search(r"7|-(sun|0)", fields[4], re.IGNORECASE):
        fields[4] = ",".join(map(str, Cron.parse(cron).weekdays))
    return " ".join(fields)


def _job(name: str, container: Container, command: Command) -> Json:
    """One run. Steps are tried again by the run itself; the pod is, once, where it was lost."""
    final = {"containerName": name, "operator": "In", "values": [1, ConfigError.exit_code, REFUSED]}
    return {
        "backoffLimit": 1,
        "podFailurePolicy": {
            "rules": [
                {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
                {"action": "FailJob", "onExitCodes": final},
            ]
        },
        "template": {
            "metadata": {"labels": {"app": "trainworks", "pipeline": name}},
            "spec": _pod(name, container, command),
        },
    }


def _pod(name: str, container: Container, command: Command) -> Json:
    program, *arguments = command.run()
    one: Json = {
        "name": name,
        "image": container.image,
        "command": [program],
        "args": arguments,
        "resources": {
            "requests": {"cpu": container.cpu, "memory": container.memory},
            "limits": {"memory": container.memory},
        },
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    pod: Json = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "terminationGracePeriodSeconds": 60,
        "containers": [one],
    }
    if container.lineage_secret:
        reference = {"secretKeyRef": {"name": container.lineage_secret, "key": LINEAGE_VARIABLE}}
        one["env"] = [{"name": LINEAGE_VARIABLE, "valueFrom": reference}]
    if container.claim:
        one["volumeMounts"] = [{"name": "project", "mountPath": container.mount}]
        pod["volumes"] = [{"name": "project", "persistentVolumeClaim": {"claimName": container.claim}}]
    return pod
