"""The deployment files agree with each other, with TF Serving's flags, and with what the server shows."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import text_format

from serving import config_files
from serving.batching.batcher import BatchRecord
from serving.batching.options import BatchingOptions
from serving.calls import Call
from serving.interface import VersionStatus
from serving.metrics import DEFAULT_PATH, Metrics
from serving.models.policy import policies_of

DEPLOY = Path(config_files.__file__).parent / "deploy"
FLAGS = {
    "port",
    "rest_api_port",
    "model_config_file",
    "model_config_file_poll_wait_seconds",
    "monitoring_config_file",
    "enable_batching",
    "batching_parameters_file",
    "allow_version_labels_for_unavailable_models",
}
"""Of tensorflow_serving/model_servers/main.cc, those that are used here."""


def _text(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


def _kubernetes() -> dict[str, Any]:
    return {one["kind"]: one for one in yaml.safe_load_all(_text("kubernetes.yaml"))}


def _compose() -> Any:
    return yaml.safe_load(_text("compose.yaml"))["services"]


def _container() -> Any:
    (container,) = _kubernetes()["Deployment"]["spec"]["template"]["spec"]["containers"]
    return container


def _commands() -> dict[str, list[str]]:
    return {
        "Dockerfile": re.findall(r'"(--[^"]+)"', _text("Dockerfile")),
        "compose": _compose()["tf-serving"]["command"],
        "kubernetes": _container()["args"],
    }


def test_every_server_is_started_with_flags_of_tf_serving_on_the_same_ports() -> None:
    for where, command in _commands().items():
        flags = dict(argument.removeprefix("--").split("=") for argument in command)
        assert flags.keys() <= FLAGS, where
        assert (flags["port"], flags["rest_api_port"]) == ("8500", "8501"), where
        for flag in ("model_config_file", "monitoring_config_file", "batching_parameters_file"):
            assert flags[flag].startswith("/etc/tf_serving/"), where


def test_configurations_are_those_messages_wherever_they_stand() -> None:
    mounted = _kubernetes()["ConfigMap"]["data"]
    for models in (_text("models.config"), mounted["models.config"]):
        (policy,) = policies_of(text_format.Parse(models, config_files.ModelServerConfig())).values()
        assert (policy.name, policy.base_path, policy.latest) == ("tickets", Path("/models/tickets"), 2)
    assert policy.labels.keys() == {"stable", "canary"}
    for monitoring in (_text("monitoring.config"), mounted["monitoring.config"]):
        found = text_format.Parse(monitoring, config_files.MonitoringConfig()).prometheus_config
        assert (found.enable, found.path) == (True, DEFAULT_PATH)
    options = [
        BatchingOptions.from_message(text_format.Parse(text, config_files.BatchingParameters()))
        for text in (_text("batching.config"), mounted["batching.config"])
    ]
    assert options[0] == options[1] and options[0].max_batch_size == 64


def test_metrics_are_looked_for_where_they_are() -> None:
    (job,) = yaml.safe_load(_text("prometheus.yml"))["scrape_configs"]
    assert job["metrics_path"] == DEFAULT_PATH
    assert job["static_configs"] == [{"targets": ["tf-serving:8501"]}] and "tf-serving" in _compose()
    annotations = _kubernetes()["Deployment"]["spec"]["template"]["metadata"]["annotations"]
    assert (annotations["prometheus.io/path"], annotations["prometheus.io/port"]) == (DEFAULT_PATH, "8501")


def test_every_query_of_the_dashboard_is_of_a_metric_and_its_labels() -> None:
    metrics = Metrics(lambda: {"m": [VersionStatus(1, "AVAILABLE")]})
    metrics.call_ended(Call("grpc", "Predict", "", model="m", version=1))
    metrics.batch_of("m")(BatchRecord(1, 0.0, 0))
    shown = metrics.exposition().decode()
    dashboard = json.loads(_text("grafana/serving.json"))
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    queries.append(dashboard["templating"]["list"][0]["query"]["query"])
    assert len(queries) > 7
    labels = set(re.findall(r'(\w+)="', shown))
    for query in queries:
        for name in re.findall(r":tensorflow:serving:\w+", query):
            assert re.search(rf"^{name}{{", shown, re.MULTILINE), query
        for used in re.findall(r"by \(([^)]+)\)", query):
            assert set(used.split(", ")) <= labels, query
        assert set(re.findall(r"(\w+)(?:=~|!=|=)\"", query)) <= labels, query


def test_what_is_published_is_for_this_machine_alone() -> None:
    for name, service in _compose().items():
        for port in service["ports"]:
            assert port.startswith("127.0.0.1:"), name
        assert not service["image"].endswith(":latest"), name
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            assert not source.startswith("./") or (DEPLOY / source).is_file(), volume


def test_probes_and_mounts_of_the_deployment_fit() -> None:
    container, kinds = _container(), _kubernetes()
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"grpc": 8500, "http": 8501}
    for probe in ("startupProbe", "readinessProbe"):
        assert container[probe]["httpGet"] == {"path": "/v1/models/tickets", "port": "http"}
    spec = kinds["Deployment"]["spec"]["template"]["spec"]
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in spec["volumes"]}
    assert {port["targetPort"] for port in kinds["Service"]["spec"]["ports"]} == set(ports)
    labels = kinds["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert kinds["Service"]["spec"]["selector"] == labels
    scaled = kinds["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert (scaled["kind"], scaled["name"]) == ("Deployment", kinds["Deployment"]["metadata"]["name"])


@pytest.mark.parametrize(
    "line",
    ["limit_req zone=per_key", "ssl_protocols TLSv1.2 TLSv1.3;", "client_max_body_size 64m;", "grpc_pass grpc://grpc;"],
)
def test_the_front_limits_and_encrypts(line: str) -> None:
    text = _text("nginx.conf")
    assert line in text
    assert text.count("{") == text.count("}")
    statements = [one.strip() for one in text.splitlines() if one.strip() and not one.strip().startswith("#")]
    assert all(one.endswith((";", "{", "}")) for one in statements)
