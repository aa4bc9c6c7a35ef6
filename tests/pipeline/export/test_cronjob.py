"""The CronJob: when, one at a time, what is not worth another try, and with no more rights than it needs."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from pipeline.cli.main import trainworks

READ = """
import json, sys
from kubernetes import client

class Answer:
    data = sys.stdin.read()

api = client.ApiClient()
print(json.dumps(api.sanitize_for_serialization(api.deserialize(Answer, "V1CronJob"))))
"""
CONTAINER = ("--image", "registry.local/trainworks:1", "--claim", "project", "--lineage-secret", "lineage")


@pytest.fixture
def job(file: Path, export: Callable[..., str]) -> dict[str, Any]:
    return dict(yaml.safe_load(export("cronjob", file, *CONTAINER, "--memory", "8Gi")))


def pod(job: dict[str, Any]) -> Any:
    return job["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def test_it_starts_at_the_times_of_the_file_and_never_twice(job: dict[str, Any]) -> None:
    assert (job["apiVersion"], job["kind"], job["metadata"]["name"]) == ("batch/v1", "CronJob", "mail")
    spec = job["spec"]
    assert (spec["schedule"], spec["timeZone"]) == ("0 3 * * 1-5", "Europe/Berlin")
    assert spec["concurrencyPolicy"] == "Forbid"


def test_a_lost_pod_is_started_again_and_a_run_that_ended_is_not(job: dict[str, Any]) -> None:
    spec = job["spec"]["jobTemplate"]["spec"]
    assert (spec["backoffLimit"], pod(job)["restartPolicy"]) == (1, "Never")
    ignored, final = spec["podFailurePolicy"]["rules"]
    assert (ignored["action"], ignored["onPodConditions"][0]["type"]) == ("Ignore", "DisruptionTarget")
    assert (final["action"], final["onExitCodes"]["values"]) == ("FailJob", [1, 2, 3])
    assert final["onExitCodes"]["containerName"] == pod(job)["containers"][0]["name"]


def test_the_container_runs_the_file_with_what_it_needs(job: dict[str, Any]) -> None:
    (container,) = pod(job)["containers"]
    assert (container["command"], container["args"]) == (["trainworks"], ["run", "/project/mail.yaml"])
    assert container["resources"] == {"requests": {"cpu": "1", "memory": "8Gi"}, "limits": {"memory": "8Gi"}}
    assert container["volumeMounts"] == [{"name": "project", "mountPath": "/project"}]
    assert pod(job)["volumes"] == [{"name": "project", "persistentVolumeClaim": {"claimName": "project"}}]
    (variable,) = container["env"]
    assert variable["valueFrom"]["secretKeyRef"] == {"name": "lineage", "key": "TRAINWORKS_LINEAGE"}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert pod(job)["securityContext"]["runAsNonRoot"] is True


def test_a_start_may_take_the_place_of_the_run_before(file: Path, export: Callable[..., str]) -> None:
    text = export("cronjob", file, "--image", "i", "--set", "schedule={every: 6h, overlap: cancel-previous}")
    spec = yaml.safe_load(text)["spec"]
    assert (spec["schedule"], spec["timeZone"], spec["concurrencyPolicy"]) == ("0 */6 * * *", "UTC", "Replace")


@pytest.mark.parametrize(
    ("cron", "written"),
    [
        ("0 3 * * 5-7", "0 3 * * 0,5,6"),
        ("0 3 * * fri-SUN", "0 3 * * 0,5,6"),
        ("7 7 * * 0", "7 7 * * 0"),
        ("@daily", "@daily"),
    ],
)
def test_sunday_is_0(file: Path, export: Callable[..., str], cron: str, written: str) -> None:
    text = export("cronjob", file, "--image", "i", "--set", f"schedule={{cron: '{cron}'}}")
    assert yaml.safe_load(text)["spec"]["schedule"] == written


@pytest.mark.parametrize(("schedule", "received"), [("null", "neither"), ("{every: 5h}", "every 18000 s")])
def test_times_that_a_cron_job_cannot_have(file: Path, schedule: str, received: str) -> None:
    result = CliRunner().invoke(
        trainworks, ["export", "cronjob", str(file), "--image", "i", "--set", f"schedule={schedule}"]
    )
    assert result.exit_code == 2
    assert "A CronJob needs `schedule.cron`" in result.stderr and f"Received: {received}" in result.stderr


@pytest.mark.slow
def test_kubernetes_knows_every_key_of_it(installed: Callable[[str], Path], job: dict[str, Any]) -> None:
    python = installed("kfp") / "python"
    read = subprocess.run([python, "-c", READ], input=json.dumps(job), capture_output=True, text=True, check=False)
    assert read.returncode == 0, read.stderr
    assert json.loads(read.stdout) == job
